//! WebSocket from outside, in raw bytes: what RFC 6455 and RFC 7692 ask of a server, mostly by its echo, and what holds
//! at every address. Cases have the numbers of the families that suites of the protocol have.

#[path = "../support/mod.rs"]
mod support;

mod close;
mod compression;
mod every_address;
mod fragmentation;
mod framing;
mod handshake;
mod limits;
mod messages;
mod opcodes;
mod pace;
mod pings;
mod reserved_bits;
mod utf8;

use std::io::Write;

use support::{Client, Server};

const ECHO: &str = "/conformance/echo";

/// The offer that nothing is to be said against.
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// The last frame of a message, which is not its first.
const LAST: u8 = 0x80;
/// The first frame of a message, which is not its last.
const FIRST_OF_TEXT: u8 = 0x01;
const FIRST_OF_BINARY: u8 = 0x02;
/// A frame in between.
const MIDDLE: u8 = 0x00;

/// The server that has the echo.
fn echo_server() -> Server {
    Server::start(&["--conformance"])
}

/// A frame as a client sends it. `first` holds opcode, end mark and reserved bits.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    masked(first, payload, [0x37, 0xfa, 0x21, 0x3d])
}

fn masked(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut out = Vec::with_capacity(14 + payload.len());
    out.push(first);
    match payload.len() {
        length @ 0..126 => out.push(0x80 | length as u8),
        length @ 126..65_536 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    if mask == [0; 4] {
        out.extend_from_slice(payload);
    } else {
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    out
}

/// Frames, one behind the other.
fn frames(all: &[(u8, &[u8])]) -> Vec<u8> {
    all.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
}

/// A frame of the server's: its first byte and its payload.
type Heard = (u8, Vec<u8>);

fn heard(first: u8, payload: &[u8]) -> Heard {
    (first, payload.to_vec())
}

/// The end: a close frame with this code, whatever its reason.
fn closed(code: u16) -> Heard {
    heard(CLOSE, &code.to_be_bytes())
}

/// The next frame; of a close frame only the code.
fn next(client: &mut Client) -> Option<Heard> {
    let mut payload = Vec::new();
    let (opcode, is_deflated) = client.next_raw_into(&mut payload)?;
    if opcode == 8 {
        payload.truncate(2);
    }
    Some((0x80 | opcode | if is_deflated { 0x40 } else { 0 }, payload))
}

/// Everything that comes up to the end of the connection.
fn rest(client: &mut Client) -> Vec<Heard> {
    std::iter::from_fn(|| next(client)).collect()
}

/// Opens a connection with these headers.
fn open(server: &Server, headers: &str) -> Client {
    Client::try_open_with(server.address, ECHO, headers).unwrap_or_else(|head| panic!("{headers}: {head}"))
}

/// Sends bytes to the echo, at once and then again byte by byte, and compares all that comes back up to the end of the
/// connection. Where no close frame is expected, the client sends one at last, which shows that nothing else came and
/// that the connection still worked.
fn check(server: &Server, what: &str, sent: &[u8], expected: &[Heard]) {
    check_with(server, "", what, sent, expected);
}

/// The same on a connection with more headers in its handshake.
fn check_with(server: &Server, headers: &str, what: &str, sent: &[u8], expected: &[Heard]) {
    let (mut sent, mut expected) = (sent.to_vec(), expected.to_vec());
    if expected.last().is_none_or(|last| last.0 != CLOSE) {
        sent.extend(frame(CLOSE, &1000_u16.to_be_bytes()));
        expected.push(closed(1000));
    }
    for is_cut in [false, true] {
        if is_cut && sent.len() > 2_000 {
            continue;
        }
        let mut client = open(server, headers);
        client.stream().set_nodelay(true).unwrap();
        for piece in sent.chunks(if is_cut { 1 } else { sent.len() }) {
            // A server that has seen enough may have gone.
            if client.stream().write_all(piece).is_err() {
                break;
            }
        }
        let came = rest(&mut client);
        assert!(came == expected, "{what}, cut: {is_cut}\n came {:?}\n not  {:?}", shown(&came), shown(&expected));
    }
}

/// Frames as a person can read them.
fn shown(all: &[Heard]) -> Vec<String> {
    let show = |(first, payload): &Heard| {
        let begin = &payload[..payload.len().min(40)];
        format!("{first:#04x} {} bytes {:?}", payload.len(), String::from_utf8_lossy(begin))
    };
    all.iter().map(show).collect()
}

/// Sends in a thread of its own, so that both sides may have more under way than sockets hold.
fn send_aside(client: &mut Client, bytes: Vec<u8>) -> std::thread::JoinHandle<()> {
    let mut stream = client.stream().try_clone().unwrap();
    std::thread::spawn(move || stream.write_all(&bytes).unwrap())
}
