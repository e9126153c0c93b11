//! All events of root in the sample, in order of time.
//!
//! The account 111122223333 is compromised on 2025-11-18: passwords are tried, root signs in without MFA,
//! makes a key for itself, and the key is used from elsewhere. Each step is a function that returns its
//! events. The two accounts of the organization use root in the same week, which is reported too and
//! harmless.

use crate::event::{Class, Event, iam_user, root_in_session, root_sign_in, root_with_key};
use crate::rng::Rng;

/// The account that is taken over, with a trail of its own.
pub(crate) const VICTIM: &str = "111122223333";
/// The management account of the organization `ORGANIZATION`.
pub(crate) const MANAGEMENT: &str = "444455556666";
/// A member account of the same organization.
pub(crate) const MEMBER: &str = "999988887777";
pub(crate) const ORGANIZATION: &str = "o-a1b2c3d4e5";

pub(crate) const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const SPRAYER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/138.0.0.0 Safari/537.36";
pub(crate) const CLI: &str = "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython cfg/retry-mode#standard md/prompt#off md/command#sts.get-caller-identity";
const BOTO: &str = "Boto3/1.40.55 md/Botocore#1.40.55 ua/2.1 os/linux#5.15.0 md/arch#x86_64 lang/python#3.11.2 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.40.55";

/// The time when the intruder signs in: the creation time of the whole session.
const SIGN_IN: &str = "2025-11-18T03:02:41Z";
const SESSION_KEY: &str = "ASIAQ3EGR7PLMEXAMPLE";
/// The key that root makes for itself, and that is used from elsewhere afterwards.
const STOLEN_KEY: &str = "AKIAV6TDH2WXNEXAMPLE";
const TOKEN_KEY: &str = "ASIAYK5CJ7RBQEXAMPLE";
const CONSOLE_ADDRESS: &str = "203.0.113.77";
const KEY_ADDRESS: &str = "192.0.2.146";

/// Returns all events of root and of those who open root sessions.
pub(crate) fn events(rng: &mut Rng) -> Vec<Event> {
    let mut events = spray(rng);
    events.extend(console_session(rng));
    events.extend(key_use(rng));
    events.extend(token_use(rng));
    events.extend(organization(rng));
    events
}

/// Returns the sign-in event `name` of root, with its result and what the sign-in page added.
fn sign_in(rng: &mut Rng, account: &'static str, time: &str, name: &'static str, result: &str) -> Event {
    let mut event = Event::new(rng, account, "us-east-1", time, "signin.amazonaws.com", name);
    event.class = Class::RootUser;
    event.identity = root_sign_in(account);
    event.agent = BROWSER;
    event.response = format!("{{\"{name}\":\"{result}\"}}");
    event.event_type = "AwsConsoleSignIn";
    event.read_only = false;
    if result == "Failure" {
        // A failed sign-in has a message and no error code.
        event.error_message = "Failed authentication".to_owned();
    }
    event
}

fn login_details(mfa: &str) -> String {
    format!(
        r#"{{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true","MobileVersion":"No",{mfa}}}"#
    )
}

