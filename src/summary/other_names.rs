//! Names that are no log's, by their extension.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::key::extension;

/// Extensions that are counted apart: an attacker who writes names could write a million.
const MOST: usize = 64;
/// The entry for all further extensions.
const REST: &str = ".*";

/// The names by extension: how many there are, and the first one by byte order. Of more than 64 extensions
/// the first 64 by byte order are kept apart, so that the result does not depend on the order in which names
/// arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherNames {
    by_extension: BTreeMap<String, (u64, String)>,
    rest: Option<(u64, String)>,
}

impl OtherNames {
    /// Adds what was counted elsewhere.
    pub fn join(&mut self, other: &Self) {
        for (extension, (n, first)) in &other.by_extension {
            add(self.by_extension.entry(extension.clone()).or_default(), *n, first);
        }
        if let Some((n, first)) = &other.rest {
            add(self.rest.get_or_insert_default(), *n, first);
        }
        while self.by_extension.len() > MOST {
            let Some((_, (n, first))) = self.by_extension.pop_last() else { break };
            add(self.rest.get_or_insert_default(), n, &first);
        }
    }

    /// Counts the name of a URI or a path.
    pub fn note(&mut self, uri: &str) {
        let name = uri.rsplit(['/', '\\']).next().unwrap_or(uri);
        let extension = extension(name)
            .map(|extension| format!(".{}", extension.to_ascii_lowercase()))
            .unwrap_or_default();
        let last = self.by_extension.last_key_value().map_or("", |(last, _)| last);
        if self.by_extension.len() < MOST || *extension < *last || self.by_extension.contains_key(&extension)
        {
            add(self.by_extension.entry(extension).or_default(), 1, uri);
        } else {
            add(self.rest.get_or_insert_default(), 1, uri);
        }
        if self.by_extension.len() > MOST
            && let Some((_, (n, first))) = self.by_extension.pop_last()
        {
            add(self.rest.get_or_insert_default(), n, &first);
        }
    }

    /// Returns each extension with its dot, how many names have it, and the first name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64, &str)> {
        let kept = self.by_extension.iter().map(|(extension, named)| (extension.as_str(), named));
        kept.chain(self.rest.iter().map(|named| (REST, named)))
            .map(|(extension, (n, first))| (extension, *n, first.as_str()))
    }

    /// Returns how many names there are in all.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, n, _)| n).sum()
    }
}

fn add((count, first): &mut (u64, String), n: u64, uri: &str) {
    if *count == 0 || uri < first.as_str() {
        uri.clone_into(first);
    }
    *count += n;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_of_names_counts_alike() {
        let mut names: Vec<String> =
            (0..300).map(|n| format!("s3://b/{}/{n}.x{:02}", n % 7, n * 37 % 100)).collect();
        let count = |names: &[String]| {
            let mut counted = OtherNames::default();
            names.iter().for_each(|name| counted.note(name));
            counted
        };
        let expected = count(&names);
        assert_eq!(expected.total(), 300);
        assert_eq!(expected.iter().next(), Some((".x00", 3, "s3://b/0/0.x00")));
        assert_eq!(expected.iter().last().map(|(extension, n, _)| (extension, n)), Some((".*", 36 * 3)));
        for _ in 0..20 {
            names.rotate_left(17);
            names.swap(3, 250);
            assert_eq!(count(&names), expected);
            let (one, other) = names.split_at(71);
            let mut joined = count(one);
            joined.join(&count(other));
            assert_eq!(joined, expected);
        }
    }
}
