//! Clients that send and do not read: they are not read from either, and cost the server little.

use std::time::Duration;

use super::*;

const MIB: usize = 1 << 20;
const MESSAGES: usize = 256;

#[test]
fn a_client_that_sends_and_does_not_read_is_waited_for_and_gets_it_all() {
    let server = echo_server();
    let mut client = open(&server, "");
    let before = server.resident_bytes();
    let message = masked(BINARY, &vec![7; MIB], [0; 4]);
    let sent = message.repeat(MESSAGES);
    // Until nothing more is taken: a machine that is slow only makes this end earlier.
    let mut stream = client.stream().try_clone().unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut written = 0;
    while let Ok(length) = stream.write(&sent[written..]) {
        written += length;
        assert!(written < sent.len(), "the server takes everything and keeps it");
    }
    stream.set_write_timeout(None).unwrap();
    let sender = std::thread::spawn(move || stream.write_all(&sent[written..]).unwrap());
    let expected = heard(BINARY, &vec![7; MIB]);
    for number in 0..MESSAGES {
        assert!(next(&mut client).as_ref() == Some(&expected), "message {number}");
    }
    sender.join().unwrap();
    let peak = server.resident_bytes_peak();
    assert!(peak < before + (64 << 20), "{before} before, {peak} at the peak");
    // Not cut off, and nothing left out.
    assert_eq!((server.count("slow_consumers"), server.count("frames_dropped")), (0, 0));
}

#[test]
fn others_on_the_same_core_are_served_meanwhile() {
    let server = Server::start(&["--conformance", "--writers", "1"]);
    let mut stuck = open(&server, "");
    let sender = {
        let mut stream = stuck.stream().try_clone().unwrap();
        std::thread::spawn(move || {
            let message = masked(BINARY, &vec![7; 16 * MIB], [0; 4]);
            // Fails when the test is over.
            let _ = (0..8).try_for_each(|_| stream.write_all(&message));
        })
    };
    server.wait_for_count("frames_routed", 1);
    let mut other = open(&server, "");
    for number in 0..1_000 {
        let text = format!("text {number}");
        other.say(&text);
        assert_eq!(next(&mut other), Some(heard(TEXT, text.as_bytes())));
    }
    stuck.stream().shutdown(std::net::Shutdown::Both).unwrap();
    sender.join().unwrap();
}
