//! The reading end: borrows ticks in place, then lets go of those that leave its history.

#![allow(unsafe_code, reason = "reads slots and annex in place, between its gate and the head")]

use super::sync::{Ordering, fence};
use super::{LEFT, Seat, Shared};
use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// One reader of a ring. It can move to another thread, but two threads cannot share it:
///
/// ```compile_fail
/// fn shared_between_threads<T: Sync>() {}
/// shared_between_threads::<tapecast::ring::Reader<u64>>();
/// ```
///
/// Dropping it means leaving: its gate no longer holds the publisher back. A reader that is kept
/// but not polled does, sooner or later.
pub struct Reader<T, I: Copy = ()> {
    shared: Arc<Shared<T, I>>,
    seat: Arc<Seat>,
    /// The next sequence to read.
    cursor: u64,
    /// The first sequence that the publisher leaves alone for this reader; at most `cursor`.
    gate: u64,
    /// The head when last looked at; at least `cursor`.
    head: Cell<u64>,
}

/// The asked-for sequences are not in the history: overwritten already, or not read yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sequence {from} is outside the history, {}..{}", history.start, history.end)]
pub struct Gone {
    /// The first sequence that was asked for.
    pub from: u64,
    /// What could have been read, as [`Reader::history`] says it.
    pub history: Range<u64>,
}

impl<T, I: Copy> Reader<T, I> {
    pub(super) fn new(shared: Arc<Shared<T, I>>, seat: Arc<Seat>) -> Self {
        Self { shared, seat, cursor: 0, gate: 0, head: Cell::new(0) }
    }

    /// Reads what is there, up to `limit` ticks, and returns how many that were; 0 means that
    /// nothing is there. It looks for newer ticks only when it has read all it knows of.
    ///
    /// `f` gets each tick's sequence, the slot, and its items, all borrowed in place. Cursor and
    /// gate are published once, after the last tick: a `limit` far below the ring's capacity lets
    /// the publisher go on earlier. When `f` panics, none of this call's ticks count as read.
    /// No allocation, no lock, no syscall.
    #[inline]
    pub fn poll(&mut self, limit: usize, mut f: impl FnMut(u64, &T, &[I])) -> usize {
        self.poll_while(limit, |sequence, slot, items| {
            f(sequence, slot, items);
            ControlFlow::Continue(())
        })
    }

    /// Like [`poll`](Self::poll), but stops after a tick for which `f` returns `Break`; that tick
    /// counts as read.
    #[inline]
    pub fn poll_while(&mut self, limit: usize, mut f: impl FnMut(u64, &T, &[I]) -> ControlFlow<()>) -> usize {
        let from = self.cursor;
        if self.head.get() == from {
            self.look_at_head();
        }
        let until = from + (limit as u64).min(self.head.get() - from);
        let mut next = from;
        while next < until {
            let sequence = next;
            next += 1;
            // SAFETY: `sequence` is below the head as observed by HEAD-OBSERVE, and not below the
            // gate, which moves only after this loop.
            let flow = unsafe { self.shared.visit(sequence, |slot, items| f(sequence, slot, items)) };
            if flow.is_break() {
                break;
            }
        }
        if next > from {
            self.advance(next);
        }
        (next - from) as usize
    }

    /// The next sequence this reader will read.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// How many ticks wait to be read. Costs a load of the publisher's cache line.
    pub fn available(&self) -> u64 {
        self.look_at_head();
        self.head.get() - self.cursor
    }

    /// The sequences behind the cursor that can still be read: as many as the limits on slots and
    /// on items allow, whichever is reached first. Empty before the first tick is read.
    pub fn history(&self) -> Range<u64> {
        self.gate..self.cursor
    }

    /// Reads again the ticks from `from` up to the cursor; none when `from` is the cursor.
    ///
    /// # Errors
    ///
    /// [`Gone`] when `from` lies outside [`history`](Self::history); then `f` is not called.
    pub fn read_history(&self, from: u64, mut f: impl FnMut(u64, &T, &[I])) -> Result<(), Gone> {
        if from < self.gate || from > self.cursor {
            return Err(Gone { from, history: self.history() });
        }
        for sequence in from..self.cursor {
            // SAFETY: Below the cursor, hence below the head as observed by HEAD-OBSERVE; not below
            // the gate, which cannot move while `self` is borrowed.
            unsafe { self.shared.visit(sequence, |slot, items| f(sequence, slot, items)) };
        }
        Ok(())
    }

