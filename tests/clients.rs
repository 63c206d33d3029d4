//! Clients as people have them, against the server as it is built: libraries and programs that were not written for
//! tapecast and are told nothing but its address.
//!
//! The scripts and the versions of what they use are in `tests/clients/`; `tools/test` installs it all. A test whose
//! client is not installed says so and passes, unless `TAPECAST_REQUIRE_CLIENTS=1` asks for all of them.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

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

#[test]
fn binance_connector_for_python_asks_and_listens() {
    let Some(python) = python_with("binance") else { return };
    Server::start().pass(script(&python, "binance_connector.py"));
}

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

#[test]
fn chromium_listens_to_events_and_comes_back_without_a_hole() {
    let Some(node) = node_with("playwright-core") else { return };
    let browsers = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(browser) = installed("chromium", browsers.filter_map(on_path).next()) else { return };
    // Ever new connections: the browser makes them itself, and says how far it has got.
    let server = Server::start_with(&["--connection-lifetime", "2s", "--history-ticks", "8192"]);
    let [address] = &server.documented("browser")[..] else { panic!("one expression") };
    let mut command = script(&node, "events.mjs");
    Program::start(command.arg(&server.address).arg(browser).arg(address)).pass();
}

#[test]
fn chromium_shows_the_page_and_finds_a_server_that_comes_back() {
    let Some(node) = node_with("playwright-core") else { return };
    let browsers = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(browser) = installed("chromium", browsers.filter_map(on_path).next()) else { return };
    let mut server = Server::start();
    let mut command = script(&node, "page.mjs");
    let mut script = Program::start(command.arg(&server.address).arg(browser));
    script.line("RESTART", |line| line == "RESTART");
    server.program.signal("INT");
    server.program.pass();
    let _again = Server::start_with(&["--listen", server.address.trim_start_matches("ws://")]);
    script.pass();
}

#[test]
fn chromium_shows_the_page_over_tls() {
    let Some(node) = node_with("playwright-core") else { return };
    let browsers = ["chromium", "chromium-browser", "google-chrome"].into_iter();
    let Some(browser) = installed("chromium", browsers.filter_map(on_path).next()) else { return };
    let mut server = Server::start_with(&SELF_SIGNED);
    let address = server.secure_address();
    let mut command = script(&node, "page.mjs");
    let mut script = Program::start(command.arg(&address).arg(browser));
    script.line("RESTART", |line| line == "RESTART");
    server.program.signal("INT");
    server.program.pass();
    let listen = address.trim_start_matches("wss://");
    let _again = Server::start_with(&["--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", listen]);
    script.pass();
}

#[test]
fn ws_loses_nothing_while_the_certificate_changes() {
    let Some(node) = node_with("ws") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (path("server.pem"), path("server.key"), path("ca.pem"));
    // Each of its own name: of two certificates of one name OpenSSL only tries the first.
    let pairs = ["one", "two"].map(|name| {
        let (key, mut params) = (rcgen::KeyPair::generate().unwrap(), rcgen::CertificateParams::default());
        params.subject_alt_names.push(rcgen::SanType::IpAddress("127.0.0.1".parse().unwrap()));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    });
    std::fs::write(&ca, pairs.each_ref().map(|(cert, _)| cert.as_str()).concat()).unwrap();
    let give = |(cert_pem, key_pem): &(String, String)| {
        std::fs::write(&cert, cert_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
    };
    give(&pairs[0]);
    let files = ["--tls-cert", &cert, "--tls-key", &key, "--tls-listen", "127.0.0.1:0"];
    let server = Server::start_with(&[&["--listen", "127.0.0.1:0", "--attempts-max", "0"], &files[..]].concat());
    let mut command = script(&node, "secure.mjs");
    let mut script = Program::start(command.arg(server.secure_address()).arg(&ca));
    script.line("READY", |line| line == "READY");
    give(&pairs[1]);
    server.program.signal("HUP");
    script.pass();
}

#[test]
fn curl_trusts_the_certificate_as_the_greeting_says() {
    let Some(_) = installed("curl", on_path("curl")) else { return };
    let server = Server::start_with(&SELF_SIGNED);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".curlrc"), "silent\nfail\nmax-time = 20\n").unwrap();
    let run = |command: &str| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", command]).current_dir(&folder).env("CURL_HOME", folder.path());
        let output = shell.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let mut hints = server.greeting.iter().map(|line| line.trim());
    let fetch = hints.find(|line| line.starts_with("curl -o ")).expect("how to get the certificate");
    let ask = hints.next().filter(|line| line.starts_with("curl --cacert ")).expect("how to use it");
    assert_eq!(run(fetch).0, Some(0));
    for (version, command) in [("1.3", format!("{ask} --tlsv1.3")), ("1.2", format!("{ask} --tls-max 1.2"))] {
        let (code, text) = run(&command);
        assert_eq!(code, Some(0), "{version}");
        let status: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status["name"], "tapecast");
    }
    let untrusted = ask.replace("--cacert tapecast.pem ", "");
    assert_eq!(run(&untrusted).0, Some(60), "without the certificate curl does not trust the server");
}

