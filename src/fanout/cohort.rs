//! Cohorts: the sessions of one core that get identical bytes.
//!
//! Sessions that want the same streams in the same form share one cohort. A frame is appended once per cohort, and
//! flushing is one write of the same bytes to each member. In markets most clients want one of a few sets, so the work
//! per message falls towards one write per session per batch; a session with a set of its own is a cohort of one.

use crate::fanout::backlog::Batch;
use crate::fanout::id::{OutletId, WantId};

/// Sessions that get identical bytes.
#[derive(Debug)]
pub struct Cohort {
    /// What they want, sorted; no two cohorts have the same.
    pub wants: Box<[WantId]>,
    /// Who they are, in no order.
    pub members: Vec<OutletId>,
    /// The frames of the batch in the making.
    pub batch: Batch,
    /// Which member the next flush begins with, so that nobody is always last.
    pub turn: usize,
}

impl Cohort {
    /// A cohort without members.
    pub fn new(wants: Box<[WantId]>) -> Cohort {
        Cohort { wants, members: Vec::new(), batch: Batch::default(), turn: 0 }
    }

    /// The members in the order of this flush; the next one begins one member later.
    pub fn next_turn(&mut self) -> usize {
        self.turn = if self.turn + 1 < self.members.len() { self.turn + 1 } else { 0 };
        self.turn
    }
}
