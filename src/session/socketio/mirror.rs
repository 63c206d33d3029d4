//! What the official suite for Socket.IO expects of a server: events that come back.

use serde_json::{Value, json};

use crate::protocol::socketio::outgoing::Sent;
use crate::protocol::socketio::{Outgoing, Packet, Parser};
use crate::session::Effects;
use crate::session::socketio::say;

/// `message` comes back as `message-back`, `message-with-ack` is answered, each with all arguments and attachments.
pub(super) fn on_event(packet: &Packet, parser: Parser, effects: &mut Effects) {
    let Some((name, arguments)) = packet.event() else { return };
    let (kind, data) = match (name, packet.id) {
        ("message", _) => {
            let data: Vec<Value> = std::iter::once(json!("message-back")).chain(arguments.iter().cloned()).collect();
            ((Sent::Event, None), data)
        }
        ("message-with-ack", Some(id)) => ((Sent::Ack, Some(id)), arguments.to_vec()),
        _ => return,
    };
    let json = Value::from(data).to_string();
    let outgoing = Outgoing::with_attachments(kind, &packet.namespace, json, &packet.attachments);
    say(parser, &outgoing, effects);
}
