//! The sections of a command's long help and manual page beyond its options: inputs, examples, exit codes,
//! environment and files.
//!
//! Each command has a [`Page`] of constant text. [`complete`] appends the pages to the long help of clap's
//! commands, and the manual pages print the same text. A command without a page is shown without further
//! sections.

use std::fmt::Write as _;

use clap::Command;

/// The further sections of one command.
pub(super) struct Page {
    pub(super) reads: &'static str,
    /// Commands to type, and what each does.
    pub(super) examples: &'static [(&'static str, &'static str)],
    pub(super) exit: &'static [(u8, &'static str)],
    pub(super) environment: &'static [(&'static str, &'static str)],
    pub(super) files: &'static [(&'static str, &'static str)],
}

const AWS: &[(&str, &str)] = &[
    ("AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3, …", "as for aws-cli: credentials, region and endpoint"),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "the way out, as for aws-cli"),
    ("NO_COLOR", "no colours, unless --color always says otherwise"),
    ("TMPDIR", "where findings and rows wait that are too many for the memory"),
];
const AWS_FILES: &[(&str, &str)] =
    &[("~/.aws/config, ~/.aws/credentials", "profiles and credentials, as for aws-cli")];
const COMPLETE: (u8, &str) = (0, "all was read; findings or none");
const FATAL: (u8, &str) = (1, "it could not start, or an output could not be written");
const USAGE: (u8, &str) = (2, "the arguments contradict each other or name what does not exist");
const PARTLY: (u8, &str) = (3, "finished, but an object, prefix or record could not be read");
const NOTHING: (u8, &str) = (5, "nothing matched");
const STOPPED: (u8, &str) = (130, "interrupted");

