//! What is installed, and programs that run until their test is over.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// The longest that anything here is waited for. Scripts have a shorter one, and say what they were at.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What people are told to type.
pub const README: &str = include_str!("../../README.md");

/// The scripts, and what is installed for them.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Node, if it and the package are there.
pub fn node_with(package: &str) -> Option<PathBuf> {
    let node = installed("node", on_path("node"))?;
    let package_json = folder().join("node_modules").join(package).join("package.json");
    installed(&format!("{package} (npm)"), Some(package_json)).map(|_| node)
}

/// Python, if it and the package are there.
pub fn python_with(package: &str) -> Option<PathBuf> {
    let python = installed("the Python environment", Some(folder().join(".venv/bin/python")))?;
    let is_there = Command::new(&python).args(["-c", &format!("import {package}")]).stderr(Stdio::null()).status();
    installed(&format!("{package} (Python)"), is_there.is_ok_and(|status| status.success()).then_some(python))
}

/// The path, if there is something. Otherwise says that the test is skipped, or fails where none may be.
pub fn installed(what: &str, path: Option<PathBuf>) -> Option<PathBuf> {
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        let is_required = std::env::var("TAPECAST_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
        assert!(!is_required, "{what} is not installed, run tools/test");
        // Not `eprintln`, whose output the test harness keeps to itself.
        let _ = writeln!(std::io::stderr(), "skipped: {what} is not installed, run tools/test");
    }
    path
}

pub fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

pub fn sh(command: &str) -> Command {
    let mut sh = Command::new("sh");
    sh.args(["-c", &format!("exec {command}")]);
    sh
}

pub fn script(interpreter: &Path, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(folder().join(name));
    command
}

/// The server, playing its built-in tape.
pub struct Server {
    pub program: Program,
    pub greeting: Vec<String>,
    /// `ws://ip:port`.
    pub address: String,
}

/// Flags of a server where people talk, and of one that speaks TLS too, on ports of its own.
pub const ROOMS: [&str; 5] = ["--listen", "127.0.0.1:0", "--writers", "2", "--rooms"];
pub const SELF_SIGNED: [&str; 5] = ["--listen", "127.0.0.1:0", "--tls-self-signed", "--tls-listen", "127.0.0.1:0"];

impl Server {
    pub fn start() -> Server {
        Server::start_with(&["--listen", "127.0.0.1:0"])
    }

    pub fn start_with(flags: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tapecast"));
        let mut program = Program::start(command.arg("serve").args(flags));
        program.line("the end of the greeting", |line| line.contains("in a browser"));
        let greeting = std::mem::take(&mut program.lines_seen);
        let mut words = greeting.iter().flat_map(|line| line.split_whitespace());
        let address = words.find(|word| word.starts_with("ws://")).expect("the greeting has the address").to_owned();
        Server { program, greeting, address }
    }

    /// `wss://ip:port`.
    pub fn secure_address(&self) -> String {
        let mut words = self.greeting.iter().flat_map(|line| line.split_whitespace());
        words.find(|word| word.starts_with("wss://")).expect("the greeting has the address of TLS").to_owned()
    }

    /// What the table of clients in the README says of one: the pieces of code behind its name.
    pub fn documented(&self, client: &str) -> Vec<String> {
        let begin = format!("| {client} | ");
        let row = README.lines().find_map(|line| line.strip_prefix(&begin)).unwrap_or_else(|| panic!("no row {begin}"));
        row.split('`').skip(1).step_by(2).map(|code| self.readdressed(code)).collect()
    }

    /// The README's text, with the addresses of this server in place of the usual ones.
    pub fn readdressed(&self, text: &str) -> String {
        let mut words = self.greeting.iter().flat_map(|line| line.split_whitespace());
        let lines = words.find_map(|word| word.strip_prefix("tcp://")).expect("the greeting has the port for lines");
        let port = lines.rsplit_once(':').expect("a port").1;
        let text = text.replace("127.0.0.1:9400", self.address.trim_start_matches("ws://")).replace("9401", port);
        match words.find_map(|word| word.strip_prefix("wss://")) {
            Some(secure) => text.replace("127.0.0.1:9443", secure),
            None => text,
        }
    }

    pub fn run(&self, mut command: Command) -> Program {
        Program::start(command.arg(&self.address))
    }

    pub fn pass(&self, command: Command) {
        self.run(command).pass();
    }
}

/// A program that runs, with all that it has started, until it has ended or this is dropped.
pub struct Program {
    pub child: Child,
    pub is_over: bool,
    pub lines: Receiver<String>,
    pub lines_seen: Vec<String>,
}

impl Program {
    pub fn start(command: &mut Command) -> Program {
        // A group of its own, so that the children of `npx` can be reached.
        let command = command.current_dir(folder()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("it was piped"));
        let (send, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Program { child, is_over: false, lines, lines_seen: Vec::new() }
    }

    /// Waits for a line.
    pub fn line(&mut self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
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
    pub fn pass(&mut self) {
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
    pub fn signal(&self, name: &str) {
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
