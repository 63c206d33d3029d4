//! Names of Binance's streams: a name that leads to a stream is the stream's usual name or a known alias of it, the
//! usual name leads to the same stream, and a well-formed name can stand between quotes as it is.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use tapecast::market::channel::{Channel, Scope, Window};
use tapecast::venue::binance::Encoding;
use tapecast::venue::binance::stream::{is_well_formed, parse, write_name};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(name) = std::str::from_utf8(bytes) else { return Corpus::Reject };
    if !is_well_formed(name) {
        return Corpus::Keep;
    }
    assert_eq!(serde_json::to_string(name).expect("JSON"), format!("\"{name}\""));
    for encoding in [Encoding::Json, Encoding::Sbe] {
        match parse(name, encoding) {
            None => {}
            Some((Scope::Symbol(symbol), channel)) => {
                let mut usual = String::new();
                write_name(symbol.as_str(), channel, &mut usual);
                assert!(is_well_formed(&usual), "{usual}");
                assert_eq!(parse(&usual, Encoding::Json), Some((Scope::Symbol(symbol), channel)), "{usual}");
                let (own, kind) = name.split_once('@').expect("a symbol and a kind");
                assert_eq!(symbol.as_str(), own.to_ascii_uppercase());
                match encoding {
                    // One second is what a name without a pace means; some clients say it all the same.
                    Encoding::Json => assert_eq!(name.strip_suffix("@1000ms").unwrap_or(name), usual),
                    Encoding::Sbe => assert!(["trade", "bestBidAsk", "depth", "depth20"].contains(&kind), "{name}"),
                }
            }
            Some((scope, channel)) => assert_eq!(of_all(name), Some((scope, channel)), "{name}"),
        }
    }
    Corpus::Keep
});

/// The streams of all symbols, written out.
fn of_all(name: &str) -> Option<(Scope, Channel)> {
    let pace = name.strip_suffix("ms").and_then(|rest| rest.rsplit_once('@'));
    let usual = match pace {
        Some((usual, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => usual,
        _ => name,
    };
    Some(match usual {
        "!bookTicker" if usual == name => (Scope::Each, Channel::BookTicker),
        "!miniTicker@arr" => (Scope::Collected, Channel::MiniTicker),
        "!ticker@arr" => (Scope::Collected, Channel::Ticker),
        "!ticker_1h@arr" => (Scope::Collected, Channel::WindowTicker(Window::H1)),
        "!ticker_4h@arr" => (Scope::Collected, Channel::WindowTicker(Window::H4)),
        "!ticker_1d@arr" => (Scope::Collected, Channel::WindowTicker(Window::D1)),
        _ => return None,
    })
}
