//! Files of any format as records.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, bail};

use crate::cli::tape::item::{Item, NO_LINE_END};
use crate::feed::label::{Labels, of_form};
use crate::feed::rows::Table;
use crate::tape::record::MESSAGE_BYTES_MAX;
use crate::tape::{Direction, EXTENSION, Form, Reader, What};

/// A file that is read.
pub(super) struct Input {
    pub(super) path: PathBuf,
    kind: Kind,
}

enum Kind {
    Text(Text),
    Tape(Box<Reader>),
}

/// A file of lines.
struct Text {
    lines: Box<dyn BufRead>,
    /// Bytes of the file that have been read.
    position: Rc<Cell<u64>>,
    line_number: u64,
    /// What the lines are, if no messages.
    table: Option<Table>,
    /// The time of the line before; at first, that of the first line that has one.
    ts_recv: i64,
    /// What comes before the next line.
    waiting: VecDeque<Item>,
    /// What came of reading a line more than was handed out, and that line.
    ahead: Option<anyhow::Result<bool>>,
    ahead_bytes: Vec<u8>,
    /// A row's message, of which only the label is of interest.
    scratch: Vec<u8>,
}

impl Input {
    /// Opens a file by its ending.
    pub(super) fn open(path: &Path) -> anyhow::Result<Input> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".zst").unwrap_or(&name);
        let failed = || format!("cannot read {}", path.display());
        let kind = if let Some(stem) = stem.strip_suffix(".csv") {
            Kind::Text(Text::open(path, Some(stem)).with_context(failed)?)
        } else if stem.ends_with(".jsonl") {
            Kind::Text(Text::open(path, None).with_context(failed)?)
        } else if path.extension().is_some_and(|end| end == EXTENSION) {
            Kind::Tape(Box::new(Reader::open(path).with_context(failed)?))
        } else if name.ends_with(".zip") {
            bail!("{name}: unpack it first; what is read is .tape, .jsonl and .csv, the last two also as .zst");
        } else {
            bail!("{name}: what is read is .tape, .jsonl and .csv, the last two also as .zst");
        };
        Ok(Input { path: path.to_owned(), kind })
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        match &self.kind {
            Kind::Text(_) => std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len()),
            Kind::Tape(reader) => reader.length(),
        }
    }

    /// Up to where in the file it has come.
    pub(super) fn position(&self) -> u64 {
        match &self.kind {
            Kind::Text(text) => text.position.get(),
            Kind::Tape(reader) => reader.position(),
        }
    }

    /// Reads the next record in place of `item`; false at the end. What is damaged is told and passed over.
    pub(super) fn next(&mut self, labels: &mut Labels, item: &mut Item) -> anyhow::Result<bool> {
        let path = &self.path;
        match &mut self.kind {
            Kind::Text(text) => text.next(labels, item).with_context(|| format!("{}", path.display())),
            Kind::Tape(reader) => loop {
                match reader.read() {
                    Ok(Some(record)) => {
                        item.set(&record);
                        return Ok(true);
                    }
                    Ok(None) => return Ok(false),
                    Err(damage) if damage.what == What::Unfinished => {}
                    Err(damage) => eprintln!("tapecast: {}: {damage}", path.display()),
                }
            },
        }
    }
}

impl Text {
    fn open(path: &Path, table_name: Option<&str>) -> anyhow::Result<Text> {
        let mut first_lines = open_text(path, Rc::default())?;
        let (mut line, mut table) = (Vec::new(), None);
        let mut number = 0;
        let ts_recv = loop {
            number += 1;
            if !read_line(&mut first_lines, number, &mut line)? {
                bail!(
                    "it holds no {}",
                    if table.is_some() { "rows" } else { "lines `<receive time in ns> <message>`" }
                );
            }
            if let Some(name) = table_name.filter(|_| table.is_none()) {
                let table_of_file = Table::of_file(name, &String::from_utf8_lossy(&line));
                table = Some(table_of_file.map_err(anyhow::Error::msg)?);
            }
            if let Some((ts_recv, _)) = time_of(table.as_ref(), &line) {
                break ts_recv;
            }
        };
        let mut waiting = VecDeque::new();
        if let Some(table) = &table {
            let mut item = Item { bytes: table.to_string().into_bytes(), ..Item::default() };
            item.become_of(ts_recv, Direction::Note, Form::Table, of_form(Direction::Note, Form::Table));
            waiting.push_back(item);
        }
        let position = Rc::default();
        let lines = open_text(path, Rc::clone(&position))?;
        let (ahead, ahead_bytes, scratch) = (None, Vec::new(), Vec::new());
        Ok(Text { lines, position, line_number: 0, table, ts_recv, waiting, ahead, ahead_bytes, scratch })
    }

