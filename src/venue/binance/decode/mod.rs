//! Reading what Binance's spot servers send: events, bare or in the wrapper of a combined stream, and order book
//! snapshots and lists of tickers of the REST interface.
//!
//! ```text
//!            in_order: the documented order, no spaces ──┐
//!  message ─▶       │ another form                       ├─▶ event: which members a kind has ─▶ Tick
//!                   └─▶ simd-json ─▶ parsed: any order ──┘
//! ```
//!
//! Both readers give the same tick for the same message; the first is there for speed only, and the second alone says
//! what is wrong with a message.

mod event;
mod in_order;
pub(super) mod parsed;

use simd_json::{Buffers, ErrorType, Tape as Nodes};

use crate::market::symbol::Symbols;
use crate::market::tick::{Level, Tick};
use crate::venue::{Message, Rejected};

/// The parser's buffers, used again for each message.
#[derive(Default)]
pub struct Decoder {
    buffers: Buffers,
    nodes: Option<Nodes<'static>>,
}

impl Decoder {
    /// Reads one message into `tick` and `levels`, which is empty, or hands out the snapshot or the list it is.
    ///
    /// # Errors
    /// [`Rejected`] for whatever is no update.
    pub fn decode(
        &mut self,
        raw: &mut [u8],
        ts_recv: i64,
        symbols: &mut Symbols,
        tick: &mut Tick,
        levels: &mut Vec<Level>,
    ) -> Result<Message, Rejected> {
        if in_order::read(raw, ts_recv, symbols, tick, levels).is_some() {
            return Ok(Message::Tick);
        }
        levels.clear();
        self.parse(raw, ts_recv, symbols, tick, levels)
    }

    /// The same for a message of any form.
    fn parse(
        &mut self,
        raw: &mut [u8],
        ts_recv: i64,
        symbols: &mut Symbols,
        tick: &mut Tick,
        levels: &mut Vec<Level>,
    ) -> Result<Message, Rejected> {
        let mut nodes = self.nodes.take().unwrap_or_else(Nodes::null).reset();
        let parsed = simd_json::fill_tape(raw, &mut self.buffers, &mut nodes);
        let message = match parsed {
            Ok(()) => parsed::read(&nodes.0, ts_recv, symbols, tick, levels),
            Err(error) if *error.error() == ErrorType::InvalidUtf8 => Err(Rejected::NotUtf8),
            Err(_) => Err(Rejected::NotJson),
        };
        self.nodes = Some(nodes.reset());
        message
    }
}

#[cfg(test)]
mod tests;
