//! Members in the order in which the exchange writes them, compared and read in one walk over the text.
//!
//! The order is that of [`json`](crate::venue::upbit::json), in the formats DEFAULT and SIMPLE. A message is taken only
//! as a whole and only if all of it is valid; about all others this says nothing but that they are others.

use crate::market::channel::Channel;
use crate::market::civil::{Date, NS_PER_MS};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{Best, DayChange, DayTicker, Direction, Kind, Level, Orderbook, Record, Taker, Tick, Trade};
use crate::venue::cursor::Cursor;
use crate::venue::upbit::keys::{Keys, LONG, SHORT};
use crate::venue::upbit::words;
use crate::venue::{LEVELS_MAX, intern};

/// Reads a message in the usual form. `None` for whatever has another form; `tick` and `levels` are then meaningless,
/// and nothing else has changed.
pub(super) fn read(raw: &[u8], symbols: &mut Symbols, tick: &mut Tick, levels: &mut Vec<Level>) -> Option<()> {
    let mut cursor = Cursor::new(raw);
    if cursor.literal(SHORT.ty).is_some() {
        return InOrder { cursor, keys: &SHORT }.message(symbols, tick, levels);
    }
    cursor.literal(LONG.ty)?;
    InOrder { cursor, keys: &LONG }.message(symbols, tick, levels)
}

struct InOrder<'t> {
    cursor: Cursor<'t>,
    keys: &'static Keys,
}

impl<'t> InOrder<'t> {
    #[inline(always)]
    fn message(mut self, symbols: &mut Symbols, tick: &mut Tick, levels: &mut Vec<Level>) -> Option<()> {
        let kind = self.cursor.word()?;
        let code = self.word(self.keys.cd)?;
        self.cursor.literal("\"")?;
        (tick.channel, tick.kind) = match kind {
            "trade" => {
                tick.ts_event = self.time(self.keys.tms)?;
                (Channel::Trade, self.trade()?)
            }
            "ticker" => {
                let ticker = self.ticker()?;
                tick.ts_event = self.time(self.keys.tms)?;
                let (turnover_24h, volume_24h) = (self.number(self.keys.atp24h)?, self.number(self.keys.atv24h)?);
                (Channel::DayTicker, Kind::DayTicker(DayTicker { turnover_24h, volume_24h, ..ticker }))
            }
            "orderbook" => {
                tick.ts_event = self.time(self.keys.tms)?;
                (Channel::Orderbook, self.orderbook(levels)?)
            }
            _ => return None,
        };
        self.stream_type()?;
        if let Kind::Orderbook(book) = &mut tick.kind
            && self.cursor.literal(self.keys.lv).is_some()
        {
            book.grouping = Some(self.cursor.number()?);
        }
        self.cursor.literal("}")?;
        if !self.cursor.is_at_end() {
            return None;
        }
        tick.symbol = intern(symbols, Venue::Upbit, code).ok()?;
        Some(())
    }

    #[inline(always)]
    fn number(&mut self, key: &str) -> Option<Decimal> {
        self.cursor.literal(key)?;
        self.cursor.number()
    }

    #[inline(always)]
    fn time(&mut self, key: &str) -> Option<i64> {
        self.cursor.literal(key)?;
        self.cursor.int()?.checked_mul(NS_PER_MS)
    }

