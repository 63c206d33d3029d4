//! Which messages of several connections to one upstream are new.
//!
//! Each stream has a leader: the connection that brought its newest message. What the leader brings is new, whatever it
//! is. What another brings has been there already if its id is not above the newest, or, where messages have no rising
//! id, if the same bytes stand in the stream's window behind what that connection has brought before. If not, it is new,
//! and who brought it leads.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use crate::market::channel::Stream;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{Kind, Tick};
use crate::venue::{Decoder, Message, venue_of};

/// Messages of a stream that a connection may be behind another, where they have no ids.
const WINDOW_MAX: usize = 1_024;

/// What a message turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was not there before; of a change of a book, the stream and its ids.
    New(Option<(Stream, i64, i64)>),
    /// It was there already.
    Duplicate,
}

/// Decides.
#[derive(Default)]
pub(super) struct Arbiter {
    decoder: Decoder,
    symbols: Symbols,
    streams: FxHashMap<Option<Stream>, Track>,
    scratch: Vec<u8>,
    /// Connections of which a message has been seen on another too, and those of which that is news.
    joined: FxHashSet<u32>,
    news: Vec<u32>,
}

struct Track {
    leader: u32,
    last_id: i64,
    /// Hashes of the newest messages; the first of them has this number.
    window: VecDeque<u64>,
    first: u64,
    /// How far each connection has come.
    places: FxHashMap<u32, u64>,
}

impl Arbiter {
    /// Decides about a message.
    pub(super) fn judge(&mut self, connection: u32, bytes: &[u8], ts_recv: i64) -> Verdict {
        self.scratch.clear();
        self.scratch.extend_from_slice(bytes);
        let venue = venue_of(bytes);
        let decoded = self.decoder.decode(venue, &mut self.scratch, ts_recv, &mut self.symbols);
        let (stream, id, depth) = match decoded {
            Ok(Message::Tick) => {
                let stream = self.decoder.tick.stream();
                // Those of other venues name trades, and do not count them.
                let id = id_of(&self.decoder.tick).filter(|_| venue == Venue::Binance);
                (Some(stream), id, depth_of(&self.decoder.tick))
            }
            _ => (None, None, None),
        };
        let hash = FxBuildHasher.hash_one(bytes);
        let track = self.streams.entry(stream).or_insert_with(|| Track::led_by(connection));
        // Who has just come may be ahead of who was there, whose next messages would seem old: it waits for its turn.
        let may_lead = self.joined.is_empty() || self.joined.contains(&connection);
        if !may_lead && connection != track.leader && !track.knows(id, hash) {
            return Verdict::Duplicate;
        }
        let is_new = track.takes(connection, id, hash);
        if self.joined.insert(connection) {
            self.news.push(connection);
        }
        if is_new {
            Verdict::New(depth.map(|(first, last)| (stream.expect("of a tick"), first, last)))
        } else {
            Verdict::Duplicate
        }
    }

    /// The name of a stream's symbol.
    pub(super) fn name(&self, stream: Stream) -> &str {
        self.symbols.get(stream.symbol).name.as_str()
    }

    /// Connections of which, since this was asked last, a message has been seen on another too for the first time.
    pub(super) fn news(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.news)
    }

    /// Whether a message has been seen on this connection and on another.
    pub(super) fn is_seen_on_both(&self, connection: u32) -> bool {
        self.joined.contains(&connection)
    }

    /// Whether any connection's messages count.
    pub(super) fn is_anybody_heard(&self) -> bool {
        !self.joined.is_empty()
    }

    /// No connection is left: the next one may begin wherever it likes.
    pub(super) fn forget(&mut self) {
        self.streams.clear();
    }

    /// A connection is no more.
    pub(super) fn drop_connection(&mut self, connection: u32) {
        self.joined.remove(&connection);
        for track in self.streams.values_mut() {
            track.places.remove(&connection);
        }
    }
}

impl Track {
    fn led_by(leader: u32) -> Track {
        Track { leader, last_id: i64::MIN, window: VecDeque::new(), first: 0, places: FxHashMap::default() }
    }

    fn knows(&self, id: Option<i64>, hash: u64) -> bool {
        id.map_or_else(|| self.window.contains(&hash), |id| id <= self.last_id)
    }

    fn takes(&mut self, connection: u32, id: Option<i64>, hash: u64) -> bool {
        if let Some(id) = id {
            if connection != self.leader && id <= self.last_id {
                return false;
            }
            (self.leader, self.last_id) = (connection, id);
            return true;
        }
        if connection != self.leader {
            let place = self.places.get(&connection).copied().unwrap_or(self.first).max(self.first);
            let behind = self.window.iter().skip((place - self.first) as usize);
            if let Some(at) = behind.clone().position(|known| *known == hash) {
                self.places.insert(connection, place + at as u64 + 1);
                return false;
            }
        }
        if self.window.len() == WINDOW_MAX {
            self.window.pop_front();
            self.first += 1;
        }
        self.window.push_back(hash);
        self.leader = connection;
        self.places.insert(connection, self.first + self.window.len() as u64);
        true
    }
}

fn id_of(tick: &Tick) -> Option<i64> {
    match &tick.kind {
        Kind::Trade(trade) => Some(trade.id),
        Kind::AggTrade(trade) => Some(trade.id),
        Kind::Depth(depth) => Some(depth.last_id),
        _ => None,
    }
}

fn depth_of(tick: &Tick) -> Option<(i64, i64)> {
    match &tick.kind {
        Kind::Depth(depth) => Some((depth.first_id, depth.last_id)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(id: u32) -> Vec<u8> {
        format!(r#"{{"e":"trade","E":1,"s":"BTCUSDT","t":{id},"p":"1","q":"1","T":1,"m":true,"M":true}}"#).into_bytes()
    }

    /// Whether messages, each with its connection, are new.
    fn judged(messages: &[(u32, Vec<u8>)]) -> Vec<bool> {
        let mut arbiter = Arbiter::default();
        let is_new = |(connection, bytes): &(u32, Vec<u8>)| arbiter.judge(*connection, bytes, 1) != Verdict::Duplicate;
        messages.iter().map(is_new).collect()
    }

    #[test]
    fn the_first_to_bring_a_message_counts_whoever_it_is() {
        let by_id = [(0, trade(1)), (0, trade(2)), (1, trade(2)), (1, trade(3)), (0, trade(3)), (0, trade(4))];
        assert_eq!(judged(&by_id), [true, true, false, true, false, true]);
        let plain = |text: &str| text.as_bytes().to_vec();
        let by_bytes =
            [(0, plain("a")), (0, plain("a")), (1, plain("a")), (1, plain("b")), (0, plain("b")), (0, plain("a"))];
        assert_eq!(judged(&by_bytes), [true, true, false, true, false, true]);
    }

    #[test]
    fn what_one_connection_says_twice_was_said_twice() {
        assert_eq!(judged(&[(0, trade(5)), (0, trade(1)), (0, trade(1))]), [true; 3]);
        assert_eq!(judged(&[(0, b"x".to_vec()), (0, b"x".to_vec())]), [true; 2]);
    }
}
