//! What each address has used of its budget of requests, and who has to wait.
//!
//! An address has so much weight a minute and so many requests in five. Who goes on above either is refused until the
//! window is over; who goes on until twice the weight is used is banned, for two minutes at first and twice as long
//! each time, up to three days, as the exchange's documentation says of repeat offenders. From where on it bans it does
//! not say.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Instant;

use rustc_hash::FxHashMap;

use crate::venue::binance::rest::REQUESTS_PER_5_MINUTES;

/// Addresses that are remembered at the most, 40 bytes each; beyond it those are forgotten that are not banned, and all
/// where that is not enough.
const ADDRESSES_MAX: usize = 65_536;

const BAN_SECONDS: u64 = 120;
const BAN_SECONDS_MAX: u64 = 3 * 86_400;

/// Shared by all cores; asked once per request, under a lock that is held for a look into a table.
#[derive(Debug)]
pub(crate) struct Weights {
    per_minute: u32,
    accounts: Mutex<FxHashMap<IpAddr, Account>>,
    started: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// The minute that `weight` belongs to.
    minute: u64,
    weight: u32,
    /// The five minutes that `requests` belong to.
    five: u64,
    requests: u32,
    banned_until: u64,
    bans: u32,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is answered.
    Served,
    /// Too much weight in this minute, which lasts so many seconds more.
    TooMuchWeight(u64),
    /// Too many requests in these five minutes, which last so many seconds more.
    TooManyRequests(u64),
    /// Banned for so many seconds more.
    Banned(u64),
}

impl Verdict {
    /// Seconds after which asking makes sense again; `None` where it does now.
    pub(crate) fn wait(self) -> Option<u64> {
        match self {
            Verdict::Served => None,
            Verdict::TooMuchWeight(seconds) | Verdict::TooManyRequests(seconds) | Verdict::Banned(seconds) => {
                Some(seconds)
            }
        }
    }
}

impl Weights {
    /// Nobody has asked yet. 0 for no budget of either kind.
    pub(crate) fn new(per_minute: u32) -> Weights {
        Weights { per_minute, accounts: Mutex::default(), started: Instant::now() }
    }

    /// Adds a request's weight: what has been used in this minute with it, and what becomes of it.
    pub(crate) fn add(&self, address: IpAddr, weight: u32) -> (u32, Verdict) {
        self.add_at(address, weight, self.started.elapsed().as_secs())
    }

    fn add_at(&self, address: IpAddr, weight: u32, now: u64) -> (u32, Verdict) {
        let mut accounts = self.accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if accounts.len() >= ADDRESSES_MAX && !accounts.contains_key(&address) {
            accounts.retain(|_, account| account.banned_until > now);
            if accounts.len() >= ADDRESSES_MAX {
                accounts.clear();
            }
        }
        let account = accounts.entry(address).or_default();
        if account.banned_until > now {
            return (account.weight, Verdict::Banned(account.banned_until - now));
        }
        if account.minute != now / 60 {
            (account.minute, account.weight) = (now / 60, 0);
        }
        if account.five != now / 300 {
            (account.five, account.requests) = (now / 300, 0);
        }
        account.weight = account.weight.saturating_add(weight);
        account.requests = account.requests.saturating_add(1);
        let used = account.weight;
        let verdict = if self.per_minute == 0 {
            Verdict::Served
        } else if used > self.per_minute.saturating_mul(2) {
            let seconds = (BAN_SECONDS << account.bans.min(20)).min(BAN_SECONDS_MAX);
            account.bans += 1;
            account.banned_until = now + seconds;
            Verdict::Banned(seconds)
        } else if used > self.per_minute {
            Verdict::TooMuchWeight(60 - now % 60)
        } else if account.requests > REQUESTS_PER_5_MINUTES {
            Verdict::TooManyRequests(300 - now % 300)
        } else {
            Verdict::Served
        };
        (used, verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(last))
    }

    #[test]
    fn who_goes_on_is_refused_and_then_banned_for_longer_each_time() {
        let weights = Weights::new(10);
        let add = |weight, now| weights.add_at(address(1), weight, now);
        assert_eq!(add(10, 0), (10, Verdict::Served));
        assert_eq!(add(5, 50), (15, Verdict::TooMuchWeight(10)));
        assert_eq!(weights.add_at(address(2), 1, 50), (1, Verdict::Served));
        assert_eq!(add(10, 60), (10, Verdict::Served));
        assert_eq!(add(11, 61), (21, Verdict::Banned(120)));
        assert_eq!(add(1, 180), (21, Verdict::Banned(1)));
        assert_eq!(add(1, 181), (1, Verdict::Served));
        assert_eq!(add(20, 182), (21, Verdict::Banned(240)));
        assert_eq!(Weights::new(0).add_at(address(1), u32::MAX, 0), (u32::MAX, Verdict::Served));
    }

    #[test]
    fn requests_are_counted_over_five_minutes_and_addresses_are_bounded() {
        let weights = Weights::new(u32::MAX);
        let add = |now| weights.add_at(address(1), 1, now).1;
        (0..REQUESTS_PER_5_MINUTES).for_each(|_| assert_eq!(add(299), Verdict::Served));
        assert_eq!(add(299), Verdict::TooManyRequests(1));
        assert_eq!(add(300), Verdict::Served);
        for n in 0..ADDRESSES_MAX as u32 + 9 {
            weights.add_at(address(n), 1, 300);
        }
        assert!(weights.accounts.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
