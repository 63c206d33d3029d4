//! Times as people give them, and as they are told.

use std::time::Duration;

use anyhow::{anyhow, bail};

use crate::market::civil::{Date, NS_PER_DAY, NS_PER_SECOND};

/// Reads a time: `2026-11-20T09:30:00Z`, with a fraction or another zone, a date alone, `09:30:00.5` of the first day of
/// the tape, or nanoseconds since the epoch. `span` is the tape's.
///
/// # Errors
/// One sentence that says what would be a time.
pub fn parse(text: &str, span: (i64, i64)) -> anyhow::Result<i64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return nanoseconds(text, span);
    }
    let first_day = span.0.div_euclid(NS_PER_DAY);
    let read = match text.get(..10).and_then(|date| Date::parse(date.as_bytes())) {
        Some(date) => with_zone(&text[10..]).map(|of_day| (i64::from(date.to_days()), of_day)),
        None => time_of_day(text).map(|of_day| (first_day, of_day)),
    };
    let (day, of_day) = read.ok_or_else(|| {
        let hint = if text.get(10..11).is_some_and(|t| t == "T" || t == " ") && time_of_day(&text[11..]).is_some() {
            format!("`{text}` has no zone: did you mean `{text}Z`?")
        } else {
            format!("`{text}` is no time.")
        };
        let day = Date::from_days(first_day as i32);
        let (year, month, day) = (day.year, day.month, day.day);
        anyhow!(
            "{hint} Give one as {year:04}-{month:02}-{day:02}T09:30:00Z, as 09:30:00.5 of the tape's first day, or in \
             nanoseconds since the Unix epoch"
        )
    })?;
    day.checked_mul(NS_PER_DAY)
        .and_then(|ns| ns.checked_add(of_day))
        .ok_or_else(|| anyhow!("`{text}` is too far away: times are from 1677 to 2262"))
}

fn nanoseconds(text: &str, span: (i64, i64)) -> anyhow::Result<i64> {
    let Ok(value) = text.parse::<i64>() else {
        bail!("`{text}` is too large for nanoseconds since the Unix epoch");
    };
    let units = [(1_000_000_000, "seconds"), (1_000_000, "milliseconds"), (1_000, "microseconds")];
    for (factor, unit) in units {
        let scaled = value.checked_mul(factor).filter(|ns| (span.0 - NS_PER_DAY..=span.1 + NS_PER_DAY).contains(ns));
        if let Some(scaled) = scaled.filter(|_| value < span.0 / 2) {
            bail!("`{text}` looks like {unit}, and numbers are nanoseconds: did you mean {scaled}?");
        }
    }
    Ok(value)
}

/// What follows a date: nothing, or a time and its zone; in nanoseconds from the date's midnight.
fn with_zone(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let text = text.strip_prefix(['T', 't', ' '])?;
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return time_of_day(time);
    }
    let at = text.rfind(['+', '-'])?;
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let seconds = two_digits(hours, 23)? * 3_600 + two_digits(minutes, 59)? * 60;
    let offset = if text[at..].starts_with('+') { seconds } else { -seconds };
    Some(time_of_day(&text[..at])? - offset * NS_PER_SECOND)
}

/// `09:30`, `09:30:00` or `09:30:00.123456789`.
fn time_of_day(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':');
    let (hours, minutes) = (two_digits(parts.next()?, 23)?, two_digits(parts.next()?, 59)?);
    let seconds = parts.next().map_or(Some(0), |seconds| two_digits(seconds, 59))?;
    let has_fraction = text.len() > whole.len();
    let is_fraction = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || (has_fraction && (fraction.is_empty() || !is_fraction || whole.len() < 8)) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
    Some((hours * 3_600 + minutes * 60 + seconds) * NS_PER_SECOND + fraction)
}

fn two_digits(text: &str, max: i64) -> Option<i64> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|value| is_number && *value <= max)
}

