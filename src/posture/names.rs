//! What a file's name says: the account, the day, and ids of an organization.

use jiff::civil::Date;

pub(super) use crate::key::layout::is_account;

/// Returns the parts of a path from the last to the first, each with `/` and `\` as ends.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.rsplit(['/', '\\'])
}

/// Returns the first account number in the file's name, or in a folder's.
pub(super) fn account(path: &str) -> Option<&str> {
    parts(path).find_map(|part| part.split(|char: char| !char.is_ascii_digit()).find(|run| is_account(run)))
}

/// Returns the first date in the file's name, or in a folder's: `2025-11-19` or `20251119`.
pub(super) fn date(path: &str) -> Option<Date> {
    parts(path).find_map(|part| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let bytes = part.as_bytes();
        (0..bytes.len()).find_map(|at| {
            let before = at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_digit());
            let rest = part.get(at..)?;
            let taken = |length: usize| {
                let behind = bytes.get(at + length).is_some_and(u8::is_ascii_digit);
                if before || behind { None } else { rest.get(..length) }
            };
            let dashed = taken(10).filter(|text| {
                let mut fields = text.split('-');
                let lengths = [4, 2, 2]
                    .map(|length| fields.next().is_some_and(|field| field.len() == length && digits(field)));
                lengths == [true; 3] && fields.next().is_none()
            });
            let plain = taken(8).filter(|text| digits(text));
            let spelled = dashed
                .map(str::to_owned)
                .or_else(|| plain.map(|text| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..])))?;
            spelled.parse().ok()
        })
    })
}

/// Ids that AWS Organizations gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// `p-…`
    Policy(String),
    /// `r-…`, `ou-…` or an account.
    Target(String),
}

/// Returns the id in a file's name, or in its folder's.
pub(super) fn id(path: &str) -> Option<Id> {
    parts(path).take(2).find_map(|part| {
        let part = part.split_once('.').map_or(part, |(stem, _)| stem);
        let start = |prefix: &'static str| {
            part.match_indices(prefix)
                .filter(|(at, _)| !part[..*at].ends_with(|char: char| char.is_ascii_alphanumeric()))
                .map(move |(at, _)| &part[at..])
                .collect::<Vec<&str>>()
        };
        let while_in = |text: &str, from: usize, good: fn(char) -> bool| {
            let length = text[from..].find(|char| !good(char)).unwrap_or(text.len() - from);
            text[..from + length].to_owned()
        };
        for text in start("p-") {
            let id = while_in(text, 2, |char| char.is_ascii_alphanumeric() || char == '_');
            if is_target(&id).is_none() && is_policy(&id) {
                return Some(Id::Policy(id));
            }
        }
        for text in start("ou-") {
            let id =
                while_in(text, 3, |char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-');
            if let Some(id) = is_target(&id) {
                return Some(Id::Target(id.to_owned()));
            }
        }
        for text in start("r-") {
            let id = while_in(text, 2, |char| char.is_ascii_lowercase() || char.is_ascii_digit());
            if let Some(id) = is_target(&id) {
                return Some(Id::Target(id.to_owned()));
            }
        }
        account(part).map(|account| Id::Target(account.to_owned()))
    })
}

/// Returns whether a text is a policy's id.
pub(super) fn is_policy(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("p-") else { return false };
    rest.len() >= 8 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns the text, where the text is the id of a root, a unit or an account.
pub(super) fn is_target(text: &str) -> Option<&str> {
    let good = |text: &str, least: usize| {
        text.len() >= least && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let is = is_account(text)
        || text.strip_prefix("r-").is_some_and(|rest| good(rest, 4))
        || text
            .strip_prefix("ou-")
            .and_then(|rest| rest.split_once('-'))
            .is_some_and(|(root, own)| good(root, 4) && good(own, 8));
    is.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_dates_are_found_in_names() {
        assert_eq!(account("reports/111122223333-2025-11-19.csv"), Some("111122223333"));
        assert_eq!(account("reports/999988887777/report.csv"), Some("999988887777"));
        assert_eq!(account("reports/1111222233334.csv"), None);
        for (path, expected) in [
            ("r/111122223333_2025-11-19.csv", Some("2025-11-19")),
            ("r/111122223333-20251119.csv", Some("2025-11-19")),
            ("2025-11-12/111122223333.csv", Some("2025-11-12")),
            ("r/20251119T0300Z.csv", Some("2025-11-19")),
            ("r/111122223333.csv", None),
            ("r/2025-13-19.csv", None),
            ("r/12025-11-19.csv", None),
        ] {
            assert_eq!(date(path).map(|date| date.to_string()).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn ids_are_found_in_names() {
        let policy = |id: &str| Some(Id::Policy(id.into()));
        let target = |id: &str| Some(Id::Target(id.into()));
        for (path, expected) in [
            ("scp/targets-p-abcd1234.json", policy("p-abcd1234")),
            ("scp/p-FullAWSAccess.targets.json", policy("p-FullAWSAccess")),
            ("p-abcd1234/targets.json", policy("p-abcd1234")),
            ("list-parents-999988887777.json", target("999988887777")),
            ("list-accounts-for-parent-ou-ab12-cd345678.json", target("ou-ab12-cd345678")),
            ("for-parent-r-ab12.json", target("r-ab12")),
            ("policies.json", None),
            ("list-targets-for-policy.json", None),
        ] {
            assert_eq!(id(path), expected, "{path}");
        }
    }
}
