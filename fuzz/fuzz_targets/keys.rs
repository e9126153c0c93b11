//! Whatever an object is called: its name is classified without a panic, and what the ways to read a name say of it
//! fits together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::key::{Skip, archive_named, classify, delivery_slot, extension, key_info};
use roottrail::verify::place::{aws_part, file_name};

/// Slots of five minutes in a day.
const SLOTS: usize = 24 * 12;

fuzz_target!(|input: (u64, &str)| {
    let (size, key) = input;
    let info = key_info(key);
    match classify(key, size) {
        Ok(None) => {}
        Ok(classified) => assert_eq!(classified, info, "a log is in the place that its name says"),
        Err(Skip::Archive) => assert!(archive_named(file_name(key)).is_some()),
        Err(Skip::FolderMarker) => assert!(key.ends_with('/') && size == 0),
        Err(_) => {}
    }
    if let Some(info) = info {
        assert!(info.account.len() == 12 && info.account.bytes().all(|byte| byte.is_ascii_digit()));
        // Days that no calendar has, such as the 31st of February, are taken as they stand.
        let [year, month, day] = [&info.day[..4], &info.day[5..7], &info.day[8..]].map(|part| part.parse::<u16>().unwrap());
        assert!(year <= 9999 && (1..=12).contains(&month) && (1..=31).contains(&day), "{}", info.day);
        assert!(key.contains(&info.account) && key.contains(&info.region));
    }
    assert!(delivery_slot(key).is_none_or(|slot| slot < SLOTS));
    assert!(extension(file_name(key)).is_none_or(|end| key.ends_with(end)));
    assert!(aws_part(key).is_none_or(|part| key.ends_with(part)));
});
