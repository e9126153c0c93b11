//! `roottrail shard`: a scan that many machines do, and its result put together.

mod collect;
mod frozen;
mod place;
mod plan;
mod run;
mod status;

use std::process::ExitCode;

use clap::{ArgMatches, Subcommand};

/// Arguments of `shard`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// List once, and cut what a scan would read into shards of even size
    Plan(Box<plan::Args>),
    /// Read one shard, and commit its part unless somebody has
    Run(Box<run::Args>),
    /// Show which parts are there, and what they hold
    Status(Box<status::Args>),
    /// Put the parts together: the result has the bytes of one scan
    Collect(Box<collect::Args>),
}

impl Args {
    pub(super) fn writes_to_stdout(&self) -> bool {
        match &self.job {
            Job::Plan(_) | Job::Run(_) => false,
            Job::Status(_) => true,
            Job::Collect(args) => args.writes_to_stdout(),
        }
    }
}

/// `matches` are those of `shard`.
pub(super) fn run(args: &Args, matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
    // The matches of the job are those of its subcommand.
    match &args.job {
        Job::Plan(args) => plan::run(args, matches),
        Job::Run(args) => run::run(args, matches),
        Job::Status(args) => status::run(args, matches, &mut std::io::stdout().lock()),
        Job::Collect(args) => collect::run(args, matches),
    }
}
