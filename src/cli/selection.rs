//! What a scan is asked for: which keys are read, and which findings are written.

use std::path::Path;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use super::values::{parse_span, parse_time};
use super::{UsageError, closed};
use roottrail::bounded;
use roottrail::filter::Filter;
use roottrail::finding::{CredentialType, IdentityKind, MfaStatus, Severity};
use roottrail::key::days::TimeRange;
use roottrail::key::selection::KeySelection;
use roottrail::rules::{Rule, TrustedNetworks};

/// Bytes of a list of networks at most.
const NETWORKS: u64 = 64 << 20;

/// Options that leave keys unread.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ScopeArgs {
    /// Events from this time on: RFC 3339, YYYY-MM-DD (UTC), or how long ago: 7d, 12h
    #[arg(long, aliases = ["since", "from"], value_name = "TIME", help_heading = "Scope")]
    start: Option<String>,

    /// Events before this time
    #[arg(long, aliases = ["until", "to"], value_name = "TIME", help_heading = "Scope")]
    end: Option<String>,

    /// How much earlier or later than its events an object may have been delivered
    #[arg(long, value_name = "SPAN", default_value = "1d", value_parser = parse_span, help_heading = "Scope")]
    key_slack: SignedDuration,

    /// Only these accounts' keys
    #[arg(long, alias = "accounts", value_name = "ID", value_delimiter = ',', help_heading = "Scope")]
    account: Vec<String>,

    /// Only these regions' keys
    #[arg(long, alias = "regions", value_name = "REGION", value_delimiter = ',', help_heading = "Scope")]
    trail_region: Vec<String>,

    /// Only keys that match a glob
    #[arg(long, value_name = "GLOB", help_heading = "Scope")]
    include_key: Vec<String>,

    /// No keys that match a glob
    #[arg(long, value_name = "GLOB", help_heading = "Scope")]
    exclude_key: Vec<String>,
}

/// Options that leave keys unread or findings unwritten.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    scope: ScopeArgs,

    /// Only findings with one of these rules (`roottrail rules` lists them)
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = closed::rule(), hide_possible_values = true, help_heading = "Filter")]
    rule: Vec<&'static Rule>,

    /// Only findings at least this serious
    #[arg(long, value_name = "SEVERITY", value_parser = closed::choice::<Severity>(), help_heading = "Filter")]
    min_severity: Option<Severity>,

    /// Only these identities
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = closed::choice::<IdentityKind>(), help_heading = "Filter")]
    identity: Vec<IdentityKind>,

    /// Only these credential types
    #[arg(long, value_name = "TYPE", value_delimiter = ',', value_parser = closed::choice::<CredentialType>(), help_heading = "Filter")]
    credential: Vec<CredentialType>,

    /// Only these MFA statuses
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = closed::choice::<MfaStatus>(), help_heading = "Filter")]
    mfa: Vec<MfaStatus>,

    /// Only these events
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = "Filter")]
    event_name: Vec<String>,

    /// Networks that root is expected from, as CIDR or in a file; a success from elsewhere raises a rule
    #[arg(long, value_name = "CIDR|FILE", value_delimiter = ',', help_heading = "Filter")]
    trusted_ip: Vec<String>,
}

/// The options, checked.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) keys: KeySelection,
    pub(super) filter: Filter,
    pub(super) trusted: TrustedNetworks,
}

impl ScopeArgs {
    /// Checks the options; relative times are before `now`.
    pub(super) fn keys(&self, now: Timestamp) -> anyhow::Result<(KeySelection, TimeRange)> {
        let usage = |error: &dyn std::error::Error| UsageError(error.to_string());
        let time = |text: &Option<String>| {
            text.as_deref().map(|text| parse_time(text, now)).transpose().map_err(|error| usage(&error))
        };
        let range = TimeRange::new(time(&self.start)?, time(&self.end)?).map_err(|error| usage(&error))?;
        let keys = KeySelection::new(&self.account, &self.trail_region, &self.include_key, &self.exclude_key)
            .map_err(|error| usage(&error))?
            .within(range, self.key_slack);
        Ok((keys, range))
    }
}

impl Args {
    /// Checks the options; relative times are before `now`.
    pub(super) fn select(&self, now: Timestamp) -> anyhow::Result<Selection> {
        let usage = |error: &dyn std::error::Error| UsageError(error.to_string());
        let (keys, range) = self.scope.keys(now)?;
        let filter = Filter {
            rules: self.rule.iter().map(|rule| rule.id).collect(),
            min_severity: self.min_severity,
            identities: self.identity.clone(),
            credentials: self.credential.clone(),
            mfa: self.mfa.clone(),
            event_names: self.event_name.clone(),
            time: range,
        };
        let mut trusted = TrustedNetworks::default();
        for text in &self.trusted_ip {
            if Path::new(text).is_file() {
                let lines = bounded::text(Path::new(text), NETWORKS)
                    .with_context(|| format!("cannot read {text}"))?;
                trusted.add_lines(&lines).map_err(|error| UsageError(format!("{text}: {error}")))?;
            } else {
                trusted.add(text).map_err(|error| usage(&error))?;
            }
        }
        Ok(Selection { keys, filter, trusted })
    }
}
