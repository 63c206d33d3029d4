//! The handshake's part: which of a client's offers is accepted, and with what answer.

/// The answer to an offer without a wish for our window.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answer to an offer that names the largest window there is, which has to be named in return.
const ANSWER_WITH_WINDOW: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";

/// The only window messages are compressed with, the largest: one for all is what lets all have the same bytes.
const WINDOW_BITS: u8 = 15;

/// Chooses among the offers in a client's `Sec-WebSocket-Extensions` headers, given in their order; the value of the
/// header that answers, or `None` if none of them can be kept to. Then the connection goes on uncompressed.
///
/// The first offer that can be kept to is taken (RFC 7692 section 5). Offers with a parameter that is unknown, given
/// twice or has a value it must not have are declined (section 7), and so are those that ask for a smaller window of
/// ours than `WINDOW_BITS`. What a client says of its own window is heard and needs no answer: messages of any window
/// can be read. Both sides are told to keep nothing from one message to the next, whether or not the client asked.
pub fn agree<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    headers.into_iter().flat_map(|header| split(header, ',')).find_map(accept)
}

/// The answer to one offer, if it is one for this extension and can be kept to.
fn accept(offer: &str) -> Option<&'static str> {
    let mut parts = split(offer, ';');
    if parts.next()?.trim() != "permessage-deflate" {
        return None;
    }
    let mut seen = Vec::new();
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquoted(value.trim())?)),
            None => (part.trim(), None),
        };
        let is_kept_to = match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => true,
            ("client_max_window_bits", Some(value)) => window_bits(value).is_some(),
            ("server_max_window_bits", Some(value)) => window_bits(value) == Some(WINDOW_BITS),
            _ => false,
        };
        if !is_kept_to || seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    Some(if seen.contains(&"server_max_window_bits") { ANSWER_WITH_WINDOW } else { ANSWER })
}

/// 8 to 15 without leading zeros.
fn window_bits(text: &str) -> Option<u8> {
    (8..=15).find(|bits: &u8| bits.to_string() == text)
}

/// A parameter's value: a token, or one in quotes.
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

/// Splits a header where the separator stands outside quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c: char| {
        if is_escaped {
            is_escaped = false;
        } else if c == '"' {
            is_quoted = !is_quoted;
        } else {
            is_escaped = is_quoted && c == '\\';
        }
        c == separator && !is_quoted
    })
}
