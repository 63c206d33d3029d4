//! Clients of Socket.IO, on streams and in rooms, and plain WebSocket ones in rooms.

use std::path::Path;
use std::process::Command;

use crate::program::*;

#[test]
fn socketio_item_68_socket_io_client_speaks_over_every_transport() {
    let Some(node) = node_with("socket.io-client") else { return };
    Server::start().pass(script(&node, "socketio.mjs"));
}

#[test]
fn socketio_item_68_python_socketio_speaks_over_every_transport() {
    let Some(python) = python_with("socketio") else { return };
    Server::start().pass(script(&python, "socketio_client.py"));
}

#[test]
fn socketio_item_48_socket_io_client_is_told_why_it_may_not_join() {
    let Some(node) = node_with("socket.io-client") else { return };
    Server::start_with(&["--listen", "127.0.0.1:0", "--socketio-token", "opensesame"])
        .pass(script(&node, "socketio_auth.mjs"));
}

#[test]
fn socketio_item_48_python_socketio_is_told_why_it_may_not_join() {
    let Some(python) = python_with("socketio") else { return };
    Server::start_with(&["--listen", "127.0.0.1:0", "--socketio-token", "opensesame"])
        .pass(script(&python, "socketio_auth.py"));
}

#[test]
fn socketio_item_64_socket_io_client_goes_on_where_it_was() {
    let Some(node) = node_with("socket.io-client") else { return };
    let flags = ["--socketio-recovery", "2m", "--speed", "5x"];
    Server::start_with(&[&["--listen", "127.0.0.1:0"], &flags[..]].concat())
        .pass(script(&node, "socketio_recovery.mjs"));
}

#[test]
fn socketio_item_54_60_and_68_the_chat_of_the_tutorials_runs_over_every_transport() {
    let Some(node) = node_with("socket.io-client") else { return };
    Server::start_with(&ROOMS).pass(script(&node, "rooms.mjs"));
}

/// A script in which connections, all or every other one, have the parser for MessagePack.
fn packed(interpreter: &Path, name: &str, choice: &str) -> Command {
    let mut script = script(interpreter, name);
    script.env("SOCKETIO_PARSER", choice);
    script
}

#[test]
fn socketio_item_66_socket_io_client_with_the_msgpack_parser_speaks_over_every_transport() {
    let Some(node) = node_with("socket.io-msgpack-parser") else { return };
    Server::start().pass(packed(&node, "socketio.mjs", "msgpack"));
}

#[test]
fn socketio_item_66_with_either_parser_clients_are_told_the_same() {
    let Some(node) = node_with("socket.io-msgpack-parser") else { return };
    Server::start_with(&["--listen", "127.0.0.1:0", "--speed", "10x"]).pass(script(&node, "socketio_msgpack.mjs"));
}

#[test]
fn socketio_item_48_and_66_with_the_msgpack_parser_clients_are_told_why_they_may_not_join() {
    let Some(node) = node_with("socket.io-msgpack-parser") else { return };
    Server::start_with(&["--listen", "127.0.0.1:0", "--socketio-token", "opensesame"]).pass(packed(
        &node,
        "socketio_auth.mjs",
        "msgpack",
    ));
}

#[test]
fn socketio_item_64_and_66_with_the_msgpack_parser_a_client_goes_on_where_it_was() {
    let Some(node) = node_with("socket.io-msgpack-parser") else { return };
    Server::start_with(&["--listen", "127.0.0.1:0", "--socketio-recovery", "2m", "--speed", "5x"]).pass(packed(
        &node,
        "socketio_recovery.mjs",
        "msgpack",
    ));
}

#[test]
fn socketio_item_60_and_66_the_chat_runs_with_the_msgpack_parser_and_between_both() {
    let Some(node) = node_with("socket.io-msgpack-parser") else { return };
    for choice in ["msgpack", "mixed"] {
        Server::start_with(&ROOMS).pass(packed(&node, "rooms.mjs", choice));
    }
}

#[test]
fn socketio_item_66_python_socketio_with_msgpack_has_streams_and_talks_in_a_room() {
    let Some(python) = python_with("msgpack") else { return };
    Server::start().pass(packed(&python, "socketio_client.py", "msgpack"));
    Server::start_with(&ROOMS).pass(packed(&python, "rooms_client.py", "msgpack"));
}

#[test]
fn python_socketio_talks_in_a_room() {
    let Some(python) = python_with("socketio") else { return };
    Server::start_with(&ROOMS).pass(script(&python, "rooms_client.py"));
}

#[test]
fn ws_talks_in_a_room() {
    let Some(node) = node_with("ws") else { return };
    Server::start_with(&ROOMS).pass(script(&node, "rooms_ws.mjs"));
}

#[test]
fn socketio_item_62_socket_io_client_comes_back_after_a_restart_and_after_having_said_too_much() {
    let Some(node) = node_with("socket.io-client") else { return };
    let mut server = Server::start_with(&["--listen", "127.0.0.1:0", "--socketio-message-burst", "100"]);
    let mut script = server.run(script(&node, "socketio_restart.mjs"));
    script.line("RESTART", |line| line == "RESTART");
    server.program.signal("INT");
    server.program.pass();
    let _again = Server::start_with(&["--listen", server.address.trim_start_matches("ws://")]);
    script.pass();
}

#[test]
fn node_talks_with_the_lines_of_the_readme() {
    let Some(node) = node_with("socket.io-client") else { return };
    let server = Server::start_with(&ROOMS);
    let (_, rest) = README.rsplit_once("```js\n").expect("a snippet");
    let snippet = server.readdressed(rest.split_once("```").expect("its end").0);
    let mut script = Program::start(Command::new(node).args(["--input-type=module", "-e", &snippet]));
    let lines = [script.line("a message", |_| true), script.line("an answer", |_| true)].join("; ");
    assert!(lines.contains("hello") && lines.contains("{ members: 1, ok: true, room: 'lobby' }"), "{lines}");
}
