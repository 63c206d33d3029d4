//! Numbers as Upbit spells them, against a formatter that knows nothing of ours, and against what went in.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use tapecast::fanout::Form;
use tapecast::fanout::frame::Frame;
use tapecast::feed::builtin::DEMO;
use tapecast::feed::merge::Merge;
use tapecast::market::decimal::Decimal;
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::venue::upbit::json::StreamType;
use tapecast::venue::upbit::{Edition, Format, Layout};
use tapecast::venue::{Decoder, Message};

/// A message through decoder and renderer; `None` for one that is no tick.
fn rendered(venue: Venue, message: &[u8], format: Format) -> Option<String> {
    let (mut decoder, mut symbols, mut frame) = (Decoder::default(), Symbols::default(), Frame::default());
    let Ok(Message::Tick) = decoder.decode(venue, &mut message.to_vec(), 0, &mut symbols) else { return None };
    let layout = Layout { format, units: 30, grouping: None, edition: Edition::Today };
    let symbol = symbols.get(decoder.tick.symbol);
    let (form, stream_type) = (Form::Upbit { venue: Venue::Upbit, layout, deflate: false }, StreamType::Realtime);
    assert!(frame.render(&form, &decoder.tick, &decoder.levels, symbol, stream_type));
    let bytes = frame.bytes();
    let header = if bytes[1] < 126 { 2 } else { 4 };
    Some(std::str::from_utf8(&bytes[header..]).expect("UTF-8").to_owned())
}

/// The numbers of an object and of the objects in it, in order, as texts.
fn numbers(object: &str) -> Vec<String> {
    let split = object.split(['{', '}', '[', ']', ',']).filter_map(|member| Some(member.split_once("\":")?.1));
    split.filter(|value| value.starts_with(|c: char| c == '-' || c.is_ascii_digit())).map(str::to_owned).collect()
}

fn decimals(object: &str) -> Vec<Decimal> {
    numbers(object).iter().map(|text| Decimal::parse(text.as_bytes()).expect("a number")).collect()
}

#[test]
fn upbit_item_34_the_built_in_tape_is_spelled_as_the_exchange_does_it_and_no_number_changes() {
    let mut feed = Merge::open(&[DEMO]).expect("the built-in tape");
    let (mut message, mut count) = (Vec::new(), 0);
    while let Some((_, venue)) = feed.next(&mut message) {
        if venue != Venue::Upbit {
            continue;
        }
        let original = std::str::from_utf8(&message).expect("UTF-8");
        assert_eq!(rendered(venue, &message, Format::Simple).as_deref(), Some(original));
        let long = rendered(venue, &message, Format::Default).expect("a tick");
        assert_eq!(decimals(&long), decimals(original));
        // And back again.
        let short = rendered(venue, long.as_bytes(), Format::Simple).expect("a tick");
        assert_eq!(decimals(&short), decimals(original));
        let again = rendered(venue, long.as_bytes(), Format::Default);
        assert_eq!(again.as_deref(), Some(long.as_str()), "a tape in DEFAULT keeps its bytes");
        count += 1;
    }
    assert!(count > 7_000, "{count}");
}

/// Java's `Double.toString`, by way of the shortest digits that Rust finds for the double.
fn java_double(value: f64) -> String {
    if value == 0.0 {
        return "0.0".to_owned();
    }
    if (1e-3..1e7).contains(&value.abs()) {
        return if value.fract() == 0.0 { format!("{value:.1}") } else { format!("{value}") };
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("an exponent");
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

/// Java's `BigDecimal.toString` of a number of units of 10^-scale.
fn java_big_decimal(units: i64, scale: usize) -> String {
    let digits = units.unsigned_abs().to_string();
    let sign = if units < 0 { "-" } else { "" };
    let exponent = digits.len() as i64 - 1 - scale as i64;
    if exponent < -6 {
        let point = if digits.len() > 1 { "." } else { "" };
        return format!("{sign}{}{point}{}E{exponent}", &digits[..1], &digits[1..]);
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    obu: Vec<Unit<'a>>,
}

#[derive(Deserialize)]
struct Unit<'a> {
    #[serde(borrow)]
    ap: &'a RawValue,
    #[serde(borrow, rename = "as")]
    size: &'a RawValue,
}

#[derive(Deserialize)]
struct LongBook<'a> {
    #[serde(borrow)]
    orderbook_units: Vec<LongUnit<'a>>,
    #[serde(borrow)]
    total_ask_size: &'a RawValue,
}

#[derive(Deserialize)]
struct LongUnit<'a> {
    #[serde(borrow)]
    ask_price: &'a RawValue,
    #[serde(borrow)]
    ask_size: &'a RawValue,
}

