//! Which streams somebody wants: a table that the cores write and the market engine reads.
//!
//! One bit for each channel of each symbol, and a word for channels that are wanted of every symbol, those that a feed
//! has yet to name included. A bit says only whether a derived tick is published. What the engine keeps in mind never
//! depends on it, so a stream that is wanted from some moment on is from there on the same stream as ever.
//!
//! ```text
//!  cores ──set──▶ Interest ──pending──▶ Wants of the engine, between two messages
//!                     ╰──────log: since which message ──▶ Wants of an engine that goes over the same messages again
//! ```
//!
//! A core that has set a bit sees its effect with a later message, never with an earlier one. Since which one stands in
//! the log: so the same messages give the same ticks when they are gone over again, those that are published and no
//! others.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::market::channel::{Channel, Stream};
use crate::market::symbol::{SymbolId, Symbols};

/// A change of what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Whether somebody wants this stream.
    Stream(Stream, bool),
    /// Whether somebody wants this channel of every symbol.
    Everywhere(Channel, bool),
}

/// The table; 8 bytes for each of [`Symbols::COUNT_MAX`] symbols, 512 KiB, touched only where it is used, and 24 for each
/// change there was.
#[derive(Debug)]
pub struct Interest {
    by_symbol: Box<[AtomicU64]>,
    everywhere: AtomicU64,
    /// How many changes there were.
    changed: AtomicUsize,
    /// How many of them the engine has seen.
    logged: AtomicUsize,
    changes: Mutex<Changes>,
}

#[derive(Debug, Default)]
struct Changes {
    pending: Vec<Change>,
    /// Since which message each holds.
    log: Vec<(u64, Change)>,
}

/// What is wanted, as an engine sees it during one message.
#[derive(Debug, Default)]
pub struct Wants {
    by_symbol: Vec<u64>,
    everywhere: u64,
    /// Changes seen.
    seen: usize,
    /// The message they were last looked at for.
    sequence: Option<u64>,
}

impl Default for Interest {
    fn default() -> Self {
        let by_symbol = (0..Symbols::COUNT_MAX).map(|_| AtomicU64::new(0)).collect();
        Interest {
            by_symbol,
            everywhere: AtomicU64::new(0),
            changed: AtomicUsize::new(0),
            logged: AtomicUsize::new(0),
            changes: Mutex::default(),
        }
    }
}

impl Interest {
    /// Somebody wants this stream. Setting what is set changes nothing, and costs one look.
    pub fn set(&self, stream: Stream) {
        if let Some(word) = self.by_symbol.get(stream.symbol.index())
            && word.load(Ordering::Relaxed) & stream.channel.bit() == 0
            && word.fetch_or(stream.channel.bit(), Ordering::Relaxed) & stream.channel.bit() == 0
        {
            self.push(Change::Stream(stream, true));
        }
    }

    /// Nobody wants this stream any more. For the one who knows that of all cores, and that no client may still resume.
    pub fn clear(&self, stream: Stream) {
        if let Some(word) = self.by_symbol.get(stream.symbol.index())
            && word.fetch_and(!stream.channel.bit(), Ordering::Relaxed) & stream.channel.bit() != 0
        {
            self.push(Change::Stream(stream, false));
        }
    }

    /// Somebody wants this channel of every symbol.
    pub fn set_everywhere(&self, channel: Channel) {
        if self.everywhere.fetch_or(channel.bit(), Ordering::Relaxed) & channel.bit() == 0 {
            self.push(Change::Everywhere(channel, true));
        }
    }

    /// Nobody wants this channel of every symbol any more; as for [`Interest::clear`].
    pub fn clear_everywhere(&self, channel: Channel) {
        if self.everywhere.fetch_and(!channel.bit(), Ordering::Relaxed) & channel.bit() != 0 {
            self.push(Change::Everywhere(channel, false));
        }
    }

    /// The channels of a symbol that somebody wants at this moment, each its [`Channel::bit`].
    pub fn of(&self, symbol: SymbolId) -> u64 {
        let own = self.by_symbol.get(symbol.index()).map_or(0, |word| word.load(Ordering::Relaxed));
        own | self.everywhere.load(Ordering::Relaxed)
    }

    /// Since which message all that is wanted of these streams now has been seen by the engine; `None` if some of it has
    /// not been seen yet.
    pub fn since(&self, streams: &[Change]) -> Option<u64> {
        let changes = self.changes();
        let since = |wanted: &Change| {
            let seen = changes.log.iter().rev().find(|(_, change)| change == wanted || is_within(wanted, change));
            seen.map(|(sequence, _)| *sequence)
        };
        streams.iter().try_fold(0, |last, wanted| Some(since(wanted)?.max(last)))
    }

    /// How many changes the engine has seen.
    #[inline]
    pub fn logged(&self) -> usize {
        // Acquire: pairs with the store in `Wants::take`.
        self.logged.load(Ordering::Acquire)
    }

