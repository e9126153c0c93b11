//! `roottrail report`: arguments to a report, and the report to its places.
//!
//! The command opens the findings files and the files with facts about the accounts, and hands all of them to
//! the library ([`roottrail::report`]). The report is then written in each form that was asked for: text for
//! a terminal, HTML, Markdown, JSON. A file appears whole or not at all. An output that is one of the inputs
//! is refused.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use jiff::SignedDuration;

use super::outputs::unwritable;
use super::terminal::{self, ColorChoice, plain};
use super::values::parse_span;
use super::{UsageError, code};
use roottrail::output::file::OutFile;
use roottrail::report::{self, ContextFiles, ReportOptions, RootReport, TextOptions};

/// The width of the text where standard output is no terminal.
const WIDTH: usize = 120;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Findings files, as `scan -f ndjson` writes them; gzip too; - is standard input
    #[arg(value_name = "FINDINGS", required = true)]
    files: Vec<PathBuf>,

    /// Write a page: one file, with charts, search and filters; it works without a network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,

    /// Write the tables as Markdown
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    markdown: Option<PathBuf>,

    /// Write everything as JSON (roottrail.report/1)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    json: Option<PathBuf>,

    /// Replace output files that exist
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// Name accounts and their organization: output of `aws organizations list-accounts`
    #[arg(long, value_name = "FILE", help_heading = "What else is known")]
    organizations: Vec<PathBuf>,

    /// Sizes of accounts: CSV lines `account,assets`, or a JSON object
    #[arg(long, value_name = "FILE", help_heading = "What else is known")]
    inventory: Option<PathBuf>,

    /// What the scan covered: its --summary
    #[arg(long, value_name = "FILE", help_heading = "What else is known")]
    summary: Vec<PathBuf>,

    /// The accounts' settings: output of `roottrail posture --format json`
    #[arg(long, value_name = "FILE", help_heading = "What else is known")]
    posture: Option<PathBuf>,

    /// Leave uses out of the measures that fall into an account's first days, such as 30d; needs
    /// --organizations
    #[arg(long, value_name = "SPAN", value_parser = parse_span, help_heading = "What else is known")]
    new_account: Option<SignedDuration>,

    /// Write no text to standard output
    #[arg(short, long, help_heading = "Interface")]
    quiet: bool,

    /// When to use colour
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", help_heading = "Interface")]
    color: ColorChoice,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.new_account.is_some() && args.organizations.is_empty() {
        let text = "--new-account needs --organizations, which tells when an account joined";
        return Err(UsageError(text.into()).into());
    }
    let outputs: Vec<&Path> =
        [&args.html, &args.markdown, &args.json].into_iter().filter_map(|path| path.as_deref()).collect();
    for (at, output) in outputs.iter().enumerate() {
        let beside =
            args.organizations.iter().chain(&args.inventory).chain(&args.summary).chain(&args.posture);
        if let Some(input) = args.files.iter().chain(beside).find(|input| same(input, output)) {
            return Err(UsageError(format!("{} would be read and written", input.display())).into());
        }
        if outputs[..at].iter().any(|other| *other == *output || same(other, output)) {
            return Err(UsageError(format!("{} is named for two outputs", output.display())).into());
        }
    }
    // Whatever cannot be written is known before a long read.
    let create =
        |path: &Option<PathBuf>| path.as_ref().map(|path| OutFile::create(path, args.force)).transpose();
    let (json, markdown, html) = (create(&args.json)?, create(&args.markdown)?, create(&args.html)?);
    let report = report::build(&ReportOptions {
        files: args.files.clone(),
        beside: ContextFiles {
            organizations: args.organizations.clone(),
            inventory: args.inventory.clone(),
            summaries: args.summary.clone(),
            posture: args.posture.clone(),
        },
        new_account: args.new_account.map(|span| span.as_secs()),
    })?;
    if let Some(file) = json {
        let mut text = serde_json::to_vec_pretty(&report).context("cannot make the JSON")?;
        text.push(b'\n');
        write(file, &text)?;
    }
    if let Some(file) = markdown {
        write(file, report::markdown(&report).as_bytes())?;
    }
    if let Some(file) = html {
        write(file, report::html(&report)?.as_bytes())?;
    }
    for input in report.inputs.iter().filter(|input| input.unread > 0) {
        let fault = input.fault.as_deref().unwrap_or_default();
        let all = if input.unread == 1 { String::new() } else { format!("; {} such lines", input.unread) };
        terminal::line(&format!("roottrail: {}: {}{all}", plain(&input.file), plain(fault)));
    }
    if !args.quiet {
        print(&report, args.color)?;
    }
    Ok(ExitCode::from(if report.totals.unread > 0 { code::INCOMPLETE } else { code::COMPLETE }))
}

fn print(report: &RootReport, colour: ColorChoice) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = terminal::screen_width().map_or(WIDTH, |width| width.max(40));
    let text = report::text(report, TextOptions { width, colour: colour.on_stdout() });
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn write(mut file: OutFile, bytes: &[u8]) -> anyhow::Result<()> {
    file.write(bytes).and_then(|()| file.finish()).map_err(unwritable)
}

/// Returns whether two paths are one file that exists.
fn same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other && one.is_file(),
        _ => false,
    }
}
