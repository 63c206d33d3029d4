//! A feed to measure with: raw `24hrTicker` messages at an even rate, stamped at the moment they are made.
//!
//! The symbols are `S000USDT`, `S001USDT` and so on. Each message carries the wall clock in microseconds as its event
//! time `E`, and as its last trade id `L` a number that rises by exactly one per update of its symbol. So any client
//! of any server can tell how old a message is, and whether one is missing. The messages go the way of any feed:
//! decode, market, ring, writers.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::market::civil::NS_PER_SECOND;

/// What is made: `bench:symbols=100,rate=100,burst=true` or `bench:symbols=100,rate=100,grain=1ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// How many symbols, 1 to 10,000.
    pub symbols: u32,
    /// Updates a second of each, 1 to 1,000,000.
    pub rate: u32,
    /// Whether all symbols come back to back, instead of evenly spread.
    pub is_burst: bool,
    /// Every message is put off to the next multiple of this since the start, so that what falls between two multiples
    /// comes at once, as with the timers of most runtimes. At most a second; zero for none, where each is exactly due.
    pub grain: Duration,
    /// Messages after which it ends; 0 for never.
    pub messages: u64,
}

impl Default for Beat {
    fn default() -> Beat {
        Beat { symbols: 1, rate: 100, is_burst: false, grain: Duration::ZERO, messages: 0 }
    }
}

/// What such a feed's name begins with.
pub const PREFIX: &str = "bench:";

/// The longest grain, in microseconds.
const GRAIN_US_MAX: u64 = 1_000_000;

impl FromStr for Beat {
    type Err = String;

    /// Reads `bench:` and then any of `symbols`, `rate`, `burst`, `grain`, `messages`, with commas between.
    fn from_str(text: &str) -> Result<Beat, String> {
        let mut beat = Beat::default();
        let rest = text.strip_prefix(PREFIX).ok_or_else(|| format!("`{text}` does not begin with `{PREFIX}`"))?;
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let (name, number) = part.split_once('=').unwrap_or((part, "true"));
            let within = |range: std::ops::RangeInclusive<u32>| {
                let value = number.parse().ok().filter(|value| range.contains(value));
                value.ok_or_else(|| format!("`{part}`: a number from {} to {}", range.start(), range.end()))
            };
            match name {
                "symbols" => beat.symbols = within(1..=10_000)?,
                "rate" => beat.rate = within(1..=1_000_000)?,
                "burst" => beat.is_burst = number.parse().map_err(|_| format!("`{part}`: true or false"))?,
                "grain" => beat.grain = grain(number).ok_or_else(|| format!("`{part}`: from 1us to 1000ms"))?,
                "messages" => beat.messages = number.parse().map_err(|_| format!("`{part}`: a number"))?,
                _ => return Err(format!("`{part}`: there are symbols, rate, burst, grain and messages")),
            }
        }
        Ok(beat)
    }
}

impl fmt::Display for Beat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}symbols={},rate={},burst={}", self.symbols, self.rate, self.is_burst)?;
        match self.grain.as_micros() {
            0 => {}
            us if us % 1_000 == 0 => write!(f, ",grain={}ms", us / 1_000)?,
            us => write!(f, ",grain={us}us")?,
        }
        if self.messages > 0 {
            write!(f, ",messages={}", self.messages)?;
        }
        Ok(())
    }
}

/// Reads `1ms` or `250us`.
fn grain(text: &str) -> Option<Duration> {
    let (number, us) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000),
        None => (text.strip_suffix("us")?, 1),
    };
    let us = number.parse::<u64>().ok()?.checked_mul(us)?;
    (1..=GRAIN_US_MAX).contains(&us).then(|| Duration::from_micros(us))
}

/// A message of one symbol around its stamps.
struct Template {
    /// Up to the event time.
    head: Vec<u8>,
    /// From behind the event time up to the last trade id.
    middle: Vec<u8>,
}

/// The feed. Memory: half a kilobyte for each symbol.
pub struct Metronome {
    beat: Beat,
    templates: Vec<Template>,
    start_ns: i64,
    made: u64,
}

impl Metronome {
    /// Begins now.
    pub fn new(beat: Beat) -> Metronome {
        let templates = (0..beat.symbols).map(Template::new).collect();
        Metronome { beat, templates, start_ns: wall_ns(), made: 0 }
    }

    /// When the next message is due; `None` at the end.
    pub fn peek(&self) -> Option<i64> {
        if self.beat.messages > 0 && self.made >= self.beat.messages {
            return None;
        }
        let (rate, symbols) = (u128::from(self.beat.rate), u128::from(self.beat.symbols));
        let made = u128::from(self.made);
        let second = NS_PER_SECOND as u128;
        let after = if self.beat.is_burst { made / symbols * second / rate } else { made * second / (rate * symbols) };
        let after = match self.beat.grain.as_nanos() {
            0 => after,
            grain => after.next_multiple_of(grain),
        };
        Some(self.start_ns + after as i64)
    }

    /// Makes the next message; when it was due.
    pub fn next(&mut self, message: &mut Vec<u8>) -> Option<i64> {
        let due = self.peek()?;
        let symbols = self.templates.len() as u64;
        let (symbol, number) = ((self.made % symbols) as usize, self.made / symbols + 1);
        self.made += 1;
        self.templates[symbol].write(wall_ns() / 1_000, number, message);
        Some(due)
    }

    /// What is made.
    pub fn beat(&self) -> Beat {
        self.beat
    }

