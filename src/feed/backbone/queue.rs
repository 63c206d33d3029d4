//! What waits to be published.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Notify;

/// Messages that may wait; then whoever brings more waits.
const QUEUE_MAX: usize = 65_536;

/// A message.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Counted from 1.
    pub(super) number: u64,
    pub(super) ts_recv: i64,
    pub(super) connection: u32,
    pub(super) bytes: Bytes,
}

/// Between the upstream's thread and that of the publisher.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There is room, or the publisher has ended.
    changed: Condvar,
    has_some: Notify,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// Messages brought, and messages that the server has.
    brought: u64,
    taken: u64,
    /// Whoever brings more does not wait for room.
    is_hurried: bool,
    /// Nothing more is brought.
    is_over: bool,
    /// The publisher has ended; why, if not because it was over.
    is_ended: bool,
    refusal: Option<String>,
}

impl Queue {
    /// Brings a message, and waits for room; false where the publisher has ended. One for which there is no room is lost.
    pub(super) fn push(&self, ts_recv: i64, connection: u32, bytes: &[u8]) -> bool {
        let mut state = self.lock();
        while state.items.len() >= QUEUE_MAX && !state.is_ended && !state.is_hurried {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.brought += 1;
        let number = state.brought;
        if state.items.len() >= QUEUE_MAX {
            return !state.is_ended;
        }
        state.items.push_back(Item { number, ts_recv, connection, bytes: Bytes::copy_from_slice(bytes) });
        self.has_some.notify_one();
        !state.is_ended
    }

    /// Takes the next message off.
    pub(super) fn pop(&self) -> Option<Item> {
        let item = self.lock().items.pop_front();
        self.changed.notify_all();
        item
    }

    /// Returns when there may be something to take off, or it may be over.
    pub(super) async fn changes(&self) {
        self.has_some.notified().await;
    }

    /// The server has so many more messages.
    pub(super) fn took(&self, count: u64) {
        self.lock().taken += count;
    }

    /// From now on nobody waits for room.
    pub(super) fn hurry(&self) {
        self.lock().is_hurried = true;
        self.changed.notify_all();
    }

    /// Says that nothing more is brought.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.has_some.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// Says that the publisher has ended.
    pub(super) fn ended(&self, refusal: Option<String>) {
        let mut state = self.lock();
        (state.is_ended, state.refusal) = (true, refusal);
        drop(state);
        self.changed.notify_all();
    }

    /// Why the publisher has ended before it was over.
    pub(super) fn refusal(&self) -> Option<String> {
        self.lock().refusal.clone()
    }

    /// Waits for the publisher's end, so long at most; the number of messages that the server has not.
    pub(super) fn wait(&self, most: Duration) -> u64 {
        let deadline = Instant::now() + most;
        let mut state = self.lock();
        while !state.is_ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { break };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.brought - state.taken
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
