//! What is known beside the findings: the organization's accounts, their sizes, the scan's coverage, and a posture.
//!
//! Each option names one file of a known form, and a file of another form ends the command with its name. The list of
//! accounts gives names, organizations and the time of joining; the inventory gives the number of assets, from which
//! the size follows; summaries give what was read on each day and the gaps. Several summaries add up. Days are kept
//! up to a limit, beyond which they are only counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::event::is_organization;
use super::posture::PostureSection;
use super::read::ReportError;
use super::time::{DAY, seconds};
use crate::bounded;
use crate::text::table::inert;

/// Files beside the findings.
#[derive(Clone, Debug, Default)]
pub struct ContextFiles {
    /// Outputs of `aws organizations list-accounts`.
    pub organizations: Vec<PathBuf>,
    /// Assets by account: JSON or CSV.
    pub inventory: Option<PathBuf>,
    /// Summaries of the scans.
    pub summaries: Vec<PathBuf>,
    /// A posture (`roottrail.posture/1`).
    pub posture: Option<PathBuf>,
}

/// The sizes of accounts, as the study has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Under 50 assets.
    Small,
    /// 50 to 250.
    Medium,
    /// Over 250.
    Large,
}

impl Size {
    /// All sizes, in order.
    pub const ALL: [Size; 3] = [Size::Small, Size::Medium, Size::Large];

    fn of(assets: u64) -> Self {
        match assets {
            ..50 => Size::Small,
            50..=250 => Size::Medium,
            _ => Size::Large,
        }
    }

    /// Returns a word for tables.
    pub fn label(self) -> &'static str {
        match self {
            Size::Small => "small (under 50 assets)",
            Size::Medium => "medium (50 to 250)",
            Size::Large => "large (over 250)",
        }
    }
}

/// What is known of an account.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) name: Option<String>,
    pub(super) organization: Option<String>,
    /// When the account joined its organization: for one that was created in it, its beginning.
    pub(super) joined: Option<i64>,
    pub(super) size: Option<Size>,
    /// When root's only active key was made, as the posture says.
    pub(super) key_made: Option<i64>,
}

/// Silence in the logs, as a summary tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Silence {
    /// The account.
    pub account_id: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// When it begins: a day, or a time.
    pub start: String,
    /// When it ends; `None`: it goes on.
    pub end: Option<String>,
    /// `stopped`, `missing_days`, `missing_hours`, `ends`.
    pub kind: String,
    /// Why it is taken for more than a quiet time.
    pub why: String,
}

/// What a summary says of one account on one day, all regions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DayRead {
    /// Objects listed.
    pub listed: u64,
    /// Objects that could not be read whole.
    pub failed: u64,
    /// Records read.
    pub records: u64,
}

/// Days that a chart of the coverage can show of an account.
const MOST_DAYS: usize = 400_000;

/// Everything beside the findings.
#[derive(Debug, Default)]
pub(super) struct Context {
    pub(super) accounts: HashMap<String, Known>,
    pub(super) organizations: BTreeSet<String>,
    pub(super) has_organizations: bool,
    pub(super) has_inventory: bool,
    pub(super) summary: Option<Scanned>,
    pub(super) posture: Option<PostureSection>,
}

/// What the summaries say.
#[derive(Clone, Debug, Default)]
pub(super) struct Scanned {
    pub(super) complete: bool,
    pub(super) objects: u64,
    pub(super) failed: u64,
    pub(super) records: u64,
    pub(super) findings_written: u64,
    pub(super) accounts: BTreeSet<String>,
    pub(super) days: BTreeMap<(String, i64), DayRead>,
    pub(super) gaps: Vec<Silence>,
    /// The first day, and the one behind the last.
    pub(super) span: Option<(i64, i64)>,
    pub(super) days_beyond: u64,
}

impl Context {
    pub(super) fn load(files: &ContextFiles) -> Result<Self, ReportError> {
        let mut context = Self::default();
        for path in &files.organizations {
            context.organizations(path)?;
        }
        if let Some(path) = &files.inventory {
            context.inventory(path)?;
        }
        for path in &files.summaries {
            context.summary(path)?;
        }
        if let Some(path) = &files.posture {
            context.posture(path)?;
        }
        Ok(context)
    }

    /// Returns the account's organization: from the list of accounts, else from the key.
    pub(super) fn organization<'c>(&'c self, account: &str, key: &'c str) -> Option<&'c str> {
        let known = self.accounts.get(account).and_then(|known| known.organization.as_deref());
        known.or(Some(key).filter(|key| !key.is_empty()))
    }

