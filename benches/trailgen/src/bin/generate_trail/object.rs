//! One generated object: the events of one account and region that are delivered together, its key and its
//! bytes.
//!
//! A [`Scene`] draws the object's few callers and resources. Each event takes a call from the [`Catalog`] and
//! a caller from the scene, and mostly repeats one of the last pairs, as real trails do. Everything follows
//! from the seed and the object's number, so that threads may make objects in any order.

use crate::callers::{self, Root};
use crate::calls::{CALLS, Call, Who};
use crate::rng::Rng;
use crate::spelling::{self, Disguise};
use crate::template::{Caller, Resource, Template, Values};
use anyhow::Result;
use flate2::{Compression, GzBuilder};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;

const ACCOUNTS: [&str; 5] = ["111122223333", "222233334444", "444455556666", "777788889999", "999988887777"];
const REGIONS: [&str; 4] = ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1"];
const WORDS: [&str; 12] = [
    "invoice", "search", "ledger", "media", "orders", "catalog", "profile", "stream", "archive", "quota",
    "geo", "mail",
];
const FIRST_DAY: &str = "2025-03-02T00:00:00Z";
const DAYS: usize = 7;
/// Callers and resources that appear in one object: real objects repeat themselves.
const CALLERS: usize = 12;
const RESOURCES: usize = 40;
/// Events of a hundred that repeat one of the last few pairs of caller and call.
const REPEATS: usize = 94;
const REMEMBERED: usize = 8;

/// A sign-in to the console, which only root makes here.
const SIGN_IN: &str = r#"{"eventVersion":"1.08","userIdentity":<identity>,"eventTime":"<time>","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"<region>","sourceIPAddress":"<address>","userAgent":"<agent>","requestParameters":null,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true&state=<hex:16>","MobileVersion":"No","MFAUsed":"No"},"eventID":"<uuid>","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,"recipientAccountId":"<account>","eventCategory":"Management"}"#;

/// The shares of events that the user asked for.
#[derive(Debug)]
pub(crate) struct Shares {
    pub(crate) seed: u64,
    pub(crate) root: f64,
    pub(crate) decoys: f64,
    pub(crate) disguise: f64,
}

/// The parsed templates.
#[derive(Debug)]
pub(crate) struct Catalog {
    calls: Vec<(usize, &'static Call, Template)>,
    total_weight: usize,
    sign_in: Template,
}

impl Catalog {
    /// Parses all templates.
    ///
    /// # Errors
    ///
    /// Fails where a template names a slot that does not exist.
    pub(crate) fn new() -> Result<Self> {
        let (mut calls, mut total_weight) = (Vec::new(), 0);
        for call in &CALLS {
            total_weight += call.weight;
            calls.push((total_weight, call, Template::parse(&text(call))?));
        }
        Ok(Self { calls, total_weight, sign_in: Template::parse(SIGN_IN)? })
    }

    /// Returns the number of a call, drawn by weight.
    fn pick(&self, rng: &mut Rng) -> usize {
        let drawn = rng.below(self.total_weight);
        self.calls.partition_point(|(up_to, _, _)| *up_to <= drawn)
    }

