//! The end of a scan: its outputs put in place, and its exit code.

use std::ffi::OsString;

use super::{code, outputs, terminal};
use roottrail::cancel::Cancel;
use roottrail::finding::Severity;
use roottrail::output::Outputs;
use roottrail::summary::Summary;

/// What the end of a scan needs to know.
pub(super) struct Ending<'a> {
    pub(super) args: &'a outputs::Args,
    /// The command line, as summary, coverage file and manifest name it.
    pub(super) arguments: &'a [String],
    pub(super) fail_on: Option<Severity>,
}

impl Ending<'_> {
    /// Puts the outputs in place, then the summary and the coverage file, and the manifest last. Returns the exit
    /// code.
    pub(super) fn write(
        &self,
        mut outputs: Outputs,
        files: outputs::Closing,
        summary: &mut Summary,
        cancel: &Cancel,
    ) -> anyhow::Result<u8> {
        let manifest = outputs.take_manifest();
        outputs::closing(outputs.finish(), summary)?;
        let mut exit = exit_code(summary, self.fail_on);
        for (file, json) in [
            (files.summary, summary.to_json(exit, self.arguments)),
            (files.coverage, summary.coverage_json(exit, self.arguments)),
        ] {
            let Some(mut file) = file else { continue };
            let mut text = serde_json::to_vec_pretty(&json)?;
            text.push(b'\n');
            outputs::closing(file.write(&text).and_then(|()| file.finish()), summary)?;
        }
        if let Some(manifest) = manifest {
            match self.args.close(manifest, summary, exit, cancel) {
                Ok(true) => {}
                Ok(false) => exit = code::INTERRUPTED,
                Err(error) => outputs::closing(Err(error), summary)?,
            }
        }
        Ok(exit)
    }
}

/// Warns of sources that named nothing.
pub(super) fn warn_of_empty(summary: &Summary, names: &[OsString]) {
    for &place in &summary.empty_sources {
        if let Some(name) = usize::try_from(place).ok().and_then(|place| names.get(place)) {
            let name = name.to_string_lossy();
            terminal::line(&format!("roottrail: warning: {}: no object in scope", terminal::plain(&name)));
        }
    }
}

fn exit_code(summary: &Summary, fail_on: Option<Severity>) -> u8 {
    let serious = |least| summary.by_severity.range(least..).any(|(_, &n)| n > 0);
    if summary.closed {
        code::COMPLETE
    } else if summary.interrupted {
        code::INTERRUPTED
    } else if summary.integrity.is_some_and(|integrity| integrity.failures > 0) {
        code::INTEGRITY
    } else if !summary.complete() {
        code::INCOMPLETE
    } else if summary.nothing_matched() {
        code::NOTHING
    } else if fail_on.is_some_and(serious) {
        code::FINDINGS
    } else {
        code::COMPLETE
    }
}
