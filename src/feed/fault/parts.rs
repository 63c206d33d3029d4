//! The parts of a fault: spans of time, shares, streams, and how each is written in a script.

use std::fmt;
use std::time::Duration;

use crate::feed::synthetic::chance::Chance;
use crate::feed::time;
use crate::market::channel::{Channel, Scope, Stream};
use crate::market::civil::NS_PER_DAY;
use crate::market::symbol::{Name, Symbols, Venue};
use crate::market::tick::Tick;
use crate::venue::binance::{Encoding, stream};

/// A length of time, or a range of them that chance picks from each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The shortest.
    pub least: Duration,
    /// The longest; the same where nothing is left to chance.
    pub most: Duration,
}

/// So many of a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u32);

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At a time of the tape.
    Tape {
        /// The first time.
        first: Moment,
        /// From one time to the next, on the tape's clock; `None` for once.
        every: Option<Span>,
    },
    /// So long after a client has connected, by the machine's clock.
    Connected {
        /// The first time.
        after: Span,
        /// From one time to the next; `None` for once.
        every: Option<Span>,
    },
}

/// A time of the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the first message played, by the times of the messages as clients see them: over loops it goes on.
    Elapsed(Span),
    /// Nanoseconds from the midnight before the first message played, as recorded; comes in each round of the tape.
    OfDay(i64),
    /// Nanoseconds since the epoch, as recorded; comes in each round of the tape.
    Instant(i64),
}

/// Who is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whom {
    /// Only clients of this kind, one of [`KINDS`]; `None` for all.
    pub kind: Option<&'static str>,
    /// How many of a thousand of them.
    pub share: Share,
}

/// Kinds of clients, as scripts and reports call them.
pub const KINDS: [&str; 8] = ["binance", "binance-api", "upbit", "socketio", "sse", "ndjson", "lines", "rooms"];

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// In mid-sentence: the connection ends without a close frame, as if a process had gone.
    Silent,
    /// The same with a reset (RST) in place of an end (FIN).
    Reset,
    /// With a close frame of this code, where the client's protocol has such a thing.
    Close(u16),
}

/// Which byte of a message is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The first of the payload, which is then `}`: no JSON.
    Payload,
    /// The first of the payload, with its highest bit set: no UTF-8.
    Utf8,
    /// The first of the frame, with reserved bits set: no WebSocket. Where there are no frames, as [`Flaw::Utf8`].
    Frame,
}

/// Which streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// As it stands in the script.
    pub text: String,
    venue: Venue,
    /// `None` for those of all symbols.
    symbol: Option<Name>,
    channel: Channel,
}

impl Span {
    /// Always the same.
    pub const fn exactly(length: Duration) -> Span {
        Span { least: length, most: length }
    }

    /// Reads `5s` or `5s to 15s`, up to `most`.
    ///
    /// # Errors
    /// What would be one.
    pub fn parse(text: &str) -> Result<Span, String> {
        match text.split_once(" to ") {
            None => time::parse_duration(text).map(Span::exactly),
            Some((least, most)) => {
                let (least, most) = (time::parse_duration(least.trim())?, time::parse_duration(most.trim())?);
                if least > most {
                    return Err(format!("`{text}` ends before it begins"));
                }
                Ok(Span { least, most })
            }
        }
    }

    /// One of its lengths.
    pub(crate) fn pick(&self, chance: &mut Chance) -> Duration {
        if self.least == self.most {
            return self.least;
        }
        let nanos = chance.between(self.least.as_nanos() as i64, self.most.as_nanos() as i64);
        Duration::from_nanos(nanos as u64)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.least == self.most {
            true => write!(f, "{:?}", self.least),
            false => write!(f, "{:?} to {:?}", self.least, self.most),
        }
    }
}

impl Share {
    /// All.
    pub const ALL: Share = Share(1_000);

