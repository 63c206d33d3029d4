//! Replays that clients ask for: a tape on a way of its own to whoever shares a key, or to one connection.
//!
//! ```text
//!  /replay/day.tape/ws/btcusdt@trade?speed=10x           a replay for this connection
//!  /replay/day.tape;key=bot/ws/btcusdt@trade          ┐
//!  /replay/day.tape;key=bot/api/v3/depth?symbol=…     ├─ one replay for all of them, told what to do on
//!  /replay/day.tape;key=bot/websocket/v1              ┘  /control/replay/bot
//! ```
//!
//! A replay is a [`Pipeline`] like the server's own, with a core of its own that no address leads to: requests are handed
//! over to it, without what they say of the replay. So all that is served of the feed is served of a replay, in the
//! same bytes. It begins when somebody has subscribed, and ends with its tape, or without clients.

mod asked;
mod plan;

use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::feed::merge::Merge;
use crate::feed::preview::Preview;
use crate::feed::source::Source;
use crate::feed::{builtin, lines};
use crate::ingest::Control;
use crate::server::answer::Reply;
use crate::server::core::Core;
use crate::server::desk::{Handover, desk, hand_over};
use crate::server::http::text;
use crate::server::pipeline::{Inlets, Pipeline};
use crate::server::replays::asked::{Asked, PREFIX, Settings};
use crate::server::shared::{House, Shared};
use crate::venue::binance::rest::catalog::Catalog;

/// What the built-in tape is called here.
const DEMO: &str = "demo";

/// How long a replay without a key outlives its client. It is also the time that its first client has to come.
const LINGER_ALONE: Duration = Duration::from_secs(5);

/// A tape that a client is played.
struct Replay {
    tapes: Vec<String>,
    settings: Settings,
    pipeline: Pipeline,
}

/// All replays of a server; by default none, and none is begun.
#[derive(Default)]
pub(crate) struct Replays {
    /// What holds for all of them; `None` where there are none.
    template: Option<Config>,
    catalog: Option<Arc<Catalog>>,
    /// Held while one is begun, so that two clients with one key are in one replay.
    beginning: Mutex<()>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    replays: Vec<Replay>,
    is_over: bool,
}

/// Why a request is not handed over.
type Refusal = (StatusCode, String);

/// Whether a path is one of a replay.
pub(crate) fn is_asked_for(path: &str) -> bool {
    path == PREFIX.trim_end_matches('/') || path.starts_with(PREFIX)
}

/// Has the replay that a request is for answer it; begins it where need be.
pub(crate) async fn answer(core: &Rc<Core>, mut request: Request<Incoming>, peer: IpAddr) -> Reply {
    let counts = &core.shared.metrics.cores[core.index];
    let refuse = |(status, reason): Refusal| {
        counts.http_requests.add(1);
        Reply::Answer(text(status, "application/json", json!({ "error": reason }).to_string() + "\n"))
    };
    if request.uri().path().len() <= PREFIX.len() {
        let body = json!({ "tapes": core.shared.replays.tapes() }).to_string() + "\n";
        return Reply::Answer(text(StatusCode::OK, "application/json", body));
    }
    let asked = match Asked::parse(request.uri().path(), request.uri().query()) {
        Ok(asked) => asked,
        Err(reason) => return refuse((StatusCode::BAD_REQUEST, reason)),
    };
    match asked.target.parse() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return refuse((StatusCode::BAD_REQUEST, "that is no address".into())),
    }
    // Opening a tape takes a moment that other clients of this core need not wait for.
    let shared = Arc::clone(&core.shared);
    let entered = tokio::task::spawn_blocking(move || shared.replays.enter(&asked)).await;
    match entered.unwrap_or_else(|_| Err((StatusCode::INTERNAL_SERVER_ERROR, "the replay could not begin".into()))) {
        Ok((desk, is_new)) => {
            counts.replays_begun.add(is_new.into());
            hand_over(&desk, request, peer).await
        }
        Err(refusal) => {
            counts.replays_refused.add((refusal.0 == StatusCode::TOO_MANY_REQUESTS).into());
            refuse(refusal)
        }
    }
}

impl Replays {
    /// None yet.
    pub(crate) fn new(config: &Config, catalog: Option<Arc<Catalog>>) -> Replays {
        let template = (config.replays.replays_max > 0).then(|| plan::template(config));
        Replays { template, catalog, ..Replays::default() }
    }

    /// The replay with this key, if there is one.
    pub(crate) fn find(&self, key: &str) -> Option<Arc<Shared>> {
        let running = self.running();
        let replay = running.replays.iter().find(|replay| replay.has(key))?;
        Some(Arc::clone(replay.pipeline.shared()))
    }

    /// Has all of them end.
    pub(crate) fn stop(&self) {
        let mut running = self.running();
        running.is_over = true;
        running.replays.iter().for_each(|replay| replay.pipeline.stop());
    }

    /// Waits until all of them have ended.
    pub(crate) fn end(&self) {
        self.stop();
        let replays = std::mem::take(&mut self.running().replays);
        drop(replays);
    }

