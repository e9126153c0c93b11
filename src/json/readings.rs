//! The readings of a record that has a key twice.
//!
//! JSON does not say which of two members of one name counts: some readers take the last one, some the first.
//! An attacker who changes a log can have one program see root and another a harmless user. Therefore a
//! record is judged by each of its readings. The reading in which the last member counts, as for most
//! readers, comes first; the readings that differ in `userIdentity` come next.

use std::collections::{HashMap, HashSet};

use super::value::Value;

/// Levels of objects that verdicts look into.
const DEPTH: u32 = 4;
/// Members that are compared without a table.
const FEW: usize = 64;

/// Returns whether an object on the way to a verdict has a key twice.
pub fn has_duplicates(record: &Value<'_>) -> bool {
    within(record, DEPTH)
}

fn within(value: &Value<'_>, depth: u32) -> bool {
    let Value::Object(members) = value else { return false };
    let keys = members.iter().map(|(key, _)| &**key);
    let twice = if members.len() > FEW {
        let mut seen = HashSet::new();
        !keys.into_iter().all(|key| seen.insert(key))
    } else {
        // Most keys of a record differ in length or at their ends, so few pairs are compared.
        let mut marks = 0_u64;
        keys.enumerate().any(|(n, key)| {
            let ends = key.bytes().next().unwrap_or(0) ^ key.bytes().next_back().unwrap_or(0).rotate_left(3);
            let mark = 1 << ((key.len() as u64 * 7 + u64::from(ends)) % 64);
            let known = marks & mark != 0;
            marks |= mark;
            known && members[..n].iter().any(|(before, _)| before == key)
        })
    };
    twice || (depth > 0 && members.iter().any(|(_, value)| within(value, depth - 1)))
}

/// All readings of a record, each without duplicate keys.
#[derive(Debug)]
pub struct Readings<'v, 'a> {
    record: &'v Value<'a>,
    /// For each key that is there several times, in the order of the walk: which one counts, from the last,
    /// and how many there are.
    choices: Vec<(usize, usize)>,
    over: bool,
}

impl<'v, 'a> Readings<'v, 'a> {
    /// Returns the readings of a record.
    pub fn of(record: &'v Value<'a>) -> Self {
        Self { record, choices: Vec::new(), over: false }
    }
}

impl<'a> Iterator for Readings<'_, 'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.over {
            return None;
        }
        let (choices, mut at) = (&mut self.choices, 0);
        let reading = read(self.record, DEPTH, &mut |there| {
            if at == choices.len() {
                choices.push((0, there));
            }
            at += 1;
            choices[at - 1].0
        });
        // The choices count up like the digits of a number, whose last digit changes first.
        while let Some((choice, there)) = self.choices.last_mut() {
            *choice += 1;
            if choice < there {
                break;
            }
            self.choices.pop();
        }
        self.over = self.choices.is_empty();
        Some(reading)
    }
}

fn read<'a>(value: &Value<'a>, depth: u32, choose: &mut dyn FnMut(usize) -> usize) -> Value<'a> {
    let Value::Object(members) = value else { return value.clone() };
    let mut places: HashMap<&str, Vec<usize>> = HashMap::with_capacity(members.len());
    for (n, (key, _)) in members.iter().enumerate() {
        places.entry(key).or_default().push(n);
    }
    let mut chosen = Vec::with_capacity(places.len());
    let mut one = |n: usize, choose: &mut dyn FnMut(usize) -> usize| {
        let there = &places[&*members[n].0];
        if there.last() != Some(&n) {
            return;
        }
        let counts = if there.len() > 1 { there[there.len() - 1 - choose(there.len())] } else { n };
        let (key, value) = &members[counts];
        let value = if depth > 0 { read(value, depth - 1, choose) } else { value.clone() };
        chosen.push((key.clone(), value));
    };
    // The choices of `userIdentity`, which decides most, stand last and so change first.
    let (identity, others): (Vec<usize>, Vec<usize>) =
        (0..members.len()).partition(|&n| members[n].0 == "userIdentity");
    others.into_iter().chain(identity).for_each(|n| one(n, choose));
    Value::Object(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse::parse_plain;

    #[test]
    fn every_reading_comes_once_and_the_usual_one_first() {
        let record = parse_plain(
            r#"{"a":1,"userIdentity":{"type":"x","type":"y"},"a":2,"userIdentity":{"type":"z"},"b":[{"c":1,"c":2}]}"#,
        );
        assert!(has_duplicates(&record));
        let pick = |path: &[&str], reading: &Value<'_>| match reading.at(path).unwrap() {
            Value::String(text) | Value::Number(text) => text.to_string(),
            other => panic!("{other:?}"),
        };
        let readings: Vec<(String, String)> = Readings::of(&record)
            .inspect(|reading| assert!(!has_duplicates(reading)))
            .map(|reading| (pick(&["a"], &reading), pick(&["userIdentity", "type"], &reading)))
            .collect();
        let expected = [("2", "z"), ("2", "y"), ("2", "x"), ("1", "z"), ("1", "y"), ("1", "x")];
        assert_eq!(readings, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn duplicates_are_found_where_a_verdict_looks() {
        for (text, there) in [
            (r#"{"a":1,"b":{"a":2}}"#, false),
            (r#"{"ab":1,"ba":2,"ab":3}"#, true),
            (r#"{"":1,"":2}"#, true),
            (r#"{"u":{"s":{"a":{"m":1,"m":2}}}}"#, true),
            (r#"{"u":[{"m":1,"m":2}]}"#, false),
        ] {
            assert_eq!(has_duplicates(&parse_plain(text)), there, "{text}");
        }
        let many: Vec<String> = (0..1000).map(|n| format!("\"k{n}\":0")).collect();
        let many = many.join(",");
        assert!(!has_duplicates(&parse_plain(&format!("{{{many}}}"))));
        assert!(has_duplicates(&parse_plain(&format!("{{{many},\"k7\":0}}"))));
    }
}
