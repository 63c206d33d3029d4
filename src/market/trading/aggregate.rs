//! Aggregate trades from single ones.
//!
//! Consecutive trades of a symbol at one price, by one taker side, at one time are one taker order. A group ends with
//! the trade that does not belong to it, or when it is [`GROUP_AGE_NS`] old by the market clock, since nothing more of
//! its time will come then. Its event time is that of its last trade. Aggregate trades have ids of their own, counted
//! from 1.
//!
//! Known limitation: two orders of one side that meet one price within one millisecond look like one, and become one
//! aggregate trade; about one in a thousand in a busy market. Single trades do not say whose they are.

use crate::market::decimal::Decimal;
use crate::market::engine::clock::NS_PER_HUNDRED_MS;
use crate::market::tick::{AggTrade, Trade};

/// The age at which a group is complete, in nanoseconds of the market clock.
pub const GROUP_AGE_NS: i64 = NS_PER_HUNDRED_MS;

/// An aggregate trade and its event time.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The trades taken together.
    pub trade: AggTrade,
    /// Event time of the last one.
    pub ts_event: i64,
    /// When it began, by the market clock.
    since: i64,
}

/// The trades of one symbol that may not yet be complete.
#[derive(Debug, Default)]
pub struct Aggregation {
    open: Option<Group>,
    count: i64,
}

impl Aggregation {
    /// Adds a trade at the time `now` of the market clock; the group that it ends.
    pub fn add(&mut self, trade: &Trade, ts_event: i64, now: i64) -> Option<Group> {
        let sum = match &self.open {
            Some(group) if continues(&group.trade, trade) => group.trade.size.checked_add(trade.size),
            _ => None,
        };
        if let (Some(size), Some(group)) = (sum, &mut self.open) {
            (group.trade.size, group.trade.last_id, group.ts_event) = (size, trade.id, ts_event);
            return None;
        }
        self.count += 1;
        let Trade { id, price, size, ts_trade, taker, .. } = *trade;
        let trade = AggTrade { id: self.count, price, size, first_id: id, last_id: id, ts_trade, taker };
        self.open.replace(Group { trade, ts_event, since: now })
    }

    /// The group that is complete at the time `now`.
    pub fn take_complete(&mut self, now: i64) -> Option<Group> {
        self.open.take_if(|group| now - group.since >= GROUP_AGE_NS)
    }

    /// Whether a group waits to be complete.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

fn continues(group: &AggTrade, trade: &Trade) -> bool {
    let is_same = |a: Decimal, b: Decimal| a.same_spelling(b);
    trade.id == group.last_id.saturating_add(1)
        && is_same(trade.price, group.price)
        && trade.taker == group.taker
        && trade.ts_trade == group.ts_trade
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::tick::Taker;
    use proptest::prelude::*;

    fn trade(id: i64, price: i64, ts_trade: i64, taker: Taker) -> Trade {
        let [price, size] = [price, id].map(|number| Decimal::new(number.into(), 1).unwrap());
        Trade { id, price, size, ts_trade, taker, day: None, best: None }
    }

    #[test]
    fn a_group_ends_with_another_order_or_by_its_age() {
        let mut aggregation = Aggregation::default();
        assert!(aggregation.add(&trade(5, 10, 7, Taker::Buyer), 70, 1_000).is_none());
        assert!(aggregation.add(&trade(6, 10, 7, Taker::Buyer), 71, 1_001).is_none());
        let group = aggregation.add(&trade(7, 10, 7, Taker::Seller), 72, 1_002).unwrap();
        assert_eq!((group.trade.id, group.trade.first_id, group.trade.last_id, group.ts_event), (1, 5, 6, 71));
        assert_eq!(group.trade.size.to_string(), "1.1");
        assert!(aggregation.take_complete(1_001 + GROUP_AGE_NS).is_none());
        assert_eq!(aggregation.take_complete(1_002 + GROUP_AGE_NS).unwrap().trade.first_id, 7);
        assert!(!aggregation.is_open());
    }

    proptest! {
        #[test]
        fn every_trade_is_in_one_group(
            trades in proptest::collection::vec((1_i64..3, 0_i64..3, any::<bool>(), 0_u8..10), 1..100),
        ) {
            let mut aggregation = Aggregation::default();
            let (mut groups, mut given, mut ts) = (Vec::new(), Vec::new(), 0);
            for (n, (price, later, is_buyer, skip)) in trades.into_iter().enumerate() {
                ts += later / 2;
                let id = given.last().map_or(1, |t: &Trade| t.id + 1) + i64::from(skip == 0);
                given.push(trade(id, price, ts, if is_buyer { Taker::Buyer } else { Taker::Seller }));
                groups.extend(aggregation.add(given.last().unwrap(), ts, n as i64));
            }
            groups.extend(aggregation.take_complete(i64::MAX));
            let mut rest = &given[..];
            for (n, group) in groups.iter().enumerate() {
                prop_assert_eq!(group.trade.id, n as i64 + 1);
                let (own, others) = rest.split_at((group.trade.last_id - group.trade.first_id + 1) as usize);
                prop_assert_eq!((own[0].id, own[own.len() - 1].id), (group.trade.first_id, group.trade.last_id));
                for trade in own {
                    prop_assert!(trade.price == group.trade.price && trade.taker == group.trade.taker);
                    prop_assert_eq!(trade.ts_trade, group.trade.ts_trade);
                }
                let sum = own.iter().try_fold(Decimal::ZERO, |sum, trade| sum.checked_add(trade.size)).unwrap();
                prop_assert_eq!(sum, group.trade.size);
                // Nothing that belongs to it has gone to the next one.
                if let Some(next) = others.first() {
                    prop_assert!(!continues(&group.trade, next));
                }
                rest = others;
            }
            prop_assert!(rest.is_empty());
        }
    }
}
