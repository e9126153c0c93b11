//! The objects that were read: 8 bytes each while their day can still receive deliveries, one fingerprint for
//! a whole day after that.
//!
//! An object is known by a hash. [`ReadObjects`] keeps the hashes of each [`Part`], which is mostly the
//! folder of one day. A day that is closed is folded into a [`Closed`]: the number of its objects and a hash
//! over their sorted hashes. In a checkpoint the parts of one folder share its name, and numbers are packed
//! by [`super::pack`].

use std::collections::{BTreeMap, HashMap};

use jiff::civil::{Date, date};
use jiff::{SignedDuration, ToSpan as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::pack::{BadPack, Parts, from_text, numbers_from_text, numbers_to_text, to_text, unreadable};
use crate::object::Part;

/// The folder above a day, with the source that listed it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Series {
    /// The place of the source on the command line: a run may list a folder twice.
    pub(crate) source: u32,
    pub(crate) folder: String,
    /// The account; empty outside the CloudTrail layout.
    pub(crate) account: String,
    pub(crate) region: String,
}

/// All folders, numbered.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    list: Vec<Series>,
    numbers: HashMap<Series, u32>,
}

impl SeriesTable {
    pub(crate) fn number(&mut self, series: Series) -> u32 {
        let next = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let list = &mut self.list;
        *self.numbers.entry(series).or_insert_with_key(|series| {
            list.push(series.clone());
            next
        })
    }

    pub(crate) fn get(&self, part: Part) -> Option<&Series> {
        self.list.get(part.series as usize)
    }
}

/// The fingerprint of a day that is closed to further deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) objects: u64,
    print: [u8; 16],
}

impl Closed {
    /// Returns the fingerprint of all objects of the day, in any order.
    pub(crate) fn of(mut identities: Vec<u64>) -> Self {
        identities.sort_unstable();
        identities.dedup();
        let mut hash = Sha256::new();
        for identity in &identities {
            hash.update(identity.to_be_bytes());
        }
        let mut print = [0; 16];
        print.copy_from_slice(&hash.finalize()[..16]);
        Self { objects: identities.len() as u64, print }
    }
}

/// The objects that were read, by part.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadObjects {
    pub(crate) open: BTreeMap<Part, Vec<u64>>,
    pub(crate) closed: BTreeMap<Part, Closed>,
}

/// One folder in the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedSeries {
    source: u32,
    folder: String,
    account_id: String,
    region: String,
    /// The closed days, 30 bytes each: the day, the visit, the number of objects, and their fingerprint.
    closed: String,
    open: Vec<SavedDay>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedDay {
    day: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    visit: u32,
    objects: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl ReadObjects {
    pub(crate) fn save(&self, table: &SeriesTable) -> Vec<SavedSeries> {
        let mut all: BTreeMap<u32, (Vec<u8>, Vec<SavedDay>)> = BTreeMap::new();
        for (part, closed) in &self.closed {
            let (rows, _) = all.entry(part.series).or_default();
            rows.extend_from_slice(&part.day.unwrap_or(i32::MIN).to_be_bytes());
            rows.extend_from_slice(&part.visit.to_be_bytes()[2..]);
            rows.extend_from_slice(&closed.objects.to_be_bytes());
            rows.extend_from_slice(&closed.print);
        }
        for (part, identities) in &self.open {
            let (_, days) = all.entry(part.series).or_default();
            let objects = numbers_to_text(identities);
            days.push(SavedDay { day: part.day.map(day_text), visit: part.visit, objects });
        }
        let mut saved = Vec::with_capacity(all.len());
        for (series, (rows, open)) in all {
            let Some(Series { source, folder, account, region }) = table.list.get(series as usize).cloned()
            else {
                continue;
            };
            saved.push(SavedSeries {
                source,
                folder,
                account_id: account,
                region,
                closed: to_text(&rows),
                open,
            });
        }
        saved
    }

    pub(crate) fn load(saved: Vec<SavedSeries>, table: &mut SeriesTable) -> Result<Self, BadPack> {
        let mut objects = Self::default();
        for SavedSeries { source, folder, account_id, region, closed, open } in saved {
            let series = table.number(Series { source, folder, account: account_id, region });
            let rows = from_text(&closed)?;
            let mut rows = Parts(&rows);
            while !rows.is_empty() {
                let day = Some(i32::from_be_bytes(rows.take()?)).filter(|&day| day != i32::MIN);
                let visit = u16::from_be_bytes(rows.take()?).into();
                let count = u64::from_be_bytes(rows.take()?);
                let closed = Closed { objects: count, print: rows.take()? };
                objects.closed.insert(Part { series, day, visit }, closed);
            }
            for SavedDay { day, visit, objects: identities } in open {
                let day = match day {
                    Some(text) => Some(day_number(&text).ok_or_else(|| unreadable("not a day"))?),
                    None => None,
                };
                objects.open.insert(Part { series, day, visit }, numbers_from_text(&identities)?);
            }
        }
        Ok(objects)
    }
}

const EPOCH: Date = date(1970, 1, 1);

/// Returns the days since 1970 of `YYYY-MM-DD`; `None` for days that no calendar has.
pub(crate) fn day_number(text: &str) -> Option<i32> {
    let day: Date = text.parse().ok()?;
    i32::try_from(day.duration_since(EPOCH).as_hours() / 24).ok()
}

/// Returns `YYYY-MM-DD` of the days since 1970.
pub(crate) fn day_text(number: i32) -> String {
    EPOCH.checked_add(number.days()).map_or_else(|_| number.to_string(), |day| day.to_string())
}

/// Returns the first day that is still open at `now`, for deliveries that come up to `window` late.
pub(crate) fn first_open_day(now: jiff::Timestamp, window: SignedDuration) -> i32 {
    let seconds = now.as_second().saturating_sub(window.as_secs());
    i32::try_from(seconds.div_euclid(86_400)).unwrap_or(i32::MAX)
}
