//! What a live feed notes of its run on its tape, so that the next run can tell what this one told.
//!
//! Messages are numbered from the run's beginning; what is published of them depends on what was wanted at the time. So
//! both are noted, and how far the numbers had got, as remarks in words:
//!
//! ```text
//! run 1a2b3c4d                    a run begins here: its messages are those behind this record
//! settings derive=Auto 0.1.0      by which it derives
//! begun 1795194389700000000       what the feed's clock showed first
//! wanted 17 3 9 true              from message 17 on: channel 9 of symbol 3; `*` for every symbol
//! done 4711 1795194389799906000   message 4711 was the last so far, and the feed's clock showed this time
//! ```

use std::fmt;
use std::path::Path;

use crate::market::channel::{Channel, Stream};
use crate::market::interest::Change;
use crate::market::symbol::SymbolId;
use crate::tape::{Form, Reader, TapeError};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A run begins.
    Run(u32),
    /// By what it derives; of another run the same only if this is.
    Settings(String),
    /// What the feed's clock showed first.
    Begun(i64),
    /// Something is wanted, or no more, from this message on.
    Wanted(u64, Change),
    /// How far it is: the number of the last message, and the feed's clock in nanoseconds since the epoch.
    Done(u64, i64),
}

/// The last run on a tape, if it came far enough to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormerRun {
    /// Its number.
    pub epoch: u32,
    /// By what it derived.
    pub settings: String,
    /// The record of the tape behind which its messages begin, and the first that is not its own.
    pub records: (u64, u64),
    /// What its clock showed first.
    pub begun_ns: i64,
    /// What was wanted, since which message.
    pub wanted: Vec<(u64, Change)>,
    /// The number of its last message.
    pub done: u64,
    /// What its clock showed then.
    pub clock_ns: i64,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::Run(epoch) => write!(f, "run {epoch:08x}"),
            Note::Settings(text) => write!(f, "settings {text}"),
            Note::Begun(clock_ns) => write!(f, "begun {clock_ns}"),
            Note::Wanted(since, Change::Stream(stream, is_wanted)) => {
                write!(f, "wanted {since} {} {} {is_wanted}", stream.symbol.0, stream.channel.index())
            }
            Note::Wanted(since, Change::Everywhere(channel, is_wanted)) => {
                write!(f, "wanted {since} * {} {is_wanted}", channel.index())
            }
            Note::Done(sequence, clock_ns) => write!(f, "done {sequence} {clock_ns}"),
        }
    }
}

impl Note {
    /// Reads one; `None` for any other remark.
    pub fn parse(text: &str) -> Option<Note> {
        let (word, rest) = text.split_once(' ')?;
        let words: Vec<&str> = rest.split(' ').collect();
        match (word, words.as_slice()) {
            ("run", [epoch]) => u32::from_str_radix(epoch, 16).ok().map(Note::Run),
            ("begun", [clock_ns]) => clock_ns.parse().ok().map(Note::Begun),
            ("settings", _) => Some(Note::Settings(rest.to_owned())),
            ("wanted", [since, symbol, channel, is_wanted]) => {
                let channel = Channel::at(channel.parse().ok()?)?;
                let is_wanted = is_wanted.parse().ok()?;
                let change = match *symbol {
                    "*" => Change::Everywhere(channel, is_wanted),
                    symbol => Change::Stream(Stream { symbol: SymbolId(symbol.parse().ok()?), channel }, is_wanted),
                };
                Some(Note::Wanted(since.parse().ok()?, change))
            }
            ("done", [sequence, clock_ns]) => Some(Note::Done(sequence.parse().ok()?, clock_ns.parse().ok()?)),
            _ => None,
        }
    }
}

impl FormerRun {
    /// The last run on a tape before the one with this number; `None` if there is none, or it was not noted how far it
    /// came.
    ///
    /// # Errors
    /// [`TapeError`] if the tape cannot be read at all.
    ///
    /// Cost: reads the tape once.
    pub fn before(epoch: u32, path: &Path) -> Result<Option<FormerRun>, TapeError> {
        let mut reader = Reader::open(path)?;
        let (mut run, mut last) = (None::<FormerRun>, 0);
        loop {
            let record = match reader.read() {
                Ok(Some(record)) => record,
                Ok(None) => break,
                // What is lost of a run makes other numbers of those that follow.
                Err(damage) if damage.is_loss() => {
                    run = None;
                    continue;
                }
                Err(_) => continue,
            };
            last = record.sequence;
            if record.message.form != Form::Remark {
                continue;
            }
            let note = std::str::from_utf8(record.message.bytes).ok().and_then(Note::parse);
            match (note, &mut run) {
                (Some(Note::Run(present)), _) if present == epoch => {
                    last -= 1;
                    break;
                }
                (Some(Note::Run(epoch)), _) => {
                    let (settings, wanted) = (String::new(), Vec::new());
                    let records = (record.sequence, u64::MAX);
                    run = Some(FormerRun { epoch, settings, records, begun_ns: 0, wanted, done: 0, clock_ns: 0 });
                }
                (Some(Note::Settings(settings)), Some(run)) => run.settings = settings,
                (Some(Note::Begun(clock_ns)), Some(run)) => run.begun_ns = clock_ns,
                (Some(Note::Wanted(since, change)), Some(run)) => run.wanted.push((since, change)),
                (Some(Note::Done(sequence, clock_ns)), Some(run)) => (run.done, run.clock_ns) = (sequence, clock_ns),
                _ => {}
            }
        }
        let run = run.filter(|run| run.done > 0);
        Ok(run.map(|run| FormerRun { records: (run.records.0, last + 1), ..run }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn notes_come_back_as_they_were() {
        let stream = Stream { symbol: SymbolId(7), channel: Channel::Ticker };
        for note in [
            Note::Run(0x1a),
            Note::Settings("derive=Auto 0.1.0".into()),
            Note::Begun(1_795_194_389_700_000_000),
            Note::Wanted(17, Change::Stream(stream, true)),
            Note::Wanted(18, Change::Everywhere(Channel::Trade, false)),
            Note::Done(4_711, 1_795_194_389_799_906_000),
        ] {
            assert_eq!(Note::parse(&note.to_string()), Some(note));
        }
        for text in ["", "run", "run xyz", "wanted 1 2 99999 true", "done 1", "its messages count from here on"] {
            assert_eq!(Note::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(run|settings|wanted|done|\\PC{0,9}) [0-9a-z *-]{0,40}") {
            Note::parse(&text);
        }
    }
}
