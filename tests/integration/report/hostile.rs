//! Findings that an attacker wrote are shown, and do nothing.

use serde_json::{Value, json};

use super::{finding, lines_of, report};
use crate::support::cli::Folder;

/// Texts that mean something to a browser, a terminal, Markdown, a spreadsheet, or a person's eye.
const TEXTS: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "\u{202e}gnp.exe\u{2066}",
    "[click](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "a|b|c\r\n| forged | row |",
    "{{ 7*7 }} {% for %}",
    "\u{9b}31m\u{200b}\u{feff}\u{0}",
];

fn hostile() -> Vec<Value> {
    let mut all = Vec::new();
    for (n, text) in TEXTS.iter().enumerate() {
        for (m, pointer) in [
            "/account_id",
            "/region",
            "/event/name",
            "/event/source",
            "/error_code",
            "/credential/access_key_id",
            "/source/address",
            "/source/user_agent",
            "/evidence/uri",
            "/evidence/conflict_with",
            "/identity/arn",
            "/session/id",
            "/time",
            "/rules/0",
        ]
        .into_iter()
        .enumerate()
        {
            let mut one = finding((n * 100 + m) as u64, "111122223333", "2026-02-03T04:00:00Z", "CreateUser");
            one["severity"] = json!("critical");
            one["cloudtrail"] =
                json!({"requestParameters": {"userName": text, *text: text}, "userAgent": text});
            *one.pointer_mut(pointer).unwrap() = json!(text);
            all.push(one);
        }
    }
    let mut long = finding(9999, "111122223333", "2026-02-03T05:00:00Z", "CreateUser");
    long["source"]["user_agent"] = json!("<b>".repeat(350_000));
    all.push(long);
    all
}

#[test]
fn hostile_texts_are_inert_in_terminal_markdown_and_json() {
    let folder = Folder::new();
    folder.put("f", lines_of(&hostile()));
    let markdown = folder.at("report.md");
    let page = folder.at("report.html");
    let args = [
        folder.at("f").to_str().unwrap().to_owned(),
        "--markdown".into(),
        markdown.to_str().unwrap().to_owned(),
        "--html".into(),
        page.to_str().unwrap().to_owned(),
    ];
    let (report, done) = report(&folder, &args.each_ref().map(String::as_str));
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let markdown = std::fs::read_to_string(markdown).unwrap();
    for (name, text) in [("terminal", &done.stdout), ("markdown", &markdown), ("json", &report.to_string())] {
        let acts = |char: char| {
            (char.is_control() && char != '\n') || "\u{202e}\u{2066}\u{200b}\u{feff}".contains(char)
        };
        assert!(!text.contains(acts), "{name}");
        assert!(text.len() < 1 << 20, "{name} has {} bytes", text.len());
    }
    for bad in ["<script", "<img", "](java", "](http", "| forged |", "http://"] {
        assert!(!markdown.contains(bad), "{bad}");
    }
    let table: Vec<usize> = markdown
        .lines()
        .skip_while(|line| !line.starts_with("## Findings"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.replace("\\|", "").matches('|').count())
        .collect();
    assert!(table.len() > 50 && table.iter().all(|columns| *columns == table[0]), "{table:?}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.len() < 2 << 20, "{}", page.len());
    // The page's own script and style, and nothing of the log's.
    assert_eq!((page.matches("<script").count(), page.matches("<style").count()), (1, 1));
    for bad in ["<img", "<b><b>", "onerror=alert(1)>", "{{ 49", "\u{1b}", "\u{202e}", "\u{9b}"] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(page.contains("{{ 7*7 }}"), "a template in a log is text");
    let body = page.split_once("</style>").unwrap().1.rsplit_once("<script>").unwrap().0;
    for tag in body.split('<').skip(1) {
        let name: String =
            tag.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '/').collect();
        let known = "a aside b body button code dd details div dl dt figcaption figure h1 h2 head header i input label li \
                     line main nav ol p pre rect section span summary sup svg table tbody td text th thead time title tr ul";
        assert!(
            known.split_whitespace().any(|one| name == one || name.strip_prefix('/') == Some(one)),
            "<{name}"
        );
    }
}
