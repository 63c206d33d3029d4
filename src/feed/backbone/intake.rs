//! What comes from the backbone, in one order, on its way to the sink.
//!
//! Messages have times of their own, which may be long ago. Notes take the time of the message before them, so that
//! times rise along the tape; what is noted before the first message waits for it.

use std::sync::Arc;

use crate::feed::upstream::{Sink, Stats, UpstreamError, now_ns};
use crate::tape::{Direction, Form, Message};

/// Notes that wait for the first message; further ones are in the log only.
const NOTES_MAX: usize = 64;

/// Puts messages and notes in order.
pub(super) struct Intake {
    sink: Box<dyn Sink>,
    stats: Arc<Stats>,
    /// The time of the last record.
    last_ns: Option<i64>,
    waiting: Vec<(u32, Form, String)>,
    pub(super) failure: Option<UpstreamError>,
}

impl Intake {
    pub(super) fn new(sink: Box<dyn Sink>, stats: Arc<Stats>, last_ns: Option<i64>) -> Intake {
        Intake { sink, stats, last_ns, waiting: Vec::new(), failure: None }
    }

    /// The time of the last record; `None` before the first message.
    pub(super) fn last_ns(&self) -> Option<i64> {
        self.last_ns
    }

    /// Notes something.
    pub(super) fn note(&mut self, connection: u32, form: Form, text: String) {
        match form {
            Form::Gap | Form::Lost => tracing::warn!("backbone connection {connection}: {text}"),
            _ => tracing::info!("backbone connection {connection}: {text}"),
        }
        match form {
            Form::Gap => Stats::add(&self.stats.gaps),
            Form::Lost => Stats::add(&self.stats.lost),
            _ => {}
        }
        match self.last_ns {
            Some(ts_recv) => self.put(ts_recv, connection, Direction::Note, form, text.as_bytes()),
            None if self.waiting.len() < NOTES_MAX => self.waiting.push((connection, form, text)),
            None => {}
        }
    }

    /// Takes a message in. One that is older than the one before gets its time: a tape's times do not go back.
    pub(super) fn message(&mut self, connection: u32, ts_recv: i64, bytes: &[u8]) {
        let ts_recv = self.last_ns.map_or(ts_recv, |last| last.max(ts_recv));
        self.put_waiting(ts_recv);
        Stats::add(&self.stats.messages);
        let form = if std::str::from_utf8(bytes).is_ok() { Form::Text } else { Form::Binary };
        self.put(ts_recv, connection, Direction::From, form, bytes);
    }

    pub(super) fn idle(&mut self) {
        if self.failure.is_none() {
            self.failure = self.sink.idle().err();
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), UpstreamError> {
        self.put_waiting(now_ns());
        let finished = self.sink.finish();
        self.failure.take().map_or(finished, Err)
    }

    fn put_waiting(&mut self, ts_recv: i64) {
        for (connection, form, text) in std::mem::take(&mut self.waiting) {
            self.put(ts_recv, connection, Direction::Note, form, text.as_bytes());
        }
    }

    fn put(&mut self, ts_recv: i64, connection: u32, direction: Direction, form: Form, bytes: &[u8]) {
        self.last_ns = Some(ts_recv);
        if self.failure.is_none() {
            self.failure = self.sink.take(&Message { ts_recv, connection, direction, form, label: "", bytes }).err();
        }
    }
}
