//! Event templates: texts with slots, parsed once and rendered many times.
//!
//! [`Template::parse`] splits a text into literals and slots; a slot that does not exist is an error.
//! [`Template::render`] fills the slots from [`Values`] or from the generator. The templates themselves, and
//! the choice among them, are in other files.

use crate::rng::Rng;
use anyhow::{Context as _, Result, bail};
use std::fmt::Write as _;

pub(crate) const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(crate) const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8] = b"0123456789abcdef";
/// The letters of S3's request ids, without those that look like digits.
const S3_ID: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The content of a slot.
#[derive(Debug, Clone, Copy)]
enum Slot {
    // The event and its object.
    Time,
    Day,
    Account,
    Region,
    // The caller: one for all of its events in the object.
    Identity,
    Address,
    Agent,
    Principal,
    // The resource that the event is about: one of the object's few.
    Bucket,
    Id,
    Thing,
    Word,
    // A new value each time.
    Object,
    FreshId,
    Uuid,
    RequestS3,
    Base32(usize),
    Base64(usize),
    Hex(usize),
    Number(usize),
}

/// A caller as the templates need it.
#[derive(Debug)]
pub(crate) struct Caller {
    /// `userIdentity`, as JSON.
    pub(crate) identity: String,
    pub(crate) address: String,
    pub(crate) agent: &'static str,
    /// The id of the caller's user or role.
    pub(crate) principal: String,
}

/// A resource and all the names that templates may call it by.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) bucket: String,
    /// `0` and 16 hexadecimal digits, as behind `i-` or `subnet-`.
    pub(crate) id: String,
    pub(crate) uuid: String,
    pub(crate) word: &'static str,
}

/// The values that slots are filled with, but for new ids.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    pub(crate) time: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) caller: &'a Caller,
    pub(crate) resource: &'a Resource,
}

/// A parsed template: literal texts, each but the last followed by a slot.
#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<(String, Slot)>,
    last: String,
}

impl Template {
    /// Parses a text with `<slots>`.
    ///
    /// # Errors
    ///
    /// Fails where the text names a slot that does not exist.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('<') {
            let (name, behind) = behind.split_once('>').context("a slot is not closed")?;
            parts.push((literal.to_owned(), slot(name)?));
            rest = behind;
        }
        Ok(Self { parts, last: rest.to_owned() })
    }

    /// Appends the text with its slots filled.
    pub(crate) fn render(&self, out: &mut String, values: &Values<'_>, rng: &mut Rng) {
        // One event names one object, however often.
        let mut object = String::new();
        for (literal, slot) in &self.parts {
            out.push_str(literal);
            match *slot {
                Slot::Time => out.push_str(values.time),
                Slot::Day => out.push_str(&values.time[..10].replace('-', "/")),
                Slot::Account => out.push_str(values.account),
                Slot::Region => out.push_str(values.region),
                Slot::Identity => out.push_str(&values.caller.identity),
                Slot::Address => out.push_str(&values.caller.address),
                Slot::Agent => out.push_str(values.caller.agent),
                Slot::Principal => out.push_str(&values.caller.principal),
                Slot::Bucket => out.push_str(&values.resource.bucket),
                Slot::Id => out.push_str(&values.resource.id),
                Slot::Thing => out.push_str(&values.resource.uuid),
                Slot::Word => out.push_str(values.resource.word),
                Slot::Object => {
                    if object.is_empty() {
                        let (day, part) = (values.time[..10].replace('-', "/"), rng.below(1000));
                        write!(object, "{}/{day}/part-{part:05}-", values.resource.word).expect("a String");
                        rng.write_text(&mut object, HEX, 8);
                        object.push_str(".parquet");
                    }
                    out.push_str(&object);
                }
                Slot::FreshId => {
                    out.push('0');
                    rng.write_text(out, HEX, 16);
                }
                Slot::Uuid => rng.write_uuid(out),
                Slot::RequestS3 => rng.write_text(out, S3_ID, 16),
                Slot::Base32(length) => rng.write_text(out, BASE32, length),
                Slot::Base64(length) => rng.write_text(out, BASE64, length),
                Slot::Hex(length) => rng.write_text(out, HEX, length),
                Slot::Number(digits) => {
                    // JSON numbers do not begin with a zero.
                    rng.write_text(out, b"123456789", 1);
                    rng.write_text(out, b"0123456789", digits - 1);
                }
            }
        }
        out.push_str(&self.last);
    }
}

fn slot(name: &str) -> Result<Slot> {
    let (name, length) = match name.split_once(':') {
        Some((name, length)) => (name, length.parse().with_context(|| format!("slot length {length}"))?),
        None => (name, 0),
    };
    Ok(match (name, length) {
        ("time", 0) => Slot::Time,
        ("day", 0) => Slot::Day,
        ("account", 0) => Slot::Account,
        ("region", 0) => Slot::Region,
        ("identity", 0) => Slot::Identity,
        ("address", 0) => Slot::Address,
        ("agent", 0) => Slot::Agent,
        ("principal", 0) => Slot::Principal,
        ("bucket", 0) => Slot::Bucket,
        ("id", 0) => Slot::Id,
        ("thing", 0) => Slot::Thing,
        ("word", 0) => Slot::Word,
        ("object", 0) => Slot::Object,
        ("fresh-id", 0) => Slot::FreshId,
        ("uuid", 0) => Slot::Uuid,
        ("s3-request", 0) => Slot::RequestS3,
        ("base32", 1..) => Slot::Base32(length),
        ("base64", 1..) => Slot::Base64(length),
        ("hex", 1..) => Slot::Hex(length),
        ("number", 1..) => Slot::Number(length),
        _ => bail!("there is no slot <{name}:{length}>"),
    })
}
