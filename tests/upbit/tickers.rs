//! Tickers: their members, and how they fit together.

use tapecast::market::decimal::Decimal;

use crate::support::Server;
use crate::{START_MS, answers, foreign, has_form, json, keys, native, number, open, trade};

/// Keys in the order in which they come, long and short.
pub const KEYS: [&str; 2] = [
    "type code opening_price high_price low_price trade_price prev_closing_price acc_trade_price change change_price signed_change_price change_rate signed_change_rate ask_bid trade_volume acc_trade_volume trade_date trade_time trade_timestamp acc_ask_volume acc_bid_volume highest_52_week_price highest_52_week_date lowest_52_week_price lowest_52_week_date market_state is_trading_suspended delisting_date market_warning timestamp acc_trade_price_24h acc_trade_volume_24h stream_type",
    "ty cd op hp lp tp pcp atp c cp scp cr scr ab tv atv tdt ttm ttms aav abv h52wp h52wdt l52wp l52wdt ms its dd mw tms atp24h atv24h st",
];

const TYPES: &str = r#"{"type":"ticker","codes":["KRW-BTC","KRW-XRP","USDT-BTC"]}"#;

/// The tickers of three tapes: one that carries them, one with Upbit's trades only, one of Binance.
fn frames_of_all_tapes(format: &str) -> [Vec<String>; 3] {
    let native = native(1);
    let prices = ["44.0", "43.2", "41.5", "43.2", "43.3"];
    let trades: Vec<_> = prices
        .into_iter()
        .zip(0..)
        .map(|(price, n)| trade("KRW-XRP", START_MS + 7_000 * n, price, "1.5", "ASK"))
        .collect();
    [
        answers(&native, &[], TYPES, format),
        answers(&trades, &["--derive", "always"], TYPES, format),
        answers(&foreign(1), &[], TYPES, format),
    ]
}

#[test]
fn upbit_item_19_tickers_have_33_members_in_their_order() {
    for (format, expected) in [("DEFAULT", KEYS[0]), ("SIMPLE", KEYS[1])] {
        assert_eq!(expected.split(' ').count(), 33);
        for frames in frames_of_all_tapes(format) {
            assert!(frames.len() >= 5, "{}", frames.len());
            for frame in frames {
                assert_eq!(keys(&frame), expected);
            }
        }
    }
}

#[test]
fn upbit_item_20_a_tickers_date_is_without_hyphens_and_a_trades_with_them() {
    let server = Server::start(&[]);
    for (format, ticker, trade) in
        [("DEFAULT", "trade_date", "trade_date"), ("SIMPLE", "tdt", "td"), ("SIMPLE_LIST", "tdt", "td")]
    {
        let ask = |name: &str| {
            let types = format!(r#"{{"type":"{name}","codes":["KRW-BTC"]}}"#);
            let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{types},{{"format":"{format}"}}]"#));
            let event = json(client.next().expect("an answer").text());
            if format.ends_with("LIST") { event[0].clone() } else { event }
        };
        let time = if format == "DEFAULT" { "trade_time" } else { "ttm" };
        let event = ask("ticker");
        assert!(has_form(event[ticker].as_str().unwrap(), "99999999"), "{event}");
        assert!(has_form(event[time].as_str().unwrap(), "999999"), "{event}");
        let event = ask("trade");
        assert!(has_form(event[trade].as_str().unwrap(), "9999-99-99"), "{event}");
        assert!(has_form(event[time].as_str().unwrap(), "99:99:99"), "{event}");
    }
}

fn negative(value: Decimal) -> Decimal {
    Decimal::ZERO.checked_sub(value).expect("in range")
}

#[test]
fn upbit_item_21_the_sign_of_a_change_is_where_it_should_be() {
    for frames in frames_of_all_tapes("DEFAULT") {
        for frame in frames {
            let [price, signed, rate, signed_rate] =
                ["change_price", "signed_change_price", "change_rate", "signed_change_rate"]
                    .map(|member| number(&frame, member));
            assert!(!price.is_negative() && !rate.is_negative(), "{frame}");
            let (change, negated) = match (signed.is_zero(), signed.is_negative()) {
                (true, _) => ("EVEN", price),
                (false, true) => ("FALL", negative(price)),
                (false, false) => ("RISE", price),
            };
            assert_eq!(json(&frame)["change"], change, "{frame}");
            assert_eq!(signed, negated, "{frame}");
            assert_eq!(signed_rate, if signed.is_negative() { negative(rate) } else { rate }, "{frame}");
            let [last, before] = ["trade_price", "prev_closing_price"].map(|member| number(&frame, member));
            assert_eq!(last.checked_sub(before), Some(signed), "{frame}");
        }
    }
}
