//! Packets and their attachments, which come as messages of their own directly behind them.

use crate::protocol::socketio::Parser;
use crate::protocol::socketio::packet::{Packet, Violation};

/// Puts packets together. It belongs to the session: a packet may come over one transport, its attachments over another.
#[derive(Debug, Default)]
pub struct Assembler {
    /// What the client writes with; `None` before its first packet.
    parser: Option<Parser>,
    /// A packet that lacks attachments, and how many it must have.
    begun: Option<(Packet, usize)>,
}

impl Assembler {
    /// How the client writes its packets, and expects the server's; `None` before its first.
    pub fn parser(&self) -> Option<Parser> {
        self.parser
    }

    /// A message of text; the packet in it, unless it has to wait for attachments.
    ///
    /// # Errors
    /// [`Violation`], if it is no packet, or if attachments are still missing, or if the client writes in bytes.
    pub fn on_text(&mut self, text: &str) -> Result<Option<Packet>, Violation> {
        if self.begun.is_some() || *self.parser.get_or_insert_default() != Parser::Default {
            return Err(Violation::Order);
        }
        match Packet::parse(text)? {
            (packet, 0) => Ok(Some(packet)),
            begun => {
                self.begun = Some(begun);
                Ok(None)
            }
        }
    }

    /// A message of bytes; the packet of which it is the last attachment, or which it is by itself.
    ///
    /// # Errors
    /// [`Violation::Order`], if the client writes in text and no attachment is missing; any other, if it is to be a
    /// packet by itself and is none. If it would have been the first, the client's parser remains unknown.
    pub fn on_binary(&mut self, bytes: &[u8]) -> Result<Option<Packet>, Violation> {
        if self.parser != Some(Parser::Default) {
            let packet = Packet::unpack(bytes)?;
            self.parser = Some(Parser::MessagePack);
            return Ok(Some(packet));
        }
        let (mut packet, count) = self.begun.take().ok_or(Violation::Order)?;
        packet.attachments.push(bytes.to_vec());
        if packet.attachments.len() == count {
            return Ok(Some(packet));
        }
        self.begun = Some((packet, count));
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"52-/ns,3["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;

    #[test]
    fn socketio_item_24_and_56_a_packet_is_whole_with_its_last_attachment() {
        let mut assembler = Assembler::default();
        assert_eq!(assembler.on_text(HEADER), Ok(None));
        assert_eq!(assembler.on_binary(&[1]), Ok(None));
        let packet = assembler.on_binary(&[2, 3]).unwrap().unwrap();
        assert_eq!((packet.attachments, packet.id), (vec![vec![1], vec![2, 3]], Some(3)));
        assert!(assembler.on_text("2[\"a\"]").unwrap().is_some());
    }

    #[test]
    fn socketio_item_57_nothing_comes_between_and_no_bytes_come_alone() {
        let mut assembler = Assembler::default();
        assembler.on_text("0").unwrap();
        assert_eq!(assembler.on_binary(&[1]), Err(Violation::Order));
        assembler.on_text(HEADER).unwrap();
        assert_eq!(assembler.on_text("2[\"a\"]"), Err(Violation::Order));
    }

    #[test]
    fn socketio_item_66_the_first_packet_says_how_all_are_written() {
        let connect = b"\x82\xa4type\x00\xa3nsp\xa1/";
        let mut assembler = Assembler::default();
        assert!(assembler.on_binary(b"\x0a\x01").is_err());
        assert_eq!(assembler.parser(), None);
        assert!(assembler.on_binary(connect).unwrap().is_some());
        assert_eq!(assembler.parser(), Some(Parser::MessagePack));
        assert_eq!(assembler.on_text("0"), Err(Violation::Order));
        let mut assembler = Assembler::default();
        assembler.on_text("0").unwrap();
        assert_eq!(assembler.parser(), Some(Parser::Default));
        assert_eq!(assembler.on_binary(connect), Err(Violation::Order));
    }
}
