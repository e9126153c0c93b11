//! The options of output formats.

use super::words::UnknownWord;
use super::{UsageError, closed};
use roottrail::format::{FormatOptions, OcsfClass};

/// Options of single formats.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Formats")]
pub(super) struct Args {
    /// data_stream.dataset of ECS documents [default: roottrail.finding]
    #[arg(long, value_name = "DATASET")]
    ecs_dataset: Option<String>,

    /// What ocsf writes: a detection finding, or the activity itself [default: finding]
    #[arg(long, value_name = "CLASS", value_parser = closed::named(ocsf_class, ocsf_classes))]
    ocsf_class: Option<OcsfClass>,

    /// Splunk's index for hec [default: the token's]
    #[arg(long, value_name = "INDEX")]
    hec_index: Option<String>,

    /// The index or data stream for bulk [default: by the dataset]
    #[arg(long, value_name = "INDEX")]
    bulk_index: Option<String>,
}

impl Args {
    /// Checks the options and returns them.
    pub(super) fn options(&self) -> anyhow::Result<FormatOptions> {
        let mut options = FormatOptions { hec_index: self.hec_index.clone(), ..FormatOptions::default() };
        if let Some(text) = &self.ecs_dataset {
            options.ecs_dataset =
                text.parse().map_err(|error| UsageError(format!("--ecs-dataset: {error}")))?;
        }
        options.ocsf_class = self.ocsf_class.unwrap_or_default();
        if let Some(text) = &self.bulk_index {
            options.bulk_index =
                Some(text.parse().map_err(|error| UsageError(format!("--bulk-index: {error}")))?);
        }
        Ok(options)
    }
}

pub(super) fn ocsf_class(text: &str) -> Result<OcsfClass, UnknownWord> {
    text.parse().map_err(|_unknown| UnknownWord::new("OCSF class", text, ocsf_classes()))
}

pub(super) fn ocsf_classes() -> Vec<String> {
    OcsfClass::ALL.iter().map(|class| class.as_str().to_owned()).collect()
}
