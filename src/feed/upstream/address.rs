//! Where an upstream is, and what is asked of it.

use std::fmt;

use crate::dial::Destination;

/// Whose rules an upstream follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Binance's: streams in the path, snapshots of books by REST.
    Binance,
    /// Upbit's: a request of types and codes.
    Upbit,
    /// Nobody's in particular.
    Plain,
}

/// An upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whose rules it follows.
    pub family: Family,
    /// The server.
    pub server: Destination,
    /// Path and query.
    pub path: String,
    /// What is sent when it is connected.
    pub requests: Vec<String>,
    /// Where REST answers; `None` where nothing does.
    pub rest: Option<Destination>,
}

/// Types that are asked of Upbit where none is named.
const UPBIT_TYPES: [&str; 3] = ["trade", "ticker", "orderbook"];

impl Address {
    /// Reads `binance:btcusdt@trade,btcusdt@depth@100ms`, `upbit:KRW-BTC`, `upbit:trade:KRW-BTC` or a `ws://` or
    /// `wss://` URL. `host` names a server to connect to in place of the exchange's, as URL or as host and port, which
    /// is without TLS; `requests` are sent when the connection is made.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str, host: Option<&str>, requests: &[String]) -> Result<Address, String> {
        let no_requests = || match requests {
            [] => Ok(()),
            _ => Err(format!("`{text}`: only a ws:// or wss:// URL takes requests of your own")),
        };
        if let Some(streams) = text.strip_prefix("binance:") {
            no_requests()?;
            let streams: Vec<&str> = streams.split([',', '/']).map(str::trim).collect();
            if streams.iter().any(|stream| stream.is_empty() || stream.contains([' ', '?', '&', '#'])) {
                return Err(format!("`{text}`: give streams, for instance binance:btcusdt@trade,btcusdt@depth@100ms"));
            }
            let mut address = Address::at(host.unwrap_or("wss://stream.binance.com:9443"), Family::Binance)?;
            address.path = format!("/stream?streams={}", streams.join("/"));
            let own = address.server.clone();
            address.rest = Some(if host.is_some() { own } else { binance_rest() });
            return Ok(address);
        }
        if let Some(rest) = text.strip_prefix("upbit:") {
            no_requests()?;
            let (types, codes) = match rest.split_once(':') {
                Some((types, codes)) => (types.split(',').collect(), codes),
                None => (UPBIT_TYPES.to_vec(), rest),
            };
            let codes: Vec<&str> = codes.split(',').map(str::trim).collect();
            if codes.iter().chain(&types).any(|word| word.is_empty() || word.contains(['"', '\\', ' '])) {
                return Err(format!(
                    "`{text}`: give markets, for instance upbit:KRW-BTC or upbit:trade:KRW-BTC,KRW-ETH"
                ));
            }
            let mut address = Address::at(host.unwrap_or("wss://api.upbit.com"), Family::Upbit)?;
            address.path = "/websocket/v1".to_owned();
            let mut request = r#"[{"ticket":"tapecast"}"#.to_owned();
            for kind in types {
                request.push_str(&format!(r#",{{"type":"{kind}","codes":["{}"]}}"#, codes.join(r#"",""#)));
            }
            address.requests = vec![format!("{request}]")];
            return Ok(address);
        }
        if text.starts_with("ws://") || text.starts_with("wss://") {
            let mut address = Address::at(text, Family::Plain)?;
            address.requests = requests.to_vec();
            return Ok(address);
        }
        Err(format!("`{text}` is neither binance:…, upbit:…, ws://…, wss://…, nats://… nor -"))
    }

    /// Reads a URL, or host and port.
    fn at(url: &str, family: Family) -> Result<Address, String> {
        let failed = || format!("`{url}` is no place to connect to: give for instance ws://127.0.0.1:9400");
        let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
        let is_tls = match scheme {
            "ws" | "http" => false,
            "wss" | "https" => true,
            _ => return Err(failed()),
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        let authority: hyper::http::uri::Authority = authority.parse().map_err(|_| failed())?;
        if authority.host().is_empty() || path.contains([' ', '#']) || authority.as_str().contains('@') {
            return Err(failed());
        }
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let server = Destination { host, port, is_tls };
        Ok(Address { family, server, path, requests: Vec::new(), rest: None })
    }
}

fn binance_rest() -> Destination {
    Destination { host: "api.binance.com".to_owned(), port: 443, is_tls: true }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.server.is_tls { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.server.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        let read = |text, host| Address::parse(text, host, &[]).unwrap();
        for (text, host, url) in [
            ("binance:a@trade,a@depth", None, "wss://stream.binance.com:9443/stream?streams=a@trade/a@depth"),
            ("binance:a@trade", Some("127.0.0.1:9400"), "ws://127.0.0.1:9400/stream?streams=a@trade"),
            ("upbit:KRW-BTC", Some("wss://[::1]:1"), "wss://[::1]:1/websocket/v1"),
            ("ws://host?a=b", None, "ws://host/?a=b"),
        ] {
            assert_eq!(read(text, host).to_string(), url);
        }
        let request = r#"[{"ticket":"tapecast"},{"type":"trade","codes":["KRW-BTC","KRW-ETH"]}]"#;
        assert_eq!(read("upbit:trade:KRW-BTC,KRW-ETH", None).requests, [request]);
        assert_eq!(read("binance:a@depth", None).rest, Some(binance_rest()));
        for text in ["binance:", "upbit:trade:", "ftp://a", "ws://", "ws://a b/", "btcusdt@trade"] {
            assert!(Address::parse(text, None, &[]).is_err(), "{text}");
        }
    }
}
