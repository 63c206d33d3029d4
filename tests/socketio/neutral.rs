//! The form that all venues share, compared with what the venues' own namespaces tell of the same ticks.

use std::collections::BTreeMap;

use super::*;

/// Events compared of each stream.
const EVENTS: usize = 4;

/// A member of the neutral form, and where the venue's own payload has the same.
type Member = (&'static str, &'static str);

/// Streams, the kinds of their events, and what is compared.
const STREAMS: &[(&str, &str, &[Member])] = &[
    (
        "binance:btcusdt@trade",
        "trade",
        &[("id", "/t"), ("price", "/p"), ("size", "/q"), ("side", "/m"), ("ts_trade", "/T"), ("ts_event", "/E")],
    ),
    (
        "binance:btcusdt@aggTrade",
        "agg_trade",
        &[("id", "/a"), ("price", "/p"), ("first_trade_id", "/f"), ("last_trade_id", "/l"), ("side", "/m")],
    ),
    (
        "binance:ethusdt@bookTicker",
        "book_ticker",
        &[("update_id", "/u"), ("bid_price", "/b"), ("bid_size", "/B"), ("ask_price", "/a"), ("ask_size", "/A")],
    ),
    (
        "binance:btcusdt@depth@100ms",
        "depth",
        &[("first_id", "/U"), ("last_id", "/u"), ("bids", "/b"), ("asks", "/a"), ("ts_event", "/E")],
    ),
    ("binance:btcusdt@depth5", "partial_depth", &[("last_id", "/lastUpdateId"), ("bids", "/bids"), ("asks", "/asks")]),
    (
        "binance:btcusdt@kline_1m",
        "kline",
        &[
            ("interval", "/k/i"),
            ("ts_open", "/k/t"),
            ("open", "/k/o"),
            ("close", "/k/c"),
            ("volume", "/k/v"),
            ("quote_volume", "/k/q"),
            ("trades", "/k/n"),
            ("closed", "/k/x"),
            ("taker_buy_volume", "/k/V"),
            ("first_trade_id", "/k/f"),
        ],
    ),
    (
        "binance:btcusdt@ticker",
        "ticker",
        &[
            ("last_price", "/c"),
            ("last_size", "/Q"),
            ("previous_price", "/x"),
            ("change", "/p"),
            ("change_percent", "/P"),
            ("average_price", "/w"),
            ("bid_price", "/b"),
            ("ask_size", "/A"),
            ("ts_close", "/C"),
            ("trades", "/n"),
        ],
    ),
    (
        "binance:btcusdt@miniTicker",
        "mini_ticker",
        &[("last_price", "/c"), ("open", "/o"), ("high", "/h"), ("low", "/l"), ("volume", "/v")],
    ),
    (
        "binance:btcusdt@ticker_1h",
        "window_ticker",
        &[("last_price", "/c"), ("change", "/p"), ("ts_open", "/O"), ("last_trade_id", "/L"), ("quote_volume", "/q")],
    ),
    ("binance:btcusdt@avgPrice", "avg_price", &[("average_price", "/w"), ("ts_trade", "/T"), ("ts_event", "/E")]),
    (
        "upbit:KRW-BTC@trade",
        "trade",
        &[
            ("id", "/sequential_id"),
            ("price", "/trade_price"),
            ("size", "/trade_volume"),
            ("side", "/ask_bid"),
            ("ts_trade", "/trade_timestamp"),
            ("ts_event", "/timestamp"),
            ("symbol", "/code"),
        ],
    ),
    (
        "upbit:KRW-BTC@ticker",
        "day_ticker",
        &[
            ("last_price", "/trade_price"),
            ("open", "/opening_price"),
            ("previous_close", "/prev_closing_price"),
            ("change", "/signed_change_price"),
            ("change_rate", "/signed_change_rate"),
            ("volume", "/acc_trade_volume"),
            ("quote_volume_24h", "/acc_trade_price_24h"),
            ("taker_buy_volume", "/acc_bid_volume"),
            ("taker_sell_volume", "/acc_ask_volume"),
            ("high_52w", "/highest_52_week_price"),
            ("high_52w_date", "/highest_52_week_date"),
            ("side", "/ask_bid"),
        ],
    ),
    (
        "upbit:KRW-BTC@orderbook",
        "order_book",
        &[
            ("total_ask_size", "/total_ask_size"),
            ("bids/0/0", "/orderbook_units/0/bid_price"),
            ("asks/2/1", "/orderbook_units/2/ask_size"),
        ],
    ),
    (
        "upbit:KRW-BTC@candle.1s",
        "candle",
        &[("open", "/opening_price"), ("close", "/trade_price"), ("quote_volume", "/candle_acc_trade_price")],
    ),
];

