//! Server-sent events: what a browser's `EventSource` reads, after the head of an HTTP answer that never ends.
//!
//! Source: the HTML standard, section "Server-sent events". An event is a few lines and an empty one; a line that begins
//! with a colon is a comment; an `id` is what the client sends back in `Last-Event-ID` when it connects again, also one
//! that comes without data, which is no event.

/// What is to be told of the answer as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The kind of its body.
    pub content_type: &'a str,
    /// The pages that may read it, `*` for all; `None` for those of this server alone.
    pub cors_origin: Option<&'a str>,
}

impl Head<'_> {
    /// Appends the head of an answer that goes on until the connection ends.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: ");
        out.extend_from_slice(self.content_type.as_bytes());
        // The last header is for proxies that would otherwise collect events before they pass them on.
        out.extend_from_slice(b"\r\nCache-Control: no-store\r\nConnection: close\r\nX-Accel-Buffering: no\r\n");
        if let Some(origin) = self.cors_origin {
            out.extend_from_slice(b"Access-Control-Allow-Origin: ");
            out.extend_from_slice(origin.as_bytes());
            out.extend_from_slice(b"\r\n");
            if origin != "*" {
                out.extend_from_slice(b"Vary: Origin\r\n");
            }
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends an event of this kind, but for an id. `data` is one line.
pub fn write_event(kind: &str, data: &str, out: &mut Vec<u8>) {
    for part in ["event: ", kind, "\ndata: ", data, "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a comment of one line, which clients pass over.
pub fn write_comment(text: &str, out: &mut Vec<u8>) {
    for part in [": ", text, "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends an id without an event: it is where the client has got to.
pub fn write_id(id: &str, out: &mut Vec<u8>) {
    for part in ["id: ", id, "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_no_length_and_says_who_may_read() {
        let head = |cors_origin| {
            let mut out = Vec::new();
            Head { content_type: "text/event-stream", cors_origin }.write(&mut out);
            String::from_utf8(out).unwrap()
        };
        let all = head(Some("*"));
        assert!(all.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n") && all.ends_with("\r\n\r\n"));
        assert!(all.contains("\r\nAccess-Control-Allow-Origin: *\r\n") && !all.contains("Content-Length"));
        assert!(head(Some("https://a.example")).contains("Origin: https://a.example\r\nVary: Origin\r\n"));
        assert!(!head(None).contains("Access-Control"));
    }

    #[test]
    fn events_comments_and_ids_end_with_an_empty_line() {
        let mut out = Vec::new();
        write_event("trade", "{}", &mut out);
        write_comment("keep-alive", &mut out);
        write_id("7", &mut out);
        assert_eq!(out, b"event: trade\ndata: {}\n\n: keep-alive\n\nid: 7\n\n");
    }
}
