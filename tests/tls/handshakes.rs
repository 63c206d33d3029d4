//! Handshakes that come to nothing: each is counted by its reason, and the server goes on.

use std::io::{Read, Write};

use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::{AlertDescription, Error};

use crate::peer::{BOTH, Pair, Peer, SELF_SIGNED, made_by};
use crate::support::{Client, Server, connect};

/// Why a handshake failed.
fn failure(peer: &Peer, server: &Server) -> Error {
    let Err(error) = peer.try_connect(server) else { panic!("a handshake") };
    error.into_inner().and_then(|inner| inner.downcast().ok()).map(|inner| *inner).expect("an error of TLS")
}

#[test]
fn http_is_the_one_protocol() {
    let server = Server::start(&SELF_SIGNED);
    let peer = Peer::of(&server);
    for (offer, agreed) in [(&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])), (&[], None)] {
        let stream = peer.clone().offering(offer).connect(&server);
        assert_eq!(stream.conn.alpn_protocol(), agreed);
    }
    let refusal = failure(&peer.offering(&["h2"]), &server);
    assert_eq!(refusal, Error::AlertReceived(AlertDescription::NoApplicationProtocol));
    server.wait_for_count("tls_no_protocol", 1);
}

#[test]
fn a_client_without_a_cipher_in_common_is_refused() {
    let server = Server::start(&SELF_SIGNED);
    let mut provider = default_provider();
    // The certificate is of ECDSA.
    provider.cipher_suites = vec![cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256];
    let peer = Peer::with(&[made_by(&server)], &[&rustls::version::TLS12], provider);
    assert_eq!(failure(&peer, &server), Error::AlertReceived(AlertDescription::HandshakeFailure));
    server.wait_for_count("tls_incompatible", 1);
}

#[test]
fn a_client_that_does_not_trust_the_certificate_is_counted() {
    let server = Server::start(&SELF_SIGNED);
    let stranger = Peer::new(&[Pair::new(2).der], BOTH);
    assert!(matches!(failure(&stranger, &server), Error::InvalidCertificate(_)));
    server.wait_for_count("tls_distrusted", 1);
}

#[test]
fn plain_http_is_told_that_this_is_the_port_for_tls() {
    let server = Server::start(&SELF_SIGNED);
    let mut stream = connect(server.tls_address.unwrap());
    write!(stream, "GET /status HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(4_000)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains("\r\n\r\nthis port speaks TLS, and this was plain HTTP"), "{answer}");
    server.wait_for_count("tls_plain_http", 1);
}

#[test]
fn tls_on_the_plain_port_is_ended_at_once() {
    let server = Server::start(&SELF_SIGNED);
    let error = Peer::of(&server).handshake(connect(server.address)).expect_err("no handshake");
    // What comes is the 400 of HTTP, and no record of TLS.
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
}

#[test]
fn bytes_that_are_neither_are_ended_at_once() {
    let server = Server::start(&SELF_SIGNED);
    let mut stream = connect(server.tls_address.unwrap());
    stream.write_all(&[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    server.wait_for_count("tls_failed", 1);
}

#[test]
fn a_client_that_says_nothing_is_given_up() {
    let server = Server::start(&SELF_SIGNED);
    let mut silent = connect(server.tls_address.unwrap());
    let mut hesitant = connect(server.tls_address.unwrap());
    hesitant.write_all(&[22, 3, 1]).unwrap();
    for stream in [&mut silent, &mut hesitant] {
        assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "the connection ends");
    }
    server.wait_for_count("tls_timeouts", 2);
}

#[test]
fn a_record_that_cannot_be_read_ends_its_connection_alone() {
    let server = Server::start(&SELF_SIGNED);
    let peer = Peer::of(&server);
    let mut other = peer.open(&server, "/ws/btcusdt@bookTicker");
    let mut client: Client<_> = peer.open(&server, "/ws");
    client.stream().sock.write_all(&[23, 3, 3, 0, 32]).unwrap();
    client.stream().sock.write_all(&[7; 32]).unwrap();
    assert_eq!(client.next(), None);
    for _ in 0..20 {
        assert_eq!(other.next_event().opcode, 1);
    }
}
