//! Publishing what an upstream brings: raw messages, each with when it was received and on which connection.
//!
//! To a plain subject each message is sent once: what is under way when a connection is lost is lost. To a stream they are
//! sent in order, some ahead of their acknowledgements. When a connection is lost, the stream is asked for the last one it
//! has, and those behind it are sent again: nothing is lost or comes twice, as long as nobody else publishes on the subject.
//!
//! # Known limitation
//!
//! Notes are not published: who reads the subject sees a gap by the ids of the messages. A stream that refuses some
//! messages and takes later ones, as one that is full and is being emptied may do, has those it refused behind them.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, Context};
use async_nats::{Event, HeaderMap, header};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep};

use crate::dial::{Backoff, Trust};
use crate::feed::backbone::address::{Address, Log};
use crate::feed::backbone::client::{ANSWER_MAX, Connection, Failure, connect, echo, find_stream};
use crate::feed::backbone::queue::{Item, Queue};
use crate::feed::backbone::{CONNECTION, TS_RECV};
use crate::feed::upstream::{Plan, Sink, UpstreamError, now_ns};
use crate::tape::Message;

/// Messages that are sent to a stream ahead of their acknowledgements.
const AHEAD_MAX: usize = 1_024;

/// How long a connection must have lasted for the next wait to be a short one again.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// How long it may take at the end to get rid of what waits.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// A sink that publishes. Messages wait in a queue of 65,536; when it is full, whoever brings more waits.
pub struct Publisher {
    queue: Arc<Queue>,
    name: String,
}

/// What the publisher's thread has.
struct Line {
    address: Address,
    trust: Trust,
    silence_max: Duration,
    queue: Arc<Queue>,
    /// Tells this publisher's messages from those of others.
    epoch: i64,
    /// Taken off the queue; the server is not known to have them.
    pending: VecDeque<Item>,
    has_published: bool,
}

type Ack = Pin<Box<dyn Future<Output = Result<PublishAck, PublishError>> + Send>>;

impl Publisher {
    /// Begins to publish.
    ///
    /// # Errors
    /// [`UpstreamError`]; that nobody answers is no error, but tried again. A stream that does not exist is told when a
    /// message is brought.
    pub fn start(address: Address, plan: &Plan) -> Result<Publisher, UpstreamError> {
        let queue = Arc::new(Queue::default());
        let name = address.to_string();
        let mut line = Line {
            address,
            trust: Trust::of(plan.ca.as_deref())?,
            silence_max: plan.silence_max,
            queue: Arc::clone(&queue),
            epoch: now_ns(),
            pending: VecDeque::new(),
            has_published: false,
        };
        let mut backoff = Backoff::new(plan.retry_min, plan.retry_max);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            let refusal = runtime.block_on(line.keep(&mut backoff));
            line.queue.ended(refusal);
        };
        std::thread::Builder::new().name("publisher".to_owned()).spawn(run)?;
        Ok(Publisher { queue, name })
    }

    /// What to call when everything is to end: whoever waits for room in the queue then gives up.
    pub fn hurry(&self) -> impl Fn() + Send + use<> {
        let queue = Arc::clone(&self.queue);
        move || queue.hurry()
    }

    fn refused(&self) -> Result<(), UpstreamError> {
        match self.queue.refusal() {
            Some(reason) => Err(UpstreamError::Refused { name: self.name.clone(), reason }),
            None => Ok(()),
        }
    }
}

impl Sink for Publisher {
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError> {
        if message.is_data() && !self.queue.push(message.ts_recv, message.connection, message.bytes) {
            return self.refused();
        }
        Ok(())
    }

    fn idle(&mut self) -> Result<(), UpstreamError> {
        self.refused()
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        self.queue.end();
        let count = self.queue.wait(ENDING_MAX);
        self.refused()?;
        match count {
            0 => Ok(()),
            count => Err(UpstreamError::Untaken { name: self.name.clone(), count: count as usize }),
        }
    }
}

impl Line {
    /// Keeps a connection until it is over; why it ended before that.
    async fn keep(&mut self, backoff: &mut Backoff) -> Option<String> {
        loop {
            let begun = Instant::now();
            let connected = connect(&self.address, &self.trust, self.silence_max).await;
            let ended = match (connected, self.address.log.clone()) {
                (Ok(connection), None) => self.publish(connection).await,
                (Ok(connection), Some(log)) => self.publish_to_stream(connection, &log).await,
                (Err(failure), _) => Err(failure),
            };
            match ended {
                Ok(()) => return None,
                Err(Failure::Refused(reason)) if !self.has_published => return Some(reason),
                Err(failure) => tracing::warn!("publisher: {}", failure.reason()),
            }
            if begun.elapsed() >= STABLE_AFTER {
                backoff.reset();
            }
            let mut wait = pin!(sleep(backoff.pause()));
            loop {
                tokio::select! {
                    () = &mut wait => break,
                    () = self.queue.changes() => if self.queue.is_over() { break },
                }
            }
            if self.pending.is_empty() && self.queue.is_over() && self.queue.is_empty() {
                return None;
            }
        }
    }

