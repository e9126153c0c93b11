//! The one reader of CloudTrail's folders: `[prefix/]AWSLogs/[o-id/]ACCOUNT/KIND/REGION/YYYY/MM/DD/…`.
//!
//! A key is split at its slashes and matched from the right, since a user's own prefix may look like a
//! trail's folders. The organization's folder is optional. `layout` reads account, region and day of a key;
//! `level` says at which level of the layout a folder stands, for listings that go down level by level.

use std::sync::Arc;

use super::{KeyInfo, Skip};

#[derive(Debug)]
pub(crate) struct Layout {
    /// The kind's verdict, as [`log_kind`] gives it.
    pub(crate) kind: Option<Result<(), Skip>>,
    /// `None` where the key stops short of a day's folder.
    pub(crate) info: Option<Arc<KeyInfo>>,
}

/// Reads the folders of a key; the last part is a name, or empty.
pub(crate) fn layout(parts: &[&str]) -> Option<Layout> {
    let folders = parts.len().checked_sub(1)?;
    for start in (0..folders).rev().filter(|&i| parts[i] == "AWSLogs") {
        let mut at = start + 1;
        if parts.get(at).is_some_and(|part| part.starts_with("o-")) {
            at += 1;
        }
        let Some(account) = parts.get(at).filter(|part| is_account(part)) else { continue };
        let Some(kind) = parts[..folders].get(at + 1) else { continue };
        let info = match parts[..folders].get(at + 2..at + 6) {
            Some([region, year, month, day]) => day_of(year, month, day).map(|day| {
                Arc::new(KeyInfo { account: (*account).to_owned(), region: (*region).to_owned(), day })
            }),
            _ => None,
        };
        return Some(Layout { kind: log_kind(kind), info });
    }
    None
}

/// Where a folder stands in the layout.
#[cfg(feature = "s3")]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Level<'a> {
    /// Not below `AWSLogs/`, or not as CloudTrail lays it out.
    Outside,
    /// `AWSLogs/` or `AWSLogs/o-id/`.
    Accounts,
    /// `…/ACCOUNT/`
    Kinds { account: &'a str },
    /// `…/ACCOUNT/CloudTrail*/`
    Regions { account: &'a str },
    /// `…/ACCOUNT/CloudTrail*/REGION/` or below; `base` ends with the region's slash.
    Days { account: &'a str, region: &'a str, base: &'a str },
    /// Below another service's folder.
    OtherService,
}

/// Classifies a folder: empty, or ending in `/`.
#[cfg(feature = "s3")]
pub(crate) fn level(folder: &str) -> Level<'_> {
    let mut ends = folder.match_indices('/').map(|(at, _)| at);
    let mut parts: Vec<(&str, usize)> = Vec::new();
    let mut start = 0;
    for end in ends.by_ref() {
        parts.push((&folder[start..end], end + 1));
        start = end + 1;
    }
    // From the right: a user's own prefix may look like a trail's.
    for at in (0..parts.len()).rev().filter(|&at| parts[at].0 == "AWSLogs") {
        let mut rest = &parts[at + 1..];
        if let [(first, _), tail @ ..] = rest
            && first.starts_with("o-")
        {
            rest = tail;
        }
        match rest {
            [] => return Level::Accounts,
            [(account, _), ..] if !is_account(account) => {}
            [(account, _)] => return Level::Kinds { account },
            [(account, _), (kind, _), deeper @ ..] if kind.starts_with("CloudTrail") => {
                return match deeper {
                    [] => Level::Regions { account },
                    [(region, end), ..] => Level::Days { account, region, base: &folder[..*end] },
                };
            }
            _ => return Level::OtherService,
        }
    }
    Level::Outside
}

/// Returns the folder that a key or prefix lies in.
#[cfg(feature = "s3")]
pub(crate) fn folder_of(key: &str) -> &str {
    key.rfind('/').map_or("", |slash| &key[..=slash])
}

/// Returns whether a folder of this kind is read; `None`: the kind is not CloudTrail's. A kind of
/// CloudTrail's that is not known yet is read: it could be evidence.
pub(crate) fn log_kind(kind: &str) -> Option<Result<(), Skip>> {
    match kind {
        "CloudTrail-Digest" => Some(Err(Skip::Digest)),
        "CloudTrail-Insight" => Some(Err(Skip::Insight)),
        "CloudTrail-Aggregated" => Some(Err(Skip::Aggregated)),
        _ if kind == "CloudTrail" || kind.starts_with("CloudTrail-") => Some(Ok(())),
        _ => None,
    }
}

/// Returns whether a text is an account's number.
pub(crate) fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn day_of(year: &str, month: &str, day: &str) -> Option<String> {
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|byte| byte.is_ascii_digit());
    let in_range = |part: &str, max: u8| part.parse::<u8>().is_ok_and(|number| (1..=max).contains(&number));
    (digits(year, 4) && digits(month, 2) && digits(day, 2) && in_range(month, 12) && in_range(day, 31))
        .then(|| format!("{year}-{month}-{day}"))
}

/// Splits at `/`. `split('/')` takes several times as long for parts as short as these.
pub(crate) fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::with_capacity(16);
    let mut start = 0;
    for (at, &byte) in path.as_bytes().iter().enumerate() {
        if byte == b'/' {
            parts.push(&path[start..at]);
            start = at + 1;
        }
    }
    parts.push(&path[start..]);
    parts
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;

    const TRAIL: &str = "AWSLogs/111122223333/CloudTrail/";

    #[test]
    fn folders_are_matched_from_the_right() {
        let days = "o-x/AWSLogs/o-x/111122223333/CloudTrail/eu-west-1/";
        for (folder, expected) in [
            ("", Level::Outside),
            ("logs/", Level::Outside),
            ("AWSLogs/", Level::Accounts),
            ("o-x/AWSLogs/o-x/", Level::Accounts),
            ("AWSLogs/reports/", Level::Outside),
            ("AWSLogs/111122223333/", Level::Kinds { account: "111122223333" }),
            (TRAIL, Level::Regions { account: "111122223333" }),
            (
                "o-x/AWSLogs/o-x/111122223333/CloudTrail/eu-west-1/2024/",
                Level::Days { account: "111122223333", region: "eu-west-1", base: days },
            ),
            ("AWSLogs/111122223333/Config/us-east-1/", Level::OtherService),
            ("AWSLogs/444455556666/Config/AWSLogs/", Level::Accounts),
        ] {
            assert_eq!(level(folder), expected, "{folder}");
        }
    }
}
