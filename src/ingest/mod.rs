//! The loop feed → decode → market → ring, on a thread of its own.
//!
//! One turn: take the feed's next message when it is due, decode it, move it past the tape's seam, let the market see
//! it, publish its tick. The ring is lossless, so a full ring makes the loop wait; that is counted, and warned about
//! at any speed but max, where the tape is meant to wait for its readers.
//!
//! The loop alone holds the books. Who needs one asks with [`Control::ask`]; questions are answered between messages,
//! also while the loop waits, and after the tape's end for as long as somebody is served. So long, too, streams that
//! are derived tell those who come their newest values.

mod control;
mod faults;
mod follow;
mod message;
mod player;
mod publish;
mod seek;
mod unheard;

pub use control::{Busy, Control, Market, Questions};
pub use faults::Witness;
pub use follow::Lead;
pub use player::{Command, State, Where};
pub use seek::Reply;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::feed::FeedError;
use crate::feed::merge::Merge;
use crate::feed::replay::Speed;
use crate::feed::run::Note;
use crate::ingest::player::Player;
use crate::ingest::unheard::Unheard;
use crate::market::civil::NS_PER_MS;
use crate::market::engine::Engine;
use crate::market::engine::seam::Seam;
use crate::market::kept::quotation::Quotations;
use crate::market::kept::recent::Recent;
use crate::market::symbol::Symbols;
use crate::market::tick::{Kind, Level, Tick};
use crate::metrics::Metrics;
use crate::ring::{Publisher, Wait};
use crate::venue::Decoder;

/// How a feed is played.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How fast.
    pub speed: Speed,
    /// Whether it begins again at its end.
    pub repeat: bool,
    /// Whether its times are moved, by whole minutes, so that it plays now.
    pub shift_to_now: bool,
    /// Where it starts: the first message received then or later, nanoseconds since the epoch. `None` for its beginning.
    pub from: Option<i64>,
    /// How much of it before `from` is played unheard, in nanoseconds; `None` for all of it.
    pub warm_up_ns: Option<i64>,
    /// Where it ends: the first message received then or later is not played. `None` for its end.
    pub to: Option<i64>,
    /// Whether it does not play before it is told to.
    pub is_paused: bool,
    /// Whether it can be told what to do, so that its end need not be the end.
    pub is_controlled: bool,
    /// How many sessions must have subscribed to something before it starts.
    pub wait_for_clients: usize,
    /// What it does until the next message is due.
    pub wait: Wait,
}

impl Plan {
    /// All of a recorded feed, once, as fast as it is taken, whoever listens.
    pub fn flat_out() -> Plan {
        Plan {
            speed: Speed::Max,
            repeat: false,
            shift_to_now: false,
            from: None,
            warm_up_ns: None,
            to: None,
            is_paused: false,
            is_controlled: false,
            wait_for_clients: 0,
            wait: Wait::Park,
        }
    }
}

/// The longest the loop sleeps before it looks around.
pub const NAP_MAX: Duration = Duration::from_millis(20);

/// How long before a message is due the loop no longer sleeps, if it may look at its clock without end instead: more
/// than a sleeper oversleeps.
const SPIN_FOR: Duration = Duration::from_millis(1);

/// Messages of a live feed without a pause, after which it is noted how far it is.
const NOTE_EVERY: u64 = 256;

/// Time between two clock messages of a feed.
const CLOCK_EVERY_NS: i64 = 100 * NS_PER_MS;

/// The state of the loop.
pub struct Ingest {
    feed: Merge,
    plan: Plan,
    publisher: Publisher<Tick, Level>,
    control: Arc<Control>,
    metrics: Arc<Metrics>,
    decoder: Decoder,
    symbols: Symbols,
    announced: usize,
    engine: Engine,
    outgoing: Outgoing,
    /// The last clock message.
    clock_ns: Option<i64>,
    recent: Recent,
    quotations: Quotations,
    seam: Seam,
    sequence: u64,
    unwoken: u32,
    has_caught_up: bool,
    questions: Questions,
    player: Player,
    /// While nobody is to hear.
    unheard: Option<Unheard>,
    /// Who is to be told when the steps are done.
    stepping: Option<Reply>,
    /// Whom it goes after, where these messages were published before.
    lead: Option<Lead>,
    /// Whether what is published can be told from the tape of a live feed.
    is_noted: bool,
    /// Changes of what is wanted that have been noted there.
    noted: usize,
    /// What goes wrong on the way to the ring; `None` where nothing is to.
    faults: Option<Box<faults::Faults>>,
}

/// Ticks on their way from the market to the ring.
#[derive(Default)]
struct Outgoing {
    ticks: Vec<(Tick, Range<usize>)>,
    levels: Vec<Level>,
}

impl Outgoing {
    fn push(&mut self, tick: &Tick, levels: &[Level]) {
        let start = self.levels.len();
        self.levels.extend_from_slice(levels);
        self.ticks.push((*tick, start..self.levels.len()));
    }

