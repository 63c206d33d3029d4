//! Ids of events, and how far a client has got.
//!
//! `<epoch>-<sequence>.<place>`: the run of the server, the number of the raw message, and the how manieth tick of that
//! message it was, from 0. All cores read the same ticks, so an id means the same on each of them. It is finer than the
//! message's number because one message may cause several events, between two of which a connection may be cut.

use std::fmt;

/// An event's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventId {
    /// The run of the server.
    pub epoch: u32,
    /// Number of the raw message.
    pub sequence: u64,
    /// Which of its ticks, from 0.
    pub place: u32,
}

impl EventId {
    /// The next tick is one of this message.
    #[inline]
    pub(super) fn advance(&mut self, sequence: u64) {
        self.place = if sequence == self.sequence { self.place.wrapping_add(1) } else { 0 };
        self.sequence = sequence;
    }

    pub(super) fn write_line(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"id: ");
        self.write(out);
        out.push(b'\n');
    }

    /// Appends it as it is displayed.
    #[inline]
    pub(super) fn write(self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let nibble = |n: u32| DIGITS[(self.epoch >> (28 - 4 * n) & 15) as usize];
        out.extend((0..8).map(nibble));
        out.push(b'-');
        let mut number = itoa::Buffer::new();
        out.extend_from_slice(number.format(self.sequence).as_bytes());
        out.push(b'.');
        out.extend_from_slice(number.format(self.place).as_bytes());
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}.{}", self.epoch, self.sequence, self.place)
    }
}

/// How far a client has got, as it says itself: an [`EventId`], or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// `None` where it does not say.
    pub epoch: Option<u32>,
    /// Number of a raw message.
    pub sequence: u64,
    /// The last of its ticks that it has; `None` for all of them.
    pub place: Option<u32>,
}

impl Position {
    /// Reads `<epoch>-<sequence>.<place>`, `<sequence>.<place>` or `<sequence>`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Position> {
        let (epoch, rest) = match text.split_once('-') {
            Some((epoch, rest)) if epoch.len() == 8 => (Some(u32::from_str_radix(epoch, 16).ok()?), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (sequence, place) = match rest.split_once('.') {
            Some((sequence, place)) => (sequence, Some(place)),
            None => (rest, None),
        };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(sequence) || !place.is_none_or(is_number) {
            return None;
        }
        let place = place.map(str::parse).transpose().ok()?;
        Some(Position { epoch, sequence: sequence.parse().ok()?, place })
    }

    /// Whether a core that has read this far may have more to read before it is there.
    pub fn is_beyond(&self, id: EventId) -> bool {
        let is_same_run = self.epoch.is_none_or(|epoch| epoch == id.epoch);
        is_same_run
            && (self.sequence > id.sequence
                || (self.sequence == id.sequence && self.place.is_none_or(|place| place > id.place)))
    }

    /// Whether the last tick it has had is the one of this id, and it says so.
    pub(super) fn is_at(&self, id: EventId) -> bool {
        self.sequence == id.sequence && self.place == Some(id.place)
    }

    /// Whether it has not had the tick of this id.
    pub(super) fn is_before(&self, id: EventId) -> bool {
        id.sequence > self.sequence
            || (id.sequence == self.sequence && self.place.is_some_and(|place| id.place > place))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch {
            write!(f, "{epoch:08x}-")?;
        }
        write!(f, "{}", self.sequence)?;
        self.place.map_or(Ok(()), |place| write!(f, ".{place}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn positions_are_ids_or_parts_of_them() {
        let read = |text| Position::parse(text);
        assert_eq!(read("12"), Some(Position { epoch: None, sequence: 12, place: None }));
        assert_eq!(read("12.3"), Some(Position { epoch: None, sequence: 12, place: Some(3) }));
        assert_eq!(read("0000ff00-12.3"), Some(Position { epoch: Some(0xff00), sequence: 12, place: Some(3) }));
        for text in ["", "x", "-1", "1.", ".1", "1.2.3", "ff-1.0", "0000ff00-", "+1", "1.+2", "18446744073709551616"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ids_come_back_as_positions(epoch in any::<u32>(), sequence in any::<u64>(), place in any::<u32>()) {
            let id = EventId { epoch, sequence, place };
            let position = Position::parse(&id.to_string());
            prop_assert_eq!(position, Some(Position { epoch: Some(epoch), sequence, place: Some(place) }));
            prop_assert_eq!(position.unwrap().to_string(), id.to_string());
            let mut line = Vec::new();
            id.write_line(&mut line);
            prop_assert_eq!(String::from_utf8(line).unwrap(), format!("id: {id}\n"));
            prop_assert!(!position.unwrap().is_before(id));
            let next = EventId { sequence: sequence.saturating_add(1), place: 0, ..id };
            prop_assert!(sequence == u64::MAX || position.unwrap().is_before(next));
            prop_assert!(sequence == u64::MAX || Position::parse(&next.to_string()).unwrap().is_beyond(id));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", digits in "[0-9a-f.-]{0,30}") {
            Position::parse(&text);
            Position::parse(&digits);
        }
    }
}
