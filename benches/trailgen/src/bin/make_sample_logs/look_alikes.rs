//! Events that say "root" somewhere and are not root activity: false hits of a search for the word.

use crate::event::{Class, Event, iam_user, role_session};
use crate::rng::Rng;
use crate::story::{BROWSER, CLI, MANAGEMENT, MEMBER, ORGANIZATION, VICTIM};

/// Returns one event for each way of looking like root.
pub(crate) fn events(rng: &mut Rng) -> Vec<Event> {
    let mut events = named_root(rng);
    events.extend(mentions_root(rng));
    events.extend(other_principals(rng));
    for event in &mut events {
        event.class = Class::LookAlike;
        if event.address.is_empty() {
            "203.0.113.14".clone_into(&mut event.address);
        }
        if event.agent.is_empty() {
            event.agent = CLI;
        }
    }
    events
}

/// Returns events of IAM users, roles and sessions that somebody called root.
fn named_root(rng: &mut Rng) -> Vec<Event> {
    let s3 = "s3.amazonaws.com";
    let mut user = Event::new(rng, MEMBER, "us-west-2", "2025-11-17T14:03:11Z", s3, "ListBuckets");
    user.identity = iam_user(MEMBER, "AIDA2RTWQ6YUIEXAMPLE", "root", "AKIAS5DFG7HJKEXAMPLE");

    let mut sign_in =
        Event::new(rng, MEMBER, "us-east-1", "2025-11-17T14:00:29Z", "signin.amazonaws.com", "ConsoleLogin");
    sign_in.identity = format!(
        r#"{{"type":"IAMUser","principalId":"AIDA2RTWQ6YUIEXAMPLE","arn":"arn:aws:iam::{MEMBER}:user/root","accountId":"{MEMBER}","userName":"root"}}"#
    );
    sign_in.agent = BROWSER;
    sign_in.response = r#"{"ConsoleLogin":"Success"}"#.to_owned();
    sign_in.additional =
        r#"{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}"#
            .to_owned();
    sign_in.event_type = "AwsConsoleSignIn";

    let mut role =
        Event::new(rng, VICTIM, "eu-west-1", "2025-11-18T08:41:50Z", "ec2.amazonaws.com", "DescribeVpcs");
    let created = "2025-11-18T08:40:02Z";
    role.identity =
        role_session(VICTIM, "AROA4TGB5YHNUEXAMPLE", "root", "build", "ASIAU8JMK3IKOEXAMPLE", created);

    let mut session = Event::new(
        rng,
        VICTIM,
        "us-east-1",
        "2025-11-18T08:44:17Z",
        "sts.amazonaws.com",
        "GetCallerIdentity",
    );
    session.identity =
        role_session(VICTIM, "AROAX7CVB2KLPEXAMPLE", "Deploy", "root", "ASIAD3EDC4RFVEXAMPLE", created);
    vec![user, sign_in, role, session]
}

