//! Reading what Binance's spot servers send: events, bare or in the wrapper of a combined stream, and order book
//! snapshots of the REST interface.
//!
//! Members are single letters that differ by case only, so a payload is a table indexed by letter: one walk over the
//! parsed message notes where each member stands, then the members that the event's kind has are read by name. What a
//! message carries beyond them (the order ids `a` and `b` of trades before 2024-06) is passed over.

use simd_json::{Buffers, ErrorType, Node, StaticNode, Tape as Nodes};

use crate::market::channel::{Channel, Interval, Pace, Zone};
use crate::market::decimal::Decimal;
use crate::market::snapshot::Snapshot;
use crate::market::symbol::{Symbols, Venue};
use crate::market::tick::{
    AggTrade, Best, BookTicker, Depth, Kind, Kline, Level, MiniTicker, Taker, Tick, Ticker, Trade,
};
use crate::venue::binance::{listing, stream};
use crate::venue::{LEVELS_MAX, Message, Rejected, intern};

/// The parser's buffers, used again for each message.
#[derive(Default)]
pub struct Decoder {
    buffers: Buffers,
    nodes: Option<Nodes<'static>>,
}

impl Decoder {
    /// Reads one message into `tick` and `levels`, or hands out the snapshot it is.
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
        let mut nodes = self.nodes.take().unwrap_or_else(Nodes::null).reset();
        let parsed = simd_json::fill_tape(raw, &mut self.buffers, &mut nodes);
        let message = match parsed {
            Ok(()) => Reader { symbols, tick, levels, ts_recv }.message(&nodes.0),
            Err(error) if *error.error() == ErrorType::InvalidUtf8 => Err(Rejected::NotUtf8),
            Err(_) => Err(Rejected::NotJson),
        };
        self.nodes = Some(nodes.reset());
        message
    }
}

/// The members of an object by the letter that names them: positions of their values in the parsed message.
struct Members<'n, 'i> {
    nodes: &'n [Node<'i>],
    positions: [u32; 128],
}

impl<'n, 'i> Members<'n, 'i> {
    /// Walks the object that begins at `start`.
    fn of(nodes: &'n [Node<'i>], start: usize) -> Result<Self, Rejected> {
        let Some(Node::Object { len, .. }) = nodes.get(start) else { return Err(Rejected::Unserved) };
        let mut positions = [0; 128];
        for (key, value) in (Entries { nodes, at: start + 1, left: *len }) {
            if let [letter @ 0..128] = key.as_bytes() {
                positions[usize::from(*letter)] = value as u32;
            }
        }
        Ok(Members { nodes, positions })
    }

    fn node(&self, name: &'static str) -> Result<Node<'i>, Rejected> {
        match self.position(name) {
            0 => Err(Rejected::Member(name)),
            position => Ok(self.nodes[position]),
        }
    }

    fn position(&self, name: &'static str) -> usize {
        self.positions[usize::from(name.as_bytes()[0])] as usize
    }

    fn text(&self, name: &'static str) -> Result<&'i str, Rejected> {
        match self.node(name)? {
            Node::String(text) => Ok(text),
            _ => Err(Rejected::Member(name)),
        }
    }

    fn number(&self, name: &'static str) -> Result<Decimal, Rejected> {
        Ok(Decimal::parse(self.text(name)?.as_bytes())?)
    }

    /// An integer. Ids and times are counted on from, so those at the end of the range are refused.
    fn int(&self, name: &'static str) -> Result<i64, Rejected> {
        let value = match self.node(name)? {
            Node::Static(StaticNode::I64(value)) => Some(value),
            Node::Static(StaticNode::U64(value)) => i64::try_from(value).ok(),
            _ => None,
        };
        value.filter(|value| value.unsigned_abs() < 1 << 62).ok_or(Rejected::Member(name))
    }

    fn bool(&self, name: &'static str) -> Result<bool, Rejected> {
        match self.node(name)? {
            Node::Static(StaticNode::Bool(value)) => Ok(value),
            _ => Err(Rejected::Member(name)),
        }
    }

    /// A time in milliseconds or microseconds, told apart by its size, as nanoseconds.
    fn time(&self, name: &'static str) -> Result<i64, Rejected> {
        const MICROSECONDS_FROM: i64 = 100_000_000_000_000;
        let value = self.int(name)?;
        let unit = if value.abs() >= MICROSECONDS_FROM { 1_000 } else { 1_000_000 };
        value.checked_mul(unit).ok_or(Rejected::Member(name))
    }

    fn level(&self, price: &'static str, size: &'static str) -> Result<Level, Rejected> {
        Ok(Level { price: self.number(price)?, size: self.number(size)? })
    }

    fn taker(&self) -> Result<Taker, Rejected> {
        Ok(if self.bool("m")? { Taker::Seller } else { Taker::Buyer })
    }
}

/// Keys of an object with the positions of their values.
pub(super) struct Entries<'n, 'i> {
    pub(super) nodes: &'n [Node<'i>],
    pub(super) at: usize,
    pub(super) left: usize,
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
pub(super) fn size_of_value(node: &Node<'_>) -> usize {
    match node {
        Node::Object { count, .. } | Node::Array { count, .. } => count + 1,
        Node::String(_) | Node::Static(_) => 1,
    }
}

/// Turns one parsed message into a tick.
struct Reader<'a> {
    symbols: &'a mut Symbols,
    tick: &'a mut Tick,
    levels: &'a mut Vec<Level>,
    ts_recv: i64,
}

