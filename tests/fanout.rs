//! The writer against a naive twin: whatever sessions ask and however slowly they read, each gets exactly the frames
//! it is due, in order, and every frame is accounted for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use tapecast::fanout::outlet::OutletState;
use tapecast::fanout::{BacklogLimits, Fanout, Form, OutletId, Sink, Want};
use tapecast::market::channel::{Channel, Scope};
use tapecast::market::decimal::Decimal;
use tapecast::market::symbol::{Name, Symbol, SymbolId, Venue};
use tapecast::market::tick::{Best, BookTicker, Kind, MiniTicker, Taker, Tick, Trade};
use tapecast::metrics::Metrics;
use tapecast::venue::binance::TimeUnit;

/// A socket in memory that takes as many bytes as it is allowed to.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    taken: Vec<u8>,
    room: usize,
    writes: usize,
    aborted: bool,
}

impl Sink for Pipe {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        state.writes += 1;
        let length = bytes.len().min(state.room);
        if length == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        state.room -= length;
        state.taken.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn try_send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
        self.try_send(&bytes)
    }

    fn abort(&self) {
        self.0.borrow_mut().aborted = true;
    }
}

const LIMITS: BacklogLimits = BacklogLimits { bytes_max: 4_000, age_ms_max: 30_000, high_water_bytes: 1_000 };

fn fanout(limits: BacklogLimits) -> Fanout<Pipe> {
    Fanout::new(limits, Arc::default(), Arc::new(Metrics::new(1)), 0)
}

fn symbol(number: u32) -> Symbol {
    Symbol::new(Venue::Binance, Name::new(&format!("S{number}")).unwrap())
}

fn want(symbol_number: u32, channel: Channel, is_wrapped: bool) -> Want {
    let wrapper = is_wrapped.then(|| Rc::from(format!("s{symbol_number}")));
    Want {
        scope: Scope::Symbol(symbol(symbol_number).name),
        channel,
        form: Form::Binance { unit: TimeUnit::Milliseconds, wrapper },
    }
}

fn announce(fanout: &mut Fanout<Pipe>, number: u32) {
    fanout.on_tick(&Tick { kind: Kind::Announce(symbol(number)), ..Tick::default() }, &[]);
}

/// A tick whose number stands in its frame as trade id or update id.
fn tick(symbol: u32, channel: Channel, number: i64) -> Tick {
    let zero = Decimal::ZERO;
    let kind = match channel {
        Channel::Trade => Kind::Trade(Trade {
            id: number,
            price: zero,
            size: zero,
            ts_trade: 0,
            taker: Taker::Buyer,
            day: None,
            best: None,
        }),
        _ => Kind::BookTicker(BookTicker { update_id: number, best: Best::default() }),
    };
    Tick { symbol: SymbolId(symbol), channel, kind, ..Tick::default() }
}

/// The numbers of the events that were taken, and whether a close frame came last.
fn events(taken: &[u8]) -> (Vec<i64>, bool) {
    let (mut numbers, mut at) = (Vec::new(), 0);
    while at + 2 <= taken.len() {
        let (length, head) = match taken[at + 1] {
            126 => (usize::from(u16::from_be_bytes([taken[at + 2], taken[at + 3]])), 4),
            length => (usize::from(length), 2),
        };
        let payload = &taken[at + head..(at + head + length).min(taken.len())];
        if taken[at] & 0x0f == 8 {
            return (numbers, true);
        }
        if payload.len() == length {
            let text = std::str::from_utf8(payload).unwrap();
            let number = text.split("\"t\":").nth(1).or(text.split("\"u\":").nth(1)).unwrap();
            numbers.push(number.split(',').next().unwrap().parse().unwrap());
        }
        at += head + length;
    }
    (numbers, false)
}

