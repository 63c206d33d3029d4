//! What is told of faults: a report for people at the end, and JSON for programs at any time.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::feed::fault::Script;
use crate::feed::time;
use crate::server::faults::ledger::{End, Fired, Hit, Ledger, ends_connections};

/// Most clients that the report for people names; `/control/faults` has all.
const HITS_TOLD_MAX: usize = 200;

/// The report for people.
pub(super) fn text(script: &Script, ledger: &Ledger) -> String {
    let mut text = format!("faults of {} (seed {})\n", script.name, script.seed);
    for (fault, (it, (fired, hit))) in script.faults.iter().zip(&ledger.counts).enumerate() {
        let noticed = ledger.hits.iter().filter(|hit| hit.fault == fault && ledger.is_noticed(hit)).count();
        let name = it.what.name();
        let _ = writeln!(text, "  {:>3} {name:<14} {}, {}, {noticed} noticed", fault + 1, times(*fired), clients(*hit));
    }
    let mut hits: Vec<&Hit> = ledger.hits.iter().collect();
    hits.sort_by_key(|hit| hit.firing);
    let mut last = None;
    for hit in hits.iter().take(HITS_TOLD_MAX) {
        if last.replace(hit.firing) != Some(hit.firing) {
            let fired = ledger.fired.iter().find(|fired| fired.id == hit.firing);
            let _ = writeln!(text, "{}", heading(script, hit, fired));
        }
        let _ = writeln!(text, "    {}: {}", who(hit), what_it_did(ledger, hit));
    }
    let left = hits.len().saturating_sub(HITS_TOLD_MAX) as u64 + ledger.unlisted;
    if left > 0 {
        let _ = writeln!(text, "  and {}", clients(left).replace("hit", "more hit"));
    }
    text
}

fn times(count: u64) -> String {
    if count == 1 { "struck once".to_owned() } else { format!("struck {count} times") }
}

fn clients(count: u64) -> String {
    if count == 1 { "1 client hit".to_owned() } else { format!("{count} clients hit") }
}

fn heading(script: &Script, hit: &Hit, fired: Option<&Fired>) -> String {
    let name = script.faults[hit.fault].what.name();
    let detail = fired.map_or("", |fired| fired.detail.as_str());
    let colon = if detail.is_empty() { "" } else { ": " };
    match fired.and_then(|fired| fired.tape_ns) {
        Some(ns) => format!("  {} {name}{colon}{detail}", time::format(ns)),
        None => format!("  {name}{colon}{detail}"),
    }
}

fn who(hit: &Hit) -> String {
    match hit.client {
        Some(client) => format!("client {client}, {} from {}", hit.kind, hit.peer),
        None => format!("from {}", hit.peer),
    }
}

/// What a client did, in order: noticed or not, and how that shows.
fn what_it_did(ledger: &Ledger, hit: &Hit) -> String {
    let mut told: Vec<(Duration, String)> = Vec::new();
    let ends = ends_connections(ledger.what(hit));
    let after = |after: Duration| format!("after {:.1} s", after.as_secs_f32());
    match hit.end {
        Some((when, End::Client(Some(code)))) => told.push((when, format!("closed with {code} {}", after(when)))),
        Some((when, End::Client(None))) => told.push((when, format!("left {}", after(when)))),
        Some((when, End::Fault)) if ends => told.push((when, format!("was cut off {}", after(when)))),
        Some((when, End::Fault)) => told.push((when, format!("was cut off by another fault {}", after(when)))),
        Some((when, End::Server(ending))) => {
            told.push((when, format!("was ended by the server ({ending:?}) {}", after(when))));
        }
        None => {}
    }
    let mut tell = |when: Option<Duration>, words: &str| {
        told.extend(when.map(|when| (when, format!("{words} {}", after(when)))));
    };
    tell(hit.asked, "asked for a snapshot");
    tell(hit.resubscribed, "subscribed anew");
    tell(hit.back, "came back");
    told.sort();
    let mut words: Vec<String> = told.into_iter().map(|(_, words)| words).collect();
    if ends && hit.end.is_some() && hit.back.is_none() {
        words.push("did not come back".to_owned());
    }
    if hit.refused > 0 {
        words.insert(0, format!("was refused {} times", hit.refused));
    }
    if hit.pings > 0 {
        words.insert(0, format!("pinged {} times in vain", hit.pings));
    }
    let verdict = if ledger.is_noticed(hit) { "noticed" } else { "not noticed" };
    if words.is_empty() { format!("{verdict}, still there") } else { format!("{verdict}: {}", words.join(", ")) }
}

/// The same for programs.
pub(super) fn json(script: &Script, ledger: &Ledger, now: Instant) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| time.as_millis() as u64);
    let mut by_firing: FxHashMap<u64, Vec<&Hit>> = FxHashMap::default();
    ledger.hits.iter().for_each(|hit| by_firing.entry(hit.firing.0).or_default().push(hit));
    let clients_of = |fired: &Fired| -> Vec<Value> {
        let hits = by_firing.get(&fired.id.0).into_iter().flatten();
        let client = |hit: &&Hit| {
            let (ended, code) = match hit.end {
                None => (None, None),
                Some((_, End::Fault)) => (Some("fault".to_owned()), None),
                Some((_, End::Client(code))) => (Some("client".to_owned()), code),
                Some((_, End::Server(ending))) => (Some(format!("server: {ending:?}")), None),
            };
            json!({
                "client": hit.client, "peer": hit.peer.to_string(), "kind": hit.kind, "noticed": ledger.is_noticed(hit),
                "ended_by": ended, "close_code": code, "ended_after_ms": ms(hit.end.map(|(after, _)| after)),
                "back_after_ms": ms(hit.back), "snapshot_asked_after_ms": ms(hit.asked),
                "subscribed_after_ms": ms(hit.resubscribed), "pings_unanswered": hit.pings, "refused": hit.refused,
            })
        };
        hits.map(client).collect()
    };
    let fault = |(index, it): (usize, &crate::feed::fault::Fault)| {
        let fired: Vec<Value> = ledger
            .fired
            .iter()
            .filter(|fired| fired.fault == index)
            .map(|fired| {
                json!({
                    "tape_time": fired.tape_ns.map(time::format), "detail": fired.detail,
                    "ago_ms": now.saturating_duration_since(fired.at).as_millis() as u64, "clients": clients_of(fired),
                })
            })
            .collect();
        let (struck, hit) = ledger.counts[index];
        json!({ "what": it.what.name(), "struck": struck, "clients_hit": hit, "fired": fired })
    };
    let faults: Vec<Value> = script.faults.iter().enumerate().map(fault).collect();
    json!({ "script": script.name, "seed": script.seed, "unlisted": ledger.unlisted, "faults": faults })
}
