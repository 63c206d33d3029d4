//! Configuration files: an error names a line that exists, a file on top of nothing is the file, and what passes the
//! check keeps within the limits that the rest of the program counts on.
#![no_main]

use std::net::SocketAddr;
use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use tapecast::config::{HIGH_WATER_BYTES, RawConfig};
use tapecast::feed::replay::Speed;
use tapecast::session::heartbeat::Heartbeat;

/// A century on the clock that connections are timed by, in milliseconds.
const CENTURY_MS: u64 = 100 * 366 * 86_400_000;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    let mut raw = match RawConfig::parse(text, Path::new("a.toml")) {
        Ok(raw) => raw,
        Err(error) => {
            let error = error.to_string();
            let place = error.strip_prefix("configuration file a.toml, line ").expect("file and line");
            let (line, reason) = place.split_once(": ").expect("a reason");
            let lines = 1 + text.matches('\n').count();
            assert!((1..=lines).contains(&line.parse().expect("a number")) && !reason.is_empty(), "{error}");
            return Corpus::Keep;
        }
    };
    let shown = format!("{raw:?}");
    assert_eq!(format!("{:?}", raw.clone().or(RawConfig::default())), shown);
    assert_eq!(format!("{:?}", RawConfig::default().or(raw.clone())), shown);
    // Names of hosts would be looked up.
    raw.listen = raw.listen.filter(|listen| listen.parse::<SocketAddr>().is_ok());
    match raw.check() {
        Err(error) => assert!(error.to_string().starts_with("--"), "{error}"),
        Ok(config) => {
            assert!(!config.sources.is_empty() && !(config.plan.repeat && config.exit_at_end));
            assert!((1..=256).contains(&config.writers) && config.connections_max > 0);
            assert!(config.backlog.bytes_max >= 4 * HIGH_WATER_BYTES && config.message_bytes_max >= 65_536);
            assert!(config.ring.slots.is_power_of_two() && config.ring.annex.is_power_of_two());
            assert!(config.ring.history_slots <= config.ring.slots / 2);
            if let Speed::Times(times) = config.plan.speed {
                assert!(Speed::TIMES_RANGE.contains(&times));
            }
            for time in [config.stall_ms, config.backlog.age_ms_max, config.upbit.limits.idle_timeout_ms] {
                assert!(time <= CENTURY_MS);
            }
            assert!(config.binance.limits.lifetime_ms <= CENTURY_MS);
            // No sum of a time and a clock overflows.
            let mut heartbeat = Heartbeat::new(config.binance.limits.heartbeat, CENTURY_MS);
            heartbeat.on_time(2 * CENTURY_MS, 0);
            heartbeat.on_time(2 * CENTURY_MS, 0);
        }
    }
    Corpus::Keep
});
