//! The feed that all of them play: what the variable TAPECAST_FEED says, with tapecast's own messages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// What is made.
#[derive(Clone, Copy)]
pub struct Feed {
    pub symbols: usize,
    rate: f64,
    is_burst: bool,
    /// Due times are put off to the next multiple of this, in seconds; 0 for none.
    grain: f64,
}

impl Feed {
    pub fn of_environment() -> Feed {
        let text = std::env::var("TAPECAST_FEED").unwrap_or_default();
        let mut feed = Feed { symbols: 1, rate: 100.0, is_burst: false, grain: 0.0 };
        for part in text.trim_start_matches("bench:").split(',') {
            match part.split_once('=') {
                Some(("symbols", value)) => feed.symbols = value.parse().unwrap(),
                Some(("rate", value)) => feed.rate = value.parse().unwrap(),
                Some(("burst", value)) => feed.is_burst = value == "true",
                Some(("grain", value)) => {
                    let (number, unit) = value.split_at(value.len() - 2);
                    feed.grain = number.parse::<f64>().unwrap() / if unit == "us" { 1e6 } else { 1e3 };
                }
                _ => {}
            }
        }
        feed
    }

    /// Calls `publish(symbol, event)` for every update when it is due, for ever.
    pub async fn play(self, mut publish: impl AsyncFnMut(usize, String)) {
        let start = Instant::now();
        for made in 0_u64.. {
            let symbol = made as usize % self.symbols;
            let number = made / self.symbols as u64 + 1;
            let seconds = if self.is_burst {
                (number - 1) as f64 / self.rate
            } else {
                made as f64 / (self.rate * self.symbols as f64)
            };
            let seconds = if self.grain > 0.0 { (seconds / self.grain - 1e-9).ceil() * self.grain } else { seconds };
            let due = start + Duration::from_secs_f64(seconds);
            if due > Instant::now() {
                tokio::time::sleep_until(due).await;
            }
            publish(symbol, event(symbol, number)).await;
        }
    }
}

/// What clients subscribe to.
pub fn topic(symbol: usize) -> String {
    format!("s{symbol:03}usdt@ticker")
}

/// The symbols in an address such as /ws/a/b?c.
pub fn symbols_of(path: &str, symbols: usize) -> Vec<usize> {
    let path = path.split('?').next().unwrap_or("");
    let names: Vec<&str> = path.split('/').collect();
    (0..symbols).filter(|symbol| names.contains(&topic(*symbol).as_str())).collect()
}

fn event(symbol: usize, number: u64) -> String {
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!(
        r#"{{"e":"24hrTicker","E":{stamp},"s":"S{symbol:03}USDT","p":"-12.34000000","P":"-0.123","w":"10000.51234567","x":"10000.12000000","c":"10000.00000000","Q":"0.01230000","b":"10000.00000000","B":"1.23456000","a":"10000.01000000","A":"2.34567000","o":"10000.34000000","h":"10000.99000000","l":"10000.00000000","v":"12345.67890000","q":"987654321.12345678","O":1789999999000000,"C":1790086399000000,"F":1,"L":{number},"n":{number}}}"#
    )
}
