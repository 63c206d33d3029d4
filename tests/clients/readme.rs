//! The README's table of clients: each row does what it says, as it is written there.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::program::*;
use crate::support::Client;

/// A row of the table: whose it is, and the pieces of code in its other two columns.
struct Row {
    client: &'static str,
    address: Vec<String>,
    line: Option<String>,
}

fn rows(server: &Server) -> Vec<Row> {
    let (_, table) = README.split_once("| client | connect to | then say |\n|---|---|---|\n").expect("the table");
    let codes = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(|code| server.readdressed(code)).collect()
    };
    let rows = table.lines().take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, client, address, line, _] = cells[..] else { panic!("three columns: {line}") };
        let address = if address.contains('`') { codes(address) } else { vec![server.readdressed(address)] };
        Row { client, address, line: codes(line).into_iter().next() }
    });
    rows.collect()
}

#[test]
fn every_row_of_the_readme_does_what_it_says() {
    let flags = [&SELF_SIGNED[..], &["--rooms"]].concat();
    let server = Server::start_with(&flags);
    let rows = rows(&server);
    assert!(rows.len() >= 20, "{} rows", rows.len());
    for row in rows {
        let code = row.address[0].as_str();
        match code.split(['(', ' ', ':']).next().unwrap_or("") {
            "ws" => says_something(&row),
            "wss" => node(&row, "ws", &format!("new WebSocket('{code}', {{ rejectUnauthorized: false }})")),
            "curl" => prints(&row, Command::new("sh").args(["-c", &format!("exec {code}")])),
            "nc" => prints(&row, Command::new("sh").args(["-c", &format!("exec {code}")])),
            "io" => node(&row, "socket.io-client", code),
            "new" => {
                // What a browser does with it is a test of its own.
                let url = code.split('\'').nth(1).expect("an address in quotes");
                prints(&row, Command::new("curl").args(["-sN", url]));
            }
            "<http" => {
                let url = code.trim_matches(['<', '>']);
                prints(&row, Command::new("curl").args(["-s", url]));
            }
            // Its lines stand below the table, and are a test of their own.
            "see" => assert!(README.contains("import { connect } from 'node:net'")),
            other => panic!("{}: nobody tests `{other}`", row.client),
        }
    }
}

/// A WebSocket gets something that is no answer.
fn says_something(row: &Row) {
    let (address, target) = row.address[0]["ws://".len()..].split_once('/').expect("a path");
    let address: SocketAddr = address.parse().expect("an address");
    let key = row.address.get(1).map(|name| format!("{name}: {}\r\n", "k".repeat(64))).unwrap_or_default();
    let mut client = Client::try_open_with(address, &format!("/{target}"), &key);
    let client = client.as_mut().unwrap_or_else(|head| panic!("{}: {head}", row.client));
    if let Some(line) = &row.line {
        client.say(line);
    }
    let is_answer = |payload: &[u8]| payload.starts_with(b"{\"result\":null");
    let event = std::iter::repeat_with(|| client.next_event()).find(|frame| !is_answer(&frame.payload));
    let event = event.expect("the connection lasts");
    assert!(matches!(event.opcode, 1 | 2) && !event.payload.starts_with(b"{\"error"), "{}: {event:?}", row.client);
}

/// A program prints something that is no error.
fn prints(row: &Row, command: &mut Command) {
    let mut program = Program::start(command.stdin(Stdio::piped()).stderr(Stdio::null()));
    let mut stdin = program.child.stdin.take().expect("it was piped");
    if let Some(line) = &row.line {
        writeln!(stdin, "{line}").expect("it reads");
    }
    let line = program.line("output", |line| !line.is_empty() && line != r#"{"result":null}"#);
    assert!(!line.contains("error"), "{}: {line}", row.client);
}

/// A library for Node gets an event.
fn node(row: &Row, package: &str, expression: &str) {
    let Some(node) = node_with(package) else { return };
    let (import, heard) = match package {
        "ws" => ("import WebSocket from 'ws'", "on('message', data => done(String(data)))"),
        _ => ("import { io } from 'socket.io-client'", "onAny((...heard) => done(JSON.stringify(heard)))"),
    };
    let line = row.line.as_deref().unwrap_or("");
    let script = format!(
        "{import}\nconst done = text => {{ console.log(text); process.exit(0) }}\n\
         const socket = {expression}\nsocket.{heard}\n{line}\n"
    );
    let mut program = Program::start(Command::new(node).args(["--input-type=module", "--eval", &script]));
    let heard = program.line("an event", |line| !line.is_empty());
    assert!(!heard.contains("error"), "{}: {heard}", row.client);
    program.pass();
}
