//! The tape under control: commands between two messages, and going to another place.
//!
//! Whatever is done, ids and times that clients see rise ([`seam`](crate::market::engine::seam)), and chains of updates
//! hold ([`unheard`](super::unheard)). To go forward, what lies between is played unheard. To go back, the tape begins
//! again, and what lies between its start and the place is played unheard.

use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::feed::replay::Speed;
use crate::ingest::player::{Command, State, Where};
use crate::ingest::unheard::{Unheard, Way, way_of};
use crate::ingest::{Ended, Halt, Ingest};
use crate::market::civil::NS_PER_SECOND;
use crate::market::tick::{Level, Tick};

/// Gets the answer to a command.
pub type Reply = Box<dyn FnOnce(Where) + Send>;

/// Commands as they arrive at the ingest thread.
pub(super) type Commands = Receiver<(Command, Reply)>;

/// Messages played unheard between two looks at what is asked.
const LOOK_EVERY: u64 = 256;

impl Ingest {
    /// Ties the tape to the clock. A tape shifted to now is moved by whole minutes and begins in the last one; what lies
    /// before the present second is played at once: so its candles stay aligned and its times are the machine's.
    pub(super) fn start(&mut self) -> Result<(), Halt> {
        let first = self.feed.peek().unwrap_or(0);
        self.player.state = State::Playing;
        self.note_pace();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64);
        if self.plan.shift_to_now {
            let minute = 60 * NS_PER_SECOND;
            let ahead = now - self.plan.from.unwrap_or(first).max(first);
            self.seam.begin_at(ahead - ahead.rem_euclid(minute));
        } else if let Some(lead) = &self.lead {
            self.seam.begin_at(lead.shift_ns());
            self.begin_behind()?;
        }
        self.control.set_shift_ns(self.seam.shift_ns());
        if let Some(from) = self.plan.from {
            if let Some(warm_up_ns) = self.plan.warm_up_ns {
                self.feed.skip_to(from.saturating_sub(warm_up_ns));
            }
            self.play_unheard(from)?;
        }
        let next = self.feed.peek().unwrap_or(first) + self.seam.shift_ns();
        self.player.tie(if self.plan.shift_to_now { now } else { next });
        Ok(())
    }

    /// Tells the cores whether messages come faster than clients may take them.
    fn note_pace(&self) {
        self.control.set_waits_for_readers(self.player.speed == Speed::Max || self.player.steps > 0);
    }

    /// Where the tape is.
    pub(super) fn place(&self) -> Where {
        let player = &self.player;
        let state = match player.state {
            State::Playing if player.is_held() => State::Paused,
            state => state,
        };
        Where {
            state,
            time: player.time,
            shift_ns: self.seam.shift_ns(),
            position: player.position,
            played: player.played,
            pass: self.seam.pass(),
            speed: player.speed,
            repeat: player.repeat,
            first: player.first,
            from: self.plan.from,
            to: self.plan.to,
        }
    }

    /// Carries out what waits; called between two messages only. `true` where the tape is in another place now.
    /// `next` is the time of what is played next, as clients see it.
    pub(super) fn obey(&mut self, next: i64) -> Result<bool, Halt> {
        loop {
            let mut has_moved = false;
            self.answer_to_steps();
            let Some((command, reply)) = self.questions.command() else { return Ok(false) };
            if command == Command::default() {
                reply(self.place());
                continue;
            }
            self.player.hold(next);
            if let Some(time) = command.seek {
                self.seek(time)?;
                has_moved = true;
            }
            if let Some(speed) = command.speed {
                self.player.speed = speed;
            }
            if let Some(repeat) = command.repeat {
                self.player.repeat = repeat;
            }
            if let Some(is_paused) = command.pause {
                (self.player.is_paused, self.player.steps) = (is_paused, 0);
            }
            self.player.tie(self.player.placed);
            match command.step {
                Some(steps) => {
                    // Whoever waits for other steps is told how far they got.
                    if let Some(earlier) = self.stepping.take() {
                        earlier(self.place());
                    }
                    (self.player.is_paused, self.player.steps) = (true, steps);
                    self.stepping = Some(reply);
                }
                None => reply(self.place()),
            }
            self.note_pace();
            if has_moved {
                return Ok(true);
            }
        }
    }

    /// Tells whoever asked for steps when they are done.
    fn answer_to_steps(&mut self) {
        if (self.player.steps == 0 || self.player.state == State::Ended)
            && let Some(reply) = self.stepping.take()
        {
            self.player.steps = 0;
            self.note_pace();
            reply(self.place());
        }
    }

    /// Goes to a time of the tape: the next message is the first one received then or later.
    fn seek(&mut self, time: i64) -> Result<(), Halt> {
        self.control.set_moved();
        if time <= self.player.last && self.player.position > 0 {
            self.feed.rewind().map_err(Halt::Feed)?;
            self.next_pass(Some(time))
        } else {
            self.play_unheard(time)
        }
    }

    /// Begins the tape again, and plays what lies before `from` unheard.
    pub(super) fn next_pass(&mut self, from: Option<i64>) -> Result<(), Halt> {
        self.control.set_moved();
        let bridges = self.seam.next_pass(&self.engine);
        self.player.position = 0;
        self.metrics.ingest.passes.add(1);
        for bridge in bridges {
            self.sequence += 1;
            let tick = Tick { sequence: self.sequence, ..bridge.tick };
            self.pass_on(&tick, &bridge.levels)?;
        }
        match from {
            Some(time) => self.play_unheard(time),
            None => Ok(()),
        }
    }

    /// Plays what was received before a time of the tape, as fast as it can be decoded.
    pub(super) fn play_unheard(&mut self, until: i64) -> Result<(), Halt> {
        let before = std::mem::replace(&mut self.player.state, State::Seeking);
        self.unheard = Some(Unheard::default());
        let played = self.play_until(until);
        let mut unheard = self.unheard.take().unwrap_or_default();
        played?;
        for (tick, levels) in unheard.states() {
            self.sequence_of(tick, |ingest, tick| ingest.publish(&tick, &levels))?;
        }
        for (tick, levels) in unheard.deferred() {
            self.sequence_of(tick, |ingest, tick| ingest.pass_on(&tick, &levels))?;
        }
        // The tape stands at its next message, which is due at once.
        let next = self.feed.peek().map_or(self.player.placed, |next| next + self.seam.shift_ns());
        self.player.tie(next);
        self.player.time = self.feed.peek().unwrap_or(self.player.last);
        self.player.state = if before == State::Ended { State::Playing } else { before };
        self.wake();
        Ok(())
    }

    /// What is told late is told as of now.
    fn sequence_of(
        &mut self,
        tick: Tick,
        tell: impl FnOnce(&mut Ingest, Tick) -> Result<(), Halt>,
    ) -> Result<(), Halt> {
        self.number()?;
        let ts_recv = tick.ts_recv.max(self.player.placed);
        let tick = Tick { sequence: self.sequence, ts_recv, ..tick };
        tell(self, tick)?;
        self.control.set_done(self.sequence);
        Ok(())
    }

    fn play_until(&mut self, until: i64) -> Result<(), Halt> {
        let mut message = Vec::new();
        let to = self.plan.to.unwrap_or(i64::MAX);
        while let Some(ts_recv) = self.feed.peek().filter(|ts_recv| *ts_recv < until.min(to)) {
            let due = self.seam.place_time(ts_recv);
            self.pass_time(due)?;
            if let Some((ts_recv, venue)) = self.feed.next(&mut message) {
                self.player.note_message(ts_recv, false);
                self.player.advance(due);
                self.on_message(venue, &mut message, ts_recv)?;
            }
            if self.player.position.is_multiple_of(LOOK_EVERY) {
                self.answer();
                self.questions.answer_where(self.place());
                if self.control.is_stopped() {
                    return Err(Halt::Stopped);
                }
            }
        }
        Ok(())
    }

    /// What comes out of the market while nobody is to hear.
    pub(super) fn publish_unheard(&mut self, mut unheard: Unheard, tick: &Tick, levels: &[Level]) -> Result<(), Halt> {
        let told = match way_of(tick) {
            Way::Tell => self.publish(tick, levels),
            Way::Keep => {
                unheard.keep(tick, levels);
                Ok(())
            }
            Way::Drop => {
                self.quotations.on_tick(tick, levels);
                self.recent.on_tick(tick);
                Ok(())
            }
        };
        self.unheard = Some(unheard);
        told
    }

    /// At the end of a tape that is under control: waits until it is taken back. `false` where nobody can do that.
    pub(super) fn wait_at_end(&mut self) -> Result<bool, Halt> {
        if !self.plan.is_controlled {
            return Ok(false);
        }
        self.player.state = State::Ended;
        loop {
            if self.obey(self.player.placed)? {
                self.player.state = State::Playing;
                return Ok(true);
            }
            if self.player.repeat {
                self.player.state = State::Playing;
                return Ok(false);
            }
            self.restate()?;
            self.nap(super::NAP_MAX)?;
        }
    }
}

impl From<Halt> for Ended {
    fn from(halt: Halt) -> Ended {
        match halt {
            Halt::Stopped | Halt::Moved => Ended::Stopped,
            Halt::Feed(error) => Ended::Feed(error),
        }
    }
}
