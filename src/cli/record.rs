//! `tapecast record`: what an exchange, or standard input, says, on a tape.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::value::parse_duration;
use crate::feed::backbone::{self, Publisher, Tail};
use crate::feed::upstream::{Address, Origin, Plan, Sink, Tee, Upstream, now_ns};
use crate::tape::record::MESSAGE_BYTES_MAX;
use crate::tape::rotation::Limits;
use crate::tape::{Direction, EXTENSION, Form, Message, Settings};

/// Flags of `record`.
#[derive(Args, Debug)]
pub struct Record {
    /// What to record, several times if you like: `binance:btcusdt@trade,btcusdt@depth@100ms`, `upbit:KRW-BTC`,
    /// `upbit:trade:KRW-BTC,KRW-ETH`, a ws:// or wss:// URL, or `-` for lines on standard input, which are either
    /// `<receive time in ns> <message>` or bare JSON that is stamped when it is read. Or, alone, what a NATS server has:
    /// `nats://HOST:PORT/SUBJECT`, or of a JetStream stream `nats://HOST:PORT/SUBJECT?stream=NAME&from=WHERE`, where
    /// WHERE is `all`, `new` (unless given), a message's number or a time; a tape that is there is gone on with exactly
    /// where it ends.
    #[arg(long, value_name = "URL", required = true)]
    from: Vec<String>,
    /// The .tape to write. One that is there is continued.
    #[arg(long, value_name = "FILE", required_unless_present = "to")]
    out: Option<PathBuf>,
    /// Publish every message on a NATS server, with its receive time in the header Tapecast-Ts-Recv:
    /// `nats://HOST:PORT/SUBJECT`, or `nats://HOST:PORT/SUBJECT?stream=NAME` to a JetStream stream, in order and
    /// acknowledged. What it does not take is waited for.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// A server that speaks like the exchange, to connect to in its place: `127.0.0.1:9400` or `wss://…`.
    #[arg(long, value_name = "ADDR")]
    host: Option<String>,
    /// What to send to a ws:// or wss:// URL when the connection is made; several times for several messages.
    #[arg(long, value_name = "TEXT")]
    subscribe: Vec<String>,
    /// Connections to each address at once: what one of them loses another has.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=4))]
    connections: u8,
    /// Begin a new file at this size in bytes, also as 64k, 100m, 2g. Names are then FILE-2026-11-20.tape and so on.
    #[arg(long, value_name = "BYTES", requires = "out", value_parser = parse_size)]
    rotate_size: Option<u64>,
    /// Begin a new file with each UTC day: `daily`.
    #[arg(long, value_name = "WHEN", requires = "out", value_parser = ["daily"])]
    rotate: Option<String>,
    /// How often what was received is written to the file: the most that a crash costs.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    flush_every: Duration,
    /// Silence after which a connection counts as lost. At half of it a ping is sent.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    silence: Duration,
    /// Age at which a connection is renewed, without a gap. [default: 23h30m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    renew_after: Option<Duration>,
    /// The first wait before connecting again; it doubles.
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = parse_duration)]
    retry_min: Duration,
    /// The longest wait before connecting again.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    retry_max: Duration,
    /// Levels on each side of the books that are fetched at the start and after gaps; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    snapshot_levels: u32,
    /// Certificates to trust, in PEM, instead of the usual authorities.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What to tell on standard error: `error`, `warn`, `info`.
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,
}

/// Time between two lines of progress, on a terminal and elsewhere.
const PROGRESS_EVERY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(5)];

