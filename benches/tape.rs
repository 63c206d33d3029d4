//! Not a bench: what the benches are fed with.
//!
//! Messages come out of the built-in tape, so that every bench runs anywhere. Where the variable `TAPECAST_FEEDS` names
//! a folder, the tapes in it are measured too, by benches that say so.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::path::PathBuf;

use tapecast::feed::builtin::DEMO;
use tapecast::feed::merge::Merge;
use tapecast::feed::source::Source;
use tapecast::market::book::snapshot::Snapshot;
use tapecast::market::channel::{Channel, Interval, Levels, Pace, Window, Zone};
use tapecast::market::engine::{Derive, Engine};
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{Level, Tick};
use tapecast::venue::{Decoder, Message};

/// A message with what it says.
pub struct Event {
    pub ts_recv: i64,
    pub venue: Venue,
    pub raw: Vec<u8>,
    pub tick: Tick,
    pub levels: Vec<Level>,
}

/// What a tape holds.
#[derive(Default)]
pub struct Recording {
    pub symbols: Symbols,
    /// The messages that are ticks, in order.
    pub events: Vec<Event>,
    /// The messages that are books, each with the number of ticks before it.
    pub snapshots: Vec<(usize, Snapshot)>,
}

impl Recording {
    /// The first `most` messages of a tape; those that are rejected are left out.
    pub fn read(source: Source, most: usize) -> Recording {
        let mut feed = Merge::open(&[source]).expect("a tape that can be read");
        let mut recording = Recording::default();
        let (mut decoder, mut raw, mut scratch) = (Decoder::default(), Vec::new(), Vec::new());
        for sequence in 1..=most as u64 {
            let Some((ts_recv, venue)) = feed.next(&mut raw) else { break };
            scratch.clone_from(&raw);
            match decoder.decode(venue, &mut scratch, ts_recv, &mut recording.symbols) {
                Ok(Message::Tick) => {
                    let tick = Tick { sequence, ts_recv, ..decoder.tick };
                    let (raw, levels) = (raw.clone(), decoder.levels.clone());
                    recording.events.push(Event { ts_recv, venue, raw, tick, levels });
                }
                Ok(Message::Snapshot(snapshot)) => recording.snapshots.push((recording.events.len(), snapshot)),
                Ok(Message::List(_)) | Err(_) => {}
            }
        }
        recording
    }

    /// The whole built-in tape.
    pub fn demo() -> Recording {
        Self::read(DEMO, usize::MAX)
    }

    /// What the market engine makes of Binance's messages if everything that can be derived is, and is wanted: of each
    /// channel the first 1,024 ticks, in order.
    pub fn derived(&self) -> Vec<Event> {
        const MOST: usize = 1_024;
        let mut engine = Engine::new(Derive::Always);
        derived_channels().into_iter().for_each(|channel| engine.interest().set_everywhere(channel));
        let (mut events, mut counts) = (Vec::new(), [0; Channel::COUNT]);
        let mut snapshots = self.snapshots.iter().peekable();
        for (at, event) in self.events.iter().enumerate().filter(|(_, event)| event.venue == Venue::Binance) {
            while let Some((_, snapshot)) = snapshots.next_if(|(before, _)| *before <= at) {
                engine.on_snapshot(snapshot.clone());
            }
            engine.on_tick(&event.tick, &event.levels, &mut |tick, levels| {
                let count = &mut counts[tick.channel.index()];
                if derived_channels().contains(&tick.channel) && *count < MOST {
                    *count += 1;
                    let (ts_recv, venue, levels) = (event.ts_recv, event.venue, levels.to_vec());
                    events.push(Event { ts_recv, venue, raw: Vec::new(), tick: *tick, levels });
                }
            });
        }
        events
    }

    /// The first `most` events of a kind that [`KINDS`] names.
    pub fn of_kind(&self, kind: &str, most: usize) -> Vec<&Event> {
        let events: Vec<&Event> = self.events.iter().filter(|event| event.kind() == Some(kind)).take(most).collect();
        assert!(!events.is_empty(), "the tape holds no {kind}");
        events
    }
}

/// The channels that the market engine can derive.
pub fn derived_channels() -> Vec<Channel> {
    let mut channels = vec![Channel::AggTrade, Channel::BookTicker, Channel::Depth(Pace::Ms1000)];
    channels.extend([Channel::Ticker, Channel::MiniTicker, Channel::AvgPrice]);
    channels.extend(Window::ALL.map(Channel::WindowTicker));
    for pace in [Pace::Ms100, Pace::Ms1000] {
        channels.extend(Levels::ALL.map(|levels| Channel::PartialDepth(levels, pace)));
    }
    for zone in Zone::ALL {
        channels.extend(Interval::ALL.map(|interval| Channel::Kline(interval, zone)));
    }
    channels
}

/// The kinds of messages that are measured one by one. A small change of a book has at most 4 levels (the built-in
/// tape's median is 3), a large one at least 50.
pub const KINDS: [&str; 11] = [
    "binance_trade",
    "binance_agg_trade",
    "binance_book_ticker",
    "binance_depth_small",
    "binance_depth_large",
    "binance_kline",
    "binance_ticker",
    "binance_mini_ticker",
    "upbit_trade",
    "upbit_ticker",
    "upbit_orderbook",
];

impl Event {
    /// Which of [`KINDS`] it is; `None` for a change of a book between small and large.
    pub fn kind(&self) -> Option<&'static str> {
        Some(match (self.venue, self.tick.channel) {
            (Venue::Upbit, Channel::Trade) => "upbit_trade",
            (Venue::Upbit, Channel::DayTicker) => "upbit_ticker",
            (Venue::Upbit, _) => "upbit_orderbook",
            (_, Channel::Trade) => "binance_trade",
            (_, Channel::AggTrade) => "binance_agg_trade",
            (_, Channel::BookTicker) => "binance_book_ticker",
            (_, Channel::Depth(Pace::Ms100)) if self.levels.len() <= 4 => "binance_depth_small",
            (_, Channel::Depth(_)) if self.levels.len() >= 50 => "binance_depth_large",
            (_, Channel::Kline(..)) => "binance_kline",
            (_, Channel::Ticker) => "binance_ticker",
            (_, Channel::MiniTicker) => "binance_mini_ticker",
            _ => return None,
        })
    }
}

/// The tapes in the folder that `TAPECAST_FEEDS` names, sorted by name; none without it.
pub fn recorded() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("TAPECAST_FEEDS") else { return Vec::new() };
    let files = std::fs::read_dir(&folder).expect("TAPECAST_FEEDS names a folder that can be read");
    let mut paths: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".jsonl.zst"));
    paths.sort();
    paths
}

/// The most messages of a kind that an iteration goes through.
pub const POOL: usize = 256;

/// Whether this run only tests that the benches work.
pub fn is_test() -> bool {
    let is_given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    is_given("--test") || !is_given("--bench")
}
