//! A recorder in a process of its own, and what it has written.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tapecast::tape::{Direction, Form, Reader};

use crate::support::PATIENCE;

/// `tapecast record`; killed when it goes out of scope.
pub struct Recorder {
    child: Child,
    said: std::sync::mpsc::Receiver<String>,
}

impl Recorder {
    pub fn start(out: &Path, flags: &[&str]) -> Recorder {
        Self::without_tape(&[&["--out", out.to_str().unwrap()], flags].concat())
    }

    pub fn without_tape(flags: &[&str]) -> Recorder {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tapecast"))
            .args(["record", "--flush-every", "20ms", "--retry-min", "5ms", "--retry-max", "20ms"])
            .args(flags)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary under test starts");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (sender, said) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("recorder: {line}");
                let _ = sender.send(line);
            }
        });
        Recorder { child, said }
    }

    /// Ends it as Ctrl-C does; what it said that was not asked for before.
    pub fn end(self) -> Vec<String> {
        let (is_success, said) = self.interrupt();
        assert!(is_success);
        said
    }

    /// The same where it does not end well.
    pub fn end_badly(self) -> Vec<String> {
        let (is_success, said) = self.interrupt();
        assert!(!is_success);
        said
    }

    fn interrupt(mut self) -> (bool, Vec<String>) {
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.expect("kill can be run").success());
        let is_success = self.child.wait().expect("it ends").success();
        (is_success, self.said.iter().collect())
    }

    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits until it says something.
    pub fn says(&self, part: &str) -> String {
        let begun = Instant::now();
        loop {
            // It goes on to say how far it has come.
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let line = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("it never says `{part}`"));
            if line.contains(part) {
                return line;
            }
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A record as it was read.
#[derive(Clone, Debug)]
pub struct Entry {
    pub ts_recv: i64,
    pub direction: Direction,
    pub form: Form,
    pub text: String,
}

/// All whole records of a tape.
pub fn entries(path: &Path) -> Vec<Entry> {
    let Ok(mut reader) = Reader::open(path) else { return Vec::new() };
    let mut entries = Vec::new();
    loop {
        match reader.read() {
            Ok(Some(record)) => {
                let message = record.message;
                let text = String::from_utf8_lossy(message.bytes).into_owned();
                let (direction, form) = (message.direction, message.form);
                entries.push(Entry { ts_recv: message.ts_recv, direction, form, text });
            }
            Ok(None) => return entries,
            Err(damage) => assert!(!damage.is_loss() || !reader.is_finished(), "{damage}"),
        }
    }
}

/// Messages of streams: snapshots apart.
pub fn streamed(entries: &[Entry]) -> Vec<&str> {
    let is_data = |entry: &&Entry| entry.direction == Direction::From && entry.form == Form::Text;
    entries
        .iter()
        .filter(is_data)
        .map(|entry| entry.text.as_str())
        .filter(|text| text.starts_with("{\"stream\""))
        .collect()
}

/// Waits until a tape that is being written satisfies.
pub fn wait_for(path: &Path, what: &str, mut satisfies: impl FnMut(&[Entry]) -> bool) -> Vec<Entry> {
    let begun = Instant::now();
    loop {
        let entries = entries(path);
        if satisfies(&entries) {
            return entries;
        }
        let newest: VecDeque<_> = entries.iter().rev().take(5).collect();
        assert!(begun.elapsed() < PATIENCE, "{what}: {newest:#?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn count(entries: &[Entry], form: Form) -> usize {
    entries.iter().filter(|entry| entry.form == form).count()
}
