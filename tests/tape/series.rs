//! A series of tapes is proved to be whole as one: records, digests and update ids go on from file to file.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{done, path, refused};

/// Update ids of ten events a day.
const A_DAY: i64 = 10;

/// 2023-11-14 at 22:13:20.
const FIRST: i64 = 1_700_000_000_000_000_000;

/// Records events of three days, of which those with these ids are left out, as a series from `in.tape`.
fn series(folder: &TempDir, left_out: &[i64], price: &str) -> String {
    let out = path(folder, "in.tape");
    let event = |id: i64| {
        let ts = FIRST + (id / A_DAY) * 86_400_000_000_000 + id;
        format!(
            "{ts} {{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":{id},\"u\":{id},\"b\":[[\"{price}\",\"2\"]],\"a\":[]}}\n"
        )
    };
    let lines: String = (0..3 * A_DAY).filter(|id| !left_out.contains(id)).map(event).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["record", "--from", "-", "--out", &out, "--rotate", "daily"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    out
}

fn days(folder: &TempDir) -> [String; 3] {
    ["14", "15", "16"].map(|day| path(folder, &format!("in-2023-11-{day}.tape")))
}

#[test]
fn a_whole_series_is_verified_as_one_tape() {
    let folder = tempfile::tempdir().unwrap();
    let tape = series(&folder, &[], "1");
    let [first, second, third] = days(&folder);
    // By the series' name, and as a shell might list them.
    for arguments in [&["verify", &tape][..], &["verify", &third, &first, &second]] {
        let text = String::from_utf8(done(arguments)).unwrap();
        assert!(text.ends_with("whole: 3 files\n"), "{text}");
        let followed: Vec<&str> = text.lines().filter(|line| line.contains("depth events follow")).collect();
        assert_eq!(followed.len(), 3);
        for (line, part) in followed.iter().zip(["; 9 depth", "; 10 depth", "; 10 depth"]) {
            assert!(line.contains(part), "{text}");
        }
    }
    let alone = String::from_utf8(done(&["verify", &second])).unwrap();
    assert!(alone.ends_with("  whole\n") && alone.contains("; 9 depth"), "{alone}");
    let info = String::from_utf8(done(&["info", &tape])).unwrap();
    assert_eq!(info.matches("it continues the file above").count(), 2, "{info}");
    let error = refused(&["verify", &path(&folder, "out.tape")]);
    assert!(error.contains("out.tape") && error.contains("No such file"), "{error}");
}

#[test]
fn what_is_missing_between_two_files_is_named_with_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let tape = series(&folder, &[20], "1");
    let error = refused(&["verify", &tape]);
    let expected = "the first: in-2023-11-16.tape: record 21 at 2023-11-16T22:13:20.000000021Z: BTCUSDT: update 19 is \
                    followed by an event that follows 20";
    assert!(error.contains("3 files: 0 damages and 1 holes") && error.contains(expected), "{error}");

    // A file that is gone.
    std::fs::remove_file(&days(&folder)[1]).unwrap();
    let error = refused(&["verify", &tape]);
    let expected =
        "the first: in-2023-11-16.tape: records 11 to 20 are missing between in-2023-11-14.tape and this file";
    assert!(error.contains("2 files: 1 damages and 0 holes") && error.contains(expected), "{error}");
    let info = String::from_utf8(done(&["info", &tape])).unwrap();
    assert!(info.contains("records 11 to 20 are missing"), "{info}");
}

#[test]
fn the_first_damage_of_a_series_is_named_with_its_file() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tape = series(&folder, &[], "1");
    let second = days(&folder)[1].clone();
    let whole = std::fs::read(&second).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    std::fs::write(&second, bytes).unwrap();
    let error = refused(&["verify", &tape]);
    assert!(error.contains("the first: in-2023-11-15.tape: ") && error.contains("block 0"), "{error}");

    // A file of the same length in records, which was written after another one.
    series(&other, &[], "7");
    std::fs::copy(Path::new(&days(&other)[1]), &second).unwrap();
    let error = refused(&["verify", &tape]);
    let expected = "the first: in-2023-11-15.tape: it does not continue in-2023-11-14.tape: its header names another";
    assert!(error.contains(expected), "{error}");
}