    /// How many there are at present.
    pub(crate) fn count(&self) -> usize {
        self.running().replays.iter().filter(|replay| !replay.pipeline.is_over()).count()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        // What is under the lock is whole between any two steps.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where requests for the replay are left, and whether it is begun only now.
    fn enter(&self, asked: &Asked) -> Result<(mpsc::Sender<Handover>, bool), Refusal> {
        let template = self.template.as_ref();
        let template = template.ok_or((StatusCode::NOT_FOUND, "there are no replays here".to_owned()))?;
        if asked.settings.key().is_none() && needs_key(&asked.target) {
            let reason = "several requests belong together here: give the replay a key, /replay/<tape>;key=<key>/…";
            return Err((StatusCode::BAD_REQUEST, reason.into()));
        }
        let _beginning = self.beginning.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(desk) = self.join(asked)? {
            return Ok((desk, false));
        }
        let replay = self.begin(template, asked)?;
        let desk = replay.pipeline.shared().desks[0].clone();
        let mut running = self.running();
        if running.is_over {
            return Err((StatusCode::SERVICE_UNAVAILABLE, "the server ends".into()));
        }
        running.replays.push(replay);
        Ok((desk, true))
    }

    /// The replay that there is, and whether there is room for another.
    fn join(&self, asked: &Asked) -> Result<Option<mpsc::Sender<Handover>>, Refusal> {
        let mut running = self.running();
        running.replays.retain(|replay| !replay.pipeline.is_over());
        let mut replays = running.replays.iter();
        if let Some(key) = asked.settings.key()
            && let Some(replay) = replays.find(|replay| replay.has(key))
        {
            let conflict = |reason: String| Err((StatusCode::CONFLICT, reason));
            if replay.tapes != asked.tapes {
                return conflict(format!("key: `{key}` is a replay of {}; choose another", replay.tapes.join(",")));
            }
            if let Some((name, said)) = replay.settings.differing(&asked.settings) {
                return conflict(format!(
                    "{name}: `{said}` was said when the replay with the key `{key}` began; leave it out, use another \
                     key, or change it on /control/replay/{key}"
                ));
            }
            return Ok(Some(replay.pipeline.shared().desks[0].clone()));
        }
        let replays_max = self.template.as_ref().map_or(0, |template| template.replays.replays_max);
        if running.replays.len() >= replays_max {
            let reason = format!("{replays_max} replays play already; more do with --replays-max");
            return Err((StatusCode::TOO_MANY_REQUESTS, reason));
        }
        Ok(None)
    }

    fn begin(&self, template: &Config, asked: &Asked) -> Result<Replay, Refusal> {
        let bad = |reason: String| (StatusCode::BAD_REQUEST, reason);
        let source = |name: &String| {
            source(template, name).ok_or_else(|| {
                let known = self.tapes().join(", ");
                (StatusCode::NOT_FOUND, format!("there is no tape `{name}`; there are {known}"))
            })
        };
        let sources: Vec<Source> = asked.tapes.iter().map(source).collect::<Result<_, _>>()?;
        let feed = Merge::open(&sources).map_err(|error| bad(error.to_string()))?;
        let preview = Preview::of(&sources).map_err(|error| bad(error.to_string()))?;
        let (plan, exit_at_end) = asked.settings.plan(&feed).map_err(bad)?;
        let faults = asked.settings.faults().map_err(bad)?;
        let config = Config { sources, plan, exit_at_end, faults, ..template.clone() };
        let linger = asked.settings.key().map_or(LINGER_ALONE, |_| config.replays.linger);
        let ((control, questions), (sender, receiver)) = (Control::new(), desk());
        let shared = Shared::new(config, &feed, preview, control, vec![sender], self.catalog.clone(), House::default());
        let shared = Arc::new(Shared { linger: Some(linger), ..shared });
        let inlets = vec![Inlets { listeners: None, desk: receiver, heard: None }];
        let pipeline = Pipeline::start(shared, feed, questions, inlets)
            .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, format!("cannot start a thread: {error}")))?;
        Ok(Replay { tapes: asked.tapes.clone(), settings: asked.settings.clone(), pipeline })
    }

    /// Names of the tapes there are.
    fn tapes(&self) -> Vec<String> {
        let Some(config) = &self.template else { return Vec::new() };
        let own = config.sources.iter().filter_map(own_tape).map(|source| source.name());
        let mut names: Vec<String> = own.filter(|name| !name.contains(' ')).collect();
        for folder in &config.replays.folders {
            let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let files = files.filter(|file| file.path().is_file());
            names.extend(files.filter_map(|file| file.file_name().into_string().ok()).filter(|name| is_tape(name)));
        }
        names.sort();
        names.dedup();
        names.push(DEMO.to_owned());
        names
    }
}

impl Replay {
    /// Whether whoever has this key joins it: one that tells its clients of the end lets nobody in any more.
    fn has(&self, key: &str) -> bool {
        self.settings.key() == Some(key) && !self.pipeline.is_over() && !self.pipeline.shared().is_closing()
    }
}

/// Whether an address is one of several that a client asks in turn.
fn needs_key(target: &str) -> bool {
    ["/api/", "/v1/"].iter().any(|start| target.starts_with(start)) || target.contains("transport=polling")
}

/// The tape that a name stands for. A name leads to no other folder than those given.
fn source(config: &Config, name: &str) -> Option<Source> {
    if let Some(source) = config.sources.iter().filter_map(own_tape).find(|source| source.name() == *name) {
        return Some(source);
    }
    if name == DEMO {
        return Some(builtin::DEMO);
    }
    let is_plain = is_tape(name) && !name.starts_with('.') && Path::new(name).components().count() == 1;
    let mut files = config.replays.folders.iter().map(|folder| folder.join(name));
    files.find(|file| is_plain && !name.contains('/') && file.is_file()).map(Source::file)
}

/// What the server plays or records.
fn own_tape(source: &Source) -> Option<Source> {
    match source {
        Source::Tape(lines::Bytes::File(_)) => Some(source.clone()),
        Source::Live(spec) => spec.tape.as_ref().map(Source::file),
        Source::Tape(_) | Source::Beat(_) => None,
    }
}

fn is_tape(name: &str) -> bool {
    [".tape", ".jsonl", ".jsonl.zst"].iter().any(|ending| name.ends_with(ending))
}
