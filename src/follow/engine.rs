//! The loop: messages in hand, made one batch after another, each of them durable before its messages are settled.
//!
//! A batch is read as a scan of its objects is. Its findings are then written out, committed by the journal, and settled
//! at their place, in this order; only behind that are messages deleted. A message that cannot be read goes back. One
//! that cannot be read for the moment is tried again here, with pauses: for good where nothing of its bucket answers,
//! and else three times before it goes back. After a stop the batch at work is finished, and all else is given back.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::batch::{Batch, BatchSink, Fate};
use super::hand::{Hand, Held};
use super::intake::{Intake, sleep};
use super::tally::Rates;
use super::{Follow, FollowEnd, FollowTally, FollowWatch, LOOK};
use crate::cancel::Cancel;
use crate::dedupe::Dedupe;
use crate::error::{ErrorKind, Fatal, ObjectError, start};
use crate::notification::Notification;
use crate::output::patient::was_stopped;
use crate::output::sink::SinkError;
use crate::pipeline::Observer;
use crate::pipeline::batch::BatchRun;
use crate::source::Source;
use crate::source::s3::{S3Source, S3Uri};
use crate::summary::Summary;

/// Ids of messages that went back, at most. Others count as unread, whatever becomes of them.
const IDS: usize = 100_000;
/// Messages of a batch at most, unless more are due for another try.
const BATCH: usize = 500;
/// Tries in hand, where others could be read meanwhile, before a message goes back.
const TRIES: u32 = 3;
/// The longest pause between two tries in hand.
const LONGEST: Duration = Duration::from_secs(60);

/// The loop and what it goes by.
pub(super) struct Engine<'e, 'f> {
    follow: Follow<'f>,
    hand: &'e Hand,
    intake: &'e Intake<'e>,
    /// The flag that ends the receivers.
    taking: &'e Cancel,
    known: Dedupe,
    /// The buckets that were opened.
    sources: HashMap<String, S3Source>,
    /// Objects of each bucket that S3 has answered for.
    answered: HashMap<String, u64>,
    tally: FollowTally,
    rates: Rates,
    /// Messages that went back and were not read since, by id.
    unread: HashSet<String>,
    /// Questions in a row that had brought nothing at the last look for the end.
    looked: u32,
}

/// How a batch ended, where it was not as it should.
type Cut = Result<FollowEnd, Fatal>;

impl<'e, 'f> Engine<'e, 'f> {
    pub(super) fn new(
        follow: Follow<'f>,
        hand: &'e Hand,
        intake: &'e Intake<'e>,
        taking: &'e Cancel,
    ) -> Self {
        let known = follow.state.known();
        Self {
            follow,
            hand,
            intake,
            taking,
            known,
            sources: HashMap::new(),
            answered: HashMap::new(),
            tally: FollowTally::default(),
            rates: Rates::default(),
            unread: HashSet::new(),
            looked: 0,
        }
    }

    /// Runs until the stop, or the end of the queue.
    pub(super) fn run(mut self) -> Result<(FollowEnd, FollowTally), Fatal> {
        let end = match self.follow_on() {
            Ok(end) => end,
            Err(cut) => cut?,
        };
        self.taking.set();
        self.tally.refused = self.follow.place.refused();
        Ok((end, self.tally))
    }

    fn follow_on(&mut self) -> Result<FollowEnd, Cut> {
        // What an earlier process left on its way.
        self.settle_place()?;
        while !self.follow.stop.is_set() {
            if let Some(fatal) = self.hand.take_fatal() {
                return Err(Err(fatal));
            }
            let held = self.hand.take(BATCH, LOOK);
            if self.follow.state.forget(now()).map_err(Err)? {
                self.known = self.follow.state.known();
            }
            if !held.is_empty() {
                self.batch(held)?;
                continue;
            }
            let idle = self.follow.place.idle();
            idle.map_err(|error| self.cut(error))?;
            self.show(&Summary::default());
            if self.follow.holding.until_empty && self.is_empty() {
                self.taking.set();
                break;
            }
        }
        self.drain()
    }

    /// Returns whether the queue is empty. Asks only where a question has brought nothing since the last time.
    fn is_empty(&mut self) -> bool {
        let (_, empty, _) = self.hand.counts();
        let fresh = empty != self.looked;
        self.looked = empty;
        fresh && self.intake.is_empty()
    }

