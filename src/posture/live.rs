//! What AWS itself says: IAM of one account, and AWS Organizations where the caller may ask it.
//!
//! The answers are those that aws-cli prints, so they are read by the same code as files are. IAM answers in
//! XML, of which a few elements are taken; Organizations answers in JSON. Who sends the requests is an [`Aws`];
//! nothing here touches the network.

use std::collections::VecDeque;

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

/// Returns all pages, as aws-cli would print them in one.
fn devices(aws: &mut dyn Aws, account: &str) -> Result<Value, Refusal> {
    let mut devices = Vec::new();
    let mut marker: Option<String> = None;
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
        // A marker that stays the same would go round for ever.
        if next.is_none() || next == marker {
            return Ok(json!({"AccountId": account, "VirtualMFADevices": devices}));
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
    while let Some(parent) = parents.pop_front() {
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
    // It is no part of what the answer says.
    if let Some(whole) = whole.as_object_mut() {
        whole.remove("Filter");
    }
    let mut elements: Vec<Value> = Vec::new();
    let mut token: Option<String> = None;
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
        if let Some(Value::Array(page)) = answer.get_mut(list) {
            elements.append(page);
        }
        let next = answer.get("NextToken").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() || next == token {
            whole[list] = json!(elements);
            return Ok(whole);
        }
        token = next;
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
mod tests {
    use super::*;
    use crate::posture::{PostureOptions, ScpVerdict, Status};

    /// IAM of one account, and an organization that answers a page at a time.
    struct Canned {
        in_progress: u32,
        waits: u32,
        organization: Result<(), &'static str>,
        policies: Result<(), &'static str>,
        calls: Vec<String>,
    }

    const REPORT: &str = "user,arn,user_creation_time,password_last_used,mfa_active,access_key_1_active,\
        access_key_1_last_rotated,access_key_1_last_used_date,access_key_2_active,access_key_2_last_rotated,\
        access_key_2_last_used_date\n<root_account>,arn:aws:iam::111122223333:root,2019-01-01T00:00:00Z,\
        no_information,true,false,N/A,N/A,false,N/A,N/A\n";

    fn refusal(code: &str) -> Refusal {
        Refusal { code: Some(code.to_owned()), message: "no".to_owned() }
    }

    impl Aws for Canned {
        fn iam(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Refusal> {
            use base64::Engine as _;
            self.calls.push(action.to_owned());
            let marker = parameters.iter().find(|(name, _)| *name == "Marker").map(|(_, marker)| *marker);
            let device = |user: &str| {
                format!(
                    "<member><SerialNumber>arn:aws:iam::111122223333:mfa/{user}</SerialNumber><EnableDate>2020-01-01T00:00:00Z</EnableDate>\
                     <User><Arn>arn:aws:iam::111122223333:{user}</Arn><Tags><member><Key>a&amp;b</Key></member></Tags></User></member>"
                )
            };
            Ok(match action {
                "GenerateCredentialReport" if self.in_progress > 0 => {
                    self.in_progress -= 1;
                    "<State>STARTED</State>".to_owned()
                }
                "GenerateCredentialReport" => "<State>COMPLETE</State>".to_owned(),
                "GetCredentialReport" => format!(
                    "<Content>{}</Content><GeneratedTime>2025-11-19T06:00:00Z</GeneratedTime>",
                    base64::engine::general_purpose::STANDARD.encode(REPORT)
                ),
                "GetAccountSummary" => {
                    "<SummaryMap><entry><key>AccountMFAEnabled</key><value>1</value></entry>\
                    <entry><key>AccountAccessKeysPresent</key><value>1</value></entry></SummaryMap>"
                        .to_owned()
                }
                "ListVirtualMFADevices" if marker.is_none() => {
                    format!(
                        "<VirtualMFADevices>{}</VirtualMFADevices><IsTruncated>true</IsTruncated><Marker>2</Marker>",
                        device("user/alice")
                    )
                }
                "ListVirtualMFADevices" => {
                    format!("<VirtualMFADevices>{}</VirtualMFADevices>", device("root"))
                }
                _ => panic!("{action}"),
            })
        }

        fn organizations(&mut self, operation: &str, input: &Value) -> Result<Value, Refusal> {
            self.calls.push(operation.to_owned());
            let arn = |rest: &str| format!("arn:aws:organizations::444455556666:{rest}");
            let second = input.get("NextToken").is_some();
            let page = |list: &str, first: Value, next: Value| {
                if second { json!({list: next}) } else { json!({list: first, "NextToken": "2"}) }
            };
            self.organization.map_err(refusal)?;
            if operation != "DescribeOrganization" {
                self.policies.map_err(refusal)?;
            }
            let deny = json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
            Ok(match operation {
                "DescribeOrganization" => {
                    json!({"Organization": {"Id": "o-a1b2c3d4e5", "MasterAccountId": "444455556666", "FeatureSet": "ALL"}})
                }
                "ListRoots" => json!({"Roots": [{"Id": "r-ab12", "Arn": arn("root/o-a1b2c3d4e5/r-ab12"),
                    "PolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]}]}),
                "ListAccounts" => page(
                    "Accounts",
                    json!([{"Id": "444455556666"}]),
                    json!([{"Id": "111122223333", "Name": "one"}]),
                ),
                "ListAccountsForParent" if input["ParentId"] == "r-ab12" => {
                    json!({"Accounts": [{"Id": "444455556666"}]})
                }
                "ListAccountsForParent" => json!({"Accounts": [{"Id": "111122223333"}]}),
                "ListOrganizationalUnitsForParent" if input["ParentId"] == "r-ab12" => {
                    json!({"OrganizationalUnits": [{"Id": "ou-ab12-prod0001"}]})
                }
                "ListOrganizationalUnitsForParent" => json!({"OrganizationalUnits": []}),
                "ListPolicies" => page(
                    "Policies",
                    json!([{"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY", "AwsManaged": true}]),
                    json!([{"Id": "p-abcd1234", "Name": "deny", "Type": "SERVICE_CONTROL_POLICY"}]),
                ),
                "DescribePolicy" if input["PolicyId"] == "p-abcd1234" => json!({"Policy": {
                    "PolicySummary": {"Id": "p-abcd1234", "Name": "deny", "Type": "SERVICE_CONTROL_POLICY"}, "Content": deny.to_string()}}),
                "DescribePolicy" => {
                    json!({"Policy": {"PolicySummary": {"Id": "p-FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY"},
                    "Content": r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#}})
                }
                "ListTargetsForPolicy" if input["PolicyId"] == "p-abcd1234" => page(
                    "Targets",
                    json!([{"TargetId": "ou-ab12-test0001"}]),
                    json!([{"TargetId": "ou-ab12-prod0001"}]),
                ),
                "ListTargetsForPolicy" => {
                    json!({"Targets": [{"TargetId": "r-ab12"}, {"TargetId": "ou-ab12-prod0001"}, {"TargetId": "111122223333"}]})
                }
                _ => panic!("{operation}"),
            })
        }

        fn wait(&mut self) {
            self.waits += 1;
        }
    }

    fn canned() -> Canned {
        Canned { in_progress: 2, waits: 0, organization: Ok(()), policies: Ok(()), calls: Vec::new() }
    }

    #[test]
    fn all_pages_of_all_answers_are_read() {
        let mut aws = canned();
        let mut posture = Posture::new(PostureOptions::default());
        fetch(&mut posture, &mut aws);
        let assessment = posture.assess();
        assert_eq!(assessment.problems, []);
        assert_eq!(aws.waits, 2);
        let account = &assessment.accounts[0];
        assert_eq!((account.virtual_mfa, account.name.as_deref()), (Some(true), Some("one")));
        // The summary knows of a key that the report does not show.
        assert_eq!(account.checks.root_access_key.status, Status::Violation);
        let scp = account.scp.as_ref().unwrap();
        assert_eq!((scp.verdict, scp.proof[0].target.as_str()), (ScpVerdict::RootDenied, "ou-ab12-prod0001"));
    }

    #[test]
    fn what_is_refused_is_said() {
        let mut posture = Posture::new(PostureOptions::default());
        fetch(&mut posture, &mut Canned { policies: Err("AccessDeniedException"), ..canned() });
        let assessment = posture.assess();
        assert_eq!(assessment.problems, []);
        assert!(
            assessment.notes.iter().any(|note| note.contains("AccessDeniedException: no")),
            "{:?}",
            assessment.notes
        );
        let own = assessment.accounts[0].organization.as_ref().unwrap();
        assert_eq!((own.id.as_deref(), own.management), (Some("o-a1b2c3d4e5"), Some(false)));
        let mut posture = Posture::new(PostureOptions::default());
        fetch(
            &mut posture,
            &mut Canned { organization: Err("AWSOrganizationsNotInUseException"), ..canned() },
        );
        assert!(posture.assess().accounts[0].organization.is_none());
        let mut aws = Canned { in_progress: u32::MAX, ..canned() };
        let mut posture = Posture::new(PostureOptions::default());
        fetch(&mut posture, &mut aws);
        let assessment = posture.assess();
        assert_eq!((assessment.problems.len(), assessment.problems[0].kind), (1, ProblemKind::Refused));
        assert_eq!(aws.waits, MOST_WAITS);
    }

    #[test]
    fn elements_are_the_outermost_of_their_name() {
        let xml = "<a><member>1<member>2</member></member><member>3</member></a></member>";
        assert_eq!(elements(xml, "member"), ["1<member>2</member>", "3"]);
        assert_eq!(element("<x>a &amp;lt; b</x>", "x").as_deref(), Some("a &lt; b"));
        assert_eq!(element("<x>", "x"), None);
    }
}
