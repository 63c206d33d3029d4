//! Faults on the way from the market to the ring: when they are due, and what is told in place of what should be.
//!
//! The market has seen everything before, so the server's own books stay right whatever its clients are told. While
//! nobody is to hear, and until clients may come, nothing goes wrong.

use std::sync::Arc;

use crate::feed::fault::distortion::{Distortion, Firing, Passed};
use crate::feed::fault::schedule::Schedule;
use crate::feed::fault::{Script, What};
use crate::ingest::{Halt, Ingest};
use crate::market::tick::{Level, Tick};

/// Hears of each fault that strikes.
pub type Witness = Box<dyn FnMut(Firing) + Send>;

/// A script as it is carried out beside the feed.
pub(super) struct Faults {
    script: Arc<Script>,
    schedule: Schedule,
    distortion: Distortion,
    witness: Witness,
    passed: Passed,
    due: Vec<usize>,
}

impl Ingest {
    /// The same with faults: of streams it does them itself, of others `witness` is told when they are due.
    #[must_use]
    pub fn with_faults(mut self, script: Arc<Script>, witness: Witness) -> Ingest {
        self.faults = Some(Box::new(Faults {
            schedule: Schedule::new(&script),
            distortion: Distortion::new(Arc::clone(&script)),
            script,
            witness,
            passed: Passed::default(),
            due: Vec::new(),
        }));
        self
    }

    /// Publishes what is told in place of a tick.
    #[cold]
    pub(super) fn publish_distorted(&mut self, tick: &Tick, levels: &[Level]) -> Result<(), Halt> {
        let Some(mut faults) = self.faults.take() else { return self.put(tick, levels) };
        if !self.has_caught_up || self.unheard.is_some() {
            self.faults = Some(faults);
            return self.put(tick, levels);
        }
        // Words to the cores have no time.
        if tick.ts_recv > 0 {
            faults.pass_time(self, tick.ts_recv);
        }
        if faults.distortion.is_idle() {
            self.faults = Some(faults);
            return self.put(tick, levels);
        }
        faults.distortion.take(tick, levels, &self.symbols, &mut faults.passed);
        let told = faults.tell(self);
        self.faults = Some(faults);
        told
    }

    /// Time has passed on the tape, with or without a message.
    pub(super) fn pass_time_of_faults(&mut self, tape_ns: i64) -> Result<(), Halt> {
        if !self.has_caught_up || self.unheard.is_some() {
            return Ok(());
        }
        let Some(mut faults) = self.faults.take() else { return Ok(()) };
        faults.pass_time(self, tape_ns);
        faults.distortion.pass_time(tape_ns, self.sequence, &mut faults.passed);
        let told = faults.tell(self);
        self.faults = Some(faults);
        told
    }
}

impl Faults {
    fn pass_time(&mut self, ingest: &Ingest, tape_ns: i64) {
        self.schedule.pass(tape_ns, tape_ns - ingest.seam.shift_ns(), &mut self.due);
        for fault in self.due.drain(..) {
            let what: &What = &self.script.faults[fault].what;
            if what.is_of_stream() {
                self.distortion.begin(fault, tape_ns, &ingest.symbols, &mut self.passed);
            } else {
                self.passed.firings.push(Firing { fault, tape_ns, streams: None, detail: String::new() });
            }
        }
        self.passed.firings.drain(..).for_each(&mut self.witness);
    }

    fn tell(&mut self, ingest: &mut Ingest) -> Result<(), Halt> {
        self.passed.firings.drain(..).for_each(&mut self.witness);
        let Passed { ticks, levels, .. } = &self.passed;
        let told = ticks.iter().try_for_each(|(tick, range)| {
            let levels = &levels[range.clone()];
            ingest.make_room(levels.len())?;
            ingest.put(tick, levels)
        });
        self.passed.clear();
        told
    }
}
