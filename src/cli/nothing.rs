//! Why a run read nothing.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::almost_s3::PATTERN;
use super::sources::s3_uri;
use super::summary_text::other_names;
use roottrail::key::Skip;
use roottrail::source::s3::{S3Session, S3Uri};
use roottrail::summary::Summary;

/// Returns the reason in words. Where nothing was listed, the sources are looked at once more.
pub(super) fn why(summary: &Summary, names: &[OsString], session: Option<&S3Session>) -> String {
    let only = |skip: Skip| summary.skipped_by.keys().all(|&other| other == skip);
    match () {
        () if summary.objects.listed == 0 => nothing_listed(names, session),
        () if only(Skip::OtherName) => format!(
            "no name is a log's ({}); --include-key brings in other names, and a file or key that is named is always read",
            other_names(summary)
        ),
        () if only(Skip::NotCloudtrail) => "JSON without a CloudTrail event inside, and nothing else".into(),
        () if summary.skipped_by.contains_key(&Skip::NotCloudtrail) => {
            "no CloudTrail event inside what was read, and the rest is of other kinds".into()
        }
        () => "what is there is of other kinds than logs; is the path or prefix right?".into(),
    }
}

fn nothing_listed(names: &[OsString], session: Option<&S3Session>) -> String {
    let (mut objects, mut deleted) = (false, false);
    for name in names {
        match (s3_uri(name).and_then(|name| S3Uri::parse(name).ok()), session) {
            (Some(uri), Some(session)) => {
                let there = session.look(&uri);
                objects |= there.objects;
                deleted |= there.deleted;
            }
            _ => objects |= holds_file(Path::new(name)),
        }
    }
    let pattern = names.iter().any(|name| name.to_string_lossy().contains('*'));
    match () {
        () if objects => {
            "what is there is out of scope: --start, --end, --account, --trail-region, --include-key and --exclude-key leave \
             objects out"
                .into()
        }
        () if deleted => "all that was there is deleted; --all-versions reads it".into(),
        () if pattern => format!("nothing is there; {PATTERN}"),
        () => "nothing is there; is the path or prefix right?".into(),
    }
}

fn holds_file(path: &Path) -> bool {
    let hidden = |name: &OsStr| name.to_string_lossy().starts_with('.');
    walk(path, &hidden, 0)
}

/// Returns whether there is a file below a folder.
fn walk(path: &Path, hidden: &impl Fn(&OsStr) -> bool, depth: usize) -> bool {
    const DEEPEST: usize = 64;
    let Ok(entries) = std::fs::read_dir(path) else { return path.is_file() };
    let mut entries = entries.flatten().filter(|entry| !hidden(&entry.file_name()));
    depth < DEEPEST
        && entries.any(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path(), hidden, depth + 1),
            Ok(kind) => kind.is_file(),
            Err(_) => false,
        })
}
