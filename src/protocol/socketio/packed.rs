//! Packets of clients that write them in MessagePack: maps `{type, nsp, data, id}`, members in any order.

use crate::protocol::msgpack::{Decoded, Decoder, Malformed};
use crate::protocol::socketio::packet::{ATTACHMENTS_MAX, check, refers_within};
use crate::protocol::socketio::{Kind, Packet, Violation};

impl Packet {
    /// Reads a packet that is whole: bytes stand where the default parser has placeholders for them. What it comes to is
    /// the same as if that parser had written it, so that whoever it is passed on to can be told in any writing; for that
    /// reason there are no more bytes in it than there may be attachments.
    ///
    /// Members that nobody knows, `options` for one, are left aside.
    ///
    /// # Errors
    /// [`Violation`].
    pub fn unpack(bytes: &[u8]) -> Result<Packet, Violation> {
        let mut decoder = Decoder::new(bytes, ATTACHMENTS_MAX);
        let (mut kind, mut namespace, mut id, mut payload) = (None, None, None, None);
        for _ in 0..decoder.map()? {
            let key = decoder.key()?;
            let mut decoded = Decoded::default();
            let value = decoder.value(&mut decoded)?.then_some(decoded);
            // Of several members with one name the last one counts.
            match &*key {
                "type" => kind = value,
                "nsp" => namespace = value,
                "id" => id = value,
                "data" => payload = value,
                _ => {}
            }
        }
        if !decoder.is_at_end() {
            return Err(Violation::Payload);
        }
        let kind = match kind.as_ref().map(|kind| &*kind.json) {
            Some(b"0") => Kind::Connect,
            Some(b"1") => Kind::Disconnect,
            Some(b"2") => Kind::Event,
            Some(b"3") => Kind::Ack,
            _ => return Err(Violation::Type),
        };
        let namespace: Option<String> = namespace.and_then(|text| serde_json::from_slice(&text.json).ok());
        let namespace = namespace.filter(|name| !name.bytes().any(|byte| byte.is_ascii_control()));
        let namespace = namespace.ok_or(Violation::Namespace)?;
        // As far as an answer can repeat it.
        let read = |id: Decoded| serde_json::from_slice(&id.json).ok().filter(|id| *id <= i64::MAX as u64);
        let id = id.map(|id| read(id).ok_or(Violation::Id)).transpose()?;
        // Python's client leaves with nil where JavaScript's has nothing.
        let is_said = |data: &Decoded| kind != Kind::Disconnect || data.json != b"null";
        let Decoded { json, attachments } = payload.filter(is_said).unwrap_or_default();
        let json = String::from_utf8(json).map_err(|_| Violation::Payload)?;
        let data = match &*json {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| Violation::Payload)?),
        };
        check(kind, data.as_ref())?;
        // Only events and answers have bytes in them, and what looks like a placeholder must be one.
        let may_have_any = matches!(kind, Kind::Event | Kind::Ack);
        let is_consistent = || data.as_ref().is_some_and(|data| refers_within(data, attachments.len()));
        let is_whole = attachments.is_empty() || (may_have_any && is_consistent());
        if !is_whole {
            return Err(Violation::Attachments);
        }
        Ok(Packet { kind, namespace, id, data, json: json.into(), attachments })
    }
}

