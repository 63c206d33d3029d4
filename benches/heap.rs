//! Not a bench: an allocator that counts, so that benches and tests can check what they say about memory.

#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use mimalloc::MiMalloc;

/// The allocator of the command `tapecast`, with counters.
pub struct Counting;

thread_local! {
    // Neither begun nor ended by anything that allocates.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}
static BYTES_TAKEN: AtomicU64 = AtomicU64::new(0);
static BYTES_GIVEN: AtomicU64 = AtomicU64::new(0);

/// How often this thread has asked for memory, growing in place included.
pub fn allocations() -> u64 {
    ALLOCATIONS.get()
}

/// Bytes that are allocated now, as they were asked for; what the allocator rounds up to is more.
pub fn bytes() -> u64 {
    BYTES_TAKEN.load(Ordering::Relaxed) - BYTES_GIVEN.load(Ordering::Relaxed)
}

fn count(taken: usize, given: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + u64::from(taken > 0));
    BYTES_TAKEN.fetch_add(taken as u64, Ordering::Relaxed);
    BYTES_GIVEN.fetch_add(given as u64, Ordering::Relaxed);
}

// SAFETY: every call is handed on as it is to an allocator that keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above; the caller keeps its side of the contract.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: as above.
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}
