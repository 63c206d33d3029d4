//! Events in Binance's binary encoding: Simple Binary Encoding, schema `spot_stream`, id 1, version 0, little-endian.
//!
//! ```text
//! header 8 bytes │ root block │ groups, each behind its own header │ symbol: length byte + UTF-8
//! ```
//!
//! Decimals are whole mantissas; their exponents stand once per message, one for all prices and one for all sizes.
//! The exchange uses those of the symbol's tick and step sizes. Here they are the finest met so far for the symbol, so
//! that every value is exact and nearly all messages of a symbol agree.

use crate::market::decimal::Decimal;
use crate::market::tick::{Best, Depth, Kind, Level, PartialDepth, Taker, Tick, Trade};

const SCHEMA_ID: u16 = 1;
const VERSION: u16 = 0;
const TRADES: u16 = 10_000;
const BEST_BID_ASK: u16 = 10_001;
const DEPTH_SNAPSHOT: u16 = 10_002;
const DEPTH_DIFF: u16 = 10_003;

/// How many decimal places a symbol's prices and sizes have; only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Of prices.
    pub price: u8,
    /// Of sizes.
    pub size: u8,
}

impl Places {
    fn cover(&mut self, level: Level) {
        self.price = grown(self.price, level.price);
        self.size = grown(self.size, level.size);
    }
}

/// The places that are known, or those that the number needs if they are more. Nearly always they are enough, which
/// one division tells; counting zeros takes one for each.
#[inline]
fn grown(known: u8, number: Decimal) -> u8 {
    let Ok(more) = usize::try_from(number.scale() - i32::from(known)) else { return known };
    match (i64::try_from(number.mantissa()), POWERS.get(more)) {
        (Ok(mantissa), Some(power)) if mantissa % power == 0 => known,
        _ => known.max(number.places_needed()),
    }
}

/// Powers of ten, as far as they fit.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = powers[n - 1] * 10;
        n += 1;
    }
    powers
};

/// Appends the message of a tick; `places` are the symbol's, and grow where the tick's numbers need it.
///
/// Appends nothing and returns false for a tick of a kind the encoding does not have, and for one with a number that
/// does not fit 64 bits.
pub fn write_message(tick: &Tick, levels: &[Level], symbol: &str, places: &mut Places, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let written = match &tick.kind {
        Kind::Trade(trade) => {
            places.cover(Level { price: trade.price, size: trade.size });
            Message { out, places: *places }.trades(tick, std::slice::from_ref(trade))
        }
        Kind::BookTicker(ticker) => {
            places.cover(ticker.best.bid);
            places.cover(ticker.best.ask);
            Message { out, places: *places }.best_bid_ask(tick, ticker.update_id, &ticker.best)
        }
        Kind::Depth(depth) => {
            levels.iter().for_each(|level| places.cover(*level));
            Message { out, places: *places }.depth_diff(tick, depth, levels)
        }
        Kind::PartialDepth(depth) => {
            levels.iter().for_each(|level| places.cover(*level));
            Message { out, places: *places }.depth_snapshot(tick, depth, levels)
        }
        _ => None,
    };
    let Some(()) = written.filter(|()| symbol.len() <= usize::from(u8::MAX)) else {
        out.truncate(start);
        return false;
    };
    out.push(symbol.len() as u8);
    out.extend_from_slice(symbol.as_bytes());
    true
}

/// A message in the making. Each method writes one kind up to its symbol; `None` where a number does not fit.
struct Message<'a> {
    out: &'a mut Vec<u8>,
    places: Places,
}

