//! What is to be measured.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;

use crate::bench::process;

/// Ports that the system gives to the connections of an address, unless it is set up otherwise.
const PORTS_PER_SOURCE: usize = 28_232;

/// Connections from an address of this machine's own. The system looks for a free port from a random one on, which takes
/// milliseconds where most are taken.
const CONNECTIONS_PER_SOURCE: usize = 5_000;

/// A measurement, for every contestant the same.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many clients.
    pub connections: usize,
    /// What they subscribe to: each takes the next of these sets, in turn.
    pub mixes: Vec<Mix>,
    /// What is sent once a connection stands; `{streams}` in it stands for the connection's streams. Absent where the
    /// address says it.
    pub subscribe: Option<String>,
    /// Members of an event.
    pub members: Members,
    /// Connections begun at a time.
    pub ramp: usize,
    /// From the last connection made to the first message that counts.
    pub settle: Duration,
    /// How long messages count.
    pub hold: Duration,
    /// Of a hundred clients, how many read little.
    pub slow_percent: usize,
    /// How many read nothing.
    pub stalled_percent: usize,
    /// How many leave each second, and come again.
    pub churning_percent: usize,
    /// Whether the clients look for messages without ever sleeping, for which they want a core of their own. Waking
    /// somebody who sleeps is work of the sender's, and how often it is done depends on who happens to be faster: a
    /// server whose clients are elsewhere has none of it.
    pub spins: bool,
    /// Addresses to connect from, in turn: past 28,000 connections one has too few ports. None for as many of this
    /// machine's own as it takes, where the server is on it too; else for the system's choice.
    pub sources: Vec<IpAddr>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            connections: 100,
            mixes: vec![Mix::default()],
            subscribe: None,
            members: Members::default(),
            ramp: 256,
            settle: Duration::from_secs(1),
            hold: Duration::from_secs(5),
            slow_percent: 0,
            stalled_percent: 0,
            churning_percent: 0,
            spins: false,
            sources: Vec::new(),
        }
    }
}

/// A set of streams, and how many of the connections have it beside those with other sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Their names.
    pub streams: Vec<String>,
    /// How many connections in a row take it.
    pub weight: usize,
}

impl Default for Mix {
    fn default() -> Mix {
        Mix { streams: vec!["s000usdt@ticker".into()], weight: 1 }
    }
}

/// What the members of an event are called that are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    /// When it was made: seconds, milliseconds, microseconds or nanoseconds since the epoch.
    pub stamp: String,
    /// A number that rises by one from event to event of a stream.
    pub sequence: String,
    /// Which stream it is of; `None` where there is only one.
    pub key: Option<String>,
}

impl Default for Members {
    fn default() -> Members {
        Members { stamp: "E".into(), sequence: "L".into(), key: Some("s".into()) }
    }
}

/// What cannot be measured.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// A line of the file of sets.
    #[error("line {line} of the mixes: {reason}")]
    Mix {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing in it.
    #[error(
        "the mixes are empty: a line is the names of a set's streams, and perhaps `*3` for three connections in a row"
    )]
    NoMix,
    /// Fewer ports than connections.
    #[error("the addresses that are connected from have {0} ports: name more of them with --source")]
    Ports(usize),
    /// More clients than there are.
    #[error("slow, stalled and churning clients are {0} % together")]
    Shares(usize),
}

impl Mix {
    /// Reads sets, one a line: names with spaces or commas between, and perhaps `*3` behind them for three connections
    /// in a row. What follows a `#` is a comment.
    ///
    /// # Errors
    /// [`PlanError`] for the first line that is none, and for a text without any.
    pub fn parse(text: &str) -> Result<Vec<Mix>, PlanError> {
        let mut mixes = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("");
            let mut mix = Mix { streams: Vec::new(), weight: 1 };
            for word in line.split([' ', ',', '\t', '\r']).filter(|word| !word.is_empty()) {
                match word.strip_prefix('*') {
                    None => mix.streams.push(word.to_owned()),
                    Some(weight) => {
                        let wrong = PlanError::Mix { line: number + 1, reason: "a weight is `*` and a number from 1" };
                        mix.weight = weight.parse().ok().filter(|weight| *weight > 0).ok_or(wrong)?;
                    }
                }
            }
            match (mix.streams.is_empty(), mix.weight) {
                (false, _) => mixes.push(mix),
                (true, 1) => {}
                (true, _) => return Err(PlanError::Mix { line: number + 1, reason: "a weight, and no streams" }),
            }
        }
        if mixes.is_empty() { Err(PlanError::NoMix) } else { Ok(mixes) }
    }
}

