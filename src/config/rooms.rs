//! What holds for rooms, in which people talk.

use clap::Args;
use serde::Deserialize;

use crate::config::value::{ConfigError, value, within};
use crate::session::rate::RateLimits;
use crate::session::rooms::RoomLimits;

/// Flags and members of the file. What is absent has its default.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[command(next_help_heading = "For people who talk")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawRooms {
    /// Let clients talk to one another: rooms in the namespaces `/rooms` and `/` of Socket.IO, and over plain
    /// WebSocket on `/rooms/<name>`. [default: false]
    #[arg(id = "rooms", long = "rooms", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub enabled: Option<bool>,
    /// Largest message, with all that is attached to it. [default: 65536]
    #[arg(id = "rooms-message-max", long = "rooms-message-max", value_name = "BYTES")]
    pub message_max: Option<usize>,
    /// Messages a second from one connection, joining and leaving included; 0 for any number. [default: 20]
    #[arg(id = "rooms-message-rate", long = "rooms-message-rate", value_name = "N")]
    pub message_rate: Option<u32>,
    /// Messages that one connection may send at once. [default: 40]
    #[arg(id = "rooms-message-burst", long = "rooms-message-burst", value_name = "N")]
    pub message_burst: Option<u32>,
    /// Rooms that one connection may be in. [default: 32]
    #[arg(id = "rooms-per-client-max", long = "rooms-per-client-max", value_name = "N")]
    pub per_client_max: Option<usize>,
    /// Members of one room; whoever comes or goes is told to all of them. [default: 1000]
    #[arg(id = "rooms-members-max", long = "rooms-members-max", value_name = "N")]
    pub members_max: Option<usize>,
    /// Rooms that there may be. [default: 10000]
    #[arg(id = "rooms-max", long = "rooms-max", value_name = "N")]
    pub max: Option<usize>,
}

impl RawRooms {
    /// This with what it lacks taken from `other`.
    pub(super) fn or(self, other: RawRooms) -> RawRooms {
        RawRooms {
            enabled: self.enabled.or(other.enabled),
            message_max: self.message_max.or(other.message_max),
            message_rate: self.message_rate.or(other.message_rate),
            message_burst: self.message_burst.or(other.message_burst),
            per_client_max: self.per_client_max.or(other.per_client_max),
            members_max: self.members_max.or(other.members_max),
            max: self.max.or(other.max),
        }
    }

    /// Checks everything and fills in what is absent; `None` where there are no rooms. `inbound_bytes_max` is the largest
    /// message that is read from any client. Worst case in memory: for each room and each member some hundred bytes, and
    /// for each core what waits to be heard there.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for the first value that cannot be used.
    pub(super) fn check(self, inbound_bytes_max: usize) -> Result<Option<RoomLimits>, ConfigError> {
        let limits = RoomLimits {
            message_bytes_max: self.message_max.unwrap_or(65_536.min(inbound_bytes_max)),
            rate: RateLimits { per_second: self.message_rate.unwrap_or(20), burst: self.message_burst.unwrap_or(40) },
            per_client_max: self.per_client_max.unwrap_or(32),
            members_max: self.members_max.unwrap_or(1_000),
            rooms_max: self.max.unwrap_or(10_000),
        };
        // A backlog holds a few of them.
        within("--rooms-message-max", limits.message_bytes_max, 1..=262_144)?;
        if limits.message_bytes_max > inbound_bytes_max {
            let reason = format!(
                "{} is more than --message-bytes-max or --socketio-payload-max let through, {inbound_bytes_max}",
                limits.message_bytes_max
            );
            return Err(value("--rooms-message-max", reason));
        }
        if limits.rate.per_second > 0 {
            within("--rooms-message-burst", limits.rate.burst as usize, 1..=1 << 30)?;
        }
        within("--rooms-per-client-max", limits.per_client_max, 1..=10_000)?;
        within("--rooms-members-max", limits.members_max, 1..=10_000_000)?;
        within("--rooms-max", limits.rooms_max, 1..=10_000_000)?;
        Ok(self.enabled.unwrap_or(false).then_some(limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_none_unless_they_are_asked_for() {
        assert!(RawRooms::default().check(1_000_000).unwrap().is_none());
        let limits = RawRooms { enabled: Some(true), ..RawRooms::default() }.check(1_000_000).unwrap().unwrap();
        assert_eq!((limits.message_bytes_max, limits.rate.per_second, limits.per_client_max), (65_536, 20, 32));
    }

    #[test]
    fn a_file_has_the_names_of_the_flags() {
        let raw: RawRooms = toml::from_str("enabled = true\nmax = 7\nmessage-burst = 3\n").unwrap();
        let limits = RawRooms { max: Some(8), ..RawRooms::default() }.or(raw).check(1_000_000).unwrap().unwrap();
        assert_eq!((limits.rooms_max, limits.rate.burst), (8, 3));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let raw = RawRooms::default;
        let error = |raw: RawRooms| raw.check(100_000).unwrap_err().to_string();
        assert!(error(RawRooms { message_max: Some(100_001), ..raw() }).contains("let through, 100000"));
        assert!(error(RawRooms { message_max: Some(0), ..raw() }).starts_with("--rooms-message-max: 0"));
        assert!(error(RawRooms { message_burst: Some(0), ..raw() }).starts_with("--rooms-message-burst: 0"));
        assert!(error(RawRooms { max: Some(0), ..raw() }).starts_with("--rooms-max: 0"));
    }
}
