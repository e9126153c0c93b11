//! The study's measures beside its published numbers, as texts and as a table.
//!
//! A measure has a name, what the findings say, its share, what the study published, and the letter of a footnote that
//! says how the two are counted. The terminal, Markdown and HTML show the same measures.

use serde::Serialize;

use super::study::{Share, Study};
use super::words::thousands;
use crate::text::table::{Column, Table};

/// One measure: what it is called here, what the findings say, what the study published.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measure {
    pub(super) name: String,
    pub(super) here: String,
    pub(super) share: String,
    pub(super) study: &'static str,
    pub(super) footnote: &'static str,
}

/// Returns a share as `15.6 %`.
pub(super) fn percent(share: &Share) -> String {
    share.percent().map_or_else(|| "–".to_owned(), |percent| format!("{percent:.1} %"))
}

fn of(share: &Share) -> String {
    match share.of {
        Some(of) => format!("{} of {}", thousands(share.count), thousands(of)),
        None => thousands(share.count),
    }
}

/// Returns the measures of the study beside its published numbers.
pub(super) fn measures(study: &Study) -> Vec<Measure> {
    let measure = |name: &str, here: String, share: String, published, footnote| Measure {
        name: name.to_owned(),
        here,
        share,
        study: published,
        footnote,
    };
    let shared = |name: &str, share: &Share, published, footnote| {
        measure(name, of(share), percent(share), published, footnote)
    };
    let average = |name: &str, average: f64, whole: &Share, published| {
        let share = whole
            .of
            .filter(|of| *of > 0)
            .map_or_else(|| "–".to_owned(), |of| format!("{:.1} %", average * 100.0 / of as f64));
        measure(name, format!("{average:.1}"), share, published, "b")
    };
    let mut all = vec![
        shared("accounts that used root", &study.accounts, "143 of 915 (16 %)", "a"),
        shared("organizations of those", &study.organizations, "65 of 153 (43 %)", "a"),
        average("accounts in an average week", study.accounts_per_week, &study.accounts, "26 (2.8 %)"),
        average(
            "organizations in an average week",
            study.organizations_per_week,
            &study.organizations,
            "20 (13 %)",
        ),
        measure("uses (account and week)", thousands(study.uses), "–".into(), "517", "c"),
        shared("accounts with more than one use", &study.repeaters, "half", "c"),
        shared("uses of those accounts", &study.repeaters_uses, "86 %", "c"),
        shared("accounts that make half of the uses", &study.half, "17 (12 %)", "c"),
        shared("uses of the console", &study.console_uses, "464 (87–90 %)", "d"),
        shared("uses of access keys", &study.key_uses, "64 (13 %)", "d"),
        shared("accounts with key use, of those that used root", &study.key_accounts, "6 %", "d"),
        shared("keys in use older than 90 days", &study.old_keys, "96 %", "e"),
        shared("console sign-ins without MFA", &study.sign_ins_without_mfa, "283 of 464 (61 %)", "f"),
        measure("sessions, as CloudTrail shows them", thousands(study.sessions), "–".into(), "not seen", "g"),
        shared("accounts with more than one session", &study.session_repeaters, "not seen", "g"),
    ];
    for size in &study.sizes {
        all.push(shared(&format!("accounts that used root: {}", size.size.label()), &size.accounts, "", "h"));
    }
    all
}

/// What the letters behind the measures mean.
pub(super) const FOOTNOTES: [(&str, &str); 8] = [
    (
        "a",
        "The study: 915 production accounts in 153 organizations over four months, sampled weekly from IAM credential \
         reports; root counts as used where its last use lies within 7 days of the sample. Here: accounts with a finding \
         that shows a working root credential (a refused sign-in, what a service does by itself and sessions of AssumeRoot \
         are none), of the accounts that --organizations, --inventory, --summary and the findings name.",
    ),
    (
        "b",
        "Weeks from Monday to Sunday, UTC; weeks without use count. The published averages fit 517 uses in 20 weekly samples.",
    ),
    (
        "c",
        "A use is an account and a week, however often root was used in it: a report's last use shows nothing else. Concentration: \
         the fewest accounts that together make half of the uses.",
    ),
    (
        "d",
        "The study counts 464 uses of the console and 64 of keys; their sum, 528, is neither of its totals, 517 and 510. Taken \
         here: 517 uses, in 11 of which an account used both in one week; the published 13 % is 64 of 510 (12.5 %), of 517 it \
         is 12.4 %.",
    ),
    (
        "e",
        "Age at the last use seen, where a finding of CreateAccessKey or the posture tells when the key was made.",
    ),
    (
        "f",
        "Successful ConsoleLogin events whose MFAUsed is No, of all successful ones. The study: 283 of 464.",
    ),
    (
        "g",
        "CloudTrail shows every use, not only the last: a session is a sign-in with its calls, temporary credentials, or \
         an access key until it rests for 12 hours.",
    ),
    ("h", "Sizes by --inventory: small under 50 assets, medium 50 to 250, large over 250."),
];

/// Returns the measures as a table.
pub(super) fn study(study: &Study) -> Table {
    let mut table = Table::new([
        Column::text("measure").shrinks_to(30),
        Column::text(""),
        Column::number("here"),
        Column::number("share"),
        Column::number("the study").drops(1),
    ]);
    for measure in measures(study) {
        table.row([
            measure.name.into(),
            measure.footnote.into(),
            measure.here.into(),
            measure.share.into(),
            measure.study.into(),
        ]);
    }
    table
}
