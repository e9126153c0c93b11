//! A policy document: its statements, and what cannot be read of them.
//!
//! A statement becomes an effect, two sets of patterns (actions and resources) and a list of conditions. `NotAction`
//! and `NotResource` are sets that are negated. Actions and keys of conditions are lowered, since IAM compares both
//! without regard to case. An element that this module does not know is a flaw: the statement is left out, and the
//! verdict treats the policy as not known in full.

use serde_json::Value;

use super::glob::Glob;
use super::search::Set;

/// What a statement does where it applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::posture) enum Effect {
    Allow,
    Deny,
}

/// One comparison of a `Condition`.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// As written, such as `BoolIfExists`.
    pub(super) operator: String,
    /// The key in lower case: keys are compared without regard to case.
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

/// One statement.
#[derive(Clone, Debug)]
pub(in crate::posture) struct Statement {
    /// The statement's place in the document, from 0.
    pub(in crate::posture) index: usize,
    pub(in crate::posture) sid: Option<String>,
    pub(in crate::posture) effect: Effect,
    /// In lower case: actions are compared without regard to case.
    pub(super) actions: Set,
    pub(super) resources: Set,
    pub(super) conditions: Vec<Condition>,
    /// Whether `${…}` in values stands for a key of the request: not in documents of 2008.
    pub(super) variables: bool,
}

/// A document whose statements have been read.
#[derive(Clone, Debug, Default)]
pub(in crate::posture) struct Document {
    pub(in crate::posture) statements: Vec<Statement>,
    /// What could not be read: which statement, and why. What such a statement does is not known.
    pub(in crate::posture) flaws: Vec<String>,
}

impl Document {
    /// Reads a document. What is wrong with it stands in `flaws`.
    pub(in crate::posture) fn read(value: &Value) -> Self {
        let mut document = Self::default();
        let variables = value.get("Version").and_then(Value::as_str) == Some("2012-10-17");
        let statements = match value.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            Some(_) => {
                document.flaws.push("Statement is neither an object nor a list".into());
                Vec::new()
            }
            None => {
                document.flaws.push("there is no Statement".into());
                Vec::new()
            }
        };
        for (index, value) in statements.into_iter().enumerate() {
            match statement(index, value, variables) {
                Ok(statement) => document.statements.push(statement),
                Err(why) => document.flaws.push(format!("statement {}: {why}", index + 1)),
            }
        }
        document
    }

    /// Returns the document of `FullAWSAccess`, which AWS attaches everywhere at first.
    pub(in crate::posture) fn full_access() -> Self {
        let all = || Set { patterns: vec![Glob::new("*")], negated: false };
        let statement = Statement {
            index: 0,
            sid: None,
            effect: Effect::Allow,
            actions: all(),
            resources: all(),
            conditions: Vec::new(),
            variables: true,
        };
        Self { statements: vec![statement], flaws: Vec::new() }
    }
}

/// The elements that a statement may have. Others change what it means, in ways that are not known here.
const ELEMENTS: [&str; 7] = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

fn statement(index: usize, value: &Value, variables: bool) -> Result<Statement, String> {
    let statement = value.as_object().ok_or("it is no object")?;
    if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
        return Err("it names a Principal, which a service control policy cannot do".into());
    }
    if let Some(unknown) = statement.keys().find(|name| !ELEMENTS.contains(&name.as_str())) {
        return Err(format!("it has the unknown element {unknown:?}"));
    }
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err("its Effect is neither Allow nor Deny".into()),
    };
    let actions = one_of(statement, "Action", "NotAction", |text| text.to_ascii_lowercase())?;
    let resources = one_of(statement, "Resource", "NotResource", str::to_owned)?;
    let conditions = match statement.get("Condition") {
        None => Vec::new(),
        Some(conditions) => read_conditions(conditions)?,
    };
    let sid = statement.get("Sid").and_then(Value::as_str).map(str::to_owned);
    Ok(Statement { index, sid, effect, actions, resources, conditions, variables })
}

fn one_of(
    statement: &serde_json::Map<String, Value>,
    name: &str,
    not_name: &str,
    spelled: impl Fn(&str) -> String,
) -> Result<Set, String> {
    let (value, negated) = match (statement.get(name), statement.get(not_name)) {
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return Err(format!("it has neither {name} nor {not_name}")),
        (Some(_), Some(_)) => return Err(format!("it has both {name} and {not_name}")),
    };
    let texts = match value {
        Value::String(text) => vec![text.as_str()],
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| format!("its {name} holds what is no text"))?
        }
        _ => return Err(format!("its {name} is neither a text nor a list")),
    };
    if texts.is_empty() {
        return Err(format!("its {name} is an empty list"));
    }
    Ok(Set { patterns: texts.iter().map(|text| Glob::new(&spelled(text))).collect(), negated })
}

fn read_conditions(value: &Value) -> Result<Vec<Condition>, String> {
    let operators = value.as_object().ok_or("its Condition is no object")?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let keys = keys.as_object().ok_or_else(|| format!("{operator} is no object"))?;
        for (key, values) in keys {
            let list = match values {
                Value::Array(list) => list.iter().collect(),
                value => vec![value],
            };
            let values: Option<Vec<String>> = list.into_iter().map(scalar).collect();
            let values = values.ok_or_else(|| format!("{operator} {key} holds what is no text"))?;
            conditions.push(Condition { operator: operator.clone(), key: key.to_ascii_lowercase(), values });
        }
    }
    Ok(conditions)
}

/// Returns a scalar as text: `true` and `3600` may stand without quotes.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_no_service_control_policy_can_say_is_a_flaw() {
        let good = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
        let with = |name: &str, value: Value| {
            let mut statement = good.clone();
            statement[name] = value;
            Document::read(&json!({"Version": "2012-10-17", "Statement": [good, statement]}))
        };
        for (document, flaw) in [
            (
                with("Principal", json!("*")),
                "statement 2: it names a Principal, which a service control policy cannot do",
            ),
            (with("Effect", json!("deny")), "statement 2: its Effect is neither Allow nor Deny"),
            (with("NotAction", json!("iam:*")), "statement 2: it has both Action and NotAction"),
            (with("Action", json!([])), "statement 2: its Action is an empty list"),
            (with("Resource", json!([1])), "statement 2: its Resource holds what is no text"),
            (with("Condition", json!("x")), "statement 2: its Condition is no object"),
            (with("Conditions", json!({})), "statement 2: it has the unknown element \"Conditions\""),
            (
                with("Condition", json!({"Bool": {"a:b": [null]}})),
                "statement 2: Bool a:b holds what is no text",
            ),
        ] {
            assert_eq!((document.statements.len(), document.flaws), (1, vec![flaw.to_owned()]));
        }
        assert_eq!(Document::read(&json!({})).flaws, ["there is no Statement"]);
        let single = Document::read(&json!({"Statement": good}));
        assert_eq!((single.statements.len(), single.flaws.len()), (1, 0));
    }
}
