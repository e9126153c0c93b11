//! The beginning of the closing summary: who, when, from where, and how to see why.
//!
//! The highlights of the run become a few lines: root's first and last event, the worst accounts and
//! addresses, and the most severe findings. Each of these findings comes with the `roottrail explain` command
//! that shows its reasons, in the shortest words that find the event ([`Where`]). The signs of tampering come
//! before all of these ([`tampering`]). Every text from a log is escaped.

use std::fmt::Write as _;
use std::path::Path;

use super::terminal::plain;
use super::units::counted;
use roottrail::finding::Severity;
use roottrail::rules;
use roottrail::summary::{DISTINCT, Group, Groups, Headline, Summary};
use roottrail::text::table::cut;

/// Cells of a line at most; commands are longer, since they are there to be copied.
pub(super) const WIDTH: usize = 80;

/// The place where `explain` finds an event, in the shortest words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// The findings' file, by a finding's id.
    Findings(String),
    /// The only source, which is on disk, by an event's id.
    Source(String),
    /// The object that the finding names.
    Object,
}

impl Where {
    /// Returns the place. `findings` is the file that findings were written to as NDJSON; `source` is the
    /// only source, on disk.
    pub(super) fn of(findings: Option<&Path>, source: Option<&str>) -> Self {
        match (findings.and_then(Path::to_str), source) {
            (Some(file), _) => Self::Findings(file.into()),
            (None, Some(source)) => Self::Source(source.into()),
            (None, None) => Self::Object,
        }
    }

    fn command(&self, event: &Headline) -> String {
        let by_event = |place: &str| match &event.event_id {
            Some(id) if !id.contains(|char: char| char.is_control()) => {
                format!("roottrail explain {} --event-id {}", quoted(place), quoted(id))
            }
            _ => format!("roottrail explain {} --id {}", quoted(place), event.id),
        };
        match self {
            Self::Findings(file) => format!("roottrail explain {} --id {}", quoted(file), event.id),
            Self::Source(source) => by_event(source),
            Self::Object => by_event(&event.uri),
        }
    }
}

/// Returns a word of a shell, quoted where it must be.
fn quoted(word: &str) -> String {
    let word = plain(word);
    let bare = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    if !word.is_empty() && word.chars().all(bare) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Writes signs that somebody has changed the logs.
pub(super) fn tampering(
    summary: &Summary,
    paint: &impl Fn(&str, String) -> String,
    out: &mut String,
) -> std::fmt::Result {
    for (rule, n) in summary.highlights.tampering() {
        let title = rules::by_id(rule).map_or("", |rule| rule.title);
        let text = format!("TAMPERING? {}: {title} ({rule})", counted(*n, "finding", "findings"));
        writeln!(out, "{}", paint("1;31", cut(&text, WIDTH).into_owned()))?;
    }
    Ok(())
}

/// Writes root's first and last event, the accounts, the addresses, and the findings that matter most.
pub(super) fn write(
    summary: &Summary,
    place: &Where,
    paint: &impl Fn(&str, String) -> String,
    out: &mut String,
) -> std::fmt::Result {
    let highlights = &summary.highlights;
    if highlights.events().is_empty() {
        return Ok(());
    }
    if let (Some(first), Some(last)) = (highlights.first(), highlights.last()) {
        writeln!(out, "root was active")?;
        for (what, event) in [("first", first), ("last", last)] {
            let name = event.name.as_deref().map_or_else(|| "?".into(), plain);
            let account = event.account.as_deref().map_or_else(|| "?".into(), plain);
            let text = format!("  {what:<6}{}  {account}  {name}", time(event.time.as_deref()));
            writeln!(out, "{}", cut(&text, WIDTH))?;
        }
    }
    groups("in accounts", highlights.accounts(), out)?;
    groups("from addresses", highlights.addresses(), out)?;
    writeln!(out, "most severe")?;
    for event in highlights.events() {
        let (code, severity) = severity(event.severity);
        let title = rules::by_id(&event.rule)
            .map_or_else(|| plain(&event.rule), |rule| rule.title_of(event.attempt).into());
        let account = event.account.as_deref().map_or_else(|| "?".into(), plain);
        let rest = format!("{account}  {title}");
        let rest = cut(&rest, WIDTH - 33).into_owned();
        let severity = paint(code, format!("{severity:<8}"));
        writeln!(out, "  {}  {severity}  {rest}", time(event.time.as_deref()))?;
        writeln!(out, "  {}", place.command(event))?;
    }
    writeln!(out)
}

/// Writes the worst groups of a kind, a line each.
fn groups(what: &str, groups: &Groups, out: &mut String) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "{what}")?;
    for (name, group) in groups.worst() {
        let Group { findings: [critical, high, ..], first, .. } = group;
        let name = plain(name);
        let mut text = {
            let total = group.total();
            let noun = if total == 1 { "finding" } else { "findings" };
            format!("  {:<19} {total:>7} {noun}", cut(&name, 39))
        };
        for (n, name) in [(critical, "critical"), (high, "high")] {
            if *n > 0 {
                let _infallible = write!(text, ", {n} {name}");
            }
        }
        if let Some(day) = first.as_deref().and_then(|time| time.get(..10)) {
            let _infallible = write!(text, ", since {}", plain(day));
        }
        writeln!(out, "{}", cut(&text, WIDTH))?;
    }
    let more = groups.len().saturating_sub(groups.worst().len());
    if groups.partial() {
        writeln!(out, "  and more than {more} others; only the first {DISTINCT} were kept apart")?;
    } else if more > 0 {
        writeln!(out, "  and {}", counted(more as u64, "other", "others"))?;
    }
    Ok(())
}

/// Returns a time as a table has it.
fn time(text: Option<&str>) -> String {
    let Some(text) = text else { return "no time            ".into() };
    let text = plain(text).replacen('T', " ", 1);
    cut(text.trim_end_matches('Z'), 19).into_owned()
}

/// Returns the colour and the name of a severity.
pub(super) fn severity(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Critical => ("1;31", "critical"),
        Severity::High => ("31", "high"),
        Severity::Medium => ("33", "medium"),
        Severity::Low => ("0", "low"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell_are_quoted_where_they_must_be() {
        for (word, expected) in [
            ("a/b-c.json.gz", "a/b-c.json.gz"),
            ("s3://bucket/key%20x", "s3://bucket/key%20x"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$(rm)", "'$(rm)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn a_time_is_short_and_inert() {
        assert_eq!(time(Some("2025-11-18T03:02:41Z")), "2025-11-18 03:02:41");
        assert!(!time(Some("\x1b[2J")).contains('\x1b'));
    }
}
