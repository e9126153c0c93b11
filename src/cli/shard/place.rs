//! Where plans and parts lie, as a command line names it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ArgMatches;

use super::frozen;
use crate::cli::sources::s3_uri;
use crate::cli::{UsageError, aws};
use roottrail::bounded;
use roottrail::shard::{Depot, PLAN_NAME, ShardPlan};
use roottrail::source::s3::S3Uri;

/// Bytes of a plan that are read: of two million shards.
const LARGEST_PLAN: u64 = 1 << 30;

/// The option that names the plan.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct PlanArgs {
    /// The plan: PLACE/plan.json, on disk or in S3
    #[arg(long, value_name = "PLAN")]
    plan: PathBuf,
}

/// A plan, and where it lies.
pub(super) struct OpenPlan {
    pub(super) depot: Depot,
    pub(super) plan: ShardPlan,
    /// SHA-256 of its text.
    pub(super) sha256: String,
    /// The options of S3, the plan's and those given here.
    pub(super) aws: aws::Args,
}

/// Opens a place.
pub(super) fn depot(place: &OsStr, aws: &aws::Args) -> anyhow::Result<Depot> {
    let Some(uri) = s3_uri(place) else { return Ok(Depot::Folder(place.into())) };
    let uri = S3Uri::parse(uri).map_err(|error| UsageError(error.to_string()))?;
    if uri.prefix.is_empty() {
        let text = format!("{uri}: name a prefix of the bucket, which nothing else is kept below");
        return Err(UsageError(text).into());
    }
    Ok(Depot::S3(aws.start()?.store(&uri)?))
}

/// Reads the text of the plan of a place. `None`: there is none.
pub(super) fn plan_text(depot: &Depot) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(file) = depot.open(PLAN_NAME)? else { return Ok(None) };
    let size = file.metadata().with_context(|| depot.name(PLAN_NAME))?.len();
    anyhow::ensure!(
        size <= LARGEST_PLAN,
        "{}: it has {size} bytes, and a plan has {LARGEST_PLAN} at most",
        depot.name(PLAN_NAME)
    );
    bounded::read(file, LARGEST_PLAN).map(Some).with_context(|| depot.name(PLAN_NAME))
}

impl PlanArgs {
    /// Returns the file of the plan, where it is on disk.
    pub(super) fn file(&self) -> Option<PathBuf> {
        s3_uri(self.plan.as_os_str()).is_none().then(|| self.place().join(PLAN_NAME))
    }

    /// Returns the place of the plan; the place itself may be named as well.
    fn place(&self) -> PathBuf {
        let text = self.plan.to_string_lossy();
        if s3_uri(self.plan.as_os_str()).is_some() {
            return text.strip_suffix(PLAN_NAME).unwrap_or(&text).trim_end_matches('/').into();
        }
        match self.plan.file_name() {
            Some(name) if name == PLAN_NAME && !self.plan.is_dir() => {
                let parent = self.plan.parent().unwrap_or(Path::new(""));
                if parent.as_os_str().is_empty() { ".".into() } else { parent.to_owned() }
            }
            _ => self.plan.clone(),
        }
    }

    /// Reads the plan.
    pub(super) fn open(&self, matches: &ArgMatches) -> anyhow::Result<OpenPlan> {
        let depot = depot(self.place().as_os_str(), &frozen::aws_options(&[], matches)?)?;
        let name = depot.name(PLAN_NAME);
        let text = plan_text(&depot)?
            .with_context(|| format!("{name}: there is no plan; `roottrail shard plan` makes one"))?;
        let plan = ShardPlan::parse(&text).context(name)?;
        let aws = frozen::aws_options(&plan.request.aws, matches)?;
        Ok(OpenPlan { depot, sha256: ShardPlan::sha256(&text), plan, aws })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_folder_of_its_plan() {
        for (plan, place) in [
            ("a/plan.json", "a"),
            ("plan.json", "."),
            ("a/b", "a/b"),
            ("s3://b/p/plan.json", "s3://b/p"),
            ("s3://b/p/", "s3://b/p"),
        ] {
            assert_eq!(PlanArgs { plan: plan.into() }.place(), Path::new(place), "{plan}");
        }
    }
}
