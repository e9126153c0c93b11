//! The everyday activity of all accounts: people, pipelines and AWS services at work, none of them root.
//!
//! Events are drawn from a table of calls with the generator's seed, in bursts of one caller, as real trails
//! show them. A template has placeholders for the values that differ from event to event. The bursts spread
//! over three days, and each account works in its own regions. Now and then a call is refused.

use crate::event::{Event, iam_user, role_session, service};
use crate::rng::Rng;
use crate::story::{BROWSER, CLI, MANAGEMENT, MEMBER, VICTIM};

/// A caller in an account: a name, and the session or user id that goes with it.
struct Caller {
    account: &'static str,
    kind: Kind,
}

enum Kind {
    User {
        name: &'static str,
        principal: &'static str,
        key: &'static str,
        console: bool,
    },
    Role {
        name: &'static str,
        session: &'static str,
        principal: &'static str,
        key: &'static str,
        agent: &'static str,
    },
}

const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) terraform-provider-aws/6.18.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.24.6";
const RUNTIME: &str = "aws-sdk-java/2.35.9 md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.155 lang/java#21.0.8 md/OpenJDK_64-Bit_Server_VM#21.0.8+9-LTS exec-env/AWS_Lambda_java21";

const CALLERS: [Caller; 9] = [
    user(VICTIM, "alice", "AIDAZ6TQXK4RMEXAMPLE", "ASIAW2YHN9VCBEXAMPLE", true),
    user(VICTIM, "bob", "AIDA3LQPW8SDFEXAMPLE", "AKIAJ5GTR4MNYEXAMPLE", false),
    role(VICTIM, "Deploy", "pipeline-4821", "AROAX7CVB2KLPEXAMPLE", "ASIAK2MWQ8RTYEXAMPLE", TERRAFORM),
    role(VICTIM, "invoice-writer", "invoice-writer", "AROAM4NHT6QWZEXAMPLE", "ASIAE9UJN3BGTEXAMPLE", RUNTIME),
    user(MANAGEMENT, "dana", "AIDAT5PMK3ZQ7XEXAMPLE", "AKIAH7RBV4QXTEXAMPLE", false),
    role(MANAGEMENT, "OrganizationAudit", "nightly", "AROAB9FDS3JKUEXAMPLE", "ASIAO6PLK4MNHEXAMPLE", CLI),
    user(MEMBER, "carlos", "AIDAQ8WER5TYHEXAMPLE", "ASIAP3OIU7LKJEXAMPLE", true),
    role(MEMBER, "Deploy", "pipeline-1177", "AROAG2HJK6ASDEXAMPLE", "ASIAV7CDX2ZASEXAMPLE", TERRAFORM),
    role(
        MEMBER,
        "report-renderer",
        "report-renderer",
        "AROAL5ZXC9VBNEXAMPLE",
        "ASIAR4FVT5GBYEXAMPLE",
        RUNTIME,
    ),
];

const fn user(
    account: &'static str,
    name: &'static str,
    principal: &'static str,
    key: &'static str,
    console: bool,
) -> Caller {
    Caller { account, kind: Kind::User { name, principal, key, console } }
}

const fn role(
    account: &'static str,
    name: &'static str,
    session: &'static str,
    principal: &'static str,
    key: &'static str,
    agent: &'static str,
) -> Caller {
    Caller { account, kind: Kind::Role { name, session, principal, key, agent } }
}

/// A kind of call: service, operation, request and response, in which `@account`, `@region`, `@hex` and
/// `@uuid` stand for the values that differ from event to event.
type Call = (&'static str, &'static str, &'static str, &'static str);

