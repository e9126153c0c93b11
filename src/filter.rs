//! Which findings are written. Nothing is hidden by default, and what is hidden is counted.
//!
//! A filter only answers yes or no: it never changes a finding.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};

use crate::choice::UnknownWord;
use crate::finding::{CredentialType, Finding, IdentityKind, MfaStatus, Severity};
use crate::rules::{self, Rule};

/// Which findings are written.
pub trait Keep {
    /// Whether this finding is written; otherwise it is counted as filtered.
    fn keeps(&self, finding: &mut Finding) -> bool;
}

/// What a finding must be to be written. An empty list asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Carries one of these rules.
    pub rules: Vec<&'static str>,
    /// Is at least this serious.
    pub min_severity: Option<Severity>,
    /// Has one of these identities.
    pub identities: Vec<IdentityKind>,
    /// Has one of these credentials.
    pub credentials: Vec<CredentialType>,
    /// Has one of these MFA statuses.
    pub mfa: Vec<MfaStatus>,
    /// Has one of these event names, whatever the case of the letters.
    pub event_names: Vec<String>,
    /// When its event happened.
    pub time: TimeRange,
}

/// From `start` to before `end`; open where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The first moment inside.
    pub start: Option<Timestamp>,
    /// The first moment after.
    pub end: Option<Timestamp>,
}

/// A time that cannot be read, or a range that holds nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not a time.
    #[error(
        "`{0}` is not a time: give 2024-05-01T12:00:00Z, 2024-05-01 (UTC), or how long ago, like 7d, 12h, 30m or 2w"
    )]
    Time(String),
    /// Not a length of time.
    #[error("`{0}` is not a length of time: give 1d, 12h, 30m, 2w or 0")]
    Span(String),
    /// The end is not after the start.
    #[error("the end ({end}) is not after the start ({start})")]
    Empty {
        /// The start.
        start: Timestamp,
        /// The end.
        end: Timestamp,
    },
}

impl Filter {
    /// Whether the finding is to be written.
    pub fn keeps(&self, finding: &Finding) -> bool {
        let one_of = |known: bool, list_is_empty: bool| list_is_empty || known;
        one_of(finding.rules.iter().any(|id| self.rules.iter().any(|rule| rule == id)), self.rules.is_empty())
            && self.min_severity.is_none_or(|least| finding.severity >= least)
            && one_of(self.identities.contains(&finding.identity.kind), self.identities.is_empty())
            && one_of(
                finding.credential.kind.is_some_and(|kind| self.credentials.contains(&kind)),
                self.credentials.is_empty(),
            )
            && one_of(
                finding.mfa.status.is_some_and(|status| self.mfa.contains(&status)),
                self.mfa.is_empty(),
            )
            && one_of(self.names(finding.event.name.as_deref()), self.event_names.is_empty())
            && self.time.holds(finding.time.as_deref())
    }

    /// Whether it keeps everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn names(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.event_names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)))
    }
}

impl TimeRange {
    /// A range that holds something. Fails where the end is not after the start.
    pub fn new(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Self, TimeError> {
        match (start, end) {
            (Some(start), Some(end)) if end <= start => Err(TimeError::Empty { start, end }),
            _ => Ok(Self { start, end }),
        }
    }

    /// Whether an `eventTime` is inside. One that is missing or cannot be read is: doubt stays visible.
    pub fn holds(&self, event_time: Option<&str>) -> bool {
        if self.start.is_none() && self.end.is_none() {
            return true;
        }
        let Some(Ok(time)) = event_time.map(|text| text.trim().parse::<Timestamp>()) else { return true };
        self.start.is_none_or(|start| time >= start) && self.end.is_none_or(|end| time < end)
    }
}

/// Reads a time: RFC 3339, a day (UTC), or how long before `now`.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let bad = || TimeError::Time(text.to_owned());
    let text = text.trim();
    if let Some(ago) = span(text) {
        return now.checked_sub(ago).map_err(|_| bad());
    }
    if text.len() == "2024-05-01".len() {
        let day: civil::Date = text.parse().map_err(|_| bad())?;
        return day.to_zoned(TimeZone::UTC).map(|moment| moment.timestamp()).map_err(|_| bad());
    }
    text.parse().map_err(|_| bad())
}

/// Reads a length of time: `1d`, `12h`, `30m`, `45s`, `2w`, or `0`.
pub fn parse_span(text: &str) -> Result<SignedDuration, TimeError> {
    match text.trim() {
        "0" => Ok(SignedDuration::ZERO),
        text => span(text).ok_or_else(|| TimeError::Span(text.to_owned())),
    }
}

fn span(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let seconds: i64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.then(|| number.parse().ok()).flatten()?;
    number.checked_mul(seconds).map(SignedDuration::from_secs)
}

