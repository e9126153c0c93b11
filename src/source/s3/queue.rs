//! A queue of SQS: messages taken for a time, given back or deleted.
//!
//! SQS is asked in JSON by signed requests of the session, as other services are ([`Service`]), since its SDK would be
//! another large crate for five questions. The queue's URL says where it is: its host names the region, and with an
//! endpoint of the user's own only its path counts, which is in the body of every question. Each question is asked
//! once. A [`QueueError`] says whether another try can help, so that who holds messages can decide how long to wait.
//! Batches hold ten entries; an answer may take some of them and refuse others, and those that SQS wants to see again
//! come back to the caller.

use std::fmt::Display;
use std::time::Duration;

use http::Uri;
use serde::Deserialize;
use serde_json::{Value, json};

use super::service::{Question, Reply, Service, busy};
use super::session::{FALLBACK_REGION, S3Session};
use crate::error::{Fatal, start};

/// Entries of a batch at most.
const BATCH: usize = 10;
/// Time for an answer beside what a question waits for messages.
const PATIENCE: Duration = Duration::from_secs(10);
/// Codes of refusals that new credentials can end.
const EXPIRED: [&str; 5] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidToken",
];

/// A queue at its endpoint.
#[derive(Debug)]
pub struct Queue {
    service: Service,
    url: String,
}

/// A message, held for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    /// What the message is called.
    pub id: String,
    /// What this taking of the message is called.
    pub receipt: String,
    /// The text.
    pub body: String,
    /// How often the message was taken, this time included.
    pub received: u32,
    /// When the message was sent, in milliseconds since 1970.
    pub sent: Option<i64>,
}

/// How much there is in a queue, about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLength {
    /// Messages that can be taken.
    pub waiting: u64,
    /// Messages that somebody holds, and those that are delayed.
    pub held: u64,
    /// Whether the queue passes messages on to a dead-letter queue.
    pub redrive: bool,
}

/// The reason why a queue does not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The queue is busy or cannot be reached: another try can help.
    #[error("{0}")]
    Busy(String),
    /// There is no such queue.
    #[error("there is no such queue: {0}")]
    Missing(String),
    /// The caller may not do this.
    #[error("SQS refuses: {0}")]
    Denied(String),
    /// SQS does not accept the question.
    #[error("SQS does not accept the request: {0}")]
    Refused(String),
}

impl S3Session {
    /// Returns a queue by its URL, such as `https://sqs.eu-west-1.amazonaws.com/111122223333/trail`. Nothing is asked.
    ///
    /// # Errors
    ///
    /// Where the URL names no queue, or there are no credentials.
    pub fn queue(&self, url: &str) -> Result<Queue, Fatal> {
        let bad = |why: &dyn Display| start(format!("{url:?} is not the URL of a queue: {why}"));
        let parsed: Uri = url.parse().map_err(|error| bad(&error))?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (parsed.scheme_str(), parsed.authority())
        else {
            return Err(bad(&"it wants the form https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"));
        };
        if host.as_str().contains('@') {
            return Err(bad(&"it must not hold a name or a password"));
        }
        if parsed.path().trim_matches('/').is_empty() {
            return Err(bad(&"it names an endpoint and no queue"));
        }
        let own = self.region().map(|region| region.to_string());
        let region = region_of(host.host()).map(str::to_owned).or(own);
        let region = region.unwrap_or_else(|| FALLBACK_REGION.to_owned());
        let service = self.service_in("sqs", &format!("{scheme}://{host}/"), &region)?;
        Ok(Queue { service, url: url.to_owned() })
    }
}

/// Returns the region that a host of SQS names: `sqs.eu-west-1.amazonaws.com`, `eu-west-1.queue.amazonaws.com`, and
/// endpoints in a VPC, `vpce-….sqs.eu-west-1.vpce.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    if !host.contains(".amazonaws.") && !host.ends_with(".amazonaws") {
        return None;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let region = match labels.iter().position(|label| matches!(*label, "sqs" | "sqs-fips" | "queue"))? {
        at if labels[at] == "queue" => at.checked_sub(1).and_then(|before| labels.get(before)),
        at => labels.get(at + 1),
    };
    region.copied().filter(|region| region.contains('-'))
}

