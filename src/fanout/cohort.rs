//! Cohorts: the sessions of one core that get identical bytes.
//!
//! Sessions that want the same streams in the same form share one cohort. A frame is noted once per cohort, and
//! flushing is one write of the same bytes to each member. In markets most clients want one of a few sets, so the work
//! per message falls towards one write per session per batch; a session with a set of its own is a cohort of one.

use std::ops::Range;

use crate::fanout::id::{OutletId, WantId};

/// Sessions that get identical bytes.
#[derive(Debug)]
pub struct Cohort {
    /// What they want, sorted; no two cohorts have the same.
    pub wants: Box<[WantId]>,
    /// Who they are, in no order.
    pub members: Vec<OutletId>,
    /// Its frames among those that were rendered in this turn, by their numbers, in order and where they can be in one
    /// run. Their bytes lie there once, however many cohorts want them.
    pub runs: Vec<Range<u32>>,
    /// Which member the next flush begins with, so that nobody is always last.
    pub turn: usize,
}

impl Cohort {
    /// A cohort without members.
    pub fn new(wants: Box<[WantId]>) -> Cohort {
        Cohort { wants, members: Vec::new(), runs: Vec::new(), turn: 0 }
    }

    /// Adds a frame; whether it is the first of the turn.
    #[inline]
    pub fn note(&mut self, frame: u32) -> bool {
        match self.runs.last_mut() {
            Some(run) if run.end == frame => run.end += 1,
            last => {
                let is_first = last.is_none();
                self.runs.push(frame..frame + 1);
                return is_first;
            }
        }
        false
    }

    /// The members in the order of this flush; the next one begins one member later.
    pub fn next_turn(&mut self) -> usize {
        self.turn = if self.turn + 1 < self.members.len() { self.turn + 1 } else { 0 };
        self.turn
    }
}
