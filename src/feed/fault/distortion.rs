//! Streams that are not as they should be: events left out, told twice, out of order, late.
//!
//! ```text
//!  market ──tick──▶ Distortion ──▶ Passed: none, one or several ticks, in the order in which they are told
//!                       └──────▶ Firing: which fault has struck, where, and what it did
//! ```
//!
//! What comes late is told under the number of the message that it comes with, so numbers rise as ever.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::feed::fault::parts::Selector;
use crate::feed::fault::{Script, What};
use crate::feed::synthetic::chance::Chance;
use crate::market::channel::Stream;
use crate::market::civil::NS_PER_SECOND;
use crate::market::symbol::Symbols;
use crate::market::tick::{Kind, Level, Tick};

/// Most events held back at once; what would be one more passes as it is.
pub const HELD_MAX: usize = 65_536;

/// How long a fault waits for those events of streams of all symbols that it is to touch, on the tape's clock.
const ALL_TOUCHED_WITHIN_NS: i64 = 60 * NS_PER_SECOND;

/// A fault has struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Its place in the script.
    pub fault: usize,
    /// When, on the tape's clock as clients see it; nanoseconds since the epoch.
    pub tape_ns: i64,
    /// Which streams; `None` for all, and where it is not about streams.
    pub streams: Option<Vec<Stream>>,
    /// What it did, in words.
    pub detail: String,
}

/// Ticks that pass, in order.
#[derive(Debug, Default)]
pub struct Passed {
    /// Each with the range of its levels.
    pub ticks: Vec<(Tick, Range<usize>)>,
    /// The levels of all of them.
    pub levels: Vec<Level>,
    /// What has struck.
    pub firings: Vec<Firing>,
}

/// What is done to streams at present.
#[derive(Debug)]
pub struct Distortion {
    script: Arc<Script>,
    active: Vec<Active>,
    held: Vec<Held>,
    chance: Chance,
    now_ns: i64,
}

#[derive(Debug)]
struct Active {
    fault: usize,
    /// How many events of each stream it touches, and how many it has.
    count: u32,
    touched: FxHashMap<Stream, u32>,
    /// Whether it has touched all that it can.
    is_done: bool,
    until_ns: i64,
}

/// A tick that is told later: behind the next one of its stream, or when it is due.
#[derive(Debug)]
struct Held {
    tick: Tick,
    levels: Vec<Level>,
    due_ns: Option<i64>,
}

/// What becomes of a tick.
enum Fate {
    Told { times: u32 },
    Lost,
    Held { due_ns: Option<i64> },
}

impl Passed {
    fn push(&mut self, tick: Tick, levels: &[Level]) {
        let start = self.levels.len();
        self.levels.extend_from_slice(levels);
        self.ticks.push((tick, start..self.levels.len()));
    }

    /// Forgets all, and keeps the memory.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.levels.clear();
        self.firings.clear();
    }
}

impl Distortion {
    /// Nothing is done yet.
    pub fn new(script: Arc<Script>) -> Distortion {
        let chance = Chance::new(script.seed, 1);
        Distortion { script, active: Vec::new(), held: Vec::new(), chance, now_ns: 0 }
    }

    /// A fault of streams is due. What lasts has struck with this; what touches single events strikes with the first.
    pub fn begin(&mut self, fault: usize, tape_ns: i64, symbols: &Symbols, passed: &mut Passed) {
        let script = Arc::clone(&self.script);
        let (count, until_ns, detail) = match &script.faults[fault].what {
            What::Skip { count, stream } | What::Repeat { count, stream } | What::Reorder { count, stream } => {
                (*count, if stream.is_of_all() { tape_ns + ALL_TOUCHED_WITHIN_NS } else { i64::MAX }, None)
            }
            What::Thin { lasts, keep, .. } => {
                let lasts = lasts.pick(&mut self.chance);
                let detail = format!("{}.{}% pass, for {lasts:?}", keep.0 / 10, keep.0 % 10);
                (u32::MAX, tape_ns + lasts.as_nanos() as i64, Some(detail))
            }
            What::Lag { lasts, by, .. } => {
                let lasts = lasts.pick(&mut self.chance);
                (u32::MAX, tape_ns + lasts.as_nanos() as i64, Some(format!("by {by}, for {lasts:?}")))
            }
            _ => return,
        };
        self.active.push(Active { fault, count, touched: FxHashMap::default(), is_done: false, until_ns });
        if let Some(detail) = detail {
            let streams = selector(&script.faults[fault].what).map(|selector| selector.streams(symbols));
            passed.firings.push(Firing { fault, tape_ns, streams, detail });
        }
    }

