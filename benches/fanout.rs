//! The whole server with real sockets on the loopback interface: one stream to 1,000 clients.
//!
//! Both contestants run in this process: `tapecast`, started as its command starts it (ingest thread, ring, one
//! writer), and `floor`, a thread that has the finished bytes in memory and does nothing but send them to one socket
//! after the other. No server can do less with these system calls. One thread plays all clients. Writer and clients are
//! pinned to a core each. Every client compares every byte with the frames that the tape's messages make, so each has
//! got all frames, in order, whole, once.
//!
//! - `fanout_1_to_1000_throughput`: 8,192 trades at speed max, where the tape waits for its clients. Time from the
//!   first byte any client gets to the last byte the last one gets. `floor` sends 1,024 frames a call, the most ticks
//!   that a writer of tapecast reads in one turn.
//! - `fanout_1_to_1000_cpu_at_100_per_s`: 200 trades, one every 10 ms. Not time but processor time: what the writer
//!   thread used, kernel included, from before the first frame until after the last. Here nothing can be coalesced;
//!   each frame is one call for each client.
//! - `deflate_1_to_1000_cpu_at_100_per_s`: the same for 200 trades and 200 order books of 30 pairs of Upbit's, for
//!   clients that agreed on compression (`deflated`) and clients that did not (`plain`). A frame is compressed once.
//! - `deflate_1_to_1000_throughput`: 2,048 of each at speed max, where calls are so few that compressing shows.
//!
//! Processor time is read from `/proc/self/task/*/schedstat`; it is printed for both benches. It includes the kernel's
//! work for the receiving side, as far as the loopback interface does it in the sender's call. What the clients and the
//! ingest thread use is not in it.
//!
//! What would mislead: fewer than two cores, or other load on them; throughput where the clients' thread is the slower
//! side, for then it is the clients that are measured; a network card in place of loopback, which costs less in the
//! sender's call and more in interrupts; and comparing the two benches with one another, as one coalesces and one
//! cannot.
//!
//! As a test it runs with 50 clients and few trades.

#![allow(unsafe_code, reason = "the limit on open files is raised")]

mod tape;

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use tapecast::config::RawConfig;
use tapecast::config::binance::RawBinance;
use tapecast::config::upbit::RawUpbit;
use tapecast::protocol::deflate::{Deflater, Level};
use tapecast::protocol::websocket::{HEADER_BYTES_MAX, Opcode, deflated_frame_in_place, write_frame};
use tapecast::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Frames the floor sends in one call at speed max: the most ticks that a writer of tapecast reads in one turn.
const BATCH: usize = 1_024;

/// Trades a second in the paced bench.
const RATE: usize = 100;

/// A tape on disk, and the frames that its messages make.
struct Playback {
    path: PathBuf,
    /// All frames, one behind the other.
    bytes: Vec<u8>,
    /// One past the last byte of each.
    ends: Vec<usize>,
    /// Upbit's clients ask for this type; `None` for Binance's trades.
    upbit: Option<Upbit>,
    _folder: tempfile::TempDir,
}

/// What clients of Upbit ask for, and whether they offer compression.
#[derive(Clone, Copy)]
struct Upbit {
    kind: &'static str,
    is_deflated: bool,
}

