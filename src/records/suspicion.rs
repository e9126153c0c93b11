//! The safeguard: bytes that were read and not judged, and that could be evidence.
//!
//! Every CloudTrail event has the keys `eventVersion` and `userIdentity`, however deep it is wrapped and
//! however its quotes are escaped. Bytes that hold neither, in any case of ASCII letters, are no event.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Match, MatchKind};

/// The words of an error line for a value that was not judged.
pub(crate) const NOT_READ: &str =
    "it holds eventVersion or userIdentity, but no event in any place that is read";
const OTHER_CASE: &str = "its keys are not spelled as CloudTrail spells them (eventVersion, userIdentity): Athena and other \
     databases write them in lower case; scan the logs themselves";
const OCSF: &str =
    "OCSF, as Security Lake writes it, in place of CloudTrail's own records; scan the trail's logs";
const ECS: &str = "ECS without event.original, as Elastic's pipelines may leave it, in place of CloudTrail's own records; export \
     event.original, or scan the trail's logs";

const VERSION: usize = 0;
const IDENTITY: usize = 1;

fn names() -> &'static AhoCorasick {
    static NAMES: LazyLock<AhoCorasick> = LazyLock::new(|| {
        AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostFirst)
            .build(["eventVersion", "userIdentity"])
            .expect("two short patterns are within every limit")
    });
    &NAMES
}

fn found(bytes: &[u8]) -> impl Iterator<Item = Match> {
    names().find_iter(bytes)
}

/// Returns whether bytes that were not judged could be evidence.
pub(super) fn holds_event(bytes: &[u8]) -> bool {
    names().is_match(bytes)
}

/// Returns why bytes that could be evidence were not judged; `None`: they could not be evidence.
pub(super) fn unread(bytes: &[u8]) -> Option<&'static str> {
    let mut spelled_so = false;
    let mut any = false;
    for name in found(bytes) {
        any = true;
        spelled_so |= matches!(&bytes[name.range()], b"eventVersion" | b"userIdentity");
    }
    match (any, spelled_so) {
        _ if is_ocsf(bytes) => Some(OCSF),
        (false, _) if is_ecs(bytes) => Some(ECS),
        (false, _) => None,
        (true, true) => Some(NOT_READ),
        (true, false) => Some(OTHER_CASE),
    }
}

/// Returns whether an object that lacks one of the two keys, or both, holds them deeper. The attributes that
/// Insights names do not count.
pub(super) fn hidden(bytes: &[u8], has_version: bool, has_identity: bool) -> bool {
    found(bytes).any(|name| {
        let (has, attribute) = match name.pattern().as_usize() {
            VERSION => (has_version, false),
            _ => (has_identity, bytes[name.end()..].starts_with(b"Arn")),
        };
        !has && !attribute
    })
}

/// Returns whether the text beside judged events holds another event: `userIdentity` as a key of an object in
/// an object. Names alone do not count, since platforms write `userIdentity.type` beside the event.
pub(super) fn holds_another_event(bytes: &[u8]) -> bool {
    found(bytes).filter(|name| name.pattern().as_usize() == IDENTITY).any(|name| {
        let mut rest = bytes[name.end()..].iter().skip_while(|byte| br#"\"'`"#.contains(byte));
        let mut rest = rest.by_ref().skip_while(|byte| byte.is_ascii_whitespace());
        matches!(rest.next(), Some(b':' | b'='))
            && rest.find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
    })
}

/// Returns whether bytes hold two keys that every OCSF event has.
fn is_ocsf(bytes: &[u8]) -> bool {
    hold_all(bytes, [br#""class_uid""#, br#""category_uid""#])
}

/// Returns whether bytes hold the names under which Elastic's integration keeps who acted, nested or flat.
fn is_ecs(bytes: &[u8]) -> bool {
    hold_all(bytes, [b"cloudtrail", b"user_identity"])
}

fn hold_all(bytes: &[u8], words: [&[u8]; 2]) -> bool {
    words.iter().all(|word| memchr::memmem::find(bytes, word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_however_quoted() {
        for text in [
            r#"{"a":{"eventVersion":"1.08"}}"#,
            r#"{"a":"{\\\"userIdentity\\\":{}}"}"#,
            "{eventVersion:'1'}",
            "EVENTVERSION",
            "useridentity",
        ] {
            assert!(holds_event(text.as_bytes()) && unread(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["", "eventVersio", "event Version", "userldentity", r#"{"eventName":"x"}"#] {
            assert!(!holds_event(text.as_bytes()) && unread(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn the_reason_is_named() {
        assert_eq!(unread(b"{\"eventversion\":1}"), Some(OTHER_CASE));
        assert_eq!(unread(b"{\"eventversion\":1,\"userIdentity\":2}"), Some(NOT_READ));
        assert_eq!(
            unread(br#"{"class_uid":6003,"category_uid":6,"unmapped":{"eventVersion":1}}"#),
            Some(OCSF)
        );
        for ecs in [
            r#"{"event":{"action":"ConsoleLogin"},"aws":{"cloudtrail":{"user_identity":{"type":"Root"}}}}"#,
            r#"{"aws.cloudtrail.user_identity.type":"Root"}"#,
        ] {
            assert_eq!(unread(ecs.as_bytes()), Some(ECS));
        }
        assert_eq!(unread(br#"{"okta":{"user_identity":{}}}"#), None);
    }

    #[test]
    fn another_event_is_told_from_names_of_fields() {
        for (text, another) in [
            (r#"{"x":{"userIdentity":{"type":"Root"}}}"#, true),
            (r#"{"x":"{\"userIdentity\" : {\"type\":\"Root\"}"}"#, true),
            ("{userIdentity: {type: 'Root'}}", true),
            ("useridentity={type=Root}", true),
            (r#"{"userIdentity.type":"Root","eventVersion":"1.08"}"#, false),
            (r#"{"fields":["userIdentity","userIdentity.arn"]}"#, false),
            (r#"{"userIdentity":"{type=Root}"}"#, false),
            (r#"{"eventVersion":{}}"#, false),
        ] {
            assert_eq!(holds_another_event(text.as_bytes()), another, "{text}");
        }
    }

    #[test]
    fn what_an_object_lacks_at_its_top_can_hide_below() {
        let text = br#"{"eventName":"x","body":"{\"userIdentity\":{}}"}"#;
        assert!(hidden(text, false, false) && hidden(text, true, false) && !hidden(text, false, true));
        assert!(!hidden(br#"{"attribute":"userIdentityArn"}"#, true, false));
    }
}
