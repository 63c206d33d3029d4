//! Numbers of the things a core holds: small, dense, and given again after their thing has gone.

/// A number of an outlet; given again to another one after it has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OutletId(pub u32);

impl OutletId {
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A number of a want; given again to another one after nobody has wanted it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WantId(pub u32);

impl WantId {
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A number of a cohort; given again to another one after it has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CohortId(pub u32);

impl CohortId {
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}