/// The longest that anything here is waited for. Scripts have a shorter one, and say what they were at.
const DEADLINE: Duration = Duration::from_secs(60);

/// What people are told to type.
const README: &str = include_str!("../README.md");

/// The scripts, and what is installed for them.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Node, if it and the package are there.
fn node_with(package: &str) -> Option<PathBuf> {
    let node = installed("node", on_path("node"))?;
    let package_json = folder().join("node_modules").join(package).join("package.json");
    installed(&format!("{package} (npm)"), Some(package_json)).map(|_| node)
}

/// Python, if it and the package are there.
fn python_with(package: &str) -> Option<PathBuf> {
    let python = installed("the Python environment", Some(folder().join(".venv/bin/python")))?;
    let is_there = Command::new(&python).args(["-c", &format!("import {package}")]).stderr(Stdio::null()).status();
    installed(&format!("{package} (Python)"), is_there.is_ok_and(|status| status.success()).then_some(python))
}

/// The path, if there is something. Otherwise says that the test is skipped, or fails where none may be.
fn installed(what: &str, path: Option<PathBuf>) -> Option<PathBuf> {
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        let is_required = std::env::var("TAPECAST_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
        assert!(!is_required, "{what} is not installed, run tools/test");
        // Not `eprintln`, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed, run tools/test");
    }
    path
}

fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn sh(command: &str) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", &format!("exec {command}")]);
    sh
}

fn script(interpreter: &Path, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(folder().join(name));
    command
}

/// The server, playing its built-in tape.
struct Server {
    program: Program,
    greeting: Vec<String>,
    /// `ws://ip:port`.
    address: String,
}

/// Flags of a server where people talk, and of one that speaks TLS too, on ports of its own.
const ROOMS: [&str; 5] = ["--listen", "127.0.0.1:0", "--writers", "2", "--rooms"];
const SELF_SIGNED: [&str; 5] = ["--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", "127.0.0.1:0"];

impl Server {
    fn start() -> Server {
        Server::start_with(&["--listen", "127.0.0.1:0"])
    }

    fn start_with(flags: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
        let mut program = Program::start(command.arg("serve").args(flags));
        program.line("the end of the greeting", |line| line.contains("in a browser"));
        let greeting = std::mem::take(&mut program.lines_seen);
        let mut words = greeting.iter().flat_map(|line| line.split_whitespace());
        let address = words.find(|word| word.starts_with("ws://")).expect("the greeting has the address").to_owned();
        Server { program, greeting, address }
    }

    /// `wss://ip:port`.
    fn secure_address(&self) -> String {
        let mut words = self.greeting.iter().flat_map(|line| line.split_whitespace());
        words.find(|word| word.starts_with("wss://")).expect("the greeting has the address of TLS").to_owned()
    }

    /// What the table of clients in the README says of one: the pieces of code behind its name.
    fn documented(&self, client: &str) -> Vec<String> {
        let begin = format!("| {client} | ");
        let row = README.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("no row {begin}"));
        row.split('`').skip(1).step_by(2).map(|code| self.readdressed(code)).collect()
    }

    /// The README's text, with the addresses of this server in place of the usual ones.
    fn readdressed(&self, text: &str) -> String {
        let mut words = self.greeting.iter().flat_map(|line| line.split_whitespace());
        let lines = words.find_map(|word| word.strip_prefix("tcp://")).expect("the greeting has the port for lines");
        let port = lines.rsplit_once(':').expect("a port").1;
        text.replace("127.0.0.1:9400", self.address.trim_start_matches("ws://")).replace("9401", port)
    }

    fn run(&self, mut command: Command) -> Program {
        Program::start(command.arg(&self.address))
    }

    fn pass(&self, command: Command) {
        self.run(command).pass();
    }
}

/// A program that runs, with all that it has started, until it has ended or this is dropped.
struct Program {
    child: Child,
    is_over: bool,
    lines: Receiver<String>,
    lines_seen: Vec<String>,
}

impl Program {
    fn start(command: &mut Command) -> Program {
        // A group of its own, so that the children of `npx` can be reached.
        let command = command.current_dir(folder()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Program { child, is_over: false, lines, lines_seen: Vec::new() }
    }

    /// Waits for a line.
    fn line(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|error| panic!("no {what} ({error}) behind {:#?}", self.lines_seen));
            self.lines_seen.push(line.clone());
            if is_wanted(&line) {
                return line;
            }
        }
    }

    /// Waits for its end and that of all who share its output; it must be a good one.
    fn pass(&mut self) {
        loop {
            match self.lines.recv_timeout(DEADLINE) {
                Ok(line) => self.lines_seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("no end behind {:#?}", self.lines_seen),
            }
        }
        let status = self.child.wait().unwrap();
        self.is_over = true;
        assert!(status.success(), "{status} behind {:#?}", self.lines_seen);
    }

    /// Sends a signal to it and to what it has started.
    fn signal(&self, name: &str) {
        let command = format!("kill -{name} -{}", self.child.id());
        let _ = Command::new("sh").args(["-c", &command]).stderr(Stdio::null()).status();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be another's.
        if !self.is_over {
            self.signal("KILL");
            let _ = self.child.wait();
        }
    }
}
