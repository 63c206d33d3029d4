//! The way from the loop to the ring: ticks in order, readers woken, and waiting where there is no room.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::feed::replay::Speed;
use crate::ingest::{Halt, Ingest};
use crate::market::tick::{Level, Tick};

/// Ticks published before parked readers are woken, while messages are due one right after the other.
const WAKE_EVERY: u32 = 64;

impl Ingest {
    #[inline]
    pub(super) fn publish(&mut self, tick: &Tick, levels: &[Level]) -> Result<(), Halt> {
        self.make_room(levels.len())?;
        self.quotations.on_tick(tick, levels);
        self.recent.on_tick(tick);
        if self.faults.is_some() {
            return self.publish_distorted(tick, levels);
        }
        self.put(tick, levels)
    }

    #[inline]
    pub(super) fn make_room(&mut self, levels: usize) -> Result<(), Halt> {
        if self.publisher.has_room(levels) { Ok(()) } else { self.wait_for_room(levels) }
    }

    /// Puts a tick into the ring, which has room for it.
    #[inline]
    pub(super) fn put(&mut self, tick: &Tick, levels: &[Level]) -> Result<(), Halt> {
        self.publisher.publish(levels, |slot| *slot = *tick);
        self.metrics.ingest.ticks_published.add(1);
        // Words to the cores, of a new symbol or of the end, have no time.
        if tick.ts_recv > 0 {
            self.metrics.ts_recv.store(tick.ts_recv, Ordering::Relaxed);
        }
        self.unwoken += 1;
        if self.unwoken >= WAKE_EVERY {
            self.wake();
        }
        Ok(())
    }

    fn wait_for_room(&mut self, levels: usize) -> Result<(), Halt> {
        let waits = &self.metrics.ingest.ring_waits;
        waits.add(1);
        if waits.read() == 1 && self.player.speed != Speed::Max && self.unheard.is_none() {
            tracing::warn!("the ring is full: the feed waits for the slowest core; latency grows until it keeps up");
        }
        let before_ns = self.metrics.ingest.ring_wait_ns.read();
        let (begun, mut naps) = (Instant::now(), 0);
        while !self.publisher.has_room(levels) {
            self.wake();
            self.answer();
            if self.control.is_stopped() {
                return Err(Halt::Stopped);
            }
            // The readers need the processor more than this thread does.
            naps += 1;
            if naps < 16 {
                thread::yield_now()
            } else {
                thread::sleep(Duration::from_micros(100))
            }
            self.metrics.ingest.ring_wait_ns.set(before_ns + begun.elapsed().as_nanos() as u64);
        }
        Ok(())
    }

    pub(super) fn wake(&mut self) {
        if self.unwoken > 0 {
            self.publisher.wake();
            self.unwoken = 0;
        }
    }
}
