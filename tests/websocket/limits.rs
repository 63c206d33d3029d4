//! 9: messages as large as suites send, and larger.

use super::*;

const MIB: usize = 1 << 20;

/// Bytes that are a text.
fn filling(length: usize) -> Vec<u8> {
    (0..length).map(|n| b'a' + (n % 23) as u8).collect()
}

/// It comes back, and the connection works on.
fn comes_back(server: &Server, what: &str, sent: Vec<u8>, expected: &Heard) {
    let mut client = open(server, "");
    let sender = send_aside(&mut client, [sent, frame(PING, b"")].concat());
    assert!(next(&mut client).as_ref() == Some(expected), "{what}");
    assert_eq!(next(&mut client), Some(heard(PONG, b"")), "{what}");
    sender.join().unwrap();
}

#[test]
fn websocket_9_large_messages_come_back() {
    let server = echo_server();
    for length in [64 << 10, 256 << 10, MIB, 4 * MIB, 8 * MIB, 16 * MIB] {
        let payload = filling(length);
        for first in [TEXT, BINARY] {
            comes_back(&server, &format!("{length} bytes"), masked(first, &payload, [0; 4]), &(first, payload.clone()));
        }
    }
    // Masked in earnest, a byte more or less than whole words.
    for length in [16 * MIB - 1, 16 * MIB] {
        let payload = vec![0xee; length];
        comes_back(&server, "masked", frame(BINARY, &payload), &(BINARY, payload.clone()));
    }
}

#[test]
fn websocket_9_large_messages_in_small_frames_come_back() {
    let server = echo_server();
    for (length, frame_bytes) in
        [(MIB, 64), (MIB, 256), (4 * MIB, 1 << 10), (4 * MIB, 4 << 10), (16 * MIB, 64 << 10), (16 * MIB, MIB)]
    {
        let payload = filling(length);
        let mut sent = frame(FIRST_OF_TEXT, b"");
        payload.chunks(frame_bytes).for_each(|part| sent.extend(masked(MIDDLE, part, [0; 4])));
        sent.extend(frame(LAST, b""));
        comes_back(&server, &format!("{length} bytes in frames of {frame_bytes}"), sent, &(TEXT, payload));
    }
}

#[test]
fn websocket_9_large_messages_in_small_pieces_come_back() {
    let server = echo_server();
    for (length, piece_bytes) in [(MIB, 64), (MIB, 1 << 10), (16 * MIB, 1_460)] {
        let payload = filling(length);
        let sent = masked(BINARY, &payload, [0; 4]);
        let mut client = open(&server, "");
        client.stream().set_nodelay(true).unwrap();
        let mut stream = client.stream().try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            sent.chunks(piece_bytes).for_each(|piece| stream.write_all(piece).unwrap());
        });
        assert!(next(&mut client) == Some((BINARY, payload)), "{length} bytes in pieces of {piece_bytes}");
        sender.join().unwrap();
    }
}

#[test]
fn websocket_9_a_message_that_is_too_large_is_refused_by_its_headers() {
    let server = echo_server();
    let too_large = (16 * MIB as u64 + 1).to_be_bytes();
    let head = [&[BINARY, 0xff][..], &too_large, &[0; 4]].concat();
    check(&server, "16 MiB and a byte", &head, &[closed(1009)]);
    let mut client = open(&server, "");
    let first = masked(FIRST_OF_BINARY, &vec![0; 16 * MIB], [0; 4]);
    let sender = send_aside(&mut client, [first, frame(LAST, b"x")].concat());
    assert_eq!(rest(&mut client), [closed(1009)], "the same in parts");
    sender.join().unwrap();
}

#[test]
fn websocket_9_the_limit_of_other_clients_may_be_higher_and_not_lower() {
    let server = Server::start(&["--conformance", "--message-bytes-max", "65536"]);
    let payload = filling(MIB);
    comes_back(&server, "more than others may send", masked(TEXT, &payload, [0; 4]), &(TEXT, payload.clone()));
    let server = Server::start(&["--conformance", "--message-bytes-max", "17000000"]);
    let payload = vec![0; 17_000_000];
    comes_back(&server, "as much as others may", masked(BINARY, &payload, [0; 4]), &(BINARY, payload.clone()));
}
