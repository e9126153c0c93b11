//! The objects of several messages, and what becomes of each message once they are read.
//!
//! Each message is sorted first: what was written is to be read, what was removed is told, and all else is counted. An
//! object that several messages name is read once. While the batch is read, [`BatchSink`] passes findings and errors on
//! and notes for each object whether it was read; a message is done where all its objects were read or skipped.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use super::FollowKeys;
use super::hand::Held;
use super::place::FollowPlace;
use super::tally::FollowTally;
use crate::error::{ErrorKind, Fatal, ObjectError, Stage};
use crate::finding::Finding;
use crate::key::{Skip, classify, key_info};
use crate::notification::{Announced, Notification, ObjectChange};
use crate::object::ObjectRef;
use crate::output::error_line;
use crate::output::sink::{Sink, SinkError};
use crate::scan::report::Report;
use crate::source::s3::S3Uri;

/// What distinguishes objects: the URI, the ETag and the version.
type Name = (String, Option<String>, Option<String>);

fn name(object: &ObjectRef) -> Name {
    (object.uri.clone(), object.etag.clone(), object.version_id.clone())
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It was read, or skipped by its name.
    Done,
    /// It could not be read for the moment.
    Later,
    /// It could not be read.
    Failed,
}

/// Messages and the objects that they name.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) held: Vec<Held>,
    /// The objects of each bucket, in the order of the messages.
    pub(super) objects: BTreeMap<String, Vec<ObjectRef>>,
    /// Whose objects they are.
    of: HashMap<Name, Vec<usize>>,
    /// Messages that are no notifications.
    foreign: Vec<usize>,
}

impl Batch {
    /// Sorts messages, and counts what is not read.
    pub(super) fn sort(
        held: Vec<Held>,
        keys: &FollowKeys,
        tally: &mut FollowTally,
        tell: &dyn Fn(&str),
    ) -> Self {
        let mut batch = Self::default();
        for (at, held) in held.iter().enumerate() {
            // What is tried again has been counted.
            let first = held.tries == 0;
            tally.messages += u64::from(first);
            match &held.notification {
                Ok(Notification::Test) => {}
                Ok(Notification::Objects(objects)) => {
                    for object in objects {
                        batch.sort_object(at, object, first, keys, tally, tell);
                    }
                }
                Err(error) => {
                    let text =
                        format!("warning: message {} goes back to the queue: {error}", held.message.id);
                    tell(&text);
                    batch.foreign.push(at);
                }
            }
        }
        batch.held = held;
        batch
    }

    fn sort_object(
        &mut self,
        at: usize,
        announced: &Announced,
        first: bool,
        keys: &FollowKeys,
        tally: &mut FollowTally,
        tell: &dyn Fn(&str),
    ) {
        let Announced { bucket, key, size, etag, version, change, event, time } = announced;
        let uri = S3Uri { bucket: bucket.clone(), prefix: String::new() }.of_key(key);
        match change {
            ObjectChange::Written => {}
            ObjectChange::Removed => {
                let what = match classify(key, size.unwrap_or(1)) {
                    Ok(_) | Err(Skip::Unsure | Skip::Archive) => "a log",
                    Err(Skip::Digest) => "a digest",
                    Err(_) => {
                        tally.others += u64::from(first);
                        return;
                    }
                };
                if first {
                    tally.removed += 1;
                    let time = time.as_deref().unwrap_or("at an unknown time");
                    tell(&format!("warning: somebody removed {what}: {uri}, {time} ({event})"));
                }
                return;
            }
            ObjectChange::Other => {
                tally.others += u64::from(first);
                return;
            }
        }
        if !keys.selection.in_scope(key, key_info(key).as_deref()) {
            tally.skipped += u64::from(first);
            return;
        }
        let object = ObjectRef {
            uri,
            size: size.unwrap_or(0),
            // An ETag without a size would say that the object is empty.
            etag: etag.clone().filter(|_| size.is_some()),
            version_id: version.clone().filter(|_| keys.versions),
            ..ObjectRef::default()
        };
        let whose = self.of.entry(name(&object)).or_default();
        if whose.is_empty() {
            self.objects.entry(bucket.clone()).or_default().push(object);
        }
        whose.push(at);
    }

