//! JSON to MessagePack, text to bytes.
//!
//! The plain idea is to read the text into a tree and write that. No tree is built here, because a frame is written for
//! every tick: a map's head says how many members it has, which is known at its end, so one byte is left for it, and
//! those few maps that need more are moved on by two or four bytes.

use memchr::memchr2;
use thiserror::Error;

use crate::protocol::msgpack::NIL;
use crate::protocol::msgpack::head::{
    close_array, close_map, close_str, write_bin, write_float, write_integer, write_text,
};

/// The deepest nesting that is read; more than any client's message may have.
const DEPTH_MAX: usize = 256;

/// The largest integer up to which a number of JavaScript is exact, 2⁵³ − 1.
const INTEGER_MAX: i64 = (1 << 53) - 1;

/// How a placeholder for bytes is spelled, up to the number of the bytes.
const PLACEHOLDER: &[u8] = br#"{"_placeholder":true,"num":"#;

/// The text is no JSON, or nested too deeply.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no JSON at byte {0}")]
pub struct NotJson(pub usize);

/// Appends a value. Numbers are what `JSON.parse` makes of them: integers up to 2⁵³ − 1 as such, all else with 64 bits of
/// floating point. Where there are attachments, they stand in place of the objects `{"_placeholder":true,"num":0}`, which
/// must be spelled so. Of several members with one name all are written, in order.
///
/// # Errors
/// [`NotJson`], and nothing is appended. Texts are not asked whether they are UTF-8: they are as they were.
///
/// Cost: one pass; nothing is allocated but what `out` grows by.
pub fn transcode(json: &[u8], attachments: &[Vec<u8>], out: &mut Vec<u8>) -> Result<(), NotJson> {
    let start = out.len();
    let mut transcoder = Transcoder { json, at: 0, attachments, out };
    let done = transcoder.value(0).and_then(|()| if transcoder.peek().is_none() { Some(()) } else { None });
    let at = transcoder.at;
    done.ok_or_else(|| {
        out.truncate(start);
        NotJson(at)
    })
}

/// The same for a text of our own, which is JSON.
#[inline]
pub fn write_json(json: &[u8], attachments: &[Vec<u8>], out: &mut Vec<u8>) {
    let done = transcode(json, attachments, out);
    debug_assert_eq!(done, Ok(()), "{}", String::from_utf8_lossy(json));
    if done.is_err() {
        out.push(NIL);
    }
}

/// A text being read. Each step returns `None` where there is no JSON.
struct Transcoder<'a> {
    json: &'a [u8],
    at: usize,
    attachments: &'a [Vec<u8>],
    out: &'a mut Vec<u8>,
}

