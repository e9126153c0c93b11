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
/// `field:prefix*`, `not`, joined by `and`; at the end, groups of these behind `and not`.
fn matches(query: &str, document: &Value) -> bool {
    if let Some((rest, group)) = query.rsplit_once(" and not (") {
        return matches(rest, document) && !matches(group.strip_suffix(')').unwrap(), document);
    }
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
    let documents_of_ours = documents("roottrail.finding");
    let ours = hits(&rules("kibana/roottrail-rules.ndjson"), &documents_of_ours);
    let expected: [&[usize]; 9] = [&[0], &[5], &[1], &[3, 4], &[7], &[8], &[], &[6], &[2]];
    assert_eq!(ours, expected);
    let stock = hits(&rules("kibana/cloudtrail-rules.ndjson"), &documents("aws.cloudtrail"));
    let expected: [&[usize]; 5] = [&[0], &[5], &[1, 3, 4, 7, 8], &[6], &[2]];
    assert_eq!(stock, expected);
    // No finding raises two alerts, and every one raises one or counts towards a threshold.
    for rules in [ours, stock] {
        let mut all: Vec<usize> = rules.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, (0..documents_of_ours.len()).collect::<Vec<_>>());
    }
}

/// A copy that differs raises the alert on copies, and no other.
#[test]
fn kibana_rules_exclude_each_other_whatever_a_finding_holds() {
    let rules = rules("kibana/roottrail-rules.ndjson");
    for mut document in documents("roottrail.finding") {
        document["roottrail"]["evidence"]["conflict_with"] = "s3://other/object".into();
        let hits = rules.iter().filter(|rule| matches(rule["query"].as_str().unwrap(), &document));
        let names: Vec<&str> = hits.map(|rule| rule["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["CloudTrail record differs between two copies"]);
        document["roottrail"]["evidence"]["conflict_with"] = Value::Null;
        for rule in roottrail::rules::all() {
            for (severity, kind) in [("critical", "long_term_access_key"), ("high", "console_session")] {
                document["roottrail"]["evidence"].as_object_mut().unwrap().remove("conflict_with");
                document["roottrail"]["rules"] = serde_json::json!([rule.id, "root-activity"]);
                document["roottrail"]["severity"] = severity.into();
                document["roottrail"]["credential"]["type"] = kind.into();
                // A sign-in is made with a password, and without MFA it is critical.
                if rule.id.starts_with("root-console-login") && kind == "long_term_access_key" {
                    continue;
                }
                let hits = rules.iter().filter(|rule| matches(rule["query"].as_str().unwrap(), &document));
                let names: Vec<&str> = hits.map(|rule| rule["name"].as_str().unwrap()).collect();
                assert!(names.len() <= 1, "{} {severity} {kind}: {names:?}", rule.id);
            }
        }
    }
}

/// Dashboards refer to what is in their own file, and show fields that the templates map.
#[test]
fn dashboards_hold_together() {
    let templates = [
        ("kibana/dashboard.ndjson", json("elasticsearch/component-template.json")),
        ("opensearch/dashboard.ndjson", json("opensearch/index-template.json")),
    ];
    for (name, template) in templates {
        let objects = rules(name);
        let ids: BTreeSet<&str> = objects.iter().map(|object| object["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), objects.len());
        let mut fields = BTreeSet::new();
        for object in &objects {
            for reference in object["references"].as_array().unwrap() {
                assert!(ids.contains(reference["id"].as_str().unwrap()), "{name}: {reference}");
            }
            if let Some(state) = object["attributes"]["visState"].as_str() {
                let state: Value = serde_json::from_str(state).unwrap();
                let named = state["aggs"].as_array().unwrap().iter();
                fields.extend(named.filter_map(|agg| agg["params"]["field"].as_str().map(str::to_owned)));
            }
        }
        assert!(fields.len() >= 5, "{fields:?}");
        for field in fields {
            let pointer = field.replace('.', "/properties/");
            let place = format!("/template/mappings/properties/{pointer}/type");
            assert!(template.pointer(&place).is_some(), "{name}: {field} is not mapped");
        }
        let dashboard = objects.last().unwrap();
        let panels: Value =
            serde_json::from_str(dashboard["attributes"]["panelsJSON"].as_str().unwrap()).unwrap();
        assert_eq!(panels.as_array().unwrap().len(), dashboard["references"].as_array().unwrap().len());
    }
}

/// OpenSearch's monitors ask what Kibana's rules ask.
#[test]
fn monitors_are_the_rules_of_kibana() {
    let (kibana, monitors) = (rules("kibana/roottrail-rules.ndjson"), rules("opensearch/monitors.ndjson"));
    assert_eq!(kibana.len(), monitors.len());
    for (rule, monitor) in kibana.iter().zip(&monitors) {
        assert_eq!(rule["name"], monitor["name"]);
        let place = "/inputs/0/search/query/query/bool/filter/1/query_string/query";
        let query = monitor.pointer(place).unwrap().as_str().unwrap();
        let spelled = query.replace("NOT ", "not ").replace(" AND ", " and ").replace(" OR ", " or ");
        assert_eq!(spelled, rule["query"]);
    }
}

/// Vector drops lines that are longer than its limit: a record of 1 MB must fit in every format that it reads.
#[test]
fn lines_of_large_records_fit_vectors_limit() {
    let text = fs::read_to_string(example("vector/vector.yaml")).unwrap();
    let limits: Vec<usize> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("max_line_bytes: "))
        .map(|limit| limit.parse().unwrap())
        .collect();
    assert_eq!(limits.len(), 2);
    // Quotes are what grows most where a record becomes a text in a document.
    let padding = "\\\"".repeat(500_000);
    let event = crate::support::logs::root(1).replace(
        r#""requestParameters":null"#,
        &format!(r#""requestParameters":{{"document":"{padding}"}}"#),
    );
    assert!(event.len() > 1_000_000);
    let folder = crate::support::cli::Folder::new();
    let log = folder.put("large.json", crate::support::logs::records([event]));
    for format in ["ecs", "hec"] {
        let done = crate::support::cli::roottrail(["scan", log.to_str().unwrap(), "-q", "-f", format]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let longest = done.stdout.lines().map(str::len).max().unwrap();
        assert!(longest > 1_000_000 && limits.iter().all(|limit| longest < *limit), "{format}: {longest}");
    }
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
        let fields = rule["investigation_fields"]["field_names"].as_array().unwrap();
        assert!(
            fields.len() > 5 && ["setup", "note"].iter().all(|key| !rule[key].as_str().unwrap().is_empty())
        );
        assert_eq!(rule["type"] == "threshold", rule["threshold"]["value"].is_u64(), "{}", rule["name"]);
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
        if path.is_dir() {
            continue;
        }
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
    let searches = fs::read_to_string(example("splunk/default/savedsearches.conf")).unwrap();
    for search in searches.split("\n[").skip(1) {
        assert!(search.contains("\nalert.suppress = 1\nalert.suppress.fields = "), "{search}");
    }
    let meta = fs::read_to_string(example("splunk/metadata/default.meta")).unwrap();
    assert_eq!(meta.matches("export = system").count(), 6);
    let nav = fs::read_to_string(example("splunk/default/data/ui/nav/default.xml")).unwrap();
    assert!(nav.contains("root_use") && example("splunk/default/data/ui/views/root_use.xml").is_file());
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
