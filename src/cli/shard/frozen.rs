//! The options of a plan: taken from one command line, and taken up again by others.

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, Parser};

use crate::cli::values::size;
use crate::cli::{UsageError, aws, selection};

/// The options that decide what is read and found.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, args_override_self = true)]
pub(super) struct Frozen {
    #[command(flatten)]
    pub(super) selection: selection::Args,

    #[arg(long, default_value = "2GiB", value_parser = size)]
    pub(super) max_object_size: u64,
}

/// The options that say where S3 is.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, args_override_self = true)]
struct FrozenAws {
    #[command(flatten)]
    aws: aws::Args,
}

/// Options of S3 that a plan keeps for its shards: where the objects are, and not who asks.
const PLACE: [&str; 7] = [
    "all_versions",
    "endpoint_url",
    "expected_bucket_owner",
    "force_path_style",
    "no_sign_request",
    "region",
    "request_payer",
];

/// Returns the options of `command` that were given and that `keep` names, as arguments.
fn given(command: &clap::Command, matches: &ArgMatches, keep: impl Fn(&str) -> bool) -> Vec<String> {
    let mut arguments = Vec::new();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let is_given = matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id).is_some_and(|source| source == ValueSource::CommandLine);
        let (Some(long), true, true) = (argument.get_long(), is_given, keep(id)) else { continue };
        if !argument.get_action().takes_values() {
            arguments.push(format!("--{long}"));
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            arguments.push(format!("--{long}={}", value.to_string_lossy()));
        }
    }
    arguments
}

/// Returns the options that decide what is read and found, as given, but for `--trusted-ip`, which may name files.
pub(super) fn scope(matches: &ArgMatches) -> Vec<String> {
    given(&Frozen::command(), matches, |id| id != "trusted_ip")
}

/// Returns the options that say where the objects are in S3.
pub(super) fn places(matches: &ArgMatches) -> Vec<String> {
    given(&FrozenAws::command(), matches, |id| PLACE.contains(&id))
}

impl Frozen {
    /// Takes up the options of a plan.
    pub(super) fn parse_from_plan(options: &[String]) -> Result<Self, UsageError> {
        Self::try_parse_from(options).map_err(|error| unusable(&error))
    }
}

/// Returns the options of S3 of a plan, and those given here, which go first.
pub(super) fn aws_options(plan: &[String], matches: &ArgMatches) -> Result<aws::Args, UsageError> {
    let own = given(&FrozenAws::command(), matches, |_| true);
    let all = plan.iter().chain(&own);
    FrozenAws::try_parse_from(all).map(|frozen| frozen.aws).map_err(|error| unusable(&error))
}

fn unusable(error: &clap::Error) -> UsageError {
    UsageError(format!("the plan has options that this version does not take: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(no_binary_name = true)]
    struct Line {
        #[command(flatten)]
        selection: selection::Args,

        #[arg(long, default_value = "2GiB", value_parser = size)]
        max_object_size: u64,

        #[command(flatten)]
        aws: aws::Args,
    }

    #[test]
    fn options_come_back_as_they_were_given() {
        let line = [
            "--account=111122223333,444455556666",
            "--start",
            "7d",
            "--min-severity",
            "high",
            "--trusted-ip",
            "10.0.0.0/8",
            "--max-object-size",
            "1MiB",
            "--all-versions",
            "--request-payer",
            "--endpoint-url",
            "http://127.0.0.1:1",
            "--profile",
            "mine",
            "--max-memory",
            "1GiB",
        ];
        let matches = Line::command().try_get_matches_from(line).unwrap();
        let scope = scope(&matches);
        assert_eq!(
            scope,
            [
                "--start=7d",
                "--account=111122223333",
                "--account=444455556666",
                "--min-severity=high",
                "--max-object-size=1MiB"
            ]
        );
        let frozen = Frozen::parse_from_plan(&scope).unwrap();
        assert_eq!(frozen.max_object_size, 1 << 20);
        let places = places(&matches);
        assert_eq!(
            places,
            ["--endpoint-url=http://127.0.0.1:1", "--request-payer=requester", "--all-versions"]
        );
        // What a shard is given goes before what the plan says.
        let own = Line::command().try_get_matches_from(["--endpoint-url=http://127.0.0.1:2"]).unwrap();
        let text = format!("{:?}", aws_options(&places, &own).unwrap());
        assert!(text.contains("127.0.0.1:2") && !text.contains("127.0.0.1:1\""), "{text}");
        assert!(text.contains("all_versions: true"), "{text}");
        assert!(Frozen::parse_from_plan(&["--nonsense".to_owned()]).is_err());
    }
}
