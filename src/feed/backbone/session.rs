//! One connection after the other to a subject, or to a stream, and what is known from one to the next.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{ConsumerErrorKind, Info};
use async_nats::{Event, Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use crate::dial::Trust;
use crate::feed::backbone::address::{Address, Begin, Log};
use crate::feed::backbone::client::{Connection, Failure, connect, echo, find_stream, ts_recv};
use crate::feed::backbone::intake::Intake;
use crate::feed::backbone::position::{Place, Position, Tail};
use crate::feed::upstream::now_ns;
use crate::tape::Form;

/// Messages of a stream that are asked for at once. Memory: with messages as large as a server allows by default, 256 MB.
const BATCH_MAX: usize = 256;

/// How long a request for messages stands, and how often the server says that it still does.
const BATCH_LASTS: Duration = Duration::from_secs(30);
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long the server keeps a consumer that nobody asks.
const CONSUMER_LASTS: Duration = Duration::from_secs(60);

/// Messages after which the place in the stream is noted again, so that it is found without reading a whole tape.
const REMARK_EVERY: u64 = 4_096;

/// Why something may be missing.
enum Dark {
    /// Nobody listened since this time.
    Since(i64),
    /// Anything else.
    Known(String),
}

/// What is known from one connection to the next.
pub(super) struct Session {
    address: Address,
    trust: Trust,
    silence_max: Duration,
    intake: Rc<RefCell<Intake>>,
    stopped: watch::Receiver<bool>,
    /// Connections so far.
    connections: u32,
    /// Whether one of them was listened to.
    has_heard: bool,
    /// Why something may be missing before what comes next.
    dark: Option<Dark>,
    /// Where in the stream it is, and when the stream was made.
    place: Option<Place>,
    created_ns: i64,
}

impl Session {
    pub(super) fn new(
        address: Address,
        trust: Trust,
        silence_max: Duration,
        tail: Tail,
        intake: Rc<RefCell<Intake>>,
        stopped: watch::Receiver<bool>,
    ) -> Session {
        // Whoever knows the place in a stream has missed nothing.
        let is_gap = tail.last_ns.is_some() && tail.place.is_none();
        let dark = is_gap.then(|| Dark::Known("the recorder was not running".to_owned()));
        let (connections, has_heard, place) = (0, false, tail.place);
        let created_ns = 0;
        Session { address, trust, silence_max, intake, stopped, connections, has_heard, dark, place, created_ns }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether it was ever listened to.
    pub(super) fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// The number of the connection made last.
    pub(super) fn number(&self) -> u32 {
        self.connections.saturating_sub(1)
    }

    /// It is over, and no connection is open.
    pub(super) fn end(&mut self) {
        if self.has_heard {
            self.note_dark("until the end");
        }
    }

    /// Connects and reads until it is over, or until the connection is lost, or not to be had.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        self.connections += 1;
        let mut stopped = self.stopped.clone();
        let over = async { drop(stopped.wait_for(|stop| *stop).await) };
        let read = async {
            let connection = connect(&self.address, &self.trust, self.silence_max).await?;
            match self.address.log.clone() {
                None => self.read_subject(connection).await,
                Some(log) => self.read_stream(connection, &log).await,
            }
        };
        tokio::select! {
            biased;
            () = over => Ok(()),
            ended = read => ended,
        }
    }

    async fn read_subject(&mut self, connection: Connection) -> Result<(), Failure> {
        let Connection { client, mut events } = connection;
        let failed = |error: &dyn std::fmt::Display| Failure::Lost(format!("cannot subscribe: {error}"));
        let subscriber = client.subscribe(self.address.subject.clone()).await;
        let mut subscriber = subscriber.map_err(|error| failed(&error))?;
        echo(&client).await;
        self.opened();
        self.note_dark(&format!("to {}", now_ns()));
        loop {
            tokio::select! {
                biased;
                message = subscriber.next() => match message {
                    Some(message) => self.take(&message),
                    None => return Err(Failure::Lost("the subscription ended".to_owned())),
                },
                lost = self.next_loss(&mut events) => {
                    // What came before the end is taken, and nothing behind it is on this connection.
                    self.drain(&mut subscriber);
                    let since = self.intake.borrow().last_ns().unwrap_or_else(now_ns);
                    self.dark = Some(Dark::Since(since));
                    return Err(lost);
                }
            }
        }
    }

    fn drain(&mut self, subscriber: &mut Subscriber) {
        while let Some(Some(message)) = subscriber.next().now_or_never() {
            self.take(&message);
        }
    }

    fn take(&mut self, message: &Message) {
        let ts_recv = ts_recv(message.headers.as_ref()).unwrap_or_else(now_ns);
        self.intake.borrow_mut().message(self.number(), ts_recv, &message.payload);
    }

    async fn read_stream(&mut self, connection: Connection, log: &Log) -> Result<(), Failure> {
        let Connection { client, mut events } = connection;
        let context = jetstream::new(client);
        let stream = find_stream(&context, &log.name).await?;
        let deliver_policy = self.begin(log, stream.cached_info());
        let config = pull::Config {
            deliver_policy,
            // Its order is checked, and its place is on the tape: nothing is acknowledged, nothing is sent twice.
            ack_policy: AckPolicy::None,
            filter_subject: self.address.subject.clone(),
            inactive_threshold: CONSUMER_LASTS,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(cause) => {
                Failure::Refused(format!("the stream `{}` cannot be read: {cause}", log.name))
            }
            _ => Failure::Lost(format!("the stream `{}` cannot be read: {error}", log.name)),
        })?;
        let batches = consumer.stream().max_messages_per_batch(BATCH_MAX).expires(BATCH_LASTS).heartbeat(HEARTBEAT);
        let messages = batches.messages().await;
        let mut messages = messages.map_err(|error| Failure::Lost(format!("no messages can be asked for: {error}")))?;
        self.opened();
        self.note_dark("");
        let (mut taken, mut since_remark) = (0, REMARK_EVERY);
        loop {
            let message = tokio::select! {
                biased;
                message = messages.next() => message,
                lost = self.next_loss(&mut events) => return Err(lost),
            };
            let message = match message {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(Failure::Lost(format!("the stream cannot be read on: {error}"))),
                None => return Err(Failure::Lost("the consumer ended".to_owned())),
            };
            let info =
                message.info().map_err(|error| Failure::Lost(format!("a message without its place: {error}")))?;
            taken += 1;
            if info.consumer_sequence != taken {
                return Err(Failure::Lost(format!("message {} came in place of {taken}", info.consumer_sequence)));
            }
            let place = self.place.get_or_insert(Place { created_ns: self.created_ns, next: 0 });
            if place.next != info.stream_sequence || since_remark >= REMARK_EVERY {
                place.next = info.stream_sequence;
                let position = Position { stream: &log.name, subject: &self.address.subject, place: *place };
                let remark = position.remark();
                self.note(Form::Remark, remark);
                since_remark = 0;
            }
            let stored_ns = i64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(i64::MAX);
            let ts_recv = ts_recv(message.headers.as_ref()).unwrap_or(stored_ns);
            self.intake.borrow_mut().message(self.number(), ts_recv, &message.payload);
            since_remark += 1;
            if let Some(place) = &mut self.place {
                place.next += 1;
            }
        }
    }

    /// Where the stream is begun: where it was left, if that can be.
    fn begin(&mut self, log: &Log, info: &Info) -> DeliverPolicy {
        let created_ns = i64::try_from(info.created.unix_timestamp_nanos()).unwrap_or(i64::MAX);
        self.created_ns = created_ns;
        let (first, last) = (info.state.first_sequence.max(1), info.state.last_sequence);
        let next = match self.place {
            Some(place) => {
                let (next, missing) = go_on(place, created_ns, first, last);
                if let Some(what) = missing {
                    self.dark = Some(Dark::Known(format!("the stream {} {what}", log.name)));
                }
                Some(next)
            }
            None => match log.begin {
                Begin::All => Some(first),
                // Counted from here on: what comes while a connection is lost is then there too.
                Begin::New => Some(last + 1),
                Begin::Sequence(number) => Some(number.max(first)).filter(|number| *number <= last),
                Begin::Time(_) => None,
            },
        };
        if let Some(next) = next {
            self.place = Some(Place { created_ns, next });
            return DeliverPolicy::ByStartSequence { start_sequence: next };
        }
        // It begins with something that may be still to come.
        match log.begin {
            Begin::Sequence(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            Begin::Time(ns) => async_nats::datetime::from_nanos(i128::from(ns))
                .map_or(DeliverPolicy::All, |start_time| DeliverPolicy::ByStartTime { start_time }),
            Begin::All | Begin::New => DeliverPolicy::All,
        }
    }

    /// It has a connection that is listened to.
    fn opened(&mut self) {
        self.has_heard = true;
        self.note(Form::Opened, self.address.to_string());
    }

    /// Notes why something may be missing, and up to when nobody listened.
    fn note_dark(&mut self, end: &str) {
        match self.dark.take() {
            Some(Dark::Since(since)) => self.note(Form::Gap, format!("nothing was received from {since} {end}")),
            Some(Dark::Known(text)) => self.note(Form::Gap, text),
            None => {}
        }
    }

    fn note(&self, form: Form, text: String) {
        self.intake.borrow_mut().note(self.number(), form, text);
    }

    /// Waits until the connection is lost; notes what else is said about it.
    async fn next_loss(&self, events: &mut UnboundedReceiver<Event>) -> Failure {
        loop {
            match events.recv().await {
                None | Some(Event::Disconnected | Event::Closed) => {
                    return Failure::Lost("the connection broke".to_owned());
                }
                Some(Event::SlowConsumer(_)) => {
                    while let Ok(Event::SlowConsumer(_)) = events.try_recv() {}
                    self.note(Form::Gap, "more messages came than could wait, and some were dropped".to_owned());
                }
                Some(Event::ServerError(error)) => {
                    let text = format!("the server says: {error}");
                    if text.to_ascii_lowercase().contains("permissions violation") {
                        return Failure::Refused(text);
                    }
                    self.note(Form::Remark, text);
                }
                Some(Event::Connected) => {}
                Some(other) => self.note(Form::Remark, format!("the connection: {other}")),
            }
        }
    }
}

/// The message that a stream, which has so many now, is gone on with, and what is missing before it.
fn go_on(place: Place, created_ns: i64, first: u64, last: u64) -> (u64, Option<String>) {
    let next = place.next;
    if place.created_ns != created_ns {
        return (first, Some(format!("was made anew: before, message {next} came next")));
    }
    if next < first {
        return (first, Some(format!("no longer has messages {next} to {}", first - 1)));
    }
    if next > last + 1 {
        return (last + 1, Some(format!("has lost messages {} to {}", last + 1, next - 1)));
    }
    (next, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_gone_on_with_where_it_was_left_or_says_what_is_missing() {
        let place = Place { created_ns: 7, next: 20 };
        let missing = |created_ns, first, last| {
            let (next, missing) = go_on(place, created_ns, first, last);
            (next, missing.unwrap_or_default())
        };
        assert_eq!(missing(7, 1, 19), (20, String::new()));
        assert_eq!(missing(7, 20, 50), (20, String::new()));
        assert_eq!(missing(7, 25, 50), (25, "no longer has messages 20 to 24".to_owned()));
        assert_eq!(missing(7, 1, 17), (18, "has lost messages 18 to 19".to_owned()));
        assert_eq!(missing(8, 3, 40), (3, "was made anew: before, message 20 came next".to_owned()));
    }
}
