//! The highest rate that a contestant sustains.
//!
//! The rate of each symbol is doubled until it is too much, then the gap is halved a few times. A rate is sustained if
//! what is offered is delivered, whole, and not late.

use crate::bench::BenchError;
use crate::bench::contestant::Contestant;
use crate::bench::load::Stage;
use crate::bench::outcome::Outcome;
use crate::bench::plan::Plan;
use crate::bench::report::Limit;

/// What is delivered of the offered rate at the least; less is falling behind, not rounding.
const DELIVERED_SHARE_MIN: f64 = 0.98;

/// How old ninety-nine hundredths of all events are at the most, in microseconds.
const AGE_P99_US_MAX: u64 = 100_000;

/// How often the gap between a rate that is sustained and one that is not is halved.
const HALVINGS: usize = 3;

/// The highest rate of a symbol that is tried.
const RATE_MAX: u32 = 1_000_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Sweep {
    /// The highest rate of each symbol that is sustained, and what was seen at it; `None` if not even the first is, or
    /// if the contestant's feed is not ours.
    pub best: Option<(u32, Outcome)>,
    /// The lowest one that is not; `None` where all were, or where it could not be measured.
    pub limit: Option<Limit>,
}

/// Finds the highest rate, beginning with `first`. A rate is too much if it was so twice: something else on the machine
/// may have been in the way once. `told` is each rate before it is tried, and what happens meanwhile.
///
/// # Errors
/// [`BenchError`] where it does not start, or nobody can be connected, at the first rate; at another one that is too
/// much for it.
pub fn highest(
    contestant: &Contestant,
    plan: &Plan,
    first: u32,
    told: &mut dyn FnMut(u32, Stage),
) -> Result<Sweep, BenchError> {
    let mut sweep = Sweep::default();
    let (mut rate, mut too_much, mut halvings) = (first, None, 0);
    while let Some(faster) = contestant.at_rate(rate) {
        let mut seen = faster.measure(plan, &mut |stage| told(rate, stage));
        if !seen.as_ref().is_ok_and(|outcome| is_sustained(&faster, plan, outcome)) {
            seen = faster.measure(plan, &mut |stage| told(rate, stage));
        }
        match seen {
            Ok(outcome) if is_sustained(&faster, plan, &outcome) => sweep.best = Some((rate, outcome)),
            Err(error) if sweep.best.is_none() => return Err(error),
            seen => {
                too_much = Some(rate);
                let offered_per_second = faster.offered_per_second(plan);
                sweep.limit = seen.ok().map(|seen| Limit { rate, offered_per_second, seen });
            }
        }
        let sustained = sweep.best.as_ref().map(|(rate, _)| *rate);
        rate = match (sustained, too_much) {
            (None, _) => break,
            (Some(sustained), None) if sustained < RATE_MAX => sustained.saturating_mul(2).min(RATE_MAX),
            (Some(_), None) => break,
            (Some(sustained), Some(too_much)) if halvings < HALVINGS && too_much - sustained > 1 => {
                halvings += 1;
                u32::midpoint(sustained, too_much)
            }
            _ => break,
        };
    }
    Ok(sweep)
}

fn is_sustained(contestant: &Contestant, plan: &Plan, outcome: &Outcome) -> bool {
    let offered = contestant.offered_per_second(plan).unwrap_or(f64::INFINITY);
    let is_delivered = outcome.events_per_second >= DELIVERED_SHARE_MIN * offered;
    is_delivered && outcome.is_whole() && outcome.age_us.p99 <= AGE_P99_US_MAX
}
