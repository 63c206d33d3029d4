//! MessagePack to JSON and back: whatever is read is JSON, and what JSON becomes is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tapecast::protocol::msgpack::{Decoded, Decoder, transcode};
use tapecast::protocol::socketio::Packet;
use tapecast::protocol::socketio::packet::ATTACHMENTS_MAX;

fuzz_target!(|bytes: &[u8]| {
    let _ = Packet::unpack(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        pack(text);
    }
    let Some((json, attachments)) = unpack(bytes) else { return };
    assert!(attachments.len() <= ATTACHMENTS_MAX);
    // Nesting is the one thing of JSON that its reader has less of.
    if let Err(error) = serde_json::from_str::<Value>(&json) {
        assert!(error.to_string().contains("recursion"), "{error}: {json}");
    }
    // What only looks like bytes would become some, where there are any.
    if json.matches(r#"{"_placeholder":true,"num":"#).count() > attachments.len() {
        return;
    }
    let mut packed = Vec::new();
    transcode(json.as_bytes(), &attachments, &mut packed).unwrap_or_else(|error| panic!("{error}: {json}"));
    // From here on nothing changes any more.
    let (again, attachments) = unpack(&packed).expect("it was written here");
    let mut packed_again = Vec::new();
    transcode(again.as_bytes(), &attachments, &mut packed_again).expect("JSON");
    assert_eq!(packed_again, packed, "{json}");
});

/// A value as JSON, and its bytes; `None` for what is none, and for `undefined`.
fn unpack(bytes: &[u8]) -> Option<(String, Vec<Vec<u8>>)> {
    let (mut decoder, mut out) = (Decoder::new(bytes, ATTACHMENTS_MAX), Decoded::default());
    let is_defined = decoder.value(&mut out).ok()?;
    (is_defined && decoder.is_at_end()).then(|| (String::from_utf8(out.json).expect("UTF-8"), out.attachments))
}

/// JSON, and only that, can be written.
fn pack(text: &str) {
    let (read, mut packed) = (serde_json::from_str::<Value>(text), vec![7]);
    match (transcode(text.as_bytes(), &[], &mut packed), read) {
        (Ok(()), Ok(_)) => assert!(packed.len() > 1),
        (Err(_), Err(_)) => assert_eq!(packed, [7]),
        // Numbers beyond all others and halves of characters are taken as JavaScript takes them, and more nesting.
        (Ok(()), Err(error)) => {
            let error = error.to_string();
            let is_known =
                ["out of range", "surrogate", "recursion", "hex escape"].iter().any(|known| error.contains(known));
            assert!(is_known, "{error}: {text}");
        }
        (Err(error), Ok(_)) => panic!("{error}: {text}"),
    }
}
