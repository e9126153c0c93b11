//! AWS's answers, canned: pages, refusals and texts of XML.
//!
//! A double of AWS answers page by page, and notes what it was asked. The tests look at what a posture makes of all
//! pages, and of services that refuse or never end.

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
            "GetAccountSummary" => "<SummaryMap><entry><key>AccountMFAEnabled</key><value>1</value></entry>\
                <entry><key>AccountAccessKeysPresent</key><value>1</value></entry></SummaryMap>"
                .to_owned(),
            "ListVirtualMFADevices" if marker.is_none() => {
                format!(
                    "<VirtualMFADevices>{}</VirtualMFADevices><IsTruncated>true</IsTruncated><Marker>2</Marker>",
                    device("user/alice")
                )
            }
            "ListVirtualMFADevices" => {
                format!(
                    "<VirtualMFADevices>{}</VirtualMFADevices><IsTruncated>false</IsTruncated>",
                    device("root")
                )
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
        let deny =
            json!({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
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
    fetch(&mut posture, &mut Canned { organization: Err("AWSOrganizationsNotInUseException"), ..canned() });
    assert!(posture.assess().accounts[0].organization.is_none());
    let mut aws = Canned { in_progress: u32::MAX, ..canned() };
    let mut posture = Posture::new(PostureOptions::default());
    fetch(&mut posture, &mut aws);
    let assessment = posture.assess();
    assert_eq!((assessment.problems.len(), assessment.problems[0].kind), (1, ProblemKind::Refused));
    assert_eq!(aws.waits, MOST_WAITS);
}

/// An account whose answers have pages that lead back, or no end.
struct Round(fn(&str, &str) -> String, Operations, u32);

/// The answer to an operation, the so many-th one; null: a sound one.
type Operations = fn(&str, u32) -> Value;

impl Aws for Round {
    fn iam(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Refusal> {
        if action != "ListVirtualMFADevices" {
            return Canned { in_progress: 0, ..canned() }.iam(action, parameters);
        }
        let marker = parameters.iter().find(|(name, _)| *name == "Marker").map_or("", |(_, marker)| *marker);
        Ok((self.0)(action, marker))
    }

    fn organizations(&mut self, operation: &str, input: &Value) -> Result<Value, Refusal> {
        self.2 += 1;
        match (self.1)(operation, self.2) {
            Value::Null => canned().organizations(operation, input),
            answer => Ok(answer),
        }
    }

    fn wait(&mut self) {}
}

#[test]
fn answers_without_an_end_are_refused() {
    let sound = |_: &str, _: &str| "<IsTruncated>false</IsTruncated>".to_owned();
    let devices: [fn(&str, &str) -> String; 4] = [
        |_, _| "<IsTruncated>true</IsTruncated><Marker>a</Marker>".into(),
        |_, marker| {
            let next = if marker == "a" { "b" } else { "a" };
            format!("<IsTruncated>true</IsTruncated><Marker>{next}</Marker>")
        },
        |_, _| "<IsTruncated>true</IsTruncated>".into(),
        |_, _| "<VirtualMFADevices></VirtualMFADevices>".into(),
    ];
    for devices in devices {
        let mut posture = Posture::new(PostureOptions::default());
        fetch(&mut posture, &mut Round(devices, |_, _| Value::Null, 0));
        let problems = posture.assess().problems;
        assert!(problems.iter().any(|problem| problem.message.contains("come to an end")), "{problems:?}");
    }
    let organizations: [(Operations, &str); 4] = [
        (|_, n| json!({"Accounts": [], "Roots": [], "NextToken": format!("{}", n % 2)}), "come to an end"),
        (|_, n| json!({"Accounts": [], "Roots": [], "NextToken": n.to_string()}), "come to an end"),
        (|_, _| json!({}), "has no Roots"),
        (
            |operation, _| match operation {
                "ListOrganizationalUnitsForParent" => {
                    json!({"OrganizationalUnits": [{"Id": "ou-ab12-loop0001"}]})
                }
                "ListAccountsForParent" => json!({"Accounts": []}),
                _ => Value::Null,
            },
            "come to an end",
        ),
    ];
    for (organizations, why) in organizations {
        let mut posture = Posture::new(PostureOptions::default());
        fetch(&mut posture, &mut Round(sound, organizations, 0));
        let notes = posture.assess().notes;
        assert!(notes.iter().any(|note| note.contains(why)), "{why}: {notes:?}");
    }
}

#[test]
fn elements_are_the_outermost_of_their_name() {
    let xml = "<a><member>1<member>2</member></member><member>3</member></a></member>";
    assert_eq!(elements(xml, "member"), ["1<member>2</member>", "3"]);
    assert_eq!(element("<x>a &amp;lt; b</x>", "x").as_deref(), Some("a &lt; b"));
    assert_eq!(element("<x>", "x"), None);
}
