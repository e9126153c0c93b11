//! `roottrail schema`: the JSON Schemas (2020-12) of what roottrail writes.

use std::process::ExitCode;

use clap::ValueEnum;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which schema
    #[arg(value_enum, default_value = "finding")]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// A line of findings
    Finding,
    /// A line of --errors
    Error,
    /// --summary
    Summary,
    /// --coverage
    Coverage,
    /// A line of --manifest
    Manifest,
    /// --checkpoint
    Checkpoint,
    /// verify --format json
    Verify,
    /// report --json
    Report,
    /// What posture prints as JSON
    Posture,
    /// plan.json of shard plan
    ShardPlan,
    /// A line of a part of shard run
    Part,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    super::commands::print(match args.of {
        Of::Finding => roottrail::schema::FINDING.as_bytes(),
        Of::Error => roottrail::schema::ERROR.as_bytes(),
        Of::Summary => roottrail::schema::SUMMARY.as_bytes(),
        Of::Coverage => roottrail::schema::COVERAGE.as_bytes(),
        Of::Manifest => roottrail::schema::MANIFEST.as_bytes(),
        Of::Checkpoint => roottrail::schema::CHECKPOINT.as_bytes(),
        Of::Verify => roottrail::schema::VERIFY.as_bytes(),
        Of::Report => roottrail::schema::REPORT.as_bytes(),
        Of::Posture => roottrail::schema::POSTURE.as_bytes(),
        Of::ShardPlan => roottrail::schema::SHARD_PLAN.as_bytes(),
        Of::Part => roottrail::schema::PART.as_bytes(),
    })
}
