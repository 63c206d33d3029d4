//! Both ways against a plain writer of trees, and against one another.

use proptest::prelude::*;
use serde_json::Value;

use super::head::write_float;
use super::*;

/// The plain idea: a tree, written node by node.
fn naive(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NIL),
        Value::Bool(is_true) => out.push(if *is_true { 0xc3 } else { 0xc2 }),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() < 1 << 53 => write_integer(integer, out),
            _ => write_float(number.as_f64().unwrap(), out),
        },
        Value::String(text) => write_str(text, out),
        Value::Array(values) => {
            write_array_head(values.len(), out);
            values.iter().for_each(|value| naive(value, out));
        }
        Value::Object(members) => {
            write_map_head(members.len(), out);
            for (name, value) in members {
                write_str(name, out);
                naive(value, out);
            }
        }
    }
}

fn packed(json: &str) -> Result<Vec<u8>, NotJson> {
    let mut out = vec![0xaa];
    let done = transcode(json.as_bytes(), &[], &mut out);
    assert_eq!(out.remove(0), 0xaa);
    assert!(done.is_ok() || out.is_empty());
    done.map(|()| out)
}

/// A whole value as JSON, and the bytes in it; `None` inside for `undefined`.
fn unpacked(bytes: &[u8]) -> Result<(Option<String>, Vec<Vec<u8>>), Malformed> {
    let (mut decoder, mut out) = (Decoder::new(bytes, 2), Decoded::default());
    let is_defined = decoder.value(&mut out)?;
    if !decoder.is_at_end() {
        return Err(Malformed::Misplaced(0));
    }
    Ok((is_defined.then(|| String::from_utf8(out.json).unwrap()), out.attachments))
}