    /// Whether nothing is done, and nothing is held back.
    pub fn is_idle(&self) -> bool {
        self.active.is_empty() && self.held.is_empty()
    }

    /// Takes a tick on its way to the ring: what is told in its place.
    pub fn take(&mut self, tick: &Tick, levels: &[Level], symbols: &Symbols, passed: &mut Passed) {
        self.pass_time(tick.ts_recv, tick.sequence, passed);
        match tick.kind {
            Kind::End => {
                self.release(|_| true, tick.sequence, passed);
                return passed.push(*tick, levels);
            }
            Kind::Announce(_) | Kind::Second => return passed.push(*tick, levels),
            // It is told to those who come, and is no event.
            _ if tick.restated => return passed.push(*tick, levels),
            _ => {}
        }
        let stream = tick.stream();
        if self.held.iter().any(|held| held.is_next_of(stream)) {
            passed.push(*tick, levels);
            return self.release(|held| held.is_next_of(stream), tick.sequence, passed);
        }
        match self.fate(tick, symbols, passed) {
            Fate::Lost => {}
            Fate::Told { times } => (0..times).for_each(|_| passed.push(*tick, levels)),
            Fate::Held { due_ns } => self.held.push(Held { tick: *tick, levels: levels.to_vec(), due_ns }),
        }
    }

    /// Time has passed on the tape: what is due is told, under this number.
    pub fn pass_time(&mut self, tape_ns: i64, sequence: u64, passed: &mut Passed) {
        self.now_ns = self.now_ns.max(tape_ns);
        let now = self.now_ns;
        self.active.retain(|active| !active.is_done && active.until_ns > now);
        if self.held.iter().any(|held| held.is_due(now)) {
            self.release(|held| held.is_due(now), sequence, passed);
        }
    }

    fn release(&mut self, is_meant: impl Fn(&Held) -> bool, sequence: u64, passed: &mut Passed) {
        for held in self.held.extract_if(.., |held| is_meant(held)) {
            let ts_recv = held.tick.ts_recv.max(self.now_ns);
            passed.push(Tick { sequence, ts_recv, ..held.tick }, &held.levels);
        }
    }

    fn fate(&mut self, tick: &Tick, symbols: &Symbols, passed: &mut Passed) -> Fate {
        let script = Arc::clone(&self.script);
        let (stream, now) = (tick.stream(), self.now_ns);
        let mut strike = |fault: usize, did: &str| {
            let detail = format!("{did} {}", describe(tick, symbols));
            passed.firings.push(Firing { fault, tape_ns: tick.ts_recv, streams: Some(vec![stream]), detail });
        };
        let is_full = self.held.len() >= HELD_MAX;
        let mut times = 1;
        for active in &mut self.active {
            let what = &script.faults[active.fault].what;
            if selector(what).is_some_and(|selector| !selector.has(tick, symbols)) {
                continue;
            }
            match what {
                What::Thin { keep, .. } if !self.chance.permille(keep.0) => return Fate::Lost,
                What::Lag { by, .. } if !is_full => {
                    let due = now + by.pick(&mut self.chance).as_nanos() as i64;
                    // In order: not before what was held of the stream earlier.
                    let earlier = self.held.iter().filter(|held| held.tick.stream() == stream);
                    return Fate::Held { due_ns: Some(earlier.filter_map(|held| held.due_ns).fold(due, i64::max)) };
                }
                What::Skip { stream: selector, .. } if active.touch(stream, selector) => {
                    strike(active.fault, "left out");
                    return Fate::Lost;
                }
                What::Repeat { stream: selector, .. } if active.touch(stream, selector) => {
                    strike(active.fault, "told twice:");
                    times = 2;
                }
                What::Reorder { stream: selector, .. } if !is_full && active.touch(stream, selector) => {
                    strike(active.fault, "told behind the next one:");
                    return Fate::Held { due_ns: None };
                }
                _ => {}
            }
        }
        // What was held of the stream goes first, also when what held it is over.
        let earlier = self.held.iter().filter(|held| held.tick.stream() == stream);
        match earlier.filter_map(|held| held.due_ns).max() {
            Some(due) if !is_full => Fate::Held { due_ns: Some(due) },
            _ => Fate::Told { times },
        }
    }
}

