//! Rows as messages.

use std::io::Write as _;

use crate::feed::rows::depth;
use crate::feed::rows::shape::{Shape, Table};
use crate::feed::rows::time;

/// What a trade's message says.
struct Trade<'a> {
    symbol: &'a str,
    id: &'a str,
    price: &'a str,
    size: &'a str,
    ts_event: i64,
    ts_trade: i64,
    is_buyer_maker: bool,
}

impl Table {
    /// Writes the message that a row stands for, or several that [continue](Table::continues) one another, in place of
    /// `out`; `None` for a line that is no row. A trade without an id gets `sequence` for one; where nobody has said who
    /// crossed the spread, the buyer has.
    pub fn write_message(&self, row: &str, sequence: u64, out: &mut Vec<u8>) -> Option<()> {
        let columns: Vec<&str> = row.trim_end().split(',').collect();
        let column = |place: usize| columns.get(place).copied();
        let number = |place: usize| column(place).filter(|text| is_number(text));
        out.clear();
        match self.shape {
            Shape::Received => {
                let trade = Trade {
                    symbol: column(5).filter(|symbol| is_symbol(symbol))?,
                    id: number(6)?,
                    price: number(7)?,
                    size: number(8)?,
                    ts_event: time::since_epoch(column(3)?)?,
                    ts_trade: time::since_epoch(column(4)?)?,
                    is_buyer_maker: flag(column(9)?)?,
                };
                trade.write(out);
            }
            Shape::ReceivedDepth => depth::write(row, out)?,
            Shape::NewYork { .. } => {
                let (price, ts) = (dollars(number(1)?)?, self.ts_recv(row)?);
                let id = sequence.to_string();
                let symbol = &self.symbol;
                let (price, size, is_buyer_maker) = (price.as_str(), number(2)?, false);
                Trade { symbol, id: &id, price, size, ts_event: ts, ts_trade: ts, is_buyer_maker }.write(out);
            }
            Shape::Trades => {
                let ts = time::since_epoch(column(4)?)?;
                let (id, price, size, is_buyer_maker) = (number(0)?, number(1)?, number(2)?, flag(column(5)?)?);
                let symbol = &self.symbol;
                Trade { symbol, id, price, size, ts_event: ts, ts_trade: ts, is_buyer_maker }.write(out);
            }
            Shape::AggTrades => {
                let (time, is_buyer_maker) = (stamp(time::since_epoch(column(5)?)?), flag(column(6)?)?);
                let (id, price, size) = (number(0)?, number(1)?, number(2)?);
                let (first, last, symbol) = (number(3)?, number(4)?, &self.symbol);
                let _ = write!(
                    out,
                    r#"{{"e":"aggTrade","E":{time},"s":"{symbol}","a":{id},"p":"{price}","q":"{size}","f":{first},"l":{last},"T":{time},"m":{is_buyer_maker},"M":true}}"#
                );
            }
            Shape::Klines { interval } => {
                let (opens, closes) = (time::since_epoch(column(0)?)?, time::since_epoch(column(6)?)?);
                let (opens, closes, interval) = (stamp(opens), stamp(closes), interval.name());
                let (open, high, low, close) = (number(1)?, number(2)?, number(3)?, number(4)?);
                let (volume, quote, trades, symbol) = (number(5)?, number(7)?, number(8)?, &self.symbol);
                let (taker, taker_quote) = (number(9)?, number(10)?);
                // The archive does not say which trades they are; the exchange writes -1 where there is none.
                let _ = write!(
                    out,
                    r#"{{"e":"kline","E":{closes},"s":"{symbol}","k":{{"t":{opens},"T":{closes},"s":"{symbol}","i":"{interval}","f":-1,"L":-1,"o":"{open}","c":"{close}","h":"{high}","l":"{low}","v":"{volume}","n":{trades},"x":true,"q":"{quote}","V":"{taker}","Q":"{taker_quote}","B":"0"}}}}"#
                );
            }
        }
        Some(())
    }
}

impl Trade<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        let Trade { symbol, id, price, size, is_buyer_maker, .. } = self;
        let (event, trade) = (stamp(self.ts_event), stamp(self.ts_trade));
        let _ = write!(
            out,
            r#"{{"e":"trade","E":{event},"s":"{symbol}","t":{id},"p":"{price}","q":"{size}","T":{trade},"m":{is_buyer_maker},"M":true}}"#
        );
    }
}

/// A time as a message has it: in milliseconds, or in microseconds where that says more.
pub(super) fn stamp(ns: i64) -> i64 {
    if ns % 1_000_000 == 0 { ns / 1_000_000 } else { ns / 1_000 }
}

/// What may stand in a message as it is.
pub(super) fn is_number(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let points = text.bytes().filter(|byte| *byte == b'.').count();
    (1..=36).contains(&digits) && points <= 1 && digits + points == text.len() && !text.starts_with('.')
}

