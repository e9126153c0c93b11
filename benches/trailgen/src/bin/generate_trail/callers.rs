//! The callers of generated events: IAM users, roles' sessions, services, and root in its several forms.

use crate::rng::Rng;
use crate::template::{BASE32, Caller};

const USERS: [&str; 12] = [
    "amara",
    "bela",
    "chidi",
    "daria",
    "emre",
    "farah",
    "goran",
    "hana",
    "build-bot",
    "backup",
    "metrics",
    "importer",
];
const ROLES: [&str; 8] = [
    "deploy",
    "invoice-worker",
    "search-index",
    "web-frontend",
    "nightly-reports",
    "node-group",
    "read-only",
    "etl",
];
const AGENTS: [&str; 6] = [
    "aws-cli/2.31.9 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7 md/pyimpl#CPython",
    "Boto3/1.40.55 md/Botocore#1.40.55 ua/2.1 os/linux#5.15.0 md/arch#aarch64 lang/python#3.12.3 md/pyimpl#CPython Botocore/1.40.55",
    "aws-sdk-java/2.35.9 md/io#async md/http#NettyNio ua/2.1 os/Linux#6.1.155 lang/java#21.0.8",
    "aws-sdk-go-v2/1.39.4 ua/2.1 os/linux lang/go#1.24.6 api/s3#1.88.5",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "APN/1.0 HashiCorp/1.0 Terraform/1.13.4 (+https://www.terraform.io) terraform-provider-aws/6.18.0",
];

/// The forms in which root acts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    /// Root in the console, or with the credentials of a session.
    Session,
    /// Root with a long-term access key.
    Key,
    /// Root through a forward access session of a service.
    Service,
    /// Root in a session that `AssumeRoot` opened.
    Task,
    /// Root signing in.
    SignIn,
}

impl Root {
    /// Returns `identity.kind` of the finding.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Session | Self::Key | Self::SignIn => "root_user",
            Self::Service => "root_via_service",
            Self::Task => "root_assume_root_session",
        }
    }
}

/// Returns an IAM user or a role's session in `account`. `hour` is the time of the object, to the hour.
pub(crate) fn principal(rng: &mut Rng, account: &str, hour: &str) -> Caller {
    let (agent, address) = (*rng.pick(&AGENTS), address(rng));
    if rng.below(2) == 0 {
        let (name, principal) = (*rng.pick(&USERS), id(rng, "AIDA", 17));
        let key = id(rng, "AKIA", 16);
        return Caller {
            identity: format!(
                r#"{{"type":"IAMUser","principalId":"{principal}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","accessKeyId":"{key}","userName":"{name}"}}"#
            ),
            address,
            agent,
            principal,
        };
    }
    let (role, principal, key) = (*rng.pick(&ROLES), id(rng, "AROA", 17), id(rng, "ASIA", 16));
    let session = format!("{role}-{}", rng.below(100_000));
    Caller {
        identity: format!(
            r#"{{"type":"AssumedRole","principalId":"{principal}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","accountId":"{account}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"{principal}","arn":"arn:aws:iam::{account}:role/{role}","accountId":"{account}","userName":"{role}"}},"attributes":{{"creationDate":"{hour}:{:02}:{:02}Z","mfaAuthenticated":"false"}}}}}}"#,
            rng.below(60),
            rng.below(60)
        ),
        address,
        agent,
        principal,
    }
}

/// Returns an AWS service acting by itself.
pub(crate) fn service(host: &'static str) -> Caller {
    let domain = format!("{host}.amazonaws.com");
    Caller {
        identity: format!(r#"{{"type":"AWSService","invokedBy":"{domain}"}}"#),
        agent: if host == "lambda" { "lambda.amazonaws.com" } else { "cloudtrail.amazonaws.com" },
        address: domain,
        principal: String::new(),
    }
}

/// Returns the root user of `account`.
pub(crate) fn root(rng: &mut Rng, form: Root, account: &str, hour: &str) -> Caller {
    let start = format!(
        r#"{{"type":"Root","principalId":"{account}","arn":"arn:aws:iam::{account}:root","accountId":"{account}""#
    );
    let key = match form {
        Root::SignIn => String::new(),
        Root::Key => id(rng, "AKIA", 16),
        Root::Session | Root::Service | Root::Task => id(rng, "ASIA", 16),
    };
    let mfa = rng.below(2) == 0 && form != Root::Task;
    let created = format!("{hour}:{:02}:{:02}Z", rng.below(60), rng.below(60));
    let attributes = format!(r#""attributes":{{"creationDate":"{created}","mfaAuthenticated":"{mfa}"}}"#);
    let session = match form {
        Root::SignIn | Root::Key => String::new(),
        Root::Session => format!(r#","sessionContext":{{{attributes}}}"#),
        Root::Task => format!(r#","sessionContext":{{{attributes},"assumedRoot":"true"}}"#),
        Root::Service => {
            format!(r#","sessionContext":{{{attributes}}},"invokedBy":"cloudformation.amazonaws.com""#)
        }
    };
    let agent = *rng.pick(&AGENTS);
    let mut caller = Caller {
        identity: format!(r#"{start},"accessKeyId":"{key}"{session}}}"#),
        address: address(rng),
        agent,
        principal: account.to_owned(),
    };
    if form == Root::Service {
        "cloudformation.amazonaws.com".clone_into(&mut caller.address);
        caller.agent = "cloudformation.amazonaws.com";
    }
    caller
}

fn id(rng: &mut Rng, prefix: &str, length: usize) -> String {
    let mut id = prefix.to_owned();
    rng.write_text(&mut id, BASE32, length);
    id
}

/// Returns an address of the ranges kept for documentation.
fn address(rng: &mut Rng) -> String {
    let network = rng.pick(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", 1 + rng.below(254))
}