const PAGES: &[(&str, Page)] = &[
    (
        "scan",
        Page {
            reads: "CloudTrail objects, gzipped or not, in S3 buckets, directories, files and on standard input, and \
                    the containers that log platforms put around events. Nothing that could be evidence is passed \
                    over in silence: what cannot be read has an error line and makes the exit code 3.",
            examples: &[
                ("roottrail scan sample-logs", "a folder, as a table on a terminal"),
                (
                    "roottrail scan s3://trail/AWSLogs --start 90d -o findings.ndjson --checkpoint state",
                    "a bucket, durably: after a kill the same command with --resume goes on",
                ),
                (
                    "roottrail scan logs -f ndjson | jq -r 'select(.severity==\"critical\") | .time + \" \" + .event.name'",
                    "findings for other programs",
                ),
            ],
            exit: &[
                COMPLETE,
                FATAL,
                USAGE,
                PARTLY,
                (4, "with --verify-digests: logs are not what their digests say"),
                NOTHING,
                (10, "findings were written, with --fail-on-findings"),
                (130, "interrupted; outputs hold whole lines and the checkpoint is saved"),
            ],
            environment: AWS,
            files: AWS_FILES,
        },
    ),
    (
        "plan",
        Page {
            reads: "Listings only: no object is fetched, unless --sample asks for some.",
            examples: &[
                (
                    "roottrail plan s3://trail",
                    "what a scan would read, by account and region, and what it costs",
                ),
                ("roottrail plan s3://trail --start 7d --account 111122223333", "of one account, of a week"),
                ("roottrail plan s3://trail --sample 200 --format json", "with measured rates, for machines"),
            ],
            exit: &[COMPLETE, FATAL, USAGE, PARTLY, NOTHING, STOPPED],
            environment: AWS,
            files: AWS_FILES,
        },
    ),
    (
        "shard",
        Page {
            reads: "plan lists the sources, from an S3 Inventory too; run reads the objects of one shard; status and \
                    collect read the plan and the parts, and no logs.",
            examples: &[
                (
                    "roottrail shard plan s3://trail/AWSLogs --start 90d --into s3://work/scan-1",
                    "list once, and put plan.json below the place",
                ),
                (
                    "roottrail shard run --plan s3://work/scan-1/plan.json --index 7",
                    "read shard 7 and commit its part; run again, it does nothing",
                ),
                (
                    "roottrail shard status --plan s3://work/scan-1/plan.json",
                    "what is there, and what is missing",
                ),
                (
                    "roottrail shard collect --plan s3://work/scan-1/plan.json -o findings.ndjson",
                    "the result, with the bytes of one scan",
                ),
            ],
            exit: &[
                (
                    0,
                    "done; of run: the part is committed, by this worker or another; of status: all parts are there",
                ),
                (
                    1,
                    "it could not start; there is another plan; a part is missing or not sound; nothing could be read",
                ),
                USAGE,
                (
                    3,
                    "plan: not all could be listed; run --strict: the part holds errors; status: parts are missing; \
                     collect: as scan, and with --partial",
                ),
                NOTHING,
                (10, "collect: findings were written, with --fail-on-findings"),
                STOPPED,
            ],
            environment: &[
                ("JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX", "the shard of run, without --index"),
                (
                    "AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3, …",
                    "as for aws-cli: credentials, region and endpoint",
                ),
                ("TMPDIR", "where a part waits until it is whole"),
            ],
            files: AWS_FILES,
        },
    ),
    (
        "posture",
        Page {
            reads: "IAM credential reports (CSV, base64, or the JSON of aws-cli), one by one or in folders, of many \
                    accounts and dates. Beside them: virtual MFA devices, what AWS Organizations says of accounts \
                    and service control policies, and findings. With --live, AWS's own answers.",
            examples: &[
                ("roottrail posture sample-logs/credential-reports", "the table of practices and violations"),
                (
                    "roottrail posture reports --as-of 2025-11-19 --scp scp --findings findings.ndjson",
                    "with policies, and held against the logs",
                ),
                ("roottrail posture --live -f json", "the account that the credentials are of"),
            ],
            exit: &[
                (0, "all was read and judged"),
                FATAL,
                USAGE,
                (3, "a file, a value or an answer could not be read; the rest was judged"),
                (5, "there is no report with a root user"),
                (10, "a practice is violated, with --fail-on-violations"),
            ],
            environment: AWS,
            files: AWS_FILES,
        },
    ),
    (
        "rules",
        Page {
            reads: "Nothing: the rules are built in.",
            examples: &[
                ("roottrail rules", "all rules, a line each"),
                ("roottrail rules root-access-key-created", "one in full, with an event that it holds for"),
                ("roottrail rules --format json", "for machines"),
            ],
            exit: &[(0, "printed"), USAGE],
            environment: &[],
            files: &[],
        },
    ),
    (
        "explain",
        Page {
            reads: "A file with events in any shape that scan reads, a file of findings, what evidence.uri of a \
                    finding says, or a directory or S3 prefix together with an id.",
            examples: &[
                ("roottrail explain findings.ndjson --id 3a2997a2cedea2eb06c3c9a1977e0ca9", "a finding"),
                (
                    "roottrail explain sample-logs --event-id 0b79bd68-8240-4415-b339-31119d2fe104",
                    "an event, wherever below the folder it lies",
                ),
                ("pbpaste | roottrail explain - -v", "an event from the clipboard, with every rule"),
            ],
            exit: &[(0, "explained"), FATAL, USAGE, (5, "there is no such event")],
            environment: AWS,
            files: AWS_FILES,
        },
    ),
    (
        "ship",
        Page {
            reads: "Files that scan wrote as NDJSON.",
            examples: &[
                (
                    "roottrail ship findings.ndjson --to elastic --url https://es:9200 --secret-file key",
                    "to Elasticsearch",
                ),
                (
                    "roottrail ship findings.ndjson --to splunk --url https://splunk:8088 --hec-index security",
                    "to Splunk, with the token from ROOTTRAIL_SHIP_SECRET",
                ),
                ("roottrail ship *.ndjson --to opensearch --url https://os:9200 --dry-run", "a rehearsal"),
            ],
            exit: &[
                (0, "every finding was taken"),
                (1, "the server cannot be reached, or nothing is taken any more; the same command goes on"),
                USAGE,
                (3, "the server refused some findings; the file of dead letters has them"),
                STOPPED,
            ],
            environment: &[
                (
                    "ROOTTRAIL_SHIP_SECRET",
                    "the API key, token or user:password, unless --secret-file names one",
                ),
                ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "the way out"),
            ],
            files: &[
                ("FILE.SERVER.cursor", "how far the delivery has come"),
                ("FILE.SERVER.dead", "what the server refuses, with its reason"),
            ],
        },
    ),
    (
        "follow",
        Page {
            reads: "Messages of an SQS queue, and the objects that they announce: S3's own notifications, straight, \
                    through SNS or through EventBridge.",
            examples: &[
                (
                    "roottrail follow --queue-url https://sqs.eu-west-1.amazonaws.com/111122223333/trail --into findings",
                    "files that appear whole in a directory, for an agent",
                ),
                (
                    "roottrail follow --queue-url \"$QUEUE\" --to elastic --url https://es:9200 --state /var/lib/roottrail",
                    "straight to Elasticsearch, with the key from ROOTTRAIL_SHIP_SECRET",
                ),
                (
                    "roottrail follow --queue-url \"$QUEUE\" --until-empty | jq .",
                    "what has come, and no longer",
                ),
            ],
            exit: &[
                (0, "it was asked to end, or the queue is empty, and everything in hand is settled"),
                (1, "it could not start, or an output could not be written; no message was deleted for it"),
                USAGE,
                (3, "ended in order, but something could not be read, or the server refused it"),
                (130, "ended before everything in hand was settled: that comes again"),
            ],
            environment: &[
                (
                    "AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_SQS, …",
                    "as for aws-cli: credentials, region and endpoint",
                ),
                ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "the way out, as for aws-cli"),
                ("ROOTTRAIL_SHIP_SECRET", "with --to: the API key, token or user:password"),
            ],
            files: &[
                ("DIR/.follow", "with --into: the growing file, and what a restart must know"),
                ("STATE/dead-letters.ndjson", "with --to: what the server refuses, with its reason"),
            ],
        },
    ),
    (
        "verify",
        Page {
            reads: "CloudTrail's digest files below the sources, and every log file that they name.",
            examples: &[
                (
                    "roottrail verify s3://trail/AWSLogs --start 30d",
                    "a bucket; public keys come from CloudTrail",
                ),
                ("roottrail verify evidence --public-keys keys.json", "a copy on disk, offline"),
                ("roottrail verify evidence --public-keys keys.json --format json", "for machines"),
            ],
            exit: &[
                (0, "every digest and every log that it names is sound"),
                FATAL,
                USAGE,
                (3, "something could not be read"),
                (4, "a digest or a log is not what was signed"),
                NOTHING,
                STOPPED,
            ],
            environment: AWS,
            files: AWS_FILES,
        },
    ),
    (
        "report",
        Page {
            reads: "Files of findings that scan wrote as NDJSON, gzipped or not.",
            examples: &[
                ("roottrail report findings.ndjson", "tables in the terminal"),
                (
                    "roottrail report findings.ndjson --summary summary.json --html report.html",
                    "a page for a browser, with what the scan could not see",
                ),
                (
                    "roottrail report 2025-*.ndjson.gz --organizations accounts.json",
                    "a year of an organization",
                ),
            ],
            exit: &[(0, "written"), FATAL, USAGE, (3, "something could not be read")],
            environment: &[("TMPDIR", "where what is too large for the memory waits")],
            files: &[],
        },
    ),
    (
        "schema",
        Page {
            reads: "Nothing: the schemas are built in.",
            examples: &[
                ("roottrail schema", "of a finding"),
                ("roottrail schema summary", "of the file that --summary writes"),
                ("roottrail schema error | jq .properties.kind", "the kinds of errors"),
            ],
            exit: &[(0, "printed"), USAGE],
            environment: &[],
            files: &[],
        },
    ),
    (
        "completions",
        Page {
            reads: "Nothing.",
            examples: &[
                ("roottrail completions bash > /etc/bash_completion.d/roottrail", "for all users of bash"),
                ("roottrail completions zsh > ~/.zfunc/_roottrail", "for zsh"),
                ("roottrail completions fish > ~/.config/fish/completions/roottrail.fish", "for fish"),
            ],
            exit: &[(0, "printed"), USAGE],
            environment: &[],
            files: &[],
        },
    ),
    (
        "man",
        Page {
            reads: "Nothing.",
            examples: &[
                ("roottrail man | man -l -", "the page of the whole program"),
                ("roottrail man --dir /usr/local/share/man/man1", "a page for each command"),
                ("man roottrail-scan", "one of them, once they are there"),
            ],
            exit: &[(0, "printed"), FATAL, USAGE],
            environment: &[],
            files: &[],
        },
    ),
];

/// Returns the further sections of a command.
pub(super) fn page(command: &str) -> Option<&'static Page> {
    PAGES.iter().find(|(name, _)| *name == command).map(|(_, page)| page)
}

/// Adds the further sections to the long help of every command.
pub(super) fn complete(mut command: Command) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        if let Some(page) = page(&name) {
            command = command.mut_subcommand(name, |sub| sub.after_long_help(long_help(page)));
        }
    }
    command
}

fn long_help(page: &Page) -> String {
    let mut text = format!("Reads:\n  {}\n\nExamples:\n", page.reads);
    // Writing to a String cannot fail.
    for (command, what) in page.examples {
        let _infallible = write!(text, "  {command}\n      {what}\n");
    }
    text.push_str("\nExit codes:\n");
    for (code, what) in page.exit {
        let _infallible = writeln!(text, "  {code:<4}{what}");
    }
    text.truncate(text.trim_end().len());
    text
}
