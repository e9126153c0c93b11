//! What the driver sees of a server: how findings become items, and what an answer says of each item.

use super::answer::{Failure, Part, Sent};
use super::elastic::Elastic;
use super::http::Client;
use super::splunk::Splunk;
use super::{Peer, ShipError, ShipOptions};
use crate::finding::Finding;
use crate::format::FormatError;

/// A server of one of the kinds.
#[derive(Debug)]
pub(super) enum Target {
    Elastic(Elastic),
    Splunk(Splunk),
}

impl Target {
    pub(super) fn new(options: &ShipOptions) -> Self {
        match options.peer {
            Peer::Elastic | Peer::OpenSearch => Target::Elastic(Elastic::new(options)),
            Peer::Splunk => Target::Splunk(Splunk::new(options)),
        }
    }

    /// Sets what the client sends with every request.
    pub(super) fn prepare(&self, client: &mut Client) -> Result<(), ShipError> {
        match self {
            Target::Elastic(_) => Ok(()),
            Target::Splunk(splunk) => splunk.prepare(client),
        }
    }

    /// Returns the wire bytes of a finding, in the parts that the server judges by themselves.
    pub(super) fn render(&self, finding: &Finding) -> Result<Vec<Part>, FormatError> {
        match self {
            Target::Elastic(elastic) => elastic.render(finding),
            Target::Splunk(splunk) => splunk.render(finding),
        }
    }

    /// Returns what the cursor calls this server: the same words mean the same place.
    pub(super) fn name(&self, options: &ShipOptions) -> String {
        let place = match self {
            Target::Elastic(elastic) => elastic.place(),
            Target::Splunk(splunk) => splunk.place(),
        };
        format!("{} {} {place}", options.peer, options.endpoint.url).trim_end().to_owned()
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Target::Elastic(_) => "application/x-ndjson",
            Target::Splunk(_) => "application/json",
        }
    }

    pub(super) async fn send(
        &self,
        client: &mut Client,
        body: super::http::Body,
        items: usize,
    ) -> Result<Sent, Failure> {
        let path = match self {
            Target::Elastic(elastic) => elastic.path(),
            Target::Splunk(_) => super::splunk::EVENT_PATH,
        };
        let reply = client.post(path, body).await.map_err(Failure::from)?;
        match self {
            Target::Elastic(_) => super::elastic::judge(client, &reply, items),
            Target::Splunk(_) => super::splunk::judge(client, &reply, items),
        }
    }
}