/// What `ReceiveMessage` answers.
#[derive(Deserialize)]
struct Received {
    #[serde(default, rename = "Messages")]
    messages: Vec<ReceivedMessage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage {
    message_id: String,
    receipt_handle: String,
    body: String,
    #[serde(default)]
    attributes: serde_json::Map<String, Value>,
}

/// What a batch of changes answers.
#[derive(Deserialize)]
struct Batch {
    #[serde(default, rename = "Failed")]
    failed: Vec<FailedEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FailedEntry {
    id: String,
    #[serde(default)]
    sender_fault: bool,
}

/// What is done to one message of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry<'e> {
    receipt: &'e str,
    visibility: Option<u64>,
}

impl Queue {
    /// Returns the URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes up to ten messages, which nobody else gets for as long as `visibility` says. Waits for the first.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or a refusal.
    pub fn receive(&self, wait: Duration, visibility: Duration) -> Result<Vec<QueueMessage>, QueueError> {
        let names = ["ApproximateReceiveCount", "SentTimestamp"];
        let body = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": BATCH, "WaitTimeSeconds": wait.as_secs(),
            "VisibilityTimeout": visibility.as_secs(),
            // The newer name and the older one.
            "MessageSystemAttributeNames": names, "AttributeNames": names,
        });
        let received: Received = self.ask("ReceiveMessage", &body, wait + PATIENCE)?;
        let number = |message: &ReceivedMessage, name: &str| {
            message.attributes.get(name)?.as_str()?.parse::<i64>().ok()
        };
        let message = |message: ReceivedMessage| QueueMessage {
            received: number(&message, "ApproximateReceiveCount")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(1),
            sent: number(&message, "SentTimestamp"),
            id: message.message_id,
            receipt: message.receipt_handle,
            body: message.body,
        };
        Ok(received.messages.into_iter().map(message).collect())
    }

    /// Deletes messages, ten at most. Returns the places of those that must be tried again.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or a refusal.
    pub fn delete(&self, receipts: &[&str]) -> Result<Vec<usize>, QueueError> {
        let entries: Vec<_> = receipts.iter().map(|receipt| Entry { receipt, visibility: None }).collect();
        self.change("DeleteMessageBatch", &entries)
    }

    /// Sets for how long from now on nobody else gets messages, ten at most. Returns the places of those that must be
    /// tried again.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or a refusal.
    pub fn hold(&self, receipts: &[(&str, Duration)]) -> Result<Vec<usize>, QueueError> {
        let entries: Vec<_> = receipts
            .iter()
            .map(|&(receipt, time)| Entry { receipt, visibility: Some(time.as_secs()) })
            .collect();
        self.change("ChangeMessageVisibilityBatch", &entries)
    }

    fn change(&self, action: &str, entries: &[Entry<'_>]) -> Result<Vec<usize>, QueueError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let all = entries.len();
        let entry = |(n, entry): (usize, &Entry<'_>)| match entry.visibility {
            None => json!({"Id": n.to_string(), "ReceiptHandle": entry.receipt}),
            Some(seconds) => {
                json!({"Id": n.to_string(), "ReceiptHandle": entry.receipt, "VisibilityTimeout": seconds})
            }
        };
        let entries: Vec<Value> = entries.iter().take(BATCH).enumerate().map(entry).collect();
        let body = json!({"QueueUrl": self.url, "Entries": entries});
        let answer: Batch = self.ask(action, &body, PATIENCE)?;
        // A receipt that SQS does not know belongs to a message that is gone, or in other hands: nothing to be done.
        let again = answer.failed.iter().filter(|failed| !failed.sender_fault);
        let again = again.filter_map(|failed| failed.id.parse().ok()).filter(|at| *at < entries.len());
        Ok(again.chain(entries.len()..all).collect())
    }

    /// Returns how much there is in the queue.
    ///
    /// # Errors
    ///
    /// Where there is no answer, or a refusal.
    pub fn length(&self) -> Result<QueueLength, QueueError> {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
            "RedrivePolicy",
        ];
        let body = json!({"QueueUrl": self.url, "AttributeNames": names});
        let answer: Value = self.ask("GetQueueAttributes", &body, PATIENCE)?;
        let text = |name: &str| answer.get("Attributes")?.get(name)?.as_str();
        let number = |name: &str| {
            let number = text(name).and_then(|text| text.parse::<u64>().ok());
            number.ok_or_else(|| QueueError::Busy(format!("SQS answers GetQueueAttributes without {name}")))
        };
        Ok(QueueLength {
            waiting: number(names[0])?,
            held: number(names[1])?.saturating_add(number(names[2])?),
            redrive: text(names[3]).is_some_and(|policy| policy.contains("deadLetterTargetArn")),
        })
    }

    fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        action: &str,
        body: &Value,
        patience: Duration,
    ) -> Result<T, QueueError> {
        let (target, body) = (format!("AmazonSQS.{action}"), body.to_string());
        let question =
            Question { content_type: "application/x-amz-json-1.0", target: Some(&target), body: &body };
        let reply = self.service.ask_once(question, patience).map_err(QueueError::Busy)?;
        if reply.status == 200 {
            return serde_json::from_str(&reply.body).map_err(|error| {
                QueueError::Busy(format!("SQS answers {action} with something else: {error}"))
            });
        }
        Err(self.refusal(&reply))
    }

    fn refusal(&self, reply: &Reply) -> QueueError {
        let (code, text) = code_of(reply);
        if EXPIRED.contains(&code.as_str()) && self.service.renew() {
            return QueueError::Busy(format!("{text}; the credentials were renewed"));
        }
        judge(reply, &code, text)
    }
}

