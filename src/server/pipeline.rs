//! A feed's way to its clients, running: the ingest thread, the ring, a thread for each core.
//!
//! ```text
//!  Pipeline::start ─┬─ thread "ingest"    feed → decode → market → ring
//!                   ├─ thread "writer 0"  ring → fanout → sockets; its own inlets, runtime and sessions
//!                   └─ thread "writer 1"  …
//! ```
//!
//! Nothing is shared between the threads but the ring and what is in [`Shared`]. The server has one for its feed, and
//! one more for each replay that clients have asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, JoinHandle};

use tokio::sync::{Notify, mpsc};

use crate::feed::FeedError;
use crate::feed::merge::Merge;
use crate::ingest::{Ingest, Questions};
use crate::market::engine::Engine;
use crate::ring;
use crate::server::accept::Listeners;
use crate::server::desk::Handover;
use crate::server::rooms::Heard;
use crate::server::shared::Shared;
use crate::server::{RunError, writer};

/// What wakes a core: the ring when there is something to read, and whoever wants it to stop.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    pub(crate) notify: Notify,
    stops: AtomicBool,
}

impl Bell {
    /// Whether the core is to stop.
    pub(crate) fn stops(&self) -> bool {
        self.stops.load(Ordering::Acquire)
    }

    /// Has the core stop.
    pub(crate) fn stop(&self) {
        self.stops.store(true, Ordering::Release);
        self.notify.notify_one();
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.notify.notify_one();
    }
}

/// The ways by which clients come to a core.
pub(crate) struct Inlets {
    /// Its listeners; `None` where all requests are handed over.
    pub(crate) listeners: Option<Listeners>,
    /// Requests that other cores hand over.
    pub(crate) desk: mpsc::Receiver<Handover>,
    /// What is said in rooms; `None` where there are none.
    pub(crate) heard: Option<Heard>,
}

/// A feed on its way to clients.
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    bells: Vec<Arc<Bell>>,
    threads: Vec<JoinHandle<()>>,
    ended: mpsc::UnboundedReceiver<Ended>,
}

/// How a thread ended; sent when it is over, however it came.
#[derive(Debug)]
enum Ended {
    Well,
    Feed(FeedError),
    Panicked,
}

/// Sends word of a thread's end even if it panics.
struct Farewell(mpsc::UnboundedSender<Ended>, Option<Ended>);

impl Farewell {
    /// The thread's last word.
    fn say(mut self, ended: Ended) {
        self.1 = Some(ended);
    }
}

impl Drop for Farewell {
    fn drop(&mut self) {
        let ended = self.1.take().unwrap_or(Ended::Panicked);
        // Nobody listens any more once the pipeline itself has been dropped.
        let _ = self.0.send(ended);
    }
}

impl Pipeline {
    /// Starts all threads, a core for each of `inlets`. The feed begins to play at once, unless it waits for clients.
    ///
    /// # Errors
    /// If the system has no thread to give.
    pub(crate) fn start(
        shared: Arc<Shared>,
        feed: Merge,
        questions: Questions,
        inlets: Vec<Inlets>,
    ) -> std::io::Result<Pipeline> {
        let engine = Engine::new(shared.config.derive);
        let (send_ended, ended) = mpsc::unbounded_channel();
        let mut builder = ring::Builder::new(shared.config.ring).expect("the configuration was checked");
        let mut pipeline = Pipeline { shared: Arc::clone(&shared), bells: Vec::new(), threads: Vec::new(), ended };
        for (index, inlets) in inlets.into_iter().enumerate() {
            let bell = Arc::new(Bell::default());
            let reader = builder.reader(Waker::from(Arc::clone(&bell)));
            let (shared, for_core) = (Arc::clone(&shared), Arc::clone(&bell));
            let (interest, farewell) = (engine.interest(), Farewell(send_ended.clone(), None));
            let thread = thread::Builder::new().name(format!("writer {index}")).spawn(move || {
                writer::run(index, shared, interest, inlets, reader, for_core);
                farewell.say(Ended::Well);
            })?;
            pipeline.threads.push(thread);
            pipeline.bells.push(bell);
        }
        let (control, metrics) = (Arc::clone(&shared.control), Arc::clone(&shared.metrics));
        let mut ingest = Ingest::new(feed, shared.config.plan, engine, builder.build(), (control, questions), metrics);
        if let Some(faults) = shared.faults.clone() {
            ingest = ingest.with_faults(Arc::clone(faults.script()), Box::new(move |firing| faults.strike(firing)));
        }
        let farewell = Farewell(send_ended, None);
        let thread = thread::Builder::new().name("ingest".into()).spawn(move || {
            farewell.say(ingest.run().map_or_else(Ended::Feed, |()| Ended::Well));
        })?;
        pipeline.threads.push(thread);
        Ok(pipeline)
    }

    /// What its threads know.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Has every client told of the end, and ends. [`Pipeline::ended`] says when it has.
    pub(crate) fn stop(&self) {
        self.shared.control.stop();
        self.bells.iter().for_each(|bell| bell.stop());
    }

    /// Whether all threads have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits until all threads have ended. May be given up and called again.
    ///
    /// # Errors
    /// [`RunError`], if something went wrong; what was still running has then been stopped.
    pub(crate) async fn ended(&mut self) -> Result<(), RunError> {
        while let Some(ended) = self.ended.recv().await {
            let error = match ended {
                Ended::Well => continue,
                Ended::Feed(error) => RunError::Feed(error),
                Ended::Panicked => RunError::Panicked,
            };
            self.stop();
            return Err(error);
        }
        self.join();
        Ok(())
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        self.stop();
        self.join();
        // The server's own report is told by whoever runs it.
        if let (Some(faults), Some(_)) = (&self.shared.faults, self.shared.linger) {
            tracing::warn!("a replay of {} has ended\n{}", self.shared.feed_name, faults.report());
        }
    }
}
