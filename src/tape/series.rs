//! The files of a series, by their names.
//!
//! From `name.tape` follow `name-2026-11-20.tape`, `name-2026-11-20.1.tape`, `name-2026-11-20.2.tape` and so on, in the
//! order of their making: the day is that of the receive time of a file's first record, and the number tells files of a
//! day apart.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::tape::EXTENSION;

/// A series: its folder, and what the names of its files begin with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    folder: PathBuf,
    stem: String,
}

/// Which file of a series: its day's name, and the number within the day. They sort as they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The day, as `2026-11-20`.
    pub day: String,
    /// 0 for the first file of the day.
    pub number: u32,
}

impl Series {
    /// The series that follows from `name.tape`.
    pub fn of(path: &Path) -> Series {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Series { folder, stem: path.file_stem().unwrap_or_default().to_string_lossy().into_owned() }
    }

    /// The series a file belongs to, and where it stands there; `None` where its name is that of no such file.
    pub fn of_file(path: &Path) -> Option<(Series, Place)> {
        let name = path.file_name()?.to_str()?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        // The stem may have hyphens of its own; the day has two.
        let (at, _) = name.rmatch_indices('-').nth(2)?;
        let series = Series { folder, stem: name[..at].to_owned() };
        let place = series.place_of(name)?;
        Some((series, place))
    }

    /// Where a file is.
    pub fn path_of(&self, place: &Place) -> PathBuf {
        let number = if place.number == 0 { String::new() } else { format!(".{}", place.number) };
        self.folder.join(format!("{}-{}{number}.{EXTENSION}", self.stem, place.day))
    }

    /// The place of the file of this name; `None` for one that is of another series, or of none.
    pub fn place_of(&self, name: &str) -> Option<Place> {
        let rest = name.strip_prefix(&self.stem)?.strip_prefix('-')?.strip_suffix(EXTENSION)?.strip_suffix('.')?;
        let (day, number) = match rest.split_once('.') {
            Some((day, number)) => (day, number.parse().ok().filter(|number| *number > 0)?),
            None => (rest, 0),
        };
        let is_day = day.len() == 10 && day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        is_day.then(|| Place { day: day.to_owned(), number })
    }

    /// The files there are, in the order of their making. Cost: a look at the folder.
    ///
    /// # Errors
    /// What the system said when the folder was listed.
    pub fn places(&self) -> io::Result<Vec<Place>> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let names = fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut places: Vec<Place> = names.filter_map(|name| self.place_of(&name)).collect();
        places.sort();
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_and_sorts_as_it_was_made() {
        let place = |day: &str, number| Place { day: day.to_owned(), number };
        let series = Series::of("data/btc-spot.tape".as_ref());
        for (name, expected) in [
            ("data/btc-spot-2026-11-20.tape", place("2026-11-20", 0)),
            ("data/btc-spot-2026-11-20.12.tape", place("2026-11-20", 12)),
        ] {
            assert_eq!(Series::of_file(name.as_ref()), Some((series.clone(), expected.clone())));
            assert_eq!(series.path_of(&expected), Path::new(name));
        }
        for name in
            ["btc.tape", "2026-11-20.tape", "btc-2026-11-20.0.tape", "btc-2026-11-2x.tape", "btc-2026-11-20.csv"]
        {
            assert_eq!(Series::of_file(name.as_ref()), None, "{name}");
        }
        assert_eq!(series.place_of("btc-2026-11-20.tape"), None);
        let folder = tempfile::tempdir().unwrap();
        let series = Series::of(&folder.path().join("a.tape"));
        for name in ["a-2026-11-20.10.tape", "a-2026-11-20.tape", "a-2026-11-20.2.tape", "a-2026-10-31.tape", "a.tape"]
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let numbers: Vec<u32> = series.places().unwrap().iter().map(|place| place.number).collect();
        assert_eq!(numbers, [0, 0, 2, 10]);
    }
}