    /// Gives back what nobody has begun, and ends the place in order.
    fn drain(&mut self) -> Result<FollowEnd, Cut> {
        // A receiver that still asks would take again what is given back.
        while self.intake.is_receiving() {
            if !sleep(LOOK / 4, &self.follow.options.cancel) {
                return Err(Ok(FollowEnd::Interrupted));
            }
        }
        let (tried, fresh): (Vec<_>, Vec<_>) =
            self.hand.take_all().into_iter().partition(|held| held.tries > 0);
        self.note(&[], &tried);
        for held in [tried, fresh] {
            let back = self.intake.give_back(&held, |_| Duration::ZERO);
            if !back.map_err(Err)? {
                return Err(Ok(FollowEnd::Interrupted));
            }
        }
        let finished = self.follow.place.finish();
        finished.map_err(|error| self.cut(error))?;
        Ok(FollowEnd::Drained)
    }

    fn batch(&mut self, mut held: Vec<Held>) -> Result<(), Cut> {
        for held in held.iter_mut().filter(|held| held.tries == 0) {
            held.answered_before = self.answered_for(held);
        }
        let batch = Batch::sort(held, &self.follow.keys, &mut self.tally, self.follow.tell);
        let opened = self.open(&batch);
        let follow = &mut self.follow;
        let mut sink = BatchSink {
            place: follow.place,
            errors: follow.errors.as_mut(),
            keep_record: follow.keep_record,
            fates: HashMap::new(),
            answered: &mut self.answered,
            line: Vec::new(),
        };
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        let mut cut = Ok(());
        for (bucket, objects) in &batch.objects {
            match &opened[bucket] {
                Ok(source) => {
                    let source = source.clone().within(follow.keys.selection.clone());
                    sources.push(Box::new(source.only(objects)));
                }
                Err((kind, fatal)) => match sink.closed_bucket(objects, *kind, fatal) {
                    Ok(errors) => {
                        self.tally.failed += errors.len() as u64;
                        errors.iter().for_each(|error| follow.watch.error(error));
                    }
                    Err(error) => cut = Err(error),
                },
            }
        }
        if !sources.is_empty() && cut.is_ok() {
            let mut eye = Eye {
                watch: follow.watch,
                rates: &mut self.rates,
                tally: self.tally,
                hand: self.hand,
                intake: self.intake,
            };
            let run = BatchRun {
                sources,
                options: follow.options,
                dedupe: &mut self.known,
                trusted: follow.trusted,
                keep: follow.keep,
                sink: &mut sink,
                observer: &mut eye,
            };
            let summary = run.execute().map_err(|fatal| cut_of(fatal, follow.options.cancel.is_set()))?;
            match () {
                () if summary.closed => return Err(Ok(FollowEnd::Closed)),
                () if summary.interrupted => return Err(Ok(FollowEnd::Interrupted)),
                () => self.tally.add(&summary),
            }
        }
        let fates = sink.fates;
        cut.map_err(|error| self.cut(error))?;
        self.commit()?;
        if self.follow.session.access_lost() {
            let text = "access to S3 was lost and did not come back; what was in hand comes again";
            return Err(Err(start(text.to_owned())));
        }
        self.settle(batch.fates(&fates))
    }

    /// Opens the buckets of a batch, each once.
    fn open(&mut self, batch: &Batch) -> HashMap<String, Result<S3Source, (ErrorKind, Fatal)>> {
        let session = self.follow.session;
        let mut open = |bucket: &String| {
            if let Some(source) = self.sources.get(bucket) {
                return Ok(source.clone());
            }
            let uri = S3Uri::parse(&format!("s3://{bucket}"));
            let uri = uri.map_err(|error| (ErrorKind::Other, start(error.to_string())))?;
            let source = session.try_to_open(&uri)?;
            self.sources.insert(bucket.clone(), source.clone());
            Ok(source)
        };
        batch.objects.keys().map(|bucket| (bucket.clone(), open(bucket))).collect()
    }

    /// Makes the findings of a batch durable, and lets the journal say so.
    fn commit(&mut self) -> Result<(), Cut> {
        let grown = self.follow.place.write_out();
        let grown = grown.map_err(|error| self.cut(error))?;
        let copies = self.known.take_log();
        self.follow.state.commit(now(), grown, copies).map_err(Err)?;
        self.settle_place()
    }

