//! A writer that is killed, and a disk that is full.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use tapecast::tape::{Direction, Form, Message, Reader, Settings, TapeError, What, Writer};

use crate::{invented, path};

/// What tells a copy of this process that it is the writer, and where to write.
const WRITES_TO: &str = "TAPECAST_TEST_WRITES_TO";

fn text(sequence: u64) -> String {
    format!("{{\"e\":\"trade\",\"t\":{sequence},\"p\":\"{}\"}}", sequence.wrapping_mul(2_654_435_761) % 1_000_003)
}

/// Appends until it is killed, and says on standard output which record is in the file.
fn write_for_ever(path: &Path) -> ! {
    let (mut writer, _) = Writer::open(path, Settings { block_bytes: 8 << 10, ..Settings::default() }).unwrap();
    let mut out = std::io::stdout();
    loop {
        let sequence = writer.next_sequence();
        let bytes = text(sequence);
        let (direction, form) = (Direction::From, Form::Text);
        let (ts_recv, bytes) = (sequence as i64, bytes.as_bytes());
        writer.append(&Message { ts_recv, connection: 0, direction, form, label: "trade", bytes }).unwrap();
        if sequence % 50 == 0 {
            writer.flush().unwrap();
            // Whoever listens may be gone.
            let _ = writeln!(out, "{sequence}").and_then(|()| out.flush());
        }
    }
}

#[test]
fn what_was_flushed_survives_a_kill_and_the_next_writer_goes_on() {
    if let Some(path) = std::env::var_os(WRITES_TO) {
        write_for_ever(path.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = path(&folder, "killed.tape");
    let mut flushed_before = 0;
    for round in 1..=4 {
        let name = "crashes::what_was_flushed_survives_a_kill_and_the_next_writer_goes_on";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(WRITES_TO, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut told = lines.filter_map(|line| line.trim().parse::<u64>().ok());
        let flushed = told.nth(20 * round).expect("the writer writes");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(flushed > flushed_before);

        let mut reader = Reader::open(path.as_ref()).unwrap();
        let mut read = 0;
        loop {
            match reader.read() {
                Ok(Some(record)) => {
                    read += 1;
                    assert_eq!((record.sequence, record.message.bytes), (read, text(read).as_bytes()));
                }
                Ok(None) => break,
                // It was killed while it wrote a block.
                Err(damage) => {
                    let is_end = matches!(damage.what, What::Unfinished | What::CutOff { .. } | What::NoBlock { .. });
                    assert!(is_end, "{damage}");
                }
            }
        }
        assert!(read >= flushed, "{read} of {flushed}");
        flushed_before = read;
    }

    // What is half a block is cut, and said.
    let length = std::fs::metadata(&path).unwrap().len();
    let end = Reader::open(path.as_ref()).unwrap().index().entries.last().unwrap().end();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0x54; 300]).unwrap();
    let (mut writer, cut) = Writer::open(path.as_ref(), Settings::default()).unwrap();
    let cut = cut.expect("something was cut");
    assert_eq!((cut.at, cut.bytes), (end, length + 300 - end));
    assert_eq!(cut.known_until, Some(flushed_before as i64));
    let sentence = format!("{} bytes behind byte {end} were no whole block", cut.bytes);
    assert!(cut.to_string().contains(&sentence), "{cut}");
    // Two writers would write over one another.
    assert!(matches!(Writer::open(path.as_ref(), Settings::default()), Err(TapeError::Busy)));
    assert_eq!(writer.next_sequence(), flushed_before + 1);
    writer.finish().unwrap();
    assert!(Reader::open(path.as_ref()).unwrap().is_finished());
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_named_and_leaves_whole_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, _) = invented(&folder);
    let (lines, out) = (lines.to_str().unwrap().to_owned(), path(&folder, "full.tape"));
    // No file may become longer than some blocks, and who tries gets an error, not a signal.
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$0\" tape import \"$1\" --out \"$2\" --block 16 --level 1";
    let output =
        Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_tapecast"), &lines, &out]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("full.tape") && error.contains("File too large"), "{error}");
    let mut reader = Reader::open(out.as_ref()).unwrap();
    assert!(matches!(reader.read(), Err(damage) if damage.what == What::Unfinished));
    let mut records = 0;
    while let Some(record) = reader.read().expect("nothing else is damaged") {
        records += 1;
        assert_eq!(record.sequence, records);
    }
    assert!(records > 100 && reader.index().entries.last().unwrap().end() == reader.length(), "{records}");
}
