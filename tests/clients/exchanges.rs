//! Libraries that were written for an exchange, and plain WebSocket ones that speak as they do.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::*;

#[test]
fn ws_speaks_to_binance() {
    let Some(node) = node_with("ws") else { return };
    Server::start().pass(script(&node, "binance.mjs"));
}

#[test]
fn ws_speaks_to_upbit() {
    let Some(node) = node_with("ws") else { return };
    Server::start().pass(script(&node, "upbit.mjs"));
}

#[test]
fn ws_inflates_what_others_get_as_it_is() {
    let Some(node) = node_with("ws") else { return };
    Server::start().pass(script(&node, "deflate.mjs"));
}

#[test]
fn ws_gets_back_what_it_sends() {
    let Some(node) = node_with("ws") else { return };
    Server::start_with(&["--listen", "127.0.0.1:0", "--conformance"]).pass(script(&node, "echo.mjs"));
}

#[test]
fn websockets_for_python_inflates_what_others_get_as_it_is() {
    let Some(python) = python_with("websockets") else { return };
    Server::start().pass(script(&python, "deflate.py"));
}

#[test]
fn ws_is_told_that_the_server_stops() {
    let Some(node) = node_with("ws") else { return };
    let mut server = Server::start();
    let mut script = server.run(script(&node, "shutdown.mjs"));
    script.line("READY", |line| line == "READY");
    server.program.signal("INT");
    script.pass();
    server.program.pass();
}

#[test]
fn wscat_prints_trades_with_the_command_of_the_greeting() {
    let Some(_) = node_with("wscat") else { return };
    let Some(_) = installed("npx", on_path("npx")) else { return };
    let server = Server::start();
    let hint = server.greeting.iter().map(|line| line.trim()).find(|line| line.starts_with("npx wscat"));
    let mut command = Command::new("sh");
    command.args(["-c", hint.expect("the greeting says what to try")]).env("npm_config_loglevel", "error");
    // wscat leaves when nothing more can be typed, so its input stays open.
    let mut wscat = Program::start(command.stdin(Stdio::piped()));
    let line = wscat.line("a trade", |line| line.starts_with('{'));
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["stream"], "btcusdt@trade");
    assert_eq!(event["data"]["e"], "trade");
}

#[test]
fn websockets_for_python_keeps_a_book() {
    let Some(python) = python_with("websockets") else { return };
    Server::start().pass(script(&python, "streams.py"));
}

#[test]
fn upbit_item_05_pyupbit_gets_its_first_dict_and_all_its_kinds() {
    let Some(python) = python_with("pyupbit") else { return };
    Server::start().pass(script(&python, "pyupbit_client.py"));
}

#[test]
fn upbit_pyupbit_asks_by_rest() {
    let Some(python) = python_with("pyupbit") else { return };
    Server::start().pass(script(&python, "pyupbit_rest.py"));
}

#[test]
fn upbit_ccxt_asks_by_rest() {
    let Some(node) = node_with("ccxt") else { return };
    Server::start().pass(script(&node, "ccxt_upbit_rest.mjs"));
}

#[test]
fn upbit_item_40_ccxt_watches_two_markets_on_one_connection() {
    let Some(node) = node_with("ccxt") else { return };
    Server::start().pass(script(&node, "ccxt_upbit.mjs"));
}

#[test]
fn upbit_item_38_41_43_its_own_sdk_parses_all_formats_and_lists_subscriptions() {
    let Some(python) = python_with("upbit") else { return };
    Server::start().pass(script(&python, "upbit_sdk.py"));
}

#[test]
fn bithumb_ccxt_gets_tickers_trades_and_books() {
    let Some(node) = node_with("ccxt") else { return };
    Server::start().pass(script(&node, "ccxt_bithumb.mjs"));
}

#[test]
fn binance_ccxt_keeps_a_book_of_its_own() {
    let Some(node) = node_with("ccxt") else { return };
    Server::start().pass(script(&node, "ccxt.mjs"));
}

/// A replay of one's own is another address to these libraries, and nothing else.
fn passes_in_a_replay(key: &str, script: Command) {
    let mut server = Server::start();
    server.address = format!("{}/replay/demo;key={key};loop=true;clock=now;clients=0", server.address);
    server.pass(script);
}

#[test]
fn ccxt_keeps_a_book_in_a_replay_of_its_own() {
    let Some(node) = node_with("ccxt") else { return };
    passes_in_a_replay("ccxt", script(&node, "ccxt.mjs"));
}

#[test]
fn binance_connector_asks_and_listens_in_a_replay_of_its_own() {
    let Some(python) = python_with("binance") else { return };
    passes_in_a_replay("connector", script(&python, "binance_connector.py"));
}

#[test]
fn pyupbit_gets_all_its_kinds_in_a_replay_of_its_own() {
    let Some(python) = python_with("pyupbit") else { return };
    passes_in_a_replay("pyupbit", script(&python, "pyupbit_client.py"));
}

#[test]
fn binance_connector_for_python_asks_and_listens() {
    let Some(python) = python_with("binance") else { return };
    Server::start().pass(script(&python, "binance_connector.py"));
}
