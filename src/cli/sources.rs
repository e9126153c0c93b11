//! The sources that a command line names.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;

use super::{UsageError, aws};
use roottrail::key::selection::KeySelection;
use roottrail::source::Source;
use roottrail::source::disk::{DiskSource, StdinSource};
use roottrail::source::s3::S3Session;

/// The sources, and what those in S3 share, if there are any.
pub(super) struct Opened {
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) session: Option<S3Session>,
    /// When an inventory was made.
    pub(super) as_of: Option<Timestamp>,
}

/// The sources named on the command line and in the list, in this order.
pub(super) fn source_names(sources: &[OsString], list: Option<&Path>) -> anyhow::Result<Vec<OsString>> {
    let mut names = sources.to_vec();
    let Some(list) = list else { return Ok(names) };
    let from_stdin = list.as_os_str() == "-";
    if from_stdin && names.iter().any(|name| name == "-") {
        return Err(
            UsageError("standard input cannot be both a source and the list of sources".into()).into()
        );
    }
    let context = || format!("cannot read {}", list.display());
    let reader: Box<dyn io::BufRead> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(io::BufReader::new(std::fs::File::open(list).with_context(context)?))
    };
    for line in reader.split(b'\n') {
        let mut line = line.with_context(context)?;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if !line.is_empty() {
            names.push(os_string(line)?);
        }
    }
    Ok(names)
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> anyhow::Result<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    Ok(OsString::from_vec(bytes))
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> anyhow::Result<OsString> {
    Ok(String::from_utf8(bytes).context("a source in the list is not UTF-8")?.into())
}

pub(super) fn sources(
    names: &[OsString],
    aws: &aws::Args,
    keys: &Arc<KeySelection>,
) -> anyhow::Result<Opened> {
    let mut session = aws::Session::new(aws, Arc::clone(keys));
    let mut stdin = false;
    let sources = names
        .iter()
        .map(|name| -> anyhow::Result<Box<dyn Source>> {
            if name == "-" {
                if std::mem::replace(&mut stdin, true) {
                    return Err(UsageError("standard input can be read only once".into()).into());
                }
                return Ok(Box::new(StdinSource));
            }
            match s3_uri(name) {
                Some(uri) => session.open(uri),
                None => Ok(Box::new(DiskSource::new(name).within(Arc::clone(keys)))),
            }
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Opened { sources, as_of: session.inventory_time()?, session: session.started().cloned() })
}

pub(super) fn s3_uri(name: &OsStr) -> Option<&str> {
    name.to_str().filter(|name| name.starts_with("s3://"))
}
