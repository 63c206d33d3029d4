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
mod tests;
