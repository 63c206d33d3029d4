//! Where on a NATS server messages are.

use std::fmt;

use crate::feed::time;

/// A subject of a server, or what a stream has of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether TLS is asked for.
    pub is_secure: bool,
    /// Host, without the brackets of an IPv6 address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// What stands before `@`: a name and a password, or a token.
    pub user: Option<(String, Option<String>)>,
    /// The subject; `*` and `>` stand for many.
    pub subject: String,
    /// The JetStream stream; `None` for the plain subject.
    pub log: Option<Log>,
}

/// A stream, and where it is begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its name.
    pub name: String,
    /// The first message that is taken, unless a tape says where to go on.
    pub begin: Begin,
}

/// Where a stream is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the oldest message it has.
    All,
    /// With what comes from now on.
    New,
    /// With the message of this number, from 1.
    Sequence(u64),
    /// With the first message stored at this time or later, nanoseconds since the epoch.
    Time(i64),
}

/// The port that NATS servers listen on.
const PORT: u16 = 4_222;

impl Address {
    /// Whether a text is meant to be such an address.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("nats://") || text.starts_with("tls://")
    }

    /// Reads `nats://[user:password@]host[:port]/subject[?stream=NAME[&from=all|new|<number>|<time>]]`; `tls://` is the
    /// same with TLS.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Address, String> {
        let failed = |reason: &str| {
            // A password is not told.
            let shown = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
            Err(format!(
                "`{shown}`: {reason}; give for instance nats://127.0.0.1:4222/md.binance or \
                 nats://127.0.0.1/md.>?stream=MD&from=all"
            ))
        };
        let (is_secure, rest) = match (text.strip_prefix("nats://"), text.strip_prefix("tls://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            _ => return failed("it does not begin with nats:// or tls://"),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let Some((authority, subject)) = rest.split_once('/') else { return failed("it names no subject") };
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        let user = user.map(|user| match user.split_once(':') {
            Some((name, password)) => (name.to_owned(), Some(password.to_owned())),
            None => (user.to_owned(), None),
        });
        let Ok(authority) = authority.parse::<hyper::http::uri::Authority>() else {
            return failed("it names no host");
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let has_port = authority.as_str() != authority.host();
        let has_bad_port = has_port && authority.port_u16().is_none_or(|port| port == 0);
        if host.is_empty() || has_bad_port {
            return failed("it names no host and port");
        }
        if !is_subject(subject) {
            return failed(
                "its subject is none: words with points between, of which `*` is any and `>` at the end all",
            );
        }
        let log = match Log::parse(query) {
            Ok(log) => log,
            Err(reason) => return failed(&reason),
        };
        let port = authority.port_u16().unwrap_or(PORT);
        Ok(Address { is_secure, host, port, user, subject: subject.to_owned(), log })
    }

    /// Host and port, as they are connected to.
    pub(super) fn server(&self) -> String {
        let scheme = if self.is_secure { "tls" } else { "nats" };
        match self.host.contains(':') {
            true => format!("{scheme}://[{}]:{}", self.host, self.port),
            false => format!("{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl Log {
    fn parse(query: &str) -> Result<Option<Log>, String> {
        let (mut name, mut begin) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("stream", text)) if is_name(text) => name = Some(text.to_owned()),
                Some(("stream", text)) => return Err(format!("`{text}` is no stream's name")),
                Some(("from", text)) => begin = Some(Begin::parse(text)?),
                _ => return Err(format!("`{pair}` is neither stream=NAME nor from=…")),
            }
        }
        match (name, begin) {
            (Some(name), begin) => Ok(Some(Log { name, begin: begin.unwrap_or(Begin::New) })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err("from= wants stream=NAME: a plain subject keeps nothing".to_owned()),
        }
    }
}

impl Begin {
    fn parse(text: &str) -> Result<Begin, String> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text {
            "all" => Ok(Begin::All),
            "new" => Ok(Begin::New),
            _ if is_number => match text.parse() {
                Ok(number @ 1..) => Ok(Begin::Sequence(number)),
                _ => Err(format!("from={text}: messages of a stream are numbered from 1")),
            },
            // A time of day would be one of a tape's first day, and there is no tape.
            _ if text.get(..10).is_some_and(|date| date.matches('-').count() == 2) => {
                time::parse(text, (0, 0)).map(Begin::Time).map_err(|error| format!("from={text}: {error}"))
            }
            _ => Err(format!("from={text} is neither all, new, a message's number nor a time as 2026-11-20T09:30:00Z")),
        }
    }
}

fn is_subject(text: &str) -> bool {
    let words = text.split('.').count();
    text.split('.').enumerate().all(|(place, word)| match word {
        "*" => true,
        ">" => place + 1 == words,
        _ => !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"*>?&#".contains(&byte)),
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b".*>/\\".contains(&byte))
}

impl fmt::Display for Address {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server(), self.subject)?;
        match &self.log {
            Some(log) => write!(f, "?stream={}", log.name),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        let read = |text: &str| Address::parse(text).unwrap();
        let address = read("nats://joe:s3:cret@10.0.0.1/md.binance");
        assert_eq!((address.host.as_str(), address.port, address.is_secure), ("10.0.0.1", 4_222, false));
        assert_eq!(address.user, Some(("joe".to_owned(), Some("s3:cret".to_owned()))));
        assert_eq!((address.subject.as_str(), address.log.as_ref()), ("md.binance", None));
        assert_eq!(format!("{address} {address:?}").matches("cret").count(), 0);
        let begin = |text: &str| read(&format!("tls://token@[::1]:1/md.*.>?stream=MD{text}")).log.unwrap().begin;
        assert_eq!(begin(""), Begin::New);
        assert_eq!(begin("&from=all"), Begin::All);
        assert_eq!(begin("&from=17"), Begin::Sequence(17));
        assert_eq!(begin("&from=1970-01-01T00:00:01Z"), Begin::Time(1_000_000_000));
        assert_eq!(read("tls://token@[::1]:1/a?stream=B").to_string(), "tls://[::1]:1/a?stream=B");
    }

    #[test]
    fn what_is_none_is_told_what_is_wrong_and_no_password() {
        for (text, part) in [
            ("ws://a/b", "does not begin with"),
            ("nats://host", "names no subject"),
            ("nats:///a", "names no host"),
            ("nats://host:0/a", "names no host and port"),
            ("nats://host:99999/a", "names no host"),
            ("nats://host/", "subject is none"),
            ("nats://host/a..b", "subject is none"),
            ("nats://host/a.>.b", "subject is none"),
            ("nats://host/a b", "subject is none"),
            ("nats://host/a?stream=", "is no stream's name"),
            ("nats://host/a?from=all", "wants stream=NAME"),
            ("nats://host/a?stream=A&from=0", "numbered from 1"),
            ("nats://host/a?stream=A&from=09:30", "neither all, new"),
            ("nats://host/a?stream=A&from=2026-13-01", "is no time"),
            ("nats://host/a?streams=A", "is neither stream=NAME"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let error = Address::parse("nats://joe:secret@host/a..b").unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
