//! `bulk`: requests for Elasticsearch's and OpenSearch's `_bulk`, two lines a finding.

use std::fmt;
use std::str::FromStr;

use super::ecs::{Dataset, Ecs};
use super::write::Object;
use super::{Format, FormatError};
use crate::finding::Finding;

/// The name of an index or a data stream.
///
/// Elasticsearch's rule: lower case, no spaces, none of `\/*?"<>|,#:`, not starting with `-`, `_` or `+`, not
/// `.` or `..`, at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexName(String);

/// A text that cannot name an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' cannot name an index: lower case, no spaces, none of \\/*?\"<>|,#:, not starting with -, _ or +, at most 255 bytes"
)]
pub struct BadIndexName(String);

impl IndexName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IndexName {
    type Err = BadIndexName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = (1..=255).contains(&text.len())
            && !text.starts_with(['-', '_', '+'])
            && text != "."
            && text != ".."
            && !text.contains(|c: char| {
                c.is_uppercase() || c.is_whitespace() || c.is_control() || "\\/*?\"<>|,#:".contains(c)
            });
        if good { Ok(Self(text.into())) } else { Err(BadIndexName(text.into())) }
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `create` actions with ECS documents.
///
/// `create` rather than `index`: data streams accept nothing else, and with the finding's id as `_id` a
/// document that is already there is refused (409) instead of doubled.
#[derive(Clone, Debug)]
pub struct Bulk {
    index: String,
    with_id: bool,
    ecs: Ecs,
}

impl Bulk {
    /// Returns actions for `index`, or for the dataset's own data stream.
    pub fn new(index: Option<&IndexName>, dataset: Dataset) -> Self {
        let index = index.map_or_else(|| dataset.stream(), |index| index.as_str().to_owned());
        Self { index, with_id: true, ecs: Ecs::new(dataset) }
    }

    /// Leaves out `_id`, for OpenSearch Serverless time series collections, which refuse ids. Nothing then
    /// protects from doubles but a search for `roottrail.finding_id`.
    pub fn without_ids(self) -> Self {
        Self { with_id: false, ..self }
    }
}

impl Format for Bulk {
    fn needs_record(&self) -> bool {
        true
    }

    fn header(&self, _out: &mut Vec<u8>) {}

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let start = out.len();
        Object::write(out, |action| {
            action.object("create", |create| {
                create.str("_index", &self.index);
                if self.with_id {
                    create.plain("_id", finding.id);
                }
            });
        });
        out.push(b'\n');
        let written = self.ecs.write(finding, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for good in ["roottrail-findings-v1", "logs-roottrail.finding-default", ".internal", "ü"] {
            assert!(good.parse::<IndexName>().is_ok(), "{good}");
        }
        for bad in ["", "Logs", "a b", "a/b", "-a", "_all", "..", "a,b", "a\n", &"x".repeat(256)] {
            assert!(bad.parse::<IndexName>().is_err(), "{bad}");
        }
        assert!("aws.cloudtrail".parse::<Dataset>().is_ok());
        assert!("aws-cloudtrail".parse::<Dataset>().is_err());
    }
}
