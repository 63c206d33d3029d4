//! What tests that speak to a server from outside share: a server in a process of its own, and a plain client.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod engine;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The longest any single step of a test may take before it counts as failed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// `tapecast serve` in a process of its own; killed when it goes out of scope.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    /// Where it speaks TLS, if it does.
    pub tls_address: Option<SocketAddr>,
    /// Where it listens for lines, if it does.
    pub lines: Option<SocketAddr>,
}

impl Server {
    /// Starts it with these flags on a port of its own and waits until it says where it listens.
    pub fn start(flags: &[&str]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tapecast"))
            .args(["serve", "--listen", "127.0.0.1:0", "--pin", "false"])
            .args(flags)
            // So that resident memory is what the server uses: of a huge page that is used in part, the kernel
            // counts all.
            .env("MIMALLOC_ALLOW_THP", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary under test starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines();
        let greeting = lines.by_ref().map_while(Result::ok).find(|line| line.contains("ws://"));
        let greeting = greeting.expect("the server says where it listens");
        let behind = |scheme: &str| {
            let text = greeting.split_once(scheme)?.1.split_whitespace().next()?;
            Some(text.parse().expect("an address"))
        };
        let (address, door) = (behind("ws://").expect("an address"), behind("tcp://"));
        // With TLS the next line says where.
        let tls_address = flags.iter().any(|flag| flag.starts_with("--tls-")).then(|| {
            let line = lines.next().expect("a line").expect("UTF-8");
            let (_, rest) = line.split_once("wss://").expect("the server says where it speaks TLS");
            rest.split_whitespace().next().and_then(|text| text.parse().ok()).expect("an address")
        });
        // Somebody must read what else it prints.
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, address, tls_address, lines: door }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill can be run").success());
    }

    /// Waits until it exits by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not exit");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap_or_default();
        let pages: u64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
        pages * 4_096
    }

    /// The most memory it ever had resident, in bytes.
    pub fn resident_bytes_peak(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1_024
    }

    /// An HTTP answer: status, head and body.
    pub fn get(&self, path: &str) -> (u16, String, String) {
        self.get_with(path, "")
    }

    /// The same with more headers, each with its line's end.
    pub fn get_with(&self, path: &str, headers: &str) -> (u16, String, String) {
        let (head, body) = self.get_bytes(path, headers);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head, String::from_utf8(body).expect("an answer in UTF-8"))
    }

    /// Head and body, the latter as it was sent.
    pub fn get_bytes(&self, path: &str, headers: &str) -> (String, Vec<u8>) {
        let mut stream = connect(self.address);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n")
            .expect("the request goes out");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let body = bytes.split_off(end + 4);
        bytes.truncate(end);
        (String::from_utf8(bytes).expect("a head in UTF-8"), body)
    }

    /// The counters, summed over cores.
    pub fn count(&self, name: &str) -> u64 {
        let status: serde_json::Value = serde_json::from_str(&self.get("/status").2).expect("JSON");
        let cores = status["metrics"]["cores"].as_array().expect("a list");
        let of_cores: u64 = cores.iter().filter_map(|core| core[name].as_u64()).sum();
        of_cores + status["metrics"]["ingest"][name].as_u64().unwrap_or(0)
    }

    /// Has the built-in tape go to its fifth second: a tape that was moved is no longer what was told of it. It must be
    /// under control.
    pub fn move_demo(&self) {
        let url = format!("http://{}", self.address);
        let moved = Command::new(env!("CARGO_BIN_EXE_tapecast")).args(["ctl", &url, "seek", "03:00:05"]).status();
        assert!(moved.expect("the binary under test starts").success());
    }

    /// Waits until a counter has reached a value.
    pub fn wait_for_count(&self, name: &str, least: u64) {
        let begun = Instant::now();
        while self.count(name) < least {
            assert!(begun.elapsed() < PATIENCE, "{name} stays below {least}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// The head of an answer, to a request with these headers, each with its line's end.
pub fn head_of(address: SocketAddr, target: &str, headers: &str) -> String {
    let mut stream = connect(address);
    write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n{headers}\r\n").expect("the request goes out");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a head") > 0, "the connection ends in the head: {head}");
    }
    head
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("UTF-8")
    }

    /// Code and reason of a close frame.
    pub fn close(&self) -> (u16, &str) {
        assert_eq!(self.opcode, 8, "not a close frame: {:?}", String::from_utf8_lossy(&self.payload));
        let reason = std::str::from_utf8(&self.payload[2..]).expect("UTF-8");
        (u16::from_be_bytes([self.payload[0], self.payload[1]]), reason)
    }
}

/// A WebSocket client that does only what it is told: no pongs, no answers to close frames.
pub struct Client<S = TcpStream> {
    reader: BufReader<S>,
    /// The head of the answer to the handshake.
    pub head: String,
}

impl Client {
    pub fn open(server: &Server, target: &str) -> Client {
        Self::try_open(server.address, target).unwrap_or_else(|head| panic!("{target}: {head}"))
    }

    /// The head of the answer where it is no upgrade.
    pub fn try_open(address: SocketAddr, target: &str) -> Result<Client, String> {
        Self::try_open_with(address, target, "")
    }

    /// The same with more headers, each with its line's end.
    pub fn try_open_with(address: SocketAddr, target: &str, headers: &str) -> Result<Client, String> {
        Client::on(connect(address), target, headers)
    }
}

