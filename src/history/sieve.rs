//! A listing on its way through what is known: what is to be read passes.
//!
//! Objects of an open day pass or stay one by one. Those of a closed day, of which only a fingerprint is kept, wait
//! until the whole day has been listed, and pass or stay together.

use super::listing::{History, Stamp, Standing};
use crate::object::{Mark, ObjectRef};

/// A filter of listed objects: those to be read pass, in the order in which they were listed.
#[derive(Debug)]
pub struct Sieve<'m, T> {
    memory: Option<&'m History>,
    held: Vec<(ObjectRef, T)>,
}

impl<'m, T> Sieve<'m, T> {
    /// Returns a sieve; without a history everything passes.
    pub fn new(memory: Option<&'m History>) -> Self {
        Self { memory, held: Vec::new() }
    }

    /// Takes the next listed object. `stamp` is for an object without an ETag. Hands objects that are to be
    /// read over to `deliver`, until it returns `false`.
    pub fn offer(
        &mut self,
        mut object: ObjectRef,
        stamp: Option<Stamp>,
        what: T,
        deliver: &mut dyn FnMut(ObjectRef, T) -> bool,
    ) -> bool {
        let Some(memory) = self.memory else { return deliver(object, what) };
        let standing = memory.place(&mut object, stamp);
        let part = |object: &ObjectRef| object.mark.and_then(|mark| mark.part);
        if self.held.last().is_some_and(|(held, _)| part(held) != part(&object)) && !self.end(deliver) {
            return false;
        }
        match standing {
            Standing::Known => {
                memory.note_known(&object);
                true
            }
            Standing::Read => deliver(object, what),
            Standing::Later => {
                self.held.push((object, what));
                true
            }
        }
    }

    /// Ends the listing: hands over the objects that were held back.
    pub fn end(&mut self, deliver: &mut dyn FnMut(ObjectRef, T) -> bool) -> bool {
        let held = std::mem::take(&mut self.held);
        let (Some(memory), Some(Mark { part: Some(part), .. })) =
            (self.memory, held.first().and_then(|(object, _)| object.mark))
        else {
            return true;
        };
        let objects: Vec<(&ObjectRef, u64)> =
            held.iter().map(|(object, _)| (object, object.mark.map_or(0, |mark| mark.identity))).collect();
        let standings = memory.settle(part, &objects);
        held.into_iter()
            .zip(standings)
            .filter(|((object, _), standing)| {
                if *standing == Standing::Known {
                    memory.note_known(object);
                }
                *standing == Standing::Read
            })
            .all(|((object, what), _)| deliver(object, what))
    }
}
