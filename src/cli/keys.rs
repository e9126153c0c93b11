//! Where CloudTrail's public keys come from.

use std::path::PathBuf;

use anyhow::Context as _;

use super::aws;
use roottrail::verify::KeySource;
use roottrail::verify::keys::PublicKeys;

/// A list of keys has at most so many bytes.
const LIST: u64 = 256 << 20;

/// Options of public keys.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Integrity")]
pub(super) struct Args {
    /// CloudTrail's public keys, as `aws cloudtrail list-public-keys` prints them; may be given again for each
    /// region
    #[arg(long, value_name = "FILE")]
    public_keys: Vec<PathBuf>,
}

impl Args {
    /// Reads the lists.
    pub(super) fn load(&self, _aws: &aws::Args) -> anyhow::Result<Box<dyn KeySource + Send>> {
        let mut keys = PublicKeys::default();
        for path in &self.public_keys {
            let context = || format!("cannot use the public keys in {}", path.display());
            let file = std::fs::File::open(path).with_context(context)?;
            let mut text = Vec::new();
            io_limited(file, &mut text).with_context(context)?;
            keys.add_list(&text).with_context(context)?;
        }
        Ok(Box::new(keys))
    }
}

fn io_limited(file: std::fs::File, text: &mut Vec<u8>) -> std::io::Result<()> {
    use std::io::Read as _;
    file.take(LIST + 1).read_to_end(text)?;
    if text.len() as u64 > LIST {
        return Err(std::io::Error::other(format!("it has more than {LIST} bytes")));
    }
    Ok(())
}
