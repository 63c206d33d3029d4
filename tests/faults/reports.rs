//! What is told of faults: in the log, at the end, under control, and by `tapecast faults`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use tapecast::feed::fault::{Script, What, shipped};

use crate::support::{Client, Server, tape, trade};
use crate::{FIRST_MS, Faulty, SHOWN, TOKEN};

fn tapecast(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn at_the_end_it_is_said_what_has_struck_and_who_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let trades: Vec<_> = (0..60).map(|number| trade(number, FIRST_MS + number * 10)).collect();
    let feed = tape(&folder, "trades.jsonl", &trades);
    let script = folder.path().join("script.toml");
    std::fs::write(&script, "[[fault]]\nwhat = \"skip\"\nat = \"100ms\"\nstream = \"btcusdt@trade\"\n[[fault]]\nwhat = \"refuse\"\nat = \"1h\"")
        .unwrap();
    let flags =
        ["serve", "--listen", "127.0.0.1:0", "--feed", &feed, "--exit-at-end", "--faults", script.to_str().unwrap()];
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(flags)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap();
    let (greeting, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{errors}");
    assert!(greeting.contains("script.toml: skip refuse\n"), "{greeting}");
    let logged = errors.lines().filter(|line| line.contains("WARN")).collect::<Vec<_>>();
    assert_eq!(logged.len(), 1, "{errors}");
    assert!(logged[0].contains("fault 1 (skip), 2023-11-15T00:00:00.100Z: left out btcusdt@trade t=10"), "{errors}");
    let report = errors.split_once("faults of ").expect("a report").1;
    assert!(report.contains("script.toml (seed 0)\n"), "{report}");
    assert!(report.contains("1 skip           struck once, 0 clients hit, 0 noticed\n"), "{report}");
    assert!(report.contains("2 refuse         struck 0 times, 0 clients hit, 0 noticed\n"), "{report}");
}

#[test]
fn whoever_is_stopped_says_so_too_and_names_who_came_back() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.toml");
    std::fs::write(&script, "[[fault]]\nwhat = \"drop\"\nafter = \"100ms\"\ntimes = 1").unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tapecast"))
        .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--faults", script.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut greeting = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = greeting.find(|line| line.contains("ws://")).expect("it says where it listens");
    let address = line.split("ws://").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    let mut first = Client::try_open(address, "/ws/btcusdt@bookTicker").unwrap();
    while first.next().is_some() {}
    let mut second = Client::try_open(address, "/ws/btcusdt@bookTicker").unwrap();
    second.next().expect("it is served");
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    drop(second);
    let output = child.wait_with_output().unwrap();
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && report.starts_with("faults of "), "{report}");
    assert!(report.contains("1 drop           struck once, 1 client hit, 1 noticed\n"), "{report}");
    let told =
        report.lines().find(|line| line.contains("client 1, binance from 127.0.0.1: noticed: was cut off after"));
    assert!(told.is_some_and(|line| line.contains("came back after ")), "{report}");
}

#[test]
fn nothing_is_told_to_those_who_may_not_know_and_nothing_goes_wrong_unasked() {
    let faulty = Faulty::start("[[fault]]\nwhat = \"drop\"\nat = \"1h\"");
    let (status, _, body) = faulty.server.get_with("/control/faults", "Origin: http://evil.example\r\n");
    assert_eq!((status, body.contains("origin")), (403, true), "{body}");
    assert_eq!(faulty.server.get("/control/faults").0, 401);
    let plain = Server::start(&["--control-token", TOKEN]);
    let (status, _, body) = plain.get_with("/control/faults", SHOWN);
    assert!(status == 404 && body.contains("--faults"), "{status} {body}");
    let (status, _, body) = Server::start(&[]).get("/control/faults");
    assert!(status == 404 && body.contains("--control"), "{status} {body}");
}

#[test]
fn scripts_that_come_with_the_program_are_listed_and_printed_and_own_ones_checked() {
    let (is_well, list, _) = tapecast(&["faults"]);
    assert!(is_well);
    for name in ["exchange-restart", "24h-cut", "gap-in-depth", "slow-feed", "flapping-network"] {
        assert!(list.lines().any(|line| line.starts_with(name)), "{list}");
        let (is_well, text, _) = tapecast(&["faults", name]);
        assert!(is_well && text.contains("[[fault]]"), "{text}");
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own.toml");
        std::fs::write(&own, text).unwrap();
        let (is_well, told, errors) = tapecast(&["faults", own.to_str().unwrap()]);
        assert!(is_well && told.contains("is well formed"), "{told}{errors}");
    }
    let (is_well, _, errors) = tapecast(&["faults", "earthquake"]);
    assert!(!is_well && errors.contains("flapping-network"), "{errors}");
    let (is_well, _, errors) = tapecast(&["serve", "--faults", "earthquake"]);
    assert!(!is_well && errors.starts_with("tapecast: --faults: `earthquake`"), "{errors}");
}

#[test]
fn the_readme_shows_a_script_that_is_well_formed_and_names_all_kinds() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("### Faults on demand\n").expect("a section").1.split("\n### ").next().unwrap();
    let example = section.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let script = Script::parse("README.md", example).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(script.kinds(), ["skip", "half-open", "rate-limit"]);
    for name in What::NAMES.into_iter().chain(shipped::SCRIPTS.map(|(name, _)| name)) {
        assert!(section.contains(&format!("`{name}`")), "{name} is not told of");
    }
}
