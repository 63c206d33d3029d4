//! Reading what Upbit's servers send, in the formats DEFAULT and SIMPLE.
//!
//! Upbit's numbers are bare, with trailing zeros, exponents and up to 27 digits, and their spelling must survive. A
//! parser that turns numbers into doubles cannot be used, simd-json included; `serde_json` hands out the text of a
//! number as it stands. Messages in the usual order of members do without any parser; see `in_order`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::market::channel::{self, Channel};
use crate::market::civil::{Date, NS_PER_DAY, NS_PER_MS, NS_PER_SECOND};
use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{Best, Candle, DayChange, DayTicker, Kind, Level, Orderbook, Record, Taker, Tick, Trade};
use crate::venue::upbit::in_order;
use crate::venue::upbit::words;
use crate::venue::{LEVELS_MAX, Message, Rejected, intern};

type Number<'a> = Option<&'a RawValue>;

/// All members of all types, under the long and the short names. A type's own members are required when it is read.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(alias = "type")]
    ty: &'a str,
    #[serde(alias = "code")]
    cd: &'a str,
    #[serde(alias = "timestamp")]
    tms: Option<i64>,
    #[serde(alias = "trade_timestamp")]
    ttms: Option<i64>,
    #[serde(alias = "sequential_id")]
    sid: Option<i64>,
    #[serde(alias = "ask_bid")]
    ab: Option<&'a str>,
    #[serde(alias = "change")]
    c: Option<&'a str>,
    #[serde(borrow, alias = "trade_price")]
    tp: Number<'a>,
    #[serde(borrow, alias = "trade_volume")]
    tv: Number<'a>,
    #[serde(borrow, alias = "prev_closing_price")]
    pcp: Number<'a>,
    #[serde(borrow, alias = "change_price")]
    cp: Number<'a>,
    #[serde(borrow, alias = "best_ask_price")]
    bap: Number<'a>,
    #[serde(borrow, alias = "best_ask_size")]
    bas: Number<'a>,
    #[serde(borrow, alias = "best_bid_price")]
    bbp: Number<'a>,
    #[serde(borrow, alias = "best_bid_size")]
    bbs: Number<'a>,
    #[serde(borrow, alias = "total_ask_size")]
    tas: Number<'a>,
    #[serde(borrow, alias = "total_bid_size")]
    tbs: Number<'a>,
    #[serde(borrow, alias = "level")]
    lv: Number<'a>,
    #[serde(borrow, alias = "orderbook_units")]
    obu: Option<Vec<Unit<'a>>>,
    #[serde(borrow, alias = "opening_price")]
    op: Number<'a>,
    #[serde(borrow, alias = "high_price")]
    hp: Number<'a>,
    #[serde(borrow, alias = "low_price")]
    lp: Number<'a>,
    #[serde(borrow, alias = "acc_trade_price")]
    atp: Number<'a>,
    #[serde(borrow, alias = "acc_trade_volume")]
    atv: Number<'a>,
    #[serde(borrow, alias = "signed_change_price")]
    scp: Number<'a>,
    #[serde(borrow, alias = "change_rate")]
    cr: Number<'a>,
    #[serde(borrow, alias = "signed_change_rate")]
    scr: Number<'a>,
    #[serde(borrow, alias = "acc_ask_volume")]
    aav: Number<'a>,
    #[serde(borrow, alias = "acc_bid_volume")]
    abv: Number<'a>,
    #[serde(borrow, alias = "acc_trade_price_24h")]
    atp24h: Number<'a>,
    #[serde(borrow, alias = "acc_trade_volume_24h")]
    atv24h: Number<'a>,
    #[serde(borrow, alias = "highest_52_week_price")]
    h52wp: Number<'a>,
    #[serde(alias = "highest_52_week_date")]
    h52wdt: Option<&'a str>,
    #[serde(borrow, alias = "lowest_52_week_price")]
    l52wp: Number<'a>,
    #[serde(alias = "lowest_52_week_date")]
    l52wdt: Option<&'a str>,
    #[serde(alias = "market_state")]
    ms: Option<&'a str>,
    #[serde(alias = "is_trading_suspended")]
    its: Option<bool>,
    #[serde(alias = "market_warning")]
    mw: Option<&'a str>,
    #[serde(borrow, alias = "delisting_date")]
    dd: Option<Delisting<'a>>,
    #[serde(alias = "candle_date_time_utc")]
    cdttmu: Option<&'a str>,
    #[serde(borrow, alias = "candle_acc_trade_volume")]
    catv: Number<'a>,
    #[serde(borrow, alias = "candle_acc_trade_price")]
    catp: Number<'a>,
}

