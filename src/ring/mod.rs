//! The ring: one publisher, many readers, nothing lost, nothing copied, no lock.
//!
//! The plain idea is an array of slots and two kinds of numbers. The publisher writes a slot in
//! place and raises the *head*; a reader reads slots in place up to the head and raises its
//! *cursor*. Sequences only grow; a slot's place is its sequence modulo the capacity. The ring is
//! lossless: the publisher waits for its slowest reader rather than overwrite what it still needs.
//!
//! ```text
//!   slots = 16, as one reader sees them
//!
//!     gate            cursor              head                      gate + slots
//!      │    history    │      unread       │           free           │
//!   ───┼───┬───┬───┬───┼───┬───┬───┬───┬───┼───┬───┬───┬───┬───┬───┬──┼───
//!      │ 4 │ 5 │ 6 │ 7 │ 8 │ 9 │10 │11 │12 │13 │14 │15 │16 │17 │18 │19│     slots
//!   ───┼─┬─┴─┬─┴───┴─┬─┼───┴───┴───┴───┴───┼───┴───┴───┴───┴───┴───┴──┼───
//!      │ │   └─────┐ └────────────────┐
//!      │ └───┐     │     runs: where  │   (slot 6 has no items)
//!   ───┼─────▼─┬───▼─────┬───────────╫▼────────┬───
//!      │ 4 4 4 │ 5 5 5 5 │ (padding) ║ 7 7 7 7 │ ...                          annex
//!   ───┼───────┴─────────┴───────────╫─────────┴───
//!                                    ╙ the array's end and beginning
//! ```
//!
//! Departures from the plain idea, and what each costs:
//!
//! 1. **The gate.** What a reader lets the publisher overwrite is not its cursor but its *gate*,
//!    which trails the cursor by the history window. So the last ticks stay readable where they
//!    are ([`Reader::read_history`]), at the price of slots that the publisher cannot run ahead
//!    into. The publisher may write sequence `s` only when `s < gate + slots` for every gate.
//! 2. **The annex.** A tick's variable-length part (an order book's levels) lies in a second
//!    circular array, in one piece: a run that would cross the array's end starts over at its
//!    beginning, and the items skipped are *padding*. Positions in it only grow, too, padding
//!    included. A run may be written only when it ends at most `annex` positions after the start
//!    of the run at the gate, for every gate. With a zero-sized item type the annex and its
//!    bookkeeping do not exist.
//! 3. **Caches.** The publisher remembers how far the gates allow it to go, a reader how far the
//!    head was; each looks at the other's cache line only when what it remembers does not do.
//! 4. **Parking.** A reader without work announces that it parks, and looks once more; the
//!    publisher, after a batch, wakes those that announced it. Nobody parked costs one fence and
//!    one load per reader, and no wake-up is lost (see `wait.rs`).
//!
//! # Why the publisher cannot wait forever
//!
//! A reader that has read everything lets go of enough for any one tick, so the publisher waits
//! only for readers that have something to read. Let `A` be the annex, `H` the history in items
//! and `L` the next run; the limits hold `H <= A/2` and `L <= A/4` ([`Publisher::items_max`]).
//!
//! - *Slots.* The gate is at most `history_slots <= slots/2` behind the head, so one of the
//!   `slots >= 1` is free.
//! - *Annex.* From the start of the run at the gate to the last item written are at most `H`
//!   positions, because a reader counts the padding between them: it lies inside that span. The
//!   run fits before the array's end, or it does not: then fewer than `L` positions are left there,
//!   and they become padding. Either way it ends at most `H + (L - 1) + L`, which is at most
//!   `A/2 + A/4 + A/4 - 1 < A`, positions after the start of the run at the gate: there the
//!   publisher may write. Padding is why the longest run is a quarter and not half of the annex.
//!
//! # How this is verified
//!
//! Each ordering has a name (HEAD-PUBLISH, GATE-OBSERVE, ...) at both its ends, and a loom model
//! that fails without it: `RUSTFLAGS="--cfg loom" cargo test --release --lib ring`. A naive twin
//! checks what the rules add up to, `tests/ring_stress.rs` real threads, `benches/ring.rs` the cost.
//! Loom runs small rings, and does not know that nothing comes between the two halves of a
//! read-modify-write in a variable's order; so the parking flag is moved by loads and stores only.
//!
//! # What is deliberately absent
//!
//! No second publisher, no reader that joins after [`Builder::build`], no overwriting of slow
//! readers, no waiting inside [`Publisher::publish`]: the caller asks [`Publisher::has_room`] and
//! decides itself what to do in the meantime. Loss and its policies belong to the sessions.
//!
//! # Example
//!
//! ```
//! use tapecast::ring::{Builder, Limits, Wait, Waiter};
//!
//! let limits = Limits { slots: 8, annex: 16, history_slots: 4, history_annex: 8 };
//! let mut builder = Builder::<u64, char>::new(limits)?;
//! let waiter = Waiter::new(Wait::Park);
//! let mut reader = builder.reader(waiter.waker());
//! let mut publisher = builder.build();
//!
//! let thread = std::thread::spawn(move || {
//!     let mut text = String::new();
//!     while waiter.wait(&reader) {
//!         reader.poll(usize::MAX, |_sequence, tick, items| {
//!             text.push_str(&format!("{tick}{}", items.iter().collect::<String>()));
//!         });
//!     }
//!     text
//! });
//! publisher.publish(&['a', 'b'], |tick| *tick = 1);
//! publisher.publish(&[], |tick| *tick = 2);
//! publisher.wake();
//! drop(publisher);
//! assert_eq!(thread.join().unwrap(), "1ab2");
//! # Ok::<(), tapecast::ring::LimitsError>(())
//! ```

