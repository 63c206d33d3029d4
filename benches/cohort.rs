//! One tick to many sessions without sockets: routes, cohorts, batches and backlogs, per frame delivered.
//!
//! The sinks are memory that counts calls and bytes, so what is left is the writer's own work: rendering (once per
//! tick), appending (once per cohort), and one call per session and flush. With sockets each of those calls is a system
//! call of some microseconds, see `fanout`; so the numbers here say how little is added, not how fast a server is.
//!
//! - `cohort/1_to_1000_one_tick`: 1,000 sessions want one stream; a flush for each tick.
//! - `cohort/1_to_1000_burst_100`: the same with 100 ticks per flush, still one call per session.
//! - `cohort/500_of_500_burst_100`: 500 sessions, each with a set of its own of 20 of 100 streams, so 500 cohorts; all
//!   100 streams change, then all are flushed. The worst case: every session is a cohort of one.
//! - `slow/1_to_1000_keep_…`: the sinks take nothing in 64 flushes of a tick or of 100; every frame goes to 1,000
//!   backlogs that share its bytes. Per frame kept.
//! - `slow/1_to_1000_drain_…`: what those flushes left is taken, up to 32 pieces a call. Per frame delivered.
//! - `slow/1_to_1000_conflate`: nothing is taken of 20 streams of which only the newest value counts, until every
//!   backlog has been conflated. Per frame due.
//!
//! Each run checks calls, bytes and frames against the lengths of the ticks' frames, and that routed = delivered +
//! conflated + dropped + kept. The memory of a kept frame, its part of the shared bytes included, is printed, and must
//! be a small part of the frame.
//!
//! What would mislead: sinks without a system call, as said; all sessions slow at once, which is what makes sharing
//! cheap; and other lengths of frames than these, trades and book tickers of some 140 and 110 bytes.

mod heap;
mod tape;

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tape::Recording;
use tapecast::fanout::frame::Frame;
use tapecast::fanout::{BacklogLimits, Fanout, Form, OutletId, Sink, Want};
use tapecast::market::channel::{Channel, Scope};
use tapecast::market::symbol::{Name, Symbol, SymbolId, Venue};
use tapecast::market::tick::{Kind, Tick};
use tapecast::metrics::{CoreCounts, Metrics};
use tapecast::venue::binance::TimeUnit;
use tapecast::venue::upbit::json::StreamType;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

const FORM: Form = Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None };

/// What all sinks took, and whether they take anything.
#[derive(Debug, Default)]
struct Taken {
    calls: Cell<u64>,
    bytes: Cell<u64>,
    is_full: Cell<bool>,
}

#[derive(Clone, Debug, Default)]
struct Memory(Rc<Taken>);

impl Memory {
    #[inline]
    fn take(&self, bytes: usize) -> io::Result<usize> {
        if self.0.is_full.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.calls.set(self.0.calls.get() + 1);
        self.0.bytes.set(self.0.bytes.get() + bytes as u64);
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
        panic!("no session is cut off here");
    }
}

/// Ticks of a channel for `symbols` symbols in turn: those of the tape's first symbol, under invented names.
struct Feed {
    ticks: Vec<Tick>,
    names: Vec<Name>,
    /// The length of each tick's frame.
    lengths: Vec<u64>,
    next: usize,
}

impl Feed {
    fn new(channel: Channel, symbols: usize) -> Feed {
        let tape = Recording::demo();
        let symbol = tape.symbols.find(Venue::Binance, "BTCUSDT").expect("the built-in tape has it");
        let names: Vec<Name> = (0..symbols).map(|k| Name::new(&format!("COIN{k:03}")).expect("short")).collect();
        let of_channel = |tick: &Tick| tick.symbol == symbol && tick.channel == channel;
        let ticks = tape.events.iter().map(|event| event.tick).filter(of_channel).take(1_000);
        let ticks: Vec<Tick> =
            ticks.enumerate().map(|(i, tick)| Tick { symbol: SymbolId((i % symbols) as u32), ..tick }).collect();
        assert_eq!(ticks.len(), 1_000);
        let mut frame = Frame::default();
        let lengths = ticks.iter().map(|tick| {
            frame.render(
                &FORM,
                tick,
                &[],
                &Symbol::new(Venue::Binance, names[tick.symbol.index()]),
                StreamType::Realtime,
            );
            frame.bytes().len() as u64
        });
        let lengths = lengths.collect();
        Feed { ticks, names, lengths, next: 0 }
    }

