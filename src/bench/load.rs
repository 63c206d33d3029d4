//! All clients of a contestant, in one thread.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::{Events, Poll, Token};
use rustls::ClientConfig;

use crate::bench::check::Ledger;
use crate::bench::connection::{Connection, Ended, Manner, Phase};
use crate::bench::outcome::{Moment, Outcome};
use crate::bench::plan::Plan;
use crate::bench::process::{Usage, thread_cpu};
use crate::bench::socket::{Socket, tls_config};
use crate::bench::target::Target;

/// Largest piece that is read at a time.
const READ_BYTES: usize = 256 << 10;

/// What a slow client reads at a time, and how often.
const SLOW_READ_BYTES: usize = 4 << 10;

/// The longest the loop waits before it looks at its clocks.
const TURN: Duration = Duration::from_millis(20);

/// How often a churning client comes again, and a slow one reads.
const CHURN_EVERY: Duration = Duration::from_secs(1);
const SLOW_EVERY: Duration = Duration::from_millis(100);

/// How long connecting all clients may take without one more being connected.
const RAMP_PATIENCE: Duration = Duration::from_secs(20);

/// What is happening, for people who wait.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// So many of so many clients are connected.
    Connecting(usize, usize),
    /// So much of the time has passed.
    Holding(Duration, Duration),
}

/// The clients of one contestant.
pub(super) struct Load<'a> {
    plan: &'a Plan,
    target: &'a Target,
    tls: Option<Arc<ClientConfig>>,
    /// Addresses to connect from, in turn.
    sources: Vec<IpAddr>,
    poll: Poll,
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
    ledger: Ledger,
    open: usize,
    /// Clients that are being connected.
    under_way: usize,
    /// Why clients ended that should not have, and how many.
    failures: BTreeMap<String, usize>,
    /// Time spent on what came.
    busy: Duration,
}

