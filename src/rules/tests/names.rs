//! The names of events that rules look for, compared with a list of names that AWS has: a misspelt name would
//! never match.

use super::super::*;

const KNOWN: &str = include_str!("../../../tests/corpus/event-names.txt");

/// Returns service, name, and where the name was seen.
fn known() -> Vec<[&'static str; 3]> {
    let lines = KNOWN.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split(' ');
            [words.next(), words.next(), words.next()].map(|word| word.expect("service, name and source"))
        })
        .collect()
}

fn names(api: &Api, [service, name, _]: [&str; 3]) -> bool {
    let fits = match api.name.split_once('*') {
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| rest.ends_with(tail)),
        None => name == api.name,
    };
    fits && (api.service.is_empty() || api.service == service)
}

#[test]
fn every_event_that_a_rule_names_is_known() {
    for rule in all() {
        for api in rule.events {
            assert!(known().into_iter().any(|known| names(api, known)), "{}: nobody knows {api}", rule.id);
        }
    }
}

#[test]
fn the_list_holds_nothing_else() {
    for known in known() {
        let [_, name, source] = known;
        assert!(["botocore", "cloudtrail", "record", "study", "?"].contains(&source), "{name}: {source}");
        assert!(all().flat_map(|rule| rule.events).any(|api| names(api, known)), "no rule looks for {name}");
    }
}
