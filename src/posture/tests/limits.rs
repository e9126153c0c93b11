//! Policies that are long, or made to take long.

use serde_json::{Value, json};

use super::world::{ROOT, letters, verdicts, with};

fn of(statement: Value) -> String {
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    letters(&verdicts(&with(&vec![(document, vec![ROOT])], None)))
}

#[test]
fn a_long_allow_list_is_an_allow_list() {
    let ranges = |first: u8| -> Vec<String> {
        let both = (0..160).flat_map(|two| [0, 2].map(|three| format!("{first}.{two}.{three}.0/24")));
        both.collect()
    };
    let names = |kind: &str| (0..60).map(|number| format!("{kind}-{number:08}")).collect::<Vec<String>>();
    let condition = json!({
        "NotIpAddressIfExists": {"aws:SourceIp": ranges(20), "aws:VpcSourceIp": ranges(10)},
        "StringNotEqualsIfExists": {"aws:SourceVpc": names("vpc"), "aws:SourceVpce": names("vpce")},
    });
    assert_eq!(
        of(json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition})),
        "NEEEEN"
    );
    // The other way round: everything but these is let in.
    let condition = json!({"IpAddress": {"aws:SourceIp": ranges(20)}});
    assert_eq!(
        of(json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition})),
        "NNNNNN"
    );
}

#[test]
fn what_would_take_for_ever_is_not_known() {
    // Which of the last thirty characters were an `a`, and which a `b`: more states than there is memory.
    let far = |char: char, by: usize| json!({"Effect": "Deny", "NotAction": format!("*{char}{}", "?".repeat(by)), "Resource": "*"});
    assert_eq!(of(far('a', 8)), "NNNNNN");
    let document = json!({"Version": "2012-10-17", "Statement": [far('a', 30), far('b', 30)]});
    assert_eq!(letters(&verdicts(&with(&vec![(document, vec![ROOT])], None))), "NUUUUN");
}
