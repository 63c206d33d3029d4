//! What is said in a room, and how it looks to each kind of client.
//!
//! | said | Socket.IO | plain WebSocket |
//! |---|---|---|
//! | a text | `["message",{"room":"x","message":"hi","from":"…"}]` | the text |
//! | bytes alone | the same with one attachment | the bytes, as binary |
//! | other JSON | the same | its text, then its attachments, each as binary |
//! | to all of a namespace | `["chat message",…]` | nothing |
//! | who came and went | `["joined",{"room":"x","id":"…","members":2}]`, `left` | `{"event":"joined",…}`, if asked for |

use serde_json::Value;

use crate::protocol::socketio::outgoing::Sent;
use crate::protocol::socketio::{Outgoing, Parser};
use crate::protocol::websocket::{Opcode, write_frame};
use crate::session::rooms::Place;

/// What stands for bytes that are all of a message.
pub(crate) const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

/// What memory something costs that waits to be heard, besides its own bytes; about.
const OVERHEAD_BYTES: usize = 256;

/// What was said, where, and when.
#[derive(Debug)]
pub struct Said {
    /// Where.
    pub place: Place,
    /// The number of the one who does not hear it, for he has said it; `None` where he hears it as well.
    pub excluded: Option<u64>,
    /// Its place in the order of all that happens in rooms.
    pub serial: u64,
    /// What.
    pub content: Content,
}

/// What was said.
#[derive(Debug)]
pub enum Content {
    /// Somebody has come.
    Joined {
        /// Who.
        id: Box<str>,
        /// How many there are with him.
        members: usize,
    },
    /// Somebody has gone.
    Left {
        /// Who.
        id: Box<str>,
        /// How many are left.
        members: usize,
    },
    /// A message in a room.
    Message {
        /// Whose.
        from: Box<str>,
        /// Its JSON, with placeholders for its attachments in their order.
        json: Box<str>,
        /// Its attachments.
        attachments: Vec<Vec<u8>>,
    },
    /// A message to all of a namespace.
    Chat {
        /// The event's arguments, as they stand behind its name: each with a comma before it.
        arguments: Box<str>,
        /// Whether the last of them is a text.
        ends_with_text: bool,
        /// Their attachments.
        attachments: Vec<Vec<u8>>,
    },
}

impl Content {
    /// Whether it only tells who is there.
    pub fn is_presence(&self) -> bool {
        matches!(self, Content::Joined { .. } | Content::Left { .. })
    }

    /// About the memory that it takes.
    pub fn bytes(&self) -> usize {
        let text = match self {
            Content::Joined { id, .. } | Content::Left { id, .. } => id.len(),
            Content::Message { from, json, .. } => from.len() + json.len(),
            Content::Chat { arguments, .. } => arguments.len(),
        };
        OVERHEAD_BYTES + text + self.attachments().iter().map(Vec::len).sum::<usize>()
    }

    fn attachments(&self) -> &[Vec<u8>] {
        match self {
            Content::Joined { .. } | Content::Left { .. } => &[],
            Content::Message { attachments, .. } | Content::Chat { attachments, .. } => attachments,
        }
    }
}

