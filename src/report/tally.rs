//! Counts by text, of which only so many are kept apart.

use std::collections::BTreeMap;

use serde::Serialize;

/// How often something stood in findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The value.
    pub value: String,
    /// How often.
    pub count: u64,
}

/// Counts, most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// The values that were counted apart.
    pub listed: Vec<Count>,
    /// How often it was one of the others.
    pub others: u64,
}

impl Counts {
    /// Returns the listed values, with their counts where there is more than one.
    pub fn words(&self, most: usize) -> String {
        let mut text = String::new();
        for (at, Count { value, count }) in self.listed.iter().take(most).enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            match count {
                1 => text.push_str(&format!("{comma}{value}")),
                _ => text.push_str(&format!("{comma}{value} ×{count}")),
            }
        }
        let more = self.listed.len().saturating_sub(most);
        if more > 0 || self.others > 0 {
            let plus = if self.others > 0 { " or more" } else { "" };
            text.push_str(&format!(" and {}{plus} others", more.max(1)));
        }
        text
    }
}

/// Counts up; the first so many texts are kept apart.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    most: usize,
    counts: BTreeMap<Box<str>, u64>,
    others: u64,
}

impl Tally {
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: BTreeMap::new(), others: 0 }
    }

    /// Counts a text, unless it is empty.
    pub(super) fn add(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
        } else if self.counts.len() < self.most {
            self.counts.insert(text.into(), 1);
        } else {
            self.others += 1;
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let mut listed: Vec<Count> = self
            .counts
            .iter()
            .map(|(value, count)| Count { value: value.to_string(), count: *count })
            .collect();
        listed.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
        Counts { listed, others: self.others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_come_first_and_the_rest_is_counted() {
        let mut tally = Tally::new(2);
        for text in ["b", "a", "c", "a", "", "d"] {
            tally.add(text);
        }
        let counts = tally.counts();
        assert_eq!(counts.words(5), "a ×2, b and 1 or more others");
        assert_eq!((counts.listed.len(), counts.others), (2, 2));
    }
}
