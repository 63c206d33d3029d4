//! Going over the same messages again: what was published of them before is published again, in the same places.
//!
//! What is derived of a message depends on the messages before it alone; what is published of that, on what was wanted at
//! the time, of which there is a log. So an engine of its own, given the same messages and the log, publishes the same
//! ticks with the same ids. It must not be ahead: what is wanted of a message that is still to come is not known yet.

use std::sync::Arc;
use std::time::Duration;

use crate::feed::run::{FormerRun, Note};
use crate::ingest::{Control, Halt, Ingest};
use crate::market::interest::{Change, Interest};

/// How long it waits for the one it goes after, before it looks again.
const WAIT: Duration = Duration::from_millis(1);

/// Whom an ingest goes after.
pub struct Lead {
    /// `None` for one that has ended.
    control: Option<Arc<Control>>,
    interest: Arc<Interest>,
    /// What is known of its log.
    log: Vec<(u64, Change)>,
    applied: usize,
    /// The last message of one that has ended, and what the feed's clock showed then.
    end: (u64, i64),
    /// What the feed's clock showed first, where it has ended.
    begun_ns: i64,
}

impl Lead {
    /// One that plays now.
    pub fn new(control: Arc<Control>, interest: Arc<Interest>) -> Lead {
        Lead { control: Some(control), interest, log: Vec::new(), applied: 0, end: (u64::MAX, i64::MIN), begun_ns: 0 }
    }

    /// One that has ended.
    pub fn ended(run: &FormerRun) -> Lead {
        let (log, end, begun_ns) = (run.wanted.clone(), (run.done, run.clock_ns), run.begun_ns);
        Lead { control: None, interest: Arc::default(), log, applied: 0, end, begun_ns }
    }

    /// What the feed's clock showed first; 0 if it has not shown anything yet.
    fn begun_ns(&self) -> i64 {
        self.control.as_ref().map_or(self.begun_ns, |control| control.begun_ns())
    }

    /// Until when time passes behind the last message on the tape.
    pub(super) fn clock_ns(&self) -> i64 {
        self.end.1
    }

    /// What it moves times by.
    pub(super) fn shift_ns(&self) -> i64 {
        self.control.as_ref().map_or(0, |control| control.shift_ns())
    }

    /// The next change that holds for this message.
    fn change(&mut self, sequence: u64) -> Option<Change> {
        if self.applied == self.log.len() && self.interest.logged() > self.log.len() {
            self.log.extend(self.interest.log(self.log.len()));
        }
        let (since, change) = *self.log.get(self.applied)?;
        (since <= sequence).then(|| {
            self.applied += 1;
            change
        })
    }
}

impl Ingest {
    /// Has it noted on a live feed's tape what is wanted since when, and how far the feed is.
    pub(super) fn note_run(&mut self) {
        let interest = self.engine.interest();
        if interest.logged() > self.noted {
            let news = interest.log(self.noted);
            self.noted += news.len();
            news.into_iter().for_each(|(since, change)| self.feed.note(&Note::Wanted(since, change)));
        }
        if let Some(clock_ns) = self.clock_ns {
            self.feed.note_done(self.control.done(), clock_ns);
        }
    }

    /// Begins where the other one has begun.
    pub(super) fn begin_behind(&mut self) -> Result<(), Halt> {
        while self.lead.as_ref().is_some_and(|lead| lead.begun_ns() == 0) {
            self.nap(WAIT)?;
        }
        self.clock_ns = self.lead.as_ref().map(Lead::begun_ns);
        Ok(())
    }

    /// Waits until the other one is done with this message, and wants what it wanted.
    pub(super) fn follow(&mut self) -> Result<(), Halt> {
        let sequence = self.sequence;
        while let Some(Lead { control, end, .. }) = &self.lead {
            match control {
                _ if sequence > end.0 => return Err(Halt::Stopped),
                Some(control) if control.done() < sequence => self.nap(WAIT)?,
                _ => break,
            }
        }
        while let Some(change) = self.lead.as_mut().and_then(|lead| lead.change(sequence)) {
            self.engine.note_wanted(change);
        }
        Ok(())
    }
}
