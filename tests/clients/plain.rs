//! Clients that are no more than a program and an address: `curl`, `nc`, Node's `net`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::*;

#[test]
fn curl_gets_the_status() {
    let Some(curl) = installed("curl", on_path("curl")) else { return };
    let server = Server::start();
    let address = server.address.replace("ws:", "http:");
    let output = Command::new(curl).args(["--silent", "--fail", "--max-time", "20"]).arg(address + "/status").output();
    let output = output.unwrap();
    assert!(output.status.success(), "curl: {}", output.status);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["name"], "tapecast");
    assert_eq!(status["feed"], "demo (built in)");
    assert_eq!(status["speed"], "1x");
}

#[test]
fn curl_listens_with_the_commands_of_the_readme() {
    let Some(_) = installed("curl", on_path("curl")) else { return };
    let server = Server::start();
    for (row, is_wanted) in [
        ("`curl`, events", "data: {\"type\":\"trade\",\"code\":\"KRW-BTC\""),
        ("`curl`, lines", "{\"stream\":\"btcusdt@trade\""),
    ] {
        let [command] = &server.documented(row)[..] else { panic!("{row}: one command") };
        let mut curl = Program::start(sh(command).stderr(Stdio::null()));
        curl.line(is_wanted, |line| line.starts_with(is_wanted));
    }
}

#[test]
fn nc_subscribes_with_the_line_of_the_readme() {
    let Some(_) = installed("nc", on_path("nc")) else { return };
    let server = Server::start();
    let [command, line] = &server.documented("`nc`")[..] else { panic!("a command and a line") };
    let mut command = sh(command);
    let mut nc = Program::start(command.stdin(Stdio::piped()));
    let mut stdin = nc.child.stdin.take().unwrap();
    writeln!(stdin, "{line}").unwrap();
    assert_eq!(nc.line("an answer", |_| true), r#"{"result":null}"#);
    let event: Value = serde_json::from_str(&nc.line("an event", |_| true)).unwrap();
    assert_eq!((&event["stream"], &event["data"]["e"]), (&"btcusdt@trade".into(), &"trade".into()));
    writeln!(stdin, "QUIT").unwrap();
    nc.line("the last line", |line| line.starts_with(r#"{"close":{"code":1000"#));
    // It reads on for as long as something may be typed.
    drop(stdin);
    nc.pass();
}

#[test]
fn node_listens_with_the_lines_of_the_readme() {
    let Some(node) = installed("node", on_path("node")) else { return };
    let server = Server::start();
    let (_, rest) = README.split_once("```js\n").expect("a snippet");
    let snippet = server.readdressed(rest.split_once("```").expect("its end").0);
    let mut command = Command::new(node);
    let mut script = Program::start(command.args(["--input-type=module", "--eval", &snippet]));
    for symbol in ["BTCUSDT ", "KRW-BTC "] {
        let line = script.line(symbol, |line| line.starts_with(symbol));
        assert!(line[symbol.len()..].bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{line}");
    }
}
