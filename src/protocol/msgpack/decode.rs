//! MessagePack to JSON, bytes to text, by JavaScript's rules.

use std::borrow::Cow;

use thiserror::Error;

use crate::protocol::msgpack::date;

/// The deepest nesting that is read.
pub const DEPTH_MAX: usize = 128;

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// They end in the midst of a value.
    #[error("the value is not whole")]
    Truncated,
    /// Another value was expected, or this byte begins none.
    #[error("byte {0:#04x} is out of place")]
    Misplaced(u8),
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    Utf8,
    /// There is more nesting than is read.
    #[error("nested too deeply")]
    Depth,
    /// There are more values of bytes than may be in a packet.
    #[error("too many values of bytes")]
    Attachments,
}

/// What values are written to.
#[derive(Debug, Default)]
pub struct Decoded {
    /// JSON; where there were bytes, `{"_placeholder":true,"num":0}` stands for them.
    pub json: Vec<u8>,
    /// Those bytes, in order.
    pub attachments: Vec<Vec<u8>>,
}

/// Bytes being read, value by value.
#[derive(Clone, Copy, Debug)]
pub struct Decoder<'a> {
    rest: &'a [u8],
    attachments_max: usize,
}

impl<'a> Decoder<'a> {
    /// Reads these bytes, and so many values of bytes in a value at the most.
    pub fn new(bytes: &'a [u8], attachments_max: usize) -> Decoder<'a> {
        Decoder { rest: bytes, attachments_max }
    }

    /// Whether all has been read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Steps into a map; how many members it says it has.
    ///
    /// # Errors
    /// [`Malformed`], if it is no map.
    pub fn map(&mut self) -> Result<usize, Malformed> {
        match self.byte()? {
            first @ 0x80..=0x8f => Ok(usize::from(first & 0x0f)),
            0xde => self.count(2),
            0xdf => self.count(4),
            other => Err(Malformed::Misplaced(other)),
        }
    }

    /// The name of a member: a text, or a whole number, which is its digits.
    ///
    /// # Errors
    /// [`Malformed`], if it is neither.
    pub fn key(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let first = self.byte()?;
        match self.text(first)? {
            Some(text) => Ok(text.into()),
            None => Ok(self.integer(first)?.ok_or(Malformed::Misplaced(first))?.to_string().into()),
        }
    }

    /// Appends a value; false, and nothing is appended, if it is JavaScript's `undefined`. In a map that is no member, in
    /// an array null. Numbers that JSON does not have are null, dates are texts.
    ///
    /// # Errors
    /// [`Malformed`]; then a part of it may have been appended.
    pub fn value(&mut self, out: &mut Decoded) -> Result<bool, Malformed> {
        self.value_at(0, out)
    }

    fn value_at(&mut self, depth: usize, out: &mut Decoded) -> Result<bool, Malformed> {
        let first = self.byte()?;
        if let Some(text) = self.text(first)? {
            write_text(text, &mut out.json);
            return Ok(true);
        }
        if let Some(integer) = self.integer(first)? {
            out.json.extend_from_slice(integer.to_string().as_bytes());
            return Ok(true);
        }
        match first {
            0x80..=0x8f => self.members(usize::from(first & 0x0f), depth, out)?,
            0x90..=0x9f => self.elements(usize::from(first & 0x0f), depth, out)?,
            0xc0 => out.json.extend_from_slice(b"null"),
            0xc2 => out.json.extend_from_slice(b"false"),
            0xc3 => out.json.extend_from_slice(b"true"),
            0xc4..=0xc6 => {
                let length = self.count(1 << (first - 0xc4))?;
                self.attach(length, out)?;
            }
            0xc7..=0xc9 => {
                let length = self.count(1 << (first - 0xc7))?;
                let kind = self.byte()?;
                self.extension((kind, length), depth, out)?;
            }
            0xca => write_float(f32::from_be_bytes(self.array()?).into(), &mut out.json),
            0xcb => write_float(f64::from_be_bytes(self.array()?), &mut out.json),
            0xd4..=0xd8 => match (first, self.byte()?) {
                (0xd4, 0) => {
                    self.byte()?;
                    return Ok(false);
                }
                (0xd7, 0) => match date::iso(i64::from_be_bytes(self.array()?)) {
                    Some(date) => write_text(&date, &mut out.json),
                    None => out.json.extend_from_slice(b"null"),
                },
                (_, kind) => self.extension((kind, 1 << (first - 0xd4)), depth, out)?,
            },
            0xdc => {
                let elements = self.count(2)?;
                self.elements(elements, depth, out)?;
            }
            0xdd => {
                let elements = self.count(4)?;
                self.elements(elements, depth, out)?;
            }
            0xde => {
                let members = self.count(2)?;
                self.members(members, depth, out)?;
            }
            0xdf => {
                let members = self.count(4)?;
                self.members(members, depth, out)?;
            }
            other => return Err(Malformed::Misplaced(other)),
        }
        Ok(true)
    }

    // How many there are is only believed as far as there are bytes: nothing is reserved for them.
    fn elements(&mut self, elements: usize, depth: usize, out: &mut Decoded) -> Result<(), Malformed> {
        if depth >= DEPTH_MAX {
            return Err(Malformed::Depth);
        }
        out.json.push(b'[');
        for place in 0..elements {
            if place > 0 {
                out.json.push(b',');
            }
            if !self.value_at(depth + 1, out)? {
                out.json.extend_from_slice(b"null");
            }
        }
        out.json.push(b']');
        Ok(())
    }

    fn members(&mut self, members: usize, depth: usize, out: &mut Decoded) -> Result<(), Malformed> {
        if depth >= DEPTH_MAX {
            return Err(Malformed::Depth);
        }
        let start = out.json.len();
        out.json.push(b'{');
        for _ in 0..members {
            let before = out.json.len();
            if before > start + 1 {
                out.json.push(b',');
            }
            write_text(&self.key()?, &mut out.json);
            out.json.push(b':');
            if !self.value_at(depth + 1, out)? {
                out.json.truncate(before);
            }
        }
        out.json.push(b'}');
        Ok(())
    }

    /// An extension whose kind and length have been read: an ArrayBuffer, or what nobody knows here, which is an array of
    /// its kind and its bytes.
    fn extension(&mut self, (kind, length): (u8, usize), depth: usize, out: &mut Decoded) -> Result<(), Malformed> {
        if kind == 0 {
            return self.attach(length, out);
        }
        if depth >= DEPTH_MAX {
            return Err(Malformed::Depth);
        }
        out.json.extend_from_slice(format!("[{},", kind as i8).as_bytes());
        self.attach(length, out)?;
        out.json.push(b']');
        Ok(())
    }

    fn attach(&mut self, length: usize, out: &mut Decoded) -> Result<(), Malformed> {
        let bytes = self.take(length)?;
        if out.attachments.len() >= self.attachments_max {
            return Err(Malformed::Attachments);
        }
        let placeholder = format!(r#"{{"_placeholder":true,"num":{}}}"#, out.attachments.len());
        out.json.extend_from_slice(placeholder.as_bytes());
        out.attachments.push(bytes.to_vec());
        Ok(())
    }

    /// The text that begins with this byte, if it is one.
    fn text(&mut self, first: u8) -> Result<Option<&'a str>, Malformed> {
        let length = match first {
            0xa0..=0xbf => usize::from(first & 0x1f),
            0xd9..=0xdb => self.count(1 << (first - 0xd9))?,
            _ => return Ok(None),
        };
        std::str::from_utf8(self.take(length)?).map(Some).map_err(|_| Malformed::Utf8)
    }

    /// The whole number that begins with this byte, if it is one.
    fn integer(&mut self, first: u8) -> Result<Option<i128>, Malformed> {
        Ok(Some(match first {
            0x00..=0x7f | 0xe0..=0xff => i128::from(first as i8),
            0xcc => i128::from(self.byte()?),
            0xcd => i128::from(u16::from_be_bytes(self.array()?)),
            0xce => i128::from(u32::from_be_bytes(self.array()?)),
            0xcf => i128::from(u64::from_be_bytes(self.array()?)),
            0xd0 => i128::from(self.byte()? as i8),
            0xd1 => i128::from(i16::from_be_bytes(self.array()?)),
            0xd2 => i128::from(i32::from_be_bytes(self.array()?)),
            0xd3 => i128::from(i64::from_be_bytes(self.array()?)),
            _ => return Ok(None),
        }))
    }

    /// A count of so many bytes.
    fn count(&mut self, bytes: usize) -> Result<usize, Malformed> {
        Ok(self.take(bytes)?.iter().fold(0, |count, byte| count << 8 | usize::from(*byte)))
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (&bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn write_text(text: &str, json: &mut Vec<u8>) {
    json.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

fn write_float(number: f64, json: &mut Vec<u8>) {
    json.extend_from_slice(serde_json::Value::from(number).to_string().as_bytes());
}
