//! What a client must know to be let in.

use std::fmt;
use std::sync::Arc;

use ring::hmac;
use serde_json::Value;
use thiserror::Error;

/// The tokens that let a client in; none of them, and everybody is.
///
/// Kept are not the tokens but their hashes under a key of this run. What a client says is hashed likewise and compared in
/// constant time with each of them, so that the time taken tells nothing of them, their lengths and number excepted.
#[derive(Clone)]
pub struct Tokens(Arc<Hashed>);

struct Hashed {
    key: hmac::Key,
    tags: Vec<hmac::Tag>,
}

/// Why a client is not let in.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// There is no token in what it says of itself, or one that is no text.
    #[error("auth.token is missing, or no text")]
    Missing,
    /// Its token is none of ours.
    #[error("auth.token is not known")]
    Unknown,
}

impl Tokens {
    /// These. Cost: hashes each.
    ///
    /// # Panics
    /// If the system has no source of randomness.
    pub fn new(tokens: &[String]) -> Tokens {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the system has a source of randomness");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let tags = tokens.iter().map(|token| hmac::sign(&key, token.as_bytes())).collect();
        Tokens(Arc::new(Hashed { key, tags }))
    }

    /// Whether a client is let in that says this of itself.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, auth: &Value) -> Result<(), Refused> {
        let Hashed { key, tags } = &*self.0;
        if tags.is_empty() {
            return Ok(());
        }
        let token = auth["token"].as_str().ok_or(Refused::Missing)?.as_bytes();
        // All of them are looked at, whichever it is.
        let known = tags.iter().filter(|tag| hmac::verify(key, token, tag.as_ref()).is_ok()).count();
        if known > 0 { Ok(()) } else { Err(Refused::Unknown) }
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Tokens::new(&[])
    }
}

/// Says how many there are, and nothing of them.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.0.tags.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_knows_one_is_let_in_and_without_any_everybody_is() {
        let tokens = Tokens::new(&["first".into(), "sec\u{20ac}nd".into()]);
        for token in ["first", "sec\u{20ac}nd"] {
            assert_eq!(tokens.check(&json!({ "token": token, "other": 1 })), Ok(()));
        }
        for auth in [json!({}), json!({ "token": 1 }), json!({ "token": null }), json!({ "Token": "first" })] {
            assert_eq!(tokens.check(&auth), Err(Refused::Missing), "{auth}");
        }
        for token in ["", "firs", "first ", "FIRST", "second"] {
            assert_eq!(tokens.check(&json!({ "token": token })), Err(Refused::Unknown), "{token}");
        }
        assert_eq!(Tokens::default().check(&json!({})), Ok(()));
        assert_eq!(format!("{tokens:?}"), "Tokens(2)");
    }
}
