//! A root user's row in a report, and when the report was made.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::Serialize;

use super::value::When;
use crate::posture::problem::Problem;

/// What says when a report was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateBasis {
    /// `GeneratedTime`, as `aws iam get-credential-report` prints it.
    GeneratedTime,
    /// The name of the file, or of a folder.
    FileName,
    /// `--as-of`
    AsOf,
    /// Nothing: the latest date in the report. It was made then or later.
    LatestDate,
}

/// When a report was made: a moment, or some time of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportDate {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
}

impl ReportDate {
    /// Returns a moment.
    pub fn at(time: Timestamp) -> Self {
        Self { from: time, until: time }
    }

    /// Returns a day in UTC. `None` at the end of time.
    pub fn day(date: Date) -> Option<Self> {
        let from = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let until = from.checked_add(SignedDuration::from_secs(24 * 60 * 60 - 1)).ok()?;
        Some(Self { from, until })
    }

    /// Returns the day of its first moment.
    pub fn date(&self) -> Date {
        self.from.to_zoned(TimeZone::UTC).date()
    }
}

/// One of a root user's two access keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::posture) struct Key {
    pub(in crate::posture) active: Option<bool>,
    pub(in crate::posture) rotated: When,
    pub(in crate::posture) last_used: When,
    pub(in crate::posture) region: Option<String>,
    pub(in crate::posture) service: Option<String>,
}

impl Key {
    /// Returns whether the report shows an active key, or an inactive one that it has a date for.
    pub(in crate::posture) fn exists(&self) -> Option<bool> {
        match (self.active, self.rotated) {
            (Some(true), _) | (_, When::At(_)) => Some(true),
            (Some(false), _) => Some(false),
            (None, _) => None,
        }
    }
}

/// A root user's row in one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::posture) struct Sample {
    pub(in crate::posture) account: String,
    /// As in the report, with the account's partition.
    pub(in crate::posture) arn: String,
    pub(in crate::posture) date: ReportDate,
    pub(in crate::posture) basis: DateBasis,
    pub(in crate::posture) file: String,
    pub(in crate::posture) line: u64,
    pub(in crate::posture) created: When,
    pub(in crate::posture) password_enabled: Option<bool>,
    pub(in crate::posture) password_last_used: When,
    pub(in crate::posture) mfa_active: Option<bool>,
    pub(in crate::posture) keys: [Key; 2],
    /// `AccountAccessKeysPresent` of the account summary, where it was asked for.
    pub(in crate::posture) keys_present: Option<bool>,
    /// `AccountMFAEnabled` of the account summary, where it was asked for.
    pub(in crate::posture) mfa_enabled: Option<bool>,
}

/// What a file of reports holds.
#[derive(Debug, Default)]
pub(in crate::posture) struct Read {
    pub(in crate::posture) samples: Vec<Sample>,
    pub(in crate::posture) problems: Vec<Problem>,
    /// What is worth knowing and is no problem, such as columns that are new.
    pub(in crate::posture) notes: Vec<String>,
}
