//! Trades: their members.

use crate::support::Server;
use crate::{START_MS, answers, foreign, has_form, int, json, keys, native, number, open, trade};

/// Keys in the order in which they come, long and short.
pub const KEYS: [&str; 2] = [
    "type code timestamp trade_date trade_time trade_timestamp trade_price trade_volume ask_bid prev_closing_price change change_price sequential_id best_ask_price best_ask_size best_bid_price best_bid_size stream_type",
    "ty cd tms td ttm ttms tp tv ab pcp c cp sid bap bas bbp bbs st",
];

const TYPES: &str = r#"{"type":"trade","codes":["KRW-BTC","KRW-XRP","USDT-BTC"]}"#;

#[test]
fn upbit_item_22_trades_have_18_members_in_their_order_and_ids_without_loss() {
    let native = native(1);
    // From a time before the best levels were told.
    let old = [trade("KRW-XRP", START_MS, "44.0", "1.5", "ASK")];
    for (format, expected, id) in [("DEFAULT", KEYS[0], "sequential_id"), ("SIMPLE", KEYS[1], "sid")] {
        assert_eq!(expected.split(' ').count(), 18);
        for (tape, least) in [(&native[..], 50), (&old, 1), (&foreign(1), 50)] {
            let frames = answers(tape, &[], TYPES, format);
            assert!(frames.len() >= least, "{}", frames.len());
            for frame in frames {
                assert_eq!(keys(&frame), expected);
                assert!(json(&frame)[id].is_i64(), "{frame}");
            }
        }
    }
    for id in [9_007_199_254_740_993_i64, 17_738_118_123_450_003, i64::MAX] {
        let (time, message) = &old[0];
        let message = message.replace(&format!("\"sid\":{START_MS}0000"), &format!("\"sid\":{id}"));
        for (format, member) in [("DEFAULT", "sequential_id"), ("SIMPLE", "sid")] {
            let frames = answers(&[(*time, message.clone())], &[], TYPES, format);
            assert_eq!(frames.len(), 1);
            assert!(frames[0].contains(&format!("\"{member}\":{id},")), "{}", frames[0]);
        }
    }
}

#[test]
fn upbit_item_20_22_what_a_trade_says_fits_together() {
    let server = Server::start(&["--speed", "20x"]);
    let mut client = open(&server, &format!(r#"[{{"ticket":"a"}},{TYPES}]"#));
    for _ in 0..50 {
        let frame = client.next().expect("the connection lasts");
        let event = json(frame.text());
        assert!(has_form(event["trade_date"].as_str().unwrap(), "9999-99-99"), "{event}");
        assert!(has_form(event["trade_time"].as_str().unwrap(), "99:99:99"), "{event}");
        let second = int(&event, "trade_timestamp").div_euclid(1_000).rem_euclid(86_400);
        let time = format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60);
        assert_eq!(event["trade_time"], time);
        assert!(int(&event, "timestamp") >= int(&event, "trade_timestamp"));
        assert!(matches!(event["ask_bid"].as_str(), Some("ASK" | "BID")));
    }
}

#[test]
fn upbit_item_21_a_trades_change_has_no_sign() {
    let native = native(1);
    for tape in [native, foreign(1)] {
        let frames = answers(&tape, &[], TYPES, "DEFAULT");
        assert!(frames.len() > 50);
        for frame in frames {
            let [price, last, before] =
                ["change_price", "trade_price", "prev_closing_price"].map(|member| number(&frame, member));
            assert!(!price.is_negative(), "{frame}");
            let (difference, change) = match last.cmp(&before) {
                std::cmp::Ordering::Greater => (last.checked_sub(before), "RISE"),
                std::cmp::Ordering::Less => (before.checked_sub(last), "FALL"),
                std::cmp::Ordering::Equal => (last.checked_sub(before), "EVEN"),
            };
            assert_eq!((Some(price), json(&frame)["change"].as_str()), (difference, Some(change)), "{frame}");
        }
    }
}
