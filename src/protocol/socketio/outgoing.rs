//! Packets of the server, in the writing of each parser.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::protocol::msgpack::{write_integer, write_json, write_map_head, write_str};
use crate::protocol::socketio::Parser;
use crate::protocol::socketio::packet::is_reserved;
use crate::protocol::websocket::Opcode;

/// A packet from the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing<'a> {
    /// Which: `0` joined, `2` an event, `3` an answer, `4` refused.
    kind: Sent,
    namespace: &'a str,
    id: Option<u64>,
    /// What comes with it.
    json: String,
    /// Bytes for which `{"_placeholder":true,"num":0}` stands in that.
    attachments: &'a [Vec<u8>],
}

/// What a packet from the server does, as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The client has joined.
    Connected = 0,
    /// Something happened.
    Event = 2,
    /// The answer to an event.
    Ack = 3,
    /// The client may not join.
    Refused = 4,
}

impl<'a> Outgoing<'a> {
    /// An event with all that its array holds, or the answer to one: JSON in which placeholders, as they are spelled
    /// above, stand for the attachments.
    pub fn with_attachments(
        (kind, id): (Sent, Option<u64>),
        namespace: &'a str,
        json: String,
        attachments: &'a [Vec<u8>],
    ) -> Outgoing<'a> {
        Outgoing { kind, namespace, id, json, attachments }
    }

    /// The messages of Engine.IO that it is sent in: one, but for attachments of the default parser.
    pub fn messages(&self, parser: Parser) -> Vec<(Opcode, Cow<'a, [u8]>)> {
        match parser {
            Parser::Default => {
                let attached = self.attachments.iter().map(|bytes| (Opcode::Binary, bytes.as_slice().into()));
                std::iter::once((Opcode::Text, self.text().into_bytes().into())).chain(attached).collect()
            }
            Parser::MessagePack => vec![(Opcode::Binary, self.packed().into())],
        }
    }

    /// As the default parser reads it, the message type of Engine.IO included.
    pub fn text(&self) -> String {
        head(self.kind, self.attachments.len(), self.namespace, self.id) + &self.json
    }

    /// As the one for MessagePack reads it.
    pub fn packed(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.json.len() + 64);
        packed_head(self.kind, self.namespace, self.id, &mut out);
        write_json(self.json.as_bytes(), self.attachments, &mut out);
        out
    }
}

/// What stands before the payload of a packet from the server, the message type of Engine.IO included. `/` is left out.
pub fn head(kind: Sent, attachments: usize, namespace: &str, id: Option<u64>) -> String {
    let binary = if attachments > 0 { 3 } else { 0 };
    let mut head = format!("4{}", kind as u8 + binary);
    if attachments > 0 {
        head.push_str(&format!("{attachments}-"));
    }
    if namespace != "/" {
        head.push_str(namespace);
        head.push(',');
    }
    if let Some(id) = id {
        head.push_str(&id.to_string());
    }
    head
}

/// The same in MessagePack: a map, up to the value of its last member, `data`.
///
/// Ids are below 2⁶³, or the map would tell another: no client counts so far.
pub fn packed_head(kind: Sent, namespace: &str, id: Option<u64>, out: &mut Vec<u8>) {
    write_map_head(3 + usize::from(id.is_some()), out);
    write_str("type", out);
    write_integer(kind as i64, out);
    write_str("nsp", out);
    write_str(namespace, out);
    if let Some(id) = id {
        write_str("id", out);
        write_integer(id as i64, out);
    }
    write_str("data", out);
}

/// The client has joined, under an id of its own for each namespace; `pid` is the secret by which it may go on there
/// when it comes back, where that is offered.
pub fn connected<'a>(namespace: &'a str, socket_id: &str, pid: Option<&str>) -> Outgoing<'a> {
    let json = match pid {
        Some(pid) => format!(r#"{{"sid":"{socket_id}","pid":"{pid}"}}"#),
        None => format!(r#"{{"sid":"{socket_id}"}}"#),
    };
    Outgoing { kind: Sent::Connected, namespace, id: None, json, attachments: &[] }
}

/// The client may not join: what people are told, and perhaps what its program may look at.
pub fn refused<'a>(namespace: &'a str, message: &str, data: Option<&Value>) -> Outgoing<'a> {
    let message = Value::from(message);
    let json = match data {
        Some(data) => format!(r#"{{"message":{message},"data":{data}}}"#),
        None => format!(r#"{{"message":{message}}}"#),
    };
    Outgoing { kind: Sent::Refused, namespace, id: None, json, attachments: &[] }
}

/// The answer to an event.
pub fn ack<'a>(namespace: &'a str, id: u64, arguments: &Value) -> Outgoing<'a> {
    Outgoing { kind: Sent::Ack, namespace, id: Some(id), json: arguments.to_string(), attachments: &[] }
}

/// An event.
///
/// # Panics
/// If its name is reserved: no client would take it for an event.
pub fn event<'a>(namespace: &'a str, name: &str, argument: &Value) -> Outgoing<'a> {
    assert!(!is_reserved(name), "`{name}` is reserved");
    Outgoing { kind: Sent::Event, namespace, id: None, json: json!([name, argument]).to_string(), attachments: &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "`connect_error` is reserved")]
    fn socketio_item_52_no_event_goes_out_with_a_reserved_name() {
        event("/", "connect_error", &json!(1));
    }

    #[test]
    fn socketio_item_53_answers_carry_the_id_that_was_asked_with() {
        assert_eq!(ack("/binance", 12, &json!([{"ok": true}])).text(), r#"43/binance,12[{"ok":true}]"#);
        assert_eq!(ack("/", 0, &json!([])).text(), "430[]");
    }

    #[test]
    fn socketio_item_47_refusals_are_spelled_as_the_reference_does() {
        assert_eq!(
            refused("/random", "Invalid namespace", None).text(),
            r#"44/random,{"message":"Invalid namespace"}"#
        );
        let expected = r#"44{"message":"a \"b\"","data":{"code":7}}"#;
        assert_eq!(refused("/", "a \"b\"", Some(&json!({ "code": 7 }))).text(), expected);
        assert_eq!(connected("/", "abc", None).text(), r#"40{"sid":"abc"}"#);
    }

    #[test]
    fn socketio_item_66_packets_are_maps_with_bytes_inside() {
        fn packed(outgoing: Outgoing<'_>) -> Vec<(Opcode, Cow<'_, [u8]>)> {
            outgoing.messages(Parser::MessagePack)
        }
        let bytes = b"\x84\xa4type\x03\xa3nsp\xa2/a\xa2id\xcc\xc8\xa4data\x91\x01";
        assert_eq!(packed(ack("/a", 200, &json!([1]))), [(Opcode::Binary, bytes.into())]);
        let bytes = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa3sid\xa1x";
        assert_eq!(packed(connected("/", "x", None)), [(Opcode::Binary, bytes.into())]);
        let (json, attachments) = (r#"["a",{"_placeholder":true,"num":0}]"#, [vec![1, 2]]);
        let outgoing = Outgoing::with_attachments((Sent::Event, None), "/", json.to_owned(), &attachments);
        let text = format!("451-{json}").into_bytes();
        let two = [(Opcode::Text, text.into()), (Opcode::Binary, (&[1, 2]).into())];
        assert_eq!(outgoing.messages(Parser::Default), two);
        let bytes = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a\xc4\x02\x01\x02";
        assert_eq!(packed(outgoing), [(Opcode::Binary, bytes.into())]);
    }
}