impl Message<'_> {
    fn header(&mut self, template: u16, block: u16) -> &mut Self {
        for word in [block, template, SCHEMA_ID, VERSION] {
            self.out.extend_from_slice(&word.to_le_bytes());
        }
        self
    }

    fn int(&mut self, value: i64) -> &mut Self {
        self.out.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Microseconds, whatever the connection's time unit.
    fn time(&mut self, ns: i64) -> &mut Self {
        self.int(ns.div_euclid(1_000))
    }

    fn exponents(&mut self) -> &mut Self {
        self.out.push((self.places.price as i8).wrapping_neg() as u8);
        self.out.push((self.places.size as i8).wrapping_neg() as u8);
        self
    }

    fn level(&mut self, level: Level) -> Option<()> {
        let Places { price, size } = self.places;
        self.int(mantissa_at(level.price, price)?).int(mantissa_at(level.size, size)?);
        Some(())
    }

    /// The encoding has room for all fills of one taker order; a tape tells them one by one.
    fn trades(&mut self, tick: &Tick, trades: &[Trade]) -> Option<()> {
        self.header(TRADES, 18).time(tick.ts_event).time(trades.first()?.ts_trade).exponents();
        self.out.extend_from_slice(&25_u16.to_le_bytes());
        self.out.extend_from_slice(&u32::try_from(trades.len()).ok()?.to_le_bytes());
        for trade in trades {
            self.int(trade.id).level(Level { price: trade.price, size: trade.size })?;
            self.out.push(u8::from(trade.taker == Taker::Seller));
        }
        Some(())
    }

    fn best_bid_ask(&mut self, tick: &Tick, update_id: i64, best: &Best) -> Option<()> {
        self.header(BEST_BID_ASK, 50).time(tick.ts_event).int(update_id).exponents();
        self.level(best.bid)?;
        self.level(best.ask)
    }

    fn depth_diff(&mut self, tick: &Tick, depth: &Depth, levels: &[Level]) -> Option<()> {
        self.header(DEPTH_DIFF, 26).time(tick.ts_event).int(depth.first_id).int(depth.last_id).exponents();
        self.sides(depth.bids as usize, levels)
    }

    fn depth_snapshot(&mut self, tick: &Tick, depth: &PartialDepth, levels: &[Level]) -> Option<()> {
        self.header(DEPTH_SNAPSHOT, 18).time(tick.ts_event).int(depth.last_update_id).exponents();
        self.sides(depth.bids as usize, levels)
    }

    fn sides(&mut self, bids: usize, levels: &[Level]) -> Option<()> {
        let (bids, asks) = levels.split_at(bids);
        for side in [bids, asks] {
            self.out.extend_from_slice(&16_u16.to_le_bytes());
            self.out.extend_from_slice(&u16::try_from(side.len()).ok()?.to_le_bytes());
            side.iter().try_for_each(|level| self.level(*level))?;
        }
        Some(())
    }
}