/// Returns the code of a refusal, and the refusal in words.
fn code_of(reply: &Reply) -> (String, String) {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let kind = body.get("__type").and_then(Value::as_str).unwrap_or_default();
    let code = kind.rsplit('#').next().unwrap_or_default().to_owned();
    let message = ["message", "Message"].iter().find_map(|name| body.get(name)?.as_str());
    let text = match (code.as_str(), message) {
        ("", None) => format!("HTTP {}", reply.status),
        ("", Some(message)) => format!("HTTP {}: {message}", reply.status),
        (code, None) => code.to_owned(),
        (code, Some(message)) => format!("{code}: {message}"),
    };
    (code, text)
}

fn judge(reply: &Reply, code: &str, text: String) -> QueueError {
    if busy(reply) || matches!(code, "RequestThrottled" | "KmsThrottled" | "OverLimit") {
        return QueueError::Busy(text);
    }
    match code {
        "QueueDoesNotExist" | "NonExistentQueue" | "AWS.SimpleQueueService.NonExistentQueue" => {
            QueueError::Missing(text)
        }
        "AccessDenied" | "AccessDeniedException" | "InvalidSecurity" | "SignatureDoesNotMatch" => {
            QueueError::Denied(text)
        }
        code if EXPIRED.contains(&code) || code.starts_with("Kms") => QueueError::Denied(text),
        _ if reply.status == 403 => QueueError::Denied(text),
        _ => QueueError::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_names_the_region() {
        for (host, region) in [
            ("sqs.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("sqs.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("sqs-fips.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("eu-west-1.queue.amazonaws.com", Some("eu-west-1")),
            ("vpce-1a-2b.sqs.us-east-2.vpce.amazonaws.com", Some("us-east-2")),
            ("queue.amazonaws.com", None),
            ("localhost", None),
            ("sqs.eu-west-1.example.com", None),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }

    #[test]
    fn a_refusal_says_whether_another_try_can_help() {
        let judged = |status, body: &str| {
            let reply = Reply { status, body: body.to_owned() };
            let (code, text) = code_of(&reply);
            judge(&reply, &code, text)
        };
        assert!(matches!(judged(503, ""), QueueError::Busy(text) if text == "HTTP 503"));
        let throttled = r#"{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}"#;
        assert!(matches!(judged(400, throttled), QueueError::Busy(_)));
        let missing = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#;
        assert!(
            matches!(judged(400, missing), QueueError::Missing(text) if text.contains("specified queue"))
        );
        let denied = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}"#;
        assert!(
            matches!(judged(400, denied), QueueError::Denied(text) if text == "AccessDeniedException: no")
        );
        assert!(matches!(judged(400, r#"{"__type":"x#InvalidAddress"}"#), QueueError::Refused(_)));
    }
}
