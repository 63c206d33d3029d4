//! Members in any order, found in a parsed message.
//!
//! Members are single letters that differ by case only, so a payload is a table indexed by letter: one walk over the
//! parsed message notes where each member stands, then the members that the event's kind has are read by name. What a
//! message carries beyond them is passed over; of members with one name the last counts.

use simd_json::{Node, StaticNode};

use crate::market::book::snapshot::Snapshot;
use crate::market::decimal::Decimal;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{Level, Tick};
use crate::venue::binance::decode::event::{self, Members};
use crate::venue::binance::listing;
use crate::venue::{LEVELS_MAX, Message, Rejected, intern};

/// Reads an event, bare or in the wrapper of a combined stream, a snapshot, or a list of tickers.
///
/// # Errors
/// [`Rejected`] for whatever is none of these.
pub(super) fn read(
    nodes: &[Node<'_>],
    ts_recv: i64,
    symbols: &mut Symbols,
    tick: &mut Tick,
    levels: &mut Vec<Level>,
) -> Result<Message, Rejected> {
    if let Some(Node::Array { .. }) = nodes.first() {
        return listing::read(nodes, symbols).map(Message::List);
    }
    let Some(Node::Object { len, .. }) = nodes.first() else { return Err(Rejected::Unserved) };
    let (mut stream, mut data, mut last_update_id) = (None, None, None);
    let (mut bids, mut asks) = (None, None);
    for (key, value) in (Entries { nodes, at: 1, left: *len }) {
        match (key, nodes[value]) {
            ("stream", Node::String(name)) => stream = Some(name),
            ("data", _) => data = Some(value),
            ("lastUpdateId", Node::Static(StaticNode::U64(id))) => last_update_id = i64::try_from(id).ok(),
            ("lastUpdateId", Node::Static(StaticNode::I64(id))) => last_update_id = Some(id),
            ("bids", _) => bids = Some(value),
            ("asks", _) => asks = Some(value),
            _ => {}
        }
    }
    if let Some(last_update_id) = last_update_id.filter(|id: &i64| id.unsigned_abs() < 1 << 62) {
        let bids = side(nodes, bids.ok_or(Rejected::Member("bids"))?, levels)?;
        side(nodes, asks.ok_or(Rejected::Member("asks"))?, levels)?;
        let levels = std::mem::take(levels);
        return Ok(Message::Snapshot(Snapshot { symbol: None, last_update_id, levels, bids }));
    }
    let kind = match stream {
        Some(name) => Some(name.split_once('@').ok_or(Rejected::Unserved)?.1),
        None => None,
    };
    let mut members = Parsed::of(nodes, data.unwrap_or(0)).ok_or(Rejected::Unserved)?;
    let symbol = event::read(&mut members, kind, ts_recv, tick, levels)?;
    tick.symbol = intern(symbols, Venue::Binance, symbol)?;
    Ok(Message::Tick)
}

/// The members of an object by the letter that names them: positions of their values in the parsed message.
struct Parsed<'n, 'i> {
    nodes: &'n [Node<'i>],
    positions: [u32; 128],
}

impl<'n, 'i> Parsed<'n, 'i> {
    /// Walks the object that begins at `start`; `None` if none does.
    fn of(nodes: &'n [Node<'i>], start: usize) -> Option<Self> {
        let Some(Node::Object { len, .. }) = nodes.get(start) else { return None };
        let mut positions = [0; 128];
        for (key, value) in (Entries { nodes, at: start + 1, left: *len }) {
            if let [letter @ 0..128] = key.as_bytes() {
                positions[usize::from(*letter)] = value as u32;
            }
        }
        Some(Parsed { nodes, positions })
    }

    fn position(&self, name: &'static str) -> Option<usize> {
        // Nothing's value stands at the very beginning.
        Some(self.positions[usize::from(name.as_bytes()[0])] as usize).filter(|position| *position != 0)
    }

    fn node(&self, name: &'static str) -> Result<Node<'i>, Rejected> {
        self.position(name).map(|position| self.nodes[position]).ok_or(Rejected::Member(name))
    }
}

