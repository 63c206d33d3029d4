//! Parameters of a query string and their values.
//!
//! A plus sign is a space. What is not a valid escape stands for itself. Names that a path does not know are passed
//! over; of a value sent twice the first counts, but lists are united. An empty value is none.

use crate::market::civil::{Date, NS_PER_DAY, NS_PER_SECOND};
use crate::market::decimal::Decimal;
use crate::market::symbol::Name;
use crate::venue::upbit::rest::error::RestError;

/// What was sent.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Takes the query string apart.
    pub fn parse(query: &str) -> Parameters {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Parameters(pairs.map(|(name, value)| (decode(name), decode(value))).collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(sent, value)| sent == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A value read by a grammar of its own; `None` where it was not sent.
    fn value<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, RestError> {
        self.text(name).map(|text| read(text).ok_or_else(|| RestError::invalid(name))).transpose()
    }

    /// A list, which must be there: separated by commas, sent more than once, or both.
    fn list(&self, name: &str) -> Result<Vec<&str>, RestError> {
        let values = self.0.iter().filter(|(sent, _)| sent == name).flat_map(|(_, value)| value.split(','));
        let list: Vec<&str> = values.map(str::trim).filter(|value| !value.is_empty()).collect();
        if list.is_empty() { Err(RestError::missing()) } else { Ok(list) }
    }

    /// Reads `market`.
    pub fn market(&self) -> Result<Name, RestError> {
        code(self.text("market").ok_or_else(RestError::missing)?)
    }

    /// Reads `markets`.
    pub fn markets(&self) -> Result<Vec<Name>, RestError> {
        self.list("markets")?.into_iter().map(code).collect()
    }

    /// Reads `quote_currencies`.
    pub fn quotes(&self) -> Result<Vec<String>, RestError> {
        Ok(self.list("quote_currencies")?.into_iter().map(str::to_uppercase).collect())
    }

    /// Reads `count`; a larger one counts as `most`.
    pub fn count(&self, default: usize, most: usize) -> Result<usize, RestError> {
        let count = self.value("count", |text| text.parse::<u32>().ok().filter(|&count| count > 0))?;
        Ok(count.map_or(default, |count| (count as usize).min(most)))
    }

    /// Reads a flag, under its name or an older one; false where it was not sent.
    pub fn flag(&self, name: &str, older: &str) -> Result<bool, RestError> {
        let name = if self.text(name).is_some() { name } else { older };
        let flag = self.value(name, |text| text.to_ascii_lowercase().parse().ok())?;
        Ok(flag.unwrap_or(false))
    }

    /// Reads `level`, the step that prices are grouped by; zero where it was not sent.
    pub fn level(&self) -> Result<Decimal, RestError> {
        let level =
            self.value("level", |text| Decimal::parse(text.as_bytes()).ok().filter(|level| !level.is_negative()))?;
        Ok(level.unwrap_or_default())
    }

    /// Reads `to` as an instant, in nanoseconds since the epoch.
    pub fn to(&self) -> Result<Option<i64>, RestError> {
        self.value("to", instant)
    }

    /// Reads `to` as a time of the day, in seconds.
    pub fn to_of_day(&self) -> Result<Option<u32>, RestError> {
        self.value("to", time_of_day)
    }

    /// Reads `cursor`, an id.
    pub fn cursor(&self) -> Result<Option<i64>, RestError> {
        self.value("cursor", |text| text.parse().ok())
    }

    /// Reads `days_ago`, older name `daysAgo`.
    pub fn days_ago(&self) -> Result<Option<u8>, RestError> {
        let name = if self.text("days_ago").is_some() { "days_ago" } else { "daysAgo" };
        self.value(name, |text| text.parse().ok().filter(|days| (1..=7).contains(days)))
    }

    /// Reads `converting_price_unit`, older name `convertingPriceUnit`: a currency.
    pub fn converting_unit(&self) -> Result<Option<String>, RestError> {
        let name = "converting_price_unit";
        let name = if self.text(name).is_some() { name } else { "convertingPriceUnit" };
        let is_currency = |text: &str| text.len() <= 10 && text.bytes().all(|b| b.is_ascii_alphanumeric());
        self.value(name, |text| is_currency(text).then(|| text.to_ascii_uppercase()))
    }
}

/// A market as requests may spell it, in upper case. What no market can be called is not found.
fn code(text: &str) -> Result<Name, RestError> {
    Name::new(&text.to_uppercase()).ok_or_else(RestError::unknown_market)
}

/// Two digits below `end`.
fn two_digits(text: &[u8], end: u32) -> Option<u32> {
    let [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = text else { return None };
    Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')).filter(|&number| number < end)
}

/// `HHmmss` or `HH:mm:ss` in seconds.
fn time_of_day(text: &str) -> Option<u32> {
    let (hour, minute, second) = match text.as_bytes() {
        [h @ .., b':', m1, m2, b':', s1, s2] | [h @ .., m1, m2, s1, s2] => (h, [*m1, *m2], [*s1, *s2]),
        _ => return None,
    };
    Some(two_digits(hour, 24)? * 3_600 + two_digits(&minute, 60)? * 60 + two_digits(&second, 60)?)
}

/// `yyyy-MM-ddTHH:mm:ss`, with a space for the `T`, with or without a fraction and a zone; without a zone it is UTC.
fn instant(text: &str) -> Option<i64> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let day = Date::parse(date.as_bytes())?.to_days();
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = (time.get(..8).filter(|time| time.contains(':'))?, time.get(8..)?);
    let mut ns = i64::from(day) * NS_PER_DAY + i64::from(time_of_day(time)?) * NS_PER_SECOND;
    let zone = match rest.strip_prefix('.') {
        None => rest,
        Some(rest) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = rest.len() - zone.len();
            let fraction = rest.get(..digits.min(9)).filter(|fraction| !fraction.is_empty())?;
            ns += fraction.parse::<i64>().ok()? * 10_i64.pow(9 - fraction.len() as u32);
            zone
        }
    };
    // The plus sign of an offset that was not escaped has become a space.
    let (sign, offset) = match zone.split_at_checked(1) {
        None => return Some(ns),
        Some(("Z" | "z", "")) => return Some(ns),
        Some(("+" | " ", offset)) => (1, offset.as_bytes()),
        Some(("-", offset)) => (-1, offset.as_bytes()),
        Some(_) => return None,
    };
    let (hours, minutes) = match offset {
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (two_digits(&[*h1, *h2], 24)?, two_digits(&[*m1, *m2], 60)?),
        _ => return None,
    };
    Some(ns - sign * i64::from(hours * 60 + minutes) * 60 * NS_PER_SECOND)
}

