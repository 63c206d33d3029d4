//! Positions that clients ask for, and what they are told of them: the same words in every protocol.
//!
//! `?sequence=true` in an address, or what a protocol has in its place, makes every event say its position.
//! `&resume=<position>` goes on behind it, and implies the other. Then come, as answers that belong to no request:
//!
//! ```text
//! {"result":{"resumed":true,"from":"0a1b2c3d-17.0"}}                  first; what was missed follows
//! {"result":{"resumed":false,"from":"0a1b2c3d-17.0","sequence":"…","reason":"…"}}    first; a gap up to there
//! {"result":{"sequence":"0a1b2c3d-19.2"}}                             behind what was missed, or behind the snapshots
//! ```
//!
//! The last one comes whenever streams are subscribed to: whoever goes away before an event has come can come back, too.
//! Server-sent events have ids and an event `reset` for the same.

use crate::fanout::framing::Dialect;
use crate::fanout::position::{EventId, Position};
use crate::fanout::{Carrier, Framing, Lost};
use crate::protocol::events::{write_comment, write_id};
use crate::protocol::websocket::{Opcode, write_frame};
use crate::session::events::parameter;
use crate::session::{Origin, Resume};

/// How a client is told about positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// By ids, and by an event or a line of the kind `reset`.
    Reset(Dialect),
    /// By answers, in lines or pieces.
    Answer(Dialect),
    /// By answers, in WebSocket frames of this type.
    Frame(Opcode),
    /// Not at all: the protocol has words of its own, or none. Where something cannot be told its connection ends.
    Silent,
}

/// What an address asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Whether events say their positions.
    pub is_sequenced: bool,
    /// From where on it is told the past.
    pub origin: Option<Origin>,
}

impl Asked {
    /// Reads `sequence=true` and `resume=<position>`, which implies it; `sequence=false` is as if it were not there. And
    /// `from=<time>`.
    ///
    /// # Errors
    /// What may be said.
    pub fn of(query: Option<&str>) -> Result<Asked, String> {
        let is_sequenced = match parameter(query, "sequence")?.as_deref() {
            None | Some("" | "false") => false,
            Some("true") => true,
            Some(other) => return Err(format!("sequence: `{other}` is neither true nor false")),
        };
        let given = |name| parameter(query, name).map(|text| text.filter(|text| !text.is_empty()));
        let (resume, from) = (given("resume")?, given("from")?);
        let origin = match (resume, from) {
            (Some(_), Some(_)) => {
                return Err("resume, from: where a client has been is where it goes on; leave out one".into());
            }
            (Some(text), None) => Some(Origin::Position(Position::parse(&text))),
            (None, from) => from.map(|text| Origin::Time(text.into())),
        };
        let resumes = matches!(origin, Some(Origin::Position(_)));
        Ok(Asked { is_sequenced: is_sequenced || resumes, origin })
    }

    /// The same for a session that is told in this way.
    pub fn resume(&self, teller: Teller) -> Option<Resume> {
        self.origin.clone().map(|origin| Resume { teller, origin })
    }
}

impl Teller {
    /// What carries events of one line, with their positions or without.
    pub fn framing(dialect: Dialect, is_sequenced: bool, is_neutral: bool) -> Framing {
        match (dialect, is_sequenced) {
            (Dialect::Prefixed, true) => Framing::numbered(Carrier::Prefixed, is_neutral),
            (_, true) => Framing::numbered(Carrier::Line, is_neutral),
            (Dialect::Prefixed, false) => Framing::Prefixed,
            (_, false) => Framing::Line,
        }
    }