    /// Returns the number of a call that a principal makes.
    fn pick_for_root(&self, rng: &mut Rng) -> usize {
        loop {
            let number = self.pick(rng);
            if self.calls[number].1.who == Who::Principals {
                return number;
            }
        }
    }
}

/// Returns the whole event of a call, with slots, in the field order of real trails.
fn text(call: &Call) -> String {
    let Call { version, service, name, request, response, read_only, management, .. } = call;
    let optional = |field: &str, value: &str| {
        if value.is_empty() { String::new() } else { format!("\"{field}\":{value},") }
    };
    let error = call.error.map_or_else(String::new, |(code, message)| {
        format!(r#""errorCode":"{code}","errorMessage":"{message}","#)
    });
    let (additional, resources) =
        (optional("additionalEventData", call.additional), optional("resources", call.resources));
    let request_id = if *service == "s3" { "<s3-request>" } else { "<uuid>" };
    let category = if *management { "Management" } else { "Data" };
    let end = match call.who {
        Who::Service(_) => r#","sharedEventID":"<uuid>""#.to_owned(),
        // Older record versions have no TLS details.
        Who::Principals if matches!(*version, "1.08" | "1.09") => String::new(),
        Who::Principals => format!(
            r#","tlsDetails":{{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"{service}.<region>.amazonaws.com"}}"#
        ),
    };
    format!(
        r#"{{"eventVersion":"{version}","userIdentity":<identity>,"eventTime":"<time>","eventSource":"{service}.amazonaws.com","eventName":"{name}","awsRegion":"<region>","sourceIPAddress":"<address>","userAgent":"<agent>",{error}"requestParameters":{request},"responseElements":{response},{additional}"requestID":"{request_id}","eventID":"<uuid>","readOnly":{read_only},{resources}"eventType":"AwsApiCall","managementEvent":{management},"recipientAccountId":"<account>","eventCategory":"{category}"{end}}}"#
    )
}

/// The counts of an object, added up for the manifest.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    /// Events of the five kinds of root.
    pub(crate) root: u64,
    /// Events of root that say `"type":"Root"` in so many bytes.
    pub(crate) plain_root: u64,
    pub(crate) assume_root_callers: u64,
    pub(crate) decoys: u64,
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    pub(crate) disguises: BTreeMap<Disguise, u64>,
}

/// An object before it is compressed.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) key: String,
    delivered: Timestamp,
    pub(crate) body: String,
    pub(crate) counts: Counts,
}

/// Returns the generator of object `number`; `purpose` keeps the uses of one number apart.
pub(crate) fn seeded(seed: u64, purpose: u64, number: u64) -> Rng {
    let base = Rng::new(Rng::new(seed).next() ^ purpose).next();
    Rng::new(Rng::new(base ^ number).next())
}

/// Makes object `number` with so many events.
///
/// # Errors
///
/// Fails only where the calendar does, which is a mistake in this file.
pub(crate) fn make(catalog: &Catalog, shares: &Shares, number: u64, events: usize) -> Result<Object> {
    let rng = &mut seeded(shares.seed, 1, number);
    let (account, region) = (*rng.pick(&ACCOUNTS), *rng.pick(&REGIONS));
    let delivered = FIRST_DAY.parse::<Timestamp>()?
        + SignedDuration::from_mins(5 * (1 + rng.below(DAYS * 24 * 12) as i64));
    let (minute, day) = (delivered.strftime("%Y%m%dT%H%MZ"), delivered.strftime("%Y/%m/%d"));
    let mut key =
        format!("AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{minute}_");
    rng.write_text(&mut key, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 16);
    key.push_str(".json.gz");

    let hour = (delivered - SignedDuration::from_hours(2)).strftime("%Y-%m-%dT%H").to_string();
    let mut scene = Scene::new(rng, account, region, &hour);
    let mut body = String::with_capacity(1400 * events + 20);
    let mut counts = Counts { events: events as u64, ..Counts::default() };
    body.push_str("{\"Records\":[");
    for event in 0..events {
        if event > 0 {
            body.push(',');
        }
        // The events of the five minutes before delivery, in order.
        let ago = 300 - (300 * event / events) as i64;
        let time = (delivered - SignedDuration::from_secs(ago)).to_string();
        scene.write_event(&mut body, catalog, shares, rng, &time, &mut counts);
    }
    body.push_str("]}");
    Ok(Object { key, delivered, body, counts })
}

impl Object {
    /// Returns the bytes of the object: one gzip member, with name and time in its header as CloudTrail
    /// writes it.
    ///
    /// # Errors
    ///
    /// Fails where the compressor does; writing to memory does not fail in practice.
    pub(crate) fn gzip(&self) -> Result<Vec<u8>> {
        let name = self.key.rsplit('/').next().unwrap_or_default().trim_end_matches(".gz");
        let seconds = u32::try_from(self.delivered.as_second())?;
        let out = Vec::with_capacity(self.body.len() / 7);
        let mut encoder = GzBuilder::new().filename(name).mtime(seconds).write(out, Compression::new(6));
        encoder.write_all(self.body.as_bytes())?;
        Ok(encoder.finish()?)
    }
}