/// The first events of each stream, by its name as it stands on the root.
fn collect(mut client: Client, namespace: &str) -> BTreeMap<String, Vec<Value>> {
    let prefix = if namespace == "/" { String::new() } else { format!("{}:", &namespace[1..]) };
    let names: Vec<&str> = STREAMS.iter().filter_map(|(name, ..)| name.strip_prefix(&*prefix)).collect();
    let address = if namespace == "/" { String::new() } else { format!("{namespace},") };
    client.say(&format!("42{address}{}", serde_json::json!(["subscribe", names])));
    let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    while events.len() < names.len() || events.values().any(|events| events.len() < EVENTS) {
        let packet = text(&mut client);
        let Some(array) = packet.strip_prefix("42").and_then(|rest| rest.strip_prefix(&*address)) else { continue };
        let mut event: Value = serde_json::from_str(array).expect("JSON");
        let name = format!("{prefix}{}", event[2].as_str().expect("a name"));
        events.entry(name).or_default().push(event[1].take());
    }
    events
}

/// Whether a member says what the venue's own does, in the words of either.
fn is_same(neutral: &Value, own: &Value) -> bool {
    match (neutral, own) {
        (Value::String(side), Value::Bool(is_buyer_maker)) => side == if *is_buyer_maker { "sell" } else { "buy" },
        (Value::String(side), Value::String(own)) if side == "buy" || side == "sell" => {
            own == if side == "buy" { "BID" } else { "ASK" }
        }
        (Value::Null, Value::Number(id)) => id.as_i64() == Some(-1),
        // Some of Upbit's numbers are those that a double makes of the feed's.
        (Value::String(number), Value::Number(own)) => {
            let (number, own) = (number.parse::<f64>().expect("a number"), own.as_f64().expect("a number"));
            (number - own).abs() <= own.abs() * 1e-14
        }
        // The same number, or a time: the venue's is in milliseconds.
        (Value::Number(number), Value::Number(own)) => {
            let (number, own) = (number.as_i64().expect("a whole number"), own.as_i64().expect("a whole number"));
            number == own || (own > 1_000_000_000_000 && number / 1_000 == own)
        }
        _ => neutral == own,
    }
}

#[test]
fn the_root_tells_of_the_same_ticks_as_the_venues_own_namespaces_in_one_form() {
    let server = Server::start(&["--writers", "1", "--speed", "max", "--wait-for-clients", "3"]);
    // All begin with the same tick, and at this speed none misses any.
    let readers = ["/", "/binance", "/upbit"].map(|namespace| {
        let client = join(&server, namespace);
        std::thread::spawn(move || collect(client, namespace))
    });
    let [neutral, binance, upbit] = readers.map(|reader| reader.join().expect("events of all streams"));
    for (name, kind, members) in STREAMS {
        let own = if name.starts_with("binance") { &binance[*name] } else { &upbit[*name] };
        for (place, (neutral, own)) in neutral[*name].iter().zip(own).take(EVENTS).enumerate() {
            let (venue, _) = name.split_once(':').expect("a venue");
            assert_eq!((&neutral["kind"], &neutral["venue"]), (&(*kind).into(), &venue.into()), "{name}");
            // Upbit's clients are told in so many words what they begin with, Binance's never.
            if let Some(own) = own["stream_type"].as_str() {
                assert_eq!(neutral["snapshot"], own == "SNAPSHOT", "{name}: {neutral} {own}");
            }
            assert!(neutral["sequence"].as_u64() > Some(0) && neutral["ts_recv"].as_i64() > Some(1 << 50));
            for (member, path) in *members {
                let told = neutral.pointer(&format!("/{member}")).unwrap_or_else(|| panic!("{name}: {member}"));
                let own = own.pointer(path).unwrap_or_else(|| panic!("{name}: {path} of {own}"));
                assert!(is_same(told, own), "{name} {place}: {member} is {told}, {path} is {own}");
            }
        }
    }
}

#[test]
fn trades_of_all_venues_have_the_same_members() {
    let server = Server::start(&["--writers", "1", "--speed", "10x"]);
    let mut client = join(&server, "/");
    // Upbit's market is asked for in Binance's words as well: it is told in its own.
    client.say(r#"42["subscribe",["binance:btcusdt@trade","upbit:KRW-BTC@trade","binance:btckrw@aggTrade"]]"#);
    let mut seen: BTreeMap<String, Value> = BTreeMap::new();
    while seen.len() < 3 {
        let packet = text(&mut client);
        let mut event: Value = serde_json::from_str(&packet[2..]).unwrap();
        let name = event[2].as_str().unwrap().to_owned();
        seen.insert(name, event[1].take());
    }
    let keys = |name: &str| seen[name].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys("binance:btcusdt@trade"), keys("upbit:KRW-BTC@trade"));
    let aggregate = &seen["binance:btckrw@aggTrade"];
    assert_eq!((&aggregate["venue"], &aggregate["symbol"]), (&"upbit".into(), &"KRW-BTC".into()));
}
