//! What could not be read or is not as it should be: named, counted, and no reason to stop.

use serde::Serialize;

/// The class of a problem, for machines. The message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// A file or an answer that cannot be read.
    Unreadable,
    /// No credential report in any of its forms.
    NotAReport,
    /// A report without the row of its root user.
    NoRoot,
    /// A report without a column that checks need.
    MissingColumn,
    /// An account that is no number of twelve digits.
    BadAccount,
    /// A value that its column cannot have.
    BadValue,
    /// A date that cannot be, or that is later than the report.
    DateOutOfRange,
    /// A second report of the same account and day.
    Duplicate,
    /// Devices of nobody, or no list of devices.
    BadDevices,
    /// A file about an organization that says nothing understandable.
    BadOrganization,
    /// A policy, or one of its statements, that is no service control policy.
    BadPolicy,
    /// A line of findings that is none.
    BadFinding,
    /// A service that refused, or did not answer.
    Refused,
}

/// One problem: where, and what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file as the user named it, or what was asked of AWS.
    pub file: String,
    /// The line, from 1, where it is known.
    pub line: Option<u64>,
    /// The class of the problem.
    pub kind: ProblemKind,
    /// What is wrong, in one line.
    pub message: String,
}

impl Problem {
    pub(super) fn new(file: &str, line: Option<u64>, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, kind, message: message.into() }
    }
}