    fn next(&mut self, labels: &mut Labels, item: &mut Item) -> anyhow::Result<bool> {
        if let Some(waiting) = self.waiting.pop_front() {
            *item = waiting;
            return Ok(true);
        }
        if !self.read(&mut item.bytes)? {
            return Ok(false);
        }
        let Some((ts_recv, start)) = time_of(self.table.as_ref(), &item.bytes) else {
            // No message, and yet part of the file.
            item.become_of(self.ts_recv, Direction::Note, Form::Line, of_form(Direction::Note, Form::Line));
            return Ok(true);
        };
        self.ts_recv = ts_recv;
        self.read_rows(&mut item.bytes);
        if let Some(table) = &self.table {
            let row = std::str::from_utf8(&item.bytes).unwrap_or_default();
            let label = match table.write_message(row, self.line_number, &mut self.scratch) {
                Some(()) => labels.of(&self.scratch, ts_recv),
                None => of_form(Direction::From, Form::Row),
            };
            item.become_of(ts_recv, Direction::From, Form::Row, label);
            return Ok(true);
        }
        if item.bytes.last() == Some(&b'\n') {
            item.bytes.pop();
        } else {
            let mut remark = Item { bytes: NO_LINE_END.to_vec(), ..Item::default() };
            remark.become_of(ts_recv, Direction::Note, Form::Remark, of_form(Direction::Note, Form::Remark));
            self.waiting.push_back(remark);
        }
        item.bytes.drain(..start);
        let label = labels.of(&item.bytes, ts_recv);
        item.become_of(ts_recv, Direction::From, Form::Text, label);
        Ok(true)
    }
}

impl Text {
    /// Reads a line; false at the end.
    fn read(&mut self, line: &mut Vec<u8>) -> anyhow::Result<bool> {
        if let Some(read) = self.ahead.take() {
            std::mem::swap(line, &mut self.ahead_bytes);
            return read;
        }
        self.line_number += 1;
        read_line(&mut self.lines, self.line_number, line)
    }

    /// Adds to a row those behind it that belong to the same message. What cannot be read is said when it is next.
    fn read_rows(&mut self, rows: &mut Vec<u8>) {
        while self.table.is_some() {
            let mut line = std::mem::take(&mut self.ahead_bytes);
            let read = self.read(&mut line);
            let fits = rows.len() + line.len() <= MESSAGE_BYTES_MAX;
            let continues = self.table.as_ref().is_some_and(|table| table.continues(rows, &line));
            self.ahead_bytes = line;
            if !(matches!(read, Ok(true)) && fits && continues) {
                self.ahead = Some(read);
                return;
            }
            rows.extend_from_slice(&self.ahead_bytes);
        }
    }
}

/// A file that says how far it has been read.
struct Counted {
    file: File,
    position: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.position.set(self.position.get() + read as u64);
        Ok(read)
    }
}

fn open_text(path: &Path, position: Rc<Cell<u64>>) -> anyhow::Result<Box<dyn BufRead>> {
    let file = Counted { file: File::open(path)?, position };
    if path.extension().is_some_and(|end| end == "zst") {
        return Ok(Box::new(BufReader::with_capacity(1 << 18, zstd::Decoder::new(file)?)));
    }
    Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
}

/// Reads a line with its end; false at the end of the file.
fn read_line(lines: &mut Box<dyn BufRead>, number: u64, line: &mut Vec<u8>) -> anyhow::Result<bool> {
    line.clear();
    let read = lines.by_ref().take(MESSAGE_BYTES_MAX as u64 + 1).read_until(b'\n', line);
    let read = read.with_context(|| format!("line {number} cannot be read: the file is cut or damaged"))?;
    if line.len() > MESSAGE_BYTES_MAX {
        bail!("line {number} is longer than {} MiB", MESSAGE_BYTES_MAX >> 20);
    }
    Ok(read > 0)
}

/// When a line was received, and where its message begins; `None` for one that is none, or is not spelled as lines are:
/// it could not be written again from its parts.
fn time_of(table: Option<&Table>, line: &[u8]) -> Option<(i64, usize)> {
    if let Some(table) = table {
        return Some((table.ts_recv(std::str::from_utf8(line).ok()?)?, 0));
    }
    let space = line.iter().take(20).position(|&byte| byte == b' ')?;
    let digits = std::str::from_utf8(&line[..space]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let ts_recv: i64 = digits.parse().ok()?;
    let has_message = !line[space + 1..].trim_ascii_end().is_empty();
    let is_plain = digits.len() == 1 || !digits.starts_with('0');
    (has_message && is_plain).then_some((ts_recv, space + 1))
}
