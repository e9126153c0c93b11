//! The JSON Schemas (2020-12) of the files that roottrail writes.

/// `roottrail.finding/1`
pub const FINDING: &str = include_str!("finding.json");
/// `roottrail.error/1`
pub const ERROR: &str = include_str!("error.json");
/// `roottrail.summary/1`
pub const SUMMARY: &str = include_str!("summary.json");
/// `roottrail.coverage/1`
pub const COVERAGE: &str = include_str!("coverage.json");
/// A line of `roottrail.manifest/1`
pub const MANIFEST: &str = include_str!("manifest.json");
/// `roottrail.checkpoint/2`
pub const CHECKPOINT: &str = include_str!("checkpoint.json");
/// `roottrail.verify/1`
pub const VERIFY: &str = include_str!("verify.json");
/// `roottrail.report/1`
pub const REPORT: &str = include_str!("report.json");
/// `roottrail.posture/1`
pub const POSTURE: &str = include_str!("posture.json");
/// `roottrail.shard-plan/1`
pub const SHARD_PLAN: &str = include_str!("shard-plan.json");
/// A line of a part, `roottrail.part/1` the last of them
pub const PART: &str = include_str!("part.json");