    /// The changes that the engine has seen, but for the first `known`, and since which message each holds.
    pub fn log(&self, known: usize) -> Vec<(u64, Change)> {
        self.changes().log.get(known..).unwrap_or_default().to_vec()
    }

    fn push(&self, change: Change) {
        self.changes().pending.push(change);
        // Release: pairs with the load in `Wants::look`, which goes on to take the lock.
        self.changed.fetch_add(1, Ordering::Release);
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        // What is under the lock is whole between any two steps.
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a stream is wanted because its channel is of every symbol.
fn is_within(wanted: &Change, change: &Change) -> bool {
    matches!((wanted, change), (Change::Stream(stream, true), Change::Everywhere(channel, true))
        if stream.channel == *channel)
}

impl Wants {
    /// The channels of a symbol that somebody wants, each its [`Channel::bit`].
    #[inline]
    pub fn of(&self, symbol: SymbolId) -> u64 {
        self.by_symbol.get(symbol.index()).copied().unwrap_or(0) | self.everywhere
    }

    /// Whether something has changed that was not taken over yet.
    pub fn is_behind(&self, interest: &Interest) -> bool {
        interest.changed.load(Ordering::Acquire) != self.seen
    }

    /// Takes over what has changed, if this is another message than before. Costs a look at a number.
    #[inline]
    pub fn look(&mut self, interest: &Interest, sequence: u64) {
        // Acquire: pairs with the addition in `Interest::push`.
        if interest.changed.load(Ordering::Acquire) != self.seen && self.sequence != Some(sequence) {
            self.take(interest, sequence);
        }
        self.sequence = Some(sequence);
    }

    #[cold]
    fn take(&mut self, interest: &Interest, sequence: u64) {
        let mut changes = interest.changes();
        for change in std::mem::take(&mut changes.pending) {
            self.apply(change);
            changes.log.push((sequence, change));
            self.seen += 1;
        }
        // Release: pairs with the load in `Interest::logged`.
        interest.logged.store(changes.log.len(), Ordering::Release);
    }

    /// A change that is known to hold from here on.
    pub fn apply(&mut self, change: Change) {
        let (word, bit, is_wanted) = match change {
            Change::Stream(stream, is_wanted) => {
                let index = stream.symbol.index();
                if self.by_symbol.len() <= index {
                    self.by_symbol.resize(index + 1, 0);
                }
                (&mut self.by_symbol[index], stream.channel.bit(), is_wanted)
            }
            Change::Everywhere(channel, is_wanted) => (&mut self.everywhere, channel.bit(), is_wanted),
        };
        *word = if is_wanted { *word | bit } else { *word & !bit };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_wanted_alone_or_with_its_channel_everywhere() {
        let (interest, mut wants) = (Interest::default(), Wants::default());
        let stream = Stream { symbol: SymbolId(7), channel: Channel::Ticker };
        interest.set(stream);
        interest.set_everywhere(Channel::MiniTicker);
        wants.look(&interest, 1);
        assert_eq!(wants.of(SymbolId(7)), Channel::Ticker.bit() | Channel::MiniTicker.bit());
        assert_eq!(wants.of(SymbolId(65_535)), Channel::MiniTicker.bit());
        interest.clear(stream);
        interest.clear_everywhere(Channel::MiniTicker);
        // Not within a message.
        wants.look(&interest, 1);
        assert_ne!(wants.of(SymbolId(7)), 0);
        wants.look(&interest, 2);
        assert_eq!(wants.of(SymbolId(7)), 0);
        interest.set(Stream { symbol: SymbolId(u32::MAX), channel: Channel::Ticker });
    }

    #[test]
    fn the_log_says_since_which_message_something_was_wanted() {
        let (interest, mut wants) = (Interest::default(), Wants::default());
        let stream = Stream { symbol: SymbolId(7), channel: Channel::Ticker };
        interest.set(stream);
        interest.set(stream);
        let wanted = Change::Stream(stream, true);
        assert_eq!(interest.since(&[wanted]), None);
        wants.look(&interest, 5);
        interest.set_everywhere(Channel::Trade);
        assert_eq!(interest.since(&[wanted]), Some(5));
        let trade = Change::Stream(Stream { channel: Channel::Trade, ..stream }, true);
        assert_eq!(interest.since(&[wanted, trade]), None);
        wants.look(&interest, 9);
        assert_eq!(interest.since(&[wanted, trade]), Some(9));
        assert_eq!(interest.log(0), [(5, wanted), (9, Change::Everywhere(Channel::Trade, true))]);
        let mut again = Wants::default();
        interest.log(0).into_iter().for_each(|(_, change)| again.apply(change));
        assert_eq!(again.of(SymbolId(7)), wants.of(SymbolId(7)));
    }
}