    fn channel(&self) -> Channel {
        self.ticks[0].channel
    }
}

/// A writer with its sessions.
struct Core {
    fanout: Fanout<Memory>,
    outlets: Vec<OutletId>,
    memory: Memory,
    metrics: Arc<Metrics>,
    feed: Feed,
    /// Bytes of all frames so far, each counted once for each session that wants it.
    bytes_due: u64,
    /// How many sessions want each symbol.
    wanted_by: Vec<u64>,
}

impl Core {
    /// Sessions that each want the symbols of one of `sets`.
    fn new(feed: Feed, bytes_max: usize, sets: &[Vec<usize>]) -> Core {
        let metrics = Arc::new(Metrics::new(1));
        let limits = BacklogLimits { bytes_max, age_ms_max: u64::MAX, high_water_bytes: bytes_max };
        let mut fanout = Fanout::new(limits, Arc::default(), Arc::clone(&metrics), 0);
        let memory = Memory::default();
        for &name in &feed.names {
            let kind = Kind::Announce(Symbol::new(Venue::Binance, name));
            fanout.on_tick(&Tick { kind, ..Tick::default() }, &[]);
        }
        let mut wanted_by = vec![0; feed.names.len()];
        let mut outlets = Vec::new();
        for set in sets {
            let id = fanout.open(memory.clone());
            let want = |&k: &usize| Want { scope: Scope::Symbol(feed.names[k]), channel: feed.channel(), form: FORM };
            fanout.subscribe(id, set.iter().map(want).collect());
            set.iter().for_each(|&k| wanted_by[k] += 1);
            outlets.push(id);
        }
        Core { fanout, outlets, memory, metrics, feed, bytes_due: 0, wanted_by }
    }

    /// 1,000 sessions that want all of the feed.
    fn crowd(feed: Feed, bytes_max: usize) -> Core {
        let everything: Vec<usize> = (0..feed.names.len()).collect();
        Core::new(feed, bytes_max, &vec![everything; 1_000])
    }

    fn counts(&self) -> &CoreCounts {
        &self.metrics.cores[0]
    }

    /// Takes in some ticks and flushes.
    #[inline]
    fn turn(&mut self, ticks: usize) {
        for _ in 0..ticks {
            let (tick, length) = (&self.feed.ticks[self.feed.next], self.feed.lengths[self.feed.next]);
            self.fanout.on_tick(tick, &[]);
            self.bytes_due += length * self.wanted_by[tick.symbol.index()];
            self.feed.next = (self.feed.next + 1) % self.feed.ticks.len();
        }
        self.fanout.flush();
    }

    fn drain(&mut self) {
        for &id in &self.outlets {
            assert!(!self.fanout.drain(id));
        }
        // Takes the sessions that are no longer behind off the list of those that are.
        self.fanout.look_after();
    }

    fn kept(&self) -> u64 {
        self.outlets.iter().map(|&id| self.fanout.outlet(id).backlog.frames()).sum()
    }

    /// Whether every frame due is accounted for and every byte of those delivered was taken.
    fn check(&self) {
        let counts = self.counts();
        let (routed, delivered) = (counts.frames_routed.read(), counts.frames_delivered.read());
        let kept = self.kept();
        assert_eq!(routed, delivered + counts.frames_conflated.read() + counts.frames_dropped.read() + kept);
        assert_eq!((counts.frames_dropped.read(), counts.slow_consumers.read()), (0, 0));
        assert_eq!(counts.bytes_written.read(), self.memory.0.bytes.get());
        if kept == 0 {
            assert_eq!(self.bytes_due, self.memory.0.bytes.get());
        }
    }
}

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Times turns of `ticks` ticks that deliver `frames` frames by `calls` calls.
fn time_turns(group: &mut Group, name: &str, mut core: Core, ticks: usize, frames: u64, calls: u64) {
    group.throughput(Throughput::Elements(frames));
    let mut turns = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            core.turn(ticks);
            turns += 1;
        });
    });
    core.check();
    assert_eq!(core.counts().frames_delivered.read(), turns * frames);
    assert_eq!(core.memory.0.calls.get(), turns * calls);
}