/// Replaces plus signs and percent escapes.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|&b| char::from(b).to_digit(16)).map(|digit| digit as u8);
        rest = tail;
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high << 4 | low);
                rest = &tail[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_come_with_zones_offsets_spaces_and_fractions() {
        let parse = |query: &str| Parameters::parse(query).to();
        let expected = Ok(Some(1_617_646_620_000_000_000));
        for text in [
            "2021-04-05T18:17:00Z",
            "2021-04-05T18:17:00",
            "2021-04-05 18:17:00",
            "2021-04-05+18:17:00",
            "2021-04-05%2018%3A17%3A00",
            "2021-04-05T18:17:00.000Z",
            "2021-04-06T03:17:00+09:00",
            "2021-04-06T03:17:00%2B09:00",
            "2021-04-06T03:17:00%2B0900",
            "2021-04-05T17:17:00-01:00",
        ] {
            assert_eq!(parse(&format!("to={text}")), expected, "{text}");
        }
        assert_eq!(parse("to=2021-04-05T18:17:00.25Z"), Ok(Some(1_617_646_620_250_000_000)));
        assert_eq!((parse("to="), parse("")), (Ok(None), Ok(None)));
        for text in [
            "yesterday",
            "2021-04-31T00:00:00",
            "2021-04-05",
            "2021-04-05T24:00:00",
            "2021-04-05T18:17:00X",
            "2021-04-05T181700",
        ] {
            assert_eq!(parse(&format!("to={text}")), Err(RestError::invalid("to")), "{text}");
        }
    }

    #[test]
    fn times_of_day_have_two_spellings() {
        assert_eq!((time_of_day("181701"), time_of_day("18:17:01")), (Some(65_821), Some(65_821)));
        for text in ["", "1817", "18:17", "24:00:00", "186001", "1a1701", "18:1701"] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
    }

    #[test]
    fn lists_are_united_and_in_upper_case() {
        let names = |query: &str| {
            Parameters::parse(query)
                .markets()
                .map(|names| names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>())
        };
        let both = Ok(vec!["KRW-BTC".to_owned(), "BTC-ETH".to_owned()]);
        for query in ["markets=KRW-BTC,BTC-ETH", "markets=krw-btc&markets=btc-eth", "x=1&markets=KRW-BTC%2C+BTC-ETH,"] {
            assert_eq!(names(query), both, "{query}");
        }
        for query in ["", "markets=", "market=KRW-BTC", "markets=,"] {
            assert_eq!(names(query), Err(RestError::missing()), "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "\\PC{0,60}",
            close in "(to|count|level|cursor|days_ago|markets)=[-+%0-9A-FTZ:. é]{0,32}",
        ) {
            for query in [text, close] {
                let parameters = Parameters::parse(&query);
                let _ = (parameters.to(), parameters.to_of_day(), parameters.count(1, 2), parameters.level());
                let _ = (parameters.cursor(), parameters.days_ago(), parameters.markets(), parameters.converting_unit());
            }
        }
    }
}
