//! Frames: how a tick looks to those who get it.

use std::iter::Peekable;
use std::rc::Rc;

use crate::fanout::framing::{Framing, Told};
use crate::fanout::position::EventId;
use crate::market::symbol::{Symbol, Venue};
use crate::market::tick::{Level, Tick};
use crate::protocol::deflate::{self, Deflater};
use crate::protocol::websocket::{HEADER_BYTES_MAX, Opcode, deflated_frame_in_place, frame_in_place};
use crate::venue::binance::sbe::Places;
use crate::venue::binance::{self, TimeUnit};
use crate::venue::upbit::Layout;
use crate::venue::upbit::json::StreamType;
use crate::venue::{neutral, translate};

/// Where an array of many symbols' events ends and the next one begins: well below the 1 MiB that widespread clients
/// refuse frames beyond.
const LIST_BYTES_MAX: usize = 900_000;

/// Payloads shorter than this are sent as they are: they would fit one packet either way.
pub const DEFLATE_BYTES_MIN: usize = 128;

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
    /// JSON in binary frames, of Upbit or of a venue whose clients ask as Upbit's do.
    Upbit {
        /// Which of them.
        venue: Venue,
        /// Keys, members and spellings.
        layout: Layout,
        /// Whether frames are compressed for which that pays.
        deflate: bool,
    },
    /// JSON of one shape for all venues, in text frames.
    Neutral {
        /// Whose clients call the stream so.
        venue: Venue,
        /// Pairs of levels in order books.
        units: u8,
    },
    /// The payload of another form with something around it.
    Framed {
        /// Whose payload; uncompressed, unless what stands around it is a WebSocket frame of the payload's own type.
        payload: Rc<Form>,
        /// What stands around it.
        framing: Framing,
    },
}

impl Form {
    /// Whose streams can look like this.
    pub fn venue(&self) -> Venue {
        match self {
            Form::Binance { .. } | Form::BinanceSbe => Venue::Binance,
            Form::Upbit { venue, .. } | Form::Neutral { venue, .. } => *venue,
            Form::Framed { payload, .. } => payload.venue(),
        }
    }

    /// Whether a newer frame makes an older one worthless that was not sent yet, whatever is in them.
    pub fn is_volatile(&self) -> bool {
        matches!(self, Form::Framed { framing, .. } if framing.is_volatile())
    }

    /// Whether whoever gets it can tell that a frame is missing, and so must not be left without one.
    pub(super) fn is_numbered(&self) -> bool {
        matches!(self, Form::Framed { framing, .. } if framing.is_numbered())
    }

    /// Whether it is the same for all venues, numbers and symbols as their feed spells them.
    pub(crate) fn is_neutral(&self) -> bool {
        match self {
            Form::Neutral { .. } => true,
            Form::Framed { payload, .. } => payload.is_neutral(),
            Form::Binance { .. } | Form::BinanceSbe | Form::Upbit { .. } => false,
        }
    }

    /// The times of, and what stands before, an array of many symbols' events; `None` for a form without such arrays.
    fn around_list(&self) -> Option<(TimeUnit, [&str; 3])> {
        match self {
            Form::Binance { unit, wrapper: None } => Some((*unit, ["", "", ""])),
            Form::Binance { unit, wrapper: Some(name) } => Some((*unit, ["{\"stream\":\"", name, "\",\"data\":"])),
            Form::Neutral { venue: Venue::Binance, .. } => Some((TimeUnit::Milliseconds, ["", "", ""])),
            _ => None,
        }
    }

    /// The form of the payload, and what stands around it; `None` for nothing but a WebSocket frame.
    #[inline]
    fn split(&self) -> (&Form, Option<&Framing>) {
        match self {
            Form::Framed { payload, framing } => (payload, Some(framing)),
            form => (form, None),
        }
    }
}

/// A tick's symbol, and how it is called where the frame goes.
#[derive(Clone, Copy)]
struct Named<'a> {
    symbol: &'a Symbol,
    name: &'a str,
}

