//! What must hold of both readers, and of the two together.

use super::*;
use crate::market::channel::{Channel, Interval, Zone};
use crate::venue::binance::stream;
use crate::venue::binance::{Encoding, TimeUnit, json};
use proptest::prelude::*;
use serde_json::Value;

fn decode(message: &str) -> Result<(Tick, Vec<Level>), Rejected> {
    let (mut tick, mut levels) = (Tick::default(), Vec::new());
    let mut raw = message.as_bytes().to_vec();
    let found = Decoder::default().decode(&mut raw, 7, &mut Symbols::default(), &mut tick, &mut levels)?;
    assert!(matches!(found, Message::Tick));
    Ok((tick, levels))
}

/// All that a tick says, spelling of its numbers included.
fn said_by((tick, levels): &(Tick, Vec<Level>)) -> (Channel, i64, String) {
    let mut out = Vec::new();
    assert!(json::write_payload(tick, levels, "X", TimeUnit::Microseconds, &mut out));
    (tick.channel, tick.ts_event, String::from_utf8(out).unwrap())
}

/// What the reader of the usual form makes of a message, and the symbol it names.
fn read_in_order(raw: &[u8]) -> Option<((Channel, i64, String), String)> {
    let (mut tick, mut levels, mut symbols) = (Tick::default(), Vec::new(), Symbols::default());
    let read = in_order::read(raw, 7, &mut symbols, &mut tick, &mut levels);
    assert_eq!(symbols.is_empty(), read.is_none(), "symbols of messages that were not taken stay unknown");
    read.map(|()| (said_by(&(tick, levels)), symbols.get(tick.symbol).name.as_str().to_owned()))
}

/// What the reader of any form makes of it.
fn read_parsed(raw: &[u8]) -> Result<((Channel, i64, String), String), Rejected> {
    let (mut tick, mut levels, mut symbols) = (Tick::default(), Vec::new(), Symbols::default());
    let mut raw = raw.to_vec();
    match Decoder::default().parse(&mut raw, 7, &mut symbols, &mut tick, &mut levels)? {
        Message::Tick => Ok((said_by(&(tick, levels)), symbols.get(tick.symbol).name.as_str().to_owned())),
        other => panic!("{other:?}"),
    }
}

