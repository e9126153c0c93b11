//! What AWS itself says: IAM of one account, and AWS Organizations where the caller may ask it.
//!
//! The answers are those that aws-cli prints, so they are read by the same code as files are. IAM answers in
//! XML, of which a few elements are taken; Organizations answers in JSON. Who sends the requests is an [`Aws`];
//! nothing here touches the network.

use std::collections::{HashSet, VecDeque};

use serde_json::{Value, json};

use super::{Posture, ProblemKind};

/// An answer that refuses, or none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", code.as_deref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct Refusal {
    /// AWS's error code, such as `AccessDenied`.
    pub code: Option<String>,
    /// What it says, in one line.
    pub message: String,
}

/// Sends requests to AWS.
pub trait Aws {
    /// Asks IAM, and returns the XML of the answer.
    ///
    /// # Errors
    ///
    /// Where IAM refuses, or does not answer after several tries.
    fn iam(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Refusal>;

    /// Asks AWS Organizations, and returns the JSON of the answer.
    ///
    /// # Errors
    ///
    /// Where the service refuses, or does not answer after several tries.
    fn organizations(&mut self, operation: &str, input: &Value) -> Result<Value, Refusal>;

    /// Waits a moment: a report is being made.
    fn wait(&mut self);
}

/// Moments to wait for a report.
const MOST_WAITS: u32 = 150;

/// Asks for the credential report, the account summary, the virtual MFA devices, and for the organization with
/// its service control policies. What is refused is a problem of the posture.
pub fn fetch(posture: &mut Posture, aws: &mut dyn Aws) {
    let before: Vec<String> = posture.accounts().into_iter().map(str::to_owned).collect();
    match report(aws) {
        Ok(text) => posture.credential_report("iam:GetCredentialReport", text.as_bytes()),
        Err(refusal) => {
            return posture.problem("iam:GetCredentialReport", ProblemKind::Refused, refusal.to_string());
        }
    }
    let accounts: Vec<String> = posture.accounts().into_iter().map(str::to_owned).collect();
    let Some(account) = accounts.iter().find(|account| !before.contains(account)).or(accounts.first()) else {
        return;
    };
    match aws.iam("GetAccountSummary", &[]) {
        Ok(xml) => {
            let flag = |name: &str| {
                let entries = elements(&xml, "entry");
                let entry =
                    entries.into_iter().find(|entry| element(entry, "key").as_deref() == Some(name))?;
                Some(element(entry, "value")?.trim() != "0")
            };
            posture.account_summary(account, flag("AccountAccessKeysPresent"), flag("AccountMFAEnabled"));
        }
        Err(refusal) => posture.problem("iam:GetAccountSummary", ProblemKind::Refused, refusal.to_string()),
    }
    match devices(aws, account) {
        Ok(list) => posture.virtual_mfa("iam:ListVirtualMFADevices", list.to_string().as_bytes()),
        Err(refusal) => {
            posture.problem("iam:ListVirtualMFADevices", ProblemKind::Refused, refusal.to_string());
        }
    }
    organization(posture, aws, account);
}

fn report(aws: &mut dyn Aws) -> Result<String, Refusal> {
    let mut waits = 0;
    loop {
        let state = element(&aws.iam("GenerateCredentialReport", &[])?, "State");
        if state.as_deref() == Some("COMPLETE") {
            match aws.iam("GetCredentialReport", &[]) {
                Ok(xml) => {
                    let content = element(&xml, "Content").unwrap_or_default();
                    let generated = element(&xml, "GeneratedTime");
                    return Ok(json!({"Content": content, "GeneratedTime": generated}).to_string());
                }
                Err(Refusal { code: Some(code), .. })
                    if waits < MOST_WAITS
                        && matches!(
                            code.as_str(),
                            "ReportInProgress" | "ReportNotPresent" | "ReportExpired"
                        ) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        if waits == MOST_WAITS {
            let message = "the report is still being made".to_owned();
            return Err(Refusal { code: None, message });
        }
        waits += 1;
        aws.wait();
    }
}

/// Pages of one answer.
const MOST_PAGES: usize = 10_000;

/// Notes where an answer goes on. False where it was there already: that would go round for ever.
fn fresh(next: &str, seen: &mut HashSet<String>) -> bool {
    seen.len() < MOST_PAGES && seen.insert(next.to_owned())
}

fn no_end(operation: &str) -> Refusal {
    let message = format!("the pages of the answer to {operation} do not come to an end");
    Refusal { code: None, message }
}

/// Returns all pages, as aws-cli would print them in one.
fn devices(aws: &mut dyn Aws, account: &str) -> Result<Value, Refusal> {
    let mut devices = Vec::new();
    let mut marker: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        let mut parameters = vec![("AssignmentStatus", "Assigned"), ("MaxItems", "100")];
        parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let xml = aws.iam("ListVirtualMFADevices", &parameters)?;
        for device in elements(&xml, "member") {
            let mut own = json!({
                "SerialNumber": element(device, "SerialNumber"),
                "EnableDate": element(device, "EnableDate"),
            });
            if let Some(arn) = element(device, "Arn") {
                own["User"] = json!({"Arn": arn});
            }
            devices.push(own);
        }
        let next = element(&xml, "Marker").filter(|next| !next.is_empty());
        match (element(&xml, "IsTruncated").as_deref(), &next) {
            (Some("false"), None) => return Ok(json!({"AccountId": account, "VirtualMFADevices": devices})),
            (Some("true"), Some(next)) if fresh(next, &mut seen) => {}
            _ => return Err(no_end("ListVirtualMFADevices")),
        }
        marker = next;
    }
}

fn organization(posture: &mut Posture, aws: &mut dyn Aws, account: &str) {
    let described = match aws.organizations("DescribeOrganization", &json!({})) {
        Ok(described) => described,
        Err(refusal) if refusal.code.as_deref() == Some("AWSOrganizationsNotInUseException") => {
            posture.note(format!("Account {account} is in no organization."));
            return;
        }
        Err(refusal) => {
            posture.note(format!(
                "Whether account {account} is in an organization could not be asked ({refusal}): it is judged as \
                 one that stands alone."
            ));
            return;
        }
    };
    posture.organization("organizations:DescribeOrganization", described.to_string().as_bytes());
    posture.organization("organizations", json!({"accounts": [account]}).to_string().as_bytes());
    let mut take = |operation: &str, input: Value, list: &str| -> Result<Value, Refusal> {
        let answer = pages(aws, operation, &input, list)?;
        posture.organization(&format!("organizations:{operation}"), answer.to_string().as_bytes());
        Ok(answer)
    };
    if let Err(refusal) = walk(&mut take) {
        // Only the management account and delegated administrators may ask.
        posture.note(format!(
            "The organization's policies could not be listed ({refusal}): run it with credentials of the \
             management account, or give --scp."
        ));
    }
}

type Take<'t> = dyn FnMut(&str, Value, &str) -> Result<Value, Refusal> + 't;

fn walk(take: &mut Take<'_>) -> Result<(), Refusal> {
    let roots = take("ListRoots", json!({}), "Roots")?;
    take("ListAccounts", json!({}), "Accounts")?;
    let mut parents: VecDeque<String> = ids(&roots, "Roots");
    let mut seen = HashSet::new();
    while let Some(parent) = parents.pop_front() {
        if !fresh(&parent, &mut seen) {
            return Err(no_end("ListOrganizationalUnitsForParent"));
        }
        let of = json!({"ParentId": parent});
        take("ListAccountsForParent", of.clone(), "Accounts")?;
        let units = take("ListOrganizationalUnitsForParent", of, "OrganizationalUnits")?;
        parents.extend(ids(&units, "OrganizationalUnits"));
    }
    let policies = take("ListPolicies", json!({"Filter": "SERVICE_CONTROL_POLICY"}), "Policies")?;
    for policy in ids(&policies, "Policies") {
        let of = json!({"PolicyId": policy});
        take("DescribePolicy", of.clone(), "")?;
        take("ListTargetsForPolicy", of, "Targets")?;
    }
    Ok(())
}

fn ids(answer: &Value, list: &str) -> VecDeque<String> {
    let list = answer.get(list).and_then(Value::as_array);
    let ids = list.into_iter().flatten().filter_map(|one| one.get("Id").and_then(Value::as_str));
    ids.map(str::to_owned).collect()
}

/// Returns all pages in one, with what was asked for.
fn pages(aws: &mut dyn Aws, operation: &str, input: &Value, list: &str) -> Result<Value, Refusal> {
    let mut whole = input.clone();
    // The token is no part of what the answer says.
    if let Some(whole) = whole.as_object_mut() {
        whole.remove("Filter");
    }
    let mut elements: Vec<Value> = Vec::new();
    let mut token: Option<String> = None;
    let mut seen = HashSet::new();
    loop {
        let mut input = input.clone();
        if let Some(token) = &token {
            input["NextToken"] = json!(token);
        }
        let mut answer = aws.organizations(operation, &input)?;
        if list.is_empty() {
            if let (Some(whole), Some(answer)) = (whole.as_object_mut(), answer.as_object_mut()) {
                whole.append(answer);
            }
            return Ok(whole);
        }
        let Some(Value::Array(page)) = answer.get_mut(list) else {
            return Err(Refusal { code: None, message: format!("the answer to {operation} has no {list}") });
        };
        elements.append(page);
        let next = answer.get("NextToken").and_then(Value::as_str).filter(|next| !next.is_empty());
        match next {
            None => {
                whole[list] = json!(elements);
                return Ok(whole);
            }
            Some(next) if fresh(next, &mut seen) => token = Some(next.to_owned()),
            Some(_) => return Err(no_end(operation)),
        }
    }
}

/// Returns the texts of the outermost elements of a name. IAM's answers have no attributes in them.
fn elements<'x>(xml: &'x str, name: &str) -> Vec<&'x str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (mut found, mut depth, mut start, mut at) = (Vec::new(), 0_u32, 0, 0);
    while let Some(rest) = xml.get(at..) {
        let (opens, closes) = (rest.find(&open), rest.find(&close));
        match (opens, closes) {
            (Some(next), closes) if closes.is_none_or(|close| next < close) => {
                at += next + open.len();
                if depth == 0 {
                    start = at;
                }
                depth += 1;
            }
            (_, Some(next)) => {
                if depth == 1 {
                    found.push(&xml[start..at + next]);
                }
                depth = depth.saturating_sub(1);
                at += next + close.len();
            }
            _ => break,
        }
    }
    found
}

/// Returns the text of the first element of a name.
pub fn element(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).first().map(|text| unescaped(text))
}

fn unescaped(text: &str) -> String {
    // The ampersand last: what it makes is no escape.
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (escape, char)| text.replace(escape, char))
}

#[cfg(test)]
mod tests;