    /// Reads `20%` or `0.5%`.
    ///
    /// # Errors
    /// What would be one.
    pub fn parse(text: &str) -> Result<Share, String> {
        let share = || {
            let (whole, tenth) = {
                let number = text.strip_suffix('%')?;
                number.split_once('.').unwrap_or((number, "0"))
            };
            let is_number =
                |part: &str, digits| (1..=digits).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            let (true, true) = (is_number(whole, 3), is_number(tenth, 1)) else { return None };
            Some(whole.parse::<u32>().ok()? * 10 + tenth.parse::<u32>().ok()?)
        };
        match share() {
            Some(share) if share <= 1_000 => Ok(Share(share)),
            _ => Err(format!("`{text}` is no share: give 0% to 100%, in steps of 0.1%")),
        }
    }
}

impl Moment {
    /// Reads `10s` (since the first message), `09:30:00.5` (of the tape's first day) or `2026-11-20T09:30:00Z`.
    ///
    /// # Errors
    /// What would be one.
    pub fn parse(text: &str) -> Result<Moment, String> {
        if let Ok(span) = Span::parse(text) {
            return Ok(Moment::Elapsed(span));
        }
        let wrong = || {
            format!(
                "`{text}` is no time: give 10s since the first message, 09:30:00 of the tape's first day, or 2026-11-20T09:30:00Z"
            )
        };
        let ns = time::parse(text, (0, 0)).map_err(|_| wrong())?;
        let is_of_day = text.contains(':') && text.len() < 20 && !text.contains('-');
        Ok(if is_of_day && (0..NS_PER_DAY).contains(&ns) { Moment::OfDay(ns) } else { Moment::Instant(ns) })
    }
}

impl Whom {
    /// Everybody.
    pub const ALL: Whom = Whom { kind: None, share: Share::ALL };

    /// Reads `all`, `upbit`, `20%` or `20% of upbit`.
    ///
    /// # Errors
    /// What would be one.
    pub fn parse(text: &str) -> Result<Whom, String> {
        if text == "all" {
            return Ok(Whom::ALL);
        }
        let (share, kind) = match text.split_once('%') {
            None => (Share::ALL, Some(text)),
            Some((number, rest)) => {
                let kind = rest.strip_prefix(" of ");
                if kind.is_none() && !rest.is_empty() {
                    return Err(Self::wrong(text));
                }
                (Share::parse(&format!("{number}%"))?, kind.filter(|kind| *kind != "all"))
            }
        };
        let known = |kind: &str| KINDS.into_iter().find(|known| *known == kind).ok_or_else(|| Self::wrong(text));
        Ok(Whom { kind: kind.map(known).transpose()?, share })
    }

    fn wrong(text: &str) -> String {
        format!("`{text}` is nobody: give all, one of {}, 20%, or 20% of one of them", KINDS.join(", "))
    }
}

impl Selector {
    /// Reads `btcusdt@depth@100ms`, `upbit:orderbook:KRW-BTC`, or either with `*` for all symbols.
    ///
    /// # Errors
    /// What would be one.
    pub fn parse(text: &str) -> Result<Selector, String> {
        let wrong = || {
            format!(
                "`{text}` is no stream: give one as btcusdt@depth@100ms or upbit:orderbook:KRW-BTC, or with * in place of the symbol"
            )
        };
        let (venue, symbol, channel) = match text.split_once(':').filter(|_| !text.contains('@')) {
            None => {
                let (symbol, rest) = text.split_once('@').ok_or_else(wrong)?;
                let is_all = symbol == "*";
                let name = if is_all { format!("x@{rest}") } else { text.to_owned() };
                match stream::parse(&name, Encoding::Json) {
                    Some((Scope::Symbol(name), channel)) => (Venue::Binance, (!is_all).then_some(name), channel),
                    _ => return Err(wrong()),
                }
            }
            Some((venue, rest)) => {
                let venue = Venue::ALL.into_iter().find(|known| known.grammar().name == venue).ok_or_else(wrong)?;
                let socket = venue.grammar().socket.as_ref().ok_or_else(wrong)?;
                let (kind, code) = rest.split_once(':').ok_or_else(wrong)?;
                let channel = (socket.channel)(kind).ok_or_else(wrong)?;
                let symbol = if code == "*" { None } else { Some(Name::new(code).ok_or_else(wrong)?) };
                (venue, symbol, channel)
            }
        };
        Ok(Selector { text: text.to_owned(), venue, symbol, channel })
    }

