//! What the rest of the server tells the ingest thread, and asks it.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Thread;

use thiserror::Error;

use crate::ingest::player::{Command, Where};
use crate::ingest::seek::{Commands, Reply};
use crate::market::engine::Engine;
use crate::market::kept::quotation::Quotations;
use crate::market::kept::recent::Recent;
use crate::market::symbol::Symbols;

/// Questions that may wait; one more is refused.
pub const QUESTIONS_MAX: usize = 1_024;

/// What the ingest thread alone holds, as a question sees it.
#[derive(Clone, Copy)]
pub struct Market<'a> {
    /// All symbols met so far.
    pub symbols: &'a Symbols,
    /// All books.
    pub engine: &'a Engine,
    /// What was lately published.
    pub recent: &'a Recent,
    /// What was lately published of markets whose clients ask for quotations.
    pub quotations: &'a Quotations,
    /// The feed's clock: the newest receive time, nanoseconds since the epoch.
    pub now: i64,
}

/// Commands that may wait; one more is refused.
pub const COMMANDS_MAX: usize = 64;

type Question = Box<dyn FnOnce(Market<'_>) + Send>;

/// Words to the ingest thread; shared by all others.
pub struct Control {
    stop: AtomicBool,
    subscribed: AtomicUsize,
    has_caught_up: AtomicBool,
    waits_for_readers: AtomicBool,
    /// The last message of which everything has been published.
    done: AtomicU64,
    shift_ns: AtomicI64,
    begun_ns: AtomicI64,
    has_moved: AtomicBool,
    thread: OnceLock<Thread>,
    questions: SyncSender<Question>,
    commands: SyncSender<(Command, Reply)>,
}

/// Questions as they arrive at the ingest thread.
pub struct Questions {
    questions: Receiver<Question>,
    commands: Commands,
    /// Commands that came while the tape was on its way.
    waiting: VecDeque<(Command, Reply)>,
}

/// Too many questions wait already.
#[derive(Debug, Error)]
#[error("too many questions wait for the market already")]
pub struct Busy;

impl Control {
    /// Both ends.
    pub fn new() -> (Control, Questions) {
        let (sender, receiver) = sync_channel(QUESTIONS_MAX);
        let (send_command, commands) = sync_channel(COMMANDS_MAX);
        let control = Control {
            stop: AtomicBool::new(false),
            subscribed: AtomicUsize::new(0),
            has_caught_up: AtomicBool::new(false),
            waits_for_readers: AtomicBool::new(false),
            done: AtomicU64::new(0),
            shift_ns: AtomicI64::new(0),
            begun_ns: AtomicI64::new(0),
            has_moved: AtomicBool::new(false),
            thread: OnceLock::new(),
            questions: sender,
            commands: send_command,
        };
        (control, Questions { questions: receiver, commands, waiting: VecDeque::new() })
    }

    /// Ends the loop, at once if it sleeps.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.unpark();
    }

    /// Whether it was told to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Has `question` run on the ingest thread, between two messages. It should take out what it needs and leave the
    /// work with it to its own thread: while it runs, no tick moves.
    ///
    /// # Errors
    /// [`Busy`]; the question is dropped then, as it is when the thread ends before its turn.
    pub fn ask(&self, question: impl FnOnce(Market<'_>) + Send + 'static) -> Result<(), Busy> {
        self.questions.try_send(Box::new(question)).map_err(|_| Busy)?;
        self.unpark();
        Ok(())
    }

    /// Has the tape carry out a command between two messages; `reply` is told where it is then. A command that asks for
    /// nothing is answered at once, also while the tape is on its way to a place that was sought.
    ///
    /// # Errors
    /// [`Busy`]; `reply` is dropped then, as it is when the tape ends before its turn.
    pub fn command(&self, command: Command, reply: impl FnOnce(Where) + Send + 'static) -> Result<(), Busy> {
        self.commands.try_send((command, Box::new(reply))).map_err(|_| Busy)?;
        self.unpark();
        Ok(())
    }

    /// Whether what lies in the past of a tape that plays now has been read, so that clients may come: they would
    /// otherwise see minutes pass in a moment.
    pub fn has_caught_up(&self) -> bool {
        self.has_caught_up.load(Ordering::Acquire)
    }

    /// It has.
    pub(super) fn set_caught_up(&self) {
        self.has_caught_up.store(true, Ordering::Release);
    }

    /// Whether the tape plays as fast as it is taken, so that whoever reads it must not read on while a client is behind.
    #[inline]
    pub fn waits_for_readers(&self) -> bool {
        self.waits_for_readers.load(Ordering::Relaxed)
    }

    /// Whether it does.
    pub(super) fn set_waits_for_readers(&self, waits: bool) {
        self.waits_for_readers.store(waits, Ordering::Relaxed);
    }

    /// The number of the last message of which everything has been published: whoever reads this first and the ring
    /// afterwards, until it is empty, has all ticks up to there.
    #[inline]
    pub fn done(&self) -> u64 {
        // Acquire: pairs with the store below.
        self.done.load(Ordering::Acquire)
    }

    /// Everything of this message has been published.
    #[inline]
    pub(super) fn set_done(&self, sequence: u64) {
        // Release: pairs with the load above.
        self.done.store(sequence, Ordering::Release);
    }

    /// What times of the tape's first pass are moved by, in nanoseconds; 0 before the tape has begun.
    pub fn shift_ns(&self) -> i64 {
        self.shift_ns.load(Ordering::Acquire)
    }

    /// They are moved by so much.
    pub(super) fn set_shift_ns(&self, shift_ns: i64) {
        self.shift_ns.store(shift_ns, Ordering::Release);
    }

    /// What the feed's clock showed first; 0 before that.
    pub(super) fn begun_ns(&self) -> i64 {
        self.begun_ns.load(Ordering::Acquire)
    }

    /// It shows this, as the first time.
    pub(super) fn set_begun_ns(&self, clock_ns: i64) {
        self.begun_ns.store(clock_ns, Ordering::Release);
    }

    /// Whether the tape has begun again or gone to another place: then the messages are no longer those of the tape, in
    /// its order.
    pub fn has_moved(&self) -> bool {
        self.has_moved.load(Ordering::Acquire)
    }

    /// It has.
    pub(super) fn set_moved(&self) {
        self.has_moved.store(true, Ordering::Release);
    }

    /// One more session has subscribed to something for the first time.
    pub fn session_subscribed(&self) {
        // Release: pairs with the load below, so that what is wanted is known to whoever counts this session.
        self.subscribed.fetch_add(1, Ordering::Release);
        self.unpark();
    }

    /// How many have.
    pub fn sessions_subscribed(&self) -> usize {
        // Acquire: pairs with the addition above.
        self.subscribed.load(Ordering::Acquire)
    }

    /// The thread to wake.
    pub(super) fn set_thread(&self, thread: Thread) {
        let _ = self.thread.set(thread);
    }

    fn unpark(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Questions {
    /// Answers all that wait. Costs a look at an empty queue where none do.
    #[inline]
    pub(super) fn answer(&self, market: Market<'_>) {
        while let Ok(question) = self.questions.try_recv() {
            question(market);
        }
    }

    /// The next command.
    #[inline]
    pub(super) fn command(&mut self) -> Option<(Command, Reply)> {
        self.waiting.pop_front().or_else(|| self.commands.try_recv().ok())
    }

    /// Answers those who only ask where the tape is.
    pub(super) fn answer_where(&mut self, place: Where) {
        while self.waiting.len() < COMMANDS_MAX
            && let Ok((command, reply)) = self.commands.try_recv()
        {
            if command == Command::default() {
                reply(place);
            } else {
                self.waiting.push_back((command, reply));
            }
        }
    }
}