impl<S: Read + Write> Client<S> {
    /// The same on a stream that is there.
    pub fn on(mut stream: S, target: &str, headers: &str) -> Result<Client<S>, String> {
        write!(
            stream,
            "GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        )
        .expect("the request goes out");
        let mut reader = BufReader::with_capacity(1 << 16, stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).expect("a head") == 0 {
                return Err(head);
            }
        }
        if !head.starts_with("HTTP/1.1 101") {
            return Err(head);
        }
        assert!(head.to_ascii_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
        Ok(Client { reader, head })
    }

    /// One frame, the last of its message. Bits above the opcode's four are sent as reserved bits.
    pub fn send(&mut self, opcode: u8, payload: &[u8]) {
        self.send_raw(0x80 | opcode, payload);
    }

    /// A frame that is not the last of its message.
    pub fn send_fragment(&mut self, opcode: u8, payload: &[u8]) {
        self.send_raw(opcode, payload);
    }

    fn send_raw(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | length as u8),
            length @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.send_bytes(&frame);
    }

    /// What it speaks through.
    pub fn stream(&mut self) -> &mut S {
        self.reader.get_mut()
    }

    /// Bytes as they are, frame or not.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).expect("the bytes go out");
    }

    pub fn say(&mut self, text: &str) {
        self.send(1, text.as_bytes());
    }

    /// The next frame; `None` at the end of the connection, however it came.
    pub fn next(&mut self) -> Option<Frame> {
        let mut payload = Vec::new();
        let opcode = self.next_into(&mut payload)?;
        Some(Frame { opcode, payload })
    }

    /// The same into a buffer that is used again.
    pub fn next_into(&mut self, payload: &mut Vec<u8>) -> Option<u8> {
        let (opcode, is_deflated) = self.next_raw_into(payload)?;
        assert!(!is_deflated, "compressed");
        Some(opcode)
    }

    /// The same where frames may be compressed, which is the second value; the payload is as it came.
    pub fn next_raw_into(&mut self, payload: &mut Vec<u8>) -> Option<(u8, bool)> {
        let mut head = [0; 2];
        self.read(&mut head)?;
        assert_eq!(head[0] & 0x30, 0, "reserved bits");
        assert_eq!(head[0] & 0x80, 0x80, "fragmented");
        assert_eq!(head[1] & 0x80, 0, "masked");
        let length = match head[1] {
            126 => {
                let mut bytes = [0; 2];
                self.read(&mut bytes)?;
                u64::from(u16::from_be_bytes(bytes))
            }
            127 => {
                let mut bytes = [0; 8];
                self.read(&mut bytes)?;
                u64::from_be_bytes(bytes)
            }
            length => u64::from(length),
        };
        payload.resize(length as usize, 0);
        self.read(payload)?;
        Some((head[0] & 0x0f, head[0] & 0x40 != 0))
    }

    /// The next frame that is no ping.
    pub fn next_event(&mut self) -> Frame {
        loop {
            let frame = self.next().expect("the connection lasts");
            if frame.opcode != 9 {
                return frame;
            }
        }
    }

    /// Sends a request and returns the text of the answer, passing over events.
    pub fn ask(&mut self, text: &str) -> String {
        self.say(text);
        loop {
            let frame = self.next_event();
            if frame.payload.starts_with(b"{\"result\"") || frame.payload.starts_with(b"{\"error\"") {
                return frame.text().to_owned();
            }
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.reader.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("nothing came for {PATIENCE:?}"),
            Err(_) => None,
        }
    }
}

/// The folder of real recordings: `TAPECAST_FEEDS`, or the one beside the project; `None` where it is absent, which
/// is printed, as the test that asks for it is then skipped.
pub fn recordings() -> Option<PathBuf> {
    let folder = std::env::var_os("TAPECAST_FEEDS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/feeds"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no recordings at {} (set TAPECAST_FEEDS to a folder that has them)", folder.display());
    None
}

/// The lines of a recording: receive time and message.
pub fn lines(path: &std::path::Path) -> Vec<(i64, String)> {
    let file = std::fs::File::open(path).expect("the recording is there");
    let reader: Box<dyn BufRead> = if path.extension().is_some_and(|ending| ending == "zst") {
        Box::new(BufReader::new(zstd::Decoder::new(file).expect("zstd")))
    } else {
        Box::new(BufReader::new(file))
    };
    let split = |line: String| {
        let (time, message) = line.split_once(' ').expect("a receive time");
        (time.parse().expect("a number"), message.to_owned())
    };
    reader.lines().map(|line| split(line.expect("a line"))).collect()
}

/// A tape in a temporary folder.
pub fn tape(folder: &tempfile::TempDir, name: &str, lines: &[(i64, String)]) -> String {
    let path = folder.path().join(name);
    let text: String = lines.iter().map(|(time, message)| format!("{time} {message}\n")).collect();
    std::fs::write(&path, text).expect("the tape can be written");
    path.to_string_lossy().into_owned()
}

/// An invented trade on a combined stream, with its receive time.
pub fn trade(number: i64, ts_ms: i64) -> (i64, String) {
    let message = format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{ts_ms},"s":"BTCUSDT","t":{number},"p":"65000.10000000","q":"0.00100000","T":{ts_ms},"m":false,"M":true}}}}"#
    );
    (ts_ms * 1_000_000, message)
}
