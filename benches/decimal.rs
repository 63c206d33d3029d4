//! Reading, writing and comparing numbers: our `Decimal` and the `rust_decimal` crate's.
//!
//! Both are 16 bytes and exact. Ours keeps the spelling, exponents included; `rust_decimal` keeps the decimal places
//! and writes plain notation only, so what it writes of a number with an exponent is another text, and it must be told
//! by another function to read one (`from_scientific`). It reads by `from_str_exact`, which refuses what it cannot
//! hold; its `from_str` rounds instead. Both write into a buffer that is used again: ours by `write`, the peer by
//! `write!`, as it has no other way that does not allocate.
//!
//! Every iteration goes through 1,024 texts of one shape whose digits differ, or through numbers of the built-in tape
//! in the tape's order (`tape`: lengths and notations vary, so branches are mispredicted as they are in earnest). The
//! sums of mantissas and places must agree between both; what ours writes must be what it read.
//!
//! What would mislead: a single text over and over, which a branch predictor learns by heart; a shape that no feed has;
//! and the peer's own strengths, which are not measured here because nothing uses them: division, rounding, and
//! arithmetic on 96 bits.

mod tape;

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tape::Recording;
use tapecast::market::decimal::Decimal;

const COUNT: usize = 1_024;

/// How texts are spelled.
#[derive(Clone, Copy)]
enum Notation {
    Plain,
    Exponent,
    Mixed,
}

/// What both kinds of numbers do.
trait Number: Copy + Ord {
    const NAME: &'static str;
    fn read(text: &str, notation: Notation) -> Self;
    fn write_to(self, out: &mut Vec<u8>);
    /// Mantissa and places: what the checksum is made of.
    fn parts(self) -> (i128, i32);
}

impl Number for Decimal {
    const NAME: &'static str = "tapecast";

    #[inline]
    fn read(text: &str, _: Notation) -> Self {
        Decimal::parse(text.as_bytes()).expect("a number")
    }

    #[inline]
    fn write_to(self, out: &mut Vec<u8>) {
        self.write(out);
    }

    fn parts(self) -> (i128, i32) {
        (self.mantissa(), self.scale())
    }
}

impl Number for rust_decimal::Decimal {
    const NAME: &'static str = "rust_decimal";

    #[inline]
    fn read(text: &str, notation: Notation) -> Self {
        let number = match notation {
            Notation::Plain => Self::from_str_exact(text),
            Notation::Exponent => Self::from_scientific(text),
            Notation::Mixed => Self::from_str_exact(text).or_else(|_| Self::from_scientific(text)),
        };
        number.expect("a number")
    }

    #[inline]
    fn write_to(self, out: &mut Vec<u8>) {
        write!(out, "{self}").expect("memory takes everything");
    }

    fn parts(self) -> (i128, i32) {
        (self.mantissa(), self.scale() as i32)
    }
}

/// Numbers of one shape.
struct Shape {
    name: &'static str,
    notation: Notation,
    texts: Vec<String>,
}

impl Shape {
    /// Texts like `template`: its digits but the zeros vary.
    fn like(name: &'static str, template: &str, notation: Notation) -> Shape {
        let mut state = 1_u64;
        let mut digit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'1' + (state >> 33) as u8 % 9)
        };
        let end = template.find('E').unwrap_or(template.len());
        let mut vary = |(at, c): (usize, char)| if at < end && ('1'..='9').contains(&c) { digit() } else { c };
        let texts = (0..COUNT).map(|_| template.char_indices().map(&mut vary).collect()).collect();
        Shape { name, notation, texts }
    }

    /// Numbers of the built-in tape, in order.
    fn tape() -> Shape {
        let recording = Recording::demo();
        let mut texts = Vec::new();
        // From every hundredth message, so that all kinds and symbols are among them.
        for event in recording.events.iter().step_by(100) {
            let raw = std::str::from_utf8(&event.raw).expect("a tape is UTF-8");
            let words = raw.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
            let numbers = words.filter(|word| word.contains('.') && Decimal::parse(word.as_bytes()).is_ok());
            texts.extend(numbers.map(str::to_owned));
        }
        Shape { name: "tape", notation: Notation::Mixed, texts }
    }

    fn all() -> Vec<Shape> {
        vec![
            Self::like("price_8_places", "61837.63000000", Notation::Plain),
            Self::like("below_one_8_places", "0.02000000", Notation::Plain),
            Self::like("turnover_8_places", "1685370163.80000000", Notation::Plain),
            Self::like("turnover_16_places", "80031245678.9012300000000000", Notation::Plain),
            Self::like("percent_negative", "-2.071", Notation::Plain),
            Self::like("whole", "90334000", Notation::Plain),
            Self::like("exponent", "7.772E-4", Notation::Exponent),
            Self::tape(),
        ]
    }

    fn numbers<N: Number>(&self) -> Vec<N> {
        self.texts.iter().map(|text| N::read(text, self.notation)).collect()
    }
}

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn parse(criterion: &mut Criterion) {
    for shape in Shape::all() {
        let sums = (sum::<Decimal>(&shape.numbers()), sum::<rust_decimal::Decimal>(&shape.numbers()));
        assert_eq!(sums.0, sums.1, "both read {} alike", shape.name);
        let mut group = criterion.benchmark_group(format!("decimal_parse_{}", shape.name));
        group.throughput(Throughput::Elements(shape.texts.len() as u64));
        parse_with::<Decimal>(&mut group, &shape, sums.0);
        parse_with::<rust_decimal::Decimal>(&mut group, &shape, sums.0);
        group.finish();
    }
}

