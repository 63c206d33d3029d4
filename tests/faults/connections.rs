//! What happens to single connections.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::support::{Client, connect};
use crate::{Faulty, are_whole, client as hit, id, read_to_end};

#[test]
fn a_connection_is_cut_in_mid_sentence_and_who_comes_back_has_noticed() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"drop\"\nat = \"300ms\"");
    let (ids, close) = read_to_end(&mut faulty.open());
    assert!(are_whole(&ids) && ids.len() < 100, "{} trades", ids.len());
    assert_eq!(close, None, "there is no close frame");
    assert_eq!(faulty.counted("drop"), 1);
    let told = faulty.told();
    assert_eq!((told["struck"].as_u64(), told["clients_hit"].as_u64()), (Some(1), Some(1)));
    assert_eq!(told["fired"][0]["tape_time"], "2023-11-15T00:00:00.300Z");
    assert_eq!((&hit(&told)["ended_by"], &hit(&told)["noticed"]), (&"fault".into(), &false.into()));
    assert_eq!(hit(&told)["kind"], "binance");
    let mut again = faulty.open();
    assert!(id(again.next().unwrap().text()).is_some());
    let told = faulty.told();
    assert_eq!(hit(&told)["noticed"], true, "{told:#}");
    assert!(hit(&told)["back_after_ms"].as_u64().unwrap() < 60_000);
    let body = faulty.server.get("/metrics").2;
    assert!(body.lines().any(|line| line.contains("reason=\"fault\"") && line.ends_with("} 1")), "{body}");
}

#[test]
fn a_connection_is_closed_with_a_code() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"drop\"\nat = \"100ms\"\nclose = 1012");
    let (ids, close) = read_to_end(&mut faulty.open());
    assert!(are_whole(&ids));
    assert_eq!(close, Some((1012, String::new())));
}

#[test]
fn a_connection_is_reset() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"drop\"\nat = \"100ms\"\nclose = \"reset\"");
    let mut client = faulty.open();
    let mut bytes = [0; 4_096];
    let error = loop {
        match client.stream().read(&mut bytes) {
            Ok(length) => assert!(length > 0, "it ends with a reset, not with an end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn nothing_moves_for_a_time_and_then_all_that_waited() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"freeze\"\nat = \"300ms\"\nfor = \"1s\"");
    let mut client = faulty.open();
    let (mut ids, mut longest, mut pongs, mut last) = (Vec::new(), Duration::ZERO, 0, Instant::now());
    while ids.len() < 250 {
        let frame = client.next().expect("the connection lasts");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if frame.opcode == 10 {
            pongs += 1;
            continue;
        }
        ids.extend(id(frame.text()));
        if ids.len() == 10 {
            client.send(9, b"are you there");
        }
    }
    assert!(longest >= Duration::from_millis(900), "{longest:?}");
    assert!(are_whole(&ids), "nothing is lost");
    assert_eq!((pongs, faulty.counted("freeze")), (1, 1));
    assert_eq!(hit(&faulty.told())["noticed"], false);
}

#[test]
fn who_leaves_while_nothing_moves_is_seen_to_leave() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"freeze\"\nat = \"100ms\"\nfor = \"1h\"");
    let client = faulty.open();
    faulty.wait_until("it freezes", |told| told["clients_hit"] == 1);
    drop(client);
    let told = faulty.wait_until("it leaves", |told| !hit(told)["ended_by"].is_null());
    assert_eq!((&hit(&told)["ended_by"], &hit(&told)["noticed"]), (&"client".into(), &true.into()));
}

