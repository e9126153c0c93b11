//! CloudTrail's own: delivered objects, and what `lookup-events` prints.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[
    &[Member("Records"), Each],
    &[Member("Events"), Each, Member("CloudTrailEvent")],
    // One of those events, as `--query 'Events[0]'` and PowerShell's `Get-CTEvent` print it.
    &[Member("CloudTrailEvent")],
];
