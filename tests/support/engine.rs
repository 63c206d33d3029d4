//! A tape played into an engine, in one thread and without a clock of its own: what is published, as fast as it goes.

use tapecast::feed::merge::Merge;
use tapecast::feed::source::Source;
use tapecast::market::channel::Channel;
use tapecast::market::civil::NS_PER_MS;
use tapecast::market::engine::{Derive, Engine};
use tapecast::market::symbol::{SymbolId, Symbols};
use tapecast::market::tick::{Kind, Level, Tick};
use tapecast::venue::{Decoder, Message};

/// How often the engine is told what time it is.
const CLOCK_NS: i64 = 100 * NS_PER_MS;

/// For how long after the tape's end: candles close up to two seconds later, and what is merged goes out.
const CLOCKS_AFTER_END: i64 = 50;

/// Where a tick is from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The tape says it.
    Tape,
    /// The engine publishes it.
    Engine,
}

/// Plays a tape with these channels wanted of all symbols; `seen` gets all that is said and published, in its order.
pub fn play(
    source: Source,
    derive: Derive,
    wanted: &[Channel],
    mut seen: impl FnMut(Origin, &Tick, &[Level]),
) -> (Engine, Symbols) {
    let mut feed = Merge::open(&[source]).expect("the tape opens");
    let (mut decoder, mut message, mut symbols) = (Decoder::default(), Vec::new(), Symbols::default());
    let mut engine = Engine::new(derive);
    wanted.iter().for_each(|&channel| engine.interest().set_everywhere(channel));
    let (mut sequence, mut announced, mut clock) = (0, 0, None);
    while let Some((ts_recv, venue)) = feed.next(&mut message) {
        let mut next = clock.unwrap_or(ts_recv) / CLOCK_NS * CLOCK_NS + CLOCK_NS;
        while next <= ts_recv {
            engine.on_clock(next, sequence, &mut |tick, levels| seen(Origin::Engine, tick, levels));
            next += CLOCK_NS;
        }
        clock = Some(ts_recv);
        sequence += 1;
        match decoder.decode(venue, &mut message, ts_recv, &mut symbols) {
            Ok(Message::Tick) => {}
            Ok(Message::Snapshot(snapshot)) => {
                engine.on_snapshot(snapshot);
                continue;
            }
            _ => continue,
        }
        while announced < symbols.len() {
            let symbol = SymbolId(announced as u32);
            let tick = Tick { symbol, kind: Kind::Announce(*symbols.get(symbol)), ..Tick::default() };
            engine.on_tick(&tick, &[], &mut |tick, levels| seen(Origin::Engine, tick, levels));
            announced += 1;
        }
        let tick = Tick { sequence, ts_recv, ..decoder.tick };
        seen(Origin::Tape, &tick, &decoder.levels);
        engine.on_tick(&tick, &decoder.levels, &mut |tick, levels| seen(Origin::Engine, tick, levels));
    }
    let end = clock.unwrap_or(0);
    for n in 1..=CLOCKS_AFTER_END {
        engine.on_clock(end + n * CLOCK_NS, sequence, &mut |tick, levels| seen(Origin::Engine, tick, levels));
    }
    (engine, symbols)
}
