//! What a NATS server has is recorded: of a stream every message once, of a plain subject what came, and where it did not.

use std::path::{Path, PathBuf};
use std::process::Command;

use tapecast::tape::{Direction, Form};

use crate::nats::{Nats, Publisher, is_installed};
use crate::proxy::Proxy;
use crate::recorder::{Entry, Recorder, count, entries, wait_for};
use crate::support::{Client, Server, lines, recordings, trade};

/// Messages with their times.
pub fn messages(entries: &[Entry]) -> Vec<(i64, String)> {
    let is_data = |entry: &&Entry| entry.direction == Direction::From && entry.form == Form::Text;
    entries.iter().filter(is_data).map(|entry| (entry.ts_recv, entry.text.clone())).collect()
}

pub fn assert_same(recorded: &[(i64, String)], told: &[(i64, String)]) {
    let differs = recorded.iter().zip(told).position(|(recorded, told)| recorded != told);
    assert_eq!((differs, recorded.len()), (None, told.len()));
}

fn invented(count: i64) -> Vec<(i64, String)> {
    (1..=count).map(|n| trade(n, 1_700_000_000_000 + n)).collect()
}

fn publish(publisher: &mut Publisher, subject: &str, told: &[(i64, String)]) {
    for (ts_recv, text) in told {
        publisher.publish(subject, Some(*ts_recv), text);
    }
    publisher.flush();
}

/// All files of a series, in the order of their making.
fn series(path: &Path) -> Vec<PathBuf> {
    let series = tapecast::tape::series::Series::of(path);
    series.places().unwrap().iter().map(|place| series.path_of(place)).collect()
}

#[test]
fn a_stream_is_recorded_message_for_message_though_its_server_is_killed() {
    let (true, Some(folder)) = (is_installed(), recordings()) else { return };
    let told = lines(&folder.join("binance-spot-20210404-3sym.jsonl.zst"));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("md.tape");
    let mut nats = Nats::start(folder.path(), &["-js"]);
    let mut publisher = Publisher::to(&nats);
    publisher.make_stream("MD", "md.>");
    let from = format!("nats://{}/md.*?stream=MD&from=all", nats.address);
    let recorder = Recorder::start(&out, &["--from", &from]);
    let (first, rest) = told.split_at(2_000);
    publish(&mut publisher, "md.binance", first);
    wait_for(&out, "what was published", |entries| messages(entries).len() == first.len());

    nats.kill();
    recorder.says("the connection broke");
    nats.restart();
    let mut publisher = Publisher::to(&nats);
    publish(&mut publisher, "md.binance", rest);
    publisher.wait_for_stored("MD", told.len());
    wait_for(&out, "the end", |entries| messages(entries).len() >= told.len());
    recorder.end();
    let entries = entries(&out);
    assert_same(&messages(&entries), &told);
    assert_eq!((count(&entries, Form::Opened), count(&entries, Form::Gap)), (2, 0));
    assert!(count(&entries, Form::Lost) >= 1);
    assert!(entries.windows(2).all(|pair| pair[0].ts_recv <= pair[1].ts_recv));
}

