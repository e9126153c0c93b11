//! The events that `explain` is asked about, wherever they lie.
//!
//! A name is a file, `-`, a directory, or an S3 URI. The value of a finding's `evidence.uri` is one of these,
//! with characters percent-encoded where they are in the finding. A file of roottrail's own findings yields
//! the records in them. From a directory or a prefix only events of the wanted id are kept, object by object,
//! so that a whole trail can be searched in the memory of one object.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sources::{Opened, s3_uri, sources};
use super::{almost_s3, aws};
use roottrail::cancel::Cancel;
use roottrail::detect::{self, Place};
use roottrail::finding;
use roottrail::json::parse::parse_plain;
use roottrail::judge::Record;
use roottrail::key::selection::KeySelection;
use roottrail::object::ObjectRef;
use roottrail::scan;
use roottrail::source::disk::Taken;
use roottrail::source::{Content, Feed, Item};

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    /// The object that holds the event.
    pub(super) uri: String,
    /// The index in the object.
    pub(super) index: u64,
    /// The minified text.
    pub(super) text: Box<RawValue>,
}

/// The events that are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// All events.
    All,
    /// The events with this `eventID`.
    EventId(&'a str),
    /// The event of the finding with this id.
    FindingId(&'a str),
}

impl Wanted<'_> {
    /// Returns whether an event, or the finding that it came in, is asked for.
    fn is(self, text: &RawValue, finding: Option<&str>) -> bool {
        let id = match self {
            Wanted::All => return true,
            Wanted::EventId(id) | Wanted::FindingId(id) => id,
        };
        let record = parse_plain(text.get());
        if matches!(self, Wanted::EventId(_)) {
            return Record::new(&record).text("eventID") == Some(id);
        }
        if let Some(finding) = finding {
            return finding.eq_ignore_ascii_case(id);
        }
        let place = Place { object: &ObjectRef::default(), record_index: 0 };
        detect::examine(&record, text.to_owned(), &place)
            .is_some_and(|finding| finding.id.to_string().eq_ignore_ascii_case(id))
    }
}

/// Finds the events that are asked for, in the order of their objects. An object that was named and breaks is added
/// to `broken`, with the reason.
///
/// # Errors
///
/// Fails where the name leads nowhere, or where an object could not be read and no event was found.
pub(super) fn find(
    name: &Path,
    aws: &aws::Args,
    wanted: Wanted<'_>,
    broken: &mut Vec<(String, String)>,
) -> anyhow::Result<Vec<Event>> {
    if name.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        return of_object("standard input", &bytes, wanted, broken);
    }
    let is_s3 = s3_uri(name.as_os_str()).is_some();
    let name = decoded(name.as_os_str(), is_s3);
    if !is_s3 && !Path::new(&name).is_dir() {
        let shown = Path::new(&name).display().to_string();
        let bytes = std::fs::read(&name).with_context(|| {
            let hint = almost_s3::meant(&name).filter(|_| !Path::new(&name).exists());
            let hint = hint.map(|uri| format!("; did you mean {uri}?")).unwrap_or_default();
            format!("cannot read {shown}{hint}")
        })?;
        return of_object(&shown, &bytes, wanted, broken);
    }
    let Opened { sources, .. } =
        sources(&[name], aws, &Arc::new(KeySelection::default()), &Taken::default(), false)?;
    let gathered = Gathering { wanted, state: Mutex::default() };
    let cancel = Cancel::new();
    let mut next = 0;
    for mut source in sources {
        next = source.run(next, &gathered, &cancel);
    }
    let mut state = gathered.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    // What is missing could be in any of them; what was found, only in its own again.
    state.broken.sort_by_key(|(seq, _)| *seq);
    let found = |seq: u64| state.found.iter().any(|(one, _)| *one == seq);
    let concern = state.broken.iter().filter(|(seq, _)| state.found.is_empty() || found(*seq));
    broken.extend(concern.map(|(_, broken)| broken.clone()));
    if state.found.is_empty()
        && let Some(error) = state.failed
    {
        return Err(error);
    }
    state.found.sort_by_key(|(seq, _)| *seq);
    Ok(state.found.into_iter().flat_map(|(_, events)| events).collect())
}

/// Returns the name behind a percent-encoded one. A name that exists on disk as it stands is not decoded.
fn decoded(name: &OsStr, is_s3: bool) -> OsString {
    let literal = || name.to_owned();
    if !is_s3 && Path::new(name).exists() {
        return literal();
    }
    let Some(text) = name.to_str().filter(|text| text.contains('%')) else { return literal() };
    let bytes: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt as _;
        OsString::from_vec(bytes)
    }
    #[cfg(not(unix))]
    String::from_utf8(bytes).map_or_else(|_| literal(), OsString::from)
}

