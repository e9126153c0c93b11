use super::*;
use crate::json::minify::minify;
use proptest::prelude::*;

fn both(text: &str) -> (Value<'static>, Value<'static>) {
    let mut minified = String::new();
    minify(text.as_bytes(), &mut minified).unwrap();
    let minified: &'static str = minified.leak();
    (parse(minified, Box::leak(Box::default())), parse_plain(minified))
}

#[test]
fn numbers_keep_their_text() {
    for number in
        ["0", "-0", "7", "-7", "18446744073709551615", "1e400", "1.50", "123456789012345678901234567890"]
    {
        let (fast, plain) = both(number);
        assert_eq!(fast, Value::Number(number.into()));
        assert_eq!(plain, fast);
    }
}

#[test]
fn escapes_are_decoded() {
    let (fast, plain) =
        both(r#"["\u0052oot","\ud83d\ude00","\ud800","\ud800\u0041","\"\\\/\b\f\n\r\t","é"]"#);
    assert_eq!(fast, plain);
    let texts = ["Root", "😀", "\u{fffd}", "\u{fffd}A", "\"\\/\u{8}\u{c}\n\r\t", "é"];
    assert_eq!(plain, Value::Array(texts.iter().map(|&text| Value::String(text.into())).collect()));
}

#[test]
fn deep_values_stay_text() {
    let text = "[".repeat(100_000) + "\"]\"" + &"]".repeat(100_000);
    let (fast, plain) = both(&text);
    assert_eq!(fast, plain);
}

fn count(value: &Value<'_>) -> usize {
    match value {
        Value::Array(elements) => 1 + elements.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.iter().map(|(_, value)| count(value)).sum::<usize>(),
        _ => 1,
    }
}

/// The tree of a text of 63 MiB would be out of proportion to the text.
#[test]
fn a_tree_is_bounded_and_has_what_events_have() {
    let most = 1000;
    let identity = r#""userIdentity":{"type":"Root","n":[1,2]}"#;
    for (before, element, other, behind) in [
        (r#""d":["#, "0", "1", "]"),
        (r#""d":{"e":[["#, "[]", "{}", "]]}"),
        (r#""d":{"#, r#""":0"#, r#""":1"#, "}"),
        ("", r#""e":0"#, r#""e":1"#, ""),
        ("", r#""userIdentity":{"type":"IAMUser"}"#, r#""userIdentity":{"type":"X"}"#, ""),
    ] {
        let many = vec![element; most + 9].join(",");
        let [text, changed] =
            [element, other].map(|last| format!("{{{before}{many},{last}{behind},{identity}}}"));
        let bounded = |text| Plain { text, at: 0, left: most }.value(0);
        let (tree, plain) = (bounded(&text), parse_plain(&text));
        assert_eq!(tree.get("userIdentity"), plain.get("userIdentity"), "{element}");
        assert!(count(&tree) <= most + 64 && count(&plain) > most, "{element}");
        assert_ne!(tree, bounded(&changed), "what was left out tells it from others: {element}");
    }
    // A text that fits stays whole.
    let text = format!("{{\"d\":[0,[1,{{}}]],{identity}}}");
    assert_eq!(Plain { text: &text, at: 0, left: 20 }.value(0), parse_plain(&text));
}

/// Millions of small objects inflate from a few kilobytes.
#[test]
fn nothing_in_a_long_text_takes_spare_room() {
    let (tree, plain) = both(&format!("[0.5{}]", r#",{"":[1]}"#.repeat(LONG / 8)));
    assert_eq!(tree, plain);
    let Value::Array(elements) = &tree else { panic!("no array") };
    let Some(Value::Object(members)) = elements.last() else { panic!("no object") };
    let Some((_, Value::Array(one))) = members.first() else { panic!("no member") };
    assert_eq!((elements.capacity(), members.capacity(), one.capacity()), (elements.len(), 1, 1));
}

#[test]
fn of_duplicate_keys_the_last_counts() {
    let (fast, _) = both(r#"{"a":1,"b":2,"a":3}"#);
    assert_eq!(fast.get("a"), Some(&Value::Number("3".into())));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::hash_map(".{0,8}", inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn agrees(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == b,
        (Value::Number(a), serde_json::Value::Number(b)) => **a == b.to_string(),
        (Value::String(a), serde_json::Value::String(b)) => a == b,
        (Value::Array(a), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| agrees(a, b))
        }
        (Value::Object(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(key, b)| ours.get(key).is_some_and(|a| agrees(a, b)))
        }
        _ => false,
    }
}

proptest! {
    #[test]
    fn both_ways_agree_with_serde_json(value in json()) {
        let (fast, plain) = both(&value.to_string());
        prop_assert_eq!(&fast, &plain);
        prop_assert!(agrees(&plain, &value));
    }
}
