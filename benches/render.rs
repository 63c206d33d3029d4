//! From a tick to a frame: what each kind of stream costs in each form that clients get it in.
//!
//! A frame is rendered once per core for each stream and form that somebody there wants, however many want it; so this
//! is a cost per tick, not per client. The time shown is that of one frame, header included, rendered into a buffer
//! that is used again, in the mean over up to 256 ticks of a kind. Kinds that begin with `binance` or `upbit` are ticks
//! of the built-in tape, those that begin with `derived` are made of them by the market engine, and `array` are the
//! arrays of all symbols, of which the built-in tape has nine. Forms: `bare` and `wrapped` are Binance's JSON, without
//! and with the wrapper of a combined stream, `sbe` its binary encoding; `default` and `simple` are Upbit's, with long
//! and short keys, `neutral` is the one that all venues share, `merged` is `default` with prices merged to 10,000 where
//! the market has that level. Upbit's order books are rendered with all 30 pairs of levels; `binance_depth_small` has 4
//! levels at most, `binance_depth_large` 50 and more.
//!
//! Before a kind is timed, all its ticks are rendered twice, and the second time must not allocate. The form that the
//! tape has must give the very bytes of the tape. Every pass checks how many bytes came out.
//!
//! What would mislead: a tick over and over, which a branch predictor learns by heart; and a buffer that grows inside
//! of the timed part.

mod heap;
mod tape;

use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tape::{Event, KINDS, POOL, Recording};
use tapecast::fanout::Form;
use tapecast::fanout::frame::Frame;
use tapecast::market::channel::{Channel, Levels, Pace, Window};
use tapecast::market::decimal::Decimal;
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::venue::binance::{TimeUnit, stream};
use tapecast::venue::upbit::grouping::Grouping;
use tapecast::venue::upbit::{Edition, Format, Layout, json::StreamType};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// The forms of ticks of each venue; the first is the one that the tape has.
const BINANCE: [&str; 4] = ["wrapped", "bare", "neutral", "sbe"];
const UPBIT: [&str; 4] = ["simple", "default", "neutral", "merged"];

/// A kind's name, and the channels whose ticks are of it.
type Kind = (&'static str, fn(Channel) -> bool);

/// Kinds that only the engine makes, or whose numbers it spells otherwise than a feed.
const DERIVED: [Kind; 13] = [
    ("derived_agg_trade", |channel| channel == Channel::AggTrade),
    ("derived_book_ticker", |channel| channel == Channel::BookTicker),
    ("derived_depth_1s", |channel| channel == Channel::Depth(Pace::Ms1000)),
    ("derived_partial_depth_5", |channel| channel == Channel::PartialDepth(Levels::L5, Pace::Ms100)),
    ("derived_partial_depth_10", |channel| channel == Channel::PartialDepth(Levels::L10, Pace::Ms100)),
    ("derived_partial_depth_20", |channel| channel == Channel::PartialDepth(Levels::L20, Pace::Ms100)),
    ("derived_kline", |channel| matches!(channel, Channel::Kline(..))),
    ("derived_ticker", |channel| channel == Channel::Ticker),
    ("derived_mini_ticker", |channel| channel == Channel::MiniTicker),
    ("derived_ticker_1h", |channel| channel == Channel::WindowTicker(Window::H1)),
    ("derived_ticker_4h", |channel| channel == Channel::WindowTicker(Window::H4)),
    ("derived_ticker_1d", |channel| channel == Channel::WindowTicker(Window::D1)),
    ("derived_avg_price", |channel| channel == Channel::AvgPrice),
];

/// The arrays of all symbols.
const ARRAYS: [(&str, Channel); 5] = [
    ("!ticker@arr", Channel::Ticker),
    ("!miniTicker@arr", Channel::MiniTicker),
    ("!ticker_1h@arr", Channel::WindowTicker(Window::H1)),
    ("!ticker_4h@arr", Channel::WindowTicker(Window::H4)),
    ("!ticker_1d@arr", Channel::WindowTicker(Window::D1)),
];

/// What is rendered into one frame: a tick, or those of an array.
struct Job<'a> {
    events: Vec<&'a Event>,
    is_array: bool,
    form: Form,
    symbols: &'a Symbols,
}

