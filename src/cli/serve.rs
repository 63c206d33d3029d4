//! `tapecast serve`: play a tape to clients until it ends or somebody says stop.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, IdentitySource, RawConfig};
use crate::market::symbol::Venue;
use crate::server::{ECHO_PATH, Server};
use crate::venue::grammar::Grammar;

/// Flags of `serve`.
#[derive(Args, Debug, Default)]
pub struct Serve {
    /// A file with any of these flags as members: `listen = "0.0.0.0:9400"`. Flags win over the file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    raw: RawConfig,
}

/// Symbols of a venue that are printed at the start; a list of thousands helps nobody.
const SYMBOLS_PRINTED: usize = 10;

impl Serve {
    /// Serves.
    ///
    /// # Errors
    /// What is wrong with flags, file, feed or address, in one sentence.
    pub fn run(self) -> anyhow::Result<()> {
        let raw = match &self.config {
            Some(path) => self.raw.or(RawConfig::read(path)?),
            None => self.raw,
        };
        start_log(raw.log.as_deref().unwrap_or("warn"))?;
        let config = raw.check()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(until_over(config))
    }
}

async fn until_over(config: Config) -> anyhow::Result<()> {
    // Whoever sees the greeting may send a signal, so both are listened for before anything is said.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // Without a certificate to reload, hanging up ends it as it ends other programs.
    let has_files = config.tls.as_ref().is_some_and(|tls| matches!(tls.identity, IdentitySource::Files { .. }));
    let mut hang_up = has_files.then(|| signal(SignalKind::hangup())).transpose()?;
    let mut server = Server::start(config.clone())?;
    let mut stdout = std::io::stdout().lock();
    // Whoever started it may not want to read; that is no reason not to serve.
    let _ = stdout.write_all(greeting(&config, &server).as_bytes()).and_then(|()| stdout.flush());
    drop(stdout);
    loop {
        tokio::select! {
            ended = server.ended() => {
                report_faults(&server);
                return Ok(ended?);
            }
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = hung_up(&mut hang_up) => server.reload_certificate(),
        }
    }
    server.stop();
    let ended = server.ended().await;
    report_faults(&server);
    Ok(ended?)
}

/// Who noticed what went wrong on demand.
fn report_faults(server: &Server) {
    if let Some(report) = server.fault_report() {
        eprint!("{report}");
    }
}

/// Waits for the signal, for ever where it is not listened for.
async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

pub(super) fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::builder()
        .parse(filter)
        .with_context(|| format!("--log: `{filter}` is no filter; give for instance `info` or `tapecast=debug`"))?;
    // What this library says, its feed says too, in its own words.
    let filter = match filter.to_string().contains("async_nats") {
        true => filter,
        false => filter.add_directive("async_nats=off".parse().expect("a directive that is right")),
    };
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).init();
    Ok(())
}

/// What is served where, and what to try first.
fn greeting(config: &Config, server: &Server) -> String {
    let (address, preview) = (server.address(), server.preview());
    let names: Vec<String> = config.sources.iter().map(|source| source.name()).collect();
    let mut text = format!("tapecast {} plays {}", env!("CARGO_PKG_VERSION"), names.join(" + "));
    let how = format!(" at {}{}", config.plan.speed, if config.plan.repeat { ", in a loop" } else { "" });
    text.push_str(&how);
    let _ = write!(text, "\n\n  listening  ws://{address}  http://{address}");
    if let Some(lines) = server.lines_address() {
        let _ = write!(text, "  tcp://{lines}");
    }
    text.push('\n');
    if let Some(address) = server.tls_address() {
        let _ = writeln!(text, "             wss://{address}  https://{address}");
    }
    if let Some((fingerprint, _)) = server.self_signed() {
        let _ = writeln!(text, "  certificate of its own, SHA-256\n             {fingerprint}");
    }
    if config.rooms.is_some() {
        let _ = writeln!(text, "  rooms      ws://{address}/rooms/<name>  /rooms and / of Socket.IO");
    }
    for venue in Venue::ALL {
        let Grammar { title, socket, .. } = venue.grammar();
        let kinds = if socket.is_some() { "types" } else { "streams" };
        let symbols = preview.symbols(venue);
        if symbols.is_empty() {
            continue;
        }
        let shown = symbols[..symbols.len().min(SYMBOLS_PRINTED)].join(" ");
        let more = symbols.len().saturating_sub(SYMBOLS_PRINTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(text, "  {title:<9}  {shown}{more}");
        let _ = writeln!(text, "             {kinds}: {}", preview.channels(venue).join(" "));
    }
    if config.is_conformance {
        let _ = writeln!(text, "  suites     ws://{address}{ECHO_PATH}");
        if config.socketio.is_enabled {
            let _ = writeln!(text, "             http://{address}/engine.io/  http://{address}/socket.io/");
        }
    }
    if let Some(script) = &config.faults {
        let _ = writeln!(text, "  faults     {}: {}", script.name, script.kinds().join(" "));
    }
    if config.plan.wait_for_clients > 0 {
        let _ = writeln!(text, "  waiting    for {} clients to subscribe", config.plan.wait_for_clients);
    }
    text.push_str("\ntry\n");
    if let Some((_, stream)) = preview.example(Venue::Binance) {
        let _ = writeln!(text, "  npx wscat -c 'ws://{address}/stream?streams={stream}'");
    } else {
        let of = |venue: Venue| Some((venue.grammar().socket.as_ref()?.path, preview.example(venue)?));
        if let Some((path, (code, kind))) = Venue::ALL.into_iter().find_map(of) {
            let request = format!(r#"[{{"ticket":"1"}},{{"type":"{kind}","codes":["{code}"]}}]"#);
            let _ = writeln!(text, "  npx wscat -c ws://{address}{path} -x '{request}' -w 60");
        }
    }
    let _ = writeln!(text, "  curl http://{address}/status");
    if let (Some((_, path)), Some(tls)) = (server.self_signed(), server.tls_address()) {
        let _ = writeln!(text, "  curl -o tapecast.pem http://{address}{path}");
        let _ = writeln!(text, "  curl --cacert tapecast.pem https://localhost:{}/status", tls.port());
    }
    let _ = writeln!(text, "  open http://{address}/ in a browser\n");
    text
}
