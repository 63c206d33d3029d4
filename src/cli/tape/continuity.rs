//! Whether update ids follow one another.
//!
//! Spot's depth events chain by `U` = `u` of the one before + 1. Futures' events name the `u` of the one before in `pu`;
//! their own `U` leaves holes by design. Both hold for one stream of one connection, from its beginning on: a connection
//! that was lost, or about which a gap is noted, begins anew.

use rustc_hash::FxHashMap;

use crate::market::channel::{Channel, Stream};
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::Kind;
use crate::tape::{Form, Record};
use crate::venue::{Decoder, Message, Rejected, venue_of};

/// Follows the update ids of all streams.
#[derive(Default)]
pub(super) struct Continuity {
    decoder: Decoder,
    symbols: Symbols,
    scratch: Vec<u8>,
    last_ids: FxHashMap<(u32, Stream), i64>,
    /// Events that were checked against the one before.
    pub(super) checked: u64,
    /// Messages without a tick, by reason.
    pub(super) rejected: [u64; Rejected::LABELS.len()],
}

/// An event that does not follow the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) symbol: String,
    /// The last update before.
    pub(super) after: i64,
    /// What the event says came before it.
    pub(super) expects: i64,
}

impl Continuity {
    /// Takes in a message as it would be played.
    pub(super) fn on_message(&mut self, connection: u32, ts_recv: i64, message: &[u8]) -> Option<Hole> {
        self.scratch.clear();
        self.scratch.extend_from_slice(message);
        let venue = venue_of(message);
        match self.decoder.decode(venue, &mut self.scratch, ts_recv, &mut self.symbols) {
            Ok(Message::Tick) => {}
            Ok(_) => return None,
            Err(reason) => {
                self.rejected[reason.index()] += 1;
                return None;
            }
        }
        let tick = &self.decoder.tick;
        let Kind::Depth(depth) = &tick.kind else { return None };
        if venue != Venue::Binance || !matches!(tick.channel, Channel::Depth(_)) {
            return None;
        }
        let before = self.last_ids.insert((connection, tick.stream()), depth.last_id)?;
        self.checked += 1;
        let expects = previous_id(message).unwrap_or(depth.first_id - 1);
        (expects != before).then(|| {
            let symbol = self.symbols.get(tick.symbol).name.as_str().to_owned();
            Hole { symbol, after: before, expects }
        })
    }

    /// Records are lost: what follows continues nothing that is known.
    pub(super) fn restart(&mut self) {
        self.last_ids.clear();
    }

    /// Takes in what is no message.
    pub(super) fn on_note(&mut self, record: &Record<'_>) {
        if matches!(record.message.form, Form::Opened | Form::Lost | Form::Gap) {
            self.last_ids.retain(|(connection, _), _| *connection != record.message.connection);
        }
    }
}

/// What a futures event says in `pu`.
fn previous_id(message: &[u8]) -> Option<i64> {
    let at = memchr::memmem::find(message, b"\"pu\":")?;
    let digits = message[at + 5..].trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::{Direction, Message};

    fn depth(first: i64, last: i64, previous: Option<i64>) -> String {
        let previous = previous.map_or(String::new(), |id| format!("\"pu\":{id},"));
        format!(
            r#"{{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":{first},"u":{last},{previous}"b":[["1.00","2.00"]],"a":[]}}"#
        )
    }

    #[test]
    fn spot_counts_on_and_futures_name_the_event_before() {
        let mut ids = Continuity::default();
        let mut holes = |connection, event: String| ids.on_message(connection, 5, event.as_bytes());
        assert_eq!(holes(0, depth(1, 4, None)), None);
        assert_eq!(holes(0, depth(5, 5, None)), None);
        let hole = Hole { symbol: "BTCUSDT".to_owned(), after: 5, expects: 6 };
        assert_eq!(holes(0, depth(7, 9, None)), Some(hole));
        assert_eq!(holes(0, depth(10, 10, None)), None);
        assert_eq!(holes(1, depth(90, 95, Some(80))), None);
        assert_eq!(holes(1, depth(99, 120, Some(95))), None);
        assert!(holes(1, depth(121, 130, Some(119))).is_some());
        assert_eq!(ids.checked, 5);
    }

    #[test]
    fn a_connection_that_was_lost_begins_anew() {
        let mut ids = Continuity::default();
        ids.on_message(3, 5, depth(1, 4, None).as_bytes());
        let (direction, form) = (Direction::Note, Form::Lost);
        let message = Message { ts_recv: 6, connection: 3, direction, form, label: "", bytes: b"" };
        ids.on_note(&Record { sequence: 2, message });
        assert_eq!(ids.on_message(3, 7, depth(50, 51, None).as_bytes()), None);
    }
}
