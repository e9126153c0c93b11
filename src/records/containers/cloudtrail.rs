//! CloudTrail's own: delivered objects, and what `lookup-events` prints.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[
    &[Member("Records"), Each],
    &[Member("Events"), Each, Member("CloudTrailEvent")],
    // `--query 'Events[0]'` and PowerShell's `Get-CTEvent` print one of these events.
    &[Member("CloudTrailEvent")],
];
