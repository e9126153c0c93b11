//! Data opened to others: buckets, snapshots, images.

use super::example::call;
use super::rule::short::{HIGH, api};
use super::{Example, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-bucket-access-changed",
        title: "A bucket's policy or ACL was changed",
        tried: "Root tried to change a bucket's policy or ACL",
        attack: &["T1530"],
        reason: "A policy can give a bucket to another account or to everyone, or hide it from its owner.",
        next: "Read the policy in requestParameters; look for reads by strangers since.",
        events: &[
            api("s3", "PutBucketPolicy"),
            api("s3", "DeleteBucketPolicy"),
            api("s3", "PutBucketAcl"),
            api("s3", "PutAccessPointPolicy"),
        ],
        example: Example {
            matching: call!("s3", "PutBucketPolicy", r#""requestParameters":{"bucketName":"b"}"#),
            other: call!("s3", "GetBucketPolicy", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-public-access-block-changed",
        title: "A block of public access was changed",
        tried: "Root tried to change a block of public access",
        attack: &["T1530"],
        reason: "The block is what keeps a mistake from opening a bucket, a snapshot or an image to everyone.",
        next: "Put the block back; check who was let in to what is under it.",
        events: &[
            api("", "Put*PublicAccessBlock"),
            api("", "Delete*PublicAccessBlock"),
            api("ec2", "DisableSnapshotBlockPublicAccess"),
            api("ec2", "DisableImageBlockPublicAccess"),
        ],
        example: Example {
            matching: call!("s3", "DeleteBucketPublicAccessBlock"),
            other: call!("s3", "GetBucketPublicAccessBlock", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-image-or-snapshot-shared",
        title: "The sharing of an image or snapshot was changed",
        tried: "Root tried to change the sharing of an image or snapshot",
        attack: &["T1537"],
        reason: "A whole disk or database can be copied to another account this way.",
        next: "Read whom requestParameters adds; take them off, and assume that the content was copied.",
        events: &[
            api("ec2", "ModifyImageAttribute"),
            api("ec2", "ModifySnapshotAttribute"),
            api("rds", "ModifyDBSnapshotAttribute"),
            api("rds", "ModifyDBClusterSnapshotAttribute"),
        ],
        example: Example {
            matching: call!("ec2", "ModifySnapshotAttribute"),
            other: call!("ec2", "DescribeSnapshots", r#""readOnly":true"#),
        },
        ..HIGH
    },
];
