//! Credential reports, lists of virtual MFA devices, policies with what attaches them, and findings, one after another:
//! whatever the bytes, each is judged or named as a problem, and the assessment can be printed. The byte 0xff parts the
//! files, which begin with a digit for their kind.
#![no_main]

use libfuzzer_sys::fuzz_target;
use roottrail::posture::{Posture, PostureOptions, render};

fuzz_target!(|files: &[u8]| {
    let mut posture = Posture::new(PostureOptions::default());
    for file in files.split(|&byte| byte == 0xff) {
        let Some((kind, bytes)) = file.split_first() else { continue };
        match kind % 4 {
            0 => posture.credential_report("report", bytes),
            1 => posture.virtual_mfa("devices", bytes),
            2 => posture.organization("organization", bytes),
            _ => posture.findings("findings", &mut &bytes[..]),
        }
    }
    let assessment = posture.assess();
    assert!(render::table(&assessment).ends_with('\n'));
    assert!(render::csv(&assessment).ends_with(b"\n"));
    assert!(assessment.to_json(0).is_object());
});
