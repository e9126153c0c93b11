//! Splunk's HTTP Event Collector: one result for a batch, and an acknowledgement later where the token has it.
//!
//! A finding becomes two events, the record and the finding about it. The answer has a code for the whole batch: a
//! fault of one event names its number, and all others are sent again. With acknowledgement the answer holds a
//! number, and a batch is safe only once Splunk says so of that number. Splunk forgets a number after the first yes,
//! so that each yes is kept.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::answer::{Failure, ItemResult, Part, Sent, by_status};
use super::dead::Refusal;
use super::http::{Body, Client, Reply};
use super::{ShipError, ShipOptions};
use crate::finding::Finding;
use crate::format::{Format as _, FormatError, Hec};
use crate::random::random;

pub(super) const EVENT_PATH: &str = "/services/collector/event";
const ACK_PATH: &str = "/services/collector/ack";

/// The envelopes of a finding, in the format's order.
const PARTS: [&str; 2] = ["aws:cloudtrail", "roottrail:finding"];

#[derive(Debug)]
pub(super) struct Splunk {
    format: Hec,
    channel: String,
    place: String,
}

impl Splunk {
    pub(super) fn new(options: &ShipOptions) -> Self {
        Self {
            format: Hec::new(options.hec_index.clone()),
            channel: channel((u128::from(random()) << 64) | u128::from(random())),
            place: options.hec_index.clone().unwrap_or_default(),
        }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Returns the channel, which a token with acknowledgement needs and any other one ignores.
    pub(super) fn prepare(&self, client: &mut Client) -> Result<(), ShipError> {
        client.add_header("x-splunk-request-channel", &self.channel)
    }

    pub(super) fn render(&self, finding: &Finding) -> Result<Vec<Part>, FormatError> {
        let mut payload = Vec::new();
        self.format.write(finding, &mut payload)?;
        let envelopes = payload.split_inclusive(|byte| *byte == b'\n');
        Ok(PARTS.iter().zip(envelopes).map(|(part, envelope)| (Some(*part), envelope.to_vec())).collect())
    }
}

/// Returns a random UUID, version 4.
fn channel(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[derive(Debug, Default, Deserialize)]
struct Answer {
    text: Option<String>,
    code: Option<u16>,
    #[serde(rename = "ackId")]
    ack_id: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
}

/// Returns what an answer says of each of `count` events.
pub(super) fn judge(client: &Client, reply: &Reply, count: usize) -> Result<Sent, Failure> {
    if let Some(failure) = by_status(client, reply) {
        return Err(failure);
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(&reply.body) else {
        let reason = format!("not an answer of the event collector: {}", client.excerpt(reply));
        // A proxy's or a login page's answer. Nothing is known of the events.
        return Err(Failure::Again { reason, after: None });
    };
    let text = answer.text.unwrap_or_default();
    if reply.status < 300 {
        // 24 and 25: taken, but the queues fill up. To send again would double the events.
        let slow = match answer.code {
            Some(0) => None,
            Some(24 | 25) => Some(text),
            _ => {
                let reason =
                    format!("the answer does not say that the events were taken: {}", client.excerpt(reply));
                return Err(Failure::Again { reason, after: None });
            }
        };
        let verdicts = (0..count).map(|_| ItemResult::Delivered).collect();
        return Ok(Sent { verdicts, ack: answer.ack_id, slow });
    }
    let refusal = Refusal {
        status: Some(reply.status),
        kind: format!("code {}", answer.code.map_or_else(|| "unknown".into(), |code| code.to_string())),
        reason: text,
    };
    match (answer.code, answer.invalid_event) {
        // The documentation leaves open whether the events before this one were kept, so that all others are
        // sent again: a double can be removed, a loss cannot.
        (Some(6 | 12 | 13 | 15), Some(index)) if index < count => Err(Failure::Spoilt(index, refusal)),
        (Some(6 | 12 | 13 | 15), _) => Err(Failure::Split(refusal)),
        // Wrong index, no channel, no data, disabled features: the same for every event.
        _ => Err(Failure::Stop(client.excerpt(reply))),
    }
}

/// What the server says of acknowledgements.
#[derive(Debug)]
pub(super) enum Acks {
    /// Numbers of batches that are safe now.
    Done(Vec<u64>),
    /// Acknowledgement has been turned off: taken is all that one will hear.
    Off,
    /// Ask again.
    Again(String),
}

#[derive(Deserialize)]
struct AckAnswer {
    acks: BTreeMap<String, bool>,
}

/// Asks which batches are safe. A server says so once only.
pub(super) async fn acknowledged(client: &mut Client, ids: &[u64]) -> Result<Acks, Failure> {
    let body = Body::json(serde_json::json!({ "acks": ids }).to_string());
    let reply = match client.post(ACK_PATH, body).await.map_err(Failure::from) {
        Ok(reply) => reply,
        Err(Failure::Again { reason, .. }) => return Ok(Acks::Again(reason)),
        Err(failure) => return Err(failure),
    };
    match by_status(client, &reply) {
        Some(Failure::Again { reason, .. }) => return Ok(Acks::Again(reason)),
        Some(failure) => return Err(failure),
        None => {}
    }
    if reply.status == 400 {
        let code = serde_json::from_slice::<Answer>(&reply.body).ok().and_then(|answer| answer.code);
        return match code {
            Some(14) => Ok(Acks::Off),
            _ => Err(Failure::Stop(client.excerpt(&reply))),
        };
    }
    match serde_json::from_slice::<AckAnswer>(&reply.body) {
        Ok(answer) => {
            let done = answer.acks.iter().filter(|(_, done)| **done).filter_map(|(id, _)| id.parse().ok());
            Ok(Acks::Done(done.collect()))
        }
        Err(_) => Ok(Acks::Again(format!("not an acknowledgement: {}", client.excerpt(&reply)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_uuids() {
        assert_eq!(channel(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(channel(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
