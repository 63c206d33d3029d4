//! The highest rate that a contestant sustains.
//!
//! The rate of each symbol is doubled until it is too much, then the gap is halved a few times. A rate is sustained if
//! what is offered is delivered, whole, and not late.

use crate::bench::BenchError;
use crate::bench::contestant::Contestant;
use crate::bench::load::Stage;
use crate::bench::outcome::Outcome;
use crate::bench::plan::Plan;

/// What is delivered of the offered rate at the least; less is falling behind, not rounding.
const DELIVERED_SHARE_MIN: f64 = 0.98;

/// How old ninety-nine hundredths of all events are at the most, in microseconds.
const AGE_P99_US_MAX: u64 = 100_000;

/// How often the gap between a rate that is sustained and one that is not is halved.
const HALVINGS: usize = 3;

/// The highest rate of a symbol that is tried.
const RATE_MAX: u32 = 1_000_000;

/// Finds the highest rate, beginning with the contestant's own; what was seen at it. `told` is each rate before it is
/// tried, and what happens meanwhile. `None` if not even the first is sustained, or if the contestant's feed is not ours.
///
/// # Errors
/// [`BenchError`] where it does not start, or nobody can be connected.
pub fn highest(
    contestant: &Contestant,
    plan: &Plan,
    first: u32,
    told: &mut dyn FnMut(u32, Stage),
) -> Result<Option<(u32, Outcome)>, BenchError> {
    let mut best: Option<(u32, Outcome)> = None;
    let (mut rate, mut too_much) = (first, None);
    let mut halvings = 0;
    while let Some(faster) = contestant.at_rate(rate) {
        let outcome = faster.measure(plan, &mut |stage| told(rate, stage))?;
        if is_sustained(&faster, plan, &outcome) {
            best = Some((rate, outcome));
        } else {
            too_much = Some(rate);
        }
        let sustained = best.as_ref().map(|(rate, _)| *rate);
        rate = match (sustained, too_much) {
            (None, _) => break,
            (Some(sustained), None) if sustained < RATE_MAX => (sustained * 2).min(RATE_MAX),
            (Some(_), None) => break,
            (Some(sustained), Some(too_much)) if halvings < HALVINGS && too_much - sustained > 1 => {
                halvings += 1;
                u32::midpoint(sustained, too_much)
            }
            _ => break,
        };
    }
    Ok(best)
}

fn is_sustained(contestant: &Contestant, plan: &Plan, outcome: &Outcome) -> bool {
    let offered = contestant.offered_per_second(plan).unwrap_or(f64::INFINITY);
    let is_delivered = outcome.events_per_second >= DELIVERED_SHARE_MIN * offered;
    is_delivered && outcome.is_whole() && outcome.age_us.p99 <= AGE_P99_US_MAX
}