#[derive(Deserialize)]
struct Unit<'a> {
    #[serde(borrow, alias = "ask_price")]
    ap: &'a RawValue,
    #[serde(borrow, alias = "bid_price")]
    bp: &'a RawValue,
    #[serde(borrow, rename = "as", alias = "ask_size")]
    ask_size: &'a RawValue,
    #[serde(borrow, alias = "bid_size")]
    bs: &'a RawValue,
}

/// A market that stays has null, or an empty text (Bithumb).
#[derive(Deserialize)]
#[serde(untagged)]
enum Delisting<'a> {
    Date(DelistingDate),
    Text(&'a str),
}

impl Delisting<'_> {
    fn day(&self) -> Result<Option<i32>, Rejected> {
        match self {
            Delisting::Date(date) => date.day().map(Some),
            Delisting::Text("") => Ok(None),
            Delisting::Text(text) => {
                let date = Date::parse(text.as_bytes()).ok_or(Rejected::Member("dd"))?;
                Ok(Some(date.to_days()))
            }
        }
    }
}

#[derive(Deserialize)]
struct DelistingDate {
    year: i32,
    month: u8,
    day: u8,
}

impl DelistingDate {
    /// Days since the epoch; refused for a day that no calendar has.
    fn day(&self) -> Result<i32, Rejected> {
        let date = Date { year: self.year, month: self.month, day: self.day };
        let days = date.to_days();
        if Date::from_days(days) == date { Ok(days) } else { Err(Rejected::Member("dd")) }
    }
}

/// Reads one message into `tick` and `levels`, which is empty.
///
/// # Errors
/// [`Rejected`] for whatever is no ticker, trade, order book or candle.
pub fn decode(
    raw: &[u8],
    _ts_recv: i64,
    symbols: &mut Symbols,
    tick: &mut Tick,
    levels: &mut Vec<Level>,
) -> Result<Message, Rejected> {
    if in_order::read(raw, symbols, tick, levels).is_some() {
        return Ok(Message::Tick);
    }
    levels.clear();
    parse(Venue::Upbit, raw, symbols, tick, levels)
}

/// The same for a message of any form, of Upbit or of a venue whose events have the same members.
///
/// # Errors
/// As above.
pub(in crate::venue) fn parse(
    venue: Venue,
    raw: &[u8],
    symbols: &mut Symbols,
    tick: &mut Tick,
    levels: &mut Vec<Level>,
) -> Result<Message, Rejected> {
    let text = std::str::from_utf8(raw).map_err(|_| Rejected::NotUtf8)?;
    let event: Event<'_> = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Rejected::Unserved,
        _ => Rejected::NotJson,
    })?;
    (tick.channel, tick.kind) = match event.ty {
        "trade" => (Channel::Trade, event.trade()?),
        "ticker" => (Channel::DayTicker, event.ticker()?),
        "orderbook" => (Channel::Orderbook, event.orderbook(levels)?),
        other => {
            let unit = other.strip_prefix("candle.").and_then(channel::Unit::from_name).ok_or(Rejected::Unserved)?;
            (Channel::Candle(unit), event.candle()?)
        }
    };
    tick.ts_event = time(event.tms, "tms")?;
    tick.symbol = intern(symbols, venue, event.cd)?;
    Ok(Message::Tick)
}

