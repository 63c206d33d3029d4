//! Who is measured: servers that are started here, each in a process of its own, and servers that run already.

use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;

use core_affinity::CoreId;

use crate::bench::BenchError;
use crate::bench::load::{Load, Stage};
use crate::bench::outcome::Outcome;
use crate::bench::plan::Plan;
use crate::bench::target::Target;
use crate::feed::metronome::Beat;

/// A way into a server that is started here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A bare loop of `send`.
    Floor,
    /// WebSocket.
    WebSocket,
    /// WebSocket over TLS.
    SecureWebSocket,
    /// Socket.IO over WebSocket.
    SocketIo,
    /// Socket.IO over WebSocket over TLS.
    SecureSocketIo,
    /// Server-sent events.
    Events,
    /// Lines of JSON over HTTP.
    Ndjson,
    /// Lines over TCP.
    Lines,
    /// Whichever way the server's own words name.
    Printed,
}

impl Way {
    /// All, with their names.
    pub const ALL: [(&'static str, Way); 8] = [
        ("floor", Way::Floor),
        ("ws", Way::WebSocket),
        ("wss", Way::SecureWebSocket),
        ("socketio", Way::SocketIo),
        ("socketios", Way::SecureSocketIo),
        ("sse", Way::Events),
        ("ndjson", Way::Ndjson),
        ("lines", Way::Lines),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Way::ALL.iter().find(|(_, way)| *way == self).map_or("", |(name, _)| name)
    }

    fn is_tls(self) -> bool {
        matches!(self, Way::SecureWebSocket | Way::SecureSocketIo)
    }

    /// Where its clients connect to, by what the server says at its start.
    fn url(self, greeting: &str) -> Option<String> {
        let behind = |scheme: &str| {
            let at = greeting.find(scheme)? + scheme.len();
            greeting[at..].split_whitespace().next().filter(|_| greeting.ends_with('\n'))
        };
        let query = "timeUnit=MICROSECOND";
        Some(match self {
            Way::Floor | Way::WebSocket => format!("ws://{}/ws/{{streams}}?{query}", behind(" ws://")?),
            Way::SecureWebSocket => format!("wss://{}/ws/{{streams}}?{query}", behind("wss://")?),
            Way::SocketIo => format!("socketio://{}/binance", behind(" ws://")?),
            Way::SecureSocketIo => format!("socketios://{}/binance", behind("wss://")?),
            Way::Events => format!("http://{}/sse?{query}&streams={{streams}}", behind(" ws://")?),
            Way::Ndjson => format!("http://{}/ndjson?{query}&streams={{streams}}", behind(" ws://")?),
            Way::Lines => format!("tcp://{}", behind("tcp://")?),
            Way::Printed => greeting.split_whitespace().find(|word| word.contains("://"))?.to_owned(),
        })
    }
}

impl FromStr for Way {
    type Err = String;

    fn from_str(text: &str) -> Result<Way, String> {
        Way::ALL.iter().find(|(name, _)| *name == text).map(|(_, way)| *way).ok_or_else(|| {
            let names: Vec<&str> = Way::ALL.iter().map(|(name, _)| *name).collect();
            format!("`{text}`: there are {}", names.join(", "))
        })
    }
}

/// Who is measured.
#[derive(Clone, Debug)]
pub enum Contestant {
    /// A server of ours with this feed, or the floor, started for each round and ended behind it.
    Own {
        /// How its clients come in.
        way: Way,
        /// What it plays.
        beat: Beat,
        /// Its writer threads; absent for the server's own choice. With more than one it may have all cores.
        writers: Option<usize>,
        /// Flags of `serve` beside those that follow from these.
        flags: Vec<String>,
    },
    /// A server of somebody else's, started and ended likewise. It finds the feed in the variable `TAPECAST_FEED`, is to
    /// make such messages itself, and says where it listens by printing an address; behind it stands `pid` and a number where
    /// the process to be looked at is another than the one that was started, and `subscribe` and what clients send.
    Peer {
        /// What it is called.
        name: String,
        /// A command of the shell.
        command: String,
        /// What it plays.
        beat: Beat,
    },
    /// A server that runs.
    Running {
        /// Its address.
        url: String,
        /// Its process, if that is to be looked at.
        pid: Option<u32>,
    },
}

impl Contestant {
    /// What the report calls it.
    pub fn name(&self) -> String {
        match self {
            Contestant::Own { way, writers: Some(writers), .. } => {
                format!("{}, {writers} writer{}", way.name(), if *writers == 1 { "" } else { "s" })
            }
            Contestant::Own { way, .. } => way.name().to_owned(),
            Contestant::Peer { name, .. } => name.clone(),
            Contestant::Running { url, .. } => url.clone(),
        }
    }

    /// Events a second that its clients are offered, all together; absent where the feed is not ours.
    pub fn offered_per_second(&self, plan: &Plan) -> Option<f64> {
        let (Contestant::Own { beat, .. } | Contestant::Peer { beat, .. }) = self else { return None };
        let streams: usize = (0..plan.connections).map(|connection| plan.streams(connection).len()).sum();
        Some(streams as f64 * f64::from(beat.rate))
    }

