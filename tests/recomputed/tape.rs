//! What a recording says, read as plainly as can be: its trades as whole numbers, and what was known of each symbol
//! whenever a whole second began.
//!
//! Nothing of the project's own market code is used. The one thing that has to be told twice is the clock: it shows the
//! largest event time so far, and between events goes on with the receive time, looked at every 100 ms.

use std::collections::BTreeMap;

use serde_json::Value;

const SECOND: i64 = 1_000_000_000;

/// A trade; price and size in units of 1e-8, its time in milliseconds.
pub struct Trade {
    pub id: i64,
    pub time: i64,
    pub price: i64,
    pub size: i64,
    pub is_bought: bool,
}

/// The beginning of a whole second.
pub struct Moment {
    pub second: i64,
    /// How many trades had come before it.
    pub known: usize,
    /// Price and size of the best bid, then of the best ask.
    pub best: Option<[i64; 4]>,
    /// Whether that has changed, if only for a while, since the second before.
    pub is_best_changed: bool,
}

#[derive(Default)]
pub struct Symbol {
    pub trades: Vec<Trade>,
    pub moments: Vec<Moment>,
    best: Option<[i64; 4]>,
    is_best_changed: bool,
    /// Changes that wait for a snapshot.
    changes: Vec<Value>,
    book: Option<Book>,
}

/// A book as the exchange says it is to be kept.
struct Book {
    id: i64,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

/// A decimal of up to eight places as a whole number of 1e-8.
pub fn number(text: &str) -> i64 {
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    assert!(places.len() <= 8, "{text}");
    format!("{whole}{places:0<8}").parse().expect("a number")
}

fn of(value: &Value, member: &str) -> i64 {
    number(value[member].as_str().unwrap_or_else(|| panic!("{member} of {value}")))
}

fn int(value: &Value, member: &str) -> i64 {
    value[member].as_i64().unwrap_or_else(|| panic!("{member} of {value}"))
}

/// Reads the lines of a recording.
pub fn read(lines: &[(i64, String)]) -> BTreeMap<String, Symbol> {
    let mut symbols: BTreeMap<String, Symbol> = BTreeMap::new();
    let mut snapshots: Vec<Value> = Vec::new();
    let mut clock: Option<Clock> = None;
    let mut looked_at = lines[0].0 / (SECOND / 10);
    for (received, line) in lines {
        while looked_at < received / (SECOND / 10) {
            looked_at += 1;
            if let Some(clock) = &mut clock {
                clock.on_silence(looked_at * (SECOND / 10), &mut symbols);
            }
        }
        let mut message: Value = serde_json::from_str(line).expect("JSON");
        if message.get("lastUpdateId").is_some() {
            snapshots.push(message);
            continue;
        }
        let data = message["data"].take();
        let name = data["s"].as_str().expect("a symbol").to_owned();
        let (time, is_trade) = match data["e"].as_str() {
            Some("trade") => (Some(int(&data, "E").max(int(&data, "T"))), true),
            Some("depthUpdate") => (Some(int(&data, "E")), false),
            None => (None, false),
            other => panic!("{other:?}"),
        };
        symbols.entry(name.clone()).or_default();
        match (&mut clock, time.map(|ms| ms * 1_000_000)) {
            (Some(clock), Some(time)) => clock.on_event(time, *received, &mut symbols),
            (empty @ None, Some(time)) => *empty = Some(Clock { now: time, event: time, received: *received }),
            _ => {}
        }
        let symbol = symbols.get_mut(&name).expect("it has just been entered");
        if symbol.moments.is_empty()
            && let Some(clock) = &clock
        {
            let second = clock.now / SECOND;
            symbol.moments.push(Moment { second, known: 0, best: None, is_best_changed: false });
        }
        match time {
            Some(_) if is_trade => symbol.on_trade(&data),
            Some(_) => symbol.on_change(data, &snapshots),
            None if symbol.book.is_none() => symbol.set_best(["b", "B", "a", "A"].map(|member| of(&data, member))),
            None => {}
        }
    }
    symbols
}

struct Clock {
    now: i64,
    /// The largest event time, and when it came.
    event: i64,
    received: i64,
}

impl Clock {
    fn on_event(&mut self, time: i64, received: i64, symbols: &mut BTreeMap<String, Symbol>) {
        if time > self.event {
            (self.event, self.received) = (time, received);
            self.advance(time, symbols);
        }
    }

    fn on_silence(&mut self, received: i64, symbols: &mut BTreeMap<String, Symbol>) {
        self.advance(self.event + (received - self.received).max(0), symbols);
    }

    fn advance(&mut self, to: i64, symbols: &mut BTreeMap<String, Symbol>) {
        let before = self.now / SECOND;
        self.now = self.now.max(to);
        let second = self.now / SECOND;
        if second > before {
            for symbol in symbols.values_mut() {
                let (known, best) = (symbol.trades.len(), symbol.best);
                let is_best_changed = std::mem::take(&mut symbol.is_best_changed);
                symbol.moments.push(Moment { second, known, best, is_best_changed });
            }
        }
    }
}

impl Symbol {
    fn on_trade(&mut self, data: &Value) {
        let trade = Trade {
            id: int(data, "t"),
            time: int(data, "T"),
            price: of(data, "p"),
            size: of(data, "q"),
            is_bought: data["m"] == false,
        };
        // What is known of a stretch of time is then one piece of the list.
        let last = self.trades.last();
        assert!(last.is_none_or(|last| last.id + 1 == trade.id && last.time <= trade.time), "trades are in order");
        self.trades.push(trade);
    }

    fn set_best(&mut self, best: [i64; 4]) {
        self.is_best_changed |= self.best != Some(best);
        self.best = Some(best);
    }

    fn on_change(&mut self, change: Value, snapshots: &[Value]) {
        match &mut self.book {
            Some(book) => book.apply(&change),
            None => {
                self.changes.push(change);
                let continues = |snapshot: &&Value, change: &Value| {
                    let next = int(snapshot, "lastUpdateId") + 1;
                    int(change, "U") <= next && next <= int(change, "u")
                };
                let found = snapshots.iter().find(|s| self.changes.iter().any(|change| continues(s, change)));
                let Some(snapshot) = found else { return };
                let mut book = Book { id: int(snapshot, "lastUpdateId"), bids: BTreeMap::new(), asks: BTreeMap::new() };
                set(&mut book.bids, &snapshot["bids"]);
                set(&mut book.asks, &snapshot["asks"]);
                self.changes.drain(..).for_each(|change| book.apply(&change));
                self.book = Some(book);
            }
        }
        let book = self.book.as_ref().expect("it is there by now");
        let (bid, ask) = (book.bids.last_key_value(), book.asks.first_key_value());
        let (bid, ask) = (bid.expect("a bid"), ask.expect("an ask"));
        self.set_best([*bid.0, *bid.1, *ask.0, *ask.1]);
    }
}

impl Book {
    fn apply(&mut self, change: &Value) {
        if int(change, "u") > self.id {
            assert!(int(change, "U") <= self.id + 1, "a hole after {}", self.id);
            self.id = int(change, "u");
            set(&mut self.bids, &change["b"]);
            set(&mut self.asks, &change["a"]);
        }
    }
}

fn set(side: &mut BTreeMap<i64, i64>, levels: &Value) {
    for level in levels.as_array().expect("levels") {
        let [price, size] = [0, 1].map(|at| number(level[at].as_str().expect("a decimal")));
        if size == 0 {
            side.remove(&price)
        } else {
            side.insert(price, size)
        };
    }
}
