//! What is delivered allocates nothing: ticks of the built-in tape, through the writer into sockets in memory, with an
//! allocator that counts.
//!
//! Nothing is allocated per frame, per session or per cohort once buffers have grown; where everybody takes all, nothing
//! per batch either. A batch that somebody does not take at once is kept in memory of its own, and that is all: how many
//! sessions keep it makes no difference.

#[path = "../benches/heap.rs"]
mod heap;
#[path = "../benches/tape.rs"]
mod tape;

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use tape::{Event, Recording};
use tapecast::fanout::{BacklogLimits, Carrier, Fanout, Form, Framing, OutletId, Room, Sink, Want};
use tapecast::market::channel::{Channel, Scope};
use tapecast::market::symbol::{SymbolId, Venue};
use tapecast::market::tick::{Kind, Tick};
use tapecast::metrics::{CoreCounts, Metrics};
use tapecast::venue::binance::TimeUnit;
use tapecast::venue::upbit::{Edition, Format, Layout};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// Ticks of a batch.
const TICKS: usize = 64;

/// Messages of the tape that are played.
const EVENTS: usize = 64 * TICKS;

/// What a batch may allocate that somebody does not take at once: the memory that it is kept in, cut to size; and for
/// the batch after it bytes and marks of its own, which double until they hold [`TICKS`] frames.
const ALLOCATIONS_PER_KEPT_BATCH: u64 = 16;

/// Sockets that take everything or nothing.
#[derive(Clone, Default)]
struct Memory(Rc<State>);

#[derive(Default)]
struct State {
    is_full: Cell<bool>,
    bytes: Cell<usize>,
}

impl Memory {
    fn take(&self, bytes: usize) -> io::Result<usize> {
        if self.0.is_full.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.bytes.set(self.0.bytes.get() + bytes);
        Ok(bytes)
    }
}

impl Sink for Memory {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.take(bytes.len())
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.take(slices.iter().map(|slice| slice.len()).sum())
    }

    fn abort(&self) {
        panic!("nobody is cut off");
    }
}

/// A writer, and the ticks it takes in.
struct Core {
    fanout: Fanout<Memory>,
    outlets: Vec<OutletId>,
    memory: Memory,
    metrics: Arc<Metrics>,
    ticks: Vec<Event>,
}

impl Core {
    /// Sessions that each want some of the tape's streams of a venue, by their place among them.
    fn new(
        venue: Venue,
        form: impl Fn(Channel) -> Form,
        sessions: usize,
        wants: impl Fn(usize, usize) -> bool,
    ) -> Core {
        let mut tape = Recording::read(tapecast::feed::builtin::DEMO, EVENTS);
        let ticks: Vec<Event> = tape.events.drain(..).filter(|event| event.venue == venue).collect();
        let metrics = Arc::new(Metrics::new(1));
        let limits = BacklogLimits { bytes_max: 1 << 30, age_ms_max: u64::MAX, high_water_bytes: 1 << 30 };
        let mut fanout = Fanout::new(limits, Arc::default(), Arc::clone(&metrics), 0);
        for number in 0..tape.symbols.len() {
            let kind = Kind::Announce(*tape.symbols.get(SymbolId(number as u32)));
            fanout.on_tick(&Tick { kind, ..Tick::default() }, &[]);
        }
        let mut streams: Vec<_> = ticks.iter().map(|event| (event.tick.symbol, event.tick.channel)).collect();
        streams.sort_unstable_by_key(|(symbol, channel)| (symbol.0, channel.index()));
        streams.dedup();
        let (memory, mut outlets) = (Memory::default(), Vec::new());
        for session in 0..sessions {
            let id = fanout.open(memory.clone());
            let wanted = streams.iter().enumerate().filter(|(place, _)| wants(session, *place));
            let want = |(_, &(symbol, channel)): (usize, &(SymbolId, Channel))| Want {
                scope: Scope::Symbol(tape.symbols.get(symbol).name),
                channel,
                form: form(channel),
            };
            fanout.subscribe(id, wanted.map(want).collect());
            outlets.push(id);
        }
        Core { fanout, outlets, memory, metrics, ticks }
    }

    fn counts(&self) -> &CoreCounts {
        &self.metrics.cores[0]
    }

    /// Plays all ticks in batches; how many batches.
    fn play(&mut self) -> u64 {
        let mut batches = 0;
        for batch in self.ticks.chunks(TICKS) {
            batch.iter().for_each(|event| self.fanout.on_tick(&event.tick, &event.levels));
            self.fanout.flush();
            batches += 1;
        }
        batches
    }

    /// The same where nobody takes a batch at once, and everybody soon after.
    fn play_to_slow_ones(&mut self) -> u64 {
        let mut batches = 0;
        for batch in self.ticks.chunks(TICKS) {
            batch.iter().for_each(|event| self.fanout.on_tick(&event.tick, &event.levels));
            self.memory.0.is_full.set(true);
            self.fanout.flush();
            self.memory.0.is_full.set(false);
            for &id in &self.outlets {
                assert!(!self.fanout.drain(id), "all is taken");
            }
            batches += 1;
        }
        batches
    }
}

