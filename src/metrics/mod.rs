//! Counters and gauges, one sentence each.
//!
//! Every limit has a counter here, and every counter one writer: the ingest thread its own set, each core its own, and
//! so the thread that looks after the certificate. They are plain relaxed atomics on cache lines of their own, so
//! counting costs what an addition costs. What is told of them, as JSON or to Prometheus, is made from one table when
//! somebody asks.

mod count;
mod exposition;
mod process;
mod table;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_utils::CachePadded;
use serde_json::{Map, Value, json};

use crate::feed::damage::Damage;
use crate::feed::fault::What;
use crate::market::symbol::Venue;
use crate::metrics::table::{COUNTER, GAUGE};
use crate::venue::Rejected;

pub use count::{Count, Reading, STEPS, Spread};
pub use exposition::CONTENT_TYPE;
pub use table::{CertificateCounts, CoreCounts, Entry, FAMILIES, IngestCounts, Kind, Shape, Unit};

/// What the ingest thread counts of one venue's feed.
#[derive(Debug, Default)]
pub struct VenueCounts {
    /// Raw messages read.
    pub messages_read: Count,
    /// Those without a tick, by [`Rejected`].
    pub messages_rejected: [Count; Rejected::LABELS.len()],
}

/// All counts of a server.
#[derive(Debug)]
pub struct Metrics {
    /// Of the ingest thread.
    pub ingest: CachePadded<IngestCounts>,
    /// Of the ingest thread, by venue.
    pub venues: [VenueCounts; Venue::ALL.len()],
    /// Lines and blocks of tapes skipped, by [`Damage`].
    pub lines_damaged: [Count; Damage::COUNT],
    /// Faults on demand that have struck, by [`What`].
    pub faults: [Count; What::NAMES.len()],
    /// The newest receive time published, nanoseconds since the epoch; 0 before the first.
    pub ts_recv: AtomicI64,
    /// Of the TLS certificate; zeros without TLS.
    pub certificate: CertificateCounts,
    /// Of each core.
    pub cores: Vec<CachePadded<CoreCounts>>,
    /// When they began to count, nanoseconds since the epoch.
    started_ns: u64,
}

/// Numbers that have a label in common.
pub(in crate::metrics) struct Group {
    /// What they are called in JSON.
    name: &'static str,
    /// What tells them from others of the same kind.
    label: Option<(&'static str, String)>,
    entries: Vec<Entry>,
}

impl VenueCounts {
    fn list(&self) -> Vec<Entry> {
        let reading = Reading::from(&self.messages_read);
        let sentence = "Raw messages read from the feed.";
        let read = Entry { field: "messages_read", sentence, shape: COUNTER, reading };
        let rejected = labelled("messages_rejected", "reason", &Rejected::LABELS, &self.messages_rejected);
        std::iter::once(read).chain(rejected).collect()
    }
}

fn labelled(family: &'static str, name: &'static str, labels: &'static [&'static str], counts: &[Count]) -> Vec<Entry> {
    let entry = |(&label, count): (&&'static str, &Count)| Entry {
        field: label,
        sentence: family,
        shape: Shape::one_of(family, name, label),
        reading: Reading::from(count),
    };
    labels.iter().zip(counts).map(entry).collect()
}

