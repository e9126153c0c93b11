//! Looks for a text that some sets of patterns hold and others do not: an action that no statement denies.
//!
//! Each pattern is a small automaton whose states are the places between its pieces. A search walks all of
//! them together, breadth first, over the characters that the patterns name and one that none of them does:
//! a text with any other character behaves as one with that. What can no longer meet a demand is not followed.
//! It ends with the shortest text that satisfies every demand, or with the certainty that there is none, or
//! gives up where there are too many states: patterns can be made so that they have billions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::glob::{Glob, Piece};

/// The texts that at least one pattern matches, or with `negated` those that none does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::posture) struct Set {
    pub(in crate::posture) patterns: Vec<Glob>,
    pub(in crate::posture) negated: bool,
}

impl Set {
    /// Returns whether the text is in the set.
    #[cfg(test)]
    pub(super) fn holds(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(text)) != self.negated
    }

    /// Returns whether it is plain that every text is in the set.
    pub(super) fn is_everything(&self) -> bool {
        if self.negated { self.patterns.is_empty() } else { self.patterns.iter().any(Glob::is_everything) }
    }
}

/// A demand: the text is in at least one of the sets, or in none of them.
#[derive(Clone, Debug)]
pub(super) struct Demand<'s> {
    pub(super) sets: Vec<&'s Set>,
    pub(super) wanted: bool,
}

/// What a search ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The shortest text.
    Text(String),
    /// No such text exists.
    Nothing,
    /// Too many states.
    TooMany,
}