#![allow(unsafe_code, reason = "slots are shared between threads and written in place; see the gate rule above")]

mod publisher;
mod reader;
mod sync;
mod wait;

pub use publisher::Publisher;
pub use reader::{Gone, Reader};
pub use wait::{Wait, Waiter};

use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::task::Waker;
use sync::{Annex, Flag, Latch, Sequence, UnsafeCell};

/// The sizes of a ring. All memory is allocated by [`Builder::new`], none afterwards:
/// `slots * (size_of::<T>() + 16) + annex * size_of::<I>()` bytes (without the 16 when `I` is
/// zero-sized).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many ticks the ring holds: a power of two. This is how far the publisher can run ahead
    /// of its slowest reader, less that reader's history.
    pub slots: usize,
    /// How many items the annex holds: a power of two of at least 4. When `I` is zero-sized there
    /// is no annex and any power of two, or 0, will do.
    pub annex: usize,
    /// How many ticks stay readable behind each cursor, at most: up to `slots / 2`.
    pub history_slots: usize,
    /// How many items (padding included) stay readable behind each cursor, at most: up to
    /// `annex / 2`. The history is as long as both this and `history_slots` allow.
    pub history_annex: usize,
}

/// Why [`Limits`] make no ring: the configuration's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// The number of slots is not a power of two.
    #[error("a ring of {slots} slots: the number must be a power of two")]
    Slots {
        /// [`Limits::slots`] as given.
        slots: usize,
    },
    /// The number of items in the annex is not a power of two, or too small for a run of one item.
    #[error("a ring's annex of {annex} items: the number must be a power of two of at least 4")]
    Annex {
        /// [`Limits::annex`] as given.
        annex: usize,
    },
    /// The history would keep more than half of the slots from the publisher.
    #[error("a history of {history_slots} slots: at most half of the ring's {slots} can be kept")]
    HistorySlots {
        /// [`Limits::history_slots`] as given.
        history_slots: usize,
        /// [`Limits::slots`] as given.
        slots: usize,
    },
    /// The history would keep more than half of the annex from the publisher.
    #[error("a history of {history_annex} items: at most half of the annex's {annex} can be kept")]
    HistoryAnnex {
        /// [`Limits::history_annex`] as given.
        history_annex: usize,
        /// [`Limits::annex`] as given.
        annex: usize,
    },
}