impl Said {
    /// Appends the frames of its event in Socket.IO as a parser reads them, attachments directly behind it or in it. Where
    /// clients may go on from the last text of an event when they come back, `is_recoverable`, no event ends with a text
    /// that is none of those.
    pub fn write_event(&self, parser: Parser, is_recoverable: bool, out: &mut Vec<u8>) {
        let room = || Value::from(self.place.name());
        let (name, arguments) = match &self.content {
            Content::Joined { id, members } => ("joined", format!(",{}", presence("", &room(), id, *members))),
            Content::Left { id, members } => ("left", format!(",{}", presence("", &room(), id, *members))),
            Content::Message { from, json, .. } => {
                ("message", format!(r#",{{"room":{},"message":{json},"from":{}}}"#, room(), Value::from(&**from)))
            }
            Content::Chat { arguments, ends_with_text, .. } => {
                let end = if is_recoverable && *ends_with_text { ",null" } else { "" };
                ("chat message", format!("{arguments}{end}"))
            }
        };
        let (json, attachments) = (format!("[\"{name}\"{arguments}]"), self.content.attachments());
        let path = self.place.space.path();
        let event = Outgoing::with_attachments((Sent::Event, None), path, json, attachments);
        event.messages(parser).iter().for_each(|(opcode, payload)| write_frame(*opcode, payload, out));
    }

    /// Appends its frames for plain WebSockets; nothing for what is said to a whole namespace.
    pub fn write_plain(&self, out: &mut Vec<u8>) {
        let room = || Value::from(self.place.name());
        let mut text = |text: &str| write_frame(Opcode::Text, text.as_bytes(), out);
        match &self.content {
            Content::Joined { id, members } => text(&presence(r#""event":"joined","#, &room(), id, *members)),
            Content::Left { id, members } => text(&presence(r#""event":"left","#, &room(), id, *members)),
            Content::Message { json, attachments, .. } => {
                let is_bytes_alone = attachments.len() == 1 && **json == *PLACEHOLDER;
                match serde_json::from_str::<String>(json) {
                    Ok(string) => text(&string),
                    Err(_) if is_bytes_alone => {}
                    Err(_) => text(json),
                }
                attachments.iter().for_each(|bytes| write_frame(Opcode::Binary, bytes, out));
            }
            Content::Chat { .. } => {}
        }
    }
}

/// Who is there, in the order in which it is easily read.
fn presence(before: &str, room: &Value, id: &str, members: usize) -> String {
    format!(r#"{{{before}"room":{room},"id":{},"members":{members}}}"#, Value::from(id))
}

/// What a plain WebSocket is greeted with.
pub(super) fn welcome(place: &Place, id: &str, members: usize) -> String {
    presence(r#""event":"welcome","#, &Value::from(place.name()), id, members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::websocket::Message;
    use crate::session::rooms::Space;

    /// Texts as they are, bytes in brackets.
    fn frames(mut bytes: Vec<u8>) -> Vec<String> {
        let mut reader = crate::protocol::websocket::Reader::new(1 << 20);
        // A server's frames are not masked, which this reader asks of a client's.
        let mut masked = Vec::new();
        while bytes.len() > 1 {
            let length = usize::from(bytes[1]);
            masked.extend_from_slice(&[bytes[0], bytes[1] | 0x80, 0, 0, 0, 0]);
            masked.extend_from_slice(&bytes[2..2 + length]);
            bytes.drain(..2 + length);
        }
        let mut seen = Vec::new();
        let read = reader.read(&mut masked, None, |message| match message {
            Message::Text(text) => seen.push(text.to_owned()),
            Message::Binary(bytes) => seen.push(format!("{bytes:?}")),
            _ => {}
        });
        assert!(read.is_ok());
        seen
    }

    fn said(space: Space, content: Content) -> Said {
        Said { place: Place::room(space, "a\"b").unwrap(), excluded: None, serial: 1, content }
    }

    fn both(content: Content) -> (Vec<String>, Vec<String>) {
        let said = said(Space::Rooms, content);
        let (mut event, mut plain) = (Vec::new(), Vec::new());
        said.write_event(Parser::Default, false, &mut event);
        said.write_plain(&mut plain);
        (frames(event), frames(plain))
    }

    fn message(json: &str, attachments: &[&[u8]]) -> Content {
        let attachments = attachments.iter().map(|bytes| bytes.to_vec()).collect();
        Content::Message { from: "me".into(), json: json.into(), attachments }
    }

    #[test]
    fn a_message_looks_to_each_kind_of_client_as_it_expects() {
        let (event, plain) = both(message(r#""h\n\u00e9""#, &[]));
        assert_eq!(event, [r#"42/rooms,["message",{"room":"a\"b","message":"h\n\u00e9","from":"me"}]"#]);
        assert_eq!(plain, ["h\n\u{e9}"]);
        let (event, plain) = both(message(PLACEHOLDER, &[&[1, 2]]));
        let header = r#"451-/rooms,["message",{"room":"a\"b","message":{"_placeholder":true,"num":0},"from":"me"}]"#;
        assert_eq!((event[0].as_str(), event[1].as_str(), event.len()), (header, "[1, 2]", 2));
        assert_eq!(plain, ["[1, 2]"]);
        let nested = r#"{"a":[{"_placeholder":true,"num":0}],"b":1.50}"#;
        assert_eq!(both(message(nested, &[&[7]])).1, [nested, "[7]"]);
        assert_eq!(both(message(PLACEHOLDER, &[])).1, [PLACEHOLDER], "it only looks like one");
    }

    #[test]
    fn presence_is_told_in_the_words_of_each() {
        let (event, plain) = both(Content::Joined { id: "x".into(), members: 2 });
        assert_eq!(event, [r#"42/rooms,["joined",{"room":"a\"b","id":"x","members":2}]"#]);
        assert_eq!(plain, [r#"{"event":"joined","room":"a\"b","id":"x","members":2}"#]);
        assert_eq!(both(Content::Left { id: "x".into(), members: 0 }).0.len(), 1);
    }

    #[test]
    fn where_clients_come_back_no_event_ends_with_a_text_that_is_no_offset() {
        for (arguments, ends_with_text, is_recoverable, wanted) in [
            (r#","hi""#, true, true, r#"42["chat message","hi",null]"#),
            (r#","hi""#, true, false, r#"42["chat message","hi"]"#),
            (r#","hi",{}"#, false, true, r#"42["chat message","hi",{}]"#),
            ("", false, true, r#"42["chat message"]"#),
        ] {
            let content = Content::Chat { arguments: arguments.into(), ends_with_text, attachments: Vec::new() };
            let mut out = Vec::new();
            said(Space::Root, content).write_event(Parser::Default, is_recoverable, &mut out);
            assert_eq!(frames(out), [wanted]);
        }
    }
}
