//! Small invented events and the objects that hold them.

use std::io::Write as _;

/// A call by root with its access key. `n` makes its event id.
pub(crate) fn root(n: u64) -> String {
    event(
        n,
        r#"{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}"#,
    )
}

/// A call by an IAM user.
pub(crate) fn user(n: u64) -> String {
    event(
        n,
        r#"{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","userName":"alice"}"#,
    )
}

/// A call by whom `identity` says.
pub(crate) fn event(n: u64, identity: &str) -> String {
    let (id, second, minute) = (id(n), n % 60, n / 60 % 60);
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"2026-02-03T04:{minute:02}:{second:02}Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","awsRegion":"us-east-1","sourceIPAddress":"203.0.113.7","userAgent":"aws-cli/2.17.0","requestParameters":null,"responseElements":null,"eventID":"{id}","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}}"#
    )
}

/// The id of event `n`.
pub(crate) fn id(n: u64) -> String {
    format!("20000000-0000-4000-8000-{n:012}")
}

/// A CloudTrail object.
pub(crate) fn records<S: AsRef<str>>(events: impl IntoIterator<Item = S>) -> String {
    let events: Vec<String> = events.into_iter().map(|event| event.as_ref().to_owned()).collect();
    format!(r#"{{"Records":[{}]}}"#, events.join(","))
}

/// One gzip member.
pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    member(bytes.as_ref(), flate2::Compression::fast())
}

/// One gzip member whose bytes stand in it as they are.
pub(crate) fn uncompressed(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    member(bytes.as_ref(), flate2::Compression::none())
}

fn member(bytes: &[u8], level: flate2::Compression) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The key of a delivery: day 1 to 28 of February 2026.
pub(crate) fn key(kind: &str, region: &str, day: u32, n: u32) -> String {
    format!(
        "AWSLogs/111122223333/{kind}/{region}/2026/02/{day:02}/111122223333_{kind}_{region}_202602{day:02}T0005Z_{n:016}.json.gz"
    )
}
