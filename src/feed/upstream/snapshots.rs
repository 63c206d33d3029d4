//! Books as a whole, by REST: at the start, and after a gap in a book's changes.

use std::rc::Rc;

use serde::Deserialize;

use crate::dial::{self, Backoff};
use crate::feed::upstream::address::Family;
use crate::feed::upstream::connection::{Failure, Heads};
use crate::feed::upstream::hub::Need;
use crate::feed::upstream::line::Context;
use crate::tape::Form;
use crate::tape::record::MESSAGE_BYTES_MAX;

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "lastUpdateId")]
    last_update_id: i64,
}

/// Fetches a book until it is had; each try in vain is noted as a gap.
pub(super) fn fetch(context: &Rc<Context>, group: usize, need: Need) {
    let (address, levels) = (&context.addresses[group], context.plan.snapshot_levels);
    let Some(rest) = address.rest.clone().filter(|_| address.family == Family::Binance && levels > 0) else {
        return;
    };
    let context = Rc::clone(context);
    tokio::task::spawn_local(async move {
        let path = format!("/api/v3/depth?symbol={}&limit={levels}", need.symbol.to_uppercase());
        let mut backoff = Backoff::new(context.plan.retry_min, context.plan.retry_max);
        loop {
            let number = context.hub.borrow_mut().number();
            let heads = Heads { context: &context, number };
            let got = dial::get(&rest, &path, Some(&context.trust), MESSAGE_BYTES_MAX, &heads);
            let failure = match Failure::or(got).await {
                Ok(body) => match serde_json::from_slice::<Answer>(&body) {
                    Ok(Answer { last_update_id }) => {
                        let taken =
                            context.hub.borrow_mut().on_snapshot((group, number), need.stream, last_update_id, &body);
                        let Err(first_id) = taken else { return };
                        Failure::new(format!("it ends at {last_update_id}, before {first_id}"))
                    }
                    Err(error) => Failure::new(format!("the answer is none: {error}")),
                },
                Err(failure) => failure,
            };
            let text = format!("no snapshot of {}: {}", need.symbol, failure.reason);
            context.hub.borrow_mut().note(number, Form::Gap, &text);
            let wait = backoff.pause().max(failure.retry_after.unwrap_or_default());
            if context.rests(wait).await {
                return;
            }
        }
    });
}
