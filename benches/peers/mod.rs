//! Not a bench: the same messages read the straightforward way, with `serde_json` and with `sonic-rs`.
//!
//! One struct per kind, with borrowed texts, and from it the tick that our decoder gives. Which kind it is, a peer is
//! told beforehand; ours must find it out. What is no object of the kind is an error, as in any typed program.

mod binance;
mod upbit;

use serde::Deserialize;
use serde_json::value::RawValue;
use sonic_rs::LazyValue;
use tapecast::market::decimal::Decimal;
use tapecast::market::symbol::Symbols;
use tapecast::market::tick::{Level, Taker, Tick};

/// A library that reads JSON into structs.
pub trait Library {
    /// The text of a number as it stands.
    type Number<'a>: Raw + Deserialize<'a>;

    fn read<'a, T: Deserialize<'a>>(raw: &'a [u8]) -> T;
}

pub struct SerdeJson;

impl Library for SerdeJson {
    type Number<'a> = &'a RawValue;

    fn read<'a, T: Deserialize<'a>>(raw: &'a [u8]) -> T {
        serde_json::from_slice(raw).expect("a message of this kind")
    }
}

pub struct SonicRs;

impl Library for SonicRs {
    type Number<'a> = LazyValue<'a>;

    fn read<'a, T: Deserialize<'a>>(raw: &'a [u8]) -> T {
        sonic_rs::from_slice(raw).expect("a message of this kind")
    }
}

/// The text of a number.
pub trait Raw {
    fn raw(&self) -> &str;

    fn decimal(&self) -> Decimal {
        decimal(self.raw())
    }
}

impl Raw for &RawValue {
    fn raw(&self) -> &str {
        self.get()
    }
}

impl Raw for LazyValue<'_> {
    fn raw(&self) -> &str {
        self.as_raw_str()
    }
}

/// Reads a message of a kind.
pub type Read = fn(&[u8], i64, &Symbols, &mut Tick, &mut Vec<Level>);

/// How a library reads the messages of a kind that `KINDS` names.
pub fn reader<L: Library>(kind: &str) -> Read {
    match kind {
        "binance_trade" => binance::read::<L, binance::TradeEvent>,
        "binance_agg_trade" => binance::read::<L, binance::AggTradeEvent>,
        "binance_book_ticker" => binance::read::<L, binance::BookTickerEvent>,
        "binance_depth_small" | "binance_depth_large" => binance::read::<L, binance::DepthEvent>,
        "binance_kline" => binance::read::<L, binance::KlineEvent>,
        "binance_ticker" => binance::read::<L, binance::TickerEvent>,
        "binance_mini_ticker" => binance::read::<L, binance::MiniTickerEvent>,
        "upbit_trade" => upbit::trade::<L>,
        "upbit_ticker" => upbit::ticker::<L>,
        "upbit_orderbook" => upbit::orderbook::<L>,
        other => panic!("no peer for {other}"),
    }
}

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).expect("a number")
}

fn taker(is_buyer_maker: bool) -> Taker {
    if is_buyer_maker { Taker::Seller } else { Taker::Buyer }
}
