//! Whether a condition holds for a request.
//!
//! A missing key makes a comparison fail and its negation hold; `IfExists` makes both hold; `Null` asks just
//! that. `ForAllValues` holds where the key is missing, `ForAnyValue` does not, whatever it compares. Values
//! of one condition are alternatives; for a negated operator none of them may match.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::document::{Condition, Statement};
use super::glob::Glob;
use super::request::{Context, KEYS, Request};

/// What is known of a condition, or of all conditions of a statement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    Holds,
    Fails,
    /// The caller can choose a request for which it fails, and one for which it holds, by these keys.
    Chosen(BTreeSet<String>),
    /// The answer hangs on what is not known here.
    Unknown,
}

impl Truth {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Truth::Fails, _) | (_, Truth::Fails) => Truth::Fails,
            (Truth::Unknown, _) | (_, Truth::Unknown) => Truth::Unknown,
            (Truth::Chosen(mut keys), Truth::Chosen(others)) => {
                keys.extend(others);
                Truth::Chosen(keys)
            }
            (Truth::Chosen(keys), Truth::Holds) | (Truth::Holds, Truth::Chosen(keys)) => Truth::Chosen(keys),
            (Truth::Holds, Truth::Holds) => Truth::Holds,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Truth::Holds } else { Truth::Fails }
    }
}

