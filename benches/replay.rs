//! Playing a tape flat out, against what nobody can do without: unpacking it and parsing each line as JSON.
//!
//! - `bare` reads lines with the `zstd` crate and parses each message with `simd_json::to_borrowed_value`; what is parsed is
//!   thrown away. It is `zstd -dc | simd-json` in one thread, without the pipe.
//! - `lines` and `blocks` read the same messages as the server does, from lines and from a tape in blocks, and decode them
//!   to ticks with exact numbers.
//! - `serve` is the whole program on the tape in blocks, `--speed max --exit-at-end` without clients: process and threads
//!   begun and ended, books, candles and windows kept, ticks through the ring to a writer.
//!
//! Tapes are the invented one, and the recordings of Binance's spot market in the folder `TAPECAST_FEEDS`; as lines they
//! are compressed as `tape synth` and the recorders do it. All four read each tape in turns, and medians are printed
//! with their ratio to `bare` in the same rounds. Every round checks that all came upon the same number of messages.
//!
//! What would mislead: `serve` uses a second core where one is free, and `bare` does not; the
//! processor time, printed too, does not fall by that. Of a short tape, `serve` is mostly the beginning and the end of a
//! process. All files are in the page cache.

mod tape;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tape::is_test;
use tapecast::feed::merge::Merge;
use tapecast::feed::source::Source;
use tapecast::market::symbol::Symbols;
use tapecast::venue::{Decoder, Message};

/// Rounds, of which the median counts.
const ROUNDS: usize = 7;

/// Length of the invented tape in minutes: some 160 MB of messages.
const MINUTES: &str = "20";

/// What reading a tape once took.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    processor: Duration,
}

/// A way to read a tape: what it is called, and what comes upon how many messages.
type Way<'a> = (&'a str, &'a dyn Fn(&Pair) -> u64);

/// One tape in its two forms.
struct Pair {
    name: String,
    lines: PathBuf,
    blocks: PathBuf,
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let minutes = if is_test() { "1" } else { MINUTES };
    let lines = folder.path().join("invented.jsonl.zst");
    tapecast(&["tape", "synth", "--seed", "7", "--minutes", minutes, "--level", "3", "--out", &text(&lines)]);
    let mut tapes = vec![lines];
    tapes.extend(tape::recorded().into_iter().filter(|path| text(path).contains("binance-spot-2024")));
    for lines in tapes.iter().take(if is_test() { 1 } else { usize::MAX }) {
        let name = lines.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let blocks = folder.path().join(format!("{name}.tape"));
        tapecast(&["tape", "import", &text(lines), "--out", &text(&blocks)]);
        compare(&Pair { name, lines: lines.clone(), blocks });
    }
}

fn compare(pair: &Pair) {
    let ways: [Way<'_>; 4] = [
        ("bare", &bare),
        ("lines", &|pair| played(&pair.lines)),
        ("blocks", &|pair| played(&pair.blocks)),
        ("serve", &served),
    ];
    let mut rounds: Vec<[Took; 4]> = Vec::new();
    let (mut messages, mut bytes) = (0, 0);
    for round in 0..if is_test() { 1 } else { ROUNDS } {
        let mut took = [Took { wall: Duration::ZERO, processor: Duration::ZERO }; 4];
        for (place, (name, way)) in ways.iter().enumerate() {
            let (begun, before) = (Instant::now(), processor_time());
            let count = way(pair);
            took[place] = Took { wall: begun.elapsed(), processor: processor_time().saturating_sub(before) };
            if (round, place) == (0, 0) {
                (messages, bytes) = (count, unpacked_bytes(&pair.lines));
            }
            assert!(count > 0 && (count == messages || *name == "serve"), "{name}: {count} of {messages} messages");
        }
        rounds.push(took);
    }
    println!("{}: {messages} messages, {:.1} MB", pair.name, bytes as f64 / 1e6);
    for (place, (name, _)) in ways.iter().enumerate() {
        let wall = median(rounds.iter().map(|took| took[place].wall.as_secs_f64()));
        let processor = median(rounds.iter().map(|took| took[place].processor.as_secs_f64()));
        let ratio = median(rounds.iter().map(|took| took[0].wall.as_secs_f64() / took[place].wall.as_secs_f64()));
        let rate = bytes as f64 / 1e6 / wall;
        println!("  {name:<7} {wall:>7.3} s  {rate:>6.0} MB/s  {ratio:>5.2} x bare  {processor:>7.3} s of processors");
    }
}

/// Unpacks and parses, and nothing else.
fn bare(pair: &Pair) -> u64 {
    let file = File::open(&pair.lines).expect("the tape is there");
    let mut reader = BufReader::with_capacity(1 << 17, zstd::Decoder::new(file).expect("zstd"));
    let (mut line, mut messages) = (Vec::new(), 0);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).expect("a tape that is whole") == 0 {
            return messages;
        }
        let start = memchr::memchr(b' ', &line).expect("a receive time") + 1;
        let parsed = simd_json::to_borrowed_value(&mut line[start..]).expect("JSON");
        std::hint::black_box(&parsed);
        messages += 1;
    }
}

/// Reads and decodes as the server does.
fn played(path: &Path) -> u64 {
    let mut feed = Merge::open(&[Source::file(path)]).expect("a tape that can be read");
    let (mut decoder, mut symbols) = (Decoder::default(), Symbols::default());
    let (mut message, mut messages) = (Vec::new(), 0);
    while let Some((ts_recv, venue)) = feed.next(&mut message) {
        match decoder.decode(venue, &mut message, ts_recv, &mut symbols) {
            Ok(Message::Tick) => drop(std::hint::black_box(&decoder.tick)),
            Ok(other) => drop(std::hint::black_box(other)),
            Err(error) => panic!("a message of the tape is rejected: {error:?}"),
        }
        messages += 1;
    }
    messages
}

/// The whole program; it says nothing of how many messages there were.
fn served(pair: &Pair) -> u64 {
    let flags = ["serve", "--listen", "127.0.0.1:0", "--pin", "false", "--speed", "max", "--exit-at-end"];
    tapecast(&[&flags[..], &["--feed", &text(&pair.blocks)]].concat());
    1
}

fn unpacked_bytes(lines: &Path) -> u64 {
    let mut unpacked = zstd::Decoder::new(File::open(lines).expect("the tape is there")).expect("zstd");
    std::io::copy(&mut unpacked, &mut std::io::sink()).expect("a tape that is whole")
}

fn tapecast(arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("the program under test starts").success(), "tapecast {arguments:?}");
}

/// Processor time of this process, its threads and the children that have ended.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = text.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = behind_name.split(' ').skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    // The kernel counts in hundredths of a second for whoever reads this.
    Duration::from_millis(ticks * 10)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
