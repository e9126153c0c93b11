//! The display of a run at work: a bar on a terminal, a line every five seconds elsewhere.
//!
//! [`Progress`] is the run's [`Observer`]. `Progress` is called for every object and draws only now and then.
//! Errors are printed as they come, the first hundred of them unless all are asked for, and the bar is moved
//! out of their way. Messages from other threads, such as those about lost access, go through the same
//! display.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::{line, plain};
use roottrail::error::ObjectError;
use roottrail::pipeline::Observer;
use roottrail::summary::Summary;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressChoice {
    /// A bar on a terminal, plain lines elsewhere
    Auto,
    /// A bar
    Bar,
    /// A line every five seconds
    Plain,
    /// Nothing
    Never,
}

/// Time between two plain lines.
const PLAIN: Duration = Duration::from_secs(5);
/// Time between two moves of the bar.
const BAR: Duration = Duration::from_millis(100);
/// Error lines that are shown; the error file and the summary have all of them.
const ERRORS_SHOWN: u64 = 100;

/// Shows progress and errors on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    plain: bool,
    show_errors: bool,
    all_errors: bool,
    start: Instant,
    last: Instant,
    errors: u64,
}

impl Progress {
    /// Returns a display. `quiet` shows nothing, not even errors; `verbose` shows all errors.
    pub(super) fn new(choice: ProgressChoice, quiet: bool, verbose: bool) -> Self {
        let choice = match choice {
            _ if quiet => ProgressChoice::Never,
            ProgressChoice::Auto if io::stderr().is_terminal() => ProgressChoice::Bar,
            ProgressChoice::Auto => ProgressChoice::Plain,
            choice => choice,
        };
        let now = Instant::now();
        let bar = (choice == ProgressChoice::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar
        });
        Self {
            bar,
            plain: choice == ProgressChoice::Plain,
            show_errors: !quiet,
            all_errors: verbose,
            start: now,
            last: now,
            errors: 0,
        }
    }

    /// Removes the bar, so that the closing summary stands alone.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.errors > ERRORS_SHOWN && self.show_errors && !self.all_errors {
            let more = self.errors - ERRORS_SHOWN;
            line(&format!("roottrail: {more} more errors; --errors FILE writes them all, -v shows them all"));
        }
    }

    /// Returns a function that shows a message, from any thread.
    pub(super) fn voice(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let (bar, silent) = (self.bar.clone(), !self.show_errors);
        move |text: &str| {
            let text = format!("roottrail: {}", plain(text));
            match &bar {
                _ if silent => {}
                Some(bar) => bar.suspend(|| line(&text)),
                None => line(&text),
            }
        }
    }

    fn text(&self, summary: &Summary, listed: u64, all_listed: bool) -> String {
        let objects = &summary.objects;
        let done = objects.skipped + objects.scanned + objects.failed;
        let seconds = self.start.elapsed().as_secs_f64();
        let mut text = format!(
            "{done} of {listed}{} objects, {} records, {} findings, {} failed, {}/s",
            if all_listed { "" } else { "+" },
            summary.records.scanned,
            summary.findings.written,
            objects.failed,
            super::units::bytes(summary.bytes.uncompressed as f64 / seconds.max(0.001)),
        );
        for (name, p50, p99) in summary.latency.percentiles() {
            if p99 > 0.0 {
                text.push_str(&format!(", {name} p50 {p50:.1} p99 {p99:.1} ms"));
            }
        }
        text
    }
}

impl Observer for Progress {
    fn progress(&mut self, summary: &Summary, listed: u64, all_listed: bool) {
        if self.bar.is_none() && !self.plain {
            return;
        }
        let wait = if self.bar.is_some() { BAR } else { PLAIN };
        if self.last.elapsed() < wait {
            return;
        }
        self.last = Instant::now();
        let text = self.text(summary, listed, all_listed);
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            None => line(&format!("roottrail: {text}")),
        }
    }

    fn error(&mut self, error: &ObjectError) {
        self.errors += 1;
        if !self.show_errors || (self.errors > ERRORS_SHOWN && !self.all_errors) {
            return;
        }
        let text = format!("roottrail: {}", plain(&error.to_string()));
        match &self.bar {
            Some(bar) => bar.suspend(|| line(&text)),
            None => line(&text),
        }
    }
}
