//! One event by itself: the door for programs that have events already.

use std::fmt;

use super::build::Place;
use super::element::{ElementScratch, Malformed, examine};
use crate::finding::Finding;
use crate::json::minify::Repairs;
use crate::object::ObjectRef;
use crate::records::cursor::{Cursor, Fault};
use crate::records::document::{Element, Elements, Unread, walk};

/// The reason why a text could not be judged.
#[derive(Debug)]
pub struct JudgeError(Why);

#[derive(Debug)]
enum Why {
    Broken(Fault),
    Malformed(Malformed),
    NoEvent(Option<&'static str>),
    Several,
}

impl fmt::Display for JudgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Why::Broken(fault) => write!(f, "{} at byte {}", fault.what, fault.offset),
            Why::Malformed(malformed) => malformed.fmt(f),
            Why::NoEvent(Some(what)) => write!(f, "no CloudTrail event: {what}"),
            Why::NoEvent(None) => f.write_str("no CloudTrail event"),
            Why::Several => f.write_str("more than one CloudTrail event"),
        }
    }
}

impl std::error::Error for JudgeError {}

/// The first event of a text, and how many there are.
#[derive(Default)]
struct One {
    text: Vec<u8>,
    repairs: Repairs,
    events: usize,
    malformed: Option<&'static str>,
}

impl Elements for One {
    fn element(&mut self, element: Element<'_>) {
        if self.events == 0 {
            self.text.extend_from_slice(element.text);
            self.repairs = element.repairs;
        }
        self.events += 1;
    }

    fn malformed(&mut self, _index: u64, what: &'static str) {
        self.malformed.get_or_insert(what);
    }
}

/// Judges one CloudTrail event: `Ok(None)` where it does not concern root.
///
/// The event may stand in whatever [`scan`](crate::scan) knows how to open, such as an EventBridge envelope,
/// a log event of CloudWatch Logs or the message of a queue. The finding is the one that a scan writes, but
/// for what only a scan knows: `evidence` names no object, and copies of events are not recognised.
///
/// # Errors
///
/// Fails where the text is no JSON, where no event is found in it, and where there are several: a text without an
/// event is no proof that root did nothing.
///
/// # Examples
///
/// ```
/// let event = br#"{"eventVersion":"1.08","eventID":"4f4a","eventTime":"2026-02-03T04:05:06Z",
///     "eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","awsRegion":"us-east-1",
///     "userIdentity":{"type":"Root","accountId":"111122223333","arn":"arn:aws:iam::111122223333:root"},
///     "recipientAccountId":"111122223333"}"#;
/// let finding = roottrail::judge(event)?.expect("root's own");
/// assert_eq!(finding.account_id.as_deref(), Some("111122223333"));
/// # Ok::<(), roottrail::JudgeError>(())
/// ```
pub fn judge(event: &[u8]) -> Result<Option<Finding>, JudgeError> {
    let mut one = One::default();
    let walk = walk(&mut Cursor::whole(event), &mut one);
    let unread = walk.unread.map(|(Unread::Broken(fault) | Unread::Suspect(fault))| fault);
    if let Some(fault) = walk.fault.or_else(|| walk.further.into_iter().next()).or(unread) {
        return Err(JudgeError(Why::Broken(fault)));
    }
    match one.events {
        1 if one.malformed.is_none() => {}
        0 | 1 => return Err(JudgeError(Why::NoEvent(one.malformed))),
        _ => return Err(JudgeError(Why::Several)),
    }
    let object = ObjectRef::default();
    let place = Place { object: &object, record_index: 0 };
    let examined = examine(&one.text, one.repairs, &place, &mut ElementScratch::default());
    let examined = examined.map_err(|malformed| JudgeError(Why::Malformed(malformed)))?;
    Ok(examined.judged.map(|judged| judged.finding))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"{"eventVersion":"1.08","eventID":"e","eventTime":"2026-02-03T04:05:06Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","userIdentity":{"type":"Root","accountId":"111122223333"}}"#;

    #[test]
    fn one_event_gives_its_finding() {
        let user = ROOT.replace("Root", "IAMUser");
        let wrapped =
            [ROOT.to_owned(), format!(r#"{{"Records":[{ROOT}]}}"#), format!(r#" {{"detail":{ROOT}}}"#)];
        for text in wrapped {
            let finding = judge(text.as_bytes()).unwrap().unwrap();
            assert_eq!(finding.account_id.as_deref(), Some("111122223333"), "{text}");
        }
        assert!(judge(user.as_bytes()).unwrap().is_none());
    }

    #[test]
    fn what_is_not_one_event_is_an_error() {
        for (text, says) in [
            (String::new(), "no CloudTrail event"),
            ("{}".to_owned(), "no CloudTrail event"),
            (r#"{"Records":[]}"#.to_owned(), "no CloudTrail event"),
            (r#"{"Records":[7]}"#.to_owned(), "no CloudTrail event: "),
            (format!("{ROOT}\n{ROOT}"), "more than one"),
            (ROOT[..ROOT.len() - 1].to_owned(), "at byte"),
        ] {
            let error = judge(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
