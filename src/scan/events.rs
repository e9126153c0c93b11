//! All events of an object, judged or not, for `explain`.

use serde_json::value::RawValue;

use crate::cancel::Cancel;
use crate::inflate::{Buffers, inflate_bytes};
use crate::json::minify::minify;
use crate::records::cursor::Cursor;
use crate::records::document::{Element, Elements, walk};

/// Inflated bytes of an object at most: as many as a scan takes where nothing else is said.
const MOST: u64 = 2 << 30;

/// The reason why the events of an object cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The object breaks, or is no JSON.
    #[error("{0}")]
    Broken(String),
    /// The object is well-formed and holds no events.
    #[error("it holds no events")]
    NoEvents,
}

/// Returns the events of an object in any shape that a scan reads: each one's place and its minified text.
/// Elements that are no readable records are left out.
///
/// # Errors
///
/// Fails where the object breaks before its first event, and where it holds no events.
pub fn events_of(stored: &[u8]) -> Result<Events, EventsError> {
    let mut events = All(Vec::new());
    let read = |cursor: &mut Cursor<'_>| {
        events.0.clear();
        (walk(cursor, &mut events), cursor.take_break())
    };
    let (result, _) = inflate_bytes(stored, MOST, false, &Cancel::new(), &mut Buffers::default(), read);
    let (walk, broken) = result.map_err(|broken| EventsError::Broken(broken.cause.to_string()))?;
    if events.0.is_empty() {
        if let Some(broken) = broken {
            return Err(EventsError::Broken(broken.cause.to_string()));
        }
        if let Some(fault) = walk.fault {
            return Err(EventsError::Broken(fault.to_string()));
        }
        if let Some(foreign) = walk.foreign {
            return Err(EventsError::Broken(foreign.to_string()));
        }
        if let Some(unread) = walk.unread {
            return Err(EventsError::Broken(unread.to_string()));
        }
        if !walk.events {
            return Err(EventsError::NoEvents);
        }
    }
    let fault = || walk.fault.as_ref().map(ToString::to_string);
    let broken = broken.map(|broken| broken.cause.to_string()).or_else(fault);
    Ok(Events { events: events.0, broken })
}

/// The events of an object.
#[derive(Debug)]
pub struct Events {
    /// The place and the minified text of each event.
    pub events: Vec<(u64, Box<RawValue>)>,
    /// The reason why there may be more events, where the object breaks.
    pub broken: Option<String>,
}

struct All(Vec<(u64, Box<RawValue>)>);

impl Elements for All {
    fn element(&mut self, element: Element<'_>) {
        let text = minified(element.text);
        if let Some(raw) = text.and_then(|text| RawValue::from_string(text).ok()) {
            self.0.push((element.index, raw));
        }
    }

    fn malformed(&mut self, _index: u64, _what: &'static str) {}
}

fn minified(text: &[u8]) -> Option<String> {
    let mut out = String::new();
    minify(text, &mut out).ok().map(|_repairs| out)
}
