//! The markets there are, with their names: those of a list that the exchange has given, and those of the tape.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::market::symbol::Name;
use crate::venue::json::Json;

/// A market as the exchange lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedMarket {
    /// Its code, `KRW-BTC`.
    pub code: Name,
    /// Its Korean name.
    pub korean: String,
    /// Its English name.
    pub english: String,
    /// Whether investors are warned of it.
    pub warning: bool,
    /// Which of [`CAUTIONS`] hold.
    pub cautions: [bool; CAUTIONS.len()],
}

/// What the exchange may ask caution for.
pub const CAUTIONS: [&str; 5] = [
    "PRICE_FLUCTUATIONS",
    "TRADING_VOLUME_SOARING",
    "DEPOSIT_AMOUNT_SOARING",
    "GLOBAL_PRICE_DIFFERENCES",
    "CONCENTRATION_OF_SMALL_ACCOUNTS",
];

/// All markets known when the server starts: the list's in its order, then the tape's.
#[derive(Debug, Default)]
pub struct Listing {
    markets: Vec<ListedMarket>,
    by_code: FxHashMap<Name, usize>,
}

impl ListedMarket {
    /// A market of which nothing but the code is known; the base currency's code is its name.
    pub fn of(code: Name) -> ListedMarket {
        let base = code.as_str().split_once('-').map_or(code.as_str(), |(_, base)| base).to_owned();
        ListedMarket { code, korean: base.clone(), english: base, warning: false, cautions: Default::default() }
    }

    /// Reads a list: what `/v1/market/all` answers, as it stands or recorded, then a line with a receive time before
    /// it, the last such line where there are several.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read_list(text: &str) -> Result<Vec<ListedMarket>, String> {
        let text = text.trim();
        let list = match text.starts_with('[') {
            true => text,
            false => {
                let line = text.lines().next_back().unwrap_or("");
                line.split_once(' ').filter(|(time, _)| time.parse::<i64>().is_ok()).map_or(line, |(_, list)| list)
            }
        };
        let markets: Vec<Value> =
            serde_json::from_str(list).map_err(|error| format!("no list of markets as JSON: {error}"))?;
        markets.iter().map(Self::read).collect()
    }

    fn read(market: &Value) -> Result<ListedMarket, String> {
        let text = |key: &str| market[key].as_str().ok_or_else(|| format!("`{key}` is missing in {market}"));
        let code = text("market")?;
        let is_clean = code.contains('-') && code.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let code = Name::new(&code.to_uppercase()).filter(|_| is_clean);
        let code = code.ok_or_else(|| format!("`market` is no code like KRW-BTC in {market}"))?;
        let event = &market["market_event"];
        // Older lists have a word instead.
        let warning = event["warning"] == true || market["market_warning"] == "CAUTION";
        let cautions = CAUTIONS.map(|caution| event["caution"][caution] == true);
        Ok(ListedMarket {
            code,
            korean: text("korean_name")?.to_owned(),
            english: text("english_name")?.to_owned(),
            warning,
            cautions,
        })
    }

    /// Appends it as an object.
    pub fn write(&self, is_details: bool, out: &mut Vec<u8>) {
        let quoted = |text: &str| Value::from(text).to_string();
        let mut json = Json(out);
        json.text("{\"market\":\"").text(self.code.as_str()).text("\",\"korean_name\":").text(&quoted(&self.korean));
        json.text(",\"english_name\":").text(&quoted(&self.english));
        if is_details {
            json.text(",\"market_event\":{\"warning\":").bool(self.warning).text(",\"caution\":{");
            for (number, (name, holds)) in CAUTIONS.iter().zip(self.cautions).enumerate() {
                json.text(if number == 0 { "\"" } else { ",\"" }).text(name).text("\":").bool(holds);
            }
            json.text("}}");
        }
        json.text("}");
    }
}

impl Listing {
    /// Joins a list and the markets of a tape.
    pub fn new<'a>(list: Vec<ListedMarket>, of_tape: impl IntoIterator<Item = &'a str>) -> Listing {
        let mut listing = Listing::default();
        let of_tape = of_tape.into_iter().filter_map(Name::new).map(ListedMarket::of);
        for market in list.into_iter().chain(of_tape) {
            if !listing.contains(&market.code) {
                listing.by_code.insert(market.code, listing.markets.len());
                listing.markets.push(market);
            }
        }
        listing
    }

    /// Whether there is such a market.
    pub fn contains(&self, code: &Name) -> bool {
        self.by_code.contains_key(code)
    }

    /// All of them, in their order.
    pub fn markets(&self) -> &[ListedMarket] {
        &self.markets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_answered_and_as_recorded() {
        let list = r#"[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin","market_event":{"warning":true,"caution":{"PRICE_FLUCTUATIONS":true}}}]"#;
        let read = ListedMarket::read_list(list).unwrap();
        assert_eq!(ListedMarket::read_list(&format!("1618678261680079200 {list}\n")).unwrap(), read);
        let listing = Listing::new(read, ["KRW-BTC", "USDT-XRP"]);
        let written = |is_details| {
            let mut out = Vec::new();
            listing.markets().iter().for_each(|market| market.write(is_details, &mut out));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(false),
            concat!(
                r#"{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"}"#,
                r#"{"market":"USDT-XRP","korean_name":"XRP","english_name":"XRP"}"#
            )
        );
        let event = r#""market_event":{"warning":true,"caution":{"PRICE_FLUCTUATIONS":true,"TRADING_VOLUME_SOARING":false,"DEPOSIT_AMOUNT_SOARING":false,"GLOBAL_PRICE_DIFFERENCES":false,"CONCENTRATION_OF_SMALL_ACCOUNTS":false}}"#;
        assert!(written(true).contains(event), "{}", written(true));
    }

    #[test]
    fn lists_that_are_none_are_refused_with_a_reason() {
        for (text, reason) in [
            ("", "no list of markets as JSON"),
            ("{}", "no list of markets as JSON"),
            (r#"[{"market":"KRW-BTC"}]"#, "`korean_name` is missing"),
            (r#"[{"market":"BTC","korean_name":"","english_name":""}]"#, "`market` is no code"),
            (r#"[{"market":"KRW-\"","korean_name":"","english_name":""}]"#, "`market` is no code"),
        ] {
            let error = ListedMarket::read_list(text).unwrap_err();
            assert!(error.starts_with(reason), "{text}: {error}");
        }
    }
}
