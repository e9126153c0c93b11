//! Elasticsearch and OpenSearch: `_bulk`, whose answer has a result for each item, in order.

use serde::Deserialize;

use super::ShipOptions;
use super::answer::{Failure, ItemResult, Part, Sent, by_status};
use super::dead::Refusal;
use super::http::{Client, Reply};
use crate::finding::Finding;
use crate::format::{Bulk, Format as _, FormatError};

#[derive(Debug)]
pub(super) struct Elastic {
    format: Bulk,
    path: String,
    place: String,
}

impl Elastic {
    pub(super) fn new(options: &ShipOptions) -> Self {
        let bulk = Bulk::new(options.index.as_ref(), options.dataset.clone());
        let place =
            options.index.as_ref().map_or_else(|| options.dataset.stream(), |index| index.to_string());
        // An answer without the parts that nobody reads is a tenth as long.
        let mut path = "/_bulk?filter_path=errors,items.*.status,items.*.error".to_owned();
        if let Some(pipeline) = &options.pipeline {
            let name = percent_encoding::utf8_percent_encode(pipeline, percent_encoding::NON_ALPHANUMERIC);
            path.push_str(&format!("&pipeline={name}"));
        }
        Self { format: if options.without_ids { bulk.without_ids() } else { bulk }, path, place }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn render(&self, finding: &Finding) -> Result<Vec<Part>, FormatError> {
        let mut payload = Vec::new();
        self.format.write(finding, &mut payload)?;
        Ok(vec![(None, payload)])
    }
}

#[derive(Deserialize)]
struct Answer {
    errors: bool,
    #[serde(default)]
    items: Vec<Action>,
}

#[derive(Deserialize)]
struct Action {
    create: BulkItem,
}

#[derive(Deserialize)]
struct BulkItem {
    status: u16,
    #[serde(default)]
    error: serde_json::Value,
}

/// Returns what an answer says of each of `count` items.
pub(super) fn judge(client: &Client, reply: &Reply, count: usize) -> Result<Sent, Failure> {
    if let Some(failure) = by_status(client, reply) {
        return Err(failure);
    }
    if reply.status == 400 {
        // The request as a whole: a wrong index name, an unknown pipeline. Items have a status of their own.
        return Err(Failure::Stop(client.excerpt(reply)));
    }
    // HTTP 200 says only that the request was read. An answer that cannot be read says nothing of the items:
    // sent again, those that were stored are refused as doubles.
    let unreadable =
        |why: &str| Failure::Again { reason: format!("{why}: {}", client.excerpt(reply)), after: None };
    let answer: Answer =
        serde_json::from_slice(&reply.body).map_err(|_| unreadable("not an answer of _bulk"))?;
    if answer.items.len() != count {
        return Err(unreadable(&format!("the answer is of {} of {count} documents", answer.items.len())));
    }
    let failed = |action: &Action| !matches!(action.create.status, 200..=299);
    let both = |action: &Action| !failed(action) && !action.create.error.is_null();
    if answer.items.iter().any(both) || answer.errors != answer.items.iter().any(failed) {
        return Err(unreadable("the answer contradicts itself"));
    }
    let verdicts: Vec<ItemResult> = answer.items.into_iter().map(|action| verdict(action.create)).collect();
    if let Some(refusal) = common_refusal(&verdicts) {
        let Refusal { kind, reason, .. } = refusal;
        return Err(Failure::Stop(format!("all {count} documents for one reason: {kind}: {reason}")));
    }
    Ok(Sent { verdicts, ack: None, slow: None })
}

/// Returns the reason for which every document was refused, where it is one and the same. Then it is not in the
/// documents (whose own faults are named with their place in them) but in the index or a pipeline, and dead
/// letters would only have to be fetched back.
fn common_refusal(verdicts: &[ItemResult]) -> Option<&Refusal> {
    const SURELY_NO_ACCIDENT: usize = 5;
    let mut refusals = verdicts.iter().map(|verdict| match verdict {
        ItemResult::Refused(refusal) => Some(refusal),
        _ => None,
    });
    let first = refusals.next()??;
    let same = |refusal: Option<&Refusal>| {
        refusal.is_some_and(|refusal| refusal.kind == first.kind && refusal.reason == first.reason)
    };
    (verdicts.len() >= SURELY_NO_ACCIDENT && refusals.all(same)).then_some(first)
}

fn verdict(item: BulkItem) -> ItemResult {
    let text = |key: &str| item.error[key].as_str().unwrap_or_default().to_owned();
    let mut reason = text("reason");
    if let Some(cause) = item.error["caused_by"]["reason"].as_str() {
        reason = format!("{reason}: {cause}");
    }
    match item.status {
        200..=299 => ItemResult::Delivered,
        409 => ItemResult::AlreadyThere,
        // Those below 400 are none that a document can have.
        0..=199 | 300..=399 | 429 | 500.. => ItemResult::Again(format!("{} {reason}", item.status)),
        // These speak of the index, not of the finding: no such index, no privilege, index read-only.
        401 | 403 | 404 => ItemResult::Stop(format!("{} {}: {reason}", item.status, text("type"))),
        400 if reason.starts_with("pipeline with id [") => ItemResult::Stop(reason),
        status => ItemResult::Refused(Refusal { status: Some(status), kind: text("type"), reason }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::http::Endpoint;
    use super::*;

    fn of(status: u16) -> ItemResult {
        verdict(BulkItem { status, error: serde_json::json!({"type": "t", "reason": "r"}) })
    }

    #[test]
    fn each_status_of_an_item_has_one_meaning() {
        assert!(matches!(of(201), ItemResult::Delivered));
        assert!(matches!(of(409), ItemResult::AlreadyThere));
        assert!(matches!(of(429), ItemResult::Again(_)));
        assert!(matches!(of(0), ItemResult::Again(_)) && matches!(of(302), ItemResult::Again(_)));
        assert!(matches!(of(503), ItemResult::Again(_)));
        assert!(matches!(of(403), ItemResult::Stop(_)));
        assert!(
            matches!(of(400), ItemResult::Refused(refusal) if refusal.kind == "t" && refusal.reason == "r")
        );
    }

    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        let endpoint = Endpoint { url: "http://127.0.0.1:1".parse().unwrap(), secret: None, ca_file: None };
        Client::new(&endpoint, Duration::from_secs(1), false).unwrap()
    });

    proptest! {
        /// A document counts as delivered only by an answer that is whole and says so of that document.
        #[test]
        fn nothing_is_delivered_but_by_a_whole_answer(
            items in prop::collection::vec(prop::sample::select(vec![(200_u16, false), (201, false), (409, true), (400, true), (429, true), (201, true)]), 0..4),
            errors: bool,
            count in 0..4_usize,
            cut in prop_oneof![3 => Just(0), 1 => 1..90_usize],
        ) {
            let actions: Vec<_> = items
                .iter()
                .map(|&(status, refused)| match refused {
                    true => serde_json::json!({"create": {"status": status, "error": {"type": "t", "reason": "r"}}}),
                    false => serde_json::json!({"create": {"status": status}}),
                })
                .collect();
            let text = serde_json::json!({"errors": errors, "items": actions}).to_string();
            let text = text[..text.len().saturating_sub(cut)].to_owned();
            let reply = Reply { status: 200, retry_after: None, body: text.into() };
            let Ok(sent) = judge(&CLIENT, &reply, count) else { return Ok(()) };
            prop_assert_eq!((sent.verdicts.len(), items.len(), cut), (count, count, 0));
            prop_assert_eq!(errors, items.iter().any(|&(status, _)| status >= 300));
            for (verdict, (status, refused)) in sent.verdicts.iter().zip(items) {
                prop_assert_eq!(matches!(verdict, ItemResult::Delivered), status < 300 && !refused);
            }
        }
    }
}
