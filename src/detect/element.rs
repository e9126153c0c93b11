//! From an element's bytes to a judged finding: check the grammar, take the event, parse, judge.

use serde_json::value::RawValue;

use super::build::{self, Place};
use crate::finding::Finding;
use crate::json::canonical::{Fingerprint, fingerprint, fingerprint_of_text};
use crate::json::minify::{Repairs, minify};
use crate::json::parse::{self, parse};
use crate::json::readings::has_duplicates;
use crate::judge;
use crate::rules;

/// A finding, and the fingerprint by which copies of an event are compared.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The finding, as if it were the first copy of its event.
    pub finding: Finding,
    /// A hash that copies share if they are equal as JSON values.
    pub fingerprint: Fingerprint,
}

impl Judged {
    /// Names an event that stands under a key beside another one: some readers see it, some the other.
    pub(crate) fn is_one_of_several(&mut self) {
        rules::add(&mut self.finding, rules::AMBIGUOUS_RECORD);
        let text = self.finding.cloudtrail.as_deref().map_or("", RawValue::get);
        // A copy that every reader sees is another record.
        self.fingerprint = fingerprint_of_text(text);
    }
}

/// The result of reading one element.
#[derive(Debug)]
pub struct Examined {
    /// The finding; `None`: the element does not concern root.
    pub judged: Option<Judged>,
    /// The repairs that reading needed.
    pub repairs: Repairs,
    /// The event's own `eventTime`.
    pub time: Option<String>,
}

/// The reason why an element is not a readable record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The grammar does not allow the text.
    #[error("{0}")]
    Syntax(#[from] crate::json::minify::SyntaxError),
    /// The element is no event, or not at a place where events are read.
    #[error("{0}")]
    Shape(&'static str),
    /// The JSON library refused a text that passed our own check.
    #[error("unreadable record: {0}")]
    Text(String),
}

/// Buffers that one element after another uses.
#[derive(Debug, Default)]
pub struct ElementScratch {
    record: String,
    parse: parse::Scratch,
}

/// Reads and judges one event. `repairs` is what was repaired in the container that held it.
///
/// # Errors
///
/// Fails where the text is no JSON by the grammar, and where it is no event.
pub fn examine(
    text: &[u8],
    mut repairs: Repairs,
    place: &Place<'_>,
    scratch: &mut ElementScratch,
) -> Result<Examined, Malformed> {
    let ElementScratch { record, parse: buffers } = scratch;
    record.clear();
    repairs.add(minify(text, record)?);
    let record: &str = record;
    if !record.starts_with('{') {
        return Err(Malformed::Shape("the event is not an object"));
    }
    let tree = parse(record, buffers);
    let time = tree.str_at(&["eventTime"]).map(str::to_owned);
    // Only an element that concerns root is worth a copy of its text.
    if judge::verdict(&tree).identity.is_none() && !has_duplicates(&tree) {
        return Ok(Examined { judged: None, repairs, time });
    }
    let (mut finding, print) = match build::judge(&tree, record, place) {
        build::Judged::Plain(None) => return Ok(Examined { judged: None, repairs, time }),
        build::Judged::Plain(Some(finding)) => (finding, fingerprint(&tree, record)),
        // Readers disagree on the value, so that only the same text is the same record.
        build::Judged::Ambiguous(finding) => (finding, fingerprint_of_text(record)),
        build::Judged::Unsure => {
            return Err(Malformed::Shape("a record with more duplicate keys than can be tried"));
        }
    };
    let raw = RawValue::from_string(record.to_owned()).map_err(|error| Malformed::Text(error.to_string()))?;
    build::with_record(&mut finding, raw);
    Ok(Examined { judged: Some(Judged { finding, fingerprint: print }), repairs, time })
}