/// Returns passwords tried against the root user from three addresses, then the recovery mail.
fn spray(rng: &mut Rng) -> Vec<Event> {
    let addresses = ["198.51.100.23", "198.51.100.24", "198.51.100.87"];
    let tries =
        ["11:04", "11:09", "11:17", "12:40", "12:46", "14:02", "14:11", "15:58", "16:03", "17:29", "18:51"];
    let mut events = Vec::new();
    for (number, at) in tries.iter().enumerate() {
        let mut event = sign_in(rng, VICTIM, &format!("2025-11-18T02:{at}Z"), "ConsoleLogin", "Failure");
        event.address = addresses[number % 3].to_owned();
        event.agent = SPRAYER;
        event.additional = login_details(r#""MFAUsed":"No""#);
        events.push(event);
    }
    let mut recovery = sign_in(rng, VICTIM, "2025-11-18T02:21:33Z", "PasswordRecoveryRequested", "Success");
    recovery.address = addresses[2].to_owned();
    recovery.agent = SPRAYER;
    events.push(recovery);
    events
}

/// Returns a call in the intruder's console session.
fn console(rng: &mut Rng, time: &str, source: &'static str, name: &'static str, request: &str) -> Event {
    let region = if source == "ec2.amazonaws.com" { "eu-west-1" } else { "us-east-1" };
    let mut event = Event::new(rng, VICTIM, region, &format!("2025-11-18T{time}Z"), source, name);
    event.class = Class::RootUser;
    event.identity = root_in_session(VICTIM, SESSION_KEY, SIGN_IN, false, "", "");
    event.address = CONSOLE_ADDRESS.to_owned();
    event.agent = BROWSER;
    event.request = request.to_owned();
    event.from_console = true;
    event
}

/// Returns the sign-in without MFA, and the calls in the console.
fn console_session(rng: &mut Rng) -> Vec<Event> {
    let mut login = sign_in(rng, VICTIM, SIGN_IN, "ConsoleLogin", "Success");
    login.address = CONSOLE_ADDRESS.to_owned();
    login.additional = login_details(r#""MFAUsed":"No""#);

    let (iam, trail) = ("iam.amazonaws.com", "cloudtrail.amazonaws.com");
    let root_device = format!("arn:aws:iam::{VICTIM}:mfa/root-account-mfa-device");
    // A device was registered for root long ago and never activated, so no MFA was asked for.
    let mut delete_device = console(
        rng,
        "03:06:12",
        iam,
        "DeleteVirtualMFADevice",
        &format!(r#"{{"serialNumber":"{root_device}"}}"#),
    );
    // The console's own call on behalf of a person, not a service acting by itself.
    delete_device.address = "AWS Internal".to_owned();
    delete_device.agent = "AWS Internal";
    let mut create_device = console(
        rng,
        "03:06:40",
        iam,
        "CreateVirtualMFADevice",
        r#"{"path":"/","virtualMFADeviceName":"root-account-mfa-device"}"#,
    );
    create_device.response = format!(r#"{{"virtualMFADevice":{{"serialNumber":"{root_device}"}}}}"#);
    let enable = format!(r#"{{"userName":"AWS ROOT USER","serialNumber":"{root_device}"}}"#);
    let deactivate =
        format!(r#"{{"userName":"alice","serialNumber":"arn:aws:iam::{VICTIM}:mfa/alice-phone"}}"#);
    let mut create_key = console(rng, "03:11:50", iam, "CreateAccessKey", "null");
    create_key.response = format!(
        r#"{{"accessKey":{{"accessKeyId":"{STOLEN_KEY}","status":"Active","createDate":"Nov 18, 2025, 3:11:50 AM"}}}}"#
    );
    let stop = format!(r#"{{"name":"arn:aws:cloudtrail:us-east-1:{VICTIM}:trail/account-trail"}}"#);
    vec![
        login,
        console(rng, "03:03:20", iam, "GetAccountSummary", "null"),
        console(
            rng,
            "03:04:05",
            trail,
            "DescribeTrails",
            r#"{"trailNameList":[],"includeShadowTrails":true}"#,
        ),
        console(
            rng,
            "03:04:48",
            "ec2.amazonaws.com",
            "DescribeInstances",
            r#"{"maxResults":50,"instancesSet":{}}"#,
        ),
        delete_device,
        create_device,
        console(rng, "03:07:31", iam, "EnableMFADevice", &enable),
        console(rng, "03:09:15", iam, "DeactivateMFADevice", &deactivate),
        create_key,
        console(rng, "03:16:27", trail, "StopLogging", &stop),
    ]
}

/// Returns a call signed with the stolen key, from another address than the console session.
fn with_key(rng: &mut Rng, time: &str, source: &'static str, name: &'static str, request: &str) -> Event {
    let mut event = console(rng, time, source, name, request);
    event.region = "us-east-1";
    event.identity = root_with_key(VICTIM, STOLEN_KEY);
    event.address = KEY_ADDRESS.to_owned();
    event.agent = BOTO;
    event.from_console = false;
    event
}

fn denied(mut event: Event, code: &'static str, message: &str) -> Event {
    event.error_code = code;
    event.error_message = message.to_owned();
    event
}

/// Returns the stolen key in use: a look round, a session token, machines, a bucket opened to the world,
/// three refusals.
fn key_use(rng: &mut Rng) -> Vec<Event> {
    let (ec2, s3, sts) = ("ec2.amazonaws.com", "s3.amazonaws.com", "sts.amazonaws.com");
    let buckets = with_key(rng, "04:15:09", s3, "ListBuckets", r#"{"Host":"s3.amazonaws.com"}"#);
    let role = format!(r#"{{"roleArn":"arn:aws:iam::{VICTIM}:role/OpsAdmin","roleSessionName":"s1"}}"#);
    let assume = with_key(rng, "04:16:30", sts, "AssumeRole", &role);
    let mut token = with_key(rng, "04:17:02", sts, "GetSessionToken", r#"{"durationSeconds":3600}"#);
    token.response = format!(
        r#"{{"credentials":{{"accessKeyId":"{TOKEN_KEY}","sessionToken":"IQoJb3JpZ2luX2VjEXAMPLETOKEN","expiration":"Nov 18, 2025, 5:17:02 AM"}}}}"#
    );
    let machines = r#"{"instancesSet":{"items":[{"imageId":"ami-0a1b2c3d4e5f60718","minCount":8,"maxCount":8}]},"instanceType":"p4d.24xlarge","blockDeviceMapping":{},"monitoring":{"enabled":false},"ebsOptimized":false}"#;
    let mut run = with_key(rng, "04:31:44", ec2, "RunInstances", machines);
    run.response = format!(
        r#"{{"requestId":"{}","reservationId":"r-0e5d1c9b8a7f60342","ownerId":"{VICTIM}","groupSet":{{}},"instancesSet":{{"items":[{{"instanceId":"i-04f1d2c3b5a697880","imageId":"ami-0a1b2c3d4e5f60718","instanceState":{{"code":0,"name":"pending"}}}}]}}}}"#,
        run.request_id
    );
    let mut more = with_key(rng, "04:32:20", ec2, "RunInstances", machines);
    more.region = "ap-southeast-2";
    let more = denied(
        more,
        "Client.VcpuLimitExceeded",
        "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to.",
    );
    let mut grant = with_key(rng, "04:31:46", "kms.amazonaws.com", "CreateGrant", "null");
    grant.class = Class::RootViaService;
    let key = root_with_key(VICTIM, STOLEN_KEY);
    grant.identity = format!(r#"{},"invokedBy":"ec2.amazonaws.com"}}"#, key.trim_end_matches('}'));
    grant.address = "ec2.amazonaws.com".to_owned();
    grant.agent = "ec2.amazonaws.com";
    grant.request = format!(
        r#"{{"granteePrincipal":"{VICTIM}:aws:ec2-infrastructure:i-04f1d2c3b5a697880","operations":["Decrypt"],"keyId":"arn:aws:kms:us-east-1:{VICTIM}:key/0c1d2e3f-1a2b-4c3d-8e4f-5a6b7c8d9e0f"}}"#
    );
    let deletion = with_key(
        rng,
        "04:44:10",
        "kms.amazonaws.com",
        "ScheduleKeyDeletion",
        r#"{"keyId":"0c1d2e3f-1a2b-4c3d-8e4f-5a6b7c8d9e0f","pendingWindowInDays":7}"#,
    );
    let open = r#"{"bucketName":"example-billing-archive","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::example-billing-archive","arn:aws:s3:::example-billing-archive/*"]}]},"Host":"example-billing-archive.s3.us-east-1.amazonaws.com","policy":""}"#;
    vec![
        with_key(rng, "04:14:52", sts, "GetCallerIdentity", "null"),
        with_additional(buckets),
        denied(assume, "AccessDenied", "Roles may not be assumed by root accounts."),
        token,
        run,
        grant,
        more,
        with_additional(with_key(rng, "04:40:37", s3, "PutBucketPolicy", open)),
        denied(
            deletion,
            "AccessDenied",
            &format!(
                "User: arn:aws:iam::{VICTIM}:root is not authorized to perform: kms:ScheduleKeyDeletion on this resource because no resource-based policy allows the kms:ScheduleKeyDeletion action"
            ),
        ),
    ]
}

fn with_additional(mut event: Event) -> Event {
    event.additional = r#"{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"nT1fkq8W0xV5yGmZr3bP7LJhD2sQe9cAuXoK4iE6RtM=","bytesTransferredOut":531}"#.to_owned();
    event
}

/// Returns the session token in use, and one event whose identity says `Unknown` where its ARN says root.
fn token_use(rng: &mut Rng) -> Vec<Event> {
    let session = root_in_session(VICTIM, TOKEN_KEY, "2025-11-18T04:17:02Z", false, "", "");
    let mut list = with_additional(with_key(rng, "04:52:18", "s3.amazonaws.com", "ListBuckets", "null"));
    list.identity.clone_from(&session);
    let mut describe = with_key(rng, "04:53:02", "ec2.amazonaws.com", "DescribeInstances", "null");
    describe.identity = session;
    describe.region = "eu-west-1";
    let mut billing = with_key(rng, "05:02:29", "billing.amazonaws.com", "GetBillingNotifications", "null");
    billing.identity = format!(
        r#"{{"type":"Unknown","principalId":"{VICTIM}","arn":"arn:aws:iam::{VICTIM}:root","accountId":"{VICTIM}","accessKeyId":"Unknown","userName":"example-workload"}}"#
    );
    billing.address = CONSOLE_ADDRESS.to_owned();
    billing.agent = BROWSER;
    vec![list, describe, billing]
}

/// Returns the organization's events: root signs in with MFA in both accounts, and a task session opened by
/// `AssumeRoot`.
fn organization(rng: &mut Rng) -> Vec<Event> {
    let office = "203.0.113.12";
    let signed_in = |event: &mut Event, device: &str| {
        event.address = office.to_owned();
        event.additional = login_details(&format!(r#""MFAIdentifier":"{device}","MFAUsed":"Yes""#));
    };
    let security_key =
        format!("arn:aws:iam::{MANAGEMENT}:u2f/root-account/vault-key-7HQ3ZKXWTE2VNGMDBYPALC5RJ4");
    let mut first = sign_in(rng, MANAGEMENT, "2025-11-17T09:30:12Z", "ConsoleLogin", "Success");
    signed_in(&mut first, &security_key);
    // The security key replaces the old authenticator app.
    let request = format!(
        r#"{{"userName":"AWS ROOT USER","serialNumber":"arn:aws:iam::{MANAGEMENT}:mfa/root-account-mfa-device"}}"#
    );
    let mut replace = console(rng, "09:34:55", "iam.amazonaws.com", "DeactivateMFADevice", &request);
    replace.account = MANAGEMENT;
    "2025-11-17T09:34:55Z".clone_into(&mut replace.time);
    let created = "2025-11-17T09:30:12Z";
    replace.identity = root_in_session(MANAGEMENT, "ASIAN4SBLW2TZEXAMPLE", created, true, "", "");
    replace.address = office.to_owned();

    let mut second = sign_in(rng, MEMBER, "2025-11-17T10:02:47Z", "ConsoleLogin", "Success");
    signed_in(&mut second, &format!("arn:aws:iam::{MEMBER}:mfa/root-account-mfa-device"));

    let opener = iam_user(MANAGEMENT, "AIDAT5PMK3ZQ7XEXAMPLE", "dana", "AKIAH7RBV4QXTEXAMPLE");
    let time = "2025-11-19T13:20:06Z";
    let mut assume = Event::new(rng, MANAGEMENT, "us-east-1", time, "sts.amazonaws.com", "AssumeRoot");
    assume.class = Class::AssumeRootCaller;
    assume.read_only = false;
    assume.identity = opener;
    assume.address = office.to_owned();
    assume.agent = CLI;
    assume.request = format!(
        r#"{{"targetPrincipal":"{MEMBER}","taskPolicyArn":{{"arn":"arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}},"durationSeconds":900}}"#
    );
    let task_key = "ASIAC8WJ3PYDGEXAMPLE";
    assume.response = format!(
        r#"{{"credentials":{{"accessKeyId":"{task_key}","sessionToken":"IQoJb3JpZ2luX2VjEXAMPLETASK","expiration":"Nov 19, 2025, 1:35:06 PM"}}}}"#
    );
    let mut task = |time: &str, name: &'static str| {
        let mut event = Event::new(rng, MEMBER, "us-east-1", time, "s3.amazonaws.com", name);
        event.class = Class::RootAssumed;
        let more = r#","assumedRoot":"true""#;
        event.identity = root_in_session(MEMBER, task_key, "2025-11-19T13:20:06Z", false, more, "");
        event.address = office.to_owned();
        event.agent = CLI;
        event.request = r#"{"bucketName":"example-locked-reports","Host":"example-locked-reports.s3.us-east-1.amazonaws.com","policy":""}"#.to_owned();
        with_additional(event)
    };
    let (read, delete) =
        (task("2025-11-19T13:21:15Z", "GetBucketPolicy"), task("2025-11-19T13:22:40Z", "DeleteBucketPolicy"));
    vec![first, replace, second, assume, read, delete]
}