impl Limits {
    /// Whether these limits make a ring, as [`Builder::new`] will ask; so that a configuration can be refused before
    /// anything is allocated. `uses_annex` says whether the items have a size.
    ///
    /// # Errors
    ///
    /// When the limits contradict each other; see [`LimitsError`].
    pub(crate) fn check(self, uses_annex: bool) -> Result<(), LimitsError> {
        let Self { slots, annex, history_slots, history_annex } = self;
        let annex_least = if uses_annex { 4 } else { 0 };
        if !slots.is_power_of_two() {
            return Err(LimitsError::Slots { slots });
        }
        if annex < annex_least || !(annex == 0 || annex.is_power_of_two()) {
            return Err(LimitsError::Annex { annex });
        }
        if history_slots > slots / 2 {
            return Err(LimitsError::HistorySlots { history_slots, slots });
        }
        if history_annex > annex / 2 {
            return Err(LimitsError::HistoryAnnex { history_annex, annex });
        }
        Ok(())
    }
}

/// A ring before its first tick, while readers can still be added.
///
/// `T` is a slot's fixed part, `I` an item of its variable part; leave `I` out when there is none.
pub struct Builder<T, I: Copy = ()> {
    shared: Arc<Shared<T, I>>,
    seats: Vec<Arc<Seat>>,
}

impl<T: Default, I: Copy> Builder<T, I> {
    /// Allocates the ring, each slot holding `T::default()`.
    ///
    /// # Errors
    ///
    /// When the limits contradict each other; see [`LimitsError`].
    pub fn new(limits: Limits) -> Result<Self, LimitsError> {
        let uses_annex = Shared::<T, I>::USES_ANNEX;
        limits.check(uses_annex)?;
        let runs = if uses_annex { limits.slots } else { 0 };
        let shared = Shared {
            head: CachePadded::new(Sequence::new(0)),
            closed: CachePadded::new(Latch::new()),
            slots: (0..limits.slots).map(|_| UnsafeCell::new(T::default())).collect(),
            runs: (0..runs).map(|_| UnsafeCell::new(Run::default())).collect(),
            annex: Annex::new(if uses_annex { limits.annex } else { 0 }),
            limits,
        };
        Ok(Self { shared: Arc::new(shared), seats: Vec::new() })
    }
}

impl<T, I: Copy> Builder<T, I> {
    /// Adds a reader that will see every tick from sequence 0 on.
    ///
    /// `waker` is what [`Publisher::wake`] calls, on the publisher's thread, when this reader is
    /// parked: a [`Waiter`]'s for a plain thread, a task's own for async.
    pub fn reader(&mut self, waker: Waker) -> Reader<T, I> {
        let seat = Arc::new(Seat {
            progress: CachePadded::new(Progress { cursor: Sequence::new(0), gate: Sequence::new(0) }),
            parking: CachePadded::new(Parking { parked: Flag::new(), waker }),
        });
        self.seats.push(Arc::clone(&seat));
        Reader::new(Arc::clone(&self.shared), seat)
    }

    /// Ends the adding of readers. Without any, the publisher always has room.
    pub fn build(self) -> Publisher<T, I> {
        Publisher::new(self.shared, self.seats.into_boxed_slice())
    }
}

/// What the publisher and all readers see. Only the publisher writes to it.
struct Shared<T, I> {
    /// The next sequence to be published; below it, slots may be read. From 0, never falling.
    head: CachePadded<Sequence>,
    /// The publisher is gone, and `head` is final. Apart from the head, as waiting readers look at
    /// both, and this one hardly ever changes.
    closed: CachePadded<Latch>,
    slots: Box<[UnsafeCell<T>]>,
    /// Where each slot's items lie, beside the slots and not in them: moving the gate reads a few
    /// dense lines and leaves the slots alone. Empty when there is no annex.
    runs: Box<[UnsafeCell<Run>]>,
    annex: Annex<I>,
    limits: Limits,
}

