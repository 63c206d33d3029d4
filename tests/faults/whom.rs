//! Who is hit, how often, and that chance is the seed's.

use serde_json::Value;

use crate::Faulty;
use crate::support::Client;

/// Which of forty clients are hit, by their numbers.
fn hit(seed: u64) -> Vec<u64> {
    let script = format!("seed = {seed}\n[[fault]]\nwhat = \"half-open\"\nat = \"200ms\"\nwhom = \"50%\"");
    let faulty = Faulty::start_with(&script, &["--wait-for-clients", "40", "--writers", "1"]);
    let _clients: Vec<Client> = (0..40).map(|_| faulty.open()).collect();
    let told = faulty.wait_until("it strikes", |told| told["clients_hit"].as_u64() > Some(0));
    let clients = told["fired"][0]["clients"].as_array().unwrap();
    let mut numbers: Vec<u64> = clients.iter().map(|client| client["client"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_share_of_the_clients_is_hit_and_it_is_the_same_one_for_a_seed() {
    let first = hit(1);
    assert!((8..=32).contains(&first.len()), "{first:?}");
    assert_eq!(first, hit(1));
    assert_ne!(first, hit(2));
}

#[test]
fn only_one_kind_of_clients_is_hit() {
    let script = "[[fault]]\nwhat = \"drop\"\nat = \"200ms\"\nwhom = \"upbit\"";
    let faulty = Faulty::start_with(script, &["--wait-for-clients", "2"]);
    let mut binance = faulty.open();
    let mut upbit = Client::open(&faulty.server, "/websocket/v1");
    upbit.say(r#"[{"ticket":"1"},{"type":"trade","codes":["USDT-BTC"]}]"#);
    while upbit.next().is_some() {}
    let told = faulty.told();
    assert_eq!((told["clients_hit"].as_u64(), &crate::client(&told)["kind"]), (Some(1), &"upbit".into()));
    for _ in 0..30 {
        assert_ne!(binance.next().expect("it lasts").opcode, 8);
    }
}

#[test]
fn a_fault_comes_again_and_no_more_often_than_it_may() {
    let script = "[[fault]]\nwhat = \"freeze\"\nfor = \"1ms\"\nevery = \"100ms\"\ntimes = 3";
    let faulty = Faulty::start(script);
    let mut client = faulty.open();
    for _ in 0..60 {
        client.next().expect("it lasts");
    }
    let told = faulty.wait_until("it has struck", |told| told["struck"] == 3);
    let times: Vec<&Value> = told["fired"].as_array().unwrap().iter().map(|fired| &fired["tape_time"]).collect();
    assert_eq!(times, ["2023-11-15T00:00:00.100Z", "2023-11-15T00:00:00.200Z", "2023-11-15T00:00:00.300Z"]);
}

#[test]
fn times_since_a_connection_are_each_clients_own_and_counted_together() {
    let script = "[[fault]]\nwhat = \"drop\"\nafter = \"200ms\"\ntimes = 2\nclose = 1001";
    let faulty = Faulty::start(script);
    for _ in 0..2 {
        assert!(crate::read_to_end(&mut faulty.open()).1.is_some());
    }
    let mut third = faulty.open();
    for _ in 0..60 {
        assert_ne!(third.next().expect("it lasts").opcode, 8);
    }
    assert_eq!(faulty.counted("drop"), 2);
}

#[test]
fn a_time_of_day_is_the_tapes() {
    let faulty = Faulty::start_with(
        "[[fault]]\nwhat = \"drop\"\nat = \"00:00:30\"",
        &["--wait-for-clients", "1", "--from", "00:00:29.8"],
    );
    let (ids, _) = crate::read_to_end(&mut faulty.open());
    assert_eq!(ids[0], 2_980);
    assert!((2_999..3_020).contains(ids.last().unwrap()), "{:?}", ids.last());
    assert_eq!(faulty.told()["fired"][0]["tape_time"], "2023-11-15T00:00:30Z");
}