    fn organizations(&mut self, path: &Path) -> Result<(), ReportError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listing {
            accounts: Vec<Account>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Account {
            id: String,
            #[serde(default)]
            arn: String,
            name: Option<String>,
            joined_timestamp: Option<serde_json::Value>,
        }
        const WHAT: &str = "an output of `aws organizations list-accounts`";
        let text = load(path)?;
        // Several pages, one document behind the other, are one list.
        for listing in serde_json::Deserializer::from_str(&text).into_iter::<Listing>() {
            let listing = listing.map_err(|error| form(path, WHAT, &error))?;
            for account in listing.accounts {
                // arn:aws:organizations::MANAGEMENT:account/ORGANIZATION/ACCOUNT
                let organization = account.arn.split('/').nth(1).filter(|id| is_organization(id));
                if let Some(id) = organization {
                    self.organizations.insert(id.to_owned());
                }
                let joined = account.joined_timestamp.as_ref().and_then(|time| match time {
                    serde_json::Value::String(text) => seconds(text),
                    other => other.as_f64().map(|seconds| seconds as i64),
                });
                let known = self.accounts.entry(inert(&account.id, 128).into_owned()).or_default();
                known.name = account.name.map(|name| inert(&name, 128).into_owned());
                known.organization = organization.map(str::to_owned);
                known.joined = joined;
            }
        }
        self.has_organizations = true;
        Ok(())
    }

    fn inventory(&mut self, path: &Path) -> Result<(), ReportError> {
        const WHAT: &str = "a list of accounts and their numbers of assets";
        let text = load(path)?;
        let pairs: Vec<(String, u64)> = if text.trim_start().starts_with('{') {
            let map: BTreeMap<String, u64> =
                serde_json::from_str(&text).map_err(|error| form(path, WHAT, &error))?;
            map.into_iter().collect()
        } else {
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut pairs = Vec::new();
            for (at, row) in reader.records().enumerate() {
                let row = row.map_err(|error| form(path, WHAT, &error))?;
                let (account, assets) = (row.get(0).unwrap_or_default(), row.get(1).unwrap_or_default());
                match assets.trim().parse() {
                    Ok(assets) => pairs.push((account.trim().to_owned(), assets)),
                    Err(_) if at == 0 => {}
                    Err(error) => {
                        let why = format!("line {}: `{}`: {error}", at + 1, inert(assets, 32));
                        return Err(form(path, WHAT, &why));
                    }
                }
            }
            pairs
        };
        for (account, assets) in pairs {
            self.accounts.entry(inert(&account, 128).into_owned()).or_default().size = Some(Size::of(assets));
        }
        self.has_inventory = true;
        Ok(())
    }

    fn posture(&mut self, path: &Path) -> Result<(), ReportError> {
        const WHAT: &str = "a posture (posture --format json)";
        let mut posture: PostureSection =
            serde_json::from_str(&load(path)?).map_err(|error| form(path, WHAT, &error))?;
        if posture.schema != "roottrail.posture/1" {
            return Err(form(path, WHAT, &format!("its schema is {}", inert(&posture.schema, 64))));
        }
        for account in &posture.accounts {
            let known = self.accounts.entry(inert(&account.account_id, 128).into_owned()).or_default();
            if known.name.is_none() {
                known.name = account.name.as_deref().map(|name| inert(name, 128).into_owned());
            }
            known.joined = known.joined.or_else(|| seconds(account.created.as_deref()?));
            // With two keys it is not known which of them the findings have.
            if let [key] = account.access_keys.as_slice() {
                known.key_made = key.rotated.as_deref().and_then(seconds);
            }
        }
        posture.tidy();
        self.posture = Some(posture);
        Ok(())
    }

    fn summary(&mut self, path: &Path) -> Result<(), ReportError> {
        #[derive(Deserialize)]
        struct Summary {
            schema: String,
            objects: Objects,
            records: Records,
            findings: Findings,
            coverage: Vec<Row>,
            gaps: Vec<Silence>,
            complete: bool,
        }
        #[derive(Deserialize)]
        struct Objects {
            listed: u64,
            failed: u64,
        }
        #[derive(Deserialize)]
        struct Records {
            scanned: u64,
        }
        #[derive(Deserialize)]
        struct Findings {
            written: u64,
        }
        #[derive(Deserialize)]
        struct Row {
            account_id: Option<String>,
            day: Option<String>,
            listed: u64,
            failed: u64,
            records: u64,
        }
        const WHAT: &str = "a summary (scan --summary)";
        let summary: Summary =
            serde_json::from_str(&load(path)?).map_err(|error| form(path, WHAT, &error))?;
        if summary.schema != "roottrail.summary/1" {
            return Err(form(path, WHAT, &format!("its schema is {}", inert(&summary.schema, 64))));
        }
        let first = self.summary.is_none();
        let all = self.summary.get_or_insert_default();
        all.complete = summary.complete && (first || all.complete);
        all.objects += summary.objects.listed;
        all.failed += summary.objects.failed;
        all.records += summary.records.scanned;
        all.findings_written += summary.findings.written;
        for row in summary.coverage {
            let Some(account) = row.account_id else { continue };
            let account = inert(&account, 128).into_owned();
            if let Some(day) = row.day.as_deref().and_then(|day| seconds(&format!("{day}T00:00:00Z"))) {
                let (start, end) = all.span.unwrap_or((day, day));
                all.span = Some((start.min(day), end.max(day + DAY)));
                let key = (account.clone(), day.div_euclid(DAY));
                if all.days.len() < MOST_DAYS || all.days.contains_key(&key) {
                    let read = all.days.entry(key).or_default();
                    read.listed += row.listed;
                    read.failed += row.failed;
                    read.records += row.records;
                } else {
                    all.days_beyond += 1;
                }
            }
            all.accounts.insert(account);
        }
        all.gaps.extend(summary.gaps.into_iter().map(|gap| Silence {
            account_id: gap.account_id.map(|text| inert(&text, 128).into_owned()),
            region: gap.region.map(|text| inert(&text, 128).into_owned()),
            start: inert(&gap.start, 64).into_owned(),
            end: gap.end.map(|text| inert(&text, 64).into_owned()),
            kind: inert(&gap.kind, 32).into_owned(),
            why: inert(&gap.why, 256).into_owned(),
        }));
        all.gaps.sort();
        all.gaps.dedup();
        Ok(())
    }
}

