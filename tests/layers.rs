//! The floors of the house. A module imports from lower floors only; the files of a room form no circle; the
//! network and the command line stay where they belong.
//!
//! The sources are read as text. Each path that begins with `crate`, `super`, `self`, `roottrail` or a child
//! module is followed through re-exports to the file that defines its item. Tests may import from anywhere. A
//! room's `mod.rs` is its face: it names its files and they name it, so it is no part of a circle.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// From the ground up. A new room is one word here.
const FLOORS: &[&[&str]] = &[
    &[
        "bounded",
        "cancel",
        "error",
        "finding",
        "hex",
        "json",
        "notification",
        "own_file",
        "printable",
        "random",
        "schema",
        "sort",
        "text",
    ],
    &["format", "judge", "key", "net", "records"],
    &["coverage", "inflate", "object", "rules"],
    &["findings", "history"],
    &["detect", "filter", "posture", "report", "ship"],
    &["dedupe"],
    &["source"],
    &["plan", "scan", "verify"],
    &["summary"],
    &["output"],
    &["checkpoint", "shard"],
    &["pipeline"],
    &["follow"],
    &["cli", "main"],
];

/// Crates that stay in some places: what their names begin with, and where.
const PLACES: &[(&[&str], &[&str])] =
    &[(&["aws_", "hyper", "tokio"], &["net", "ship", "source/s3"]), (&["clap", "ctrlc"], &["cli", "main"])];

type Name = Vec<String>;

/// One source file.
struct File {
    path: String,
    module: Name,
    tokens: Vec<Token>,
    /// Names that it passes on, and where they come from.
    passed_on: BTreeMap<String, Name>,
    /// Paths into this crate, with their lines.
    imports: Vec<(usize, Name)>,
    /// First segments of all other paths.
    foreign: Vec<(usize, String)>,
    /// Types that other rooms can name.
    types: Vec<(usize, String)>,
    is_test: bool,
}

struct Token {
    line: usize,
    text: String,
}

/// Words, `::` and single characters; neither comments nor what is in quotes.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let chars: Vec<char> = source.chars().collect();
    let (mut at, mut line) = (0, 1);
    let starts = |at: usize, text: &str| text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    while let Some(&char) = chars.get(at) {
        let begin = at;
        let mut keep = false;
        if starts(at, "//") {
            while chars.get(at).is_some_and(|&c| c != '\n') {
                at += 1;
            }
        } else if char == 'r' && (starts(at, "r\"") || starts(at, "r#\"")) {
            let close = if starts(at, "r\"") { "\"" } else { "\"#" };
            at += 1 + close.len();
            while at < chars.len() && !starts(at, close) {
                at += 1;
            }
            at += close.len();
        } else if char == '"' {
            at += 1;
            while chars.get(at).is_some_and(|&c| c != '"') {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if char == '\'' && (chars.get(at + 2) == Some(&'\'') || chars.get(at + 1) == Some(&'\\')) {
            at += if chars.get(at + 1) == Some(&'\\') { 3 } else { 2 };
            while chars.get(at).is_some_and(|&c| c != '\'') {
                at += 1;
            }
            at += 1;
        } else if char.is_alphanumeric() || char == '_' {
            while chars.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_') {
                at += 1;
            }
            keep = true;
        } else {
            at += if starts(at, "::") { 2 } else { 1 };
            keep = !char.is_whitespace();
        }
        let text: String = chars[begin..at.min(chars.len())].iter().collect();
        line += text.matches('\n').count();
        if keep {
            tokens.push(Token { line, text });
        }
    }
    tokens
}

