//! `roottrail posture`: files to an assessment, its outcome to an exit code.
//!
//! Files of each kind are read in the order of the arguments, and the files of a folder in the order of their
//! names. With `--live`, AWS answers in place of files. The assessment itself is the library's
//! ([`roottrail::posture`]). A file that cannot be read or does not fit is a problem that is printed and
//! makes the exit code 3; the others are still judged.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use jiff::SignedDuration;

use super::sources::refuse_taken;
use super::terminal::{self, plain};
use super::{UsageError, code, outputs, posture_live};
use roottrail::bounded;
use roottrail::cancel::Cancel;
use roottrail::output::file::OutFile;
use roottrail::posture::{self, Assessment, Posture, PostureOptions, ProblemKind, ReportDate, render};

/// Arguments of `posture`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// IAM credential reports, or folders of them: CSV, base64, or the JSON of `aws iam get-credential-report`
    #[arg(value_name = "CREDENTIAL-REPORT", required_unless_present = "live")]
    reports: Vec<PathBuf>,

    /// The time of reports that say none (2025-11-19, or RFC 3339); later reports are left out
    #[arg(long, value_name = "DATE", value_parser = posture::parse_as_of)]
    as_of: Option<ReportDate>,

    /// How long before its report a use is recent: a span, or study (7d), cis (24h), netskope (1d)
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = recent)]
    recent: SignedDuration,

    /// Leave accounts younger than this out of use
    #[arg(long, value_name = "SPAN", default_value = "30d", value_parser = super::values::parse_span)]
    new_account: SignedDuration,

    /// Keys older than this are old
    #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = super::values::parse_span)]
    key_age: SignedDuration,

    /// Outputs of `aws iam list-virtual-mfa-devices`, or folders of them
    #[arg(long, value_name = "FILE", help_heading = "Beside the reports")]
    virtual_mfa: Vec<PathBuf>,

    /// What AWS Organizations says of service control policies and what they are attached to, or folders of it
    #[arg(long, value_name = "FILE", num_args = 1.., help_heading = "Beside the reports")]
    scp: Vec<PathBuf>,

    /// Outputs of `aws organizations list-accounts`, or folders of them
    #[arg(long, value_name = "FILE", help_heading = "Beside the reports")]
    organizations: Vec<PathBuf>,

    /// Findings of a scan (ndjson, gzipped or not), to hold the reports against
    #[arg(long, value_name = "FILE", help_heading = "Beside the reports")]
    findings: Vec<PathBuf>,

    #[command(flatten)]
    live: posture_live::Args,

    /// How to print the assessment
    #[arg(short, long, value_enum, default_value = "table", help_heading = "Output")]
    format: Format,

    /// Write to a file instead of standard output, which is -
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    output: Option<PathBuf>,

    /// Replace an output file that exists
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// End with exit code 10 where a practice is violated
    #[arg(long, help_heading = "Output")]
    fail_on_violations: bool,

    /// Write nothing to standard error but what ends the run
    #[arg(short, long, help_heading = "Interface")]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For machines: roottrail.posture/1
    Json,
    /// The accounts, for spreadsheets
    Csv,
}

/// The report of an account with five thousand users has a few megabytes, and that is the most that there are.
const MOST: u64 = 256 << 20;
/// Problems that are named one by one on standard error.
const MOST_NAMED: usize = 100;

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    refuse_inputs(args)?;
    let output = match args.output.as_deref().filter(|path| path.as_os_str() != "-") {
        Some(path) => OutFile::create(path, args.force)?,
        // The output is as short as a table: nobody needs to stop it.
        None => OutFile::stdout(&Cancel::new())?,
    };
    let mut posture = Posture::new(PostureOptions {
        as_of: args.as_of,
        recent: args.recent,
        new_account: args.new_account,
        key_age: args.key_age,
    });
    each(&mut posture, &args.reports, REPORTS, Posture::credential_report)?;
    args.live.fetch(&mut posture)?;
    each(&mut posture, &args.virtual_mfa, JSON, Posture::virtual_mfa)?;
    each(&mut posture, &args.organizations, JSON, Posture::organization)?;
    each(&mut posture, &args.scp, JSON, Posture::organization)?;
    for path in &args.findings {
        let name = path.display().to_string();
        let mut reader = findings(path).with_context(|| format!("cannot read the findings {name}"))?;
        posture.findings(&name, &mut reader);
    }
    let assessment = posture.assess();
    let exit = exit_code(&assessment, args.fail_on_violations);
    write(output, &assessment, args.format, exit)?;
    if !args.quiet {
        complain(&assessment);
    }
    Ok(ExitCode::from(exit))
}

