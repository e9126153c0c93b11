//! The options of S3 sources, with aws-cli's names.

use roottrail::cancel::Cancel;
use roottrail::source::Source;

/// Options of S3 sources.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Opens S3 sources; nothing is started until there is one.
#[derive(Debug)]
pub(super) struct Session {}

impl Session {
    pub(super) fn new(_args: &Args, _cancel: &Cancel) -> Self {
        Self {}
    }

    pub(super) fn open(&mut self, uri: &str) -> anyhow::Result<Box<dyn Source>> {
        anyhow::bail!("{uri}: no S3 yet")
    }
}
