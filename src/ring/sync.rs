//! The ring's contact with shared memory: the atomics, cells and wake-ups it uses, each with its
//! orderings in its method names.
//!
//! Under `--cfg loom` the same names come from loom, which then runs every interleaving of the
//! ring's models and follows each cell's accesses. Nothing outside this file knows which of the
//! two it runs on.

#![allow(unsafe_code, reason = "slots and annex are written and read in place; the gates keep the two apart")]

use std::mem::MaybeUninit;
use std::ops::Range;

pub(super) use swap::{AtomicBool, AtomicU64, Ordering, Parker, Unparker, UnsafeCell, fence, spin_loop, yield_now};

#[cfg(not(loom))]
mod swap {
    pub(crate) use crossbeam_utils::sync::{Parker, Unparker};
    pub(crate) use std::hint::spin_loop;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
    pub(crate) use std::thread::yield_now;

    /// std's cell in loom's clothes: access goes through a closure, so that loom can see where it
    /// begins and ends.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
            read(self.0.get())
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
            write(self.0.get())
        }
    }
}

#[cfg(loom)]
mod swap {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::hint::spin_loop;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
    pub(crate) use loom::thread::yield_now;
    use std::sync::Arc;

    /// `crossbeam_utils::sync::Parker` made of loom's notification, which also wakes spuriously.
    pub(crate) struct Parker(Arc<loom::sync::Notify>);

    /// The waking end of a [`Parker`].
    #[derive(Clone)]
    pub(crate) struct Unparker(Arc<loom::sync::Notify>);

    impl Parker {
        pub(crate) fn new() -> Self {
            Self(Arc::new(loom::sync::Notify::new()))
        }

        pub(crate) fn unparker(&self) -> Unparker {
            Unparker(Arc::clone(&self.0))
        }

        pub(crate) fn park(&self) {
            self.0.wait();
        }
    }

    impl Unparker {
        pub(crate) fn unpark(&self) {
            self.0.notify();
        }
    }
}

/// A number that one thread raises and others watch: the head, a cursor, a gate.
#[derive(Debug)]
pub(super) struct Sequence(AtomicU64);

impl Sequence {
    pub(super) fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    /// Release: whoever [observes](Self::observe) `value` also sees everything done before this
    /// call.
    #[inline]
    pub(super) fn publish(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    /// Acquire: the other end of [`publish`](Self::publish).
    #[inline]
    pub(super) fn observe(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Relaxed: the number alone, for statistics.
    #[inline]
    pub(super) fn note(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Relaxed: the number alone; no slot may be read or written on the strength of it.
    #[inline]
    pub(super) fn peek(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A switch that goes one way: the ring is closed.
#[derive(Debug)]
pub(super) struct Latch(AtomicBool);

impl Latch {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// Release: whoever [observes](Self::observe) the latch also sees everything done before this
    /// call.
    pub(super) fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Acquire: the other end of [`close`](Self::close).
    pub(super) fn observe(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Relaxed: the state alone; nothing published before the closing may be concluded from it.
    pub(super) fn peek(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A flag that both sides of the parking protocol move; all its accesses are Relaxed, the fences
/// beside them order it.
#[derive(Debug)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    #[inline]
    pub(super) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Lowers the flag if it is up, and says whether it was. Costs a plain load when it was not.
    #[inline]
    pub(super) fn lower(&self) -> bool {
        let up = self.0.load(Ordering::Relaxed);
        if up {
            self.0.store(false, Ordering::Relaxed);
        }
        up
    }
}

/// The second circular array: items of variable number per slot, contiguous for each slot,
/// uninitialised until first written.
///
/// Positions count items ever placed, padding included; the caller masks nothing and never passes a
/// run that crosses the array's end.
pub(super) struct Annex<I> {
    items: Box<[std::cell::UnsafeCell<MaybeUninit<I>>]>,
    /// One cell per item that loom can follow; the items themselves stay in one piece, as a slice
    /// of them must be.
    #[cfg(loom)]
    marks: Box<[UnsafeCell<()>]>,
}

impl<I: Copy> Annex<I> {
    /// An annex of `len` items, a power of two or 0. The only allocation.
    pub(super) fn new(len: usize) -> Self {
        Self {
            items: (0..len).map(|_| std::cell::UnsafeCell::new(MaybeUninit::uninit())).collect(),
            #[cfg(loom)]
            marks: (0..len).map(|_| UnsafeCell::new(())).collect(),
        }
    }

    /// The items from `position` on, in place.
    ///
    /// # Safety
    ///
    /// The run must have been written by [`write`](Self::write), which must happen before this
    /// call, and not be overwritten before `read` returns.
    #[inline]
    pub(super) unsafe fn read<R>(&self, position: u64, len: usize, read: impl FnOnce(&[I]) -> R) -> R {
        if len == 0 {
            return read(&[]);
        }
        let range = self.range(position, len);
        #[cfg(loom)]
        let _reading: Vec<_> = self.marks[range.clone()].iter().map(UnsafeCell::get).collect();
        let cells = &self.items[range];
        // SAFETY: `cells` is in bounds and both wrappers are transparent, so this is the same
        // memory with `I`'s layout. The caller vouches that a finished write initialised it and
        // that nobody writes while the slice lives.
        read(unsafe { std::slice::from_raw_parts(cells.as_ptr().cast::<I>(), len) })
    }

    /// Copies `items` to `position`.
    ///
    /// # Safety
    ///
    /// Nobody may read or write the run during this call; all earlier readers of this memory must
    /// have finished before it.
    #[inline]
    pub(super) unsafe fn write(&self, position: u64, items: &[I]) {
        if items.is_empty() {
            return;
        }
        let range = self.range(position, items.len());
        #[cfg(loom)]
        let _writing: Vec<_> = self.marks[range.clone()].iter().map(UnsafeCell::get_mut).collect();
        let cells = &self.items[range];
        let target = std::cell::UnsafeCell::raw_get(cells.as_ptr()).cast::<I>();
        // SAFETY: `cells` has the length of `items`, may be written through its cells, and is the
        // caller's alone for this call; `items` lies elsewhere, because a slice borrowed from this
        // annex would be a reader of it.
        unsafe { target.copy_from_nonoverlapping(items.as_ptr(), items.len()) };
    }

    #[inline]
    fn range(&self, position: u64, len: usize) -> Range<usize> {
        let start = position as usize & (self.items.len() - 1);
        start..start + len
    }
}