#[derive(Clone, Debug)]
enum Step {
    Announce,
    Open,
    Subscribe(usize, BTreeSet<(u32, bool)>, bool),
    Remove(usize),
    Ticks(Vec<(u32, bool)>),
    Room(usize, usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stream = || (0_u32..4, any::<bool>());
    let step = prop_oneof![
        1 => Just(Step::Announce),
        2 => Just(Step::Open),
        4 => (0_usize..6, proptest::collection::btree_set(stream(), 0..4), any::<bool>())
            .prop_map(|(session, streams, wrapped)| Step::Subscribe(session, streams, wrapped)),
        1 => (0_usize..6).prop_map(Step::Remove),
        6 => proptest::collection::vec(stream(), 1..12).prop_map(Step::Ticks),
        4 => (0_usize..6, 0_usize..3_000).prop_map(|(session, room)| Step::Room(session, room)),
        1 => (0_u64..20_000).prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 1..80)
}

/// What the twin knows of a session.
#[derive(Default)]
struct Twin {
    streams: BTreeSet<(u32, bool)>,
    due: Vec<(i64, bool)>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn sessions_get_what_they_are_due(steps in steps()) {
        let mut fanout = fanout(LIMITS);
        let (mut announced, mut number, mut now_ms) = (0, 0, 0);
        let mut sessions: Vec<(OutletId, Pipe, Twin)> = Vec::new();
        for step in steps {
            match step {
                Step::Announce if announced < 4 => {
                    announce(&mut fanout, announced);
                    announced += 1;
                }
                Step::Announce => {}
                Step::Open if sessions.len() < 6 => {
                    let pipe = Pipe::default();
                    sessions.push((fanout.open(pipe.clone()), pipe, Twin::default()));
                }
                Step::Open => {}
                Step::Subscribe(session, streams, wrapped) => {
                    let Some((id, _, twin)) = sessions.get_mut(session) else { continue };
                    let wants = streams.iter().map(|&(symbol, is_trade)| {
                        want(symbol, if is_trade { Channel::Trade } else { Channel::BookTicker }, wrapped)
                    });
                    fanout.subscribe(*id, wants.collect());
                    twin.streams = streams;
                }
                Step::Remove(session) if session < sessions.len() => {
                    let (id, pipe, twin) = sessions.swap_remove(session);
                    check(&fanout.remove(id), &pipe, &twin)?;
                }
                Step::Remove(_) => {}
                Step::Ticks(streams) => {
                    for (symbol, is_trade) in streams.into_iter().filter(|(symbol, _)| *symbol < announced) {
                        number += 1;
                        let channel = if is_trade { Channel::Trade } else { Channel::BookTicker };
                        fanout.on_tick(&tick(symbol, channel, number), &[]);
                        for (id, _, twin) in &mut sessions {
                            let is_open = fanout.outlet(*id).state == OutletState::Open;
                            if is_open && twin.streams.contains(&(symbol, is_trade)) {
                                twin.due.push((number, is_trade));
                            }
                        }
                    }
                    fanout.flush();
                }
                Step::Room(session, room) => {
                    let Some((id, pipe, _)) = sessions.get(session) else { continue };
                    pipe.0.borrow_mut().room = room;
                    fanout.drain(*id);
                }
                Step::Pass(ms) => {
                    now_ms += ms;
                    fanout.set_now(now_ms);
                    fanout.look_after();
                }
            }
        }
        for (id, pipe, twin) in sessions {
            pipe.0.borrow_mut().room = usize::MAX;
            fanout.drain(id);
            check(&fanout.remove(id), &pipe, &twin)?;
        }
        prop_assert_eq!(fanout.sessions(), 0);
    }
}

/// The session got a part of what it was due, in order; every trade unless it was cut off; all of it unless something
/// was left out or cut off; and the numbers add up.
fn check(outlet: &tapecast::fanout::outlet::Outlet<Pipe>, pipe: &Pipe, twin: &Twin) -> Result<(), TestCaseError> {
    let (got, is_closed) = events(&pipe.0.borrow().taken);
    let due: BTreeMap<i64, bool> = twin.due.iter().copied().collect();
    prop_assert!(got.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once: {:?}", got);
    prop_assert!(got.iter().all(|number| due.contains_key(number)), "nothing that is not due");
    let is_whole = outlet.state == OutletState::Open && outlet.dropped == 0;
    if is_whole {
        prop_assert!(!is_closed);
        prop_assert_eq!(got.len() as u64, outlet.delivered());
        prop_assert_eq!(due.len() as u64, outlet.routed);
        let trades = |numbers: &mut dyn Iterator<Item = i64>| numbers.filter(|n| due[n]).collect::<Vec<_>>();
        prop_assert_eq!(trades(&mut got.iter().copied()), trades(&mut due.keys().copied()));
    }
    if is_whole && outlet.conflated == 0 {
        prop_assert_eq!(&got, &due.keys().copied().collect::<Vec<_>>());
    }
    Ok(())
}

#[test]
fn a_batch_costs_each_session_one_write_and_each_want_one_rendering() {
    let metrics = Arc::new(Metrics::new(1));
    let mut fanout = Fanout::new(LIMITS, Arc::default(), Arc::clone(&metrics), 0);
    announce(&mut fanout, 0);
    let pipes: Vec<Pipe> = (0..50).map(|_| Pipe::default()).collect();
    for (number, pipe) in pipes.iter().enumerate() {
        pipe.0.borrow_mut().room = usize::MAX;
        let id = fanout.open(pipe.clone());
        fanout.subscribe(id, vec![want(0, Channel::Trade, number % 2 == 0)]);
    }
    for number in 0..10 {
        fanout.on_tick(&tick(0, Channel::Trade, number), &[]);
    }
    fanout.flush();
    for pipe in &pipes {
        assert_eq!(pipe.0.borrow().writes, 1);
        assert_eq!(events(&pipe.0.borrow().taken).0, (0..10).collect::<Vec<_>>());
    }
    assert_eq!(metrics.cores[0].frames_rendered.read(), 20);
    assert_eq!(metrics.cores[0].cohorts.read(), 2);
    assert_eq!(metrics.cores[0].frames_delivered.read(), 500);
}

#[test]
fn asking_again_for_the_same_changes_nothing() {
    let mut fanout = fanout(LIMITS);
    announce(&mut fanout, 0);
    let pipe = Pipe::default();
    pipe.0.borrow_mut().room = usize::MAX;
    let id = fanout.open(pipe.clone());
    for number in 0..5 {
        fanout.subscribe(id, vec![want(0, Channel::Trade, false)]);
        fanout.on_tick(&tick(0, Channel::Trade, number), &[]);
        fanout.flush();
    }
    assert_eq!(events(&pipe.0.borrow().taken).0, [0, 1, 2, 3, 4]);
}

#[test]
fn nobody_is_always_last() {
    // A sink that writes down when its turn came.
    let order: Rc<RefCell<Vec<usize>>> = Rc::default();
    struct Turn(usize, Rc<RefCell<Vec<usize>>>);
    impl Sink for Turn {
        fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
            self.1.borrow_mut().push(self.0);
            Ok(bytes.len())
        }
        fn try_send_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            unreachable!("nothing is left over")
        }
        fn abort(&self) {}
    }
    let mut fanout: Fanout<Turn> = Fanout::new(LIMITS, Arc::default(), Arc::new(Metrics::new(1)), 0);
    fanout.on_tick(&Tick { kind: Kind::Announce(symbol(0)), ..Tick::default() }, &[]);
    for number in 0..4 {
        let id = fanout.open(Turn(number, Rc::clone(&order)));
        fanout.subscribe(id, vec![want(0, Channel::Trade, false)]);
    }
    let mut last = BTreeSet::new();
    for number in 0..4 {
        fanout.on_tick(&tick(0, Channel::Trade, number), &[]);
        fanout.flush();
        last.insert(*order.borrow().last().unwrap());
        order.borrow_mut().clear();
    }
    assert_eq!(last.len(), 4, "each was last once: {last:?}");
}

