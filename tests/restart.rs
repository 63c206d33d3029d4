//! A server with a live feed that keeps a tape, and is started again: its clients go on where they were.

mod support;

use serde_json::Value;
use support::{Client, Server, lines, recordings, tape};

const STREAMS: &str = "btcusdt@depth@100ms,btcusdt@aggTrade,btcusdt@kline_1m,ethusdt@aggTrade,ethusdt@depth@100ms";

/// What a subscriber wants: native streams, and some that follow from them.
const WANTED: &str = "btcusdt@depth@100ms/btcusdt@aggTrade/ethusdt@aggTrade/btcusdt@miniTicker/ethusdt@kline_1m/\
                      ethusdt@avgPrice/btcusdt@depth";

/// Texts until so many events have come, or the end; answers apart.
fn read(client: &mut Client, most: usize) -> (Vec<String>, Vec<Value>) {
    let (mut events, mut answers) = (Vec::new(), Vec::new());
    while events.len() < most
        && let Some(frame) = client.next()
    {
        match frame.opcode {
            1 if frame.text().starts_with(r#"{"result"#) => answers.push(serde_json::from_str(frame.text()).unwrap()),
            1 if frame.text().contains("serverShutdown") => {}
            1 => events.push(frame.text().to_owned()),
            8 => break,
            _ => {}
        }
    }
    (events, answers)
}

fn position(event: &str) -> String {
    serde_json::from_str::<Value>(event).expect(event)["sequence"].as_str().expect(event).to_owned()
}

/// A server that plays some seconds of a recording, slowly enough for others to come and go.
fn upstream(folder: &tempfile::TempDir, speed: &str) -> Option<Server> {
    let all = lines(&recordings()?.join("binance-spot-20210404-3sym.jsonl.zst"));
    let path = tape(folder, "upstream.jsonl", &all);
    Some(Server::start(&["--feed", &path, "--speed", speed, "--clock", "now", "--wait-for-clients", "1"]))
}

fn serve(upstream: &Server, tape: &str, flags: &[&str]) -> Server {
    let (feed, host) = (format!("binance:{STREAMS}"), upstream.address.to_string());
    Server::start(&[&["--feed", &feed, "--feed-host", &host, "--tape", tape, "--writers", "1"], flags].concat())
}

#[test]
fn clients_go_on_where_they_were_when_the_server_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(upstream) = upstream(&folder, "6x") else { return };
    let tape = folder.path().join("live.tape").to_string_lossy().into_owned();
    let target = format!("/stream?streams={WANTED}&sequence=true");
    let mut server = serve(&upstream, &tape, &[]);
    let mut whole = Client::open(&server, &target);
    let mut other = Client::open(&server, "/ws");
    let (mut want, _) = read(&mut whole, 300);
    // Somebody else's wants, from somewhere in the middle on.
    other.ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@ticker","btcusdt@depth20","dotusdt@ticker_1h"],"id":1}"#);
    let (more, _) = read(&mut whole, 300);
    want.extend(more);
    // Cut at every place there is in the last stretch: between two events of one message, too.
    // The last of it is told by who goes on, so it is none of them.
    let cuts: Vec<usize> = (want.len() - 40..want.len() - 1).step_by(3).collect();
    server.signal("TERM");
    want.extend(read(&mut whole, usize::MAX).0);
    assert!(server.wait().success());
    let server = serve(&upstream, &tape, &[]);
    let mut fresh = Client::open(&server, &target);
    let (live, _) = read(&mut fresh, 100);
    for cut in cuts {
        let mut client = Client::open(&server, &format!("{target}&resume={}", position(&want[cut])));
        let missed = want.len() - cut - 1;
        let (got, answers) = read(&mut client, missed);
        assert_eq!(answers[0]["result"]["resumed"], true, "{answers:?}");
        let differs = got.iter().zip(&want[cut + 1..]).find(|(a, b)| a != b);
        assert!(differs.is_none(), "cut behind {cut} of {}: {differs:?}", want.len());
        // Then what was received before the server went, and was told nobody; then all of the new run.
        let mut last = position(&want[cut]);
        let mut begins = None;
        let (mut tail, mut count) = (Vec::new(), 0);
        while begins.is_none() || tail.len() < live.len() {
            let (event, _) = read(&mut client, 1);
            let place = position(&event[0]);
            if begins.is_none() && place[..8] != last[..8] {
                begins = Some(count);
            }
            if begins.is_some() && (!tail.is_empty() || event[0] == live[0]) {
                tail.extend(event);
            }
            (last, count) = (place, count + 1);
            assert!(count < 5_000, "the events of one who has just come are not among those of one who goes on");
        }
        assert!(tail[..live.len()] == live[..], "the new run differs");
    }
    // Of a run before the last one nothing is known; nor of what was never told.
    for place in ["00000001-5.0", &format!("{}-99999999.0", &position(&want[0])[..8])] {
        let mut client = Client::open(&server, &format!("{target}&resume={place}"));
        let (_, answers) = read(&mut client, 1);
        assert_eq!(answers[0]["result"]["resumed"], false, "{answers:?}");
    }
}