fn cohorts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cohort");
    let feed = || Feed::new(Channel::Trade, 1);
    time_turns(&mut group, "1_to_1000_one_tick", Core::crowd(feed(), 1 << 20), 1, 1_000, 1_000);
    time_turns(&mut group, "1_to_1000_burst_100", Core::crowd(feed(), 1 << 20), 100, 100_000, 1_000);

    let sets: Vec<Vec<usize>> = (0..500).map(a_set_of_20).collect();
    let core = Core::new(Feed::new(Channel::Trade, 100), 1 << 20, &sets);
    assert_eq!(core.counts().cohorts.read(), 500);
    time_turns(&mut group, "500_of_500_burst_100", core, 100, 10_000, 500);
    group.finish();
}

/// 20 of 100 symbols, others for each number.
fn a_set_of_20(number: usize) -> Vec<usize> {
    let mut state = number as u64 + 1;
    let mut symbols: Vec<usize> = (0..100).collect();
    for k in 0..20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        symbols.swap(k, k + (state >> 33) as usize % (100 - k));
    }
    symbols.truncate(20);
    symbols
}

fn slow(criterion: &mut Criterion) {
    const FLUSHES: usize = 64;
    let mut group = criterion.benchmark_group("slow");
    group.sample_size(20);
    for (name, ticks) in [("one_tick", 1), ("burst_100", 100)] {
        let mut core = Core::crowd(Feed::new(Channel::Trade, 1), 1 << 30);
        let frames = (FLUSHES * ticks * 1_000) as u64;
        let mut shown = false;
        group.throughput(Throughput::Elements(frames));
        for (part, is_drain) in [("keep", false), ("drain", true)] {
            group.bench_function(format!("1_to_1000_{part}_{name}"), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut elapsed = Duration::ZERO;
                    for _ in 0..iterations {
                        let heap_before = heap::bytes();
                        core.memory.0.is_full.set(true);
                        let start = Instant::now();
                        (0..FLUSHES).for_each(|_| core.turn(ticks));
                        let keeping = start.elapsed();
                        core.check();
                        assert_eq!(core.kept(), frames);
                        let held = heap::bytes().saturating_sub(heap_before) as f64 / frames as f64;
                        if !std::mem::replace(&mut shown, true) {
                            let length = core.feed.lengths[0];
                            println!("slow/1_to_1000_keep_{name}: {held:.1} bytes of memory a frame of {length}");
                            assert!(held < length as f64 / 4.0, "bytes are shared");
                        }
                        core.memory.0.is_full.set(false);
                        let start = Instant::now();
                        core.drain();
                        elapsed += if is_drain { start.elapsed() } else { keeping };
                        core.check();
                    }
                    elapsed
                });
            });
        }
    }
    group.finish();
}

fn conflate(criterion: &mut Criterion) {
    let mut core = Core::crowd(Feed::new(Channel::BookTicker, 20), 512 << 10);
    core.memory.0.is_full.set(true);
    let until_conflated = |core: &mut Core| {
        let (conflated, routed) = (core.counts().frames_conflated.read(), core.counts().frames_routed.read());
        while core.counts().frames_conflated.read() == conflated {
            core.turn(100);
        }
        core.counts().frames_routed.read() - routed
    };
    // The first time the backlogs begin empty; from then on each begins with the newest frames.
    until_conflated(&mut core);
    let frames = until_conflated(&mut core);
    let mut group = criterion.benchmark_group("slow");
    group.sample_size(20).throughput(Throughput::Elements(frames));
    group.bench_function("1_to_1000_conflate", |bencher| {
        bencher.iter(|| until_conflated(&mut core));
    });
    core.check();
    assert_eq!(core.kept(), 20 * 1_000);
    group.finish();
}

criterion_group! {
    name = cohort;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = cohorts, slow, conflate
}
criterion_main!(cohort);