/// Returns events of ordinary users whose requests, tags, queries or errors hold a root ARN or the word
/// `Root`.
fn mentions_root(rng: &mut Rng) -> Vec<Event> {
    let alice = iam_user(VICTIM, "AIDAZ6TQXK4RMEXAMPLE", "alice", "ASIAW2YHN9VCBEXAMPLE");
    let dana = iam_user(MANAGEMENT, "AIDAT5PMK3ZQ7XEXAMPLE", "dana", "AKIAH7RBV4QXTEXAMPLE");

    let mut key =
        Event::new(rng, VICTIM, "us-east-1", "2025-11-17T11:20:33Z", "kms.amazonaws.com", "CreateKey");
    key.identity.clone_from(&alice);
    key.request = format!(
        r#"{{"policy":"{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Sid\":\"Administration\",\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\"arn:aws:iam::{VICTIM}:root\"}},\"Action\":\"kms:*\",\"Resource\":\"*\"}}]}}","description":"ledger","keyUsage":"ENCRYPT_DECRYPT","multiRegion":false}}"#
    );

    let mut policy =
        Event::new(rng, VICTIM, "us-east-1", "2025-11-17T11:24:05Z", "s3.amazonaws.com", "PutBucketPolicy");
    policy.identity.clone_from(&alice);
    policy.request = format!(
        r#"{{"bucketName":"example-app-data-{VICTIM}","bucketPolicy":{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{MEMBER}:root"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::example-app-data-{VICTIM}/public/*"}}]}},"policy":""}}"#
    );

    let mut tags =
        Event::new(rng, VICTIM, "eu-west-1", "2025-11-17T11:31:48Z", "ec2.amazonaws.com", "CreateTags");
    tags.identity = alice;
    tags.request = r#"{"resourcesSet":{"items":[{"resourceId":"vol-0c4e8a1f2b6d93750"}]},"tagSet":{"items":[{"key":"type","value":"Root"}]}}"#.to_owned();

    // The responder's own search for root, the morning after.
    let mut query =
        Event::new(rng, MANAGEMENT, "us-east-1", "2025-11-19T07:55:12Z", "logs.amazonaws.com", "StartQuery");
    query.identity.clone_from(&dana);
    query.read_only = true;
    query.request = r#"{"logGroupName":"example-trail","startTime":1763337600,"endTime":1763510400,"queryString":"filter userIdentity.type = \"Root\" | stats count(*) by eventName","userIdentity":{"type":"Root"}}"#.to_owned();

    let mut refused = Event::new(
        rng,
        MANAGEMENT,
        "us-east-1",
        "2025-11-19T08:02:40Z",
        "organizations.amazonaws.com",
        "ListChildren",
    );
    refused.identity = iam_user(MANAGEMENT, "AIDAK4LPO8IUJEXAMPLE", "erin", "AKIAF6VGB7HNJEXAMPLE");
    refused.request = r#"{"parentId":"r-ab12","childType":"ACCOUNT"}"#.to_owned();
    refused.error_code = "AccessDenied";
    refused.error_message = format!(
        "User: arn:aws:iam::{MANAGEMENT}:user/erin is not authorized to perform: organizations:ListChildren on resource: arn:aws:organizations::{MANAGEMENT}:root/{ORGANIZATION}/r-ab12"
    );
    vec![key, policy, tags, query, refused]
}

/// Returns events of other principals: another account without an ARN, a federated user, a service rotating a
/// key.
fn other_principals(rng: &mut Rng) -> Vec<Event> {
    let mut account =
        Event::new(rng, MEMBER, "us-east-1", "2025-11-18T16:10:08Z", "sts.amazonaws.com", "AssumeRole");
    account.identity =
        format!(r#"{{"type":"AWSAccount","principalId":"{MANAGEMENT}","accountId":"{MANAGEMENT}"}}"#);
    account.request = format!(
        r#"{{"roleArn":"arn:aws:iam::{MEMBER}:role/OrganizationAudit","roleSessionName":"nightly"}}"#
    );

    let mut federated =
        Event::new(rng, VICTIM, "us-east-1", "2025-11-18T16:22:54Z", "s3.amazonaws.com", "ListBuckets");
    federated.identity = format!(
        r#"{{"type":"FederatedUser","principalId":"{VICTIM}:root","arn":"arn:aws:sts::{VICTIM}:federated-user/root","accountId":"{VICTIM}","accessKeyId":"ASIAX2CVB3NMQEXAMPLE"}}"#
    );

    let mut rotation =
        Event::new(rng, VICTIM, "us-east-1", "2025-11-19T03:14:26Z", "kms.amazonaws.com", "RotateKey");
    rotation.identity = format!(r#"{{"accountId":"{VICTIM}","invokedBy":"AWS Internal"}}"#);
    rotation.address = "AWS Internal".to_owned();
    rotation.agent = "AWS Internal";
    rotation.event_type = "AwsServiceEvent";
    rotation.resources = format!(
        r#"[{{"accountId":"{VICTIM}","type":"AWS::KMS::Key","ARN":"arn:aws:kms:us-east-1:{VICTIM}:key/0c1d2e3f-1a2b-4c3d-8e4f-5a6b7c8d9e0f"}}]"#
    );
    vec![account, federated, rotation]
}
