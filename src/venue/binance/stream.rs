//! Names of streams: `btcusdt@trade`, `ethusdt@kline_1m`, `btcusdt@depth@100ms`.
//!
//! A name that is well formed is accepted whether or not it exists; one that does not exist never delivers. Names are
//! compared case-sensitively: the symbol is lower case, so `BTCUSDT@trade` is well formed and silent.

use crate::market::channel::{Channel, Interval, Levels, Pace, Scope, Window, Zone};
use crate::market::symbol::Name;
use crate::venue::binance::Encoding;

/// Whether a name is well formed: an optional `!`, then one to four non-empty segments between `@`, of letters of any
/// script, digits and `_ - . : +`.
pub fn is_well_formed(name: &str) -> bool {
    let body = name.strip_prefix('!').unwrap_or(name);
    let mut segments = 0;
    body.split('@').all(|segment| {
        segments += 1;
        !segment.is_empty() && segment.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '+'))
    }) && segments <= 4
}

/// Whose updates and which a name asks for; `None` for one that this server has no data for.
pub fn parse(name: &str, encoding: Encoding) -> Option<(Scope, Channel)> {
    if let Some(all) = name.strip_prefix('!') {
        return if encoding == Encoding::Json { of_all(all) } else { None };
    }
    let (symbol, kind) = name.split_once('@')?;
    if symbol.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let channel = match encoding {
        Encoding::Json => channel(kind)?,
        Encoding::Sbe => binary_channel(kind)?,
    };
    Some((Scope::Symbol(Name::new(&symbol.to_ascii_uppercase())?), channel))
}

