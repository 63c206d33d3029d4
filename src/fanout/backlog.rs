//! What a socket did not take.
//!
//! A backlog holds no bytes of its own: it refers to batches that all slow sessions of a cohort share, each with the
//! range that is still to be sent. Each batch knows where its frames end and which of them a newer frame of the same
//! stream makes worthless, so that a backlog can be *conflated*: of every such stream only the newest frame stays.
//! Frames that may not be lost stay in any case; if they alone exceed the limit, the session is disconnected.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::ops::Range;
use std::rc::Rc;

use rustc_hash::FxHashSet;

/// How much of what a session has not taken is kept for it.
#[derive(Clone, Copy, Debug)]
pub struct BacklogLimits {
    /// Most bytes kept. Above half of it superseded frames are left out; above all of it the session is disconnected.
    pub bytes_max: usize,
    /// Longest time in milliseconds that a session may take nothing while something waits for it.
    pub age_ms_max: u64,
    /// Bytes above which a replay at speed max waits for the session.
    pub high_water_bytes: usize,
}

/// Where a frame ends in its batch, and what replaces it.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// One past the frame's last byte.
    pub end: u32,
    /// Frames with an equal number replace one another; [`Mark::KEPT`] for those that may not be lost.
    pub replaces: u32,
}

impl Mark {
    /// Never replaced.
    pub const KEPT: u32 = u32::MAX;
    /// Set in the numbers of frames that are replaced as soon as there is a newer one, however little waits.
    pub const VOLATILE: u32 = 1 << 31;

    fn is_volatile(self) -> bool {
        self.replaces & Mark::VOLATILE != 0 && self.replaces != Mark::KEPT
    }
}

/// Frames in one piece of memory.
#[derive(Debug, Default)]
pub struct Batch {
    /// The frames, one behind the other.
    pub bytes: Vec<u8>,
    /// One for each frame, in order.
    pub marks: Vec<Mark>,
    /// Whether any of them may be volatile.
    has_volatile: bool,
}

impl Batch {
    /// Appends a frame.
    #[inline]
    pub fn push(&mut self, frame: &[u8], replaces: u32) {
        self.bytes.extend_from_slice(frame);
        let mark = Mark { end: self.bytes.len() as u32, replaces };
        self.has_volatile |= mark.is_volatile();
        self.marks.push(mark);
    }

    /// Appends all frames of another batch.
    pub fn append(&mut self, other: Batch) {
        let begin = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&other.bytes);
        self.marks.extend(other.marks.into_iter().map(|mark| Mark { end: begin + mark.end, ..mark }));
        self.has_volatile |= other.has_volatile;
    }

    /// How many frames end in the first `offset` bytes.
    pub fn frames_before(&self, offset: u32) -> usize {
        self.marks.partition_point(|mark| mark.end <= offset)
    }

    /// The bytes of consecutive frames.
    #[inline]
    pub fn bytes_of(&self, frames: &Range<u32>) -> &[u8] {
        let (first, last) = (frames.start as usize, frames.end as usize - 1);
        &self.bytes[self.begin(first) as usize..self.marks[last].end as usize]
    }

    /// A batch of these frames alone.
    pub fn select(&self, runs: &[Range<u32>]) -> Batch {
        let mut selected = Batch::default();
        selected.bytes.reserve_exact(runs.iter().map(|run| self.bytes_of(run).len()).sum());
        for frame in runs.iter().flat_map(Range::clone) {
            selected.push(self.bytes_of(&(frame..frame + 1)), self.marks[frame as usize].replaces);
        }
        selected
    }

    /// Forgets all frames, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
        self.has_volatile = false;
    }

    fn begin(&self, frame: usize) -> u32 {
        frame.checked_sub(1).map_or(0, |before| self.marks[before].end)
    }
}

/// A range of a shared batch that is still to be sent. It ends where a frame ends; it begins inside of one only where
/// a socket took a part of it.
#[derive(Clone, Debug)]
struct Segment {
    batch: Rc<Batch>,
    start: u32,
    end: u32,
}

