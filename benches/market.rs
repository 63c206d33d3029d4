//! What a tick costs the market engine, and what moving it past the seam of a repeating tape costs.
//!
//! `engine_on_tick` hands the ticks of a pass over the built-in tape to an engine whose books are whole, a pass per
//! iteration; from pass to pass the seam moves ids and times outside of the timed part, so that changes keep following
//! one another. `depth` are the changes every 100 ms of nine books that begin with some 400 levels, 5.1 levels a tick
//! in the mean; `trade` are Binance's trades; `tape` is everything in its order, where the changes every second come
//! after what they repeat, and are skipped. Nothing that could be derived is wanted.
//!
//! `engine_derive` is the same for an engine that derives all it can, with the channels wanted that the name says, and
//! the time shown is that of one tick. What is kept does not depend on what is wanted, so `trade_for_nothing` and
//! `depth_for_nothing` are what candles, windows and books cost to keep, and the others add what it costs to tell them,
//! at their boundaries or at once. For each the ticks it publishes and the allocations it makes are printed, both per
//! tick taken in, counted over passes after the first ten.
//!
//! `seam_place` copies a tick out of a table of 1,024 and moves it, as the ingest loop does, on the first pass (which
//! takes note of ids) and on a later one (which adds to them); `copy` is the copy alone.
//!
//! Every pass must apply each of its changes without a gap, and end with books that stand at the last change's id. The
//! seam must move each later pass by the same step.
//!
//! What would mislead: ticks are read from a table of some megabytes here, while the ingest loop has just decoded them
//! into its cache; a book as small as a fixture's; and a pass in which changes are old, which is the cheap way out.

mod heap;
mod tape;

use std::hint::black_box;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tape::{Event, Recording};
use tapecast::market::channel::{Channel, Pace};
use tapecast::market::engine::seam::Seam;
use tapecast::market::engine::{Derive, Engine};
use tapecast::market::symbol::Venue;
use tapecast::market::tick::{Kind, Level, Tick};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// Which ticks of the tape an engine sees.
type Wanted = fn(&Event) -> bool;

/// A selection's name, the ticks it is made of, and the channels that are wanted of them.
type Selection = (&'static str, Wanted, fn(Channel) -> bool);

/// A tape that repeats, and the engine that sees it.
struct Replay<'a> {
    engine: Engine,
    seam: Seam,
    tape: &'a Recording,
    ticks: Vec<(Tick, &'a [Level])>,
    wanted: Wanted,
    /// How many updates a pass must apply: all changes of books, and those of the whole books that say anything new.
    updates: RangeInclusive<u64>,
}

impl<'a> Replay<'a> {
    /// Plays the first pass: all snapshots of the tape find their books.
    fn start(tape: &'a Recording, wanted: Wanted, mut engine: Engine) -> Self {
        let mut seam = Seam::default();
        let mut snapshots = tape.snapshots.iter().peekable();
        for (at, event) in tape.events.iter().enumerate() {
            while let Some((_, snapshot)) = snapshots.next_if(|(before, _)| *before <= at) {
                engine.on_snapshot(snapshot.clone());
            }
            seam.place_time(event.ts_recv);
            if wanted(event) {
                let mut tick = event.tick;
                seam.place(&mut tick);
                engine.on_tick(&tick, &event.levels, &mut |_, _| {});
            }
        }
        let count =
            |channel| tape.events.iter().filter(|event| wanted(event) && event.tick.channel == channel).count() as u64;
        let changes = count(Channel::Depth(Pace::Ms100));
        let updates = changes..=changes + count(Channel::Orderbook);
        let mut replay = Replay { engine, seam, tape, ticks: Vec::new(), wanted, updates };
        replay.prepare();
        replay
    }

    /// Goes over the seam and moves the ticks of the next pass.
    fn prepare(&mut self) {
        for bridge in self.seam.next_pass(&self.engine) {
            self.engine.on_tick(&bridge.tick, &bridge.levels, &mut |_, _| {});
        }
        self.ticks.clear();
        for event in self.tape.events.iter().filter(|event| (self.wanted)(event)) {
            let mut tick = event.tick;
            self.seam.place(&mut tick);
            self.ticks.push((tick, &event.levels));
        }
    }

    fn pass(&mut self) {
        for (tick, levels) in &self.ticks {
            self.engine.on_tick(tick, levels, &mut |tick, _| {
                black_box(tick);
            });
        }
    }

    /// Plays passes; how long they took without what lies between them.
    fn passes(&mut self, count: usize) -> Duration {
        let mut elapsed = Duration::ZERO;
        for _ in 0..count {
            let applied = self.engine.counts().books.changes_applied;
            let start = Instant::now();
            self.pass();
            elapsed += start.elapsed();
            self.check(applied);
            self.prepare();
        }
        elapsed
    }

    /// What a pass publishes of derived ticks and how often it allocates, per tick, once the first passes are over.
    fn per_tick(&mut self) -> (f64, f64) {
        const PASSES: usize = 10;
        self.passes(if tape::is_test() { 1 } else { PASSES });
        let (mut derived, mut allocations) = (0, 0);
        for _ in 0..PASSES {
            let before = (self.engine.counts().ticks_derived, heap::allocations());
            self.pass();
            derived += self.engine.counts().ticks_derived - before.0;
            allocations += heap::allocations() - before.1;
            self.prepare();
        }
        let ticks = (PASSES * self.ticks.len()) as f64;
        (derived as f64 / ticks, allocations as f64 / ticks)
    }

    /// Whether the pass that was played left whole books at its last changes.
    fn check(&self, applied_before: u64) {
        assert_eq!(self.engine.counts().books.gaps, 0);
        let applied = self.engine.counts().books.changes_applied - applied_before;
        assert!(self.updates.contains(&applied), "{applied} of {:?}", self.updates);
        for (tick, _) in self.ticks.iter().rev().take(100) {
            if let (Kind::Depth(change), Channel::Depth(Pace::Ms100)) = (&tick.kind, tick.channel) {
                let book = self.engine.book(tick.symbol).expect("a whole book");
                assert!(book.last_update_id() >= change.last_id);
            }
        }
    }
}

fn engine(criterion: &mut Criterion) {
    let tape = Recording::demo();
    let selections: [(&str, Wanted); 3] = [("depth", is_change), ("trade", is_trade), ("tape", |_| true)];
    let mut group = criterion.benchmark_group("engine_on_tick");
    for (name, wanted) in selections {
        let mut replay = Replay::start(&tape, wanted, Engine::default());
        let elements = replay.ticks.len() as u64;
        group.throughput(Throughput::Elements(elements));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| replay.passes(iterations as usize));
        });
    }
    group.finish();
}

