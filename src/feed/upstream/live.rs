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
use crate::feed::run::Note;
use crate::feed::upstream::{Origin, Plan, Recorder, Sink, Upstream, UpstreamError, now_ns};
use crate::tape::{Direction, Form, Message, Settings};

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

/// How often it is noted on the tape how far the feed is.
const NOTE_EVERY_NS: i64 = 1_000_000_000;

/// A live feed under way. The receive time of what has not come yet is now: so the feed's clock goes on in silence.
pub(in crate::feed) struct Live {
    name: String,
    queue: Arc<Queue>,
    /// Where it is recorded, and where this run begins there; `None` where it is not.
    recording: Option<LiveRun>,
    taken: u64,
    /// Held for its end, until that has come.
    upstream: Cell<Option<Upstream>>,
}

/// A run of a live feed on its tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRun {
    /// Its number.
    pub epoch: u32,
    /// The tape.
    pub path: PathBuf,
    /// The record behind which its messages begin.
    pub first: u64,
}

#[derive(Default)]
struct Waiting {
    messages: VecDeque<(i64, Vec<u8>)>,
    /// What the feed's clock has shown: a message received a moment before it gets this time, on the tape too.
    shown: i64,
    /// The time of a message that is being written down: until it is here, the clock shows no more.
    coming: Option<i64>,
    /// What is to be noted on the tape.
    notes: Vec<Note>,
    /// How far the feed is, and its clock.
    done: (u64, i64),
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    has_room: Condvar,
    waiter: Mutex<Option<Thread>>,
    is_over: AtomicBool,
}

/// Puts messages in the queue, and on a tape first.
struct Door {
    queue: Arc<Queue>,
    recorder: Option<Recorder>,
    /// What was noted last of how far the feed is, and when.
    noted: (u64, i64),
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
        let mut recording = None;
        if let (Some(recorder), Some(path)) = (&mut recorder, &spec.tape) {
            // Runs that begin at different milliseconds within seven weeks differ.
            let epoch = (now_ns() / 1_000_000) as u32;
            let first = recorder.next_sequence().unwrap_or(0);
            write(recorder, &Note::Run(epoch)).map_err(|error| failed(error.to_string()))?;
            recording = Some(LiveRun { epoch, path: path.clone(), first });
        }
        let door = Door { queue: Arc::clone(&queue), recorder, noted: (0, 0) };
        let upstream = spec.origin.clone().start(spec.plan.clone(), tail, Box::new(door));
        let upstream = upstream.map_err(|error| failed(error.to_string()))?;
        let upstream = Cell::new(Some(upstream));
        Ok(Live { name: spec.name.clone(), queue, recording, taken: 0, upstream })
    }

    pub(in crate::feed) fn peek(&self) -> Option<i64> {
        let mut waiting = self.queue.lock();
        let first = waiting.messages.front().map(|(ts_recv, _)| *ts_recv);
        if first.is_none() {
            if self.queue.is_over.load(Ordering::Acquire) {
                self.tell_refusal();
                return None;
            }
            // Whoever finds nothing is woken when there is something.
            *self.queue.waiter.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
        }
        let due = first.unwrap_or_else(|| waiting.coming.unwrap_or(i64::MAX).min(now_ns())).max(waiting.shown);
        waiting.shown = due;
        Some(due)
    }

    pub(in crate::feed) fn next(&mut self, message: &mut Vec<u8>) -> Option<(i64, u64)> {
        let (ts_recv, bytes) = self.queue.lock().messages.pop_front()?;
        self.queue.has_room.notify_one();
        *message = bytes;
        self.taken += 1;
        Some((ts_recv, self.taken))
    }

    /// Where it is recorded.
    pub(in crate::feed) fn recording(&self) -> Option<&LiveRun> {
        self.recording.as_ref()
    }

    /// Has something noted on the tape before anything that comes later.
    pub(in crate::feed) fn note(&self, note: Note) {
        if self.recording.is_some() {
            self.queue.lock().notes.push(note);
        }
    }

    /// Has it noted how far the feed is, by and by.
    pub(in crate::feed) fn note_done(&self, sequence: u64, clock_ns: i64) {
        if self.recording.is_some() {
            self.queue.lock().done = (sequence, clock_ns);
        }
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
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Door {
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError> {
        let ts_recv = {
            let mut waiting = self.queue.lock();
            let ts_recv = message.ts_recv.max(waiting.shown);
            waiting.coming = Some(ts_recv);
            ts_recv
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.take(&Message { ts_recv, ..*message })?;
        }
        let mut waiting = self.queue.lock();
        if !message.is_data() {
            waiting.coming = None;
            return Ok(());
        }
        while waiting.messages.len() >= QUEUE_MAX && !self.queue.is_over.load(Ordering::Acquire) {
            let waited = self.queue.has_room.wait_timeout(waiting, ROOM_WAIT);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.messages.push_back((ts_recv, message.bytes.to_vec()));
        waiting.coming = None;
        drop(waiting);
        if let Some(thread) = &*self.queue.waiter.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), UpstreamError> {
        self.note(false)?;
        self.recorder.as_mut().map_or(Ok(()), Recorder::idle)
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        self.queue.is_over.store(true, Ordering::Release);
        self.note(true)?;
        let finished = self.recorder.as_mut().map_or(Ok(()), Recorder::finish);
        if let Err(error) = &finished {
            tracing::error!("the tape of the live feed: {error}");
        }
        finished
    }
}

impl Door {
    /// Writes down what was to be noted, and then how far the feed is: all that was wanted up to there stands before it.
    fn note(&mut self, is_last: bool) -> Result<(), UpstreamError> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        let (notes, done) = {
            let mut waiting = self.queue.lock();
            (std::mem::take(&mut waiting.notes), waiting.done)
        };
        for note in &notes {
            write(recorder, note)?;
        }
        let is_due = is_last || now_ns() - self.noted.1 >= NOTE_EVERY_NS;
        if is_due && done.0 > self.noted.0 {
            write(recorder, &Note::Done(done.0, done.1))?;
            self.noted = (done.0, now_ns());
        }
        Ok(())
    }
}

fn write(recorder: &mut Recorder, note: &Note) -> Result<(), UpstreamError> {
    let text = note.to_string();
    let (direction, form) = (Direction::Note, Form::Remark);
    recorder.take(&Message { ts_recv: now_ns(), connection: 0, direction, form, label: "", bytes: text.as_bytes() })
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("name", &self.name).finish_non_exhaustive()
    }
}