/// Time between two looks at what is under way.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What standard input has brought.
#[derive(Default)]
struct Input {
    messages: AtomicU64,
    is_over: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Record {
    /// Records until it is told to stop, or until standard input ends where nothing else is recorded.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn run(self) -> anyhow::Result<()> {
        super::serve::start_log(&self.log)?;
        if let Some(out) = self.out.as_ref().filter(|out| out.extension().is_none_or(|end| end != EXTENSION)) {
            bail!("--out: {} must end in .{EXTENSION}", out.display());
        }
        if self.silence.is_zero() || self.retry_min.is_zero() || self.renew_after.is_some_and(|time| time.is_zero()) {
            bail!("--silence, --retry-min and --renew-after must be longer than nothing");
        }
        let reads_input = self.from.iter().any(|from| from == "-");
        let origin = self.origin()?;
        let publisher = match &self.to {
            Some(to) => Some(self.publisher(to)?),
            None => None,
        };
        let hurry = publisher.as_ref().map(Publisher::hurry);
        let (mut recorder, mut tail) = (None, Tail::default());
        if let Some(out) = &self.out {
            let limits = (self.rotate.is_some() || self.rotate_size.is_some())
                .then(|| Limits { file_bytes: self.rotate_size.unwrap_or(u64::MAX), by_day: self.rotate.is_some() });
            let settings = Settings { flush_every: self.flush_every, ..Settings::default() };
            let (opened, cut, end) =
                origin.recorder(out, limits, settings).with_context(|| format!("{}", out.display()))?;
            if let Some(cut) = cut {
                eprintln!("tapecast: {}: {cut}", out.display());
            }
            (recorder, tail) = (Some(opened), end);
        }
        let tee = Arc::new(Mutex::new(Tee { recorder, publisher }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let hurry = || {
            if let Some(hurry) = &hurry {
                hurry();
            }
        };
        runtime.block_on(self.until_over(origin, tail, reads_input, tee, hurry))
    }

    fn publisher(&self, to: &str) -> anyhow::Result<Publisher> {
        let address = backbone::Address::parse(to).map_err(|reason| anyhow::anyhow!("--to: {reason}"))?;
        if address.subject.contains(['*', '>']) {
            bail!("--to: `{address}`: messages are published on one subject, without * and >");
        }
        if address.log.as_ref().is_some_and(|log| log.begin != backbone::Begin::New) {
            bail!("--to: `{address}`: from= is for what is read");
        }
        Ok(Publisher::start(address, &self.plan())?)
    }

    fn origin(&self) -> anyhow::Result<Origin> {
        let wrong = |reason: String| anyhow::anyhow!("--from: {reason}");
        if let Some(text) = self.from.iter().find(|from| backbone::Address::is_meant(from)) {
            if self.from.len() > 1 {
                bail!("--from: what a NATS server has is recorded alone: its messages have times of their own");
            }
            if self.host.is_some() || !self.subscribe.is_empty() {
                bail!("--host, --subscribe: a NATS server is named in --from, and is sent no requests");
            }
            return backbone::Address::parse(text).map(Origin::Backbone).map_err(wrong);
        }
        let urls = self.from.iter().filter(|from| *from != "-");
        let addresses = urls.map(|url| Address::parse(url, self.host.as_deref(), &self.subscribe));
        addresses.collect::<Result<_, _>>().map(Origin::Exchanges).map_err(wrong)
    }

    fn plan(&self) -> Plan {
        Plan {
            connections: self.connections.into(),
            silence_max: self.silence,
            renew_after: self.renew_after.unwrap_or(Plan::default().renew_after),
            retry_min: self.retry_min,
            retry_max: self.retry_max,
            snapshot_levels: self.snapshot_levels,
            ca: self.ca.clone(),
        }
    }

    async fn until_over(
        &self,
        origin: Origin,
        tail: Tail,
        reads_input: bool,
        tee: Arc<Mutex<Tee>>,
        hurry: impl Fn(),
    ) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let has_upstream = !matches!(&origin, Origin::Exchanges(addresses) if addresses.is_empty());
        let upstream = origin.start(self.plan(), tail, Box::new(Arc::clone(&tee)))?;
        let input = Arc::new(Input::default());
        if reads_input {
            let (input, tee) = (Arc::clone(&input), Arc::clone(&tee));
            std::thread::spawn(move || read_input(&input, &tee));
        }
        let mut progress = Progress::new();
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let is_input_over = reads_input && input.is_over.load(Ordering::Acquire);
            if upstream.is_over() || (is_input_over && !has_upstream) {
                break;
            }
            progress.tell(&upstream, &input, &tee, false);
        }
        hurry();
        let failure = input.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        progress.tell(&upstream, &input, &tee, true);
        let place = || self.out.as_ref().map_or("--to".to_owned(), |out| out.display().to_string());
        upstream.stop().with_context(place)?;
        match failure {
            Some(reason) => bail!("standard input: {reason}"),
            None => Ok(()),
        }
    }
}