impl Segment {
    fn frames(&self) -> u64 {
        (self.batch.frames_before(self.end) - self.batch.frames_before(self.start)) as u64
    }

    fn bytes(&self) -> &[u8] {
        &self.batch.bytes[self.start as usize..self.end as usize]
    }
}

/// What one session has still to be sent. Memory: a pointer for a session that has taken everything from the first.
#[derive(Debug, Default)]
pub struct Backlog(Option<Box<Held>>);

#[derive(Debug, Default)]
struct Held {
    segments: VecDeque<Segment>,
    bytes: usize,
    conflated_to: usize,
    has_volatile: bool,
}

impl Backlog {
    /// Whether everything was sent.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|held| held.segments.is_empty())
    }

    /// Bytes still to be sent.
    pub fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.bytes)
    }

    /// Frames still to be sent, one that was sent in part included.
    pub fn frames(&self) -> u64 {
        self.segments().map(Segment::frames).sum()
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.0.iter().flat_map(|held| &held.segments)
    }

    fn held(&mut self) -> &mut Held {
        self.0.get_or_insert_default()
    }

    /// Adds what remains of a batch from `start` on.
    pub fn push(&mut self, batch: &Rc<Batch>, start: usize) {
        let (end, held) = (batch.bytes.len(), self.held());
        held.bytes += end - start;
        held.has_volatile |= batch.has_volatile;
        held.segments.push_back(Segment { batch: Rc::clone(batch), start: start as u32, end: end as u32 });
    }

    /// Adds a batch before everything else but the rest of a frame that was sent in part.
    pub fn push_ahead(&mut self, batch: &Rc<Batch>) {
        let held = self.held();
        let mut place = 0;
        if let Some(head) = held.segments.front_mut() {
            let frame = head.batch.frames_before(head.start);
            if head.batch.begin(frame) < head.start {
                let middle = head.batch.marks[frame].end;
                let partial = Segment { end: middle, ..head.clone() };
                head.start = middle;
                if head.start == head.end {
                    held.segments.pop_front();
                }
                held.segments.push_front(partial);
                place = 1;
            }
        }
        let end = batch.bytes.len();
        held.bytes += end;
        held.segments.insert(place, Segment { batch: Rc::clone(batch), start: 0, end: end as u32 });
    }

    /// Whether it may hold frames that are replaced as soon as there is a newer one.
    pub fn has_volatile(&self) -> bool {
        self.0.as_ref().is_some_and(|held| held.has_volatile)
    }

    /// Gathers what comes next for one write call; returns how many of the slices are filled.
    pub fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, segment) in slices.iter_mut().zip(self.segments()) {
            *slice = IoSlice::new(segment.bytes());
            filled += 1;
        }
        filled
    }

    /// Takes note that the socket took `bytes`; returns how many frames that completed.
    pub fn sent(&mut self, mut bytes: usize) -> u64 {
        let mut frames = 0;
        let held = self.held();
        held.bytes -= bytes;
        while bytes > 0 {
            let Some(segment) = held.segments.front_mut() else { break };
            let took = bytes.min(segment.bytes().len());
            let before = segment.batch.frames_before(segment.start);
            segment.start += took as u32;
            frames += (segment.batch.frames_before(segment.start) - before) as u64;
            bytes -= took;
            if segment.start == segment.end {
                held.segments.pop_front();
            }
        }
        if held.segments.is_empty() {
            held.conflated_to = 0;
            held.has_volatile = false;
        }
        frames
    }

    /// Whether it has grown enough since it was last conflated for another try to be worth its cost.
    pub fn wants_conflation(&self, limits: &BacklogLimits) -> bool {
        self.0.as_ref().is_some_and(|held| {
            let again = held.conflated_to.saturating_mul(2).min(limits.bytes_max);
            held.bytes > limits.bytes_max / 2 && held.bytes > again
        })
    }

    /// Leaves out every frame that a newer one replaces, but for one that was sent in part; returns how many.
    ///
    /// Cost: one pass over the frames kept and left out.
    pub fn conflate(&mut self) -> u64 {
        let held = self.held();
        let left_out = held.leave_out(|mark| mark.replaces != Mark::KEPT);
        held.conflated_to = held.bytes;
        left_out
    }

    /// The same for those frames only that are replaced however little waits.
    pub fn conflate_volatile(&mut self) -> u64 {
        self.held().leave_out(Mark::is_volatile)
    }

    /// Drops everything but the rest of a frame that was sent in part; returns how many frames that dropped.
    pub fn abandon(&mut self) -> u64 {
        let frames = self.frames();
        let held = self.held();
        let mut kept = None;
        if let Some(head) = held.segments.front() {
            let frame = head.batch.frames_before(head.start);
            if head.batch.begin(frame) < head.start {
                kept = Some(Segment { end: head.batch.marks[frame].end, ..head.clone() });
            }
        }
        let dropped = frames - kept.iter().map(Segment::frames).sum::<u64>();
        held.segments.clear();
        held.segments.extend(kept);
        held.bytes = held.segments.iter().map(|segment| segment.bytes().len()).sum();
        dropped
    }
}

