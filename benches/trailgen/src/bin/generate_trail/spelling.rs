//! Root events spelled oddly, and other events that mention root.
//!
//! An exact scanner must count the former and must not count the latter. A [`Disguise`] rewrites the text of
//! one plain root event: white space, escapes, the order of keys, or another way of naming root. [`decoy`]
//! puts root into an event of somebody else.

use crate::rng::Rng;

/// A way of writing a root event that means the same, or another event that opens or is root activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Disguise {
    /// White space around the colon of `type`.
    Space,
    /// White space between all tokens of the event.
    Indented,
    /// `\u0052oot`.
    EscapedValue,
    /// `"\u0074ype"`.
    EscapedKey,
    /// `"user\u0049dentity"`.
    EscapedIdentity,
    /// `type` at the end of `userIdentity`, and that at the end of the event.
    Last,
    /// `root`.
    LowerCase,
    /// Type `Unknown` with the ARN of root.
    Unknown,
    /// No type, and the ARN of root with an escape in it.
    NoType,
    /// Type `AWSAccount` with the ARN of root.
    OtherAccount,
    /// A federated user whose session root opened.
    Federated,
    /// `PasswordRecoveryRequested` without a type.
    Recovery,
    /// A call of `AssumeRoot`: not root, and still a finding.
    AssumeRoot,
}

const DISGUISES: [Disguise; 13] = [
    Disguise::Space,
    Disguise::Indented,
    Disguise::EscapedValue,
    Disguise::EscapedKey,
    Disguise::EscapedIdentity,
    Disguise::Last,
    Disguise::LowerCase,
    Disguise::Unknown,
    Disguise::NoType,
    Disguise::OtherAccount,
    Disguise::Federated,
    Disguise::Recovery,
    Disguise::AssumeRoot,
];

impl Disguise {
    pub(crate) fn pick(rng: &mut Rng) -> Self {
        *rng.pick(&DISGUISES)
    }

    /// Returns `identity.kind` of the finding, where the plain event's would be `kind`.
    pub(crate) fn kind(self, kind: &'static str) -> &'static str {
        match self {
            Self::OtherAccount => "root_cross_account",
            Self::Federated => "root_federated",
            Self::Recovery => "root_user",
            Self::AssumeRoot => "assume_root_caller",
            _ => kind,
        }
    }

    /// Returns the event of root in this spelling. `text` is the plain event, whose identity is `identity`.
    pub(crate) fn apply(self, text: &str, identity: &str, account: &str) -> String {
        let plain = r#""type":"Root""#;
        let root = format!("arn:aws:iam::{account}:root");
        let instead = |with: &str| text.replacen(plain, with, 1);
        let other_identity = |with: &str| text.replacen(identity, with, 1);
        match self {
            Self::Space => instead("\"type\"\n:\t\"Root\""),
            Self::Indented => indented(text),
            Self::EscapedValue => instead(r#""type":"\u0052o\u006Ft""#),
            Self::EscapedKey => instead(r#""\u0074ype":"Ro\u006ft""#),
            Self::EscapedIdentity => text.replacen("userIdentity", r"user\u0049dentity", 1),
            Self::Last => {
                let behind = identity.replacen(r#"{"type":"Root","#, "{", 1);
                let behind = format!(r#"{},"type":"Root"}}"#, &behind[..behind.len() - 1]);
                let rest = text.replacen(&format!(r#""userIdentity":{identity},"#), "", 1);
                format!(r#"{},"userIdentity":{behind}}}"#, &rest[..rest.len() - 1])
            }
            Self::LowerCase => instead(r#""type":"root""#),
            Self::Unknown => instead(r#""type":"Unknown""#),
            Self::NoType => other_identity(&identity.replacen(r#""type":"Root","#, "", 1).replacen(
                ":root",
                r":r\u006fot",
                1,
            )),
            Self::OtherAccount => instead(r#""type":"AWSAccount""#),
            Self::Federated => other_identity(&format!(
                r#"{{"type":"FederatedUser","principalId":"{account}:visitor","arn":"arn:aws:sts::{account}:federated-user/visitor","accountId":"{account}","accessKeyId":"ASIAFEDERATEDEXAMPLE","sessionContext":{{"sessionIssuer":{{"type":"Root","principalId":"{account}","arn":"{root}","accountId":"{account}"}},"attributes":{{"creationDate":"2025-03-02T00:00:00Z","mfaAuthenticated":"false"}}}}}}"#
            )),
            Self::Recovery => {
                let by = other_identity(&format!(r#"{{"accountId":"{account}","accessKeyId":""}}"#));
                let by = named(&by, "signin.amazonaws.com", "PasswordRecoveryRequested");
                by.replacen(r#""eventType":"AwsApiCall""#, r#""eventType":"AwsConsoleSignIn""#, 1)
            }
            Self::AssumeRoot => {
                let by = other_identity(&format!(
                    r#"{{"type":"IAMUser","principalId":"AIDAORGADMINXEXAMPLE","arn":"arn:aws:iam::{account}:user/amara","accountId":"{account}","accessKeyId":"AKIAORGADMINXEXAMPLE","userName":"amara"}}"#
                ));
                named(&by, "sts.amazonaws.com", "AssumeRoot")
            }
        }
    }
}

/// Returns the event under another `eventSource` and `eventName`.
fn named(text: &str, source: &str, name: &str) -> String {
    let mut out = text.to_owned();
    for (field, value) in [("eventSource", source), ("eventName", name)] {
        let start = format!("\"{field}\":\"");
        let Some(at) = out.find(&start).map(|at| at + start.len()) else { continue };
        let Some(length) = out[at..].find('"') else { continue };
        out.replace_range(at..at + length, value);
    }
    out
}

/// Returns the event with spaces, tabs and line breaks between all tokens.
fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        let token = !in_string && matches!(character, '{' | '}' | '[' | ']' | ':' | ',');
        if token {
            out.push_str("\r\n  ");
        }
        out.push(character);
        if token {
            out.push_str("\t ");
        }
        in_string ^= character == '"' && !escaped;
        escaped = in_string && character == '\\' && !escaped;
    }
    out
}

/// Returns an event that is not root's, with root mentioned in one more field, or with brackets inside a
/// string.
pub(crate) fn decoy(text: &str, rng: &mut Rng, account: &str) -> String {
    let mention = match rng.below(8) {
        0 => r#""tags":{"type":"Root"}"#.to_owned(),
        1 => r#""note":"Root""#.to_owned(),
        2 => r#""note":"\u0052oot in escapes""#.to_owned(),
        3 => format!(r#""target":{{"userIdentity":{{"type":"Root","arn":"arn:aws:iam::{account}:root"}}}}"#),
        4 => r#""policyDocument":"{\"userIdentity\":{\"type\":\"Root\"}}""#.to_owned(),
        5 => format!(
            r#""comment":"User: arn:aws:iam::{account}:root is not authorized to perform: sts:AssumeRole""#
        ),
        6 => r#""call":{"eventSource":"sts.amazonaws.com","eventName":"AssumeRoot"}"#.to_owned(),
        _ => r#""note":"}]},{\"Records\":[{\\""#.to_owned(),
    };
    format!("{},{mention}}}", &text[..text.len() - 1])
}
