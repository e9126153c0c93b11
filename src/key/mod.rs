//! What the name of an object says: account, region and day, and whether the object is a log.
//!
//! Layout, from the CloudTrail user guide ("Finding your CloudTrail log files"):
//! `[prefix/]AWSLogs/[o-id/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_16chars.json.gz`.
//! A user's own prefix may itself contain `AWSLogs` or `CloudTrail`, so keys are matched from the right. A
//! key outside the layout is judged by its file name alone: a delivery that was copied elsewhere still names
//! its kind, account, region and day, and any name with a log's extension is read. [`selection`] then says
//! which objects are in scope.

pub mod days;
pub mod layout;
pub mod selection;
pub mod stretch;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use layout::{Layout, day_of, is_account, layout, log_kind, parts};

/// The account, region and day that a key in CloudTrail layout names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyInfo {
    /// The account's twelve digits.
    pub account: String,
    /// The region, such as `us-east-1`.
    pub region: String,
    /// The delivery date, `YYYY-MM-DD`. Events may be older.
    pub day: String,
}

/// The reason why a listed object is counted but not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Skip {
    /// Under `CloudTrail-Digest`: hashes of logs, no events.
    Digest,
    /// Under `CloudTrail-Insight`: no `userIdentity`.
    Insight,
    /// Under `CloudTrail-Aggregated`: another schema, no `userIdentity`.
    Aggregated,
    /// Another service's logs: Config, vpcflowlogs, elasticloadbalancing and the like.
    OtherService,
    /// A zero-byte key that ends in `/`, as consoles make for folders.
    FolderMarker,
    /// A name that is neither in CloudTrail layout nor one that logs have.
    OtherName,
    /// A name that a log can have as well as any other file. The first bytes decide, so that no object keeps
    /// this value.
    Unsure,
    /// An archive by its name. An archive could hold logs, so it is reported as not read.
    Archive,
    /// A symbolic link back into a folder that is being walked.
    LinkLoop,
    /// An object that an earlier run with the same checkpoint has read.
    Known,
    /// Well-formed JSON without events: known only after reading.
    NotCloudtrail,
}

impl Skip {
    /// Returns a few words for the closing summary.
    pub fn label(self) -> &'static str {
        match self {
            Skip::Digest => "digest",
            Skip::Insight => "insight",
            Skip::Aggregated => "aggregated",
            Skip::OtherService => "other service",
            Skip::FolderMarker => "folder marker",
            Skip::OtherName | Skip::Unsure => "other name",
            Skip::Archive => "archive",
            Skip::LinkLoop => "link loop",
            Skip::Known => "read before",
            Skip::NotCloudtrail => "no events inside",
        }
    }
}

/// Decides by name and size alone whether a listed object is read.
///
/// `path` is the whole key, or on disk the path as given joined with the path below it, with `/` between the
/// parts: pointing a scan at a folder inside a trail must not hide what the folder is.
///
/// # Errors
///
/// Returns the reason where the object is not to be read.
pub fn classify(path: &str, size: u64) -> Result<Option<Arc<KeyInfo>>, Skip> {
    Classifier::default().classify(path, size)
}

/// A classifier of one object after another, which reads the folder that consecutive objects share only once.
#[derive(Debug, Default)]
pub struct Classifier {
    folder: String,
    layout: Option<Layout>,
}

impl Classifier {
    /// Decides as [`classify`] does.
    ///
    /// # Errors
    ///
    /// Returns the reason where the object is not to be read.
    pub fn classify(&mut self, path: &str, size: u64) -> Result<Option<Arc<KeyInfo>>, Skip> {
        if size == 0 && path.ends_with('/') {
            return Err(Skip::FolderMarker);
        }
        let (folder, name) = path.split_at(memchr::memrchr(b'/', path.as_bytes()).map_or(0, |at| at + 1));
        if self.folder != folder {
            folder.clone_into(&mut self.folder);
            self.layout = layout(&parts(folder));
        }
        let named_as_log = has_log_extension(name);
        if let Some(found) = &self.layout {
            return match found.kind {
                Some(Err(skip)) => Err(skip),
                Some(Ok(())) if archive_named(name).is_some() => Err(Skip::Archive),
                // Hidden files (.DS_Store) are no deliveries; any other file in a day's folder is one.
                Some(Ok(())) if named_as_log || (found.info.is_some() && !name.starts_with('.')) => {
                    Ok(found.info.clone().or_else(|| name_info(name).and_then(|(_, info)| info)))
                }
                Some(Ok(())) => Err(other(name)),
                None => Err(Skip::OtherService),
            };
        }
        // Copied out of its folders, a delivery still names its kind, account, region and day.
        if let Some((kind, info)) = name_info(name) {
            match log_kind(kind) {
                Some(Err(skip)) => return Err(skip),
                Some(Ok(())) if archive_named(name).is_some() => return Err(Skip::Archive),
                Some(Ok(())) if named_as_log || info.is_some() => return Ok(info),
                Some(Ok(())) | None => {}
            }
        }
        match () {
            () if archive_named(name).is_some() => Err(Skip::Archive),
            () if named_as_log => Ok(None),
            () => Err(other(name)),
        }
    }
}

