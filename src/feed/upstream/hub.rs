//! Where all connections of an upstream meet: what they bring is judged, put in order and handed to the sink.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::feed::upstream::arbiter::{Arbiter, Verdict};
use crate::feed::upstream::{Sink, Stats, UpstreamError, now_ns};
use crate::market::channel::Stream;
use crate::tape::{Direction, Form, Message};

/// What is noted of a connection that is the first, or has brought what another brought: until then it is not heard.
const JOINED: &str = "its messages count from here on";

/// What the connections to one address share.
#[derive(Default)]
pub(super) struct Group {
    pub(super) arbiter: Arbiter,
    /// Of each stream of changes to a book, the last update.
    last_ids: FxHashMap<Stream, i64>,
    /// Streams whose snapshot is on its way, and the update before which it may not end: another gap may come meanwhile.
    awaited: FxHashMap<Stream, i64>,
    /// Connections that are open.
    pub(super) open: usize,
    /// When the last message came, if nothing is open since.
    pub(super) dark_since: Option<i64>,
}

/// A book that has to be had by REST.
pub(super) struct Need {
    pub(super) stream: Stream,
    pub(super) symbol: String,
}

pub(super) struct Hub {
    sink: Box<dyn Sink>,
    pub(super) groups: Vec<Group>,
    stats: Arc<Stats>,
    last_ns: i64,
    connections: u32,
    pub(super) failure: Option<UpstreamError>,
}

impl Hub {
    pub(super) fn new(sink: Box<dyn Sink>, groups: usize, stats: Arc<Stats>) -> Hub {
        let groups = (0..groups).map(|_| Group::default()).collect();
        Hub { sink, groups, stats, last_ns: i64::MIN, connections: 0, failure: None }
    }

    /// The number of the next connection.
    pub(super) fn number(&mut self) -> u32 {
        self.connections += 1;
        self.connections - 1
    }

    /// Writes down what is no market data, or what needs no judgement.
    pub(super) fn put(&mut self, connection: u32, direction: Direction, form: Form, bytes: &[u8]) {
        // A clock that is set back does not turn the order around.
        let ts_recv = now_ns().max(self.last_ns);
        self.last_ns = ts_recv;
        match form {
            Form::Gap => Stats::add(&self.stats.gaps),
            Form::Lost => Stats::add(&self.stats.lost),
            _ => {}
        }
        let message = Message { ts_recv, connection, direction, form, label: "", bytes };
        if message.is_data() {
            Stats::add(&self.stats.messages);
        }
        if self.failure.is_none() {
            self.failure = self.sink.take(&message).err();
        }
    }

    /// Notes something.
    pub(super) fn note(&mut self, connection: u32, form: Form, text: &str) {
        match form {
            Form::Gap | Form::Lost => tracing::warn!("upstream connection {connection}: {text}"),
            _ => tracing::info!("upstream connection {connection}: {text}"),
        }
        self.put(connection, Direction::Note, form, text.as_bytes());
    }

    /// Takes a message in; the book that is needed now, if one is.
    pub(super) fn on_message(&mut self, group: usize, connection: u32, form: Form, bytes: &[u8]) -> Option<Need> {
        if is_reply(bytes) {
            self.put(connection, Direction::From, Form::Reply, bytes);
            return None;
        }
        let place = &mut self.groups[group];
        let verdict = place.arbiter.judge(connection, bytes, now_ns());
        for joined in self.groups[group].arbiter.news() {
            self.note(joined, Form::Remark, JOINED);
        }
        let place = &mut self.groups[group];
        let depth = match verdict {
            Verdict::Duplicate => {
                Stats::add(&self.stats.duplicates);
                return None;
            }
            Verdict::New(depth) => depth,
        };
        let mut need = None;
        if let Some((stream, first_id, last_id)) = depth {
            let before = place.last_ids.insert(stream, last_id);
            if before.is_none_or(|before| first_id > before + 1) {
                let symbol = place.arbiter.name(stream).to_owned();
                if let Some(before) = before {
                    let text = format!("{symbol}: book updates {} to {} are missing", before + 1, first_id - 1);
                    self.note(connection, Form::Gap, &text);
                }
                let is_on_its_way = self.groups[group].awaited.insert(stream, first_id).is_some();
                need = (!is_on_its_way).then_some(Need { stream, symbol });
            }
        }
        self.put(connection, Direction::From, form, bytes);
        need
    }

