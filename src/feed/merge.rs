//! Several feeds as one, in the order of receive times.

use std::fmt;

use crate::feed::FeedError;
use crate::feed::damage::Damage;
use crate::feed::run::Note;
use crate::feed::source::{Lane, Source};
use crate::feed::upstream::LiveRun;
use crate::market::symbol::Venue;
use crate::venue::venue_of;

/// One feed out of one or more. Of messages received at the same instant, those of the feed named first come first.
/// Memory: one message per tape.
pub struct Merge {
    lanes: Vec<Lane>,
    current: usize,
    number: u64,
}

/// Where a message stands: for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The feed's name.
    pub tape: String,
    /// What is counted there: lines, records or messages.
    pub unit: &'static str,
    /// Its number, from 1.
    pub number: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.tape, self.unit, self.number)
    }
}

impl Merge {
    /// Opens all tapes.
    ///
    /// # Errors
    /// [`FeedError`] for the first that cannot be opened or holds no messages.
    pub fn open(sources: &[Source]) -> Result<Merge, FeedError> {
        let lanes = sources.iter().map(Source::open).collect::<Result<_, _>>()?;
        Ok(Merge { lanes, current: 0, number: 0 })
    }

    /// The receive time of the message that comes next; `None` at the end.
    pub fn peek(&self) -> Option<i64> {
        self.earliest().and_then(|index| self.lanes[index].peek())
    }

    /// Whether it can be gone back in: what is made as it is needed cannot.
    pub fn is_recorded(&self) -> bool {
        self.lanes.iter().all(|lane| matches!(lane, Lane::Tape(_)))
    }

    /// Hands out the next message: its receive time, whose it is, and its bytes, which are swapped into `message`.
    pub fn next(&mut self, message: &mut Vec<u8>) -> Option<(i64, Venue)> {
        self.current = self.earliest()?;
        let (ts_recv, number) = self.lanes[self.current].next(message)?;
        self.number = number;
        Some((ts_recv, venue_of(message)))
    }

    /// Goes to the first message received at this time or later, from the beginning. Cost: a look into the index of tapes
    /// in blocks; others are read up to there.
    pub fn skip_to(&mut self, ts_recv: i64) {
        self.lanes.iter_mut().for_each(|lane| lane.skip_to(ts_recv));
    }

    /// Whether its messages come when they come: then [`Merge::next`] may have none yet, and what there is, is due.
    pub fn is_live(&self) -> bool {
        self.lanes.iter().any(|lane| matches!(lane, Lane::Live(_)))
    }

    /// Where what is live is recorded; `None` where nothing is.
    pub fn recording(&self) -> Option<&LiveRun> {
        self.lanes.iter().find_map(|lane| lane.live()?.recording())
    }

    /// Has something noted on the tape of what is live.
    pub fn note(&self, note: &Note) {
        self.lanes.iter().filter_map(Lane::live).for_each(|live| live.note(note.clone()));
    }

    /// Has it noted there how far the feed is, by and by: the number of the last message, and the clock.
    pub fn note_done(&self, sequence: u64, clock_ns: i64) {
        self.lanes.iter().filter_map(Lane::live).for_each(|live| live.note_done(sequence, clock_ns));
    }

    /// Where the message handed out last stands.
    pub fn place(&self) -> Place {
        let lane = &self.lanes[self.current];
        Place { tape: lane.name(), unit: lane.unit(), number: self.number }
    }

    /// Goes back to the beginning of all tapes.
    ///
    /// # Errors
    /// [`FeedError`] if a file has gone.
    pub fn rewind(&mut self) -> Result<(), FeedError> {
        self.lanes.iter_mut().try_for_each(Lane::rewind)
    }

    /// Lines and blocks skipped in all tapes, by [`Damage`].
    pub fn damaged(&self) -> [u64; Damage::COUNT] {
        let mut sum = [0; Damage::COUNT];
        for lane in &self.lanes {
            for (total, count) in sum.iter_mut().zip(lane.damaged()) {
                *total += count;
            }
        }
        sum
    }

    fn earliest(&self) -> Option<usize> {
        let next = self.lanes.iter().enumerate().filter_map(|(index, lane)| Some((lane.peek()?, index)));
        next.min().map(|(_, index)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tapes_are_merged_by_receive_time_and_the_first_named_wins_a_tie() {
        let folder = tempfile::tempdir().unwrap();
        let sources: Vec<Source> =
            [("a", "1 {\"a\":1}\n5 {\"a\":5}\n"), ("b", "1 {\"ty\":\"b1\"}\nbad\n3 {\"ty\":\"b3\"}\n")]
                .into_iter()
                .map(|(name, text)| {
                    let path = folder.path().join(format!("{name}.jsonl"));
                    std::fs::write(&path, text).unwrap();
                    Source::file(path)
                })
                .collect();
        let mut merge = Merge::open(&sources).unwrap();
        for _ in 0..2 {
            let mut message = Vec::new();
            let mut seen = Vec::new();
            while let Some((ts_recv, venue)) = merge.next(&mut message) {
                seen.push((ts_recv, venue, message.clone()));
            }
            let order: Vec<_> = seen.iter().map(|(ts, venue, _)| (*ts, *venue)).collect();
            assert_eq!(order, [(1, Venue::Binance), (1, Venue::Upbit), (3, Venue::Upbit), (5, Venue::Binance)]);
            merge.rewind().unwrap();
        }
        assert_eq!(merge.damaged()[Damage::NoTimestamp as usize], 2);
        assert!(matches!(Merge::open(&[Source::file("/nowhere.jsonl")]), Err(FeedError::Open { .. })));
    }
}