/// Where a slot's items lie in the annex.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    /// Position of the first item, after any padding. Positions count items ever placed.
    start: u64,
    len: usize,
}

impl Run {
    fn end(self) -> u64 {
        self.start + self.len as u64
    }
}

/// What the publisher and one reader share. The two halves lie apart because their rhythms differ:
/// progress changes with every poll, parking only when there is nothing to do.
struct Seat {
    progress: CachePadded<Progress>,
    parking: CachePadded<Parking>,
}

/// Written by the reader, watched by the publisher. Both numbers are [`LEFT`] after the reader.
struct Progress {
    /// The next sequence to be read. For statistics only.
    cursor: Sequence,
    /// The first sequence that must not be overwritten; at most `cursor`, never falling.
    gate: Sequence,
}

/// How the publisher reaches a parked reader.
struct Parking {
    /// Raised by the reader, lowered by either.
    parked: Flag,
    waker: Waker,
}

/// The gate and cursor of a reader that has left: beyond every sequence.
const LEFT: u64 = u64::MAX;

/// The head, and each half of a seat, has cache lines of its own: two, as they come in pairs.
#[cfg(target_arch = "x86_64")]
const _: () = {
    assert!(align_of::<CachePadded<Sequence>>() == 128 && size_of::<CachePadded<Sequence>>() == 128);
    assert!(size_of::<Seat>() == 256);
};

// SAFETY: The cells are why this is not Sync by itself. The publisher, of which there is one, is
// the only writer: to slot and run `s` it writes only while `head <= s < gate + slots` for every
// gate, and to the annex only positions that no run from any gate on covers. Readers read only what
// is in `gate..head`. Head and gates hand memory over by Release and Acquire. So no cell is written
// while another thread looks at it. `T: Sync` because several readers hold `&T` at once, `T: Send`
// because the publisher changes, and whoever comes last drops, values that another thread made.
unsafe impl<T: Send + Sync, I: Send + Sync> Sync for Shared<T, I> {}

impl<T, I> Shared<T, I> {
    /// Whether there is an annex at all; when not, its code folds away.
    const USES_ANNEX: bool = size_of::<I>() != 0;

    #[inline]
    fn index(&self, sequence: u64) -> usize {
        sequence as usize & (self.slots.len() - 1)
    }

    /// Where the items of slot `sequence` lie.
    ///
    /// # Safety
    ///
    /// The slot must be published, as seen by this thread, and not be overwritten during the call;
    /// with a zero-sized `I` there are no runs, and the call panics.
    #[inline]
    unsafe fn run(&self, sequence: u64) -> Run {
        // SAFETY: The caller keeps the publisher from writing; other readers only read.
        self.runs[self.index(sequence)].with(|run| unsafe { *run })
    }
}