    /// Looks at one tick of the [`history`](Self::history) again; `None` outside of it.
    pub fn look_back<R>(&self, sequence: u64, f: impl FnOnce(&T) -> R) -> Option<R> {
        if !self.history().contains(&sequence) {
            return None;
        }
        // SAFETY: As in `read_history`.
        Some(unsafe { self.shared.visit(sequence, |slot, _| f(slot)) })
    }

    /// Where in the [`history`](Self::history) the first tick is that is not before something; its end if all are.
    /// `is_before` holds for all ticks up to some place, and for none behind it. Cost: it is asked as often as the
    /// history's length has binary digits.
    pub fn search_history(&self, mut is_before: impl FnMut(&T) -> bool) -> u64 {
        let Range { mut start, mut end } = self.history();
        while start < end {
            let middle = start + (end - start) / 2;
            match self.look_back(middle, &mut is_before) {
                Some(true) => start = middle + 1,
                Some(false) | None => end = middle,
            }
        }
        start
    }

    /// Announces that this reader is about to wait for its waker, and looks once more.
    ///
    /// True: parked, and the waker will be called for whatever is published and followed by
    /// [`Publisher::wake`](super::Publisher::wake), or for the closing. False: there is something
    /// to read, or the ring is closed; not parked, though a waker call may be under way already.
    /// After waking, call [`awake`](Self::awake).
    pub fn park(&self) -> bool {
        self.seat.parking.parked.set(true);
        // PARK-FENCE. SeqCst: pairs with WAKE-FENCE in publisher.rs; see there.
        fence(Ordering::SeqCst);
        // Relaxed suffices: the fence makes it new enough, and reading goes through HEAD-OBSERVE
        // and CLOSE-OBSERVE again, which cannot see less.
        if self.shared.head.peek() > self.cursor || self.shared.closed.peek() {
            self.awake();
            return false;
        }
        true
    }

    /// Takes the announcement back: from here on the publisher does not call the waker.
    pub fn awake(&self) {
        self.seat.parking.parked.set(false);
    }

    /// Whether the publisher is gone and this reader has read everything.
    pub fn is_closed(&self) -> bool {
        // CLOSE-OBSERVE. Acquire: pairs with CLOSE in publisher.rs; the head looked at afterwards
        // is the last.
        self.shared.closed.observe() && self.available() == 0
    }

    #[inline]
    fn look_at_head(&self) {
        // HEAD-OBSERVE. Acquire: pairs with HEAD-PUBLISH in publisher.rs.
        self.head.set(self.shared.head.observe());
    }

    /// Moves the cursor to `cursor` and the gate after it, over what leaves the history.
    #[inline]
    fn advance(&mut self, cursor: u64) {
        self.cursor = cursor;
        let limits = self.shared.limits;
        self.gate = self.gate.max(cursor.saturating_sub(limits.history_slots as u64));
        if Shared::<T, I>::USES_ANNEX {
            // SAFETY: `cursor - 1` has just been read, and the published gate is not beyond it.
            let end = unsafe { self.shared.run(cursor - 1) }.end();
            // Each step is a slot that never comes back: one step per tick read, in the long run.
            while self.gate < cursor {
                // SAFETY: Not below the published gate, which moves only below this loop.
                let start = unsafe { self.shared.run(self.gate) }.start;
                if end - start <= limits.history_annex as u64 {
                    break;
                }
                self.gate += 1;
            }
        }
        let progress = &self.seat.progress;
        // Relaxed: for Publisher::slowest alone.
        progress.cursor.note(cursor);
        // GATE-PUBLISH. Release: pairs with GATE-OBSERVE in publisher.rs.
        progress.gate.publish(self.gate);
    }
}