fn is_trade(event: &Event) -> bool {
    event.venue == Venue::Binance && matches!(event.tick.kind, Kind::Trade(_))
}

fn is_change(event: &Event) -> bool {
    event.tick.channel == Channel::Depth(Pace::Ms100)
}

fn derive(criterion: &mut Criterion) {
    let tape = Recording::demo();
    let selections: [Selection; 12] = [
        ("trade_for_nothing", is_trade, |_| false),
        ("trade_for_agg_trade", is_trade, |channel| channel == Channel::AggTrade),
        ("trade_for_klines", is_trade, |channel| matches!(channel, Channel::Kline(..))),
        ("trade_for_24h", is_trade, |channel| matches!(channel, Channel::Ticker | Channel::MiniTicker)),
        ("trade_for_windows", is_trade, |channel| matches!(channel, Channel::WindowTicker(_))),
        ("trade_for_avg_price", is_trade, |channel| channel == Channel::AvgPrice),
        ("trade_for_all", is_trade, |_| true),
        ("depth_for_nothing", is_change, |_| false),
        ("depth_for_book_ticker", is_change, |channel| channel == Channel::BookTicker),
        ("depth_for_partial_depth", is_change, |channel| matches!(channel, Channel::PartialDepth(..))),
        ("depth_for_depth_1s", is_change, |channel| channel == Channel::Depth(Pace::Ms1000)),
        ("depth_for_all", is_change, |_| true),
    ];
    let mut group = criterion.benchmark_group("engine_derive");
    for (name, taken, is_wanted) in selections {
        let engine = Engine::new(Derive::Always);
        let channels = tape::derived_channels().into_iter().filter(|channel| is_wanted(*channel));
        channels.for_each(|channel| engine.interest().set_everywhere(channel));
        let mut replay = Replay::start(&tape, taken, engine);
        let (derived, allocations) = replay.per_tick();
        println!("engine_derive/{name}: {derived:.3} derived ticks and {allocations:.4} allocations a tick");
        assert!(derived > 0.0 || name.ends_with("nothing"), "{name} derives nothing");
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|ticks| {
                let of_pass = replay.ticks.len();
                let passes = (ticks as usize).div_ceil(of_pass);
                replay.passes(passes).mul_f64(ticks as f64 / (passes * of_pass) as f64)
            });
        });
    }
    group.finish();
}

fn seam(criterion: &mut Criterion) {
    const COUNT: usize = 1_024;
    let tape = Recording::demo();
    let ticks: Vec<Tick> = tape.events.iter().step_by(tape.events.len() / COUNT).map(|e| e.tick).take(COUNT).collect();
    let on_pass = |passes: usize| {
        let mut seam = Seam::default();
        for event in &tape.events {
            seam.place_time(event.ts_recv);
            seam.place(&mut event.tick.clone());
        }
        for _ in 0..passes {
            seam.next_pass(&Engine::default());
        }
        seam
    };
    let (mut first, mut second, mut third) = (on_pass(0), on_pass(1), on_pass(2));
    let event_time = |seam: &mut Seam, tick: &Tick| {
        let mut tick = *tick;
        seam.place(&mut tick);
        tick.ts_event
    };
    for tick in &ticks {
        let step = event_time(&mut second, tick) - tick.ts_event;
        assert_eq!(event_time(&mut first, tick), tick.ts_event);
        assert_eq!(event_time(&mut third, tick), tick.ts_event + 2 * step);
        assert!(step > 0);
    }
    let place_all = |seam: &mut Seam| {
        for tick in &ticks {
            let mut tick = *tick;
            seam.place(&mut tick);
            black_box(&tick);
        }
    };
    let mut group = criterion.benchmark_group("seam_place");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("first_pass", |bencher| bencher.iter(|| place_all(&mut first)));
    group.bench_function("later_pass", |bencher| bencher.iter(|| place_all(&mut third)));
    group.bench_function("copy", |bencher| {
        bencher.iter(|| {
            for tick in &ticks {
                let tick = *tick;
                black_box(&tick);
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = market;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = engine, derive, seam
}
criterion_main!(market);
