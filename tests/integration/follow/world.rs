//! A bucket, a queue that hears of it, and the program that follows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::cli::{Done, Folder, command, lines};
use crate::support::logs::gzip;
use crate::support::s3::{ACCESS_KEY, Bucket, Keys, Meta, Objects, SECRET_KEY, Server, etag_of};
use crate::support::sqs::SqsServer;

/// Objects that tests go on to put.
#[derive(Clone)]
pub(super) struct Shared(Arc<Objects>);

impl Keys for Shared {
    fn next(&self, from: &str) -> Option<Meta> {
        self.0.next(from)
    }

    fn body(&self, key: &str) -> Option<Bytes> {
        self.0.body(key)
    }

    fn next_versions(&self, from: &str) -> Option<(String, Vec<Bytes>, bool)> {
        self.0.next_versions(from)
    }
}

pub(super) struct World {
    pub(super) folder: Folder,
    pub(super) server: Server,
    pub(super) queue: SqsServer,
    pub(super) objects: Shared,
}

impl World {
    /// `most` says after how many takings a message goes to the dead-letter queue.
    pub(super) fn new(most: Option<u32>) -> Self {
        let objects = Shared(Arc::default());
        let server = Server::start();
        server.put("trail", Bucket::new(objects.clone()));
        Self { folder: Folder::new(), server, queue: SqsServer::start(most), objects }
    }

    /// Puts an object, and returns the record of its notification.
    pub(super) fn put(&self, key: &str, body: impl Into<Bytes>) -> Value {
        let body = body.into();
        let record = record("ObjectCreated:Put", key, &body);
        self.objects.0.put(key, body);
        record
    }

    /// Puts a log, and announces it.
    pub(super) fn announce(&self, key: &str, events: &[String]) {
        let record = self.put(key, gzip(crate::support::logs::records(events)));
        self.queue.send(json!({ "Records": [record] }).to_string());
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = command();
        command
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL_S3", self.server.url())
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", "us-east-1")
            .args(["follow", "--queue-url", self.queue.url()])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !args.contains(&"--retry-delay") {
            command.args(["--retry-delay", "0"]);
        }
        command
    }

    /// Follows until the queue is empty.
    pub(super) fn follow(&self, args: &[&str]) -> Done {
        Done::of(self.command(&[&["--until-empty"], args].concat()).output().unwrap())
    }

    /// The finished files of a folder, and their findings.
    pub(super) fn files(&self, into: &str) -> BTreeMap<String, Vec<Value>> {
        findings_in(&self.folder.at(into))
    }
}

/// The finished files of a folder, and their findings.
pub(super) fn findings_in(folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.file_type().unwrap().is_file());
    files
        .map(|entry| {
            (entry.file_name().into_string().unwrap(), lines(&fs::read_to_string(entry.path()).unwrap()))
        })
        .collect()
}

/// The record of a notification, with the key encoded as S3 does it.
pub(super) fn record(event: &str, key: &str, body: &[u8]) -> Value {
    let key = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string().replace("%20", "+").replace("%2F", "/");
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2026-02-03T04:05:06.000Z", "eventName": event,
        "s3": {"bucket": {"name": "trail"}, "object": {"key": key, "size": body.len(), "eTag": etag_of(body)}},
    })
}

/// The event ids of findings, in order.
pub(super) fn ids<'v>(findings: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
    let mut ids: Vec<String> =
        findings.into_iter().map(|finding| finding["event"]["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}
