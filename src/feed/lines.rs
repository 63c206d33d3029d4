//! A tape of lines: a recorded feed in a text file, one message a line.
//!
//! ```text
//! <receive time, nanoseconds since the Unix epoch, decimal> <the raw message, one line of JSON>\n
//! ```
//!
//! A tape is read as a stream: memory holds one line, however long the tape. Lines that are damaged are counted by
//! kind, reported once per kind with the number of the line, and skipped. So is the rest of a tape whose compression
//! is damaged: what was read before is good.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::feed::FeedError;
use crate::feed::damage::Damage;
use crate::tape::EXTENSION;

/// Longest line that is read, in bytes. The longest message ever recorded, a list of all symbols, has 1.9 MB.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Where a tape's bytes are.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Compressed bytes that are part of this program.
    BuiltIn {
        /// What it is called.
        name: &'static str,
        /// zstd data.
        bytes: &'static [u8],
    },
    /// A file, `.tape`, `.jsonl` or `.jsonl.zst`.
    File(PathBuf),
    /// Some of the records of a `.tape`: from the first number on, up to and without the second.
    Part(PathBuf, (u64, u64)),
}

impl Bytes {
    /// The tape's name: of a file, the last part of its path.
    pub fn name(&self) -> String {
        match self {
            Bytes::BuiltIn { name, .. } => (*name).to_owned(),
            Bytes::File(path) | Bytes::Part(path, _) => {
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
            }
        }
    }

    /// The file and which of its records, where it is a tape in blocks.
    pub(super) fn blocks(&self) -> Option<(&Path, (u64, u64))> {
        match self {
            Bytes::File(path) => {
                let is_blocks = path.extension().is_some_and(|end| end == EXTENSION);
                is_blocks.then_some((path.as_path(), (0, u64::MAX)))
            }
            Bytes::Part(path, records) => Some((path, *records)),
            Bytes::BuiltIn { .. } => None,
        }
    }

    fn open(&self) -> Result<Box<dyn BufRead + Send>, FeedError> {
        match self {
            Bytes::BuiltIn { bytes, .. } => Ok(decompress(*bytes).expect("zstd's own buffers can be had")),
            Bytes::File(path) | Bytes::Part(path, _) => {
                let failed = |source| FeedError::Open { path: path.clone(), source };
                let compressed = is_compressed(path)?;
                let file = File::open(path).map_err(failed)?;
                if file.metadata().map_err(failed)?.is_dir() {
                    return Err(failed(std::io::Error::other("it is a directory")));
                }
                if compressed {
                    decompress(file).map_err(failed)
                } else {
                    Ok(Box::new(BufReader::with_capacity(1 << 18, file)))
                }
            }
        }
    }
}

fn is_compressed(path: &Path) -> Result<bool, FeedError> {
    let name = path.to_string_lossy();
    match (name.ends_with(".jsonl"), name.ends_with(".jsonl.zst")) {
        (true, _) => Ok(false),
        (_, true) => Ok(true),
        _ => Err(FeedError::Kind { path: path.to_owned() }),
    }
}

fn decompress(reader: impl Read + Send + 'static) -> std::io::Result<Box<dyn BufRead + Send>> {
    Ok(Box::new(BufReader::with_capacity(1 << 18, zstd::Decoder::new(reader)?)))
}

/// Reads a tape line by line.
pub struct Lines {
    source: Bytes,
    reader: Box<dyn BufRead + Send>,
    line_number: u64,
    last_recv: i64,
    damaged: [u64; Damage::COUNT],
}

impl Lines {
    /// Opens a tape at its beginning.
    ///
    /// # Errors
    /// [`FeedError`] if the file cannot be opened or is of an unknown kind.
    pub fn open(source: Bytes) -> Result<Lines, FeedError> {
        let reader = source.open()?;
        Ok(Lines { source, reader, line_number: 0, last_recv: i64::MIN, damaged: [0; Damage::COUNT] })
    }

    /// Goes back to the beginning. Counts go on.
    ///
    /// # Errors
    /// [`FeedError::Open`] if the file has gone.
    pub fn rewind(&mut self) -> Result<(), FeedError> {
        self.reader = self.source.open()?;
        self.line_number = 0;
        self.last_recv = i64::MIN;
        Ok(())
    }

