//! EventBridge's envelope, by which its rules and archives hand events on.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[&[Member("detail")]];
