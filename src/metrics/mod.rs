//! Counters and gauges, one sentence each.
//!
//! Every limit has a counter here, and every counter one writer: the ingest thread its own set, each core its own, and
//! so the thread that looks after the certificate. They are plain relaxed atomics on cache lines of their own, so
//! counting costs what an addition costs.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::feed::tape::Damage;
use crate::venue::Rejected;

/// A number that its one writer raises, lowers or sets, and anybody reads.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`.
    #[inline]
    pub fn add(&self, more: u64) {
        // One writer: a load and a store do, without a locked instruction.
        self.0.store(self.0.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    /// Makes it `value`.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it is now.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counts {
    ($(#[$about:meta])* $name:ident { $($(#[doc = $sentence:literal])+ $field:ident,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub struct $name { $($(#[doc = $sentence])+ pub $field: Count,)+ }

        impl $name {
            /// Name, sentence and value of each.
            pub fn list(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($field), concat!($($sentence),+), self.$field.read()),)+]
            }
        }
    };
}

counts! {
    /// What the ingest thread counts.
    IngestCounts {
        /// Raw messages read from the feed.
        messages_read,
        /// Ticks put into the ring.
        ticks_published,
        /// Times the ring was full, so that the feed had to wait for the slowest core.
        ring_waits,
        /// Order book snapshots read.
        snapshots_read,
        /// Depth events that do not continue the one before them.
        depth_gaps,
        /// Order books that became whole: snapshot and changes met.
        books_synced,
        /// Ticks that the tape does not carry and somebody wants.
        ticks_derived,
        /// Trades left out of a candle because it had closed when they came.
        late_trades,
        /// Times the tape began again.
        passes,
    }
}

counts! {
    /// What one core counts.
    CoreCounts {
        /// Ticks read from the ring.
        ticks_read,
        /// Frames rendered; each is shared by all sessions of this core that want it.
        frames_rendered,
        /// Frames due to sessions: delivered + conflated + dropped, and what is still in backlogs.
        frames_routed,
        /// Frames of which the kernel took the last byte; over TLS, up to a record of 16 KiB before it did.
        frames_delivered,
        /// Frames left out because a newer one of their stream followed, for sessions that were behind.
        frames_conflated,
        /// Frames that sessions did not get because they were disconnected.
        frames_dropped,
        /// Write calls to sockets.
        writes,
        /// Bytes that sockets took.
        bytes_written,
        /// Batches of ticks: each is flushed once to every cohort it touches.
        batches,
        /// Sessions open now.
        sessions,
        /// Sessions that have subscribed to something, since the start.
        sessions_subscribed,
        /// Cohorts now: groups of sessions that get identical bytes.
        cohorts,
        /// Sessions disconnected because their backlog passed its limit in bytes or age.
        slow_consumers,
        /// Sessions ended because their client sent more messages than it may.
        rate_limited,
        /// Times this core waited for its sessions instead of reading on, at speed max.
        gate_holds,
        /// Connections accepted.
        connections,
        /// Requests answered by HTTP without an upgrade.
        http_requests,
        /// Messages said in rooms.
        room_messages,
        /// Events in rooms refused, by a limit or because something was wrong with them.
        room_refusals,
        /// TLS handshakes completed, resumed ones included.
        tls_handshakes,
        /// TLS handshakes that took up an earlier session.
        tls_resumed,
        /// Connections to the TLS address given up because the handshake took too long.
        tls_timeouts,
        /// Connections to the TLS address that spoke HTTP without TLS, and were told so.
        tls_plain_http,
        /// TLS handshakes refused because the client wanted protocols other than HTTP/1.1 (ALPN).
        tls_no_protocol,
        /// TLS handshakes refused because client and server have no version or cipher in common.
        tls_incompatible,
        /// TLS handshakes that the client ended because it does not trust the certificate.
        tls_distrusted,
        /// TLS handshakes that failed for another reason; the client went away, most likely.
        tls_failed,
    }
}

counts! {
    /// What the thread counts that looks after the certificate.
    CertificateCounts {
        /// Times a new certificate was taken into use.
        reloads,
        /// Times a new certificate could not be used and the old one was kept.
        reloads_failed,
    }
}

/// All counts of a server.
#[derive(Debug)]
pub struct Metrics {
    /// Of the ingest thread.
    pub ingest: CachePadded<IngestCounts>,
    /// Lines skipped, by [`Damage`].
    pub lines_damaged: [Count; Damage::COUNT],
    /// Messages without a tick, by [`Rejected`].
    pub messages_rejected: [Count; Rejected::LABELS.len()],
    /// The newest receive time published, nanoseconds since the epoch; 0 before the first.
    pub ts_recv: AtomicI64,
    /// Of the TLS certificate; zeros without TLS.
    pub certificate: CertificateCounts,
    /// Of each core.
    pub cores: Vec<CachePadded<CoreCounts>>,
}

impl Metrics {
    /// Zeros for this many cores.
    pub fn new(cores: usize) -> Metrics {
        Metrics {
            ingest: CachePadded::default(),
            lines_damaged: Default::default(),
            messages_rejected: Default::default(),
            ts_recv: AtomicI64::new(0),
            certificate: CertificateCounts::default(),
            cores: (0..cores).map(|_| CachePadded::default()).collect(),
        }
    }

    /// Everything as a JSON object: `ingest`, `lines_damaged`, `messages_rejected`, `certificate` and the list `cores`.
    pub fn to_json(&self) -> serde_json::Value {
        let object = |list: Vec<(&str, &str, u64)>| -> serde_json::Map<String, serde_json::Value> {
            list.into_iter().map(|(name, _, value)| (name.to_owned(), value.into())).collect()
        };
        let labelled = |labels: &[&str], counts: &[Count]| {
            let pairs = labels.iter().zip(counts).map(|(label, count)| ((*label).to_owned(), count.read().into()));
            serde_json::Value::Object(pairs.collect())
        };
        serde_json::json!({
            "ingest": object(self.ingest.list()),
            "lines_damaged": labelled(&Damage::LABELS, &self.lines_damaged),
            "messages_rejected": labelled(&Rejected::LABELS, &self.messages_rejected),
            "certificate": object(self.certificate.list()),
            "cores": self.cores.iter().map(|core| object(core.list())).collect::<Vec<_>>(),
        })
    }
}
