//! The table of everything that is counted: its name, its sentence, and how it is told. `/status` and `/metrics` are
//! both made from it.

use crate::metrics::count::{Count, Reading, Spread};

/// What a number means to whoever draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It comes and goes.
    Gauge,
    /// How often which sizes came.
    Histogram,
}

/// What a number counts, where that is not things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Nanoseconds, which `/metrics` tells as seconds.
    Nanoseconds,
}

/// How something is told in `/metrics`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What the number means.
    pub kind: Kind,
    /// The name there, without prefix, unit and `_total`; `None` where it is that of the field.
    pub name: Option<&'static str>,
    /// Its unit.
    pub unit: Option<Unit>,
    /// What tells it from others of the same name. What they have in common is said in [`FAMILIES`].
    pub label: Option<(&'static str, &'static str)>,
}

pub(super) const COUNTER: Shape = Shape { kind: Kind::Counter, name: None, unit: None, label: None };
pub(super) const GAUGE: Shape = Shape { kind: Kind::Gauge, ..COUNTER };
const HISTOGRAM: Shape = Shape { kind: Kind::Histogram, ..COUNTER };

impl Shape {
    pub(super) const fn bytes(self, name: &'static str) -> Shape {
        Shape { name: Some(name), unit: Some(Unit::Bytes), ..self }
    }

    pub(super) const fn nanoseconds(self, name: &'static str) -> Shape {
        Shape { name: Some(name), unit: Some(Unit::Nanoseconds), ..self }
    }

    /// One of several of the same name.
    pub(super) const fn one_of(family: &'static str, label: &'static str, value: &'static str) -> Shape {
        Shape { name: Some(family), label: Some((label, value)), ..COUNTER }
    }
}

/// What those have in common that differ in a label.
pub const FAMILIES: [(&str, &str); 6] = [
    ("disconnects", "Sessions that have ended, by who or what ended them."),
    ("faults", "Faults on demand that have struck; those that touch single events are counted with each."),
    ("lines_damaged", "Lines and blocks of tapes that were skipped."),
    ("messages_rejected", "Raw messages that gave no tick."),
    ("sessions_opened", "Sessions that have begun, by the protocol that they speak."),
    ("tls_handshakes_failed", "Connections to the TLS address of which no session could come."),
];

/// One thing that is counted, at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in `/status`.
    pub field: &'static str,
    /// What it counts.
    pub sentence: &'static str,
    /// How it is told in `/metrics`.
    pub shape: Shape,
    /// What was counted.
    pub reading: Reading,
}

