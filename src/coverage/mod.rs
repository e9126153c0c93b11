//! The coverage ledger: what was listed and read of each account, region and day, and what is missing.

mod gaps;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use gaps::{Gap, GapKind, Stop, gaps};

use crate::key::KeyInfo;

/// The name of the schema of the coverage file.
pub const SCHEMA: &str = "roottrail.coverage/1";

/// The account of one account, region and day: what was listed and what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Objects read whole.
    pub read: u64,
    /// Objects not read, or not whole.
    pub failed: u64,
    /// Objects read, or looked at, and found to hold no events.
    pub without_events: u64,
    /// Objects passed over by their names. Each part of a run counts all of these.
    #[serde(skip)]
    pub skipped: u64,
    /// Objects read by an earlier run.
    #[serde(skip)]
    pub known: u64,
    /// Stored bytes read.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// Findings written.
    pub findings: u64,
    /// The earliest and the latest `eventTime`.
    pub span: Option<([u8; 20], [u8; 20])>,
    /// When logs were delivered, by their names.
    pub delivered: Slots,
    /// When digests were delivered, by their names. Digests come every hour while a trail is on.
    #[serde(skip)]
    pub digests: Slots,
}

/// The five minutes of a day in which there was something: twelve bits for each hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots([u16; 24]);

impl Slots {
    /// Marks five minutes, counted from the beginning of the day.
    pub fn mark(&mut self, slot: usize) {
        if let Some(hour) = self.0.get_mut(slot / 12) {
            *hour |= 1 << (slot % 12);
        }
    }

    /// Returns whether there was something in these five minutes.
    pub fn has(&self, slot: usize) -> bool {
        self.0.get(slot / 12).is_some_and(|hour| hour & (1 << (slot % 12)) != 0)
    }

    /// Returns in how many of its twelve parts an hour had something.
    pub fn of_hour(&self, hour: usize) -> u32 {
        self.0.get(hour).map_or(0, |hour| hour.count_ones())
    }

    /// Returns whether there was anything at all.
    pub fn any(&self) -> bool {
        self.0.iter().any(|&hour| hour != 0)
    }

    /// Marks all that another day has.
    pub fn join(&mut self, other: &Self) {
        for (hour, more) in self.0.iter_mut().zip(other.0) {
            *hour |= more;
        }
    }
}

impl Coverage {
    /// Returns the objects read, or tried.
    pub fn objects(&self) -> u64 {
        self.read + self.failed
    }

    /// Returns the objects that the listing named.
    pub fn listed(&self) -> u64 {
        self.objects() + self.skipped()
    }

    /// Returns the objects that were not read, or held no events.
    pub fn skipped(&self) -> u64 {
        self.without_events + self.skipped + self.known
    }

    /// Widens the span.
    pub fn see(&mut self, first: [u8; 20], last: [u8; 20]) {
        let span = self.span.get_or_insert((first, last));
        span.0 = span.0.min(first);
        span.1 = span.1.max(last);
    }

    /// Returns a row of the summary.
    pub fn to_json(&self, key: &KeyInfo) -> Value {
        let text = |time: &[u8; 20]| String::from_utf8_lossy(time).into_owned();
        json!({
            "account_id": part(&key.account),
            "region": part(&key.region),
            "day": part(&key.day),
            "objects": self.objects(),
            "listed": self.listed(),
            "read": self.read,
            "skipped": self.skipped(),
            "failed": self.failed,
            "bytes": self.bytes,
            "records": self.records,
            "findings": self.findings,
            "first_event_time": self.span.as_ref().map(|(first, _)| text(first)),
            "last_event_time": self.span.as_ref().map(|(_, last)| text(last)),
        })
    }
}

impl Coverage {
    /// Returns a row of the coverage file: in how many of its twelve parts each hour had logs and digests
    /// delivered.
    pub fn to_json_with_hours(&self, key: &KeyInfo) -> Value {
        let mut row = self.to_json(key);
        for (name, slots) in [("hours", &self.delivered), ("digest_hours", &self.digests)] {
            let hours: Vec<u32> = (0..24).map(|hour| slots.of_hour(hour)).collect();
            row[name] = json!(hours);
        }
        row
    }
}

/// Returns `null` for what a key does not say.
pub(crate) fn part(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
