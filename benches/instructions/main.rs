//! How many instructions each operation on a message's way takes: a cost that no other load on the machine changes.
//!
//!     cargo run --release -p instructions                compares with what is recorded in counts.txt beside this
//!     cargo run --release -p instructions -- --record    records anew
//!
//! The program runs itself under callgrind, which counts instructions inside of [`counted`] only and writes a file each
//! time that returns. Every operation is done N and then 2 N times there, so that (count(2 N) − count(N)) / N is what it
//! costs, setting up and the loop's beginning and end left out. Inputs are up to 256 messages of the built-in tape;
//! buffers have grown and nothing allocates, which is checked, so no allocator has a say.
//!
//! A number may differ from the recorded one by 5 % either way. More is a regression; less is to be recorded. Counting
//! twice must give the same to a thousandth. A count depends on the compiler, and on the C library and processor as
//! far as they choose how memory is copied and searched; the file says with which it was recorded. Where these are
//! others, what has moved is told, and is no failure.
//!
//! What would mislead: instructions are not time. A cache miss costs as much as some hundred of them.

#[path = "../heap.rs"]
mod heap;
mod operations;
#[path = "../tape.rs"]
mod tape;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use operations::Operation;

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// Counts by name.
type Counts = BTreeMap<String, f64>;

/// How far a count may be from the recorded one.
const TOLERANCE: f64 = 0.05;

/// How far two counts of the same program may be from each other.
const NOISE: f64 = 0.001;

/// Told to the program that runs under callgrind.
const INNER: &str = "--under-callgrind";

fn main() -> ExitCode {
    let is_given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if is_given(INNER) {
        run_counted();
        return ExitCode::SUCCESS;
    }
    check_operations();
    if cfg!(debug_assertions) {
        eprintln!("all operations work; counts are those of a release build: run with --release");
        return ExitCode::FAILURE;
    }
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        let is_required = std::env::var("TAPECAST_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
        eprintln!("{}: valgrind is not installed, run tools/test", if is_required { "failed" } else { "skipped" });
        return if is_required { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let (counts, again) = (measure(), measure());
    for (name, count) in &counts {
        let other = again[name];
        assert!((count - other).abs() <= count * NOISE, "{name}: {count:.2} and then {other:.2}; something is random");
    }
    if is_given("--record") { record(&counts) } else { compare(&counts) }
}

/// Every operation does what it should, and allocates nothing once it has run.
fn check_operations() {
    for mut operation in operations::all() {
        warm_up(&mut operation);
        for size in [1, 2] {
            (operation.prepare)(size);
            let before = heap::allocations();
            (operation.run)(size);
            assert_eq!(heap::allocations() - before, 0, "{} allocates", operation.name);
        }
    }
}

/// Lets buffers grow.
fn warm_up(operation: &mut Operation) {
    for size in [2, 1, 2, 1] {
        (operation.prepare)(size);
        (operation.run)(size);
    }
}

/// Runs all operations in both sizes where callgrind counts.
fn run_counted() {
    for mut operation in operations::all() {
        warm_up(&mut operation);
        for size in [1, 2] {
            (operation.prepare)(size);
            counted(&mut operation.run, size);
        }
    }
}

/// What runs in here is counted; callgrind is told its name.
#[inline(never)]
fn counted(run: &mut dyn FnMut(usize), size: usize) {
    run(std::hint::black_box(size));
}

/// Instructions per operation.
fn measure() -> Counts {
    let folder = std::env::temp_dir().join(format!("instructions-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for what callgrind writes");
    let out = folder.join("out");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--collect-atstart=no"])
        .args(["--toggle-collect=instructions::counted", "--dump-after=instructions::counted"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe().expect("this program has a path"))
        .arg(INNER)
        .status()
        .expect("valgrind starts");
    assert!(status.success(), "callgrind: {status}");
    let total = |number: usize| {
        let path = folder.join(format!("out.{number}"));
        let text = std::fs::read_to_string(&path).expect("callgrind writes a file for each run");
        let totals = text.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total in it");
        totals.trim().parse::<f64>().expect("a number")
    };
    let operations = operations::all();
    let counts = operations.into_iter().enumerate().map(|(place, operation)| {
        let (once, twice) = (total(2 * place + 1), total(2 * place + 2));
        (operation.name, (twice - once) / operation.units as f64)
    });
    let counts = counts.collect();
    std::fs::remove_dir_all(&folder).expect("the folder can be removed");
    counts
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

/// What the counts depend on beside the source.
fn conditions() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = |program: &std::ffi::OsStr| {
        let output = Command::new(program).arg("--version").output();
        output.map_or_else(|_| "unknown".into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let (rustc, valgrind) = (version(&rustc), version("valgrind".as_ref()));
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { " without AVX2" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    format!("{rustc}; {valgrind}; {}{vectors}", std::env::consts::ARCH)
}

/// What is recorded, and under which conditions.
fn recorded() -> (Counts, String) {
    let text = std::fs::read_to_string(path()).expect("counts.txt can be read");
    let conditions = text.lines().find_map(|line| line.strip_prefix("# with ")).expect("a line `# with …`").to_owned();
    let counts = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| {
        let (name, count) = line.split_once(' ').expect("a name and a count");
        (name.to_owned(), count.trim().parse().expect("a number"))
    });
    (counts.collect(), conditions)
}

fn record(counts: &Counts) -> ExitCode {
    let mut text = format!(
        "# Instructions per operation; written by `{RECORD}`.\n\
         # with {}\n",
        conditions()
    );
    for (name, count) in counts {
        let _ = writeln!(text, "{name:32} {count:10.1}");
    }
    std::fs::write(path(), &text).expect("counts.txt can be written");
    print!("{text}");
    ExitCode::SUCCESS
}

const RECORD: &str = "cargo run --release -p instructions -- --record";

fn compare(counts: &Counts) -> ExitCode {
    let (recorded, with) = recorded();
    let mut moved = Vec::new();
    for (name, count) in counts {
        let Some(before) = recorded.get(name) else {
            moved.push(format!("{name}: {count:.1}, and nothing is recorded"));
            continue;
        };
        let change = (count / before - 1.0) * 100.0;
        println!("{name:32} {count:10.1} instructions, {before:10.1} recorded, {change:+.1} %");
        if count > &(before * (1.0 + TOLERANCE)) {
            moved.push(format!("{name}: {before:.1} → {count:.1} instructions ({change:+.1} %), a regression"));
        } else if count < &(before * (1.0 - TOLERANCE)) {
            moved.push(format!("{name}: {before:.1} → {count:.1} instructions ({change:+.1} %), better: record it"));
        }
    }
    moved.extend(recorded.keys().filter(|name| !counts.contains_key(*name)).map(|name| format!("{name}: gone")));
    if moved.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("\nmoved by more than {:.0} %:\n  {}", TOLERANCE * 100.0, moved.join("\n  "));
    let now = conditions();
    if now != with {
        eprintln!(
            "recorded with {with}\ncounted with  {now}\nso the source need not be the cause, and this is no failure"
        );
        return ExitCode::SUCCESS;
    }
    eprintln!("what is meant to be so is recorded by `{RECORD}`");
    ExitCode::FAILURE
}
