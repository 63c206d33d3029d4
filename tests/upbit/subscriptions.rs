//! Subscribing again, and what a connection has subscribed to.

use serde_json::Value;

use crate::support::{Client, Server};
use crate::{code, int, json, kind, next, open, stream_type};

/// The next answer, passing over events; it is the text as it came.
fn answer(client: &mut Client) -> String {
    loop {
        let frame = client.next().expect("the connection lasts");
        if frame.text().contains("LIST_SUBSCRIPTIONS") {
            return frame.text().to_owned();
        }
    }
}

#[test]
fn upbit_item_39_what_a_second_request_does_not_repeat_stops() {
    let server = Server::start(&["--speed", "20x", "--writers", "1"]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]},{"type":"orderbook","codes":["KRW-XRP"]}]"#,
    );
    let mut kinds = std::collections::BTreeSet::new();
    while kinds.len() < 3 {
        let event = next(&mut client);
        kinds.insert((kind(&event).to_owned(), code(&event).to_owned()));
    }
    let mut witness = open(
        &server,
        r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-XRP"]}]"#,
    );
    client.say(r#"[{"ticket":"b"},{"type":"trade","codes":["KRW-ETH"]},{"type":"ticker","codes":["KRW-SOL"]}]"#);
    let is_kept = |event: &Value| matches!((kind(event), code(event)), ("trade", "KRW-ETH") | ("ticker", "KRW-SOL"));
    // Behind the first snapshot of the new set, and of what went on there is another, comes nothing of the old one.
    while !{
        let event = next(&mut client);
        is_kept(&event) && stream_type(&event) == "SNAPSHOT"
    } {}
    let mut times = Vec::new();
    while times.len() < 20 {
        let event = next(&mut client);
        assert!(is_kept(&event), "{event}");
        times.push(int(&event, "timestamp"));
    }
    // Meanwhile what it no longer gets has gone on for others.
    let (begin, end) = (times.iter().min().expect("a time"), times.iter().max().expect("a time"));
    let mut gone_on = 0;
    while gone_on < 3 {
        let time = int(&next(&mut witness), "timestamp");
        gone_on += i32::from((begin..=end).contains(&&time));
        assert!(time <= end + 60_000, "the others have not gone on");
    }
}

#[test]
fn upbit_item_39_a_request_replaces_the_types_of_a_code_too() {
    let server = Server::start(&["--speed", "20x"]);
    let mut client = open(&server, r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-BTC"]}]"#);
    assert_eq!(next(&mut client)["type"], "ticker");
    client.say(r#"[{"ticket":"b"},{"type":"trade","codes":["KRW-BTC"]}]"#);
    while next(&mut client)["type"] != "trade" {}
    for _ in 0..10 {
        assert_eq!(next(&mut client)["type"], "trade");
    }
    // Only unknown codes: nothing more, and the connection stays.
    client.say(r#"[{"ticket":"c"},{"type":"trade","codes":["KRW-NO"]}]"#);
    client.say(crate::LIST);
    answer(&mut client);
    crate::is_quiet(&mut client);
}

#[test]
fn upbit_item_41_subscriptions_are_listed_under_the_requests_own_ticket() {
    let server = Server::start(&[]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"ticker","codes":["KRW-NONE"]},{"type":"orderbook","codes":["KRW-NO.5"]}]"#,
    );
    let long = r#"{"method":"LIST_SUBSCRIPTIONS","result":[{"type":"ticker","codes":["KRW-NONE"]},{"type":"orderbook","codes":["KRW-NO"],"level":0}],"ticket":"TICKET"}"#;
    let short = r#"{"mthd":"LIST_SUBSCRIPTIONS","rslt":[{"ty":"ticker","cds":["KRW-NONE"]},{"ty":"orderbook","cds":["KRW-NO"],"lv":0}],"tckt":"TICKET"}"#;
    for (format, ticket, expected) in [
        ("DEFAULT", "q", long.to_owned()),
        ("SIMPLE", "7c1d0a52-5b0e-4f57-9a0b-2f6f0f3f9d11", short.to_owned()),
        ("JSON_LIST", "4", format!("[{long}]")),
        ("SIMPLE_LIST", r#"a \"b\" c"#, format!("[{short}]")),
    ] {
        client.say(&format!(r#"[{{"ticket":"{ticket}"}},{{"method":"LIST_SUBSCRIPTIONS"}},{{"format":"{format}"}}]"#));
        assert_eq!(answer(&mut client), expected.replace("TICKET", ticket));
    }
    // The method may come first.
    client.say(r#"[{"method":"LIST_SUBSCRIPTIONS"},{"ticket":"late"}]"#);
    assert_eq!(answer(&mut client), long.replace("TICKET", "late"));
    let mut empty = open(&server, crate::LIST);
    assert_eq!(answer(&mut empty), r#"{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"q"}"#);
}

#[test]
fn upbit_item_42_a_list_leaves_the_subscriptions_as_they_were() {
    let server = Server::start(&["--speed", "20x"]);
    let mut client = open(
        &server,
        r#"[{"ticket":"a"},{"type":"trade","codes":["KRW-BTC"]},{"type":"orderbook","codes":["KRW-ETH.5"],"is_only_realtime":true}]"#,
    );
    while stream_type(&next(&mut client)) == "SNAPSHOT" {}
    let mut lists = Vec::new();
    for _ in 0..3 {
        client.say(crate::LIST);
        lists.push(json(&answer(&mut client)));
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 2 {
            let event = next(&mut client);
            assert_eq!(stream_type(&event), "REALTIME", "no further snapshot: {event}");
            if kind(&event) == "orderbook" {
                assert_eq!(event["orderbook_units"].as_array().expect("units").len(), 5);
            }
            seen.insert((kind(&event).to_owned(), code(&event).to_owned()));
        }
    }
    assert!(lists.iter().all(|list| *list == lists[0]));
    assert_eq!(lists[0]["result"].as_array().map(Vec::len), Some(2));
}
