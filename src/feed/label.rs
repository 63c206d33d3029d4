//! What messages are counted as on a tape: venue, symbol and kind.

use rustc_hash::FxHashMap;

use crate::market::channel::Stream;
use crate::market::symbol::{Symbols, Venue};
use crate::tape::{Direction, Form};
use crate::venue::{Decoder, Message, Rejected, venue_of};

/// The parts of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// The venue's name; `-` for what no venue sent.
    pub venue: &'a str,
    /// The symbol as its venue spells it; `-` where the message names none, `*` for a list of many.
    pub symbol: &'a str,
    /// The kind, as the venue calls its stream.
    pub kind: &'a str,
}

impl<'a> Label<'a> {
    /// Takes a label apart; one that is none is a kind.
    pub fn parse(text: &'a str) -> Label<'a> {
        let mut parts = text.splitn(3, ' ');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(venue), Some(symbol), Some(kind)) => Label { venue, symbol, kind },
            _ => Label { venue: "-", symbol: "-", kind: text },
        }
    }
}

/// Names messages. Memory: a label for each stream.
#[derive(Default)]
pub struct Labels {
    decoder: Decoder,
    symbols: Symbols,
    streams: FxHashMap<Stream, Box<str>>,
    scratch: Vec<u8>,
    other: String,
}

impl Labels {
    /// The label of a message from upstream. Cost: decoding it.
    pub fn of(&mut self, message: &[u8], ts_recv: i64) -> &str {
        self.scratch.clear();
        self.scratch.extend_from_slice(message);
        let venue = venue_of(message);
        let name = venue.grammar().name;
        match self.decoder.decode(venue, &mut self.scratch, ts_recv, &mut self.symbols) {
            Ok(Message::Tick) => {
                let (stream, symbols) = (self.decoder.tick.stream(), &self.symbols);
                self.streams.entry(stream).or_insert_with(|| label_of(venue, stream, symbols).into())
            }
            Ok(Message::List(_)) => self.other(name, "*", "list"),
            Ok(Message::Snapshot(snapshot)) => {
                let symbol = snapshot.symbol.map(|id| self.symbols.get(id).name);
                self.other = format!("{name} {} snapshot", symbol.as_ref().map_or("-", |symbol| symbol.as_str()));
                &self.other
            }
            Err(reason) => self.other(name, "-", Rejected::LABELS[reason.index()]),
        }
    }

    fn other(&mut self, venue: &str, symbol: &str, kind: &str) -> &str {
        self.other = format!("{venue} {symbol} {kind}");
        &self.other
    }
}

/// The label of what is no market data.
pub fn of_form(direction: Direction, form: Form) -> &'static str {
    match (direction, form) {
        (Direction::To, Form::Text | Form::Binary) => "- - request",
        (_, Form::Text | Form::Binary) => "- - message",
        (_, Form::Reply) => "- - reply",
        (_, Form::Handshake) => "- - handshake",
        (_, Form::Ping) => "- - ping",
        (_, Form::Pong) => "- - pong",
        (_, Form::Close) => "- - close",
        (_, Form::Opened) => "- - opened",
        (_, Form::Lost) => "- - lost",
        (_, Form::Gap) => "- - gap",
        (_, Form::Line) => "- - line",
        (_, Form::Table) => "- - table",
        (_, Form::Row) => "- - row",
        (_, Form::Remark) => "- - remark",
    }
}

fn label_of(venue: Venue, stream: Stream, symbols: &Symbols) -> String {
    let grammar = venue.grammar();
    let kind = (grammar.stream)("", stream.channel).unwrap_or_else(|| "other".to_owned());
    format!("{} {} {}", grammar.name, symbols.get(stream.symbol).name.as_str(), kind.trim_start_matches('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_named_by_venue_symbol_and_kind() {
        let mut labels = Labels::default();
        let trade = br#"{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}"#;
        for _ in 0..2 {
            assert_eq!(labels.of(trade, 5), "binance BTCUSDT trade");
        }
        assert_eq!(labels.of(br#"{"lastUpdateId":1,"bids":[],"asks":[]}"#, 5), "binance - snapshot");
        assert_eq!(labels.of(b"not json", 5), "binance - not_json");
        let parsed = Label::parse("binance BTCUSDT trade");
        assert_eq!(parsed, Label { venue: "binance", symbol: "BTCUSDT", kind: "trade" });
        assert_eq!(Label::parse(of_form(Direction::Note, Form::Gap)).kind, "gap");
    }
}
