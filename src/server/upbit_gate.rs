//! Who may connect as a client of Upbit, and what the answer says about how often.
//!
//! Upbit limits handshakes by address, and requests of browsers, told by their `Origin`, much more. Both are policies
//! of an exchange and not of the protocol, so both are off unless asked for.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, ORIGIN};

use crate::server::attempts::{AttemptLimits, Attempts};

/// The time handshakes are counted over.
const SECOND: Duration = Duration::from_secs(1);

/// The limits of handshakes.
#[derive(Debug)]
pub(crate) struct UpbitGate {
    handshakes: Attempts,
    origins: Attempts,
    is_limited: bool,
}

impl UpbitGate {
    /// So many handshakes of an address in a second, 0 for any number; one of a browser in `origin_interval`, zero for
    /// any number.
    pub(crate) fn new(handshakes: u32, origin_interval: Duration) -> UpbitGate {
        let is_limiting_origins = u32::from(!origin_interval.is_zero());
        UpbitGate {
            handshakes: Attempts::new(AttemptLimits { attempts_max: handshakes, window: SECOND }),
            origins: Attempts::new(AttemptLimits { attempts_max: is_limiting_origins, window: origin_interval }),
            is_limited: handshakes > 0,
        }
    }

    /// Counts a handshake; what is to be added to the answer's head.
    ///
    /// # Errors
    /// How long to wait, for one too many.
    pub(crate) fn count(&self, peer: IpAddr, request: &HeaderMap) -> Result<HeaderMap, Duration> {
        let now = Instant::now();
        if request.contains_key(ORIGIN) {
            self.origins.count(peer, now)?;
        }
        let left = self.handshakes.count(peer, now)?;
        let mut head = HeaderMap::new();
        if self.is_limited {
            let text = format!("group=websocket; min=300; sec={left}");
            let value = HeaderValue::from_str(&text).expect("digits and letters");
            head.insert(HeaderName::from_static("remaining-req"), value);
            head.insert(HeaderName::from_static("limit-by-ip"), HeaderValue::from_static("Yes"));
        }
        Ok(head)
    }
}
