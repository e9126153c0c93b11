//! The events that `explain` is asked about, wherever they lie.
//!
//! A name is a file, `-`, a directory, or an S3 URI. The value of a finding's `evidence.uri` is one of these,
//! with characters percent-encoded where they are in the finding. A file of roottrail's own findings yields
//! the records in them, or those that the findings say where to find ([`super::evidence`]). From a directory or
//! a prefix only events of the wanted id are kept, object by object, so that a whole trail can be searched in
//! the memory of one object.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::value::RawValue;

use super::evidence::{Found, findings_in};
use super::progress::{Progress, ProgressChoice};
use super::sources::{Opened, s3_uri, sources};
use super::units::counted;
use super::work::Rank;
use super::{almost_s3, aws};
use roottrail::bounded;
use roottrail::cancel::Cancel;
use roottrail::detect::{self, Place};
use roottrail::json::parse::parse_plain;
use roottrail::judge::Record;
use roottrail::key::selection::KeySelection;
use roottrail::object::ObjectRef;
use roottrail::scan;
use roottrail::source::disk::Taken;
use roottrail::source::{Content, Feed, Item};

/// Bytes of an object at most, as it is stored: it is held whole.
const MOST: u64 = 512 << 20;

/// One event.
#[derive(Clone, Debug)]
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
    /// Returns whether a finding is asked for.
    fn is_finding(self, found: &Found) -> bool {
        match (self, &found.text) {
            (Wanted::FindingId(id), _) => found.id.eq_ignore_ascii_case(id),
            (_, Some(text)) => self.is(text),
            (Wanted::EventId(id), None) => found.event_id.as_deref() == Some(id),
            (Wanted::All, None) => true,
        }
    }

    /// Returns whether an event is asked for.
    fn is(self, text: &RawValue) -> bool {
        let id = match self {
            Wanted::All => return true,
            Wanted::EventId(id) | Wanted::FindingId(id) => id,
        };
        let record = parse_plain(text.get());
        if matches!(self, Wanted::EventId(_)) {
            return Record::new(&record).text("eventID") == Some(id);
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
    look(name, aws, wanted, true, broken)
}

/// Finds events. With `follow`, also the records that lie elsewhere by the words of a findings file.
fn look(
    name: &Path,
    aws: &aws::Args,
    wanted: Wanted<'_>,
    follow: bool,
    broken: &mut Vec<(String, String)>,
) -> anyhow::Result<Vec<Event>> {
    let follow = follow.then_some(aws);
    if name.as_os_str() == "-" {
        let bytes = bounded::read(io::stdin().lock(), MOST).context("cannot read standard input")?;
        return of_object("standard input", &bytes, wanted, follow, broken);
    }
    let is_s3 = s3_uri(name.as_os_str()).is_some();
    let name = decoded(name.as_os_str(), is_s3);
    if !is_s3 && !Path::new(&name).is_dir() {
        let shown = Path::new(&name).display().to_string();
        let bytes = bounded::file(Path::new(&name), MOST).with_context(|| {
            let hint = almost_s3::meant(&name).filter(|_| !Path::new(&name).exists());
            let hint = hint.map(|uri| format!("; did you mean {uri}?")).unwrap_or_default();
            format!("cannot read {shown}{hint}")
        })?;
        return of_object(&shown, &bytes, wanted, follow, broken);
    }
    let Opened { sources, .. } =
        sources(&[name], aws, &Arc::new(KeySelection::default()), &Taken::default(), false)?;
    let progress = Progress::new(ProgressChoice::Auto, false, false);
    let gathered = Gathering { wanted, state: Mutex::default(), progress: Mutex::new((0, progress)) };
    let cancel = Cancel::new();
    let mut next = 0;
    for mut source in sources {
        next = source.run(next, &gathered, &cancel);
    }
    gathered.progress.lock().unwrap_or_else(PoisonError::into_inner).1.finish();
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

/// Returns the events of one object, or of a file of findings. Records that lie elsewhere are read where `follow` has
/// the options to do so.
fn of_object(
    uri: &str,
    stored: &[u8],
    wanted: Wanted<'_>,
    follow: Option<&aws::Args>,
    broken: &mut Vec<(String, String)>,
) -> anyhow::Result<Vec<Event>> {
    let context = || format!("cannot read {uri} as events");
    if let Some(found) = findings_in(stored, &|found| wanted.is_finding(found)).with_context(context)? {
        return of_findings(found, wanted, follow, broken);
    }
    let scan::Events { events, broken: why } = scan::events_of(stored).with_context(context)?;
    broken.extend(why.map(|why| (uri.to_owned(), why)));
    let event = |(index, text)| Event { uri: uri.to_owned(), index, text };
    Ok(events.into_iter().map(event).filter(|event| wanted.is(&event.text)).collect())
}

/// Returns the records of findings, from the findings or from where they lie.
fn of_findings(
    found: Vec<Found>,
    wanted: Wanted<'_>,
    follow: Option<&aws::Args>,
    broken: &mut Vec<(String, String)>,
) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::with_capacity(found.len());
    // Findings of one object stand together.
    let mut object: Option<(String, Vec<Event>)> = None;
    for Found { id, uri, index, text, .. } in found {
        if let Some(text) = text {
            events.push(Event { uri, index, text });
            continue;
        }
        let place =
            || format!("the record of finding {id} is not in the file; it lies in {uri}, number {index}");
        let Some(aws) = follow else {
            // Beside other files, what cannot be shown matters only where it is asked for by name.
            anyhow::ensure!(!matches!(wanted, Wanted::FindingId(_)), place());
            continue;
        };
        let held = match &mut object {
            Some((held, events)) if *held == uri => events,
            object => {
                let name = Path::new(&uri);
                let there = s3_uri(name.as_os_str()).is_some() || !name.exists() || name.is_file();
                anyhow::ensure!(there, "{}, which is no file", place());
                let read = look(name, aws, Wanted::All, false, broken).with_context(place)?;
                &mut object.insert((uri.clone(), read)).1
            }
        };
        events.push(held.iter().find(|event| event.index == index).with_context(place)?.clone());
    }
    Ok(events)
}

/// A feed that keeps the events that are asked for, object by object.
struct Gathering<'a> {
    wanted: Wanted<'a>,
    state: Mutex<Gathered>,
    /// The objects looked at so far, and their display.
    progress: Mutex<(u64, Progress)>,
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
        let read = |path: PathBuf| bounded::file(&path, MOST).map_err(anyhow::Error::from);
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
            .and_then(|bytes| of_object(&object.uri, &bytes, self.wanted, None, &mut broken));
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let (looked, display) = &mut *progress;
        *looked += 1;
        display.show(|work| work.part(Rank::Always, counted(*looked, "object searched", "objects searched")));
        drop(progress);
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