impl From<Malformed> for Violation {
    fn from(malformed: Malformed) -> Violation {
        match malformed {
            Malformed::Attachments => Violation::Attachments,
            _ => Violation::Payload,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::msgpack::{transcode, write_bin};
    use proptest::prelude::*;
    use serde_json::json;

    /// JSON as MessagePack, placeholders replaced.
    fn packed(json: &str, attachments: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        transcode(json.as_bytes(), attachments, &mut out).unwrap();
        out
    }

    fn unpacked(json: &str) -> Result<Packet, Violation> {
        Packet::unpack(&packed(json, &[]))
    }

    #[test]
    fn socketio_item_66_undefined_is_absent() {
        // {type: 0, data: undefined, nsp: "/", id: undefined} as `socket.io-msgpack-parser` writes it.
        let packet = Packet::unpack(b"\x84\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/\xa2id\xd4\x00\x00").unwrap();
        assert_eq!((packet.kind, &*packet.namespace, packet.id, packet.data), (Kind::Connect, "/", None, None));
        assert_eq!(&*packet.json, "");
        let nil = b"\x83\xa4type\x00\xa4data\xc0\xa3nsp\xa1/";
        assert_eq!(Packet::unpack(nil), Err(Violation::Payload));
        let leave = b"\x83\xa4type\x01\xa4data\xc0\xa3nsp\xa1/";
        assert_eq!(Packet::unpack(leave).map(|packet| (packet.kind, packet.data)), Ok((Kind::Disconnect, None)));
    }

    #[test]
    fn socketio_item_66_an_event_is_the_same_in_any_writing() {
        let mut bytes = packed(r#"{"options":{"compress":true},"type":2,"id":7,"nsp":"/rooms"}"#, &[]);
        bytes[0] += 1;
        bytes.extend_from_slice(b"\xa4data\x93\xa1a\x81\xa1x");
        write_bin(&[1, 2], &mut bytes);
        bytes.extend_from_slice(b"\xd4\x00\x00");
        let mut wanted = Packet::parse(r#"51-/rooms,7["a",{"x":{"_placeholder":true,"num":0}},null]"#).unwrap().0;
        wanted.attachments = vec![vec![1, 2]];
        assert_eq!(Packet::unpack(&bytes), Ok(wanted));
        let packet = unpacked(r#"{"type":2,"nsp":"/","data":["subscribe",["a"]]}"#).unwrap();
        assert_eq!(packet.event(), Some(("subscribe", &[json!(["a"])][..])));
    }

    #[test]
    fn socketio_item_51_52_and_66_what_may_not_be_sent() {
        for (json, violation) in [
            ("[]", Violation::Payload),
            ("{}", Violation::Type),
            (r#"{"type":4,"nsp":"/","data":{}}"#, Violation::Type),
            (r#"{"type":5,"nsp":"/","data":["a"]}"#, Violation::Type),
            (r#"{"type":"2","nsp":"/","data":["a"]}"#, Violation::Type),
            (r#"{"type":2,"data":["a"]}"#, Violation::Namespace),
            (r#"{"type":2,"nsp":7,"data":["a"]}"#, Violation::Namespace),
            (r#"{"type":0,"nsp":"/a\u001eb"}"#, Violation::Namespace),
            (r#"{"type":2,"nsp":"/","data":["a"],"id":-1}"#, Violation::Id),
            (r#"{"type":2,"nsp":"/","data":["a"],"id":1.5}"#, Violation::Id),
            (r#"{"type":2,"nsp":"/","data":["a"],"id":null}"#, Violation::Id),
            (r#"{"type":2,"nsp":"/"}"#, Violation::Payload),
            (r#"{"type":2,"nsp":"/","data":[]}"#, Violation::Payload),
            (r#"{"type":2,"nsp":"/","data":{}}"#, Violation::Payload),
            (r#"{"type":2,"nsp":"/","data":[null]}"#, Violation::Payload),
            (r#"{"type":2,"nsp":"/","data":["connect"]}"#, Violation::Reserved),
            (r#"{"type":0,"nsp":"/","data":[]}"#, Violation::Payload),
            (r#"{"type":1,"nsp":"/","data":{}}"#, Violation::Payload),
            (r#"{"type":3,"nsp":"/","data":{}}"#, Violation::Payload),
        ] {
            assert_eq!(unpacked(json), Err(violation), "{json}");
        }
        let event = packed(r#"{"type":2,"nsp":"/","data":["a"]}"#, &[]);
        assert_eq!(Packet::unpack(&[&event[..], b"\xc0"].concat()), Err(Violation::Payload), "something behind it");
        assert_eq!(Packet::unpack(&event[..event.len() - 1]), Err(Violation::Payload));
        let id = |id: &[u8]| [b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1a\xa2id\xcf", id].concat();
        assert_eq!(Packet::unpack(&id(&[0x7f; 8])).unwrap().id, Some(0x7f7f_7f7f_7f7f_7f7f));
        assert_eq!(Packet::unpack(&id(&[0xff; 8])), Err(Violation::Id));
    }

    #[test]
    fn socketio_item_66_bytes_are_counted_as_attachments_are() {
        let bytes = vec![vec![0]; ATTACHMENTS_MAX + 1];
        let with = |count: usize, and: &str| {
            let placeholders: Vec<_> = (0..count).map(|n| format!(r#"{{"_placeholder":true,"num":{n}}}"#)).collect();
            let head = packed(r#"{"type":2,"nsp":"/"}"#, &[]);
            let data = packed(&format!(r#"["a",{}{and}]"#, placeholders.join(",")), &bytes);
            Packet::unpack(&[b"\x83", &head[1..], b"\xa4data", &data].concat())
        };
        assert_eq!(with(ATTACHMENTS_MAX, "").unwrap().attachments.len(), ATTACHMENTS_MAX);
        assert_eq!(with(ATTACHMENTS_MAX + 1, ""), Err(Violation::Attachments));
        let lookalike = r#",{"_placeholder":true,"num":7,"x":0}"#;
        assert_eq!(with(1, lookalike), Err(Violation::Attachments));
        assert!(with(1, &lookalike.replace("true", "false")).is_ok());
        let connect = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa1a\xc4\x00";
        assert_eq!(Packet::unpack(connect), Err(Violation::Attachments));
        let aside = b"\x84\xa4type\x00\xa3nsp\xa1/\xa4data\x80\xa1x\xc4\x00";
        assert!(Packet::unpack(aside).unwrap().attachments.is_empty());
    }

    #[test]
    fn socketio_item_69_messagepack_as_deep_as_a_message_is_long_is_refused() {
        let deep = [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data".to_vec(), vec![0x91; 500_000]].concat();
        assert_eq!(Packet::unpack(&deep), Err(Violation::Payload));
    }

    proptest! {
        #[test]
        fn socketio_item_69_no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Packet::unpack(&bytes);
            let _ = Packet::unpack(&[b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data", &bytes[..]].concat());
        }
    }
}
