//! Clients that are to be told the past: from the ring, from the run before this one, or by and by from the tape.

use std::rc::Rc;

use crate::fanout::backlog::{Batch, Mark};
use crate::fanout::{Fanout, Lost, Position, Want};
use crate::server::client::Client;
use crate::server::core::Core;
use crate::server::former::Former;
use crate::server::socket::Socket;
use crate::server::{events, past};
use crate::session::{Origin, Resume};

/// What became of a client's wish to be told the past.
pub(crate) enum Past {
    /// It has been told it.
    Told,
    /// It is told it by and by.
    OnItsWay,
    /// It has been told that it cannot be.
    Lost,
}

impl Core {
    /// Tells a client the past of what it wants, now where the ring still has it, and otherwise by and by.
    pub(crate) fn tell_past(
        self: &Rc<Self>,
        fanout: &mut Fanout<Socket>,
        client: &Client,
        resume: &Resume,
        wants: &[Want],
        frames: &mut Batch,
    ) -> Past {
        let told = match resume.origin {
            Origin::Position(position) => position.ok_or(Lost::Malformed).and_then(|position| {
                match self.shared.former.get().and_then(Option::as_ref).filter(|former| former.has(position)) {
                    Some(former) => return self.tell_former(former, fanout, client, resume, (position, wants), frames),
                    None => events::resume(self, fanout, (resume.teller, position), wants, frames),
                }
                .map(|()| Past::Told)
            }),
            Origin::Time(_) => Err(Lost::Gone),
        };
        let lost = match told {
            Ok(told) => return told,
            Err(lost) => lost,
        };
        let lost = match lost {
            Lost::Gone | Lost::TooMuch => past::begin(self, fanout, client, resume, wants).map_err(|why| match why {
                // That it is on no tape either is nothing that whoever comes again asked about.
                Lost::NotRecorded | Lost::Moved | Lost::OtherEpoch if resume.position().is_some() => lost,
                why => why,
            }),
            lost => Err(lost),
        };
        let (mut frame, here) = (Vec::new(), fanout.position());
        match (resume.origin.clone(), lost) {
            (Origin::Position(Some(position)), Ok(())) => resume.teller.write_resumed(position, &mut frame),
            (Origin::Position(position), Err(lost)) => resume.teller.write_lost(position, here, lost, &mut frame),
            (Origin::Time(_), Err(lost)) => resume.teller.write_live(here, Some(lost), &mut frame),
            (_, Ok(())) => {}
        }
        if !frame.is_empty() {
            frames.push(&frame, Mark::KEPT);
        }
        if lost.is_ok() { Past::OnItsWay } else { Past::Lost }
    }

    /// The same for one who was there before the server was started again: what was told then, and all since.
    fn tell_former(
        self: &Rc<Self>,
        former: &Former,
        fanout: &mut Fanout<Socket>,
        client: &Client,
        resume: &Resume,
        (position, wants): (Position, &[Want]),
        frames: &mut Batch,
    ) -> Result<Past, Lost> {
        let begin = Position { epoch: Some(self.shared.epoch), sequence: 0, place: None };
        let mut told = Batch::default();
        let mut frame = Vec::new();
        resume.teller.write_resumed(position, &mut frame);
        if !frame.is_empty() {
            told.push(&frame, Mark::KEPT);
        }
        former.missed(fanout, position, wants, self.shared.config.backlog.bytes_max / 2, &mut told)?;
        let past = match events::missed(self, fanout, begin, wants, &mut told) {
            Ok(()) => Past::Told,
            Err(Lost::Gone | Lost::TooMuch) => {
                let resume = Resume { origin: Origin::Position(Some(begin)), ..resume.clone() };
                past::begin(self, fanout, client, &resume, wants)?;
                Past::OnItsWay
            }
            Err(lost) => return Err(lost),
        };
        frames.append(told);
        Ok(past)
    }
}
