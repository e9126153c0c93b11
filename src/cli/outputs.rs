//! The files that a scan writes, and their formats.
//!
//! [`Args::check`] refuses places that outputs cannot have, such as one file for two outputs. [`Args::open`]
//! opens all files before anything is read, so that a bad path fails in the first moment. Findings go to
//! standard output unless a file is named, as a table if the reader is a person. The summary and the coverage
//! file are written at the end, and the manifest last, since it names all others with their hashes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};

use super::terminal::{self, ColorChoice};
use super::words::UnknownWord;
use super::{UsageError, closed, status};
use roottrail::cancel::Cancel;
use roottrail::checkpoint::Continuation;
use roottrail::error::Fatal;
use roottrail::format::{self, FormatName, TableOptions};
use roottrail::output::file::OutFile;
use roottrail::output::manifest::Manifest;
use roottrail::output::partial::{self, Committed};
use roottrail::output::sink::SinkError;
use roottrail::output::{FindingFile, Outputs};
use roottrail::rules::{self, Rule};
use roottrail::source::disk::Taken;
use roottrail::summary::Summary;

/// Options that name files to write.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub(super) struct Args {
    /// Write findings to a file instead of standard output, which is -
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The format of the findings
    #[arg(short, long, value_name = "FORMAT", default_value = "ndjson", value_parser = closed::named(format_name, format_names))]
    format: FormatName,

    /// A habit: --format ndjson
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,

    /// Write the findings in a further format, to a file, or to - where --output is one
    #[arg(long, value_name = "FORMAT:FILE", value_parser = also)]
    also: Vec<(FormatName, PathBuf)>,

    /// Write the table in this order instead of that of the logs; it appears at the end of the run
    #[arg(long, value_name = "ORDER")]
    sort: Option<SortOrder>,

    #[command(flatten)]
    format_options: super::format_options::Args,

    /// Replace output files that exist
    #[arg(long, help_heading = "Output")]
    pub(super) force: bool,

    /// Leave the record out of the findings
    #[arg(long, help_heading = "Output")]
    no_raw: bool,

    /// Write one JSON line for each object or record that could not be read
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    errors: Option<PathBuf>,

    /// Write the account of the run as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    summary: Option<PathBuf>,

    /// Write what was read of each account, region and day, and what is missing, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    coverage: Option<PathBuf>,

    /// Write what was read and written, with SHA-256 of each, as NDJSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) manifest: Option<PathBuf>,
}

/// The order of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SortOrder {
    /// The earliest finding first
    Time,
}

/// The look of findings on standard output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    /// Whether a person reads them, so that they are a table.
    pub(super) person: bool,
    pub(super) color: ColorChoice,
}

/// Files that are written at the end of a run.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub(super) summary: Option<OutFile>,
    pub(super) coverage: Option<OutFile>,
    pub(super) manifest: Option<OutFile>,
    /// Unfinished files of the same outputs that killed runs had left and that were removed.
    pub(super) left: Vec<PathBuf>,
}