/// Decides on a name that no log has. Firehose's objects have no extension, so they stay unsure.
fn other(name: &str) -> Skip {
    match extension(name) {
        _ if name.starts_with('.') => Skip::OtherName,
        None => Skip::Unsure,
        Some(extension) if ["log", "txt"].iter().any(|known| extension.eq_ignore_ascii_case(known)) => {
            Skip::Unsure
        }
        Some(_) => Skip::OtherName,
    }
}

/// Returns what follows the last dot of a name, where that looks like an extension; in `a.b-2026-01-15` it
/// does not.
pub fn extension(name: &str) -> Option<&str> {
    let (stem, extension) = name.rsplit_once('.')?;
    let fits = !stem.is_empty()
        && (1..=10).contains(&extension.len())
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
    fits.then_some(extension)
}

/// Name endings of archives.
const NAMES: [(&str, &str); 9] = [
    (".zip", "a zip archive"),
    (".tar", "a tar archive"),
    (".tgz", "a tar archive"),
    (".tar.gz", "a tar archive"),
    (".7z", "a 7z archive"),
    (".tbz2", "a tar archive"),
    (".bz2", "a bzip2 file"),
    (".txz", "a tar archive"),
    (".xz", "an xz file"),
];

/// Returns the kind of archive that a name claims.
pub fn archive_named(name: &str) -> Option<&'static str> {
    // Nearly every object has the name of a log.
    if name.ends_with(".json.gz") {
        return None;
    }
    let ends = |ending: &str| {
        name.len()
            .checked_sub(ending.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    NAMES.iter().find(|(ending, _)| ends(ending)).map(|(_, archive)| *archive)
}

/// Returns the account, region and day of a key, whatever its kind.
pub fn key_info(path: &str) -> Option<Arc<KeyInfo>> {
    let parts = parts(path);
    layout(&parts)
        .and_then(|found| found.info)
        .or_else(|| name_info(parts.last()?).and_then(|(_, info)| info))
}

/// Returns the five minutes of the day, counted from 0, in which an object was delivered, as its name says.
pub fn delivery_slot(path: &str) -> Option<usize> {
    let path = path.as_bytes();
    let name = &path[memchr::memrchr(b'/', path).map_or(0, |at| at + 1)..];
    name.split(|&byte| byte == b'_').find_map(|part| {
        // `YYYYMMDDTHHmmZ`, in digests with seconds.
        let (date, time) = part.split_at_checked(8)?;
        let [b'T', hour @ .., m1, m2] = time.first_chunk::<5>()? else { return None };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0, |sum, digit| {
                digit.is_ascii_digit().then(|| sum * 10 + usize::from(digit - b'0'))
            })
        };
        number(date)?;
        let (hour, minute) = (number(hour)?, number(&[*m1, *m2])?);
        (hour < 24 && minute < 60).then_some(hour * 12 + minute / 5)
    })
}

