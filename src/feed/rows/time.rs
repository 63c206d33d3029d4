//! Times of tables.

use crate::market::civil::{Date, NS_PER_DAY, NS_PER_SECOND};

/// The first time that is told in microseconds, and the first in nanoseconds; as milliseconds both are far away.
const MICROSECONDS_FROM: i64 = 100_000_000_000_000;
const NANOSECONDS_FROM: i64 = 100_000_000_000_000_000;

/// A time since the epoch in milliseconds, microseconds or nanoseconds, told apart by its size; `None` for what is none.
pub(super) fn since_epoch(text: &str) -> Option<i64> {
    let value: i64 = text.parse().ok().filter(|value| *value >= 0)?;
    match value {
        NANOSECONDS_FROM.. => Some(value),
        MICROSECONDS_FROM.. => value.checked_mul(1_000),
        _ => value.checked_mul(1_000_000),
    }
}

/// Midnight in New York on a day, in nanoseconds since the epoch. `None` before 2007, when summer time began by other
/// rules.
pub(super) fn new_york_midnight(date: Date) -> Option<i64> {
    if date.year < 2007 {
        return None;
    }
    let days = date.to_days();
    // From the second Sunday of March to the first one of November; the clock is changed after midnight.
    let begins = sunday(Date { month: 3, day: 1, ..date }, 2);
    let ends = sunday(Date { month: 11, day: 1, ..date }, 1);
    let hours = if (begins + 1..=ends).contains(&days) { 4 } else { 5 };
    Some(i64::from(days) * NS_PER_DAY + hours * 3_600 * NS_PER_SECOND)
}

/// The days since the epoch of a month's first, second … Sunday.
fn sunday(first_of_month: Date, number: i32) -> i32 {
    let first = first_of_month.to_days();
    // 1970-01-01 was a Thursday.
    first + (3 - first).rem_euclid(7) + 7 * (number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_in_new_york_follows_summer_time() {
        let utc_hour = |text: &str| {
            let date = Date::parse(text.as_bytes()).unwrap();
            new_york_midnight(date).map(|ns| (ns - i64::from(date.to_days()) * NS_PER_DAY) / 3_600_000_000_000)
        };
        for (text, hour) in [
            ("2013-10-08", 4),
            ("2013-03-10", 5),
            ("2013-03-11", 4),
            ("2013-11-03", 4),
            ("2013-11-04", 5),
            ("2015-11-01", 4),
            ("2026-01-02", 5),
        ] {
            assert_eq!(utc_hour(text), Some(hour), "{text}");
        }
        assert_eq!(utc_hour("2006-07-01"), None);
    }

    #[test]
    fn units_are_told_by_size() {
        assert_eq!(since_epoch("1741046401272"), Some(1_741_046_401_272_000_000));
        assert_eq!(since_epoch("1741046401272286"), Some(1_741_046_401_272_286_000));
        assert_eq!(since_epoch("1741046401272286123"), Some(1_741_046_401_272_286_123));
        assert_eq!(since_epoch("-1").or(since_epoch("x")).or(since_epoch("99999999999999999999")), None);
    }
}
