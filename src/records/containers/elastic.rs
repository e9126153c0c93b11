//! Elasticsearch, OpenSearch, Beats and Logstash.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[
    &[Member("event"), Member("original")],
    &[Member("event.original")],
    &[Member("message")],
    // A document as scroll, export and dump tools write it, and the answer to a search.
    &[Member("_source")],
    &[Member("hits"), Member("hits"), Each],
];