/// Records standard input to its end.
fn read_input(input: &Input, tee: &Mutex<Tee>) {
    let (mut stdin, mut line) = (std::io::stdin().lock(), Vec::new());
    let mut last_ns = i64::MIN;
    let reason = loop {
        line.clear();
        match stdin.by_ref().take(MESSAGE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line) {
            Ok(0) => break None,
            Ok(_) if line.len() > MESSAGE_BYTES_MAX => break Some("a line is longer than 16 MiB".to_owned()),
            Ok(_) => {}
            Err(error) => break Some(error.to_string()),
        }
        let is_whole = line.len();
        while let Some(b'\n' | b'\r') = line.last() {
            line.pop();
        }
        if line.is_empty() && is_whole > 0 {
            continue;
        }
        let stamped = stamp_of(&line);
        let start = stamped.map_or(0, |(_, start)| start);
        let is_message = matches!(line[start..].trim_ascii_start().first(), Some(b'{' | b'['));
        let (direction, form) = if is_message { (Direction::From, Form::Text) } else { (Direction::Note, Form::Line) };
        let ts_recv = stamped.map_or_else(|| now_ns().max(last_ns), |(ns, _)| ns);
        last_ns = ts_recv;
        let bytes = if is_message { &line[start..] } else { &line[..] };
        let message = Message { ts_recv, connection: 0, direction, form, label: "", bytes };
        if let Err(error) = tee.lock().unwrap_or_else(PoisonError::into_inner).take(&message) {
            break Some(error.to_string());
        }
        if is_message {
            input.messages.fetch_add(1, Ordering::Relaxed);
        }
    };
    *input.failure.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    input.is_over.store(true, Ordering::Release);
}

/// The receive time of a line that has one, and where its message begins.
fn stamp_of(line: &[u8]) -> Option<(i64, usize)> {
    let space = line.iter().take(20).position(|&byte| byte == b' ')?;
    let digits = std::str::from_utf8(&line[..space]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    Some((digits.parse().ok()?, space + 1))
}

/// Tells how far it has come.
struct Progress {
    is_terminal: bool,
    begun: Instant,
    told: Instant,
    messages: u64,
}

impl Progress {
    fn new() -> Progress {
        let now = Instant::now();
        Progress { is_terminal: std::io::stderr().is_terminal(), begun: now, told: now, messages: 0 }
    }

    fn tell(&mut self, upstream: &Upstream, input: &Input, tee: &Mutex<Tee>, is_last: bool) {
        let since = self.told.elapsed();
        if !is_last && since < PROGRESS_EVERY[usize::from(!self.is_terminal)] {
            return;
        }
        let stats = upstream.stats();
        let messages = stats.messages() + input.messages.load(Ordering::Relaxed);
        let (news, time) = if is_last { (messages, self.begun.elapsed()) } else { (messages - self.messages, since) };
        let rate = u128::from(news) * 1_000 / time.as_millis().max(1);
        (self.told, self.messages) = (Instant::now(), messages);
        // Whoever holds it may wait for room.
        let path = tee.try_lock().ok().and_then(|tee| tee.recorder.as_ref()?.path());
        let bytes = path.and_then(|path| std::fs::metadata(path).ok()).map_or(0, |metadata| metadata.len());
        let (gaps, lost) = (stats.gaps(), stats.lost());
        let text = format!("{messages} messages, {rate}/s, {} KiB, {gaps} gaps, {lost} connections lost", bytes >> 10);
        let mut stderr = std::io::stderr().lock();
        // Whoever started it may not want to read.
        let _ = match (self.is_terminal, is_last) {
            (true, false) => write!(stderr, "\r{text}\x1b[K"),
            (true, true) => writeln!(stderr, "\r{text}\x1b[K"),
            (false, _) => writeln!(stderr, "{text}"),
        };
    }
}

/// Reads `65536`, `64k`, `100m` or `2g`.
fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.to_ascii_lowercase().strip_suffix(['k', 'm', 'g']) {
        Some(_) => {
            let shift = match text.as_bytes().last().map(u8::to_ascii_lowercase) {
                Some(b'k') => 10,
                Some(b'm') => 20,
                _ => 30,
            };
            (&text[..text.len() - 1], shift)
        }
        None => (text, 0),
    };
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)).filter(|size| *size > 0);
    size.ok_or_else(|| format!("`{text}` is no size: give for instance 64m or 2g"))
}
