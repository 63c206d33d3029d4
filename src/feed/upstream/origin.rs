//! Where a live feed comes from: exchanges, or the backbone.

use std::fmt;
use std::path::Path;

use crate::feed::backbone::{self, Tail};
use crate::feed::upstream::{Address, Plan, Recorder, Sink, Upstream, UpstreamError};
use crate::tape::rotation::Limits;
use crate::tape::{Cut, Settings, TapeError};

/// Where a live feed comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Exchanges, or servers like them.
    Exchanges(Vec<Address>),
    /// A NATS server. Its messages have times of their own, so they are alone on a tape.
    Backbone(backbone::Address),
}

impl Origin {
    /// Opens the tape that it is recorded on; what was cut of the tape's end, and where that is.
    ///
    /// # Errors
    /// [`TapeError`].
    pub fn recorder(
        &self,
        path: &Path,
        limits: Option<Limits>,
        settings: Settings,
    ) -> Result<(Recorder, Option<Cut>, Tail), TapeError> {
        match self {
            Origin::Exchanges(_) => {
                let (recorder, cut) = Recorder::open(path, limits, settings)?;
                Ok((recorder, cut, Tail::default()))
            }
            Origin::Backbone(address) => {
                let (recorder, cut) = Recorder::resume(path, limits, settings)?;
                let tail = Tail::of(&recorder.files()?, address)?;
                Ok((recorder, cut, tail))
            }
        }
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub fn start(self, plan: Plan, tail: Tail, sink: Box<dyn Sink>) -> Result<Upstream, UpstreamError> {
        match self {
            Origin::Exchanges(addresses) => Upstream::start(addresses, plan, sink),
            Origin::Backbone(address) => backbone::start(address, plan, tail, sink),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Exchanges(addresses) => {
                let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
                f.write_str(&names.join(" + "))
            }
            Origin::Backbone(address) => address.fmt(f),
        }
    }
}