/// Looks for a text that satisfies all demands and matches `shape`. `words`: the memory that states may still
/// take, of which this search takes its part.
pub(super) fn find(shape: &Glob, demands: &[Demand<'_>], words: &mut usize) -> Found {
    Automaton::new(shape, demands).search(demands, words)
}

struct Automaton<'p> {
    /// All patterns, the shape first, with the number of the first of its places.
    patterns: Vec<(&'p Glob, usize)>,
    /// The places of all patterns together.
    places: usize,
    alphabet: Vec<char>,
}

type State = Vec<u64>;

impl<'p> Automaton<'p> {
    fn new(shape: &'p Glob, demands: &[Demand<'p>]) -> Self {
        let sets = demands.iter().flat_map(|demand| demand.sets.iter());
        let all = std::iter::once(shape).chain(sets.flat_map(|set| set.patterns.iter()));
        let (mut patterns, mut places) = (Vec::new(), 0);
        let mut named = BTreeSet::new();
        for pattern in all {
            patterns.push((pattern, places));
            places += pattern.pieces().len() + 1;
            named.extend(pattern.pieces().iter().filter_map(|piece| match piece {
                Piece::Char(char) => Some(*char),
                Piece::One | Piece::Any => None,
            }));
        }
        // A character that no pattern names stands for all of them.
        let other = ('a'..='z').chain('0'..='9').chain('\u{a1}'..).find(|char| !named.contains(char));
        let alphabet = other.into_iter().chain(named).collect();
        Self { patterns, places, alphabet }
    }

    fn search(&self, demands: &[Demand<'_>], words: &mut usize) -> Found {
        let mut start = vec![0; self.places / 64 + 1];
        for (pattern, first) in &self.patterns {
            self.enter(&mut start, pattern, *first, 0);
        }
        if self.hopeless(&mut start, demands) {
            return Found::Nothing;
        }
        let mut seen: BTreeMap<State, Option<(usize, char)>> = BTreeMap::new();
        let mut states = vec![start.clone()];
        seen.insert(start, None);
        let mut came_from: Vec<Option<(usize, char)>> = vec![None];
        let mut waiting = VecDeque::from([0]);
        while let Some(number) = waiting.pop_front() {
            if self.satisfied(&states[number], demands) {
                return Found::Text(spelled(&came_from, number));
            }
            for char in &self.alphabet {
                let mut next = self.step(&states[number], *char);
                if self.hopeless(&mut next, demands) || seen.contains_key(&next) {
                    continue;
                }
                let Some(left) = words.checked_sub(next.len()) else { return Found::TooMany };
                *words = left;
                seen.insert(next.clone(), None);
                states.push(next);
                came_from.push(Some((number, *char)));
                waiting.push_back(states.len() - 1);
            }
        }
        Found::Nothing
    }

    /// Marks a place, and those that a `*` leads to without a character.
    fn enter(&self, state: &mut State, pattern: &Glob, first: usize, mut place: usize) {
        loop {
            let bit = first + place;
            state[bit / 64] |= 1 << (bit % 64);
            if pattern.pieces().get(place) != Some(&Piece::Any) {
                return;
            }
            place += 1;
        }
    }

    fn step(&self, state: &State, char: char) -> State {
        let mut next = vec![0; state.len()];
        for (pattern, first) in &self.patterns {
            for (place, piece) in pattern.pieces().iter().enumerate() {
                if !has(state, first + place) {
                    continue;
                }
                match piece {
                    Piece::Any => self.enter(&mut next, pattern, *first, place),
                    Piece::One => self.enter(&mut next, pattern, *first, place + 1),
                    Piece::Char(own) if *own == char => self.enter(&mut next, pattern, *first, place + 1),
                    Piece::Char(_) => {}
                }
            }
        }
        next
    }

    /// Returns whether a pattern can still match.
    fn lives(&self, state: &State, pattern: usize) -> bool {
        let (pattern, first) = self.patterns[pattern];
        (first..=first + pattern.pieces().len()).any(|bit| has(state, bit))
    }

    /// Returns whether nothing that follows can meet all demands. Forgets what makes no difference any more: where one
    /// pattern of a set has matched for good, the others of the set need not be followed.
    fn hopeless(&self, state: &mut State, demands: &[Demand<'_>]) -> bool {
        if !self.lives(state, 0) {
            return true;
        }
        let mut number = 1;
        for demand in demands {
            let (mut met, mut open) = (false, false);
            for set in &demand.sets {
                let own = number..number + set.patterns.len();
                number = own.end;
                let any = if let Some(settled) = own.clone().find(|pattern| self.settled(state, *pattern)) {
                    own.filter(|pattern| *pattern != settled).for_each(|other| self.forget(state, other));
                    Some(true)
                } else if own.into_iter().any(|pattern| self.lives(state, pattern)) {
                    None
                } else {
                    Some(false)
                };
                match any {
                    Some(any) => met |= any != set.negated,
                    None => open = true,
                }
            }
            // What is met stays met, and what nothing can meet any more is not.
            if (met && !demand.wanted) || (!met && !open && demand.wanted) {
                return true;
            }
        }
        false
    }

    /// Returns whether a pattern matches, and goes on matching whatever follows.
    fn settled(&self, state: &State, pattern: usize) -> bool {
        let (pattern, first) = self.patterns[pattern];
        pattern.pieces().last() == Some(&Piece::Any) && has(state, first + pattern.pieces().len())
    }

    fn forget(&self, state: &mut State, pattern: usize) {
        let (pattern, first) = self.patterns[pattern];
        for bit in first..=first + pattern.pieces().len() {
            state[bit / 64] &= !(1 << (bit % 64));
        }
    }

    fn satisfied(&self, state: &State, demands: &[Demand<'_>]) -> bool {
        let mut number = 0;
        let mut matches = || {
            let (pattern, first) = self.patterns[number];
            number += 1;
            has(state, first + pattern.pieces().len())
        };
        let shape = matches();
        // Every pattern is asked, so that the numbers stay in step.
        let demands = demands.iter().map(|demand| {
            let sets = demand.sets.iter().map(|set| {
                let any = set.patterns.iter().map(|_| matches()).fold(false, |any, one| any | one);
                any != set.negated
            });
            sets.fold(false, |any, one| any | one) == demand.wanted
        });
        demands.fold(shape, |all, one| all & one)
    }
}

fn has(state: &State, bit: usize) -> bool {
    state[bit / 64] >> (bit % 64) & 1 == 1
}

fn spelled(came_from: &[Option<(usize, char)>], mut number: usize) -> String {
    let mut text = Vec::new();
    while let Some((before, char)) = came_from[number] {
        text.push(char);
        number = before;
    }
    text.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(patterns: &[&str], negated: bool) -> Set {
        Set { patterns: patterns.iter().map(|pattern| Glob::new(pattern)).collect(), negated }
    }

    fn find_in(wanted: &[Set], unwanted: &[Set]) -> Found {
        let demand = |set, wanted| Demand { sets: vec![set], wanted };
        let demands: Vec<Demand<'_>> = wanted
            .iter()
            .map(|set| demand(set, true))
            .chain(unwanted.iter().map(|set| demand(set, false)))
            .collect();
        find(&Glob::new("?*:?*"), &demands, &mut (1 << 16))
    }

    #[test]
    fn patterns_with_billions_of_states_end_the_search() {
        // Which of the last thirty characters were an `a`, and which a `b`: as many states as there are answers.
        let far = |char: char| format!("*{char}{}", "?".repeat(30));
        let not: Vec<Set> = ['a', 'b'].map(|char| set(&[&far(char)], true)).to_vec();
        assert_eq!(find_in(&[], &not), Found::TooMany);
        // What is denied for good is not followed, however many patterns there are.
        let denied: Vec<String> = (5..40).map(|far| format!("*a{}*", "?".repeat(far))).collect();
        let denied = set(&denied.iter().map(String::as_str).collect::<Vec<&str>>(), false);
        assert_eq!(find_in(&[], &[denied, set(&["b*"], false)]), Found::Text("c:c".into()));
    }

    #[test]
    fn what_is_left_of_everything() {
        assert_eq!(find_in(&[], &[set(&["*"], false)]), Found::Nothing);
        assert_eq!(find_in(&[], &[set(&["*:*"], false)]), Found::Nothing);
        assert_eq!(find_in(&[], &[]), Found::Text("a:a".into()));
        // `NotAction iam:*` leaves IAM; together with `Action iam:*` nothing is left.
        let not_iam = set(&["iam:*"], true);
        assert_eq!(find_in(&[], std::slice::from_ref(&not_iam)), Found::Text("iam:b".into()));
        assert_eq!(find_in(&[], &[not_iam.clone(), set(&["iam:*"], false)]), Found::Nothing);
        assert_eq!(find_in(&[], &[not_iam.clone(), set(&["iam:get*"], false)]), Found::Text("iam:b".into()));
        // Two exceptions leave what is in both.
        let not_get = set(&["*:get*"], true);
        assert_eq!(find_in(&[], &[not_iam, not_get]), Found::Text("iam:get".into()));
        assert_eq!(
            find_in(&[set(&["s3:get?bject"], false)], &[set(&["s3:geto*"], false)]),
            Found::Text("s3:getabject".into())
        );
    }

    fn texts() -> Vec<String> {
        let mut texts = vec![String::new()];
        for length in 0..5 {
            let longer: Vec<String> = texts
                .iter()
                .filter(|text| text.len() == length)
                .flat_map(|text| ['a', 'b', ':', 'z'].map(|char| format!("{text}{char}")))
                .collect();
            texts.extend(longer);
        }
        texts
    }

    proptest! {
        /// The search agrees with trying every short text.
        #[test]
        fn agrees_with_trying_all_texts(
            sets in prop::collection::vec((prop::collection::vec("[ab:*?]{0,4}", 0..3), any::<bool>(), any::<bool>()), 0..4)
        ) {
            let sets: Vec<(Set, bool)> = sets
                .iter()
                .map(|(patterns, negated, wanted)| {
                    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
                    (set(&patterns, *negated), *wanted)
                })
                .collect();
            let demands: Vec<Demand<'_>> =
                sets.iter().map(|(set, wanted)| Demand { sets: vec![set], wanted: *wanted }).collect();
            let shape = Glob::new("*:*");
            let holds = |text: &str| {
                shape.matches(text) && sets.iter().all(|(set, wanted)| set.holds(text) == *wanted)
            };
            match find(&shape, &demands, &mut (1 << 16)) {
                Found::Text(text) => prop_assert!(holds(&text), "{text}"),
                Found::Nothing => {
                    for text in texts() {
                        prop_assert!(!holds(&text), "{text}");
                    }
                }
                Found::TooMany => prop_assert!(false),
            }
        }
    }
}