    /// Whether they are those of all symbols.
    pub fn is_of_all(&self) -> bool {
        self.symbol.is_none()
    }

    /// Those of them that the feed has named so far.
    pub fn streams(&self, symbols: &Symbols) -> Vec<Stream> {
        let all = symbols.iter().filter(|(id, symbol)| match self.symbol {
            None => symbol.name_for(self.venue).is_some(),
            Some(name) => symbols.find(self.venue, name.as_str()) == Some(*id),
        });
        all.map(|(symbol, _)| Stream { symbol, channel: self.channel }).collect()
    }

    /// Whether a tick is one of these streams'.
    pub fn has(&self, tick: &Tick, symbols: &Symbols) -> bool {
        tick.channel == self.channel
            && match self.symbol {
                None => symbols.get(tick.symbol).name_for(self.venue).is_some(),
                Some(name) => symbols.find(self.venue, name.as_str()) == Some(tick.symbol),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_shares_and_people_are_read_and_what_is_none_is_told_what_would_be() {
        let ms = Duration::from_millis;
        assert_eq!(Span::parse("250ms"), Ok(Span::exactly(ms(250))));
        assert_eq!(Span::parse("1s to 2s"), Ok(Span { least: ms(1_000), most: ms(2_000) }));
        assert!(Span::parse("2s to 1s").unwrap_err().contains("ends before it begins"));
        assert!(Span::parse("soon").unwrap_err().contains("250ms"));
        assert_eq!(
            (Share::parse("20%"), Share::parse("0.5%"), Share::parse("100%")),
            (Ok(Share(200)), Ok(Share(5)), Ok(Share(1_000)))
        );
        for text in ["20", "101%", "-1%", "1.25%", "%", "99999999999%", "１%"] {
            assert!(Share::parse(text).unwrap_err().contains("0% to 100%"), "{text}");
        }
        assert_eq!(Whom::parse("20% of upbit"), Ok(Whom { kind: Some("upbit"), share: Share(200) }));
        assert_eq!(Whom::parse("sse"), Ok(Whom { kind: Some("sse"), share: Share::ALL }));
        assert_eq!(Whom::parse("5%"), Ok(Whom { kind: None, share: Share(50) }));
        for text in ["", "nobody", "20% upbit", "20% of them"] {
            assert!(Whom::parse(text).unwrap_err().contains("binance-api"), "{text}");
        }
    }

    #[test]
    fn moments_are_spans_times_of_day_or_instants() {
        let day = 86_400_000_000_000;
        assert_eq!(Moment::parse("10s"), Ok(Moment::Elapsed(Span::exactly(Duration::from_secs(10)))));
        assert_eq!(Moment::parse("09:30"), Ok(Moment::OfDay(day / 24 * 19 / 2)));
        assert_eq!(Moment::parse("1970-01-02T00:00:00Z"), Ok(Moment::Instant(day)));
        assert!(Moment::parse("25:00").unwrap_err().contains("09:30:00"));
    }

    #[test]
    fn streams_are_named_as_clients_name_them() {
        for text in
            ["btcusdt@depth@100ms", "*@trade", "upbit:orderbook:KRW-BTC", "upbit:trade:*", "bithumb:ticker:KRW-BTC"]
        {
            assert_eq!(Selector::parse(text).unwrap().text, text);
        }
        for text in
            ["BTCUSDT@trade", "btcusdt", "!ticker@arr", "upbit:nosuch:KRW-BTC", "kraken:trade:X", "binance:trade:X", ""]
        {
            assert!(Selector::parse(text).unwrap_err().contains("upbit:orderbook:KRW-BTC"), "{text}");
        }
    }
}
