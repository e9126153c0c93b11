//! `roottrail posture --live`: IAM and AWS Organizations answer in place of files.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use roottrail::posture::Posture;
use roottrail::posture::live::{Aws, Refusal, element, fetch};
use roottrail::source::s3::{Question, Reply, S3Options, S3Session, Service};

/// Options of `--live`, with aws-cli's names.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "AWS")]
pub(super) struct Args {
    /// Ask IAM for the account's report, summary and devices, and AWS Organizations for its policies
    #[arg(long)]
    live: bool,

    /// A profile of the AWS configuration files
    #[arg(long, value_name = "NAME", requires = "live")]
    profile: Option<String>,

    /// The region, which decides the partition
    #[arg(long, value_name = "NAME", requires = "live")]
    region: Option<String>,

    /// Another service than AWS
    #[arg(long, value_name = "URL", requires = "live")]
    endpoint_url: Option<String>,

    /// Trust the certificates of this PEM file in place of the system's
    #[arg(long, value_name = "FILE", requires = "live")]
    ca_bundle: Option<PathBuf>,

    /// Assume this role first
    #[arg(long, value_name = "ARN", requires = "live")]
    assume_role_arn: Option<String>,

    /// The external id that the role asks for
    #[arg(long, value_name = "ID", requires = "assume_role_arn")]
    external_id: Option<String>,
}

impl Args {
    /// Asks AWS, where `--live` is given.
    pub(super) fn fetch(&self, posture: &mut Posture) -> anyhow::Result<()> {
        if !self.live {
            return Ok(());
        }
        let session = S3Session::start(&S3Options {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ca_bundle: self.ca_bundle.clone(),
            assume_role_arn: self.assume_role_arn.clone(),
            external_id: self.external_id.clone(),
            ..S3Options::default()
        })?;
        let mut services =
            Services { iam: session.service("iam")?, organizations: session.service("organizations")? };
        fetch(posture, &mut services);
        Ok(())
    }
}

struct Services {
    iam: Service,
    organizations: Service,
}

/// Time between two questions: a report takes some seconds to be made.
const MOMENT: Duration = Duration::from_secs(2);

impl Aws for Services {
    fn iam(&mut self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut body = format!("Action={action}&Version=2010-05-08");
        for (name, value) in parameters {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            body.push_str(&format!("&{name}={value}"));
        }
        let content_type = "application/x-www-form-urlencoded; charset=utf-8";
        let reply = asked(&self.iam, Question { content_type, target: None, body: &body })?;
        if reply.status == 200 {
            // What is cut reads like an answer with less in it.
            if reply.body.trim_end().ends_with(&format!("</{action}Response>")) {
                return Ok(reply.body);
            }
            return Err(Refusal { code: None, message: format!("the answer to {action} is cut") });
        }
        let message = element(&reply.body, "Message").unwrap_or_else(|| format!("HTTP {}", reply.status));
        Err(Refusal { code: element(&reply.body, "Code"), message: one_line(&message) })
    }

    fn organizations(&mut self, operation: &str, input: &Value) -> Result<Value, Refusal> {
        let target = format!("AWSOrganizationsV20161128.{operation}");
        let body = input.to_string();
        let question =
            Question { content_type: "application/x-amz-json-1.1", target: Some(&target), body: &body };
        let reply = asked(&self.organizations, question)?;
        let answer: Option<Value> = serde_json::from_str(&reply.body).ok();
        match (reply.status, answer) {
            (200, Some(answer)) => Ok(answer),
            (200, None) => {
                Err(Refusal { code: None, message: format!("the answer to {operation} is no JSON") })
            }
            (status, answer) => {
                let text = |name: &str| answer.as_ref()?.get(name)?.as_str().map(one_line);
                // The error's name is `com.amazonaws.organizations#AccessDeniedException` on some paths, the
                // bare name on others.
                let code = text("__type").map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
                let message = text("message").or_else(|| text("Message"));
                Err(Refusal { code, message: message.unwrap_or_else(|| format!("HTTP {status}")) })
            }
        }
    }

    fn wait(&mut self) {
        sleep(MOMENT);
    }
}

fn asked(service: &Service, question: Question<'_>) -> Result<Reply, Refusal> {
    service.ask(question).map_err(|message| Refusal { code: None, message: one_line(&message) })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ")
}
