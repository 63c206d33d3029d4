//! From one publisher to 1, 2 and 4 readers: what a tick of 128 bytes costs in our ring, in the
//! `disruptor` crate's, and in one crossbeam `ArrayQueue` per reader.
//!
//! What happens to memory comes first. In the two rings a payload is written once and read in
//! place by everyone; the numbers that say how far everyone is cross between cores, once per look
//! at them. The queues copy the payload in once per reader and out again, and stamp each cell on
//! both sides. The rings are also timed with batches of 64, which a queue does not know: the
//! disruptor shows its readers all 64 at once, ours shows each tick as it is written and ends the
//! batch with `wake()`, whose fence is thus part of the time.
//!
//! All contestants hold 4096 ticks, write the same sixteen words and sum all of them in each
//! reader; each run's sums are checked against the closed form. All wait by yielding: readers with
//! nothing to read, and the publisher without room. So on a machine with fewer cores than threads
//! nobody burns a time slice that another needs; with a core for each thread spinning would be
//! faster, for all alike. Threads are started outside the timed part, and a run ends when the last
//! reader has everything.
//!
//! The throughput is in deliveries: ticks times readers. What would mislead: other load on the
//! machine, pinning, and above all the balance of both sides. When readers are faster than the
//! publisher they follow it tick by tick, every tick moves the head's cache line twice, and any of
//! these rings takes five times as long; so compare numbers of one run only. Histories are off here
//! except in `with_annex_batch64`, where every tick carries 0 to 15 items of 16 bytes and the last
//! 1024 ticks stay readable.

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use disruptor::{Producer, wait_strategies::WaitStrategy};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, yield_now};
use std::time::{Duration, Instant};
use tapecast::ring::{Builder, Limits, Publisher, Wait, Waiter};

const CAPACITY: usize = 4096;
/// Ticks per timed iteration: several times the capacity, so that everybody has to wait at times.
const TICKS: u64 = 65_536;
const BATCH: usize = 64;
const WORDS: u64 = 16;

/// The payload: word `k` of tick `sequence` is their sum.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Payload([u64; WORDS as usize]);

impl Payload {
    fn fill(&mut self, sequence: u64) {
        for (word, k) in self.0.iter_mut().zip(0..) {
            *word = sequence.wrapping_add(k);
        }
    }

    fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
}

/// The sum over all words of the ticks `0..count`.
fn sum_of(count: u64) -> u64 {
    let sequences = u128::from(count) * u128::from(count.saturating_sub(1)) / 2;
    let words = WORDS * (WORDS - 1) / 2;
    (sequences as u64).wrapping_mul(WORDS).wrapping_add(words.wrapping_mul(count))
}

/// How far a reader is and what it summed, set at the end of each batch it reads.
#[derive(Default)]
struct Progress {
    read: AtomicU64,
    sum: AtomicU64,
}

type Board = Vec<Arc<CachePadded<Progress>>>;

fn board(readers: usize) -> Board {
    (0..readers).map(|_| Arc::default()).collect()
}

impl Progress {
    fn report(&self, read: u64, sum: u64) {
        self.sum.store(sum, Ordering::Relaxed);
        // Release: pairs with the load in `finish`.
        self.read.store(read, Ordering::Release);
    }
}

/// Waits until every reader has `count` ticks; the checksums must be right.
fn finish(board: &Board, count: u64, sum: u64) {
    for progress in board {
        while progress.read.load(Ordering::Acquire) < count {
            yield_now();
        }
        assert_eq!(progress.read.load(Ordering::Relaxed), count, "ticks read");
        assert_eq!(progress.sum.load(Ordering::Relaxed), sum, "checksum of what was read");
    }
}

/// Something that takes ticks from this thread to its readers.
trait Contestant {
    /// Hands over the ticks `from..until` one at a time.
    fn one_by_one(&mut self, from: u64, until: u64);
    /// Hands over the ticks `from..until`, `BATCH` at a time, where that makes a difference.
    fn batches(&mut self, from: u64, until: u64) {
        self.one_by_one(from, until);
    }
    fn board(&self) -> &Board;
}

/// Our ring.
struct Ring {
    publisher: Option<Publisher<Payload>>,
    threads: Vec<JoinHandle<()>>,
    board: Board,
}