/// A frame in the making; its buffer is used again for each.
#[derive(Debug, Default)]
pub struct Frame {
    buffer: Vec<u8>,
    start: usize,
    /// There from the first frame on that is to be compressed.
    deflater: Option<Deflater>,
    deflate_level: deflate::Level,
    /// Where frames are compressed to, or written anew.
    spare: Vec<u8>,
    /// Decimal places by symbol, for the binary encoding.
    places: Vec<Places>,
    /// Levels in the spelling of another venue than their feed's.
    translated: Vec<Level>,
    /// Levels whose prices were merged.
    merged: Vec<Level>,
    /// Of the tick that was read last.
    pub(super) id: EventId,
    /// Whether events lack an id: those that are not all of what a client has at that point.
    pub(super) is_unnumbered: bool,
}

impl Frame {
    /// How hard frames are compressed from the next one on.
    pub fn set_deflate_level(&mut self, level: deflate::Level) {
        self.deflate_level = level;
        self.deflater = None;
    }

    /// Renders a tick. False if the form has no words for its kind, or its venue none for the symbol; then the frame is
    /// empty.
    ///
    /// Allocates nothing once the buffers have grown to the largest frame.
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
        let named = Named { symbol, name: name.as_str() };
        if venue == symbol.venue || !translate::is_needed(venue) || form.is_neutral() {
            return self.render_named(form, tick, levels, named, stream_type);
        }
        let (mut tick, mut translated) = (*tick, std::mem::take(&mut self.translated));
        translated.clear();
        translated.extend_from_slice(levels);
        translate::translate(venue, &mut tick, &mut translated);
        let is_rendered = self.render_named(form, &tick, &translated, named, stream_type);
        self.translated = translated;
        is_rendered
    }

    fn render_named(
        &mut self,
        form: &Form,
        tick: &Tick,
        levels: &[Level],
        named: Named<'_>,
        stream_type: StreamType,
    ) -> bool {
        let (form, framing) = form.split();
        self.begin(framing);
        let beginning = self.buffer.len();
        if let Some(framing) = framing {
            framing.open((!self.is_unnumbered).then_some(self.id), &mut self.buffer);
        }
        let Some(opcode) = self.write_payload(form, tick, levels, named, stream_type) else {
            self.buffer.truncate(beginning);
            return false;
        };
        if let Some(framing) = framing {
            let told = if self.is_unnumbered { Told::Not } else { Told::Early };
            framing.close(self.id, told, &mut self.buffer, &mut self.spare);
        }
        if matches!(form, Form::Upbit { deflate: true, .. }) && self.deflate(opcode) {
            return true;
        }
        self.end(framing, opcode);
        true
    }

    /// Empties the buffer, but for room for a WebSocket's header where there is one.
    #[inline]
    fn begin(&mut self, framing: Option<&Framing>) {
        let header_bytes =
            if framing.is_none_or(|framing| framing.opcode(Opcode::Text).is_some()) { HEADER_BYTES_MAX } else { 0 };
        self.buffer.clear();
        self.buffer.resize(header_bytes, 0);
        self.start = header_bytes;
    }

    /// Writes that header. Of which type the frame is says what stands around its payload, if anything does.
    #[inline]
    fn end(&mut self, framing: Option<&Framing>, opcode: Opcode) {
        if let Some(opcode) = framing.map_or(Some(opcode), |framing| framing.opcode(opcode)) {
            self.start = frame_in_place(opcode, &mut self.buffer);
        }
    }

    /// Appends a tick's payload to the buffer; how a frame says of which type it is. `None` for a tick that the form has
    /// no words for, and then a part of it may have been appended.
    #[inline]
    fn write_payload(
        &mut self,
        form: &Form,
        tick: &Tick,
        levels: &[Level],
        named: Named<'_>,
        stream_type: StreamType,
    ) -> Option<Opcode> {
        let Named { symbol, name } = named;
        match form {
            Form::Binance { unit, wrapper } => {
                if let Some(stream) = wrapper {
                    self.buffer.extend_from_slice(b"{\"stream\":\"");
                    self.buffer.extend_from_slice(stream.as_bytes());
                    self.buffer.extend_from_slice(b"\",\"data\":");
                }
                if !binance::json::write_payload(tick, levels, name, *unit, &mut self.buffer) {
                    return None;
                }
                if wrapper.is_some() {
                    self.buffer.push(b'}');
                }
                Some(Opcode::Text)
            }
            Form::BinanceSbe => {
                let index = tick.symbol.index();
                if self.places.len() <= index {
                    self.places.resize(index + 1, Places::default());
                }
                let places = &mut self.places[index];
                binance::sbe::write_message(tick, levels, name, places, &mut self.buffer).then_some(Opcode::Binary)
            }
            Form::Upbit { venue, layout, .. } => {
                let socket = venue.grammar().socket.as_ref()?;
                let (merged, out) = (&mut self.merged, &mut self.buffer);
                (socket.write)(tick, levels, name, layout, stream_type, merged, out).then_some(Opcode::Binary)
            }
            Form::Neutral { units, .. } => {
                let units = usize::from(*units);
                neutral::write_payload(tick, levels, symbol, units, stream_type, &mut self.buffer)
                    .then_some(Opcode::Text)
            }
            // There is nothing to be put around what has something around it.
            Form::Framed { .. } => None,
        }
    }

    /// Renders newest ticks of many symbols as one array: as many as a frame should hold, which nearly always is all of
    /// them. What is left in `ticks` is for the next frame. False if nothing is left, or if the form has no such frames.
    pub fn render_list<'t>(
        &mut self,
        form: &Form,
        ticks: &mut Peekable<impl Iterator<Item = (&'t Tick, &'t Symbol)>>,
    ) -> bool {
        let (form, framing) = form.split();
        let Some((unit, before)) = form.around_list() else { return false };
        let is_neutral = form.is_neutral();
        if ticks.peek().is_none() {
            return false;
        }
        self.begin(framing);
        if let Some(framing) = framing {
            framing.open(None, &mut self.buffer);
        }
        before.into_iter().for_each(|text| self.buffer.extend_from_slice(text.as_bytes()));
        let mut before = b'[';
        while self.buffer.len() < LIST_BYTES_MAX
            && let Some((tick, symbol)) = ticks.next()
        {
            let Some(name) = symbol.name_for(Venue::Binance) else { continue };
            self.buffer.push(before);
            before = b',';
            if is_neutral {
                neutral::write_payload(tick, &[], symbol, 0, StreamType::Realtime, &mut self.buffer);
                continue;
            }
            let mut tick = *tick;
            if symbol.venue != Venue::Binance {
                translate::translate(Venue::Binance, &mut tick, &mut []);
            }
            binance::json::write_payload(&tick, &[], name.as_str(), unit, &mut self.buffer);
        }
        self.buffer.push(b']');
        if matches!(form, Form::Binance { wrapper: Some(_), .. }) {
            self.buffer.push(b'}');
        }
        if let Some(framing) = framing {
            // Who has the last of several has them all.
            let told = if ticks.peek().is_none() { Told::Now } else { Told::Not };
            framing.close(self.id, told, &mut self.buffer, &mut self.spare);
        }
        self.end(framing, Opcode::Text);
        true
    }

    /// Renders a message that is no tick's, compressed if that pays.
    pub fn render_deflated(&mut self, opcode: Opcode, payload: &[u8]) {
        self.buffer.clear();
        self.buffer.resize(HEADER_BYTES_MAX, 0);
        self.buffer.extend_from_slice(payload);
        if !self.deflate(opcode) {
            self.start = frame_in_place(opcode, &mut self.buffer);
        }
    }

    /// Makes the payload in the buffer a compressed frame. False if it is too short for that, or would get longer.
    fn deflate(&mut self, opcode: Opcode) -> bool {
        let payload = &self.buffer[HEADER_BYTES_MAX..];
        if payload.len() < DEFLATE_BYTES_MIN {
            return false;
        }
        self.spare.clear();
        self.spare.resize(HEADER_BYTES_MAX, 0);
        let deflater = self.deflater.get_or_insert_with(|| Deflater::new(self.deflate_level));
        deflater.deflate(payload, &mut self.spare);
        if self.spare.len() >= self.buffer.len() {
            return false;
        }
        std::mem::swap(&mut self.buffer, &mut self.spare);
        self.start = deflated_frame_in_place(opcode, &mut self.buffer);
        true
    }

    /// The frame's bytes, header included.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}
