//! Which objects are read, by their keys alone.
//!
//! A key in CloudTrail layout names account, region and delivery day, and can be left out by each of them.
//! Any other key could hold anything, so only globs leave it out. The day in a key is the delivery's, not the
//! event's, so a span of event times is widened before keys are held against it.

use std::collections::BTreeSet;
use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::layout::is_account;
use crate::key::days::TimeRange;
use crate::key::stretch::Stretch;
use crate::key::{KeyInfo, Skip, key_info};

/// The scope of keys. The default is all keys.
#[derive(Clone, Debug, Default)]
pub struct KeySelection {
    first_day: Option<String>,
    last_day: Option<String>,
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
    /// Whether only digest files are read.
    digests: bool,
    stretch: Stretch,
}

/// A value that cannot narrow the scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Not an account.
    #[error("`{0}` is not an account: give its twelve digits")]
    Account(String),
    /// Not a region.
    #[error("`{0}` is not a region: give one like us-east-1")]
    Region(String),
    /// Not a glob.
    #[error("`{glob}` is not a pattern: {reason}")]
    Glob {
        /// The glob as given.
        glob: String,
        /// The reason why the glob is refused.
        reason: String,
    },
}

impl KeySelection {
    /// Returns a scope by accounts, regions and globs; empty lists leave nothing out. `*` also crosses `/`.
    ///
    /// # Errors
    ///
    /// Fails at an account that has not twelve digits, at a text that cannot be a region, and at a broken
    /// glob.
    pub fn new(
        accounts: &[String],
        regions: &[String],
        include: &[String],
        exclude: &[String],
    ) -> Result<Self, ScopeError> {
        Ok(Self {
            first_day: None,
            last_day: None,
            accounts: accounts.iter().map(|text| account(text)).collect::<Result<_, _>>()?,
            regions: regions.iter().map(|text| region(text)).collect::<Result<_, _>>()?,
            include: globs(include)?,
            exclude: globs(exclude)?,
            digests: false,
            stretch: Stretch::default(),
        })
    }

    /// Narrows the scope to the days on which events of this range can have been delivered.
    ///
    /// The day in a key is the delivery's: `slack` widens the range on both sides.
    #[must_use]
    pub fn within(mut self, range: TimeRange, slack: SignedDuration) -> Self {
        self.first_day = range.start.and_then(|start| start.checked_sub(slack).ok()).map(day);
        // The end is outside: with an end at midnight, the day before is the last.
        self.last_day = range
            .end
            .and_then(|end| end.checked_sub(SignedDuration::from_nanos(1)).ok())
            .and_then(|last| last.checked_add(slack).ok())
            .map(day);
        self
    }

    /// Narrows the scope to a stretch of the keys.
    #[must_use]
    pub fn stretched(self, stretch: Stretch) -> Self {
        Self { stretch, ..self }
    }

    /// Returns the stretch of keys that sources list. [`KeySelection::in_scope`] does not ask it: a path on disk
    /// is held against it by its own bytes.
    pub fn stretch(&self) -> &Stretch {
        &self.stretch
    }

    /// Returns whether the object is to be read. `path` is the whole key, or the path on disk.
    pub fn in_scope(&self, path: &str, info: Option<&KeyInfo>) -> bool {
        self.include.as_ref().is_none_or(|globs| globs.is_match(path))
            && !self.exclude.as_ref().is_some_and(|globs| globs.is_match(path))
            && info.is_none_or(|info| {
                self.takes_account(&info.account)
                    && self.takes_region(&info.region)
                    && self.takes_day(&info.day)
            })
    }

    /// Returns the scope of the digest files of the same accounts, regions and days, and of no other files.
    #[must_use]
    pub fn digests(&self) -> Self {
        Self { include: None, exclude: None, digests: true, ..self.clone() }
    }

    /// Returns whether only digest files are read.
    pub(crate) fn only_digests(&self) -> bool {
        self.digests
    }