impl<'a> Job<'a> {
    fn new(event: &'a Event, form_name: &str, symbols: &'a Symbols) -> Job<'a> {
        let mut name = String::new();
        stream::write_name(symbols.get(event.tick.symbol).name.as_str(), event.tick.channel, &mut name);
        let venue = symbols.get(event.tick.symbol).venue;
        Job { events: vec![event], is_array: false, form: form(form_name, venue, &name), symbols }
    }

    fn array(events: Vec<&'a Event>, form_name: &str, name: &str, symbols: &'a Symbols) -> Job<'a> {
        Job { events, is_array: true, form: form(form_name, Venue::Binance, name), symbols }
    }

    /// The frame's length; 0 if the form has no words for the tick's kind.
    fn render(&self, frame: &mut Frame) -> usize {
        let is_rendered = if self.is_array {
            let ticks = self.events.iter().map(|event| (&event.tick, self.symbols.get(event.tick.symbol)));
            frame.render_list(&self.form, &mut ticks.peekable())
        } else {
            let Event { tick, levels, .. } = self.events[0];
            frame.render(&self.form, tick, levels, self.symbols.get(tick.symbol), StreamType::Realtime)
        };
        if is_rendered { frame.bytes().len() } else { 0 }
    }
}

fn form(name: &str, venue: Venue, stream: &str) -> Form {
    let unit = TimeUnit::Milliseconds;
    match name {
        "bare" => Form::Binance { unit, wrapper: None },
        "wrapped" => Form::Binance { unit, wrapper: Some(Rc::from(stream)) },
        "sbe" => Form::BinanceSbe,
        "neutral" => Form::Neutral { venue, units: 30 },
        "default" => upbit(Format::Default, None),
        "merged" => upbit(Format::Default, Grouping::of(Decimal::new(10_000, 0).expect("in range"))),
        _ => upbit(Format::Simple, None),
    }
}

fn upbit(format: Format, grouping: Option<Grouping>) -> Form {
    Form::Upbit {
        venue: Venue::Upbit,
        layout: Layout { format, units: 30, grouping, edition: Edition::Today },
        deflate: false,
    }
}

fn forms(venue: Venue) -> &'static [&'static str] {
    match venue {
        Venue::Binance => &BINANCE,
        _ => &UPBIT,
    }
}

fn render_all(jobs: &[Job<'_>], frame: &mut Frame) -> usize {
    jobs.iter().map(|job| job.render(frame)).sum()
}

/// The form that the tape has gives the bytes of the tape.
fn check_recorded(tape: &Recording) {
    let mut frame = Frame::default();
    for event in &tape.events {
        let job = Job::new(event, forms(event.venue)[0], &tape.symbols);
        assert!(job.render(&mut frame) > 0);
        assert!(frame.bytes().ends_with(&event.raw), "the bytes that were recorded");
    }
}

/// Times the jobs of one kind and form, if the form has words for the kind.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, jobs: &[Job<'_>]) {
    assert!(!jobs.is_empty(), "the tape gives no {name}");
    let mut frame = Frame::default();
    let bytes = render_all(jobs, &mut frame);
    if bytes == 0 {
        return;
    }
    let before = heap::allocations();
    assert_eq!(render_all(jobs, &mut frame), bytes);
    assert_eq!(heap::allocations() - before, 0, "{name}: allocations in {} frames", jobs.len());
    group.throughput(Throughput::Bytes((bytes / jobs.len()) as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|frames| {
            let (passes, rest) = (frames as usize / jobs.len(), frames as usize % jobs.len());
            let start = Instant::now();
            for _ in 0..passes {
                assert_eq!(render_all(jobs, &mut frame), bytes);
            }
            render_all(&jobs[..rest], &mut frame);
            start.elapsed()
        });
    });
}

fn frames(criterion: &mut Criterion) {
    let tape = Recording::demo();
    check_recorded(&tape);
    let derived = tape.derived();
    let mut group = criterion.benchmark_group("render");
    for kind in KINDS {
        let events = tape.of_kind(kind, POOL);
        for form in forms(events[0].venue).iter().filter(|form| **form != "merged" || kind == "upbit_orderbook") {
            let jobs: Vec<Job> = events.iter().map(|event| Job::new(event, form, &tape.symbols)).collect();
            measure(&mut group, &format!("{kind}_{form}"), &jobs);
        }
    }
    for (kind, is_of_kind) in DERIVED {
        let events: Vec<&Event> = derived.iter().filter(|event| is_of_kind(event.tick.channel)).take(POOL).collect();
        for form in BINANCE {
            let jobs: Vec<Job> = events.iter().map(|event| Job::new(event, form, &tape.symbols)).collect();
            measure(&mut group, &format!("{kind}_{form}"), &jobs);
        }
    }
    for (name, channel) in ARRAYS {
        let events: Vec<&Event> = derived.iter().filter(|event| event.tick.channel == channel).collect();
        let seconds: Vec<_> = events.chunk_by(|a, b| a.tick.ts_event == b.tick.ts_event).take(POOL).collect();
        for form in &BINANCE[..3] {
            let jobs: Vec<Job> =
                seconds.iter().map(|second| Job::array(second.to_vec(), form, name, &tape.symbols)).collect();
            measure(&mut group, &format!("array_{name}_{form}"), &jobs);
        }
    }
    group.finish();
}

criterion_group! {
    name = render;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1));
    targets = frames
}
criterion_main!(render);
