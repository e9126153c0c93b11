//! A finding that roottrail wrote: the record stands in it.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[&[Member("cloudtrail")]];