impl Plan {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// [`PlanError::Shares`].
    pub fn check(&self) -> Result<(), PlanError> {
        let shares = self.slow_percent + self.stalled_percent + self.churning_percent;
        if shares > 100 { Err(PlanError::Shares(shares)) } else { Ok(()) }
    }

    /// Lets this process have as many connections as the system allows; how many files that is.
    pub fn allow_open_files() -> u64 {
        process::allow_open_files()
    }

    /// Addresses to connect from to a server there, in turn; empty for the system's choice.
    ///
    /// # Errors
    /// [`PlanError::Ports`].
    pub(super) fn sources(&self, server: SocketAddr) -> Result<Vec<IpAddr>, PlanError> {
        let IpAddr::V4(server) = server.ip() else { return self.with_ports(self.sources.clone()) };
        let is_own = cfg!(target_os = "linux") && server.is_loopback() && self.sources.is_empty();
        if !is_own || self.connections <= CONNECTIONS_PER_SOURCE {
            return self.with_ports(self.sources.clone());
        }
        // All of 127.0.0.0/8 is this machine.
        let count = self.connections.div_ceil(CONNECTIONS_PER_SOURCE) as u32;
        Ok((1..=count).map(|number| Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + number).into()).collect())
    }

    fn with_ports(&self, sources: Vec<IpAddr>) -> Result<Vec<IpAddr>, PlanError> {
        let ports = PORTS_PER_SOURCE * sources.len().max(1);
        if self.connections > ports { Err(PlanError::Ports(ports)) } else { Ok(sources) }
    }

    /// The streams of a connection.
    pub(super) fn streams(&self, connection: usize) -> &[String] {
        let turn: usize = self.mixes.iter().map(|mix| mix.weight).sum();
        let mut place = connection % turn;
        for mix in &self.mixes {
            match place.checked_sub(mix.weight) {
                None => return &mix.streams,
                Some(rest) => place = rest,
            }
        }
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_taken_in_turn_by_their_weights() {
        let mixes = Mix::parse("# two of these\na@ticker,b@ticker *2\n\nc@ticker # one\n").unwrap();
        let plan = Plan { mixes, ..Plan::default() };
        let first: Vec<&str> = (0..6).map(|connection| plan.streams(connection)[0].as_str()).collect();
        assert_eq!(first, ["a@ticker", "a@ticker", "c@ticker", "a@ticker", "a@ticker", "c@ticker"]);
        assert_eq!(plan.streams(0).len(), 2);
    }

    #[test]
    fn many_connections_come_from_several_addresses() {
        let sources = |connections, sources: &[&str], server: &str| {
            let sources = sources.iter().map(|source| source.parse().unwrap()).collect();
            Plan { connections, sources, ..Plan::default() }.sources(server.parse().unwrap())
        };
        assert_eq!(sources(5_000, &[], "127.0.0.1:1"), Ok(vec![]));
        let own = sources(12_000, &[], "127.0.0.1:1").unwrap();
        assert_eq!(own, ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(|source| source.parse::<IpAddr>().unwrap()));
        assert_eq!(sources(2_000_000, &[], "127.0.0.1:1").unwrap().last().unwrap().to_string(), "127.0.1.145");
        for server in ["192.0.2.1:1", "[::1]:1"] {
            assert_eq!(sources(28_232, &[], server), Ok(vec![]));
            assert_eq!(sources(28_233, &[], server), Err(PlanError::Ports(28_232)));
        }
        assert_eq!(sources(60_000, &["127.0.0.9", "127.0.0.8"], "127.0.0.1:1"), Err(PlanError::Ports(56_464)));
    }

    #[test]
    fn what_is_no_set_is_named() {
        assert_eq!(Mix::parse("\n# nothing\n"), Err(PlanError::NoMix));
        assert!(matches!(Mix::parse("a\n b *x\n"), Err(PlanError::Mix { line: 2, .. })));
        assert!(matches!(Mix::parse("a\n*2\n"), Err(PlanError::Mix { line: 2, .. })));
        let plan = Plan { slow_percent: 60, stalled_percent: 50, ..Plan::default() };
        assert_eq!(plan.check(), Err(PlanError::Shares(110)));
    }
}
