//! Without libdeflate no object is inflated as a whole: all take the way of a stream.

use super::{FirstMember, Inflated};
use crate::records::cursor::Cursor;

/// Nothing that lasts from one object to the next.
#[derive(Debug, Default)]
pub struct NoBuffers(());

/// There is none.
#[derive(Debug)]
pub(crate) enum NoUnhashed {}

impl NoUnhashed {
    pub(crate) fn is_done(&self) -> bool {
        match *self {}
    }

    pub(crate) fn with(&mut self, _: &mut Self) {
        match *self {}
    }
}

impl NoBuffers {
    pub(super) fn whole<T>(
        &mut self,
        _: &[u8],
        _: u64,
        _: &mut impl FnMut(&mut Cursor<'_>) -> T,
    ) -> Option<(T, Inflated)> {
        None
    }

    pub(super) fn check_whole(&mut self, _: &[u8], _: u64) -> Option<Inflated> {
        None
    }

    pub(super) fn hash_whole(&mut self, _: &[u8], _: u64, _: &mut impl FnMut(&[u8])) -> Option<FirstMember> {
        None
    }

    pub(crate) fn set_hashes(&mut self, _: bool) {}

    pub(crate) fn take_unhashed(&mut self) -> Option<NoUnhashed> {
        None
    }

    pub(crate) fn has_unhashed(&self) -> bool {
        false
    }

    pub(crate) fn forget_unhashed(&mut self) {}

    pub(crate) fn are_wanted(&self) -> bool {
        false
    }

    pub(crate) fn finish(&mut self, unhashed: NoUnhashed) -> FirstMember {
        match unhashed {}
    }
}
