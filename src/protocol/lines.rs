//! Messages on a bare TCP connection: lines of text, or pieces with their length in front.
//!
//! The client's first byte decides for both directions. A length is four bytes, big-endian, and below 2^24, so its
//! first byte is zero, which no line of text begins with.

use thiserror::Error;

/// How messages are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each ends with a line feed, perhaps after a carriage return.
    Lines,
    /// Each begins with its length.
    Prefixed,
}

impl Mode {
    /// The mode that a client's first byte chooses.
    pub fn of(first: u8) -> Mode {
        if first == 0 { Mode::Prefixed } else { Mode::Lines }
    }

    /// Appends a message. `payload` is one line.
    pub fn write(self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Mode::Lines => {
                out.extend_from_slice(payload);
                out.push(b'\n');
            }
            Mode::Prefixed => {
                out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
                out.extend_from_slice(payload);
            }
        }
    }
}

/// A message longer than allowed; there is no telling where the next one begins.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a message is longer than {0} bytes")]
pub struct TooLong(pub usize);

/// Bytes in front of a piece that say how long it is.
const LENGTH_BYTES: usize = 4;

/// Puts a client's messages together. Worst case in memory: the longest message, and what one read brings.
#[derive(Debug)]
pub struct Reader {
    mode: Option<Mode>,
    /// What has come of a message that is not complete.
    rest: Vec<u8>,
    /// How much of it was searched for a line's end.
    searched: usize,
    bytes_max: usize,
}

impl Reader {
    /// Nothing has come yet.
    pub fn new(bytes_max: usize) -> Reader {
        Reader { mode: None, rest: Vec::new(), searched: 0, bytes_max }
    }

    /// How messages are told apart; `None` before the first byte.
    pub fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// Takes in what has come, and hands out each message that is complete.
    ///
    /// # Errors
    /// [`TooLong`], as soon as it shows; messages before it have been handed out.
    pub fn read(&mut self, bytes: &[u8], mut on_message: impl FnMut(Mode, &[u8])) -> Result<(), TooLong> {
        let Some(&first) = self.rest.first().or(bytes.first()) else { return Ok(()) };
        let mode = *self.mode.get_or_insert(Mode::of(first));
        self.rest.extend_from_slice(bytes);
        let mut done = 0;
        while let Some((start, end, next)) = self.next(mode, done)? {
            on_message(mode, &self.rest[start..end]);
            (done, self.searched) = (next, next);
        }
        self.rest.drain(..done);
        self.searched -= done.min(self.searched);
        if self.rest.is_empty() {
            self.rest.shrink_to(4_096);
        }
        Ok(())
    }

    /// Where the message from `from` on begins and ends, and where the next one begins; `None` if it is not complete.
    fn next(&mut self, mode: Mode, from: usize) -> Result<Option<(usize, usize, usize)>, TooLong> {
        let rest = &self.rest[from..];
        match mode {
            Mode::Lines => {
                let searched = self.searched.max(from) - from;
                let Some(length) = rest[searched..].iter().position(|&b| b == b'\n').map(|at| searched + at) else {
                    self.searched = self.rest.len();
                    return if rest.len() > self.bytes_max { Err(TooLong(self.bytes_max)) } else { Ok(None) };
                };
                if length > self.bytes_max {
                    return Err(TooLong(self.bytes_max));
                }
                let returns = usize::from(rest[..length].ends_with(b"\r"));
                Ok(Some((from, from + length - returns, from + length + 1)))
            }
            Mode::Prefixed => {
                let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
                let length = u32::from_be_bytes(*length) as usize;
                if length > self.bytes_max {
                    return Err(TooLong(self.bytes_max));
                }
                let start = from + LENGTH_BYTES;
                Ok((rest.len() >= length).then_some((start, start + length, start + length)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(reader: &mut Reader, bytes: &[u8]) -> Result<Vec<(Mode, Vec<u8>)>, TooLong> {
        let mut messages = Vec::new();
        reader.read(bytes, |mode, message| messages.push((mode, message.to_vec())))?;
        Ok(messages)
    }

    #[test]
    fn the_first_byte_decides() {
        let mut reader = Reader::new(64);
        assert_eq!((read(&mut reader, b""), reader.mode()), (Ok(vec![]), None));
        assert_eq!(read(&mut reader, b"PI"), Ok(vec![]));
        let lines = vec![(Mode::Lines, b"PING".to_vec()), (Mode::Lines, b"".to_vec()), (Mode::Lines, b"\0x".to_vec())];
        assert_eq!(read(&mut reader, b"NG\r\n\n\0x\nnext"), Ok(lines));
        let mut reader = Reader::new(64);
        assert_eq!(read(&mut reader, &[0, 0, 0]), Ok(vec![]));
        let pieces = vec![(Mode::Prefixed, b"a\nb".to_vec()), (Mode::Prefixed, b"".to_vec())];
        assert_eq!(read(&mut reader, b"\x03a\nb\0\0\0\0\0\0\0\x09x"), Ok(pieces));
    }

    #[test]
    fn what_is_too_long_is_refused_before_all_of_it_has_come() {
        assert_eq!(read(&mut Reader::new(4), b"abcd\n").unwrap().len(), 1);
        assert_eq!(read(&mut Reader::new(4), b"abcde\n"), Err(TooLong(4)));
        assert_eq!(read(&mut Reader::new(4), b"abcde"), Err(TooLong(4)));
        assert_eq!(read(&mut Reader::new(4), &[0, 0, 0, 5]), Err(TooLong(4)));
        assert_eq!(read(&mut Reader::new(1 << 20), &[0, 0xff, 0xff, 0xff, 1]), Err(TooLong(1 << 20)));
    }

    proptest! {
        /// However a client's bytes are cut, its messages are the same.
        #[test]
        fn cuts_change_nothing(
            messages in proptest::collection::vec("[a-z0-9 ]{0,12}", 1..12),
            is_prefixed in any::<bool>(),
            cuts in proptest::collection::vec(1_usize..9, 1..60),
        ) {
            let mode = if is_prefixed { Mode::Prefixed } else { Mode::Lines };
            let mut bytes = Vec::new();
            messages.iter().for_each(|message| mode.write(message.as_bytes(), &mut bytes));
            let (mut reader, mut got, mut cuts) = (Reader::new(12), Vec::new(), cuts.into_iter().cycle());
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                got.extend(read(&mut reader, now).unwrap());
                rest = later;
            }
            let expected: Vec<_> = messages.iter().map(|message| (mode, message.as_bytes().to_vec())).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn no_bytes_make_it_panic(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..10)) {
            let mut reader = Reader::new(32);
            for piece in pieces {
                if read(&mut reader, &piece).is_err() {
                    break;
                }
            }
        }
    }
}
