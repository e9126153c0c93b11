//! Judges the events of a file: `cargo run --example judge_event -- event.json`.
#![expect(clippy::print_stdout, reason = "the judgement is this program's output")]

use std::error::Error;

use roottrail::detect::{Place, examine};
use roottrail::json::parse::parse_plain;
use roottrail::object::ObjectRef;
use roottrail::scan::events_of;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a file")?;
    let object = ObjectRef { uri: path.clone(), ..ObjectRef::default() };
    for (record_index, text) in events_of(&std::fs::read(&path)?)?.events {
        let record = parse_plain(text.get());
        match examine(&record, text.clone(), &Place { object: &object, record_index }) {
            Some(finding) => {
                println!("{record_index}: {:?}, {}", finding.severity, finding.rules.join(", "))
            }
            None => println!("{record_index}: not root"),
        }
    }
    Ok(())
}
