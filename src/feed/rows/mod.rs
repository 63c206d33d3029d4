//! Tables of trades, candles and changes of books: rows kept as they are on the tape, and told as the messages they stand for.
//!
//! A row's bytes are verbatim, so nothing of a table is lost by importing it. Before the rows of a connection stands a
//! record of [`Form::Table`] that says what they are, in the words of [`Table`]'s text. Played, a row becomes a message
//! of Binance's: clients of any venue understand it.

mod depth;
mod message;
mod shape;
mod time;

pub use shape::{Shape, Table};

use crate::tape::{Form, Record};

/// The most tables of one tape; rows of further ones are not played.
const TABLES_MAX: usize = 1_024;

/// The tables of a tape that is read, by connection.
#[derive(Debug, Default)]
pub struct Tables {
    list: Vec<(u32, Table)>,
}

impl Tables {
    /// Whether none has been met.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes in a record. For a row it writes the message in place of `message`; false where there is none: the record
    /// is no row, the row is damaged, or nothing has said what it is.
    pub fn on_record(&mut self, record: &Record<'_>, message: &mut Vec<u8>) -> bool {
        let Ok(text) = std::str::from_utf8(record.message.bytes) else { return false };
        let connection = record.message.connection;
        let known = self.list.iter().position(|(known, _)| *known == connection);
        match (record.message.form, known) {
            (Form::Table, _) => {
                let Ok(table) = text.parse() else { return false };
                match known {
                    Some(place) => self.list[place].1 = table,
                    None if self.list.len() < TABLES_MAX => self.list.push((connection, table)),
                    None => {}
                }
                false
            }
            (Form::Row, Some(place)) => self.list[place].1.write_message(text, record.sequence, message).is_some(),
            _ => false,
        }
    }

    /// The table of a connection.
    pub fn of(&self, connection: u32) -> Option<&Table> {
        self.list.iter().find(|(known, _)| *known == connection).map(|(_, table)| table)
    }
}
