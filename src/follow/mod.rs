//! Objects as S3 announces them: read, judged, written durably, and only then deleted from the queue.
//!
//! ```text
//! queue ──receivers──► hand ──batch──► run over its objects ──► place: durable ──► journal ──► messages deleted
//!                       └─ leases ─► extended while anything of it is in hand
//! ```
//!
//! The loop takes what is in hand and makes one run of it, as a scan of just these objects; copies are held against
//! those of all batches of the window ([`FollowState`]). A message whose objects were read, or are skipped by their
//! names, is deleted once their findings are durable. A message with an object that could not be read goes back, to be
//! seen again after a while, until the queue's own limit passes it on to its dead-letter queue. Where S3 itself does not
//! answer, messages stay in hand for another try: an outage must not use up their chances. A kill at any moment leaves
//! messages that come again, and findings that the journal knows: nothing is lost, and nothing is written twice.

mod batch;
mod engine;
mod hand;
mod intake;
mod names;
mod outbox;
mod place;
mod rolling;
mod state;
mod tally;

use std::sync::Arc;
use std::thread::{self, Scope};
use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::{Fatal, ObjectError, start};
use crate::filter::Keep;
use crate::key::selection::KeySelection;
use crate::rules::TrustedNetworks;
use crate::scan::options::ScanOptions;
use crate::source::s3::{Queue, S3Session};
pub use batch::ErrorLines;
use engine::Engine;
use hand::Hand;
use intake::{Intake, RECEIVERS};
pub use outbox::{Outbox, ShipTold};
pub use place::{FollowPlace, StdoutPlace};
pub use rolling::{Roll, Rolling};
pub use state::{FollowState, Grown};
pub use tally::FollowTally;

/// How soon a stop is seen.
const LOOK: Duration = Duration::from_millis(100);

/// What is read, by its key.
#[derive(Clone, Debug)]
pub struct FollowKeys {
    /// The scope.
    pub selection: Arc<KeySelection>,
    /// Whether the version that was announced is read, which needs `s3:GetObjectVersion`. Else it is the latest, and
    /// one that was overwritten since is an error.
    pub versions: bool,
}

/// How messages are held.
#[derive(Clone, Copy, Debug)]
pub struct Holding {
    /// How long SQS keeps a message from others, extended as long as it is in hand.
    pub visibility: Duration,
    /// How long a message that could not be read stays away, times how often it was taken.
    pub retry_delay: Duration,
    /// How long what is in hand may take after the stop.
    pub drain: Duration,
    /// Whether the run ends once the queue is empty.
    pub until_empty: bool,
}

/// An observer of a run.
pub trait FollowWatch {
    /// Learns how far the run is; called often.
    fn progress(&mut self, tally: &FollowTally);

    /// Notes something that could not be read.
    fn error(&mut self, error: &ObjectError);
}

/// A run over the messages of a queue.
pub struct Follow<'f> {
    /// The connection to S3.
    pub session: &'f S3Session,
    /// The queue.
    pub queue: &'f Queue,
    /// What is read.
    pub keys: FollowKeys,
    /// How messages are held.
    pub holding: Holding,
    /// The options of reading. Their flag is set where a run has to end before it is drained.
    pub options: &'f ScanOptions,
    /// The networks that root is expected from.
    pub trusted: &'f TrustedNetworks,
    /// The filter of findings.
    pub keep: &'f dyn Keep,
    /// Whether findings keep the record's text.
    pub keep_record: bool,
    /// Where findings go.
    pub place: &'f mut dyn FollowPlace,
    /// What is known of earlier batches.
    pub state: &'f mut FollowState,
    /// The file that error lines are appended to.
    pub errors: Option<ErrorLines>,
    /// The observer.
    pub watch: &'f mut dyn FollowWatch,
    /// Says what happens, from any thread.
    pub tell: &'f (dyn Fn(&str) + Send + Sync),
    /// The flag that asks the run to end.
    pub stop: &'f Cancel,
}

impl std::fmt::Debug for Follow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow").field("queue", &self.queue).finish_non_exhaustive()
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowEnd {
    /// Everything that was in hand is settled.
    Drained,
    /// Something in hand was not settled in time. It comes again.
    Interrupted,
    /// The reader of standard output has gone.
    Closed,
}

impl Follow<'_> {
    /// Follows the queue until it is asked to stop, or until the queue is empty where that ends the run.
    ///
    /// # Errors
    ///
    /// Fails where the queue cannot be used, where access to S3 is lost for good, and where the place, the journal or
    /// the file of errors cannot be written. What is in hand comes again then.
    pub fn execute(self) -> Result<(FollowEnd, FollowTally), Fatal> {
        let hand = Hand::new(self.holding.until_empty);
        let (taking, done) = (self.stop.part(), Cancel::new());
        let (stop, over, drain) = (self.stop, &self.options.cancel, self.holding.drain);
        let (queue, visibility, tell) = (self.queue, self.holding.visibility, self.tell);
        let intake = Intake::new(queue, &hand, visibility, [&taking, over], tell);
        thread::scope(|scope| {
            let ending = Ending([&taking, &done]);
            let (intake, done) = (&intake, &done);
            for n in 0..RECEIVERS {
                spawn(scope, format!("receiver-{n}"), move || intake.receive(n))?;
            }
            spawn(scope, "leases".to_owned(), move || intake.extend(done))?;
            spawn(scope, "backlog".to_owned(), move || intake.look(done))?;
            let deadline = move || {
                while intake::sleep(LOOK, done) {
                    if stop.is_set() {
                        if intake::sleep(drain, done) {
                            over.set();
                        }
                        return;
                    }
                }
            };
            spawn(scope, "deadline".to_owned(), deadline)?;
            let result = Engine::new(self, &hand, intake, &taking).run();
            drop(ending);
            result
        })
    }
}

fn spawn<'s>(scope: &'s Scope<'s, '_>, name: String, work: impl FnOnce() + Send + 's) -> Result<(), Fatal> {
    let started = thread::Builder::new().name(name).spawn_scoped(scope, work).map(drop);
    started.map_err(|error| start(format!("cannot start a thread: {error}")))
}

/// Ends the threads, whatever ends the loop.
struct Ending<'e>([&'e Cancel; 2]);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|cancel| cancel.set());
    }
}