/// A count of 1e-8 in one of the spellings that it may come in.
fn spelled(units: i64, how: u8) -> String {
    let value = units as f64 / 1e8;
    match how {
        0 => java_double(value),
        1 => java_big_decimal(units, 8),
        2 => format!("{}.{:08}", units / 100_000_000, units % 100_000_000),
        _ => format!("{value:e}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn upbit_item_34_35_order_books_are_spelled_as_java_would_from_any_spelling(
        // Up to 15 digits, as far as a double and its shortest decimal agree.
        price in prop_oneof![1_i64..1_000_000, 1_i64..999_999_999_999_999, (1_i64..9_999_999_999).prop_map(|n| n * 100_000_000)],
        size in prop_oneof![1_i64..1_000_000, 1_i64..999_999_999_999_999],
        how in (0_u8..4, 0_u8..4),
    ) {
        let (price_text, size_text) = (spelled(price, how.0), spelled(size, how.1));
        let message = format!(
            r#"{{"ty":"orderbook","cd":"KRW-X","tms":1,"tas":{size_text},"tbs":0,"obu":[{{"ap":{price_text},"bp":0,"as":{size_text},"bs":0}}],"st":"REALTIME"}}"#
        );
        let simple = rendered(Venue::Upbit, message.as_bytes(), Format::Simple).unwrap();
        let simple: Book = serde_json::from_str(&simple).unwrap();
        let long = rendered(Venue::Upbit, message.as_bytes(), Format::Default).unwrap();
        let long: LongBook = serde_json::from_str(&long).unwrap();
        prop_assert_eq!(long.orderbook_units[0].ask_price.get(), java_double(price as f64 / 1e8));
        prop_assert_eq!(long.orderbook_units[0].ask_size.get(), java_big_decimal(size, 8));
        prop_assert_eq!(long.total_ask_size.get(), java_big_decimal(size, 8));
        prop_assert_eq!(simple.obu[0].size.get(), java_double(size as f64 / 1e8));
        // A whole price keeps the zero it came with.
        let (mut units, mut scale) = (price, 8);
        while scale > 0 && units % 10 == 0 {
            (units, scale) = (units / 10, scale - 1);
        }
        let mut plain = java_big_decimal(units, scale);
        if scale == 0 && price_text.ends_with(".0") {
            plain.push_str(".0");
        }
        prop_assert_eq!(simple.obu[0].ap.get(), plain, "from {}", price_text);
    }

    #[test]
    fn upbit_item_34_candles_read_as_the_numbers_that_went_in(
        units in proptest::collection::vec(prop_oneof![0_i64..100, 0_i64..i64::MAX], 6),
        scale in 0_u8..=16,
    ) {
        let number = |i: usize| Decimal::new(units[i].into(), scale).unwrap();
        let message = format!(
            r#"{{"ty":"candle.1m","cd":"KRW-X","cdttmu":"2026-03-18T05:30:00","cdttmk":"","op":{},"hp":{},"lp":{},"tp":{},"catv":{},"catp":{},"tms":1,"st":"REALTIME"}}"#,
            number(0), number(1), number(2), number(3), number(4), number(5)
        );
        for format in [Format::Simple, Format::Default] {
            let text = rendered(Venue::Upbit, message.as_bytes(), format).unwrap();
            prop_assert_eq!(&decimals(&text)[..6], &[number(0), number(1), number(2), number(3), number(4), number(5)]);
        }
    }
}