impl Transcoder<'_> {
    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.json.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.text(),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word(b"true", 0xc3),
            b'f' => self.word(b"false", 0xc2),
            b'n' => self.word(b"null", NIL),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8], byte: u8) -> Option<()> {
        self.json[self.at..].starts_with(word).then(|| {
            self.at += word.len();
            self.out.push(byte);
        })
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if !self.attachments.is_empty() && self.attachment().is_some() {
            return Some(());
        }
        let (start, mut members) = (self.open(depth)?, 0);
        if self.peek()? == b'}' {
            self.at += 1;
        } else {
            loop {
                if self.peek()? != b'"' {
                    return None;
                }
                self.text()?;
                if self.peek()? != b':' {
                    return None;
                }
                self.at += 1;
                self.value(depth + 1)?;
                members += 1;
                if !self.goes_on(b'}')? {
                    break;
                }
            }
        }
        close_map(members, start, self.out);
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        let (start, mut elements) = (self.open(depth)?, 0);
        if self.peek()? == b']' {
            self.at += 1;
        } else {
            loop {
                self.value(depth + 1)?;
                elements += 1;
                if !self.goes_on(b']')? {
                    break;
                }
            }
        }
        close_array(elements, start, self.out);
        Some(())
    }

    /// Steps inside, and leaves a byte for the head; where that is.
    #[inline]
    fn open(&mut self, depth: usize) -> Option<usize> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.at += 1;
        self.out.push(0);
        Some(self.out.len() - 1)
    }

    /// Whether a comma follows, and not the end.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            byte if byte == end => Some(false),
            _ => None,
        }
    }

    /// Writes bytes, if it is a placeholder that stands here.
    fn attachment(&mut self) -> Option<()> {
        let rest = self.json[self.at..].strip_prefix(PLACEHOLDER)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if rest.get(digits) != Some(&b'}') {
            return None;
        }
        let place: usize = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        write_bin(self.attachments.get(place)?, self.out);
        self.at += PLACEHOLDER.len() + digits + 1;
        Some(())
    }

    #[inline]
    fn text(&mut self) -> Option<()> {
        self.at += 1;
        let json = self.json;
        let rest = &json[self.at..];
        let end = memchr2(b'"', b'\\', rest)?;
        if rest[end] != b'"' {
            return self.escaped_text();
        }
        let text = plain(&rest[..end])?;
        write_text(text, self.out);
        self.at += end + 1;
        Some(())
    }

    fn escaped_text(&mut self) -> Option<()> {
        let start = self.out.len();
        self.out.push(0);
        loop {
            let json = self.json;
            let rest = &json[self.at..];
            let end = memchr2(b'"', b'\\', rest)?;
            self.out.extend_from_slice(plain(&rest[..end])?);
            self.at += end + 1;
            if rest[end] == b'"' {
                close_str(start, self.out);
                return Some(());
            }
            let escaped = *json.get(self.at)?;
            self.at += 1;
            let byte = match escaped {
                b'"' | b'\\' | b'/' => escaped,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'u' => {
                    let character = self.character()?;
                    self.out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                _ => return None,
            };
            self.out.push(byte);
        }
    }

    /// The character whose four digits begin here, eight where there are two halves. A half alone is none of UTF-8's.
    fn character(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        let is_half = |unit: u32, of: u32| unit & 0xfc00 == of;
        let mut code = first;
        if is_half(first, 0xd800) && self.json[self.at..].starts_with(b"\\u") {
            let behind = self.at;
            self.at += 2;
            let second = self.four_digits()?;
            if is_half(second, 0xdc00) {
                code = 0x1_0000 + ((first & 0x3ff) << 10 | (second & 0x3ff));
            } else {
                self.at = behind;
            }
        }
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.json.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let is_negative = self.json[start] == b'-';
        self.at += usize::from(is_negative);
        let first = *self.json.get(self.at)?;
        let (digits, integer) = self.digits()?;
        if first == b'0' && digits > 1 {
            return None;
        }
        let mut is_integer = true;
        if self.json.get(self.at) == Some(&b'.') {
            self.at += 1;
            is_integer = false;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.json.get(self.at) {
            self.at += 1;
            is_integer = false;
            if let Some(b'+' | b'-') = self.json.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        // Zero below zero is a number of its own, and no integer of MessagePack.
        if is_integer && integer <= INTEGER_MAX && !(is_negative && integer == 0) {
            write_integer(if is_negative { -integer } else { integer }, self.out);
            return Some(());
        }
        let text = std::str::from_utf8(&self.json[start..self.at]).ok()?;
        write_float(text.parse().ok()?, self.out);
        Some(())
    }

    /// Reads digits, of which there must be one; how many, and their value, [`i64::MAX`] where it would be more.
    #[inline]
    fn digits(&mut self) -> Option<(usize, i64)> {
        let (start, mut value) = (self.at, 0_i64);
        while let Some(digit) = self.json.get(self.at).filter(|byte| byte.is_ascii_digit()) {
            value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
            self.at += 1;
        }
        (self.at > start).then_some((self.at - start, value))
    }
}

/// A piece of a text, if none of it must be escaped.
#[inline]
fn plain(text: &[u8]) -> Option<&[u8]> {
    // Without a branch for each byte: pieces are short, and none of them has such a character.
    let has_control = text.iter().fold(false, |has, byte| has | (*byte < 0x20));
    (!has_control).then_some(text)
}
