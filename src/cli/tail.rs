//! `tapecast tail`: what a server sends, as it comes: a table on a terminal, lines in a pipe.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::cli::table::{Table, harmless};
use crate::client::{Client, ClientError, Event, Message, Options, Position};
use crate::config::parse_duration;

/// How often a terminal is drawn on.
const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Flags of `tail`.
#[derive(Args, Debug)]
pub(super) struct Tail {
    /// ws://127.0.0.1:9400, http://127.0.0.1:9400/sse or tcp://127.0.0.1:9401, also with wss and https.
    #[arg(value_name = "URL")]
    url: String,
    /// btcusdt@trade, or trade:KRW-BTC; none if the address names them.
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    /// Ask for positions: each message says its own.
    #[arg(long)]
    sequence: bool,
    /// Go on without a gap after a lost connection, or behind a position; asks for positions, too.
    #[arg(long, value_name = "POSITION", num_args = 0..=1, require_equals = true)]
    resume: Option<Option<String>>,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End after a time: 10s, 500ms, 5m.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    lasts: Option<Duration>,
    /// Certificates to trust, in PEM, in place of the system's.
    #[arg(long, value_name = "FILE")]
    certificates: Option<PathBuf>,
}

/// How much has come.
#[derive(Debug, Default)]
struct Tally {
    messages: u64,
    gaps: u64,
    reconnects: u64,
}

/// Where it goes.
enum Output {
    Lines(BufWriter<io::Stdout>),
    Table(Table),
}

impl Tail {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.follow())
    }

    async fn follow(self) -> anyhow::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let from = self.resume.clone().flatten();
        let resume =
            from.map(|text| Position::new(&text).with_context(|| format!("--resume: `{text}` is no position")));
        let options = Options {
            sequence: self.sequence || self.resume.is_some(),
            resume: resume.transpose()?,
            certificates: self.certificates.clone(),
            ..Options::default()
        };
        let streams: Vec<&str> = self.streams.iter().map(String::as_str).collect();
        let mut client = Client::connect(&self.url, &streams, options).await.map_err(suggest)?;
        let stdout = io::stdout();
        let mut output = match stdout.is_terminal() {
            true => Output::Table(Table::new(std::env::var_os("NO_COLOR").is_none())),
            false => Output::Lines(BufWriter::new(stdout)),
        };
        let mut tally = Tally::default();
        let end = self.lasts.map(|lasts| Instant::now() + lasts);
        let mut redraw = interval(REDRAW_EVERY);
        redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let verdict = loop {
            if self.count.is_some_and(|count| tally.messages >= count) {
                break Ok(());
            }
            let event = tokio::select! {
                biased;
                _ = interrupt.recv() => break Ok(()),
                _ = terminate.recv() => break Ok(()),
                () = until(end) => break Ok(()),
                // Before the events, which may never cease.
                _ = redraw.tick() => {
                    if output.flush(&tally).is_err() {
                        break Ok(());
                    }
                    continue;
                }
                event = client.next() => event,
            };
            let Some(event) = event else { break Ok(()) };
            match take_in(event, &mut output, &mut tally) {
                Ok(None) => {}
                Ok(Some(verdict)) => break verdict,
                // Whoever reads has had enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        let _ = output.flush(&tally);
        eprintln!("{tally}");
        verdict
    }
}

/// Takes in an event; how it ends, if it does.
fn take_in(event: Event, output: &mut Output, tally: &mut Tally) -> io::Result<Option<anyhow::Result<()>>> {
    match event {
        Event::Message(message) => {
            tally.messages += 1;
            output.take(&message)?;
        }
        Event::Gap(gap) => {
            tally.gaps += 1;
            output.say(&gap.to_string());
            if let Output::Table(table) = output {
                table.on_gap();
            }
        }
        Event::Refused(bytes) => output.say(&format!("refused: {}", String::from_utf8_lossy(&bytes))),
        Event::Lost { why, pause } => output.say(&format!("connection lost: {why}; again in {} ms", pause.as_millis())),
        Event::Reconnected => tally.reconnects += 1,
        Event::Ended { is_complete: true, .. } => return Ok(Some(Ok(()))),
        Event::Ended { why, .. } => return Ok(Some(Err(anyhow!(why)))),
    }
    Ok(None)
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// What may help against an error.
fn suggest(error: ClientError) -> anyhow::Error {
    match &error {
        ClientError::Connect(address, cause) if cause.kind() == io::ErrorKind::ConnectionRefused => {
            anyhow!("there is no server at {address}: start one with `tapecast serve`")
        }
        ClientError::Connect(_, cause) if cause.kind() == io::ErrorKind::InvalidData => {
            anyhow!("{error}; for a certificate of the server's own: --certificates FILE, from /certificate.pem")
        }
        ClientError::Protocol(..) => anyhow!("{error}; see `tapecast serve` for its addresses"),
        _ => error.into(),
    }
}

impl Output {
    fn take(&mut self, message: &Message) -> io::Result<()> {
        match self {
            Output::Lines(out) => {
                out.write_all(&message.bytes)?;
                out.write_all(b"\n")
            }
            Output::Table(table) => {
                table.take(&message.bytes);
                Ok(())
            }
        }
    }

    /// What is no message, for whoever watches.
    fn say(&mut self, text: &str) {
        match self {
            Output::Lines(_) => eprintln!("tapecast: {}", harmless(text)),
            Output::Table(table) => table.say(text),
        }
    }

    fn flush(&mut self, tally: &Tally) -> io::Result<()> {
        match self {
            Output::Lines(out) => out.flush(),
            Output::Table(table) => table.draw(&tally.to_string(), &mut io::stdout().lock()),
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |n: u64, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let Tally { messages, gaps, reconnects } = *self;
        write!(f, "{}, {}, {}", count(messages, "message"), count(gaps, "gap"), count(reconnects, "reconnect"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts() {
        let tally = Tally { messages: 1, gaps: 0, reconnects: 2 };
        assert_eq!(tally.to_string(), "1 message, 0 gaps, 2 reconnects");
    }
}
