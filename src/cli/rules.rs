//! `roottrail rules`: the rules as a table, as JSON, as Markdown for the README, and one of them in full.

use std::io::Write;
use std::process::ExitCode;

use clap::ValueEnum;
use serde::Serialize;

use super::closed;
use super::words::Choice as _;
use roottrail::finding::Severity;
use roottrail::rules::{self, Reference, Rule};

/// Arguments of `rules`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One rule, in full
    #[arg(value_name = "ID", value_parser = closed::rule(), hide_possible_values = true)]
    id: Option<&'static Rule>,

    /// How to print them
    #[arg(short, long, value_enum, default_value = "table")]
    format: Format,

    /// A habit: --format json
    #[arg(long, hide = true, conflicts_with = "format")]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For machines
    Json,
    /// For the README
    Markdown,
}

pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let chosen: Vec<&Rule> = args.id.map_or_else(|| rules::all().collect(), |rule| vec![rule]);
    let format = if args.json { Format::Json } else { args.format };
    let text = match (format, args.id) {
        (Format::Table, Some(rule)) => in_full(rule),
        (Format::Table, None) => table(&chosen),
        (Format::Json, _) => json(&chosen)?,
        (Format::Markdown, _) => markdown(&chosen),
    };
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A rule as `--format json` prints it.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    title: &'a str,
    severity: Severity,
    attack: &'a [&'a str],
    reason: &'a str,
    references: &'a [Reference],
}

fn json(rules: &[&Rule]) -> anyhow::Result<String> {
    let entries: Vec<Entry<'_>> = rules
        .iter()
        .map(|rule| Entry {
            id: rule.id,
            title: rule.title,
            severity: rule.severity,
            attack: rule.attack,
            reason: rule.reason,
            references: rule.references,
        })
        .collect();
    Ok(serde_json::to_string_pretty(&entries)? + "\n")
}

fn table(rules: &[&Rule]) -> String {
    let rows: Vec<[String; 4]> = rules
        .iter()
        .map(|rule| [rule.id.into(), rule.severity.name(), rule.attack.join(","), rule.title.into()])
        .collect();
    let head = ["RULE", "SEVERITY", "ATT&CK", "TITLE"].map(String::from);
    let mut width = [0; 3];
    for row in rows.iter().chain([&head]) {
        for (width, cell) in width.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    let mut text = String::new();
    for [id, severity, attack, title] in [head].iter().chain(&rows) {
        let [a, b, c] = width;
        text.push_str(&format!("{id:a$}  {severity:b$}  {attack:c$}  {title}\n"));
    }
    text
}

fn markdown(rules: &[&Rule]) -> String {
    let mut text =
        String::from("| Rule | Severity | ATT&CK | Holds when | Covers |\n|---|---|---|---|---|\n");
    for rule in rules {
        let covers: Vec<String> =
            rule.references.iter().map(|known| format!("{} `{}`", known.system, known.name)).collect();
        let cells = [
            format!("`{}`", rule.id),
            severities(rule),
            rule.attack.join(", "),
            rule.condition(),
            covers.join(", "),
        ];
        text.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    text
}

/// `high; medium where the attempt failed`
fn severities(rule: &Rule) -> String {
    rule.lowered.iter().fold(rule.severity.name(), |text, lowered| {
        format!("{text}; {} where {}", lowered.to.name(), lowered.when)
    })
}

fn in_full(rule: &Rule) -> String {
    let mut text = format!("{}\n{}\n\n", rule.id, rule.title);
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    if !rule.tried.is_empty() {
        field("attempt", rule.tried);
    }
    field("severity", &severities(rule));
    field("ATT&CK", &rule.attack.join(", "));
    field("holds when", &rule.condition());
    field("why", rule.reason);
    field("next", rule.next);
    for (n, known) in rule.references.iter().enumerate() {
        field(if n == 0 { "covers" } else { "" }, &format!("{} {}", known.system, known.name));
    }
    for (name, example) in [
        ("An event for which it holds", rule.example.matching),
        ("One for which it does not", rule.example.other),
    ] {
        text.push_str(&format!("\n{name}:\n{}\n", indented(example)));
    }
    text
}

/// JSON without white space, one member a line, in its own order.
fn indented(json: &str) -> String {
    let mut text = Vec::new();
    let mut from = serde_json::Deserializer::from_str(json);
    match serde_transcode::transcode(&mut from, &mut serde_json::Serializer::pretty(&mut text)) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        // As it stands is better than nothing; a test holds that every example is JSON.
        Err(_) => json.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(id: Option<&str>, format: Format) -> String {
        let id = id.map(|id| crate::cli::words::parse_rule(id).unwrap());
        let args = Args { id, format, json: false };
        let mut out = Vec::new();
        run(&args, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_has_the_keys_of_the_contract() {
        let text = printed(None, Format::Json);
        let list: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&text).unwrap();
        assert_eq!(list.len(), rules::all().count());
        for entry in list {
            let keys: Vec<&str> = entry.keys().map(String::as_str).collect();
            let mut expected = ["id", "title", "severity", "attack", "reason", "references"];
            expected.sort_unstable();
            let mut keys = keys;
            keys.sort_unstable();
            assert_eq!(keys, expected);
        }
    }

    #[test]
    fn every_rule_prints_in_every_form() {
        for rule in rules::all() {
            let full = printed(Some(rule.id), Format::Table);
            for part in [rule.id, rule.title, rule.reason, rule.next, &rule.condition(), "203.0.113.7"] {
                assert!(full.contains(part), "{}: {part}\n{full}", rule.id);
            }
            assert_eq!(printed(Some(rule.id), Format::Markdown).lines().count(), 3);
        }
        let table = printed(None, Format::Table);
        assert_eq!(table.lines().count(), rules::all().count() + 1);
    }

    #[test]
    fn examples_are_indented_in_their_own_order() {
        assert_eq!(
            indented(r#"{"b":{"x":[],"y":"a\",:{"},"a":[1,true]}"#),
            "{\n  \"b\": {\n    \"x\": [],\n    \"y\": \"a\\\",:{\"\n  },\n  \"a\": [\n    1,\n    true\n  ]\n}"
        );
        for rule in rules::all() {
            let compact: serde_json::Value = serde_json::from_str(rule.example.matching).unwrap();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&indented(rule.example.matching)).unwrap(),
                compact
            );
        }
    }

    #[test]
    fn an_unknown_rule_is_answered_with_the_nearest() {
        assert!(
            crate::cli::words::parse_rule("root-activitty")
                .unwrap_err()
                .to_string()
                .contains("did you mean `root-activity`?")
        );
    }
}
