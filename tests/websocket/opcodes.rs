//! 4: opcodes that have no meaning.

use super::*;

#[test]
fn websocket_4_reserved_opcodes_fail_the_connection_behind_what_came_before() {
    let server = echo_server();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15_u8] {
        for payload in [&b""[..], b"reserved"] {
            check(&server, &format!("{opcode} alone"), &frame(0x80 | opcode, payload), &[closed(1002)]);
            let sent = frames(&[(TEXT, b"first"), (0x80 | opcode, payload), (PING, b"")]);
            check(&server, &format!("{opcode}"), &sent, &[heard(TEXT, b"first"), closed(1002)]);
        }
        let within = frames(&[(FIRST_OF_TEXT, b"a"), (0x80 | opcode, b""), (LAST, b"b")]);
        check(&server, &format!("{opcode} within a message"), &within, &[closed(1002)]);
    }
}
