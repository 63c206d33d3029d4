//! Where a feed comes from.

use std::path::PathBuf;

use crate::feed::FeedError;
use crate::feed::damage::Damage;
use crate::feed::lines::Bytes;
use crate::feed::metronome::{Beat, Metronome};
use crate::feed::recording::Recording;
use crate::feed::upstream::{Live, Spec};

/// Where a feed comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// It was recorded.
    Tape(Bytes),
    /// It is made as it is needed.
    Beat(Beat),
    /// It comes from an exchange, now.
    Live(Box<Spec>),
}

impl Source {
    /// A tape in a file.
    pub fn file(path: impl Into<PathBuf>) -> Source {
        Source::Tape(Bytes::File(path.into()))
    }

    /// What it is called: a tape in a file as the last part of its path.
    pub fn name(&self) -> String {
        match self {
            Source::Tape(bytes) => bytes.name(),
            Source::Beat(beat) => beat.to_string(),
            Source::Live(spec) => spec.name.clone(),
        }
    }

    /// Whether it can be gone back in: what is made as it is needed cannot.
    pub fn is_recorded(&self) -> bool {
        matches!(self, Source::Tape(_))
    }

    /// Begins it.
    ///
    /// # Errors
    /// [`FeedError`] for a tape that cannot be opened or holds no messages.
    pub(super) fn open(&self) -> Result<Lane, FeedError> {
        match self {
            Source::Tape(bytes) => Pending::open(bytes.clone()).map(Lane::Tape),
            Source::Beat(beat) => Ok(Lane::Beat(Metronome::new(*beat))),
            Source::Live(spec) => Live::open(spec).map(Lane::Live),
        }
    }
}

/// A feed under way.
pub(super) enum Lane {
    /// A tape, read one message ahead.
    Tape(Pending),
    /// Messages are made when they are due.
    Beat(Metronome),
    /// Messages come when they come.
    Live(Live),
}

/// A tape and its next message.
pub(super) struct Pending {
    tape: Recording,
    message: Vec<u8>,
    ts_recv: Option<i64>,
    number: u64,
}

impl Lane {
    /// The receive time of the message that comes next; `None` at the end. Of a live feed it is now as long as there is
    /// none.
    pub(super) fn peek(&self) -> Option<i64> {
        match self {
            Lane::Tape(pending) => pending.ts_recv,
            Lane::Beat(metronome) => metronome.peek(),
            Lane::Live(live) => live.peek(),
        }
    }

    /// Hands out the next message: its receive time and its number, from 1. Its bytes are put in place of `message`.
    pub(super) fn next(&mut self, message: &mut Vec<u8>) -> Option<(i64, u64)> {
        match self {
            Lane::Tape(pending) => {
                let (ts_recv, number) = (pending.ts_recv?, pending.number);
                std::mem::swap(message, &mut pending.message);
                pending.read();
                Some((ts_recv, number))
            }
            Lane::Beat(metronome) => metronome.next(message).map(|ts_recv| (ts_recv, metronome.made())),
            Lane::Live(live) => live.next(message),
        }
    }

    /// What its numbers count.
    pub(super) fn unit(&self) -> &'static str {
        match self {
            Lane::Tape(pending) => pending.tape.unit(),
            Lane::Beat(_) | Lane::Live(_) => "message",
        }
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Lane::Tape(pending) => pending.tape.name(),
            Lane::Beat(metronome) => metronome.beat().to_string(),
            Lane::Live(live) => live.name().to_owned(),
        }
    }

    /// Goes back to the beginning. What is made as it is needed goes on instead: it has no beginning.
    ///
    /// # Errors
    /// [`FeedError`] if a file has gone.
    pub(super) fn rewind(&mut self) -> Result<(), FeedError> {
        if let Lane::Tape(pending) = self {
            pending.tape.rewind()?;
            pending.read();
        }
        Ok(())
    }

    /// Goes to the first message received at this time or later. What is made as it is needed is where it is.
    pub(super) fn skip_to(&mut self, ts_recv: i64) {
        if let Lane::Tape(pending) = self
            && pending.ts_recv.is_some_and(|next| next < ts_recv)
        {
            pending.tape.skip_to(ts_recv);
            pending.read();
            while pending.ts_recv.is_some_and(|next| next < ts_recv) {
                pending.read();
            }
        }
    }

    /// What is live.
    pub(super) fn live(&self) -> Option<&Live> {
        match self {
            Lane::Live(live) => Some(live),
            Lane::Tape(_) | Lane::Beat(_) => None,
        }
    }

    /// Lines and blocks skipped, by [`Damage`].
    pub(super) fn damaged(&self) -> [u64; Damage::COUNT] {
        match self {
            Lane::Tape(pending) => pending.tape.damaged(),
            Lane::Beat(_) | Lane::Live(_) => [0; Damage::COUNT],
        }
    }
}

impl Pending {
    fn open(bytes: Bytes) -> Result<Pending, FeedError> {
        let name = bytes.name();
        let mut pending = Pending { tape: Recording::open(bytes)?, message: Vec::new(), ts_recv: None, number: 0 };
        pending.read();
        if pending.ts_recv.is_none() { Err(FeedError::Empty { name }) } else { Ok(pending) }
    }

    fn read(&mut self) {
        self.ts_recv = self.tape.next(&mut self.message);
        self.number = self.tape.number();
    }
}
