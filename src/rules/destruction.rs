//! Destruction: keys, buckets, machines, databases.

use super::example::call;
use super::rule::short::{HIGH, api};
use super::{Example, Rule};

const DESTROY: &[&str] = &["T1485"];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-kms-key-deletion-scheduled",
        title: "A KMS key is to be deleted",
        tried: "Root tried to have a KMS key deleted",
        attack: DESTROY,
        reason: "Everything encrypted with the key is lost when the waiting time ends.",
        next: "CancelKeyDeletion before the date in responseElements.",
        events: &[api("kms", "ScheduleKeyDeletion")],
        example: Example {
            matching: call!("kms", "ScheduleKeyDeletion"),
            other: call!("kms", "CancelKeyDeletion"),
        },
        ..HIGH
    },
    Rule {
        id: "root-bucket-deleted",
        title: "A bucket was deleted",
        tried: "Root tried to delete a bucket",
        attack: DESTROY,
        reason: "Its objects are gone, and anybody may take its name.",
        next: "Check for a copy; make a bucket of the same name before somebody else does.",
        events: &[api("s3", "DeleteBucket")],
        example: Example { matching: call!("s3", "DeleteBucket"), other: call!("s3", "CreateBucket") },
        ..HIGH
    },
    Rule {
        id: "root-instances-terminated",
        title: "Instances were terminated",
        tried: "Root tried to terminate instances",
        attack: DESTROY,
        reason: "Machines and their local disks are gone.",
        next: "Restore from snapshots; keep the snapshots as evidence.",
        events: &[api("ec2", "TerminateInstances")],
        example: Example {
            matching: call!("ec2", "TerminateInstances"),
            other: call!("ec2", "StopInstances"),
        },
        ..HIGH
    },
    Rule {
        id: "root-database-deleted",
        title: "A database was deleted",
        tried: "Root tried to delete a database",
        attack: DESTROY,
        reason: "Without a final snapshot its data are gone.",
        next: "Look for the final snapshot and automated backups; protect them.",
        events: &[
            api("rds", "DeleteDBInstance"),
            api("rds", "DeleteDBCluster"),
            api("rds", "DeleteGlobalCluster"),
            api("redshift", "DeleteCluster"),
            api("dynamodb", "DeleteTable"),
        ],
        example: Example {
            matching: call!("rds", "DeleteDBInstance"),
            other: call!("rds", "DescribeDBInstances", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-kms-key-cut-off",
        title: "A KMS key was disabled, or given another policy",
        tried: "Root tried to disable a KMS key, or to give it another policy",
        attack: &["T1485", "T1098"],
        reason: "Whoever decides about the key decides about all that it encrypts: owners can be locked out, strangers let in.",
        next: "Compare the policy and the state of the key with what they should be; EnableKey makes it usable again.",
        events: &[
            api("kms", "DisableKey"),
            api("kms", "DeleteImportedKeyMaterial"),
            api("kms", "PutKeyPolicy"),
        ],
        example: Example {
            matching: call!("kms", "DisableKey"),
            other: call!("kms", "GetKeyPolicy", r#""readOnly":true"#),
        },
        ..HIGH
    },
];
