//! OCSF events against the official schema (a trimmed export, see `tests/ocsf/README.md`).

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use roottrail::format::{FormatName, FormatOptions, OcsfClass};
use serde_json::Value;

use crate::formats::{check_golden, render};

/// Checks events and gathers what is wrong with them.
struct Checker {
    schema: Value,
    faults: Vec<String>,
}

impl Checker {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ocsf/schema-1.8.0.json");
        let schema = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        Self { schema, faults: Vec::new() }
    }

    fn event(&mut self, event: &Value) {
        let classes = self.schema["classes"].as_object().unwrap().clone();
        let Some(class) = classes.values().find(|class| class["uid"] == event["class_uid"]) else {
            return self.faults.push(format!("no class has the uid {}", event["class_uid"]));
        };
        let profiles: BTreeSet<&str> = event["metadata"]["profiles"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if event["metadata"]["version"] != self.schema["version"] {
            self.faults.push("the event names another version of the schema".into());
        }
        self.object(class, event, &profiles, class["name"].as_str().unwrap());
    }

    fn object(&mut self, kind: &Value, object: &Value, profiles: &BTreeSet<&str>, path: &str) {
        let (Some(attributes), Some(members)) = (kind["attributes"].as_object(), object.as_object()) else {
            return self.faults.push(format!("{path} is no object"));
        };
        for (name, attribute) in attributes {
            if attribute["requirement"] == "required" && holds(attribute, profiles) && object[name].is_null()
            {
                self.faults.push(format!("{path}.{name} is required"));
            }
        }
        for name in members.keys() {
            match attributes.get(name) {
                Some(attribute) if !holds(attribute, profiles) => {
                    self.faults
                        .push(format!("{path}.{name} belongs to a profile that the event does not name"));
                }
                Some(attribute) => {
                    self.attribute(attribute, &object[name], profiles, &format!("{path}.{name}"));
                }
                None => self.faults.push(format!("{path}.{name} is unknown")),
            }
        }
        for (constraint, count) in [("at_least_one", 1..usize::MAX), ("just_one", 1..2)] {
            if let Some(names) = kind["constraints"][constraint].as_array() {
                let present = names.iter().filter(|name| !object[name.as_str().unwrap()].is_null()).count();
                if !count.contains(&present) {
                    self.faults.push(format!("{path} needs {constraint} of {names:?}"));
                }
            }
        }
    }

    fn attribute(&mut self, attribute: &Value, value: &Value, profiles: &BTreeSet<&str>, path: &str) {
        if attribute["deprecated"] == true {
            self.faults.push(format!("{path} is deprecated"));
        }
        if attribute["is_array"] != true {
            return self.single(attribute, value, profiles, path);
        }
        match value.as_array() {
            Some(items) => items.iter().for_each(|item| self.single(attribute, item, profiles, path)),
            None => self.faults.push(format!("{path} is no array")),
        }
    }

    fn single(&mut self, attribute: &Value, value: &Value, profiles: &BTreeSet<&str>, path: &str) {
        let name = attribute["type"].as_str().unwrap();
        if name == "object_t" {
            let kind = attribute["object_type"].as_str().unwrap();
            if kind == "object" {
                return;
            }
            let object = self.schema["objects"][kind].clone();
            assert!(!object.is_null(), "tests/ocsf/trim.py must keep the object {kind}");
            return self.object(&object, value, profiles, path);
        }
        let kind = &self.schema["types"][name];
        let right = match kind["type"].as_str().unwrap() {
            "string_t" => value.is_string(),
            "integer_t" | "long_t" => value.is_i64(),
            "boolean_t" => value.is_boolean(),
            "json_t" => true,
            other => panic!("a type that roottrail does not write: {other}"),
        };
        if !right {
            return self.faults.push(format!("{path} is no {name}: {value}"));
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if name == "ip_t" && text.parse::<std::net::IpAddr>().is_err() {
            self.faults.push(format!("{path} is no address: {text}"));
        }
        if attribute["enum"].as_object().is_some_and(|values| !values.contains_key(&text)) {
            self.faults.push(format!("{path} is none of the schema's values: {text}"));
        }
    }
}

fn holds(attribute: &Value, profiles: &BTreeSet<&str>) -> bool {
    match attribute["profiles"].as_array() {
        Some(of) => of.iter().any(|profile| profiles.contains(profile.as_str().unwrap())),
        None => true,
    }
}

fn options(class: OcsfClass) -> FormatOptions {
    FormatOptions { ocsf_class: class, ..FormatOptions::default() }
}

fn events(class: OcsfClass) -> Vec<Value> {
    let text = render(FormatName::Ocsf, &options(class));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn findings_in_ocsf_are_as_in_the_golden_file() {
    check_golden(FormatName::Ocsf, &options(OcsfClass::Finding), "ocsf.ndjson");
    check_golden(FormatName::Ocsf, &options(OcsfClass::Activity), "ocsf-activity.ndjson");
}

#[test]
fn events_are_valid_by_the_official_schema() {
    let mut checker = Checker::new();
    for class in OcsfClass::ALL {
        for event in events(*class) {
            checker.event(&event);
        }
    }
    assert!(checker.faults.is_empty(), "{:#?}", checker.faults);
}

#[test]
fn the_checker_finds_faults() {
    let mut event = events(OcsfClass::Finding).remove(0);
    event["severity_id"] = 7.into();
    event["time"] = "2026".into();
    event["nonsense"] = 1.into();
    event["metadata"].as_object_mut().unwrap().remove("product");
    event["evidences"][0]["src_endpoint"] = serde_json::json!({"ip": "AWS Internal"});
    event["evidences"][0]["user"]["credential_uid"] = "AKIA".into();
    let mut checker = Checker::new();
    checker.event(&event);
    assert_eq!(checker.faults.len(), 6, "{:#?}", checker.faults);
}

#[test]
fn sign_ins_are_authentication_and_calls_are_api_activity() {
    let classes: Vec<_> = events(OcsfClass::Activity).iter().map(|event| event["type_uid"].clone()).collect();
    assert_eq!(classes, [300201, 300201, 300201, 600301, 600399, 600301, 600302, 600304, 600303]);
}
