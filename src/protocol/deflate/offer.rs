//! The handshake's part: which of a client's offers is accepted, and with what answer.

/// The answer to an offer without a wish for our window.
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The answers to offers that name our window, which has to be named in return, from 9 bits on.
const ANSWERS_WITH_WINDOW: [&str; 7] = [
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=13",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=14",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15",
];

/// The smallest window that zlib compresses with; RFC 7692 has one of 8 bits too.
const WINDOW_BITS_MIN: u8 = 9;

/// The largest window, and the only one for messages that many get: one for all is what lets all have the same bytes.
const WINDOW_BITS_MAX: u8 = 15;

/// What both sides agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The value of the header that answers.
    pub answer: &'static str,
    /// Our window, from 9 to 15 bits.
    pub window_bits: u8,
}

/// Chooses among the offers in a client's `Sec-WebSocket-Extensions` headers, given in their order; the value of the
/// header that answers, or `None` if none of them can be kept to. Then the connection goes on uncompressed.
///
/// The first offer that can be kept to is taken (RFC 7692 section 5). Offers with a parameter that is unknown, given
/// twice or has a value it must not have are declined (section 7), and so are those that ask for a smaller window of
/// ours than `WINDOW_BITS_MAX`. What a client says of its own window is heard and needs no answer: messages of any window
/// can be read. Both sides are told to keep nothing from one message to the next, whether or not the client asked.
pub fn agree<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    choose(headers, WINDOW_BITS_MAX).map(|agreement| agreement.answer)
}

/// The same for a connection whose messages are compressed for it alone: any window from `WINDOW_BITS_MIN` on will do.
pub fn agree_on_any_window<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<Agreement> {
    choose(headers, WINDOW_BITS_MIN)
}

fn choose<'a>(headers: impl IntoIterator<Item = &'a str>, window_bits_min: u8) -> Option<Agreement> {
    headers.into_iter().flat_map(|header| split(header, ',')).find_map(|offer| accept(offer, window_bits_min))
}

/// The answer to one offer, if it is one for this extension and can be kept to.
fn accept(offer: &str, window_bits_min: u8) -> Option<Agreement> {
    let mut parts = split(offer, ';');
    if parts.next()?.trim() != "permessage-deflate" {
        return None;
    }
    let (mut seen, mut named) = (Vec::new(), None);
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(unquoted(value.trim())?)),
            None => (part.trim(), None),
        };
        let is_kept_to = match (name, value) {
            ("server_no_context_takeover" | "client_no_context_takeover" | "client_max_window_bits", None) => true,
            ("client_max_window_bits", Some(value)) => window_bits(value).is_some(),
            ("server_max_window_bits", Some(value)) => {
                named = window_bits(value).filter(|bits| *bits >= window_bits_min);
                named.is_some()
            }
            _ => false,
        };
        if !is_kept_to || seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    let answer = named.map_or(ANSWER, |bits| ANSWERS_WITH_WINDOW[usize::from(bits - WINDOW_BITS_MIN)]);
    Some(Agreement { answer, window_bits: named.unwrap_or(WINDOW_BITS_MAX) })
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