#[test]
fn numbers_are_what_javascript_makes_of_them() {
    for (json, bytes) in [
        ("0", &[0x00][..]),
        ("127", &[0x7f]),
        ("128", &[0xcc, 0x80]),
        ("65535", &[0xcd, 0xff, 0xff]),
        ("65536", &[0xce, 0, 1, 0, 0]),
        ("4294967296", &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("9007199254740991", &[0xcf, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("9007199254740992", &[0xcb, 0x43, 0x40, 0, 0, 0, 0, 0, 0]),
        // The nearest number that there is.
        ("9007199254740993", &[0xcb, 0x43, 0x40, 0, 0, 0, 0, 0, 0]),
        ("123456789012345678901234567890", &[0xcb, 0x45, 0xf8, 0xee, 0x90, 0xff, 0x6c, 0x37, 0x3e]),
        ("-1", &[0xff]),
        ("-32", &[0xe0]),
        ("-33", &[0xd0, 0xdf]),
        ("-128", &[0xd0, 0x80]),
        ("-129", &[0xd1, 0xff, 0x7f]),
        ("-32769", &[0xd2, 0xff, 0xff, 0x7f, 0xff]),
        ("-2147483649", &[0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
        ("-0", &[0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        ("1.5", &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        ("1.50", &[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]),
        ("0.1", &[0xcb, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]),
        ("1e2", &[0xcb, 0x40, 0x59, 0, 0, 0, 0, 0, 0]),
        ("-1E+400", &[0xcb, 0xff, 0xf0, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(packed(json).as_deref(), Ok(bytes), "{json}");
    }
}

#[test]
fn texts_lose_their_escapes_and_keep_their_characters() {
    for (json, text) in [
        (r#""""#, ""),
        (r#""KRW-BTC""#, "KRW-BTC"),
        (r#""a\"\\\/\b\f\n\r\tz""#, "a\"\\/\u{8}\u{c}\n\r\tz"),
        (r#""\u00e9\u20ac\ud83d\ude00!""#, "\u{e9}\u{20ac}\u{1f600}!"),
        (r#""\ud83d!""#, "\u{fffd}!"),
        (r#""\ud83d\u0041\udc00""#, "\u{fffd}A\u{fffd}"),
    ] {
        let mut expected = Vec::new();
        write_str(text, &mut expected);
        assert_eq!(packed(json), Ok(expected), "{json}");
    }
    let long = "\\n".repeat(300);
    assert_eq!(packed(&format!("\"{long}\"")).unwrap()[..4], [0xda, 0x01, 0x2c, b'\n']);
}

#[test]
fn heads_grow_with_what_they_count() {
    for count in [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536] {
        let ones = vec!["1"; count].join(",");
        let mut expected = Vec::new();
        write_array_head(count, &mut expected);
        expected.resize(expected.len() + count, 1);
        assert_eq!(packed(&format!("[{ones}]")), Ok(expected), "{count}");
    }
    let wide: Value = (0..40).map(|n| (format!("k{n}"), Value::from(n))).collect();
    let nested = format!(r#"{{"a":{wide},"b":[{wide},{wide}]}}"#);
    let mut expected = Vec::new();
    naive(&serde_json::from_str(&nested).unwrap(), &mut expected);
    assert_eq!(packed(&nested), Ok(expected));
}

#[test]
fn what_is_no_json_is_not_written() {
    for json in [
        "",
        " ",
        "tru",
        "nul",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "1 2",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\\u\"",
        "[1}",
    ] {
        assert!(packed(json).is_err(), "{json}");
    }
    assert!(packed(&"[".repeat(100_000)).is_err());
    assert_eq!(packed(" [ 1 , { \"a\" : null } ]\n"), packed("[1,{\"a\":null}]"));
}

#[test]
fn bytes_stand_where_their_placeholders_stood() {
    let attachments = [vec![1], vec![2; 300]];
    let json = br#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0,"x":1},{"_placeholder":true,"num":7}]"#;
    let mut out = Vec::new();
    transcode(json, &attachments, &mut out).unwrap();
    assert_eq!(out[..4], [0x93, 0xc5, 0x01, 0x2c]);
    assert_eq!(out[4..304], [2; 300]);
    let rest = packed(r#"[{"_placeholder":true,"num":0,"x":1},{"_placeholder":true,"num":7}]"#).unwrap();
    assert_eq!(out[304..], rest[1..]);
    assert_eq!(
        packed(r#"{"_placeholder":true,"num":0}"#).unwrap()[0],
        0x82,
        "without attachments it only looks like one"
    );
}

#[test]
fn what_javascript_writes_is_read_by_its_rules() {
    let json = |bytes: &[u8]| unpacked(bytes).map(|(json, _)| json.unwrap_or_else(|| "undefined".into()));
    for (bytes, wanted) in [
        (&b"\xd4\x00\x00"[..], "undefined"),
        (b"\x82\xa1a\xd4\x00\x00\xa1b\x01", r#"{"b":1}"#),
        (b"\x82\xa1b\x01\xa1a\xd4\x00\x00", r#"{"b":1}"#),
        (b"\x81\x05\x01", r#"{"5":1}"#),
        (b"\x93\x01\xd4\x00\x00\xc0", "[1,null,null]"),
        (b"\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b", r#""2023-11-14T22:13:20.123Z""#),
        (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null"),
        (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"),
        (b"\xca\x3f\xc0\x00\x00", "1.5"),
        (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
        (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
        (b"\xd0\x80", "-128"),
        (b"\xe0", "-32"),
        (b"\xa3a\"\n", r#""a\"\n""#),
        (b"\xd9\x01a", r#""a""#),
        (b"\xdc\x00\x01\xc3", "[true]"),
        (b"\xdf\x00\x00\x00\x01\xa1a\xc2", r#"{"a":false}"#),
    ] {
        assert_eq!(json(bytes).as_deref(), Ok(wanted), "{bytes:x?}");
    }
    let placeholder = |n: u8| format!(r#"{{"_placeholder":true,"num":{n}}}"#);
    let two = [placeholder(0), placeholder(1)];
    let read = unpacked(b"\x92\xc4\x02ab\xc7\x01\x00c");
    assert_eq!(read, Ok((Some(format!("[{},{}]", two[0], two[1])), vec![b"ab".to_vec(), b"c".to_vec()])));
    assert_eq!(unpacked(b"\xd6\xffabcd"), Ok((Some(format!("[-1,{}]", two[0])), vec![b"abcd".to_vec()])));
    assert_eq!(unpacked(b"\x93\xc4\x00\xc4\x00\xc4\x00"), Err(Malformed::Attachments));
}

#[test]
fn what_is_malformed_is_refused_however_much_it_promises() {
    for (bytes, error) in [
        (&b""[..], Malformed::Truncated),
        (b"\xc1", Malformed::Misplaced(0xc1)),
        (b"\x81\xc0\x01", Malformed::Misplaced(0xc0)),
        (b"\x92\x01", Malformed::Truncated),
        (b"\xdd\xff\xff\xff\xff", Malformed::Truncated),
        (b"\xdf\xff\xff\xff\xff\xa1a", Malformed::Truncated),
        (b"\xc6\xff\xff\xff\xffa", Malformed::Truncated),
        (b"\xa2a", Malformed::Truncated),
        (b"\xa1\xff", Malformed::Utf8),
        (b"\xd7\x00abc", Malformed::Truncated),
    ] {
        assert_eq!(unpacked(bytes), Err(error), "{bytes:x?}");
    }
    assert_eq!(unpacked(&[0x91; 1_000_000]), Err(Malformed::Depth));
    let deep = |depth: usize| [vec![0x91; depth], vec![NIL]].concat();
    assert!(unpacked(&deep(DEPTH_MAX)).is_ok() && unpacked(&deep(DEPTH_MAX + 1)).is_err());
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-70_000_i64..70_000).prop_map(Value::from),
        any::<f64>().prop_filter("JSON has it", |number| number.is_finite()).prop_map(Value::from),
        "\\PC{0,40}".prop_map(Value::from),
        "[a-z\"\\\\\n\u{1}\u{1f600}]{0,300}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 120, 24, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..24).prop_map(Value::from),
            proptest::collection::btree_map("[a-z\"]{0,6}", inner, 0..24)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Equal, floating-point numbers but for their last bits: this reader of JSON does not always take the nearest.
fn is_close(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| is_close(one, other))
        }
        (Value::Object(ones), Value::Object(others)) => {
            ones.len() == others.len()
                && ones.iter().zip(others).all(|((a, one), (b, other))| a == b && is_close(one, other))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            one.to_bits().abs_diff(other.to_bits()) <= 4
        }
        _ => one == other,
    }
}

proptest! {
    #[test]
    fn a_text_becomes_what_its_tree_becomes(value in any_value()) {
        let mut expected = Vec::new();
        naive(&value, &mut expected);
        for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(packed(&json), Ok(expected.clone()), "{}", json);
        }
        let (json, attachments) = unpacked(&expected).unwrap();
        prop_assert!(attachments.is_empty());
        let back: Value = serde_json::from_str(&json.unwrap()).unwrap();
        prop_assert!(is_close(&back, &value), "{} {}", back, value);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}\",:0-9eE.+\\\\u-]{0,30}|\\PC{0,40}") {
        let is_json = serde_json::from_str::<Value>(&text);
        // Numbers beyond all others and halves of characters are read here, as JavaScript does.
        if is_json.is_ok() {
            prop_assert!(packed(&text).is_ok(), "{}", text);
        } else if let Ok(bytes) = packed(&text) {
            let error = is_json.unwrap_err().to_string();
            prop_assert!(error.contains("out of range") || error.contains("surrogate"), "{} {}", text, error);
            prop_assert!(!bytes.is_empty());
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok((Some(json), _)) = unpacked(&bytes) {
            prop_assert!(packed(&json).is_ok(), "{}", json);
        }
    }
}
