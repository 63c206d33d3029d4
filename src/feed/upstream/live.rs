//! An upstream as a feed that is played as it comes.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crate::feed::FeedError;
use crate::feed::backbone::Tail;
use crate::feed::upstream::{Origin, Plan, Recorder, Sink, Upstream, UpstreamError, now_ns};
use crate::tape::{Message, Settings};

/// Messages that may wait for the market; then the upstream waits.
const QUEUE_MAX: usize = 65_536;

/// How long the upstream waits for room before it looks whether it is over.
const ROOM_WAIT: Duration = Duration::from_millis(20);

/// What a live feed is made of.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What it is called.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How it is kept.
    pub plan: Plan,
    /// A tape that it is written to on the way.
    pub tape: Option<PathBuf>,
}

/// A live feed under way. The receive time of what has not come yet is now: so the feed's clock goes on in silence.
pub(in crate::feed) struct Live {
    name: String,
    queue: Arc<Queue>,
    /// What the feed's clock has shown: a message received a moment before it gets this time.
    shown: Cell<i64>,
    taken: u64,
    /// Held for its end, until that has come.
    upstream: Cell<Option<Upstream>>,
}

#[derive(Default)]
struct Queue {
    messages: Mutex<VecDeque<(i64, Vec<u8>)>>,
    has_room: Condvar,
    waiter: Mutex<Option<Thread>>,
    is_over: AtomicBool,
}

/// Puts messages in the queue, and on a tape first.
struct Door {
    queue: Arc<Queue>,
    recorder: Option<Recorder>,
}

impl Live {
    pub(in crate::feed) fn open(spec: &Spec) -> Result<Live, FeedError> {
        let failed = |reason: String| FeedError::Upstream { name: spec.name.clone(), reason };
        let queue = Arc::new(Queue::default());
        let (mut recorder, mut tail) = (None, Tail::default());
        if let Some(path) = &spec.tape {
            let opened = spec.origin.recorder(path, None, Settings::default());
            let (opened, cut, end) = opened.map_err(|source| FeedError::Blocks { path: path.clone(), source })?;
            if let Some(cut) = cut {
                tracing::warn!("{}: {cut}", path.display());
            }
            (recorder, tail) = (Some(opened), end);
        }
        let door = Door { queue: Arc::clone(&queue), recorder };
        let upstream = spec.origin.clone().start(spec.plan.clone(), tail, Box::new(door));
        let upstream = upstream.map_err(|error| failed(error.to_string()))?;
        let upstream = Cell::new(Some(upstream));
        Ok(Live { name: spec.name.clone(), queue, shown: Cell::new(0), taken: 0, upstream })
    }

    pub(in crate::feed) fn peek(&self) -> Option<i64> {
        let first = self.queue.lock().front().map(|(ts_recv, _)| *ts_recv);
        if first.is_none() {
            if self.queue.is_over.load(Ordering::Acquire) {
                self.tell_refusal();
                return None;
            }
            // Whoever finds nothing is woken when there is something.
            *self.queue.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
        }
        let due = first.unwrap_or_else(now_ns).max(self.shown.get());
        self.shown.set(due);
        Some(due)
    }

    pub(in crate::feed) fn next(&mut self, message: &mut Vec<u8>) -> Option<(i64, u64)> {
        let (ts_recv, bytes) = self.queue.lock().pop_front()?;
        self.queue.has_room.notify_one();
        *message = bytes;
        self.taken += 1;
        Some((ts_recv.max(self.shown.get()), self.taken))
    }

    pub(in crate::feed) fn name(&self) -> &str {
        &self.name
    }

    /// Says once why the feed ended before it began.
    fn tell_refusal(&self) {
        if let Some(upstream) = self.upstream.take()
            && let Err(error @ UpstreamError::Refused { .. }) = upstream.stop()
        {
            tracing::error!("the live feed: {error}");
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // The upstream ends behind it; nobody takes what it still brings.
        self.queue.is_over.store(true, Ordering::Release);
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(i64, Vec<u8>)>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Door {
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError> {
        if let Some(recorder) = &mut self.recorder {
            recorder.take(message)?;
        }
        if !message.is_data() {
            return Ok(());
        }
        let mut messages = self.queue.lock();
        while messages.len() >= QUEUE_MAX && !self.queue.is_over.load(Ordering::Acquire) {
            let waited = self.queue.has_room.wait_timeout(messages, ROOM_WAIT);
            messages = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        messages.push_back((message.ts_recv, message.bytes.to_vec()));
        drop(messages);
        if let Some(thread) = &*self.queue.waiter.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), UpstreamError> {
        self.recorder.as_mut().map_or(Ok(()), Recorder::idle)
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        self.queue.is_over.store(true, Ordering::Release);
        let finished = self.recorder.as_mut().map_or(Ok(()), Recorder::finish);
        if let Err(error) = &finished {
            tracing::error!("the tape of the live feed: {error}");
        }
        finished
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("name", &self.name).finish_non_exhaustive()
    }
}