    /// Messages made so far.
    pub fn made(&self) -> u64 {
        self.made
    }
}

impl Template {
    fn new(symbol: u32) -> Template {
        let (mut head, mut middle) = (Vec::new(), Vec::new());
        // Prices that look like prices: messages have the length of the exchange's.
        let price = 10_000 + symbol * 37 % 50_000;
        let _ = write!(head, r#"{{"stream":"s{symbol:03}usdt@ticker","data":{{"e":"24hrTicker","E":"#);
        let _ = write!(
            middle,
            r#","s":"S{symbol:03}USDT","p":"-12.34000000","P":"-0.123","w":"{price}.51234567","x":"{price}.12000000","c":"{price}.00000000","Q":"0.01230000","b":"{price}.00000000","B":"1.23456000","a":"{price}.01000000","A":"2.34567000","o":"{price}.34000000","h":"{price}.99000000","l":"{price}.00000000","v":"12345.67890000","q":"987654321.12345678","O":1789999999000,"C":1790086399000,"F":1,"L":"#
        );
        Template { head, middle }
    }

    fn write(&self, stamp_us: i64, number: u64, message: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        message.clear();
        message.extend_from_slice(&self.head);
        message.extend_from_slice(digits.format(stamp_us).as_bytes());
        message.extend_from_slice(&self.middle);
        message.extend_from_slice(digits.format(number).as_bytes());
        message.extend_from_slice(b",\"n\":");
        message.extend_from_slice(digits.format(number).as_bytes());
        message.extend_from_slice(b"}}");
    }
}

fn wall_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::channel::Channel;
    use crate::market::symbol::{Symbols, Venue};
    use crate::market::tick::Kind;
    use crate::venue::{Decoder, Message};

    #[test]
    fn names_say_what_is_made_and_what_is_wrong_is_named() {
        let beat: Beat = "bench:symbols=100,rate=50,burst=true".parse().unwrap();
        assert_eq!(beat, Beat { symbols: 100, rate: 50, is_burst: true, ..Beat::default() });
        assert_eq!(beat.to_string().parse(), Ok(beat));
        assert_eq!("bench:".parse(), Ok(Beat::default()));
        for (text, us) in [("1ms", 1_000), ("250us", 250), ("1000ms", 1_000_000)] {
            let beat: Beat = format!("bench:grain={text},messages=7").parse().unwrap();
            assert_eq!((beat.grain, beat.messages), (Duration::from_micros(us), 7));
            assert!(beat.to_string().ends_with(&format!(",grain={text},messages=7")), "{beat}");
            assert_eq!(beat.to_string().parse(), Ok(beat));
        }
        for text in ["grain=0ms", "grain=1", "grain=1001ms", "grain=18446744073709551615ms", "grain=-1us"] {
            assert!(format!("bench:{text}").parse::<Beat>().unwrap_err().contains(text));
        }
        for (text, part) in [("bench:rate=0", "rate=0"), ("bench:burst=x", "burst=x"), ("bench:speed=1", "speed=1")] {
            let error = text.parse::<Beat>().unwrap_err();
            assert!(error.contains(&format!("`{part}`")), "{error}");
        }
    }

    #[test]
    fn messages_are_tickers_with_stamps_and_numbers_that_rise_by_one() {
        let mut feed = Metronome::new(Beat { symbols: 3, rate: 1_000, messages: 10, ..Beat::default() });
        let (mut decoder, mut symbols, mut message) = (Decoder::default(), Symbols::default(), Vec::new());
        let (mut due, mut numbers) = (Vec::new(), Vec::new());
        let before = wall_ns();
        while let Some(ts_recv) = feed.next(&mut message) {
            due.push(ts_recv);
            assert!(matches!(decoder.decode(Venue::Binance, &mut message, ts_recv, &mut symbols), Ok(Message::Tick)));
            assert_eq!(decoder.tick.channel, Channel::Ticker);
            let Kind::Ticker(ticker) = &decoder.tick.kind else { panic!("{:?}", decoder.tick.kind) };
            assert!((before - 1_000..=wall_ns()).contains(&decoder.tick.ts_event));
            numbers.push((decoder.tick.symbol.0, ticker.last_id));
        }
        let expected: Vec<_> = (0..10).map(|k| (k % 3, i64::from(k / 3 + 1))).collect();
        assert_eq!(numbers, expected);
        let since: Vec<_> = due.iter().map(|at| (at - due[0]) / 1_000).collect();
        assert_eq!(since, [0, 333, 666, 1_000, 1_333, 1_666, 2_000, 2_333, 2_666, 3_000]);
        assert_eq!(symbols.len(), 3);
    }

    #[test]
    fn what_falls_into_a_grain_is_due_together_and_never_early() {
        let due = |text: &str| {
            let mut feed = Metronome::new(text.parse().unwrap());
            let (start, mut message) = (feed.start_ns, Vec::new());
            std::iter::from_fn(|| feed.next(&mut message)).map(|at| (at - start) / 1_000).collect::<Vec<_>>()
        };
        let exact = due("bench:symbols=4,rate=1000,messages=13");
        let put_off = due("bench:symbols=4,rate=1000,grain=1ms,messages=13");
        assert_eq!(exact[..6], [0, 250, 500, 750, 1_000, 1_250]);
        assert_eq!(put_off, [0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3].map(|ms| ms * 1_000));
        assert_eq!(due("bench:rate=400,burst=true,grain=2ms,messages=3"), [0, 4_000, 6_000]);
    }
}
