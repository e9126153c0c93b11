//! The requests that a root user can make, as a policy's conditions see them.
//!
//! Of a root user some keys are certain (its ARN, its type, its account), some hang on the credential (MFA is
//! named in sessions, and not at all with long-term keys), some on the way of the request (the address, or a
//! VPC endpoint), and some are the caller's choice (the Region, tags, whatever a service's own keys say).

use std::net::IpAddr;

use jiff::Timestamp;

/// The credential with which root asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RootCredential {
    /// A console or temporary session that was opened with MFA: `aws:MultiFactorAuthPresent` is `true`.
    SessionWithMfa,
    /// A session without: the key is there, and `false`.
    SessionWithoutMfa,
    /// A long-term access key: the key is missing.
    AccessKey,
}

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The internet: `aws:SourceIp` is there.
    Internet(IpAddr),
    /// A VPC endpoint: `aws:SourceIp` is missing, `aws:VpcSourceIp`, `aws:SourceVpc` and `aws:SourceVpce` are there.
    Endpoint { address: IpAddr, vpc: String, vpce: String },
}

/// The keys that the place of a request decides, in lower case.
pub(super) const KEYS: [&str; 4] = ["aws:sourceip", "aws:vpcsourceip", "aws:sourcevpc", "aws:sourcevpce"];

/// One way for an account's root user to ask for something.
#[derive(Clone, Debug)]
pub(super) struct Request<'a> {
    pub(super) account: &'a str,
    /// `arn:aws:iam::ACCOUNT:root`, in the account's partition.
    pub(super) arn: &'a str,
    pub(super) organization: Option<&'a str>,
    /// `o-…/r-…/ou-…/`, where the account's place is known.
    pub(super) path: Option<&'a str>,
    pub(super) now: Timestamp,
    pub(super) credential: RootCredential,
    pub(super) origin: &'a Origin,
}

/// What a request says under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// Exactly this.
    Value(String),
    /// Nothing: the key is missing.
    Missing,
    /// Something that the caller chooses; `present`: the key is never missing.
    Chosen { present: bool },
    /// The value cannot be known from here.
    Unknown,
}

impl Request<'_> {
    /// Returns what the request says under a key in lower case.
    pub(super) fn context(&self, key: &str) -> Context {
        let value = |text: &str| Context::Value(text.to_owned());
        let session = self.credential != RootCredential::AccessKey;
        match key {
            "aws:principalarn" => value(self.arn),
            "aws:principaltype" => value("Account"),
            "aws:principalaccount" | "aws:userid" => value(self.account),
            "aws:principalisawsservice" | "aws:viaawsservice" => value("false"),
            "aws:securetransport" => value("true"),
            "aws:currenttime" => value(&self.now.to_string()),
            "aws:epochtime" => value(&self.now.as_second().to_string()),
            "aws:principalorgid" => self.organization.map_or(Context::Unknown, value),
            "aws:principalorgpaths" => self.path.map_or(Context::Unknown, value),
            "aws:multifactorauthpresent" => match self.credential {
                RootCredential::SessionWithMfa => value("true"),
                RootCredential::SessionWithoutMfa => value("false"),
                RootCredential::AccessKey => Context::Missing,
            },
            "aws:multifactorauthage" if self.credential == RootCredential::SessionWithMfa => {
                Context::Chosen { present: true }
            }
            "aws:tokenissuetime" if session => Context::Chosen { present: true },
            "aws:multifactorauthage" | "aws:tokenissuetime" => Context::Missing,
            "aws:sourceip" => match self.origin {
                Origin::Internet(address) => value(&address.to_string()),
                Origin::Endpoint { .. } => Context::Missing,
            },
            "aws:vpcsourceip" => self.of_endpoint(|address, _, _| address.to_string()),
            "aws:sourcevpc" => self.of_endpoint(|_, vpc, _| vpc.to_owned()),
            "aws:sourcevpce" => self.of_endpoint(|_, _, vpce| vpce.to_owned()),
            "aws:requestedregion" => Context::Chosen { present: true },
            // Neither users with names nor roles nor services nor tagged: a root user in person.
            "aws:username"
            | "aws:assumedroot"
            | "aws:sourceidentity"
            | "aws:sourceaccount"
            | "aws:sourcearn"
            | "aws:sourceorgid"
            | "aws:sourceorgpaths"
            | "aws:calledvia"
            | "aws:calledviafirst"
            | "aws:calledvialast"
            | "aws:principalservicename"
            | "aws:principalservicenameslist"
            | "aws:federatedprovider"
            | "aws:ec2instancesourcevpc"
            | "aws:ec2instancesourceprivateipv4"
            | "aws:chatbotsourcearn"
            | "ec2:roledelivery"
            | "ec2:sourceinstancearn"
            | "lambda:sourcefunctionarn"
            | "identitystore:userid" => Context::Missing,
            key if key.starts_with("aws:principaltag/") => Context::Missing,
            "aws:useragent"
            | "aws:referer"
            | "aws:tagkeys"
            | "aws:resourceaccount"
            | "aws:resourceorgid"
            | "aws:resourceorgpaths" => Context::Chosen { present: false },
            key if key.starts_with("aws:requesttag/") || key.starts_with("aws:resourcetag/") => {
                Context::Chosen { present: false }
            }
            key if key.starts_with("aws:") => Context::Unknown,
            // A service's own key: it is there for some requests, with what the caller asks for.
            key if key.contains(':') => Context::Chosen { present: false },
            _ => Context::Unknown,
        }
    }

    fn of_endpoint(&self, field: impl Fn(&IpAddr, &str, &str) -> String) -> Context {
        match self.origin {
            Origin::Internet(_) => Context::Missing,
            Origin::Endpoint { address, vpc, vpce } => Context::Value(field(address, vpc, vpce)),
        }
    }
}