    fn emptied(mut self) -> Outgoing {
        self.ticks.clear();
        self.levels.clear();
        self
    }
}

/// Why the loop does not go on as it was.
enum Halt {
    /// It was told to stop.
    Stopped,
    /// The tape is in another place now.
    Moved,
    /// A tape that was to begin again has gone.
    Feed(FeedError),
}

impl Ingest {
    /// Puts the loop together; nothing moves before [`Ingest::run`].
    pub fn new(
        feed: Merge,
        plan: Plan,
        engine: Engine,
        publisher: Publisher<Tick, Level>,
        (control, questions): (Arc<Control>, Questions),
        metrics: Arc<Metrics>,
    ) -> Ingest {
        Ingest {
            is_noted: feed.recording().is_some(),
            noted: 0,
            feed,
            plan,
            publisher,
            control,
            metrics,
            decoder: Decoder::default(),
            symbols: Symbols::default(),
            announced: 0,
            engine,
            outgoing: Outgoing::default(),
            clock_ns: None,
            recent: Recent::default(),
            quotations: Quotations::default(),
            seam: Seam::default(),
            sequence: 0,
            unwoken: 0,
            has_caught_up: false,
            questions,
            player: Player::new(plan.speed, plan.repeat, plan.is_paused),
            unheard: None,
            stepping: None,
            lead: None,
            faults: None,
        }
    }

    /// Has it go after another one that plays, or has played, the same messages: it publishes what that one did, and is
    /// never ahead of it.
    #[must_use]
    pub fn following(mut self, lead: Lead) -> Ingest {
        self.lead = Some(lead);
        self
    }

    /// Plays the feed to its end, or until it is told to stop. Whatever happens, the cores are told that it is over.
    ///
    /// # Errors
    /// [`FeedError`] where the tape repeats and its file has gone.
    pub fn run(mut self) -> Result<(), FeedError> {
        self.control.set_thread(thread::current());
        let played = self.play();
        // Before anybody can know that it is over.
        self.note_counts();
        if self.is_noted {
            self.note_run();
        }
        let end = Tick { sequence: self.sequence, kind: Kind::End, ..Tick::default() };
        if self.publish(&end, &[]).is_ok() {
            self.publisher.wake();
        }
        while !self.control.is_stopped() && self.publisher.readers() > 0 {
            self.answer();
            if self.restate().is_err() {
                break;
            }
            thread::park_timeout(NAP_MAX);
        }
        match played {
            Err(Ended::Stopped) | Ok(()) => Ok(()),
            Err(Ended::Feed(error)) => Err(error),
        }
    }

    fn play(&mut self) -> Result<(), Ended> {
        let first = self.feed.peek().unwrap_or(0);
        (self.player.first, self.player.time) = (first, first);
        if !self.plan.shift_to_now || self.plan.wait_for_clients > 0 {
            self.catch_up();
        }
        while self.control.sessions_subscribed() < self.plan.wait_for_clients {
            self.questions.answer_where(self.place());
            self.nap(NAP_MAX)?;
        }
        self.start()?;
        let mut message = Vec::new();
        loop {
            while let Some(ts_recv) = self.feed.peek().filter(|ts_recv| self.plan.to.is_none_or(|to| *ts_recv < to)) {
                match self.play_next(&mut message, ts_recv) {
                    Ok(()) | Err(Halt::Moved) => {}
                    Err(halt) => return Err(halt.into()),
                }
            }
            if let Some(clock_ns) = self.lead.as_ref().map(Lead::clock_ns) {
                self.pass_time(clock_ns)?;
            }
            if !self.player.repeat {
                if self.wait_at_end()? {
                    continue;
                }
                if !self.player.repeat {
                    return Ok(());
                }
            }
            self.feed.rewind().map_err(Ended::Feed)?;
            self.next_pass(self.plan.from)?;
        }
    }

    fn play_next(&mut self, message: &mut Vec<u8>, ts_recv: i64) -> Result<(), Halt> {
        let due = self.seam.place_time(ts_recv);
        self.pass_time(due)?;
        self.wait_until_due(due)?;
        if let Some((ts_recv, venue)) = self.feed.next(message) {
            self.player.note_message(ts_recv, true);
            self.on_message(venue, message, ts_recv)?;
            if self.is_noted && self.sequence.is_multiple_of(NOTE_EVERY) {
                self.note_run();
            }
        } else {
            // A live feed has nothing yet, and wakes this thread when it has.
            self.nap(NAP_MAX)?;
        }
        Ok(())
    }