    /// Takes a snapshot in that ends with this update.
    ///
    /// # Errors
    /// The update that it would have to reach at the least.
    pub(super) fn on_snapshot(
        &mut self,
        (group, connection): (usize, u32),
        stream: Stream,
        last_id: i64,
        bytes: &[u8],
    ) -> Result<(), i64> {
        let awaited = &mut self.groups[group].awaited;
        if let Some(first_id) = awaited.get(&stream).copied().filter(|first_id| last_id + 1 < *first_id) {
            return Err(first_id);
        }
        awaited.remove(&stream);
        self.put(connection, Direction::From, Form::Text, bytes);
        Ok(())
    }

    /// A connection is open. Where none was, what was missed is noted.
    pub(super) fn opened(&mut self, group: usize, connection: u32) {
        let place = &mut self.groups[group];
        place.open += 1;
        if let Some(since) = place.dark_since.take() {
            let text = format!("nothing was received from {since} to {}", now_ns());
            self.note(connection, Form::Gap, &text);
        }
    }

    /// A connection is no more, because it was lost or because that was wanted.
    pub(super) fn closed(&mut self, group: usize, connection: u32, is_lost: bool) {
        let last_ns = self.last_ns;
        let place = &mut self.groups[group];
        place.open -= 1;
        place.arbiter.drop_connection(connection);
        // Those that are left were not heard yet, and what they brought meanwhile was not taken.
        let is_gap = is_lost && place.open > 0 && !place.arbiter.is_anybody_heard();
        if place.open == 0 {
            place.arbiter.forget();
            place.dark_since = Some(last_ns).filter(|_| is_lost);
        }
        if is_gap {
            self.note(connection, Form::Gap, "it was lost before another connection brought what it brought");
        }
    }

    pub(super) fn idle(&mut self) {
        if self.failure.is_none() {
            self.failure = self.sink.idle().err();
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), UpstreamError> {
        for group in 0..self.groups.len() {
            if let Some(since) = self.groups[group].dark_since.take() {
                self.note(0, Form::Gap, &format!("nothing was received from {since} until the end"));
            }
        }
        let finished = self.sink.finish();
        self.failure.take().map_or(finished, Err)
    }
}

/// Whether a message answers a request: an acknowledgement, an error, a status.
fn is_reply(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    [&b"{\"result\":"[..], b"{\"id\":", b"{\"error\":", b"{\"status\":"].iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl Sink for Nowhere {
        fn take(&mut self, _: &Message<'_>) -> Result<(), UpstreamError> {
            Ok(())
        }

        fn idle(&mut self) -> Result<(), UpstreamError> {
            Ok(())
        }

        fn finish(&mut self) -> Result<(), UpstreamError> {
            Ok(())
        }
    }

    #[test]
    fn a_snapshot_that_was_asked_for_before_another_gap_is_not_enough() {
        let stats = Arc::new(Stats::default());
        let mut hub = Hub::new(Box::new(Nowhere), 1, Arc::clone(&stats));
        let mut change = |first: i64, last: i64| {
            let text = format!(
                r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{first},"u":{last},"b":[],"a":[]}}}}"#
            );
            hub.on_message(0, 0, Form::Text, text.as_bytes()).map(|need| need.stream)
        };
        let stream = change(10, 12).expect("the first change needs its book");
        assert!(change(13, 15).is_none());
        // One is on its way already.
        assert!(change(20, 22).is_none());
        assert_eq!(stats.gaps(), 1);
        assert_eq!(hub.on_snapshot((0, 1), stream, 18, b"{}"), Err(20));
        assert_eq!(hub.on_snapshot((0, 1), stream, 19, b"{}"), Ok(()));
        assert!(hub.groups[0].awaited.is_empty());
    }
}
