//! How far a run is, in one line.
//!
//! [`Work`] is composed for a width: what matters least is left out first, in a fixed order, until the line fits.
//! All of the line is ASCII, so that every locale shows it and every character takes one cell.

use std::time::Duration;

use super::units::{bytes, counted};

/// The account of a run at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    pub(super) elapsed: Duration,
    /// What is done, and what there is; `None`: that is not known yet.
    pub(super) share: Option<(u64, u64)>,
    /// The parts of the line behind the bar, in order, each with its rank.
    pub(super) parts: Vec<(Rank, String)>,
}

/// How long a part stays in the line. The last one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Stays whatever the width.
    Always,
    Findings,
    Failed,
    Eta,
    Elapsed,
    Bar,
    Rate,
    Records,
    Latency,
}

/// Cells of the bar without its brackets.
const BAR: usize = 20;
/// The turning sign that stands in place of the bar.
const TURNS: [&str; 4] = ["|", "/", "-", "\\"];

impl Work {
    /// Adds a part.
    pub(super) fn part(&mut self, rank: Rank, text: impl Into<String>) {
        self.parts.push((rank, text.into()));
    }

    /// Adds the bytes of a second, by the bytes of the whole time.
    pub(super) fn rate(&mut self, read: u64) {
        let rate = read as f64 / self.elapsed.as_secs_f64().max(0.001);
        self.part(Rank::Rate, format!("{}/s", bytes(rate)));
    }

    /// Adds objects, as many of as many as are listed, and what failed.
    pub(super) fn objects(&mut self, done: u64, listed: u64, all_listed: bool) {
        let open = if all_listed { "" } else { "+" };
        self.part(Rank::Always, format!("{done} of {listed}{open} objects"));
        self.share = all_listed.then_some((done, listed));
    }

    /// Adds findings.
    pub(super) fn findings(&mut self, n: u64) {
        self.part(Rank::Findings, counted(n, "finding", "findings"));
    }

    /// Returns the time that is left, if what is done so far allows a guess.
    fn left(&self) -> Option<Duration> {
        let (done, all) = self.share.filter(|&(done, all)| 0 < done && done < all)?;
        Some(self.elapsed.mul_f64((all - done) as f64 / done as f64))
    }

    /// Returns the line for a terminal of so many cells; `turn` counts the lines drawn.
    pub(super) fn line(&self, width: usize, turn: usize) -> String {
        let mut most = Rank::Latency;
        loop {
            let line = self.compose(most, turn);
            if line.len() <= width {
                return line;
            }
            most = match self.ranks().filter(|&rank| rank < most).max() {
                Some(rank) => rank,
                // The parts that always stay are cut where there is no room for them.
                None => return line.chars().take(width).collect(),
            };
        }
    }

    /// Returns the line for a file, with everything in it.
    pub(super) fn plain(&self) -> String {
        let parts = self.parts.iter().map(|(_, text)| text.clone());
        let left = self.left().map(|left| format!("ETA {}", clock(left)));
        let elapsed = format!("{} so far", clock(self.elapsed));
        parts.chain([elapsed]).chain(left).collect::<Vec<_>>().join(", ")
    }

    fn ranks(&self) -> impl Iterator<Item = Rank> {
        let own = [Rank::Always, Rank::Eta, Rank::Elapsed, Rank::Bar];
        self.parts.iter().map(|(rank, _)| *rank).chain(own)
    }

    fn compose(&self, most: Rank, turn: usize) -> String {
        let mut line = String::new();
        if Rank::Elapsed <= most {
            line.push_str(&format!("{} ", clock(self.elapsed)));
        }
        match self.share {
            Some((done, all)) => {
                let full = usize::try_from(done * BAR as u64 / all.max(1)).unwrap_or(BAR).min(BAR);
                if Rank::Bar <= most {
                    line.push_str(&format!("[{}{}] ", "#".repeat(full), "-".repeat(BAR - full)));
                }
                line.push_str(&format!("{:>3}% ", done * 100 / all.max(1)));
            }
            None => line.push_str(&format!("{} ", TURNS[turn % TURNS.len()])),
        }
        let left = self.left().map(|left| (Rank::Eta, format!("ETA {}", clock(left))));
        let parts = self.parts.iter().chain(&left).filter(|(rank, _)| *rank <= most);
        line.push_str(&parts.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(", "));
        line
    }
}

/// Writes a time as clocks do: `0:07`, `12:30`, `2:05:00`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(all_listed: bool) -> Work {
        let mut work = Work { elapsed: Duration::from_secs(72), ..Work::default() };
        work.objects(12_345, 27_410, all_listed);
        work.part(Rank::Records, "5234123 records");
        work.findings(1);
        work.part(Rank::Failed, "3 failed");
        work.rate(8_640_000_000);
        work.part(Rank::Latency, "get p50 12.0 p99 80.1 ms");
        work
    }

    #[test]
    fn what_matters_least_goes_first_and_no_line_is_wider() {
        for (width, expected) in [
            (
                200,
                "1:12 [#########-----------]  45% 12345 of 27410 objects, 5234123 records, 1 finding, 3 failed, \
                 120.0 MB/s, get p50 12.0 p99 80.1 ms, ETA 1:27",
            ),
            (
                119,
                "1:12 [#########-----------]  45% 12345 of 27410 objects, 5234123 records, 1 finding, 3 failed, \
                 120.0 MB/s, ETA 1:27",
            ),
            (
                114,
                "1:12 [#########-----------]  45% 12345 of 27410 objects, 1 finding, 3 failed, 120.0 MB/s, ETA 1:27",
            ),
            (79, "1:12  45% 12345 of 27410 objects, 1 finding, 3 failed, ETA 1:27"),
            (59, " 45% 12345 of 27410 objects, 1 finding, 3 failed, ETA 1:27"),
            (40, " 45% 12345 of 27410 objects, 1 finding"),
            (10, " 45% 12345"),
        ] {
            assert_eq!(work(true).line(width, 0), expected, "{width}");
        }
        for width in 0..220 {
            for all_listed in [true, false] {
                let line = work(all_listed).line(width, width);
                assert!(line.len() <= width && line.is_ascii(), "{width}: {line}");
            }
        }
    }

    #[test]
    fn before_all_is_listed_a_sign_turns_and_nothing_is_foretold() {
        let lines: Vec<String> = (0..5).map(|turn| work(false).line(79, turn)).collect();
        assert_eq!(lines[0], "1:12 | 12345 of 27410+ objects, 1 finding, 3 failed, 120.0 MB/s");
        assert_eq!(lines[1], lines[0].replace('|', "/"));
        assert_eq!(lines[4], lines[0]);
    }

    #[test]
    fn a_plain_line_has_everything() {
        assert_eq!(
            work(true).plain(),
            "12345 of 27410 objects, 5234123 records, 1 finding, 3 failed, 120.0 MB/s, get p50 12.0 p99 80.1 ms, \
             1:12 so far, ETA 1:27"
        );
        let done = Work { share: Some((5, 5)), ..work(true) };
        assert!(!done.plain().contains("ETA"), "{}", done.plain());
        assert_eq!(clock(Duration::from_secs(7500)), "2:05:00");
    }
}