impl<'a> Load<'a> {
    /// Clients as the plan has them, not yet connected.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn new(plan: &'a Plan, target: &'a Target) -> io::Result<Load<'a>> {
        Ok(Load {
            plan,
            target,
            sources: plan.sources(target.address).map_err(io::Error::other)?,
            tls: target.is_tls.then(tls_config),
            poll: Poll::new()?,
            connections: (0..plan.connections).map(|_| None).collect(),
            buffer: vec![0; READ_BYTES],
            ledger: Ledger::new(&plan.members),
            open: 0,
            under_way: 0,
            failures: BTreeMap::new(),
            busy: Duration::ZERO,
        })
    }

    /// Connects all, holds, and tells what was seen. `server` is the process whose use of the machine counts.
    ///
    /// # Errors
    /// What the system says; and if nobody could be connected, what the most were told.
    pub(super) fn run(&mut self, server: Option<u32>, told: &mut dyn FnMut(Stage)) -> Result<Outcome, String> {
        let usage = || server.and_then(Usage::of);
        let (empty, came) = (usage(), Instant::now());
        self.connect_all(told)?;
        let connecting_seconds = came.elapsed().as_secs_f64();
        self.hold_until(Instant::now() + self.plan.settle).map_err(|error| error.to_string())?;
        let own = |busy: Duration| if self.plan.spins { busy } else { thread_cpu() };
        let (before, own_before, begun) = (usage(), own(self.busy), Instant::now());
        drop(self.ledger.turn_page());
        let mut moments = vec![Moment::default()];
        told(Stage::Holding(Duration::ZERO, self.plan.hold));
        let (mut last, hold) = (before, self.plan.hold);
        for second in 1.. {
            let until = Duration::from_secs(second).min(hold);
            self.hold_until(begun + until).map_err(|error| error.to_string())?;
            let now = usage();
            moments.push(Moment {
                at: begun.elapsed(),
                events: self.ledger.findings.events,
                cpu: now.zip(last).map(|(now, last)| now.since(last).cpu),
            });
            last = now;
            told(Stage::Holding(until, hold));
            if until == hold {
                break;
            }
        }
        let elapsed = begun.elapsed();
        let used = usage().zip(before).map(|(now, before)| now.since(before));
        let own = own(self.busy).saturating_sub(own_before);
        let found = self.ledger.turn_page();
        let failures = std::mem::take(&mut self.failures);
        let grown = used.zip(empty).map(|(now, empty)| now.resident_bytes.saturating_sub(empty.resident_bytes));
        Ok(Outcome {
            bytes_per_connection: grown.map(|bytes| bytes / self.open.max(1) as u64),
            connecting_seconds,
            ..Outcome::new(self.open, elapsed, found, used, own, moments, failures)
        })
    }

    fn connect_all(&mut self, told: &mut dyn FnMut(Stage)) -> Result<(), String> {
        let (mut begun, mut progress) = (0, (0, Instant::now()));
        let wanted = self.connections.len();
        while self.open + self.failed() < wanted {
            while begun < wanted && self.under_way < self.plan.ramp {
                self.connect(begun);
                begun += 1;
            }
            self.turn(TURN).map_err(|error| error.to_string())?;
            if self.open > progress.0 {
                progress = (self.open, Instant::now());
                told(Stage::Connecting(self.open, wanted));
            } else if progress.1.elapsed() > RAMP_PATIENCE {
                *self.failures.entry("no answer within 20 s".into()).or_default() += wanted - self.open - self.failed();
                break;
            }
        }
        if self.open > 0 {
            return Ok(());
        }
        let most = self.failures.iter().max_by_key(|(_, count)| **count);
        Err(most.map_or_else(|| "nothing was said".to_owned(), |(reason, _)| reason.clone()))
    }

    fn failed(&self) -> usize {
        self.failures.values().sum()
    }

    fn connect(&mut self, index: usize) {
        let source = (!self.sources.is_empty()).then(|| self.sources[index % self.sources.len()]);
        let tls = self.tls.as_ref().map(|config| (config, self.target.host()));
        let made = Socket::connect(self.target.address, source, tls).and_then(|mut socket| {
            socket.register(self.poll.registry(), Token(index))?;
            Ok(socket)
        });
        match made {
            Ok(socket) => {
                let subscribe = self.plan.subscribe.as_deref();
                let (streams, manner) = (self.plan.streams(index), self.manner(index));
                self.connections[index] = Some(Connection::new(socket, self.target, streams, subscribe, manner));
                self.under_way += 1;
            }
            Err(error) => *self.failures.entry(error.to_string()).or_default() += 1,
        }
    }

    /// Manners are spread evenly over the clients.
    fn manner(&self, index: usize) -> Manner {
        let place = index * 37 % 100;
        let shares = [
            (self.plan.slow_percent, Manner::Slow),
            (self.plan.stalled_percent, Manner::Stalled),
            (self.plan.churning_percent, Manner::Churning),
        ];
        let mut below = 0;
        for (share, manner) in shares {
            below += share;
            if place < below {
                return manner;
            }
        }
        Manner::Good
    }

    /// Lets time pass.
    fn hold_until(&mut self, until: Instant) -> io::Result<()> {
        // A look at each of very many takes a while.
        let has_others = self.plan.slow_percent + self.plan.churning_percent > 0;
        let mut attended = Instant::now();
        loop {
            let now = Instant::now();
            let Some(left) = until.checked_duration_since(now).filter(|left| !left.is_zero()) else { return Ok(()) };
            self.turn(left.min(TURN))?;
            if has_others && attended.elapsed() >= SLOW_EVERY {
                attended = Instant::now();
                self.attend();
            }
        }
    }

    /// What happens to slow and churning clients from time to time.
    fn attend(&mut self) {
        for index in 0..self.connections.len() {
            let Some(connection) = &mut self.connections[index] else { continue };
            match connection.manner {
                Manner::Slow if connection.is_readable && connection.phase == Phase::Open => {
                    let read = connection.read(&mut self.buffer[..SLOW_READ_BYTES], &mut self.ledger, wall_us);
                    if let Err(ended) = read {
                        self.end(index, ended);
                    }
                }
                Manner::Churning if connection.phase == Phase::Open && connection.since.elapsed() >= CHURN_EVERY => {
                    self.connections[index] = None;
                    self.open -= 1;
                    self.connect(index);
                }
                _ => {}
            }
        }
    }

    /// One turn of the loop: what is ready is read.
    fn turn(&mut self, wait: Duration) -> io::Result<()> {
        let mut events = Events::with_capacity(1_024);
        let wait = if self.plan.spins { Duration::ZERO } else { wait };
        match self.poll.poll(&mut events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        if events.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        for event in &events {
            let index = event.token().0;
            let Some(connection) = &mut self.connections[index] else { continue };
            let (before, mut result) = (connection.phase, Ok(()));
            if event.is_writable() {
                result = connection.on_writable();
            }
            let reads = match connection.manner {
                Manner::Good | Manner::Churning => true,
                Manner::Slow | Manner::Stalled => connection.phase != Phase::Open,
            };
            connection.is_readable |= event.is_readable();
            while result.is_ok() && reads && connection.is_readable {
                match connection.read(&mut self.buffer, &mut self.ledger, wall_us) {
                    Ok(may_be_more) => connection.is_readable = may_be_more,
                    Err(ended) => result = Err(ended),
                }
            }
            if before != Phase::Open && connection.phase == Phase::Open {
                self.under_way -= 1;
                self.open += 1;
            }
            if let Err(ended) = result {
                self.end(index, ended);
            }
        }
        self.busy += begun.elapsed();
        Ok(())
    }

    fn end(&mut self, index: usize, Ended(reason): Ended) {
        if let Some(connection) = self.connections[index].take() {
            if connection.phase == Phase::Open {
                self.open -= 1;
            } else {
                self.under_way -= 1;
            }
            *self.failures.entry(reason).or_default() += 1;
        }
    }
}

/// Microseconds since the epoch.
fn wall_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_micros() as i64)
}
