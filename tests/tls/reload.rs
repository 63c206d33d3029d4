//! A certificate that changes while thousands of frames a second are on their way: nobody notices but who comes later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Instant;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::peer::{BOTH, Files, Pair, Peer};
use crate::support::{PATIENCE, Server, tape, trade};

/// What the thread that looks after the certificate has counted.
fn certificate_count(server: &Server, name: &str) -> u64 {
    let status: Value = serde_json::from_str(&server.get("/status").2).unwrap();
    status["metrics"]["certificate"][name].as_u64().unwrap()
}

fn wait_for(server: &Server, name: &str, least: u64) {
    let begun = Instant::now();
    while certificate_count(server, name) < least {
        assert!(begun.elapsed() < PATIENCE, "{name} stays below {least}");
        thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn shown(peer: &Peer, server: &Server) -> CertificateDer<'static> {
    peer.connect(server).conn.peer_certificates().expect("a certificate")[0].clone()
}

#[test]
fn a_new_certificate_under_load_costs_nobody_a_frame() {
    const CLIENTS: usize = 20;
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..1_000).map(|n| trade(n, 1_700_000_000_000 + n / 2)).collect();
    let path = tape(&folder, "trades.jsonl", &lines);
    let [first, second, third, stranger] = [(); 4].map(|()| Pair::new(2));
    let files = Files::new(&first);
    let flags = ["--feed", &path, "--repeat"].map(str::to_owned).to_vec();
    let flags = [flags, files.flags()].concat();
    let server = Server::start(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let peer = Peer::new(&[first.der.clone(), second.der.clone(), third.der.clone()], BOTH);

    let is_over = Arc::new(AtomicBool::new(false));
    let newest = Arc::new(AtomicI64::new(0));
    let readers: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = peer.open(&server, "/ws/btcusdt@trade");
            let (is_over, newest) = (Arc::clone(&is_over), Arc::clone(&newest));
            thread::spawn(move || {
                let (mut last, mut count) = (None, 0_u64);
                while !is_over.load(Ordering::Relaxed) {
                    let event: Value = serde_json::from_str(client.next_event().text()).unwrap();
                    let id = event["t"].as_i64().unwrap();
                    assert!(last.is_none_or(|last| id == last + 1), "{id} follows {last:?}");
                    (last, count) = (Some(id), count + 1);
                    newest.fetch_max(id, Ordering::Relaxed);
                }
                count
            })
        })
        .collect();
    let flow_on = || {
        let (target, begun) = (newest.load(Ordering::Relaxed) + 200, Instant::now());
        while newest.load(Ordering::Relaxed) < target {
            assert!(begun.elapsed() < PATIENCE, "the stream has stopped");
            thread::sleep(std::time::Duration::from_millis(5));
        }
    };

    flow_on();
    assert_eq!(shown(&peer, &server), first.der);
    assert_eq!(peer.connect(&server).conn.handshake_kind(), Some(HandshakeKind::Resumed));
    files.write(&second.cert_pem, &second.key_pem);
    server.signal("HUP");
    wait_for(&server, "reloads", 1);
    let fresh = peer.connect(&server);
    assert_eq!(fresh.conn.handshake_kind(), Some(HandshakeKind::Full), "a ticket does not outlive its certificate");
    assert_eq!(fresh.conn.peer_certificates().unwrap()[0], second.der);
    flow_on();

    // Half of a renewal: the old pair stays.
    files.write(&third.cert_pem, &stranger.key_pem);
    server.signal("HUP");
    wait_for(&server, "reloads_failed", 1);
    assert_eq!(shown(&peer, &server), second.der);
    flow_on();

    // The other half, seen without a signal.
    let reloads = certificate_count(&server, "reloads");
    files.write(&third.cert_pem, &third.key_pem);
    wait_for(&server, "reloads", reloads + 1);
    assert_eq!(shown(&peer, &server), third.der);
    let mut late = peer.open(&server, "/ws/btcusdt@trade");
    assert_eq!(late.next_event().opcode, 1);
    flow_on();

    is_over.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.join().expect("ids without a gap") > 800);
    }
}
