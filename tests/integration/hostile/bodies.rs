//! Bodies that are cut, too long, another object's, or come ever so slowly; of objects, of lists and of the files of
//! an inventory.

use std::time::Duration;

use super::inventory::{DATA, MANIFEST, data, manifest};
use super::ways::{failures, options, source};
use super::{honest, object};
use crate::support::wire::{Reply, serve};
use roottrail::source::s3::S3Options;

/// What a server sends for an object.
type Get = fn(Vec<u8>) -> Reply;

const GETS: &[(&str, Get, &str)] = &[
    ("endless", |body| Reply::Endless(body, vec![b'x'; 1 << 20], 10_000), "goes on beyond"),
    ("one byte more", |body| Reply::Sized([body, vec![0]].concat(), Vec::new()), "in place of"),
    ("cut", |body| Reply::Until(body[..20].to_vec()), "ended after 20 of"),
    (
        "another object",
        |body| Reply::Sized(body, vec![("ETag", "\"0123456789abcdef0123456789abcdef\"".into())]),
        "has changed since it was listed",
    ),
    ("drip", |body| Reply::Drip(body, Duration::from_millis(20)), "stalled"),
];

#[test]
fn a_body_is_bounded_and_is_the_listed_one() {
    for (sdk_only, all_versions, by_inventory) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, false, true),
        (false, true, true),
    ] {
        for (name, get, why) in GETS {
            let name = format!("{name}, SDK {sdk_only}, versions {all_versions}, inventory {by_inventory}");
            let url = serve(move |request| match request.key.as_str() {
                "" => honest(request).reply(),
                MANIFEST => Reply::Sized(manifest(&data()), Vec::new()),
                DATA => Reply::Sized(data(), Vec::new()),
                key => get(object(key)),
            });
            let options = S3Options { sdk_only, ..options(url, all_versions) };
            let (failed, sound) = failures(source(&options, by_inventory).unwrap(), false);
            assert_eq!((failed.len(), sound), (4, 0), "{name}: {failed:?}");
            assert!(failed.iter().all(|message| message.contains(why)), "{name}: {failed:?}");
        }
    }
}

/// What a server sends for a list or a file.
const ANSWERS: &[(&str, Get, &str)] = &[
    ("endless", |body| Reply::Endless(body, vec![b' '; 1 << 20], 10_000), "more than"),
    ("drip", |body| Reply::Drip(body, Duration::from_millis(20)), "stalled"),
];

const TAGS: (&str, Get, &str) =
    ("tags", |body| Reply::Endless(body, b"<x/>".repeat(1 << 16), 10_000), "more than");

#[test]
fn a_list_answer_is_bounded_in_bytes_and_time() {
    const WAYS: [(bool, bool); 2] = [(false, true), (true, false)];
    // Of blanks it takes many until the bound.
    let blanks = (&ANSWERS[0], &WAYS[..1]);
    for ((name, reply, why), ways) in [blanks, (&TAGS, &WAYS[..]), (&ANSWERS[1], &WAYS)] {
        for &(all_versions, plan) in ways {
            let name = format!("{name}, versions {all_versions}, plan {plan}");
            let url = serve(move |request| reply(honest(request).xml().into()));
            let source = source(&options(url, all_versions), false).unwrap();
            let (failed, sound) = failures(source, plan);
            assert_eq!((failed.len(), sound), (1, 0), "{name}: {failed:?}");
            assert!(failed[0].contains(why), "{name}: {failed:?}");
        }
    }
}

#[test]
fn a_file_of_an_inventory_is_bounded_in_bytes_and_time() {
    for (name, reply, why) in ANSWERS {
        for plan in [false, true] {
            let url = serve(move |request| match request.key.as_str() {
                "" => honest(request).reply(),
                MANIFEST => Reply::Sized(manifest(&data()), Vec::new()),
                DATA => reply(data()),
                key => Reply::Sized(object(key), Vec::new()),
            });
            let (failed, sound) = failures(source(&options(url, false), true).unwrap(), plan);
            assert_eq!((failed.len(), sound), (1, 0), "{name}, plan {plan}: {failed:?}");
            // An endless file is seen to be another one at its first byte beyond the manifest's size.
            let why = if *why == "more than" { "by the manifest" } else { why };
            assert!(failed[0].contains(why), "{name}, plan {plan}: {failed:?}");
        }
        let url = serve(move |request| match request.key.as_str() {
            "" => honest(request).reply(),
            _ => reply(manifest(&data())),
        });
        let options = S3Options { max_memory: 8 << 20, ..options(url, false) };
        let refused = source(&options, true).unwrap_err().to_string();
        assert!(refused.contains("cannot use the inventory"), "{name}: {refused}");
    }
}