impl Ring {
    fn start(readers: usize) -> Self {
        let limits = Limits { slots: CAPACITY, annex: 0, history_slots: 0, history_annex: 0 };
        let mut builder = Builder::<Payload>::new(limits).expect("valid limits");
        let board = board(readers);
        let threads = board.iter().map(|progress| {
            let progress = Arc::clone(progress);
            let waiter = Waiter::new(Wait::Yield);
            let mut reader = builder.reader(waiter.waker());
            std::thread::spawn(move || {
                let mut sum = 0_u64;
                while waiter.wait(&reader) {
                    reader.poll(usize::MAX, |_, tick, _| sum = sum.wrapping_add(tick.sum()));
                    progress.report(reader.cursor(), sum);
                }
            })
        });
        let threads = threads.collect();
        Self { publisher: Some(builder.build()), threads, board }
    }
}

impl Contestant for Ring {
    fn one_by_one(&mut self, from: u64, until: u64) {
        let publisher = self.publisher.as_mut().expect("running");
        for sequence in from..until {
            while !publisher.has_room(0) {
                yield_now();
            }
            publisher.publish(&[], |tick| tick.fill(sequence));
        }
    }

    fn batches(&mut self, from: u64, until: u64) {
        for first in (from..until).step_by(BATCH) {
            self.one_by_one(first, first + BATCH as u64);
            self.publisher.as_ref().expect("running").wake();
        }
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.publisher = None;
        join(&mut self.threads);
    }
}

fn join(threads: &mut Vec<JoinHandle<()>>) {
    for thread in threads.drain(..) {
        thread.join().expect("reader");
    }
}

/// The `disruptor` crate's ring, which runs its readers' threads itself.
struct Disruptor<P> {
    producer: P,
    board: Board,
}

#[derive(Clone, Copy)]
struct Yielding;

impl WaitStrategy for Yielding {
    fn wait_for(&self, _sequence: disruptor::Sequence) {
        yield_now();
    }
}

fn handler(progress: &Arc<CachePadded<Progress>>) -> impl FnMut(&Payload, i64, bool) + 'static {
    let progress = Arc::clone(progress);
    let mut sum = 0_u64;
    move |tick, sequence, end_of_batch| {
        sum = sum.wrapping_add(tick.sum());
        if end_of_batch {
            progress.report(sequence as u64 + 1, sum);
        }
    }
}

impl<P: Producer<Payload>> Contestant for Disruptor<P> {
    fn one_by_one(&mut self, from: u64, until: u64) {
        for sequence in from..until {
            while self.producer.try_publish(|tick| tick.fill(sequence)).is_err() {
                yield_now();
            }
        }
    }

