//! CloudWatch Logs. The lines of an export task (a time stamp, a space, the event) are no JSON, and
//! `document` knows them.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[
    // Subscriptions, and Firehose's deliveries of them.
    &[Member("logEvents"), Each, Member("message")],
    // `filter-log-events` and `get-log-events`.
    &[Member("events"), Each, Member("message")],
    // Insights, as the console exports it.
    &[Member("@message")],
    // Insights, as `get-query-results` prints it: a row is an array of `{"field":…,"value":…}`.
    &[Member("results"), Each, Each, Member("value")],
];
