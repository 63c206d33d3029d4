//! What the commands print and refuse.

use std::process::{Command, Stdio};

use crate::{done, invented, path, refused};

#[test]
fn lines_of_any_kind_survive_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("odd.jsonl");
    let texts: [&[u8]; 5] = [
        b"5 {\"a\":1}\n\nno time\n007 {}\n6 {\"b\":2}\r\n3 back\n7 \xff\xfe\n8 {} \n",
        b"garbage\n5 {}\n9 last without an end",
        b"5 {}\n9",
        b"1 x",
        b"0 {}\n1  two spaces\n",
    ];
    for text in texts {
        std::fs::write(&input, text).unwrap();
        let (tape, out) = (path(&folder, "odd.tape"), path(&folder, "out.jsonl"));
        done(&["import", input.to_str().unwrap(), "--out", &tape]);
        done(&["export", &tape, "--out", &out]);
        assert_eq!(String::from_utf8_lossy(&std::fs::read(&out).unwrap()), String::from_utf8_lossy(text));
        assert_eq!(done(&["cat", &tape]), text);
    }
    std::fs::write(&input, b"nothing\nof use\n").unwrap();
    let error = refused(&["import", input.to_str().unwrap(), "--out", &path(&folder, "x.tape")]);
    assert!(error.contains("holds no lines `<receive time in ns> <message>`"), "{error}");
}

#[test]
fn nobody_need_read_what_a_command_says() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, tape) = invented(&folder);
    let (lines, out) = (lines.to_str().unwrap(), path(&folder, "out.jsonl"));
    for arguments in [
        vec!["verify", &tape, "--replay", "btcusdt@trade"],
        vec!["info", &tape],
        vec!["export", &tape, "--out", &out],
        vec!["import", lines, "--out", &path(&folder, "again.tape")],
        vec!["cut", &tape, "--out", &path(&folder, "cut.tape")],
    ] {
        // The other end is closed before anything is said.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
        let output = command.arg("tape").args(&arguments).stdout(writer).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{arguments:?}");
    }
}

#[test]
fn of_a_file_that_is_cut_what_is_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let text: String = (1..20_000).map(|n| format!("{n} {{\"number\":{}}}\n", n * 7_919 % 10_007)).collect();
    let whole = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let (input, out) = (path(&folder, "cut.jsonl.zst"), path(&folder, "cut.tape"));
    std::fs::write(&input, &whole[..whole.len() * 2 / 3]).unwrap();
    let error = refused(&["import", &input, "--out", &out]);
    assert!(error.contains("cut.tape ends early") && error.contains("cannot be read"), "{error}");
    let kept = String::from_utf8(done(&["cat", &out])).unwrap();
    assert!(kept.lines().count() > 1_000 && text.starts_with(&kept), "{} lines", kept.lines().count());
    done(&["verify", &out]);
}