/// The streams of all symbols, by what stands behind the `!`. Two are retired and still asked for: `!ticker@arr`, and
/// `!bookTicker`, which sends each event by itself; so is the suffix with a pace that one client always appends.
fn of_all(name: &str) -> Option<(Scope, Channel)> {
    if name == "bookTicker" {
        return Some((Scope::Each, Channel::BookTicker));
    }
    let (kind, rest) = name.split_once("@arr")?;
    let is_pace = rest.strip_prefix('@').and_then(|rest| rest.strip_suffix("ms"));
    if !rest.is_empty() && !is_pace.is_some_and(|ms| !ms.is_empty() && ms.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    match kind {
        "miniTicker" => Some((Scope::Collected, Channel::MiniTicker)),
        "ticker" => Some((Scope::Collected, Channel::Ticker)),
        kind => {
            let window = Window::from_name(kind.strip_prefix("ticker_")?)?;
            Some((Scope::Collected, Channel::WindowTicker(window)))
        }
    }
}

/// Whether a name is one that Binance has retired or never documented, and that clients still ask for: `!ticker@arr`,
/// `!bookTicker`, and whatever names a pace that has no name.
pub fn is_retired(name: &str) -> bool {
    let has_pace = || name.rsplit_once('@').is_some_and(|(_, last)| last != "100ms" && last.ends_with("ms"));
    matches!(name, "!ticker@arr" | "!bookTicker") || has_pace()
}

/// The binary streams have names of their own, and only these. Changes of the book come at the finest pace there is.
fn binary_channel(kind: &str) -> Option<Channel> {
    match kind {
        "trade" => Some(Channel::Trade),
        "bestBidAsk" => Some(Channel::BookTicker),
        "depth" => Some(Channel::Depth(Pace::Ms100)),
        "depth20" => Some(Channel::PartialDepth(Levels::L20, Pace::Ms100)),
        _ => None,
    }
}

/// The channel of the part of a name behind the symbol. The paces are 100 ms and, also where none is named, one second.
pub fn channel(kind: &str) -> Option<Channel> {
    let (kind, pace) = match kind.split_once('@') {
        Some((kind, "100ms")) => (kind, Some(Pace::Ms100)),
        Some((kind, "1000ms")) => (kind, Some(Pace::Ms1000)),
        Some((kind, "+08:00")) => return kline(kind, Zone::Plus8),
        Some(_) => return None,
        None => (kind, None),
    };
    if let Some(rest) = kind.strip_prefix("depth") {
        let pace = pace.unwrap_or(Pace::Ms1000);
        return match rest {
            "" => Some(Channel::Depth(pace)),
            count => {
                // Compared as text: `depth05` and `depth+5` are no names of it.
                let levels = Levels::ALL.into_iter().find(|levels| levels.name() == count)?;
                Some(Channel::PartialDepth(levels, pace))
            }
        };
    }
    if pace.is_some() {
        return None;
    }
    match kind {
        "trade" => Some(Channel::Trade),
        "aggTrade" => Some(Channel::AggTrade),
        "bookTicker" => Some(Channel::BookTicker),
        "ticker" => Some(Channel::Ticker),
        "miniTicker" => Some(Channel::MiniTicker),
        "avgPrice" => Some(Channel::AvgPrice),
        "blockTrade" => Some(Channel::BlockTrade),
        "referencePrice" => Some(Channel::ReferencePrice),
        kind => match kind.strip_prefix("ticker_") {
            Some(window) => Window::from_name(window).map(Channel::WindowTicker),
            None => kline(kind, Zone::Utc),
        },
    }
}

fn kline(kind: &str, zone: Zone) -> Option<Channel> {
    Interval::from_name(kind.strip_prefix("kline_")?).map(|interval| Channel::Kline(interval, zone))
}

/// The usual name of a symbol's stream; `None` for a channel Binance does not have.
pub fn name(symbol: &str, channel: Channel) -> Option<String> {
    let mut name = String::new();
    write_name(symbol, channel, &mut name);
    (!name.is_empty()).then_some(name)
}

/// Appends the usual name of a stream, the inverse of [`parse`]; nothing for a channel Binance does not have.
pub fn write_name(symbol: &str, channel: Channel, out: &mut String) {
    let pace = |pace: Pace| if pace == Pace::Ms100 { "@100ms" } else { "" };
    let kind = match channel {
        Channel::Trade => "trade".to_owned(),
        Channel::AggTrade => "aggTrade".to_owned(),
        Channel::BookTicker => "bookTicker".to_owned(),
        Channel::Ticker => "ticker".to_owned(),
        Channel::MiniTicker => "miniTicker".to_owned(),
        Channel::AvgPrice => "avgPrice".to_owned(),
        Channel::BlockTrade => "blockTrade".to_owned(),
        Channel::ReferencePrice => "referencePrice".to_owned(),
        Channel::Depth(of) => format!("depth{}", pace(of)),
        Channel::PartialDepth(levels, of) => format!("depth{}{}", levels.count(), pace(of)),
        Channel::WindowTicker(window) => format!("ticker_{}", window.name()),
        Channel::Kline(interval, Zone::Utc) => format!("kline_{}", interval.name()),
        Channel::Kline(interval, Zone::Plus8) => format!("kline_{}@+08:00", interval.name()),
        Channel::DayTicker | Channel::Orderbook | Channel::Candle(_) => return,
    };
    out.push_str(&symbol.to_ascii_lowercase());
    out.push('@');
    out.push_str(&kind);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_grammar_takes_what_is_known_to_be_taken() {
        for name in [
            "btcusdt@trade",
            "BTCUSDT@aggTrade",
            "btcusdt@nosuchstream",
            "0",
            "btcusdt@kline_1d@+08:00",
            "!miniTicker@arr@1000ms",
            "币安人生usdt@trade",
            "btcusd_perp@depth@0ms",
            "krw-btc",
        ] {
            assert!(is_well_formed(name), "{name}");
        }
        for name in
            ["", "!", "@@@x###", "btc usdt@trade", "btcusdt@", "@trade", "a@b@c@d@e", "btcusdt@tra\"de", "a/b", "a\n"]
        {
            assert!(!is_well_formed(name), "{name}");
        }
    }

    #[test]
    fn names_lead_to_their_streams() {
        let parsed = |name| match parse(name, Encoding::Json)? {
            (Scope::Symbol(symbol), channel) => Some((symbol.as_str().to_owned(), channel)),
            (scope, _) => panic!("{scope:?}"),
        };
        assert_eq!(parsed("btcusdt@depth@100ms"), Some(("BTCUSDT".into(), Channel::Depth(Pace::Ms100))));
        assert_eq!(parsed("btcusdt@kline_1M"), Some(("BTCUSDT".into(), Channel::Kline(Interval::Mo1, Zone::Utc))));
        assert_eq!(parsed("币usdt@trade"), Some(("币USDT".into(), Channel::Trade)));
        for name in [
            "BTCUSDT@trade",
            "btcusdt@nosuch",
            "btcusdt",
            "@trade",
            "btcusdt@kline_2m",
            "btcusdt@Trade",
            "btcusdt@depth7",
            "btcusdt@depth05",
            "btcusdt@depth+5@100ms",
            "btcusdt@depth@0ms",
            "btcusdt@trade@100ms",
            "btcusdt@ticker_2h",
        ] {
            assert_eq!(parsed(name), None, "{name}");
        }
    }

    #[test]
    fn streams_of_all_symbols_have_their_names_and_retired_ones() {
        let parsed = |name| parse(name, Encoding::Json);
        assert_eq!(parsed("!bookTicker"), Some((Scope::Each, Channel::BookTicker)));
        for name in ["!miniTicker@arr", "!miniTicker@arr@1000ms", "!miniTicker@arr@3000ms"] {
            assert_eq!(parsed(name), Some((Scope::Collected, Channel::MiniTicker)), "{name}");
        }
        assert_eq!(parsed("!ticker@arr"), Some((Scope::Collected, Channel::Ticker)));
        for name in ["!", "!ticker", "!trade@arr", "!ticker@arrx", "!ticker@arr@ms", "!ticker@arr@1s", "!!ticker@arr"] {
            assert_eq!(parsed(name), None, "{name}");
        }
        for name in ["!bookTicker", "!ticker@arr", "!btcusdt@trade", "!btcusdt@depth"] {
            assert_eq!(parse(name, Encoding::Sbe), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn parsed_names_are_well_formed_and_come_back(name in "[a-z0-9_]{1,20}@(trade|aggTrade|depth(5|10|20)?(@100ms)?|bookTicker|ticker(_1h|_4h|_1d)?|miniTicker|avgPrice|blockTrade|referencePrice|kline_(1s|1m|1M|8h|1w)(@[+]08:00)?)") {
            prop_assert!(is_well_formed(&name));
            let Some((Scope::Symbol(symbol), channel)) = parse(&name, Encoding::Json) else { panic!() };
            let mut written = String::new();
            write_name(symbol.as_str(), channel, &mut written);
            prop_assert_eq!(written, name);
        }

        #[test]
        fn no_text_makes_it_panic(name in "\\PC{0,80}") {
            is_well_formed(&name);
            parse(&name, Encoding::Json);
        }
    }
}