impl Playback {
    /// `trades` trades, `RATE` a second by the tape's clock.
    fn new(trades: usize) -> Playback {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("trades.jsonl");
        let (mut lines, mut bytes, mut ends) = (String::new(), Vec::new(), Vec::new());
        for k in 0..trades {
            let ms = 1_790_000_000_000 + k * 1_000 / RATE;
            let (id, cents, size, maker) = (1_500_000_000 + k, 10 + k * 37 % 90, 1 + k * 7_919 % 90_000, k % 3 == 0);
            let data = format!(
                r#"{{"e":"trade","E":{ms},"s":"BTCUSDT","t":{id},"p":"65432.{cents}000000","q":"0.{size:05}000","T":{ms},"m":{maker},"M":true}}"#
            );
            let _ = writeln!(lines, r#"{ms}000000 {{"stream":"btcusdt@trade","data":{data}}}"#);
            write_frame(Opcode::Text, data.as_bytes(), &mut bytes);
            ends.push(bytes.len());
        }
        std::fs::write(&path, lines).expect("a tape on disk");
        Playback { path, bytes, ends, upbit: None, _folder: folder }
    }

    /// `events` events of Upbit's, `RATE` a second by the tape's clock.
    fn upbit(events: usize, upbit: Upbit) -> Playback {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("upbit.jsonl");
        let mut deflater = Deflater::new(Level::default());
        let (mut lines, mut bytes, mut ends) = (String::new(), Vec::new(), Vec::new());
        for k in 0..events {
            let ms = 1_790_000_000_000 + k * 1_000 / RATE;
            let data = if upbit.kind == "trade" { upbit_trade(k, ms) } else { upbit_book(k, ms) };
            let _ = writeln!(lines, "{ms}000000 {data}");
            if upbit.is_deflated {
                let mut frame = vec![0; HEADER_BYTES_MAX];
                deflater.deflate(data.as_bytes(), &mut frame);
                let start = deflated_frame_in_place(Opcode::Binary, &mut frame);
                bytes.extend_from_slice(&frame[start..]);
            } else {
                write_frame(Opcode::Binary, data.as_bytes(), &mut bytes);
            }
            ends.push(bytes.len());
        }
        std::fs::write(&path, lines).expect("a tape on disk");
        Playback { path, bytes, ends, upbit: Some(upbit), _folder: folder }
    }

    fn trades(&self) -> usize {
        self.ends.len()
    }
}

fn upbit_trade(k: usize, ms: usize) -> String {
    let (price, size, side) = (98_765_000 + k * 37 % 90 * 1_000, 1 + k * 7_919 % 90_000, ["ASK", "BID"][k % 2]);
    let (date, time, change) = ("2026-09-21", "14:13", price - 98_200_000);
    let second = 20 + k / RATE;
    format!(
        r#"{{"ty":"trade","cd":"KRW-BTC","tms":{ms},"td":"{date}","ttm":"{time}:{second}","ttms":{ms},"tp":{price},"tv":0.{size:08},"ab":"{side}","pcp":98200000,"c":"RISE","cp":{change},"sid":{ms}0000,"bap":{price},"bas":0.05123457,"bbp":98764000,"bbs":0.12345678,"st":"REALTIME"}}"#
    )
}

fn upbit_book(k: usize, ms: usize) -> String {
    let size = |side: usize, pair: usize| 1 + (k * 31 + pair * 7_919 + side * 104_729) * 48_271 % 90_000_000;
    let sum = |side| (0..30).map(|pair| size(side, pair)).sum::<usize>();
    let units: Vec<String> = (0..30)
        .map(|pair| {
            let (ask, bid) = (98_765_000 + pair * 1_000, 98_764_000 - pair * 1_000);
            format!(r#"{{"ap":{ask},"bp":{bid},"as":0.{:08},"bs":0.{:08}}}"#, size(0, pair), size(1, pair))
        })
        .collect();
    let decimal = |sum: usize| format!("{}.{:08}", sum / 100_000_000, sum % 100_000_000);
    format!(
        r#"{{"ty":"orderbook","cd":"KRW-BTC","tms":{ms},"tas":{},"tbs":{},"obu":[{}],"st":"REALTIME","lv":0}}"#,
        decimal(sum(0)),
        decimal(sum(1)),
        units.join(",")
    )
}

/// How fast a playback goes.
#[derive(Clone, Copy, PartialEq)]
enum Speed {
    Max,
    Recorded,
}

/// What serves a playback; it begins when `clients` clients and one more are there.
trait Contestant {
    fn start(playback: &Playback, clients: usize, speed: Speed) -> Self;
    fn address(&self) -> SocketAddr;
    /// What the thread is called whose processor time counts.
    const THREAD: &'static str;
    /// Ends it when the clients have gone; write calls it made, where it counts them.
    fn end(self, frames: u64) -> Option<u64>;
}

impl Contestant for Server {
    const THREAD: &'static str = "writer 0";

    fn start(playback: &Playback, clients: usize, speed: Speed) -> Server {
        let config = RawConfig {
            feed: vec![playback.path.clone()],
            listen: Some("127.0.0.1:0".into()),
            speed: Some(if speed == Speed::Max { "max" } else { "1x" }.into()),
            wait_for_clients: Some(clients + 1),
            exit_at_end: Some(true),
            binance: RawBinance { attempts_max: Some(0), ..RawBinance::default() },
            // What comes out is compared with the tape.
            derive: Some("never".into()),
            upbit: RawUpbit { form: Some("recorded".into()), ..RawUpbit::default() },
            writers: Some(1),
            ..RawConfig::default()
        };
        Server::start(config.check().expect("a valid configuration")).expect("a server")
    }

    fn address(&self) -> SocketAddr {
        Server::address(self)
    }

    fn end(mut self, frames: u64) -> Option<u64> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(self.ended()).expect("a server that ends well");
        let counts = &self.metrics().cores[0];
        assert!(counts.frames_delivered.read() >= frames);
        assert_eq!((counts.frames_conflated.read(), counts.slow_consumers.read()), (0, 0));
        Some(counts.writes.read())
    }
}

/// Sends finished bytes from one thread with blocking calls.
struct Floor {
    address: SocketAddr,
    thread: JoinHandle<io::Result<()>>,
}

impl Contestant for Floor {
    const THREAD: &'static str = "floor";