#[test]
fn a_stream_is_gone_on_with_where_the_tape_ends_whatever_is_cut_or_killed() {
    if !is_installed() {
        return;
    }
    let told = invented(20_000);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("md.tape");
    let nats = Nats::start(folder.path(), &["-js"]);
    let mut publisher = Publisher::to(&nats);
    publisher.make_stream("MD", "md.>");
    // What is on other subjects has numbers, too.
    publisher.publish("md.other", None, "{}");
    let proxy = Proxy::before(nats.address);
    let from = format!("nats://{}/md.binance?stream=MD&from=all", proxy.address);
    let flags = ["--from", &from, "--rotate-size", "16k"];
    let recorded = |out: &Path| series(out).iter().flat_map(|file| messages(&entries(file))).collect::<Vec<_>>();
    let until = |least: usize| {
        let begun = std::time::Instant::now();
        while recorded(&out).len() < least {
            assert!(begun.elapsed() < crate::support::PATIENCE, "never {least} messages");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    let mut parts = told.chunks(2_000);
    for (round, part) in parts.by_ref().take(9).enumerate() {
        let recorder = Recorder::start(&out, &flags);
        publish(&mut publisher, "md.binance", part);
        until(2_000 * round + 500);
        match round % 3 {
            0 => recorder.kill(),
            1 => drop(recorder.end()),
            _ => {
                while !proxy.cut() {}
                until(2_000 * (round + 1));
                recorder.kill();
            }
        }
    }
    let recorder = Recorder::start(&out, &flags);
    publish(&mut publisher, "md.binance", parts.next().unwrap());
    until(told.len());
    recorder.end();
    assert_same(&recorded(&out), &told);
    assert!(series(&out).len() > 2, "{:?}", series(&out));
    let all: Vec<Entry> = series(&out).iter().flat_map(|file| entries(file)).collect();
    assert!(count(&all, Form::Gap) == 0 && count(&all, Form::Opened) >= 11, "{}", count(&all, Form::Opened));
    let verified = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(["tape", "verify"]).arg(&out).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_stream_is_begun_where_it_is_asked_for() {
    if !is_installed() {
        return;
    }
    let told = invented(9);
    let folder = tempfile::tempdir().unwrap();
    let nats = Nats::start(folder.path(), &["-js"]);
    let mut publisher = Publisher::to(&nats);
    publisher.make_stream("MD", "md");
    for (_, text) in &told[..4] {
        publisher.publish("md", None, text);
    }
    publisher.wait_for_stored("MD", 4);
    let stored_ns = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    for (begin, first) in [("new", 4), ("3", 2), ("all", 0), ("7", 6), ("2020-01-01T00:00:00Z", 0)] {
        let out = folder.path().join(format!("{begin}.tape"));
        let from = format!("nats://{}/md?stream=MD&from={begin}", nats.address);
        let recorder = Recorder::start(&out, &["--from", &from, "--log", "info"]);
        recorder.says("connection 0: nats://");
        if begin == "new" {
            for (_, text) in &told[4..] {
                publisher.publish("md", None, text);
            }
        }
        let texts: Vec<String> = told[first..].iter().map(|(_, text)| text.clone()).collect();
        let entries = wait_for(&out, begin, |entries| messages(entries).len() == texts.len());
        recorder.end();
        let (times, recorded): (Vec<i64>, Vec<String>) = messages(&entries).into_iter().unzip();
        assert_eq!(recorded, texts, "{begin}");
        // Without a header, the time is when the server stored it.
        let minute = 60_000_000_000;
        assert!(times.iter().all(|ns| (stored_ns - minute..stored_ns + minute).contains(ns)), "{times:?}");
        assert!(begin != "all" || times[3] < stored_ns);
    }
}

#[test]
fn what_a_stream_no_longer_has_is_a_gap() {
    if !is_installed() {
        return;
    }
    let told = invented(40);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("md.tape");
    let nats = Nats::start(folder.path(), &["-js"]);
    let mut publisher = Publisher::to(&nats);
    publisher.make_stream("MD", "md");
    let from = format!("nats://{}/md?stream=MD&from=all", nats.address);
    let record = |publisher: &mut Publisher, part: &[(i64, String)], sum: usize| {
        publish(publisher, "md", part);
        let recorder = Recorder::start(&out, &["--from", &from]);
        wait_for(&out, "the part", |entries| messages(entries).len() == sum);
        recorder.end();
    };
    record(&mut publisher, &told[..10], 10);
    publish(&mut publisher, "md", &told[10..15]);
    publisher.ask("STREAM.PURGE.MD", "");
    record(&mut publisher, &told[15..20], 15);
    publisher.ask("STREAM.DELETE.MD", "");
    publisher.make_stream("MD", "md");
    record(&mut publisher, &told[20..40], 35);
    let entries = entries(&out);
    assert_same(&messages(&entries), &[&told[..10], &told[15..]].concat());
    let gaps: Vec<_> =
        entries.iter().filter(|entry| entry.form == Form::Gap).map(|entry| entry.text.as_str()).collect();
    let expected =
        ["the stream MD no longer has messages 11 to 15", "the stream MD was made anew: before, message 21 came next"];
    assert_eq!(gaps, expected);
}

#[test]
fn of_a_plain_subject_what_is_missing_lies_where_a_gap_is_noted() {
    if !is_installed() {
        return;
    }
    let told = invented(3_000);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("md.tape");
    let mut nats = Nats::start(folder.path(), &[]);
    let from = format!("nats://{}/md.>", nats.address);
    let recorder = Recorder::start(&out, &["--from", &from, "--log", "info"]);
    recorder.says("connection 0: nats://");
    let mut publisher = Publisher::to(&nats);
    publish(&mut publisher, "md.a", &told[..1_000]);
    wait_for(&out, "the first part", |entries| messages(entries).len() == 1_000);
    nats.kill();
    recorder.says("the connection broke");
    nats.restart();
    // Nobody keeps what is published before the recorder listens again; that it does, it says.
    let mut publisher = Publisher::to(&nats);
    publish(&mut publisher, "md.a", &told[1_000..2_000]);
    recorder.says("nothing was received from");
    publish(&mut publisher, "md.a", &told[2_000..]);
    wait_for(&out, "the last part", |entries| {
        messages(entries).last().map(|(_, text)| text) == told.last().map(|(_, text)| text)
    });
    recorder.end();
    // Another recorder on the same tape has missed something.
    let recorder = Recorder::start(&out, &["--from", &from]);
    recorder.says("the recorder was not running");
    recorder.end();

    let entries = entries(&out);
    let (mut next, mut may_miss, mut missing) = (0, false, 0);
    for entry in &entries {
        may_miss |= entry.form == Form::Gap;
        if entry.form == Form::Text {
            let same = |(ts, text): &(i64, String)| *ts == entry.ts_recv && *text == entry.text;
            let at = told[next..].iter().position(same).expect("nothing comes twice or out of order");
            assert!(at == 0 || may_miss, "{at} messages are missing before {}", entry.text);
            (next, may_miss, missing) = (next + at + 1, false, missing + at);
        }
    }
    assert_eq!((next, count(&entries, Form::Gap)), (told.len(), 2));
    println!("{missing} messages were published while nobody listened");
}

#[test]
fn a_live_feed_from_a_stream_is_served() {
    if !is_installed() {
        return;
    }
    let told = invented(500);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("md.tape");
    let mut nats = Nats::start(folder.path(), &["-js"]);
    let mut publisher = Publisher::to(&nats);
    publisher.make_stream("MD", "md");
    let feed = format!("nats://joe:secret@{}/md?stream=MD", nats.address);
    let server = Server::start(&["--feed", &feed, "--tape", out.to_str().unwrap()]);
    let mut client = Client::open(&server, "/stream?streams=btcusdt@trade");
    assert!(!server.get("/status").2.contains("secret"));
    // Whatever is published once it is connected, comes.
    let begun = std::time::Instant::now();
    while publisher.ask("STREAM.INFO.MD", "")["state"]["consumer_count"] == 0 {
        assert!(begun.elapsed() < crate::support::PATIENCE);
    }
    publish(&mut publisher, "md", &told[..250]);
    for (_, text) in &told[..250] {
        assert_eq!(client.next_event().text(), text);
    }
    nats.kill();
    nats.restart();
    let mut publisher = Publisher::to(&nats);
    publish(&mut publisher, "md", &told[250..]);
    for (_, text) in &told[250..] {
        assert_eq!(client.next_event().text(), text);
    }
    drop(server);
}

#[test]
fn what_cannot_be_had_from_nats_is_named() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("md.tape");
    let (streams, plain) = (Nats::start(&folder.path().join("js"), &["-js"]), Nats::start(folder.path(), &[]));
    let guarded = Nats::start(folder.path(), &["--user", "joe", "--pass", "s3cret"]);
    let mut publisher = Publisher::to(&streams);
    publisher.make_stream("MD", "md.>");
    for (from, part) in [
        (format!("nats://{}/md?stream=NONE", streams.address), "there is no stream `NONE`"),
        (format!("nats://{}/other?stream=MD", streams.address), "the stream `MD` cannot be read"),
        (format!("nats://{}/md..a", streams.address), "its subject is none"),
        (format!("nats://joe:wrong@{}/md", guarded.address), "authorization violation"),
    ] {
        let arguments = ["record", "--from", &from, "--out", out.to_str().unwrap()];
        let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(part), "{from}: {said}");
        assert!(!said.contains("wrong"), "{said}");
    }
    for flags in [&["--from", "-"][..], &["--host", "127.0.0.1:1"]] {
        let from = format!("nats://{}/md", plain.address);
        let arguments = ["record", "--from", &from, "--out", out.to_str().unwrap()];
        let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).args(flags).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("NATS server"), "{said}");
    }
    let feed = format!("nats://{}/md?stream=NONE", streams.address);
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--exit-at-end", "--feed", &feed];
    let output = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("the live feed: ") && said.contains("there is no stream `NONE`"), "{said}");
    let from = format!("nats://joe:s3cret@{}/md", guarded.address);
    let recorder = Recorder::start(&out, &["--from", &from, "--log", "info"]);
    recorder.says(&format!("connection 0: nats://{}/md", guarded.address));
    assert!(recorder.end().iter().all(|line| !line.contains("s3cret")));
    // What may still come is waited for, and said.
    let from = format!("nats://{}/md?stream=MD", plain.address);
    let recorder = Recorder::start(&out, &["--from", &from]);
    recorder.says("is JetStream enabled?");
    recorder.end();
    let mut nats = Nats::start(folder.path(), &[]);
    nats.kill();
    let recorder = Recorder::start(&out, &["--from", &format!("nats://{}/md", nats.address), "--log", "info"]);
    recorder.says(&format!("cannot connect to nats://{}: ", nats.address));
    nats.restart();
    recorder.says(&format!("nats://{}/md", nats.address));
    recorder.end();
}

#[test]
fn a_server_that_wants_tls_is_believed_if_its_authority_is() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| -> &'static str {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned().leak()
    };
    let (cert, key) = (file("cert.pem", pair.cert.pem()), file("key.pem", pair.signing_key.serialize_pem()));
    let nats = Nats::start(folder.path(), &["-js", "--tls", "--tlscert", cert, "--tlskey", key]);
    let from = format!("tls://localhost:{}/md", nats.address.port());
    let out = folder.path().join("md.tape");
    let recorder = Recorder::start(&out, &["--from", &from, "--ca", cert, "--log", "info"]);
    recorder.says(&format!("connection 0: {from}"));
    let relay = Recorder::without_tape(&["--from", &from, "--to", &from, "--log", "info"]);
    relay.says("cannot connect to tls://localhost");
    relay.end();
    let server = crate::published::exchange(&folder, 50);
    let host = server.address.to_string();
    let flags = ["--from", "binance:btcusdt@trade", "--host", &host, "--to", &from, "--ca", cert];
    let publisher = Recorder::without_tape(&flags);
    wait_for(&out, "all of it", |entries| messages(entries).len() == 50);
    publisher.end();
    recorder.end();
}
