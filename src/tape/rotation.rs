//! A series of tapes: a new file for every UTC day, and whenever one is large enough.
//!
//! Names are those of a [`Series`]. Sequence numbers go on from file to file, and each file's header has the digest of the
//! one before, so the chain of digests runs through all of them.

use std::path::{Path, PathBuf};

use crate::tape::header::Header;
use crate::tape::record::Message;
use crate::tape::series::{Place, Series};
use crate::tape::writer::{Cut, Settings, Writer};
use crate::tape::{TapeError, io_error};

const NS_PER_DAY: i64 = 86_400_000_000_000;

/// When a new file is begun.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At this size, in bytes: not before the open block is closed.
    pub file_bytes: u64,
    /// At the first record of a new UTC day.
    pub by_day: bool,
}

/// Writes a series of tapes. Times that go back never begin a file.
pub struct Rotation {
    series: Series,
    limits: Limits,
    settings: Settings,
    day_name: fn(i64) -> String,
    /// The file that is written, and its day and number.
    writer: Option<Writer>,
    place: Place,
    /// How the next file's header is.
    next: Header,
}

impl Rotation {
    /// Goes on with the series of `path`, whose last file is opened, or begins it with the first record. `day_name`
    /// writes a day since the epoch as `2026-11-20`; the second value says what was cut off the last file.
    ///
    /// # Errors
    /// [`TapeError`] as from [`Writer::open`].
    pub fn open(
        path: &Path,
        limits: Limits,
        settings: Settings,
        day_name: fn(i64) -> String,
    ) -> Result<(Rotation, Option<Cut>), TapeError> {
        let series = Series::of(path);
        let next = Header::default();
        let place = Place::default();
        let mut rotation = Rotation { series, limits, settings, day_name, writer: None, place, next };
        let places = rotation.series.places().map_err(io_error("list the folder"))?;
        let Some(last) = places.into_iter().next_back() else { return Ok((rotation, None)) };
        let (writer, cut) = Writer::open(&rotation.series.path_of(&last), settings)?;
        (rotation.writer, rotation.place) = (Some(writer), last);
        Ok((rotation, cut))
    }

    /// Appends a record, to a new file if it is time for one; its number.
    ///
    /// # Errors
    /// As [`Writer::append`] and [`Writer::create`]; the record was not taken then.
    pub fn append(&mut self, message: &Message<'_>) -> Result<u64, TapeError> {
        let day = (self.day_name)(message.ts_recv.div_euclid(NS_PER_DAY));
        if let Some(writer) = &mut self.writer {
            let is_new_day = self.limits.by_day && day > self.place.day;
            if is_new_day || writer.bytes() >= self.limits.file_bytes {
                writer.finish()?;
                self.next = Header { first_sequence: writer.next_sequence(), before: writer.digest() };
                self.writer = None;
            }
        }
        if let Some(writer) = &mut self.writer {
            return writer.append(message);
        }
        let place = match day > self.place.day {
            true => Place { day, number: 0 },
            false => Place { day: self.place.day.clone(), number: self.place.number + 1 },
        };
        let mut writer = Writer::create(&self.series.path_of(&place), self.settings, self.next)?;
        self.place = place;
        let appended = writer.append(message);
        self.writer = Some(writer);
        appended
    }

    /// Closes the open block; see [`Writer::flush`].
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush(&mut self) -> Result<(), TapeError> {
        self.writer.as_mut().map_or(Ok(()), Writer::flush)
    }

    /// Closes the open block if it is old enough.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush_due(&mut self) -> Result<(), TapeError> {
        self.writer.as_mut().map_or(Ok(()), Writer::flush_due)
    }

    /// Ends the file that is written.
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub fn finish(&mut self) -> Result<(), TapeError> {
        self.writer.as_mut().map_or(Ok(()), Writer::finish)
    }

    /// The files there are, in the order of their making. Cost: a look at the folder.
    ///
    /// # Errors
    /// [`TapeError::Io`] where it cannot be listed.
    pub fn files(&self) -> Result<Vec<PathBuf>, TapeError> {
        let places = self.series.places().map_err(io_error("list the folder"))?;
        Ok(places.iter().map(|place| self.series.path_of(place)).collect())
    }

    /// The file that is written; `None` before the first record of a new series.
    pub fn path(&self) -> Option<PathBuf> {
        self.writer.as_ref().map(|_| self.series.path_of(&self.place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::reader::Reader;
    use crate::tape::record::{Direction, Form};

    fn day_name(day: i64) -> String {
        format!("2026-11-{day:02}")
    }

    fn message(ts_recv: i64, bytes: &[u8]) -> Message<'_> {
        Message { ts_recv, connection: 0, direction: Direction::From, form: Form::Text, label: "", bytes }
    }

    #[test]
    fn files_follow_by_day_and_size_and_the_chain_runs_through_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spot.tape");
        let limits = Limits { file_bytes: 6_000, by_day: true };
        let settings = Settings { block_bytes: 4 << 10, ..Settings::default() };
        // What cannot be compressed.
        let hash = |n: u32| ring::digest::digest(&ring::digest::SHA256, &n.to_le_bytes());
        let noise: Vec<u8> = (0..94).flat_map(|n| hash(n).as_ref().to_vec()).collect();
        for _ in 0..2 {
            let (mut rotation, cut) = Rotation::open(&path, limits, settings, day_name).unwrap();
            assert_eq!(cut, None);
            for day in [1, 2, 1] {
                for n in 0..2 {
                    rotation.append(&message(day * NS_PER_DAY + n, &noise)).unwrap();
                }
            }
            rotation.finish().unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = ["spot-2026-11-01.tape", "spot-2026-11-02.1.tape", "spot-2026-11-02.2.tape"];
        assert_eq!(&names[..3], expected);
        assert!(names.contains(&"spot-2026-11-02.tape".to_owned()), "{names:?}");

        let place = |name: &String| Series::of(&path).place_of(name).unwrap();
        names.sort_by_key(place);
        let (mut sequence, mut before) = (1, None);
        for name in &names {
            let mut reader = Reader::open(&folder.path().join(name)).unwrap();
            reader.check_digests();
            assert_eq!(reader.header().first_sequence, sequence, "{name}");
            assert_eq!(reader.header().before, before.unwrap_or_default(), "{name}");
            while let Some(record) = reader.read().unwrap() {
                assert_eq!(record.sequence, sequence);
                sequence += 1;
            }
            let (writer, _) = Writer::open(&folder.path().join(name), settings).unwrap();
            before = Some(writer.digest());
        }
        assert_eq!(sequence, 13);
    }
}
