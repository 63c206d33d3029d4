//! The writing end: places ticks, and never where a gate still protects one.
//!
//! Two limits, both remembered from the last look at the gates, say how far it may go: a sequence
//! for the slots, a position for the annex. Only when one of them does not do are the gates read
//! again, so that a publisher with room touches no cache line that a reader writes.

#![allow(unsafe_code, reason = "writes slots and annex in place, where every gate has passed")]

use super::sync::{Ordering, fence};
use super::{LEFT, Run, Seat, Shared};
use std::sync::Arc;

/// The one publisher of a ring. It can move to another thread but not be cloned.
///
/// Dropping it closes the ring and wakes all parked readers; they can still read what is left.
pub struct Publisher<T, I: Copy = ()> {
    shared: Arc<Shared<T, I>>,
    seats: Box<[Arc<Seat>]>,
    /// The next sequence to publish; `shared.head` without having to load it.
    next: u64,
    /// The annex position after the last item placed.
    annex_next: u64,
    /// Sequences below this may be written. Grows only, and may lag behind the gates.
    slot_limit: u64,
    /// Annex positions below this may be written. Grows only, and may lag behind the gates.
    annex_limit: u64,
}

impl<T, I: Copy> Publisher<T, I> {
    pub(super) fn new(shared: Arc<Shared<T, I>>, seats: Box<[Arc<Seat>]>) -> Self {
        let slot_limit = shared.limits.slots as u64;
        let annex_limit = shared.limits.annex as u64;
        Self { shared, seats, next: 0, annex_next: 0, slot_limit, annex_limit }
    }

    /// The sequence that the next [`publish`](Self::publish) will have; 0 in a new ring.
    pub fn sequence(&self) -> u64 {
        self.next
    }

    /// The most items one tick can have: a quarter of the annex, 0 without one.
    ///
    /// With longer runs and their padding, readers that keep all the history they may could block
    /// the publisher forever; the module's documentation has the proof.
    #[inline]
    pub fn items_max(&self) -> usize {
        if Shared::<T, I>::USES_ANNEX { self.shared.limits.annex / 4 } else { 0 }
    }

    /// Whether a tick with this many items can be published now.
    ///
    /// Once true it stays true until something is published. It is false only while some reader has
    /// something to read, and always true once no reader is left. Costs two comparisons; only when
    /// what is remembered does not suffice, a load from each reader's gate; and a
    /// [`wake`](Self::wake) when it is false, as a parked reader may be the one it waits for.
    ///
    /// # Panics
    ///
    /// When `items` is more than [`items_max`](Self::items_max), as waiting would never end.
    #[inline]
    pub fn has_room(&mut self, items: usize) -> bool {
        assert!(
            items <= self.items_max(),
            "a tick of {items} items, but this ring takes at most {} per tick",
            self.items_max()
        );
        let run = self.place(items);
        self.is_free(run) || {
            self.look_at_gates();
            self.is_free(run) || {
                self.wake();
                false
            }
        }
    }

    /// Writes the next tick in place and publishes it; the return value is its sequence.
    ///
    /// `write` gets the slot with whatever it held a round ago (first `T::default()`), so that
    /// its memory can be used again. Readers can see the tick when this returns, but parked ones
    /// learn of it only by [`wake`](Self::wake). No allocation, no lock, no syscall. When `write`
    /// panics, nothing is published.
    ///
    /// # Panics
    ///
    /// When there is no room: ask [`has_room`](Self::has_room) first. When there are more than
    /// [`items_max`](Self::items_max) items.
    #[inline]
    pub fn publish(&mut self, items: &[I], write: impl FnOnce(&mut T)) -> u64 {
        assert!(self.has_room(items.len()), "published into a full ring: has_room() must be true before publish()");
        let sequence = self.next;
        let index = self.shared.index(sequence);
        // SAFETY: `sequence` is the head, so no reader reads it as a new slot, and it is below
        // `slot_limit`, so every gate has passed the tick that the slot holds: all reads of it
        // happened before GATE-PUBLISH or LEAVE, whose value GATE-OBSERVE has seen. Nobody but
        // the one publisher writes, and it is borrowed mutably.
        self.shared.slots[index].with_mut(|slot| write(unsafe { &mut *slot }));
        if Shared::<T, I>::USES_ANNEX {
            let run = self.place(items.len());
            // SAFETY: As the slot, so its run.
            self.shared.runs[index].with_mut(|cell| unsafe { *cell = run });
            // SAFETY: The run ends at or before `annex_limit`: in this round or the last, its
            // positions belong to no run from any gate on, and the gates were observed as above.
            unsafe { self.shared.annex.write(run.start, items) };
            self.annex_next = run.end();
        }
        self.next = sequence + 1;
        // HEAD-PUBLISH. Release: pairs with HEAD-OBSERVE in reader.rs.
        self.shared.head.publish(self.next);
        sequence
    }

