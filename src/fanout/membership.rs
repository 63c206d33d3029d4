//! Membership: which sessions there are, and which cohort each belongs to.

use crate::fanout::cohort::Cohort;
use crate::fanout::ending::Ending;
use crate::fanout::id::{CohortId, OutletId, WantId};
use crate::fanout::outlet::{Outlet, OutletState, Sink};
use crate::fanout::routes::Want;
use crate::fanout::writer::Fanout;
use crate::market::channel::{Scope, Stream};

impl<S: Sink> Fanout<S> {
    /// Makes room for so many sessions, so that their table never moves. What is not used of it is no memory.
    pub fn reserve(&mut self, sessions: usize) {
        self.outlets.reserve(sessions);
    }

    /// Adds a session's way out.
    pub fn open(&mut self, sink: S) -> OutletId {
        let id = OutletId(self.outlets.insert(Outlet::new(sink, self.now_ms)) as u32);
        self.metrics.cores[self.core].sessions.set(self.outlets.len() as u64);
        id
    }

    /// Takes note of why a session ends. The first reason counts: what follows, follows from it.
    pub fn note_ending(&mut self, id: OutletId, ending: Ending) {
        let outlet = &mut self.outlets[id.index()];
        if outlet.ending.is_none() {
            outlet.ending = Some(ending);
            ending.count(&self.metrics.cores[self.core]).add(1);
        }
    }

    /// Forgets a session. What it was not sent is counted as dropped; if nobody else has ended it, its client has.
    pub fn remove(&mut self, id: OutletId) -> Outlet<S> {
        self.note_ending(id, Ending::ClientLeft);
        self.leave(id);
        self.stop_waiting(id);
        let mut outlet = self.outlets.remove(id.index());
        if outlet.is_lagging {
            self.lagging.retain(|&other| other != id);
        }
        let dropped = std::mem::take(&mut outlet.backlog).frames();
        outlet.dropped += dropped;
        let counts = &self.metrics.cores[self.core];
        counts.frames_dropped.add(dropped);
        counts.sessions.set(self.outlets.len() as u64);
        outlet
    }

    /// Makes these the streams of a session; it moves to the cohort that has them. Nothing it was due is lost.
    pub fn subscribe(&mut self, id: OutletId, wants: Vec<Want>) {
        if self.outlets[id.index()].state != OutletState::Open {
            return;
        }
        let wants = self.routes.intern(wants, &self.symbols);
        self.move_to(id, wants);
    }

    pub(super) fn move_to(&mut self, id: OutletId, wants: Box<[WantId]>) {
        // Join before leaving, so that what both sets have in common is not forgotten in between.
        let joined = (!wants.is_empty()).then(|| self.cohort_of(wants));
        let current = self.outlets[id.index()].cohort.map(|(cohort, _)| cohort);
        if joined == current {
            return;
        }
        self.leave(id);
        if let Some(cohort_id) = joined {
            self.flush_cohort(cohort_id);
            let cohort = &mut self.cohorts[cohort_id.index()];
            self.outlets[id.index()].cohort = Some((cohort_id, cohort.members.len() as u32));
            cohort.members.push(id);
        }
        self.metrics.cores[self.core].cohorts.set(self.cohorts.len() as u64);
    }

    fn cohort_of(&mut self, wants: Box<[WantId]>) -> CohortId {
        if let Some(&id) = self.cohort_ids.get(&wants) {
            return id;
        }
        let id = CohortId(self.cohorts.insert(Cohort::new(wants.clone())) as u32);
        self.routes.add(id, &wants);
        self.cohort_ids.insert(wants, id);
        id
    }

    pub(super) fn leave(&mut self, id: OutletId) {
        let Some((cohort_id, place)) = self.outlets[id.index()].cohort.take() else { return };
        let cohort = &mut self.cohorts[cohort_id.index()];
        cohort.members.swap_remove(place as usize);
        if let Some(moved) = cohort.members.get(place as usize) {
            self.outlets[moved.index()].cohort = Some((cohort_id, place));
        }
        if self.cohorts[cohort_id.index()].members.is_empty() {
            let cohort = self.cohorts.remove(cohort_id.index());
            self.cohort_ids.remove(&cohort.wants);
            self.routes.remove(cohort_id, &cohort.wants, &self.symbols);
            self.metrics.cores[self.core].cohorts.set(self.cohorts.len() as u64);
        }
    }

    /// A session is to be given the next value of what is wanted as a snapshot, there being none yet, and if it `joins`
    /// all that follows.
    pub fn wait(&mut self, id: OutletId, joins: bool, want: Want) {
        if self.outlets[id.index()].state == OutletState::Open {
            self.routes.wait(id, joins, want, &self.symbols);
        }
    }

    /// A session no longer waits for anything.
    pub fn stop_waiting(&mut self, id: OutletId) {
        self.routes.stop_waiting(id, &self.symbols);
    }

    /// Whether a session is there whose sink is the one meant.
    pub fn is_open(&self, id: OutletId, is_meant: impl Fn(&S) -> bool) -> bool {
        self.outlets.get(id.index()).is_some_and(|outlet| is_meant(&outlet.sink))
    }

    /// Whether a session is sent what happens in one of these streams; in any, for `None`.
    pub fn listens_to(&self, id: OutletId, streams: Option<&[Stream]>) -> bool {
        let Some((cohort, _)) = self.outlets[id.index()].cohort else { return false };
        let wants = &self.cohorts[cohort.index()].wants;
        let Some(streams) = streams else { return !wants.is_empty() };
        let wanted = wants.iter().map(|want| self.routes.want(*want));
        let is_of = |want: &Want, stream: &Stream| match want.scope {
            Scope::Symbol(name) => self.symbols.find(want.form.venue(), name.as_str()) == Some(stream.symbol),
            Scope::Each | Scope::Collected => true,
        };
        wanted.into_iter().any(|want| streams.iter().any(|it| it.channel == want.channel && is_of(want, it)))
    }

    /// A session's way out.
    pub fn outlet(&self, id: OutletId) -> &Outlet<S> {
        &self.outlets[id.index()]
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.outlets.len()
    }
}
