//! Payloads of Binance's rarer streams from outside. Where a name carries a number, it is that of the checklist of the
//! venue's conformance that the tests follow.

use crate::support::{Client, Server, tape};

/// Block trades and reference prices as the exchange sends them, with a trade before and after.
const EVENTS: [(&str, &str); 6] = [
    (
        "ethusdt@trade",
        r#"{"e":"trade","E":1790000000900,"s":"ETHUSDT","t":500,"p":"3120.50000000","q":"0.10000000","T":1790000000899,"m":true,"M":true}"#,
    ),
    (
        "ethusdt@blockTrade",
        r#"{"e":"blockTrade","E":1790000001000,"s":"ETHUSDT","t":77,"p":"3120.55","q":"410","T":1790000000740,"m":true}"#,
    ),
    ("ethusdt@referencePrice", r#"{"e":"referencePrice","s":"ETHUSDT","r":"3120.51","t":1790000002000}"#),
    ("ethusdt@referencePrice", r#"{"e":"referencePrice","s":"ETHUSDT","r":null,"t":1790000003000}"#),
    (
        "ethusdt@blockTrade",
        r#"{"e":"blockTrade","E":1790000003500,"s":"ETHUSDT","t":78,"p":"3121.00000000","q":"12.50000000","T":1790000003400,"m":false}"#,
    ),
    (
        "ethusdt@trade",
        r#"{"e":"trade","E":1790000003900,"s":"ETHUSDT","t":501,"p":"3120.60000000","q":"0.20000000","T":1790000003899,"m":false,"M":true}"#,
    ),
];

fn serve(message: impl Fn(&str, &str) -> String) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let line = |(number, (stream, payload)): (usize, &(&str, &str))| {
        (1_790_000_000_900_000_000 + number as i64 * 600_000_000, message(stream, payload))
    };
    let path = tape(&folder, "rare.jsonl", &EVENTS.iter().enumerate().map(line).collect::<Vec<_>>());
    let server = Server::start(&["--feed", &path, "--speed", "max", "--wait-for-clients", "1"]);
    (folder, server)
}

fn wrapped(stream: &str, payload: &str) -> String {
    format!(r#"{{"stream":"{stream}","data":{payload}}}"#)
}

#[test]
fn binance_item_57_block_trades_and_reference_prices_come_out_as_they_went_in() {
    let names = "ethusdt@blockTrade/ethusdt@referencePrice/ethusdt@trade";
    // A tape may hold events as a combined connection got them, or as a raw one did.
    for recorded in [wrapped, |_: &str, payload: &str| payload.to_owned()] {
        let (_folder, server) = serve(recorded);
        let mut client = Client::open(&server, &format!("/stream?streams={names}"));
        for (stream, payload) in EVENTS {
            assert_eq!(client.next_event().text(), wrapped(stream, payload));
        }
        let (_folder, server) = serve(recorded);
        let mut client = Client::open(&server, &format!("/ws/{names}"));
        for (_, payload) in EVENTS {
            assert_eq!(client.next_event().text(), payload);
        }
    }
}

#[test]
fn binance_item_57_block_trades_and_reference_prices_are_streams_of_their_own() {
    let (_folder, server) = serve(wrapped);
    let mut client = Client::open(&server, "/ws?timeUnit=MICROSECOND");
    client.say(r#"{"method":"SUBSCRIBE","params":["ethusdt@referencePrice"],"id":1}"#);
    assert_eq!(client.next_event().text(), r#"{"result":null,"id":1}"#);
    for time in ["\"r\":\"3120.51\",\"t\":1790000002000", "\"r\":null,\"t\":1790000003000"] {
        assert_eq!(client.next_event().text(), format!(r#"{{"e":"referencePrice","s":"ETHUSDT",{time}000}}"#));
    }
    let (_folder, server) = serve(wrapped);
    let mut client = Client::open(&server, "/ws/ethusdt@blockTrade");
    for id in ["\"t\":77,", "\"t\":78,"] {
        let frame = client.next_event();
        assert!(frame.text().starts_with(r#"{"e":"blockTrade","#) && frame.text().contains(id), "{}", frame.text());
        assert!(!frame.text().contains("\"M\""), "{}", frame.text());
    }
}

#[test]
fn binance_block_trades_and_reference_prices_can_be_asked_for() {
    let (_folder, server) = serve(wrapped);
    let mut client = Client::open(&server, "/ws/ethusdt@trade");
    for _ in 0..2 {
        client.next_event();
    }
    let get = |path: &str| server.get(&format!("/api/v3/{path}"));
    assert_eq!(
        get("historicalBlockTrades?symbol=ETHUSDT&fromId=78").2,
        r#"[{"id":78,"price":"3121.00000000","qty":"12.50000000","quoteQty":"39012.50000000","time":1790000003400,"isBuyerMaker":false}]"#
    );
    assert_eq!(get("historicalBlockTrades?symbol=ETHUSDT&fromId=1").2.matches("\"id\":").count(), 2);
    assert_eq!(
        get("referencePrice?symbol=ETHUSDT").2,
        r#"{"symbol":"ETHUSDT","referencePrice":null,"timestamp":1790000003000}"#
    );
}
