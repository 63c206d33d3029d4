//! From a raw message to a tick: what a message of each kind costs, in time and per byte.
//!
//! Each iteration decodes the first 256 messages of a kind of the built-in tape (fewer where it holds fewer), so
//! symbols, lengths and digits vary as they do in a feed. A decoder destroys the bytes it is given, so each message is
//! first copied into a scratch buffer, inside of the timed part, where the real path reads it from the tape.
//! `decode_copy_throughput` is that copy alone. All symbols are known already; buffers have grown.
//!
//! Binance's messages stand in the wrapper of a combined stream, as recorders keep them; Upbit's have short keys.
//! `binance_depth_small` has 1 to 4 levels, `binance_depth_large` 50 and more, an Upbit order book 30 pairs. `tape` is
//! the built-in tape in its order, snapshots of books left out; a folder of recordings in `TAPECAST_FEEDS` adds the
//! first 20,000 messages of each.
//!
//! Every iteration checks how many ticks, levels and nanoseconds of event time came out. Before anything is timed, each
//! message of the tape is rendered again from what was decoded, and must be the bytes that it was.
//!
//! Before that, ours is measured against typed decoders with `serde_json` and `sonic-rs`, all three in turns, and a table
//! of medians is printed. All of them give the same tick, which is checked; the peers are told what kind comes, and ours
//! copies each message first, as above.
//!
//! How often decoding allocates once buffers have grown is printed for each kind; for Binance's it must be never.
//!
//! What would mislead: a message over and over, which a branch predictor learns by heart; bytes per second of kinds
//! with few numbers against kinds with many; and another machine's vector instructions, which decide what the parser of
//! Binance's JSON does.

mod heap;
mod peers;
mod tape;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use peers::{Read, SerdeJson, SonicRs, reader};
use tape::{Event, KINDS, POOL, Recording, is_test, recorded};
use tapecast::fanout::Form;
use tapecast::fanout::frame::Frame;
use tapecast::feed::source::Source;
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{Level, Tick};
use tapecast::protocol::websocket::{Opcode, write_frame};
use tapecast::venue::binance::TimeUnit;
use tapecast::venue::upbit::{Edition, Format, Layout, json::StreamType};
use tapecast::venue::{Decoder, Message};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// What decoding some messages came to.
#[derive(Debug, Default, PartialEq)]
struct Sums {
    ticks: usize,
    levels: usize,
    ts_event: i64,
}

/// Decodes each message once.
fn decode_all(events: &[&Event], decoder: &mut Decoder, symbols: &mut Symbols, scratch: &mut Vec<u8>) -> Sums {
    let mut sums = Sums::default();
    for event in events {
        scratch.clear();
        scratch.extend_from_slice(&event.raw);
        if let Ok(Message::Tick) = decoder.decode(event.venue, scratch, event.ts_recv, symbols) {
            sums.ticks += 1;
            sums.levels += decoder.levels.len();
            sums.ts_event = sums.ts_event.wrapping_add(decoder.tick.ts_event);
        }
    }
    sums
}

fn expected(events: &[&Event]) -> Sums {
    let ts_event = events.iter().fold(0_i64, |sum, event| sum.wrapping_add(event.tick.ts_event));
    Sums { ticks: events.len(), levels: events.iter().map(|event| event.levels.len()).sum(), ts_event }
}

fn size(events: &[&Event]) -> Throughput {
    let bytes = events.iter().map(|event| event.raw.len() as u64).sum();
    Throughput::ElementsAndBytes { elements: events.len() as u64, bytes }
}

/// Whether what was decoded is rendered as the bytes it was decoded from.
fn is_faithful(event: &Event, symbols: &Symbols) -> bool {
    let form = match event.venue {
        Venue::Binance => {
            let name = event.raw.strip_prefix(b"{\"stream\":\"").and_then(|rest| rest.split(|&b| b == b'"').next());
            let wrapper = name.map(|name| Rc::from(String::from_utf8_lossy(name).as_ref()));
            Form::Binance { unit: TimeUnit::Milliseconds, wrapper }
        }
        _ => {
            let (format, edition) = (Format::Simple, Edition::Today);
            Form::Upbit {
                venue: Venue::Upbit,
                layout: Layout { format, units: 30, grouping: None, edition },
                deflate: false,
            }
        }
    };
    let opcode = if event.venue == Venue::Binance { Opcode::Text } else { Opcode::Binary };
    let (mut frame, mut original) = (Frame::default(), Vec::new());
    let symbol = symbols.get(event.tick.symbol);
    frame.render(&form, &event.tick, &event.levels, symbol, StreamType::Realtime);
    write_frame(opcode, &event.raw, &mut original);
    frame.bytes() == original
}

