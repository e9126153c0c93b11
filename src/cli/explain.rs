//! `roottrail explain`: why an event is, or is not, a finding.
//!
//! The command finds the events ([`super::events`]) and judges each by the code of a scan. The output is the
//! steps of the decision table with the fields that decided each, and then the rules, with the part of the
//! condition that fails where a rule does not hold. Everything that comes from the log is escaped, so that it
//! cannot act on the terminal.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::value::RawValue;

use super::events::{self, Event, Wanted};
use super::terminal::{folded, line, plain};
use super::words::Choice as _;
use super::{UsageError, aws, code};
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
    /// A file with events or findings, a directory, an S3 URI, or - for standard input
    ///
    /// Events may come in any shape that scan reads. What `evidence.uri` of a finding says can be given as it stands.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Explain the event with this eventID only [default: each of root's events, and the others in a line]
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,

    /// Explain the event of the finding with this id only
    #[arg(long, value_name = "ID", conflicts_with = "event_id")]
    id: Option<String>,

    /// Show every rule that does not hold, not only those that look at such an event
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    aws: aws::Args,
}

/// Characters of a value that are shown.
const SHOWN: usize = 200;
/// Cells of a line at most.
const WIDTH: usize = 80;

/// Explains events.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let name = args.file.display().to_string();
    let wanted = match (&args.event_id, &args.id) {
        (Some(id), _) => Wanted::EventId(id),
        (None, Some(id)) => Wanted::FindingId(id),
        (None, None) => Wanted::All,
    };
    if matches!(wanted, Wanted::All) && args.file.is_dir() {
        let text = format!("{name} is a directory: which event? Give --event-id or --id");
        return Err(UsageError(text).into());
    }
    let mut broken = Vec::new();
    let events = events::find(&args.file, &args.aws, wanted, &mut broken)?;
    let single = events.len() == 1 || !matches!(wanted, Wanted::All);
    let several = !matches!(wanted, Wanted::All) && events.len() > 1;
    for (n, Event { uri, index, text }) in events.iter().enumerate() {
        let mut minified = String::new();
        minify(text.get().as_bytes(), &mut minified).with_context(|| format!("event {index} of {uri}"))?;
        if n > 0 {
            writeln!(out)?;
        }
        if several || args.file.is_dir() {
            writeln!(out, "in {}", plain(uri))?;
        }
        explain(&parse_plain(&minified), text, *index, single, args.verbose, out)?;
    }
    out.flush()?;
    for (uri, why) in &broken {
        let (uri, why) = (plain(uri), plain(why));
        line(&format!("roottrail: {uri} is cut or damaged, and there may be more in it: {why}"));
    }
    if events.is_empty() {
        let what = match wanted {
            Wanted::All => "no events".to_owned(),
            Wanted::EventId(id) => format!("no event with the eventID {}", plain(id)),
            Wanted::FindingId(id) => format!("no event of a finding with the id {}", plain(id)),
        };
        line(&format!("roottrail: {what} in {}{}", plain(&name), advice(wanted, &args.file)));
        return Ok(ExitCode::from(if broken.is_empty() { code::NOTHING } else { code::INCOMPLETE }));
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(code::INCOMPLETE) })
}

/// Returns what to do where there is no such event.
fn advice(wanted: Wanted<'_>, file: &Path) -> &'static str {
    let is_finding_id = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let all = file.is_file();
    match wanted {
        Wanted::EventId(id) if is_finding_id(id) => "; this looks like the id of a finding, which --id takes",
        Wanted::FindingId(id) if !is_finding_id(id) => {
            "; the id of a finding has 32 hexadecimal digits, and --event-id takes CloudTrail's own"
        }
        Wanted::All => "",
        _ if all => "; without an id, all events of the file are shown",
        _ => "; is the id whole, and the path or prefix right?",
    }
}

/// Explains one event. With `in_full`, also an event that concerns nobody whom roottrail looks for.
fn explain(
    record: &Value<'_>,
    text: &RawValue,
    index: u64,
    in_full: bool,
    all_rules: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let view = Record::new(record);
    let verdict = judge::verdict(record);
    let shown = |path: &str| plain(view.text(path).unwrap_or("(none)"));
    let line = format!(
        "event {index}: {} at {}, {}, eventID {}",
        shown("eventName"),
        shown("eventSource"),
        shown("eventTime"),
        shown("eventID")
    );
    write_folded(&line, 2, out)?;
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
        write_rules(&view, &verdict, &finding, all_rules, out)?;
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
            // A federated session's word on MFA does not say what root did.
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
    write_folded(&format!("{mark} {name:<4}{}", step.condition), 7, out)?;
    for (path, value) in &step.fields {
        let value = match value {
            None => "absent".to_owned(),
            Some(value) => cut(&plain(value)),
        };
        write_folded(&format!("         {} = {value}", plain(path)), 11, out)?;
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
    all_rules: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let case = Case::new(view, verdict);
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
        write_folded(&format!("=> {} [{}{note}]: {}", rule.id, severity.name(), rule.condition()), 6, out)?;
    }
    writeln!(out, "\nRules that do not:")?;
    let mut others = 0;
    for rule in rules::all() {
        let why = match rule.why_not(&case) {
            None => continue,
            Some(WhyNot::Actor | WhyNot::Event) if !all_rules => {
                others += 1;
                continue;
            }
            Some(WhyNot::Run) => format!("the run decides it: {}", rule.when),
            Some(WhyNot::Actor) => "it looks at root's own events only".to_owned(),
            Some(WhyNot::Event) => format!("the event is not {}", names(rule.events)),
            Some(WhyNot::Condition(unmet)) if rule.events.is_empty() => format!("not so: {unmet}"),
            Some(WhyNot::Condition(unmet)) => format!("the event fits, but not so: {unmet}"),
        };
        write_folded(&format!("   {}: {why}", rule.id), 6, out)?;
    }
    if others > 0 {
        writeln!(out, "   and {others} that look at other events; -v shows them")?;
    }
    Ok(())
}

/// Writes a line, or several where it is wide.
fn write_folded(text: &str, indent: usize, out: &mut dyn Write) -> io::Result<()> {
    folded(text, WIDTH, indent).iter().try_for_each(|line| writeln!(out, "{line}"))
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
        explain(&parse_plain(json), &text, 3, true, true, &mut out).unwrap();
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
            "root-console-login-without-mfa: the event fits, but not so: it succeeded, MFA was not used, and the session",
            "root-trail-stopped: the event is not cloudtrail:StopLogging",
            "root-from-untrusted-address: the run decides it",
        ] {
            // The lines may be folded anywhere.
            assert!(text.replace("\n      ", " ").contains(part), "{part}\n{text}");
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
