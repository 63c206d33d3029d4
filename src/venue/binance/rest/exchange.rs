//! The answer about the exchange: its limits and its symbols.
//!
//! A recording says little about a symbol's rules: its name, and the places its prices and sizes were seen with. The
//! steps of prices and sizes follow from these; what only orders need is filled with what the exchange has for most
//! symbols, since clients refuse a symbol without it.

use crate::market::decimal::Decimal;
use crate::venue::binance::TimeUnit;
use crate::venue::binance::rest::answer::write_list;
use crate::venue::binance::rest::catalog::Catalog;
use crate::venue::binance::rest::lookup::Known;
use crate::venue::binance::rest::reply::State;
use crate::venue::binance::rest::value::Status;
use crate::venue::binance::rest::{REQUESTS_PER_5_MINUTES, asset, weight_told};
use crate::venue::json::Json;

/// A symbol and its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolInfo<'a> {
    /// The exchange's spelling, upper case.
    pub name: &'a str,
    /// What is traded.
    pub base: &'a str,
    /// What it is priced in.
    pub quote: &'a str,
    /// Decimal places of prices that are not always zero, 0 to 8; more count as 8.
    pub price_places: u8,
    /// The same of sizes.
    pub size_places: u8,
    /// Whether it trades.
    pub status: Status,
}

