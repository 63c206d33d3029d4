//! The list of all tickers, as the REST interface answers it: one tick per symbol.
//!
//! It carries what the ticker streams carry, under long names, in an order that depends on who stored it.

use simd_json::{Node, StaticNode};

use crate::market::channel::Channel;
use crate::market::civil::NS_PER_MS;
use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{Best, Kind, Level, Tick, Ticker};
use crate::venue::binance::decode::parsed::{Entries, size_of_value};
use crate::venue::{Rejected, intern};

/// Reads a list of tickers out of a parsed message.
///
/// # Errors
/// [`Rejected::Unserved`] for an array of anything else; otherwise what is wrong with the first ticker that is wrong.
pub fn read(nodes: &[Node<'_>], symbols: &mut Symbols) -> Result<Vec<Tick>, Rejected> {
    let Some(Node::Array { len, .. }) = nodes.first() else { return Err(Rejected::Unserved) };
    let mut ticks = Vec::with_capacity(*len);
    let mut at = 1;
    for _ in 0..*len {
        let Some(Node::Object { len, .. }) = nodes.get(at) else { return Err(Rejected::Unserved) };
        ticks.push(read_one(Entries { nodes, at: at + 1, left: *len }, nodes, symbols)?);
        at += size_of_value(&nodes[at]);
    }
    if ticks.is_empty() { Err(Rejected::Unserved) } else { Ok(ticks) }
}

fn read_one(entries: Entries<'_, '_>, nodes: &[Node<'_>], symbols: &mut Symbols) -> Result<Tick, Rejected> {
    let mut numbers = [None; NUMBERS.len()];
    let mut integers = [None; INTEGERS.len()];
    let mut symbol = None;
    for (key, value) in entries {
        match nodes[value] {
            Node::String(name) if key == "symbol" => symbol = Some(name),
            Node::String(text) => {
                if let Some(place) = NUMBERS.iter().position(|name| *name == key) {
                    numbers[place] = Some(Decimal::parse(text.as_bytes())?);
                }
            }
            Node::Static(StaticNode::I64(value)) => set(&mut integers, key, value)?,
            Node::Static(StaticNode::U64(value)) => {
                set(&mut integers, key, i64::try_from(value).map_err(|_| Rejected::Number)?)?;
            }
            _ => {}
        }
    }
    let symbol = symbol.ok_or(Rejected::Unserved)?;
    let number = |name: &'static str| {
        let place = NUMBERS.iter().position(|known| *known == name);
        place.and_then(|place| numbers[place]).ok_or(Rejected::Member(name))
    };
    let integer = |name: &'static str| {
        let place = INTEGERS.iter().position(|known| *known == name);
        place.and_then(|place| integers[place]).ok_or(Rejected::Member(name))
    };
    let time = |name| integer(name)?.checked_mul(NS_PER_MS).ok_or(Rejected::Number);
    let level = |price, size| Ok::<_, Rejected>(Level { price: number(price)?, size: number(size)? });
    let ticker = Ticker {
        change: number("priceChange")?,
        change_percent: number("priceChangePercent")?,
        average: number("weightedAvgPrice")?,
        previous: number("prevClosePrice")?,
        last: level("lastPrice", "lastQty")?,
        best: Best { ask: level("askPrice", "askQty")?, bid: level("bidPrice", "bidQty")? },
        open: number("openPrice")?,
        high: number("highPrice")?,
        low: number("lowPrice")?,
        volume: number("volume")?,
        quote_volume: number("quoteVolume")?,
        ts_open: time("openTime")?,
        ts_close: time("closeTime")?,
        first_id: integer("firstId")?,
        last_id: integer("lastId")?,
        trades: integer("count")?,
    };
    let symbol = intern(symbols, Venue::Binance, symbol)?;
    let (channel, ts_event) = (Channel::Ticker, ticker.ts_close);
    Ok(Tick { symbol, channel, ts_event, kind: Kind::Ticker(ticker), ..Tick::default() })
}

/// Takes note of an integer. Ids and times are counted on from, so those at the end of the range are refused.
fn set(integers: &mut [Option<i64>; INTEGERS.len()], key: &str, value: i64) -> Result<(), Rejected> {
    if let Some(place) = INTEGERS.iter().position(|name| *name == key) {
        integers[place] = Some(value).filter(|value| value.unsigned_abs() < 1 << 62);
        return integers[place].map(|_| ()).ok_or(Rejected::Number);
    }
    Ok(())
}

/// Members that are decimals in strings.
const NUMBERS: [&str; 15] = [
    "priceChange",
    "priceChangePercent",
    "weightedAvgPrice",
    "prevClosePrice",
    "lastPrice",
    "lastQty",
    "bidPrice",
    "bidQty",
    "askPrice",
    "askQty",
    "openPrice",
    "highPrice",
    "lowPrice",
    "volume",
    "quoteVolume",
];

/// Members that are integers.
const INTEGERS: [&str; 5] = ["openTime", "closeTime", "firstId", "lastId", "count"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::{Decoder, Message};

    fn read(first_id: &str) -> Result<Message, Rejected> {
        let numbers: String = NUMBERS.iter().map(|name| format!(r#""{name}":"1.5","#)).collect();
        let text = format!(
            r#"[{{"symbol":"A",{numbers}"openTime":1,"closeTime":2,"firstId":{first_id},"lastId":7,"count":1}}]"#
        );
        Decoder::default().decode(Venue::Binance, &mut text.into_bytes(), 0, &mut Symbols::default())
    }

    #[test]
    fn ids_at_the_end_of_the_range_are_refused() {
        assert!(matches!(read("4611686018427387903"), Ok(Message::List(ticks)) if ticks.len() == 1));
        for id in ["4611686018427387904", "-4611686018427387904", "9223372036854775807", "18446744073709551615"] {
            assert_eq!(read(id).unwrap_err(), Rejected::Number, "{id}");
        }
    }
}
