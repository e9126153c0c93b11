//! What one message of a queue announces: objects that were written to S3, or removed.
//!
//! S3 sends its notifications straight to a queue, through SNS or through EventBridge, and SNS may stand before either
//! of them. [`parse`] opens the envelopes, at most two around each other, and names each object with what the
//! notification says of it. S3's own notifications encode keys as forms do, a blank as `+` and other bytes by percent;
//! EventBridge and CloudTrail's own announcements to SNS have keys as they are. A text that is none of these is an
//! error that says what it lacks, so that nobody drops it for a notification of something else.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Bytes of a message at most: SQS takes no more.
pub const LONGEST: usize = 1 << 20;
/// Documents within each other at most: two envelopes and a notification.
const DEEPEST: usize = 3;
/// Objects of a message at most. S3 names one, and a trail those of one delivery.
const MOST: usize = 10_000;
/// Bytes of a bucket's name at most: those of before 2018 may have so many.
const BUCKET: usize = 255;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectChange {
    /// The object was written, or restored from an archive: it can be read.
    Written,
    /// Somebody removed the object.
    Removed,
    /// Anything else, such as a tag, or the end of an object's life by a rule of the bucket.
    Other,
}

/// One object that a notification names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Bytes of the object.
    pub size: Option<u64>,
    /// The ETag without its quotes.
    pub etag: Option<String>,
    /// The version, in a bucket that has versions.
    pub version: Option<String>,
    /// What happened.
    pub change: ObjectChange,
    /// The event as the sender calls it: `ObjectCreated:Put`, `Object Created`.
    pub event: String,
    /// When it happened, as the sender writes it.
    pub time: Option<String>,
}

/// What a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// What S3 sends when notifications are set up.
    Test,
    /// Objects, in the order of the message.
    Objects(Vec<Announced>),
}

/// The reason why a message is no notification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotificationError {
    /// Longer than any message of SQS.
    #[error("it has {0} bytes, and a message has {LONGEST} at most")]
    TooLong(usize),
    /// No JSON.
    #[error("it is no JSON: {0}")]
    Json(String),
    /// JSON of another shape.
    #[error("it is no notification of S3: {0}")]
    Shape(String),
    /// More objects than any sender puts into a message.
    #[error("it names more than {MOST} objects")]
    Many,
    /// A key that no request can name.
    #[error("the key {0:?} is not UTF-8 when it is decoded")]
    Key(String),
}

/// Reads the body of a message.
///
/// # Errors
///
/// Fails where the body is no notification, and says what it lacks.
pub fn parse(body: &str) -> Result<Notification, NotificationError> {
    if body.len() > LONGEST {
        return Err(NotificationError::TooLong(body.len()));
    }
    let mut text = body.to_owned();
    for _ in 0..DEEPEST {
        let value: Value =
            serde_json::from_str(&text).map_err(|error| NotificationError::Json(error.to_string()))?;
        match value.get("Message") {
            Some(Value::String(message)) => match string(&value, "Type") {
                None | Some("Notification") => text.clone_from(message),
                Some(kind) => return Err(shape(format!("SNS sends a {kind}"))),
            },
            _ => return plain(&value),
        }
    }
    Err(shape("it lies in too many envelopes".to_owned()))
}

fn shape(why: String) -> NotificationError {
    NotificationError::Shape(why)
}

fn string<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

/// Reads a notification without envelopes.
fn plain(value: &Value) -> Result<Notification, NotificationError> {
    if let Some(records) = value.get("Records") {
        let records = records.as_array().ok_or_else(|| shape("Records is no list".to_owned()))?;
        if records.is_empty() {
            return Err(shape("Records is empty".to_owned()));
        }
        if records.len() > MOST {
            return Err(NotificationError::Many);
        }
        return records.iter().map(of_record).collect::<Result<_, _>>().map(Notification::Objects);
    }
    if string(value, "Event") == Some("s3:TestEvent") {
        return Ok(Notification::Test);
    }
    if let Some(kind) = string(value, "detail-type") {
        return of_event(value, kind).map(|object| Notification::Objects(vec![object]));
    }
    if let Some(bucket) = string(value, "s3Bucket") {
        return of_trail(value, bucket).map(Notification::Objects);
    }
    Err(shape("it has neither Records nor detail-type".to_owned()))
}

