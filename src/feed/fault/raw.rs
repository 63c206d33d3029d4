//! One fault as it stands in a script: its members, and which of them its kind takes.

use std::ops::Range;

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::feed::fault::parts::{Cut, Flaw, Moment, Selector, Share, Span, When, Whom};
use crate::feed::fault::{Fault, What};

/// The longest that anything is without being told otherwise.
const LASTS: &str = "5s";

/// Most events or messages that one fault touches.
const COUNT_MAX: i64 = 1_000_000;

/// A table `[[fault]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawFault {
    what: Spanned<String>,
    at: Option<Spanned<String>>,
    after: Option<Spanned<String>>,
    every: Option<Spanned<String>>,
    times: Option<Spanned<i64>>,
    whom: Option<Spanned<String>>,
    stream: Option<Spanned<String>>,
    count: Option<Spanned<i64>>,
    keep: Option<Spanned<String>>,
    #[serde(rename = "for")]
    lasts: Option<Spanned<String>>,
    by: Option<Spanned<String>>,
    close: Option<Spanned<Value>>,
    notice: Option<Spanned<String>>,
    down: Option<Spanned<String>>,
    part: Option<Spanned<String>>,
    ban: Option<Spanned<bool>>,
}

/// What is wrong, and where in the text; nowhere in particular for what is missing.
pub(super) type Wrong = (Option<Range<usize>>, String);

/// The members that a kind takes beside those that all of them do.
fn members(what: &str) -> &'static [&'static str] {
    match what {
        "skip" | "repeat" | "reorder" => &["stream", "count"],
        "thin" => &["stream", "keep", "for"],
        "delay" => &["whom", "stream", "by", "for"],
        "drop" => &["whom", "close"],
        "freeze" | "withhold-pongs" => &["whom", "for"],
        "shutdown" => &["whom", "notice", "down"],
        "corrupt" => &["whom", "part", "count"],
        "refuse" => &["whom", "for"],
        "rate-limit" => &["whom", "for", "ban"],
        _ => &["whom"],
    }
}

