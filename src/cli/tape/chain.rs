//! Files that continue one another: which ones arguments stand for, and whether nothing is missing between two.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::tape::series::Series;
use crate::tape::{Digest, Reader};

/// The files that arguments stand for. A name without a file is that of a series, `name.tape` of `name-2026-11-20.tape`
/// and those behind it; files of series are put in the order of their making, whatever the shell made of it.
pub(super) fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let series = Series::of(path);
        let places = match path.exists() {
            true => Vec::new(),
            false => series.places().with_context(|| format!("cannot read {}", path.display()))?,
        };
        match places[..] {
            [] => files.push(path.clone()),
            _ => files.extend(places.iter().map(|place| series.path_of(place))),
        }
    }
    if files.iter().all(|file| Series::of_file(file).is_some()) {
        files.sort_by_key(|file| Series::of_file(file));
        files.dedup();
    }
    Ok(files)
}

/// How a file stands to the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Joint {
    /// It begins a tape.
    Begins,
    /// It goes on where the one before ends.
    Continues,
    /// It goes on with something else; the sentence says what is missing.
    Broken(String),
}

/// Follows files.
#[derive(Default)]
pub(super) struct Chain {
    before: Option<Link>,
}

/// The end of a file.
struct Link {
    name: String,
    /// The number of the record that comes next.
    next_sequence: u64,
    /// `None` where it is not known.
    digest: Option<Digest>,
}

impl Chain {
    /// How a file that has been opened stands to the one before.
    pub(super) fn joint(&self, reader: &Reader) -> Joint {
        let header = reader.header();
        let begins = header.before == Digest::default();
        let Some(before) = &self.before else { return Joint::Begins };
        let (name, next, first) = (&before.name, before.next_sequence, header.first_sequence);
        let is_next = first == next;
        match before.digest {
            // A part that was cut out of a tape names nothing before it.
            _ if begins && !(is_next && first > 1) => Joint::Begins,
            Some(digest) if is_next && (begins || digest == header.before) => Joint::Continues,
            None if is_next => Joint::Continues,
            _ if first > next => {
                Joint::Broken(format!("records {next} to {} are missing between {name} and this file", first - 1))
            }
            _ => Joint::Broken(format!("it does not continue {name}: its header names another file's end")),
        }
    }

    /// Takes in a file that has been read, or only opened: then its end is known, and its digest is not.
    pub(super) fn push(&mut self, file: &Path, reader: &Reader, digest: Option<Digest>) {
        let end = reader.index().entries.last().map(|entry| entry.end_sequence());
        let next_sequence = end.unwrap_or(reader.header().first_sequence);
        self.before = Some(Link { name: name_of(file), next_sequence, digest });
    }
}

/// The last part of a file's path.
pub(super) fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}