    /// Decides what becomes of a name that [`classify`](super::classify) has judged. Returns `None` where the
    /// name is no item of the run.
    pub(crate) fn choose(
        &self,
        path: &str,
        found: Result<Option<Arc<KeyInfo>>, Skip>,
    ) -> Option<Result<Option<Arc<KeyInfo>>, Skip>> {
        if !self.digests {
            // A name that a pattern brings in is read, whatever its form.
            let other = matches!(found, Err(Skip::OtherName | Skip::Unsure));
            let included = other && self.include.as_ref().is_some_and(|globs| globs.is_match(path));
            return Some(if included { Ok(key_info(path)) } else { found });
        }
        // The answer to a HEAD request may lie beside a copy of a digest.
        let digest = found == Err(Skip::Digest) && !path.ends_with('/') && !path.ends_with(".head.json");
        digest.then(|| Ok(key_info(path)))
    }

    /// Returns whether objects of this account are read.
    pub fn takes_account(&self, account: &str) -> bool {
        self.accounts.is_empty() || self.accounts.contains(account)
    }

    /// Returns whether objects of this region are read.
    pub fn takes_region(&self, region: &str) -> bool {
        self.regions.is_empty() || self.regions.contains(region)
    }

    /// Returns whether objects delivered on this day, `YYYY-MM-DD`, are read.
    pub fn takes_day(&self, day: &str) -> bool {
        self.first_day.as_deref().is_none_or(|first| day >= first)
            && self.last_day.as_deref().is_none_or(|last| day <= last)
    }

    /// Returns the first and the last day, both inside; `None` where there is no bound.
    pub fn days(&self) -> (Option<&str>, Option<&str>) {
        (self.first_day.as_deref(), self.last_day.as_deref())
    }

    /// Returns the accounts that are read; an empty set stands for all.
    pub fn accounts(&self) -> &BTreeSet<String> {
        &self.accounts
    }

    /// Returns the regions that are read; an empty set stands for all.
    pub fn regions(&self) -> &BTreeSet<String> {
        &self.regions
    }

    /// Returns whether us-east-1, where root's sign-ins are recorded, is left out, which deserves a warning.
    pub fn leaves_out_sign_ins(&self) -> bool {
        !self.takes_region("us-east-1")
    }

    /// Returns whether every key is in scope.
    pub fn is_everything(&self) -> bool {
        self.days() == (None, None)
            && self.accounts.is_empty()
            && self.regions.is_empty()
            && self.include.is_none()
            && self.exclude.is_none()
            && !self.digests
            && self.stretch == Stretch::default()
    }
}

fn account(text: &str) -> Result<String, ScopeError> {
    let text = text.trim();
    if is_account(text) { Ok(text.to_owned()) } else { Err(ScopeError::Account(text.to_owned())) }
}

fn region(text: &str) -> Result<String, ScopeError> {
    let text = text.trim();
    // Regions to come are assumed to look like us-east-1, us-gov-west-1, ap-southeast-3.
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let shaped = match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2
                && words.iter().all(word)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        None => false,
    };
    if shaped { Ok(text.to_owned()) } else { Err(ScopeError::Region(text.to_owned())) }
}

fn globs(patterns: &[String]) -> Result<Option<GlobSet>, ScopeError> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let bad = |glob: &str, error: &globset::Error| ScopeError::Glob {
        glob: glob.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|error| bad(pattern, &error))?);
    }
    set.build().map(Some).map_err(|error| bad(error.glob().unwrap_or_default(), &error))
}

