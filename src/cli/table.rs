//! A table of the newest prices on a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Instant;

use serde_json::Value;

/// Most symbols that are shown; the others are counted.
const ROWS_MAX: usize = 40;

/// Most symbols that are known; others are passed over.
const SYMBOLS_MAX: usize = 10_000;

/// Most characters of a name or a price that are shown.
const CELL_MAX: usize = 20;

/// A symbol's line.
#[derive(Debug)]
struct Row {
    first: Option<f64>,
    price: String,
    messages: u64,
    since: Instant,
    newest: Instant,
    gaps: u64,
}

/// The newest price of each symbol.
#[derive(Debug)]
pub(super) struct Table {
    rows: BTreeMap<String, Row>,
    has_colours: bool,
    is_changed: bool,
    /// The newest thing that was said.
    said: String,
}

impl Table {
    pub(super) fn new(has_colours: bool) -> Table {
        Table { rows: BTreeMap::new(), has_colours, is_changed: true, said: String::new() }
    }

    /// Takes in a message of any form; what has no symbol is passed over.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else { return };
        if value["data"].is_object() || value["data"].is_array() {
            value = value["data"].take();
        }
        match value {
            Value::Array(events) => events.iter().for_each(|event| self.take_event(event)),
            event => self.take_event(&event),
        }
    }

    fn take_event(&mut self, event: &Value) {
        let text = |names: &[&str]| names.iter().find_map(|name| printed(&event[*name]));
        let Some(symbol) = text(&["s", "code", "cd", "symbol"]) else { return };
        let price = text(&["p", "c", "trade_price", "tp", "price", "last", "close", "b"]);
        let now = Instant::now();
        if self.rows.len() >= SYMBOLS_MAX && !self.rows.contains_key(&symbol) {
            return;
        }
        let row = self.rows.entry(symbol).or_insert_with(|| Row {
            first: None,
            price: String::new(),
            messages: 0,
            since: now,
            newest: now,
            gaps: 0,
        });
        row.messages += 1;
        row.newest = now;
        if let Some(price) = price {
            row.first = row.first.or_else(|| price.parse().ok());
            row.price = price;
        }
        self.is_changed = true;
    }

    /// Something is missing: of which symbols nobody knows.
    pub(super) fn on_gap(&mut self) {
        self.rows.values_mut().for_each(|row| row.gaps += 1);
    }

    /// Something that is to be read below the table.
    pub(super) fn say(&mut self, text: &str) {
        self.said = harmless(text);
        self.is_changed = true;
    }

    /// Draws it anew from the top, in one write.
    pub(super) fn draw(&mut self, last_line: &str, out: &mut impl Write) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        self.is_changed = false;
        let now = Instant::now();
        let mut text = String::from("\x1b[H\x1b[2J");
        let _ =
            writeln!(text, "{:<20} {:>20} {:>9} {:>9} {:>8} {:>5}", "symbol", "last", "change", "per s", "age", "gaps");
        for (symbol, row) in self.rows.iter().take(ROWS_MAX) {
            let change =
                row.first.zip(row.price.parse::<f64>().ok()).map_or(0.0, |(first, last)| (last / first - 1.0) * 100.0);
            let change = if change.is_finite() { change } else { 0.0 };
            let [colour, end] = match (self.has_colours, change) {
                (true, change) if change > 0.0 => ["\x1b[32m", "\x1b[0m"],
                (true, change) if change < 0.0 => ["\x1b[31m", "\x1b[0m"],
                _ => ["", ""],
            };
            let rate = row.messages as f64 / now.duration_since(row.since).as_secs_f64().max(1.0);
            let age = now.duration_since(row.newest).as_secs_f64();
            let _ = writeln!(
                text,
                "{:<20} {:>20} {colour}{change:>+8.2}%{end} {rate:>9.1} {age:>7.1}s {:>5}",
                shortened(symbol),
                shortened(&row.price),
                row.gaps
            );
        }
        if self.rows.len() > ROWS_MAX {
            let _ = writeln!(text, "and {} more", self.rows.len() - ROWS_MAX);
        }
        let _ = writeln!(text, "\n{last_line}");
        if !self.said.is_empty() {
            let _ = writeln!(text, "{}", self.said);
        }
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// A text or number as it stands, without what a terminal could take for a command.
fn printed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(harmless(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text without what a terminal could take for a command.
pub(super) fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(CELL_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_of_all_forms_are_shown_once_each() {
        let mut table = Table::new(false);
        table.take(br#"{"stream":"a","data":{"s":"BTCUSDT","p":"100.0"}}"#);
        table.take(br#"{"stream":"a","data":{"s":"BTCUSDT","p":"101.0"}}"#);
        table.take(br#"{"type":"ticker","code":"KRW-BTC","trade_price":5}"#);
        table.take(br#"[{"s":"ETHUSDT","c":"2"},{"s":"XRPUSDT","c":"1"}]"#);
        table.take(b"nothing");
        table.on_gap();
        table.say("a gap");
        let mut out = Vec::new();
        table.draw("the last line", &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let row = text.lines().find(|line| line.starts_with("BTCUSDT")).unwrap();
        assert!(row.contains("101.0") && row.contains("+1.00%") && row.ends_with('1'), "{row}");
        assert!(
            ["KRW-BTC", "ETHUSDT", "XRPUSDT", "the last line", "a gap"].iter().all(|part| text.contains(part)),
            "{text}"
        );
        assert!(!text.contains("\x1b[3"), "colours");
        let mut again = Vec::new();
        table.draw("", &mut again).unwrap();
        assert!(again.is_empty(), "nothing has changed");
    }

    #[test]
    fn the_table_is_bounded() {
        let mut table = Table::new(false);
        (0..SYMBOLS_MAX + 5).for_each(|n| table.take(format!(r#"{{"s":"S{n}","p":"1"}}"#).as_bytes()));
        table.take(br#"{"s":"S0","p":"2"}"#);
        assert_eq!((table.rows.len(), table.rows["S0"].price.as_str()), (SYMBOLS_MAX, "2"));
    }

    #[test]
    fn names_do_not_command_the_terminal() {
        let mut table = Table::new(true);
        table.take(br#"{"s":"A\u001b[2J","p":"1"}"#);
        assert_eq!(table.rows.keys().collect::<Vec<_>>(), ["A[2J"]);
        table.say("closed: \u{1b}]0;x\u{7}");
        assert_eq!(table.said, "closed: ]0;x");
    }
}
