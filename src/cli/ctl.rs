//! `tapecast ctl`: tells the tape of a server that runs what to do.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

/// Flags of `ctl`.
#[derive(Args, Debug)]
pub struct Ctl {
    /// Where the server is. For its own tape it must have been started with --control.
    #[arg(default_value = "http://127.0.0.1:9400")]
    url: String,
    /// The key of a replay that clients have begun, `/replay/<tape>;key=<key>/…`, to control that one.
    #[arg(long, global = true)]
    key: Option<String>,
    /// What the server was given as --control-token; else the environment's TAPECAST_CONTROL_TOKEN.
    #[arg(long, global = true)]
    token: Option<String>,
    /// Print the server's answer as it is.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    action: Option<Action>,
}

/// What the tape is told.
#[derive(Debug, Subcommand)]
enum Action {
    /// Go on playing.
    Play,
    /// Stop between two messages.
    Pause,
    /// Play so many messages at once and stop.
    Step {
        /// How many.
        #[arg(default_value_t = 1)]
        messages: u64,
    },
    /// Go to a time: 2026-11-20T09:30:00Z, 09:30:00.5 of the tape's first day, or nanoseconds since the epoch.
    Seek {
        /// Which one.
        time: String,
    },
    /// Go on at this speed: 1x, 0.5x, 100x, max.
    Speed {
        /// Which one.
        speed: String,
    },
    /// Whether to begin again at the end.
    Loop {
        /// Whether.
        switch: Switch,
    },
    /// Say where the tape is; this is what happens without a command.
    Where,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl Ctl {
    /// Tells it.
    ///
    /// # Errors
    /// What is wrong with the address, or what the server said.
    pub fn run(self) -> anyhow::Result<()> {
        let body = match self.action {
            None | Some(Action::Where) => None,
            Some(Action::Play) => Some(json!({"pause": false})),
            Some(Action::Pause) => Some(json!({"pause": true})),
            Some(Action::Step { messages }) => Some(json!({"step": messages})),
            Some(Action::Seek { time }) => Some(json!({"seek": time})),
            Some(Action::Speed { speed }) => Some(json!({"speed": speed})),
            Some(Action::Loop { switch }) => Some(json!({"loop": switch == Switch::On})),
        };
        let token = self.token.or_else(|| std::env::var("TAPECAST_CONTROL_TOKEN").ok());
        let path = match &self.key {
            Some(key) => format!("/control/replay/{key}"),
            None => "/control/replay".to_owned(),
        };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            bail!("--key: a key has letters, digits, `-`, `_` and `.` only");
        }
        let text = ask(&self.url, &path, body.as_ref(), token.as_deref())?;
        let answer: Value = serde_json::from_str(&text)
            .map_err(|_| anyhow!("{} does not answer as tapecast does: {}", self.url, text.trim()))?;
        if let Some(reason) = answer["error"].as_str() {
            bail!("{reason}");
        }
        let text = if self.json { text } else { tell(&answer) };
        // Whoever asked may not want to read.
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(())
    }
}

/// Asks the server, and returns what it says.
fn ask(url: &str, path: &str, body: Option<&Value>, token: Option<&str>) -> anyhow::Result<String> {
    if url.starts_with("https://") || url.starts_with("wss://") {
        bail!("{url}: the tape is controlled over plain HTTP only; give http://host:port");
    }
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("ws://")).unwrap_or(url);
    let host = rest.split('/').next().unwrap_or("");
    let mut stream = TcpStream::connect(host)
        .with_context(|| format!("no server at {host}; give its address, for instance http://127.0.0.1:9400"))?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let token = match token {
        Some(token) if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            format!("Authorization: Bearer {token}\r\n")
        }
        Some(_) => bail!("a token has printable ASCII characters only"),
        None => String::new(),
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{token}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).and_then(|()| stream.flush()).context("the request cannot be sent")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("the answer cannot be read")?;
    match answer.split_once("\r\n\r\n") {
        Some((_, body)) => Ok(body.to_owned()),
        None => bail!("{host} does not speak HTTP"),
    }
}

/// Where the tape is, for people.
fn tell(answer: &Value) -> String {
    let text = |name: &str| answer[name].as_str().unwrap_or("?").to_owned();
    let number = |name: &str| answer[name].as_u64().unwrap_or(0);
    let is_loop = if answer["loop"] == true { ", in a loop" } else { "" };
    let until = answer["to"].as_str().map_or_else(String::new, |to| format!(" to {to}"));
    let from = answer["from"].as_str().map_or_else(|| text("first"), str::to_owned);
    format!(
        "{} at {}, {}{is_loop}\n  message {} of the tape, {} heard since the start, pass {}\n  plays from {from}{until}\n",
        text("state"),
        text("time"),
        text("speed"),
        number("position"),
        number("played"),
        number("pass"),
    )
}
