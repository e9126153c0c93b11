//! `roottrail explain`: why an event is, or is not, what we say.
//!
//! Everything that comes from the log is escaped, so that it cannot act on the terminal.

use std::fs;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::value::RawValue;

use super::code;
use super::terminal::{line, plain};
use super::words::Choice as _;
use roottrail::detect::{self, Place};
use roottrail::finding::{Finding, IdentityKind};
use roottrail::json::Value;
use roottrail::json::minify::minify;
use roottrail::json::parse::parse_plain;
use roottrail::judge::{self, Record, Step, Verdict};
use roottrail::object::ObjectRef;
use roottrail::rules::{self, Api, Case, WhyNot};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file with events, in any shape that scan reads; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Explain this event only [default: each of root's events, and the others in a line]
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
}

/// The events of a file: each one's place in it and its minified text.
pub(super) type Events = Vec<(u64, Box<RawValue>)>;

/// How much of a value is shown.
const SHOWN: usize = 200;

/// Explains the events of a file. `read` takes the file's bytes apart.
pub(super) fn run(
    args: &Args,
    read: impl FnOnce(&[u8]) -> anyhow::Result<Events>,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let name = args.file.display().to_string();
    let bytes = load(&args.file).with_context(|| format!("cannot read {name}"))?;
    let events = read(&bytes).with_context(|| format!("cannot read {name} as events"))?;
    let single = events.len() == 1 || args.event_id.is_some();
    let mut shown = 0;
    for (index, text) in events {
        let mut minified = String::new();
        minify(text.get().as_bytes(), &mut minified).with_context(|| format!("event {index} of {name}"))?;
        let record = parse_plain(&minified);
        let id = Record::new(&record).text("eventID").map(str::to_owned);
        if args.event_id.is_some() && args.event_id != id {
            continue;
        }
        if shown > 0 {
            writeln!(out)?;
        }
        shown += 1;
        explain(&record, &text, index, single, out)?;
    }
    out.flush()?;
    if shown == 0 {
        let what = args
            .event_id
            .as_ref()
            .map_or_else(|| "no events".to_owned(), |id| format!("no event with the eventID {}", plain(id)));
        line(&format!("roottrail: {what} in {}", plain(&name)));
        return Ok(ExitCode::from(code::NOTHING));
    }
    Ok(ExitCode::SUCCESS)
}

fn load(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    fs::read(path)
}

/// One event. `in_full`: also where it is nobody's whom we look for.
fn explain(
    record: &Value<'_>,
    text: &RawValue,
    index: u64,
    in_full: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let view = Record::new(record);
    let verdict = judge::verdict(record);
    let shown = |path: &str| plain(view.text(path).unwrap_or("(none)"));
    writeln!(
        out,
        "event {index}: {} at {}, {}, eventID {}",
        shown("eventName"),
        shown("eventSource"),
        shown("eventTime"),
        shown("eventID")
    )?;
    writeln!(out, "verdict: {}", sentence(&verdict))?;
    if verdict.identity.is_none() && !in_full {
        return Ok(());
    }
    let mut question = "";
    for step in judge::steps(record, &verdict) {
        if step.question != question {
            question = step.question;
            writeln!(out, "\n{}: {}", title(question), answer(question, &verdict))?;
        }
        write_step(&step, out)?;
    }
    let place = Place { object: &ObjectRef::default(), record_index: index };
    if let Some(finding) = detect::examine(record, text.to_owned(), &place) {
        write_rules(&view, &verdict, &finding, out)?;
    }
    Ok(())
}

fn sentence(verdict: &Verdict) -> String {
    match verdict.identity {
        None => format!("not root, no finding ({})", verdict.rows.standing),
        Some(IdentityKind::AssumeRootCaller) => {
            format!("not root, but it calls AssumeRoot: a related finding ({})", verdict.rows.standing)
        }
        Some(kind) => {
            let form = verdict.rows.form.map(|row| format!(", {row}")).unwrap_or_default();
            format!("root, as {} ({}{form})", kind.name(), verdict.rows.standing)
        }
    }
}

fn title(question: &str) -> &str {
    match question {
        "root" => "Is it root?",
        "form" => "In which form?",
        "credential" => "With which credential?",
        "mfa" => "With MFA?",
        _ => "Did it succeed?",
    }
}

fn answer(question: &str, verdict: &Verdict) -> String {
    let name = |value: Option<String>| value.unwrap_or_else(|| "no".to_owned());
    match question {
        "root" => if verdict.rows.standing.starts_with('R') { "yes" } else { "no" }.to_owned(),
        "form" => name(verdict.identity.map(|kind| kind.name())),
        "credential" => name(verdict.credential.map(|kind| kind.name())),
        "mfa" => {
            let conflict = if verdict.conflict { " (two fields disagree)" } else { "" };
            // What a federated session says of MFA is not what root did.
            let federated = match verdict.identity {
                Some(IdentityKind::RootFederated) => {
                    " (of the federated session; GetFederationToken cannot carry root's MFA)"
                }
                _ => "",
            };
            let device = match verdict.device.map(serde_json::to_value) {
                Some(Ok(serde_json::Value::String(device))) => format!(", device {device}"),
                _ => String::new(),
            };
            format!("{}{device}{conflict}{federated}", name(verdict.mfa.map(|status| status.name())))
        }
        _ => match verdict.outcome {
            roottrail::finding::Outcome::Success => "yes".to_owned(),
            roottrail::finding::Outcome::Failure => "no".to_owned(),
        },
    }
}

