//! The command line: the only place that knows clap.
//!
//! [`run`] parses the arguments and calls the command. Each command is a module with its [`clap::Args`] and a
//! function from them to an exit code; the work itself is done by the library. Options that several commands
//! share are argument groups of their own. Errors are printed once, here, with their causes. A reader of
//! standard output that goes away ends a command quietly.

mod almost_s3;
mod aws;
mod checkpoint;
mod closed;
mod closing;
mod commands;
mod event_names;
mod events;
mod evidence;
mod explain;
mod follow;
mod format_options;
mod help;
mod highlights_text;
mod keys;
mod nothing;
mod outputs;
mod plan;
mod plan_text;
mod posture;
mod posture_live;
mod progress;
mod report;
mod rules;
mod scan;
mod schema;
mod screen;
mod selection;
mod shard;
mod ship;
mod signals;
mod sources;
mod status;
mod stdout;
mod summary_text;
mod terminal;
mod units;
mod values;
mod verify;
mod verify_checkpoint;
mod verify_text;
mod words;
mod work;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

/// Find every use of the AWS root user in CloudTrail logs, with the field that proves it.
#[derive(Debug, Parser)]
#[command(name = "roottrail", version, about, max_term_width = 100, infer_subcommands = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stream objects, find root activity, write findings
    Scan(Box<scan::Args>),
    /// List only: what a scan would read, and what it costs
    Plan(Box<plan::Args>),
    /// Cut a scan into shards for many machines, and put the parts together
    Shard(Box<shard::Args>),
    /// Read objects as S3 announces them through SQS, for as long as you like
    Follow(Box<follow::Args>),
    /// Check digests, their signatures, and every log against them
    Verify(Box<verify::Args>),
    /// Judge IAM credential reports: is root used, has it keys, has it MFA
    Posture(Box<posture::Args>),
    /// List the rules, or show one in full
    Rules(rules::Args),
    /// Show why an event is, or is not, a finding
    Explain(Box<explain::Args>),
    /// Deliver findings to Elasticsearch, OpenSearch or Splunk, exactly
    Ship(Box<ship::Args>),
    /// Tell what happened: sessions, timeline and the measures of root use, from findings
    Report(Box<report::Args>),
    /// Print the JSON Schema of a finding, or of another file that a scan writes
    Schema(schema::Args),
    /// Print a completion script for a shell
    Completions(commands::CompletionArgs),
    /// Print the manual page
    Man(commands::ManArgs),
}

/// Returns the command line with the whole of its help. Without a choice of ours, clap would colour it for any
/// terminal where CI is set.
fn command() -> clap::Command {
    let color = if screen::is_dumb() { clap::ColorChoice::Never } else { clap::ColorChoice::Auto };
    // The other names of --end would take --to.
    let command = Cli::command()
        .mut_subcommand("follow", |follow| follow.mut_arg("end", |end| end.alias(None::<&str>)));
    help::complete(command).color(color)
}

impl Command {
    fn writes_to_stdout(&self) -> bool {
        match self {
            Command::Scan(args) => args.writes_to_stdout(),
            Command::Shard(args) => args.writes_to_stdout(),
            Command::Follow(args) => args.writes_to_stdout(),
            Command::Ship(_) => false,
            _ => true,
        }
    }
}

/// Runs the command that the arguments name.
pub(crate) fn run() -> ExitCode {
    let parsed = command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches).map(|cli| (cli, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version go to standard output and are no errors. A closed pipe is none either.
            let _printed = error.print();
            return ExitCode::from(if error.use_stderr() { code::USAGE } else { code::COMPLETE });
        }
    };
    if cli.command.writes_to_stdout() && stdout::was_closed() {
        terminal::line("roottrail: standard output is closed");
        return ExitCode::from(code::FATAL);
    }
    let result = match cli.command {
        Command::Scan(args) => {
            // The matches of `scan` are those of its subcommand, if it was named.
            scan::run(&args, matches.subcommand().map_or(&matches, |(_, matches)| matches))
        }
        Command::Plan(args) => plan::run(&args, &mut std::io::stdout().lock()),
        Command::Shard(args) => {
            shard::run(&args, matches.subcommand().map_or(&matches, |(_, matches)| matches))
        }
        Command::Follow(args) => follow::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Posture(args) => posture::run(&args),
        Command::Rules(args) => rules::run(&args, &mut std::io::stdout().lock()),
        Command::Explain(args) => explain::run(&args, &mut std::io::stdout().lock()),
        Command::Ship(args) => ship::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => commands::completions(&args, command()),
        Command::Man(args) => commands::man(&args, command()),
    };
    match result {
        Ok(exit) => exit,
        Err(error) => {
            if is_closed_pipe(&error) {
                return ExitCode::from(code::COMPLETE);
            }
            terminal::print_error(&error);
            let usage = error.downcast_ref::<UsageError>().is_some();
            ExitCode::from(if usage { code::USAGE } else { code::FATAL })
        }
    }
}

/// The exit codes, as the README lists them.
mod code {
    pub(super) const COMPLETE: u8 = 0;
    pub(super) const FATAL: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const INCOMPLETE: u8 = 3;
    pub(super) const INTEGRITY: u8 = 4;
    pub(super) const NOTHING: u8 = 5;
    pub(super) const FINDINGS: u8 = 10;
    pub(super) const INTERRUPTED: u8 = 130;
}

/// Arguments that contradict each other or name what does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct UsageError(String);

/// Returns whether the reader of standard output has gone. A closed pipe that was named as an output, and a
/// server that closed its connection, are errors.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    if error.is::<roottrail::error::Fatal>() || error.is::<roottrail::ship::ShipError>() {
        return false;
    }
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
