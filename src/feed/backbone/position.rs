//! How far a stream has been recorded: a remark on the tape, and the messages behind it.

use std::path::PathBuf;

use crate::feed::backbone::address::Address;
use crate::tape::{Form, Reader, TapeError};

/// What such a remark begins with.
const REMARK: &str = "jetstream";

/// A place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// When the stream was made, nanoseconds since the epoch: one that was made anew has other messages under the same
    /// numbers.
    pub created_ns: i64,
    /// The number of the message that comes next, from 1.
    pub next: u64,
}

/// Which message of a stream comes next. Those behind it count on from there, up to the next such remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position<'a> {
    pub(super) stream: &'a str,
    pub(super) subject: &'a str,
    pub(super) place: Place,
}

impl<'a> Position<'a> {
    /// As it stands on the tape.
    pub(super) fn remark(&self) -> String {
        let Place { created_ns, next } = self.place;
        format!("{REMARK} {} {} made {created_ns}: message {next} comes next", self.stream, self.subject)
    }

    /// Reads it; `None` for any other remark.
    fn parse(text: &'a str) -> Option<Position<'a>> {
        let (stream, rest) = text.strip_prefix(REMARK)?.strip_prefix(' ')?.split_once(' ')?;
        let (subject, rest) = rest.split_once(" made ")?;
        let (created_ns, rest) = rest.split_once(": message ")?;
        let next = rest.strip_suffix(" comes next")?.parse().ok()?;
        Some(Position { stream, subject, place: Place { created_ns: created_ns.parse().ok()?, next } })
    }
}

/// The end of a tape that is gone on with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The highest receive time; `None` for a tape without records.
    pub last_ns: Option<i64>,
    /// The place in the stream; `None` where the tape does not say so.
    pub place: Option<Place>,
}

/// What has been seen of the tape's end, from the end on.
enum Seen {
    /// So many messages, and no remark before them yet.
    Messages(u64),
    /// The message that comes next.
    Next(Place),
}

impl Tail {
    /// The end of a tape, or of the last of the files of a series. Cost: it is read back to the last remark.
    ///
    /// # Errors
    /// [`TapeError`] for a file that cannot be opened.
    pub fn of(files: &[PathBuf], address: &Address) -> Result<Tail, TapeError> {
        let mut tail = Tail::default();
        let mut seen = Seen::Messages(0);
        for file in files.iter().rev() {
            let mut reader = Reader::open(file)?;
            tail.last_ns = tail.last_ns.max(reader.index().span().map(|(_, high)| high));
            let blocks: Vec<(u64, u64)> =
                reader.index().entries.iter().map(|entry| (entry.first_sequence, entry.end_sequence())).collect();
            for (first, end) in blocks.into_iter().rev() {
                let Seen::Messages(behind) = seen else { return Ok(tail) };
                reader.seek_sequence(first);
                seen = look(&mut reader, end, behind, address);
                if let Seen::Next(place) = seen {
                    tail.place = Some(place);
                }
            }
        }
        Ok(tail)
    }
}

/// Looks at a block, behind which there are so many messages of what stands last in it.
fn look(reader: &mut Reader, end: u64, behind: u64, address: &Address) -> Seen {
    let stream = address.log.as_ref().map(|log| log.name.as_str());
    // Messages before the first remark, and what comes next after the last one; those of other streams count for nothing.
    let (mut before, mut has_remark, mut place) = (0, false, None::<Place>);
    let mut is_ours = false;
    loop {
        let record = match reader.read() {
            Ok(Some(record)) if record.sequence < end => record,
            Ok(_) => break,
            // Damage was told when the tape was opened.
            Err(_) => continue,
        };
        if record.message.is_data() {
            match (has_remark, is_ours, place.as_mut()) {
                (false, ..) => before += 1,
                (true, true, Some(place)) => place.next += 1,
                _ => {}
            }
        } else if record.message.form == Form::Remark
            && let Some(position) = std::str::from_utf8(record.message.bytes).ok().and_then(Position::parse)
        {
            has_remark = true;
            is_ours = Some(position.stream) == stream && position.subject == address.subject;
            if is_ours {
                place = Some(position.place);
            }
        }
    }
    match place {
        Some(place) if is_ours => Seen::Next(Place { next: place.next + behind, ..place }),
        Some(place) => Seen::Next(place),
        None if has_remark => Seen::Messages(before),
        None => Seen::Messages(before + behind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::header::Header;
    use crate::tape::{Direction, Message, Settings, Writer};

    fn remark(subject: &str, next: u64) -> Option<String> {
        Some(Position { stream: "MD", subject, place: Place { created_ns: 3, next } }.remark())
    }

    #[test]
    fn the_tail_counts_from_the_last_remark_of_its_stream_on() {
        let address = Address::parse("nats://host/a?stream=MD").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let cases = [
            (vec![vec![None, None]], None),
            (vec![vec![remark("a", 5)]], Some(5)),
            (vec![vec![remark("a", 5), None, None]], Some(7)),
            (vec![vec![remark("a", 5), None, None, remark("a", 90), None]], Some(91)),
            // In other blocks, and in other files.
            (vec![vec![remark("a", 5), None], vec![None, None], vec![None]], Some(9)),
            // Of another stream.
            (vec![vec![remark("b", 5), None]], None),
            (vec![vec![remark("a", 5), None], vec![None, remark("b", 70), None, None], vec![None]], Some(7)),
        ];
        for (number, (blocks, next)) in cases.into_iter().enumerate() {
            for in_files in [false, true] {
                let mut files: Vec<PathBuf> = Vec::new();
                let mut writer: Option<Writer> = None;
                for (place, block) in blocks.iter().enumerate() {
                    let writer = match &mut writer {
                        Some(writer) if !in_files => writer,
                        writer => {
                            files.push(folder.path().join(format!("{number}-{in_files}-{place}.tape")));
                            let header = Header::default();
                            let made = Writer::create(files.last().unwrap(), Settings::default(), header).unwrap();
                            writer.insert(made)
                        }
                    };
                    for text in block {
                        let (direction, form, bytes) = match text {
                            Some(text) => (Direction::Note, Form::Remark, text.as_bytes()),
                            None => (Direction::From, Form::Text, &b"{}"[..]),
                        };
                        let message = Message { ts_recv: 7, connection: 0, direction, form, label: "", bytes };
                        writer.append(&message).unwrap();
                    }
                    writer.flush().unwrap();
                }
                let tail = Tail::of(&files, &address).unwrap();
                let place = next.map(|next| Place { created_ns: 3, next });
                assert_eq!(tail, Tail { last_ns: Some(7), place }, "{number} {in_files}");
            }
        }
        assert_eq!(Tail::of(&[], &address).unwrap(), Tail::default());
    }
}
