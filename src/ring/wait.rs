//! Waiting, for readers that are plain threads: spin, yield or park.
//!
//! An async reader does without this file: it calls [`Reader::park`], returns `Pending`, and calls
//! [`Reader::awake`] when its waker brought it back.
//!
//! Parking is Dekker's pattern. Each side first says what it does, then looks at what the other
//! says; a full fence between the two makes sure that at least one of them sees the other:
//!
//! ```text
//!   publisher                       reader
//!   ─────────                       ──────
//!   publish: raise the head         park: raise the flag
//!   ═══ WAKE-FENCE ═══              ═══ PARK-FENCE ═══
//!   wake: look at the flag          park: look at the head
//! ```
//!
//! Were both to see the old value, a tick would lie in the ring and its reader would sleep. Release
//! and Acquire do not forbid that, as each side's store may be seen late; only the fences do.
//! That the waker runs before the reader sleeps is harmless: a waker leaves a token behind.

use super::Reader;
use super::sync::{Parker, Unparker, spin_loop, yield_now};
use std::sync::Arc;
use std::task::{Wake, Waker};

/// How a thread waits for the publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Look again at once: the least latency, and a whole core for each waiting reader. For
    /// machines with more cores than threads.
    Spin,
    /// Offer the core to other threads between looks: for more threads than cores that all have
    /// much to do.
    Yield,
    /// Sleep until the publisher's [`wake`](super::Publisher::wake): no work while there is none,
    /// some microseconds until it starts.
    #[default]
    Park,
}

/// A thread's place to wait. It can move to another thread, but two cannot share it.
pub struct Waiter {
    wait: Wait,
    parker: Parker,
}

impl Waiter {
    /// A place to wait in the given way. Allocates its token.
    pub fn new(wait: Wait) -> Self {
        Self { wait, parker: Parker::new() }
    }

    /// What to give to [`Builder::reader`](super::Builder::reader) for the reader that will wait
    /// here. With [`Wait::Spin`] and [`Wait::Yield`] it is never called.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::new(Bell(self.parker.unparker().clone())))
    }

    /// Waits until `reader` has something to read (true), or the ring is closed and it has read
    /// everything (false).
    ///
    /// With [`Wait::Park`] the reader must have this waiter's [`waker`](Self::waker), else it may
    /// sleep forever; a sleep costs a syscall.
    pub fn wait<T, I: Copy>(&self, reader: &Reader<T, I>) -> bool {
        loop {
            if reader.available() > 0 {
                return true;
            }
            if reader.is_closed() {
                return false;
            }
            match self.wait {
                Wait::Spin => spin_loop(),
                Wait::Yield => yield_now(),
                Wait::Park => {
                    if reader.park() {
                        self.parker.park();
                        reader.awake();
                    }
                }
            }
        }
    }
}

/// The waker of a parked thread.
struct Bell(Unparker);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::super::{Builder, Limits};
    use super::{Wait, Waiter};

    #[test]
    fn every_way_of_waiting_reads_everything_and_ends_with_the_ring() {
        for wait in [Wait::Spin, Wait::Yield, Wait::Park] {
            let limits = Limits { slots: 8, annex: 0, history_slots: 4, history_annex: 0 };
            let mut builder = Builder::<u64>::new(limits).unwrap();
            let waiter = Waiter::new(wait);
            let mut reader = builder.reader(waiter.waker());
            let mut publisher = builder.build();
            let thread = std::thread::spawn(move || {
                let mut sum = 0;
                while waiter.wait(&reader) {
                    reader.poll(usize::MAX, |_, tick, _| sum += tick);
                }
                sum
            });
            for tick in 1..=1000 {
                while !publisher.has_room(0) {
                    std::thread::yield_now();
                }
                publisher.publish(&[], |slot| *slot = tick);
                publisher.wake();
            }
            drop(publisher);
            assert_eq!(thread.join().unwrap(), 500_500, "{wait:?}");
        }
    }
}

#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::super::{Builder, Limits, Publisher};
    use super::{Wait, Waiter};
    use loom::thread::{JoinHandle, spawn, yield_now};

    /// A ring of one slot, and a thread that parks until it has read `count` ticks or all.
    fn parking_reader(count: u64) -> (Publisher<u64>, JoinHandle<u64>) {
        let limits = Limits { slots: 1, annex: 0, history_slots: 0, history_annex: 0 };
        let mut builder = Builder::<u64>::new(limits).unwrap();
        let waiter = Waiter::new(Wait::Park);
        let mut reader = builder.reader(waiter.waker());
        let thread = spawn(move || {
            while reader.cursor() < count && waiter.wait(&reader) {
                reader.poll(1, |_, _, _| ());
            }
            reader.cursor()
        });
        (builder.build(), thread)
    }

    // In each model a lost wake-up leaves the reader asleep, which loom reports as a deadlock.

    #[test]
    fn a_parking_reader_misses_no_tick() {
        loom::model(|| {
            let (mut publisher, thread) = parking_reader(1);
            publisher.publish(&[], |_| ());
            publisher.wake();
            assert_eq!(thread.join().unwrap(), 1);
        });
    }

    #[test]
    fn a_parking_reader_does_not_miss_the_end() {
        loom::model(|| {
            let (publisher, thread) = parking_reader(1);
            drop(publisher);
            assert_eq!(thread.join().unwrap(), 0);
        });
    }

    #[test]
    fn a_publisher_without_room_wakes_whom_it_waits_for() {
        loom::model(|| {
            let (mut publisher, thread) = parking_reader(1);
            publisher.publish(&[], |_| ());
            // Either the tick was read already, or its reader is called.
            publisher.has_room(0);
            assert_eq!(thread.join().unwrap(), 1);
        });
    }

    #[test]
    fn a_reader_that_parks_again_misses_no_tick() {
        // Every interleaving with up to three preemptions; all of them would take minutes.
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let (mut publisher, thread) = parking_reader(2);
            for _ in 0..2 {
                while !publisher.has_room(0) {
                    yield_now();
                }
                publisher.publish(&[], |_| ());
                publisher.wake();
            }
            assert_eq!(thread.join().unwrap(), 2);
        });
    }
}
