//! One CloudTrail record, read by CloudTrail's own field names.
//!
//! Any field may hold any JSON type: logs pass through pipelines, and some are forged. Each reader says what the
//! reader accepts, answers `None` to everything else, and decides nothing.

use std::net::IpAddr;

use crate::json::Value;

/// The sign-ins of a directory (IAM Identity Center, an external identity provider) that AWS records beside root's.
pub(crate) const DIRECTORY_SIGN_INS: &[&str] =
    &["ExternalIdPDirectoryLogin", "UserAuthentication", "CredentialChallenge", "CredentialVerification"];

/// A record by dotted paths, as CloudTrail's documentation writes them.
#[derive(Clone, Copy, Debug)]
pub struct Record<'r>(&'r Value<'r>);

impl<'r> Record<'r> {
    /// Returns a view of a record.
    pub fn new(record: &'r Value<'r>) -> Self {
        Self(record)
    }

    /// Returns what stands at a path, `null` included.
    pub fn value(&self, path: &str) -> Option<&'r Value<'r>> {
        // By bytes: a finding asks for some hundred paths, and `str::split` looks for each dot with a search
        // that is made for long texts.
        path.as_bytes().split(|&byte| byte == b'.').try_fold(self.0, |value, key| value.member(key))
    }

    /// Returns a string, or a number's own digits: account IDs lose their quotes in some pipelines.
    pub fn text(&self, path: &str) -> Option<&'r str> {
        scalar(self.value(path)?)
    }

    /// Returns the string at a path like [`Record::text`]; `None` where the string is empty.
    pub fn filled(&self, path: &str) -> Option<&'r str> {
        self.text(path).filter(|text| !text.trim().is_empty())
    }

    /// Returns whether a text equals one of `names`, whatever the case of its letters.
    pub fn is_any(&self, path: &str, names: &[&str]) -> bool {
        self.text(path).is_some_and(|text| names.iter().any(|name| text.eq_ignore_ascii_case(name)))
    }

    /// Returns whether the value at a path is `true` or the string `"true"`. Present is not true: `assumedRoot` can
    /// be `""`.
    pub fn is_true(&self, path: &str) -> bool {
        match self.value(path) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// Returns a yes or no in one of its spellings: `"Yes"`, `"YES"`, `"false"`, `"True"`, `true`, `1`.
    pub fn yes_or_no(&self, path: &str) -> Option<bool> {
        yes_or_no(self.value(path)?)
    }

    /// Returns whether an object stands there, even an empty one.
    pub fn is_object(&self, path: &str) -> bool {
        matches!(self.value(path), Some(Value::Object(_)))
    }

    /// Returns whether something stands there that is neither `null` nor empty.
    pub fn holds_something(&self, path: &str) -> bool {
        self.value(path).is_some_and(is_something)
    }

    /// Returns `eventName`, or an empty text.
    pub fn event_name(&self) -> &'r str {
        self.text("eventName").unwrap_or_default()
    }

    /// Returns whether `eventName` is one of `names`, as AWS spells them.
    pub fn is_event(&self, names: &[&str]) -> bool {
        names.contains(&self.event_name())
    }

    /// Returns the service: `iam` for the `eventSource` `iam.amazonaws.com`.
    pub fn service(&self) -> Option<&'r str> {
        let source = self.text("eventSource")?;
        source.strip_suffix(".amazonaws.com").or_else(|| source.strip_suffix(".amazonaws.com.cn"))
    }

    /// Returns the string at `responseElements.<eventName>`, where sign-in events keep their outcome.
    pub fn named_response(&self) -> Option<&'r str> {
        self.named("responseElements")
    }

    /// Returns the string that a member of the record has under the event's own name.
    pub(super) fn named(&self, member: &str) -> Option<&'r str> {
        self.value(member)?.get(self.text("eventName")?)?.as_str()
    }

    /// Returns whether the event comes from AWS's sign-in. AWS's documentation also spells `AwsConsoleSignin`.
    pub fn is_sign_in(&self) -> bool {
        self.is_any("eventType", &["AwsConsoleSignIn"])
            || self.is_any("eventSource", &["signin.amazonaws.com"])
    }

    /// Returns whether somebody signs in to a directory, which AWS may record with the type `Root`.
    pub fn is_directory_sign_in(&self) -> bool {
        self.is_event(DIRECTORY_SIGN_INS) && self.is_sign_in()
    }

    /// Returns `readOnly`. Network activity events lack the field: the verb of an event's name stands in for it.
    pub fn only_reads(&self) -> Option<bool> {
        const READING: &[&str] = &["Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search"];
        self.yes_or_no("readOnly").or_else(|| {
            let name = self.filled("eventName")?;
            self.is_any("eventType", &["AwsVpceEvent"])
                .then(|| READING.iter().any(|verb| name.starts_with(verb)))
        })
    }

    /// Returns `sourceIPAddress`, where the field holds an IP address.
    pub fn address(&self) -> Option<IpAddr> {
        self.text("sourceIPAddress")?.trim().parse().ok()
    }

    /// Returns the account of the identity: `userIdentity.accountId`, else the one in its ARN.
    pub fn account(&self) -> Option<&'r str> {
        self.filled("userIdentity.accountId")
            .or_else(|| self.text("userIdentity.arn").and_then(account_in_arn))
    }

    /// Returns whether the identity's account is another one than `recipientAccountId`, where the record has both.
    pub fn is_from_another_account(&self) -> bool {
        self.account()
            .zip(self.filled("recipientAccountId"))
            .is_some_and(|(own, recipient)| !same_account(own, recipient))
    }

    /// Returns whether CloudTrail left the parameters out for their size. The parameters are then unknown, not
    /// absent.
    pub fn parameters_are_omitted(&self) -> bool {
        self.is_true("requestParameters.omitted")
    }
}

