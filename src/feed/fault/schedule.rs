//! When faults are due on the tape's clock.
//!
//! Times since the first message are counted by the messages' times as clients see them, which rise whatever the tape
//! does. Times of day are those of the recording, and come again when the tape begins again or is taken back. So a script
//! does the same at every speed.

use crate::feed::fault::Script;
use crate::feed::fault::parts::{Moment, Span, When};
use crate::feed::synthetic::chance::Chance;
use crate::market::civil::NS_PER_DAY;

/// The faults of a script that have times of the tape.
#[derive(Debug)]
pub struct Schedule {
    entries: Vec<Entry>,
    chance: Chance,
    /// Times of the first message: as clients see it, and as recorded.
    first: Option<(i64, i64)>,
}

#[derive(Debug)]
struct Entry {
    fault: usize,
    moment: Moment,
    every: Option<Span>,
    times_left: u32,
    /// Of [`Moment::Elapsed`]: when, from the first message; `None` for no more.
    due_ns: Option<i64>,
    /// Of the others: whether the tape was before it when it was last looked at.
    is_ahead: bool,
}

impl Schedule {
    /// Nothing has been played yet.
    pub fn new(script: &Script) -> Schedule {
        let mut chance = Chance::new(script.seed, 0);
        let entries = script.faults.iter().enumerate().filter_map(|(fault, it)| {
            let When::Tape { first: moment, every } = it.when else { return None };
            let due_ns = match moment {
                Moment::Elapsed(span) => Some(span.pick(&mut chance).as_nanos() as i64),
                Moment::OfDay(_) | Moment::Instant(_) => None,
            };
            let times_left = it.times.unwrap_or(u32::MAX);
            Some(Entry { fault, moment, every, times_left, due_ns, is_ahead: false })
        });
        let entries = entries.collect();
        Schedule { entries, chance, first: None }
    }

    /// Time has passed on the tape: the numbers of the faults that are due, in `due`. Each at most once: what would have
    /// come several times in a stretch that was jumped over comes once.
    pub fn pass(&mut self, placed_ns: i64, recorded_ns: i64, due: &mut Vec<usize>) {
        let (first_placed, first_recorded) = *self.first.get_or_insert((placed_ns, recorded_ns));
        let elapsed = placed_ns - first_placed;
        for entry in self.entries.iter_mut().filter(|entry| entry.times_left > 0) {
            let is_due = match entry.moment {
                Moment::Elapsed(_) => entry.pass_elapsed(elapsed, &mut self.chance),
                Moment::OfDay(ns) => {
                    entry.pass_recorded(first_recorded - first_recorded.rem_euclid(NS_PER_DAY) + ns, recorded_ns)
                }
                Moment::Instant(ns) => entry.pass_recorded(ns, recorded_ns),
            };
            if is_due {
                entry.times_left -= 1;
                due.push(entry.fault);
            }
        }
    }
}

impl Entry {
    fn pass_elapsed(&mut self, elapsed: i64, chance: &mut Chance) -> bool {
        let Some(due) = self.due_ns.filter(|due| *due <= elapsed) else { return false };
        self.due_ns = self.every.map(|every| {
            let next = due + every.pick(chance).as_nanos() as i64;
            // Behind a jump it goes on from there.
            if next > elapsed { next } else { elapsed + every.pick(chance).as_nanos() as i64 }
        });
        true
    }

    fn pass_recorded(&mut self, at: i64, recorded: i64) -> bool {
        let has_come = recorded >= at;
        let is_due = has_come && self.is_ahead;
        self.is_ahead = !has_come;
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn fired(text: &str, times: impl IntoIterator<Item = (i64, i64)>) -> Vec<i64> {
        let mut schedule = Schedule::new(&Script::parse("test", text).unwrap());
        let (mut due, mut fired) = (Vec::new(), Vec::new());
        for (placed, recorded) in times {
            schedule.pass(placed, recorded, &mut due);
            fired.extend(due.drain(..).map(|_| placed / SECOND));
        }
        fired
    }

    #[test]
    fn times_since_the_first_message_go_on_over_jumps_and_do_not_pile_up() {
        let text = "[[fault]]\nwhat = \"half-open\"\nat = \"10s\"\nevery = \"20s\"\n";
        let steady = (100..200).map(|second| (second * SECOND, 0));
        assert_eq!(fired(text, steady.clone()), [110, 130, 150, 170, 190]);
        assert_eq!(fired(&format!("{text}times = 2"), steady), [110, 130]);
        let jump = [100, 111, 500, 501, 519, 520, 540].map(|second| (second * SECOND, 0));
        assert_eq!(fired(text, jump), [111, 500, 520, 540]);
    }

    #[test]
    fn times_of_day_come_once_in_each_round_and_not_where_the_tape_begins_behind_them() {
        let text = "[[fault]]\nwhat = \"half-open\"\nat = \"00:00:05\"";
        let day = 20_000 * NS_PER_DAY;
        let round = |placed: i64| (2..9).map(move |second| (placed + second * SECOND, day + second * SECOND));
        assert_eq!(fired(text, round(0).chain(round(100 * SECOND))), [5, 105]);
        assert_eq!(fired(text, round(0).skip(4)), Vec::<i64>::new());
    }

    #[test]
    fn chance_follows_from_the_seed() {
        let text = |seed| format!("seed = {seed}\n[[fault]]\nwhat = \"half-open\"\nevery = \"1s to 9s\"\n");
        let times = || (0..300).map(|second| (second * SECOND, 0));
        assert_eq!(fired(&text(1), times()), fired(&text(1), times()));
        assert_ne!(fired(&text(1), times()), fired(&text(2), times()));
        let gaps: Vec<i64> = fired(&text(1), times()).windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.len() > 30 && gaps.iter().all(|gap| (1..=10).contains(gap)), "{gaps:?}");
    }
}
