//! What has lately been published, for those who join a stream or ask instead of listening.

pub mod last_value;
pub mod quotation;
pub mod recent;
