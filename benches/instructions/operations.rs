//! Not a bench: the operations whose instructions are counted, each with inputs that are the same in every run.
//!
//! An operation runs in two sizes, the second of which does it `units` times more often and all else alike, so that
//! the difference of both is the operation and nothing around it. What has to be made ready between runs, and is not
//! counted, is told apart.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use tapecast::fanout::frame::Frame;
use tapecast::fanout::{BacklogLimits, Fanout, Form, Framing, Room, Sink, Want};
use tapecast::market::channel::{Channel, Scope};
use tapecast::market::symbol::{Name, Symbol, SymbolId, Symbols, Venue};
use tapecast::market::tick::{Kind, Tick};
use tapecast::metrics::Metrics;
use tapecast::ring::{Builder, Limits, Wait, Waiter};
use tapecast::venue::binance::TimeUnit;
use tapecast::venue::upbit::{Edition, Format, Layout, json::StreamType};
use tapecast::venue::{Decoder, Message};

use crate::tape::{Event, POOL, Recording};

/// Something that is done, in the sizes 1 and 2.
pub struct Operation {
    pub name: String,
    /// How much more often size 2 does it than size 1.
    pub units: u64,
    /// Makes ready for a run of a size.
    pub prepare: Box<dyn FnMut(usize)>,
    pub run: Box<dyn FnMut(usize)>,
}

impl Operation {
    fn new(name: String, units: usize, run: impl FnMut(usize) + 'static) -> Operation {
        Operation { name, units: units as u64, prepare: Box::new(|_| {}), run: Box::new(run) }
    }

    /// On one of two things made for it, by size.
    fn on_pair<T: 'static>(
        name: &str,
        units: usize,
        mut pair: [T; 2],
        mut prepare: impl FnMut(&mut T) + 'static,
        mut run: impl FnMut(&mut T) + 'static,
    ) -> Operation {
        pair.iter_mut().for_each(&mut prepare);
        let pair = Rc::new(RefCell::new(pair));
        let same = Rc::clone(&pair);
        Operation {
            name: name.to_owned(),
            units: units as u64,
            prepare: Box::new(move |size| prepare(&mut same.borrow_mut()[size - 1])),
            run: Box::new(move |size| run(&mut pair.borrow_mut()[size - 1])),
        }
    }
}

/// All of them, in the order of the data's way. What they work on stays allocated until the end.
pub fn all() -> Vec<Operation> {
    let tape: &'static Recording = Box::leak(Box::new(Recording::demo()));
    let mut operations: Vec<Operation> =
        ["binance_trade", "binance_depth_small", "binance_ticker", "upbit_trade"].map(|kind| decode(tape, kind)).into();
    operations.push(ring());
    operations.extend(FORMS.map(|(name, kind, form)| render(tape, name, kind, form())));
    operations.extend([route(tape), append(tape), flush_member(tape), flush_cohort(tape)]);
    operations
}

/// A message copied, as decoding destroys it, and decoded.
fn decode(tape: &'static Recording, kind: &str) -> Operation {
    let events = tape.of_kind(kind, POOL);
    let (mut decoder, mut symbols, mut scratch) = (Decoder::default(), known(tape), Vec::new());
    Operation::new(format!("decode/{kind}"), events.len(), move |size| {
        for event in (0..size).flat_map(|_| &events) {
            scratch.clear();
            scratch.extend_from_slice(&event.raw);
            let message = decoder.decode(event.venue, &mut scratch, event.ts_recv, &mut symbols);
            assert!(matches!(message, Ok(Message::Tick)));
        }
    })
}

/// The symbols that were met, in the order in which they were.
fn known(tape: &Recording) -> Symbols {
    let mut symbols = Symbols::default();
    for number in 0..tape.symbols.len() {
        symbols.push(*tape.symbols.get(SymbolId(number as u32)));
    }
    symbols
}

/// A tick without levels published, and read by one reader, 64 at a time.
fn ring() -> Operation {
    const BATCH: u64 = 64;
    const BATCHES: usize = 32;
    let limits = Limits { slots: 4_096, annex: 0, history_slots: 1_024, history_annex: 0 };
    let mut builder = Builder::<Tick>::new(limits).expect("valid limits");
    let waiter = Waiter::new(Wait::Yield);
    let mut reader = builder.reader(waiter.waker());
    let mut publisher = builder.build();
    Operation::new("ring/publish_and_read".into(), BATCHES * BATCH as usize, move |size| {
        for _ in 0..size * BATCHES {
            for sequence in 0..BATCH {
                assert!(publisher.has_room(0));
                publisher.publish(&[], |tick| tick.sequence = sequence);
            }
            publisher.wake();
            let mut sum = 0;
            reader.poll(usize::MAX, |_, tick, _| sum += std::hint::black_box(tick).sequence);
            assert_eq!(sum, BATCH * (BATCH - 1) / 2);
        }
    })
}

/// What is rendered: a name, the kind of ticks, and how their frames look.
type Rendered = (&'static str, &'static str, fn() -> Form);

const BINANCE: Form = Form::Binance { unit: TimeUnit::Milliseconds, wrapper: None };

