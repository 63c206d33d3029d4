//! Values of parameters: symbols, forms of tickers, statuses, windows, time zones.

use std::time::Duration;

use crate::market::symbol::Name;
use crate::venue::binance::rest::error::RestError;

/// Which symbols a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// This one; the answer is an object.
    One(Name),
    /// These, in this order, each once; the answer is a list.
    Many(Vec<Name>),
    /// All; the answer is a list.
    All,
}

/// How much of a ticker is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    #[default]
    Full,
    /// Without changes, averages, best bid and ask.
    Mini,
}

impl Form {
    /// Reads `FULL` or `MINI`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Form> {
        match text {
            "FULL" => Some(Form::Full),
            "MINI" => Some(Form::Mini),
            _ => None,
        }
    }
}

/// Whether a symbol trades, as far as requests can ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// It trades.
    #[default]
    Trading,
    /// Trading was stopped for a while.
    Halt,
    /// Trading was stopped for good or is about to begin.
    Break,
}

impl Status {
    /// The exchange's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Trading => "TRADING",
            Status::Halt => "HALT",
            Status::Break => "BREAK",
        }
    }

    /// The inverse of [`Status::name`]; `None` for anything else.
    pub fn parse(text: &str) -> Option<Status> {
        [Status::Trading, Status::Halt, Status::Break].into_iter().find(|status| status.name() == text)
    }
}

/// The permission that an ordinary symbol has.
pub const SPOT: &str = "SPOT";

/// What symbols may be traded for, as far as a request asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(Vec<String>);

impl Default for Permissions {
    /// What a request that names none asks for.
    fn default() -> Self {
        Permissions([SPOT, "MARGIN", "LEVERAGED"].map(str::to_owned).to_vec())
    }
}

impl Permissions {
    /// Reads one permission, or a JSON array of them.
    ///
    /// # Errors
    /// [`RestError`] for what is neither.
    pub fn parse(text: &str) -> Result<Permissions, RestError> {
        let names: Vec<String> = match text.starts_with('[') {
            true => serde_json::from_str(text).map_err(|_| RestError::invalid_json("permissions"))?,
            false => vec![text.to_owned()],
        };
        let is_word = |name: &String| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if names.is_empty() || !names.iter().all(is_word) {
            return Err(RestError::invalid_value("permissions"));
        }
        Ok(Permissions(names))
    }

    /// Whether this one is asked for.
    pub fn contains(&self, permission: &str) -> bool {
        self.0.iter().any(|name| name == permission)
    }
}

/// How far back a rolling ticker looks: 1 to 59 minutes, 1 to 23 hours, or 1 to 7 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    minutes: u32,
}

impl Window {
    /// Reads `1m` … `59m`, `1h` … `23h`, `1d` … `7d`, without zeros in front; `None` for anything else.
    pub fn parse(text: &str) -> Option<Window> {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let (most, minutes) = match unit {
            "m" => (59, 1),
            "h" => (23, 60),
            "d" => (7, 24 * 60),
            _ => return None,
        };
        let is_plain = count.bytes().all(|b| b.is_ascii_digit()) && !count.starts_with('0');
        let count: u32 = count.parse().ok().filter(|_| is_plain)?;
        (count <= most).then_some(Window { minutes: count * minutes })
    }

    /// Its length.
    pub fn length(self) -> Duration {
        Duration::from_secs(u64::from(self.minutes) * 60)
    }
}

impl Default for Window {
    /// One day.
    fn default() -> Self {
        Window { minutes: 24 * 60 }
    }
}

/// The time zone in which candles and trading days begin, as minutes ahead of UTC: -720 to 840.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    minutes: i32,
}

impl Zone {
    /// Reads hours with or without minutes, `-1:00`, `05:45`, `0`, `8`, `+8`, from -12:00 to 14:00; `None` for anything
    /// else.
    pub fn parse(text: &str) -> Option<Zone> {
        let (sign, text) = match text.as_bytes().first()? {
            b'-' => (-1, &text[1..]),
            b'+' => (1, &text[1..]),
            _ => (1, text),
        };
        let (hours, minutes) = text.split_once(':').unwrap_or((text, "00"));
        let is_plain = |digits: &str| digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_plain(hours) || !is_plain(minutes) || minutes.len() != 2 {
            return None;
        }
        let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
        let ahead = sign * (hours * 60 + minutes);
        (minutes < 60 && (-12 * 60..=14 * 60).contains(&ahead)).then_some(Zone { minutes: ahead })
    }

    /// Minutes ahead of UTC; below zero in the west.
    pub fn minutes(self) -> i32 {
        self.minutes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_have_a_grammar() {
        let minutes = |text| Window::parse(text).map(|window| window.length().as_secs() / 60);
        for (text, expected) in
            [("1m", 1), ("59m", 59), ("1h", 60), ("23h", 1_380), ("1d", 1_440), ("4d", 5_760), ("7d", 10_080)]
        {
            assert_eq!(minutes(text), Some(expected), "{text}");
        }
        for text in ["", "m", "0m", "60m", "24h", "8d", "01m", "+1m", "1w", "1M", "1D", "1", "1 m", "1m ", "1分", "-1m"]
        {
            assert_eq!(minutes(text), None, "{text}");
        }
        assert_eq!(Window::parse("1d"), Some(Window::default()));
    }

    #[test]
    fn zones_lie_between_minus_twelve_and_plus_fourteen_hours() {
        let minutes = |text| Zone::parse(text).map(Zone::minutes);
        for (text, expected) in [
            ("0", 0),
            ("8", 480),
            ("+8", 480),
            ("08:00", 480),
            ("-1:00", -60),
            ("05:45", 345),
            ("-0:30", -30),
            ("-12:00", -720),
            ("14:00", 840),
        ] {
            assert_eq!(minutes(text), Some(expected), "{text}");
        }
        for text in
            ["", "-", "+", ":", "-12:01", "14:01", "15", "-13", "1:60", "1:0", "1:", ":30", "008", "UTC", "1:-5"]
        {
            assert_eq!(minutes(text), None, "{text}");
        }
    }

    #[test]
    fn words_are_read_by_their_names_only() {
        assert_eq!(
            (Form::parse("FULL"), Form::parse("MINI"), Form::parse("full")),
            (Some(Form::Full), Some(Form::Mini), None)
        );
        assert_eq!(Status::parse("BREAK"), Some(Status::Break));
        assert_eq!(Status::parse("END_OF_DAY"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,8}", close in "[-+0-9:mhd]{0,7}") {
            for text in [text, close] {
                Window::parse(&text);
                Zone::parse(&text);
                Form::parse(&text);
                Status::parse(&text);
            }
        }
    }
}
