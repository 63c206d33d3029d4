//! Heads of values: what a value is, and how long. Each is written in its shortest form.

/// How the heads of one kind of value are spelled, by the count that they tell.
struct Heads {
    /// The first of the heads that are one byte, and the highest count of these.
    fixed: Option<(u8, usize)>,
    of_8_bits: Option<u8>,
    of_16_bits: u8,
    of_32_bits: u8,
}

const MAP: Heads = Heads { fixed: Some((0x80, 0x0f)), of_8_bits: None, of_16_bits: 0xde, of_32_bits: 0xdf };
const ARRAY: Heads = Heads { fixed: Some((0x90, 0x0f)), of_8_bits: None, of_16_bits: 0xdc, of_32_bits: 0xdd };
const STR: Heads = Heads { fixed: Some((0xa0, 0x1f)), of_8_bits: Some(0xd9), of_16_bits: 0xda, of_32_bits: 0xdb };
const BIN: Heads = Heads { fixed: None, of_8_bits: Some(0xc4), of_16_bits: 0xc5, of_32_bits: 0xc6 };

impl Heads {
    /// The head, and how many of these bytes it has. Counts of more than 32 bits do not exist: no message is so long.
    #[inline]
    fn head(&self, count: usize) -> ([u8; 5], usize) {
        if let Some((first, max)) = self.fixed
            && count <= max
        {
            return ([first | count as u8, 0, 0, 0, 0], 1);
        }
        let [b0, b1, b2, b3] = (count as u32).to_be_bytes();
        match self.of_8_bits {
            Some(first) if count < 1 << 8 => ([first, b3, 0, 0, 0], 2),
            _ if count < 1 << 16 => ([self.of_16_bits, b2, b3, 0, 0], 3),
            _ => ([self.of_32_bits, b0, b1, b2, b3], 5),
        }
    }

    #[inline]
    fn write(&self, count: usize, out: &mut Vec<u8>) {
        let (head, length) = self.head(count);
        out.extend_from_slice(&head[..length]);
    }

    /// Writes the head of a value that ends here into the byte that was left for it, and moves the value on if that is
    /// not enough.
    #[inline]
    fn close(&self, count: usize, start: usize, out: &mut Vec<u8>) {
        let (head, length) = self.head(count);
        if length > 1 {
            let end = out.len();
            out.resize(end + length - 1, 0);
            out.copy_within(start + 1..end, start + length);
        }
        out[start..start + length].copy_from_slice(&head[..length]);
    }
}

/// Appends the head of a map of so many members.
pub fn write_map_head(members: usize, out: &mut Vec<u8>) {
    MAP.write(members, out);
}

/// Appends the head of an array of so many elements.
pub fn write_array_head(elements: usize, out: &mut Vec<u8>) {
    ARRAY.write(elements, out);
}

/// Appends a text.
#[inline]
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    write_text(text.as_bytes(), out);
}

#[inline]
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    STR.write(text.len(), out);
    out.extend_from_slice(text);
}

/// Appends bytes.
pub fn write_bin(bytes: &[u8], out: &mut Vec<u8>) {
    BIN.write(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Appends an integer.
#[inline]
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let (first, length) = match value {
        -0x20..=0x7f => return out.push(value as u8),
        0x80..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..-0x20 => (0xd0, 1),
        -0x8000..-0x80 => (0xd1, 2),
        -0x8000_0000..-0x8000 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(first);
    out.extend_from_slice(&bytes[8 - length..]);
}

/// Appends a number with 64 bits.
#[inline]
pub(super) fn write_float(value: f64, out: &mut Vec<u8>) {
    out.push(0xcb);
    out.extend_from_slice(&value.to_be_bytes());
}

/// Makes what follows the byte at `start` a text, that byte its head.
pub fn close_str(start: usize, out: &mut Vec<u8>) {
    STR.close(out.len() - start - 1, start, out);
}

/// The same for the members of a map.
#[inline]
pub(super) fn close_map(members: usize, start: usize, out: &mut Vec<u8>) {
    MAP.close(members, start, out);
}

/// The same for the elements of an array.
#[inline]
pub(super) fn close_array(elements: usize, start: usize, out: &mut Vec<u8>) {
    ARRAY.close(elements, start, out);
}