const FORMS: [Rendered; 12] = [
    ("binance_trade", "binance_trade", || BINANCE),
    ("binance_trade_combined", "binance_trade", || Form::Binance {
        unit: TimeUnit::Milliseconds,
        wrapper: Some(Rc::from(TRADES)),
    }),
    ("binance_trade_sbe", "binance_trade", || Form::BinanceSbe),
    ("binance_trade_neutral", "binance_trade", || NEUTRAL),
    ("binance_trade_socketio", "binance_trade", || {
        framed(BINANCE, Framing::Room(Rc::new(Room::new("/binance", "trade", TRADES))))
    }),
    ("binance_trade_sse", "binance_trade", || framed(NEUTRAL, Framing::Event(Rc::from("trade")))),
    ("binance_trade_line", "binance_trade", || framed(NEUTRAL, Framing::Line)),
    ("binance_book_ticker", "binance_book_ticker", || BINANCE),
    ("binance_depth_small", "binance_depth_small", || BINANCE),
    ("binance_ticker", "binance_ticker", || BINANCE),
    ("upbit_trade", "upbit_trade", || UPBIT),
    ("upbit_orderbook", "upbit_orderbook", || UPBIT),
];

const TRADES: &str = "btcusdt@trade";

const NEUTRAL: Form = Form::Neutral { venue: Venue::Binance, units: 30 };

const UPBIT: Form = Form::Upbit {
    venue: Venue::Upbit,
    layout: Layout { format: Format::Default, units: 30, grouping: None, edition: Edition::Today },
    deflate: false,
};

fn framed(payload: Form, framing: Framing) -> Form {
    Form::Framed { payload: Rc::new(payload), framing }
}

/// A frame of a tick, header included.
fn render(tape: &'static Recording, name: &str, kind: &str, form: Form) -> Operation {
    let events = tape.of_kind(kind, POOL);
    let mut frame = Frame::default();
    Operation::new(format!("render/{name}"), events.len(), move |size| {
        for Event { tick, levels, .. } in (0..size).flat_map(|_| &events) {
            assert!(frame.render(&form, tick, levels, tape.symbols.get(tick.symbol), StreamType::Realtime));
            std::hint::black_box(frame.bytes());
        }
    })
}

/// A socket that takes everything.
#[derive(Clone, Default)]
struct Memory(Rc<Cell<usize>>);

impl Sink for Memory {
    fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn try_send_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        unreachable!("nothing is kept of what is always taken")
    }

    fn abort(&self) {
        unreachable!("nobody is cut off who takes everything")
    }
}

/// Ticks of a batch.
const TICKS: usize = 64;

/// A writer whose cohorts all want the trades of one symbol, and each those of another.
struct Core {
    fanout: Fanout<Memory>,
    trades: Vec<Tick>,
}

impl Core {
    fn new(tape: &Recording, cohorts: usize, members: usize) -> Core {
        let limits = BacklogLimits { bytes_max: 1 << 20, age_ms_max: u64::MAX, high_water_bytes: 1 << 20 };
        let mut fanout = Fanout::new(limits, Arc::default(), Arc::new(Metrics::new(1)), 0);
        let name = |number: usize| Name::new(&format!("COIN{number:03}USDT")).expect("short");
        for number in 0..=cohorts {
            let kind = Kind::Announce(Symbol::new(Venue::Binance, name(number)));
            fanout.on_tick(&Tick { kind, ..Tick::default() }, &[]);
        }
        let want = |number| Want { scope: Scope::Symbol(name(number)), channel: Channel::Trade, form: BINANCE };
        for cohort in 1..=cohorts {
            for _ in 0..members {
                let id = fanout.open(Memory::default());
                fanout.subscribe(id, vec![want(0), want(cohort)]);
            }
        }
        let trades = tape.of_kind("binance_trade", TICKS);
        let trades = trades.into_iter().map(|event| Tick { symbol: SymbolId(0), ..event.tick }).collect();
        Core { fanout, trades }
    }

    fn take(&mut self, ticks: usize) {
        self.trades[..ticks].iter().for_each(|tick| self.fanout.on_tick(tick, &[]));
    }
}

/// A tick taken in, rendered and appended, with one cohort of one.
fn route(tape: &Recording) -> Operation {
    let core = Rc::new(RefCell::new(Core::new(tape, 1, 1)));
    let same = Rc::clone(&core);
    let mut operation = Operation::new("cohort/tick".into(), TICKS, move |size| {
        (0..size).for_each(|_| core.borrow_mut().take(TICKS));
    });
    operation.prepare = Box::new(move |_| same.borrow_mut().fanout.flush());
    operation
}

/// A frame that is there appended to one cohort more.
fn append(tape: &Recording) -> Operation {
    const COHORTS: usize = 64;
    let pair = [COHORTS, 2 * COHORTS].map(|cohorts| Core::new(tape, cohorts, 1));
    let prepare = |core: &mut Core| core.fanout.flush();
    Operation::on_pair("cohort/append", COHORTS * TICKS, pair, prepare, |core| core.take(TICKS))
}

/// A batch written to one member more.
fn flush_member(tape: &Recording) -> Operation {
    const MEMBERS: usize = 1_000;
    let pair = [MEMBERS, 2 * MEMBERS].map(|members| Core::new(tape, 1, members));
    Operation::on_pair("cohort/flush_member", MEMBERS, pair, |core| core.take(1), |core| core.fanout.flush())
}

/// A batch written to the one member of one cohort more.
fn flush_cohort(tape: &Recording) -> Operation {
    const COHORTS: usize = 64;
    let pair = [COHORTS, 2 * COHORTS].map(|cohorts| Core::new(tape, cohorts, 1));
    Operation::on_pair("cohort/flush_cohort_of_1", COHORTS, pair, |core| core.take(1), |core| core.fanout.flush())
}
