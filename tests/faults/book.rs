//! A local order book, kept as Binance's documentation says how.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Client, Server};

/// Snapshots that may be too old before one is new enough.
const SNAPSHOTS_MAX: usize = 20;

/// Prices and sizes of one side, as they were written.
type Side = BTreeMap<String, String>;

/// The book of BTCUSDT.
pub struct Book {
    bids: Side,
    asks: Side,
    last_id: i64,
    /// How often an event did not continue the one before.
    pub holes: usize,
    /// How many events had been had already.
    pub repeats: usize,
}

impl Book {
    /// Takes a snapshot that the events which follow continue.
    pub fn begin(server: &Server, client: &mut Client) -> Book {
        let mut book = Book { bids: Side::new(), asks: Side::new(), last_id: 0, holes: 0, repeats: 0 };
        let first = next(client);
        book.begin_again(server, client, first);
        book
    }

    /// Takes the next event, and begins again where it does not continue.
    pub fn take(&mut self, server: &Server, client: &mut Client) {
        let event = next(client);
        let (first, last) = ids(&event);
        if last <= self.last_id {
            self.repeats += 1;
        } else if first > self.last_id + 1 {
            self.holes += 1;
            self.begin_again(server, client, event);
        } else {
            self.apply(&event);
        }
    }

    /// Whether it is the server's own at an instant that both have: events are taken until the snapshot's is reached.
    pub fn matches(&mut self, server: &Server, client: &mut Client) -> bool {
        for _ in 0..SNAPSHOTS_MAX {
            let (bids, asks, last_id) = snapshot(server);
            let holes = self.holes;
            while self.last_id < last_id {
                self.take(server, client);
            }
            if self.last_id == last_id && self.holes == holes {
                return (&self.bids, &self.asks) == (&bids, &asks);
            }
        }
        panic!("no snapshot ends where an event does");
    }

    fn begin_again(&mut self, server: &Server, client: &mut Client, first: Value) {
        let mut waiting = vec![first];
        for _ in 0..SNAPSHOTS_MAX {
            (self.bids, self.asks, self.last_id) = snapshot(server);
            if self.last_id + 1 >= ids(&waiting[0]).0 {
                break;
            }
        }
        assert!(self.last_id + 1 >= ids(&waiting[0]).0, "the snapshot is older than what has come");
        while ids(waiting.last().unwrap()).1 < self.last_id {
            waiting.push(next(client));
        }
        for event in waiting {
            let (first, last) = ids(&event);
            if last <= self.last_id {
                continue;
            }
            if first > self.last_id + 1 {
                self.holes += 1;
                return self.begin_again(server, client, event);
            }
            self.apply(&event);
        }
    }

    fn apply(&mut self, event: &Value) {
        change(&mut self.bids, &event["b"]);
        change(&mut self.asks, &event["a"]);
        self.last_id = ids(event).1;
    }
}

fn next(client: &mut Client) -> Value {
    serde_json::from_str(client.next_event().text()).unwrap()
}

fn ids(event: &Value) -> (i64, i64) {
    (event["U"].as_i64().unwrap(), event["u"].as_i64().unwrap())
}

fn snapshot(server: &Server) -> (Side, Side, i64) {
    let (status, _, body) = server.get("/api/v3/depth?symbol=BTCUSDT&limit=5000");
    assert_eq!(status, 200, "{body}");
    let snapshot: Value = serde_json::from_str(&body).unwrap();
    let (mut bids, mut asks) = (Side::new(), Side::new());
    change(&mut bids, &snapshot["bids"]);
    change(&mut asks, &snapshot["asks"]);
    (bids, asks, snapshot["lastUpdateId"].as_i64().unwrap())
}

fn change(side: &mut Side, levels: &Value) {
    for level in levels.as_array().unwrap() {
        let (price, size) = (level[0].as_str().unwrap(), level[1].as_str().unwrap());
        if size.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            side.remove(price);
        } else {
            side.insert(price.to_owned(), size.to_owned());
        }
    }
}
