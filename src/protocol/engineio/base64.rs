//! Base 64, as strict as it must be in what is written and as lenient as clients need in what is read.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Appends bytes in the standard alphabet, padded, without line breaks.
pub fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    write(bytes, STANDARD, out);
    out.resize(out.len() + (3 - bytes.len() % 3) % 3, b'=');
}

/// Bytes in the alphabet that needs no escaping in addresses, without padding.
pub fn encode_url_safe(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    write(bytes, URL_SAFE, &mut out);
    String::from_utf8(out).expect("the alphabet is ASCII")
}

fn write(bytes: &[u8], alphabet: &[u8; 64], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        out.extend((0..=chunk.len()).map(|place| alphabet[(word >> (18 - 6 * place)) as usize & 63]));
    }
}

/// Reads either alphabet, with or without padding, and with line breaks anywhere: one client wraps its lines. `None` for
/// anything else.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut word, mut digits, mut is_over) = (0_u32, 0, false);
    for byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                is_over = true;
                continue;
            }
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        if is_over {
            return None;
        }
        word = word << 6 | u32::from(digit);
        digits += 1;
        if digits == 4 {
            out.extend_from_slice(&word.to_be_bytes()[1..]);
            (word, digits) = (0, 0);
        }
    }
    match digits {
        0 => {}
        2 => out.push((word >> 4) as u8),
        3 => out.extend_from_slice(&((word >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn socketio_item_23_base64_of_every_client_is_read() {
        let four: &[u8] = &[1, 2, 3, 4];
        for text in ["AQIDBA==", "AQIDBA==\n", "AQIDBA", "AQ\nIDBA=\r\n="] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(four), "{text:?}");
        }
        assert_eq!(decode(b"-_-_"), decode(b"+/+/"));
        for text in ["A", "AQ==A", "AQ ID", "AQI\u{e4}"] {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut text = Vec::new();
            encode(&bytes, &mut text);
            prop_assert_eq!(text.len() % 4, 0);
            prop_assert_eq!(decode(&text), Some(bytes.clone()));
            prop_assert_eq!(decode(encode_url_safe(&bytes).as_bytes()), Some(bytes));
        }
    }
}
