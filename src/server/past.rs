//! Clients that are told the past before they are live: what they missed, where the ring's history does not reach back to
//! it, or what was since a time of theirs.
//!
//! ```text
//!  tape ─▶ Ingest that follows the feed's ─▶ ring of its own ─▶ Backfill ─▶ this client, as fast as it takes it
//!  feed ─▶ Ingest ─▶ ring ─▶ everybody ·················· from here on this client too
//! ```
//!
//! The tape is gone over again from its beginning, by an ingest that publishes what was published then, and numbers it as
//! it was numbered. When that is as far as the feed, what the core has read beyond it comes out of the ring's history, and
//! then the client is one of many. So nothing is missing in between, and nothing comes twice.
//!
//! Cost: a thread, a ring of 6 MB, and the decoding of everything before, for each client that is on its way.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;
use tokio::task::{spawn_local, yield_now};

use crate::config::HIGH_WATER_BYTES;
use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::{Backfill, Fanout, Lost, Position, Since, Want};
use crate::feed::merge::Merge;
use crate::feed::source::Source;
use crate::feed::time;
use crate::ingest::{Control, Ingest, Lead, Plan};
use crate::market::channel::{Channel, Scope};
use crate::market::engine::Engine;
use crate::market::interest::Change;
use crate::market::symbol::Venue;
use crate::market::tick::{Level, Tick};
use crate::metrics::Metrics;
use crate::protocol::websocket::Close;
use crate::ring::{self, Limits, Reader};
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::pipeline::Bell;
use crate::server::socket::Socket;
use crate::server::writer::read_all;
use crate::session::sequence::Teller;
use crate::session::{Origin, Resume};

/// Clients of a core that may be on their way at once.
const WAYS_MAX: usize = 16;

/// Ticks taken before others get their turn.
const TURN_TICKS: usize = 1_024;

/// The ring of one way.
const RING: Limits = Limits { slots: 4_096, annex: 1 << 17, history_slots: 1, history_annex: 1 << 15 };

/// How long nothing may come before it is looked whether that is all.
const LOOK_AFTER: Duration = Duration::from_millis(5);

/// A feed that has done nothing for so long while something new is wanted will see that with its next message.
const STILL_FOR: Duration = Duration::from_millis(50);

/// How often a way may come to the end of what is on the tape before it is where the feed is.
const TRIES_MAX: u32 = 20;

/// What a client has not got to yet.
#[derive(Debug)]
pub(crate) struct Behind {
    held: FxHashSet<(Venue, Scope, Channel)>,
    /// All that it wants by now.
    wanted: Vec<Want>,
}

impl Behind {
    /// The client wants this from now on; what of it is told to it live.
    pub(crate) fn take(&mut self, wants: Vec<Want>) -> Vec<Want> {
        self.wanted.clone_from(&wants);
        wants.into_iter().filter(|want| !self.held.contains(&key(want))).collect()
    }
}

fn key(want: &Want) -> (Venue, Scope, Channel) {
    (want.form.venue(), want.scope, want.channel)
}

/// A way from the past to the present.
struct Way {
    backfill: Backfill,
    reader: Reader<Tick, Level>,
    /// Of the ingest that goes over the tape.
    control: Arc<Control>,
    bell: Arc<Bell>,
    /// Since when the feed has been done with this message, while what is wanted has not been seen.
    still: Option<(u64, Instant)>,
}

impl Drop for Way {
    fn drop(&mut self) {
        self.control.stop();
    }
}

/// What a turn on the way came to.
enum Turn {
    /// There may be more.
    Took,
    /// The client has yet to take some of it.
    Full,
    /// Nothing has come.
    Waits,
    /// The tape has no more of it, and the ring no longer what follows.
    Short(u64),
    /// It is there.
    Arrived,
    /// It cannot be told.
    Lost(Lost),
}

/// What a client on its way is told, and how.
#[derive(Clone)]
struct Errand {
    wants: Vec<Want>,
    since: Since,
    resume: Resume,
    /// What has to be published of the feed before the client can be live: what nobody may have wanted before.
    awaited: Vec<Change>,
}