impl Args {
    /// Returns the file of the findings; `None`: standard output.
    pub(super) fn output(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| !is_stdout(path))
    }

    /// Returns whether findings go to standard output.
    pub(super) fn write_to_stdout(&self) -> bool {
        self.output().is_none() || self.also.iter().any(|(_, path)| is_stdout(path))
    }

    /// Refuses an order of findings that are no table for a person's eyes.
    pub(super) fn check_order(&self, screen: Screen) -> Result<(), UsageError> {
        let primary = self.primary(screen);
        let is_table = |name: FormatName| name == FormatName::Table;
        let any = is_table(primary) || self.also.iter().any(|(name, _)| is_table(*name));
        if self.sort == Some(SortOrder::Time) && !any {
            let text = format!(
                "--sort time is for tables (-f table): {primary} is written in the order of the logs, as they are read"
            );
            return Err(UsageError(text));
        }
        Ok(())
    }

    /// Returns the format of the findings that --output or standard output takes.
    fn primary(&self, screen: Screen) -> FormatName {
        if screen.person { FormatName::Table } else { self.format }
    }

    /// Refuses places that outputs cannot have, before anything is touched.
    pub(super) fn check(&self, checkpoint: Option<&Path>, further: &[&Path]) -> Result<(), UsageError> {
        let also = || self.also.iter().map(|(_, path)| path.as_path());
        let others = [
            ("--errors", &self.errors),
            ("--summary", &self.summary),
            ("--coverage", &self.coverage),
            ("--manifest", &self.manifest),
        ];
        let to_stdout = usize::from(self.output().is_none()) + also().filter(|path| is_stdout(path)).count();
        if to_stdout > 1 {
            let text = "standard output takes findings in one format; give --output or --also a file";
            return Err(UsageError(text.into()));
        }
        if let Some((option, _)) = others.iter().find(|(_, path)| path.as_deref().is_some_and(is_stdout)) {
            let text = format!("standard output is for findings: {option} needs a file (./- is one)");
            return Err(UsageError(text));
        }
        if checkpoint.is_some() && to_stdout > 0 {
            let text = "--checkpoint needs findings in regular files: what went to standard output cannot be \
                        resumed";
            return Err(UsageError(text.into()));
        }
        // If two outputs were one file, only the one put in place last would be left. The names of outputs on
        // their way count as well.
        apart(self.places(further))
    }

    /// Returns all files that are written, but for pipes and devices.
    fn places<'a>(&'a self, further: &'a [&Path]) -> impl Iterator<Item = &'a Path> {
        let others = [&self.errors, &self.summary, &self.coverage, &self.manifest].into_iter().flatten();
        let also = self.also.iter().map(|(_, path)| path);
        let all = self.output.iter().chain(also).chain(others).map(PathBuf::as_path);
        all.chain(further.iter().copied()).filter(|path| is_file(path))
    }

    /// Returns the files that stand at the places of outputs now, and those of outputs on their way: none of
    /// them may be read as well.
    pub(super) fn taken(&self, further: &[&Path]) -> Taken {
        taken(self.places(further))
    }

    /// Returns whether there is anything to write besides standard output.
    fn others(&self) -> bool {
        !self.growing().is_empty() || self.summary.is_some() || self.coverage.is_some()
    }

    /// Returns the files that grow with the run, with the options that name them, in the order in which
    /// [`Args::open`] opens them.
    pub(super) fn growing(&self) -> Vec<(String, PathBuf)> {
        let also = self.also.iter().map(|(name, path)| (format!("--also {name}"), path));
        let output = self.output.iter().map(|path| ("--output".to_owned(), path));
        let errors = self.errors.iter().map(|path| ("--errors".to_owned(), path));
        let manifest = self.manifest.iter().map(|path| ("--manifest".to_owned(), path));
        output
            .chain(also)
            .chain(errors)
            .chain(manifest)
            .filter(|(_, path)| !is_stdout(path))
            .map(|(option, path)| (option, path.clone()))
            .collect()
    }

    /// Closes the manifest, which names all outputs that are in place by now. `false`: a stop came while they were
    /// hashed, and the manifest has no last line.
    pub(super) fn close(
        &self,
        mut manifest: Manifest,
        summary: &Summary,
        exit: u8,
        cancel: &Cancel,
    ) -> Result<bool, SinkError> {
        if summary.interrupted {
            return manifest.leave().map(|()| true);
        }
        let last = [("--summary", &self.summary), ("--coverage", &self.coverage)];
        let last = last.into_iter().filter_map(|(option, path)| Some((option.to_owned(), path.clone()?)));
        for (option, path) in self.growing().into_iter().chain(last) {
            if option != "--manifest" {
                match manifest.output(&option, &path, cancel) {
                    Err(_) if cancel.is_set() => return manifest.leave().map(|()| false),
                    hashed => hashed?,
                }
            }
        }
        manifest.end(summary, exit).map(|()| true)
    }

    /// Returns whether findings go to a person: to a terminal, without a format that was asked for.
    pub(super) fn for_a_person(&self, matches: &ArgMatches) -> bool {
        self.output.is_none()
            && !self.json
            && matches.value_source("format") == Some(ValueSource::DefaultValue)
            && terminal::screen_width().is_some()
    }

    /// Returns the file that holds the findings as NDJSON, whole.
    pub(super) fn ndjson(&self) -> Option<&Path> {
        self.output().filter(|_| self.format == FormatName::Ndjson)
    }

    /// Opens all files. `plan` is the run's continuation, where it has a checkpoint. Files that exist are
    /// replaced where `plan`, `resumes` or `--force` says so.
    pub(super) fn open(
        &self,
        plan: Option<&Continuation>,
        resumes: bool,
        screen: Screen,
        cancel: &Cancel,
    ) -> anyhow::Result<(Outputs, Closing)> {
        let mut options = self.format_options.options()?;
        options.table.titles = rules::all().map(|rule| (rule.id, titles(rule))).collect();
        let mut committed = match plan {
            // Every output is in its place, and stays as it is.
            Some(Continuation::LookOnly { .. }) => {
                return Ok((Outputs::new(Vec::new(), None, false), Closing::default()));
            }
            Some(Continuation::Resume(committed)) => committed.clone().into_iter(),
            _ => Vec::new().into_iter(),
        };
        let mut left = Vec::new();
        // The line of progress may stand where the findings go.
        let stdout = || OutFile::stdout(cancel).map(|file| file.before_writes(status::clear));
        let mut create = |path: &Path| -> Result<OutFile, Fatal> {
            if is_stdout(path) {
                return stdout();
            }
            let committed: Committed = committed.next().unwrap_or_default();
            // This run, or an earlier part of it, may have put a file there; a file that appears later is not
            // replaced.
            let replace = self.force || (resumes && path.exists());
            let file = if plan.is_some() {
                OutFile::resumable(path, replace, committed)?
            } else {
                OutFile::create_until(path, replace, cancel)?
            };
            left.extend(file.left().map(Path::to_owned));
            Ok(file)
        };
        let first = match &self.output {
            Some(path) => create(path)?,
            None => stdout()?,
        };
        let format = self.primary(screen);
        let mut findings = Vec::new();
        let further =
            self.also.iter().map(|(name, path)| create(path).map(|file| (*name, is_stdout(path), file)));
        for file in std::iter::once(Ok((format, self.output().is_none(), first))).chain(further) {
            let (name, on_screen, file) = file?;
            let TableOptions { width, color, .. } = TableOptions::default();
            options.table.ascii = on_screen && terminal::screen_width().is_some() && terminal::is_ascii();
            (options.table.width, options.table.color) = match terminal::screen_width() {
                Some(width) if on_screen => (width, screen.color.on_stdout()),
                _ if on_screen => (width, screen.color == ColorChoice::Always),
                _ => (width, color),
            };
            let format = format::create(name, &options);
            if self.no_raw && format.needs_record() {
                let text = format!("--no-raw leaves the record out, and the format {name} carries it");
                return Err(UsageError(text).into());
            }
            let file = FindingFile::new(format, file).map_err(unwritable)?;
            let sorted = self.sort.is_some() && name == FormatName::Table;
            findings.push(if sorted { file.sorted_by_time() } else { file });
        }
        let errors = self.errors.as_deref().map(&mut create).transpose()?;
        let manifest = self.manifest.as_deref().map(&mut create).transpose()?;
        let summary = self.summary.as_deref().map(&mut create).transpose()?;
        let coverage = self.coverage.as_deref().map(&mut create).transpose()?;
        let mut outputs = Outputs::new(findings, errors, !self.no_raw);
        if self.others() {
            outputs = outputs.with_others();
        }
        Ok((outputs, Closing { summary, coverage, manifest, left }))
    }
}