    /// Measures it once. `told` is what is happening meanwhile.
    ///
    /// # Errors
    /// [`BenchError`] where it does not start, or nobody can be connected.
    pub fn measure(&self, plan: &Plan, told: &mut dyn FnMut(Stage)) -> Result<Outcome, BenchError> {
        let running = self.start(plan)?;
        let wrong = |reason: String| BenchError::Start { name: self.name(), reason };
        let target = Target::parse(&running.url).map_err(|error| wrong(error.to_string()))?;
        let subscribe = running.subscribe.clone().or_else(|| plan.subscribe.clone());
        let plan = Plan { subscribe, ..plan.clone() };
        let mut load = Load::new(&plan, &target)?;
        let seen = load.run(running.pid, told);
        // The server goes first: who ends a connection has its port in use for a minute more, and the clients are to have
        // theirs for the next one.
        drop(running);
        let name = self.name();
        seen.map_err(|reason| BenchError::NoConnection { name, connections: plan.connections, reason })
    }

    /// The same with another rate of each symbol; `None` for a server whose feed is not ours.
    #[must_use]
    pub fn at_rate(&self, rate: u32) -> Option<Contestant> {
        let mut other = self.clone();
        match &mut other {
            Contestant::Own { beat, .. } | Contestant::Peer { beat, .. } => beat.rate = rate,
            Contestant::Running { .. } => return None,
        }
        Some(other)
    }

    /// How it is started, and how its address is found in what it prints; `None` for one that runs.
    fn command(&self, plan: &Plan) -> io::Result<Option<(Command, Way)>> {
        let (way, beat, writers, flags) = match self {
            Contestant::Running { .. } => return Ok(None),
            Contestant::Peer { command: line, beat, .. } => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("exec {line}")]).env("TAPECAST_FEED", beat.to_string());
                return Ok(Some((command, Way::Printed)));
            }
            Contestant::Own { way, beat, flags, writers } => (*way, beat, writers, flags),
        };
        let mut command = Command::new(std::env::current_exe()?);
        if way == Way::Floor {
            command.args(["bench-floor", "--feed", &beat.to_string()]);
            command.args(["--connections", &plan.connections.to_string()]);
        } else {
            command.args(["serve", "--listen", "127.0.0.1:0", "--attempts-max", "0", "--feed", &beat.to_string()]);
            if way.is_tls() {
                command.args(["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
            }
            command.args(writers.iter().map(|writers| format!("--writers={writers}"))).args(flags);
        }
        Ok(Some((command, way)))
    }

    /// Whether it is to be kept to one core.
    fn is_of_one_core(&self) -> bool {
        !matches!(self, Contestant::Own { writers: Some(2..), .. })
    }

    fn start(&self, plan: &Plan) -> Result<Running, BenchError> {
        let wrong = |reason: String| BenchError::Start { name: self.name(), reason };
        let Some((mut command, way)) = self.command(plan)? else {
            let Contestant::Running { url, pid } = self else { return Err(wrong("it cannot be".into())) };
            return Ok(Running { url: url.clone(), pid: *pid, subscribe: None, child: None });
        };
        // The server has the first core to itself where there are two, the clients have the last one.
        let cores = cores();
        let keep_to = |core: Option<&CoreId>| core.is_some_and(|core| core_affinity::set_for_current(*core));
        if let ([first, _], true) = (cores, self.is_of_one_core()) {
            keep_to(Some(first));
        }
        let spawned = command.stdout(Stdio::piped()).stdin(Stdio::null()).process_group(0).spawn();
        keep_to(cores.last());
        let mut child = spawned.map_err(|error| wrong(error.to_string()))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(|| wrong("it has no output".into()))?).lines();
        let mut greeting = String::new();
        let url = lines.by_ref().map_while(Result::ok).find_map(|line| {
            greeting.push_str(&line);
            greeting.push('\n');
            way.url(&greeting)
        });
        // A server that others start says which of them it is.
        let words: Vec<&str> = greeting.split_whitespace().collect();
        let pid = words.windows(2).find(|pair| pair[0] == "pid").and_then(|pair| pair[1].parse().ok());
        let pid = Some(pid.unwrap_or(child.id()));
        let subscribe = greeting.split_once(" subscribe ").and_then(|(_, rest)| rest.lines().next()).map(str::to_owned);
        let Some(url) = url else {
            let _ = child.kill();
            let status = child.wait().map(|status| status.to_string()).unwrap_or_default();
            return Err(wrong(format!("it ended with {status} and did not say where it listens")));
        };
        // Somebody must read what else it prints.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Running { url, pid, subscribe, child: Some(child) })
    }
}

/// The cores there are. Looked up before this thread keeps to one of them, which from then on would be all it sees.
fn cores() -> &'static [CoreId] {
    static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();
    CORES.get_or_init(|| core_affinity::get_core_ids().unwrap_or_default())
}

/// A server under measurement; ended with this if it was started for it.
struct Running {
    url: String,
    pid: Option<u32>,
    /// What its clients send to subscribe, if it says so itself.
    subscribe: Option<String>,
    child: Option<Child>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // What it has started too: a publisher beside a broker.
            if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = child.wait();
        }
    }
}
