//! The report as Markdown, for a ticket or a wiki.
//!
//! Text from a log is escaped so that it stays text: no link, no image, no markup, no table cell of its own.

use super::measures;
use super::model::RootReport;
use super::tables;
use super::text::subject;
use crate::text::table::Table;

/// Episodes, steps of each, rows of the other tables, findings.
const EPISODES: usize = 10;
const STEPS: usize = 200;
const ROWS: usize = 100;

/// Writes the report.
pub fn markdown(report: &RootReport) -> String {
    let mut out = format!("# Root activity\n\n{}\n", escaped(&subject(report)));
    if !report.highlights.is_empty() {
        out.push('\n');
    }
    for highlight in &report.highlights {
        let severity = tables::severity(highlight.severity).text;
        out.push_str(&format!("- **{severity}**: {}\n", escaped(&highlight.line())));
    }
    for (n, episode) in report.episodes.iter().take(EPISODES).enumerate() {
        let title = format!(
            "What happened ({} of {}): {}, {} to {}",
            n + 1,
            report.totals.episodes,
            tables::account(report, &episode.account_id),
            tables::moment(&episode.start),
            tables::moment_after(&episode.start, &episode.end)
        );
        section(&title, &tables::steps(episode, STEPS), &mut out);
        let beyond = episode.steps.len().saturating_sub(STEPS) as u64 + episode.steps_beyond;
        if beyond > 0 {
            out.push_str(&format!("\nAnd {beyond} more steps.\n"));
        }
        for note in &episode.notes {
            out.push_str(&format!("\n{}\n", escaped(note)));
        }
    }
    for (title, table) in [
        ("Silence in the logs", tables::gaps(report, ROWS)),
        ("Sessions", tables::sessions(report, ROWS)),
        ("Access keys of root", tables::keys(report, ROWS)),
        ("Addresses", tables::addresses(report, ROWS)),
        ("Accounts", tables::accounts(report, ROWS)),
        ("Organizations", tables::organizations(report, ROWS)),
        ("Rules", tables::rules(report, ROWS)),
        ("Findings", tables::findings(report, ROWS)),
    ] {
        if !table.is_empty() {
            section(title, &table, &mut out);
        }
    }
    section("The study's measures", &measures::study(&report.study), &mut out);
    out.push('\n');
    for (letter, text) in measures::FOOTNOTES {
        out.push_str(&format!("- {letter}: {}\n", escaped(text)));
    }
    if !report.notes.is_empty() {
        out.push_str("\n## Limits\n\n");
        for note in &report.notes {
            out.push_str(&format!("- {}\n", escaped(note)));
        }
    }
    out
}

fn section(title: &str, table: &Table, out: &mut String) {
    out.push_str(&format!("\n## {}\n\n", escaped(title)));
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        out.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
    };
    line(&mut table.columns().iter().map(|column| escaped(column.title)));
    line(&mut table.columns().iter().map(|column| if column.right { "---:".into() } else { "---".into() }));
    for row in table.rows() {
        line(&mut row.iter().map(|cell| escaped(&cell.text)));
    }
}

/// Returns a text that stays text in Markdown. Letters, digits and a few signs need nothing; everything else of ASCII
/// that could mean something is escaped, `<` and `&` as entities because raw HTML is allowed in Markdown.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // Without these, an address of a page or of mail becomes no link by itself.
            '@' => safe.push_str("&#64;"),
            ':' => {
                safe.push_str(if safe.ends_with(|c: char| c.is_ascii_alphabetic()) { "&#58;" } else { ":" })
            }
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '$' => {
                safe.push('\\');
                safe.push(char);
            }
            _ => safe.push(char),
        }
    }
    // `www.` would become a link too.
    safe.replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_becomes_markup() {
        for (text, expected) in [
            ("AKIAEXAMPLE", "AKIAEXAMPLE"),
            ("a|b", "a\\|b"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[x](http://e)", "\\[x\\]\\(http&#58;//e\\)"),
            ("![x](y)", "\\!\\[x\\]\\(y\\)"),
            ("**b** _i_ `c`", "\\*\\*b\\*\\* \\_i\\_ \\`c\\`"),
            ("www.example.com", "www&#46;example.com"),
            ("me@example.com", "me&#64;example.com"),
            ("03:02:41", "03:02:41"),
            ("&lt;", "&amp;lt;"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
