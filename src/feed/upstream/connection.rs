//! One connection, from its handshake to its end.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use fastwebsockets::{FragmentCollectorRead, Frame, OpCode, Payload, WebSocketError};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::dial::websocket::{self, Socket};
use crate::dial::{DialError, Log};
use crate::feed::upstream::line::Context;
use crate::feed::upstream::snapshots;
use crate::tape::record::MESSAGE_BYTES_MAX;
use crate::tape::{Direction, Form};

/// The longest a handshake or a REST answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// How long what is closed is still read.
const CLOSING_MAX: Duration = Duration::from_secs(1);

/// What our pings carry.
const PING: &[u8] = b"tapecast";

/// Writes heads down.
pub(super) struct Heads<'a> {
    pub(super) context: &'a Context,
    pub(super) number: u32,
}

impl Log for Heads<'_> {
    fn sent(&self, head: &str) {
        self.context.hub.borrow_mut().put(self.number, Direction::To, Form::Handshake, head.as_bytes());
    }

    fn received(&self, head: &str) {
        self.context.hub.borrow_mut().put(self.number, Direction::From, Form::Handshake, head.as_bytes());
    }
}

/// Why nothing came of a try, and what the server asks to wait.
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(reason: String) -> Failure {
        Failure { reason, retry_after: None }
    }

    /// Waits for an answer as long as one may take.
    pub(super) async fn or<T>(answer: impl Future<Output = Result<T, DialError>>) -> Result<T, Failure> {
        match timeout(ANSWER_MAX, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Failure { reason: error.to_string(), retry_after: error.retry_after() }),
            Err(_) => Err(Failure::new(format!("no answer within {ANSWER_MAX:?}"))),
        }
    }
}

/// Opens a connection to an address.
pub(super) async fn connect(context: &Context, group: usize, number: u32) -> Result<Socket, Failure> {
    let address = &context.addresses[group];
    let heads = Heads { context, number };
    let (server, trust) = (&address.server, Some(&context.trust));
    let mut socket = Failure::or(websocket::open(server, &address.path, trust, MESSAGE_BYTES_MAX, &heads)).await?;
    // Closes are written down, and then answered.
    socket.set_auto_close(false);
    let mut hub = context.hub.borrow_mut();
    hub.note(number, Form::Opened, &address.to_string());
    hub.opened(group, number);
    Ok(socket)
}

/// Reads a connection to its end, or until it is told to close. Why it ended; `None` where that was wanted.
pub(super) async fn read(
    context: Rc<Context>,
    group: usize,
    number: u32,
    socket: Socket,
    close: oneshot::Receiver<()>,
) -> Option<String> {
    let ended = run(&context, group, number, socket, close).await;
    let mut hub = context.hub.borrow_mut();
    if let Some(reason) = &ended {
        hub.note(number, Form::Lost, reason);
    }
    hub.closed(group, number, ended.is_some());
    ended
}

async fn run(
    context: &Rc<Context>,
    group: usize,
    number: u32,
    socket: Socket,
    mut close: oneshot::Receiver<()>,
) -> Option<String> {
    let (reader, mut writer) = socket.split(tokio::io::split);
    let mut reader = FragmentCollectorRead::new(reader);
    let put = |direction, form, bytes: &[u8]| context.hub.borrow_mut().put(number, direction, form, bytes);
    macro_rules! send {
        ($form:expr, $frame:expr, $bytes:expr) => {
            put(Direction::To, $form, $bytes);
            // A peer that takes nothing is lost like one that says nothing.
            match timeout(ANSWER_MAX, writer.write_frame($frame)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(format!("cannot send: {error}")),
                Err(_) => return Some(format!("the server takes nothing for {ANSWER_MAX:?}")),
            }
        };
    }
    for request in &context.addresses[group].requests {
        send!(Form::Text, Frame::text(Payload::Borrowed(request.as_bytes())), request.as_bytes());
    }
    let silence_max = context.plan.silence_max;
    let (mut heard, mut has_pinged) = (Instant::now(), false);
    let mut closing: Option<Instant> = None;
    let mut stopped = context.stopped.clone();
    loop {
        // Reading is begun again only when a frame is whole: a read that is given up loses its place.
        let mut send_nothing = |_| async { Ok::<(), WebSocketError>(()) };
        let mut frame = pin!(reader.read_frame(&mut send_nothing));
        let read = loop {
            let deadline = match closing {
                Some(since) => since + CLOSING_MAX,
                None if has_pinged => heard + silence_max,
                None => heard + silence_max / 2,
            };
            tokio::select! {
                biased;
                read = &mut frame => break read,
                _ = async { tokio::select! { _ = &mut close => {}, _ = stopped.wait_for(|stop| *stop) => {} } },
                    if closing.is_none() =>
                {
                    closing = Some(Instant::now());
                    send!(Form::Close, Frame::close(1000, b""), &1000_u16.to_be_bytes());
                }
                () = sleep_until(deadline) => {
                    if closing.is_some() {
                        return None;
                    }
                    if has_pinged {
                        return Some(format!("silent for {silence_max:?}"));
                    }
                    has_pinged = true;
                    send!(Form::Ping, Frame::new(true, OpCode::Ping, None, Payload::Borrowed(PING)), PING);
                }
            }
        };
        let frame = match read {
            Ok(frame) => frame,
            Err(_) if closing.is_some() => return None,
            Err(error) => return Some(format!("the connection broke: {error}")),
        };
        (heard, has_pinged) = (Instant::now(), false);
        let bytes: &[u8] = &frame.payload;
        match frame.opcode {
            OpCode::Text | OpCode::Binary => {
                let form = if frame.opcode == OpCode::Text { Form::Text } else { Form::Binary };
                let need = context.hub.borrow_mut().on_message(group, number, form, bytes);
                if let Some(need) = need {
                    snapshots::fetch(context, group, need);
                }
            }
            OpCode::Ping => {
                put(Direction::From, Form::Ping, bytes);
                if closing.is_none() {
                    let payload = bytes.to_vec();
                    send!(Form::Pong, Frame::pong(Payload::Borrowed(&payload)), &payload);
                }
            }
            OpCode::Pong => put(Direction::From, Form::Pong, bytes),
            OpCode::Close => {
                put(Direction::From, Form::Close, bytes);
                if closing.is_some() {
                    return None;
                }
                let payload = bytes.to_vec();
                put(Direction::To, Form::Close, &payload);
                let _ = timeout(CLOSING_MAX, writer.write_frame(Frame::close_raw(Payload::Borrowed(&payload)))).await;
                let code = payload
                    .first_chunk()
                    .map_or("without a code".to_owned(), |code| format!("with {}", u16::from_be_bytes(*code)));
                return Some(format!("the server closed it {code}"));
            }
            OpCode::Continuation => {}
        }
    }
}
