//! The sources that a command line names.
//!
//! Names come from the command line and from a list in a file. A name is an S3 URI, a path, or `-`, and each
//! becomes a source in the given order. What a user typed must exist, while a name in a list may have gone
//! since the list was made. A file that is one of the run's outputs cannot be a source, and a walk that comes
//! across it remembers it for an error.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::RecvTimeoutError;
use jiff::Timestamp;

use super::{UsageError, almost_s3, aws};
use roottrail::cancel::Cancel;
use roottrail::error::Fatal;
use roottrail::key::selection::KeySelection;
use roottrail::source::Source;
use roottrail::source::disk::{DiskSource, StdinSource, Taken};
use roottrail::source::s3::{S3Session, S3Uri};

/// The opened sources, and what those in S3 share, if there are any.
pub(super) struct Opened {
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) session: Option<S3Session>,
    /// The time of the inventory, if there is one.
    pub(super) as_of: Option<Timestamp>,
}

/// Bytes of a name in a list: no path and no key is longer.
const LONGEST_NAME: u64 = 1 << 20;
/// Bytes of a list of sources, which is held as long as the run goes on.
const LONGEST_LIST: u64 = 1 << 30;

/// How often a list that is waited for looks whether the run is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Returns the sources named on the command line and in the list, in this order. Fails where the run is to stop
/// before the list is there.
pub(super) fn source_names(
    sources: &[OsString],
    list: Option<&Path>,
    cancel: &Cancel,
) -> anyhow::Result<Vec<OsString>> {
    let mut names = sources.to_vec();
    for name in sources.iter().filter(|name| *name != "-" && s3_uri(name).is_none()) {
        // A list may be older than the files that it names; a name that was typed must exist.
        match std::fs::symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(missing(name, &error).into());
            }
            _ => {}
        }
    }
    let Some(list) = list else { return Ok(names) };
    let from_stdin = list.as_os_str() == "-";
    if from_stdin && names.iter().any(|name| name == "-") {
        return Err(
            UsageError("standard input cannot be both a source and the list of sources".into()).into()
        );
    }
    // A pipe may have no writer. Its thread is left behind then, and ends with the program.
    let (sender, listed) = crossbeam_channel::bounded(1);
    let list = list.to_owned();
    let read = move || {
        // The receiver is gone: then nobody wants to know.
        let _unheard = sender.send(names_in(&list, from_stdin));
    };
    std::thread::Builder::new().name("list".into()).spawn(read).context("cannot start a thread")?;
    loop {
        match listed.recv_timeout(LOOK) {
            Ok(listed) => names.extend(listed?),
            Err(RecvTimeoutError::Timeout) if !cancel.is_set() => continue,
            Err(_) => anyhow::bail!("the list of sources was not there in time"),
        }
        return Ok(names);
    }
}

/// Returns the names in a list, a line each.
fn names_in(list: &Path, from_stdin: bool) -> anyhow::Result<Vec<OsString>> {
    let mut names = Vec::new();
    let context = || format!("cannot read {}", list.display());
    let reader: Box<dyn io::BufRead> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        Box::new(io::BufReader::new(std::fs::File::open(list).with_context(context)?))
    };
    let mut reader = reader.take(LONGEST_LIST);
    let mut read = 0;
    loop {
        let mut line = Vec::new();
        let n = (&mut reader).take(LONGEST_NAME).read_until(b'\n', &mut line).with_context(context)? as u64;
        read += n;
        anyhow::ensure!(n < LONGEST_NAME, "{}: a line without an end", context());
        anyhow::ensure!(read < LONGEST_LIST, "{}: more than 1 GiB of names", context());
        if n == 0 {
            break;
        }
        line.pop_if(|byte| *byte == b'\n');
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        if line.is_empty() {
            continue;
        }
        let name = os_string(line)?;
        // Where it is no path that only was there once.
        if let Some(meant) = name.to_str().and_then(almost_s3::with_scheme)
            && std::fs::symlink_metadata(&name).is_err()
        {
            let message = format!("{}: did you mean {meant}?", name.to_string_lossy());
            return Err(Fatal::Start { message }.into());
        }
        names.push(name);
    }
    Ok(names)
}

/// Returns a source that is not there.
fn missing(name: &OsStr, error: &io::Error) -> Fatal {
    let hint = match almost_s3::meant(name) {
        Some(uri) => format!("; did you mean {uri}?"),
        None if name.to_string_lossy().contains('*') => format!("; {}", almost_s3::PATTERN),
        None => String::new(),
    };
    Fatal::Start { message: format!("{}: {error}{hint}", name.to_string_lossy()) }
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

/// Opens the sources, in this order. None of them may come across a file that is `taken`.
pub(super) fn sources(
    names: &[OsString],
    aws: &aws::Args,
    keys: &Arc<KeySelection>,
    taken: &Taken,
    quiet: bool,
) -> anyhow::Result<Opened> {
    let mut session = aws::Session::new(aws, Arc::clone(keys), quiet);
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
                None => Ok(Box::new(DiskSource::new(name).within(Arc::clone(keys)).without(taken.clone()))),
            }
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Opened { sources, as_of: session.inventory_time()?, session: session.started().cloned() })
}

pub(super) fn s3_uri(name: &OsStr) -> Option<&str> {
    name.to_str().filter(|name| S3Uri::is_s3(name))
}

/// Refuses outputs in the place of an input: a file, the file behind standard input, a list of sources.
pub(super) fn refuse_taken(taken: &Taken, names: &[OsString], list: Option<&Path>) -> Result<(), UsageError> {
    for name in names.iter().map(OsString::as_os_str).chain(list.map(Path::as_os_str)) {
        let metadata = match name {
            name if name == "-" => stdin_metadata(),
            name if s3_uri(name).is_some() => continue,
            name => std::fs::metadata(name).ok(),
        };
        if let Some(output) = taken.below(Path::new(name)).filter(|_| name != "-") {
            let (name, output) = (name.to_string_lossy(), output.display());
            return Err(UsageError(format!("the output {output} is in scope of {name}: name another file")));
        }
        if let Some(output) = metadata.as_ref().and_then(|metadata| taken.output(metadata)) {
            let (name, output) = (name.to_string_lossy(), output.display());
            return Err(UsageError(format!("{name} is read and is the output {output}: name another file")));
        }
    }
    Ok(())
}

/// Refuses outputs that turned out to be objects in scope. No output is put in place, so that the object stays as
/// it is.
pub(super) fn refuse_met(taken: &Taken) -> Result<(), UsageError> {
    let Some((object, output)) = taken.met() else { return Ok(()) };
    let (object, output) = (object.display(), output.display());
    Err(UsageError(format!("{object} is in scope and is the output {output}: name another file")))
}

#[cfg(unix)]
fn stdin_metadata() -> Option<std::fs::Metadata> {
    use std::os::fd::AsFd as _;
    let stdin = io::stdin().as_fd().try_clone_to_owned().ok()?;
    std::fs::File::from(stdin).metadata().ok()
}

#[cfg(not(unix))]
fn stdin_metadata() -> Option<std::fs::Metadata> {
    None
}