fn sum<N: Number>(numbers: &[N]) -> (i128, i32) {
    numbers.iter().map(|number| number.parts()).fold((0, 0), |sum, parts| (sum.0 + parts.0, sum.1 + parts.1))
}

fn parse_with<N: Number>(group: &mut Group, shape: &Shape, expected: (i128, i32)) {
    let mut numbers: Vec<N> = Vec::with_capacity(shape.texts.len());
    group.bench_function(N::NAME, |bencher| {
        bencher.iter(|| {
            numbers.clear();
            numbers.extend(shape.texts.iter().map(|text| N::read(text, shape.notation)));
            black_box(&mut numbers);
        });
    });
    if !numbers.is_empty() {
        assert_eq!(sum(&numbers), expected, "{} of {}", N::NAME, shape.name);
    }
}

fn write(criterion: &mut Criterion) {
    for shape in Shape::all() {
        let mut group = criterion.benchmark_group(format!("decimal_write_{}", shape.name));
        group.throughput(Throughput::Elements(shape.texts.len() as u64));
        let out = write_with::<Decimal>(&mut group, &shape);
        assert!(out.is_empty() || out == shape.texts.concat().as_bytes(), "{} comes out as it went in", shape.name);
        let out = write_with::<rust_decimal::Decimal>(&mut group, &shape);
        if let Notation::Plain = shape.notation {
            assert!(out.is_empty() || out == shape.texts.concat().as_bytes(), "{} of the peer", shape.name);
        }
        group.finish();
    }
}

/// Times it; what was written last, or nothing if this bench was filtered out.
fn write_with<N: Number>(group: &mut Group, shape: &Shape) -> Vec<u8> {
    let numbers: Vec<N> = shape.numbers();
    let mut out = Vec::with_capacity(64 * numbers.len());
    group.bench_function(N::NAME, |bencher| {
        bencher.iter(|| {
            out.clear();
            for &number in &numbers {
                number.write_to(&mut out);
            }
            black_box(&mut out);
        });
    });
    out
}

fn compare(criterion: &mut Criterion) {
    let prices = Shape::like("", "61837.63000000", Notation::Plain);
    let coarse = Shape::like("", "61837.63", Notation::Plain);
    for (name, left, right) in [("same_places", &prices, &prices), ("other_places", &prices, &coarse)] {
        let expected = less(&pairs::<Decimal>(left, right));
        assert_eq!(expected, less(&pairs::<rust_decimal::Decimal>(left, right)), "both agree on {name}");
        let mut group = criterion.benchmark_group(format!("decimal_compare_{name}"));
        group.throughput(Throughput::Elements(COUNT as u64));
        compare_with::<Decimal>(&mut group, &pairs(left, right), expected);
        compare_with::<rust_decimal::Decimal>(&mut group, &pairs(left, right), expected);
        group.finish();
    }
    let mut group = criterion.benchmark_group("decimal_sort_1024_prices");
    group.throughput(Throughput::Elements(COUNT as u64));
    let order = sort_with::<Decimal>(&mut group, &prices);
    assert_eq!(order, sort_with::<rust_decimal::Decimal>(&mut group, &prices), "both sort alike");
    group.finish();
}

fn pairs<N: Number>(left: &Shape, right: &Shape) -> Vec<(N, N)> {
    let shifted = right.numbers().into_iter().cycle().skip(1);
    left.numbers().into_iter().zip(shifted).collect()
}

fn less<N: Number>(pairs: &[(N, N)]) -> usize {
    pairs.iter().filter(|(left, right)| left < right).count()
}

fn compare_with<N: Number>(group: &mut Group, pairs: &[(N, N)], expected: usize) {
    group.bench_function(N::NAME, |bencher| {
        bencher.iter(|| assert_eq!(less(black_box(pairs)), expected));
    });
}

/// Times it; a hash of the order that came out.
fn sort_with<N: Number>(group: &mut Group, shape: &Shape) -> u64 {
    let numbers: Vec<N> = shape.numbers();
    group.bench_function(N::NAME, |bencher| {
        bencher.iter_batched_ref(|| numbers.clone(), |numbers| numbers.sort_unstable(), BatchSize::SmallInput);
    });
    let mut sorted = numbers;
    sorted.sort_unstable();
    assert!(sorted.is_sorted());
    let mut hasher = DefaultHasher::new();
    for number in sorted {
        hasher.write_i128(number.parts().0);
    }
    hasher.finish()
}

criterion_group! {
    name = decimal;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = parse, write, compare
}
criterion_main!(decimal);
