//! The ready-made content under `integrations/`: it parses, and it says what it should of the synthetic findings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use roottrail::format::{FormatName, FormatOptions};
use serde_json::Value;

use crate::formats::render;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("integrations").join(name)
}

fn json(name: &str) -> Value {
    let text = fs::read(example(name)).unwrap();
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn rules(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(example(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn documents(dataset: &str) -> Vec<Value> {
    let options = FormatOptions { ecs_dataset: dataset.parse().unwrap(), ..FormatOptions::default() };
    render(FormatName::Ecs, &options).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// As much of the Kibana query language as the rules use: `field:value`, `field:(a or b)`, `field:*`,
/// `field:prefix*`, `not`, joined by `and`.
fn matches(query: &str, document: &Value) -> bool {
    query.split(" and ").all(|term| {
        let (term, wanted) = term.strip_prefix("not ").map_or((term, true), |term| (term, false));
        let (field, pattern) = term.split_once(':').unwrap_or_else(|| panic!("{term}"));
        let values = match field.split('.').try_fold(document, |value, key| value.get(key)) {
            Some(Value::Array(values)) => values.clone(),
            Some(value) => vec![value.clone()],
            None => Vec::new(),
        };
        let patterns = pattern.trim_matches(['(', ')']).split(" or ");
        let fits = |value: &Value, pattern: &str| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            pattern.strip_suffix('*').map_or(text == pattern, |prefix| text.starts_with(prefix))
        };
        let found = patterns.into_iter().any(|pattern| values.iter().any(|value| fits(value, pattern)));
        found == wanted
    })
}

fn hits(rules: &[Value], documents: &[Value]) -> Vec<Vec<usize>> {
    let of = |rule: &Value| {
        let query = rule["query"].as_str().unwrap();
        (0..documents.len()).filter(|&index| matches(query, &documents[index])).collect()
    };
    rules.iter().map(of).collect()
}

#[test]
fn kibana_rules_match_exactly_their_findings() {
    let ours = hits(&rules("kibana/roottrail-rules.ndjson"), &documents("roottrail.finding"));
    let all: Vec<usize> = [0, 1, 2, 3, 4, 5, 7, 8].into();
    assert_eq!(ours, [vec![0], vec![5], vec![1], vec![3, 4], vec![0, 3, 5, 7], all.clone(), vec![]]);
    let stock = hits(&rules("kibana/cloudtrail-rules.ndjson"), &documents("aws.cloudtrail"));
    assert_eq!(stock, [vec![0], vec![5], all]);
}

#[test]
fn kibana_rules_have_what_an_import_asks_for() {
    let mut ids = BTreeSet::new();
    for rule in
        ["roottrail", "cloudtrail"].iter().flat_map(|name| rules(&format!("kibana/{name}-rules.ndjson")))
    {
        for key in
            ["rule_id", "name", "description", "severity", "type", "query", "language", "from", "interval"]
        {
            assert!(rule[key].is_string(), "{key} of {}", rule["name"]);
        }
        assert!(rule["risk_score"].is_u64() && rule["index"].is_array());
        assert_eq!(rule["timestamp_override"], "event.ingested", "old events must fire when they arrive");
        assert!(ids.insert(rule["rule_id"].to_string()), "{} stands twice", rule["rule_id"]);
    }
}

/// Our own rules name roottrail's rules, which must exist.
#[test]
fn content_names_rules_that_exist() {
    let known: BTreeSet<&str> = roottrail::rules::all().map(|rule| rule.id).collect();
    let mut named = BTreeSet::new();
    for file in ["kibana/roottrail-rules.ndjson", "splunk/default/savedsearches.conf"] {
        let text = fs::read_to_string(example(file)).unwrap();
        for word in text.split(|c: char| !(c.is_ascii_lowercase() || c == '-')) {
            if word.starts_with("root-") && !word.contains("best-practices") {
                named.insert(word.to_owned());
            }
        }
    }
    let unknown: Vec<_> =
        named.iter().filter(|name| !known.contains(name.as_str()) && *name != "root-user").collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(named.len() >= 7);
}

/// Every field of a document is mapped, so that none is stored unsearchable by oversight.
#[test]
fn templates_map_every_field_that_documents_have() {
    fn unmapped(document: &Value, mapping: &Value, path: &str, missing: &mut BTreeSet<String>) {
        for (key, value) in document.as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            let field = &mapping["properties"][key];
            match (field["type"].as_str(), value) {
                (Some("flattened" | "flat_object"), _) => {}
                (None, Value::Object(_)) if field.is_object() => unmapped(value, field, &path, missing),
                (None, Value::Array(items)) if field.is_object() => {
                    items.iter().for_each(|item| unmapped(item, field, &path, missing));
                }
                (Some(_), Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Array(_)) => {}
                _ => {
                    missing.insert(path);
                }
            }
        }
    }
    let elastic = json("elasticsearch/component-template.json");
    let opensearch = json("opensearch/index-template.json");
    let mut missing = BTreeSet::new();
    for document in documents("roottrail.finding") {
        for template in [&elastic, &opensearch] {
            unmapped(&document, &template["template"]["mappings"], "", &mut missing);
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn templates_go_through_the_pipeline_and_have_no_rollover() {
    for name in ["elasticsearch/component-template.json", "opensearch/index-template.json"] {
        assert_eq!(json(name)["template"]["settings"]["index"]["final_pipeline"], "roottrail");
    }
    for name in ["index-template", "index-template-data-stream"] {
        let template = json(&format!("elasticsearch/{name}.json"));
        assert_eq!(template["composed_of"], serde_json::json!(["roottrail-findings"]));
        assert!(!template.to_string().contains("lifecycle\":"));
    }
    for name in ["elasticsearch/ingest-pipeline.json", "opensearch/ingest-pipeline.json"] {
        assert_eq!(json(name)["processors"][0]["set"]["field"], "event.ingested");
    }
}

/// Stanzas, `key = value`, comments; no key twice in a stanza.
#[test]
fn splunk_files_are_well_formed_and_refer_to_each_other() {
    let mut stanzas = BTreeSet::new();
    let mut count = 0;
    for entry in fs::read_dir(example("splunk/default")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut seen: Option<BTreeSet<String>> = None;
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(stanza) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                assert!(stanzas.insert(format!("{name}/{stanza}")), "{stanza} stands twice in {name}");
                seen = Some(BTreeSet::new());
            } else if !line.is_empty() && !line.starts_with('#') {
                let (key, _) = line.split_once(" = ").unwrap_or_else(|| panic!("{name}: {line}"));
                let fresh = seen.as_mut().unwrap_or_else(|| panic!("{name}: {line}")).insert(key.to_owned());
                assert!(fresh, "{key} stands twice in {name}");
            }
        }
        count += 1;
    }
    assert_eq!(count, 8);
    for needed in ["props/roottrail:finding", "transforms/roottrail_finding_id", "macros/roottrail_findings"]
    {
        assert!(stanzas.contains(needed), "{needed}");
    }
    for stanza in stanzas.iter().filter_map(|stanza| stanza.strip_prefix("tags/eventtype=")) {
        assert!(stanzas.contains(&format!("eventtypes/{stanza}")), "{stanza}");
    }
    let findings = render(FormatName::Ndjson, &FormatOptions::default());
    let prefix = r#"{"schema":"roottrail.finding/1","id":""#;
    assert!(findings.lines().all(|line| line.starts_with(prefix)), "transforms.conf relies on this");
}