    /// Returns each message with its fate: the worst of its objects'.
    pub(super) fn fates(self, fates: &HashMap<Name, Fate>) -> Vec<(Fate, Held)> {
        let mut worst = vec![Fate::Done; self.held.len()];
        for (name, whose) in &self.of {
            // An object that nobody has reported was not read.
            let fate = fates.get(name).copied().unwrap_or(Fate::Later);
            for &at in whose {
                worst[at] = worst[at].max(fate);
            }
        }
        for at in self.foreign {
            worst[at] = Fate::Failed;
        }
        worst.into_iter().zip(self.held).collect()
    }
}

/// A file that error lines are appended to.
#[derive(Debug)]
pub struct ErrorLines {
    path: String,
    file: File,
}

impl ErrorLines {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be written.
    pub fn open(path: &Path) -> Result<Self, Fatal> {
        let name = path.display().to_string();
        match OpenOptions::new().append(true).create(true).open(path) {
            Ok(file) => Ok(Self { path: name, file }),
            Err(source) => Err(Fatal::Output { path: name, source }),
        }
    }
}

/// The sink of a batch.
pub(super) struct BatchSink<'b> {
    pub(super) place: &'b mut dyn FollowPlace,
    pub(super) errors: Option<&'b mut ErrorLines>,
    pub(super) keep_record: bool,
    pub(super) fates: HashMap<Name, Fate>,
    /// Objects of each bucket that S3 has answered for.
    pub(super) answered: &'b mut HashMap<String, u64>,
    pub(super) line: Vec<u8>,
}

impl BatchSink<'_> {
    /// Notes that the objects of a bucket cannot be read, for the bucket cannot be opened.
    pub(super) fn closed_bucket(
        &mut self,
        objects: &[ObjectRef],
        kind: ErrorKind,
        fatal: &Fatal,
    ) -> Result<Vec<ObjectError>, SinkError> {
        // A key that is denied closes no bucket: it is the credentials that S3 does not take, for any object.
        let later = is_of_the_moment(kind) || kind == ErrorKind::AccessDenied;
        let mut errors = Vec::new();
        for object in objects {
            self.fates.insert(name(object), if later { Fate::Later } else { Fate::Failed });
            let text = fatal.to_string();
            let text = text.lines().next().unwrap_or_default().to_owned();
            let error = ObjectError::new(object.uri.clone(), Stage::Get, kind, text);
            self.error(&error)?;
            errors.push(error);
        }
        Ok(errors)
    }
}

/// Returns whether a failure of this kind may be over in a while.
fn is_of_the_moment(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Connection)
}

impl Sink for BatchSink<'_> {
    fn finding(&mut self, mut finding: Finding) -> Result<(), SinkError> {
        if !self.keep_record {
            finding.cloudtrail = None;
        }
        self.place.finding(&finding)
    }

    fn object(&mut self, report: &Report) -> Result<(), SinkError> {
        let fate = match report.errors.iter().map(|error| is_of_the_moment(error.kind)).min() {
            None => Fate::Done,
            Some(true) => Fate::Later,
            // A record that cannot be judged is for somebody to look at, as an object that cannot be read.
            Some(false) => Fate::Failed,
        };
        let bucket = report.object.uri.strip_prefix("s3://").and_then(|rest| rest.split('/').next());
        if let Some(bucket) = bucket.filter(|_| fate != Fate::Later) {
            *self.answered.entry(bucket.to_owned()).or_default() += 1;
        }
        self.fates.insert(name(&report.object), fate);
        Ok(())
    }

    fn error(&mut self, error: &ObjectError) -> Result<(), SinkError> {
        let Some(ErrorLines { path, file }) = self.errors.as_deref_mut() else { return Ok(()) };
        self.line.clear();
        error_line::write(error, &mut self.line);
        let written = file.write_all(&self.line);
        written.map_err(|source| SinkError::Failed(Fatal::Output { path: path.clone(), source }))
    }
}
