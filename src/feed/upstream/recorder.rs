//! A tape as the place where messages go.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::feed::label::{Labels, of_form};
use crate::feed::upstream::{Sink, UpstreamError, now_ns};
use crate::market::civil::Date;
use crate::tape::rotation::{Limits, Rotation};
use crate::tape::{Cut, Direction, Form, Message, Settings, TapeError, Writer};

/// Where it is written.
#[allow(clippy::large_enum_variant, reason = "made once")]
pub enum Series {
    /// One file.
    One(PathBuf, Writer),
    /// Files that follow one another.
    Rotated(Rotation),
}

/// Writes messages down under the labels they are counted by.
pub struct Recorder {
    series: Series,
    labels: Labels,
}

impl Recorder {
    /// Goes on with a tape, or begins it. Where there was one, a note says that nobody recorded meanwhile; the second
    /// value says what was cut of its end.
    ///
    /// # Errors
    /// [`TapeError`].
    pub fn open(path: &Path, limits: Option<Limits>, settings: Settings) -> Result<(Recorder, Option<Cut>), TapeError> {
        let (mut recorder, cut, is_old) = Self::begin(path, limits, settings)?;
        if is_old {
            let text = match &cut {
                Some(cut) => format!("the recorder was not running; {cut}"),
                None => "the recorder was not running".to_owned(),
            };
            let bytes = text.as_bytes();
            let (direction, form) = (Direction::Note, Form::Gap);
            recorder.write(&Message { ts_recv: now_ns(), connection: 0, direction, form, label: "", bytes })?;
        }
        Ok((recorder, cut))
    }

    /// The same without a note: for what knows by itself where the tape ends, and what is missing behind it.
    ///
    /// # Errors
    /// [`TapeError`].
    pub fn resume(
        path: &Path,
        limits: Option<Limits>,
        settings: Settings,
    ) -> Result<(Recorder, Option<Cut>), TapeError> {
        Self::begin(path, limits, settings).map(|(recorder, cut, _)| (recorder, cut))
    }

    /// Opens it; the last value says whether there was one.
    fn begin(
        path: &Path,
        limits: Option<Limits>,
        settings: Settings,
    ) -> Result<(Recorder, Option<Cut>, bool), TapeError> {
        let (series, cut, is_old) = match limits {
            Some(limits) => {
                let (rotation, cut) = Rotation::open(path, limits, settings, day_name)?;
                let is_old = rotation.path().is_some();
                (Series::Rotated(rotation), cut, is_old)
            }
            None => {
                let (writer, cut) = Writer::open(path, settings)?;
                let is_old = writer.next_sequence() > 1;
                (Series::One(path.to_owned(), writer), cut, is_old)
            }
        };
        Ok((Recorder { series, labels: Labels::default() }, cut, is_old))
    }

    /// The number of the record that comes next; `None` in a series of files.
    pub fn next_sequence(&self) -> Option<u64> {
        match &self.series {
            Series::One(_, writer) => Some(writer.next_sequence()),
            Series::Rotated(_) => None,
        }
    }

    fn write(&mut self, message: &Message<'_>) -> Result<(), TapeError> {
        let label = match message.is_data() {
            true => self.labels.of(message.bytes, message.ts_recv),
            false => of_form(message.direction, message.form),
        };
        let message = Message { label, ..*message };
        match &mut self.series {
            Series::One(_, writer) => writer.append(&message),
            Series::Rotated(rotation) => rotation.append(&message),
        }
        .map(drop)
    }

    /// The files there are, in the order of their making.
    ///
    /// # Errors
    /// [`TapeError::Io`] where the folder cannot be listed.
    pub fn files(&self) -> Result<Vec<PathBuf>, TapeError> {
        match &self.series {
            Series::One(path, _) => Ok(vec![path.clone()]),
            Series::Rotated(rotation) => rotation.files(),
        }
    }

    /// The file that is written; `None` before the first record of a new series.
    pub fn path(&self) -> Option<PathBuf> {
        match &self.series {
            Series::One(path, _) => Some(path.clone()),
            Series::Rotated(rotation) => rotation.path(),
        }
    }
}

impl Sink for Recorder {
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError> {
        Ok(self.write(message)?)
    }

    fn idle(&mut self) -> Result<(), UpstreamError> {
        match &mut self.series {
            Series::One(_, writer) => writer.flush_due(),
            Series::Rotated(rotation) => rotation.flush_due(),
        }
        .map_err(UpstreamError::from)
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        match &mut self.series {
            Series::One(_, writer) => writer.finish(),
            Series::Rotated(rotation) => rotation.finish(),
        }
        .map_err(UpstreamError::from)
    }
}

impl<S: Sink> Sink for Arc<Mutex<S>> {
    fn take(&mut self, message: &Message<'_>) -> Result<(), UpstreamError> {
        self.lock().unwrap_or_else(PoisonError::into_inner).take(message)
    }

    fn idle(&mut self) -> Result<(), UpstreamError> {
        self.lock().unwrap_or_else(PoisonError::into_inner).idle()
    }

    fn finish(&mut self) -> Result<(), UpstreamError> {
        self.lock().unwrap_or_else(PoisonError::into_inner).finish()
    }
}

fn day_name(day: i64) -> String {
    let Date { year, month, day, .. } = Date::from_days(day as i32);
    format!("{year:04}-{month:02}-{day:02}")
}
