//! A client's life: from one connection to the next, with what it has seen in mind.

use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};

use crate::client::link::Link;
use crate::client::received::Received;
use crate::client::target::Target;
use crate::client::{ClientError, Event, Gap, Options, Position};
use crate::dial::{Backoff, Trust};

/// What a client knows of its way so far.
struct Way {
    /// The last that it has seen.
    seen: Option<Position>,
    /// What it asked this connection to go on from, until the answer has come.
    asked: Option<Position>,
    /// Whether the server has refused something.
    is_refused: bool,
    events: Sender<Event>,
}

/// Why a connection is over.
enum Over {
    /// The server has said so, and there is nothing more.
    Complete(String),
    /// The server has refused something, and ended the connection: it would do so again.
    Refused(String),
    Lost(String),
    /// Nobody listens any more.
    Unheard,
}

/// Hands out events until it is over. Whoever drops the receiver ends it.
pub(super) async fn run(
    (target, trust): (Target, Option<Trust>),
    first: Link,
    options: Options,
    events: Sender<Event>,
) {
    let mut way = Way { seen: options.resume.clone(), asked: options.resume.clone(), is_refused: false, events };
    let mut backoff = Backoff::new(options.pause, options.pause_max);
    let mut link = first;
    loop {
        let why = match way.follow(&mut link, &options, &mut backoff).await {
            Over::Unheard => return,
            Over::Complete(why) => return way.end(why, true).await,
            Over::Refused(why) => return way.end(why, false).await,
            Over::Lost(why) => why,
        };
        if !options.reconnects {
            return way.end(why, false).await;
        }
        match way.come_again((&target, trust.as_ref()), why, &options, &mut backoff).await {
            Ok(Some(again)) => link = again,
            Ok(None) => return,
            Err(why) => return way.end(why, false).await,
        }
    }
}

impl Way {
    /// Reads a connection to its end.
    async fn follow(&mut self, link: &mut Link, options: &Options, backoff: &mut Backoff) -> Over {
        loop {
            let received = match timeout(options.silence_max, link.next()).await {
                Ok(Ok(received)) => received,
                Ok(Err(why)) => return Over::Lost(why),
                Err(_) => return Over::Lost(format!("nothing came for {:?}", options.silence_max)),
            };
            backoff.reset();
            let event = match received {
                Received::Message(message) => {
                    if let Some(position) = &message.position {
                        self.seen = Some(position.clone());
                    }
                    Event::Message(message)
                }
                Received::Position(position) => {
                    self.seen = Some(position);
                    continue;
                }
                Received::Resumed => {
                    self.asked = None;
                    continue;
                }
                Received::NotResumed { why, to } => {
                    let gap = Gap { from: self.asked.take().or(self.seen.take()), to: to.clone(), why };
                    // From here on, what it had no longer counts.
                    self.seen = to;
                    Event::Gap(gap)
                }
                Received::Refused(bytes) => {
                    self.is_refused = true;
                    Event::Refused(bytes)
                }
                Received::Alive => continue,
                Received::Over { why, .. } if self.is_refused => return Over::Refused(why),
                Received::Over { why, is_complete: true } => return Over::Complete(why),
                Received::Over { why, .. } => return Over::Lost(why),
            };
            if self.events.send(event).await.is_err() {
                return Over::Unheard;
            }
        }
    }

    /// Tries until there is a connection; `None` if nobody listens any more.
    async fn come_again(
        &mut self,
        (target, trust): (&Target, Option<&Trust>),
        mut why: String,
        options: &Options,
        backoff: &mut Backoff,
    ) -> Result<Option<Link>, String> {
        // What the server asks to wait counts where it is longer.
        let mut wait = Duration::ZERO;
        loop {
            if options.attempts_max > 0 && backoff.failures() >= options.attempts_max {
                return Err(format!("{why}; gave up after {} attempts", backoff.failures()));
            }
            let pause = backoff.pause().max(std::mem::take(&mut wait));
            if self.events.send(Event::Lost { why, pause }).await.is_err() {
                return Ok(None);
            }
            sleep(pause).await;
            let from = if options.sequence { self.seen.clone() } else { None };
            match Link::open(target, from.as_ref(), options, trust).await {
                Ok(link) => {
                    let gap = from.is_none().then(|| Gap {
                        from: None,
                        to: None,
                        why: match options.sequence {
                            true => "nothing was known to go on from".into(),
                            false => "positions were not asked for".into(),
                        },
                    });
                    self.asked = from;
                    let news = [Some(Event::Reconnected), gap.map(Event::Gap)];
                    for event in news.into_iter().flatten() {
                        if self.events.send(event).await.is_err() {
                            return Ok(None);
                        }
                    }
                    return Ok(Some(link));
                }
                // Asking again would not help.
                Err(error @ (ClientError::Address(..) | ClientError::Certificates(..))) => {
                    return Err(error.to_string());
                }
                Err(error) => {
                    wait = error.retry_after().unwrap_or_default();
                    why = error.to_string();
                }
            }
        }
    }

    async fn end(&self, why: String, is_complete: bool) {
        // Whoever has gone does not miss it.
        let _ = self.events.send(Event::Ended { why, is_complete }).await;
    }
}
