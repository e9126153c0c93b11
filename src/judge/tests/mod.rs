//! Tests of the whole: the decision table row by row.

mod additions;
mod hostile;
mod mfa;
mod near;
mod table;

use super::testing::tree;
use super::{Verdict, verdict};

const ROOT: &str = r#""type":"Root","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333""#;

fn of(json: &str) -> Verdict {
    verdict(&tree(json))
}

/// Returns a root event with more members of `userIdentity` and of the record.
fn root(identity: &str, record: &str) -> Verdict {
    of(&format!(r#"{{"userIdentity":{{{ROOT}{identity}}}{record}}}"#))
}