#[test]
fn arrays_of_many_symbols_stay_below_what_clients_refuse() {
    const SYMBOLS: u32 = 20_000;
    let limits = BacklogLimits { bytes_max: 1 << 24, ..LIMITS };
    let mut fanout = fanout(limits);
    let pipe = Pipe::default();
    pipe.0.borrow_mut().room = usize::MAX;
    let session = fanout.open(pipe.clone());
    let form = Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None };
    fanout.subscribe(session, vec![Want { scope: Scope::Collected, channel: Channel::MiniTicker, form }]);
    let ticker = MiniTicker {
        close: Decimal::ZERO,
        open: Decimal::ZERO,
        high: Decimal::ZERO,
        low: Decimal::ZERO,
        volume: Decimal::ZERO,
        quote_volume: Decimal::ZERO,
    };
    for number in 0..SYMBOLS {
        announce(&mut fanout, number);
        let kind = Kind::MiniTicker(ticker);
        let tick = Tick { symbol: SymbolId(number), channel: Channel::MiniTicker, kind, ..Tick::default() };
        fanout.on_tick(&tick, &[]);
    }
    fanout.on_tick(&Tick { kind: Kind::Second, ..Tick::default() }, &[]);
    fanout.flush();
    let taken = std::mem::take(&mut pipe.0.borrow_mut().taken);
    let (mut at, mut frames, mut symbols) = (0, 0, 0);
    while at < taken.len() {
        assert_eq!(taken[at..at + 2], [0x81, 127], "a long frame");
        let length = u64::from_be_bytes(taken[at + 2..at + 10].try_into().unwrap()) as usize;
        assert!(length < 1 << 20, "{length}");
        let array: Vec<serde_json::Value> = serde_json::from_slice(&taken[at + 10..at + 10 + length]).unwrap();
        for event in array {
            assert_eq!(event["s"], format!("S{symbols}"));
            symbols += 1;
        }
        frames += 1;
        at += 10 + length;
    }
    assert_eq!((symbols, frames), (SYMBOLS, 2));
}
