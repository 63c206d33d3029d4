//! What a tape that plays can be told, and what it tells of itself.

use std::time::Instant;

use crate::feed::replay::{Replay, Speed};

/// What a tape is told; several at once are carried out together, in the order of the members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Command {
    /// Go to the first message received at or after this time of the tape, nanoseconds since the epoch.
    pub seek: Option<i64>,
    /// Go on at this speed.
    pub speed: Option<Speed>,
    /// Whether to begin again at the end.
    pub repeat: Option<bool>,
    /// Stop, or go on.
    pub pause: Option<bool>,
    /// Play so many messages, at once, and stop.
    pub step: Option<u64>,
}

/// What a tape does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It waits until enough clients have subscribed.
    #[default]
    Waiting,
    /// It plays.
    Playing,
    /// It was stopped.
    Paused,
    /// It is on its way to a place that was sought.
    Seeking,
    /// It has come to its end; it can be taken back.
    Ended,
}

impl State {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Playing => "playing",
            State::Paused => "paused",
            State::Seeking => "seeking",
            State::Ended => "ended",
        }
    }
}

/// Where a tape is. Times are nanoseconds since the epoch, as recorded.
#[derive(Clone, Copy, Debug)]
pub struct Where {
    /// What it does.
    pub state: State,
    /// The receive time of the message played last, or of the place that was gone to; of the first message before.
    pub time: i64,
    /// What times of this moment are moved by for clients.
    pub shift_ns: i64,
    /// Messages before this place, from where the tape begins.
    pub position: u64,
    /// Messages played so that they were heard, since the start.
    pub played: u64,
    /// How often it has begun again or gone back.
    pub pass: i64,
    /// How fast it plays.
    pub speed: Speed,
    /// Whether it begins again at its end.
    pub repeat: bool,
    /// The first message's time.
    pub first: i64,
    /// Where it starts playing.
    pub from: Option<i64>,
    /// Where it ends, where it does not play to its end.
    pub to: Option<i64>,
}

/// How the tape plays at present.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) state: State,
    pub(super) speed: Speed,
    pub(super) repeat: bool,
    pub(super) replay: Replay,
    /// Messages to play before it stops again.
    pub(super) steps: u64,
    pub(super) is_paused: bool,
    /// As recorded.
    pub(super) time: i64,
    /// Of the message played last, as recorded.
    pub(super) last: i64,
    /// The present time, as clients see it.
    pub(super) placed: i64,
    pub(super) first: i64,
    pub(super) position: u64,
    pub(super) played: u64,
}

impl Player {
    pub(super) fn new(speed: Speed, repeat: bool, is_paused: bool) -> Player {
        Player {
            state: State::Waiting,
            speed,
            repeat,
            replay: Replay::new(speed, Instant::now(), 0),
            steps: 0,
            is_paused,
            time: 0,
            last: 0,
            placed: 0,
            first: 0,
            position: 0,
            played: 0,
        }
    }

    /// Ties the tape to the clock anew, where it is: a time as clients see it.
    pub(super) fn tie(&mut self, placed: i64) {
        self.placed = placed;
        self.replay = Replay::new(self.speed, Instant::now(), placed);
    }

    /// Ties the tape to the clock anew, at the instant it is in: between what was played last and what is played next, at
    /// `next`.
    pub(super) fn hold(&mut self, next: i64) {
        if self.state == State::Playing && !self.is_held() {
            self.advance(self.replay.tape_at(Instant::now()).min(next));
        }
    }

    /// Time has passed on the tape, as clients see it.
    pub(super) fn advance(&mut self, placed: i64) {
        self.placed = self.placed.max(placed);
    }

    /// A message is played, unheard or not.
    pub(super) fn note_message(&mut self, ts_recv: i64, is_heard: bool) {
        (self.time, self.last) = (ts_recv, ts_recv);
        self.position += 1;
        if is_heard {
            self.played += 1;
            self.steps = self.steps.saturating_sub(1);
        }
    }

    /// Whether nothing is played at present.
    pub(super) fn is_held(&self) -> bool {
        self.is_paused && self.steps == 0
    }
}