    fn settle_place(&mut self) -> Result<(), Cut> {
        let settled = self.follow.place.settle();
        match settled.map_err(|error| self.cut(error))? {
            true => Ok(()),
            false => Err(Ok(FollowEnd::Interrupted)),
        }
    }

    /// Deletes messages that are done, gives others back, and keeps those that a pause may help.
    fn settle(&mut self, fates: Vec<(Fate, Held)>) -> Result<(), Cut> {
        let (mut done, mut back) = (Vec::new(), Vec::new());
        for (fate, mut held) in fates {
            match fate {
                Fate::Done => done.push(held),
                Fate::Failed => back.push(held),
                Fate::Later => {
                    held.tries += 1;
                    // Where nothing of its bucket can be read, it is not this object's fault.
                    if held.tries >= TRIES && self.answered_for(&held) > held.answered_before {
                        back.push(held);
                    } else {
                        let pause = Duration::from_secs(1 << held.tries.min(6)).min(LONGEST);
                        self.hand.keep(held, pause);
                    }
                }
            }
        }
        self.note(&done, &back);
        let holding = self.follow.holding;
        let after = |held: &Held| (holding.retry_delay * held.message.received).min(holding.visibility);
        let settled =
            self.intake.delete(&done).map_err(Err)? && self.intake.give_back(&back, after).map_err(Err)?;
        if settled { Ok(()) } else { Err(Ok(FollowEnd::Interrupted)) }
    }

    /// Returns for how many objects S3 has answered, in the buckets that a message names.
    fn answered_for(&self, held: &Held) -> u64 {
        let Ok(Notification::Objects(objects)) = &held.notification else { return 0 };
        let buckets: HashSet<&str> = objects.iter().map(|object| object.bucket.as_str()).collect();
        buckets.into_iter().filter_map(|bucket| self.answered.get(bucket)).sum()
    }

    /// Notes which messages are read, and which go back.
    fn note(&mut self, done: &[Held], back: &[Held]) {
        self.tally.sent_back += back.len() as u64;
        for Held { message, .. } in back {
            if !self.unread.contains(&message.id) {
                self.tally.unread += 1;
                if self.unread.len() < IDS {
                    self.unread.insert(message.id.clone());
                }
            }
        }
        for Held { message, .. } in done {
            self.tally.unread -= u64::from(self.unread.remove(&message.id));
        }
    }

    /// Returns how the run ends where the place does not take a finding.
    fn cut(&self, error: SinkError) -> Cut {
        match error {
            SinkError::Closed => Ok(FollowEnd::Closed),
            SinkError::Failed(fatal) => cut_of(fatal, self.follow.options.cancel.is_set()),
        }
    }

    fn show(&mut self, summary: &Summary) {
        let watch = &mut *self.follow.watch;
        let (tally, hand, intake) = (self.tally, self.hand, self.intake);
        Eye { watch, rates: &mut self.rates, tally, hand, intake }.see(summary);
    }
}

/// Returns how the run ends with an error. A reader who did not read until the run was over is none.
fn cut_of(fatal: Fatal, over: bool) -> Cut {
    match fatal {
        Fatal::Output { source, .. } if over && was_stopped(&source) => Ok(FollowEnd::Interrupted),
        fatal => Err(fatal),
    }
}

/// Shows how far the run is, while a batch is read too.
struct Eye<'y> {
    watch: &'y mut dyn FollowWatch,
    rates: &'y mut Rates,
    /// Without the batch at work.
    tally: FollowTally,
    hand: &'y Hand,
    intake: &'y Intake<'y>,
}

impl Eye<'_> {
    fn see(&mut self, summary: &Summary) {
        let mut tally = self.tally;
        tally.add(summary);
        let age = |event: i64| u64::try_from(now().saturating_sub(event) / 1000).unwrap_or(0);
        tally.oldest_seconds = self.hand.oldest().map(age);
        tally.in_hand = self.hand.counts().0 as u64;
        tally.backlog = self.intake.length().map(|length| length.waiting);
        self.rates.apply(Instant::now(), &mut tally);
        self.watch.progress(&tally);
    }
}

impl Observer for Eye<'_> {
    fn progress(&mut self, summary: &Summary, _: u64, _: bool) {
        self.see(summary);
    }

    fn error(&mut self, error: &ObjectError) {
        self.watch.error(error);
    }
}

/// Returns the time in milliseconds since 1970.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}
