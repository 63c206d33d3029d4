//! Dice: whole-number distributions over a specified generator.
//!
//! The generator is PCG-XSH-RR 64/32, whose output is fixed by its paper and so by every version of the crate that implements it.
//! The distributions are written here for the same reason: those of a library may change between versions, and most of them
//! pass through floating point.

use rand_core::Rng;
use rand_pcg::Pcg32;

/// One independent source of chance.
#[derive(Debug)]
pub(crate) struct Chance {
    pcg: Pcg32,
}

impl Chance {
    /// The source number `lane` of a seed; lanes of one seed are unrelated.
    pub(crate) fn new(seed: u64, lane: u64) -> Self {
        // PCG streams of equal state resemble each other, so state and stream are both scattered first.
        let state = scatter(seed ^ scatter(lane));
        let stream = scatter(state ^ lane);
        Self { pcg: Pcg32::new(state, stream) }
    }

    /// 32 random bits.
    pub(super) fn bits(&mut self) -> u32 {
        self.pcg.next_u32()
    }

    /// A number in `0..bound`; 0 when the bound is 0. Its bias, below `bound / 2^32`, does not matter here.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.bits()) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `low..=high`; `low` when the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        let width = (high - low) as u64 + 1;
        let wide = (u64::from(self.bits()) << 32) | u64::from(self.bits());
        low + ((u128::from(wide) * u128::from(width)) >> 64) as i64
    }

    /// True `share` times in a thousand.
    pub(crate) fn permille(&mut self, share: u32) -> bool {
        self.below(1000) < share
    }

    /// A bell curve around zero with the given standard deviation, cut off near three and a half of them.
    pub(super) fn bell(&mut self, deviation: i64) -> i64 {
        let (a, b) = (self.bits(), self.bits());
        let sum = i64::from(a >> 16) + i64::from(a & 0xffff) + i64::from(b >> 16) + i64::from(b & 0xffff);
        // Four uniform 16-bit numbers: mean 131,070, standard deviation 65,536 / sqrt(3) = 37,837.
        (sum - 131_070) * deviation / 37_837
    }

    /// A size around `median` with a long tail: its logarithm is bell-shaped, with `octaves` times 1.4 doublings of deviation.
    ///
    /// At least 1. `octaves` is 1 for the size of an order that waits, 2 for what takers send.
    pub(super) fn heavy(&mut self, median: i64, octaves: u32) -> i64 {
        let dice = self.bits();
        let doublings = ((dice & 0xff).count_ones() as i32 - 4) * octaves as i32;
        // Between two steps of doubling every size is possible, in units of 2^-16 of the median.
        let (low, width) = if octaves < 2 { (46_341, 46_341) } else { (32_768, 98_304) };
        let mantissa = low + (((i64::from(dice) >> 16) * width) >> 16);
        let grain = self.below((median >> 16) as u32 + 1);
        let size = ((median * mantissa) >> 16) + i64::from(grain);
        let size = if doublings < 0 {
            size >> -doublings
        } else {
            (size << doublings) + i64::from(self.below(1 << doublings))
        };
        size.max(1)
    }

    /// A number that a person or a simple program would type: `size` with one or two digits that are not zero.
    pub(super) fn rounded(&mut self, size: i64) -> i64 {
        let mut unit = 1;
        while size / unit >= 100 {
            unit *= 10;
        }
        if size / unit >= 10 && self.permille(600) {
            unit *= 10;
        }
        (size / unit * unit).max(1)
    }
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn scatter(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Arrivals that cluster: every event raises the rate of those that follow, for a while.
///
/// A self-exciting (Hawkes) process in steps of one millisecond. Rates are in 2^-32 events a millisecond. Two memories run beside
/// each other: a short one of 16 ms makes the machine-gun bursts, a long one of a second makes the busy and the quiet spells.
pub(super) struct Pulse {
    base: u64,
    short: u64,
    long: u64,
}

impl Pulse {
    /// A process that averages `per_minute` events in a calm market.
    pub(super) fn new(per_minute: u32) -> Self {
        let mean = (u64::from(per_minute) << 32) / 60_000;
        Self { base: mean * (100 - SHORT_CHILDREN - LONG_CHILDREN) / 100, short: 0, long: 0 }
    }

    /// How many events fall into the next millisecond; `heat` is the market's temperature, 256 when calm.
    pub(super) fn arrivals(&mut self, heat: i64, chance: &mut Chance) -> u32 {
        let rate = ((self.base * heat as u64) >> 8) + self.short + self.long;
        self.short -= self.short >> SHORT_MEMORY;
        self.long -= self.long >> LONG_MEMORY;
        let whole = (rate >> 32) as u32;
        let part = u32::from(chance.bits() < rate as u32);
        let events = (whole + part).min(EVENTS_PER_MS_MAX);
        self.excite(events);
        events
    }

    /// Raises the rate as `events` events do; also called for what happens in a related market.
    pub(super) fn excite(&mut self, events: u32) {
        self.short += u64::from(events) * (((SHORT_CHILDREN << 32) / 100) >> SHORT_MEMORY);
        self.long += u64::from(events) * (((LONG_CHILDREN << 32) / 100) >> LONG_MEMORY);
    }
}

/// The short memory fades by 2^-4 a millisecond, the long one by 2^-10.
const SHORT_MEMORY: u32 = 4;
const LONG_MEMORY: u32 = 10;

/// Of a hundred events, how many cause one more through each memory. Their sum stays below 100, or the process would explode.
const SHORT_CHILDREN: u64 = 40;
const LONG_CHILDREN: u64 = 30;

/// No market does more in one millisecond.
const EVENTS_PER_MS_MAX: u32 = 6;