/// Has a client told the past of these wants; they are not to be told it live before.
///
/// # Errors
/// Why that cannot be.
pub(crate) fn begin(
    core: &Rc<Core>,
    fanout: &Fanout<Socket>,
    client: &Client,
    resume: &Resume,
    wants: &[Want],
) -> Result<(), Lost> {
    let shared = &core.shared;
    let since = match &resume.origin {
        // Numbers of another run mean other messages.
        Origin::Position(Some(Position { epoch: Some(epoch), .. })) if *epoch != shared.epoch => {
            return Err(Lost::OtherEpoch);
        }
        Origin::Position(position) => Since::Position(position.ok_or(Lost::Malformed)?),
        Origin::Time(text) => {
            let now = shared.metrics.ts_recv.load(Ordering::Relaxed);
            Since::Time(time::parse(text, (now, now)).map_err(|_| Lost::NoTime)?)
        }
    };
    let is_time = matches!(since, Since::Time(_));
    if shared.past.is_empty() {
        return Err(if is_time { Lost::NotRecorded } else { Lost::Gone });
    }
    if shared.control.has_moved() {
        return Err(Lost::Moved);
    }
    if client.behind.borrow().is_some() || core.ways.get() >= WAYS_MAX {
        return Err(Lost::Busy);
    }
    let Some(client) = core.clients.borrow().get(client.place as usize).cloned() else { return Err(Lost::Gone) };
    // What is told of a time need not have been published then; what was missed was.
    let awaited = if is_time { fanout.want_published(wants) } else { Vec::new() };
    let errand = Errand { wants: wants.to_vec(), since, resume: resume.clone(), awaited };
    let way = Way::open(core, &errand).map_err(|_| Lost::Busy)?;
    *client.behind.borrow_mut() = Some(Box::new(Behind { held: wants.iter().map(key).collect(), wanted: Vec::new() }));
    shared.metrics.cores[core.index].pasts_told.add(1);
    core.ways.set(core.ways.get() + 1);
    let core = Rc::clone(core);
    spawn_local(async move {
        let lost = go(&core, &client, way, errand.clone()).await;
        core.ways.set(core.ways.get() - 1);
        if let (Some(lost), false) = (lost, client.is_gone.get()) {
            let mut fanout = core.fanout.borrow_mut();
            arrive(&mut fanout, &client, &errand.resume, Batch::default(), Some(lost));
        }
    });
    Ok(())
}

/// Goes all the way; why that could not be, if it could not.
async fn go(core: &Rc<Core>, client: &Client, mut way: Way, mut errand: Errand) -> Option<Lost> {
    let mut tries = 0;
    while !client.is_gone.get() {
        match way.turn(core, client, &errand) {
            Turn::Took => yield_now().await,
            Turn::Full => tokio::time::sleep(Duration::from_millis(1)).await,
            Turn::Waits => drop(tokio::time::timeout(LOOK_AFTER, way.bell.notify.notified()).await),
            Turn::Arrived => return None,
            Turn::Lost(lost) => return Some(lost),
            Turn::Short(_) if tries == TRIES_MAX => return Some(Lost::Gone),
            Turn::Short(sequence) => {
                // What is on its way to the tape is there in a moment.
                tries += 1;
                tokio::time::sleep(STILL_FOR * 4).await;
                errand.since = Since::Position(Position { epoch: None, sequence, place: None });
                match Way::open(core, &errand) {
                    Ok(next) => way = next,
                    Err(_) => return Some(Lost::Gone),
                }
            }
        }
    }
    None
}

/// From here on the client is told what it wants live. `lost` says why there is a gap before.
fn arrive(fanout: &mut Fanout<Socket>, client: &Client, resume: &Resume, mut frames: Batch, lost: Option<Lost>) {
    let Some(behind) = client.behind.borrow_mut().take() else { return };
    let (mut frame, here) = (Vec::new(), fanout.position());
    match (&resume.origin, lost) {
        (Origin::Time(_), lost) => resume.teller.write_live(here, lost, &mut frame),
        (Origin::Position(_), None) => resume.teller.write_position(here, &mut frame),
        (Origin::Position(from), Some(lost)) => resume.teller.write_lost(*from, here, lost, &mut frame),
    }
    if !frame.is_empty() {
        frames.push(&frame, Mark::KEPT);
    }
    if lost.is_some() && resume.teller == Teller::Silent {
        // It could not be told of the gap: it comes again, and begins anew.
        return match fanout.outlet(client.id).sink.is_polled() {
            true => fanout.abort(client.id),
            false => fanout.close(client.id, Close::GOING_AWAY),
        };
    }
    if lost.is_some() {
        for want in behind.wanted.iter().filter(|want| behind.held.contains(&key(want))) {
            fanout.snapshot(want, &mut frames);
        }
    }
    fanout.send(client.id, frames);
    fanout.subscribe(client.id, behind.wanted);
}