impl<'a> SymbolInfo<'a> {
    /// A symbol that trades, its assets guessed from its name.
    pub fn new(name: &'a str, price_places: u8, size_places: u8) -> SymbolInfo<'a> {
        let (base, quote) = asset::split(name);
        SymbolInfo { name, base, quote, price_places, size_places, status: Status::Trading }
    }
}

/// Appends limits and symbols: those of the file as it has them, the others as the feed lets them be inferred.
/// Permission sets are told or left empty.
pub fn write_exchange_info(
    state: &State,
    symbols: &[Known],
    shows_permission_sets: bool,
    unit: TimeUnit,
    out: &mut Vec<u8>,
) {
    let mut json = Json(out);
    json.text("{\"timezone\":\"UTC\",\"serverTime\":").int(unit.of(state.now));
    json.text(",\"rateLimits\":[");
    json.text("{\"rateLimitType\":\"REQUEST_WEIGHT\",\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":");
    json.int(weight_told(state.weight_max).into());
    json.text("},{\"rateLimitType\":\"RAW_REQUESTS\",\"interval\":\"MINUTE\",\"intervalNum\":5,\"limit\":");
    json.int(REQUESTS_PER_5_MINUTES.into());
    let filters = state.catalog.and_then(Catalog::exchange_filters);
    json.text("}],\"exchangeFilters\":").text(filters.unwrap_or("[]")).text(",\"symbols\":");
    write_list(symbols, out, |symbol, out| match (symbol.entry, symbol.recent()) {
        (Some(entry), _) => entry.write(shows_permission_sets, out),
        (None, of) => {
            let (price_places, size_places) = of.map_or((8, 8), |of| (of.price_places, of.size_places));
            write_symbol(&SymbolInfo::new(symbol.name, price_places, size_places), shows_permission_sets, out);
        }
    });
    if let Some(sors) = state.catalog.and_then(Catalog::sors) {
        Json(out).text(",\"sors\":").text(sors);
    }
    out.push(b'}');
}

fn write_symbol(symbol: &SymbolInfo, shows_permission_sets: bool, out: &mut Vec<u8>) {
    let mut json = Json(out);
    json.text("{\"symbol\":\"").text(symbol.name);
    json.text("\",\"status\":\"").text(symbol.status.name());
    json.text("\",\"baseAsset\":\"").text(symbol.base).text("\",\"baseAssetPrecision\":8");
    json.text(",\"quoteAsset\":\"").text(symbol.quote).text("\",\"quotePrecision\":8,\"quoteAssetPrecision\":8");
    json.text(RULES);
    write_filters(symbol, &mut json);
    json.text(",\"permissions\":[],\"permissionSets\":");
    json.text(if shows_permission_sets { "[[\"SPOT\"]]" } else { "[]" });
    json.text(SELF_TRADES);
}

const RULES: &str = concat!(
    ",\"baseCommissionPrecision\":8,\"quoteCommissionPrecision\":8",
    ",\"orderTypes\":[\"LIMIT\",\"LIMIT_MAKER\",\"MARKET\",\"STOP_LOSS\",\"STOP_LOSS_LIMIT\",\"TAKE_PROFIT\",",
    "\"TAKE_PROFIT_LIMIT\"]",
    ",\"icebergAllowed\":true,\"ocoAllowed\":true,\"otoAllowed\":true,\"opoAllowed\":true",
    ",\"quoteOrderQtyMarketAllowed\":true,\"allowTrailingStop\":true,\"cancelReplaceAllowed\":true",
    ",\"amendAllowed\":true,\"pegInstructionsAllowed\":true",
    ",\"isSpotTradingAllowed\":true,\"isMarginTradingAllowed\":false",
);

const SELF_TRADES: &str = concat!(
    ",\"defaultSelfTradePreventionMode\":\"EXPIRE_MAKER\"",
    ",\"allowedSelfTradePreventionModes\":[\"EXPIRE_TAKER\",\"EXPIRE_MAKER\",\"EXPIRE_BOTH\"]}",
);

/// Clients read the first filter as that of prices.
fn write_filters(symbol: &SymbolInfo, json: &mut Json) {
    let (tick, step) = (step(symbol.price_places), step(symbol.size_places));
    json.text(",\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":").quoted(tick);
    json.text(",\"maxPrice\":\"").text(PRICE_MAX).text("\",\"tickSize\":").quoted(tick);
    json.text("},{\"filterType\":\"LOT_SIZE\",\"minQty\":").quoted(step);
    json.text(",\"maxQty\":\"").text(SIZE_MAX).text("\",\"stepSize\":").quoted(step);
    json.text("},{\"filterType\":\"NOTIONAL\",\"minNotional\":\"").text(notional_min(symbol.quote));
    json.text("\",\"applyMinToMarket\":true,\"maxNotional\":\"").text(NOTIONAL_MAX);
    json.text("\",\"applyMaxToMarket\":false,\"avgPriceMins\":5}]");
}

/// Above any price there ever was, in any currency.
const PRICE_MAX: &str = "92233720368.00000000";
const SIZE_MAX: &str = "92233720368.00000000";
const NOTIONAL_MAX: &str = "9000000.00000000";

/// 10 to the power of -`places`, in eight places.
fn step(places: u8) -> Decimal {
    const PLACES: u8 = 8;
    let mantissa = 10_i128.pow(PLACES.saturating_sub(places).into());
    Decimal::new(mantissa, PLACES).expect("at most nine digits")
}

/// The least worth of an order, some dollars, in the currencies whose unit is worth much more; 5 in others.
fn notional_min(quote: &str) -> &'static str {
    match quote {
        "BTC" => "0.00010000",
        "ETH" => "0.00100000",
        "BNB" | "SOL" => "0.01000000",
        _ => "5.00000000",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::engine::Engine;
    use crate::market::kept::recent::Recent;
    use crate::market::symbol::Symbols;
    use crate::venue::binance::rest::query::Query;
    use serde_json::Value;

    fn state<R>(catalog: Option<&Catalog>, with: impl FnOnce(&State) -> R) -> R {
        let (symbols, engine, recent) = (Symbols::default(), Engine::default(), Recent::default());
        let now = 1_790_000_000_000_000_000;
        let (symbols, engine, recent) = (&symbols, &engine, &recent);
        with(&State { symbols, engine, recent, catalog, weight_max: 0, now })
    }

    fn symbol(info: SymbolInfo, shows: bool) -> Value {
        serde_json::from_str(&text(info, shows)).unwrap()
    }

    fn text(info: SymbolInfo, shows: bool) -> String {
        let mut out = Vec::new();
        write_symbol(&info, shows, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_exchange_without_symbols_has_limits() {
        let mut out = Vec::new();
        state(None, |state| write_exchange_info(state, &[], true, TimeUnit::Milliseconds, &mut out));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"timezone":"UTC","serverTime":1790000000000,"rateLimits":["#,
                r#"{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000},"#,
                r#"{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000}],"#,
                r#""exchangeFilters":[],"symbols":[]}"#
            )
        );
    }

    #[test]
    fn a_symbol_has_the_documented_members_in_their_order() {
        let text = text(SymbolInfo::new("BTCUSDT", 2, 5), true);
        let names = [
            "symbol",
            "status",
            "baseAsset",
            "baseAssetPrecision",
            "quoteAsset",
            "quotePrecision",
            "quoteAssetPrecision",
            "baseCommissionPrecision",
            "quoteCommissionPrecision",
            "orderTypes",
            "icebergAllowed",
            "ocoAllowed",
            "otoAllowed",
            "opoAllowed",
            "quoteOrderQtyMarketAllowed",
            "allowTrailingStop",
            "cancelReplaceAllowed",
            "amendAllowed",
            "pegInstructionsAllowed",
            "isSpotTradingAllowed",
            "isMarginTradingAllowed",
            "filters",
            "permissions",
            "permissionSets",
            "defaultSelfTradePreventionMode",
            "allowedSelfTradePreventionModes",
        ];
        let at: Vec<usize> = names.iter().map(|name| text.find(&format!("\"{name}\":")).expect(name)).collect();
        assert!(at.is_sorted());
        let symbol: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(symbol.as_object().unwrap().len(), names.len());
        assert_eq!((&symbol["baseAsset"], &symbol["quoteAsset"]), (&Value::from("BTC"), &Value::from("USDT")));
        assert_eq!(symbol["permissionSets"][0][0], "SPOT");
    }

    #[test]
    fn a_file_s_symbols_are_selected_by_permission_and_status() {
        let of = |name, status, permission| {
            format!(r#"{{"symbol":"{name}","status":"{status}","permissions":["{permission}"]}}"#)
        };
        let list = [of("A", "TRADING", "SPOT"), of("B", "BREAK", "LEVERAGED"), of("C", "END_OF_DAY", "TRD_GRP_004")];
        let file = format!(r#"{{"exchangeFilters":[{{"x":1}}],"sors":[],"symbols":[{}]}}"#, list.join(","));
        let catalog = Catalog::parse(&file).unwrap();
        let names = |query: &str| {
            let (query, options) = Query::parse("/api/v3/exchangeInfo", Some(query), None).unwrap();
            let body = state(Some(&catalog), |state| state.reply(&query, options)).map_err(|error| error.code)?;
            let text = String::from_utf8(body).unwrap();
            assert!(text.contains(r#""exchangeFilters":[{"x":1}],"symbols":["#) && text.ends_with(r#"],"sors":[]}"#));
            let value: Value = serde_json::from_str(&text).unwrap();
            let symbols = value["symbols"].as_array().unwrap().iter();
            Ok(symbols.map(|symbol| symbol["symbol"].as_str().unwrap()).collect::<String>())
        };
        for (query, expected) in [
            ("", Ok("AB")),
            ("symbolStatus=BREAK", Ok("B")),
            ("symbolStatus=HALT", Ok("")),
            ("permissions=TRD_GRP_004", Ok("C")),
            ("permissions=[\"SPOT\",\"TRD_GRP_004\"]", Ok("AC")),
            ("permissions=TRD_GRP_004&symbolStatus=TRADING", Ok("")),
            ("symbol=C", Ok("C")),
            ("symbols=[\"C\",\"A\"]", Ok("CA")),
            ("symbol=D", Err(-1121)),
        ] {
            assert_eq!(names(query).as_deref().map_err(|&code: &i32| code), expected, "{query}");
        }
    }

    #[test]
    fn filters_begin_with_that_of_prices() {
        let symbol = symbol(SymbolInfo::new("PEPEUSDT", 8, 0), false);
        let filters = &symbol["filters"];
        assert_eq!(filters[0]["filterType"], "PRICE_FILTER");
        assert_eq!(filters[0]["tickSize"], "0.00000001");
        assert_eq!(filters[0]["minPrice"], "0.00000001");
        assert_eq!((&filters[1]["filterType"], &filters[1]["stepSize"]), (&"LOT_SIZE".into(), &"1.00000000".into()));
        assert_eq!(filters[2]["filterType"], "NOTIONAL");
        assert_eq!(symbol["permissionSets"], serde_json::json!([]));
    }

    #[test]
    fn steps_are_no_finer_than_can_be_written() {
        assert_eq!(step(31).to_string(), "0.00000001");
    }
}
