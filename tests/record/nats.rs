//! A NATS server in a process of its own, and a plain client that speaks its protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::{PATIENCE, connect};

/// `nats-server`; killed when it goes out of scope.
pub struct Nats {
    child: Child,
    pub address: SocketAddr,
    folder: PathBuf,
    flags: Vec<&'static str>,
}

/// Debian keeps it where only root looks.
fn program() -> Command {
    let place = Path::new("/usr/sbin/nats-server");
    Command::new(if place.exists() { place } else { Path::new("nats-server") })
}

/// Whether there is one; if not, that is printed, as the test that asks is then skipped.
pub fn is_installed() -> bool {
    let found = program().arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("TAPECAST_REQUIRE_CLIENTS").is_none(), "nats-server is not installed");
    if !found {
        println!("skipped: no nats-server (Debian has it as nats-server; tools/test installs it)");
    }
    found
}

impl Nats {
    /// Starts it on a free port. With `-js` among the flags it keeps streams in the folder.
    pub fn start(folder: &Path, flags: &[&'static str]) -> Nats {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = spawn(address, folder, flags);
        let nats = Nats { child, address, folder: folder.to_owned(), flags: flags.to_vec() };
        nats.wait();
        nats
    }

    /// Kills it, without a word to anybody.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as a machine that shuts down does: what it has acknowledged is on the disk.
    pub fn shut_down(&mut self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(status.expect("kill can be run").success());
        self.child.wait().unwrap();
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        self.child = spawn(self.address, &self.folder, &self.flags);
        self.wait();
    }

    fn wait(&self) {
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(begun.elapsed() < PATIENCE, "nats-server does not listen");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(address: SocketAddr, folder: &Path, flags: &[&str]) -> Child {
    program()
        .args(["-a", "127.0.0.1", "-p", &address.port().to_string()])
        .args(flags)
        .args(flags.contains(&"-js").then_some("-sd"))
        .args(flags.contains(&"-js").then_some(folder))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nats-server starts")
}

/// A client.
pub struct Publisher {
    stream: BufReader<TcpStream>,
}

impl Publisher {
    pub fn to(nats: &Nats) -> Publisher {
        let mut publisher = Publisher { stream: BufReader::new(connect(nats.address)) };
        assert!(publisher.line().starts_with("INFO "));
        publisher.write(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB inbox 1\r\n");
        publisher.flush();
        publisher
    }

    /// Publishes; with a time, under the header that says when it was received.
    pub fn publish(&mut self, subject: &str, ts_recv: Option<i64>, text: &str) {
        let head = ts_recv.map_or(String::new(), |ns| format!("NATS/1.0\r\nTapecast-Ts-Recv: {ns}\r\n\r\n"));
        let total = head.len() + text.len();
        let command = match head.len() {
            0 => format!("PUB {subject} {total}\r\n"),
            length => format!("HPUB {subject} {length} {total}\r\n"),
        };
        self.write(format!("{command}{head}{text}\r\n").as_bytes());
    }

    /// Waits until the server has read all of it.
    pub fn flush(&mut self) {
        self.write(b"PING\r\n");
        while self.line() != "PONG" {}
    }

    /// Asks JetStream for something; its answer.
    pub fn ask(&mut self, what: &str, text: &str) -> serde_json::Value {
        self.write(format!("PUB $JS.API.{what} inbox {}\r\n{text}\r\n", text.len()).as_bytes());
        loop {
            let line = self.line();
            if let Some(length) = line.strip_prefix("MSG inbox 1 ") {
                let mut bytes = vec![0; length.parse::<usize>().unwrap() + 2];
                self.stream.read_exact(&mut bytes).unwrap();
                let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                assert!(answer["error"].is_null(), "{what}: {answer}");
                return answer;
            }
        }
    }

    /// Makes a stream of one subject, in files.
    pub fn make_stream(&mut self, name: &str, subject: &str) {
        let config =
            format!("{{\"name\":\"{name}\",\"subjects\":[\"{subject}\"],\"storage\":\"file\",\"num_replicas\":1}}");
        self.ask(&format!("STREAM.CREATE.{name}"), &config);
    }

    /// Waits until a stream has so many messages.
    pub fn wait_for_stored(&mut self, name: &str, count: usize) {
        let begun = Instant::now();
        while self.ask(&format!("STREAM.INFO.{name}"), "")["state"]["messages"] != count {
            assert!(begun.elapsed() < PATIENCE, "{name} never has {count} messages");
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }

    /// The next line that is no ping; a ping is answered.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).unwrap() > 0, "nats-server hung up");
            match line.trim_end() {
                "PING" => self.write(b"PONG\r\n"),
                line => return line.to_owned(),
            }
        }
    }
}
