//! Upbit's events, in the format SIMPLE.

use serde::Deserialize;
use tapecast::market::channel::Channel;
use tapecast::market::civil::Date;
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{
    Best, DayChange, DayTicker, Direction, Kind, Level, MarketState, Orderbook, Record, Tick, Trade,
};

use super::{Library, Raw, taker};

#[derive(Deserialize)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct UpbitTrade<'a, N> {
    cd: &'a str,
    tms: i64,
    ttms: i64,
    tp: N,
    tv: N,
    ab: &'a str,
    pcp: N,
    c: &'a str,
    cp: N,
    sid: i64,
    bap: Option<N>,
    bas: Option<N>,
    bbp: Option<N>,
    bbs: Option<N>,
}

fn head(code: &str, tms: i64, symbols: &Symbols, tick: &mut Tick) {
    tick.ts_event = tms * 1_000_000;
    tick.symbol = symbols.find(Venue::Upbit, code).expect("a symbol that is known");
}

fn day<N: Raw>(pcp: &N, c: &str, cp: &N) -> DayChange {
    let direction = match c {
        "RISE" => Direction::Rise,
        "EVEN" => Direction::Even,
        _ => Direction::Fall,
    };
    DayChange { previous_close: pcp.decimal(), direction, amount: cp.decimal() }
}

pub fn trade<L: Library>(raw: &[u8], _: i64, symbols: &Symbols, tick: &mut Tick, _: &mut Vec<Level>) {
    let event: UpbitTrade<'_, L::Number<'_>> = L::read(raw);
    head(event.cd, event.tms, symbols, tick);
    let best = match (&event.bap, &event.bas, &event.bbp, &event.bbs) {
        (Some(bap), Some(bas), Some(bbp), Some(bbs)) => Some(Best {
            ask: Level { price: bap.decimal(), size: bas.decimal() },
            bid: Level { price: bbp.decimal(), size: bbs.decimal() },
        }),
        _ => None,
    };
    tick.channel = Channel::Trade;
    tick.kind = Kind::Trade(Trade {
        id: event.sid,
        price: event.tp.decimal(),
        size: event.tv.decimal(),
        ts_trade: event.ttms * 1_000_000,
        taker: taker(event.ab == "ASK"),
        day: Some(day(&event.pcp, event.c, &event.cp)),
        best,
    });
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct UpbitOrderbook<'a, N> {
    cd: &'a str,
    tms: i64,
    tas: N,
    tbs: N,
    obu: Vec<Unit<N>>,
    lv: Option<N>,
}

#[derive(Deserialize)]
struct Unit<N> {
    ap: N,
    bp: N,
    r#as: N,
    bs: N,
}

pub fn orderbook<L: Library>(raw: &[u8], _: i64, symbols: &Symbols, tick: &mut Tick, levels: &mut Vec<Level>) {
    let event: UpbitOrderbook<'_, L::Number<'_>> = L::read(raw);
    head(event.cd, event.tms, symbols, tick);
    for unit in &event.obu {
        levels.push(Level { price: unit.ap.decimal(), size: unit.r#as.decimal() });
        levels.push(Level { price: unit.bp.decimal(), size: unit.bs.decimal() });
    }
    tick.channel = Channel::Orderbook;
    tick.kind = Kind::Orderbook(Orderbook {
        total_ask: event.tas.decimal(),
        total_bid: event.tbs.decimal(),
        grouping: event.lv.as_ref().map(Raw::decimal),
    });
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "N: Deserialize<'de>"))]
struct UpbitTicker<'a, N> {
    cd: &'a str,
    op: N,
    hp: N,
    lp: N,
    tp: N,
    pcp: N,
    atp: N,
    c: &'a str,
    cp: N,
    scp: N,
    cr: N,
    scr: N,
    ab: &'a str,
    tv: N,
    atv: N,
    ttms: i64,
    aav: N,
    abv: N,
    h52wp: N,
    h52wdt: &'a str,
    l52wp: N,
    l52wdt: &'a str,
    ms: &'a str,
    its: bool,
    mw: &'a str,
    tms: i64,
    atp24h: N,
    atv24h: N,
}

fn record<N: Raw>(price: &N, date: &str) -> Record {
    Record { price: price.decimal(), day: Date::parse(date.as_bytes()).expect("a date").to_days() }
}

pub fn ticker<L: Library>(raw: &[u8], _: i64, symbols: &Symbols, tick: &mut Tick, _: &mut Vec<Level>) {
    let event: UpbitTicker<'_, L::Number<'_>> = L::read(raw);
    head(event.cd, event.tms, symbols, tick);
    tick.channel = Channel::DayTicker;
    tick.kind = Kind::DayTicker(DayTicker {
        open: event.op.decimal(),
        high: event.hp.decimal(),
        low: event.lp.decimal(),
        last: Level { price: event.tp.decimal(), size: event.tv.decimal() },
        day: day(&event.pcp, event.c, &event.cp),
        signed_change: event.scp.decimal(),
        change_rate: event.cr.decimal(),
        signed_change_rate: event.scr.decimal(),
        turnover: event.atp.decimal(),
        volume: event.atv.decimal(),
        ask_volume: event.aav.decimal(),
        bid_volume: event.abv.decimal(),
        turnover_24h: event.atp24h.decimal(),
        volume_24h: event.atv24h.decimal(),
        taker: taker(event.ab == "ASK"),
        ts_trade: event.ttms * 1_000_000,
        highest_52w: record(&event.h52wp, event.h52wdt),
        lowest_52w: record(&event.l52wp, event.l52wdt),
        state: match event.ms {
            "ACTIVE" => MarketState::Active,
            "PREVIEW" => MarketState::Preview,
            _ => MarketState::Delisted,
        },
        suspended: event.its,
        caution: event.mw == "CAUTION",
        delisting_day: None,
    });
}