/// Returns whether all conditions of a statement hold.
pub(super) fn holds(statement: &Statement, request: &Request<'_>) -> Truth {
    let conditions = statement.conditions.iter();
    conditions.fold(Truth::Holds, |all, one| all.and(evaluate(one, statement.variables, request)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    None,
    ForAnyValue,
    ForAllValues,
}

/// Returns whether one condition holds. `variables`: whether `${…}` in its values stands for a key.
pub(super) fn evaluate(condition: &Condition, variables: bool, request: &Request<'_>) -> Truth {
    let operator = condition.operator.to_ascii_lowercase();
    let (quantifier, operator) = match operator.split_once(':') {
        Some(("foranyvalue", rest)) => (Quantifier::ForAnyValue, rest),
        Some(("forallvalues", rest)) => (Quantifier::ForAllValues, rest),
        Some(_) => return Truth::Unknown,
        None => (Quantifier::None, operator.as_str()),
    };
    let context = request.context(&condition.key);
    if operator == "null" {
        return null(&condition.values, &context, &condition.key);
    }
    let (operator, if_exists) = match operator.strip_suffix("ifexists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let Some((compare, negated)) = comparison(operator) else { return Truth::Unknown };
    match context {
        Context::Missing => match quantifier {
            Quantifier::ForAllValues => Truth::Holds,
            Quantifier::ForAnyValue => if_exists.into(),
            Quantifier::None => (if_exists || negated).into(),
        },
        Context::Value(actual) => {
            let mut unknown = false;
            for value in &condition.values {
                let matched = match expected(value, variables, request) {
                    Some(value) => compare(&value, &actual),
                    None => None,
                };
                match matched {
                    Some(true) => return (!negated).into(),
                    Some(false) => {}
                    None => unknown = true,
                }
            }
            if unknown { Truth::Unknown } else { negated.into() }
        }
        Context::Chosen { present } => {
            // `StringLike *` takes whatever there is.
            let all = matches!(operator, "stringlike" | "stringnotlike")
                && condition.values.iter().any(|value| Glob::new(value).is_everything());
            if all && (present || if_exists) {
                return (!negated).into();
            }
            Truth::Chosen(BTreeSet::from([condition.key.clone()]))
        }
        Context::Unknown => Truth::Unknown,
    }
}

/// Evaluates `Null`: the value `true` holds where the key is missing.
fn null(values: &[String], context: &Context, key: &str) -> Truth {
    let missing = match context {
        Context::Missing => true,
        Context::Value(_) | Context::Chosen { present: true } => false,
        Context::Chosen { present: false } => return Truth::Chosen(BTreeSet::from([key.to_owned()])),
        Context::Unknown => return Truth::Unknown,
    };
    let wanted: Option<Vec<bool>> = values.iter().map(|value| boolean(value)).collect();
    wanted.map_or(Truth::Unknown, |wanted| wanted.contains(&missing).into())
}

/// Compares a value of the policy with the request's; `None` where the value cannot be understood.
type Compare = fn(&str, &str) -> Option<bool>;

/// Returns the comparison of an operator in lower case, and whether the operator negates it.
fn comparison(operator: &str) -> Option<(Compare, bool)> {
    Some(match operator {
        "stringequals" => (equal, false),
        "stringnotequals" => (equal, true),
        "stringequalsignorecase" => (equal_any_case, false),
        "stringnotequalsignorecase" => (equal_any_case, true),
        "stringlike" => (like, false),
        "stringnotlike" => (like, true),
        // Both forms take wildcards.
        "arnequals" | "arnlike" => (arn_like, false),
        "arnnotequals" | "arnnotlike" => (arn_like, true),
        "bool" => (bools, false),
        "binaryequals" => (equal, false),
        "ipaddress" => (address, false),
        "notipaddress" => (address, true),
        "numericequals" => (|value, actual| number(value, actual, |v, a| a == v), false),
        "numericnotequals" => (|value, actual| number(value, actual, |v, a| a == v), true),
        "numericlessthan" => (|value, actual| number(value, actual, |v, a| a < v), false),
        "numericlessthanequals" => (|value, actual| number(value, actual, |v, a| a <= v), false),
        "numericgreaterthan" => (|value, actual| number(value, actual, |v, a| a > v), false),
        "numericgreaterthanequals" => (|value, actual| number(value, actual, |v, a| a >= v), false),
        "dateequals" => (|value, actual| date(value, actual, |v, a| a == v), false),
        "datenotequals" => (|value, actual| date(value, actual, |v, a| a == v), true),
        "datelessthan" => (|value, actual| date(value, actual, |v, a| a < v), false),
        "datelessthanequals" => (|value, actual| date(value, actual, |v, a| a <= v), false),
        "dategreaterthan" => (|value, actual| date(value, actual, |v, a| a > v), false),
        "dategreaterthanequals" => (|value, actual| date(value, actual, |v, a| a >= v), false),
        _ => return None,
    })
}

fn equal(value: &str, actual: &str) -> Option<bool> {
    Some(value == actual)
}

fn equal_any_case(value: &str, actual: &str) -> Option<bool> {
    Some(value.to_lowercase() == actual.to_lowercase())
}

fn like(value: &str, actual: &str) -> Option<bool> {
    Some(Glob::new(value).matches(actual))
}

/// Compares two ARNs part by part: a `*` does not reach over a colon.
fn arn_like(value: &str, actual: &str) -> Option<bool> {
    if Glob::new(value).is_everything() {
        return Some(true);
    }
    let (value, actual): (Vec<&str>, Vec<&str>) =
        (value.splitn(6, ':').collect(), actual.splitn(6, ':').collect());
    if value.len() < 6 {
        return None;
    }
    Some(
        actual.len() == 6
            && value.iter().zip(&actual).all(|(value, actual)| Glob::new(value).matches(actual)),
    )
}

fn boolean(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn bools(value: &str, actual: &str) -> Option<bool> {
    Some(boolean(value)? == boolean(actual)?)
}

fn address(value: &str, actual: &str) -> Option<bool> {
    Some(network(value)?.contains(&actual.parse::<IpAddr>().ok()?))
}

/// Returns a range of addresses, or one of them.
pub(super) fn network(value: &str) -> Option<IpNet> {
    let value = value.trim();
    value.parse().ok().or_else(|| value.parse::<IpAddr>().ok().map(IpNet::from)).map(|net| net.trunc())
}

fn number(value: &str, actual: &str, test: fn(f64, f64) -> bool) -> Option<bool> {
    Some(test(value.trim().parse().ok()?, actual.parse().ok()?))
}

fn date(value: &str, actual: &str, test: fn(Timestamp, Timestamp) -> bool) -> Option<bool> {
    Some(test(instant(value)?, instant(actual)?))
}

/// Reads a time: RFC 3339, a day, or seconds since 1970.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

/// Returns the value with its variables filled in; `None` where one of them is not known.
fn expected(value: &str, variables: bool, request: &Request<'_>) -> Option<String> {
    if !variables || !value.contains("${") {
        return Some(value.to_owned());
    }
    // What a variable brings in is text, also where it looks like a wildcard: none of the keys that are
    // known here holds one.
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let (name, after) = after.split_once('}')?;
        let name = name.trim().to_ascii_lowercase();
        match request.context(&name) {
            // A place stands for all that the policies treat alike, whatever their addresses are.
            Context::Value(_) if KEYS.contains(&name.as_str()) => return None,
            Context::Value(actual) => text.push_str(&actual),
            Context::Missing | Context::Chosen { .. } | Context::Unknown => return None,
        }
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posture::policy::request::{Origin, RootCredential};

    const ROOT: &str = "arn:aws:iam::111122223333:root";

    fn truth(operator: &str, key: &str, values: &[&str], credential: RootCredential) -> Truth {
        let origin = Origin::Internet("198.51.100.7".parse().unwrap());
        let request = Request {
            account: "111122223333",
            arn: ROOT,
            organization: Some("o-a1b2c3d4e5"),
            path: None,
            now: "2025-11-19T00:00:00Z".parse().unwrap(),
            credential,
            origin: &origin,
        };
        let condition = Condition {
            operator: operator.into(),
            key: key.to_ascii_lowercase(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        evaluate(&condition, true, &request)
    }

    #[test]
    fn mfa_is_true_or_false_or_missing() {
        use RootCredential::{AccessKey, SessionWithMfa, SessionWithoutMfa};
        for (operator, value, expected) in [
            // With MFA, without, by access key.
            ("Bool", "false", [false, true, false]),
            ("Bool", "true", [true, false, false]),
            ("BoolIfExists", "false", [false, true, true]),
            ("BoolIfExists", "true", [true, false, true]),
            ("Null", "true", [false, false, true]),
            ("Null", "false", [true, true, false]),
            ("StringEquals", "false", [false, true, false]),
            ("StringNotEquals", "true", [false, true, true]),
            ("StringNotEqualsIfExists", "true", [false, true, true]),
            ("ForAllValues:Bool", "false", [false, true, true]),
            ("ForAnyValue:Bool", "false", [false, true, false]),
            ("ForAnyValue:StringNotEquals", "true", [false, true, false]),
            ("ForAllValues:StringNotEquals", "true", [false, true, true]),
        ] {
            let got = [SessionWithMfa, SessionWithoutMfa, AccessKey]
                .map(|credential| truth(operator, "aws:multifactorAUTHpresent", &[value], credential));
            assert_eq!(got, expected.map(Truth::from), "{operator} {value}");
        }
    }

    #[test]
    fn a_root_user_is_who_it_is() {
        let credential = RootCredential::AccessKey;
        for (operator, key, value, expected) in [
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:root", true),
            ("stringlike", "AWS:principalarn", "*:root", true),
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*", false),
            ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::*:root", false),
            ("StringEquals", "aws:PrincipalArn", ROOT, true),
            ("StringEquals", "aws:PrincipalArn", "arn:aws:iam::${aws:PrincipalAccount}:root", true),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:root", true),
            ("ArnEquals", "aws:PrincipalArn", "arn:*:iam::*:root", true),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:*:root:x:y", false),
            ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::*:role/admin", true),
            ("StringEquals", "aws:PrincipalType", "Account", true),
            ("StringEquals", "aws:PrincipalType", "Root", false),
            ("StringNotEquals", "aws:PrincipalTag/team", "ops", true),
            ("StringEquals", "aws:PrincipalTag/team", "ops", false),
            ("StringLike", "aws:username", "*", false),
            ("Null", "aws:username", "true", true),
            ("StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5", true),
            ("IpAddress", "aws:SourceIp", "198.51.100.0/24", true),
            ("NotIpAddress", "aws:SourceIp", "198.51.100.7", false),
            ("NotIpAddress", "aws:VpcSourceIp", "10.0.0.0/8", true),
            ("NotIpAddressIfExists", "aws:VpcSourceIp", "10.0.0.0/8", true),
            ("IpAddress", "aws:VpcSourceIp", "10.0.0.0/8", false),
            ("NumericGreaterThan", "aws:MultiFactorAuthAge", "3600", false),
            ("NumericGreaterThanIfExists", "aws:MultiFactorAuthAge", "3600", true),
            ("DateGreaterThan", "aws:CurrentTime", "2025-01-01", true),
            ("DateLessThan", "aws:EpochTime", "1735689600", false),
            ("StringLike", "aws:RequestedRegion", "*", true),
            ("Bool", "aws:ViaAWSService", "true", false),
        ] {
            assert_eq!(
                truth(operator, key, &[value], credential),
                expected.into(),
                "{operator} {key} {value}"
            );
        }
    }

    #[test]
    fn what_cannot_be_known_is_not_guessed() {
        let credential = RootCredential::AccessKey;
        let chosen = |key: &str| Truth::Chosen(BTreeSet::from([key.to_owned()]));
        for (operator, key, value, expected) in [
            ("StringNotEquals", "aws:RequestedRegion", "eu-west-1", chosen("aws:requestedregion")),
            ("StringEquals", "s3:x-amz-acl", "private", chosen("s3:x-amz-acl")),
            ("Null", "aws:RequestTag/owner", "true", chosen("aws:requesttag/owner")),
            ("Null", "aws:RequestedRegion", "true", Truth::Fails),
            ("StringEquals", "aws:SomethingNew", "x", Truth::Unknown),
            ("StringRhymesWith", "aws:PrincipalArn", "x", Truth::Unknown),
            ("Bool", "aws:MultiFactorAuthPresent", "maybe", Truth::Fails),
            ("IpAddress", "aws:SourceIp", "everywhere", Truth::Unknown),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam", Truth::Unknown),
            ("StringEquals", "aws:PrincipalArn", "${aws:username}", Truth::Unknown),
        ] {
            assert_eq!(truth(operator, key, &[value], credential), expected, "{operator} {key} {value}");
        }
    }
}
