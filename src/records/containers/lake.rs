//! CloudTrail Lake, `get-query-results`: a row is an array of objects with one column each.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[&[Member("QueryResultRows"), Each, Each, Member("eventJson")]];
