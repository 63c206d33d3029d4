//! What a tick costs the market engine, and what moving it past the seam of a repeating tape costs.
//!
//! `engine_on_tick` hands the ticks of a pass over the built-in tape to an engine whose books are whole, a pass per
//! iteration; from pass to pass the seam moves ids and times outside of the timed part, so that changes keep following
//! one another. `depth` are the changes every 100 ms of nine books that begin with some 400 levels, 5.1 levels a tick
//! in the mean; `trade` are ticks the engine has no use for; `tape` is everything in its order, where the changes every
//! second come after what they repeat, and are skipped.
//!
//! `seam_place` copies a tick out of a table of 1,024 and moves it, as the ingest loop does, on the first pass (which
//! takes note of ids) and on a later one (which adds to them); `copy` is the copy alone.
//!
//! Every pass must apply each of its changes without a gap, and end with books that stand at the last change's id. The
//! seam must move each later pass by the same step.
//!
//! What would mislead: ticks are read from a table of some megabytes here, while the ingest loop has just decoded them
//! into its cache; a book as small as a fixture's; and a pass in which changes are old, which is the cheap way out.

mod tape;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tape::{Event, Recording};
use tapecast::market::channel::{Channel, Pace};
use tapecast::market::engine::Engine;
use tapecast::market::seam::Seam;
use tapecast::market::tick::{Kind, Level, Tick};

/// Which ticks of the tape an engine sees.
type Wanted = fn(&Event) -> bool;

/// A tape that repeats, and the engine that sees it.
struct Replay<'a> {
    engine: Engine,
    seam: Seam,
    tape: &'a Recording,
    ticks: Vec<(Tick, &'a [Level])>,
    wanted: Wanted,
    /// How many changes a pass must apply.
    changes: u64,
}

impl<'a> Replay<'a> {
    /// Plays the first pass: all snapshots of the tape find their books.
    fn start(tape: &'a Recording, wanted: Wanted) -> Self {
        let (mut engine, mut seam) = (Engine::default(), Seam::default());
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
        let is_change = |event: &&Event| wanted(event) && event.tick.channel == Channel::Depth(Pace::Ms100);
        let changes = tape.events.iter().filter(is_change).count() as u64;
        let mut replay = Replay { engine, seam, tape, ticks: Vec::new(), wanted, changes };
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
            self.engine.on_tick(tick, levels, &mut |_, _| {});
        }
    }

    /// Whether the pass that was played left whole books at its last changes.
    fn check(&self, applied_before: u64) {
        assert_eq!(self.engine.counts().books.gaps, 0);
        assert_eq!(self.engine.counts().books.changes_applied - applied_before, self.changes);
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
    let selections: [(&str, Wanted); 3] = [
        ("depth", |event| event.tick.channel == Channel::Depth(Pace::Ms100)),
        ("trade", |event| matches!(event.tick.kind, Kind::Trade(_))),
        ("tape", |_| true),
    ];
    let mut group = criterion.benchmark_group("engine_on_tick");
    for (name, wanted) in selections {
        let mut replay = Replay::start(&tape, wanted);
        let elements = replay.ticks.len() as u64;
        group.throughput(Throughput::Elements(elements));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..iterations {
                    let applied = replay.engine.counts().books.changes_applied;
                    let start = Instant::now();
                    replay.pass();
                    elapsed += start.elapsed();
                    replay.check(applied);
                    replay.prepare();
                }
                elapsed
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
    targets = engine, seam
}
criterion_main!(market);
