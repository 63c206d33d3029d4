//! Rows of price levels as changes of books.

use std::io::Write as _;

use crate::feed::rows::message::{flag, is_number, is_symbol, stamp};
use crate::feed::rows::time;

/// A price level: its side, price and quantity, as its row spells them.
struct Level<'a> {
    is_ask: bool,
    price: &'a str,
    size: &'a str,
}

/// Appends the message that rows stand for which have all but the level in common; `None` if one of them is no row, for
/// a change that lacks a level would leave a book that is wrong.
pub(super) fn write(rows: &str, out: &mut Vec<u8>) -> Option<()> {
    let first: Vec<&str> = rows.lines().next()?.split(',').collect();
    let [_, stream, "depthUpdate", event, symbol, first_id, last_id, ..] = first[..] else { return None };
    let is_stream =
        !stream.is_empty() && stream.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@_-.".contains(&byte));
    let are_ids = [first_id, last_id].iter().all(|id| id.parse::<i64>().is_ok_and(|id| id >= 0));
    if !is_stream || !is_symbol(symbol) || !are_ids {
        return None;
    }
    let event = stamp(time::since_epoch(event)?);
    let levels = rows.lines().map(level).collect::<Option<Vec<_>>>()?;
    // How long changes were collected is in the stream's name only, so the message has it.
    let _ = write!(
        out,
        r#"{{"stream":"{stream}","data":{{"e":"depthUpdate","E":{event},"s":"{symbol}","U":{first_id},"u":{last_id},"b":"#
    );
    write_side(&levels, false, out);
    out.extend_from_slice(br#","a":"#);
    write_side(&levels, true, out);
    out.extend_from_slice(b"}}");
    Some(())
}

fn level(row: &str) -> Option<Level<'_>> {
    let mut columns = row.split(',').skip(7);
    let is_ask = flag(columns.next()?)?;
    let (price, size) = (columns.next()?, columns.next()?);
    (is_number(price) && is_number(size)).then_some(Level { is_ask, price, size })
}

fn write_side(levels: &[Level<'_>], is_ask: bool, out: &mut Vec<u8>) {
    out.push(b'[');
    for (place, Level { price, size, .. }) in levels.iter().filter(|level| level.is_ask == is_ask).enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(out, r#"{comma}["{price}","{size}"]"#);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_that_is_none_spoils_its_message() {
        let good = "1741046400062959,a@depth,depthUpdate,1741046400062507,A,1,2,0,0.5,7\n";
        let mut out = Vec::new();
        assert!(write(&good.repeat(2), &mut out).is_some());
        let twice = r#"{"stream":"a@depth","data":{"e":"depthUpdate","E":1741046400062507,"s":"A","U":1,"u":2,"b":[["0.5","7"],["0.5","7"]],"a":[]}}"#;
        assert_eq!(String::from_utf8_lossy(&out), twice);
        for (from, to) in
            [(",0,", ",2,"), ("0.5", "x"), (",7", ""), (",2,", ",,"), ("depthU", "u"), ("a@", "\"@"), (",A,", ",,")]
        {
            let bad = good.replacen(from, to, 1);
            assert!(bad != good && write(&bad, &mut out).is_none(), "{bad}");
        }
        assert!(write(&format!("{good}{}", good.replace("0.5", "")), &mut out).is_none());
    }
}
