//! Resuming against a twin that was never away: whatever the ticks and wherever a client was cut off, it is sent what the
//! twin got after that, no more and no less, or is told that it cannot be.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use tapecast::fanout::backlog::Batch;
use tapecast::fanout::{BacklogLimits, Fanout, Form, Framing, History, Lost, Position, Sink, Want};
use tapecast::market::channel::{Channel, Scope};
use tapecast::market::decimal::Decimal;
use tapecast::market::symbol::{Name, Symbol, SymbolId, Venue};
use tapecast::market::tick::{Best, BookTicker, Kind, Level, MiniTicker, Taker, Tick, Trade};
use tapecast::metrics::Metrics;
use tapecast::venue::binance::TimeUnit;

/// A socket in memory that takes everything.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Sink for Memory {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        slices.iter().map(|slice| self.try_send(slice)).sum()
    }

    fn abort(&self) {}
}

impl Memory {
    /// The events, each with the id it has.
    fn events(&self) -> Vec<(String, String)> {
        let text = String::from_utf8(self.0.borrow().clone()).unwrap();
        let with_id = |event: &str| {
            let id = event.lines().find_map(|line| line.strip_prefix("id: ")).expect("an id");
            (id.to_owned(), event.to_owned())
        };
        text.split_terminator("\n\n").map(with_id).collect()
    }
}

/// The last ticks of a log.
struct Last<'a>(&'a [Tick], bool);

impl History for Last<'_> {
    fn is_whole(&self) -> bool {
        self.1
    }

    fn oldest(&self) -> Option<u64> {
        self.0.first().map(|tick| tick.sequence)
    }

    fn each(&self, from: u64, f: &mut dyn FnMut(&Tick, &[Level])) {
        self.0.iter().filter(|tick| tick.sequence >= from).for_each(|tick| f(tick, &[]));
    }
}

fn fanout(bytes_max: usize) -> Fanout<Memory> {
    let limits = BacklogLimits { bytes_max, age_ms_max: 30_000, high_water_bytes: 1_000 };
    let mut fanout = Fanout::new(limits, Arc::default(), Arc::new(Metrics::new(1)), 0);
    fanout.set_epoch(0xab);
    fanout
}

fn wants() -> Vec<Want> {
    let want = |scope, channel, kind: &str| {
        let payload = Rc::new(Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None });
        Want { scope, channel, form: Form::Framed { payload, framing: Framing::Event(kind.into()) } }
    };
    vec![
        want(Scope::Symbol(Name::new("S0").unwrap()), Channel::Trade, "trade"),
        want(Scope::Each, Channel::BookTicker, "book"),
        want(Scope::Collected, Channel::MiniTicker, "mini"),
    ]
}

/// What happens: whether in a new message, to which symbol, and what.
type Step = (bool, u32, u8);

fn log(steps: &[Step]) -> Vec<Tick> {
    let zero = Decimal::ZERO;
    let announce = |number| Kind::Announce(Symbol::new(Venue::Binance, Name::new(&format!("S{number}")).unwrap()));
    let mut ticks: Vec<Tick> =
        (0..2).map(|number| Tick { sequence: 1, kind: announce(number), ..Tick::default() }).collect();
    let mut sequence = 1;
    for (&(is_new, symbol, what), id) in steps.iter().zip(1_i64..) {
        sequence += u64::from(is_new);
        let (taker, best) = (Taker::Buyer, Best::default());
        let trade = Trade { id, price: zero, size: zero, ts_trade: 0, taker, day: None, best: None };
        let close = Decimal::parse(id.to_string().as_bytes()).unwrap();
        let mini = MiniTicker { close, open: zero, high: zero, low: zero, volume: zero, quote_volume: zero };
        let (channel, kind) = match what {
            0..=2 => (Channel::Trade, Kind::Trade(trade)),
            3..=5 => (Channel::BookTicker, Kind::BookTicker(BookTicker { update_id: id, best })),
            6..=8 => (Channel::MiniTicker, Kind::MiniTicker(mini)),
            _ => (Channel::Trade, Kind::Second),
        };
        // A state that is told again is nobody's news.
        let restated = what == 5;
        ticks.push(Tick { sequence, symbol: SymbolId(symbol), channel, kind, restated, ..Tick::default() });
    }
    ticks
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((any::<bool>(), 0_u32..2, 0_u8..11), 4..80)
}

