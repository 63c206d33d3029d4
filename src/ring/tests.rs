//! The ring as a whole, against a naive twin and at its limits.

use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits { slots: 8, annex: 16, history_slots: 4, history_annex: 8 };

#[test]
fn limits_that_contradict_each_other_are_refused_with_the_offending_value() {
    let refusal = |limits| Builder::<u64, u8>::new(limits).err().map(|error| error.to_string());
    assert_eq!(refusal(LIMITS), None);
    for (limits, message) in [
        (Limits { slots: 12, ..LIMITS }, "a ring of 12 slots: the number must be a power of two"),
        (Limits { annex: 0, ..LIMITS }, "a ring's annex of 0 items: the number must be a power of two of at least 4"),
        (Limits { history_slots: 5, ..LIMITS }, "a history of 5 slots: at most half of the ring's 8 can be kept"),
        (Limits { history_annex: 9, ..LIMITS }, "a history of 9 items: at most half of the annex's 16 can be kept"),
    ] {
        assert_eq!(refusal(limits).as_deref(), Some(message));
    }
}

#[test]
fn a_ring_without_items_needs_no_annex() {
    let limits = Limits { slots: 1, annex: 0, history_slots: 0, history_annex: 0 };
    let builder = Builder::<u64>::new(limits).unwrap();
    assert!(builder.shared.runs.is_empty());
    let mut publisher = builder.build();
    assert_eq!(publisher.items_max(), 0);
    assert!(publisher.has_room(0));
}

/// The proof in the module's documentation, over every sequence of run lengths that a small
/// annex can tell apart.
#[test]
fn a_reader_that_has_read_everything_never_blocks_the_publisher() {
    let limits = Limits { slots: 8, annex: 8, history_slots: 4, history_annex: 4 };
    for code in 0..3_usize.pow(9) {
        let mut builder = Builder::<(), u8>::new(limits).unwrap();
        let mut reader = builder.reader(Waker::noop().clone());
        let mut publisher = builder.build();
        for digit in 0..9 {
            let len = code / 3_usize.pow(digit) % 3;
            assert!(publisher.has_room(publisher.items_max()), "code {code}, tick {digit}");
            publisher.publish(&[0; 2][..len], |()| ());
            reader.poll(1, |_, (), items| assert_eq!(items.len(), len));
        }
    }
}

/// The ring as its rules say it, in the plainest way: nothing is ever overwritten, and every
/// gate is worked out from the beginning.
struct Twin {
    limits: Limits,
    ticks: Vec<(Run, Vec<u16>)>,
    cursors: Vec<Option<usize>>,
}

impl Twin {
    fn annex_next(&self) -> u64 {
        self.ticks.last().map_or(0, |(run, _)| run.end())
    }

    fn place(&self, len: usize) -> Run {
        let (next, annex) = (self.annex_next(), self.limits.annex as u64);
        let fits = next % annex + len as u64 <= annex;
        let start = if fits { next } else { next.next_multiple_of(annex) };
        Run { start, len }
    }

    fn gate(&self, cursor: usize) -> usize {
        let is_kept = |gate: &usize| {
            let kept = &self.ticks[*gate..cursor];
            let items = match (kept.first(), kept.last()) {
                (Some((first, _)), Some((last, _))) => last.end() - first.start,
                _ => 0,
            };
            kept.len() <= self.limits.history_slots && items <= self.limits.history_annex as u64
        };
        (0..=cursor).find(is_kept).expect("an empty history is always short enough")
    }

    fn has_room(&self, len: usize) -> bool {
        self.cursors.iter().flatten().all(|cursor| {
            let gate = self.gate(*cursor);
            let floor = self.ticks.get(gate).map_or(self.annex_next(), |(run, _)| run.start);
            self.ticks.len() < gate + self.limits.slots && self.place(len).end() <= floor + self.limits.annex as u64
        })
    }

