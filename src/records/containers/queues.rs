//! SQS (`receive-message`) and SNS.

use super::{Path, Step::*};

pub(super) const PLACES: &[Path] = &[&[Member("Messages"), Each, Member("Body")], &[Member("Message")]];