impl Metrics {
    /// Zeros for this many cores.
    pub fn new(cores: usize) -> Metrics {
        Metrics {
            ingest: CachePadded::default(),
            venues: Default::default(),
            lines_damaged: Default::default(),
            faults: Default::default(),
            ts_recv: AtomicI64::new(0),
            certificate: CertificateCounts::default(),
            cores: (0..cores).map(|_| CachePadded::default()).collect(),
            started_ns: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as u64),
        }
    }

    /// Everything that is told of it, whoever asks.
    pub(in crate::metrics) fn groups(&self) -> Vec<Group> {
        let group = |name, entries| Group { name, label: None, entries };
        let venue = |venue: Venue| Group {
            name: "venues",
            label: Some(("venue", venue.grammar().name.to_owned())),
            entries: self.venues[venue.index()].list(),
        };
        let core = |(index, counts): (usize, &CachePadded<CoreCounts>)| {
            let mut entries = counts.list();
            entries.push(self.ring_lag(counts));
            Group { name: "cores", label: Some(("core", index.to_string())), entries }
        };
        let mut groups = vec![group("ingest", self.ingest.list())];
        groups.extend(Venue::ALL.into_iter().map(venue));
        groups.push(group("lines_damaged", labelled("lines_damaged", "reason", &Damage::LABELS, &self.lines_damaged)));
        groups.push(group("faults", labelled("faults", "kind", &What::NAMES, &self.faults)));
        groups.push(group("certificate", self.certificate.list()));
        groups.extend(self.cores.iter().enumerate().map(core));
        groups.push(group("clock", self.clock()));
        groups.push(group("process", process::list()));
        groups
    }

    /// How far a core is behind the feed.
    fn ring_lag(&self, core: &CoreCounts) -> Entry {
        // In this order: what is published later only makes it look further behind than it is.
        let read = core.ticks_read.read();
        let lag = self.ingest.ticks_published.read().saturating_sub(read);
        Entry {
            field: "ring_lag",
            sentence: "Ticks in the ring that this core has not read yet.",
            shape: Shape { name: Some("ring_lag_ticks"), ..GAUGE },
            reading: Reading::Number(lag),
        }
    }

    /// When it started, and how far the feed is; the latter is left out before its first message.
    fn clock(&self) -> Vec<Entry> {
        let started = Entry {
            field: "started_ns",
            sentence: "When the server started, since the epoch.",
            shape: GAUGE.nanoseconds("process_start_time"),
            reading: Reading::Number(self.started_ns),
        };
        let ts_recv = u64::try_from(self.ts_recv.load(Ordering::Relaxed)).ok().filter(|&ts_recv| ts_recv > 0);
        let feed = ts_recv.map(|ts_recv| Entry {
            field: "ts_recv_ns",
            sentence: "The newest receive time published, on the feed's clock, since the epoch.",
            shape: GAUGE.nanoseconds("feed_timestamp"),
            reading: Reading::Number(ts_recv),
        });
        std::iter::once(started).chain(feed).collect()
    }

    /// Everything as a JSON object: `ingest`, `venues` by name, `lines_damaged`, `faults`, `messages_rejected` of all
    /// venues, `certificate`, the list `cores`, `clock` and `process`. A histogram is a list of steps, each with the largest
    /// size it holds, `null` for the last, and how many came.
    pub fn to_json(&self) -> Value {
        let mut all = Map::new();
        for group in self.groups() {
            let object: Map<String, Value> =
                group.entries.iter().map(|entry| (entry.field.to_owned(), entry.reading.to_json())).collect();
            match (group.name, group.label) {
                (name, None) => drop(all.insert(name.to_owned(), object.into())),
                // Numbers from 0 on are places in a list.
                ("cores", _) => match all.entry("cores").or_insert_with(|| json!([])) {
                    Value::Array(cores) => cores.push(object.into()),
                    _ => unreachable!("it was made as a list"),
                },
                (name, Some((_, value))) => all.entry(name).or_insert_with(|| json!({}))[value] = object.into(),
            }
        }
        let sum = |counts: &dyn Fn(&VenueCounts) -> u64| self.venues.iter().map(counts).sum::<u64>();
        all["ingest"]["messages_read"] = sum(&|venue| venue.messages_read.read()).into();
        let rejected = |(index, &label): (usize, &&str)| {
            (label.to_owned(), sum(&|venue| venue.messages_rejected[index].read()).into())
        };
        let rejected: Map<String, Value> = Rejected::LABELS.iter().enumerate().map(rejected).collect();
        all.insert("messages_rejected".to_owned(), rejected.into());
        all.into()
    }
}

impl Reading {
    fn to_json(self) -> Value {
        match self {
            Reading::Number(number) => number.into(),
            Reading::Spread { steps, .. } => {
                steps.iter().enumerate().map(|(step, count)| json!([Spread::bound(step), count])).collect()
            }
        }
    }
}