    fn check(&self, sequence: u64, slot: &u64, items: &[u16]) {
        assert_eq!(*slot, sequence + 1);
        assert_eq!(items, self.ticks[sequence as usize].1);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Publish { len: usize },
    Poll { reader: usize, limit: usize },
    History { reader: usize, back: u64 },
    Leave { reader: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..=8_usize).prop_map(|len| Step::Publish { len }),
        20 => (0..3_usize, 0..6_usize)
            .prop_map(|(reader, limit)| Step::Poll { reader, limit }),
        5 => (0..3_usize, 0..10_u64)
            .prop_map(|(reader, back)| Step::History { reader, back }),
        1 => (0..3_usize).prop_map(|reader| Step::Leave { reader }),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (1..4_u32, 2..6_u32).prop_flat_map(|(slots, annex)| {
        let (slots, annex) = (1 << slots, 1 << annex);
        (0..=slots / 2, 0..=annex / 2).prop_map(move |(history_slots, history_annex)| Limits {
            slots,
            annex,
            history_slots,
            history_annex,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_ring_behaves_as_its_naive_twin(
        limits in limits(),
        steps in prop::collection::vec(step(), 1..300),
    ) {
        let mut builder = Builder::<u64, u16>::new(limits).unwrap();
        let mut readers = [(); 3].map(|()| Some(builder.reader(Waker::noop().clone())));
        let mut publisher = builder.build();
        let mut twin = Twin { limits, ticks: Vec::new(), cursors: vec![Some(0); 3] };
        for step in steps {
            match step {
                Step::Publish { len } => {
                    let len = len.min(publisher.items_max());
                    prop_assert_eq!(publisher.has_room(len), twin.has_room(len));
                    if twin.has_room(len) {
                        let sequence = publisher.sequence();
                        let items: Vec<_> =
                            (0..len).map(|k| (sequence * 31 + k as u64) as u16).collect();
                        publisher.publish(&items, |slot| *slot = sequence + 1);
                        twin.ticks.push((twin.place(len), items));
                    }
                }
                Step::Poll { reader, limit } => {
                    let Some(from) = twin.cursors[reader] else { continue };
                    let Some(target) = readers[reader].as_mut() else { continue };
                    prop_assert_eq!(target.available(), (twin.ticks.len() - from) as u64);
                    let mut next = from as u64;
                    let read = target.poll(limit, |sequence, slot, items| {
                        assert_eq!(sequence, next);
                        twin.check(sequence, slot, items);
                        next += 1;
                    });
                    prop_assert_eq!(read, limit.min(twin.ticks.len() - from));
                    let cursor = from + read;
                    twin.cursors[reader] = Some(cursor);
                    prop_assert_eq!(target.history(), twin.gate(cursor) as u64..cursor as u64);
                }
                Step::History { reader, back } => {
                    let Some(reader) = &readers[reader] else { continue };
                    let history = reader.history();
                    let from = reader.cursor().saturating_sub(back);
                    let mut count = 0;
                    let outcome = reader.read_history(from, |sequence, slot, items| {
                        assert_eq!(sequence, from + count);
                        twin.check(sequence, slot, items);
                        count += 1;
                    });
                    prop_assert_eq!(outcome.is_ok(), from >= history.start);
                    let expected = if outcome.is_ok() { history.end - from } else { 0 };
                    prop_assert_eq!(count, expected);
                }
                Step::Leave { reader } => {
                    readers[reader] = None;
                    twin.cursors[reader] = None;
                }
            }
            let left = twin.cursors.iter().flatten();
            prop_assert_eq!(publisher.readers(), left.clone().count());
            let slowest = left.min().copied().unwrap_or(twin.ticks.len());
            prop_assert_eq!(publisher.slowest(), slowest as u64);
            if slowest == twin.ticks.len() {
                prop_assert!(publisher.has_room(publisher.items_max()), "nobody is behind");
            }
        }
    }
}
