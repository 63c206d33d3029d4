//! 3: reserved bits, where nobody agreed on a meaning for them.

use super::*;

#[test]
fn websocket_3_reserved_bits_fail_the_connection_behind_what_came_before() {
    let server = echo_server();
    for bits in 1..=7_u8 {
        for first in [TEXT, BINARY, FIRST_OF_TEXT, PING, PONG, CLOSE] {
            for payload in [&b""[..], b"\x03\xe8"] {
                let sent = frames(&[(TEXT, b"first"), (first | bits << 4, payload), (TEXT, b"never read")]);
                let what = format!("bits {bits:03b} of {first:#x}");
                check(&server, &what, &sent, &[heard(TEXT, b"first"), closed(1002)]);
            }
        }
        let sent = frames(&[(FIRST_OF_TEXT, b"a"), (LAST | bits << 4, b"b")]);
        check(&server, &format!("bits {bits:03b} of a continuation"), &sent, &[closed(1002)]);
    }
}
