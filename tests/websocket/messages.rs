//! Any messages, cut into any frames and those into any pieces, with any masks and pings in between, come back as they
//! were.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// A message as it is sent.
#[derive(Clone, Debug)]
struct Sent {
    text: Option<String>,
    bytes: Vec<u8>,
    /// Whether it is compressed, where that was agreed on.
    is_deflated: bool,
    /// Where it is cut into frames.
    cuts: Vec<prop::sample::Index>,
    /// Behind which of its frames a ping goes, and with what.
    pings: Vec<(prop::sample::Index, Vec<u8>)>,
    mask: [u8; 4],
}

impl Sent {
    fn payload(&self) -> &[u8] {
        self.text.as_ref().map_or(&self.bytes, |text| text.as_bytes())
    }

    /// Appends its frames, and what is to come back for them.
    fn write(&self, deflates: bool, out: &mut Vec<u8>, expected: &mut Vec<Heard>) {
        let opcode = if self.text.is_some() { 1 } else { 2 };
        let is_deflated = deflates && self.is_deflated;
        let sent = if is_deflated { deflate(self.payload()) } else { self.payload().to_vec() };
        let mut places: Vec<usize> = self.cuts.iter().map(|cut| cut.index(sent.len() + 1)).collect();
        places.extend([0, sent.len()]);
        places.sort_unstable();
        let parts: Vec<&[u8]> = places.windows(2).map(|pair| &sent[pair[0]..pair[1]]).collect();
        for (number, part) in parts.iter().enumerate() {
            let (is_first, is_last) = (number == 0, number + 1 == parts.len());
            let mut first = if is_first { opcode } else { 0 };
            first |= if is_last { 0x80 } else { 0 } | if is_first && is_deflated { 0x40 } else { 0 };
            out.extend(masked(first, part, self.mask));
            if is_last {
                expected.push((0x80 | opcode, self.payload().to_vec()));
            }
            for (place, payload) in &self.pings {
                if place.index(parts.len()) == number {
                    out.extend(masked(PING, payload, self.mask));
                    expected.push(heard(PONG, payload));
                }
            }
        }
    }
}

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1_000);
    let mut state = flate2::Compress::new(flate2::Compression::fast(), false);
    state.compress_vec(message, &mut out, flate2::FlushCompress::Sync).expect("room");
    out.truncate(out.len() - 4);
    out
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut state = flate2::Decompress::new(false);
    state.decompress_vec(&whole, &mut out, flate2::FlushDecompress::Sync).expect("compressed data");
    assert_eq!(state.total_in() as usize, whole.len());
    out
}

fn sent() -> impl Strategy<Value = Sent> {
    let bytes = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..300),
        1 => (any::<u8>(), 65_000_usize..66_000).prop_map(|(byte, length)| vec![byte; length]),
    ];
    let pings = proptest::collection::vec(
        (any::<prop::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..=125)),
        0..3,
    );
    let cuts = proptest::collection::vec(any::<prop::sample::Index>(), 0..6);
    (proptest::option::of("\\PC{0,200}"), bytes, any::<bool>(), cuts, pings, any::<[u8; 4]>())
        .prop_map(|(text, bytes, is_deflated, cuts, pings, mask)| Sent { text, bytes, is_deflated, cuts, pings, mask })
}

fn come_back(deflates: bool) {
    let server = echo_server();
    let all = (proptest::collection::vec(sent(), 1..8), proptest::collection::vec(any::<prop::sample::Index>(), 0..20));
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let result = runner.run(&all, |(messages, cuts)| {
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        messages.iter().for_each(|message| message.write(deflates, &mut bytes, &mut expected));
        let mut client = open(&server, if deflates { OFFER } else { "" });
        client.stream().set_nodelay(true).unwrap();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let mut stream = client.stream().try_clone().unwrap();
        let sender = std::thread::spawn(move || {
            places.windows(2).for_each(|pair| stream.write_all(&bytes[pair[0]..pair[1]]).unwrap());
        });
        for one in &expected {
            let (first, payload) = next(&mut client).expect("the connection lasts");
            let came = if first & 0x40 == 0 { (first, payload) } else { (first & 0xbf, inflate(&payload)) };
            prop_assert!(came == *one, "came {:?}, not {:?}", shown(&[came]), shown(std::slice::from_ref(one)));
            // Messages are compressed, whether or not they came so; pongs never.
            prop_assert_eq!(first & 0x40 != 0, deflates && one.0 != PONG);
        }
        sender.join().unwrap();
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn any_messages_in_any_frames_and_pieces_come_back() {
    come_back(false);
}

#[test]
fn any_messages_come_back_compressed() {
    come_back(true);
}