impl Active {
    /// Whether it touches one more event of a stream.
    fn touch(&mut self, stream: Stream, selector: &Selector) -> bool {
        let touched = self.touched.entry(stream).or_default();
        let touches = *touched < self.count;
        *touched += u32::from(touches);
        // Of all symbols nobody knows which are still to come.
        self.is_done = *touched == self.count && !selector.is_of_all();
        touches
    }
}

impl Held {
    fn is_due(&self, now_ns: i64) -> bool {
        self.due_ns.is_some_and(|due| due <= now_ns)
    }

    fn is_next_of(&self, stream: Stream) -> bool {
        self.due_ns.is_none() && self.tick.stream() == stream
    }
}

/// Which streams a fault is about; `None` for all, and for those that are about none.
fn selector(what: &What) -> Option<&Selector> {
    match what {
        What::Skip { stream, .. } | What::Repeat { stream, .. } | What::Reorder { stream, .. } => Some(stream),
        What::Lag { stream, .. } => Some(stream),
        What::Thin { stream, .. } => stream.as_ref(),
        _ => None,
    }
}

/// Which event of which symbol.
fn describe(tick: &Tick, symbols: &Symbols) -> String {
    let symbol = symbols.get(tick.symbol);
    let grammar = symbol.venue.grammar();
    let stream = (grammar.stream)(symbol.name.as_str(), tick.channel)
        .unwrap_or_else(|| format!("{} {:?}", symbol.name.as_str(), tick.channel));
    match &tick.kind {
        Kind::Depth(depth) => format!("{stream} U={} u={}", depth.first_id, depth.last_id),
        Kind::Trade(trade) => format!("{stream} t={}", trade.id),
        Kind::BookTicker(best) => format!("{stream} u={}", best.update_id),
        _ => format!("{stream} E={}", tick.ts_event / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::channel::{Channel, Pace};
    use crate::market::symbol::Venue;
    use crate::market::tick::Depth;

    const SECOND: i64 = 1_000_000_000;

    struct Bench {
        distortion: Distortion,
        symbols: Symbols,
        passed: Passed,
    }

    fn bench(fault: &str) -> Bench {
        let script = Script::parse("test", &format!("[[fault]]\nat = \"1s\"\n{fault}")).unwrap();
        let mut symbols = Symbols::default();
        symbols.intern(Venue::Binance, "BTCUSDT").unwrap();
        symbols.intern(Venue::Binance, "ETHUSDT").unwrap();
        Bench { distortion: Distortion::new(Arc::new(script)), symbols, passed: Passed::default() }
    }

    impl Bench {
        /// Ids and numbers of what is told of a hundred events of two symbols, one a second, the fault striking at 10 s.
        fn run(mut self) -> (Vec<i64>, Vec<Firing>) {
            let (mut told, mut sequence) = (Vec::new(), 0);
            for id in 0..100_i64 {
                let kind = Kind::Depth(Depth { first_id: id, last_id: id, bids: 0 });
                let symbol = self.symbols.find(Venue::Binance, ["BTCUSDT", "ETHUSDT"][id as usize % 2]).unwrap();
                let channel = Channel::Depth(Pace::Ms100);
                let tick = Tick { sequence: id as u64, ts_recv: id * SECOND, symbol, channel, kind, ..Tick::default() };
                if id == 10 {
                    self.distortion.begin(0, tick.ts_recv, &self.symbols, &mut self.passed);
                }
                self.distortion.take(&tick, &[], &self.symbols, &mut self.passed);
                for (tick, _) in self.passed.ticks.drain(..) {
                    let Kind::Depth(depth) = tick.kind else { panic!("{tick:?}") };
                    assert!(tick.sequence >= sequence, "numbers rise");
                    sequence = tick.sequence;
                    told.push(depth.last_id);
                }
            }
            (told, self.passed.firings)
        }
    }

    fn without(left_out: &[i64]) -> Vec<i64> {
        (0..100).filter(|id| !left_out.contains(id)).collect()
    }

    #[test]
    fn events_are_left_out_told_twice_and_told_out_of_order() {
        let (told, firings) = bench("what = \"skip\"\nstream = \"btcusdt@depth@100ms\"\ncount = 2").run();
        assert_eq!(told, without(&[10, 12]));
        assert_eq!(firings[0].detail, "left out btcusdt@depth@100ms U=10 u=10");
        assert_eq!((firings.len(), firings[1].tape_ns), (2, 12 * SECOND));
        let (told, _) = bench("what = \"repeat\"\nstream = \"ethusdt@depth@100ms\"").run();
        assert_eq!(told[10..15], [10, 11, 11, 12, 13]);
        assert_eq!(told.len(), 101);
        let (told, _) = bench("what = \"reorder\"\nstream = \"btcusdt@depth@100ms\"").run();
        assert_eq!(told[9..14], [9, 11, 12, 10, 13]);
        let (told, firings) = bench("what = \"skip\"\nstream = \"*@depth@100ms\"\ncount = 2").run();
        assert_eq!((told, firings.len()), (without(&[10, 11, 12, 13]), 4), "two of each");
        let (told, firings) = bench("what = \"reorder\"\nstream = \"btcusdt@depth@100ms\"").run();
        assert_eq!((told.len(), firings.len()), (100, 1));
        let (told, firings) = bench("what = \"skip\"\nstream = \"btcusdt@depth\"").run();
        assert_eq!((told, firings), (without(&[]), vec![]), "another stream");
    }

    #[test]
    fn a_feed_is_thinned_for_a_time_and_then_whole_again() {
        let (told, firings) = bench("what = \"thin\"\nkeep = \"0%\"\nfor = \"20s\"").run();
        assert_eq!(told, without(&(10..30).collect::<Vec<_>>()));
        assert_eq!(
            firings,
            [Firing { fault: 0, tape_ns: 10 * SECOND, streams: None, detail: "0.0% pass, for 20s".into() }]
        );
        let (told, firings) =
            bench("what = \"thin\"\nkeep = \"50%\"\nfor = \"80s\"\nstream = \"btcusdt@depth@100ms\"").run();
        let kept = told.iter().filter(|id| (10..90).contains(*id) && *id % 2 == 0).count();
        assert!((10..30).contains(&kept), "{kept} of 40");
        assert_eq!(told.iter().filter(|id| *id % 2 == 1).count(), 50);
        assert_eq!(firings[0].streams.as_ref().map(Vec::len), Some(1));
    }

    #[test]
    fn what_is_late_comes_in_order_and_all_of_it() {
        let (told, _) =
            bench("what = \"delay\"\nby = \"1s to 9s\"\nfor = \"30s\"\nstream = \"btcusdt@depth@100ms\"").run();
        let of_btc: Vec<i64> = told.iter().copied().filter(|id| id % 2 == 0).collect();
        assert_eq!(of_btc, (0..100).step_by(2).collect::<Vec<_>>());
        assert_ne!(told, without(&[]));
        let place = |id| told.iter().position(|told| *told == id).unwrap();
        assert!(place(11) < place(10) && place(60) < place(61));
    }

    #[test]
    fn what_is_held_at_the_end_is_told_before_it() {
        let mut bench = bench("what = \"reorder\"\nstream = \"*@depth@100ms\"");
        bench.distortion.begin(0, 0, &bench.symbols, &mut bench.passed);
        let kind = Kind::Depth(Depth { first_id: 1, last_id: 1, bids: 0 });
        let tick = Tick { channel: Channel::Depth(Pace::Ms100), kind, ..Tick::default() };
        bench.distortion.take(&tick, &[Level::default()], &bench.symbols, &mut bench.passed);
        assert!(bench.passed.ticks.is_empty() && !bench.distortion.is_idle());
        bench.distortion.take(&Tick::default(), &[], &bench.symbols, &mut bench.passed);
        assert_eq!(bench.passed.ticks[0].1.len(), 1);
        assert!(matches!(bench.passed.ticks[1].0.kind, Kind::End));
    }
}