pub(super) fn is_symbol(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" | "TRUE" => Some(true),
        "0" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Ten-thousandths of a dollar as dollars.
fn dollars(text: &str) -> Option<String> {
    let value: u64 = text.parse().ok()?;
    Some(format!("{}.{:04}", value / 10_000, value % 10_000))
}

#[cfg(test)]
mod tests {
    use crate::feed::rows::Table;

    fn message(name: &str, header: &str, row: &str) -> (i64, String) {
        let table = Table::of_file(name, if header.is_empty() { row } else { header }).unwrap();
        assert_eq!(table.to_string().parse(), Ok(table.clone()));
        let mut out = Vec::new();
        assert!(header.is_empty() || table.ts_recv(header).is_none());
        table.write_message(row, 77, &mut out).unwrap();
        (table.ts_recv(row).unwrap(), String::from_utf8(out).unwrap())
    }

    #[test]
    fn rows_of_all_shapes_become_messages() {
        let header = "TimestampOfReceive,Stream,EventType,EventTime,TransactionTime,Symbol,TradeId,Price,Quantity,\
                      IsBuyerMarketMaker,MUnknownParameter\n";
        let row = "1741046401272286,trxusdt@trade,trade,1741046401271969,1741046401271497,TRXUSDT,348656870,0.2312,2619.4,1,True\n";
        let expected = r#"{"e":"trade","E":1741046401271969,"s":"TRXUSDT","t":348656870,"p":"0.2312","q":"2619.4","T":1741046401271497,"m":true,"M":true}"#;
        assert_eq!(message("any", header, row), (1_741_046_401_272_286_000, expected.into()));

        let expected = r#"{"e":"trade","E":1381219217034,"s":"SPY","t":77,"p":"167.4200","q":"210","T":1381219217034,"m":false,"M":true}"#;
        let spy = message("trades-spy-20131008", "", "14417034,1674200,210,Q,2000,0");
        assert_eq!(spy, (1_381_219_217_034_000_000, expected.into()));

        let header =
            "TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity\n";
        let rows = "1741046400062959,trxusdt@depth@100ms,depthUpdate,1741046400062507,TRXUSDT,5434434562,5434434566,0,0.2311,804627.7\n\
                    1741046400062959,trxusdt@depth@100ms,depthUpdate,1741046400062507,TRXUSDT,5434434562,5434434566,1,0.2313,0\n";
        let expected = r#"{"stream":"trxusdt@depth@100ms","data":{"e":"depthUpdate","E":1741046400062507,"s":"TRXUSDT","U":5434434562,"u":5434434566,"b":[["0.2311","804627.7"]],"a":[["0.2313","0"]]}}"#;
        assert_eq!(message("any", header, rows), (1_741_046_400_062_959_000, expected.into()));

        let row = "28457,4.80100000,0.50000000,2.40050000,1502942432322,False,True\n";
        let expected = r#"{"e":"trade","E":1502942432322,"s":"BNBUSDT","t":28457,"p":"4.80100000","q":"0.50000000","T":1502942432322,"m":false,"M":true}"#;
        assert_eq!(message("BNBUSDT-trades-2017-08-17", "", row), (1_502_942_432_322_000_000, expected.into()));

        let header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n";
        let expected = r#"{"e":"aggTrade","E":1502942428322,"s":"BTCUSDT","a":7,"p":"42.5","q":"1","f":8,"l":9,"T":1502942428322,"m":true,"M":true}"#;
        let agg = message("BTCUSDT-aggTrades-2017-08", header, "7,42.5,1,8,9,1502942428322,true\n");
        assert_eq!(agg, (1_502_942_428_322_000_000, expected.into()));

        let row = "1741046400000000,1,3,0.5,2,10,1741046459999999,20,5,4,8,0\n";
        let expected = r#"{"e":"kline","E":1741046459999999,"s":"BTCUSDT","k":{"t":1741046400000,"T":1741046459999999,"s":"BTCUSDT","i":"1m","f":-1,"L":-1,"o":"1","c":"2","h":"3","l":"0.5","v":"10","n":5,"x":true,"q":"20","V":"4","Q":"8","B":"0"}}"#;
        assert_eq!(message("BTCUSDT-1m-2025-03-04", "", row), (1_741_046_459_999_999_000, expected.into()));
    }

    #[test]
    fn what_is_no_table_is_told_which_there_are_and_rows_that_are_none_are_left_out() {
        let error = Table::of_file("quotes", "1,2,3").unwrap_err();
        assert!(error.contains("SYMBOL-trades-") && error.contains("`quotes`"), "{error}");
        let error = Table::of_file("BTCUSDT-trades-2017-08-17", "1,2,3").unwrap_err();
        assert!(error.contains("3 columns"), "{error}");
        let table = Table::of_file("BTCUSDT-trades-2017-08-17", "1,2,3,4,5,true").unwrap();
        for row in ["", "1,2,3", "1,x,3,4,5,true", "1,\",3,4,5,true", "1,2,3,4,5,maybe", "1,2,3,4,-5,true"] {
            assert_eq!(table.write_message(row, 1, &mut Vec::new()), None, "{row}");
        }
    }
}