    /// Wakes the readers that are parked: one waker call for each of them, none for the others.
    ///
    /// To be called once after each batch. Costs a fence and one load per reader when none is
    /// parked, else what the wakers cost.
    pub fn wake(&self) {
        // WAKE-FENCE. SeqCst: pairs with PARK-FENCE in reader.rs. The head (or the closing) comes
        // before it and the look at the flags after it; over there the flag comes before the fence
        // and the look at the head after it. One of the two must see what the other wrote.
        fence(Ordering::SeqCst);
        for seat in &self.seats {
            // Whoever lowers the flag calls the waker, so lowering it cannot cost a wake-up.
            if seat.parking.parked.lower() {
                seat.parking.waker.wake_by_ref();
            }
        }
    }

    /// How many readers have not left. Costs a load per reader.
    pub fn readers(&self) -> usize {
        self.seats.iter().filter(|seat| seat.progress.gate.peek() != LEFT).count()
    }

    /// The smallest cursor: `sequence() - slowest()` is how far the slowest reader lags. Equal to
    /// [`sequence`](Self::sequence) when no reader is left. Costs a load per reader.
    pub fn slowest(&mut self) -> u64 {
        let cursors = self.seats.iter().map(|seat| seat.progress.cursor.peek());
        cursors.min().unwrap_or(LEFT).min(self.next)
    }

    /// Where a run of `len` items would lie: after the last, or at the array's next beginning when
    /// it would not fit before its end.
    #[inline]
    fn place(&self, len: usize) -> Run {
        if !Shared::<T, I>::USES_ANNEX {
            return Run { start: 0, len };
        }
        let annex = self.shared.limits.annex as u64;
        let left = annex - (self.annex_next & (annex - 1));
        let padding = if len as u64 > left { left } else { 0 };
        Run { start: self.annex_next + padding, len }
    }

    #[inline]
    fn is_free(&self, run: Run) -> bool {
        let fits = !Shared::<T, I>::USES_ANNEX || run.end() <= self.annex_limit;
        self.next < self.slot_limit && fits
    }

    #[cold]
    fn look_at_gates(&mut self) {
        // GATE-OBSERVE. Acquire: pairs with GATE-PUBLISH and LEAVE in reader.rs.
        let gates = self.seats.iter().map(|seat| seat.progress.gate.observe());
        let gate = gates.min().unwrap_or(LEFT);
        self.slot_limit = gate.saturating_add(self.shared.limits.slots as u64);
        if Shared::<T, I>::USES_ANNEX {
            let floor = match gate {
                LEFT => LEFT,
                gate if gate == self.next => self.annex_next,
                // SAFETY: `gate` is below the head, so this publisher wrote it, and at most
                // `slots` below it, so it has not been overwritten: only this publisher writes.
                gate => unsafe { self.shared.run(gate) }.start,
            };
            self.annex_limit = floor.saturating_add(self.shared.limits.annex as u64);
        }
    }
}

