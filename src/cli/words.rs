//! Words that users choose from closed lists: parsed, and corrected where they are mistyped.
//!
//! [`Choice`] is an enumeration whose values have the names that findings use; parsing takes any case, and
//! `-` for `_`. A word that is not on its list becomes an [`UnknownWord`], whose message has the nearest word
//! and the whole list. The nearest word contains the given one, or differs from it in few letters.

use std::fmt;

use serde::Serialize;

use roottrail::finding::{CredentialType, IdentityKind, MfaStatus, Severity};
use roottrail::rules::{self, Rule};

/// A word that is not on its list. The message names the nearest word, and all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnknownWord {
    /// What the word should be: `rule`, `severity`.
    pub(super) what: &'static str,
    /// The word as given.
    pub(super) word: String,
    /// The word that was probably meant.
    pub(super) nearest: Option<String>,
    /// The list.
    pub(super) known: Vec<String>,
}

impl UnknownWord {
    /// Looks for the nearest of the known words.
    pub(super) fn new(
        what: &'static str,
        word: &str,
        known: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let known: Vec<String> = known.into_iter().map(Into::into).collect();
        let nearest = nearest(word, known.iter().map(String::as_str)).map(str::to_owned);
        Self { what, word: word.to_owned(), nearest, known }
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no {} `{}`", self.what, self.word.escape_debug())?;
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        write!(f, " (known: {})", self.known.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

/// An enumeration whose values users name as findings spell them.
pub(super) trait Choice: Copy + Serialize + 'static {
    /// The name of the enumeration in messages.
    const WHAT: &'static str;
    /// Every value, in order.
    const ALL: &'static [Self];

    /// Returns the value's name, as in a finding.
    fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }

    /// Returns the value of a name, in any case and with `-` for `_`. Fails with the good names.
    fn parse(word: &str) -> Result<Self, UnknownWord> {
        let wanted = word.trim().to_ascii_lowercase().replace('-', "_");
        let found = Self::ALL.iter().copied().find(|value| value.name() == wanted);
        found.ok_or_else(|| UnknownWord::new(Self::WHAT, word, Self::ALL.iter().map(|value| value.name())))
    }
}

impl Choice for Severity {
    const WHAT: &'static str = "severity";
    const ALL: &'static [Self] = &[Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
}

impl Choice for IdentityKind {
    const WHAT: &'static str = "identity";
    const ALL: &'static [Self] = &[
        IdentityKind::RootUser,
        IdentityKind::RootAssumeRootSession,
        IdentityKind::RootViaService,
        IdentityKind::RootFederated,
        IdentityKind::RootCrossAccount,
        IdentityKind::AssumeRootCaller,
    ];
}

impl Choice for CredentialType {
    const WHAT: &'static str = "credential type";
    const ALL: &'static [Self] = &[
        CredentialType::ConsolePassword,
        CredentialType::ConsoleSession,
        CredentialType::LongTermAccessKey,
        CredentialType::TemporaryCredentials,
        CredentialType::StsSessionToken,
        CredentialType::FederationToken,
        CredentialType::AssumeRoot,
        CredentialType::AwsService,
        CredentialType::None,
        CredentialType::Unknown,
    ];
}

impl Choice for MfaStatus {
    const WHAT: &'static str = "MFA status";
    const ALL: &'static [Self] =
        &[MfaStatus::Used, MfaStatus::NotUsed, MfaStatus::NotApplicable, MfaStatus::Unknown];
}

/// Returns the candidate that was probably meant, if one is near enough.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.trim().to_ascii_lowercase().replace('_', "-");
    let near = |candidate: &str| {
        let candidate = candidate.to_ascii_lowercase().replace('_', "-");
        // A part of the name is a better hint than a few equal letters.
        if word.len() >= 3 && candidate.contains(&word) {
            return Some(candidate.len() - word.len());
        }
        let edits = strsim::levenshtein(&word, &candidate);
        (edits <= (word.chars().count() / 3).max(1)).then_some(edits)
    };
    candidates
        .into_iter()
        .filter_map(|candidate| near(candidate).map(|edits| (edits, candidate)))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Returns the rule of this id. Fails with the nearest id and the list of ids.
pub(super) fn parse_rule(id: &str) -> Result<&'static Rule, UnknownWord> {
    let id = id.trim();
    rules::by_id(id).ok_or_else(|| UnknownWord::new("rule", id, rules::all().map(|rule| rule.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_findings() {
        assert_eq!(Severity::parse("critical"), Ok(Severity::Critical));
        assert_eq!(Severity::parse(" High "), Ok(Severity::High));
        assert_eq!(IdentityKind::parse("root-via-service"), Ok(IdentityKind::RootViaService));
        assert_eq!(CredentialType::parse("none"), Ok(CredentialType::None));
        assert_eq!(MfaStatus::parse("not_used"), Ok(MfaStatus::NotUsed));
    }

    #[test]
    fn a_mistyped_word_is_answered_with_the_nearest_and_the_list() {
        let error = Severity::parse("critcal").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no severity `critcal`; did you mean `critical`? (known: low, medium, high, critical)"
        );
        assert_eq!(Severity::parse("purple").unwrap_err().nearest, None);
        assert_eq!(
            CredentialType::parse("access_key").unwrap_err().nearest.as_deref(),
            Some("long_term_access_key")
        );
        assert_eq!(MfaStatus::parse("unused").unwrap_err().nearest.as_deref(), Some("used"));
        assert_eq!(nearest("", ["low"]), None);
    }

    #[test]
    fn rules_are_found_or_corrected() {
        assert_eq!(parse_rule("root-activity").map(|rule| rule.id), Ok("root-activity"));
        assert_eq!(parse_rule("root-activty").unwrap_err().nearest.as_deref(), Some("root-activity"));
        assert_eq!(
            parse_rule("without-mfa").unwrap_err().nearest.as_deref(),
            Some("root-console-login-without-mfa")
        );
    }
}