/// One payload of each kind, invented, as today's servers write them.
const PAYLOADS: [(&str, &str); 12] = [
    (
        "btcusdt@trade",
        r#"{"e":"trade","E":1790000000105,"s":"BTCUSDT","t":1500001,"p":"65432.10000000","q":"0.00500000","T":1790000000104,"m":false,"M":true}"#,
    ),
    (
        "btcusdt@aggTrade",
        r#"{"e":"aggTrade","E":1790000000105,"s":"BTCUSDT","a":900001,"p":"65432.10000000","q":"0.01500000","f":1500001,"l":1500003,"T":1790000000104,"m":true,"M":true}"#,
    ),
    (
        "btcusdt@bookTicker",
        r#"{"u":7000000042,"s":"BTCUSDT","b":"65432.10000000","B":"1.20000000","a":"65432.11000000","A":"0.45000000"}"#,
    ),
    (
        "btcusdt@depth@100ms",
        r#"{"e":"depthUpdate","E":1790000000200,"s":"BTCUSDT","U":7000000043,"u":7000000045,"b":[["65432.10000000","0.90000000"],["65430.00000000","0.00000000"]],"a":[]}"#,
    ),
    (
        "btcusdt@depth",
        r#"{"e":"depthUpdate","E":1790000000200,"s":"BTCUSDT","U":7000000043,"u":7000000045,"b":[],"a":[["65433.00000000","1.00000000"]]}"#,
    ),
    (
        "btcusdt@kline_1m",
        r#"{"e":"kline","E":1790000042310,"s":"BTCUSDT","k":{"t":1790000040000,"T":1790000099999,"s":"BTCUSDT","i":"1m","f":-1,"L":-1,"o":"65432.10000000","c":"65440.00000000","h":"65441.50000000","l":"65430.00000000","v":"3.21000000","n":44,"x":false,"q":"210041.30000000","V":"1.90000000","Q":"124321.00000000","B":"0"}}"#,
    ),
    (
        "btcusdt@ticker",
        r#"{"e":"24hrTicker","E":1790000003040,"s":"BTCUSDT","p":"-310.00000000","P":"-0.472","w":"65600.12345678","x":"65742.09000000","c":"65432.10000000","Q":"0.00500000","b":"65432.10000000","B":"1.20000000","a":"65432.11000000","A":"0.45000000","o":"65742.10000000","h":"66010.00000000","l":"65001.00000000","v":"25691.57000000","q":"1685370163.80000000","O":1789913603039,"C":1790000003039,"F":1490001,"L":1500044,"n":10044}"#,
    ),
    (
        "btcusdt@miniTicker",
        r#"{"e":"24hrMiniTicker","E":1790000003012,"s":"BTCUSDT","c":"3120.55000000","o":"3080.00000000","h":"3144.10000000","l":"3055.20000000","v":"184001.22000000","q":"570912345.67000000"}"#,
    ),
    (
        "btcusdt@kline_1d@+08:00",
        r#"{"e":"kline","E":1790000042310,"s":"BTCUSDT","k":{"t":1789920000000,"T":1790006399999,"s":"BTCUSDT","i":"1d","f":1500001,"L":1500044,"o":"65432.10000000","c":"65440.00000000","h":"65441.50000000","l":"65430.00000000","v":"3.21000000","n":44,"x":true,"q":"210041.30000000","V":"1.90000000","Q":"124321.00000000","B":"0"}}"#,
    ),
    (
        "btcusdt@blockTrade",
        r#"{"e":"blockTrade","E":1790000001000,"s":"BTCUSDT","t":77,"p":"3120.55","q":"410","T":1790000000740,"m":true}"#,
    ),
    ("btcusdt@referencePrice", r#"{"e":"referencePrice","s":"BTCUSDT","r":"64999.5","t":1790000002000}"#),
    ("btcusdt@referencePrice", r#"{"e":"referencePrice","s":"BTCUSDT","r":null,"t":1790000002000}"#),
];

#[test]
fn every_kind_comes_out_as_it_went_in_bare_and_wrapped() {
    for (stream, payload) in PAYLOADS {
        let wrapped = format!(r#"{{"stream":"{stream}","data":{payload}}}"#);
        for message in [payload, &wrapped] {
            let (tick, levels) = decode(message).unwrap();
            let mut out = Vec::new();
            assert!(json::write_payload(&tick, &levels, "BTCUSDT", TimeUnit::Milliseconds, &mut out));
            assert_eq!(String::from_utf8(out).unwrap(), payload);
        }
        let channel = stream::parse(stream, Encoding::Json).unwrap().1;
        assert_eq!(decode(&wrapped).unwrap().0.channel, channel);
    }
}

#[test]
fn the_usual_form_needs_no_parser() {
    for (stream, payload) in PAYLOADS {
        for message in [payload, &format!(r#"{{"stream":"{stream}","data":{payload}}}"#)] {
            assert!(read_in_order(message.as_bytes()).is_some(), "{message}");
            for other in [message.replace(',', ", "), message.replace("\":", "\": "), format!("{message} ")] {
                assert!(read_in_order(other.as_bytes()).is_none(), "{other}");
                assert!(decode(&other).is_ok(), "{other}");
            }
        }
    }
}

#[test]
fn members_in_another_order_give_the_same_tick_and_the_last_of_two_counts() {
    for (_, payload) in PAYLOADS {
        let Value::Object(members) = serde_json::from_str(payload).unwrap() else { panic!() };
        let backwards: Vec<String> = members.iter().rev().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let backwards = format!("{{{}}}", backwards.join(","));
        assert_eq!(read_in_order(backwards.as_bytes()), None);
        assert_eq!(said_by(&decode(&backwards).unwrap()), said_by(&decode(payload).unwrap()));
    }
    let trade = PAYLOADS[0].1;
    for twice in [
        trade.replace("\"p\":", "\"p\":\"1.0\",\"p\":"),
        trade.replace("\"M\":true", "\"p\":\"65432.10000000\",\"M\":true"),
        trade.replace("\"M\":true", "\"M\":true,\"p\":\"65432.10000000\""),
        trade.replace("BTCUSDT", "\\u0042TCUSDT"),
    ] {
        assert_eq!(said_by(&decode(&twice).unwrap()), said_by(&decode(trade).unwrap()), "{twice}");
    }
}

#[test]
fn a_stream_names_the_hours_at_which_its_candles_are_cut() {
    let (name, payload) = PAYLOADS[8];
    let channel =
        |stream: &str| decode(&format!(r#"{{"stream":"{stream}","data":{payload}}}"#)).map(|(tick, _)| tick.channel);
    assert_eq!(channel(name), Ok(Channel::Kline(Interval::D1, Zone::Plus8)));
    assert_eq!(channel("btcusdt@kline_1d"), Ok(Channel::Kline(Interval::D1, Zone::Utc)));
    assert_eq!(channel("btcusdt@kline_5m"), Ok(Channel::Kline(Interval::D1, Zone::Utc)), "the payload counts");
    assert_eq!(channel("btcusdt@kline_1d@+09:00"), Err(Rejected::Unserved));
}

#[test]
fn microseconds_are_known_by_their_size_and_given_on_request() {
    let (tick, _) = decode(&PAYLOADS[0].1.replace("1790000000105", "1790000000105678")).unwrap();
    assert_eq!(tick.ts_event, 1_790_000_000_105_678_000);
    let mut out = Vec::new();
    json::write_payload(&tick, &[], "BTCUSDT", TimeUnit::Microseconds, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#""E":1790000000105678"#) && text.contains(r#""T":1790000000104000"#), "{text}");
}

#[test]
fn order_ids_of_older_trades_are_passed_over() {
    let old = PAYLOADS[0].1.replace(r#""T":"#, r#""b":88,"a":50,"T":"#);
    let (tick, _) = decode(&old).unwrap();
    let mut out = Vec::new();
    json::write_payload(&tick, &[], "BTCUSDT", TimeUnit::Milliseconds, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), PAYLOADS[0].1);
}

#[test]
fn a_snapshot_is_read_with_and_without_spaces() {
    for text in [
        r#"{"lastUpdateId":5,"bids":[["1.0","2"]],"asks":[["3","4"],["5","6"]]}"#,
        r#"{"lastUpdateId": 5, "bids": [["1.0", "2"]], "asks": [["3", "4"], ["5", "6"]]}"#,
    ] {
        let mut raw = text.as_bytes().to_vec();
        let found = Decoder::default()
            .decode(&mut raw, 0, &mut Symbols::default(), &mut Tick::default(), &mut Vec::new())
            .unwrap();
        let Message::Snapshot(snapshot) = found else { panic!("{found:?}") };
        assert_eq!((snapshot.last_update_id, snapshot.bids, snapshot.levels.len()), (5, 1, 3));
    }
}

#[test]
fn what_is_wrong_with_a_message_is_named() {
    let trade = PAYLOADS[0].1;
    for (message, reason) in [
        (trade.replace("\"p\":\"65432.10000000\"", "\"p\":1"), Rejected::Member("p")),
        (trade.replace("65432.10000000", "6x"), Rejected::Number),
        (trade.replace("\"t\":1500001,", ""), Rejected::Member("t")),
        (trade.replace("1500001", "9223372036854775807"), Rejected::Member("t")),
        (trade.replace("1500001", "18446744073709551615"), Rejected::Member("t")),
        (trade.replace("BTCUSDT", ""), Rejected::Symbol),
        (trade.replace("BTCUSDT", "BTC\\\"USDT"), Rejected::Symbol),
        (trade.replace("\"trade\"", "\"executionReport\""), Rejected::Unserved),
        (trade[..40].to_owned(), Rejected::NotJson),
        ("[]".into(), Rejected::Unserved),
        ("{}".into(), Rejected::Unserved),
        (r#"{"e":"depthUpdate","E":1,"s":"A","U":1,"u":1,"b":[["1"]],"a":[]}"#.into(), Rejected::Member("b, a")),
        (r#"{"e":"depthUpdate","E":1,"s":"A","U":1,"u":1,"b":[],"a":3}"#.into(), Rejected::Member("b, a")),
        (r#"{"e":"kline","E":1,"s":"A","k":3}"#.into(), Rejected::Member("k")),
    ] {
        assert_eq!(decode(&message).unwrap_err(), reason, "{message}");
    }
    let mut raw = trade.as_bytes().to_vec();
    raw[30] = 0xff;
    let error = Decoder::default().decode(&mut raw, 0, &mut Symbols::default(), &mut Tick::default(), &mut Vec::new());
    assert!(matches!(error, Err(Rejected::NotUtf8)), "{error:?}");
}

proptest! {
    #[test]
    fn both_readers_agree_on_damaged_messages(
        which in 0_usize..PAYLOADS.len(),
        damage in prop::collection::vec((0_usize..600, prop::sample::select(b"0159-.eE\"',:{}[]ntfsuMab \\\x00\xff".to_vec())), 1..4),
        is_wrapped in any::<bool>(),
    ) {
        let (stream, payload) = PAYLOADS[which];
        let message = if is_wrapped { format!(r#"{{"stream":"{stream}","data":{payload}}}"#) } else { payload.to_owned() };
        let mut raw = message.into_bytes();
        for (at, byte) in damage {
            let length = raw.len();
            match at % 3 {
                0 => raw[at % length] = byte,
                1 => raw.insert(at % length, byte),
                _ => drop(raw.remove(at % length)),
            }
        }
        if let Some(tick) = read_in_order(&raw) {
            prop_assert_eq!(Ok(tick), read_parsed(&raw));
        }
    }

    #[test]
    fn no_damage_makes_it_panic(which in 0_usize..PAYLOADS.len(), at in 0_usize..400, byte in any::<u8>(), cut in 0_usize..400) {
        let mut raw = format!(r#"{{"stream":"{}","data":{}}}"#, PAYLOADS[which].0, PAYLOADS[which].1).into_bytes();
        let length = raw.len();
        raw[at % length] = byte;
        raw.truncate(length - cut % 3 * (cut % length) / 3);
        let _ = Decoder::default().decode(&mut raw, 0, &mut Symbols::default(), &mut Tick::default(), &mut Vec::new());
    }
}
