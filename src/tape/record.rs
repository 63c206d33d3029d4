//! A record: one message as it went over a connection, or a note of what happened to it.

use crate::tape::bytes::{Bytes, push_varint, unzigzag, zigzag};

/// Longest message in bytes; eight times the longest ever recorded, a list of all symbols.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Sequence numbers are below it; what says otherwise is damaged.
pub const SEQUENCE_MAX: u64 = 1 << 62;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// It came from upstream.
    From,
    /// We sent it upstream.
    To,
    /// Nobody sent it: the recorder wrote it down.
    Note,
}

/// What a record's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// A message of text: a WebSocket's, or the body of an answer by HTTP.
    Text,
    /// A message of bytes.
    Binary,
    /// An answer to a request of ours, no market data: an acknowledgement, an error.
    Reply,
    /// The head of an HTTP request (sent) or response (received).
    Handshake,
    /// A ping's payload.
    Ping,
    /// A pong's payload.
    Pong,
    /// A close frame's payload: code (2 bytes, big endian) and reason, or nothing.
    Close,
    /// A connection was made; the bytes say where to.
    Opened,
    /// A connection was lost; the bytes say why.
    Lost,
    /// From here back to the record before on this connection something may be missing; the bytes say why.
    Gap,
    /// A line of an imported file that is no message, with its end; nobody plays it.
    Line,
    /// What the rows of a connection are, in words of the reader of such rows.
    Table,
    /// A row of an imported table, with its end; of a table that tells a message in several rows, all of them.
    Row,
    /// Anything else, for people.
    Remark,
}

impl Form {
    /// All of them, by their numbers.
    pub const ALL: [Form; 14] = [
        Form::Text,
        Form::Binary,
        Form::Reply,
        Form::Handshake,
        Form::Ping,
        Form::Pong,
        Form::Close,
        Form::Opened,
        Form::Lost,
        Form::Gap,
        Form::Line,
        Form::Table,
        Form::Row,
        Form::Remark,
    ];
}

const DIRECTIONS: [Direction; 3] = [Direction::From, Direction::To, Direction::Note];

/// What is appended: a record but for its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// When it was received, sent or written down, nanoseconds since the epoch.
    pub ts_recv: i64,
    /// Which connection it went over; connections of a session are numbered as they are made, from 0.
    pub connection: u32,
    /// Which way it went.
    pub direction: Direction,
    /// What its bytes are.
    pub form: Form,
    /// What it is counted as, up to 255 bytes; empty for nothing.
    pub label: &'a str,
    /// The bytes, verbatim.
    pub bytes: &'a [u8],
}

/// A record as it is read, borrowed from its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number: one more than that of the record before.
    pub sequence: u64,
    /// The rest.
    pub message: Message<'a>,
}

impl Message<'_> {
    /// Whether it is market data from upstream, which a replay plays.
    pub fn is_data(&self) -> bool {
        self.direction == Direction::From && matches!(self.form, Form::Text | Form::Binary)
    }
}

/// What stands of a record in the heads of its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) ts_recv: i64,
    pub(super) connection: u32,
    pub(super) direction: Direction,
    pub(super) form: Form,
    /// Place of the label in the tally, from 1; 0 for none.
    pub(super) label: u32,
    /// Where its bytes begin in the content.
    pub(super) start: usize,
    pub(super) length: usize,
}

/// Longest head: varints of 64, 32, 32 and 25 bits, and a byte.
pub(super) const HEAD_BYTES_MAX: usize = 10 + 5 + 1 + 5 + 4;

/// Appends a head.
pub(super) fn write_head(message: &Message<'_>, label: u32, before_ns: i64, out: &mut Vec<u8>) {
    push_varint(zigzag(message.ts_recv.wrapping_sub(before_ns)), out);
    push_varint(u64::from(message.connection), out);
    out.push((message.direction as u8) << 6 | message.form as u8);
    push_varint(u64::from(label), out);
    push_varint(message.bytes.len() as u64, out);
}

/// Reads a head; `None` for bytes that are none. Where the message lies is the caller's to check.
pub(super) fn read_head(bytes: &mut Bytes<'_>, before_ns: i64, start: usize) -> Option<Head> {
    let ts_recv = before_ns.wrapping_add(unzigzag(bytes.varint()?));
    let connection = u32::try_from(bytes.varint()?).ok()?;
    let kind = bytes.u8()?;
    let direction = *DIRECTIONS.get(usize::from(kind >> 6))?;
    let form = *Form::ALL.get(usize::from(kind & 0x3f))?;
    let label = u32::try_from(bytes.varint()?).ok()?;
    let length = usize::try_from(bytes.varint()?).ok().filter(|length| *length <= MESSAGE_BYTES_MAX)?;
    Some(Head { ts_recv, connection, direction, form, label, start, length })
}
