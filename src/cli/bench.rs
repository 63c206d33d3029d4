//! `tapecast bench`: what pushing costs, and how late it comes.

use std::io::IsTerminal;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::{Contestant, Floor, Members, Mix, Plan, Report, Row, Stage, Way, highest};
use crate::cli::say::say;
use crate::config::value::parse_duration;
use crate::feed::metronome::{Beat, PREFIX};

/// Flags of `bench`.
#[derive(Args, Debug)]
pub struct Bench {
    /// Servers that run already: ws://, wss://, socketio://, socketios://, http://, https://, tcp:// or tls://.
    /// `{streams}` in a path stands for a connection's streams. Without one, servers are started for it.
    #[arg(value_name = "URL")]
    urls: Vec<String>,
    /// Ways into a server that is started for it, with commas between: floor, ws, wss, socketio, socketios, sse, ndjson,
    /// lines. `floor` is a bare loop of `send`: no server does less.
    #[arg(long, value_name = "WAYS", value_delimiter = ',', default_value = "floor,ws")]
    via: Vec<Way>,
    /// A server of somebody else's to be started beside them: a name, `=`, and a command that finds the feed in the
    /// variable TAPECAST_FEED and prints its address. May be given several times.
    #[arg(long, value_name = "NAME=COMMAND", value_parser = peer)]
    peer: Vec<(String, String)>,
    /// What those servers play, as for `serve`: `bench:` and any of symbols=, rate=, burst=true, grain=1ms, messages=.
    #[arg(long, value_name = "FEED", default_value = "bench:symbols=1,rate=100")]
    feed: Beat,
    /// Writer threads of those servers, with commas between for each of several. With more than one a server may have all
    /// cores, and the clients sleep where there are not more than two. [default: as `serve` has it]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    writers: Vec<u16>,
    /// Another flag for those servers, for instance `--serve=--ring-ticks=65536`. May be given several times.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    serve: Vec<String>,
    /// Clients.
    #[arg(long, short = 'c', value_name = "N", default_value_t = 100)]
    connections: usize,
    /// What each subscribes to, with commas between. [default: all tickers of the feed]
    #[arg(long, value_name = "STREAMS", conflicts_with = "mix")]
    streams: Option<String>,
    /// A file of sets of streams, one a line, which the clients take in turn; `*3` behind one is for three in a row.
    #[arg(long, value_name = "FILE")]
    mix: Option<PathBuf>,
    /// What a client sends to subscribe; `{streams}` in it stands for the names, quoted and with commas between.
    #[arg(long, value_name = "MESSAGE")]
    subscribe: Option<String>,
    /// The member of an event that says when it was made, in any unit since the epoch.
    #[arg(long, value_name = "NAME", default_value_t = Members::default().stamp)]
    stamp: String,
    /// The member that rises by one from event to event of a stream.
    #[arg(long, value_name = "NAME", default_value_t = Members::default().sequence)]
    sequence: String,
    /// The member that says which stream an event is of; empty if there is only one.
    #[arg(long, value_name = "NAME", default_value = "s")]
    key: String,
    /// Connections begun at a time.
    #[arg(long, value_name = "N", default_value_t = 256)]
    ramp: usize,
    /// From the last connection to the first message that counts.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    settle: Duration,
    /// How long messages count.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    hold: Duration,
    /// Look for the highest rate of the feed that each sustains: all of it delivered, whole, and 99 % within 100 ms.
    #[arg(long, conflicts_with = "rounds")]
    sweep: bool,
    /// How often everybody is measured; they take turns, and medians are told.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: usize,
    /// Per cent of the clients that read 4 KiB every 100 ms.
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    slow: usize,
    /// Per cent of the clients that read nothing.
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    stalled: usize,
    /// Per cent of the clients that leave every second and come again.
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    churning: usize,
    /// Whether clients look for messages without ever sleeping. A sleeper has to be woken by the server, which clients
    /// elsewhere are not. [default: true where they have a core of their own]
    #[arg(long, value_name = "BOOL")]
    spin: Option<bool>,
    /// Addresses to connect from, with commas between: one has ports for 28,000 connections. [default: to servers on
    /// 127.0.0.1 one for every 5,000 connections, 127.0.0.2 and so on; else the system's choice]
    #[arg(long, value_name = "ADDR", value_delimiter = ',')]
    source: Vec<IpAddr>,
    /// The process of a server that runs already: what it uses is then told.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Print all that was seen as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Write a page with pictures too, which stands by itself.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Flags of the floor, which `bench` starts as a process of its own.
#[derive(Args, Debug)]
pub struct BenchFloor {
    #[arg(long)]
    feed: Beat,
    #[arg(long)]
    connections: usize,
}

impl BenchFloor {
    /// Plays to its clients.
    ///
    /// # Errors
    /// What the system says.
    pub fn run(self) -> anyhow::Result<()> {
        let floor = Floor::bind(self.feed, self.connections)?;
        say!("floor  ws://{}", floor.address()?);
        Ok(floor.run()?)
    }
}

impl Bench {
    /// Measures, and tells.
    ///
    /// # Errors
    /// What is wrong with a flag, a file or a server, in one sentence.
    pub fn run(self) -> anyhow::Result<()> {
        let (plan, contestants) = (self.plan()?, self.contestants());
        if self.rounds == 0 {
            bail!("--rounds: 0 rounds measure nothing");
        }
        let files = Plan::allow_open_files();
        // Both ends may be here, and programs have files of their own.
        if files < plan.connections as u64 + 100 {
            bail!(
                "--connections: {} need as many open files, and the system allows {files}: an administrator may raise the \
                 hard limit, `ulimit -Hn`",
                plan.connections
            );
        }
        let row = |one: &Contestant| Row {
            name: one.name(),
            offered_per_second: one.offered_per_second(&plan),
            limit: None,
            rounds: Vec::new(),
        };
        let mut report =
            Report { scenario: self.scenario(), machine: machine(), rows: contestants.iter().map(row).collect() };
        for round in 1..=self.rounds {
            for (contestant, row) in contestants.iter().zip(&mut report.rows) {
                if self.sweep {
                    self.sweep(&plan, contestant, row)?;
                    continue;
                }
                let progress = Progress::new(&format!("{} {round}/{}", row.name, self.rounds));
                match (contestant, contestant.measure(&plan, &mut |stage| progress.tell(stage))) {
                    (_, Ok(outcome)) => row.rounds.push(outcome),
                    // Others are measured all the same.
                    (Contestant::Peer { .. }, Err(error)) => progress.say(&format!("{error}; it is left out")),
                    (_, Err(error)) => return Err(error.into()),
                }
            }
        }
        if let Some(path) = &self.html {
            std::fs::write(path, report.to_html()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if self.json {
            say!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", report.to_text());
        }
        Ok(())
    }

    /// Makes a row of the highest rate that a contestant sustains.
    fn sweep(&self, plan: &Plan, contestant: &Contestant, row: &mut Row) -> anyhow::Result<()> {
        let (name, progress) = (row.name.clone(), Progress::new(&row.name));
        let mut last = 0;
        let found = highest(contestant, plan, self.feed.rate, &mut |rate, stage| {
            if rate != last {
                last = rate;
                progress.say(&format!("{name}: {rate} a second"));
            }
            progress.tell(stage);
        });
        let found = match found {
            Ok(found) => found,
            // Others are measured all the same.
            Err(error) if matches!(contestant, Contestant::Peer { .. }) => {
                progress.say(&format!("{error}; it is left out"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        row.limit = found.limit;
        match found.best {
            Some((rate, outcome)) => {
                row.name = format!("{name} at {rate}/s");
                row.offered_per_second =
                    contestant.at_rate(rate).and_then(|contestant| contestant.offered_per_second(plan));
                row.rounds.push(outcome);
            }
            None => row.name = format!("{name} below {}/s", self.feed.rate),
        }
        Ok(())
    }

    fn plan(&self) -> anyhow::Result<Plan> {
        let mixes = match (&self.mix, &self.streams) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                Mix::parse(&text).with_context(|| path.display().to_string())?
            }
            (None, Some(streams)) => Mix::parse(streams).context("--streams")?,
            (None, None) => {
                let streams = (0..self.feed.symbols).map(|n| format!("s{n:03}usdt@ticker")).collect();
                vec![Mix { streams, weight: 1 }]
            }
        };
        if self.connections == 0 || self.ramp == 0 || self.hold.is_zero() {
            bail!("--connections, --ramp and --hold: 0 measures nothing");
        }
        let key = (!self.key.is_empty()).then(|| self.key.clone());
        let plan = Plan {
            connections: self.connections,
            mixes,
            subscribe: self.subscribe.clone(),
            members: Members { stamp: self.stamp.clone(), sequence: self.sequence.clone(), key },
            ramp: self.ramp,
            settle: self.settle,
            hold: self.hold,
            slow_percent: self.slow,
            stalled_percent: self.stalled,
            churning_percent: self.churning,
            spins: self.spin.unwrap_or_else(|| self.have_clients_a_core()),
            sources: self.source.clone(),
        };
        plan.check()?;
        Ok(plan)
    }

    /// Whether no server is on the clients' core.
    fn have_clients_a_core(&self) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        cores > 2 || cores == 2 && self.writers.iter().all(|writers| *writers == 1)
    }

    fn contestants(&self) -> Vec<Contestant> {
        if !self.urls.is_empty() {
            let running = |url: &String| Contestant::Running { url: url.clone(), pid: self.pid };
            return self.urls.iter().map(running).collect();
        }
        let own = |way: &Way| {
            let with = |writers: Option<usize>| Contestant::Own {
                way: *way,
                beat: self.feed,
                writers,
                flags: self.serve.clone(),
            };
            if self.writers.is_empty() || *way == Way::Floor {
                vec![with(None)]
            } else {
                self.writers.iter().map(|writers| with(Some(usize::from(*writers)))).collect()
            }
        };
        let peer = |(name, command): &(String, String)| {
            let (name, command) = (name.clone(), command.clone());
            Contestant::Peer { name, command, beat: self.feed }
        };
        self.via.iter().flat_map(own).chain(self.peer.iter().map(peer)).collect()
    }

    fn scenario(&self) -> String {
        let what = if self.urls.is_empty() {
            format!(", {}", self.feed.to_string().trim_start_matches(PREFIX))
        } else {
            String::new()
        };
        let rounds = if self.rounds == 1 { String::new() } else { format!(", medians of {} rounds", self.rounds) };
        format!("{} clients{what}, {} s{rounds}", self.connections, self.hold.as_secs_f64())
    }
}

/// Reads `name=command`.
fn peer(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, command)) if !name.is_empty() && !command.trim().is_empty() => Ok((name.into(), command.into())),
        _ => Err(format!("`{text}`: give a name, `=`, and a command")),
    }
}

fn machine() -> String {
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}, Linux {}", model.unwrap_or("an unknown processor"), kernel.trim())
}

/// What people see while they wait: a bar on a terminal, a line a stage elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    name: String,
    begun: Instant,
}

impl Progress {
    fn new(name: &str) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{prefix:20} {msg:12} [{bar:40}] {pos}/{len}");
            ProgressBar::new(0)
                .with_style(style.expect("a template that can be read").progress_chars("=> "))
                .with_prefix(name.to_owned())
        });
        Progress { bar, name: name.to_owned(), begun: Instant::now() }
    }

    /// Says what comes next.
    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_prefix(text.to_owned()),
            None => eprintln!("{text}"),
        }
    }

    fn tell(&self, stage: Stage) {
        let (what, at, of) = match stage {
            Stage::Connecting(at, of) => ("connecting", at as u64, of as u64),
            Stage::Holding(at, of) => ("measuring", at.as_millis() as u64, of.as_millis() as u64),
        };
        let seconds = self.begun.elapsed().as_secs_f64();
        match &self.bar {
            Some(bar) => {
                bar.set_length(of);
                bar.set_message(what);
                bar.set_position(at);
            }
            None if at == 0 => eprintln!("{}: {what}", self.name),
            None if at == of => eprintln!("{}: {what}: done after {seconds:.1} s", self.name),
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