/// A line of `roottrail.finding/1`, with the fields that are needed here.
#[derive(Deserialize)]
struct Line {
    schema: String,
    id: String,
    evidence: LineEvidence,
    cloudtrail: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct LineEvidence {
    uri: String,
    record_index: u64,
}

/// Returns the events of one object, or of a file of findings.
fn of_object(
    uri: &str,
    stored: &[u8],
    wanted: Wanted<'_>,
    broken: &mut Vec<(String, String)>,
) -> anyhow::Result<Vec<Event>> {
    let context = || format!("cannot read {uri} as events");
    if let Some(events) = of_findings(uri, stored, wanted).with_context(context)? {
        return Ok(events);
    }
    let scan::Events { events, broken: why } = scan::events_of(stored).with_context(context)?;
    broken.extend(why.map(|why| (uri.to_owned(), why)));
    let event = |(index, text)| Event { uri: uri.to_owned(), index, text };
    Ok(events.into_iter().map(event).filter(|event| wanted.is(&event.text, None)).collect())
}

/// Returns the records in a file of findings; `None` for any other file.
fn of_findings(uri: &str, stored: &[u8], wanted: Wanted<'_>) -> anyhow::Result<Option<Vec<Event>>> {
    let begins = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len());
        bytes[start..].starts_with(format!("{{\"schema\":\"{}\"", finding::SCHEMA).as_bytes())
    };
    let mut inflated = Vec::new();
    let bytes = if stored.starts_with(&[0x1f, 0x8b]) {
        let mut reader = MultiGzDecoder::new(stored);
        let mut head = [0; 256];
        let mut n = 0;
        while n < head.len() {
            match reader.read(&mut head[n..]) {
                Ok(0) | Err(_) => break,
                Ok(more) => n += more,
            }
        }
        if !begins(&head[..n]) {
            return Ok(None);
        }
        MultiGzDecoder::new(stored).read_to_end(&mut inflated)?;
        &inflated[..]
    } else {
        stored
    };
    if !begins(bytes) {
        return Ok(None);
    }
    let mut events = Vec::new();
    for (n, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let line: Line = serde_json::from_slice(line).with_context(|| format!("line {} of {uri}", n + 1))?;
        anyhow::ensure!(line.schema == finding::SCHEMA, "line {} of {uri} is no finding", n + 1);
        let Some(text) = line.cloudtrail else {
            let matched = matches!(wanted, Wanted::FindingId(id) if id.eq_ignore_ascii_case(&line.id));
            anyhow::ensure!(
                !matched,
                "the finding was written with --no-raw; its record lies in {}, number {}",
                line.evidence.uri,
                line.evidence.record_index
            );
            continue;
        };
        if wanted.is(&text, Some(&line.id)) {
            events.push(Event { uri: line.evidence.uri, index: line.evidence.record_index, text });
        }
    }
    Ok(Some(events))
}

/// A feed that keeps the events that are asked for, object by object.
struct Gathering<'a> {
    wanted: Wanted<'a>,
    state: Mutex<Gathered>,
}

#[derive(Default)]
struct Gathered {
    /// The events, by the places of their objects.
    found: Vec<(u64, Vec<Event>)>,
    /// Objects that are cut, by their places, and why.
    broken: Vec<(u64, (String, String))>,
    /// The first object that could not be read.
    failed: Option<anyhow::Error>,
}

impl Gathering<'_> {
    fn take(&self, item: Item) -> bool {
        let Item { seq, object, content, lease } = item;
        let read = |path: PathBuf| std::fs::read(&path).map_err(anyhow::Error::from);
        let bytes = match content {
            Content::Skipped(_) => return true,
            Content::File(path) => read(path.unwrap_or_else(|| object.uri.clone().into())),
            Content::Pipe(path) => read(path),
            Content::Stdin => return true,
            Content::Body(body) => Ok(body.bytes().to_vec()),
            Content::Failed(error) => Err(error.into()),
        };
        let mut broken = Vec::new();
        let events = bytes
            .with_context(|| format!("cannot read {}", object.uri))
            .and_then(|bytes| of_object(&object.uri, &bytes, self.wanted, &mut broken));
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.broken.extend(broken.into_iter().map(|broken| (seq, broken)));
        match events {
            Ok(events) if events.is_empty() => {}
            Ok(events) => state.found.push((seq, events)),
            // Other JSON beside logs is no error here.
            Err(error) if matches!(error.downcast_ref(), Some(scan::EventsError::NoEvents)) => {}
            Err(error) => {
                state.failed.get_or_insert(error);
            }
        }
        // The source may fetch the next object only when this one is done with.
        drop(lease);
        true
    }
}

impl Feed for Gathering<'_> {
    fn push(&self, item: Item) -> bool {
        self.take(item)
    }

    fn push_now(&self, item: Item) -> bool {
        self.take(item)
    }

    fn head(&self) -> u64 {
        // No object waits for earlier ones.
        u64::MAX
    }
}