    async fn publish(&mut self, connection: Connection) -> Result<(), Failure> {
        let Connection { client, mut events } = connection;
        loop {
            while let Some(item) = self.queue.pop() {
                let headers = self.headers(&item);
                let sent = client.publish_with_headers(self.address.subject.clone(), headers, item.bytes).await;
                sent.map_err(|error| Failure::Lost(format!("a message cannot be sent: {error}")))?;
                self.queue.took(1);
                self.has_published = true;
            }
            if self.queue.is_over() {
                echo(&client).await;
                return Ok(());
            }
            tokio::select! {
                () = self.queue.changes() => {}
                failure = loss(&mut events) => return Err(failure),
            }
        }
    }

    async fn publish_to_stream(&mut self, connection: Connection, log: &Log) -> Result<(), Failure> {
        let Connection { client, mut events } = connection;
        let mut context = jetstream::new(client);
        context.set_timeout(ANSWER_MAX);
        let stream = find_stream(&context, &log.name).await?;
        if !self.pending.is_empty() {
            let last = stream.get_last_raw_message_by_subject(&self.address.subject).await;
            let id = last.ok().and_then(|message| Some(message.headers.get(header::NATS_MESSAGE_ID)?.to_string()));
            self.forget(id.and_then(|id| self.number_of(&id)).unwrap_or(0));
        }
        let mut acks: VecDeque<Ack> = VecDeque::new();
        loop {
            while acks.len() < AHEAD_MAX {
                if self.pending.len() == acks.len() {
                    let Some(item) = self.queue.pop() else { break };
                    self.pending.push_back(item);
                }
                let ack = self.send(&context, &self.pending[acks.len()]).await?;
                acks.push_back(ack);
            }
            if acks.is_empty() && self.queue.is_over() {
                return Ok(());
            }
            tokio::select! {
                biased;
                ack = first(&mut acks) => {
                    acks.pop_front();
                    self.acknowledged(ack, log)?;
                }
                () = self.queue.changes(), if acks.len() < AHEAD_MAX => {}
                failure = loss(&mut events) => return Err(failure),
            }
        }
    }

    async fn send(&self, context: &Context, item: &Item) -> Result<Ack, Failure> {
        let id = format!("{:x}-{}", self.epoch, item.number);
        let message = PublishMessage::build().payload(item.bytes.clone()).headers(self.headers(item)).message_id(id);
        match context.send_publish(self.address.subject.clone(), message).await {
            Ok(ack) => Ok(ack.into_future()),
            Err(error) => Err(failed(&error)),
        }
    }

    fn acknowledged(&mut self, ack: Result<PublishAck, PublishError>, log: &Log) -> Result<(), Failure> {
        let ack = ack.map_err(|error| failed(&error))?;
        if ack.stream != log.name {
            let subject = &self.address.subject;
            return Err(Failure::Refused(format!("`{subject}` is of the stream `{}`, not `{}`", ack.stream, log.name)));
        }
        self.has_published = true;
        self.pending.pop_front();
        self.queue.took(1);
        Ok(())
    }

    /// The server has all messages up to this one.
    fn forget(&mut self, number: u64) {
        while self.pending.front().is_some_and(|item| item.number <= number) {
            self.pending.pop_front();
            self.queue.took(1);
        }
    }

    /// The number in a message's id; `None` for the message of somebody else.
    fn number_of(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&format!("{:x}-", self.epoch))?.parse().ok()
    }

    fn headers(&self, item: &Item) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TS_RECV, item.ts_recv.to_string());
        headers.insert(CONNECTION, item.connection.to_string());
        headers
    }
}

/// The first acknowledgement, when it comes.
async fn first(acks: &mut VecDeque<Ack>) -> Result<PublishAck, PublishError> {
    match acks.front_mut() {
        Some(ack) => ack.await,
        None => std::future::pending().await,
    }
}

fn failed(error: &PublishError) -> Failure {
    let reason = format!("a message is not taken: {error}");
    match error.kind() {
        PublishErrorKind::StreamNotFound | PublishErrorKind::MaxPayloadExceeded => Failure::Refused(reason),
        _ => Failure::Lost(reason),
    }
}

/// Waits until the connection is lost.
async fn loss(events: &mut UnboundedReceiver<Event>) -> Failure {
    loop {
        match events.recv().await {
            None | Some(Event::Disconnected | Event::Closed) => {
                return Failure::Lost("the connection broke".to_owned());
            }
            Some(Event::ServerError(error)) => {
                let text = format!("the server says: {error}");
                if text.to_ascii_lowercase().contains("permissions violation") {
                    return Failure::Refused(text);
                }
                tracing::warn!("publisher: {text}");
            }
            Some(_) => {}
        }
    }
}
