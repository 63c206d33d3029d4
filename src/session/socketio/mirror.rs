//! What the official suite for Socket.IO expects of a server: events that come back.

use serde_json::{Value, json};

use crate::protocol::socketio::Packet;
use crate::protocol::socketio::packet::head;
use crate::protocol::websocket::Opcode;
use crate::session::Effects;

/// `message` comes back as `message-back`, `message-with-ack` is answered, each with all arguments and attachments.
pub(super) fn on_event(packet: &Packet, effects: &mut Effects) {
    let Some((name, arguments)) = packet.event() else { return };
    let count = packet.attachments.len();
    let (kinds, id, data) = match (name, packet.id) {
        ("message", _) => {
            let data: Vec<Value> = std::iter::once(json!("message-back")).chain(arguments.iter().cloned()).collect();
            (['2', '5'], None, data)
        }
        ("message-with-ack", Some(id)) => (['3', '6'], Some(id), arguments.to_vec()),
        _ => return,
    };
    let head = head(kinds[usize::from(count > 0)], count, &packet.namespace, id);
    effects.send(Opcode::Text, format!("{head}{}", Value::from(data)).as_bytes());
    packet.attachments.iter().for_each(|bytes| effects.send(Opcode::Binary, bytes));
}