#[test]
fn what_is_too_much_of_the_run_before_is_a_no_and_not_another_runs_events() {
    let folder = tempfile::tempdir().unwrap();
    let Some(upstream) = upstream(&folder, "6x") else { return };
    let tape = folder.path().join("live.tape").to_string_lossy().into_owned();
    let target = format!("/stream?streams={WANTED}&sequence=true");
    let mut server = serve(&upstream, &tape, &[]);
    let mut whole = Client::open(&server, &target);
    let (mut first, mut bytes) = (None, 0);
    while bytes < 700_000 {
        let (event, _) = read(&mut whole, 1);
        bytes += event[0].len();
        first.get_or_insert_with(|| position(&event[0]));
    }
    server.signal("TERM");
    assert!(server.wait().success());
    // Half of this may wait for a client at once.
    let server = serve(&upstream, &tape, &["--backlog-bytes-max", "1048576"]);
    let mut fresh = Client::open(&server, &target);
    // The new run has numbers as high as that of the event to go on from.
    let sequence = |place: &str| place[9..].split('.').next().unwrap().parse::<u64>().unwrap();
    let first = first.unwrap();
    while sequence(&position(&read(&mut fresh, 1).0[0])) <= sequence(&first) + 10 {}
    let mut client = Client::open(&server, &format!("{target}&resume={first}"));
    let (_, answers) = read(&mut client, 1);
    assert_eq!(answers[0]["result"]["resumed"], false, "{answers:?}");
    assert_eq!(answers[0]["result"]["reason"], "what came after the id is too much to be sent at once");
}

#[test]
fn what_a_killed_server_had_not_written_down_is_not_taken_for_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(upstream) = upstream(&folder, "3x") else { return };
    let tape = folder.path().join("live.tape").to_string_lossy().into_owned();
    let target = format!("/stream?streams={WANTED}&sequence=true");
    let server = serve(&upstream, &tape, &[]);
    let mut whole = Client::open(&server, &target);
    let (want, _) = read(&mut whole, 2_500);
    server.signal("KILL");
    let more = read(&mut whole, usize::MAX).0;
    let want: Vec<String> = want.into_iter().chain(more).collect();
    drop(server);
    let server = serve(&upstream, &tape, &[]);
    let (mut yes, mut no) = (0, 0);
    for cut in (0..want.len()).step_by(61).chain([want.len() - 1]) {
        let mut client = Client::open(&server, &format!("{target}&resume={}", position(&want[cut])));
        let (got, answers) = read(&mut client, 1);
        match answers[0]["result"]["resumed"].as_bool().unwrap() {
            true => {
                yes += 1;
                let next = want.get(cut + 1);
                let is_next = next.is_none_or(|next| *next == got[0] || position(&got[0])[..8] != position(next)[..8]);
                assert!(is_next, "behind {cut} of {}: {} is not {next:?}", want.len(), got[0]);
            }
            false => {
                no += 1;
                let reason = answers[0]["result"]["reason"].as_str().unwrap();
                assert!(reason.contains("ahead") || reason.contains("no longer"), "{reason}");
            }
        }
    }
    assert!(yes > 3, "{yes} go on, {no} do not");
}
