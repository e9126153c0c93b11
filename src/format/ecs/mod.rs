//! `ecs`: findings as documents of the Elastic Common Schema, one a line.
//!
//! The event's fields are Elastic's own for CloudTrail, written by `map`. What roottrail found out stands
//! under `roottrail.*` and nowhere else. A document carries the record's own text in `event.original`, so
//! this format cannot work with `--no-raw`.

use std::fmt;
use std::str::FromStr;

use super::write::Object;
use super::{Format, FormatError, record};
use crate::finding::Finding;

mod category;
mod fields;
mod java;
mod map;

/// The dataset part of a data stream's name, `logs-<dataset>-default`.
///
/// The rule is Elasticsearch's for index names, without the dash, which separates the parts: lower case, no
/// spaces, none of `\/*?"<>|,#:-`, not starting with `_`, `+` or `.`, at most 100 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset(String);

/// A text that cannot be a dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' cannot be a dataset: lower case, no spaces, none of \\/*?\"<>|,#:-, not starting with _, + or ., at most 100 bytes"
)]
pub struct BadDataset(String);

impl Dataset {
    /// Returns the dataset's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the data stream that documents of this dataset belong to.
    pub fn stream(&self) -> String {
        format!("logs-{}-default", self.0)
    }
}

impl Default for Dataset {
    /// Returns `roottrail.finding`: a dataset of our own, so that nobody's CloudTrail documents are doubled.
    fn default() -> Self {
        Self("roottrail.finding".into())
    }
}

impl FromStr for Dataset {
    type Err = BadDataset;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = (1..=100).contains(&text.len())
            && !text.starts_with(['_', '+', '.'])
            && !text.contains(|c: char| {
                c.is_uppercase() || c.is_whitespace() || c.is_control() || "\\/*?\"<>|,#:-".contains(c)
            });
        if good { Ok(Self(text.into())) } else { Err(BadDataset(text.into())) }
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The format of ECS documents.
#[derive(Clone, Debug, Default)]
pub struct Ecs {
    dataset: Dataset,
}

impl Ecs {
    /// Returns the format of documents that name `dataset`.
    pub fn new(dataset: Dataset) -> Self {
        Self { dataset }
    }

    /// Appends the document without a newline.
    pub(super) fn document(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let (record, original) = record::of(finding)?;
        Object::write(out, |doc| {
            map::record(&record, original, &self.dataset, doc);
            doc.object("roottrail", |ours| verdict(finding, ours));
        });
        Ok(())
    }
}

impl Format for Ecs {
    fn needs_record(&self) -> bool {
        true
    }

    fn header(&self, _out: &mut Vec<u8>) {}

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        self.document(finding, out)?;
        out.push(b'\n');
        Ok(())
    }
}

/// Returns the document of a CloudTrail record alone, root's or not, as JSON: the field map below the filter.
/// The text must be the output of [`crate::json::minify::minify`].
pub fn record_document(minified: &str, dataset: &Dataset) -> Vec<u8> {
    let record = record::read(minified);
    let mut out = Vec::new();
    Object::write(&mut out, |doc| map::record(&record, minified, dataset, doc));
    out
}

/// Writes the verdict of roottrail.
fn verdict(finding: &Finding, ours: &mut Object<'_>) {
    ours.str("schema", &finding.schema);
    ours.plain("finding_id", finding.id);
    ours.name("severity", finding.severity);
    ours.bool("attempt", finding.attempt);
    ours.strs("rules", &finding.rules);
    ours.strs("attack", &finding.attack);
    ours.str_opt("account_id", finding.account_id.as_deref());
    ours.name("outcome", finding.outcome);
    ours.object("event", |event| event.str_opt("addendum", finding.event.addendum.as_deref()));
    ours.object("identity", |identity| {
        identity.name("kind", finding.identity.kind);
        identity.str_opt("issuer_arn", finding.identity.issuer_arn.as_deref());
    });
    ours.object("credential", |credential| {
        credential.name_opt("type", finding.credential.kind);
        credential.name_opt("basis", finding.credential.basis);
    });
    ours.object("mfa", |mfa| {
        mfa.name_opt("status", finding.mfa.status);
        mfa.name_opt("evidence", finding.mfa.evidence);
        mfa.name_opt("device", finding.mfa.device);
        mfa.bool("conflict", finding.mfa.conflict);
    });
    ours.object("session", |session| session.str_opt("id", finding.session.id.as_deref()));
    let evidence = &finding.evidence;
    ours.object("evidence", |object| {
        object.str("uri", &evidence.uri);
        object.str_opt("etag", evidence.etag.as_deref());
        object.str_opt("version_id", evidence.version_id.as_deref());
        object.str_opt("sha256", evidence.sha256.as_deref());
        object.int("record_index", i64::try_from(evidence.record_index).unwrap_or(i64::MAX));
        object.name("integrity", evidence.integrity);
        object.bool("damaged", evidence.damaged);
        object.str_opt("conflict_with", evidence.conflict_with.as_deref());
    });
}