/// Returns a value as yes or no.
pub(super) fn yes_or_no(value: &Value<'_>) -> Option<bool> {
    if let Value::Bool(flag) = value {
        return Some(*flag);
    }
    let text = scalar(value)?.trim();
    let is = |names: [&str; 3]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
    if is(["true", "yes", "1"]) {
        Some(true)
    } else if is(["false", "no", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Returns whether a value is neither `null` nor empty.
pub(super) fn is_something(value: &Value<'_>) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Deep(_) => true,
    }
}

/// Returns whether two account IDs are one. Pipelines that take them for numbers drop leading zeros.
pub(crate) fn same_account(one: &str, other: &str) -> bool {
    let digits = |id: &str| id.trim().trim_start_matches('0').to_owned();
    digits(one) == digits(other)
}

fn scalar<'r>(value: &'r Value<'r>) -> Option<&'r str> {
    match value {
        Value::String(text) | Value::Number(text) => Some(text),
        _ => None,
    }
}

/// Returns whether this is the ARN of an account's root: `arn:aws[…]:iam::ACCOUNT:root` and nothing else.
///
/// An IAM user's ARN always has `user/`, so a user named `root` does not match.
pub fn is_root_arn(arn: &str) -> bool {
    let mut parts = arn.split(':');
    let mut next = || parts.next().unwrap_or_default();
    let (scheme, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    let known_partition = partition.strip_prefix("aws").is_some_and(|rest| {
        rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    });
    scheme == "arn"
        && known_partition
        && service == "iam"
        && region.is_empty()
        && !account.contains('/')
        && resource == "root"
        && parts.next().is_none()
}

/// Returns the account in an ARN, where it names one.
pub(crate) fn account_in_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then(|| parts.nth(3)).flatten().filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::testing::tree;

    #[test]
    fn root_arns_differ_from_look_alikes() {
        for arn in [
            "arn:aws:iam::111122223333:root",
            "arn:aws-cn:iam::111122223333:root",
            "arn:aws-us-gov:iam::111122223333:root",
            "arn:aws-iso-b:iam::111122223333:root",
            "arn:aws:iam:::root",
        ] {
            assert!(is_root_arn(arn), "{arn}");
        }
        for arn in [
            "",
            "root",
            "arn:aws:iam::111122223333:user/root",
            "arn:aws:iam::111122223333:user/a:root",
            "arn:aws:iam::111122223333:root/o-1/r-1",
            "arn:aws:organizations::111122223333:root",
            "arn:aws:iam:us-east-1:111122223333:root",
            "arn:awsX:iam::111122223333:root",
            "arn:aws:iam::1/2:root",
            "xarn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:root ",
            "arn:aws:iam::111122223333:Root",
            "arn:aws:sts::111122223333:assumed-role/root/root",
        ] {
            assert!(!is_root_arn(arn), "{arn}");
        }
        assert_eq!(account_in_arn("arn:aws:iam::111122223333:root"), Some("111122223333"));
        assert_eq!(account_in_arn("arn:aws:iam:::root"), None);
        assert_eq!(account_in_arn("what:aws:iam::111122223333:root"), None);
        assert_eq!(account_in_arn(""), None);
    }

    #[test]
    fn every_spelling_of_yes_and_no_is_read() {
        for (json, expected) in [
            (r#""true""#, Some(true)),
            (r#""True""#, Some(true)),
            (r#"" YES ""#, Some(true)),
            (r#""Yes""#, Some(true)),
            (r#""1""#, Some(true)),
            ("1", Some(true)),
            ("true", Some(true)),
            (r#""false""#, Some(false)),
            (r#""No""#, Some(false)),
            (r#""NO\n""#, Some(false)),
            ("0", Some(false)),
            ("false", Some(false)),
            (r#""""#, None),
            ("null", None),
            (r#""maybe""#, None),
            ("2", None),
            ("[true]", None),
            (r#"{"true":true}"#, None),
        ] {
            let value = tree(&format!(r#"{{"a":{{"b":{json}}}}}"#));
            assert_eq!(Record::new(&value).yes_or_no("a.b"), expected, "{json}");
        }
    }
}