fn write_step(step: &Step, out: &mut dyn Write) -> io::Result<()> {
    let mark = if step.holds { "=>" } else { "  " };
    let name = if step.row.is_empty() { "" } else { step.row };
    writeln!(out, "{mark} {name:<4}{}", step.condition)?;
    for (path, value) in &step.fields {
        let value = match value {
            None => "absent".to_owned(),
            Some(value) => cut(&plain(value)),
        };
        writeln!(out, "         {} = {value}", plain(path))?;
    }
    Ok(())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
    }
}

fn write_rules(
    view: &Record<'_>,
    verdict: &Verdict,
    finding: &Finding,
    out: &mut dyn Write,
) -> io::Result<()> {
    let case = Case { record: view, verdict };
    writeln!(out, "\nRules that hold: severity {}", finding.severity.name())?;
    for rule in finding.rules.iter().filter_map(|id| rules::by_id(id)) {
        let severity = rule.severity_in(finding);
        let lowered: Vec<&str> = rule
            .lowered
            .iter()
            .filter(|lowered| (lowered.applies)(finding))
            .map(|lowered| lowered.when)
            .collect();
        let note = if lowered.is_empty() { String::new() } else { format!(" ({})", lowered.join(", ")) };
        writeln!(out, "=> {} [{}{note}]: {}", rule.id, severity.name(), rule.condition())?;
    }
    writeln!(out, "\nRules that do not:")?;
    for rule in rules::all() {
        let why = match rule.why_not(&case) {
            None => continue,
            Some(WhyNot::Run) => format!("the run decides it: {}", rule.when),
            Some(WhyNot::Actor) => "it looks at root's own events only".to_owned(),
            Some(WhyNot::Event) => format!("the event is not {}", names(rule.events)),
            Some(WhyNot::Condition) if rule.events.is_empty() => format!("not so: {}", rule.when),
            Some(WhyNot::Condition) => format!("the event fits, but not so: {}", rule.when),
        };
        writeln!(out, "   {}: {why}", rule.id)?;
    }
    Ok(())
}

fn names(events: &[Api]) -> String {
    events.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(json: &str) -> String {
        let text = RawValue::from_string(json.to_owned()).unwrap();
        let mut out = Vec::new();
        explain(&parse_plain(json), &text, 3, true, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_sign_in_names_rows_paths_values_and_rules() {
        let text = explained(
            r#"{"userIdentity":{"type":"Root","accountId":"111122223333"},"eventTime":"2024-05-01T12:00:00Z","eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","eventType":"AwsConsoleSignIn","responseElements":{"ConsoleLogin":"Failure"},"additionalEventData":{"MFAUsed":"No"},"eventID":"e-1"}"#,
        );
        for part in [
            "event 3: ConsoleLogin at signin.amazonaws.com, 2024-05-01T12:00:00Z, eventID e-1",
            "verdict: root, as root_user (R2, R8)",
            r#"=> R2  the type is Root"#,
            r#"userIdentity.type = "Root""#,
            "=> C5  a sign-in event",
            "With MFA?: not_used",
            r#"additionalEventData.MFAUsed = "No""#,
            r#"responseElements.ConsoleLogin = "Failure""#,
            "=> root-console-login-failed [medium]",
            "=> root-activity [low (the attempt failed)]",
            "root-console-login-without-mfa: the event fits, but not so: it succeeded and MFA was not used",
            "root-trail-stopped: the event is not cloudtrail:StopLogging",
            "root-from-untrusted-address: the run decides it",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn what_is_not_root_says_so_with_every_row() {
        let text =
            explained(r#"{"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/root"}}"#);
        assert!(text.contains("verdict: not root, no finding (N2)"), "{text}");
        assert!(text.contains(r#"userIdentity.arn = "arn:aws:iam::111122223333:user/root""#), "{text}");
        assert!(!text.contains("Rules"), "{text}");
    }

    #[test]
    fn hostile_text_cannot_act_on_the_terminal() {
        let text = explained(
            r#"{"userIdentity":{"type":"Root"},"eventName":"\u001b[2J\u0007x","eventSource":"a\nverdict: not root","userAgent":"\u202eabc\u009b","eventID":"\u007f"}"#,
        );
        assert!(text.chars().all(|char| char == '\n' || !char.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}'));
        assert_eq!(text.matches("\nverdict:").count(), 1);
    }

    #[test]
    fn long_values_are_cut() {
        let long = "é".repeat(1000);
        assert_eq!(cut(&long).chars().filter(|char| *char == 'é').count(), SHOWN);
        assert_eq!(cut("short"), "short");
    }
}
