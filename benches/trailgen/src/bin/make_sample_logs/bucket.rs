//! The bucket on disk: which object an event is delivered in, and the names and bytes of objects.
//!
//! [`deliver`] groups events by account, region and ten minutes, as deliveries do. The
//! insight file and the export are made here as well. No event is decided in this file, and the same events give
//! the same bytes each time.

use crate::event::{ALPHANUMERIC, Event};
use crate::rng::Rng;
use crate::story::{ORGANIZATION, VICTIM};
use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

/// A log object: its key and its uncompressed text.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) text: String,
    pub(crate) records: usize,
    /// The times of the first and the last event.
    pub(crate) span: (String, String),
}

/// Delivers the events: those of one account, region and ten minutes share an object. `late_copy` is the id
/// of the event that is delivered a second time, in an object of its own.
///
/// # Errors
///
/// Fails where the time of an event is no time, which is a mistake in the story.
pub(crate) fn deliver(rng: &mut Rng, mut events: Vec<Event>, late_copy: &str) -> Result<Vec<Object>> {
    events.sort_by(|a, b| (&a.time, &a.event_id).cmp(&(&b.time, &b.event_id)));
    let mut groups: BTreeMap<(&str, &str, String), Vec<&Event>> = BTreeMap::new();
    for event in &events {
        // "2025-11-18T02:1" stands for the ten minutes from 02:10.
        groups.entry((event.account, event.region, event.time[..15].to_owned())).or_default().push(event);
    }
    let mut objects: Vec<Object> = groups
        .into_iter()
        .map(|((account, region, tens), events)| {
            let delivered = minutes_later(&format!("{tens}0:00Z"), 15)?;
            Ok(object(rng, account, region, &delivered, &events))
        })
        .collect::<Result<_>>()?;
    if let Some(event) = events.iter().find(|event| event.event_id == late_copy) {
        let later = minutes_later(&event.time, 40)?;
        objects.push(object(rng, event.account, event.region, &later, &[event]));
    }
    Ok(objects)
}

/// Returns the minute that lies `minutes` after `time`, as `2025-11-18T03:25`.
fn minutes_later(time: &str, minutes: i64) -> Result<String> {
    let time: Timestamp = time.parse().with_context(|| format!("{time} is no time"))?;
    Ok(time.checked_add(SignedDuration::from_mins(minutes))?.strftime("%Y-%m-%dT%H:%M").to_string())
}

fn object(rng: &mut Rng, account: &str, region: &str, delivered: &str, events: &[&Event]) -> Object {
    let records: Vec<String> = events.iter().map(|event| event.json()).collect();
    let first = events.first().map(|event| event.time.clone()).unwrap_or_default();
    let last = events.last().map(|event| event.time.clone()).unwrap_or_default();
    Object {
        key: key(rng, account, "CloudTrail", region, delivered),
        text: format!("{{\"Records\":[{}]}}", records.join(",")),
        records: events.len(),
        span: (first, last),
    }
}

/// Returns a key as CloudTrail makes it; the two accounts of the organization lie below the organization's
/// id.
fn key(rng: &mut Rng, account: &str, kind: &str, region: &str, delivered: &str) -> String {
    let organization = if account == VICTIM { String::new() } else { format!("{ORGANIZATION}/") };
    let (day, minute) = (delivered[..10].replace('-', "/"), delivered.replace(['-', ':'], ""));
    let mut key =
        format!("AWSLogs/{organization}{account}/{kind}/{region}/{day}/{account}_{kind}_{region}_{minute}Z_");
    rng.write_text(&mut key, ALPHANUMERIC, 16);
    key + ".json.gz"
}

/// Returns the insight that CloudTrail raised about the machines started with the stolen key.
pub(crate) fn insight(rng: &mut Rng) -> Object {
    let (mut id, mut shared) = (String::new(), String::new());
    rng.write_uuid(&mut id);
    rng.write_uuid(&mut shared);
    let time = "2025-11-18T04:32:00Z";
    let text = format!(
        r#"{{"Records":[{{"eventVersion":"1.08","eventTime":"{time}","awsRegion":"us-east-1","eventID":"{id}","eventType":"AwsCloudTrailInsight","recipientAccountId":"{VICTIM}","sharedEventID":"{shared}","insightDetails":{{"state":"Start","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","insightType":"ApiCallRateInsight","insightContext":{{"statistics":{{"baseline":{{"average":0.0004}},"insight":{{"average":2.0}},"insightDuration":1,"baselineDuration":10080}}}}}},"eventCategory":"Insight"}}]}}"#
    );
    let key = key(rng, VICTIM, "CloudTrail-Insight", "us-east-1", "2025-11-18T04:55");
    Object { key, text, records: 0, span: (time.to_owned(), time.to_owned()) }
}

/// Returns the output of `aws cloudtrail lookup-events` over `events`, newest first as the command prints
/// them.
pub(crate) fn export(events: &[(Event, &str)]) -> String {
    let rows: Vec<String> = events
        .iter()
        .rev()
        .map(|(event, user)| {
            let quoted = serde_json::Value::from(event.json());
            let time = event.time.replace('Z', "+00:00");
            format!(
                "        {{\n            \"EventId\": \"{}\",\n            \"EventName\": \"{}\",\n            \"ReadOnly\": \"{}\",\n            \"EventTime\": \"{time}\",\n            \"EventSource\": \"{}\",\n            \"Username\": \"{user}\",\n            \"Resources\": [],\n            \"CloudTrailEvent\": {quoted}\n        }}",
                event.event_id, event.name, event.read_only, event.source
            )
        })
        .collect();
    format!("{{\n    \"Events\": [\n{}\n    ]\n}}\n", rows.join(",\n"))
}

/// Writes `text` to `key` below `root`, gzipped where the name says so, and returns the size of the file.
///
/// # Errors
///
/// Fails where the folder or the file cannot be written, or `text` is not JSON (a mistake in a template).
pub(crate) fn write(root: &Path, key: &str, text: &str) -> Result<u64> {
    serde_json::from_str::<serde_json::Value>(text).with_context(|| format!("{key} is not JSON"))?;
    let path = root.join(key);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut bytes = text.as_bytes().to_vec();
    if key.ends_with(".gz") {
        // The header has no name and no time, so that the bytes are the same each time.
        let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes())?;
        bytes = encoder.finish()?;
    }
    std::fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(bytes.len() as u64)
}
