//! The sources of CloudTrail's public keys: files, or CloudTrail itself.
//!
//! With `--public-keys` all keys come from files. Otherwise the keys of a region are asked for when a digest
//! of that region first needs one, for a span around the digest's time, and kept for the digests that follow.
//! A region that refuses is not asked again. `--save-public-keys` writes the keys that were asked for to a
//! file, so that a later run needs no network.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use super::{aws, terminal};
use roottrail::bounded;
use roottrail::output::file::OutFile;
use roottrail::source::s3::S3Session;
use roottrail::verify::KeySource;
use roottrail::verify::keys::PublicKeys;

/// Bytes of a list of keys at most.
const LIST: u64 = 256 << 20;
/// Time before and after a digest for which keys are asked for at once.
const AROUND: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Options of public keys.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Integrity")]
pub(super) struct Args {
    /// CloudTrail's public keys, as `aws cloudtrail list-public-keys` prints them; may be given again, a file for
    /// each region [default: asked for where a digest needs them]
    #[arg(long, value_name = "FILE")]
    public_keys: Vec<PathBuf>,

    /// Write the public keys that were asked for to a file, for --public-keys
    #[arg(long, value_name = "FILE", conflicts_with = "public_keys")]
    save_public_keys: Option<PathBuf>,
}

/// The keys of a run.
#[derive(Debug)]
pub(super) struct Keys {
    shared: Shared,
    save: Option<(PathBuf, OutFile)>,
}

#[derive(Clone, Debug)]
struct Shared(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The keys of the files, or of all regions that were asked.
    all: Arc<PublicKeys>,
    /// The regions that were asked; `None`: only the files count.
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    aws: aws::Args,
    session: Option<Result<S3Session, String>>,
    regions: HashMap<String, Region>,
}

#[derive(Debug, Default)]
struct Region {
    keys: Arc<PublicKeys>,
    times: Vec<(Timestamp, Timestamp)>,
    /// The reason of a refusal. A second request would take as long and be refused as well.
    refused: Option<String>,
}

impl Args {
    /// Returns the file that keys are saved in.
    pub(super) fn saved(&self) -> Option<&Path> {
        self.save_public_keys.as_deref()
    }

    /// Returns the files that keys are read from.
    pub(super) fn read(&self) -> impl Iterator<Item = &Path> {
        self.public_keys.iter().map(PathBuf::as_path)
    }

    /// Reads the lists, and opens the file to save keys in.
    pub(super) fn open(&self, aws: &aws::Args, force: bool) -> anyhow::Result<Keys> {
        let mut all = PublicKeys::default();
        for path in &self.public_keys {
            let text =
                bounded::file(path, LIST).with_context(|| format!("cannot read {}", path.display()))?;
            let context = || format!("cannot use the public keys in {}", path.display());
            all.add_list(&text).with_context(context)?;
        }
        let asked = self.public_keys.is_empty().then(|| Asked {
            aws: aws.clone(),
            session: None,
            regions: HashMap::new(),
        });
        let create = |path: &PathBuf| OutFile::create(path, force).map(|file| (path.clone(), file));
        let save = self.save_public_keys.as_ref().map(create).transpose()?;
        Ok(Keys { shared: Shared(Arc::new(Mutex::new(State { all: Arc::new(all), asked }))), save })
    }
}

impl Keys {
    /// Returns the keys for a verifier.
    pub(super) fn source(&self) -> Box<dyn KeySource + Send> {
        Box::new(self.shared.clone())
    }

    /// Saves the keys that were asked for, where that is wished, and prints their number.
    pub(super) fn save(self, quiet: bool) -> anyhow::Result<()> {
        let Some((path, mut file)) = self.save else { return Ok(()) };
        let state = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = format!("{:#}\n", state.all.to_json());
        file.write(text.as_bytes()).and_then(|()| file.finish()).map_err(super::outputs::unwritable)?;
        if !quiet {
            let keys = state.all.len();
            let text = format!("roottrail: {keys} public keys are in {}", path.display());
            terminal::line(&terminal::plain(&text));
        }
        Ok(())
    }
}

impl KeySource for Shared {
    fn keys(
        &mut self,
        region: &str,
        fingerprint: &str,
        signed: Option<Timestamp>,
    ) -> Result<Arc<PublicKeys>, String> {
        let State { all, asked } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match asked {
            Some(asked) => asked.keys(region, fingerprint, signed, Arc::make_mut(all)),
            None => Ok(Arc::clone(all)),
        }
    }
}

impl Asked {
    /// Returns the keys of a region, and asks for them where the wanted one may be missing.
    fn keys(
        &mut self,
        region: &str,
        fingerprint: &str,
        signed: Option<Timestamp>,
        all: &mut PublicKeys,
    ) -> Result<Arc<PublicKeys>, String> {
        let Self { aws, session, regions } = self;
        let known = regions.entry(region.to_owned()).or_default();
        if known.keys.contains(fingerprint) {
            return Ok(Arc::clone(&known.keys));
        }
        // A backfill digest without its metadata does not say when it was signed.
        let signed = signed.unwrap_or_else(Timestamp::now);
        if !known.times.iter().any(|(from, to)| *from <= signed && signed <= *to) {
            if let Some(why) = &known.refused {
                return Err(why.clone());
            }
            let (from, to) = (signed.checked_sub(AROUND), signed.checked_add(AROUND));
            let (from, to) = (from.unwrap_or(signed), to.unwrap_or(signed));
            let asked = session
                .get_or_insert_with(|| aws.start().map_err(|error| format!("{error:#}")))
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|session| session.public_keys(region, from, to))
                .and_then(|pages| {
                    let mut lists = [Arc::make_mut(&mut known.keys), &mut *all];
                    let mut add =
                        |page: &String| lists.iter_mut().try_for_each(|list| list.add_page(page.as_bytes()));
                    pages.iter().try_for_each(&mut add).map_err(|error| roottrail::error::chain(&error))
                });
            match asked {
                Ok(()) => known.times.push((from, to)),
                Err(why) => {
                    known.refused = Some(why.clone());
                    return Err(why);
                }
            }
        }
        Ok(Arc::clone(&known.keys))
    }
}