/// The rule of this id. Fails with the nearest id and the list of them.
pub fn parse_rule(id: &str) -> Result<&'static Rule, UnknownWord> {
    let id = id.trim();
    rules::by_id(id).ok_or_else(|| UnknownWord::new("rule", id, rules::all().map(|rule| rule.id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::judged;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn finding() -> Finding {
        judged(
            r#"{"userIdentity":{"type":"Root","accessKeyId":"AKIAX"},"eventName":"ListBuckets","eventTime":"2024-05-01T12:00:00Z","readOnly":true}"#,
        )
        .unwrap()
    }

    #[test]
    fn each_condition_keeps_and_drops() {
        let keeps = |filter: Filter| filter.keeps(&finding());
        assert!(keeps(Filter::default()));
        for (kept, filter) in [
            (true, Filter { rules: vec!["root-mfa-removed", "root-access-key-used"], ..Filter::default() }),
            (false, Filter { rules: vec!["root-mfa-removed"], ..Filter::default() }),
            (true, Filter { min_severity: Some(Severity::Critical), ..Filter::default() }),
            (true, Filter { identities: vec![IdentityKind::RootUser], ..Filter::default() }),
            (false, Filter { identities: vec![IdentityKind::RootFederated], ..Filter::default() }),
            (true, Filter { credentials: vec![CredentialType::LongTermAccessKey], ..Filter::default() }),
            (false, Filter { credentials: vec![CredentialType::Unknown], ..Filter::default() }),
            (true, Filter { mfa: vec![MfaStatus::NotUsed, MfaStatus::Used], ..Filter::default() }),
            (false, Filter { mfa: vec![MfaStatus::Used], ..Filter::default() }),
            (true, Filter { event_names: vec!["listbuckets".into()], ..Filter::default() }),
            (false, Filter { event_names: vec!["ListBucket".into()], ..Filter::default() }),
        ] {
            assert_eq!(keeps(filter.clone()), kept, "{filter:?}");
            assert!(!filter.is_empty());
        }
        let low = judged(r#"{"userIdentity":{"type":"Root"},"readOnly":true}"#).unwrap();
        assert!(!Filter { min_severity: Some(Severity::Medium), ..Filter::default() }.keeps(&low));
    }

    #[test]
    fn callers_of_assume_root_have_no_credential_to_filter_on() {
        let caller = judged(
            r#"{"userIdentity":{"type":"IAMUser"},"eventName":"AssumeRoot","eventSource":"sts.amazonaws.com"}"#,
        )
        .unwrap();
        assert!(!Filter { credentials: vec![CredentialType::Unknown], ..Filter::default() }.keeps(&caller));
        assert!(!Filter { mfa: vec![MfaStatus::Unknown], ..Filter::default() }.keeps(&caller));
    }

    #[test]
    fn ranges_are_half_open_and_doubt_stays_visible() {
        let range =
            TimeRange::new(Some(at("2024-05-01T12:00:00Z")), Some(at("2024-05-01T13:00:00Z"))).unwrap();
        for (time, held) in [
            (Some("2024-05-01T11:59:59Z"), false),
            (Some("2024-05-01T11:59:59.999Z"), false),
            (Some("2024-05-01T12:00:00Z"), true),
            (Some("2024-05-01T14:30:00+02:00"), true),
            (Some("2024-05-01T12:59:59.999Z"), true),
            (Some("2024-05-01T13:00:00Z"), false),
            (Some("yesterday"), true),
            (Some(""), true),
            (None, true),
        ] {
            assert_eq!(range.holds(time), held, "{time:?}");
        }
        assert!(TimeRange::new(Some(at("2024-05-01T12:00:00Z")), Some(at("2024-05-01T12:00:00Z"))).is_err());
    }

    #[test]
    fn times_in_every_form() {
        let now = at("2024-05-08T12:00:00Z");
        for (text, expected) in [
            ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
            ("2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00Z"),
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("7d", "2024-05-01T12:00:00Z"),
            ("12h", "2024-05-08T00:00:00Z"),
            (" 30m ", "2024-05-08T11:30:00Z"),
            ("2w", "2024-04-24T12:00:00Z"),
            ("0d", "2024-05-08T12:00:00Z"),
        ] {
            assert_eq!(parse_time(text, now), Ok(at(expected)), "{text}");
        }
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "7 d",
            "7y",
            "2024-13-01",
            "2024-05-01T12:00:00",
            "99999999999999999999d",
            "999999999999w",
            "é",
        ] {
            assert_eq!(parse_time(text, now), Err(TimeError::Time(text.into())), "{text}");
        }
        assert_eq!(parse_span("0"), Ok(SignedDuration::ZERO));
        assert_eq!(parse_span("1d"), Ok(SignedDuration::from_hours(24)));
        assert!(parse_span("1").is_err());
    }

    #[test]
    fn rules_are_found_or_corrected() {
        assert_eq!(parse_rule("root-activity").map(|rule| rule.id), Ok("root-activity"));
        assert_eq!(parse_rule("root-activty").unwrap_err().nearest.as_deref(), Some("root-activity"));
        assert_eq!(
            parse_rule("without-mfa").unwrap_err().nearest.as_deref(),
            Some("root-console-login-without-mfa")
        );
    }

    proptest::proptest! {
        /// Before a moment and from it on: together everything, and nothing twice but doubt.
        #[test]
        fn two_halves_make_the_whole(second in 0_i64..4_000_000_000, cut in 0_i64..4_000_000_000, text in ".{0,24}") {
            let at = |second| Timestamp::from_second(second).unwrap();
            let before = TimeRange { start: None, end: Some(at(cut)) };
            let after = TimeRange { start: Some(at(cut)), end: None };
            let time = at(second).to_string();
            proptest::prop_assert!(before.holds(Some(&time)) != after.holds(Some(&time)));
            proptest::prop_assert!(before.holds(Some(&text)) || after.holds(Some(&text)));
        }

        /// Whatever users type, there is an answer and no panic.
        #[test]
        fn any_text_is_a_time_or_an_error(text in ".{0,24}") {
            let _read = parse_time(&text, Timestamp::UNIX_EPOCH);
            let _length = parse_span(&text);
        }
    }
}