/// Reads an element of `Records`, which S3 itself sends.
fn of_record(record: &Value) -> Result<Announced, NotificationError> {
    let event = string(record, "eventName").ok_or_else(|| shape("a record has no eventName".to_owned()))?;
    let event = event.strip_prefix("s3:").unwrap_or(event);
    let s3 = record.get("s3").ok_or_else(|| shape(format!("a record of {event} has no s3")))?;
    let (bucket, object) = named(s3)?;
    let encoded = object.1.replace('+', " ");
    let key = percent_decode_str(&encoded).decode_utf8();
    let key = key.map_err(|_not_utf8| NotificationError::Key(object.1.to_owned()))?.into_owned();
    let change = match event.split_once(':').unwrap_or((event, "")) {
        ("ObjectCreated", _) | ("ObjectRestore", "Completed") => ObjectChange::Written,
        ("ObjectRemoved", _) => ObjectChange::Removed,
        _ => ObjectChange::Other,
    };
    let time = string(record, "eventTime").map(str::to_owned);
    Ok(announced(bucket, key, object.0, ["eTag", "versionId"], change, event, time))
}

/// Reads an event of EventBridge.
fn of_event(event: &Value, kind: &str) -> Result<Announced, NotificationError> {
    if string(event, "source") != Some("aws.s3") {
        return Err(shape(format!("the source of the event {kind:?} is not aws.s3")));
    }
    let detail = event.get("detail").ok_or_else(|| shape("the event has no detail".to_owned()))?;
    let (bucket, object) = named(detail)?;
    let change = match kind {
        "Object Created" | "Object Restore Completed" => ObjectChange::Written,
        // A rule of the bucket lets logs end after their time.
        "Object Deleted" if string(detail, "reason") == Some("Lifecycle Expiration") => ObjectChange::Other,
        "Object Deleted" => ObjectChange::Removed,
        _ => ObjectChange::Other,
    };
    let time = string(event, "time").map(str::to_owned);
    Ok(announced(bucket, object.1.to_owned(), object.0, ["etag", "version-id"], change, kind, time))
}

/// Reads what a trail with an SNS topic of its own announces.
fn of_trail(value: &Value, bucket: &str) -> Result<Vec<Announced>, NotificationError> {
    let keys = value.get("s3ObjectKey").and_then(Value::as_array);
    let keys =
        keys.filter(|keys| !keys.is_empty()).ok_or_else(|| shape("s3ObjectKey is no list".to_owned()))?;
    let bucket = bucket_name(Some(bucket))?;
    if keys.len() > MOST {
        return Err(NotificationError::Many);
    }
    let object = |key: &Value| {
        let key = key.as_str().filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| shape("s3ObjectKey holds something else than keys".to_owned()))?;
        let event = "CloudTrail's announcement";
        Ok(announced(bucket, key.to_owned(), &Value::Null, ["", ""], ObjectChange::Written, event, None))
    };
    keys.iter().map(object).collect()
}

fn bucket_name(name: Option<&str>) -> Result<&str, NotificationError> {
    match name {
        Some(name) if name.len() > BUCKET => {
            Err(shape(format!("no bucket has a name of {} bytes", name.len())))
        }
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(shape("it names no bucket".to_owned())),
    }
}