/// The callers and resources of one object, and the last events.
struct Scene {
    account: &'static str,
    region: &'static str,
    callers: Vec<Caller>,
    services: [(&'static str, Caller); 2],
    roots: Vec<(Root, Caller)>,
    resources: Vec<Resource>,
    recent: VecDeque<(usize, usize)>,
}

impl Scene {
    fn new(rng: &mut Rng, account: &'static str, region: &'static str, hour: &str) -> Self {
        let forms = [Root::Session, Root::Session, Root::Key, Root::Service, Root::Task, Root::SignIn];
        Self {
            account,
            region,
            callers: (0..CALLERS).map(|_| callers::principal(rng, account, hour)).collect(),
            services: ["cloudtrail", "lambda"].map(|host| (host, callers::service(host))),
            roots: forms.into_iter().map(|form| (form, callers::root(rng, form, account, hour))).collect(),
            resources: (0..RESOURCES).map(|_| resource(rng)).collect(),
            recent: VecDeque::new(),
        }
    }

    fn write_event(
        &mut self,
        body: &mut String,
        catalog: &Catalog,
        shares: &Shares,
        rng: &mut Rng,
        time: &str,
        counts: &mut Counts,
    ) {
        let resource = &self.resources[often_first(rng, RESOURCES)];
        let (account, region) = (self.account, self.region);
        let values = |caller| Values { time, account, region, caller, resource };
        if happens(rng, shares.root) {
            let (form, caller) = rng.pick(&self.roots);
            let template = match form {
                Root::SignIn => &catalog.sign_in,
                _ => &catalog.calls[catalog.pick_for_root(rng)].2,
            };
            let mut text = String::new();
            template.render(&mut text, &values(caller), rng);
            let mut kind = form.kind();
            if happens(rng, shares.disguise) {
                let disguise = Disguise::pick(rng);
                text = disguise.apply(&text, &caller.identity, account);
                kind = disguise.kind(kind);
                *counts.disguises.entry(disguise).or_default() += 1;
            } else {
                counts.plain_root += 1;
            }
            *counts.kinds.entry(kind).or_default() += 1;
            if kind == "assume_root_caller" {
                counts.assume_root_callers += 1;
            } else {
                counts.root += 1;
            }
            body.push_str(&text);
            return;
        }
        let (call, caller) = match self.recent.len() {
            remembered if remembered > 0 && rng.below(100) < REPEATS => self.recent[rng.below(remembered)],
            _ => {
                let drawn = (catalog.pick(rng), often_first(rng, CALLERS));
                if self.recent.len() == REMEMBERED {
                    self.recent.pop_front();
                }
                self.recent.push_back(drawn);
                drawn
            }
        };
        let (_, call, template) = &catalog.calls[call];
        let service = match call.who {
            Who::Service(host) => self.services.iter().find(|(name, _)| *name == host),
            Who::Principals => None,
        };
        let caller = service.map_or(&self.callers[caller], |(_, caller)| caller);
        let start = body.len();
        template.render(body, &values(caller), rng);
        if happens(rng, shares.decoys) {
            let text = spelling::decoy(&body[start..], rng, account);
            body.truncate(start);
            body.push_str(&text);
            counts.decoys += 1;
        }
    }
}

fn resource(rng: &mut Rng) -> Resource {
    let word = *rng.pick(&WORDS);
    let (mut id, mut uuid) = ("0".to_owned(), String::new());
    rng.write_text(&mut id, b"0123456789abcdef", 16);
    rng.write_uuid(&mut uuid);
    let bucket = format!("{word}-{}-{}", rng.pick(&["live", "stage", "raw", "logs"]), &uuid[..6]);
    Resource { bucket, id, uuid, word }
}

/// Returns a number below `n`, small ones far more often: a few callers make most of the calls.
fn often_first(rng: &mut Rng, n: usize) -> usize {
    let limit = rng.below(n) + 1;
    rng.below(limit)
}

/// Returns true with the probability `share`.
fn happens(rng: &mut Rng, share: f64) -> bool {
    share > 0.0 && unit(rng) < share
}

/// Returns a number from 0 up to 1.
pub(crate) fn unit(rng: &mut Rng) -> f64 {
    (rng.next() >> 11) as f64 / (1_u64 << 53) as f64
}
