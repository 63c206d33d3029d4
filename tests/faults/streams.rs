//! Events that are left out, told twice, out of order, late; the same at every speed, and the server's own answers right.

use crate::support::Client;
use crate::{Faulty, client, id};

/// Ids up to a number.
fn ids(client: &mut Client, up_to: i64) -> Vec<i64> {
    let mut ids = Vec::new();
    while ids.last().is_none_or(|last| *last < up_to) {
        ids.extend(id(client.next().expect("the connection lasts").text()));
    }
    ids
}

/// The first hundred events where one kind strikes at 0.5 s, which is at trade 50.
fn told(fault: &str, speed: &str) -> (Vec<i64>, Faulty) {
    let script = format!("seed = 4\n[[fault]]\nat = \"500ms\"\nstream = \"btcusdt@trade\"\n{fault}");
    let faulty = Faulty::start_with(&script, &["--wait-for-clients", "1", "--speed", speed]);
    let ids = ids(&mut faulty.open(), 99);
    (ids, faulty)
}

fn without(left_out: &[i64]) -> Vec<i64> {
    (0..100).filter(|id| !left_out.contains(id)).collect()
}

#[test]
fn an_event_is_left_out_and_it_is_said_which() {
    let (ids, faulty) = told("what = \"skip\"\ncount = 2", "1x");
    assert_eq!(ids, without(&[50, 51]));
    let told = faulty.wait_until("both are told", |told| told["clients_hit"] == 2);
    assert_eq!((told["struck"].as_u64(), faulty.counted("skip")), (Some(2), 2));
    assert_eq!(told["fired"][1]["detail"], "left out btcusdt@trade t=51");
    assert_eq!((&client(&told)["kind"], &client(&told)["noticed"]), (&"binance".into(), &false.into()));
    let recent = faulty.server.get("/api/v3/trades?symbol=BTCUSDT&limit=1000").2;
    assert!(
        recent.contains("\"id\":50,") && recent.contains("\"id\":51,"),
        "the server's own books are whole: {recent}"
    );
}

#[test]
fn an_event_comes_twice_and_another_behind_the_next() {
    let (ids, _) = told("what = \"repeat\"", "10x");
    assert_eq!((&ids[49..53], ids.len()), (&[49, 50, 50, 51][..], 101));
    let (ids, _) = told("what = \"reorder\"", "10x");
    assert_eq!((&ids[49..53], ids.len()), (&[49, 51, 50, 52][..], 100));
}

#[test]
fn a_stream_is_thin_for_a_time() {
    let (ids, faulty) = told("what = \"thin\"\nkeep = \"0%\"\nfor = \"200ms\"", "1x");
    assert_eq!(ids, without(&(50..70).collect::<Vec<_>>()));
    assert_eq!(
        (faulty.counted("thin"), faulty.told()["fired"][0]["detail"].as_str()),
        (1, Some("0.0% pass, for 200ms"))
    );
}

#[test]
fn a_stream_is_late_on_the_tapes_clock() {
    let (ids, _) = told("what = \"delay\"\nby = \"200ms\"\nfor = \"100ms\"", "1x");
    assert_eq!(ids, without(&[]), "in order, as events of a stream that is late wait for those before them");
    let script =
        "[[fault]]\nat = \"500ms\"\nwhat = \"delay\"\nstream = \"btcusdt@trade\"\nby = \"1s\"\nfor = \"300ms\"";
    let faulty = Faulty::start(script);
    let mut client = Client::open(&faulty.server, "/ws/btcusdt@trade/ethusdt@trade");
    let (mut trades, mut others, mut longest) = (-1, 0, 0);
    while trades < 200 {
        let event: serde_json::Value = serde_json::from_str(client.next().unwrap().text()).unwrap();
        let number = event["t"].as_i64().unwrap();
        match event["s"].as_str() {
            Some("BTCUSDT") => trades = number,
            _ => others = number,
        }
        longest = longest.max(others - trades);
    }
    assert!((90..=110).contains(&longest), "trades were {longest} behind those of another symbol, which are not late");
}

#[test]
fn a_script_does_the_same_at_every_speed() {
    let fault = "what = \"thin\"\nkeep = \"50%\"\nfor = \"400ms\"";
    let (at_1x, _) = told(fault, "1x");
    let (at_max, _) = told(fault, "max");
    assert_eq!(at_1x, at_max);
    assert!((60..=80).contains(&at_1x.len()), "{}", at_1x.len());
}

#[test]
fn only_those_who_listen_are_hit() {
    let script = "[[fault]]\nat = \"500ms\"\nwhat = \"skip\"\nstream = \"btcusdt@trade\"";
    let faulty = Faulty::start_with(script, &["--wait-for-clients", "3"]);
    let mut clients = ["btcusdt@trade", "btcusdt@aggTrade", "ethusdt@trade"]
        .map(|stream| Client::open(&faulty.server, &format!("/ws/{stream}")));
    ids(&mut clients[0], 60);
    let told = faulty.wait_until("it is told", |told| told["clients_hit"] != 0);
    assert_eq!(told["clients_hit"], 1);
    clients[0].ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade"],"id":1}"#);
    let told = faulty.wait_until("it is noticed", |told| client(told)["noticed"] == true);
    assert!(client(&told)["subscribed_after_ms"].is_u64());
}
