//! Scripts of faults: an error names a line that exists, and what passes the check keeps within the limits that the rest
//! of the program counts on, and can be carried out.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{Corpus, fuzz_target};
use tapecast::feed::fault::distortion::{Distortion, Passed};
use tapecast::feed::fault::schedule::Schedule;
use tapecast::feed::fault::script::FAULTS_MAX;
use tapecast::feed::fault::{Script, What};
use tapecast::market::channel::{Channel, Pace};
use tapecast::market::symbol::{Symbols, Venue};
use tapecast::market::tick::{Depth, Kind, Tick};

const SECOND: i64 = 1_000_000_000;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let script = match Script::parse("a.toml", text) {
        Ok(script) => Arc::new(script),
        Err(error) => {
            let lines = 1 + text.matches('\n').count();
            assert!((1..=lines).contains(&error.line) && !error.reason.is_empty(), "{error}");
            return Corpus::Keep;
        }
    };
    assert!((1..=FAULTS_MAX).contains(&script.faults.len()));
    assert!(script.faults.iter().all(|fault| What::NAMES[fault.what.index()] == fault.what.name()));
    let (mut schedule, mut distortion) = (Schedule::new(&script), Distortion::new(Arc::clone(&script)));
    let (mut symbols, mut passed, mut due) = (Symbols::default(), Passed::default(), Vec::new());
    let symbol = symbols.intern(Venue::Binance, "BTCUSDT").expect("it has room for one");
    let mut told = 0;
    for n in 0..200_u64 {
        let now = n as i64 * SECOND;
        schedule.pass(now, now, &mut due);
        for fault in due.drain(..) {
            distortion.begin(fault, now, &symbols, &mut passed);
        }
        let kind = Kind::Depth(Depth { first_id: n as i64, last_id: n as i64, bids: 0 });
        let channel = Channel::Depth(Pace::Ms100);
        let tick = Tick { sequence: n, ts_recv: now, ts_event: now, symbol, channel, kind, ..Tick::default() };
        distortion.take(&tick, &[], &symbols, &mut passed);
        assert!(
            passed.ticks.iter().all(|(tick, _)| tick.sequence == n),
            "what is late has the number of what it comes with"
        );
        told += passed.ticks.len();
        passed.clear();
    }
    assert!(told <= 400, "nothing is told more than twice");
    distortion.take(&Tick { sequence: 200, ..Tick::default() }, &[], &symbols, &mut passed);
    assert!(
        passed.ticks.last().is_some_and(|(tick, _)| matches!(tick.kind, Kind::End)),
        "nothing comes behind the end"
    );
    Corpus::Keep
});
