//! The instrument's own honesty: what servers do wrong it finds, and what they do right it does not doubt.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tapecast::bench::{Contestant, Plan, highest};

/// Runs `tapecast bench` and returns what it saw of each contestant in its only round.
fn bench(arguments: &[&str]) -> Vec<Value> {
    rows(arguments).iter().map(|row| row["rounds"][0].clone()).collect()
}

/// Runs `tapecast bench` and returns its contestants.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
    let output =
        command.arg("bench").args(arguments).args(["--json", "--spin", "false"]).output().expect("it can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["rows"].as_array().expect("rows").clone()
}

/// What a connection is sent as its `n`-th event, from 1: numbers and ages of events, in microseconds.
type Script = fn(connection: usize, n: u64) -> Vec<(u64, i64)>;

/// A server that follows a script, an event every 5 ms to each connection.
fn server(script: Script) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for (connection, socket) in listener.incoming().enumerate() {
            thread::spawn(move || follow(script, connection, socket.expect("a connection")));
        }
    });
    address
}

fn follow(script: Script, connection: usize, mut socket: TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("a request");
        head.push(byte[0]);
    }
    let _ = socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    // All connections number alike, by the clock, so that they can be compared.
    let step_us = 5_000;
    let mut n = now_us() / step_us;
    loop {
        thread::sleep(Duration::from_micros((n * step_us).saturating_sub(now_us())));
        for (number, age_us) in script(connection, n) {
            let stamp = (number * step_us) as i64 - age_us;
            let event = format!(r#"{{"E":{stamp},"s":"A","L":{number}}}"#);
            let mut frame = vec![0x81, event.len() as u8];
            frame.extend_from_slice(event.as_bytes());
            if socket.write_all(&frame).is_err() {
                return;
            }
        }
        n += 1;
    }
}

fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_micros() as u64
}

/// What is seen of a server that follows a script.
fn seen(script: Script) -> Value {
    let url = format!("ws://{}/", server(script));
    bench(&[&url, "--connections", "4", "--settle", "200ms", "--hold", "2s"]).remove(0)
}

const FAULTS: [&str; 5] = ["missing", "repeated", "disordered", "from_future", "restamped"];

/// Those of the faults that were found.
fn faults(seen: &Value) -> Vec<&'static str> {
    assert!(seen["events"].as_u64().unwrap() > 100, "{seen}");
    FAULTS.into_iter().filter(|name| seen[name].as_u64().unwrap() > 0).collect()
}

#[test]
fn an_honest_server_is_believed() {
    let seen = seen(|_, n| vec![(n, 0)]);
    assert_eq!(faults(&seen), [""; 0], "{seen}");
    assert_eq!(seen["connections"], 4);
    assert!(seen["cpu_us_per_event"].is_null() && seen["bytes_per_connection"].is_null(), "of no process: {seen}");
    assert_eq!(seen["failures"], serde_json::json!({}));
}

#[test]
fn a_server_that_drops_is_found_out() {
    let seen = seen(|_, n| if n % 50 == 0 { vec![] } else { vec![(n, 0)] });
    assert_eq!(faults(&seen), ["missing"], "{seen}");
    // One in fifty is; the window may begin anywhere.
    let share = seen["missing"].as_f64().unwrap() / seen["events"].as_f64().unwrap();
    assert!((0.01..0.04).contains(&share), "{share}");
}

#[test]
fn a_server_that_repeats_is_found_out() {
    let seen = seen(|_, n| if n % 50 == 0 { vec![(n, 0), (n, 0)] } else { vec![(n, 0)] });
    assert_eq!(faults(&seen), ["repeated"], "{seen}");
}

#[test]
fn a_server_that_reorders_is_found_out() {
    let seen = seen(|_, n| match n % 50 {
        0 => vec![],
        1 => vec![(n, 0), (n - 1, 0)],
        _ => vec![(n, 0)],
    });
    let found = faults(&seen);
    assert!(found.contains(&"disordered"), "{seen}");
    // What came late is not missing, but for one that may lie across the window's edge on each connection.
    assert!(seen["missing"].as_u64().unwrap() <= 4, "{seen}");
}

#[test]
fn a_server_that_stamps_ahead_is_found_out() {
    let seen = seen(|_, n| vec![(n, if n % 50 == 0 { -60_000_000 } else { 0 })]);
    assert_eq!(faults(&seen), ["from_future"], "{seen}");
}