/// The calls of people and pipelines.
const CALLS: [Call; 18] = [
    (
        "ec2.amazonaws.com",
        "DescribeInstances",
        r#"{"maxResults":100,"instancesSet":{},"filterSet":{"items":[{"name":"tag:service","valueSet":{"items":[{"value":"invoices"}]}}]}}"#,
        "null",
    ),
    (
        "ec2.amazonaws.com",
        "DescribeSecurityGroups",
        r#"{"securityGroupSet":{},"securityGroupIdSet":{"items":[{"groupId":"sg-0@hex"}]},"filterSet":{}}"#,
        "null",
    ),
    (
        "ec2.amazonaws.com",
        "DescribeSubnets",
        r#"{"subnetSet":{"items":[{"subnetId":"subnet-0@hex"}]},"filterSet":{}}"#,
        "null",
    ),
    (
        "ec2.amazonaws.com",
        "CreateTags",
        r#"{"resourcesSet":{"items":[{"resourceId":"i-0@hex"}]},"tagSet":{"items":[{"key":"owner","value":"platform"},{"key":"stage","value":"live"}]}}"#,
        r#"{"requestId":"@uuid","_return":true}"#,
    ),
    (
        "s3.amazonaws.com",
        "GetBucketLocation",
        r#"{"bucketName":"example-app-data-@account","location":"","Host":"example-app-data-@account.s3.@region.amazonaws.com"}"#,
        "null",
    ),
    (
        "s3.amazonaws.com",
        "GetBucketVersioning",
        r#"{"bucketName":"example-app-data-@account","versioning":"","Host":"example-app-data-@account.s3.@region.amazonaws.com"}"#,
        "null",
    ),
    ("iam.amazonaws.com", "ListRoles", r#"{"maxItems":1000}"#, "null"),
    ("iam.amazonaws.com", "GetRole", r#"{"roleName":"invoice-writer"}"#, "null"),
    ("sts.amazonaws.com", "GetCallerIdentity", "null", "null"),
    ("logs.amazonaws.com", "DescribeLogGroups", r#"{"logGroupNamePrefix":"/aws/lambda/invoice"}"#, "null"),
    (
        "lambda.amazonaws.com",
        "UpdateFunctionCode20150331v2",
        r#"{"functionName":"invoice-writer","s3Bucket":"example-builds-@account","s3Key":"invoice-writer/@hex.zip","publish":true,"dryRun":false}"#,
        r#"{"functionName":"invoice-writer","functionArn":"arn:aws:lambda:@region:@account:function:invoice-writer","runtime":"java21","handler":"app.Handler::handleRequest","codeSize":1838113,"timeout":30,"memorySize":512,"lastModified":"2025-11-18T09:12:44.000+0000","codeSha256":"Zq0pBv3kT9mWc7yXn2RgHs5uJd8aLf1eQi6oKz4tUvE=","version":"41","state":"Active"}"#,
    ),
    ("lambda.amazonaws.com", "ListFunctions20150331", r#"{"maxItems":50}"#, "null"),
    ("kms.amazonaws.com", "ListAliases", r#"{"limit":100}"#, "null"),
    (
        "elasticloadbalancing.amazonaws.com",
        "DescribeTargetHealth",
        r#"{"targetGroupArn":"arn:aws:elasticloadbalancing:@region:@account:targetgroup/invoices/0@hex"}"#,
        "null",
    ),
    ("cloudformation.amazonaws.com", "DescribeStacks", r#"{"stackName":"invoices-live"}"#, "null"),
    ("rds.amazonaws.com", "DescribeDBInstances", r#"{"dBInstanceIdentifier":"ledger-live"}"#, "null"),
    (
        "monitoring.amazonaws.com",
        "DescribeAlarms",
        r#"{"alarmTypes":["MetricAlarm"],"stateValue":"ALARM","maxRecords":100}"#,
        "null",
    ),
    (
        "secretsmanager.amazonaws.com",
        "GetSecretValue",
        r#"{"secretId":"arn:aws:secretsmanager:@region:@account:secret:ledger-live/reader-k3XpQa"}"#,
        "null",
    ),
];

/// The calls of AWS services: service, operation, request, resources, and the host that calls.
const SERVICE_CALLS: [(&str, &str, &str, &str, &str); 4] = [
    (
        "s3.amazonaws.com",
        "GetBucketAcl",
        r#"{"bucketName":"example-security-archive","acl":"","Host":"example-security-archive.s3.@region.amazonaws.com"}"#,
        r#"[{"accountId":"@account","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::example-security-archive"}]"#,
        "cloudtrail.amazonaws.com",
    ),
    (
        "kms.amazonaws.com",
        "GenerateDataKey",
        r#"{"keyId":"arn:aws:kms:@region:@account:key/5f6e7d8c-9b0a-4c1d-8e2f-3a4b5c6d7e8f","keySpec":"AES_256","encryptionContext":{"aws:cloudtrail:arn":"arn:aws:cloudtrail:us-east-1:@account:trail/security-archive"}}"#,
        r#"[{"accountId":"@account","type":"AWS::KMS::Key","ARN":"arn:aws:kms:@region:@account:key/5f6e7d8c-9b0a-4c1d-8e2f-3a4b5c6d7e8f"}]"#,
        "cloudtrail.amazonaws.com",
    ),
    (
        "sts.amazonaws.com",
        "AssumeRole",
        r#"{"roleArn":"arn:aws:iam::@account:role/invoice-writer","roleSessionName":"invoice-writer"}"#,
        r#"[{"accountId":"@account","type":"AWS::IAM::Role","ARN":"arn:aws:iam::@account:role/invoice-writer"}]"#,
        "lambda.amazonaws.com",
    ),
    (
        "kms.amazonaws.com",
        "Decrypt",
        r#"{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","encryptionContext":{"aws:lambda:FunctionArn":"arn:aws:lambda:@region:@account:function:invoice-writer"}}"#,
        r#"[{"accountId":"@account","type":"AWS::KMS::Key","ARN":"arn:aws:kms:@region:@account:key/5f6e7d8c-9b0a-4c1d-8e2f-3a4b5c6d7e8f"}]"#,
        "lambda.amazonaws.com",
    ),
];

/// The places of each account, and how busy they are: region, quarter-hours a day, events in each.
const PLACES: [(&str, &str, usize, usize); 7] = [
    (VICTIM, "us-east-1", 5, 9),
    (VICTIM, "eu-west-1", 2, 8),
    (VICTIM, "ap-southeast-2", 1, 6),
    (MANAGEMENT, "us-east-1", 3, 8),
    (MANAGEMENT, "eu-central-1", 1, 7),
    (MEMBER, "us-east-1", 2, 8),
    (MEMBER, "us-west-2", 1, 7),
];

/// Returns three days of everyday events in all accounts.
pub(crate) fn events(rng: &mut Rng) -> Vec<Event> {
    let mut events = Vec::new();
    for day in 17..20 {
        for &(account, region, bursts, per_burst) in &PLACES {
            for burst in 0..bursts {
                // The bursts are spread over the day, and never in the same ten minutes.
                let hour = burst * 24 / bursts + rng.below(24 / bursts);
                let minute = 10 * rng.below(6);
                let mut second = 0;
                let caller = pick_caller(rng, account);
                for _ in 0..per_burst {
                    second += 5 + rng.below(50);
                    let time =
                        format!("2025-11-{day}T{hour:02}:{:02}:{:02}Z", minute + second / 60, second % 60);
                    events.push(if rng.below(4) == 0 {
                        by_service(rng, account, region, &time)
                    } else {
                        by_caller(rng, caller, region, &time)
                    });
                }
            }
        }
    }
    events
}

fn pick_caller(rng: &mut Rng, account: &str) -> &'static Caller {
    let here: Vec<&Caller> = CALLERS.iter().filter(|caller| caller.account == account).collect();
    here[rng.below(here.len())]
}

fn by_caller(rng: &mut Rng, caller: &Caller, region: &'static str, time: &str) -> Event {
    let &(source, name, request, response) = rng.pick(&CALLS);
    let account = caller.account;
    // IAM is a global service: its events are recorded in us-east-1 only.
    let region = if source == "iam.amazonaws.com" { "us-east-1" } else { region };
    let mut event = Event::new(rng, account, region, time, source, name);
    event.request = fill(rng, request, account, region, &event.request_id);
    event.response = fill(rng, response, account, region, &event.request_id);
    match caller.kind {
        Kind::User { name, principal, key, console } => {
            event.identity = iam_user(account, principal, name, key);
            event.address = format!("203.0.113.{}", 10 + name.len());
            event.agent = if console { BROWSER } else { CLI };
            if console {
                let session = format!(
                    r#","sessionContext":{{"attributes":{{"creationDate":"{}:00:03Z","mfaAuthenticated":"true"}}}}}}"#,
                    &time[..13]
                );
                event.identity.truncate(event.identity.len() - 1);
                event.identity.push_str(&session);
            }
            event.from_console = console;
        }
        Kind::Role { name, session, principal, key, agent } => {
            let created = format!("{}:00:04Z", &time[..13]);
            event.identity = role_session(account, principal, name, session, key, &created);
            event.address = format!("198.51.100.{}", 200 + session.len());
            event.agent = agent;
        }
    }
    // Now and then a call is refused.
    if rng.below(14) == 0 && event.read_only {
        event.error_code = "AccessDenied";
        let service = source.trim_end_matches(".amazonaws.com");
        event.error_message = format!(
            "User is not authorized to perform: {service}:{name} because no identity-based policy allows it"
        );
        "null".clone_into(&mut event.response);
    }
    event
}

fn by_service(rng: &mut Rng, account: &'static str, region: &'static str, time: &str) -> Event {
    let &(source, name, request, resources, calling) = rng.pick(&SERVICE_CALLS);
    let mut event = Event::new(rng, account, region, time, source, name);
    event.identity = service(calling);
    event.address = calling.to_owned();
    event.agent = calling;
    event.request = fill(rng, request, account, region, &event.request_id);
    event.resources = fill(rng, resources, account, region, &event.request_id);
    event
}

fn fill(rng: &mut Rng, template: &str, account: &str, region: &str, request_id: &str) -> String {
    let mut hex = String::new();
    rng.write_text(&mut hex, b"0123456789abcdef", 16);
    let text = template.replace("@account", account).replace("@region", region);
    text.replace("@hex", &hex).replace("@uuid", request_id)
}
