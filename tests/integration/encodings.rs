//! How objects are encoded, and what is no log at all.

use crate::support::cli::{Folder, Scan, command, scan, scan_with};
use crate::support::logs::{gzip, id, records, root, user};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    compress_to_vec(bytes.as_ref(), CompressionLevel::Fastest)
}

/// A frame that decoders pass over.
fn skipped(length: u8) -> Vec<u8> {
    [&[0x53, 0x2a, 0x4d, 0x18, length, 0, 0, 0][..], &vec![7; length.into()]].concat()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(unit).collect()
}

fn object(name: &str, bytes: impl AsRef<[u8]>) -> Scan {
    let folder = Folder::new();
    folder.put(name, bytes);
    scan([folder.path()])
}

#[test]
fn encodings_are_told_by_their_first_bytes() {
    let text = records([root(1), user(2), root(3)]).replace("aws-cli/2.17.0", "aws-cli 😀 é");
    let lines = format!("{}\r\n{}\r\n{}\r\n", root(1), user(2), root(3));
    let half = text.len() / 2;
    let cases = [
        ("zstd", zstd(&text)),
        (
            "zstd frames",
            [zstd(&text[..half]), skipped(9), zstd(""), zstd(&text[half..]), skipped(0)].concat(),
        ),
        ("zstd behind a frame to be skipped", [skipped(3), zstd(&text)].concat()),
        ("gzip in gzip", gzip(gzip(&text))),
        ("gzip members in gzip", gzip([gzip(&text[..half]), gzip(&text[half..])].concat())),
        ("gzip in gzip members", {
            let inner = gzip(&text);
            [gzip(&inner[..100]), gzip(&inner[100..])].concat()
        }),
        ("zstd in gzip", gzip(zstd(&text))),
        ("gzip in zstd", zstd(gzip(&text))),
        ("UTF-16, little end first", utf16(&text, u16::to_le_bytes)),
        ("UTF-16, big end first", utf16(&text, u16::to_be_bytes)),
        ("UTF-16 lines", utf16(&lines, u16::to_le_bytes)),
        ("UTF-16 in gzip in gzip", gzip(gzip(utf16(&text, u16::to_le_bytes)))),
    ];
    for (name, bytes) in cases {
        for found in [
            object("log.json", &bytes),
            object("log.json.zst", &bytes),
            scan_with(command(), ["-"], &bytes),
            scan_with(command(), ["-", "--threads", "1"], &bytes),
        ] {
            assert_eq!((found.code, found.ids()), (0, vec![&*id(1), &*id(3)]), "{name}: {}", found.stderr);
            assert_eq!(found.records(), [3, 2, 0], "{name}");
            let agent = found.findings[0]["cloudtrail"]["userAgent"].as_str().unwrap();
            assert!(["aws-cli 😀 é", "aws-cli/2.17.0"].contains(&agent), "{name}: {agent}");
        }
    }
}

#[test]
fn damage_in_any_layer_is_reported_and_what_came_before_is_kept() {
    let text = records((0..450).map(root));
    let packed = zstd(&text);
    let inner = gzip(&text);
    let flipped = |mut bytes: Vec<u8>, from_end: usize| {
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        bytes
    };
    let odd = [utf16(&text, u16::to_le_bytes), vec![b' ']].concat();
    for (name, bytes, kind, saved) in [
        ("zstd cut", packed[..packed.len() - 9].to_vec(), "corrupt_gzip", true),
        ("zstd cut in its head", packed[..3].to_vec(), "invalid_json", false),
        ("zstd with a wrong checksum", flipped(packed.clone(), 1), "corrupt_gzip", true),
        ("bytes behind zstd", [packed.clone(), b"xyz".to_vec()].concat(), "corrupt_gzip", true),
        ("gzip cut in gzip", gzip(&inner[..inner.len() / 2]), "corrupt_gzip", true),
        (
            "gzip around gzip cut",
            {
                let outer = gzip(&inner);
                outer[..outer.len() / 2].to_vec()
            },
            "corrupt_gzip",
            true,
        ),
        ("gzip with a wrong checksum in zstd", zstd(flipped(inner.clone(), 8)), "corrupt_gzip", true),
        ("three times", gzip(gzip(gzip(&text))), "invalid_json", false),
        ("UTF-16 cut in a character", odd, "invalid_json", true),
    ] {
        for found in [object("log.json.gz", &bytes), scan_with(command(), ["-"], &bytes)] {
            assert_eq!((found.code, found.objects(), found.kinds()), (3, [0, 0, 1], vec![kind]), "{name}");
            assert_eq!(!found.findings.is_empty(), saved, "{name}: {:?}", found.errors);
        }
    }
}

#[test]
fn one_limit_holds_for_all_layers() {
    let bomb = format!(r#"{{"Records":[{}],"x":"{}"}}"#, root(1), "0".repeat(2 << 20));
    for bytes in [gzip(gzip(&bomb)), zstd(&bomb), gzip(zstd(&bomb)), utf16(&bomb, u16::to_be_bytes)] {
        let folder = Folder::new();
        let path = folder.put("bomb.json.gz", bytes);
        let found = scan([path.as_os_str(), "--max-object-size".as_ref(), "1MiB".as_ref()]);
        assert_eq!((found.code, found.kinds(), found.findings.len()), (3, vec!["too_large"], 1));
        assert_eq!(scan([&path]).code, 0);
    }
    // A window of 2 GiB, as `zstd --long=31` asks for.
    let mut asks = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3];
    asks.extend([0; 16]);
    let found = object("log.json.zst", asks);
    assert_eq!((found.code, found.kinds()), (3, vec!["too_large"]), "{:?}", found.errors);
}

#[test]
fn what_is_no_log_is_named() {
    let tar = [&[b'a'; 257][..], b"ustar\x0000", &[0; 700]].concat();
    for (bytes, words) in [
        (b"PK\x03\x04\x14\0\0\0".to_vec(), "a zip archive: unpack it first"),
        (gzip(&tar), "a tar archive: unpack it first"),
        (b"BZh91AY&SY\0\0".to_vec(), "a bzip2 file: unpack it first"),
        (b"PAR1\x15\x04".to_vec(), "Parquet"),
        (b"<!DOCTYPE html><html>".to_vec(), "HTML"),
        (b"<Error><Code>AccessDenied</Code></Error>".to_vec(), "AccessDenied"),
        (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "Git LFS"),
        (b"\"eventversion\",\"useridentity\",\"eventtime\"\n".to_vec(), "a table"),
        (root(1).encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16 without a byte order mark"),
        (b"eventVersion: 1.08".to_vec(), "not JSON, nor anything else that is known"),
    ] {
        for found in [object("log.json.gz", &bytes), scan_with(command(), ["-"], &bytes)] {
            assert_eq!(
                (found.code, found.objects(), found.kinds()),
                (3, [0, 0, 1], vec!["invalid_json"]),
                "{words}"
            );
            assert!(found.errors[0]["message"].as_str().unwrap().contains(words), "{:?}", found.errors);
        }
    }
}