/// The number counted in this many places; `None` if that is not exact or does not fit.
fn mantissa_at(number: Decimal, places: u8) -> Option<i64> {
    let (mantissa, scale, places) = (number.mantissa(), number.scale(), i32::from(places));
    // Nearly always; division of two machine words is several times as slow.
    if let (Ok(small), Some(power)) = (i64::try_from(mantissa), POWERS.get(scale.abs_diff(places) as usize)) {
        return match scale <= places {
            true => small.checked_mul(*power),
            false => (small % power == 0).then(|| small / power),
        };
    }
    let scaled = if scale <= places {
        mantissa.checked_mul(10_i128.checked_pow((places - scale) as u32)?)?
    } else {
        let power = 10_i128.checked_pow((scale - places) as u32)?;
        (mantissa % power == 0).then_some(mantissa / power)?
    };
    i64::try_from(scaled).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::channel::{Channel, Pace};
    use crate::market::tick::BookTicker;

    const EVENT: i64 = 1_790_000_000_123_456_000;

    fn level(price: &str, size: &str) -> Level {
        let number = |text: &str| Decimal::parse(text.as_bytes()).unwrap();
        Level { price: number(price), size: number(size) }
    }

    fn encode(channel: Channel, kind: Kind, levels: &[Level]) -> String {
        let tick = Tick { ts_event: EVENT, channel, kind, ..Tick::default() };
        let mut out = Vec::new();
        assert!(write_message(&tick, levels, "BTCUSDT", &mut Places { price: 2, size: 5 }, &mut out));
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn hex(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[test]
    fn best_bid_and_ask_are_encoded_bit_for_bit() {
        let best = Best { ask: level("65432.11000000", "0.45000000"), bid: level("65432.10000000", "1.20000000") };
        let encoded = encode(Channel::BookTicker, Kind::BookTicker(BookTicker { update_id: 7_000_000_042, best }), &[]);
        let expected = hex("32 00 11 27 01 00 00 00 40 c2 27 da fe 5b 06 00 2a 86 3b a1 01 00 00 00 fe fb
            6a d7 63 00 00 00 00 00 c0 d4 01 00 00 00 00 00 6b d7 63 00 00 00 00 00 c8 af 00 00 00 00 00 00
            07 42 54 43 55 53 44 54");
        assert_eq!(encoded, expected);
    }

    #[test]
    fn a_change_of_the_book_is_encoded_bit_for_bit() {
        let depth = Depth { first_id: 7_000_000_040, last_id: 7_000_000_042, bids: 1 };
        let levels = [level("65432.10000000", "0.00000000")];
        let encoded = encode(Channel::Depth(Pace::Ms100), Kind::Depth(depth), &levels);
        let expected =
            hex("1a 00 13 27 01 00 00 00 40 c2 27 da fe 5b 06 00 28 86 3b a1 01 00 00 00 2a 86 3b a1 01 00 00 00 fe fb
            10 00 01 00 6a d7 63 00 00 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00
            07 42 54 43 55 53 44 54");
        assert_eq!(encoded, expected);
    }

    #[test]
    fn trades_are_encoded_bit_for_bit() {
        let trade = |id, price, size| Trade {
            id,
            price: level(price, size).price,
            size: level(price, size).size,
            ts_trade: 1_790_000_000_123_001_000,
            taker: Taker::Buyer,
            day: None,
            best: None,
        };
        let trades = [trade(501, "65432.11", "0.01"), trade(502, "65432.15", "0.025")];
        let tick = Tick { ts_event: EVENT, ..Tick::default() };
        let mut out = Vec::new();
        Message { out: &mut out, places: Places { price: 2, size: 5 } }.trades(&tick, &trades).unwrap();
        let expected =
            hex("12 00 10 27 01 00 00 00 40 c2 27 da fe 5b 06 00 79 c0 27 da fe 5b 06 00 fe fb 19 00 02 00 00 00
            f5 01 00 00 00 00 00 00 6b d7 63 00 00 00 00 00 e8 03 00 00 00 00 00 00 00
            f6 01 00 00 00 00 00 00 6f d7 63 00 00 00 00 00 c4 09 00 00 00 00 00 00 00");
        assert_eq!(out.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
    }

    #[test]
    fn numbers_that_do_not_fit_give_no_message() {
        let trade = Trade {
            id: 1,
            price: level("1", "1").price,
            size: level("1", "99999999999999999999").size,
            ts_trade: 0,
            taker: Taker::Buyer,
            day: None,
            best: None,
        };
        let tick = Tick { kind: Kind::Trade(trade), ..Tick::default() };
        let mut out = vec![7];
        assert!(!write_message(&tick, &[], "A", &mut Places::default(), &mut out));
        assert_eq!(out, [7]);
    }

    #[test]
    fn mantissas_are_exact_or_none() {
        for (text, places, mantissa) in [
            ("1.50000000", 1, Some(15)),
            ("1.50000000", 0, None),
            ("-1.5", 3, Some(-1_500)),
            ("9.8E7", 2, Some(9_800_000_000)),
            ("9223372036854775807", 0, Some(i64::MAX)),
            ("9223372036854775807", 1, None),
            ("92233720368547758070.0", 0, None),
            ("9223372036854775807.0000", 0, Some(i64::MAX)),
            ("0.0000000000000000000000000000001", 8, None),
            ("1E31", 0, None),
        ] {
            assert_eq!(mantissa_at(Decimal::parse(text.as_bytes()).unwrap(), places), mantissa, "{text}");
        }
    }

    #[test]
    fn places_grow_to_what_the_numbers_need() {
        let mut places = Places::default();
        for (price, size, expected) in
            [("65432.10000000", "1.00000000", (1, 0)), ("3", "0.00500000", (1, 3)), ("0.00000001", "7", (8, 3))]
        {
            places.cover(level(price, size));
            assert_eq!((places.price, places.size), expected);
        }
    }
}
