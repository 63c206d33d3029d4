//! Messages of a feed: what is accepted can be rendered, and what was rendered is read as the same update, spelling of
//! numbers included. A stream's name in the wrapper and the channel that was read agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tapecast::market::book::snapshot::Snapshot;
use tapecast::market::channel::{Channel, Zone};
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{Kind, Level, PartialDepth, Tick};
use tapecast::venue::binance::sbe::{self, Places};
use tapecast::venue::binance::{self, Encoding, TimeUnit, stream};
use tapecast::venue::upbit::{self, Edition, Format, Layout, json::StreamType};
use tapecast::venue::{Decoder, LEVELS_MAX, Message};

/// When messages are received.
const NOW: i64 = 1_790_000_000_000_000_000;

/// Times from here on, in microseconds, are told from milliseconds by their size.
const MICROSECONDS_FROM: u64 = 100_000_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    for venue in [Venue::Binance, Venue::Upbit] {
        let (mut decoder, mut symbols) = (Decoder::default(), Symbols::default());
        let Ok(message) = decoder.decode(venue, &mut bytes.to_vec(), NOW, &mut symbols) else { continue };
        assert!(decoder.levels.len() <= LEVELS_MAX);
        match (message, venue) {
            (Message::Tick, Venue::Binance) => {
                check_name(bytes, decoder.tick.channel);
                check_binance(&decoder.tick, &decoder.levels, &symbols);
            }
            (Message::Tick, _) => check_upbit(&decoder.tick, &decoder.levels, &symbols),
            (Message::List(ticks), _) => ticks.iter().for_each(|tick| check_binance(tick, &[], &symbols)),
            (Message::Snapshot(snapshot), _) => check_snapshot(&snapshot),
        }
    }
});

/// Decimals are shown as they are spelled, so equal texts are equal spellings.
fn text(tick: &Tick, levels: &[Level]) -> String {
    format!("{tick:?} {levels:?}")
}

fn decode(venue: Venue, message: &[u8]) -> (Decoder, Message) {
    let mut decoder = Decoder::default();
    match decoder.decode(venue, &mut message.to_vec(), NOW, &mut Symbols::default()) {
        Ok(message) => (decoder, message),
        Err(reason) => panic!("{}: {reason}", String::from_utf8_lossy(message)),
    }
}

/// The zone of a candle and the pace of a book's changes stand in the stream's name alone, so they come from there.
fn check_name(bytes: &[u8], channel: Channel) {
    let Ok(message) = serde_json::from_slice::<Value>(bytes) else { return };
    let Some(name) = message["stream"].as_str() else { return };
    let named = stream::channel(name.split_once('@').expect("a symbol and a kind").1);
    match (channel, named) {
        (Channel::Depth(_), _) => assert_eq!(named, Some(channel), "{name}"),
        (Channel::Kline(_, zone), Some(Channel::Kline(_, named))) => assert_eq!(zone, named, "{name}"),
        (Channel::Kline(_, zone), Some(_)) => assert_eq!(zone, Zone::Utc, "{name}"),
        (Channel::Kline(..), None) => panic!("{name} is served"),
        _ => {}
    }
}

fn check_binance(tick: &Tick, levels: &[Level], symbols: &Symbols) {
    let symbol = symbols.get(tick.symbol).name;
    let mut binary = Vec::new();
    if sbe::write_message(tick, levels, symbol.as_str(), &mut Places::default(), &mut binary) {
        assert!(binary.ends_with(symbol.as_str().as_bytes()));
    } else {
        assert!(binary.is_empty());
    }
    let Some(unit) = unit_of(tick) else { return };
    let mut name = String::new();
    stream::write_name(symbol.as_str(), tick.channel, &mut name);
    let mut written = format!("{{\"stream\":\"{name}\",\"data\":").into_bytes();
    assert!(binance::json::write_payload(tick, levels, symbol.as_str(), unit, &mut written));
    written.push(b'}');
    let (again, message) = decode(Venue::Binance, &written);
    assert!(matches!(message, Message::Tick));
    let again_tick = Tick { symbol: tick.symbol, ..again.tick };
    assert_eq!(text(&again_tick, &again.levels), text(tick, levels), "{}", String::from_utf8_lossy(&written));
    assert_eq!(stream::parse(&name, Encoding::Json).map(|(_, channel)| channel), Some(tick.channel), "{name}");
}

/// The unit in which all times of an event are told exactly and read back; `None` where the one unit is too coarse for
/// one of them and the other too fine for another.
fn unit_of(tick: &Tick) -> Option<TimeUnit> {
    let mut times = vec![tick.ts_event];
    match &tick.kind {
        Kind::Trade(trade) => times.push(trade.ts_trade),
        Kind::AggTrade(trade) => times.push(trade.ts_trade),
        Kind::Kline(kline) => times.extend([kline.ts_open, kline.ts_close]),
        Kind::Ticker(ticker) => times.extend([ticker.ts_open, ticker.ts_close]),
        _ => {}
    }
    let fits = |time: &i64| (time / 1_000).unsigned_abs() >= MICROSECONDS_FROM;
    if times.iter().all(fits) {
        return Some(TimeUnit::Microseconds);
    }
    times.iter().all(|time| time % 1_000_000 == 0).then_some(TimeUnit::Milliseconds)
}

fn check_upbit(tick: &Tick, levels: &[Level], symbols: &Symbols) {
    let code = symbols.get(tick.symbol).name;
    for format in [Format::Default, Format::Simple, Format::JsonList, Format::SimpleList] {
        let (mut written, mut merged) = (Vec::new(), Vec::new());
        let layout = Layout { format, units: u8::MAX, grouping: None, edition: Edition::Recorded };
        let kind = StreamType::Realtime;
        assert!(upbit::json::write_payload(tick, levels, code.as_str(), &layout, kind, &mut merged, &mut written));
        let event = match format.is_list() {
            true => written.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).expect("a list"),
            false => &written[..],
        };
        let (again, message) = decode(Venue::Upbit, event);
        assert!(matches!(message, Message::Tick));
        assert_eq!(text(&again.tick, &again.levels), text(tick, levels), "{}", String::from_utf8_lossy(event));
    }
}

fn check_snapshot(snapshot: &Snapshot) {
    let last_update_id = snapshot.last_update_id;
    let kind = Kind::PartialDepth(PartialDepth { last_update_id, bids: snapshot.bids as u32 });
    let mut written = Vec::new();
    let tick = Tick { kind, ..Tick::default() };
    assert!(binance::json::write_payload(&tick, &snapshot.levels, "", TimeUnit::default(), &mut written));
    let (_, Message::Snapshot(again)) = decode(Venue::Binance, &written) else { panic!("no snapshot") };
    assert_eq!((again.last_update_id, again.bids), (last_update_id, snapshot.bids));
    assert_eq!(text(&tick, &again.levels), text(&tick, &snapshot.levels));
    assert_eq!(again.book().last_update_id(), last_update_id);
}