#[test]
fn a_server_that_stamps_each_connection_for_itself_is_found_out() {
    let seen = seen(|connection, n| vec![(n, -(connection as i64 % 4))]);
    assert_eq!(faults(&seen), ["restamped"], "{seen}");
}

#[test]
fn a_server_that_stalls_cannot_hide_it() {
    // Every second it holds back a fifth of a second's events, and then sends all.
    let seen = seen(|_, n| match n % 200 {
        160..199 => vec![],
        199 => (n - 39..=n).map(|held| (held, 0)).collect(),
        _ => vec![(n, 0)],
    });
    assert_eq!(faults(&seen), [""; 0], "{seen}");
    let age = |which: &str| seen["age_us"][which].as_u64().unwrap();
    // A fifth of all events waited, half of those for more than a tenth of a second.
    assert!(age("p99") > 100_000 && age("max") >= 190_000, "{}", seen["age_us"]["p99"]);
}

#[test]
fn a_server_that_hangs_up_is_told_of_by_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.expect("a connection");
            thread::spawn(move || {
                let mut request = [0; 4_096];
                let _ = socket.read(&mut request);
                let answer = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";
                let _ = socket.write_all(answer);
                thread::sleep(Duration::from_millis(300));
                let _ = socket.write_all(b"\x88\x06\x03\xf5slow");
                let _ = socket.read(&mut request);
            });
        }
    });
    let seen = bench(&[&url, "--connections", "3", "--settle", "100ms", "--hold", "1s"]).remove(0);
    assert_eq!(seen["failures"], serde_json::json!({ "closed with 1013 slow": 3 }));
    assert_eq!(seen["connections"], 0);
}

#[test]
fn a_server_that_refuses_is_an_error_that_says_so() {
    let server = support::Server::start(&[]);
    let url = format!("ws://{}/nowhere", server.address);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
    let output = command.args(["bench", &url, "-c", "2"]).output().expect("it can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("the server answered `HTTP/1.1 404 Not Found`"), "{said}");
}

#[test]
fn every_way_in_is_measured_beside_the_floor() {
    let ways = "floor,ws,wss,socketio,socketios,sse,ndjson,lines";
    let feed = "bench:symbols=3,rate=50,burst=true";
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let html = page.to_str().unwrap();
    let hold = ["-c", "8", "--settle", "300ms", "--hold", "1s", "--html", html];
    let seen = bench(&[&["--via", ways, "--feed", feed][..], &hold].concat());
    let page = std::fs::read_to_string(page).expect("a page");
    assert_eq!((page.matches("<svg").count(), page.matches("</svg>").count()), (5, 5));
    assert!(!page.contains("://") && !page.contains("<script"), "it stands by itself");
    assert_eq!(seen.len(), 8);
    for (way, seen) in ways.split(',').zip(&seen) {
        assert_eq!(faults(seen), [""; 0], "{way}: {seen}");
        assert_eq!(seen["connections"], 8, "{way}");
        assert!(seen["cpu_us_per_event"].as_f64().unwrap() > 0.0 && seen["resident_bytes"].as_u64().unwrap() > 1 << 20);
    }
}

#[test]
fn sets_of_streams_are_taken_in_turn_and_bad_clients_spoil_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mix");
    std::fs::write(&path, "s000usdt@ticker *3\ns001usdt@ticker,s002usdt@ticker\n").unwrap();
    let feed = "bench:symbols=3,rate=100";
    let mix = path.to_str().unwrap();
    let hold = ["--settle", "300ms", "--hold", "3s", "-c", "20"];
    let mut arguments = vec!["--via", "ws", "--feed", feed, "--mix", mix];
    arguments.extend(hold);
    let whole = bench(&arguments).remove(0);
    assert_eq!(faults(&whole), [""; 0], "{whole}");
    arguments.extend(["--stalled", "20", "--churning", "20", "--slow", "10"]);
    let some = bench(&arguments).remove(0);
    assert_eq!(faults(&some), [""; 0], "{some}");
}