impl<T, I: Copy> Drop for Publisher<T, I> {
    fn drop(&mut self) {
        // CLOSE. Release: pairs with CLOSE-OBSERVE in reader.rs, so that whoever sees the ring
        // closed also sees its last tick.
        self.shared.closed.close();
        self.wake();
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::{Builder, Limits};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    const LIMITS: Limits = Limits { slots: 4, annex: 16, history_slots: 2, history_annex: 8 };

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn publisher_waits_for_the_slowest_gate() {
        let mut builder = Builder::<u64, u8>::new(LIMITS).unwrap();
        let mut fast = builder.reader(Waker::noop().clone());
        let mut slow = builder.reader(Waker::noop().clone());
        let mut publisher = builder.build();
        for tick in 0..4 {
            assert!(publisher.has_room(0));
            assert_eq!(publisher.publish(&[], |slot| *slot = tick), tick);
        }
        fast.poll(usize::MAX, |_, _, _| ());
        assert!(!publisher.has_room(0), "the slow one has read nothing");
        slow.poll(2, |_, _, _| ());
        assert!(!publisher.has_room(0), "both ticks that it read are in its history");
        assert_eq!(publisher.slowest(), 2);
        slow.poll(1, |_, _, _| ());
        assert!(publisher.has_room(0));
    }

    #[test]
    fn without_readers_there_is_always_room() {
        let mut builder = Builder::<u64, u8>::new(LIMITS).unwrap();
        let reader = builder.reader(Waker::noop().clone());
        let mut publisher = builder.build();
        for _ in 0..4 {
            publisher.publish(&[1, 2, 3], |_| ());
        }
        assert!(!publisher.has_room(0));
        assert_eq!((publisher.readers(), publisher.slowest()), (1, 0));
        drop(reader);
        assert_eq!((publisher.readers(), publisher.slowest()), (0, 4));
        for _ in 0..100 {
            assert!(publisher.has_room(4));
            publisher.publish(&[1, 2, 3, 4], |_| ());
        }
    }

    #[test]
    fn wake_calls_each_parked_reader_once_and_no_other() {
        let mut builder = Builder::<u64>::new(Limits { annex: 0, history_annex: 0, ..LIMITS }).unwrap();
        let counts: [Arc<Count>; 2] = Default::default();
        let parked = builder.reader(Waker::from(Arc::clone(&counts[0])));
        let _awake = builder.reader(Waker::from(Arc::clone(&counts[1])));
        let mut publisher = builder.build();
        let called = || counts.each_ref().map(|count| count.0.load(Ordering::Relaxed));
        assert!(parked.park());
        publisher.publish(&[], |_| ());
        assert_eq!(called(), [0, 0], "publishing alone wakes nobody");
        publisher.wake();
        publisher.wake();
        assert_eq!(called(), [1, 0]);
        assert!(!parked.park(), "there is something to read");
        publisher.wake();
        assert_eq!(called(), [1, 0]);
    }

    #[test]
    fn waiting_for_room_wakes_the_parked_reader_it_waits_for() {
        let mut builder = Builder::<u64, u8>::new(LIMITS).unwrap();
        let count = Arc::new(Count::default());
        let reader = builder.reader(Waker::from(Arc::clone(&count)));
        let mut publisher = builder.build();
        assert!(reader.park());
        while publisher.has_room(0) {
            publisher.publish(&[], |_| ());
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    #[should_panic = "published into a full ring"]
    fn publishing_without_room_panics() {
        let mut builder = Builder::<u64, u8>::new(LIMITS).unwrap();
        let _reader = builder.reader(Waker::noop().clone());
        let mut publisher = builder.build();
        for _ in 0..5 {
            publisher.publish(&[], |_| ());
        }
    }

    #[test]
    #[should_panic = "a tick of 5 items, but this ring takes at most 4 per tick"]
    fn a_tick_with_too_many_items_panics_instead_of_waiting_forever() {
        let mut publisher = Builder::<u64, u8>::new(LIMITS).unwrap().build();
        publisher.has_room(5);
    }

    #[test]
    fn a_panic_while_writing_publishes_nothing() {
        let mut builder = Builder::<u64, u8>::new(LIMITS).unwrap();
        let mut reader = builder.reader(Waker::noop().clone());
        let mut publisher = builder.build();
        let write = std::panic::AssertUnwindSafe(|| publisher.publish(&[1], |_| panic!("no")));
        assert!(std::panic::catch_unwind(write).is_err());
        assert_eq!((publisher.sequence(), reader.available()), (0, 0));
        publisher.publish(&[7], |slot| *slot = 8);
        reader.poll(1, |sequence, slot, items| assert_eq!((sequence, *slot, items), (0, 8, &[7][..])));
    }
}

#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::super::{Builder, Limits, Publisher, Reader};
    use loom::thread::{spawn, yield_now};
    use std::task::Waker;

    fn publish<I: Copy>(publisher: &mut Publisher<u64, I>, items: &[I]) {
        while !publisher.has_room(items.len()) {
            yield_now();
        }
        let tick = publisher.sequence() + 1;
        publisher.publish(items, |slot| *slot = tick);
    }

    fn read_until(mut reader: Reader<u64>, until: u64) {
        while reader.cursor() < until {
            if reader.poll(1, |sequence, slot, _| assert_eq!(*slot, sequence + 1)) == 0 {
                yield_now();
            }
        }
    }

    #[test]
    fn a_published_tick_is_read_as_it_was_written() {
        loom::model(|| {
            let limits = Limits { slots: 2, annex: 0, history_slots: 0, history_annex: 0 };
            let mut builder = Builder::<u64>::new(limits).unwrap();
            let reader = builder.reader(Waker::noop().clone());
            let mut publisher = builder.build();
            let thread = spawn(move || read_until(reader, 2));
            publish(&mut publisher, &[]);
            publish(&mut publisher, &[]);
            thread.join().unwrap();
        });
    }

    #[test]
    fn a_slot_is_written_again_only_after_everybody_has_read_it() {
        loom::model(|| {
            let limits = Limits { slots: 1, annex: 0, history_slots: 0, history_annex: 0 };
            let mut builder = Builder::<u64>::new(limits).unwrap();
            let readers = [(); 2].map(|()| builder.reader(Waker::noop().clone()));
            let mut publisher = builder.build();
            publish(&mut publisher, &[]);
            let threads = readers.map(|mut reader| {
                spawn(move || {
                    assert_eq!(reader.poll(1, |_, slot, _| assert_eq!(*slot, 1)), 1);
                    reader
                })
            });
            publish(&mut publisher, &[]);
            for thread in threads {
                let mut reader = thread.join().unwrap();
                assert_eq!(reader.poll(1, |_, slot, _| assert_eq!(*slot, 2)), 1);
            }
        });
    }

    #[test]
    fn items_are_overwritten_only_after_they_were_read_also_around_the_end() {
        loom::model(|| {
            let limits = Limits { slots: 8, annex: 8, history_slots: 0, history_annex: 0 };
            let mut builder = Builder::<u64, u64>::new(limits).unwrap();
            let mut reader = builder.reader(Waker::noop().clone());
            let mut publisher = builder.build();
            // Positions 0, 1-2, 3-4 and 5-6; 7 becomes padding, 8-9 and 10-11 lie where 0-3 were.
            let run = |tick: u64| [tick * 10, tick * 10 + 1];
            publish(&mut publisher, &run(0)[..1]);
            for tick in 1..4 {
                publish(&mut publisher, &run(tick));
            }
            reader.poll(1, |_, _, items| assert_eq!(items, &run(0)[..1]));
            let thread = spawn(move || {
                for _ in 1..4 {
                    reader.poll(1, |tick, _, items| assert_eq!(items, run(tick)));
                }
                while reader.cursor() < 6 {
                    if reader.poll(1, |tick, _, items| assert_eq!(items, run(tick))) == 0 {
                        yield_now();
                    }
                }
            });
            publish(&mut publisher, &run(4));
            publish(&mut publisher, &run(5));
            thread.join().unwrap();
        });
    }
}