impl Way {
    fn open(core: &Core, errand: &Errand) -> std::io::Result<Way> {
        let shared = &core.shared;
        // Ids of what was not published then are nobody else's.
        let epoch = if matches!(errand.resume.origin, Origin::Time(_)) { 0 } else { shared.epoch };
        let bell = Arc::new(Bell::default());
        let mut builder = ring::Builder::new(RING).expect("its limits are constants, and hold");
        let reader = builder.reader(Waker::from(Arc::clone(&bell)));
        let publisher = builder.build();
        let (control, questions) = Control::new();
        let control = Arc::new(control);
        let (lead, for_ingest) = (Lead::new(Arc::clone(&shared.control), core.interest.clone()), Arc::clone(&control));
        let (sources, derive): (Vec<Source>, _) = (shared.past.clone(), shared.config.derive);
        let Plan { from, warm_up_ns, to, .. } = shared.config.plan;
        let plan = Plan { from, warm_up_ns, to, ..Plan::flat_out() };
        let awaited = errand.awaited.clone();
        thread::Builder::new().name("past".into()).spawn(move || {
            let mut engine = Engine::new(derive);
            awaited.into_iter().for_each(|change| engine.note_wanted(change));
            let metrics = Arc::new(Metrics::new(0));
            let gone_over = Merge::open(&sources).and_then(|feed| {
                Ingest::new(feed, plan, engine, publisher, (for_ingest, questions), metrics).following(lead).run()
            });
            if let Err(error) = gone_over {
                tracing::warn!("the past cannot be told: {error}");
            }
        })?;
        let backfill = Backfill::new(&errand.wants, errand.since, epoch);
        Ok(Way { backfill, reader, control, bell, still: None })
    }

    fn turn(&mut self, core: &Rc<Core>, client: &Client, errand: &Errand) -> Turn {
        // In this order: all that is done when it is looked at has been published.
        let (lead, mine) = (core.shared.control.done(), self.control.done());
        let is_over = self.reader.is_closed();
        let (mut frames, mut lost) = (Batch::default(), None);
        let mut fanout = core.fanout.borrow_mut();
        fanout.set_now(core.now_ms());
        if fanout.outlet(client.id).backlog.bytes() > HIGH_WATER_BYTES {
            return Turn::Full;
        }
        let read = self.reader.poll_while(TURN_TICKS, |_, tick, levels| {
            lost = fanout.backfill(&mut self.backfill, tick, levels, &mut frames).err();
            let goes_on = lost.is_none() && frames.bytes.len() < HIGH_WATER_BYTES;
            if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        // What was read before this look at it may be of messages that the feed has left, and not what it told.
        if core.shared.control.has_moved() {
            return Turn::Lost(Lost::Moved);
        }
        if !frames.marks.is_empty() {
            fanout.send(client.id, frames);
        }
        drop(fanout);
        match lost {
            Some(lost) => Turn::Lost(lost),
            None if read > 0 => Turn::Took,
            None if mine >= lead || self.backfill.is_at_end() => self.join(core, client, errand, (lead, mine)),
            None if is_over => Turn::Lost(Lost::Gone),
            None => Turn::Waits,
        }
    }

    /// Everything up to the message `mine` has been told: what the core has read behind it comes from the ring.
    fn join(&mut self, core: &Rc<Core>, client: &Client, errand: &Errand, (lead, mine): (u64, u64)) -> Turn {
        let is_at_end = self.backfill.is_at_end() && mine < lead;
        if !self.is_published(core, errand, (lead, mine)) {
            return if is_at_end { Turn::Short(mine) } else { Turn::Waits };
        }
        if !read_all(core) {
            return Turn::Waits;
        }
        let mut fanout = core.fanout.borrow_mut();
        let reader = core.reader.borrow();
        let Some(reader) = reader.as_ref() else { return Turn::Lost(Lost::Gone) };
        let (mut frames, mut lost, mut first) = (Batch::default(), None, None);
        let begin = reader.history().start;
        let read = reader.read_history(begin, |_, tick, levels| {
            first.get_or_insert(tick.sequence);
            if tick.sequence > mine && lost.is_none() {
                lost = fanout.backfill(&mut self.backfill, tick, levels, &mut frames).err();
            }
        });
        debug_assert!(read.is_ok(), "a history begins where it says");
        if begin > 0 && first.is_some_and(|first| first > mine) {
            return Turn::Short(mine);
        }
        if let Some(lost) = lost {
            return Turn::Lost(lost);
        }
        fanout.end_backfill(&mut self.backfill);
        arrive(&mut fanout, client, &errand.resume, frames, None);
        Turn::Arrived
    }

    /// Whether all that is wanted is published from the message behind `mine` on.
    fn is_published(&mut self, core: &Core, errand: &Errand, (lead, mine): (u64, u64)) -> bool {
        if let Some(since) = core.interest.since(&errand.awaited) {
            return since <= mine + 1;
        }
        // No message has been begun since it was wanted, or one is being begun just now.
        let (at, since) = *self.still.get_or_insert((lead, Instant::now()));
        if at != lead {
            self.still = None;
        }
        at == lead && mine >= lead && since.elapsed() >= STILL_FOR
    }
}