impl<'i> Members<'i> for Parsed<'_, 'i> {
    fn event_name(&mut self) -> Result<&'i str, Rejected> {
        match self.node("e") {
            Ok(Node::String(name)) => Ok(name),
            Ok(_) => Err(Rejected::Member("e")),
            Err(_) if self.has("u") && self.has("A") => Ok("bookTicker"),
            Err(_) => Err(Rejected::Unserved),
        }
    }

    fn text(&mut self, name: &'static str) -> Result<&'i str, Rejected> {
        match self.node(name)? {
            Node::String(text) => Ok(text),
            _ => Err(Rejected::Member(name)),
        }
    }

    fn number(&mut self, name: &'static str) -> Result<Decimal, Rejected> {
        Ok(Decimal::parse(self.text(name)?.as_bytes())?)
    }

    fn number_or_null(&mut self, name: &'static str) -> Result<Option<Decimal>, Rejected> {
        match self.node(name)? {
            Node::Static(StaticNode::Null) => Ok(None),
            _ => self.number(name).map(Some),
        }
    }

    fn int(&mut self, name: &'static str) -> Result<i64, Rejected> {
        let value = match self.node(name)? {
            Node::Static(StaticNode::I64(value)) => Some(value),
            Node::Static(StaticNode::U64(value)) => i64::try_from(value).ok(),
            _ => None,
        };
        value.filter(|value| value.unsigned_abs() < 1 << 62).ok_or(Rejected::Member(name))
    }

    fn bool(&mut self, name: &'static str) -> Result<bool, Rejected> {
        match self.node(name)? {
            Node::Static(StaticNode::Bool(value)) => Ok(value),
            _ => Err(Rejected::Member(name)),
        }
    }

    fn levels(&mut self, name: &'static str, levels: &mut Vec<Level>) -> Result<usize, Rejected> {
        side(self.nodes, self.position(name).ok_or(Rejected::Member(name))?, levels)
    }

    fn inside<R>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<R, Rejected>,
    ) -> Result<R, Rejected> {
        let inner = self.position(name).and_then(|position| Self::of(self.nodes, position));
        read(&mut inner.ok_or(Rejected::Member(name))?)
    }

    fn has(&mut self, name: &'static str) -> bool {
        self.position(name).is_some()
    }

    fn pass_over(&mut self, _name: &'static str) {}
}

/// Appends the levels of the array at `start`; how many there were.
fn side(nodes: &[Node<'_>], start: usize, levels: &mut Vec<Level>) -> Result<usize, Rejected> {
    let Some(Node::Array { len, .. }) = nodes.get(start) else { return Err(Rejected::Member("b, a")) };
    if levels.len() + len > LEVELS_MAX {
        return Err(Rejected::Levels);
    }
    let mut at = start + 1;
    for _ in 0..*len {
        // Before 2019 a level had a third, empty element.
        let [Node::Array { len: 2.., count }, Node::String(price), Node::String(size)] =
            nodes[at..].get(..3).ok_or(Rejected::Member("b, a"))?
        else {
            return Err(Rejected::Member("b, a"));
        };
        levels.push(Level { price: Decimal::parse(price.as_bytes())?, size: Decimal::parse(size.as_bytes())? });
        at += count + 1;
    }
    Ok(*len)
}

/// Keys of an object with the positions of their values.
pub(in crate::venue::binance) struct Entries<'n, 'i> {
    pub(in crate::venue::binance) nodes: &'n [Node<'i>],
    pub(in crate::venue::binance) at: usize,
    pub(in crate::venue::binance) left: usize,
}

impl<'i> Iterator for Entries<'_, 'i> {
    type Item = (&'i str, usize);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Some(Node::String(key)) = self.nodes.get(self.at) else { return None };
        let value = self.at + 1;
        self.at = value + size_of_value(self.nodes.get(value)?);
        Some((key, value))
    }
}

/// How many nodes a value takes up, itself included.
pub(in crate::venue::binance) fn size_of_value(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}
