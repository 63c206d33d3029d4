//! From a tick to a frame: what each kind costs in each form that clients get it in.
//!
//! A frame is rendered once per core for each stream and form that somebody there wants, however many want it; so this
//! is a cost per tick, not per client. Each iteration renders up to 256 ticks of a kind of the built-in tape into the
//! same buffer, header of the frame included. Forms: `bare` and `wrapped` are Binance's JSON, without and with the
//! wrapper of a combined stream, `sbe` its binary encoding; `default` and `simple` are Upbit's, with long and short
//! keys. Upbit's order books are rendered with all 30 pairs of levels; `binance_depth_large` has 50 levels and more.
//!
//! Before anything is timed, all ticks of the tape are rendered in all these forms twice, and the second time must not
//! allocate. The form that the tape has must give the very bytes of the tape. Every iteration checks how many bytes
//! came out.
//!
//! What would mislead: a tick over and over, which a branch predictor learns by heart; and a buffer that grows inside
//! of the timed part.

mod heap;
mod tape;

use std::rc::Rc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tape::{Event, KINDS, POOL, Recording};
use tapecast::fanout::Form;
use tapecast::fanout::frame::Frame;
use tapecast::market::symbol::{Symbol, Symbols, Venue};
use tapecast::venue::binance::TimeUnit;
use tapecast::venue::upbit::{Edition, Format, Layout, json::StreamType};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// A tick with the form it is rendered in.
struct Job<'a> {
    event: &'a Event,
    form: Form,
    symbol: &'a Symbol,
}

impl<'a> Job<'a> {
    fn new(event: &'a Event, form_name: &str, symbols: &'a Symbols) -> Job<'a> {
        let unit = TimeUnit::Milliseconds;
        let form = match form_name {
            "bare" => Form::Binance { unit, wrapper: None },
            "wrapped" => Form::Binance { unit, wrapper: Some(stream_name(&event.raw)) },
            "sbe" => Form::BinanceSbe,
            "default" => upbit_form(Format::Default),
            _ => upbit_form(Format::Simple),
        };
        Job { event, form, symbol: symbols.get(event.tick.symbol) }
    }

    /// The frame's length; 0 if the form has no words for the tick's kind.
    fn render(&self, frame: &mut Frame) -> usize {
        let Event { tick, levels, .. } = self.event;
        if frame.render(&self.form, tick, levels, self.symbol, StreamType::Realtime) { frame.bytes().len() } else { 0 }
    }
}

fn upbit_form(format: Format) -> Form {
    Form::Upbit { layout: Layout { format, units: 30, grouping: None, edition: Edition::Today } }
}

/// The stream's name in a message that stands in the wrapper of a combined stream.
fn stream_name(raw: &[u8]) -> Rc<str> {
    let name = raw.strip_prefix(b"{\"stream\":\"").and_then(|rest| rest.split(|&b| b == b'"').next());
    Rc::from(std::str::from_utf8(name.expect("a wrapper")).expect("a tape is UTF-8"))
}

/// A venue's forms; the first is the one that the tape has.
fn forms(venue: Venue) -> &'static [&'static str] {
    match venue {
        Venue::Binance => &["wrapped", "bare", "sbe"],
        Venue::Upbit => &["simple", "default"],
    }
}

fn render_all(jobs: &[Job<'_>], frame: &mut Frame) -> usize {
    jobs.iter().map(|job| job.render(frame)).sum()
}

/// No frame allocates once the buffer has grown, and the recorded form gives the recorded bytes.
fn check_all(tape: &Recording) {
    let mut frame = Frame::default();
    for form in ["wrapped", "bare", "sbe", "simple", "default"] {
        let events = tape.events.iter().filter(|event| forms(event.venue).contains(&form));
        let jobs: Vec<Job> = events.map(|event| Job::new(event, form, &tape.symbols)).collect();
        let bytes = render_all(&jobs, &mut frame);
        let before = heap::allocations();
        assert_eq!(render_all(&jobs, &mut frame), bytes);
        assert_eq!(heap::allocations() - before, 0, "allocations in {} frames", jobs.len());
        let is_recorded = |job: &&Job| form == forms(job.event.venue)[0];
        for job in jobs.iter().filter(is_recorded) {
            assert!(job.render(&mut frame) > 0);
            assert!(frame.bytes().ends_with(&job.event.raw), "the bytes that were recorded");
        }
    }
}

fn frames(criterion: &mut Criterion) {
    let tape = Recording::demo();
    check_all(&tape);
    let mut frame = Frame::default();
    let mut group = criterion.benchmark_group("render_throughput");
    for kind in KINDS {
        let events = tape.of_kind(kind, POOL);
        for &form in forms(events[0].venue) {
            let jobs: Vec<Job> = events.iter().map(|event| Job::new(event, form, &tape.symbols)).collect();
            let bytes = render_all(&jobs, &mut frame);
            if bytes == 0 {
                continue;
            }
            group.throughput(Throughput::ElementsAndBytes { elements: jobs.len() as u64, bytes: bytes as u64 });
            group.bench_function(format!("{kind}_{form}"), |bencher| {
                bencher.iter(|| assert_eq!(render_all(&jobs, &mut frame), bytes));
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = render;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = frames
}
criterion_main!(render);
