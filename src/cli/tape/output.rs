//! Records as text: lines of messages, or the table they came from.

use std::io::{self, Write};

use crate::cli::tape::item::NO_LINE_END;
use crate::feed::rows::Tables;
use crate::tape::{Form, Record};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `<receive time in ns> <message>`, as tapes of lines are; rows as the messages they stand for.
    Lines,
    /// Rows, and what stood between them, as they were.
    Table,
}

/// Writes records as text. The text of an imported file is that file's, byte for byte.
pub(super) struct Output<W: Write> {
    out: W,
    style: Style,
    tables: Tables,
    message: Vec<u8>,
    /// A line's end is written when it is known that it has one.
    owes_line_end: bool,
    /// Lines and rows.
    pub(super) written: u64,
    /// Records that have no place in such a text: requests, pings, messages of several lines.
    pub(super) left_out: u64,
}

impl<W: Write> Output<W> {
    pub(super) fn new(out: W, style: Style) -> Output<W> {
        let (tables, message) = (Tables::default(), Vec::new());
        Output { out, style, tables, message, owes_line_end: false, written: 0, left_out: 0 }
    }

    /// Writes a record, if the text has a place for it.
    pub(super) fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        let message = &record.message;
        let is_told = self.tables.on_record(record, &mut self.message);
        match (message.form, self.style) {
            (Form::Table, _) => Ok(()),
            (Form::Remark, Style::Lines) if message.bytes == NO_LINE_END => {
                self.owes_line_end = false;
                Ok(())
            }
            (Form::Row | Form::Line, Style::Table) => self.verbatim(message.bytes),
            (Form::Line, Style::Lines) if self.tables.of(message.connection).is_none() => self.verbatim(message.bytes),
            (Form::Line, Style::Lines) => Ok(()),
            (Form::Row, Style::Lines) if is_told => {
                let line = std::mem::take(&mut self.message);
                let written = self.line(message.ts_recv, &line);
                self.message = line;
                written
            }
            (_, Style::Lines) if message.is_data() && !message.bytes.contains(&b'\n') => {
                self.line(message.ts_recv, message.bytes)
            }
            _ => {
                self.left_out += 1;
                Ok(())
            }
        }
    }

    /// Ends the text.
    pub(super) fn finish(mut self) -> io::Result<(W, u64, u64)> {
        self.end_line()?;
        self.out.flush()?;
        Ok((self.out, self.written, self.left_out))
    }

    fn line(&mut self, ts_recv: i64, message: &[u8]) -> io::Result<()> {
        self.end_line()?;
        self.out.write_all(itoa::Buffer::new().format(ts_recv).as_bytes())?;
        self.out.write_all(b" ")?;
        self.out.write_all(message)?;
        self.owes_line_end = true;
        self.written += 1;
        Ok(())
    }

    fn verbatim(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.end_line()?;
        self.written += bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
        self.out.write_all(bytes)
    }

    fn end_line(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.owes_line_end) { self.out.write_all(b"\n") } else { Ok(()) }
    }
}