#[test]
fn a_dead_connection_is_open_and_silent_whatever_its_client_says() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"half-open\"\nat = \"100ms\"");
    let mut client = faulty.open();
    faulty.wait_until("it dies", |told| told["clients_hit"] == 1);
    client.send(9, b"are you there");
    client.say(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#);
    client.send(8, &[0x03, 0xe8]);
    client.stream().set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let mut bytes = [0; 4_096];
    let error = loop {
        match client.stream().read(&mut bytes) {
            Ok(length) => assert!(length > 0, "it does not end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "what was on its way comes, and then nothing");
    drop(client);
    let told = faulty.wait_until("it leaves", |told| hit(told)["noticed"] == true);
    assert_eq!((&hit(&told)["ended_by"], &hit(&told)["close_code"]), (&"client".into(), &().into()));
}

#[test]
fn an_exchange_says_that_it_goes_down_goes_and_is_away() {
    let script = "[[fault]]\nwhat = \"shutdown\"\nat = \"200ms\"\nnotice = \"500ms\"\ndown = \"1s\"";
    let faulty = Faulty::start(script);
    let mut client = faulty.open();
    let (mut said, mut after, mut close) = (None, 0, None);
    while let Some(frame) = client.next() {
        match frame.opcode {
            8 => close = Some(frame.close().0),
            _ if frame.text().contains("serverShutdown") => said = Some(Instant::now()),
            _ => after += u32::from(said.is_some()),
        }
        if close.is_some() {
            break;
        }
    }
    let closed = Instant::now();
    assert_eq!(close, Some(1001));
    assert!(said.unwrap().elapsed() >= Duration::from_millis(450) && after > 10, "{after} events after the word");
    let (mut refused, back) = (
        0,
        loop {
            let mut stream = connect(faulty.server.address);
            let _ = write!(stream, "GET /api/v3/ping HTTP/1.1\r\nHost: test\r\n\r\n");
            if stream.read(&mut [0; 64]).is_ok_and(|length| length > 0) {
                break Instant::now();
            }
            std::thread::sleep(Duration::from_millis(50));
        },
    );
    refused += hit(&faulty.told())["refused"].as_u64().unwrap();
    assert!(refused > 3, "{refused} refused");
    assert!(back - closed >= Duration::from_millis(800), "{:?}", back - closed);
    faulty.open().next().unwrap();
    let told = faulty.told();
    assert_eq!(hit(&told)["noticed"], true, "{told:#}");
}

#[test]
fn a_connection_ends_at_the_age_that_the_script_gives_it() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"lifetime\"\nafter = \"300ms to 600ms\"");
    for _ in 0..2 {
        let begun = Instant::now();
        let (_, close) = read_to_end(&mut faulty.open());
        assert_eq!(close, Some((1001, "Connection lifetime reached".to_owned())));
        let age = begun.elapsed();
        assert!(age >= Duration::from_millis(300) && age < Duration::from_secs(20), "{age:?}");
    }
    let told = faulty.told();
    assert_eq!((told["struck"].as_u64(), hit(&told)["noticed"].as_bool()), (Some(2), Some(true)));
    assert!(told["fired"][0]["tape_time"].is_null());
}

#[test]
fn pings_get_no_answer_for_a_time() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"withhold-pongs\"\nafter = \"0ms\"\nfor = \"1s\"");
    let mut client = faulty.open();
    faulty.wait_until("it begins", |told| told["clients_hit"] == 1);
    client.send(9, b"first");
    let told = faulty.wait_until("it is seen", |told| hit(told)["pings_unanswered"] == 1);
    assert_eq!(hit(&told)["noticed"], false);
    let begun = Instant::now();
    let mut asked = 0;
    let answer = loop {
        let frame = client.next().expect("the connection lasts");
        if frame.opcode == 10 {
            break frame.payload;
        }
        // One ping a moment, each with its number.
        if begun.elapsed() > Duration::from_millis(100 * asked) {
            asked += 1;
            client.send(9, format!("{asked}").as_bytes());
        }
    };
    assert_ne!(answer, b"first");
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[test]
fn upbits_ping_in_words_gets_no_answer_either() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"withhold-pongs\"\nafter = \"0ms\"\nfor = \"1h\"\nwhom = \"upbit\"");
    let mut client = Client::open(&faulty.server, "/websocket/v1");
    faulty.wait_until("it begins", |told| told["clients_hit"] == 1);
    client.say("PING");
    faulty.wait_until("it is seen", |told| hit(told)["pings_unanswered"] == 1);
    client.say(r#"[{"ticket":"1"},{"method":"LIST_SUBSCRIPTIONS"}]"#);
    let answer = client.next().expect("other requests are answered");
    assert!(!answer.text().contains("UP\""), "{}", answer.text());
}

#[test]
fn what_is_sent_comes_late_in_order_and_all_of_it() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"delay\"\nat = \"500ms\"\nby = \"300ms to 600ms\"\nfor = \"1s\"");
    let mut client = faulty.open();
    let (mut ids, mut lags, mut begun) = (Vec::new(), Vec::new(), None);
    while ids.len() < 300 {
        let number = id(client.next().expect("the connection lasts").text()).unwrap();
        let begun = *begun.get_or_insert_with(|| Instant::now() - Duration::from_millis(10 * number as u64));
        lags.push(begun.elapsed().saturating_sub(Duration::from_millis(10 * number as u64)));
        ids.push(number);
    }
    assert!(are_whole(&ids));
    let late = lags[60..140].iter().filter(|lag| **lag >= Duration::from_millis(280)).count();
    assert!(late >= 70, "{late} of 80 late: {lags:?}");
    let in_time = lags[..40].iter().filter(|lag| **lag < Duration::from_millis(250)).count();
    assert!(in_time >= 30, "{in_time} of 40 in time before: {lags:?}");
}

#[test]
fn a_stall_longer_than_a_client_waits_is_noticed_by_its_leaving_and_others_are_not_hit() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"freeze\"\nat = \"200ms\"\nfor = \"10s\"\nwhom = \"sse\"");
    let mut binance = faulty.open();
    let mut stream = connect(faulty.server.address);
    write!(stream, "GET /sse?streams=btcusdt@trade HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut bytes = [0; 65_536];
    while stream.read(&mut bytes).is_ok_and(|length| length > 0) {}
    drop(stream);
    let told = faulty.wait_until("it has left", |told| hit(told)["noticed"] == true);
    assert_eq!((told["clients_hit"].as_u64(), &hit(&told)["kind"]), (Some(1), &"sse".into()));
    let ids: Vec<i64> = (0..50).filter_map(|_| id(binance.next().unwrap().text())).collect();
    assert!(are_whole(&ids));
}