/// Closes an output. A reader that has gone is no error.
pub(super) fn closing(result: Result<(), SinkError>, summary: &mut Summary) -> anyhow::Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(SinkError::Closed) => {
            summary.closed = true;
            Ok(())
        }
        Err(SinkError::Failed(fatal)) => Err(fatal.into()),
    }
}

/// Returns the error of a file that cannot be begun.
pub(super) fn unwritable(error: SinkError) -> anyhow::Error {
    match error {
        SinkError::Failed(fatal) => fatal.into(),
        SinkError::Closed => io::Error::from(io::ErrorKind::BrokenPipe).into(),
    }
}

/// Returns the titles of a rule in a table: of a success, and of an attempt that failed.
fn titles(rule: &Rule) -> [String; 2] {
    [rule.title_of(false).to_owned(), rule.title_of(true).to_owned()]
}

/// Returns whether a path is `-`, standard output as in other programs. A file of this name is `./-`.
fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Refuses outputs that stand at the place of another output, or of one on its way.
pub(super) fn apart<'p>(paths: impl Iterator<Item = &'p Path>) -> Result<(), UsageError> {
    let mut places = BTreeMap::new();
    for path in paths {
        let place = place(path);
        for name in std::iter::once(place.clone()).chain(partial::derived(&place)) {
            if let Some(other) = places.insert(name, path) {
                let same = place == self::place(other);
                let (one, other) = (path.display(), other.display());
                return Err(UsageError(match same {
                    true => format!("{one} is named for two outputs"),
                    false => format!("{one} and {other} are in each other's way: name another file"),
                }));
            }
        }
    }
    Ok(())
}

/// Returns the files at the places of outputs, and those of outputs on their way.
pub(super) fn taken<'p>(paths: impl Iterator<Item = &'p Path>) -> Taken {
    let mut taken = Taken::default();
    for path in paths {
        let place = place(path);
        let names = std::iter::once(place.clone()).chain(partial::derived(&place));
        for metadata in names.filter_map(|name| name.metadata().ok()) {
            taken.add(&metadata, path);
        }
    }
    taken
}

/// Returns whether an output is a file, or will be one: neither a pipe nor a device.
pub(super) fn is_file(path: &Path) -> bool {
    !is_stdout(path) && path.metadata().map_or(true, |metadata| metadata.is_file())
}

/// Returns where a file is, or will be, however its path is spelled.
fn place(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_new| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = folder.canonicalize().unwrap_or_else(|_missing| folder.to_owned());
        path.file_name().map_or(folder.clone(), |name| folder.join(name))
    })
}

pub(super) fn format_name(text: &str) -> Result<FormatName, UnknownWord> {
    text.parse().map_err(|_unknown| UnknownWord::new("format", text, format_names()))
}

pub(super) fn format_names() -> Vec<String> {
    FormatName::ALL.iter().map(|name| name.as_str().to_owned()).collect()
}

fn also(text: &str) -> Result<(FormatName, PathBuf), String> {
    let (name, path) = text.split_once(':').ok_or("FORMAT:FILE, such as ecs:findings-ecs.ndjson")?;
    Ok((format_name(name).map_err(|unknown| unknown.to_string())?, path.into()))
}