#[test]
fn a_client_s_share_of_the_server_s_memory_is_told() {
    let seen =
        bench(&["--via", "ws", "-c", "400", "--feed", "bench:rate=1", "--settle", "300ms", "--hold", "1s"]).remove(0);
    let (each, all) = (seen["bytes_per_connection"].as_u64().unwrap(), seen["resident_bytes"].as_u64().unwrap());
    // A session with its buffers, and what is touched for the first time; what was there before is no client's.
    assert!((500..200_000).contains(&each), "{each}");
    assert!(400 * each < all - (8 << 20), "{each} for each, {all} in all");
}

#[test]
fn a_server_is_measured_with_each_number_of_writers() {
    let rows = rows(&["--via", "floor,ws", "--writers", "1,2", "-c", "8", "--settle", "100ms", "--hold", "1s"]);
    let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["floor", "ws, 1 writer", "ws, 2 writers"]);
    rows.iter().for_each(|row| assert_eq!(faults(&row["rounds"][0]), [""; 0], "{row}"));
}

#[test]
fn a_sweep_ends_where_a_server_no_longer_delivers_what_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("server");
    // The floor, but slower than it is told to be; and one that does not start.
    let script = format!(
        "#!/bin/sh\nfeed=$(echo $TAPECAST_FEED | sed -E 's/rate=([3-9][0-9]{{2}}|[0-9]{{4,}})/rate=250/')\n\
         '{}' bench-floor --connections 2 --feed $feed | sed -u 's|$|/ws/{{streams}}|'\n",
        env!("CARGO_BIN_EXE_tapecast")
    );
    std::fs::write(&path, script).unwrap();
    let command = format!("sh {}", path.display());
    let slow = Contestant::Peer { name: "slow".into(), command, beat: "bench:rate=100".parse().unwrap() };
    let (settle, hold) = (Duration::from_millis(50), Duration::from_millis(600));
    let plan = Plan { connections: 2, settle, hold, ..Plan::default() };
    let mut tried = Vec::new();
    let found = highest(&slow, &plan, 100, &mut |rate, _| tried.push(rate)).expect("it starts");
    tried.dedup();
    // From 300 on a sixth and more of what is offered does not come. A busy machine may end it sooner, and nothing later.
    let limit = found.limit.expect("a limit");
    assert!(limit.rate <= 300 && tried.iter().all(|rate| *rate <= 400), "{tried:?}");
    assert_eq!(limit.offered_per_second, Some(2.0 * f64::from(limit.rate)));
    if let Some((best, seen)) = found.best {
        assert!(best < limit.rate && seen.is_whole() && tried.contains(&best), "{best} of {tried:?}");
    }
    // At the first rate there is nothing more to try, and a server that does not start is left out.
    let flags = ["--sweep", "--via", "floor", "--peer", "none=false", "-c", "1", "--settle", "50ms", "--hold", "300ms"];
    let rows = rows(&[&flags[..], &["--feed", "bench:rate=1000000"]].concat());
    assert_eq!((rows.len(), &rows[1]["name"], rows[1]["rounds"].as_array().unwrap().len()), (2, &"none".into(), 0));
}

#[test]
fn what_cannot_be_measured_is_said_in_a_sentence() {
    for (arguments, said) in [
        (&["--via", "pigeon"][..], "there are floor, ws"),
        (&["--connections", "0"], "0 measures nothing"),
        (&["--slow", "60", "--stalled", "60"], "are 120 % together"),
        (&["nowhere"], "is no address"),
        (&["--feed", "bench:speed=9"], "`speed=9`"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
        let output = command.arg("bench").args(arguments).output().expect("it can be run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
}

#[test]
fn every_server_has_the_first_of_two_cores_and_not_only_the_first_server() {
    let cores_of = |status: &str| -> Vec<String> {
        let lists = status.lines().filter_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        lists.map(|list| list.trim().to_owned()).collect()
    };
    let own = std::fs::read_to_string("/proc/self/status").expect("a status");
    let list = cores_of(&own).remove(0);
    // Servers are kept to a core where there are two.
    let Some((first, _)) =
        list.split_once(['-', ',']).filter(|_| std::thread::available_parallelism().unwrap().get() == 2)
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cores");
    // It says where it may run, and no address: so it is left out.
    let peer = format!("peer=tee -a {} < /proc/self/status", path.display());
    bench(&["--via", "floor", "--peer", &peer, "--rounds", "2", "-c", "1", "--settle", "1ms", "--hold", "50ms"]);
    let told = std::fs::read_to_string(&path).expect("it was started");
    assert_eq!(cores_of(&told), [first, first]);
}
