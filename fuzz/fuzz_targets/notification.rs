//! Whatever the message: objects with names, or an error; and an envelope of SNS around it changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::notification::{Notification, parse};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(plain) = parse(text) else { return };
    if let Notification::Objects(objects) = &plain {
        assert!(!objects.is_empty());
        assert!(objects.iter().all(|object| !object.bucket.is_empty() && !object.key.is_empty()), "{objects:?}");
    }
    let envelope = serde_json::json!({"Type": "Notification", "Message": text}).to_string();
    // There may be one too many already.
    if let Ok(within) = parse(&envelope) {
        assert_eq!(within, plain);
    }
});
