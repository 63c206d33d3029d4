//! Dates as JavaScript writes them in JSON.

/// The furthest from 1970 that JavaScript has a date for, in milliseconds.
const MS_MAX: i64 = 8_640_000_000_000_000;

const DAY_MS: i64 = 86_400_000;

/// `2023-11-14T22:13:20.000Z` for these milliseconds since 1970, years that do not have four digits with a sign and six;
/// `None` beyond what JavaScript has dates for.
pub(super) fn iso(ms: i64) -> Option<String> {
    if !(-MS_MAX..=MS_MAX).contains(&ms) {
        return None;
    }
    let (year, month, day) = civil(ms.div_euclid(DAY_MS));
    let of_day = ms.rem_euclid(DAY_MS);
    let (hour, minute, second, milli) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1_000 % 60, of_day % 1_000);
    let year = if (0..=9_999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    Some(format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March, so that the day which only some have is
/// the last.
fn civil(day: i64) -> (i64, i64, i64) {
    const OF_400_YEARS: i64 = 146_097;
    let since_march_of_0 = day + 719_468;
    let era = since_march_of_0.div_euclid(OF_400_YEARS);
    let of_era = since_march_of_0.rem_euclid(OF_400_YEARS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + 400 * era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_spelled_as_javascript_does() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (-62_198_755_200_000, "-000001-01-01T00:00:00.000Z"),
            (MS_MAX, "+275760-09-13T00:00:00.000Z"),
            (-MS_MAX, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(iso(ms).as_deref(), Some(text), "{ms}");
        }
        assert_eq!((iso(MS_MAX + 1), iso(i64::MIN)), (None, None));
    }
}
