//! Standard input, and what cannot be recorded.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use tapecast::tape::{Direction, Form};

use crate::recorder::entries;

fn record(flags: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .arg("record")
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever refuses its flags reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[test]
fn lines_keep_their_times_and_bare_messages_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("in.tape");
    let input = b"5 {\"a\":1}\n6 {\"b\":2}\r\n\n{\"c\":3}\nno message";
    let output = record(&["--from", "-", "--out", out.to_str().unwrap()], input);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("3 messages"), "{said}");
    let entries = entries(&out);
    let texts: Vec<_> = entries.iter().map(|entry| (entry.direction, entry.form, entry.text.as_str())).collect();
    let message = |text| (Direction::From, Form::Text, text);
    let expected =
        [message("{\"a\":1}"), message("{\"b\":2}"), message("{\"c\":3}"), (Direction::Note, Form::Line, "no message")];
    assert_eq!(texts, expected);
    assert_eq!((entries[0].ts_recv, entries[1].ts_recv), (5, 6));
    assert!(entries[2].ts_recv > 1_700_000_000_000_000_000);
}

#[test]
fn files_follow_one_another_by_day() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("in.tape");
    let day = 86_400_000_000_000_i64;
    let input: String = (0..3).map(|n| format!("{} {{\"n\":{n}}}\n", n * day)).collect();
    let flags = ["--from", "-", "--out", out.to_str().unwrap(), "--rotate", "daily", "--rotate-size", "1g"];
    assert!(record(&flags, input.as_bytes()).status.success());
    for n in 0..3 {
        let entries = entries(&folder.path().join(format!("in-1970-01-0{}.tape", n + 1)));
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].text, format!("{{\"n\":{n}}}"));
    }
}

#[test]
fn what_cannot_be_recorded_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let unused = folder.path().join("unused.tape");
    for (flags, part) in [
        (&["--from", "btcusdt@trade", "--out", "a.tape"][..], "neither binance"),
        (&["--from", "-", "--out", "a.jsonl"], "must end in .tape"),
        (&["--from", "-", "--out", "/nowhere/a.tape"], "/nowhere/a.tape"),
        (&["--from", "-", "--out", "a.tape", "--rotate-size", "big"], "`big` is no size"),
        (&["--from", "binance:a@trade", "--subscribe", "x", "--out", "a.tape"], "takes requests of your own"),
        (&["--from", "ws://a", "--ca", "/nowhere.pem", "--out", unused.to_str().unwrap()], "/nowhere.pem"),
    ] {
        let output = record(flags, b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(part), "{flags:?}: {said}");
    }
}