/// The coverage of a thousand accounts over years has hundreds of megabytes.
const MOST: u64 = 1 << 30;

fn load(path: &Path) -> Result<String, ReportError> {
    let bytes = bounded::file(path, MOST).map_err(|source| ReportError::Open { path: name(path), source })?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    String::from_utf8(text.to_vec()).map_err(|error| form(path, "text", &error))
}

fn name(path: &Path) -> String {
    inert(&path.display().to_string(), 1024).into_owned()
}

fn form(path: &Path, what: &'static str, why: &dyn std::fmt::Display) -> ReportError {
    ReportError::Form { path: name(path), what, why: inert(&why.to_string(), 256).into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn accounts_names_and_joining_times_are_read_from_pages() {
        let page = |id: &str, time: &str| {
            format!(
                r#"{{"Accounts":[{{"Id":"{id}","Arn":"arn:aws:organizations::444455556666:account/o-a1b2c3d4e5/{id}","Email":"x@example.com","Name":"Pay\u001b","Status":"ACTIVE","JoinedTimestamp":{time}}}]}}"#
            )
        };
        let list = file(&format!(
            "{}\n{}",
            page("111122223333", "1577836800.5"),
            page("999988887777", "\"2020-01-02T00:00:00+00:00\"")
        ));
        let files = ContextFiles { organizations: vec![list.path().into()], ..ContextFiles::default() };
        let context = Context::load(&files).unwrap();
        let one = &context.accounts["111122223333"];
        assert_eq!((one.name.as_deref(), one.joined), (Some("Pay\\u{1b}"), Some(1_577_836_800)));
        assert_eq!(context.accounts["999988887777"].joined, Some(1_577_923_200));
        assert_eq!(context.organization("111122223333", ""), Some("o-a1b2c3d4e5"));
        assert_eq!(context.organization("1", "o-x"), Some("o-x"));
    }

    #[test]
    fn sizes_are_those_of_the_study() {
        let csv = file("account_id,assets\n1,49\n2,50\n3,250\n4,251\n");
        let json = file(r#"{"1":49,"2":50,"3":250,"4":251}"#);
        for file in [csv, json] {
            let files = ContextFiles { inventory: Some(file.path().into()), ..ContextFiles::default() };
            let context = Context::load(&files).unwrap();
            let sizes = ["1", "2", "3", "4"].map(|account| context.accounts[account].size.unwrap());
            assert_eq!(sizes, [Size::Small, Size::Medium, Size::Medium, Size::Large]);
        }
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let wrong = file(r#"{"schema":"roottrail.coverage/1"}"#);
        let load = |files: ContextFiles| Context::load(&files).unwrap_err().to_string();
        let path = || Some(wrong.path().to_owned());
        for (files, word) in [
            (ContextFiles { summaries: path().into_iter().collect(), ..ContextFiles::default() }, "summary"),
            (
                ContextFiles { organizations: path().into_iter().collect(), ..ContextFiles::default() },
                "list-accounts",
            ),
            (ContextFiles { inventory: path(), ..ContextFiles::default() }, "assets"),
            (ContextFiles { posture: path(), ..ContextFiles::default() }, "posture"),
        ] {
            let text = load(files);
            assert!(text.contains(word) && text.contains(&*wrong.path().to_string_lossy()), "{text}");
        }
        let bad = file("account_id,assets\n1,many\n");
        let text = load(ContextFiles { inventory: Some(bad.path().into()), ..ContextFiles::default() });
        assert!(text.contains("line 2") && text.contains("many"), "{text}");
    }
}