impl Reader<'_> {
    fn message(mut self, nodes: &[Node<'_>]) -> Result<Message, Rejected> {
        if let Some(Node::Array { .. }) = nodes.first() {
            return listing::read(nodes, self.symbols).map(Message::List);
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
            let bids = self.side(nodes, bids.ok_or(Rejected::Member("bids"))?)?;
            self.side(nodes, asks.ok_or(Rejected::Member("asks"))?)?;
            let levels = std::mem::take(self.levels);
            return Ok(Message::Snapshot(Snapshot { symbol: None, last_update_id, levels, bids }));
        }
        let kind = match stream {
            Some(name) => Some(name.split_once('@').ok_or(Rejected::Unserved)?.1),
            None => None,
        };
        self.event(&Members::of(nodes, data.unwrap_or(0))?, kind)?;
        Ok(Message::Tick)
    }

    /// Reads an event. `kind` is what its stream's name says behind the symbol; a bare event has no name.
    fn event(&mut self, event: &Members<'_, '_>, kind: Option<&str>) -> Result<(), Rejected> {
        let name = match event.node("e") {
            Ok(Node::String(name)) => name,
            Ok(_) => return Err(Rejected::Member("e")),
            Err(_) if event.position("u") != 0 && event.position("A") != 0 => "bookTicker",
            Err(_) => return Err(Rejected::Unserved),
        };
        (self.tick.channel, self.tick.kind) = match name {
            "trade" => (Channel::Trade, trade(event)?),
            "aggTrade" => (Channel::AggTrade, agg_trade(event)?),
            "bookTicker" => (Channel::BookTicker, book_ticker(event)?),
            "depthUpdate" => (depth_channel(kind)?, self.depth(event)?),
            "kline" => kline(event, kind)?,
            "24hrTicker" => (Channel::Ticker, ticker(event)?),
            "24hrMiniTicker" => (Channel::MiniTicker, mini_ticker(event)?),
            _ => return Err(Rejected::Unserved),
        };
        // A book ticker has no time of its own.
        self.tick.ts_event = if event.position("E") == 0 { self.ts_recv } else { event.time("E")? };
        self.tick.symbol = intern(self.symbols, Venue::Binance, event.text("s")?)?;
        Ok(())
    }

    fn depth(&mut self, event: &Members<'_, '_>) -> Result<Kind, Rejected> {
        event.node("b").and(event.node("a"))?;
        let bids = self.side(event.nodes, event.position("b"))?;
        self.side(event.nodes, event.position("a"))?;
        Ok(Kind::Depth(Depth { first_id: event.int("U")?, last_id: event.int("u")?, bids: bids as u32 }))
    }

    /// Appends the levels of the array at `start`; how many there were.
    fn side(&mut self, nodes: &[Node<'_>], start: usize) -> Result<usize, Rejected> {
        let Some(Node::Array { len, .. }) = nodes.get(start) else { return Err(Rejected::Member("b, a")) };
        if self.levels.len() + len > LEVELS_MAX {
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
            self.levels
                .push(Level { price: Decimal::parse(price.as_bytes())?, size: Decimal::parse(size.as_bytes())? });
            at += count + 1;
        }
        Ok(*len)
    }
}

fn depth_channel(kind: Option<&str>) -> Result<Channel, Rejected> {
    match kind.map(stream::channel) {
        // A bare event does not say how long its changes were collected; the finer pace claims least.
        None => Ok(Channel::Depth(Pace::Ms100)),
        Some(Some(channel @ Channel::Depth(_))) => Ok(channel),
        Some(_) => Err(Rejected::Unserved),
    }
}

fn trade(event: &Members<'_, '_>) -> Result<Kind, Rejected> {
    Ok(Kind::Trade(Trade {
        id: event.int("t")?,
        price: event.number("p")?,
        size: event.number("q")?,
        ts_trade: event.time("T")?,
        taker: event.taker()?,
        day: None,
        best: None,
    }))
}

fn agg_trade(event: &Members<'_, '_>) -> Result<Kind, Rejected> {
    Ok(Kind::AggTrade(AggTrade {
        id: event.int("a")?,
        price: event.number("p")?,
        size: event.number("q")?,
        first_id: event.int("f")?,
        last_id: event.int("l")?,
        ts_trade: event.time("T")?,
        taker: event.taker()?,
    }))
}

fn book_ticker(event: &Members<'_, '_>) -> Result<Kind, Rejected> {
    let best = Best { ask: event.level("a", "A")?, bid: event.level("b", "B")? };
    Ok(Kind::BookTicker(BookTicker { update_id: event.int("u")?, best }))
}

fn kline(event: &Members<'_, '_>, kind: Option<&str>) -> Result<(Channel, Kind), Rejected> {
    event.node("k")?;
    let kline = Members::of(event.nodes, event.position("k")).map_err(|_| Rejected::Member("k"))?;
    let interval = Interval::from_name(kline.text("i")?).ok_or(Rejected::Member("i"))?;
    // Candles cut at other hours carry the same interval, so only the stream's name tells them apart.
    let zone = match kind.map(stream::channel) {
        None => Zone::Utc,
        Some(Some(Channel::Kline(named, zone))) if named == interval => zone,
        Some(_) => return Err(Rejected::Unserved),
    };
    Ok((
        Channel::Kline(interval, zone),
        Kind::Kline(Kline {
            ts_open: kline.time("t")?,
            ts_close: kline.time("T")?,
            first_id: kline.int("f")?,
            last_id: kline.int("L")?,
            open: kline.number("o")?,
            close: kline.number("c")?,
            high: kline.number("h")?,
            low: kline.number("l")?,
            volume: kline.number("v")?,
            trades: kline.int("n")?,
            closed: kline.bool("x")?,
            quote_volume: kline.number("q")?,
            taker_volume: kline.number("V")?,
            taker_quote_volume: kline.number("Q")?,
        }),
    ))
}

fn ticker(event: &Members<'_, '_>) -> Result<Kind, Rejected> {
    Ok(Kind::Ticker(Ticker {
        change: event.number("p")?,
        change_percent: event.number("P")?,
        average: event.number("w")?,
        previous: event.number("x")?,
        last: event.level("c", "Q")?,
        best: Best { ask: event.level("a", "A")?, bid: event.level("b", "B")? },
        open: event.number("o")?,
        high: event.number("h")?,
        low: event.number("l")?,
        volume: event.number("v")?,
        quote_volume: event.number("q")?,
        ts_open: event.time("O")?,
        ts_close: event.time("C")?,
        first_id: event.int("F")?,
        last_id: event.int("L")?,
        trades: event.int("n")?,
    }))
}

fn mini_ticker(event: &Members<'_, '_>) -> Result<Kind, Rejected> {
    Ok(Kind::MiniTicker(MiniTicker {
        close: event.number("c")?,
        open: event.number("o")?,
        high: event.number("h")?,
        low: event.number("l")?,
        volume: event.number("v")?,
        quote_volume: event.number("q")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::venue::binance::{Encoding, TimeUnit, json};
    use proptest::prelude::*;

    fn decode(message: &str) -> Result<(Tick, Vec<Level>), Rejected> {
        let (mut tick, mut levels) = (Tick::default(), Vec::new());
        let mut raw = message.as_bytes().to_vec();
        let found = Decoder::default().decode(&mut raw, 7, &mut Symbols::default(), &mut tick, &mut levels)?;
        assert!(matches!(found, Message::Tick));
        Ok((tick, levels))
    }

    /// One payload of each kind, invented, as today's servers write them.
    const PAYLOADS: [(&str, &str); 9] = [
        (
            "btcusdt@trade",
            r#"{"e":"trade","E":1790000000105,"s":"BTCUSDT","t":1500001,"p":"65432.10000000","q":"0.00500000","T":1790000000104,"m":false,"M":true}"#,
        ),
        (
            "btcusdt@aggTrade",
            r#"{"e":"aggTrade","E":1790000000105,"s":"BTCUSDT","a":900001,"p":"65432.10000000","q":"0.01500000","f":1500001,"l":1500003,"T":1790000000104,"m":true,"M":true}"#,
        ),
        (
            "btcusdt@bookTicker",
            r#"{"u":7000000042,"s":"BTCUSDT","b":"65432.10000000","B":"1.20000000","a":"65432.11000000","A":"0.45000000"}"#,
        ),
        (
            "btcusdt@depth@100ms",
            r#"{"e":"depthUpdate","E":1790000000200,"s":"BTCUSDT","U":7000000043,"u":7000000045,"b":[["65432.10000000","0.90000000"],["65430.00000000","0.00000000"]],"a":[]}"#,
        ),
        (
            "btcusdt@depth",
            r#"{"e":"depthUpdate","E":1790000000200,"s":"BTCUSDT","U":7000000043,"u":7000000045,"b":[],"a":[["65433.00000000","1.00000000"]]}"#,
        ),
        (
            "btcusdt@kline_1m",
            r#"{"e":"kline","E":1790000042310,"s":"BTCUSDT","k":{"t":1790000040000,"T":1790000099999,"s":"BTCUSDT","i":"1m","f":-1,"L":-1,"o":"65432.10000000","c":"65440.00000000","h":"65441.50000000","l":"65430.00000000","v":"3.21000000","n":44,"x":false,"q":"210041.30000000","V":"1.90000000","Q":"124321.00000000","B":"0"}}"#,
        ),
        (
            "btcusdt@kline_1d@+08:00",
            r#"{"e":"kline","E":1790000042310,"s":"BTCUSDT","k":{"t":1789920000000,"T":1790006399999,"s":"BTCUSDT","i":"1d","f":1,"L":2,"o":"2","c":"1","h":"2","l":"1","v":"3","n":2,"x":true,"q":"4","V":"1","Q":"2","B":"0"}}"#,
        ),
        (
            "btcusdt@ticker",
            r#"{"e":"24hrTicker","E":1790000003040,"s":"BTCUSDT","p":"-310.00000000","P":"-0.472","w":"65600.12345678","x":"65742.09000000","c":"65432.10000000","Q":"0.00500000","b":"65432.10000000","B":"1.20000000","a":"65432.11000000","A":"0.45000000","o":"65742.10000000","h":"66010.00000000","l":"65001.00000000","v":"25691.57000000","q":"1685370163.80000000","O":1789913603039,"C":1790000003039,"F":1490001,"L":1500044,"n":10044}"#,
        ),
        (
            "btcusdt@miniTicker",
            r#"{"e":"24hrMiniTicker","E":1790000003012,"s":"BTCUSDT","c":"3120.55000000","o":"3080.00000000","h":"3144.10000000","l":"3055.20000000","v":"184001.22000000","q":"570912345.67000000"}"#,
        ),
    ];

    #[test]
    fn every_kind_comes_out_as_it_went_in_bare_and_wrapped() {
        for (stream, payload) in PAYLOADS {
            let wrapped = format!(r#"{{"stream":"{stream}","data":{payload}}}"#);
            for message in [payload, &wrapped] {
                let (tick, levels) = decode(message).unwrap();
                let mut out = Vec::new();
                assert!(json::write_payload(&tick, &levels, "BTCUSDT", TimeUnit::Milliseconds, &mut out));
                assert_eq!(String::from_utf8(out).unwrap(), payload);
            }
            let channel = stream::parse(stream, Encoding::Json).unwrap().1;
            assert_eq!(decode(&wrapped).unwrap().0.channel, channel);
        }
    }

    #[test]
    fn microseconds_are_known_by_their_size_and_given_on_request() {
        let (tick, _) = decode(&PAYLOADS[0].1.replace("1790000000105", "1790000000105678")).unwrap();
        assert_eq!(tick.ts_event, 1_790_000_000_105_678_000);
        let mut out = Vec::new();
        json::write_payload(&tick, &[], "BTCUSDT", TimeUnit::Microseconds, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(r#""E":1790000000105678"#) && text.contains(r#""T":1790000000104000"#), "{text}");
    }

    #[test]
    fn order_ids_of_older_trades_are_passed_over() {
        let old = PAYLOADS[0].1.replace(r#""T":"#, r#""b":88,"a":50,"T":"#);
        let (tick, _) = decode(&old).unwrap();
        let mut out = Vec::new();
        json::write_payload(&tick, &[], "BTCUSDT", TimeUnit::Milliseconds, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), PAYLOADS[0].1);
    }

    #[test]
    fn a_snapshot_is_read_with_and_without_spaces() {
        for text in [
            r#"{"lastUpdateId":5,"bids":[["1.0","2"]],"asks":[["3","4"],["5","6"]]}"#,
            r#"{"lastUpdateId": 5, "bids": [["1.0", "2"]], "asks": [["3", "4"], ["5", "6"]]}"#,
        ] {
            let mut raw = text.as_bytes().to_vec();
            let found = Decoder::default()
                .decode(&mut raw, 0, &mut Symbols::default(), &mut Tick::default(), &mut Vec::new())
                .unwrap();
            let Message::Snapshot(snapshot) = found else { panic!("{found:?}") };
            assert_eq!((snapshot.last_update_id, snapshot.bids, snapshot.levels.len()), (5, 1, 3));
        }
    }

    #[test]
    fn what_is_wrong_with_a_message_is_named() {
        let (trade, kline) = (PAYLOADS[0].1, PAYLOADS[5].1);
        for (message, reason) in [
            (trade.replace("\"p\":\"65432.10000000\"", "\"p\":1"), Rejected::Member("p")),
            (trade.replace("65432.10000000", "6x"), Rejected::Number),
            (trade.replace("\"t\":1500001,", ""), Rejected::Member("t")),
            (trade.replace("1500001", "9223372036854775807"), Rejected::Member("t")),
            (trade.replace("1500001", "18446744073709551615"), Rejected::Member("t")),
            (trade.replace("BTCUSDT", ""), Rejected::Symbol),
            (trade.replace("BTCUSDT", "BTC\\\"USDT"), Rejected::Symbol),
            (trade.replace("\"trade\"", "\"executionReport\""), Rejected::Unserved),
            (trade[..40].to_owned(), Rejected::NotJson),
            ("[]".into(), Rejected::Unserved),
            ("{}".into(), Rejected::Unserved),
            (r#"{"e":"depthUpdate","E":1,"s":"A","U":1,"u":1,"b":[["1"]],"a":[]}"#.into(), Rejected::Member("b, a")),
            (r#"{"e":"depthUpdate","E":1,"s":"A","U":1,"u":1,"b":[],"a":3}"#.into(), Rejected::Member("b, a")),
            (r#"{"e":"kline","E":1,"s":"A","k":3}"#.into(), Rejected::Member("k")),
            (format!(r#"{{"stream":"a@kline_5m","data":{kline}}}"#), Rejected::Unserved),
            (format!(r#"{{"stream":"a@trade","data":{kline}}}"#), Rejected::Unserved),
        ] {
            assert_eq!(decode(&message).unwrap_err(), reason, "{message}");
        }
        let mut raw = trade.as_bytes().to_vec();
        raw[30] = 0xff;
        let error =
            Decoder::default().decode(&mut raw, 0, &mut Symbols::default(), &mut Tick::default(), &mut Vec::new());
        assert!(matches!(error, Err(Rejected::NotUtf8)), "{error:?}");
    }

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(which in 0_usize..9, at in 0_usize..400, byte in any::<u8>(), cut in 0_usize..400) {
            let mut raw = format!(r#"{{"stream":"{}","data":{}}}"#, PAYLOADS[which].0, PAYLOADS[which].1).into_bytes();
            let length = raw.len();
            raw[at % length] = byte;
            raw.truncate(length - cut % 3 * (cut % length) / 3);
            let _ = Decoder::default().decode(&mut raw, 0, &mut Symbols::default(), &mut Tick::default(), &mut Vec::new());
        }
    }
}