fn messages(criterion: &mut Criterion) {
    let Recording { mut symbols, events, .. } = Recording::demo();
    let unfaithful = events.iter().filter(|event| !is_faithful(event, &symbols)).count();
    assert_eq!(unfaithful, 0, "messages that do not come out as they went in");
    let recording = Recording { events, ..Recording::default() };
    let (mut decoder, mut scratch) = (Decoder::default(), Vec::new());
    let mut group = criterion.benchmark_group("decode_throughput");
    for kind in KINDS {
        let events = recording.of_kind(kind, POOL);
        let expected = expected(&events);
        decode_all(&events, &mut decoder, &mut symbols, &mut scratch);
        let before = heap::allocations();
        decode_all(&events, &mut decoder, &mut symbols, &mut scratch);
        let allocations = heap::allocations() - before;
        println!("decode, {kind}: {:.2} allocations a message", allocations as f64 / events.len() as f64);
        assert!(kind.starts_with("upbit_") || allocations == 0, "{kind} allocates");
        group.throughput(size(&events));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| assert_eq!(decode_all(&events, &mut decoder, &mut symbols, &mut scratch), expected));
        });
    }
    let events: Vec<&Event> = recording.events.iter().collect();
    group.throughput(size(&events));
    let expected = expected(&events);
    group.bench_function("tape", |bencher| {
        bencher.iter(|| assert_eq!(decode_all(&events, &mut decoder, &mut symbols, &mut scratch), expected));
    });
    group.finish();

    let mut group = criterion.benchmark_group("decode_copy_throughput");
    for kind in ["binance_trade", "binance_depth_large", "upbit_orderbook"] {
        let events = recording.of_kind(kind, POOL);
        group.throughput(size(&events));
        group.bench_function(kind, |bencher| {
            bencher.iter(|| {
                for event in &events {
                    scratch.clear();
                    scratch.extend_from_slice(&event.raw);
                    std::hint::black_box(&mut scratch);
                }
            });
        });
    }
    group.finish();
}

/// Decodes each message once with a peer.
fn read_all(events: &[&Event], read: Read, symbols: &Symbols, tick: &mut Tick, levels: &mut Vec<Level>) -> Sums {
    let mut sums = Sums::default();
    for event in events {
        levels.clear();
        read(&event.raw, event.ts_recv, symbols, tick, levels);
        sums.ticks += 1;
        sums.levels += levels.len();
        sums.ts_event = sums.ts_event.wrapping_add(tick.ts_event);
    }
    sums
}

/// The peers give what ours gives, number for number.
fn check_peer(events: &[&Event], read: Read, symbols: &Symbols) {
    for event in events {
        let Tick { sequence, ts_recv, .. } = event.tick;
        let (mut tick, mut levels) = (Tick { sequence, ts_recv, ..Tick::default() }, Vec::new());
        read(&event.raw, event.ts_recv, symbols, &mut tick, &mut levels);
        assert_eq!(format!("{tick:?}{levels:?}"), format!("{:?}{:?}", event.tick, event.levels));
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Ours and both peers in turns; prints the medians as a table.
fn against_peers(_: &mut Criterion) {
    let rounds = if is_test() { 1 } else { 2_000 };
    let Recording { mut symbols, events, .. } = Recording::demo();
    let recording = Recording { events, ..Recording::default() };
    let (mut decoder, mut scratch) = (Decoder::default(), Vec::new());
    let (mut tick, mut levels) = (Tick::default(), Vec::new());
    println!(
        "| nanoseconds a message, medians | ours | serde_json | sonic-rs | ours / the faster peer |\n|---|---|---|---|---|"
    );
    for kind in KINDS {
        let events = recording.of_kind(kind, POOL);
        let peers = [reader::<SerdeJson>(kind), reader::<SonicRs>(kind)];
        peers.iter().for_each(|read| check_peer(&events, *read, &symbols));
        // Short enough to lie between two interruptions on a busy machine; a time per piece and decoder.
        let pieces: Vec<&[&Event]> = events.chunks(16).collect();
        let mut times = [(); 3].map(|()| vec![Vec::new(); pieces.len()]);
        for _ in 0..rounds {
            for (which, times) in times.iter_mut().enumerate() {
                for (piece, times) in pieces.iter().zip(times) {
                    let begun = Instant::now();
                    let sums = match which {
                        0 => decode_all(piece, &mut decoder, &mut symbols, &mut scratch),
                        _ => read_all(piece, peers[which - 1], &symbols, &mut tick, &mut levels),
                    };
                    times.push(begun.elapsed());
                    assert_eq!(sums.ticks, piece.len());
                }
            }
        }
        let [ours, serde_json, sonic_rs] = times.map(|pieces| {
            let medians = pieces.into_iter().map(median);
            medians.sum::<Duration>().as_nanos() as f64 / events.len() as f64
        });
        let ratio = ours / serde_json.min(sonic_rs);
        println!("| {kind} | {ours:.0} | {serde_json:.0} | {sonic_rs:.0} | {ratio:.2} |");
    }
}

fn recordings(criterion: &mut Criterion) {
    let paths: Vec<PathBuf> = recorded();
    let mut group = criterion.benchmark_group("decode_recorded_throughput");
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Recording { mut symbols, events, .. } = Recording::read(Source::file(path), 20_000);
        let events: Vec<&Event> = events.iter().collect();
        if events.is_empty() {
            continue;
        }
        let (mut decoder, mut scratch) = (Decoder::default(), Vec::new());
        let expected = expected(&events);
        group.throughput(size(&events));
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(decode_all(&events, &mut decoder, &mut symbols, &mut scratch), expected));
        });
    }
    group.finish();
}

criterion_group! {
    name = decode;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = against_peers, messages, recordings
}
criterion_main!(decode);