/// Refuses an output that is read as well, or stands in a folder that is.
fn refuse_inputs(args: &Args) -> anyhow::Result<()> {
    let Some(output) = args.output.as_deref().filter(|path| outputs::is_file(path)) else { return Ok(()) };
    let inputs = [&args.reports, &args.virtual_mfa, &args.organizations, &args.scp, &args.findings];
    let names: Vec<_> = inputs.into_iter().flatten().map(|path| path.as_os_str().to_owned()).collect();
    refuse_taken(&outputs::taken(std::iter::once(output)), &names, None)?;
    let Ok(place) = output.canonicalize() else { return Ok(()) };
    for folder in names.iter().filter_map(|name| Path::new(name).canonicalize().ok()) {
        if place.starts_with(&folder) {
            let (output, folder) = (output.display(), folder.display());
            let text = format!("the output {output} stands in {folder}, which is read: name another file");
            return Err(UsageError(text).into());
        }
    }
    Ok(())
}

fn exit_code(assessment: &Assessment, fail_on_violations: bool) -> u8 {
    if !assessment.complete {
        code::INCOMPLETE
    } else if assessment.inputs.samples == 0 {
        code::NOTHING
    } else if fail_on_violations && assessment.has_violations() {
        code::FINDINGS
    } else {
        code::COMPLETE
    }
}

fn write(mut output: OutFile, assessment: &Assessment, format: Format, exit: u8) -> anyhow::Result<()> {
    let bytes = match format {
        Format::Table => {
            // Names of accounts and policies may be anybody's text, and the reader has a terminal.
            let lines = render::table(assessment);
            lines.lines().map(|line| plain(line) + "\n").collect::<String>().into_bytes()
        }
        Format::Json => format!("{:#}\n", assessment.to_json(exit)).into_bytes(),
        Format::Csv => render::csv(assessment),
    };
    output.write(&bytes).map_err(super::outputs::unwritable)?;
    output.finish().map_err(super::outputs::unwritable)?;
    Ok(())
}

fn complain(assessment: &Assessment) {
    let problems = &assessment.problems;
    for problem in problems.iter().take(MOST_NAMED) {
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        terminal::line(&plain(&format!("roottrail: {}{line}: {}", problem.file, problem.message)));
    }
    if problems.len() > MOST_NAMED {
        terminal::line(&format!("roottrail: and {} more problems", problems.len() - MOST_NAMED));
    }
    if !problems.is_empty() {
        let text = format!("roottrail: problems: {}; the rest was judged", problems.len());
        terminal::line(&text);
    }
    if assessment.inputs.samples == 0 {
        terminal::line("roottrail: there is no credential report with a root user");
    }
}

/// Endings of the names that are read in a folder; `""` for names without one.
const REPORTS: &[&str] = &["csv", "json", "txt", "b64", "base64", ""];
const JSON: &[&str] = &["json", "jsonl", "ndjson", "txt", ""];

/// Reads files, and the files of folders in the order of names.
fn each(
    posture: &mut Posture,
    paths: &[PathBuf],
    endings: &[&str],
    read: fn(&mut Posture, &str, &[u8]),
) -> anyhow::Result<()> {
    for path in paths {
        if path.as_os_str() == "-" {
            let bytes = bounded::read(io::stdin().lock(), MOST).context("cannot read standard input")?;
            read(posture, "-", &bytes);
            continue;
        }
        let metadata = path.metadata().with_context(|| format!("cannot read {}", path.display()))?;
        if !metadata.is_dir() {
            one(posture, path, read);
            continue;
        }
        let walk = walkdir::WalkDir::new(path).follow_links(true).sort_by_file_name();
        let shown = |entry: &walkdir::DirEntry| {
            entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
        };
        for entry in walk.into_iter().filter_entry(shown) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let ending = entry.path().extension().unwrap_or_default().to_ascii_lowercase();
                    if endings.iter().any(|known| ending == **known) {
                        one(posture, entry.path(), read);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let name = error.path().unwrap_or(path).display().to_string();
                    posture.problem(&name, ProblemKind::Unreadable, error.to_string());
                }
            }
        }
    }
    Ok(())
}

fn one(posture: &mut Posture, path: &Path, read: fn(&mut Posture, &str, &[u8])) {
    let name = path.display().to_string();
    match bounded::file(path, MOST) {
        Ok(bytes) => read(posture, &name, &bytes),
        Err(error) => posture.problem(&name, ProblemKind::Unreadable, format!("it cannot be read: {error}")),
    }
}

/// Opens findings, inflated where they are gzipped.
fn findings(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(1 << 20, flate2::read::MultiGzDecoder::new(file))));
    }
    Ok(Box::new(file))
}

/// Reads a span of time, or the name of a definition.
fn recent(text: &str) -> Result<SignedDuration, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "study" => Ok(SignedDuration::from_hours(7 * 24)),
        "cis" | "netskope" => Ok(SignedDuration::from_hours(24)),
        text => super::values::parse_span(text)
            .map_err(|error| format!("{error}; or study (7d), cis (24h), netskope (1d)")),
    }
}
