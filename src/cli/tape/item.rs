//! A record on its way from one file to another.

use crate::tape::{Direction, Form, Message, Record};

/// A record with bytes of its own; its buffers are used again for the next one.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) ts_recv: i64,
    pub(super) connection: u32,
    pub(super) direction: Direction,
    pub(super) form: Form,
    pub(super) label: String,
    pub(super) bytes: Vec<u8>,
}

impl Default for Item {
    fn default() -> Item {
        Item {
            ts_recv: 0,
            connection: 0,
            direction: Direction::From,
            form: Form::Text,
            label: String::new(),
            bytes: Vec::new(),
        }
    }
}

/// What a remark says where the last message of an imported file has no line end, so that it gets none when exported.
pub(super) const NO_LINE_END: &[u8] = b"the imported file ends without a line end";

impl Item {
    /// As it is appended.
    pub(super) fn message(&self) -> Message<'_> {
        let Item { ts_recv, connection, direction, form, .. } = *self;
        Message { ts_recv, connection, direction, form, label: &self.label, bytes: &self.bytes }
    }

    /// Takes over a record.
    pub(super) fn set(&mut self, record: &Record<'_>) {
        let Message { ts_recv, connection, direction, form, label, bytes } = record.message;
        (self.ts_recv, self.connection, self.direction, self.form) = (ts_recv, connection, direction, form);
        self.label.clear();
        self.label.push_str(label);
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes it what a file holds at a time; the bytes are set already.
    pub(super) fn become_of(&mut self, ts_recv: i64, direction: Direction, form: Form, label: &str) {
        (self.ts_recv, self.connection, self.direction, self.form) = (ts_recv, 0, direction, form);
        self.label.clear();
        self.label.push_str(label);
    }
}