fn number(value: Number<'_>, name: &'static str) -> Result<Decimal, Rejected> {
    Ok(Decimal::parse(value.ok_or(Rejected::Member(name))?.get().as_bytes())?)
}

/// A time in milliseconds, or in microseconds (Bithumb's order books), told apart by its size, as nanoseconds.
fn time(value: Option<i64>, name: &'static str) -> Result<i64, Rejected> {
    const MICROSECONDS_FROM: i64 = 100_000_000_000_000;
    let unit = |value: i64| if value.abs() >= MICROSECONDS_FROM { NS_PER_MS / 1_000 } else { NS_PER_MS };
    value.and_then(|value| value.checked_mul(unit(value))).ok_or(Rejected::Member(name))
}

/// Nanoseconds since the epoch of `yyyy-MM-ddTHH:mm:ss`, UTC; `None` for anything else.
fn instant(text: &str) -> Option<i64> {
    let (date, clock) = text.split_once('T')?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = clock.as_bytes() else { return None };
    let within = |digits: [&u8; 2], limit: i64| {
        let [ten, one] = digits.map(|digit| i64::from(digit.wrapping_sub(b'0')));
        (ten < 10 && one < 10 && ten * 10 + one < limit).then_some(ten * 10 + one)
    };
    let second = within([h1, h2], 24)? * 3_600 + within([m1, m2], 60)? * 60 + within([s1, s2], 60)?;
    let day = i64::from(Date::parse(date.as_bytes())?.to_days());
    day.checked_mul(NS_PER_DAY)?.checked_add(second * NS_PER_SECOND)
}

fn record(price: Number<'_>, date: Option<&str>, name: &'static str) -> Result<Record, Rejected> {
    let date = date.and_then(|text| Date::parse(text.as_bytes())).ok_or(Rejected::Member(name))?;
    Ok(Record { price: number(price, name)?, day: date.to_days() })
}