    /// Reads the next good line's message into `message` and returns its receive time; `None` at the end.
    pub fn next(&mut self, message: &mut Vec<u8>) -> Option<i64> {
        loop {
            message.clear();
            self.line_number += 1;
            let read = self.reader.by_ref().take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', message);
            match read {
                Ok(0) => return None,
                Ok(_) if message.len() > LINE_BYTES_MAX => {
                    self.damage(Damage::TooLong);
                    if !self.skip_line() {
                        return None;
                    }
                }
                Ok(_) => match split(message) {
                    Some((ts_recv, _)) if ts_recv < self.last_recv => self.damage(Damage::TimestampBack),
                    Some((ts_recv, start)) => {
                        self.last_recv = ts_recv;
                        message.drain(..start);
                        return Some(ts_recv);
                    }
                    None => self.damage(Damage::NoTimestamp),
                },
                Err(_) => {
                    self.damage(Damage::Unreadable);
                    return None;
                }
            }
        }
    }

    /// The number of the line that was read last, from 1.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// The tape's name.
    pub fn name(&self) -> String {
        self.source.name()
    }

    /// How many lines were skipped, by [`Damage`].
    pub fn damaged(&self) -> [u64; Damage::COUNT] {
        self.damaged
    }

    fn damage(&mut self, damage: Damage) {
        let count = &mut self.damaged[damage as usize];
        *count += 1;
        if *count == 1 {
            let (tape, line) = (self.source.name(), self.line_number);
            tracing::warn!("{tape}: line {line} {}; lines like it are skipped and counted", damage.sentence());
        }
    }

    fn skip_line(&mut self) -> bool {
        loop {
            let Ok(buffer) = self.reader.fill_buf() else { return false };
            if buffer.is_empty() {
                return false;
            }
            let end = buffer.iter().position(|&b| b == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(used);
            if end.is_some() {
                return true;
            }
        }
    }
}

/// The receive time of a line, and where its message begins; cuts the line's end off.
fn split(line: &mut Vec<u8>) -> Option<(i64, usize)> {
    while let Some(b'\n' | b'\r') = line.last() {
        line.pop();
    }
    let space = line.iter().take(20).position(|&b| b == b' ')?;
    let digits = std::str::from_utf8(&line[..space]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let ts_recv = digits.parse().ok()?;
    (line.len() > space + 1).then_some((ts_recv, space + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(name: &str, bytes: &[u8]) -> (Vec<(i64, String)>, [u64; Damage::COUNT]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let mut tape = Lines::open(Bytes::File(path)).unwrap();
        let (mut lines, mut message) = (Vec::new(), Vec::new());
        while let Some(ts_recv) = tape.next(&mut message) {
            lines.push((ts_recv, String::from_utf8_lossy(&message).into_owned()));
        }
        (lines, tape.damaged())
    }

    #[test]
    fn good_lines_are_read_and_damaged_ones_counted_by_kind() {
        let text = b"5 {\"a\":1}\n\n{\"b\":2}\nx {}\n6\n6 \n7 {\"c\":3}\r\n4 {\"late\":1}\n7 {\"d\":4}\n99999999999999999999 {}\n8 cut";
        let (lines, damaged) = read("a.jsonl", text);
        let expected = [(5, "{\"a\":1}"), (7, "{\"c\":3}"), (7, "{\"d\":4}"), (8, "cut")];
        assert_eq!(lines, expected.map(|(time, text)| (time, text.to_owned())));
        assert_eq!(damaged, [6, 1, 0, 0, 0]);
    }

    #[test]
    fn a_line_without_end_is_skipped_in_bounded_memory() {
        let mut text = b"1 {}\n2 ".to_vec();
        text.resize(LINE_BYTES_MAX + 100, b'x');
        text.extend_from_slice(b"\n3 {}\n");
        let (lines, damaged) = read("a.jsonl", &text);
        assert_eq!(lines.len(), 2);
        assert_eq!(damaged, [0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_compressed_tape_that_was_cut_gives_what_is_there() {
        let text: String = (0..20_000).map(|i| format!("{i} {{\"number\":{}}}\n", i * 7919 % 10_007)).collect();
        let whole = zstd::encode_all(text.as_bytes(), 1).unwrap();
        assert_eq!(read("a.jsonl.zst", &whole).0.len(), 20_000);
        let (lines, damaged) = read("a.jsonl.zst", &whole[..whole.len() - 4_000]);
        assert!((1..20_000).contains(&lines.len()), "{}", lines.len());
        assert_eq!(damaged[Damage::Unreadable as usize], 1);
    }

    #[test]
    fn what_cannot_be_opened_is_named() {
        let missing = Lines::open(Bytes::File("/nowhere/a.jsonl".into())).err().unwrap().to_string();
        assert!(missing.contains("/nowhere/a.jsonl"), "{missing}");
        let kind = Lines::open(Bytes::File("a.csv".into())).err().unwrap().to_string();
        assert!(kind.contains("a.csv") && kind.contains(".jsonl.zst"), "{kind}");
    }
}
