//! Times as people give them, and as they are told.

pub(super) use crate::feed::time::{format, format_span, parse};
