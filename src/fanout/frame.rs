//! Frames: how a tick looks to those who get it.

use std::iter::Peekable;
use std::rc::Rc;

use crate::market::symbol::{Symbol, Venue};
use crate::market::tick::{Level, Tick};
use crate::protocol::websocket::{HEADER_BYTES_MAX, Opcode, frame_in_place};
use crate::venue::binance::sbe::Places;
use crate::venue::binance::{self, TimeUnit};
use crate::venue::translate;
use crate::venue::upbit::json::StreamType;
use crate::venue::upbit::{self, Layout};

/// Where an array of many symbols' events ends and the next one begins: well below the 1 MiB that widespread clients
/// refuse frames beyond.
const LIST_BYTES_MAX: usize = 900_000;

/// How frames of a stream look. Sessions whose form of a stream is equal get the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// Binance's JSON in text frames.
    Binance {
        /// Of all times.
        unit: TimeUnit,
        /// The name the client subscribed with, for events in the wrapper of a combined stream; `None` for bare ones.
        wrapper: Option<Rc<str>>,
    },
    /// Binance's binary encoding in binary frames.
    BinanceSbe,
    /// Upbit's JSON in binary frames.
    Upbit {
        /// Keys, members and spellings.
        layout: Layout,
    },
}

impl Form {
    /// Whose streams can look like this.
    pub fn venue(&self) -> Venue {
        match self {
            Form::Binance { .. } | Form::BinanceSbe => Venue::Binance,
            Form::Upbit { .. } => Venue::Upbit,
        }
    }
}

/// A frame in the making; its buffer is used again for each.
#[derive(Debug, Default)]
pub struct Frame {
    buffer: Vec<u8>,
    start: usize,
    /// Decimal places by symbol, for the binary encoding.
    places: Vec<Places>,
    /// Levels in the spelling of another venue than their feed's.
    translated: Vec<Level>,
    /// Levels whose prices were merged.
    merged: Vec<Level>,
}

impl Frame {
    /// Renders a tick. False if the form has no words for its kind, or its venue none for the symbol; then the frame is
    /// empty.
    ///
    /// Allocates nothing once the buffer has grown to the largest frame.
    pub fn render(
        &mut self,
        form: &Form,
        tick: &Tick,
        levels: &[Level],
        symbol: &Symbol,
        stream_type: StreamType,
    ) -> bool {
        let venue = form.venue();
        let Some(name) = symbol.name_for(venue) else { return false };
        if venue == symbol.venue || !translate::is_needed(venue) {
            return self.render_named(form, tick, levels, name.as_str(), stream_type);
        }
        let (mut tick, mut translated) = (*tick, std::mem::take(&mut self.translated));
        translated.clear();
        translated.extend_from_slice(levels);
        translate::translate(venue, &mut tick, &mut translated);
        let is_rendered = self.render_named(form, &tick, &translated, name.as_str(), stream_type);
        self.translated = translated;
        is_rendered
    }

    fn render_named(
        &mut self,
        form: &Form,
        tick: &Tick,
        levels: &[Level],
        symbol: &str,
        stream_type: StreamType,
    ) -> bool {
        self.buffer.clear();
        self.buffer.resize(HEADER_BYTES_MAX, 0);
        self.start = HEADER_BYTES_MAX;
        let opcode = match form {
            Form::Binance { unit, wrapper } => {
                if let Some(name) = wrapper {
                    self.buffer.extend_from_slice(b"{\"stream\":\"");
                    self.buffer.extend_from_slice(name.as_bytes());
                    self.buffer.extend_from_slice(b"\",\"data\":");
                }
                if !binance::json::write_payload(tick, levels, symbol, *unit, &mut self.buffer) {
                    self.buffer.truncate(HEADER_BYTES_MAX);
                    return false;
                }
                if wrapper.is_some() {
                    self.buffer.push(b'}');
                }
                Opcode::Text
            }
            Form::BinanceSbe => {
                let index = tick.symbol.index();
                if self.places.len() <= index {
                    self.places.resize(index + 1, Places::default());
                }
                let places = &mut self.places[index];
                if !binance::sbe::write_message(tick, levels, symbol, places, &mut self.buffer) {
                    return false;
                }
                Opcode::Binary
            }
            Form::Upbit { layout } => {
                let (merged, out) = (&mut self.merged, &mut self.buffer);
                if !upbit::json::write_payload(tick, levels, symbol, layout, stream_type, merged, out) {
                    return false;
                }
                Opcode::Binary
            }
        };
        self.start = frame_in_place(opcode, &mut self.buffer);
        true
    }

    /// Renders newest ticks of many symbols as one array: as many as a frame should hold, which nearly always is all of
    /// them. What is left in `ticks` is for the next frame. False if nothing is left, or if the form has no such frames.
    pub fn render_list<'t>(
        &mut self,
        form: &Form,
        ticks: &mut Peekable<impl Iterator<Item = (&'t Tick, &'t Symbol)>>,
    ) -> bool {
        let Form::Binance { unit, wrapper } = form else { return false };
        if ticks.peek().is_none() {
            return false;
        }
        self.buffer.clear();
        self.buffer.resize(HEADER_BYTES_MAX, 0);
        if let Some(name) = wrapper {
            self.buffer.extend_from_slice(b"{\"stream\":\"");
            self.buffer.extend_from_slice(name.as_bytes());
            self.buffer.extend_from_slice(b"\",\"data\":");
        }
        let mut before = b'[';
        while self.buffer.len() < LIST_BYTES_MAX
            && let Some((tick, symbol)) = ticks.next()
        {
            let Some(name) = symbol.name_for(Venue::Binance) else { continue };
            self.buffer.push(before);
            let mut tick = *tick;
            if symbol.venue != Venue::Binance {
                translate::translate(Venue::Binance, &mut tick, &mut []);
            }
            binance::json::write_payload(&tick, &[], name.as_str(), *unit, &mut self.buffer);
            before = b',';
        }
        self.buffer.extend_from_slice(if wrapper.is_some() { b"]}" } else { b"]" });
        self.start = frame_in_place(Opcode::Text, &mut self.buffer);
        true
    }

    /// The frame's bytes, header included.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}
