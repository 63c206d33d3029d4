//! Going over the same messages again: what was published of them before is published again, in the same places.
//!
//! What is derived of a message depends on the messages before it alone; what is published of that, on what was wanted at
//! the time, of which there is a log. So an engine of its own, given the same messages and the log, publishes the same
//! ticks with the same ids. It must not be ahead: what is wanted of a message that is still to come is not known yet.

use std::sync::Arc;
use std::time::Duration;

use crate::ingest::{Control, Halt, Ingest};
use crate::market::interest::{Change, Interest};

/// How long it waits for the one it goes after, before it looks again.
const WAIT: Duration = Duration::from_millis(1);

/// Whom an ingest goes after.
pub struct Lead {
    control: Arc<Control>,
    interest: Arc<Interest>,
    /// What is known of its log, from the place where it is not yet applied.
    log: Vec<(u64, Change)>,
    applied: usize,
}

impl Lead {
    /// One that plays now.
    pub fn new(control: Arc<Control>, interest: Arc<Interest>) -> Lead {
        Lead { control, interest, log: Vec::new(), applied: 0 }
    }

    /// What it moves times by.
    pub(super) fn shift_ns(&self) -> i64 {
        self.control.shift_ns()
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
    /// Waits until the other one is done with this message, and wants what it wanted.
    pub(super) fn follow(&mut self) -> Result<(), Halt> {
        let sequence = self.sequence;
        while self.lead.as_ref().is_some_and(|lead| lead.control.done() < sequence) {
            self.nap(WAIT)?;
        }
        while let Some(change) = self.lead.as_mut().and_then(|lead| lead.change(sequence)) {
            self.engine.note_wanted(change);
        }
        Ok(())
    }
}