/// A time as it is told: `2026-11-20T09:30:00.123456789Z`, of the fraction as many digits as are needed, in threes.
pub fn format(ns: i64) -> String {
    let day = Date::from_days(ns.div_euclid(NS_PER_DAY) as i32);
    let of_day = ns.rem_euclid(NS_PER_DAY);
    let (seconds, fraction) = (of_day / NS_PER_SECOND, of_day % NS_PER_SECOND);
    let fraction = match fraction {
        0 => String::new(),
        _ if fraction % 1_000_000 == 0 => format!(".{:03}", fraction / 1_000_000),
        _ if fraction % 1_000 == 0 => format!(".{:06}", fraction / 1_000),
        _ => format!(".{fraction:09}"),
    };
    let (year, month, date) = (day.year, day.month, day.day);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{date:02}T{hours:02}:{minutes:02}:{seconds:02}{fraction}Z")
}

/// The longest time that can be given, 11 years: clocks are added to times.
const DURATION_MAX: Duration = Duration::from_secs(100_000 * 3_600);

/// Reads `250ms`, `5s`, `2m` or `1h`, up to [`DURATION_MAX`].
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let read = |(unit, millis): (&str, u64)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(number.checked_mul(millis)?))
    };
    match units.into_iter().find_map(read) {
        Some(time) if time <= DURATION_MAX => Ok(time),
        Some(_) => Err(format!("`{text}` is too long: a time is at most {}h", DURATION_MAX.as_secs() / 3_600)),
        None => Err(format!("`{text}` is no time: give for instance 250ms, 5s or 2m")),
    }
}

/// A span of time as people say it.
pub fn format_span(ns: u64) -> String {
    let (seconds, ms) = (ns / NS_PER_SECOND as u64, ns / 1_000_000 % 1_000);
    match seconds {
        0 if ms == 0 => format!("{} µs", ns / 1_000),
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{:01} s", ms / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: (i64, i64) = (1_723_161_253_000_000_000, 1_723_161_903_000_000_000);

    #[test]
    fn times_are_read_in_all_their_forms() {
        for (text, ns) in [
            ("2024-08-08T23:54:13Z", 1_723_161_253_000_000_000),
            ("2024-08-08 23:54:13.25z", 1_723_161_253_250_000_000),
            ("2024-08-09T01:54:13+02:00", 1_723_161_253_000_000_000),
            ("2024-08-08T18:24:13-05:30", 1_723_161_253_000_000_000),
            ("2024-08-08", 1_723_075_200_000_000_000),
            ("23:54:13.000000001", 1_723_161_253_000_000_001),
            ("00:01", 1_723_075_260_000_000_000),
            ("1723161253000000007", 1_723_161_253_000_000_007),
        ] {
            assert_eq!(parse(text, SPAN).ok(), Some(ns), "{text}");
        }
        for ns in [SPAN.0, SPAN.0 + 1, SPAN.0 + 5_000, -1] {
            assert_eq!(parse(&format(ns), SPAN).ok(), Some(ns), "{}", format(ns));
        }
    }

    #[test]
    fn what_is_no_time_is_told_what_would_be() {
        for (text, part) in [
            ("noon", "`noon` is no time"),
            ("2024-08-08T23:54:13", "did you mean `2024-08-08T23:54:13Z`"),
            ("1723161253", "did you mean 1723161253000000000"),
            ("1723161253000", "looks like milliseconds"),
            ("25:00:00", "2024-08-08T09:30:00Z"),
            ("2024-13-08T00:00:00Z", "no time"),
            ("99999999999999999999", "too large"),
            ("9999-01-01", "too far away"),
        ] {
            let error = parse(text, SPAN).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        for text in ["", "1:00:00", "12:00.5", "12:00:00.", "12:00:00.1234567890", "12:00:00:00"] {
            assert!(parse(text, SPAN).is_err(), "{text}");
        }
    }
}