/// Whether a want is one that everybody has.
fn everything(_session: usize, _stream: usize) -> bool {
    true
}

/// A set of streams for each session that no other has, all with some stream in common.
fn a_set_of_its_own(session: usize, stream: usize) -> bool {
    stream >= 8 || (session + 1) >> stream & 1 == 1
}

/// After two passes that let buffers grow, a third allocates nothing.
fn assert_free(what: &str, mut core: Core) {
    core.play();
    core.play();
    let before = (heap::allocations(), core.counts().frames_delivered.read(), core.memory.0.bytes.get());
    let batches = core.play();
    let allocations = heap::allocations() - before.0;
    let delivered = core.counts().frames_delivered.read() - before.1;
    println!("{what}: {allocations} allocations, {delivered} frames delivered in {batches} batches");
    assert!(delivered > 10 * batches, "{what}: {delivered} frames in {batches} batches prove nothing");
    assert!(core.memory.0.bytes.get() > before.2);
    assert_eq!(allocations, 0, "{what}: {delivered} frames in {batches} batches");
}

const BINANCE: Form = Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None };

fn upbit(deflate: bool) -> Form {
    let layout = Layout { format: Format::Default, units: 30, grouping: None, edition: Edition::Today };
    Form::Upbit { venue: Venue::Upbit, layout, deflate }
}

fn framed(payload: Form, framing: Framing) -> Form {
    Form::Framed { payload: Rc::new(payload), framing }
}

fn neutral(venue: Venue) -> Form {
    Form::Neutral { venue, units: 30 }
}

#[test]
fn one_cohort_of_many() {
    let core = Core::new(Venue::Binance, |_| BINANCE, 200, everything);
    assert_eq!(core.counts().cohorts.read(), 1);
    assert_free("Binance, a cohort of 200", core);
    assert_free("Binance's binary encoding", Core::new(Venue::Binance, |_| Form::BinanceSbe, 50, everything));
    assert_free("Upbit, a cohort of 200", Core::new(Venue::Upbit, |_| upbit(false), 200, everything));
    assert_free("the form of all venues", Core::new(Venue::Upbit, |_| neutral(Venue::Upbit), 50, everything));
}

#[test]
fn many_cohorts_of_one() {
    let core = Core::new(Venue::Binance, |_| BINANCE, 200, a_set_of_its_own);
    assert_eq!(core.counts().cohorts.read(), 200);
    assert_free("Binance, 200 cohorts of one", core);
}

#[test]
fn what_stands_around_payloads() {
    for is_recoverable in [false, true] {
        let room = |channel: Channel| {
            let room = Room::new("/binance", "event", &format!("{}", channel.index()));
            framed(BINANCE, Framing::Room(Rc::new(if is_recoverable { room.recoverable() } else { room })))
        };
        assert_free("events of Socket.IO", Core::new(Venue::Binance, room, 50, everything));
    }
    let numbered = [Carrier::Frame, Carrier::Line, Carrier::Prefixed].map(|carrier| Framing::numbered(carrier, true));
    for framing in [Framing::Event(Rc::from("event")), Framing::Line, Framing::Prefixed].into_iter().chain(numbered) {
        let form = |_| framed(neutral(Venue::Binance), framing.clone());
        assert_free(&format!("{framing:?}"), Core::new(Venue::Binance, form, 50, everything));
    }
}

#[test]
fn compressed_frames() {
    let core = Core::new(Venue::Upbit, |_| upbit(true), 50, everything);
    assert_free("Upbit, compressed", core);
}

#[test]
fn what_is_not_taken_at_once_is_kept_once_for_all() {
    let mut allocations_by_crowd = Vec::new();
    for sessions in [10, 100] {
        let mut core = Core::new(Venue::Binance, |_| BINANCE, sessions, everything);
        core.play_to_slow_ones();
        core.play_to_slow_ones();
        let (before, delivered_before) = (heap::allocations(), core.counts().frames_delivered.read());
        let batches = core.play_to_slow_ones();
        let allocations = heap::allocations() - before;
        let delivered = core.counts().frames_delivered.read() - delivered_before;
        println!("kept for {sessions}: {allocations} allocations, {delivered} frames in {batches} batches");
        assert_eq!(core.counts().frames_routed.read(), core.counts().frames_delivered.read(), "all came in the end");
        assert!(allocations <= ALLOCATIONS_PER_KEPT_BATCH * batches, "{allocations} in {batches} batches");
        allocations_by_crowd.push(allocations);
        assert_eq!(core.outlets.len(), sessions);
    }
    assert_eq!(allocations_by_crowd[0], allocations_by_crowd[1], "ten times the sessions, the same memory");
}
