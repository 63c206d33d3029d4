//! Values: how they are read, and what is said of those that cannot be used.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

pub(crate) use crate::feed::time::parse_duration;

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a member that does not exist or is of a wrong type.
    #[error("configuration file {path}, {reason}")]
    Toml {
        /// Which one.
        path: PathBuf,
        /// Line and reason.
        reason: String,
    },
    /// A value that cannot be used.
    #[error("{name}: {reason}")]
    Value {
        /// The flag's name.
        name: &'static str,
        /// Why, with the value.
        reason: String,
    },
}

/// A time in a file.
pub(super) fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

/// A time that was given, or so many seconds, in milliseconds.
pub(super) fn millis(time: Option<Duration>, default_s: u64) -> u64 {
    time.unwrap_or(Duration::from_secs(default_s)).as_millis() as u64
}

/// What is wrong with a value.
pub(super) fn value(name: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Value { name, reason: reason.into() }
}

/// Refuses a number out of a range.
pub(super) fn within(
    name: &'static str,
    number: usize,
    range: std::ops::RangeInclusive<usize>,
) -> Result<(), ConfigError> {
    if range.contains(&number) {
        return Ok(());
    }
    Err(value(name, format!("{number} is not between {} and {}", range.start(), range.end())))
}

/// Reads an address to listen at.
pub(super) fn address(name: &'static str, text: &str) -> Result<SocketAddr, ConfigError> {
    let failed =
        || value(name, format!("`{text}` is no address: give host and port, for instance 127.0.0.1:9400 or [::1]:0"));
    text.to_socket_addrs().map_err(|_| failed())?.next().ok_or_else(failed)
}
