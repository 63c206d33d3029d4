//! Addresses of Binance's streams: what an address asks for can be written as an address again, bare or with every
//! sign escaped, and a refusal is JSON with a documented code.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;
use tapecast::venue::binance::address::Address;
use tapecast::venue::binance::stream::is_well_formed;
use tapecast::venue::binance::{Encoding, TimeUnit};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(target) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    for host in ["127.0.0.1:9400", "stream-sbe.example"] {
        match parse(host, target) {
            None => assert!(!is_stream_path(target), "{target}"),
            Some(Ok(address)) => {
                assert!(is_stream_path(target), "{target}");
                assert!(address.names.iter().all(|name| is_well_formed(name)));
                for target in [write(&address, str::to_owned), write(&address, escaped)] {
                    assert_eq!(parse("127.0.0.1:9400", &target), Some(Ok(address.clone())), "{target}");
                }
            }
            Some(Err(refusal)) => {
                let answer: Value = serde_json::from_str(&refusal.to_json()).expect("JSON");
                assert!(answer["code"] == -1100 || answer["code"] == -1194, "{answer}");
                assert!(answer["msg"].as_str().is_some_and(|text| !text.is_empty()));
            }
        }
    }
    Corpus::Keep
});

fn parse(host: &str, target: &str) -> Option<Result<Address, tapecast::venue::binance::address::AddressError>> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    Address::parse(host, path, query)
}

fn is_stream_path(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or("");
    let path = path.strip_prefix("/sbe").unwrap_or(path);
    path == "/stream" || path == "/ws" || path.starts_with("/ws/")
}

fn write(address: &Address, spell: fn(&str) -> String) -> String {
    let prefix = if address.encoding == Encoding::Sbe { "/sbe" } else { "" };
    let list = spell(&address.names.join("/"));
    let unit = if address.unit == TimeUnit::Microseconds { "MICROSECOND" } else { "MILLISECOND" };
    match address.combined {
        true => format!("{prefix}/stream?timeUnit={unit}&streams={list}"),
        false => format!("{prefix}/ws/{list}?timeUnit={unit}"),
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}
