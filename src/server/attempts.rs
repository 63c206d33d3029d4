//! How often an address has connected lately, and whether it may again.
//!
//! Connections of one client are spread over all cores, so this is the one table that they share. It is asked once per
//! handshake and never on the way of the data.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

/// Addresses remembered at the most; beyond it those that have been silent longest are forgotten.
pub const ADDRESSES_MAX: usize = 65_536;

/// The most attempts of one address in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Attempts; 0 for any number.
    pub attempts_max: u32,
    /// The time they are counted over.
    pub window: Duration,
}

/// Attempts by address.
#[derive(Debug)]
pub struct Attempts {
    limits: AttemptLimits,
    by_address: Mutex<FxHashMap<IpAddr, VecDeque<Instant>>>,
}

impl Attempts {
    /// Nobody has come yet.
    pub fn new(limits: AttemptLimits) -> Attempts {
        Attempts { limits, by_address: Mutex::default() }
    }

    /// Counts an attempt; how many more there may be just now.
    ///
    /// # Errors
    /// How long to wait, for one attempt too many. It does not count itself.
    pub fn count(&self, address: IpAddr, now: Instant) -> Result<u32, Duration> {
        let AttemptLimits { attempts_max, window } = self.limits;
        if attempts_max == 0 {
            return Ok(u32::MAX);
        }
        let mut by_address = self.by_address.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if by_address.len() >= ADDRESSES_MAX && !by_address.contains_key(&address) {
            by_address.retain(|_, attempts| attempts.back().is_some_and(|last| now - *last < window));
            if by_address.len() >= ADDRESSES_MAX
                && let Some(oldest) = by_address.iter().min_by_key(|(_, a)| a.back().copied()).map(|(a, _)| *a)
            {
                by_address.remove(&oldest);
            }
        }
        let attempts = by_address.entry(address).or_default();
        while attempts.front().is_some_and(|first| now - *first >= window) {
            attempts.pop_front();
        }
        if let (true, Some(first)) = (attempts.len() >= attempts_max as usize, attempts.front()) {
            return Err(window - (now - *first));
        }
        attempts.push_back(now);
        Ok(attempts_max - attempts.len() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_waits_until_the_first_is_forgotten_and_others_do_not() {
        let attempts = Attempts::new(AttemptLimits { attempts_max: 3, window: Duration::from_secs(300) });
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!((0..3).all(|n| attempts.count(one, at(n * 10)).is_ok()));
        assert_eq!(attempts.count(one, at(100)), Err(Duration::from_secs(200)));
        assert_eq!(attempts.count(other, at(100)), Ok(2));
        assert_eq!(attempts.count(one, at(299)), Err(Duration::from_secs(1)));
        assert_eq!(attempts.count(one, at(300)), Ok(0));
        assert_eq!(attempts.count(one, at(301)), Err(Duration::from_secs(9)));
    }

    #[test]
    fn the_table_is_bounded() {
        let attempts = Attempts::new(AttemptLimits { attempts_max: 1, window: Duration::from_secs(300) });
        let now = Instant::now();
        for n in 0..ADDRESSES_MAX as u32 + 10 {
            assert!(attempts.count(IpAddr::from(n.to_be_bytes()), now).is_ok());
        }
        assert_eq!(attempts.by_address.lock().unwrap().len(), ADDRESSES_MAX);
    }
}
