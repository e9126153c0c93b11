//! CloudTrail: stopped, deleted, changed.

use super::example::call;
use super::rule::short::{CRITICAL, api};
use super::{Example, Rule};

const IMPAIR_LOGS: &[&str] = &["T1562.008"];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-trail-stopped",
        title: "A trail was stopped",
        tried: "Root tried to stop a trail",
        attack: IMPAIR_LOGS,
        reason: "What follows is not in the logs that you are reading.",
        next: "Start the trail again; read the gap in the 90 days of event history and in other trails.",
        events: &[api("cloudtrail", "StopLogging"), api("cloudtrail", "StopEventDataStoreIngestion")],
        example: Example {
            matching: call!("cloudtrail", "StopLogging"),
            other: call!("cloudtrail", "StartLogging"),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-trail-deleted",
        title: "A trail was deleted",
        tried: "Root tried to delete a trail",
        attack: IMPAIR_LOGS,
        reason: "What follows is not in the logs that you are reading.",
        next: "Make the trail again; read the gap in the 90 days of event history and in other trails.",
        events: &[api("cloudtrail", "DeleteTrail"), api("cloudtrail", "DeleteEventDataStore")],
        example: Example {
            matching: call!("cloudtrail", "DeleteTrail"),
            other: call!("cloudtrail", "CreateTrail"),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-trail-changed",
        title: "A trail was changed",
        tried: "Root tried to change a trail",
        attack: IMPAIR_LOGS,
        reason: "A trail can be sent to another bucket, cut down to one region, or stripped of its digests.",
        next: "Compare requestParameters with the trail as it should be.",
        events: &[api("cloudtrail", "UpdateTrail"), api("cloudtrail", "UpdateEventDataStore")],
        example: Example {
            matching: call!("cloudtrail", "UpdateTrail"),
            other: call!("cloudtrail", "GetTrail", r#""readOnly":true"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-trail-selectors-changed",
        title: "What a trail records was changed",
        tried: "Root tried to change what a trail records",
        attack: IMPAIR_LOGS,
        reason: "Selectors can leave out management events, or the data events of one bucket.",
        next: "Compare the selectors with the ones that should be there.",
        events: &[api("cloudtrail", "PutEventSelectors"), api("cloudtrail", "PutInsightSelectors")],
        example: Example {
            matching: call!("cloudtrail", "PutEventSelectors"),
            other: call!("cloudtrail", "GetEventSelectors", r#""readOnly":true"#),
        },
        ..CRITICAL
    },
];