impl<T, I: Copy> Drop for Reader<T, I> {
    fn drop(&mut self) {
        self.awake();
        // Relaxed: for Publisher::slowest alone.
        self.seat.progress.cursor.note(LEFT);
        // LEAVE. Release: pairs with GATE-OBSERVE in publisher.rs.
        self.seat.progress.gate.publish(LEFT);
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::{Builder, Limits, Publisher};
    use super::{Gone, Reader};
    use std::ops::ControlFlow;
    use std::task::Waker;

    fn ring(limits: Limits) -> (Publisher<u64, u8>, Reader<u64, u8>) {
        let mut builder = Builder::new(limits).unwrap();
        let reader = builder.reader(Waker::noop().clone());
        (builder.build(), reader)
    }

    const LIMITS: Limits = Limits { slots: 8, annex: 16, history_slots: 4, history_annex: 8 };

    #[test]
    fn the_history_is_as_long_as_its_slots_allow() {
        let (mut publisher, mut reader) = ring(LIMITS);
        for tick in 0..8 {
            publisher.publish(&[], |slot| *slot = tick);
        }
        assert_eq!(reader.history(), 0..0);
        reader.poll(3, |_, _, _| ());
        assert_eq!(reader.history(), 0..3);
        reader.poll(5, |_, _, _| ());
        assert_eq!(reader.history(), 4..8);
    }

    #[test]
    fn the_history_is_as_long_as_its_items_allow_padding_included() {
        let (mut publisher, mut reader) = ring(LIMITS);
        let mut tick = |items: &[u8]| {
            assert!(publisher.has_room(items.len()));
            publisher.publish(items, |_| ());
            reader.poll(1, |_, _, read| assert_eq!(read, items));
            reader.history()
        };
        assert_eq!(tick(&[0; 3]), 0..1);
        assert_eq!(tick(&[1; 4]), 0..2);
        assert_eq!(tick(&[2; 4]), 1..3, "positions 3 to 10 are just eight");
        assert_eq!(tick(&[3; 2]), 2..4, "positions 7 to 12");
        assert_eq!(tick(&[4; 4]), 4..5, "13 to 15 are padding: from 11 to 19 would be nine");
        assert_eq!(tick(&[]), 4..6, "nothing takes no place");
    }

    #[test]
    fn a_place_in_the_history_is_found_by_what_is_there() {
        let (mut publisher, mut reader) = ring(LIMITS);
        let search = |reader: &Reader<u64, u8>, least| reader.search_history(|tick| *tick < least);
        assert_eq!((search(&reader, 0), reader.look_back(0, |tick| *tick)), (0, None));
        for tick in 0..12 {
            publisher.publish(&[], |slot| *slot = tick * 10);
            reader.poll(1, |_, _, _| ());
        }
        let (start, end) = (reader.history().start, reader.history().end);
        assert_eq!(reader.look_back(start, |tick| *tick), Some(start * 10));
        assert_eq!([start - 1, end].map(|place| reader.look_back(place, |tick| *tick)), [None; 2]);
        for (least, place) in [(0, start), (start * 10, start), (start * 10 + 1, start + 1), (110, 11), (111, end)] {
            assert_eq!(search(&reader, least), place, "{least}");
        }
    }

    #[test]
    fn history_is_read_from_any_sequence_in_it_and_from_no_other() {
        let (mut publisher, mut reader) = ring(LIMITS);
        for tick in 0..7 {
            publisher.publish(&[tick as u8], |slot| *slot = tick);
        }
        reader.poll(6, |_, _, _| ());
        let read = |from| {
            let mut read = Vec::new();
            reader.read_history(from, |sequence, slot, items| {
                assert_eq!((*slot, items), (sequence, &[sequence as u8][..]));
                read.push(sequence);
            })?;
            Ok(read)
        };
        assert_eq!(read(2), Ok(vec![2, 3, 4, 5]));
        assert_eq!(read(5), Ok(vec![5]));
        assert_eq!(read(6), Ok(vec![]));
        assert_eq!(read(1), Err(Gone { from: 1, history: 2..6 }));
        assert_eq!(read(7), Err(Gone { from: 7, history: 2..6 }));
        let message = read(1).unwrap_err().to_string();
        assert_eq!(message, "sequence 1 is outside the history, 2..6");
    }

    #[test]
    fn a_reader_that_stops_early_goes_on_after_the_tick_it_stopped_at() {
        let (mut publisher, mut reader) = ring(LIMITS);
        for tick in 0..5 {
            publisher.publish(&[], |slot| *slot = tick);
        }
        let stop_at_2 = |_, tick: &u64, _: &[u8]| match tick {
            2 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        assert_eq!(reader.poll_while(usize::MAX, stop_at_2), 3);
        assert_eq!(reader.cursor(), 3);
        assert_eq!(reader.poll(0, |_, _, _| ()), 0);
        assert_eq!(reader.poll(usize::MAX, |sequence, tick, _| assert_eq!(sequence, *tick)), 2);
    }

    #[test]
    fn a_reader_that_panics_has_read_nothing() {
        let (mut publisher, mut reader) = ring(LIMITS);
        publisher.publish(&[], |_| ());
        let read = std::panic::AssertUnwindSafe(|| reader.poll(1, |_, _, _| panic!("no")));
        assert!(std::panic::catch_unwind(read).is_err());
        assert_eq!((reader.cursor(), reader.available()), (0, 1));
    }

    #[test]
    fn a_closed_ring_is_read_to_its_end() {
        let (mut publisher, mut reader) = ring(LIMITS);
        publisher.publish(&[], |_| ());
        drop(publisher);
        assert!(!reader.is_closed(), "there is a tick left");
        assert_eq!(reader.poll(usize::MAX, |_, _, _| ()), 1);
        assert!(reader.is_closed());
        assert!(!reader.park(), "nobody would wake it");
    }
}

#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::super::{Builder, Limits};
    use loom::thread::{spawn, yield_now};
    use std::task::Waker;

    #[test]
    fn history_stays_as_it_was_while_the_publisher_goes_on() {
        loom::model(|| {
            let limits = Limits { slots: 4, annex: 8, history_slots: 2, history_annex: 4 };
            let mut builder = Builder::<u64, u64>::new(limits).unwrap();
            let mut reader = builder.reader(Waker::noop().clone());
            let mut publisher = builder.build();
            for tick in 0..3 {
                publisher.publish(&[tick], |slot| *slot = tick);
            }
            reader.poll(2, |_, _, _| ());
            let thread = spawn(move || {
                let check = |sequence, slot: &u64, items: &[u64]| {
                    assert_eq!((*slot, items), (sequence, &[sequence][..]));
                };
                reader.read_history(0, check).unwrap();
                assert_eq!(reader.poll(1, check), 1);
                assert_eq!(reader.history(), 1..3);
                reader.read_history(1, check).unwrap();
            });
            for tick in 3..5 {
                while !publisher.has_room(1) {
                    yield_now();
                }
                publisher.publish(&[tick], |slot| *slot = tick);
            }
            thread.join().unwrap();
        });
    }

    #[test]
    fn a_reader_that_leaves_has_finished_reading_and_holds_nobody_back() {
        loom::model(|| {
            let limits = Limits { slots: 2, annex: 4, history_slots: 1, history_annex: 2 };
            let mut builder = Builder::<u64, u64>::new(limits).unwrap();
            let mut reader = builder.reader(Waker::noop().clone());
            let mut publisher = builder.build();
            publisher.publish(&[5], |slot| *slot = 5);
            publisher.publish(&[6], |slot| *slot = 6);
            reader.poll(1, |_, _, _| ());
            let thread = spawn(move || {
                let check = |_, slot: &u64, items: &[u64]| assert_eq!((*slot, items), (5, &[5][..]));
                reader.read_history(0, check).unwrap();
            });
            while !publisher.has_room(1) {
                yield_now();
            }
            publisher.publish(&[7], |slot| *slot = 7);
            thread.join().unwrap();
            assert_eq!(publisher.readers(), 0);
        });
    }

    #[test]
    fn who_sees_the_ring_closed_has_read_its_last_tick() {
        loom::model(|| {
            let limits = Limits { slots: 2, annex: 0, history_slots: 0, history_annex: 0 };
            let mut builder = Builder::<u64>::new(limits).unwrap();
            let mut reader = builder.reader(Waker::noop().clone());
            let mut publisher = builder.build();
            let thread = spawn(move || {
                let mut read = 0;
                while !reader.is_closed() {
                    read += reader.poll(1, |_, _, _| ());
                    yield_now();
                }
                assert_eq!(read, 1);
            });
            publisher.publish(&[], |_| ());
            drop(publisher);
            thread.join().unwrap();
        });
    }
}
