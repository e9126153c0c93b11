//! Output formats: pure functions from a [`Finding`] to bytes.
//!
//! A format keeps no state between findings, reads no clock and opens nothing: the same finding gives the
//! same bytes, always. Each `write` appends whole lines, so that a cut between two findings is a clean cut.
//! A new format is one file here, one [`FormatName`] and one arm in [`create`].

use std::fmt;
use std::str::FromStr;

use crate::finding::Finding;

mod bulk;
pub(crate) mod csv;
mod ecs;
mod hec;
mod ndjson;
mod ocsf;
mod record;
mod table;
mod time;
mod write;

pub use bulk::{BadIndexName, Bulk, IndexName};
pub use csv::Csv;
pub use ecs::{BadDataset, Dataset, Ecs, record_document};
pub use hec::Hec;
pub use ndjson::Ndjson;
pub use ocsf::{Ocsf, OcsfClass, UnknownOcsfClass};
pub use table::{TableFormat, TableOptions};
pub(crate) use time::millis;

/// Turns findings into the bytes of one output format.
pub trait Format: Send + Sync {
    /// Returns whether the format carries the record itself, and so cannot work with `--no-raw`.
    fn needs_record(&self) -> bool;

    /// Appends what stands before the first finding.
    fn header(&self, out: &mut Vec<u8>);

    /// Appends one finding as whole lines.
    ///
    /// # Errors
    ///
    /// Fails where the finding lacks a record that the format carries, and where the finding cannot be
    /// expressed as JSON. Nothing has been appended then.
    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError>;
}

/// The reason why a finding could not be written in a format.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The format carries the record, and the finding was written with `--no-raw`.
    #[error(
        "finding {id} has no cloudtrail record, which this format carries (was it written with --no-raw?)"
    )]
    NoRecord {
        /// The finding's id.
        id: String,
    },
    /// The finding cannot be expressed as JSON.
    #[error("finding {id} cannot be written")]
    Json {
        /// The finding's id.
        id: String,
        /// The cause.
        source: serde_json::Error,
    },
}

/// The formats, by the names that the command line uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FormatName {
    /// One finding a line, in roottrail's own schema.
    Ndjson,
    /// A line a finding, for people.
    Table,
    /// Elastic Common Schema documents, as Elastic's AWS integration makes them.
    Ecs,
    /// Open Cybersecurity Schema Framework events.
    Ocsf,
    /// Envelopes for Splunk's HTTP Event Collector.
    Hec,
    /// Requests for Elasticsearch's and OpenSearch's `_bulk`.
    Bulk,
    /// A table for spreadsheets.
    Csv,
}

impl FormatName {
    /// All formats, in the order in which help texts list them.
    pub const ALL: &[FormatName] = &[
        FormatName::Ndjson,
        FormatName::Table,
        FormatName::Ecs,
        FormatName::Ocsf,
        FormatName::Hec,
        FormatName::Bulk,
        FormatName::Csv,
    ];

    /// Returns the name as written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            FormatName::Ndjson => "ndjson",
            FormatName::Table => "table",
            FormatName::Ecs => "ecs",
            FormatName::Ocsf => "ocsf",
            FormatName::Hec => "hec",
            FormatName::Bulk => "bulk",
            FormatName::Csv => "csv",
        }
    }
}

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no format has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no format is called '{0}'")]
pub struct UnknownFormat(String);

impl FromStr for FormatName {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// The options of all formats, of which each format reads its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// `data_stream.dataset` of ECS documents.
    pub ecs_dataset: Dataset,
    /// The OCSF classes that findings become.
    pub ocsf_class: OcsfClass,
    /// Splunk's index; `None`: the token's default.
    pub hec_index: Option<String>,
    /// The index of `_bulk` documents; `None`: the dataset's data stream.
    pub bulk_index: Option<IndexName>,
    /// The width of the table, and what stands in it.
    pub table: TableOptions,
}

/// Returns the format of that name.
pub fn create(name: FormatName, options: &FormatOptions) -> Box<dyn Format> {
    match name {
        FormatName::Ndjson => Box::new(Ndjson),
        FormatName::Table => Box::new(TableFormat::new(options.table.clone())),
        FormatName::Ecs => Box::new(Ecs::new(options.ecs_dataset.clone())),
        FormatName::Ocsf => Box::new(Ocsf::new(options.ocsf_class)),
        FormatName::Hec => Box::new(Hec::new(options.hec_index.clone())),
        FormatName::Bulk => Box::new(Bulk::new(options.bulk_index.as_ref(), options.ecs_dataset.clone())),
        FormatName::Csv => Box::new(Csv),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        let names: Vec<&str> = FormatName::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["ndjson", "table", "ecs", "ocsf", "hec", "bulk", "csv"]);
        for name in FormatName::ALL {
            assert_eq!(name.as_str().parse(), Ok(*name));
        }
        assert_eq!("NDJSON".parse::<FormatName>(), Err(UnknownFormat("NDJSON".into())));
    }
}