    /// A text whose quotation marks belong to the keys around it.
    #[inline(always)]
    fn word(&mut self, key: &str) -> Option<&'t str> {
        self.cursor.literal(key)?;
        self.cursor.word()
    }

    #[inline(always)]
    fn quoted(&mut self, key: &str) -> Option<&'t str> {
        self.cursor.literal(key)?;
        self.cursor.quoted()
    }

    #[inline(always)]
    fn level(&mut self, price: &str, size: &str) -> Option<Level> {
        Some(Level { price: self.number(price)?, size: self.number(size)? })
    }

    #[inline(always)]
    fn taker(&mut self) -> Option<Taker> {
        words::read_taker(self.quoted(self.keys.ab)?)
    }

    #[inline(always)]
    fn direction(&mut self) -> Option<Direction> {
        words::read_direction(self.quoted(self.keys.c)?)
    }

    #[inline(always)]
    fn stream_type(&mut self) -> Option<()> {
        self.quoted(self.keys.st).map(|_| ())
    }

    #[inline(always)]
    fn trade(&mut self) -> Option<Kind> {
        let keys = self.keys;
        self.word(keys.td)?;
        self.word(keys.ttm)?;
        let ts_trade = self.time(keys.ttms)?;
        let (price, size, taker) = (self.number(keys.tp)?, self.number(keys.tv)?, self.taker()?);
        let previous_close = self.number(keys.pcp)?;
        let day = DayChange { previous_close, direction: self.direction()?, amount: self.number(keys.cp)? };
        self.cursor.literal(keys.sid)?;
        let id = self.cursor.int()?;
        let mut best = None;
        if self.cursor.literal(keys.bap).is_some() {
            let ask = Level { price: self.cursor.number()?, size: self.number(keys.bas)? };
            best = Some(Best { ask, bid: self.level(keys.bbp, keys.bbs)? });
        }
        Some(Kind::Trade(Trade { id, price, size, ts_trade, taker, day: Some(day), best }))
    }

    #[inline(always)]
    fn orderbook(&mut self, levels: &mut Vec<Level>) -> Option<Kind> {
        let keys = self.keys;
        let (total_ask, total_bid) = (self.number(keys.tas)?, self.number(keys.tbs)?);
        self.cursor.literal(keys.obu)?;
        loop {
            let (ask, bid) = (self.number(keys.ap)?, self.number(keys.bp)?);
            let (ask_size, bid_size) = (self.number(keys.ask_size)?, self.number(keys.bs)?);
            if levels.len() + 2 > LEVELS_MAX {
                return None;
            }
            levels.push(Level { price: ask, size: ask_size });
            levels.push(Level { price: bid, size: bid_size });
            if self.cursor.literal("},").is_none() {
                self.cursor.literal("}]")?;
                return Some(Kind::Orderbook(Orderbook { total_ask, total_bid, grouping: None }));
            }
        }
    }

    fn record(&mut self, price: &str, date: &str) -> Option<Record> {
        Some(Record { price: self.number(price)?, day: Date::parse(self.word(date)?.as_bytes())?.to_days() })
    }

    /// All of a ticker but the rolling 24 hours, which stand behind the time of the event.
    #[inline(always)]
    fn ticker(&mut self) -> Option<DayTicker> {
        let keys = self.keys;
        let (open, high, low) = (self.number(keys.op)?, self.number(keys.hp)?, self.number(keys.lp)?);
        let (price, previous_close) = (self.number(keys.tp)?, self.number(keys.pcp)?);
        let turnover = self.number(keys.atp)?;
        let day = DayChange { previous_close, direction: self.direction()?, amount: self.number(keys.cp)? };
        let signed_change = self.number(keys.scp)?;
        let (change_rate, signed_change_rate) = (self.number(keys.cr)?, self.number(keys.scr)?);
        let (taker, size, volume) = (self.taker()?, self.number(keys.tv)?, self.number(keys.atv)?);
        self.word(keys.tdt)?;
        self.word(keys.ttm)?;
        let ts_trade = self.time(keys.ttms)?;
        let (ask_volume, bid_volume) = (self.number(keys.aav)?, self.number(keys.abv)?);
        let highest_52w = self.record(keys.h52wp, keys.h52wdt)?;
        let lowest_52w = self.record(keys.l52wp, keys.l52wdt)?;
        let state = words::read_state(self.quoted(keys.ms)?)?;
        self.cursor.literal(keys.its)?;
        let suspended = self.cursor.bool()?;
        // A market that leaves is rare enough for the parser.
        self.cursor.literal(keys.dd)?;
        self.cursor.literal("null")?;
        let caution = self.quoted(keys.mw)? == "CAUTION";
        Some(DayTicker {
            open,
            high,
            low,
            last: Level { price, size },
            day,
            signed_change,
            change_rate,
            signed_change_rate,
            turnover,
            volume,
            ask_volume,
            bid_volume,
            turnover_24h: Decimal::ZERO,
            volume_24h: Decimal::ZERO,
            taker,
            ts_trade,
            highest_52w,
            lowest_52w,
            state,
            suspended,
            caution,
            delisting_day: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::Rejected;
    use crate::venue::upbit::{Edition, Format, Layout, decode, json};
    use proptest::prelude::*;

    /// One message of each type, invented, in the format SIMPLE, and an older trade.
    const MESSAGES: [&str; 4] = [
        r#"{"ty":"trade","cd":"KRW-BTC","tms":1772420400717,"td":"2026-03-02","ttm":"03:00:01","ttms":1772420401698,"tp":90331000,"tv":8.4036E-4,"ab":"ASK","pcp":89784000.00000000,"c":"RISE","cp":547000.00000000,"sid":17724204006980000,"bap":90334000,"bas":0.61464228,"bbp":90331000,"bbs":0.00829374,"st":"REALTIME"}"#,
        r#"{"ty":"trade","cd":"KRW-IQ","tms":1617646621082,"td":"2021-04-05","ttm":"18:17","ttms":1617646620000,"tp":41.2,"tv":12111.68782622,"ab":"BID","pcp":43.20000000,"c":"FALL","cp":2.00000000,"sid":1617646620000000,"st":"REALTIME"}"#,
        r#"{"ty":"orderbook","cd":"KRW-IQ","tms":1617646620673,"tas":3873697.94329493,"tbs":12103375.77710546,"obu":[{"ap":41.4,"bp":41.2,"as":9354.4915888,"bs":24347.90399112},{"ap":41.5,"bp":41.1,"as":166549.32477005,"bs":2E-7}],"st":"REALTIME","lv":0}"#,
        r#"{"ty":"ticker","cd":"KRW-BTC","op":89781000.00000000,"hp":91397000.00000000,"lp":89393000.00000000,"tp":90331000.00000000,"pcp":89784000.00000000,"atp":26148237427.5968400000000000,"c":"EVEN","cp":0E-8,"scp":-547000.00000000,"cr":0.0060923995,"scr":-0.0060923995,"ab":"ASK","tv":0.00084036,"atv":289.80784433,"tdt":"20260302","ttm":"030000","ttms":1772420400000,"aav":141.13685130,"abv":148.67099303,"h52wp":163325000.00000000,"h52wdt":"2025-07-14","l52wp":82110000.00000000,"l52wdt":"2026-02-06","ms":"ACTIVE","its":false,"dd":null,"mw":"CAUTION","tms":1772420400717,"atp24h":209185368047.76298,"atv24h":2318.45687213,"st":"REALTIME"}"#,
    ];

    /// All that a tick says, in a format.
    fn written(tick: &Tick, levels: &[Level], symbols: &Symbols, format: Format) -> String {
        let (mut out, code) = (Vec::new(), symbols.get(tick.symbol).name);
        let layout = Layout { format, units: 30, grouping: None, edition: Edition::Recorded };
        let (realtime, scratch) = (json::StreamType::Realtime, &mut Vec::new());
        assert!(json::write_payload(tick, levels, code.as_str(), &layout, realtime, scratch, &mut out));
        String::from_utf8(out).unwrap()
    }

    fn read_in_order(raw: &[u8], format: Format) -> Option<String> {
        let (mut tick, mut levels, mut symbols) = (Tick::default(), Vec::new(), Symbols::default());
        let read = read(raw, &mut symbols, &mut tick, &mut levels);
        assert_eq!(symbols.is_empty(), read.is_none(), "symbols of messages that were not taken stay unknown");
        read.map(|()| written(&tick, &levels, &symbols, format))
    }

    fn read_parsed(raw: &[u8], format: Format) -> Result<String, Rejected> {
        let (mut tick, mut levels, mut symbols) = (Tick::default(), Vec::new(), Symbols::default());
        decode::parse(Venue::Upbit, raw, &mut symbols, &mut tick, &mut levels)?;
        Ok(written(&tick, &levels, &symbols, format))
    }

    #[test]
    fn both_formats_in_the_usual_form_need_no_parser() {
        for message in MESSAGES {
            assert_eq!(read_in_order(message.as_bytes(), Format::Simple).unwrap(), message);
            let long = read_in_order(message.as_bytes(), Format::Default).unwrap();
            assert_eq!(read_in_order(long.as_bytes(), Format::Simple).unwrap(), message);
            assert_eq!(read_in_order(message.replace(',', ", ").as_bytes(), Format::Simple), None);
        }
    }

    proptest! {
        #[test]
        fn both_readers_agree_on_damaged_messages(
            which in 0_usize..MESSAGES.len(),
            is_long in any::<bool>(),
            damage in prop::collection::vec((0_usize..900, prop::sample::select(b"0159-.eE\"',:{}[]nA \\\x00\xff".to_vec())), 1..4),
        ) {
            let mut raw = MESSAGES[which].as_bytes().to_vec();
            if is_long {
                raw = read_parsed(&raw, Format::Default).unwrap().into_bytes();
            }
            for (at, byte) in damage {
                let length = raw.len();
                match at % 3 {
                    0 => raw[at % length] = byte,
                    1 => raw.insert(at % length, byte),
                    _ => drop(raw.remove(at % length)),
                }
            }
            if let Some(text) = read_in_order(&raw, Format::Simple) {
                prop_assert_eq!(Ok(text), read_parsed(&raw, Format::Simple));
            }
        }
    }
}