fn day(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/x.json.gz";

    fn info(day: &str) -> KeyInfo {
        KeyInfo { account: "111122223333".into(), region: "us-east-1".into(), day: day.into() }
    }

    fn scope(accounts: &[&str], regions: &[&str], include: &[&str], exclude: &[&str]) -> KeySelection {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        KeySelection::new(&owned(accounts), &owned(regions), &owned(include), &owned(exclude)).unwrap()
    }

    fn within(start: Option<&str>, end: Option<&str>, slack: SignedDuration) -> KeySelection {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        KeySelection::default().within(TimeRange { start: start.map(at), end: end.map(at) }, slack)
    }

    #[test]
    fn accounts_regions_and_globs() {
        for (scope, kept) in [
            (KeySelection::default(), true),
            (scope(&["111122223333"], &["us-east-1"], &[], &[]), true),
            (scope(&["444455556666"], &[], &[], &[]), false),
            (scope(&[], &["eu-west-1"], &[], &[]), false),
            (scope(&[], &[], &["*/us-east-1/*"], &[]), true),
            (scope(&[], &[], &["**/2024/05/**", "nothing"], &[]), true),
            (scope(&[], &[], &["*.jsonl"], &[]), false),
            (scope(&[], &[], &[], &["AWSLogs/111122223333/*"]), false),
            (scope(&[], &[], &["*.gz"], &["*x.json.gz"]), false),
            (scope(&[], &[], &["*.{gz,json}"], &["*[yz].json.gz"]), true),
        ] {
            assert_eq!(scope.in_scope(KEY, Some(&info("2024-05-01"))), kept, "{scope:?}");
        }
    }

    #[test]
    fn other_keys_are_left_out_by_globs_only() {
        let narrow = scope(&["444455556666"], &["eu-west-1"], &[], &["*.tmp.json"])
            .within(TimeRange { start: Some(Timestamp::MAX), end: None }, SignedDuration::ZERO);
        assert!(narrow.in_scope("export/events.json", None));
        assert!(!narrow.in_scope("export/events.tmp.json", None));
    }

    #[test]
    fn days_are_widened_by_the_slack_and_inclusive() {
        let day = SignedDuration::from_hours(24);
        for (start, end, slack, first, last) in [
            (
                Some("2024-05-02T00:00:00Z"),
                Some("2024-05-03T00:00:00Z"),
                day,
                Some("2024-05-01"),
                Some("2024-05-03"),
            ),
            (
                Some("2024-05-02T00:00:00Z"),
                Some("2024-05-03T00:00:00Z"),
                SignedDuration::ZERO,
                Some("2024-05-02"),
                Some("2024-05-02"),
            ),
            (Some("2024-05-02T00:00:00Z"), None, SignedDuration::ZERO, Some("2024-05-02"), None),
            (None, Some("2024-05-03T00:00:01Z"), SignedDuration::ZERO, None, Some("2024-05-03")),
            (None, Some("2024-12-31T23:30:00Z"), SignedDuration::from_hours(1), None, Some("2025-01-01")),
            (None, None, day, None, None),
        ] {
            assert_eq!(within(start, end, slack).days(), (first, last), "{start:?} {end:?}");
        }
        let scope = within(Some("2024-05-02T00:00:00Z"), Some("2024-05-03T00:00:00Z"), day);
        for (day, kept) in
            [("2024-04-30", false), ("2024-05-01", true), ("2024-05-03", true), ("2024-05-04", false)]
        {
            assert_eq!(scope.in_scope(KEY, Some(&info(day))), kept, "{day}");
        }
    }

    #[test]
    fn bad_values_say_what_would_be_good() {
        let one = |text: &str| vec![text.to_owned()];
        let account = KeySelection::new(&one("1234"), &[], &[], &[]).unwrap_err();
        assert_eq!(account.to_string(), "`1234` is not an account: give its twelve digits");
        assert!(KeySelection::new(&[], &one("US East"), &[], &[]).is_err());
        assert!(KeySelection::new(&[], &one("us-gov-west-1"), &[], &[]).is_ok());
        assert!(
            KeySelection::new(&[], &[], &one("a[b"), &[])
                .unwrap_err()
                .to_string()
                .starts_with("`a[b` is not")
        );
    }

    #[test]
    fn leaving_out_us_east_1_is_noticed() {
        assert!(scope(&[], &["eu-west-1"], &[], &[]).leaves_out_sign_ins());
        assert!(!scope(&[], &["eu-west-1", "us-east-1"], &[], &[]).leaves_out_sign_ins());
        assert!(!KeySelection::default().leaves_out_sign_ins());
        assert!(KeySelection::default().is_everything());
    }
}
