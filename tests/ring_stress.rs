//! The ring under real threads: millions of ticks with items of random number, three readers that
//! wait in different ways, one of which leaves midway, and histories read while the publisher runs.
//!
//! Each slot carries its sequence and a checksum of itself and its items, so that a slot or an
//! item overwritten too early, or seen too early, shows.
#![cfg(not(loom))]

use std::thread::yield_now;
use std::time::{Duration, Instant};
use tapecast::ring::{Builder, Limits, Reader, Wait, Waiter};

const TICKS: u64 = 3_000_000;
/// On a slow or busy machine the publisher stops early; what was published is checked all the same.
const BUDGET: Duration = Duration::from_secs(4);
const LEAVES_AT: u64 = 100_000;
const LIMITS: Limits = Limits { slots: 256, annex: 1024, history_slots: 100, history_annex: 500 };

#[derive(Default)]
struct Tick {
    sequence: u64,
    words: [u64; 4],
    checksum: u64,
}

impl Tick {
    fn checksum(&self, items: &[u64]) -> u64 {
        let all = self.words.iter().chain(items);
        all.fold(self.sequence, |sum, word| mix(sum ^ word))
    }

    fn check(&self, sequence: u64, items: &[u64]) {
        assert_eq!(self.sequence, sequence);
        assert_eq!(self.checksum, self.checksum(items), "tick {sequence} is damaged");
    }
}

/// The finaliser of splitmix64: a number that looks random for each number.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Reads and checks until the ring is closed or `until` is reached; returns the cursor.
fn read(mut reader: Reader<Tick, u64>, waiter: &Waiter, until: u64) -> u64 {
    let mut polls = 0;
    while reader.cursor() < until && waiter.wait(&reader) {
        let limit = 1 + mix(polls) % 64;
        let mut next = reader.cursor();
        reader.poll(limit as usize, |sequence, tick, items| {
            assert_eq!(sequence, next, "lost or out of order");
            tick.check(sequence, items);
            next += 1;
        });
        polls += 1;
        if polls % 64 == 0 {
            let from = reader.history().start;
            let read = reader.read_history(from, |sequence, tick, items| tick.check(sequence, items));
            read.expect("history is readable");
        }
    }
    reader.cursor()
}

#[test]
fn three_readers_get_every_tick_whole_and_in_order() {
    let mut builder = Builder::<Tick, u64>::new(LIMITS).expect("valid limits");
    let readers = [(Wait::Yield, u64::MAX), (Wait::Park, u64::MAX), (Wait::Park, LEAVES_AT)];
    let threads = readers.map(|(wait, until)| {
        let waiter = Waiter::new(wait);
        let reader = builder.reader(waiter.waker());
        std::thread::spawn(move || read(reader, &waiter, until))
    });
    let mut publisher = builder.build();
    let start = Instant::now();
    let mut items = Vec::new();
    for sequence in 0..TICKS {
        let seed = mix(sequence);
        items.clear();
        // Mostly short runs, at times the longest.
        let len = if seed.is_multiple_of(16) { 256 - seed / 16 % 2 } else { seed / 16 % 12 };
        items.extend((0..len).map(|k| seed ^ k));
        while !publisher.has_room(items.len()) {
            yield_now();
        }
        publisher.publish(&items, |tick| {
            tick.sequence = sequence;
            tick.words = [seed, seed >> 1, seed >> 2, seed >> 3];
            tick.checksum = tick.checksum(&items);
        });
        if seed.is_multiple_of(8) {
            publisher.wake();
        }
        if sequence % 1024 == 0 && start.elapsed() > BUDGET {
            break;
        }
    }
    let published = publisher.sequence();
    eprintln!("published {published} {:?}", start.elapsed());
    drop(publisher);
    let cursors = threads.map(|thread| thread.join().expect("a reader found damage"));
    assert_eq!(cursors[..2], [published; 2]);
    assert!((LEAVES_AT.min(published)..=published).contains(&cursors[2]), "left at {}", cursors[2]);
}