impl Held {
    fn leave_out(&mut self, may_go: impl Fn(Mark) -> bool) -> u64 {
        let mut newest = FxHashSet::default();
        let mut kept = VecDeque::with_capacity(self.segments.len());
        let mut left_out = 0;
        for segment in self.segments.drain(..).rev() {
            let batch = &segment.batch;
            let first = batch.frames_before(segment.start);
            let mut open: Option<(u32, u32)> = None;
            for frame in (first..batch.frames_before(segment.end)).rev() {
                let mark = batch.marks[frame];
                let begin = batch.begin(frame);
                let is_partial = begin < segment.start;
                if may_go(mark) && !newest.insert(mark.replaces) && !is_partial {
                    left_out += 1;
                    continue;
                }
                let begin = begin.max(segment.start);
                match &mut open {
                    Some((start, _)) if *start == mark.end => *start = begin,
                    _ => {
                        if let Some((start, end)) = open {
                            kept.push_front(Segment { batch: Rc::clone(batch), start, end });
                        }
                        open = Some((begin, mark.end));
                    }
                }
            }
            if let Some((start, end)) = open {
                kept.push_front(Segment { batch: Rc::clone(batch), start, end });
            }
        }
        self.segments = kept;
        self.bytes = self.segments.iter().map(|segment| segment.bytes().len()).sum();
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(frames: &[(u8, usize, u32)]) -> Rc<Batch> {
        let mut batch = Batch::default();
        for &(byte, length, replaces) in frames {
            batch.push(&vec![byte; length], replaces);
        }
        Rc::new(batch)
    }

    fn rest(backlog: &Backlog) -> Vec<u8> {
        backlog.segments().flat_map(|segment| segment.bytes().to_vec()).collect()
    }

    #[test]
    fn only_the_newest_of_replaceable_frames_stays_and_others_all_do() {
        let mut backlog = Backlog::default();
        backlog.push(&batch(&[(b'a', 2, 1), (b'b', 2, 2), (b'T', 2, Mark::KEPT)]), 0);
        backlog.push(&batch(&[(b'A', 2, 1), (b'U', 2, Mark::KEPT)]), 0);
        assert_eq!(backlog.conflate(), 1);
        assert_eq!(rest(&backlog), b"bbTTAAUU");
        assert_eq!((backlog.bytes(), backlog.frames()), (8, 4));
    }

    #[test]
    fn a_frame_that_was_sent_in_part_is_finished() {
        let mut backlog = Backlog::default();
        let first = batch(&[(b'a', 4, 1), (b'b', 4, 1)]);
        backlog.push(&first, 1);
        backlog.push(&batch(&[(b'c', 4, 1)]), 0);
        assert_eq!(backlog.conflate(), 1);
        assert_eq!(rest(&backlog), b"aaacccc");
        let mut backlog = Backlog::default();
        backlog.push(&first, 3);
        assert_eq!(backlog.abandon(), 1);
        assert_eq!(rest(&backlog), b"a");
        assert_eq!(backlog.sent(1), 1);
        assert!(backlog.is_empty());
    }

    #[test]
    fn volatile_frames_go_however_little_waits_and_others_stay() {
        let mut backlog = Backlog::default();
        backlog.push(&batch(&[(b'v', 2, 1 | Mark::VOLATILE), (b's', 2, 2), (b'T', 2, Mark::KEPT)]), 0);
        assert!(backlog.has_volatile());
        backlog.push(&batch(&[(b'V', 2, 1 | Mark::VOLATILE), (b'S', 2, 2)]), 0);
        assert_eq!(backlog.conflate_volatile(), 1);
        assert_eq!(rest(&backlog), b"ssTTVVSS");
        assert_eq!(backlog.conflate(), 1);
        backlog.sent(backlog.bytes());
        assert!(!backlog.has_volatile());
    }

    #[test]
    fn what_goes_ahead_waits_for_the_rest_of_a_frame_only() {
        let first = batch(&[(b'a', 4, 1), (b'b', 4, 1)]);
        for (sent, expected) in [(0, &b"ppaaaabbbb"[..]), (3, b"appbbbb"), (4, b"ppbbbb"), (7, b"bpp")] {
            let mut backlog = Backlog::default();
            backlog.push(&first, sent);
            backlog.push_ahead(&batch(&[(b'p', 2, Mark::KEPT)]));
            assert_eq!(rest(&backlog), expected);
            assert_eq!(backlog.bytes(), expected.len());
            let frames = backlog.frames();
            assert_eq!(backlog.sent(backlog.bytes()), frames);
        }
    }

    proptest! {
        /// A client that reads what is sent sees whole frames, in order, every frame that may not be lost, and the
        /// newest of each other stream; and no frame is unaccounted for.
        #[test]
        fn frames_are_delivered_conflated_or_dropped(
            steps in proptest::collection::vec(
                (proptest::collection::vec((1_usize..9, 0_u32..4), 1..6), 0_usize..40, any::<bool>()),
                1..30,
            ),
            abandons in any::<bool>(),
        ) {
            let (mut backlog, mut wire) = (Backlog::default(), Vec::new());
            let (mut routed, mut delivered, mut conflated, mut dropped) = (Vec::new(), 0, 0, 0);
            for (frames, taken, conflates) in steps {
                let mut batch = Batch::default();
                for (length, stream) in frames {
                    // A frame is its length, its stream, its number, and filling.
                    let number = routed.len() as u8;
                    let mut bytes = vec![length as u8 + 3, stream as u8, number];
                    bytes.resize(length + 3, 0xee);
                    batch.push(&bytes, if stream == 0 { Mark::KEPT } else { stream });
                    routed.push(stream);
                }
                backlog.push(&Rc::new(batch), 0);
                let mut slices = [IoSlice::new(&[]); 3];
                let filled = backlog.gather(&mut slices);
                let next: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).take(taken).collect();
                wire.extend_from_slice(&next);
                delivered += backlog.sent(next.len());
                if conflates {
                    conflated += backlog.conflate();
                }
            }
            if abandons {
                dropped += backlog.abandon();
            }
            wire.extend(rest(&backlog));
            delivered += backlog.sent(backlog.bytes());
            prop_assert!(backlog.is_empty());
            prop_assert_eq!(delivered + conflated + dropped, routed.len() as u64);

            let (mut seen, mut at) = (Vec::new(), 0);
            while at < wire.len() {
                let length = usize::from(wire[at]);
                prop_assert!(wire[at + 3..at + length].iter().all(|&b| b == 0xee));
                seen.push((u32::from(wire[at + 1]), wire[at + 2]));
                at += length;
            }
            prop_assert!(seen.windows(2).all(|pair| pair[0].1 < pair[1].1));
            if !abandons {
                for stream in 0..4 {
                    let all: Vec<u8> = (0..routed.len()).filter(|&i| routed[i] == stream).map(|i| i as u8).collect();
                    let got: Vec<u8> = seen.iter().filter(|(s, _)| *s == stream).map(|(_, n)| *n).collect();
                    if stream == 0 {
                        prop_assert_eq!(all, got);
                    } else {
                        prop_assert_eq!(all.last(), got.last());
                    }
                }
            }
        }
    }
}