    fn start(playback: &Playback, clients: usize, speed: Speed) -> Floor {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a bound socket");
        let (bytes, ends) = (playback.bytes.clone(), playback.ends.clone());
        let serve = move || {
            pin(0);
            let mut sockets = Vec::new();
            for _ in 0..=clients {
                let (mut socket, _) = listener.accept()?;
                socket.set_nodelay(true)?;
                let mut head = [0; 1_024];
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    assert!(socket.read(&mut head)? > 0);
                }
                socket.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n")?;
                sockets.push(socket);
            }
            // The last one only starts the playback.
            let starter = sockets.pop();
            let frames_per_call = if speed == Speed::Max { BATCH } else { 1 };
            let started = Instant::now();
            let mut begin = 0;
            for (k, ends) in ends.chunks(frames_per_call).enumerate() {
                let end = *ends.last().expect("chunks are not empty");
                if speed == Speed::Recorded {
                    let due = started + Duration::from_secs(1) * k as u32 / RATE as u32;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
                for socket in &mut sockets {
                    socket.write_all(&bytes[begin..end])?;
                }
                begin = end;
            }
            drop(starter);
            // The clients go first, as soon as they have everything.
            for socket in &mut sockets {
                let _ = socket.read(&mut [0]);
            }
            Ok(())
        };
        let thread = thread::Builder::new().name(Self::THREAD.into()).spawn(serve).expect("a thread");
        Floor { address, thread }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn end(self, _: u64) -> Option<u64> {
        self.thread.join().expect("the floor's thread").expect("the floor's sockets");
        None
    }
}

/// What the clients saw.
struct Seen {
    /// From the first byte of a frame at any client to the last byte at the last.
    elapsed: Duration,
    /// Processor time of the sending thread meanwhile.
    cpu: Duration,
}

/// Plays all clients on a thread of its own: connects them, then the one that starts the playback, and reads until each
/// has everything.
fn play(address: SocketAddr, clients: usize, playback: &Playback, sender: &str) -> Seen {
    let load = || {
        pin(1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
        let tasks = tokio::task::LocalSet::new();
        tasks.block_on(&runtime, async {
            let mut sockets = Vec::new();
            for _ in 0..clients {
                sockets.push(connect(address, playback.upbit, true).await.expect("a connection"));
            }
            let first = Rc::new(Cell::new(None));
            let expected: Rc<[u8]> = playback.bytes[..].into();
            let buffer = Rc::new(RefCell::new(vec![0; 256 << 10]));
            let cpu = cpu_of(sender);
            // A stream that the tape does not have: this client gets nothing.
            let starter = connect(address, playback.upbit, false).await.expect("a connection");
            let read = |socket| receive(socket, Rc::clone(&expected), Rc::clone(&first), Rc::clone(&buffer));
            let tasks: Vec<_> = sockets.into_iter().map(|socket| tokio::task::spawn_local(read(socket))).collect();
            let mut done = Vec::new();
            for task in tasks {
                done.push(task.await.expect("a client that got everything"));
            }
            let last = done.iter().map(|(at, _)| *at).max().expect("clients");
            let cpu = cpu_of(sender).saturating_sub(cpu);
            drop(starter);
            Seen { elapsed: last - first.get().expect("frames came"), cpu }
        })
    };
    thread::scope(|scope| scope.spawn(load).join().expect("the clients' thread"))
}

/// A client of what the tape has, or of what it does not have.
async fn connect(address: SocketAddr, upbit: Option<Upbit>, is_on_tape: bool) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(address).await?;
    let target = match upbit {
        Some(_) => "/websocket/v1",
        None if is_on_tape => "/ws/btcusdt@trade",
        None => "/ws/nosuch@trade",
    };
    let is_deflated = upbit.is_some_and(|upbit| upbit.is_deflated);
    let offer = if is_deflated { "Sec-WebSocket-Extensions: permessage-deflate\r\n" } else { "" };
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n"
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await?);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    if let Some(Upbit { kind, .. }) = upbit {
        let code = if is_on_tape { "KRW-BTC" } else { "KRW-NONE" };
        let request = format!(
            r#"[{{"ticket":"a"}},{{"type":"{kind}","codes":["{code}"],"is_only_realtime":true}},{{"format":"SIMPLE"}}]"#
        );
        let mut frame = Vec::new();
        write_frame(Opcode::Text, request.as_bytes(), &mut frame);
        // Masked with zeros; the header is two bytes long.
        frame[1] |= 0x80;
        frame.splice(2..2, [0; 4]);
        assert!(request.len() < 126);
        socket.write_all(&frame).await?;
    }
    Ok(socket)
}

/// Reads until all of `expected` has come; when that was, and the socket.
async fn receive(
    socket: TcpStream,
    expected: Rc<[u8]>,
    first: Rc<Cell<Option<Instant>>>,
    buffer: Rc<RefCell<Vec<u8>>>,
) -> (Instant, TcpStream) {
    let mut at = 0;
    while at < expected.len() {
        socket.readable().await.expect("a socket");
        let mut buffer = buffer.borrow_mut();
        match socket.try_read(&mut buffer) {
            Ok(length) => {
                assert!(length > 0, "the connection ended after {at} of {} bytes", expected.len());
                if first.get().is_none() {
                    first.set(Some(Instant::now()));
                }
                // Behind the last frame a close frame may follow.
                let length = length.min(expected.len() - at);
                assert!(buffer[..length] == expected[at..at + length], "other bytes than the tape's after {at}");
                at += length;
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
    }
    (Instant::now(), socket)
}

/// Keeps this thread on a core, where there is one with this number.
fn pin(index: usize) {
    if let Some(core) = core_affinity::get_core_ids().unwrap_or_default().get(index) {
        core_affinity::set_for_current(*core);
    }
}

/// Processor time that the threads of this name have used so far.
fn cpu_of(name: &str) -> Duration {
    let used = |task: &Path| -> Option<u64> {
        let is_meant = std::fs::read_to_string(task.join("comm")).ok()?.trim_end() == name;
        let statistics = std::fs::read_to_string(task.join("schedstat")).ok()?;
        if is_meant { statistics.split(' ').next()?.parse().ok() } else { None }
    };
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    Duration::from_nanos(tasks.filter_map(|task| used(&task.path())).sum())
}

/// Every client takes two descriptors, as both ends are here.
fn allow_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` outlives the call, which writes nothing else.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` outlives the call, which only reads it. If it fails, connecting will say so.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// Which of the two is measured.
#[derive(Clone, Copy, PartialEq)]
enum Measure {
    Time,
    Cpu,
}

fn time<C: Contestant>(group: &mut Group, name: &str, playback: &Playback, clients: usize, measure: Measure) {
    let speed = if measure == Measure::Time { Speed::Max } else { Speed::Recorded };
    let frames = (clients * playback.trades()) as u64;
    let mut runs = Vec::new();
    let mut calls = None;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut sum = Duration::ZERO;
            for _ in 0..iterations {
                let contestant = C::start(playback, clients, speed);
                let seen = play(contestant.address(), clients, playback, C::THREAD);
                calls = contestant.end(frames);
                runs.push(seen.cpu.as_nanos() as f64 / frames as f64);
                sum += if measure == Measure::Time { seen.elapsed } else { seen.cpu };
            }
            sum
        });
    });
    runs.sort_by(f64::total_cmp);
    if let Some(median) = runs.get(runs.len() / 2) {
        let how = if measure == Measure::Time { "as fast as can be" } else { "paced" };
        print!(
            "fanout, {how}, {name}: {median:.1} ns of processor time of the sending thread a frame (median of {})",
            runs.len()
        );
        match calls {
            Some(calls) => println!(", {:.1} frames a write", frames as f64 / calls as f64),
            None => println!(),
        }
    }
}