macro_rules! counts {
    ($(#[$about:meta])* $name:ident {
        $($(#[doc = $sentence:literal])+ $field:ident: $kind:ty = $shape:expr,)+
    }) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub struct $name { $($(#[doc = $sentence])+ pub $field: $kind,)+ }

        impl $name {
            /// Name, sentence, shape and value of each.
            pub fn list(&self) -> Vec<Entry> {
                vec![$(Entry {
                    field: stringify!($field),
                    sentence: concat!($($sentence),+),
                    shape: $shape,
                    reading: Reading::from(&self.$field),
                },)+]
            }
        }
    };
}

const fn disconnects(reason: &'static str) -> Shape {
    Shape::one_of("disconnects", "reason", reason)
}

const fn opened(protocol: &'static str) -> Shape {
    Shape::one_of("sessions_opened", "protocol", protocol)
}

const fn tls_failed(reason: &'static str) -> Shape {
    Shape::one_of("tls_handshakes_failed", "reason", reason)
}

counts! {
    /// What the ingest thread counts.
    IngestCounts {
        /// Ticks put into the ring.
        ticks_published: Count = COUNTER,
        /// Times the ring was full, so that the feed had to wait for the slowest core.
        ring_waits: Count = COUNTER,
        /// Time that the feed has waited because the ring was full.
        ring_wait_ns: Count = COUNTER.nanoseconds("ring_wait"),
        /// Ticks that the ring holds.
        ring_capacity: Count = Shape { name: Some("ring_capacity_ticks"), ..GAUGE },
        /// How long after it was due the newest message was taken from the feed; 0 at speed max, where none is due.
        feed_lag_ns: Count = GAUGE.nanoseconds("feed_lag"),
        /// Order book snapshots read.
        snapshots_read: Count = COUNTER,
        /// Depth events that do not continue the one before them.
        depth_gaps: Count = COUNTER,
        /// Order books that became whole: snapshot and changes met.
        books_synced: Count = COUNTER,
        /// Ticks that the tape does not carry and somebody wants.
        ticks_derived: Count = COUNTER,
        /// Trades left out of a candle because it had closed when they came.
        late_trades: Count = COUNTER,
        /// Times the tape began again.
        passes: Count = COUNTER,
    }
}

counts! {
    /// What one core counts.
    CoreCounts {
        /// Ticks read from the ring.
        ticks_read: Count = COUNTER,
        /// Frames rendered; each is shared by all sessions of this core that want it.
        frames_rendered: Count = COUNTER,
        /// Frames due to sessions: delivered + conflated + dropped, and what is still in backlogs.
        frames_routed: Count = COUNTER,
        /// Frames of which the kernel took the last byte; over TLS, up to a record of 16 KiB before it did.
        frames_delivered: Count = COUNTER,
        /// Frames left out because a newer one of their stream followed, for sessions that were behind.
        frames_conflated: Count = COUNTER,
        /// Frames that sessions did not get because they were disconnected.
        frames_dropped: Count = COUNTER,
        /// Write calls to sockets.
        writes: Count = COUNTER,
        /// Bytes that sockets took.
        bytes_written: Count = COUNTER.bytes("written"),
        /// Batches of ticks: each is flushed once to every cohort it touches.
        batches: Count = COUNTER,
        /// Frames that a batch had for one cohort; they leave in one write to each of its sessions.
        batch_frames: Spread = HISTOGRAM,
        /// Bytes that wait now for sockets to take them, as of the last quarter of a second.
        backlog_bytes: Count = GAUGE.bytes("backlog"),
        /// Sessions for which something waits now, as of the last quarter of a second.
        sessions_behind: Count = GAUGE,
        /// Sessions open now.
        sessions: Count = GAUGE,
        /// Sessions that have subscribed to something, since the start.
        sessions_subscribed: Count = COUNTER,
        /// Cohorts now: groups of sessions that get identical bytes.
        cohorts: Count = GAUGE,
        /// Sessions of Binance's streams.
        opened_binance: Count = opened("binance"),
        /// Sessions of Binance's WebSocket API.
        opened_binance_api: Count = opened("binance_api"),
        /// Sessions of Upbit's public socket, and of others that are spoken to like it.
        opened_upbit: Count = opened("upbit"),
        /// Sessions of Socket.IO, by polling or WebSocket.
        opened_socketio: Count = opened("socketio"),
        /// Event streams for browsers.
        opened_sse: Count = opened("sse"),
        /// Lines of JSON by HTTP.
        opened_ndjson: Count = opened("ndjson"),
        /// Lines over bare TCP.
        opened_lines: Count = opened("lines"),
        /// Rooms by plain WebSocket.
        opened_rooms: Count = opened("rooms"),
        /// Clients that get back what they send.
        opened_echo: Count = opened("echo"),
        /// Sessions disconnected because their backlog passed its limit in bytes or age.
        slow_consumers: Count = disconnects("slow_consumer"),
        /// Sessions ended because their client sent more messages than it may.
        rate_limited: Count = disconnects("rate_limit"),
        /// Sessions whose client closed, went away, or was cut off by the network.
        clients_left: Count = disconnects("client_left"),
        /// Sessions ended because their client did not answer a ping in time.
        pong_timeouts: Count = disconnects("pong_timeout"),
        /// Sessions that have lasted as long as one may.
        lifetimes_over: Count = disconnects("lifetime"),
        /// Sessions ended because nothing moved on them for long.
        idle_timeouts: Count = disconnects("idle"),
        /// Sessions ended because their client asked for something against the rules of its venue.
        requests_invalid: Count = disconnects("invalid_request"),
        /// Sessions ended because what their client sent is against the protocol.
        protocol_violations: Count = disconnects("protocol_error"),
        /// Sessions ended because their client sent a message larger than allowed.
        messages_too_large: Count = disconnects("message_too_large"),
        /// Sessions ended because their room had no place for them.
        rooms_refused: Count = disconnects("room_refused"),
        /// Sessions ended because the server stops.
        shutdowns: Count = disconnects("shutdown"),
        /// Sessions ended by a fault on demand.
        faulted: Count = disconnects("fault"),
        /// Sessions ended because the server ends with its tape.
        tapes_ended: Count = disconnects("end_of_tape"),
        /// Times this core waited for its sessions instead of reading on, at speed max.
        gate_holds: Count = COUNTER,
        /// Connections accepted.
        connections: Count = COUNTER,
        /// Connections ended at once because this core has as many sessions as it may.
        connections_refused: Count = COUNTER,
        /// Requests that came by HTTP, those for an upgrade included.
        http_requests: Count = COUNTER,
        /// Replays begun for clients of this core.
        replays_begun: Count = COUNTER,
        /// Clients that were told the past from a tape, what they missed or what was since a time of theirs.
        pasts_told: Count = COUNTER,
        /// Requests for a replay that were refused because so many play already.
        replays_refused: Count = COUNTER,
        /// Messages said in rooms.
        room_messages: Count = COUNTER,
        /// Events in rooms refused, by a limit or because something was wrong with them.
        room_refusals: Count = COUNTER,
        /// TLS handshakes completed, resumed ones included.
        tls_handshakes: Count = COUNTER,
        /// TLS handshakes that took up an earlier session.
        tls_resumed: Count = Shape { name: Some("tls_handshakes_resumed"), ..COUNTER },
        /// Connections to the TLS address given up because the handshake took too long.
        tls_timeouts: Count = tls_failed("timeout"),
        /// Connections to the TLS address that spoke HTTP without TLS, and were told so.
        tls_plain_http: Count = tls_failed("plain_http"),
        /// TLS handshakes refused because the client wanted protocols other than HTTP/1.1 (ALPN).
        tls_no_protocol: Count = tls_failed("no_protocol"),
        /// TLS handshakes refused because client and server have no version or cipher in common.
        tls_incompatible: Count = tls_failed("incompatible"),
        /// TLS handshakes that the client ended because it does not trust the certificate.
        tls_distrusted: Count = tls_failed("distrusted"),
        /// TLS handshakes that failed for another reason; the client went away, most likely.
        tls_failed: Count = tls_failed("other"),
    }
}

counts! {
    /// What the thread counts that looks after the certificate.
    CertificateCounts {
        /// Times a new certificate was taken into use.
        reloads: Count = Shape { name: Some("certificate_reloads"), ..COUNTER },
        /// Times a new certificate could not be used and the old one was kept.
        reloads_failed: Count = Shape { name: Some("certificate_reloads_failed"), ..COUNTER },
    }
}
