//! The display of a run at work: a line that is drawn again on a terminal, a line every five seconds elsewhere.
//!
//! [`Progress`] is the run's [`Observer`]. `Progress` is called for every object and draws only now and then.
//! What is drawn is a [`Work`]. Errors are printed as they come, the first hundred of them unless all are asked
//! for; the drawn line goes out of their way, and out of that of messages from other threads.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use clap::ValueEnum;

use super::status;
use super::terminal::{self, line, plain};
use super::units::counted;
use super::work::{Rank, Work};
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
    choice: ProgressChoice,
    show_errors: bool,
    verbose: bool,
    start: Instant,
    last: Instant,
    errors: u64,
    /// Lines drawn so far.
    turn: usize,
}

impl Progress {
    /// Returns a display. `quiet` shows nothing, not even errors; `verbose` shows all errors, and latencies.
    pub(super) fn new(choice: ProgressChoice, quiet: bool, verbose: bool) -> Self {
        let choice = match choice {
            _ if quiet => ProgressChoice::Never,
            ProgressChoice::Auto if io::stderr().is_terminal() && !terminal::is_dumb() => ProgressChoice::Bar,
            ProgressChoice::Auto => ProgressChoice::Plain,
            choice => choice,
        };
        let now = Instant::now();
        Self { choice, show_errors: !quiet, verbose, start: now, last: now, errors: 0, turn: 0 }
    }

    /// Shows how far the work is, where it is time to. `fill` adds the parts.
    pub(super) fn show(&mut self, fill: impl FnOnce(&mut Work)) {
        let wait = match self.choice {
            ProgressChoice::Never => return,
            ProgressChoice::Bar => BAR,
            _ => PLAIN,
        };
        if self.last.elapsed() < wait {
            return;
        }
        self.last = Instant::now();
        let mut work = Work { elapsed: self.start.elapsed(), ..Work::default() };
        fill(&mut work);
        if self.choice == ProgressChoice::Bar {
            self.turn += 1;
            status::draw(|width| work.line(width, self.turn));
        } else {
            line(&format!("roottrail: {}", work.plain()));
        }
    }

    /// Removes the line, so that the closing summary stands alone.
    pub(super) fn finish(&self) {
        status::clear();
        if self.errors > ERRORS_SHOWN && self.show_errors && !self.verbose {
            let more = counted(self.errors - ERRORS_SHOWN, "more error", "more errors");
            line(&format!("roottrail: {more}; --errors FILE writes them all, -v shows them all"));
        }
    }

    /// Returns a function that shows a message, from any thread.
    pub(super) fn voice(&self) -> impl Fn(&str) + Send + Sync + 'static {
        let silent = !self.show_errors;
        move |text: &str| {
            if !silent {
                line(&format!("roottrail: {}", plain(text)));
            }
        }
    }
}

impl Observer for Progress {
    fn progress(&mut self, summary: &Summary, listed: u64, all_listed: bool) {
        let verbose = self.verbose;
        self.show(|work| {
            let objects = &summary.objects;
            let done = objects.skipped + objects.scanned + objects.failed;
            work.objects(done, listed, all_listed);
            work.part(Rank::Records, format!("{} records", summary.records.scanned));
            work.findings(summary.findings.written);
            work.part(Rank::Failed, format!("{} failed", objects.failed));
            work.rate(summary.bytes.uncompressed);
            for (name, p50, p99) in summary.latency.percentiles() {
                if verbose && p99 > 0.0 {
                    work.part(Rank::Latency, format!("{name} p50 {p50:.1} p99 {p99:.1} ms"));
                }
            }
        });
    }

    fn error(&mut self, error: &ObjectError) {
        self.errors += 1;
        if self.show_errors && (self.errors <= ERRORS_SHOWN || self.verbose) {
            line(&format!("roottrail: {}", plain(&error.to_string())));
        }
    }
}