/// Returns the bucket, the object and the key as it is spelled.
fn named(value: &Value) -> Result<(&str, (&Value, &str)), NotificationError> {
    let bucket = bucket_name(value.get("bucket").and_then(|bucket| string(bucket, "name")))?;
    let object = value.get("object").ok_or_else(|| shape("it names no object".to_owned()))?;
    let key = string(object, "key").filter(|key| !key.is_empty());
    Ok((bucket, (object, key.ok_or_else(|| shape("it names no key".to_owned()))?)))
}

fn announced(
    bucket: &str,
    key: String,
    object: &Value,
    [etag, version]: [&str; 2],
    change: ObjectChange,
    event: &str,
    time: Option<String>,
) -> Announced {
    let text = |name: &str| string(object, name).filter(|text| !text.is_empty() && *text != "null");
    Announced {
        bucket: bucket.to_owned(),
        key,
        size: object.get("size").and_then(Value::as_u64),
        etag: text(etag).map(|etag| etag.trim_matches('"').to_owned()),
        version: text(version).map(str::to_owned),
        change,
        event: event.to_owned(),
        time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(event: &str, key: &str) -> Value {
        json!({"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2026-02-03T04:05:06.000Z", "eventName": event,
            "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "trail", "arn": "arn:aws:s3:::trail"},
                "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"}}})
    }

    fn event(kind: &str, key: &str) -> Value {
        json!({"version": "0", "detail-type": kind, "source": "aws.s3", "time": "2026-02-03T04:05:06Z",
            "detail": {"version": "0", "bucket": {"name": "trail"}, "reason": "PutObject",
                "object": {"key": key, "size": 5, "etag": "b1946ac92492d2347c6235b4d2611184", "version-id": "IYV3"}}})
    }

    fn through_sns(value: &Value) -> Value {
        json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": value.to_string()})
    }

    fn objects(value: &Value) -> Vec<Announced> {
        match parse(&value.to_string()) {
            Ok(Notification::Objects(objects)) => objects,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_are_decoded_where_the_sender_encodes_them() {
        for (encoded, key) in [
            ("AWSLogs%2Fx+y", "AWSLogs/x y"),
            ("AWSLogs/a%2Bb%3D%C3%BC.json.gz", "AWSLogs/a+b=ü.json.gz"),
            ("plain", "plain"),
            ("100%25", "100%"),
        ] {
            let one = &objects(&json!({"Records": [record("ObjectCreated:Put", encoded)]}))[0];
            assert_eq!((one.bucket.as_str(), one.key.as_str(), one.size), ("trail", key, Some(1024)));
            let one = &objects(&event("Object Created", encoded))[0];
            assert_eq!((one.key.as_str(), one.version.as_deref()), (encoded, Some("IYV3")));
            assert_eq!(one.etag.as_deref(), Some("b1946ac92492d2347c6235b4d2611184"));
        }
        let bad = json!({"Records": [record("ObjectCreated:Put", "a%FF")]}).to_string();
        assert_eq!(parse(&bad), Err(NotificationError::Key("a%FF".to_owned())));
    }

    #[test]
    fn envelopes_are_opened_to_a_depth() {
        let several =
            json!({"Records": [record("ObjectCreated:Put", "a"), record("ObjectCreated:Copy", "b")]});
        let mut wrapped = several.clone();
        for depth in 1..5 {
            wrapped = through_sns(&wrapped);
            match depth {
                ..DEEPEST => assert_eq!(objects(&wrapped), objects(&several)),
                _ => assert!(
                    parse(&wrapped.to_string()).unwrap_err().to_string().contains("too many envelopes")
                ),
            }
        }
        let created = event("Object Created", "a+b");
        assert_eq!(objects(&through_sns(&created)), objects(&created));
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "trail"});
        assert_eq!(parse(&through_sns(&test).to_string()), Ok(Notification::Test));
        let own = json!({"s3Bucket": "trail", "s3ObjectKey": ["a+b", "c"]});
        let keys: Vec<_> = objects(&through_sns(&own)).into_iter().map(|object| object.key).collect();
        assert_eq!(keys, ["a+b", "c"]);
    }

    #[test]
    fn only_what_can_be_read_is_written() {
        for (name, change) in [
            ("ObjectCreated:Put", ObjectChange::Written),
            ("s3:ObjectCreated:CompleteMultipartUpload", ObjectChange::Written),
            ("ObjectRestore:Completed", ObjectChange::Written),
            ("ObjectRestore:Post", ObjectChange::Other),
            ("ObjectRemoved:Delete", ObjectChange::Removed),
            ("ObjectRemoved:DeleteMarkerCreated", ObjectChange::Removed),
            ("LifecycleExpiration:Delete", ObjectChange::Other),
            ("ObjectTagging:Put", ObjectChange::Other),
        ] {
            assert_eq!(objects(&json!({"Records": [record(name, "a")]}))[0].change, change, "{name}");
        }
        for (kind, change) in [
            ("Object Created", ObjectChange::Written),
            ("Object Restore Completed", ObjectChange::Written),
            ("Object Restore Initiated", ObjectChange::Other),
            ("Object Deleted", ObjectChange::Removed),
            ("Object Tags Added", ObjectChange::Other),
        ] {
            assert_eq!(objects(&event(kind, "a"))[0].change, change, "{kind}");
        }
        let mut expired = event("Object Deleted", "a");
        expired["detail"]["reason"] = "Lifecycle Expiration".into();
        assert_eq!(objects(&expired)[0].change, ObjectChange::Other);
    }

    #[test]
    fn other_texts_are_errors_that_say_what_they_lack() {
        for (text, words) in [
            ("", "no JSON"),
            ("hello", "no JSON"),
            ("[]", "neither Records nor detail-type"),
            ("{}", "neither Records nor detail-type"),
            (r#"{"Records":[]}"#, "Records is empty"),
            (r#"{"Records":{}}"#, "Records is no list"),
            (r#"{"Records":[{"eventVersion":"1.08"}]}"#, "no eventName"),
            (r#"{"Records":[{"eventName":"ObjectCreated:Put"}]}"#, "has no s3"),
            (r#"{"Records":[{"eventName":"x","s3":{"bucket":{"name":"b"},"object":{}}}]}"#, "no key"),
            (r#"{"Type":"SubscriptionConfirmation","Message":"x"}"#, "SNS sends a SubscriptionConfirmation"),
            (r#"{"detail-type":"AWS API Call via CloudTrail","source":"aws.iam"}"#, "is not aws.s3"),
            (r#"{"s3Bucket":"b","s3ObjectKey":[1]}"#, "something else than keys"),
            (r#"{"s3Bucket":"b","s3ObjectKey":["a",""]}"#, "something else than keys"),
            (r#"{"s3Bucket":"","s3ObjectKey":["a"]}"#, "no bucket"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(parse(&"x".repeat(LONGEST + 1)), Err(NotificationError::TooLong(LONGEST + 1)));
        assert!(parse(&"[".repeat(LONGEST)).is_err(), "nesting without an end");
        let trail = |bucket: usize, keys: usize| {
            parse(&json!({"s3Bucket": "b".repeat(bucket), "s3ObjectKey": vec!["k"; keys]}).to_string())
        };
        assert!(trail(BUCKET, MOST).is_ok());
        assert_eq!(trail(3, MOST + 1), Err(NotificationError::Many));
        assert!(trail(BUCKET + 1, 1).unwrap_err().to_string().contains("a name of 256 bytes"));
        let records = json!({"Records": vec![json!({}); MOST + 1]}).to_string();
        assert_eq!(parse(&records), Err(NotificationError::Many));
    }

    proptest::proptest! {
        /// Any text is a notification or an error, and never a panic.
        #[test]
        fn any_text_is_a_notification_or_an_error(text in ".{0,64}", key in ".{0,24}") {
            let _read = parse(&text);
            let _read = parse(&json!({"Records": [record("ObjectCreated:Put", &key)]}).to_string());
        }
    }
}
