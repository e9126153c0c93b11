//! Signals that would have warned somebody: alarms, stored logs, and detectors.

use super::example::call;
use super::rule::short::{HIGH, api};
use super::{Example, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-alarm-cut",
        title: "An alarm, or the way to those whom it calls, was cut",
        tried: "Root tried to cut an alarm, or the way to those whom it calls",
        attack: &["T1562.001"],
        reason: "Nobody is called when what comes next happens.",
        next: "Put the alarm back; look for what it would have raised since.",
        events: &[
            api("logs", "DeleteMetricFilter"),
            api("logs", "DeleteSubscriptionFilter"),
            api("events", "DisableRule"),
            api("events", "DeleteRule"),
            api("events", "RemoveTargets"),
            // CloudTrail records CloudWatch's alarms under the old name of the service.
            api("monitoring", "DeleteAlarms"),
            api("monitoring", "DisableAlarmActions"),
            api("cloudwatch", "DeleteAlarms"),
            api("cloudwatch", "DisableAlarmActions"),
            api("sns", "DeleteTopic"),
            api("sns", "Unsubscribe"),
        ],
        example: Example {
            matching: call!("monitoring", "DeleteAlarms"),
            other: call!("monitoring", "DescribeAlarms", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-logs-deleted",
        title: "Logs were deleted, or a bucket's lifecycle was changed",
        tried: "Root tried to delete logs, or to change a bucket's lifecycle",
        attack: &["T1562.008", "T1070"],
        reason: "Logs that are gone say nothing; a lifecycle deletes a trail's objects without a further call.",
        next: "Check whether the bucket holds a trail, and put its lifecycle back; copy what is left.",
        events: &[
            api("logs", "DeleteLogGroup"),
            api("logs", "DeleteLogStream"),
            // CloudTrail records this call under the name of an older one.
            api("s3", "PutBucketLifecycle"),
            api("s3", "PutBucketLifecycleConfiguration"),
        ],
        example: Example {
            matching: call!("logs", "DeleteLogGroup"),
            other: call!("s3", "GetBucketLifecycle", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-detection-weakened",
        title: "A detector was switched off, or told what to pass over",
        tried: "Root tried to switch a detector off, or to tell it what to pass over",
        attack: &["T1562.001"],
        reason: "A filter or a list of trusted addresses hides findings as well as switching the service off does.",
        next: "Enable it again, read the filter or list, and look by hand at what it hid.",
        events: &[
            api("access-analyzer", "DeleteAnalyzer"),
            api("detective", "DeleteGraph"),
            api("macie2", "DisableMacie"),
            api("inspector2", "Disable"),
            api("guardduty", "CreateFilter"),
            api("guardduty", "UpdateFilter"),
            api("guardduty", "CreateIPSet"),
            api("guardduty", "UpdateIPSet"),
            api("guardduty", "CreateTrustedEntitySet"),
            api("guardduty", "UpdateTrustedEntitySet"),
            api("guardduty", "ArchiveFindings"),
            api("guardduty", "DeletePublishingDestination"),
            api("guardduty", "UpdateMemberDetectors"),
        ],
        example: Example { matching: call!("macie2", "DisableMacie"), other: call!("macie2", "EnableMacie") },
        ..HIGH
    },
];
