//! Splunk: exports of searches, and events as the HTTP event collector takes them.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[
    &[Member("_raw")],
    // The output modes `json` (one result a line, or all in one document) and `json_rows`.
    &[Member("result")],
    &[Member("results"), Each],
    &[Member("rows"), Each, Each],
    // HEC: an object, or its text.
    &[Member("event")],
];
