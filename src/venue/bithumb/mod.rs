//! Bithumb: asked as Upbit is, answered in words of its own.
//!
//! The second generation of its public socket takes Upbit's requests, with fewer types and formats' names. Its events
//! have Upbit's keys in another order, plain numbers, times of the day in Korea's time, and order books whose time is in
//! microseconds. Upbit's socket has the same path, so this one is found below `/bithumb`.
//!
//! Not known, and as Upbit's: short keys, numbers of units behind a code, errors, `PING`.

mod json;

use crate::market::channel::Channel;
use crate::market::symbol::Venue;
use crate::venue::grammar::{Grammar, Socket};
use crate::venue::pair::Pair;
use crate::venue::upbit;

/// What is to be known of Bithumb.
pub const GRAMMAR: Grammar = Grammar {
    name: "bithumb",
    title: "Bithumb",
    pair: |name| Pair::of_quote_and_base(name),
    symbol: |pair| pair.quote_and_base(),
    number: None,
    is_message,
    decode: |_, raw, _, symbols, tick, levels| upbit::decode::parse(Venue::Bithumb, raw, symbols, tick, levels),
    stream: |symbol, channel| upbit::stream(symbol, channel).filter(|name| !name.starts_with("candle")),
    socket: Some(Socket { path: "/bithumb/websocket/v1", channel, write: json::write_payload }),
};

/// Which member comes behind which tells a message from Upbit's: the first behind the code of trades and order books,
/// and in a ticker the one behind yesterday's close.
fn is_message(text: &[u8]) -> bool {
    const HEAD: usize = 400;
    let Ok(text) = std::str::from_utf8(&text[..text.len().min(HEAD)]) else { return false };
    let mut members = text.trim_start_matches('{').split(",\"").map(|member| member.trim_start_matches('"'));
    let Some(("type" | "ty", kind)) = members.next().and_then(|member| member.split_once("\":\"")) else {
        return false;
    };
    let mut keys = members.map(|member| member.split('"').next().unwrap_or(""));
    match kind.trim_end_matches('"') {
        "ticker" => {
            let behind_close = keys.skip_while(|key| !matches!(*key, "prev_closing_price" | "pcp")).nth(1);
            matches!(behind_close, Some("change" | "c"))
        }
        "trade" => matches!(keys.nth(1), Some("trade_price" | "tp")),
        "orderbook" => matches!(keys.nth(1), Some("total_ask_size" | "tas")),
        _ => false,
    }
}

/// There are no candles.
fn channel(kind: &str) -> Option<Channel> {
    upbit::channel(kind).filter(|channel| !matches!(channel, Channel::Candle(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::symbol::Symbols;
    use crate::market::tick::Kind;
    use crate::venue::upbit::json::StreamType;
    use crate::venue::upbit::{Edition, Format, Layout};
    use crate::venue::{Decoder, Message, venue_of};

    /// One message of each type, invented.
    const MESSAGES: [&str; 3] = [
        r#"{"type":"ticker","code":"KRW-BTC","opening_price":94223000,"high_price":95465000,"low_price":93601000,"trade_price":95299000,"prev_closing_price":94201000,"change":"RISE","change_price":1098000,"signed_change_price":1098000,"change_rate":0.01165593,"signed_change_rate":0.01165593,"trade_volume":0.0094,"acc_trade_volume":151.44914647,"acc_trade_volume_24h":310.44065227,"acc_trade_price":14330306973.41015,"acc_trade_price_24h":29226371799.56915,"trade_date":"20260710","trade_time":"124548","trade_timestamp":1783655148303,"ask_bid":"BID","acc_ask_volume":52.3,"acc_bid_volume":99.14914647,"highest_52_week_price":179734000,"highest_52_week_date":"2025-10-09","lowest_52_week_price":81110000,"lowest_52_week_date":"2026-02-06","market_state":"ACTIVE","is_trading_suspended":false,"delisting_date":"","market_warning":"NONE","timestamp":1783655148485,"stream_type":"REALTIME"}"#,
        r#"{"type":"trade","code":"KRW-BTC","trade_price":95539000,"trade_volume":0.00022664,"ask_bid":"ASK","prev_closing_price":94201000,"change":"RISE","change_price":1338000,"trade_date":"2026-07-10","trade_time":"13:39:41","trade_timestamp":1783658381138,"sequential_id":862683813820523888,"timestamp":1783658381398,"stream_type":"REALTIME"}"#,
        r#"{"type":"orderbook","code":"KRW-BTC","total_ask_size":4.7398,"total_bid_size":0.2889,"orderbook_units":[{"ask_price":95340000,"bid_price":95339000,"ask_size":4.7398,"bid_size":0.2889}],"level":1,"timestamp":1783657882348968,"stream_type":"REALTIME"}"#,
    ];

    #[test]
    fn messages_are_told_from_upbits_and_come_out_as_they_went_in() {
        let (mut decoder, mut symbols) = (Decoder::default(), Symbols::default());
        let layout = Layout { format: Format::Default, units: 30, grouping: None, edition: Edition::Recorded };
        for message in MESSAGES {
            assert_eq!(venue_of(message.as_bytes()), Venue::Bithumb, "{message}");
            let mut raw = message.as_bytes().to_vec();
            let read = decoder.decode(Venue::Bithumb, &mut raw, 0, &mut symbols);
            assert!(matches!(read, Ok(Message::Tick)), "{read:?}");
            let (mut scratch, mut out) = (Vec::new(), Vec::new());
            let (tick, levels) = (&decoder.tick, &decoder.levels);
            assert!(json::write_payload(
                tick,
                levels,
                "KRW-BTC",
                &layout,
                StreamType::Realtime,
                &mut scratch,
                &mut out
            ));
            assert_eq!(String::from_utf8(out).unwrap(), message);
        }
        assert!(matches!(decoder.tick.kind, Kind::Orderbook(_)));
        assert_eq!(decoder.tick.ts_event, 1_783_657_882_348_968_000);
        assert_eq!(
            venue_of(br#"{"type":"trade","code":"KRW-BTC","timestamp":1772420400717,"trade_date":"#),
            Venue::Upbit
        );
        assert_eq!(venue_of(br#"{"ty":"orderbook","cd":"KRW-BTC","tms":1772420400717,"tas":1}"#), Venue::Upbit);
        assert_eq!(channel("candle.1s"), None);
    }
}