#[test]
fn parts_are_told_by_time_and_symbol() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, tape) = invented(&folder);
    let text = std::fs::read_to_string(lines).unwrap();
    let all: Vec<(i64, &str)> =
        text.lines().map(|line| (line.split_once(' ').unwrap().0.parse().unwrap(), line)).collect();
    // The tape begins at 2026-03-02 03:00 UTC.
    let (from, to) = (1_772_420_420_000_000_000, 1_772_420_430_500_000_000);
    let expected: String =
        all.iter().filter(|(time, _)| (from..to).contains(time)).map(|(_, line)| format!("{line}\n")).collect();
    assert!(!expected.is_empty());
    let spellings = [
        ["--from", "03:00:20", "--to", "03:00:30.5"],
        ["--from", "2026-03-02T03:00:20Z", "--to", "2026-03-02T12:00:30.500+09:00"],
        ["--from", "1772420420000000000", "--to", "1772420430500000000"],
    ];
    for range in spellings {
        let found = done(&[&["cat", &tape], &range[..]].concat());
        assert!(found == expected.as_bytes(), "{range:?}");
    }

    let of_symbol: String = all
        .iter()
        .filter(|(_, line)| line.contains("btcusdt@") || line.contains("\"s\":\"BTCUSDT\""))
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    assert!(done(&["cat", &tape, "--symbol", "btcusdt"]) == of_symbol.as_bytes());

    let error = refused(&["cat", &tape, "--symbol", "NOSUCH"]);
    assert!(error.contains("no `NOSUCH`; it has") && error.contains("BTCUSDT"), "{error}");
    let error = refused(&["cat", &tape, "--from", "1772420420"]);
    assert!(error.contains("--from") && error.contains("did you mean 1772420420000000000"), "{error}");
    let error = refused(&["cat", &tape, "--from", "2027-01-01"]);
    assert!(error.contains("it goes from 2026-03-02T03:00:00"), "{error}");
    let error = refused(&["cat", &tape, "--from", "03:00:30", "--to", "03:00:20"]);
    assert!(error.contains("is not after"), "{error}");
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let (_, tape) = invented(&folder);
    let mut child = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["tape", "cat", &tape])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_is_cut_and_merged_again_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, tape) = invented(&folder);
    let cut = |range: &[&str], name: &str| {
        let out = path(&folder, name);
        done(&[&["cut", &tape, "--out", &out], range].concat());
        done(&["verify", &out]);
        out
    };
    let first = cut(&["--to", "03:00:20"], "first.tape");
    let second = cut(&["--from", "03:00:20", "--to", "03:00:40"], "second.tape");
    let third = cut(&["--from", "03:00:40"], "third.tape");
    let merged = path(&folder, "merged.tape");
    done(&["merge", &third, &first, &second, "--out", &merged]);
    assert!(done(&["cat", &merged]) == std::fs::read(lines).unwrap());

    let info = String::from_utf8(done(&["info", &second, &tape])).unwrap();
    let first_line = info.lines().find(|line| line.contains("numbered")).unwrap();
    assert!(!first_line.contains("numbered 1 to"), "a part keeps its numbers: {info}");

    let error = refused(&["merge", &first, "--out", &first]);
    assert!(error.contains("one of the files that are read"), "{error}");
    let error = refused(&["merge", &first, "--out", "x.jsonl"]);
    assert!(error.contains("must end in .tape"), "{error}");
}

#[test]
fn of_the_same_instant_the_file_named_first_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (path(&folder, "a.jsonl"), path(&folder, "b.jsonl"));
    std::fs::write(&a, "1 {\"a\":1}\n5 {\"a\":2}\n5 {\"a\":3}\n").unwrap();
    std::fs::write(&b, "1 {\"b\":1}\n5 {\"b\":2}\n6 {\"b\":3}\n").unwrap();
    let out = path(&folder, "ab.tape");
    done(&["import", &b, &a, "--out", &out]);
    let expected = "1 {\"b\":1}\n1 {\"a\":1}\n5 {\"b\":2}\n5 {\"a\":2}\n5 {\"a\":3}\n6 {\"b\":3}\n";
    assert_eq!(String::from_utf8(done(&["cat", &out])).unwrap(), expected);
}

#[test]
fn info_tells_span_kinds_symbols_and_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, tape) = invented(&folder);
    let text = std::fs::read_to_string(&lines).unwrap();
    let trades = text.lines().filter(|line| line.contains("@trade\"")).count();
    let info = String::from_utf8(done(&["info", &tape])).unwrap();
    assert!(info.contains("2026-03-02T03:00:00.1"), "{info}");
    assert!(info.contains(&format!("records      {}, numbered 1 to", text.lines().count())), "{info}");
    let row = info.lines().find(|line| line.contains("binance trade")).unwrap();
    assert!(row.split_whitespace().any(|word| word == trades.to_string()), "{trades}: {row}");
    for part in ["upbit KRW-BTC", "binance BTCUSDT", "gaps         none noted", "silence", "before compression"] {
        assert!(info.contains(part), "{part}: {info}");
    }
    let error = refused(&["info", lines.to_str().unwrap()]);
    assert!(error.contains("is no .tape") && error.contains("tapecast tape import"), "{error}");
    let error = refused(&["info", "/nowhere.tape"]);
    assert!(error.contains("/nowhere.tape") && error.contains("No such file"), "{error}");
    let error = refused(&["info", env!("CARGO_BIN_EXE_tapecast")]);
    assert!(error.contains("does not begin with `tapecast`"), "{error}");
}