    fn batches(&mut self, from: u64, until: u64) {
        for first in (from..until).step_by(BATCH) {
            let publish = |producer: &mut P| {
                let published = producer.try_batch_publish(BATCH, |ticks| {
                    for (tick, sequence) in ticks.zip(first..) {
                        tick.fill(sequence);
                    }
                });
                published.is_ok()
            };
            while !publish(&mut self.producer) {
                yield_now();
            }
        }
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

/// One crossbeam queue per reader.
struct Queues {
    queues: Vec<Arc<ArrayQueue<Payload>>>,
    closed: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    board: Board,
}

impl Queues {
    fn start(readers: usize) -> Self {
        let closed = Arc::new(AtomicBool::new(false));
        let board = board(readers);
        let start = |progress: &Arc<CachePadded<Progress>>| {
            let queue = Arc::new(ArrayQueue::<Payload>::new(CAPACITY));
            let (progress, closed) = (Arc::clone(progress), Arc::clone(&closed));
            let source = Arc::clone(&queue);
            let thread = std::thread::spawn(move || {
                let (mut read, mut sum) = (0, 0_u64);
                while !closed.load(Ordering::Relaxed) {
                    while let Some(tick) = source.pop() {
                        sum = sum.wrapping_add(tick.sum());
                        read += 1;
                    }
                    progress.report(read, sum);
                    yield_now();
                }
            });
            (queue, thread)
        };
        let (queues, threads) = board.iter().map(start).unzip();
        Self { queues, closed, threads, board }
    }
}

impl Contestant for Queues {
    fn one_by_one(&mut self, from: u64, until: u64) {
        for sequence in from..until {
            let mut tick = Payload::default();
            tick.fill(sequence);
            for queue in &self.queues {
                while queue.push(tick).is_err() {
                    yield_now();
                }
            }
        }
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        join(&mut self.threads);
    }
}

/// Our ring with items in the annex and a history.
struct WithAnnex {
    publisher: Option<Publisher<Payload, [u64; 2]>>,
    threads: Vec<JoinHandle<()>>,
    board: Board,
}

impl WithAnnex {
    fn start(readers: usize) -> Self {
        let limits = Limits { slots: CAPACITY, annex: 16 * CAPACITY, history_slots: 1024, history_annex: 8 * CAPACITY };
        let mut builder = Builder::<Payload, [u64; 2]>::new(limits).expect("valid limits");
        let board = board(readers);
        let threads = board.iter().map(|progress| {
            let progress = Arc::clone(progress);
            let waiter = Waiter::new(Wait::Yield);
            let mut reader = builder.reader(waiter.waker());
            std::thread::spawn(move || {
                let mut sum = 0_u64;
                while waiter.wait(&reader) {
                    reader.poll(usize::MAX, |sequence, tick, items| {
                        assert_eq!(items.len() as u64, sequence % 16);
                        let items = items.iter().fold(0, |sum, item| sum ^ item[0] ^ item[1]);
                        sum = sum.wrapping_add(tick.sum()).wrapping_add(items);
                    });
                    progress.report(reader.cursor(), sum);
                }
            })
        });
        let threads = threads.collect();
        Self { publisher: Some(builder.build()), threads, board }
    }
}

impl Contestant for WithAnnex {
    fn one_by_one(&mut self, from: u64, until: u64) {
        let publisher = self.publisher.as_mut().expect("running");
        // Both halves of an item are equal, so that the items add nothing to the checksum.
        let items: [[u64; 2]; 16] = std::array::from_fn(|k| [k as u64 * 3; 2]);
        for sequence in from..until {
            let items = &items[..(sequence % 16) as usize];
            while !publisher.has_room(items.len()) {
                yield_now();
            }
            publisher.publish(items, |tick| tick.fill(sequence));
        }
    }

    fn batches(&mut self, from: u64, until: u64) {
        for first in (from..until).step_by(BATCH) {
            self.one_by_one(first, first + BATCH as u64);
            self.publisher.as_ref().expect("running").wake();
        }
    }

    fn board(&self) -> &Board {
        &self.board
    }
}

impl Drop for WithAnnex {
    fn drop(&mut self) {
        self.publisher = None;
        join(&mut self.threads);
    }
}

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;
type Hand<C> = fn(&mut C, u64, u64);

/// Times one contestant: each iteration is `TICKS` ticks, from the first word to the last sum.
fn time<C: Contestant>(group: &mut Group, name: &str, mut contestant: C, hand: Hand<C>) {
    let mut sent = 0;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                let until = sent + TICKS;
                let sum = sum_of(until);
                let start = Instant::now();
                hand(&mut contestant, sent, until);
                finish(contestant.board(), until, sum);
                elapsed += start.elapsed();
                sent = until;
            }
            elapsed
        });
    });
}

fn ring_throughput(criterion: &mut Criterion) {
    for readers in [1, 2, 4] {
        let mut group = criterion.benchmark_group(format!("ring_1_to_{readers}_throughput"));
        group.throughput(Throughput::Elements(TICKS * readers as u64));
        time(&mut group, "tapecast", Ring::start(readers), Ring::one_by_one);
        time_disruptor(&mut group, "disruptor", readers, false);
        time(&mut group, "array_queues", Queues::start(readers), Queues::one_by_one);
        time(&mut group, "tapecast_batch64", Ring::start(readers), Ring::batches);
        time_disruptor(&mut group, "disruptor_batch64", readers, true);
        time(&mut group, "with_annex_batch64", WithAnnex::start(readers), WithAnnex::batches);
        group.finish();
    }
}

/// The disruptor's type depends on whether it has one reader or more; it starts its threads itself.
fn time_disruptor(group: &mut Group, name: &str, readers: usize, batches: bool) {
    fn run<P: Producer<Payload>>(group: &mut Group, name: &str, producer: P, board: Board, batches: bool) {
        let hand = if batches { Disruptor::<P>::batches } else { Disruptor::<P>::one_by_one };
        time(group, name, Disruptor { producer, board }, hand);
    }
    let board = board(readers);
    let builder = disruptor::build_single_producer(CAPACITY, Payload::default, Yielding);
    if let [progress] = board.as_slice() {
        let producer = builder.handle_events_with(handler(progress)).build();
        run(group, name, producer, board, batches);
    } else {
        let builder = board
            .iter()
            .fold(builder.with_multi_consumer(), |builder, progress| builder.handle_events_with(handler(progress)));
        run(group, name, builder.build(), board, batches);
    }
}

criterion_group! {
    name = ring;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = ring_throughput
}
criterion_main!(ring);
