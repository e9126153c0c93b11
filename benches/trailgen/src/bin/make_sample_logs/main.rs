//! Makes `sample-logs`: a small trail bucket on disk that tells the story of a root compromise.
//!
//! `cargo run -p trailgen --bin make_sample_logs -- [FOLDER]` writes the same bytes each time, below
//! `sample-logs` or the folder named, and prints the figures that `sample-logs/README.md` gives. No file is
//! deleted: files that earlier versions left behind must be removed by hand.
#![expect(clippy::print_stdout, reason = "the figures are this program's output")]

mod bucket;
mod digests;
mod event;
mod look_alikes;
mod ordinary;
mod reports;
#[path = "../../rng.rs"]
mod rng;
mod story;

use anyhow::{Context as _, Result};
use event::{Class, Event};
use rng::Rng;
use std::collections::BTreeMap;
use std::path::Path;
use story::VICTIM;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).unwrap_or_else(|| "sample-logs".into());
    let root = Path::new(&folder);
    let rng = &mut Rng::new(20_251_118);

    let lines = story::events(rng);
    let copied = lines.iter().find(|event| event.name == "CreateAccessKey").context("root creates a key")?;
    let (copied, class) = (copied.event_id.clone(), copied.class);
    let mut events = lines;
    events.extend(look_alikes::events(rng));
    events.extend(ordinary::events(rng));
    let mut counts: BTreeMap<(Class, &str), usize> = BTreeMap::new();
    for event in &events {
        *counts.entry((event.class, event.account)).or_default() += 1;
    }

    let objects = bucket::deliver(rng, events, &copied)?;
    let digests = digests::signed(&objects)?;
    let insight = bucket::insight(rng);
    let mut size = 0;
    for object in objects.iter().chain(&digests).chain([&insight]) {
        size += bucket::write(root, &object.key, &object.text)?;
    }
    let exported = earlier_sign_ins(rng);
    size += bucket::write(root, "exports/lookup-events.json", &bucket::export(&exported))?;

    let (reports, bytes) = reports::write(root)?;
    size += bytes;

    println!("| class | account | events |\n|---|---|---:|");
    for ((class, account), count) in &counts {
        println!("| {class:?} | {account} | {count} |");
    }
    for (event, _) in &exported {
        *counts.entry((event.class, event.account)).or_default() += 1;
    }
    let delivered: usize = objects.iter().map(|object| object.records).sum();
    let matched = |class: Class| !matches!(class, Class::LookAlike | Class::Ordinary);
    let found: usize = counts.iter().filter(|((class, _), _)| matched(*class)).map(|(_, count)| count).sum();
    println!("\nlog objects: {}, records in them: {delivered}", objects.len());
    println!("exported: {} events, {} of root", exported.len(), root_events(&exported));
    println!("delivered twice: {copied} ({class:?})");
    println!(
        "records in all: {}, findings: {found}, matched with the copy: {}",
        delivered + exported.len(),
        found + 1
    );
    println!("digests, their keys, and the newest's signature: {}", digests.len());
    println!("credential reports: {reports}");
    println!("bytes on disk: {size}");
    Ok(())
}

fn root_events(exported: &[(Event, &str)]) -> usize {
    exported.iter().filter(|(event, _)| event.class == Class::RootUser).count()
}

/// Returns sign-ins from before the trail existed, as the event history still has them, with the intruder's
/// first try.
fn earlier_sign_ins(rng: &mut Rng) -> Vec<(Event, &'static str)> {
    let mut event = |time: &str, user: &'static str, root: bool, result: &str| {
        let mut event = Event::new(rng, VICTIM, "us-east-1", time, "signin.amazonaws.com", "ConsoleLogin");
        event.event_type = "AwsConsoleSignIn";
        event.agent = story::BROWSER;
        event.response = format!("{{\"ConsoleLogin\":\"{result}\"}}");
        event.additional =
            r#"{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}"#.to_owned();
        if root {
            event.class = Class::RootUser;
            event.identity = event::root_sign_in(VICTIM);
            event.address = "198.51.100.87".to_owned();
        } else {
            event.identity = format!(
                r#"{{"type":"IAMUser","principalId":"AIDAZ6TQXK4RMEXAMPLE","arn":"arn:aws:iam::{VICTIM}:user/{user}","accountId":"{VICTIM}","userName":"{user}"}}"#
            );
            event.address = "203.0.113.15".to_owned();
        }
        if result == "Failure" {
            event.error_message = "Failed authentication".to_owned();
        }
        (event, user)
    };
    vec![
        event("2025-10-27T08:58:13Z", "alice", false, "Success"),
        event("2025-10-27T23:41:06Z", "root", true, "Failure"),
        event("2025-10-27T23:41:52Z", "root", true, "Failure"),
        event("2025-10-28T09:03:40Z", "alice", false, "Failure"),
        event("2025-10-28T09:03:55Z", "alice", false, "Success"),
    ]
}