fn has_log_extension(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["json", "jsonl", "ndjson", "gz", "zst"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// Reads `ACCOUNT_KIND_REGION_YYYYMMDDTHHmmZ_…`.
fn name_info(name: &str) -> Option<(&str, Option<Arc<KeyInfo>>)> {
    let mut parts = name.split('_');
    let account = parts.next().filter(|part| is_account(part))?;
    let kind = parts.next().filter(|kind| kind.starts_with("CloudTrail"))?;
    let region = parts.next();
    let info = parts.find_map(|part| {
        let (date, _) = part.split_once('T')?;
        if date.len() != 8 || !date.is_ascii() {
            return None;
        }
        let day = day_of(&date[..4], &date[4..6], &date[6..])?;
        Some(Arc::new(KeyInfo { account: account.to_owned(), region: region?.to_owned(), day }))
    });
    Some((kind, info))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str =
        "us-east-1/2024/05/01/111122223333_CloudTrail_us-east-1_20240501T0005Z_0123456789abcdef.json.gz";

    fn info() -> Arc<KeyInfo> {
        let [account, region, day] = ["111122223333", "us-east-1", "2024-05-01"].map(str::to_owned);
        Arc::new(KeyInfo { account, region, day })
    }

    #[test]
    fn keys_of_a_trail_are_in_scope() {
        for head in [
            "AWSLogs/111122223333/CloudTrail",
            "AWSLogs/o-abc123/111122223333/CloudTrail",
            "o-abc123/AWSLogs/o-abc123/111122223333/CloudTrail",
            "backup/CloudTrail-Digest/AWSLogs/111122223333/CloudTrail",
            "AWSLogs/444455556666/Config/AWSLogs/111122223333/CloudTrail",
            "AWSLogs/111122223333/CloudTrail-NetworkActivity",
        ] {
            assert_eq!(classify(&format!("{head}/{TAIL}"), 9), Ok(Some(info())), "{head}");
        }
        let bare = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/no-extension";
        assert_eq!(classify(bare, 9), Ok(Some(info())));
        assert_eq!(classify(bare, 0), Ok(Some(info())), "an empty delivery is read, and then fails");
    }

    #[test]
    fn other_kinds_and_names_are_skipped() {
        for (path, size, skip) in [
            ("AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2024/05/01/x.json.gz", 9, Skip::Digest),
            ("AWSLogs/111122223333/CloudTrail-Insight/us-east-1/2024/05/01/x.json.gz", 9, Skip::Insight),
            (
                "AWSLogs/111122223333/CloudTrail-Aggregated/us-east-1/2024/05/01/x.json.gz",
                9,
                Skip::Aggregated,
            ),
            ("AWSLogs/111122223333/Config/us-east-1/2024/5/1/x.json.gz", 9, Skip::OtherService),
            ("AWSLogs/111122223333/vpcflowlogs/us-east-1/2024/05/01/x.log.gz", 9, Skip::OtherService),
            ("AWSLogs/111122223333/elasticloadbalancing/us-east-1/2024/05/01/x.log", 9, Skip::OtherService),
            (
                "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240501T000000Z.json.gz",
                9,
                Skip::Digest,
            ),
            ("AWSLogs/111122223333/CloudTrail/", 0, Skip::FolderMarker),
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/.DS_Store", 9, Skip::OtherName),
            ("notes.txt", 9, Skip::Unsure),
            ("x/app.LOG", 9, Skip::Unsure),
            ("json", 9, Skip::Unsure),
            ("ct-stream-1-2026-01-15-03-05-00-0a1b", 9, Skip::Unsure),
            ("notes.md", 9, Skip::OtherName),
            ("logs.tar.gz", 9, Skip::Archive),
            ("AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/x.ZIP", 9, Skip::Archive),
        ] {
            assert_eq!(classify(path, size), Err(skip), "{path}");
        }
    }

    #[test]
    fn names_tell_when_they_were_delivered() {
        assert_eq!(delivery_slot(TAIL), Some(1));
        let digest = "d/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20240501T235959Z.json.gz";
        assert_eq!(delivery_slot(digest), Some(287));
        for name in ["x.json.gz", "a_20240501T9999Z_b.json.gz", "a_20240501T1_b", "é_20240501Té1_b"] {
            assert_eq!(delivery_slot(name), None, "{name}");
        }
    }

    #[test]
    fn files_outside_the_layout_count_by_name() {
        assert_eq!(classify("export/events.JSON", 9), Ok(None));
        assert_eq!(classify("export/events.jsonl", 0), Ok(None));
        assert_eq!(classify("export/events.ndjson", 9), Ok(None));
        assert_eq!(classify("export/events.json.zst", 9), Ok(None));
        let flat = "x/111122223333_CloudTrail_us-east-1_20240501T0005Z_0123456789abcdef.json.gz";
        assert_eq!(classify(flat, 9), Ok(Some(info())));
        assert_eq!(key_info(flat), Some(info()));
    }

    #[test]
    fn archives_are_named_by_their_names() {
        for name in ["a.zip", "A.ZIP", "logs.tar.gz", "x.tgz", "x.json.bz2", "x.json.xz", "x.7z", "x.tar"] {
            assert!(archive_named(name).is_some(), "{name}");
        }
        for name in ["a.json.gz", "zip", "tar.gz", "x.zip.json", "é", ""] {
            assert_eq!(archive_named(name), None, "{name}");
        }
    }
}