fn fanout(criterion: &mut Criterion) {
    allow_open_files();
    let (clients, trades, paced) = if tape::is_test() { (50, 100, 20) } else { (1_000, 8_192, 200) };

    let playback = Playback::new(trades);
    let mut group = criterion.benchmark_group(format!("fanout_1_to_{clients}_throughput"));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    let (elements, bytes) = ((clients * trades) as u64, (clients * playback.bytes.len()) as u64);
    group.throughput(Throughput::ElementsAndBytes { elements, bytes });
    time::<Server>(&mut group, "tapecast", &playback, clients, Measure::Time);
    time::<Floor>(&mut group, "floor", &playback, clients, Measure::Time);
    group.finish();

    let playback = Playback::new(paced);
    let mut group = criterion.benchmark_group(format!("fanout_1_to_{clients}_cpu_at_{RATE}_per_s"));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.throughput(Throughput::Elements((clients * paced) as u64));
    time::<Server>(&mut group, "tapecast", &playback, clients, Measure::Cpu);
    time::<Floor>(&mut group, "floor", &playback, clients, Measure::Cpu);
    group.finish();

    let paced = (format!("deflate_1_to_{clients}_cpu_at_{RATE}_per_s"), Measure::Cpu, paced);
    let flat_out = (format!("deflate_1_to_{clients}_throughput"), Measure::Time, trades / 4);
    for (name, measure, events) in [paced, flat_out] {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
        group.throughput(Throughput::Elements((clients * events) as u64));
        for (kind, is_deflated) in [("trade", false), ("trade", true), ("orderbook", false), ("orderbook", true)] {
            let playback = Playback::upbit(events, Upbit { kind, is_deflated });
            let how = if is_deflated { "deflated" } else { "plain" };
            let name = format!("{kind}_of_{}_bytes_{how}", playback.bytes.len() / events);
            time::<Server>(&mut group, &name, &playback, clients, measure);
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    targets = fanout
}
criterion_main!(benches);
