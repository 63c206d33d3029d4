//! Tables of trades, candles and changes of books: kept as they are, played as messages.

use std::fs;

use serde_json::Value;

use crate::support::{Client, Server};
use crate::{done, import, path, refused};

#[test]
fn a_table_is_kept_byte_for_byte_and_played() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("BNBUSDT-trades-2017-08-17.csv");
    // Futures' files have a header; this one has a row that is none, too, and no end.
    let text = "id,price,qty,quote_qty,time,is_buyer_maker\n\
                28457,4.80100000,0.50000000,2.40,1502942432322,true\r\n\
                what is this\n\
                28458,4.80200000,1.50000000,7.20,1502942433000,false\n\
                28459,4.80300000,2.50000000,12.0,1502942434000,false";
    fs::write(&input, text).unwrap();
    let tape = import(&folder, &input);
    let out = path(&folder, "out.csv");
    done(&["export", &tape, "--out", &out]);
    assert_eq!(fs::read_to_string(&out).unwrap(), text);

    let lines = path(&folder, "out.jsonl");
    done(&["export", &tape, "--out", &lines]);
    let lines = fs::read_to_string(lines).unwrap();
    let first = r#"1502942432322000000 {"e":"trade","E":1502942432322,"s":"BNBUSDT","t":28457,"p":"4.80100000","q":"0.50000000","T":1502942432322,"m":true,"M":true}"#;
    assert_eq!((lines.lines().next(), lines.lines().count()), (Some(first), 3));

    // A part of it still knows what its rows are.
    let part = path(&folder, "part.tape");
    done(&["cut", &tape, "--from", "04:00:33", "--out", &part]);
    let rest = String::from_utf8(done(&["cat", &part])).unwrap();
    assert_eq!(rest.lines().collect::<Vec<_>>(), lines.lines().skip(1).collect::<Vec<_>>());
    assert_eq!(String::from_utf8(done(&["cat", &tape, "--from", "04:00:33", "--symbol", "BNBUSDT"])).unwrap(), rest);

    let server = Server::start(&["--feed", &tape, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/ws/bnbusdt@trade");
    for (id, price) in [(28_457, "4.80100000"), (28_458, "4.80200000"), (28_459, "4.80300000")] {
        let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
        assert_eq!((event["t"].as_i64(), event["p"].as_str()), (Some(id), Some(price)));
    }
}

#[test]
fn changes_of_a_book_are_told_in_rows_and_played_as_messages() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("any-name.csv");
    let row = |ts: i64, ids: &str, level: &str| format!("{ts},trxusdt@depth,depthUpdate,{ts},TRXUSDT,{ids},{level}\n");
    let ts = 1_741_046_400_062_959;
    let text = [
        "TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity\n",
        &row(ts, "10,14", "0,0.2311,804627.7"),
        &row(ts, "10,14", "1,0.2313,0.0"),
        &row(ts, "15,15", "1,0.2314,5"),
        "what is this\n",
        &row(ts + 100, "17,18", "0,0.2310,6"),
        row(ts + 100, "17,18", "0,0.2309,7").trim_end(),
    ]
    .concat();
    fs::write(&input, &text).unwrap();
    let tape = import(&folder, &input);
    let out = path(&folder, "out.csv");
    let told = String::from_utf8(done(&["export", &tape, "--out", &out])).unwrap();
    assert_eq!(fs::read_to_string(&out).unwrap(), text);
    assert!(told.contains("out.csv: 7 lines"), "{told}");

    let event = |data: &str| format!(r#"{{"stream":"trxusdt@depth","data":{{"e":"depthUpdate",{data}}}}}"#);
    let expected = [
        event(r#""E":1741046400062959,"s":"TRXUSDT","U":10,"u":14,"b":[["0.2311","804627.7"]],"a":[["0.2313","0.0"]]"#),
        event(r#""E":1741046400062959,"s":"TRXUSDT","U":15,"u":15,"b":[],"a":[["0.2314","5"]]"#),
        event(r#""E":1741046400063059,"s":"TRXUSDT","U":17,"u":18,"b":[["0.2310","6"],["0.2309","7"]],"a":[]"#),
    ];
    let lines = String::from_utf8(done(&["cat", &tape, "--symbol", "trxusdt"])).unwrap();
    let messages: Vec<&str> = lines.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(messages, expected);
    let error = refused(&["verify", &tape]);
    assert!(
        error.contains("1 holes") && error.contains("update 15 is followed by an event that follows 16"),
        "{error}"
    );

    let server = Server::start(&["--feed", &tape, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/stream?streams=trxusdt@depth&timeUnit=microsecond");
    for event in expected {
        assert_eq!(client.next_event().text(), event);
    }
}

#[test]
fn candles_of_the_archive_are_played() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("BTCUSDT-1m-2025-03-04.csv");
    fs::write(&input, "1741046400000000,1.0,3.0,0.5,2.0,10.0,1741046459999999,20.0,5,4.0,8.0,0\n").unwrap();
    let tape = import(&folder, &input);
    let server = Server::start(&["--feed", &tape, "--speed", "max", "--wait-for-clients", "1"]);
    let mut client = Client::open(&server, "/ws/btcusdt@kline_1m");
    let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
    assert_eq!((event["k"]["h"].as_str(), event["k"]["x"].as_bool()), (Some("3.0"), Some(true)), "{event}");
}

#[test]
fn what_is_no_known_table_is_told_which_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let input = path(&folder, "quotes.csv");
    fs::write(&input, "a,b,c\n").unwrap();
    let error = refused(&["import", &input, "--out", &path(&folder, "x.tape")]);
    assert!(error.contains("quotes.csv") && error.contains("SYMBOL-trades-2026-11-20"), "{error}");
    let error = refused(&["import", "day.zip", "--out", &path(&folder, "x.tape")]);
    assert!(error.contains("unpack it first"), "{error}");
    let lines = path(&folder, "a.jsonl");
    fs::write(&lines, "1 {}\n").unwrap();
    let tape = import(&folder, lines.as_ref());
    let error = refused(&["export", &tape, "--out", &path(&folder, "a.csv")]);
    assert!(error.contains("not made of a table"), "{error}");
}