impl<T, I: Copy> Shared<T, I> {
    /// Shows slot `sequence` and its items to `f`, in place.
    ///
    /// # Safety
    ///
    /// The slot must be published, as seen by this thread, and not be overwritten before `f`
    /// returns.
    #[inline]
    unsafe fn visit<R>(&self, sequence: u64, f: impl FnOnce(&T, &[I]) -> R) -> R {
        self.slots[self.index(sequence)].with(|slot| {
            // SAFETY: The caller keeps the publisher from writing; other readers only read.
            let slot = unsafe { &*slot };
            if Self::USES_ANNEX {
                // SAFETY: As the slot, so its run: written before it was published, protected by
                // the same gate.
                let run = unsafe { self.run(sequence) };
                // SAFETY: As the slot, so its items: the publisher wrote them before it published
                // the slot, and overwrites none that a run from the gate on covers.
                unsafe { self.annex.read(run.start, run.len, |items| f(slot, items)) }
            } else {
                f(slot, &[])
            }
        })
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { slots: 8, annex: 16, history_slots: 4, history_annex: 8 };

    #[test]
    fn limits_that_contradict_each_other_are_refused_with_the_offending_value() {
        let refusal = |limits| Builder::<u64, u8>::new(limits).err().map(|error| error.to_string());
        assert_eq!(refusal(LIMITS), None);
        for (limits, message) in [
            (Limits { slots: 12, ..LIMITS }, "a ring of 12 slots: the number must be a power of two"),
            (
                Limits { annex: 0, ..LIMITS },
                "a ring's annex of 0 items: the number must be a power of two of at least 4",
            ),
            (Limits { history_slots: 5, ..LIMITS }, "a history of 5 slots: at most half of the ring's 8 can be kept"),
            (Limits { history_annex: 9, ..LIMITS }, "a history of 9 items: at most half of the annex's 16 can be kept"),
        ] {
            assert_eq!(refusal(limits).as_deref(), Some(message));
        }
    }

    #[test]
    fn a_ring_without_items_needs_no_annex() {
        let limits = Limits { slots: 1, annex: 0, history_slots: 0, history_annex: 0 };
        let builder = Builder::<u64>::new(limits).unwrap();
        assert!(builder.shared.runs.is_empty());
        let mut publisher = builder.build();
        assert_eq!(publisher.items_max(), 0);
        assert!(publisher.has_room(0));
    }

    /// The proof in the module's documentation, over every sequence of run lengths that a small
    /// annex can tell apart.
    #[test]
    fn a_reader_that_has_read_everything_never_blocks_the_publisher() {
        let limits = Limits { slots: 8, annex: 8, history_slots: 4, history_annex: 4 };
        for code in 0..3_usize.pow(9) {
            let mut builder = Builder::<(), u8>::new(limits).unwrap();
            let mut reader = builder.reader(Waker::noop().clone());
            let mut publisher = builder.build();
            for digit in 0..9 {
                let len = code / 3_usize.pow(digit) % 3;
                assert!(publisher.has_room(publisher.items_max()), "code {code}, tick {digit}");
                publisher.publish(&[0; 2][..len], |()| ());
                reader.poll(1, |_, (), items| assert_eq!(items.len(), len));
            }
        }
    }

    /// The ring as its rules say it, in the plainest way: nothing is ever overwritten, and every
    /// gate is worked out from the beginning.
    struct Twin {
        limits: Limits,
        ticks: Vec<(Run, Vec<u16>)>,
        cursors: Vec<Option<usize>>,
    }

    impl Twin {
        fn annex_next(&self) -> u64 {
            self.ticks.last().map_or(0, |(run, _)| run.end())
        }

        fn place(&self, len: usize) -> Run {
            let (next, annex) = (self.annex_next(), self.limits.annex as u64);
            let fits = next % annex + len as u64 <= annex;
            let start = if fits { next } else { next.next_multiple_of(annex) };
            Run { start, len }
        }

        fn gate(&self, cursor: usize) -> usize {
            let is_kept = |gate: &usize| {
                let kept = &self.ticks[*gate..cursor];
                let items = match (kept.first(), kept.last()) {
                    (Some((first, _)), Some((last, _))) => last.end() - first.start,
                    _ => 0,
                };
                kept.len() <= self.limits.history_slots && items <= self.limits.history_annex as u64
            };
            (0..=cursor).find(is_kept).expect("an empty history is always short enough")
        }

        fn has_room(&self, len: usize) -> bool {
            self.cursors.iter().flatten().all(|cursor| {
                let gate = self.gate(*cursor);
                let floor = self.ticks.get(gate).map_or(self.annex_next(), |(run, _)| run.start);
                self.ticks.len() < gate + self.limits.slots && self.place(len).end() <= floor + self.limits.annex as u64
            })
        }

        fn check(&self, sequence: u64, slot: &u64, items: &[u16]) {
            assert_eq!(*slot, sequence + 1);
            assert_eq!(items, self.ticks[sequence as usize].1);
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Publish { len: usize },
        Poll { reader: usize, limit: usize },
        History { reader: usize, back: u64 },
        Leave { reader: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            20 => (0..=8_usize).prop_map(|len| Step::Publish { len }),
            20 => (0..3_usize, 0..6_usize)
                .prop_map(|(reader, limit)| Step::Poll { reader, limit }),
            5 => (0..3_usize, 0..10_u64)
                .prop_map(|(reader, back)| Step::History { reader, back }),
            1 => (0..3_usize).prop_map(|reader| Step::Leave { reader }),
        ]
    }

    fn limits() -> impl Strategy<Value = Limits> {
        (1..4_u32, 2..6_u32).prop_flat_map(|(slots, annex)| {
            let (slots, annex) = (1 << slots, 1 << annex);
            (0..=slots / 2, 0..=annex / 2).prop_map(move |(history_slots, history_annex)| Limits {
                slots,
                annex,
                history_slots,
                history_annex,
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn the_ring_behaves_as_its_naive_twin(
            limits in limits(),
            steps in prop::collection::vec(step(), 1..300),
        ) {
            let mut builder = Builder::<u64, u16>::new(limits).unwrap();
            let mut readers = [(); 3].map(|()| Some(builder.reader(Waker::noop().clone())));
            let mut publisher = builder.build();
            let mut twin = Twin { limits, ticks: Vec::new(), cursors: vec![Some(0); 3] };
            for step in steps {
                match step {
                    Step::Publish { len } => {
                        let len = len.min(publisher.items_max());
                        prop_assert_eq!(publisher.has_room(len), twin.has_room(len));
                        if twin.has_room(len) {
                            let sequence = publisher.sequence();
                            let items: Vec<_> =
                                (0..len).map(|k| (sequence * 31 + k as u64) as u16).collect();
                            publisher.publish(&items, |slot| *slot = sequence + 1);
                            twin.ticks.push((twin.place(len), items));
                        }
                    }
                    Step::Poll { reader, limit } => {
                        let Some(from) = twin.cursors[reader] else { continue };
                        let Some(target) = readers[reader].as_mut() else { continue };
                        prop_assert_eq!(target.available(), (twin.ticks.len() - from) as u64);
                        let mut next = from as u64;
                        let read = target.poll(limit, |sequence, slot, items| {
                            assert_eq!(sequence, next);
                            twin.check(sequence, slot, items);
                            next += 1;
                        });
                        prop_assert_eq!(read, limit.min(twin.ticks.len() - from));
                        let cursor = from + read;
                        twin.cursors[reader] = Some(cursor);
                        prop_assert_eq!(target.history(), twin.gate(cursor) as u64..cursor as u64);
                    }
                    Step::History { reader, back } => {
                        let Some(reader) = &readers[reader] else { continue };
                        let history = reader.history();
                        let from = reader.cursor().saturating_sub(back);
                        let mut count = 0;
                        let outcome = reader.read_history(from, |sequence, slot, items| {
                            assert_eq!(sequence, from + count);
                            twin.check(sequence, slot, items);
                            count += 1;
                        });
                        prop_assert_eq!(outcome.is_ok(), from >= history.start);
                        let expected = if outcome.is_ok() { history.end - from } else { 0 };
                        prop_assert_eq!(count, expected);
                    }
                    Step::Leave { reader } => {
                        readers[reader] = None;
                        twin.cursors[reader] = None;
                    }
                }
                let left = twin.cursors.iter().flatten();
                prop_assert_eq!(publisher.readers(), left.clone().count());
                let slowest = left.min().copied().unwrap_or(twin.ticks.len());
                prop_assert_eq!(publisher.slowest(), slowest as u64);
                if slowest == twin.ticks.len() {
                    prop_assert!(publisher.has_room(publisher.items_max()), "nobody is behind");
                }
            }
        }
    }
}