    #[inline]
    fn wait_until_due(&mut self, tape_ns: i64) -> Result<(), Halt> {
        if self.feed.is_live() {
            // Its times are the clock's, which may be set; the machine's instants know nothing of that.
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64);
            self.metrics.ingest.feed_lag_ns.set(u64::try_from(now - tape_ns).unwrap_or(0));
            self.answer();
            self.player.advance(tape_ns);
            return if self.control.is_stopped() { Err(Halt::Stopped) } else { Ok(()) };
        }
        loop {
            if self.obey(tape_ns)? {
                return Err(Halt::Moved);
            }
            if self.player.is_held() {
                self.catch_up();
                self.nap(NAP_MAX)?;
                continue;
            }
            if self.player.steps > 0 || self.player.speed == Speed::Max {
                self.catch_up();
                self.answer();
                self.player.advance(tape_ns);
                return if self.control.is_stopped() { Err(Halt::Stopped) } else { Ok(()) };
            }
            let (due, now) = (self.player.replay.due_at(tape_ns), Instant::now());
            let wait = due.saturating_duration_since(now);
            if wait.is_zero() {
                self.metrics.ingest.feed_lag_ns.set((now - due).as_nanos() as u64);
                self.player.advance(tape_ns);
                return if self.control.is_stopped() { Err(Halt::Stopped) } else { Ok(()) };
            }
            self.catch_up();
            self.nap(wait.min(NAP_MAX))?;
        }
    }

    fn catch_up(&mut self) {
        if !self.has_caught_up {
            self.has_caught_up = true;
            self.control.set_caught_up();
        }
    }

    /// Sleeps, after waking whoever has something to read.
    fn nap(&mut self, time: Duration) -> Result<(), Halt> {
        self.wake();
        self.note_counts();
        if self.is_noted {
            self.note_run();
        }
        self.answer();
        let time = if self.plan.wait == Wait::Spin { time.saturating_sub(SPIN_FOR) } else { time };
        if time.is_zero() {
            std::hint::spin_loop();
        } else {
            // A question ends the sleep early; whoever sleeps looks at its clock again.
            thread::park_timeout(time);
        }
        if self.control.is_stopped() { Err(Halt::Stopped) } else { Ok(()) }
    }

    fn answer(&mut self) {
        let now = match self.metrics.ts_recv.load(Ordering::Relaxed) {
            // Nothing has been played yet.
            0 => self.feed.peek().unwrap_or(0),
            now => now,
        };
        let Ingest { symbols, engine, recent, quotations, .. } = &*self;
        self.questions.answer(Market { symbols, engine, recent, quotations, now });
    }

    /// Clock messages up to a time: one at every whole 100 ms of receive time, whatever the pace, so that what is told
    /// at fixed times is the same at every speed.
    fn pass_time(&mut self, until_ns: i64) -> Result<(), Halt> {
        let Some(mut clock) = self.clock_ns else {
            let begun_ns = until_ns - until_ns.rem_euclid(CLOCK_EVERY_NS);
            self.clock_ns = Some(begun_ns);
            self.control.set_begun_ns(begun_ns);
            self.feed.note(&Note::Begun(begun_ns));
            return Ok(());
        };
        while clock + CLOCK_EVERY_NS <= until_ns {
            clock += CLOCK_EVERY_NS;
            if self.unheard.is_none() {
                self.wait_until_due(clock)?;
            }
            self.clock_ns = Some(clock);
            self.number()?;
            self.engine.on_clock(clock, self.sequence, &mut |tick, levels| self.outgoing.push(tick, levels));
            self.publish_outgoing()?;
            self.control.set_done(self.sequence);
            if self.faults.is_some() {
                self.pass_time_of_faults(clock)?;
            }
        }
        Ok(())
    }

    /// Behind the tape's end no clock message comes any more, and who subscribes then still gets the newest values.
    fn restate(&mut self) -> Result<(), Halt> {
        let now = self.metrics.ts_recv.load(Ordering::Relaxed);
        if self.engine.is_asked_anew() {
            self.sequence += 1;
        }
        self.engine.on_clock(now, self.sequence, &mut |tick, levels| self.outgoing.push(tick, levels));
        self.publish_outgoing()?;
        self.wake();
        Ok(())
    }

    fn publish_outgoing(&mut self) -> Result<(), Halt> {
        let outgoing = std::mem::take(&mut self.outgoing);
        let published =
            outgoing.ticks.iter().try_for_each(|(tick, range)| self.tell(tick, &outgoing.levels[range.clone()]));
        self.outgoing = outgoing.emptied();
        published
    }

    #[inline]
    fn tell(&mut self, tick: &Tick, levels: &[Level]) -> Result<(), Halt> {
        match self.unheard.take() {
            None => self.publish(tick, levels),
            Some(unheard) => self.publish_unheard(unheard, tick, levels),
        }
    }

    fn note_counts(&self) {
        let counts = self.engine.counts();
        self.metrics.ingest.depth_gaps.set(counts.books.gaps);
        self.metrics.ingest.books_synced.set(counts.books.books_synced);
        self.metrics.ingest.ticks_derived.set(counts.ticks_derived);
        self.metrics.ingest.late_trades.set(counts.late_trades);
        for (count, value) in self.metrics.lines_damaged.iter().zip(self.feed.damaged()) {
            count.set(value);
        }
    }
}

/// Why a feed ended before its end.
enum Ended {
    Stopped,
    Feed(FeedError),
}
