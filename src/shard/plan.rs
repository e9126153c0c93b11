//! The plan of a scan in shards, `roottrail.shard-plan/1`.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex::hex;
use crate::key::stretch::Stretch;

/// The name of the schema.
pub const PLAN_SCHEMA: &str = "roottrail.shard-plan/1";
/// The name of the plan in its place.
pub const PLAN_NAME: &str = "plan.json";

/// A plan that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Not a plan.
    #[error("it is no plan of shards: {0}")]
    Unreadable(String),
    /// A plan of another program.
    #[error("it was made by roottrail {plan}, and this is {own}: all shards of a plan need the same version")]
    Version {
        /// The version that made the plan.
        plan: String,
        /// This version.
        own: String,
    },
}

/// What was asked for: two plans of one request are the same plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanRequest {
    /// The sources as given, in output order.
    pub sources: Vec<String>,
    /// The options that decide what is read and found, as arguments of `scan`.
    pub options: Vec<String>,
    /// The options that say where S3 is, as arguments of `scan`. A shard may be given others.
    pub aws: Vec<String>,
    /// The options that decide how many shards there are.
    pub cut: Vec<String>,
    /// Whether objects are hashed, so that a manifest can be written.
    pub manifest: bool,
}

/// A source of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSource {
    /// As in the request.
    pub uri: String,
    /// The time of the last write, in milliseconds since 1970, behind which an object is no part of the plan; `null`
    /// where the listing tells no times.
    pub until_ms: Option<i64>,
    /// A folder of plans and parts within the source, which no shard reads.
    pub besides: Option<String>,
    /// Objects in scope.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardPlan {
    /// `roottrail.shard-plan/1`.
    pub schema: String,
    /// The version of roottrail, which all shards need.
    pub version: String,
    /// When the listing began; relative times of the options are before this.
    pub created: String,
    /// What was asked for.
    pub request: ScanRequest,
    /// The sources, in output order.
    pub sources: Vec<PlannedSource>,
    /// Objects of all shards.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether all that is in scope could be listed.
    pub complete: bool,
    /// The shards, in output order.
    pub shards: Vec<Shard>,
}

/// What one worker reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Objects in all ranges.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The stretches of keys, in output order: mostly one, several where sources are small, none where there are
    /// fewer keys than shards.
    pub ranges: Vec<ShardRange>,
}

/// A stretch of the keys of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRange {
    /// The place of the source, from 0.
    pub source: usize,
    /// The first key, or path on disk; empty for the beginning.
    pub from: String,
    /// The first key behind the range; `null` for the end.
    pub to: Option<String>,
    /// Objects in scope when the plan was made.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl ShardPlan {
    /// Reads a plan.
    ///
    /// # Errors
    ///
    /// Fails where the text is no plan, and where another version of roottrail made it.
    pub fn parse(text: &[u8]) -> Result<Self, PlanError> {
        let plan: Self =
            serde_json::from_slice(text).map_err(|error| PlanError::Unreadable(error.to_string()))?;
        let wrong = |text: String| Err(PlanError::Unreadable(text));
        if plan.schema != PLAN_SCHEMA {
            return wrong(format!("its schema is {:?}, and this version reads {PLAN_SCHEMA}", plan.schema));
        }
        let own = env!("CARGO_PKG_VERSION");
        if plan.version != own {
            return Err(PlanError::Version { plan: plan.version, own: own.to_owned() });
        }
        if !plan.is_whole() {
            return wrong("its ranges leave keys out, or read some twice".to_owned());
        }
        Ok(plan)
    }

    /// Returns the plan as text.
    pub fn to_text(&self) -> Vec<u8> {
        // Strings and numbers in structs always serialize.
        let mut text = serde_json::to_vec_pretty(self).expect("a plan is strings and numbers");
        text.push(b'\n');
        text
    }

    /// Returns the SHA-256 of a plan's text, in hexadecimal digits.
    pub fn sha256(text: &[u8]) -> String {
        hex(&Sha256::digest(text))
    }

    /// Returns the keys of a range, as its source lists them.
    pub fn stretch(&self, range: &ShardRange) -> Stretch {
        let source = self.sources.get(range.source);
        Stretch {
            from: range.from.clone(),
            to: range.to.clone(),
            until: source.and_then(|source| source.until_ms),
            besides: source.and_then(|source| source.besides.clone()),
        }
    }

    /// Returns whether the ranges hold each key of each source once, in order.
    fn is_whole(&self) -> bool {
        let mut ranges = self.shards.iter().flat_map(|shard| &shard.ranges).peekable();
        let each = (0..self.sources.len()).all(|source| {
            let mut from = Some(String::new());
            while let Some(range) = ranges.next_if(|range| range.source == source) {
                let starts = from.as_ref() == Some(&range.from);
                if !starts || range.to.as_ref().is_some_and(|to| *to <= range.from) {
                    return false;
                }
                from.clone_from(&range.to);
            }
            from.is_none()
        });
        each && ranges.peek().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(ranges: &[&[(usize, &str, Option<&str>)]], sources: usize) -> ShardPlan {
        let range = |&(source, from, to): &(usize, &str, Option<&str>)| ShardRange {
            source,
            from: from.into(),
            to: to.map(str::to_owned),
            ..ShardRange::default()
        };
        ShardPlan {
            schema: PLAN_SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            sources: vec![PlannedSource::default(); sources],
            shards: ranges
                .iter()
                .map(|ranges| Shard { ranges: ranges.iter().map(range).collect(), ..Shard::default() })
                .collect(),
            ..ShardPlan::default()
        }
    }

    #[test]
    fn a_plan_with_holes_is_refused() {
        let whole = plan(&[&[(0, "", Some("k"))], &[], &[(0, "k", None), (1, "", None)]], 2);
        assert_eq!(ShardPlan::parse(&whole.to_text()).as_ref(), Ok(&whole));
        for broken in [
            plan(&[&[(0, "", Some("k"))], &[(0, "l", None)]], 1),
            plan(&[&[(0, "", Some("k"))]], 1),
            plan(&[&[(0, "a", None)]], 1),
            plan(&[&[(0, "", None)], &[(0, "", None)]], 1),
            plan(&[&[(0, "", None)]], 2),
            plan(&[&[(0, "", Some("k")), (0, "k", Some("k")), (0, "k", None)]], 1),
            plan(&[&[(1, "", None)], &[(0, "", None)]], 2),
            plan(&[&[(0, "", None), (1, "", None)]], 1),
        ] {
            let error = ShardPlan::parse(&broken.to_text()).unwrap_err();
            assert!(matches!(error, PlanError::Unreadable(_)), "{error}");
        }
    }

    #[test]
    fn plans_of_other_versions_are_refused() {
        let other = ShardPlan { version: "0.0.1".into(), ..plan(&[&[(0, "", None)]], 1) };
        assert!(matches!(ShardPlan::parse(&other.to_text()), Err(PlanError::Version { .. })));
        let other = ShardPlan { schema: "roottrail.shard-plan/2".into(), ..plan(&[&[(0, "", None)]], 1) };
        assert!(matches!(ShardPlan::parse(&other.to_text()), Err(PlanError::Unreadable(_))));
        assert!(matches!(ShardPlan::parse(b"{}"), Err(PlanError::Unreadable(_))));
    }
}