impl Event<'_> {
    fn taker(&self) -> Result<Taker, Rejected> {
        self.ab.and_then(words::read_taker).ok_or(Rejected::Member("ab"))
    }

    fn day(&self) -> Result<DayChange, Rejected> {
        let direction = self.c.and_then(words::read_direction).ok_or(Rejected::Member("c"))?;
        Ok(DayChange { previous_close: number(self.pcp, "pcp")?, direction, amount: number(self.cp, "cp")? })
    }

    fn best(&self) -> Result<Option<Best>, Rejected> {
        if self.bap.is_none() {
            return Ok(None);
        }
        Ok(Some(Best {
            ask: Level { price: number(self.bap, "bap")?, size: number(self.bas, "bas")? },
            bid: Level { price: number(self.bbp, "bbp")?, size: number(self.bbs, "bbs")? },
        }))
    }

    fn trade(&self) -> Result<Kind, Rejected> {
        Ok(Kind::Trade(Trade {
            id: self.sid.ok_or(Rejected::Member("sid"))?,
            price: number(self.tp, "tp")?,
            size: number(self.tv, "tv")?,
            ts_trade: time(self.ttms, "ttms")?,
            taker: self.taker()?,
            day: Some(self.day()?),
            best: self.best()?,
        }))
    }

    fn orderbook(&self, levels: &mut Vec<Level>) -> Result<Kind, Rejected> {
        let units = self.obu.as_ref().ok_or(Rejected::Member("obu"))?;
        if units.len() * 2 > LEVELS_MAX {
            return Err(Rejected::Levels);
        }
        for unit in units {
            levels.push(Level { price: number(Some(unit.ap), "ap")?, size: number(Some(unit.ask_size), "as")? });
            levels.push(Level { price: number(Some(unit.bp), "bp")?, size: number(Some(unit.bs), "bs")? });
        }
        Ok(Kind::Orderbook(Orderbook {
            total_ask: number(self.tas, "tas")?,
            total_bid: number(self.tbs, "tbs")?,
            grouping: self.lv.map(|_| number(self.lv, "lv")).transpose()?,
        }))
    }

    fn candle(&self) -> Result<Kind, Rejected> {
        Ok(Kind::Candle(Candle {
            ts_open: self.cdttmu.and_then(instant).ok_or(Rejected::Member("cdttmu"))?,
            open: number(self.op, "op")?,
            high: number(self.hp, "hp")?,
            low: number(self.lp, "lp")?,
            close: number(self.tp, "tp")?,
            volume: number(self.catv, "catv")?,
            turnover: number(self.catp, "catp")?,
        }))
    }

    fn ticker(&self) -> Result<Kind, Rejected> {
        let state = self.ms.and_then(words::read_state).ok_or(Rejected::Member("ms"))?;
        Ok(Kind::DayTicker(DayTicker {
            open: number(self.op, "op")?,
            high: number(self.hp, "hp")?,
            low: number(self.lp, "lp")?,
            last: Level { price: number(self.tp, "tp")?, size: number(self.tv, "tv")? },
            day: self.day()?,
            signed_change: number(self.scp, "scp")?,
            change_rate: number(self.cr, "cr")?,
            signed_change_rate: number(self.scr, "scr")?,
            turnover: number(self.atp, "atp")?,
            volume: number(self.atv, "atv")?,
            ask_volume: number(self.aav, "aav")?,
            bid_volume: number(self.abv, "abv")?,
            turnover_24h: number(self.atp24h, "atp24h")?,
            volume_24h: number(self.atv24h, "atv24h")?,
            taker: self.taker()?,
            ts_trade: time(self.ttms, "ttms")?,
            highest_52w: record(self.h52wp, self.h52wdt, "h52wdt")?,
            lowest_52w: record(self.l52wp, self.l52wdt, "l52wdt")?,
            state,
            suspended: self.its.unwrap_or(false),
            caution: self.mw == Some("CAUTION"),
            delisting_day: self.dd.as_ref().map_or(Ok(None), Delisting::day)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::upbit::json::{StreamType, write_payload};
    use crate::venue::upbit::{Edition, Format, Layout};

    const TICKER: &str = r#"{"ty":"ticker","cd":"KRW-BTC","op":1,"hp":2,"lp":1,"tp":2,"pcp":1,"atp":3.5,"c":"FALL","cp":1,"scp":-1,"cr":0.1,"scr":-0.1,"ab":"ASK","tv":0.5,"atv":7,"tdt":"20260921","ttm":"141320","ttms":1790000000104,"aav":3,"abv":4,"h52wp":9,"h52wdt":"2026-01-31","l52wp":1,"l52wdt":"2025-12-01","ms":"ACTIVE","its":false,"dd":{"year":2026,"month":12,"day":24},"mw":"CAUTION","tms":1790000000105,"atp24h":8,"atv24h":9,"st":"REALTIME"}"#;

    fn read(message: &str) -> Result<Tick, Rejected> {
        let mut tick = Tick::default();
        decode(message.as_bytes(), 0, &mut Symbols::default(), &mut tick, &mut Vec::new()).map(|_| tick)
    }

    #[test]
    fn a_market_that_leaves_says_when_and_only_days_that_exist_are_taken() {
        let mut out = Vec::new();
        let tick = read(TICKER).unwrap();
        let layout = Layout { format: Format::Simple, units: 30, grouping: None, edition: Edition::Recorded };
        let scratch = &mut Vec::new();
        assert!(write_payload(&tick, &[], "KRW-BTC", &layout, StreamType::Realtime, scratch, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), TICKER);
        for (year, month, day) in [(2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0), (i32::MAX, 1, 1)] {
            let date = format!(r#"{{"year":{year},"month":{month},"day":{day}}}"#);
            let message = TICKER.replace(r#"{"year":2026,"month":12,"day":24}"#, &date);
            assert_eq!(read(&message).unwrap_err(), Rejected::Member("dd"), "{date}");
        }
    }
}
