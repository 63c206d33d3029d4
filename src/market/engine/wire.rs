//! Where derived ticks leave the market engine, and what may be told of a symbol at the moment.

use crate::market::channel::Channel;
use crate::market::symbol::SymbolId;
use crate::market::tick::{Kind, Level, Tick};

/// What takes the ticks: the ring, behind the ingest loop.
pub type Out<'a> = &'a mut dyn FnMut(&Tick, &[Level]);

/// Takes the derived ticks of one symbol that one message causes.
pub struct Wire<'a> {
    /// Whose ticks they are.
    pub symbol: SymbolId,
    /// Number of the message.
    pub sequence: u64,
    /// When it was received.
    pub ts_recv: i64,
    /// The channels that are derived and wanted, each its [`Channel::bit`].
    pub wanted: u64,
    /// How many ticks have left.
    pub sent: &'a mut u64,
    /// Where they go.
    pub out: Out<'a>,
}

impl Wire<'_> {
    /// Whether a tick of this channel would leave. To be asked before work is done for it, never before anything is
    /// kept in mind: what is told depends on it, what is known does not.
    #[inline]
    pub fn wants(&self, channel: Channel) -> bool {
        self.wanted & channel.bit() != 0
    }

    /// Publishes a tick of a channel that is wanted; nothing otherwise.
    pub fn send(&mut self, channel: Channel, ts_event: i64, kind: Kind, levels: &[Level]) {
        if self.wants(channel) {
            *self.sent += 1;
            let Wire { symbol, sequence, ts_recv, .. } = *self;
            (self.out)(&Tick { sequence, ts_recv, ts_event, symbol, channel, restated: false, kind }, levels);
        }
    }

    /// Tells the state of a channel again.
    pub fn restate(&mut self, channel: Channel, ts_event: i64, kind: Kind, levels: &[Level]) {
        *self.sent += 1;
        let Wire { symbol, sequence, ts_recv, .. } = *self;
        (self.out)(&Tick { sequence, ts_recv, ts_event, symbol, channel, restated: true, kind }, levels);
    }
}
