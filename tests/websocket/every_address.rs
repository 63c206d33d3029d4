//! What holds at every address that speaks WebSocket, with clients that do not keep to it.

use super::support::{Client, Server};

const ADDRESSES: [&str; 5] = [
    "/ws/btcusdt@trade",
    "/stream?streams=btcusdt@trade",
    "/ws-api/v3",
    "/websocket/v1",
    "/socket.io/?EIO=4&transport=websocket",
];

fn code(client: &mut Client) -> u16 {
    loop {
        let frame = client.next().expect("the server says why it goes");
        if frame.opcode == 8 {
            return frame.close().0;
        }
    }
}

#[test]
fn frames_without_a_mask_are_refused() {
    let server = Server::start(&[]);
    for address in ADDRESSES {
        for bytes in [&b"\x81\x04PING"[..], b"\x89\x00", b"\x88\x02\x03\xe8"] {
            let mut client = Client::open(&server, address);
            client.send_bytes(bytes);
            assert_eq!(code(&mut client), 1002, "{address} {bytes:?}");
        }
    }
}

#[test]
fn compressed_frames_are_refused_where_nobody_agreed_on_them() {
    let server = Server::start(&[]);
    for address in ADDRESSES {
        let mut client = Client::open(&server, address);
        client.send(0x41, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        assert_eq!(code(&mut client), 1002, "{address}");
    }
}

#[test]
fn a_message_that_is_too_large_is_refused_before_it_has_come_and_the_client_learns_why() {
    let server = Server::start(&["--message-bytes-max", "65536"]);
    for address in ADDRESSES {
        let mut client = Client::open(&server, address);
        // The header of 16 MiB, and a part of them: the server does not wait for the rest, and what has come unread
        // does not cost the client the close frame.
        client.send_bytes(&[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4]);
        client.send_bytes(&vec![0; 1 << 20]);
        assert_eq!(code(&mut client), 1009, "{address}");
        assert_eq!(client.next(), None);
    }
}

#[test]
fn a_close_frame_is_answered_with_its_own_code() {
    let server = Server::start(&[]);
    for (payload, answer) in [(&b""[..], 1000), (b"\x03\xe9bye", 1001), (b"\x0f\xa0", 4000), (b"\x03\xed", 1002)] {
        let mut client = Client::open(&server, "/websocket/v1");
        client.send(8, payload);
        assert_eq!(client.next_event().close().0, answer);
        assert_eq!(client.next(), None);
    }
}

#[test]
fn a_request_may_come_byte_by_byte_and_in_parts_with_pings_in_between() {
    let server = Server::start(&[]);
    let mut client = Client::open(&server, "/websocket/v1");
    let request = br#"[{"ticket":"a"},{"method":"LIST_SUBSCRIPTIONS"}]"#;
    client.send_fragment(1, &request[..20]);
    client.send(9, b"in between");
    for byte in &request[20..request.len() - 1] {
        client.send_fragment(0, &[*byte]);
    }
    client.send(0, &request[request.len() - 1..]);
    let pong = client.next().unwrap();
    assert_eq!((pong.opcode, pong.text()), (10, "in between"));
    assert_eq!(client.next_event().text(), r#"{"method":"LIST_SUBSCRIPTIONS","result":[],"ticket":"a"}"#);
}
