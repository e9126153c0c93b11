//! The driver: sends batches until every item is settled, and moves the cursor over settled batches only.
//!
//! One request is on its way at a time. The answer sorts the items: those that were taken or were there before are
//! settled, those that the server refuses for good go to the dead letter file, and the rest are sent again after a
//! pause. A request that is too large, or spoilt by an item that the answer does not name, is sent in halves until
//! the item is found. Where Splunk acknowledges later, up to [`WINDOW`] batches wait, and a batch that is not
//! acknowledged in time is sent again. The run ends where nothing has been settled for too long; every failure before
//! that is a pause.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::answer::{Failure, Item, ItemResult};
use super::batch::{Batches, Mark};
use super::cursor::Cursor;
use super::dead::{DeadLetters, Refusal};
use super::http::Client;
use super::splunk::{self, Acks};
use super::target::Target;
use super::{Event, ShipError, ShipOptions, ShipSummary, ShipWatch};
use crate::net::backoff::Backoff;

/// How many batches may wait for Splunk's acknowledgement at a time.
const WINDOW: usize = 16;

/// Delivers as [`super::run`] says.
pub(super) async fn run(options: &ShipOptions, watch: &mut dyn ShipWatch) -> Result<ShipSummary, ShipError> {
    let target = Target::new(options);
    let mut client = Client::new(&options.endpoint, options.timing.request, options.gzip)?;
    target.prepare(&mut client)?;
    let cursor = Cursor::load(&options.cursor, &target.name(options))?;
    let summary = ShipSummary {
        settled_before: options.files.iter().map(|file| cursor.offset(file)).sum(),
        ..ShipSummary::default()
    };
    let backoff = Backoff::new(options.timing.first_pause, options.timing.longest_pause);
    let driver = Driver {
        options,
        target,
        client,
        cursor,
        dead: DeadLetters::new(&options.dead_letters),
        backoff,
        progress: Instant::now(),
        flights: VecDeque::new(),
        summary,
        watch,
    };
    driver.run().await
}

/// A batch on its way: sent, but not yet all acknowledged.
struct Flight {
    acks: Vec<Ack>,
    end: Mark,
}

/// Items that the server has taken and will acknowledge.
struct Ack {
    /// The numbers under which they were sent; any of them will do.
    ids: Vec<u64>,
    items: Vec<Item>,
    sent: Instant,
    /// After this long they are sent again.
    patience: Duration,
}

struct Driver<'r> {
    options: &'r ShipOptions,
    target: Target,
    client: Client,
    cursor: Cursor,
    dead: DeadLetters,
    backoff: Backoff,
    /// When something was last settled.
    progress: Instant,
    flights: VecDeque<Flight>,
    summary: ShipSummary,
    watch: &'r mut dyn ShipWatch,
}