/// The module that a file is.
fn module_of(path: &str) -> Name {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// All paths of the use tree at `at`, behind `prefix`, each with the name that it gets.
fn tree(tokens: &[Token], at: &mut usize, prefix: &[String], found: &mut Vec<(usize, Name, String)>) {
    let mut path = prefix.to_vec();
    let line = tokens.get(*at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(*at) {
        match token.text.as_str() {
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| token.text != "}") {
                    let before = *at;
                    tree(tokens, at, &path, found);
                    if tokens.get(*at).is_some_and(|token| token.text == ",") || *at == before {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "self" if !path.is_empty() => {}
            text if is_word(text) => path.push(text.to_owned()),
            _ => {}
        }
        *at += 1;
        if tokens.get(*at).is_none_or(|token| token.text != "::") {
            break;
        }
        *at += 1;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if tokens.get(*at).is_some_and(|token| token.text == "as") {
        name = tokens.get(*at + 1).map_or(name, |token| token.text.clone());
        *at += 2;
    }
    found.push((line, path, name));
}

/// A path from the root of the crate. `None`: it leads out of it.
fn absolute(path: &[String], base: &[String], children: &BTreeSet<String>, in_cli: bool) -> Option<Name> {
    let mut base = base.to_vec();
    let mut rest = path;
    match path.first()?.as_str() {
        "crate" => return Some(path[1..].to_vec()),
        "roottrail" if in_cli => return Some(path[1..].to_vec()),
        "self" => rest = &path[1..],
        "super" => {}
        child if children.contains(child) => {}
        _ => return None,
    }
    while let Some((first, more)) = rest.split_first()
        && first == "super"
    {
        base.pop();
        rest = more;
    }
    base.extend_from_slice(rest);
    Some(base)
}

fn read(path: &str, source: &str) -> File {
    let module = module_of(path);
    let in_cli = module.first().is_some_and(|top| top == "cli" || top == "main");
    let tokens = tokens(source);
    let mut file = File {
        path: path.to_owned(),
        module: module.clone(),
        tokens,
        passed_on: BTreeMap::new(),
        imports: Vec::new(),
        foreign: Vec::new(),
        types: Vec::new(),
        is_test: false,
    };
    let text = |at: usize| file.tokens.get(at).map_or("", |token| token.text.as_str());
    let children: BTreeSet<String> = (0..file.tokens.len())
        .filter(|&at| text(at) == "mod" && text(at + 2) == ";")
        .map(|at| text(at + 1).to_owned())
        .collect();
    // The inline modules around, each with the depth of braces that it began at.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let (mut depth, mut at, mut test) = (0, 0, false);
    while at < file.tokens.len() {
        let line = file.tokens[at].line;
        match text(at) {
            "#" if (0..7).map(|i| text(at + i)).eq(["#", "[", "cfg", "(", "test", ")", "]"]) => {
                test = true;
                at += 7;
                continue;
            }
            "mod" if text(at + 2) == "{" => {
                if test {
                    let outside = depth;
                    at += 3;
                    depth += 1;
                    while depth > outside && at < file.tokens.len() {
                        depth = depth + usize::from(text(at) == "{") - usize::from(text(at) == "}");
                        at += 1;
                    }
                    test = false;
                    continue;
                }
                inline.push((text(at + 1).to_owned(), depth));
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.pop_if(|(_, began)| *began == depth);
            }
            ";" => test = false,
            "struct" | "enum" | "trait" | "type" | "union"
                if inline.is_empty() && depth == 0 && is_word(text(at + 1)) =>
            {
                let before: Vec<&str> = (1..5).filter_map(|i| at.checked_sub(i)).map(text).collect();
                if matches!(before[..], ["pub", ..] | [")", "crate", "(", "pub"]) {
                    let name = text(at + 1).to_owned();
                    file.types.push((line, name));
                }
            }
            word if is_word(word)
                && (at == 0 || text(at - 1) != "::")
                && (text(at + 1) == "::" || (at > 0 && text(at - 1) == "use")) =>
            {
                let public = at > 0 && text(at - 1) == "use" && at > 1 && matches!(text(at - 2), "pub" | ")");
                let mut paths = Vec::new();
                let mut end = at;
                tree(&file.tokens, &mut end, &[], &mut paths);
                let mut base = module.clone();
                base.extend(inline.iter().map(|(name, _)| name.clone()));
                for (line, path, name) in paths {
                    match absolute(&path, &base, &children, in_cli) {
                        Some(path) if public => drop(file.passed_on.insert(name, path)),
                        Some(path) if !test => file.imports.push((line, path)),
                        Some(_) => {}
                        None if !test => file.foreign.push((line, path[0].clone())),
                        None => {}
                    }
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    file
}

/// All that is wrong with these sources, one line each.
fn faults(sources: &BTreeMap<String, String>) -> Vec<String> {
    let mut files: Vec<File> = sources.iter().map(|(path, source)| read(path, source)).collect();
    let tests: Vec<Name> = files.iter().flat_map(test_modules).collect();
    for file in &mut files {
        file.is_test = tests.iter().any(|test| file.module.starts_with(test));
    }
    files.retain(|file| !file.is_test);
    let by_module: BTreeMap<&[String], &File> =
        files.iter().map(|file| (file.module.as_slice(), file)).collect();
    let mut faults = Vec::new();
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for file in &files {
        let Some(top) = file.module.first() else { continue };
        let Some(floor) = floor_of(top) else {
            faults.push(format!("{}: `{top}` is on no floor: give it one in tests/layers.rs", file.path));
            continue;
        };
        for (line, path) in &file.imports {
            let Some(first) = path.first() else { continue };
            let Some(target) = home(path, &by_module) else { continue };
            // A name of the root: it is a module of the other crate, or a macro.
            let Some(other) = target.module.first() else { continue };
            if other == top {
                if target.path != file.path && !is_face(file) && !is_face(target) {
                    edges.entry(&file.path).or_default().insert(&target.path);
                }
            } else if let Some(lower) = floor_of(other)
                && lower >= floor
            {
                let place = format!("{}:{line}", file.path);
                faults.push(format!("{place}: floor {} imports floor {}: {first}", floor + 1, lower + 1));
            }
        }
        for (line, name) in &file.foreign {
            for (crates, places) in PLACES {
                let named = crates.iter().any(|prefix| name.starts_with(prefix));
                let place = file.path.trim_start_matches("src/").trim_end_matches(".rs");
                if named && !places.iter().any(|allowed| Path::new(place).starts_with(allowed)) {
                    faults.push(format!("{}:{line}: {name} stays in {}", file.path, places.join(", ")));
                }
            }
        }
    }
    faults.extend(circles(&edges));
    faults.extend(shared_names(&files));
    faults
}

fn floor_of(top: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&top))
}

fn is_face(file: &File) -> bool {
    file.path.ends_with("/mod.rs")
}

/// Modules that are there for tests only and have a file of their own.
fn test_modules(file: &File) -> Vec<Name> {
    let text = |at: usize| file.tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    for at in 0..file.tokens.len() {
        if (0..7).map(|i| text(at + i)).eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            let word = (at + 7..at + 12).find(|&at| text(at) == "mod");
            if let Some(word) = word.filter(|&word| text(word + 2) == ";") {
                let mut module = file.module.clone();
                module.push(text(word + 1).to_owned());
                found.push(module);
            }
        }
    }
    found
}

/// The file that defines the item of a path, or the module itself.
fn home<'f>(path: &[String], files: &BTreeMap<&[String], &'f File>) -> Option<&'f File> {
    let mut path = path.to_vec();
    // A name is passed on a few times at most.
    for _ in 0..8 {
        let n = (0..=path.len()).rev().find(|&n| files.contains_key(&path[..n]))?;
        let file = files[&path[..n]];
        match path.get(n).and_then(|name| file.passed_on.get(name)) {
            Some(to) => {
                let mut to = to.clone();
                to.extend_from_slice(&path[n + 1..]);
                path = to;
            }
            None => return Some(file),
        }
    }
    None
}

/// Files that can be left one after another, the one that nothing else of the rest needs first; what is left
/// over then are circles.
fn circles(edges: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let mut left = edges.clone();
    loop {
        let open: BTreeSet<&str> = left.keys().copied().collect();
        let imported: BTreeSet<&str> = left.values().flatten().copied().collect();
        let before: usize = left.values().map(BTreeSet::len).sum::<usize>() + left.len();
        left.retain(|file, targets| {
            targets.retain(|target| open.contains(target));
            !targets.is_empty() && imported.contains(file)
        });
        if left.values().map(BTreeSet::len).sum::<usize>() + left.len() == before {
            break;
        }
    }
    if left.is_empty() {
        return Vec::new();
    }
    let mut text = "files that import each other in a circle:".to_owned();
    for (file, targets) in &left {
        let targets: Vec<&str> = targets.iter().copied().collect();
        let _infallible = write!(text, "\n  {file} -> {}", targets.join(", "));
    }
    vec![text]
}

/// Types of one name that other rooms can see.
fn shared_names(files: &[File]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    // The structs of a finding are named as its JSON is.
    for file in files.iter().filter(|file| file.module != ["finding"]) {
        for (line, name) in &file.types {
            places.entry(name).or_default().push(format!("{}:{line}", file.path));
        }
    }
    places.retain(|_, places| places.len() > 1);
    places.iter().map(|(name, places)| format!("{name} names several types: {}", places.join(", "))).collect()
}

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = BTreeMap::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                sources.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    sources
}

#[test]
fn every_import_points_down() {
    let sources = sources();
    assert!(sources.len() > 150, "{} files of the sources were found", sources.len());
    let faults = faults(&sources);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The faults of a small crate.
fn faults_of(sources: &[(&str, &str)]) -> Vec<String> {
    faults(&sources.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
}

#[test]
fn planted_violations_are_found() {
    let scan = ("src/scan/mod.rs", "mod worker;\npub use worker::Worker;\n");
    let worker = ("src/scan/worker.rs", "pub struct Worker;\n");
    for (path, text, expected) in [
        (
            "src/object.rs",
            "use std::fmt;\nuse crate::{cancel, scan::Worker};",
            &["src/object.rs:2: floor 3 imports floor 8: scan"][..],
        ),
        (
            "src/plan/mod.rs",
            "fn f() { crate::scan::g() }",
            &["src/plan/mod.rs:1: floor 8 imports floor 8: scan"],
        ),
        ("src/object.rs", "#[cfg(test)]\nmod tests { use crate::scan::Worker; }", &[]),
        ("src/object.rs", "// crate::scan\nconst A: &str = \"crate::scan::b\";", &[]),
        ("src/attic.rs", "", &["src/attic.rs: `attic` is on no floor: give it one in tests/layers.rs"]),
        (
            "src/source/disk.rs",
            "use tokio::fs;",
            &["src/source/disk.rs:1: tokio stays in net, ship, source/s3"],
        ),
        ("src/source/s3/get.rs", "use tokio::fs;", &[]),
        (
            "src/plan/mod.rs",
            "#[derive(clap::Args)] struct A;",
            &["src/plan/mod.rs:1: clap stays in cli, main"],
        ),
        (
            "src/plan/mod.rs",
            "pub enum Worker {}",
            &["Worker names several types: src/plan/mod.rs:1, src/scan/worker.rs:1"],
        ),
        ("src/plan/mod.rs", "enum Worker {}", &[]),
        ("src/cli/scan.rs", "use roottrail::scan::Worker;\nuse clap::Args;", &[]),
    ] {
        assert_eq!(faults_of(&[scan, worker, (path, text)]), expected, "{text}");
    }
}

#[test]
fn circles_are_found_through_passed_on_names() {
    let face = ("src/scan/mod.rs", "mod a;\nmod b;\nmod c;\npub use b::B;\n");
    let c = ("src/scan/c.rs", "use super::a::A;\n");
    let a = ("src/scan/a.rs", "use super::B;\npub struct A;\n");
    let free = faults_of(&[face, a, c, ("src/scan/b.rs", "pub struct B;\n")]);
    assert_eq!(free, [""; 0]);
    let circle = faults_of(&[face, a, c, ("src/scan/b.rs", "use super::a::A;\npub struct B;\n")]);
    assert_eq!(
        circle,
        [
            "files that import each other in a circle:\n  src/scan/a.rs -> src/scan/b.rs\n  src/scan/b.rs -> src/scan/a.rs"
        ]
    );
}
