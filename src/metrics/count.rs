//! What is counted in: a number, or how often which sizes came. One thread writes each, any thread reads it.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that its one writer raises, lowers or sets, and anybody reads.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`.
    #[inline]
    pub fn add(&self, more: u64) {
        // One writer: a load and a store do, without a locked instruction.
        self.0.store(self.0.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    /// Makes it `value`.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it is now.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many steps a [`Spread`] has; the last one has no bound.
pub const STEPS: usize = 12;

/// How often which sizes came: up to 1, up to 2, up to 4 and so on up to 1,024, and larger.
#[derive(Debug, Default)]
pub struct Spread {
    steps: [Count; STEPS],
    sum: Count,
}

impl Spread {
    /// The largest size of a step; `None` for the last.
    pub fn bound(step: usize) -> Option<u64> {
        (step < STEPS - 1).then(|| 1 << step)
    }

    /// Counts one of this size. Costs two additions.
    #[inline]
    pub fn add(&self, size: u64) {
        let step = u64::BITS - size.saturating_sub(1).leading_zeros();
        self.steps[(step as usize).min(STEPS - 1)].add(1);
        self.sum.add(size);
    }
}

/// What was counted, at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Of a [`Count`].
    Number(u64),
    /// Of a [`Spread`]: how many came in each step, and all sizes together.
    Spread {
        /// How many in each step, the smaller ones not included.
        steps: [u64; STEPS],
        /// The sum of all sizes.
        sum: u64,
    },
}

impl From<&Count> for Reading {
    fn from(count: &Count) -> Reading {
        Reading::Number(count.read())
    }
}

impl From<&Spread> for Reading {
    fn from(spread: &Spread) -> Reading {
        Reading::Spread { steps: spread.steps.each_ref().map(Count::read), sum: spread.sum.read() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_counted_in_the_first_step_that_holds_it() {
        for (size, step) in
            [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1_024, 10), (1_025, 11), (u64::MAX >> 1, 11)]
        {
            let spread = Spread::default();
            spread.add(size);
            let Reading::Spread { steps, sum } = Reading::from(&spread) else { panic!("a spread") };
            assert_eq!((steps[step], steps.iter().sum::<u64>(), sum), (1, 1, size), "{size}");
            assert!(Spread::bound(step).is_none_or(|bound| size <= bound));
            assert!(step == 0 || Spread::bound(step - 1).unwrap() < size);
        }
    }
}