impl Driver<'_> {
    async fn run(mut self) -> Result<ShipSummary, ShipError> {
        let mut batches = Batches::new(self.options);
        let mut rehearsed = HashMap::new();
        loop {
            let batch = match batches.next(&self.target, &self.cursor) {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => {
                    // What stands before the broken place is still delivered.
                    self.settle(0).await?;
                    return Err(error);
                }
            };
            self.summary.findings += batch.findings + batch.unsendable.len() as u64;
            if self.options.dry_run {
                self.summary.dead_letters += batch.unsendable.len() as u64;
                self.summary.delivered += batch.items.len() as u64;
                self.encode(&batch.items)?;
                rehearsed.insert(batch.end.file, batch.end.offset);
                let bytes = self.options.files.iter().map(|file| match rehearsed.get(file) {
                    Some(offset) => *offset,
                    None => self.cursor.offset(file),
                });
                self.watch.settled(bytes.sum(), &self.summary);
                continue;
            }
            for one in &batch.unsendable {
                self.refuse(&one.line, one.id.as_deref(), None, &one.refusal)?;
            }
            let largest = batches.batch_bytes;
            let acks = self.send(batch.items, &mut batches.batch_bytes).await?;
            // Requests of half the size are enough to be safe; they need not become one item each.
            batches.batch_bytes = batches.batch_bytes.max(largest / 2);
            self.flights.push_back(Flight { acks, end: batch.end });
            self.settle(WINDOW).await?;
        }
        self.settle(0).await?;
        Ok(self.summary)
    }

    /// Sends items until each is taken or refused. What the server will acknowledge later is handed back.
    async fn send(&mut self, items: Vec<Item>, batch_bytes: &mut usize) -> Result<Vec<Ack>, ShipError> {
        let mut groups = VecDeque::from([items]);
        let mut acks = Vec::new();
        while let Some(mut group) = groups.pop_front() {
            if group.is_empty() {
                continue;
            }
            let body = self.encode(&group)?;
            match self.target.send(&mut self.client, body, group.len()).await {
                Ok(sent) if sent.ack.is_some_and(|id| self.waits_for(id, &acks)) => {
                    // As from several servers behind one address: what is said of this number later could be meant
                    // for either batch.
                    self.summary.resent += group.len() as u64;
                    groups.push_front(group);
                    let reason = "two batches have one acknowledgement number; is the load balancer sticky?";
                    self.pause(reason.into(), None).await?;
                }
                Ok(sent) => {
                    if let Some(reason) = sent.slow {
                        self.watch.event(Event::Slow(reason));
                        sleep(self.backoff.next(None)).await;
                    }
                    let (taken, again, reason) = self.sort(group, sent.verdicts)?;
                    match sent.ack {
                        Some(id) => acks.push(Ack {
                            ids: vec![id],
                            items: taken,
                            sent: Instant::now(),
                            patience: self.options.timing.acknowledgement,
                        }),
                        None if !taken.is_empty() => self.advance(),
                        None => {}
                    }
                    if !again.is_empty() {
                        self.summary.resent += again.len() as u64;
                        groups.push_front(again);
                        self.pause(reason, None).await?;
                    }
                }
                Err(Failure::Again { reason, after }) => {
                    self.summary.resent += group.len() as u64;
                    groups.push_front(group);
                    self.pause(reason, after).await?;
                }
                Err(Failure::Split(refusal)) => {
                    if let [item] = group.as_slice() {
                        self.refuse(&item.line, Some(&item.id), item.part, &refusal)?;
                        continue;
                    }
                    if refusal.status == Some(413) {
                        *batch_bytes = (*batch_bytes / 2).max(1);
                    }
                    let second = group.split_off(group.len() / 2);
                    groups.push_front(second);
                    groups.push_front(group);
                }
                Err(Failure::Spoilt(index, refusal)) => {
                    let after = group.split_off(index + 1);
                    if let Some(item) = group.pop() {
                        self.refuse(&item.line, Some(&item.id), item.part, &refusal)?;
                    }
                    groups.push_front(after);
                    groups.push_front(group);
                }
                Err(Failure::Stop(reason)) => return Err(ShipError::Refused(reason)),
            }
        }
        Ok(acks)
    }

    /// Returns whether a batch before this one has the number, and is not acknowledged yet.
    fn waits_for(&self, id: u64, acks: &[Ack]) -> bool {
        self.flights.iter().flat_map(|flight| &flight.acks).chain(acks).any(|ack| ack.ids.contains(&id))
    }

    /// Sorts items by what the server said: taken, or to be sent again (and the first reason why).
    fn sort(
        &mut self,
        items: Vec<Item>,
        verdicts: Vec<ItemResult>,
    ) -> Result<(Vec<Item>, Vec<Item>, String), ShipError> {
        let (mut taken, mut again, mut reason) = (Vec::new(), Vec::new(), String::new());
        let mut stop = None;
        for (item, verdict) in items.into_iter().zip(verdicts) {
            match verdict {
                ItemResult::Delivered | ItemResult::AlreadyThere => {
                    self.summary.delivered += 1;
                    self.summary.already_there += u64::from(matches!(verdict, ItemResult::AlreadyThere));
                    taken.push(item);
                }
                ItemResult::Again(why) => {
                    if again.is_empty() {
                        reason = why;
                    }
                    again.push(item);
                }
                ItemResult::Refused(refusal) => {
                    self.refuse(&item.line, Some(&item.id), item.part, &refusal)?;
                }
                ItemResult::Stop(why) => stop = Some(why),
            }
        }
        match stop {
            Some(why) => Err(ShipError::Refused(why)),
            None => Ok((taken, again, reason)),
        }
    }

    /// Waits until at most `window` batches wait for acknowledgement, and all before them are settled.
    async fn settle(&mut self, window: usize) -> Result<(), ShipError> {
        loop {
            while self.flights.front().is_some_and(|flight| flight.acks.is_empty()) {
                let Some(flight) = self.flights.pop_front() else { break };
                // Dead letters first: a finding must stand somewhere before the cursor passes it.
                self.dead.sync()?;
                self.cursor.settle(&flight.end.file, flight.end.offset, flight.end.sha256)?;
                let bytes = self.options.files.iter().map(|file| self.cursor.offset(file)).sum();
                self.watch.settled(bytes, &self.summary);
            }
            if self.flights.len() <= window {
                return Ok(());
            }
            let ids: Vec<u64> =
                self.flights.iter().flat_map(|flight| &flight.acks).flat_map(|ack| ack.ids.clone()).collect();
            let acks = splunk::acknowledged(&mut self.client, &ids).await;
            match acks {
                // What nobody asked for is no progress.
                Ok(Acks::Done(done)) if done.iter().any(|id| ids.contains(id)) => {
                    self.advance();
                    for flight in &mut self.flights {
                        flight.acks.retain(|ack| !ack.ids.iter().any(|id| done.contains(id)));
                    }
                }
                Ok(Acks::Done(_)) => {
                    let poll = self.options.timing.poll;
                    self.wait(poll, || "no acknowledgement".into()).await?;
                }
                Ok(Acks::Off) => self.flights.iter_mut().for_each(|flight| flight.acks.clear()),
                Ok(Acks::Again(reason)) => self.pause(reason, None).await?,
                Err(Failure::Stop(reason)) => return Err(ShipError::Refused(reason)),
                Err(failure) => self.pause(format!("{failure:?}"), None).await?,
            }
            self.send_again().await?;
        }
    }

    /// Sends again what was not acknowledged in time. A server that is merely slow may still acknowledge the
    /// first sending, and gets twice the time for the second.
    async fn send_again(&mut self) -> Result<(), ShipError> {
        for index in 0..self.flights.len() {
            let acks = std::mem::take(&mut self.flights[index].acks);
            let (late, waiting): (Vec<_>, Vec<_>) =
                acks.into_iter().partition(|ack| ack.sent.elapsed() >= ack.patience);
            self.flights[index].acks = waiting;
            for ack in late {
                let count = ack.items.len() as u64;
                self.watch
                    .event(Event::Slow(format!("{count} events were not acknowledged and are sent again")));
                self.summary.resent += count;
                self.summary.delivered -= count;
                let mut unused = usize::MAX;
                let mut again = self.send(ack.items, &mut unused).await?;
                if let [whole] = again.as_mut_slice() {
                    whole.ids.extend(ack.ids);
                    whole.patience = ack.patience.saturating_mul(2);
                }
                self.flights[index].acks.extend(again);
            }
        }
        Ok(())
    }

    fn encode(&mut self, items: &[Item]) -> Result<super::http::Body, ShipError> {
        let mut batch = Vec::with_capacity(items.iter().map(|item| item.payload.len()).sum());
        items.iter().for_each(|item| batch.extend_from_slice(&item.payload));
        let body = self.client.encode(self.target.content_type(), batch)?;
        self.summary.requests += 1;
        self.summary.bytes += body.len() as u64;
        Ok(body)
    }

    fn refuse(
        &mut self,
        line: &super::input::Line,
        id: Option<&str>,
        part: Option<&str>,
        refusal: &Refusal,
    ) -> Result<(), ShipError> {
        self.dead.write(line, id, part, refusal)?;
        self.summary.dead_letters += 1;
        self.watch.event(Event::DeadLetter(format!(
            "{}: {} ({})",
            id.unwrap_or("a line that is no finding"),
            refusal.reason,
            refusal.kind
        )));
        self.advance();
        Ok(())
    }

    fn advance(&mut self) {
        self.progress = Instant::now();
        self.backoff.reset();
    }

    /// Waits after a failure.
    async fn pause(&mut self, reason: String, after: Option<Duration>) -> Result<(), ShipError> {
        let delay = self.backoff.next(after);
        self.watch.event(Event::Pause { reason: reason.clone(), delay });
        self.wait(delay, || reason).await
    }

    /// Waits, but ends the run where nothing has gone on for too long.
    async fn wait(&mut self, delay: Duration, reason: impl FnOnce() -> String) -> Result<(), ShipError> {
        let waited = self.progress.elapsed();
        let left = self.options.timing.give_up.saturating_sub(waited);
        if left.is_zero() {
            return Err(ShipError::GaveUp { reason: reason(), waited });
        }
        sleep(delay.min(left)).await;
        Ok(())
    }
}