    /// Appends how far the client has got.
    pub fn write_position(self, id: EventId, out: &mut Vec<u8>) {
        match self {
            Teller::Reset(Dialect::Events) => write_id(&id.to_string(), out),
            Teller::Reset(_) => {}
            _ => self.write_answer(&format!(r#"{{"sequence":"{id}"}}"#), out),
        }
    }

    /// Appends that the client goes on behind this position, where it is told that at all.
    pub fn write_resumed(self, from: Position, out: &mut Vec<u8>) {
        self.write_answer(&format!(r#"{{"resumed":true,"from":"{from}"}}"#), out);
    }

    /// Appends that the client cannot go on, why, and where it begins anew. `from` is `None` where it said something that is no
    /// position.
    pub fn write_lost(self, from: Option<Position>, to: EventId, lost: Lost, out: &mut Vec<u8>) {
        if let Teller::Reset(dialect) = self {
            if dialect == Dialect::Events {
                write_comment(&format!("reset: {lost}"), out);
            }
            return dialect.write("reset", &format!(r#"{{"reason":"{lost}"}}"#), out);
        }
        let from = from.map_or("null".to_owned(), |from| format!("\"{from}\""));
        self.write_answer(&format!(r#"{{"resumed":false,"from":{from},"sequence":"{to}","reason":"{lost}"}}"#), out);
    }

    /// Appends that what comes now is live: the end of what was told of the past, or why nothing of it can be told.
    pub fn write_live(self, id: EventId, lost: Option<Lost>, out: &mut Vec<u8>) {
        let reason = lost.map_or(String::new(), |lost| format!(r#","reason":"{lost}""#));
        let json = format!(r#"{{"live":true,"sequence":"{id}"{reason}}}"#);
        match self {
            Teller::Reset(Dialect::Events) => {
                write_id(&id.to_string(), out);
                Dialect::Events.write("live", &json, out);
            }
            Teller::Reset(dialect) => dialect.write("live", &json, out),
            _ => self.write_answer(&json, out),
        }
    }

    fn write_answer(self, json: &str, out: &mut Vec<u8>) {
        match self {
            Teller::Reset(_) | Teller::Silent => {}
            Teller::Answer(dialect) => dialect.write("result", json, out),
            Teller::Frame(opcode) => write_frame(opcode, format!(r#"{{"result":{json}}}"#).as_bytes(), out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_whether_and_from_where() {
        let of = |query| Asked::of(Some(query));
        assert_eq!(Asked::of(None), Ok(Asked::default()));
        assert_eq!(of("streams=a&sequence=false"), Ok(Asked::default()));
        assert_eq!(of("sequence=true"), Ok(Asked { is_sequenced: true, origin: None }));
        let position = |text| Some(Origin::Position(Position::parse(text)));
        assert_eq!(of("resume=000000ab-7.1"), Ok(Asked { is_sequenced: true, origin: position("000000ab-7.1") }));
        assert_eq!(of("sequence=true&resume=x"), Ok(Asked { is_sequenced: true, origin: position("x") }));
        let time = Some(Origin::Time("09:00:00.250".into()));
        assert_eq!(of("from=09%3A00:00.250"), Ok(Asked { is_sequenced: false, origin: time }));
        assert!(of("from=09:00&resume=1").is_err_and(|error| error.starts_with("resume, from")));
        assert_eq!(of("sequence=1"), Err("sequence: `1` is neither true nor false".into()));
    }

    #[test]
    fn every_protocol_has_the_same_words() {
        let position = Position::parse("000000ab-7.1").unwrap();
        let told = |teller: Teller| {
            let mut out = Vec::new();
            teller.write_resumed(position, &mut out);
            let id = EventId { epoch: 0xab, sequence: 7, place: 1 };
            teller.write_lost(None, id, Lost::Malformed, &mut out);
            teller.write_position(id, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        let words = [
            r#"{"result":{"resumed":true,"from":"000000ab-7.1"}}"#,
            r#"{"result":{"resumed":false,"from":null,"sequence":"000000ab-7.1","reason":"that is no id of an event"}}"#,
            r#"{"result":{"sequence":"000000ab-7.1"}}"#,
        ];
        for teller in [Teller::Answer(Dialect::Lines), Teller::Answer(Dialect::Prefixed), Teller::Frame(Opcode::Text)] {
            let told = told(teller);
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
        }
        let told = told(Teller::Reset(Dialect::Events));
        assert!(told.starts_with(": reset: that is") && told.ends_with("id: 000000ab-7.1\n\n"), "{told}");
    }
}
