//! Which part of a list a request wants.
//!
//! Lists are chronological, and ids rise with time. Without bounds it is the newest entries; from a start or an id, the
//! oldest there are from it; with only an end, the newest up to it.

use std::ops::Range;

/// A part of a chronological list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The most entries, 1 or more.
    pub limit: usize,
    /// Where it begins or ends.
    pub bounds: Bounds,
}

/// Where a part of a list begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// From this id on, inclusive.
    FromId(i64),
    /// Between these times, in nanoseconds since the epoch, both inclusive; `None` where there is no such bound.
    ///
    /// An end covers the whole of the millisecond or microsecond that the request names, so that it includes whatever
    /// an answer in that unit would show as this time.
    Times {
        /// The first instant.
        start: Option<i64>,
        /// The last instant, never before `start`.
        end: Option<i64>,
    },
}

impl Page {
    /// The newest `limit` entries.
    pub fn newest(limit: usize) -> Page {
        Page { limit, bounds: Bounds::Times { start: None, end: None } }
    }

    /// The entries wanted, of a list of `len` whose ids and times `id_of` and `time_of` tell by index; neither ever
    /// falls along the list. Candles count by the time they open, and have no ids.
    ///
    /// Cost: two binary searches.
    pub fn range(&self, len: usize, id_of: impl Fn(usize) -> i64, time_of: impl Fn(usize) -> i64) -> Range<usize> {
        let (first, end) = match self.bounds {
            Bounds::FromId(id) => (Some(count_while(len, |index| id_of(index) < id)), len),
            Bounds::Times { start, end } => (
                start.map(|start| count_while(len, |index| time_of(index) < start)),
                end.map_or(len, |end| count_while(len, |index| time_of(index) <= end)),
            ),
        };
        match first {
            Some(first) => first..end.min(first.saturating_add(self.limit)).max(first),
            None => end.saturating_sub(self.limit)..end,
        }
    }
}

/// How many indices below `len` fulfil a condition that none fulfils after the first that does not.
fn count_while(len: usize, condition: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if condition(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMES: [i64; 6] = [10, 20, 20, 30, 40, 50];

    fn range(limit: usize, bounds: Bounds) -> Range<usize> {
        Page { limit, bounds }.range(TIMES.len(), |index| 100 + index as i64, |index| TIMES[index])
    }

    #[test]
    fn bounds_decide_which_end_is_kept() {
        let times = |start, end| Bounds::Times { start, end };
        assert_eq!(range(2, times(None, None)), 4..6);
        assert_eq!(range(2, times(Some(20), None)), 1..3);
        assert_eq!(range(2, times(None, Some(30))), 2..4);
        assert_eq!(range(2, times(Some(15), Some(30))), 1..3);
        assert_eq!(range(9, times(Some(20), Some(20))), 1..3);
        assert_eq!(range(9, times(Some(60), None)), 6..6);
        assert_eq!(range(9, times(None, Some(5))), 0..0);
        assert_eq!(range(2, Bounds::FromId(103)), 3..5);
        assert_eq!(range(2, Bounds::FromId(0)), 0..2);
        assert_eq!(Page::newest(3).range(0, |_| 0, |_| 0), 0..0);
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_filter_would(
            mut times in proptest::collection::vec(0_i64..30, 0..30),
            start in proptest::option::of(0_i64..30),
            length in proptest::option::of(0_i64..10),
            limit in 1_usize..12,
        ) {
            times.sort_unstable();
            let end = length.map(|length| start.unwrap_or(10) + length);
            let mut kept: Vec<usize> = (0..times.len())
                .filter(|&index| start.is_none_or(|start| times[index] >= start))
                .filter(|&index| end.is_none_or(|end| times[index] <= end))
                .collect();
            if start.is_none() {
                kept.drain(..kept.len().saturating_sub(limit));
            }
            kept.truncate(limit);
            let page = Page { limit, bounds: Bounds::Times { start, end } };
            prop_assert_eq!(page.range(times.len(), |_| 0, |index| times[index]).collect::<Vec<_>>(), kept);
        }
    }
}
