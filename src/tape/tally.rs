//! The tally: how many records of each label a block, or a file, has.
//!
//! Labels are what the writer's caller calls its messages, for instance venue, symbol and kind; here they are only
//! counted, so that questions about a whole tape are answered without reading it.

use rustc_hash::FxHashMap;

use crate::tape::bytes::Bytes;

/// Longest label in bytes.
pub const LABEL_BYTES_MAX: usize = 255;

/// The most labels in a block; a block that would have one more is closed before.
pub const BLOCK_LABELS_MAX: usize = 8_192;

/// The most labels in a file; records of further ones are counted in their blocks only.
pub const FILE_LABELS_MAX: usize = 1 << 18;

/// Records of one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub records: u64,
    /// Bytes of their messages.
    pub bytes: u64,
}

/// Labels in the order of their first record, with their totals.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    list: Vec<(Box<str>, Total)>,
    places: FxHashMap<Box<str>, u32>,
}

impl PartialEq for Tally {
    fn eq(&self, other: &Tally) -> bool {
        self.list == other.list
    }
}

impl Tally {
    /// Labels and totals.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Total)> {
        self.list.iter().map(|(label, total)| (&**label, *total))
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether it has a label.
    pub fn has(&self, label: &str) -> bool {
        self.places.contains_key(label)
    }

    /// The label of a place counted from 1; the empty one for 0, `None` for a place there is not.
    pub(super) fn label(&self, place: u32) -> Option<&str> {
        match place {
            0 => Some(""),
            _ => self.list.get(place as usize - 1).map(|(label, _)| &**label),
        }
    }

    /// Counts; the label's place from 1, 0 for the empty label.
    pub(super) fn count(&mut self, label: &str, total: Total) -> u32 {
        if label.is_empty() {
            return 0;
        }
        let place = match self.places.get(label) {
            Some(place) => *place,
            None => {
                self.list.push((label.into(), Total::default()));
                let place = self.list.len() as u32;
                self.places.insert(label.into(), place);
                place
            }
        };
        let sum = &mut self.list[place as usize - 1].1;
        sum.records = sum.records.saturating_add(total.records);
        sum.bytes = sum.bytes.saturating_add(total.bytes);
        place
    }

    /// Adds another one, within [`FILE_LABELS_MAX`].
    pub(super) fn add(&mut self, other: &Tally) {
        for (label, total) in other.iter() {
            if self.list.len() < FILE_LABELS_MAX || self.has(label) {
                self.count(label, total);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.places.clear();
    }

    /// As it is stored in a block: records have 4 bytes there, which is enough for a block.
    pub(super) fn encode(&self, is_of_file: bool, out: &mut Vec<u8>) {
        for (label, total) in self.iter() {
            out.push(label.len() as u8);
            out.extend_from_slice(label.as_bytes());
            match is_of_file {
                true => out.extend_from_slice(&total.records.to_le_bytes()),
                false => out.extend_from_slice(&(total.records as u32).to_le_bytes()),
            }
            out.extend_from_slice(&total.bytes.to_le_bytes());
        }
    }

    /// Reads it; `None` for what is none.
    pub(super) fn decode(is_of_file: bool, stored: &[u8]) -> Option<Tally> {
        let (mut tally, mut bytes) = (Tally::default(), Bytes(stored));
        while !bytes.0.is_empty() {
            let length = usize::from(bytes.u8()?);
            let label = std::str::from_utf8(bytes.take(length)?).ok().filter(|label| !label.is_empty())?;
            let records = if is_of_file { bytes.u64()? } else { u64::from(bytes.u32()?) };
            let total = Total { records, bytes: bytes.u64()? };
            let places = tally.len();
            if tally.count(label, total) as usize != places + 1 {
                return None;
            }
        }
        Some(tally)
    }
}
