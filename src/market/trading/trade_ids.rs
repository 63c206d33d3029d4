//! Which trades of a symbol have come before.
//!
//! Binance counts trades by one and promises their order: an id that is not above the last has been there. Upbit's ids
//! are unique and promised no order, so a smaller one may be a trade that is new. Among so many ids that came last it is
//! looked for; one that is smaller than all of these cannot be told from one that has been there, and counts as such.

/// How many ids are kept where no order is promised: 2 KiB for a symbol.
pub const IDS_KEPT: usize = 256;

/// The ids of one symbol.
#[derive(Debug, Default)]
pub struct TradeIds {
    largest: Option<i64>,
    /// The ids that came last, in a circle; only where no order is promised.
    recent: Vec<i64>,
    next: usize,
}

impl TradeIds {
    /// Whether a trade of this id has come before.
    #[inline]
    pub fn has(&self, id: i64, is_ordered: bool) -> bool {
        let Some(largest) = self.largest else { return false };
        if id > largest {
            return false;
        }
        is_ordered
            || self.recent.contains(&id)
            || (self.recent.len() == IDS_KEPT && self.recent.iter().all(|&known| known > id))
    }

    /// Takes note of a trade, or of several up to the id `last`.
    #[inline]
    pub fn note(&mut self, last: i64, is_ordered: bool) {
        self.largest = Some(self.largest.map_or(last, |largest| largest.max(last)));
        if is_ordered {
            return;
        }
        if self.recent.len() < IDS_KEPT {
            self.recent.push(last);
        } else {
            self.recent[self.next] = last;
            self.next = (self.next + 1) % IDS_KEPT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_once_in_any_order() {
        let mut ids = TradeIds::default();
        for (id, is_new) in [(10, true), (12, true), (11, true), (12, false), (10, false), (3, true), (3, false)] {
            assert_eq!(!ids.has(id, false), is_new, "{id}");
            if is_new {
                ids.note(id, false);
            }
        }
        for id in 100..100 + IDS_KEPT as i64 {
            ids.note(id, false);
        }
        // Forgotten by now, like everything as old.
        assert!(ids.has(5, false) && ids.has(10, false));
        assert!(!ids.has(1_000, false));
    }

    #[test]
    fn where_order_is_promised_what_is_smaller_has_been_there() {
        let mut ids = TradeIds::default();
        assert!(!ids.has(5, true));
        ids.note(5, true);
        assert!(ids.has(5, true) && ids.has(4, true) && !ids.has(6, true));
    }
}