proptest! {
    #[test]
    fn what_was_missed_is_what_the_twin_got(
        steps in steps(), cut in any::<prop::sample::Index>(), seen in any::<prop::sample::Index>(),
        kept in any::<prop::sample::Index>(), is_whole in any::<bool>(), names_message in any::<bool>(),
    ) {
        let ticks = log(&steps);
        let cut = 2 + cut.index(ticks.len() - 1);
        let (mut whole, mut core) = (fanout(1 << 20), fanout(1 << 20));
        let (twin, client) = (Memory::default(), Memory::default());
        let id = whole.open(twin.clone());
        whole.subscribe(id, wants());
        for tick in &ticks[..cut] {
            whole.on_tick(tick, &[]);
            core.on_tick(tick, &[]);
            whole.flush();
        }
        let before = twin.events();
        prop_assume!(!before.is_empty());
        let last = seen.index(before.len());
        let mut position = Position::parse(&before[last].0).unwrap();
        let mut due = last + 1;
        if names_message {
            position.place = None;
            let sequence = |id: &str| Position::parse(id).unwrap().sequence;
            due = before.iter().position(|(id, _)| sequence(id) > position.sequence).unwrap_or(before.len());
        }
        let start = if is_whole { 0 } else { kept.index(cut) };
        let mut missed = Batch::default();
        let wanted = wants();
        let resumed = core.resume(&wanted, position, &Last(&ticks[start..cut], start == 0), &mut missed);
        if resumed.is_err() {
            prop_assert_eq!(resumed, Err(Lost::Gone));
            prop_assert!(start > 0, "all of it was there");
            prop_assert!(missed.bytes.is_empty() && missed.marks.is_empty());
            // Only where something may be lacking: a part of the message, or of the second that it is in.
            let is_cut = ticks[start].sequence >= position.sequence;
            let had = (0..cut).take_while(|&at| {
                let place = ticks[..at].iter().filter(|tick| tick.sequence == ticks[at].sequence).count() as u32;
                let is_of_it = ticks[at].sequence == position.sequence && position.place.is_none_or(|last| place <= last);
                ticks[at].sequence < position.sequence || is_of_it
            });
            let has_second = had.filter(|&at| at >= start).any(|at| matches!(ticks[at].kind, Kind::Second));
            prop_assert!(is_cut || !has_second);
            return Ok(());
        }
        prop_assert_eq!(core.position(), whole.position());
        prop_assert_eq!(missed.marks.last().map_or(0, |mark| mark.end as usize), missed.bytes.len());
        let id = core.open(client.clone());
        core.send(id, missed);
        core.subscribe(id, wants());
        for tick in &ticks[cut..] {
            whole.on_tick(tick, &[]);
            core.on_tick(tick, &[]);
        }
        whole.flush();
        core.flush();
        prop_assert_eq!(client.events(), &twin.events()[due..]);
    }
}

#[test]
fn who_cannot_go_on_is_told_why() {
    let ticks = log(&[(true, 0, 0); 50]);
    let mut core = fanout(1 << 20);
    ticks.iter().for_each(|tick| core.on_tick(tick, &[]));
    let wants = wants();
    let resume = |core: &mut Fanout<Memory>, id: &str, start: usize| {
        let position = Position::parse(id).unwrap();
        core.resume(&wants[..1], position, &Last(&ticks[start..], start == 0), &mut Batch::default())
    };
    assert_eq!(resume(&mut core, "000000ac-7.0", 0), Err(Lost::OtherEpoch));
    assert_eq!(resume(&mut core, "000000ab-51.1", 0), Err(Lost::Ahead));
    assert_eq!(resume(&mut core, "52", 0), Err(Lost::Ahead));
    assert_eq!(resume(&mut core, "000000ab-51.0", 0), Ok(()));
    assert_eq!(resume(&mut core, "0", 0), Ok(()));
    assert_eq!(resume(&mut core, "11", 11), Err(Lost::Gone));
    assert_eq!(resume(&mut core, "11.0", 11), Err(Lost::Gone), "its message may have begun before");
    assert_eq!(resume(&mut core, "12.0", 11), Ok(()));
    let mut narrow = fanout(1_000);
    ticks.iter().for_each(|tick| narrow.on_tick(tick, &[]));
    assert_eq!(resume(&mut narrow, "1", 0), Err(Lost::TooMuch));
    assert_eq!(resume(&mut narrow, "50", 0), Ok(()));
}

#[test]
fn an_id_that_is_that_of_several_events_is_no_place_to_go_on_from() {
    let ticks = log(&[(true, 0, 0), (true, 0, 3), (true, 0, 3)]);
    let mut core = fanout(1 << 20);
    ticks.iter().for_each(|tick| core.on_tick(tick, &[]));
    let mut twice = wants();
    twice.push(Want { scope: Scope::Symbol(Name::new("S0").unwrap()), ..twice[1].clone() });
    let id = |sequence, place: Option<u32>| Position { epoch: Some(0xab), sequence, place };
    let mut resume = |wants: &[Want], position| {
        let mut missed = Batch::default();
        core.resume(wants, position, &Last(&ticks, true), &mut missed).map(|()| missed.marks.len())
    };
    // The update of the book is one event to some, and two to who has it under two names.
    assert_eq!(resume(&wants(), id(3, Some(0))), Ok(1));
    assert_eq!(resume(&twice, id(3, Some(0))), Err(Lost::Shared));
    // Whoever has a trade, or all of a message, knows what comes next.
    assert_eq!(resume(&twice, id(2, Some(0))), Ok(4));
    assert_eq!(resume(&twice, id(3, None)), Ok(2));
}