impl RawFault {
    /// Checks it whole.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub(super) fn check(self) -> Result<Fault, Wrong> {
        let name = self.what.get_ref().as_str();
        if !What::NAMES.contains(&name) {
            let reason = format!("what: `{name}` is no fault; there are {}", What::NAMES.join(", "));
            return Err((Some(self.what.span()), reason));
        }
        self.refuse_foreign_members(name)?;
        let what = self.what()?;
        let whom = read("whom", &self.whom, Whom::parse)?.unwrap_or(Whom::ALL);
        if matches!(what, What::Refuse { .. }) && whom.kind.is_some() {
            let reason = "whom: who is refused has not said yet what it is; give all, or a share such as 20%";
            return Err((self.whom.map(|whom| whom.span()), reason.into()));
        }
        if matches!(what, What::RateLimit { .. }) && whom.kind.is_some_and(|kind| !matches!(kind, "binance" | "upbit"))
        {
            let reason = "whom: rates are limited of all, binance, upbit, or a share of one of them";
            return Err((self.whom.map(|whom| whom.span()), reason.into()));
        }
        Ok(Fault { when: self.when(&what)?, whom, what, times: count("times", &self.times)? })
    }

    fn refuse_foreign_members(&self, name: &str) -> Result<(), Wrong> {
        let given = [
            ("whom", self.whom.as_ref().map(Spanned::span)),
            ("stream", self.stream.as_ref().map(Spanned::span)),
            ("count", self.count.as_ref().map(Spanned::span)),
            ("keep", self.keep.as_ref().map(Spanned::span)),
            ("for", self.lasts.as_ref().map(Spanned::span)),
            ("by", self.by.as_ref().map(Spanned::span)),
            ("close", self.close.as_ref().map(Spanned::span)),
            ("notice", self.notice.as_ref().map(Spanned::span)),
            ("down", self.down.as_ref().map(Spanned::span)),
            ("part", self.part.as_ref().map(Spanned::span)),
            ("ban", self.ban.as_ref().map(Spanned::span)),
        ];
        let own = members(name);
        for (member, span) in given {
            if span.is_some() && !own.contains(&member) {
                let reason =
                    format!("{name} has no `{member}`; beside at, after, every and times it has {}", own.join(", "));
                return Err((span, reason));
            }
        }
        match (&self.stream, &self.whom) {
            (Some(_), Some(whom)) => {
                let reason = "whom: what happens to a stream happens to all who listen; leave out whom or stream";
                Err((Some(whom.span()), reason.into()))
            }
            _ => Ok(()),
        }
    }

    fn what(&self) -> Result<What, Wrong> {
        let name = self.what.get_ref().as_str();
        let needs = |member: &str| (Some(self.what.span()), format!("{name} needs `{member}`"));
        let lasts = || Ok(read("for", &self.lasts, Span::parse)?.unwrap_or(span(LASTS)));
        let by = || read("by", &self.by, Span::parse)?.ok_or_else(|| needs("by"));
        let stream = || read("stream", &self.stream, Selector::parse);
        let its_stream = || stream()?.ok_or_else(|| needs("stream"));
        let count = || Ok(count("count", &self.count)?.unwrap_or(1));
        Ok(match name {
            "skip" => What::Skip { stream: its_stream()?, count: count()? },
            "repeat" => What::Repeat { stream: its_stream()?, count: count()? },
            "reorder" => What::Reorder { stream: its_stream()?, count: count()? },
            "thin" => {
                let keep = read("keep", &self.keep, Share::parse)?.ok_or_else(|| needs("keep"))?;
                What::Thin { stream: stream()?, keep, lasts: lasts()? }
            }
            "delay" => match stream()? {
                Some(stream) => What::Lag { stream, by: by()?, lasts: lasts()? },
                None => What::Delay { by: by()?, lasts: lasts()? },
            },
            "drop" => What::Drop(self.cut()?),
            "freeze" => What::Freeze { lasts: lasts()? },
            "half-open" => What::HalfOpen,
            "shutdown" => {
                let or_at_once = |given: Option<Span>| given.unwrap_or(span("0s"));
                let notice = or_at_once(read("notice", &self.notice, Span::parse)?);
                What::Shutdown { notice, down: or_at_once(read("down", &self.down, Span::parse)?) }
            }
            "lifetime" => What::Lifetime,
            "withhold-pongs" => What::WithholdPongs { lasts: lasts()? },
            "corrupt" => {
                let part = read("part", &self.part, flaw)?.unwrap_or(Flaw::Payload);
                What::Corrupt { part, count: count()? }
            }
            "refuse" => What::Refuse { lasts: lasts()? },
            _ => What::RateLimit { lasts: lasts()?, bans: self.ban.as_ref().is_some_and(|ban| *ban.get_ref()) },
        })
    }

    fn cut(&self) -> Result<Cut, Wrong> {
        let Some(close) = &self.close else { return Ok(Cut::Silent) };
        let code = match close.get_ref() {
            Value::String(word) if word == "none" => return Ok(Cut::Silent),
            Value::String(word) if word == "reset" => return Ok(Cut::Reset),
            Value::Integer(code) => u16::try_from(*code).ok(),
            _ => None,
        };
        // 1006 is what a client says to itself where there was no close frame.
        match code {
            Some(1006) => Ok(Cut::Silent),
            Some(code @ (1000..=1003 | 1007..=1014 | 3000..=4999)) => Ok(Cut::Close(code)),
            _ => {
                let reason = format!(
                    "close: {} is none of \"none\" (no close frame), \"reset\", and the codes 1000 to 1003, 1007 to 1014 and 3000 to 4999",
                    close.get_ref()
                );
                Err((Some(close.span()), reason))
            }
        }
    }

    fn when(&self, what: &What) -> Result<When, Wrong> {
        let every = read("every", &self.every, Span::parse)?;
        if let (Some(given), Some(_)) = (&self.every, every.filter(|every| every.least.is_zero())) {
            return Err((
                Some(given.span()),
                "every: something that happens all the time is not done one by one".into(),
            ));
        }
        match (&self.at, &self.after) {
            (Some(_), Some(after)) => {
                let reason =
                    "after: a fault has `at`, on the tape's clock, or `after`, since a client has connected; not both";
                Err((Some(after.span()), reason.into()))
            }
            (None, None) => match every {
                // As long after the beginning as from one time to the next.
                Some(span) => Ok(When::Tape { first: Moment::Elapsed(span), every }),
                None => Err((
                    Some(self.what.span()),
                    "needs `at`, a time of the tape, or `after`, since a client has connected".into(),
                )),
            },
            (None, Some(after)) if what.is_of_stream() || what.is_of_door() => {
                let reason = format!("after: {} happens to no single connection; give `at`", what.name());
                Err((Some(after.span()), reason))
            }
            (None, after @ Some(_)) => {
                let after = read("after", after, Span::parse)?.unwrap_or(span("0s"));
                Ok(When::Connected { after, every })
            }
            (at @ Some(_), None) => {
                let first = read("at", at, Moment::parse)?.unwrap_or(Moment::OfDay(0));
                if let (Some(given), false) = (&self.every, matches!(first, Moment::Elapsed(_))) {
                    let reason = "every: goes with `at` as a time since the first message; a time of day comes in each round of the tape";
                    return Err((Some(given.span()), reason.into()));
                }
                Ok(When::Tape { first, every })
            }
        }
    }
}

/// A span that is written here.
fn span(text: &str) -> Span {
    Span::parse(text).expect("spans that are written in this file are well formed")
}

fn flaw(text: &str) -> Result<Flaw, String> {
    match text {
        "payload" => Ok(Flaw::Payload),
        "utf8" => Ok(Flaw::Utf8),
        "frame" => Ok(Flaw::Frame),
        _ => Err(format!("`{text}` is none of payload, utf8 and frame")),
    }
}

fn read<T>(
    member: &str,
    given: &Option<Spanned<String>>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Wrong> {
    let Some(given) = given else { return Ok(None) };
    parse(given.get_ref()).map(Some).map_err(|reason| (Some(given.span()), format!("{member}: {reason}")))
}

fn count(member: &str, given: &Option<Spanned<i64>>) -> Result<Option<u32>, Wrong> {
    let Some(given) = given else { return Ok(None) };
    match *given.get_ref() {
        count @ 1..=COUNT_MAX => Ok(Some(count as u32)),
        count => Err((Some(given.span()), format!("{member}: {count} is not between 1 and {COUNT_MAX}"))),
    }
}
