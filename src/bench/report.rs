//! What is told of a measurement: a table for people, and all of it as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::bench::outcome::Outcome;

/// A measurement of several contestants, each as often as the others.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was measured, in a sentence.
    pub scenario: String,
    /// The machine, in a sentence.
    pub machine: String,
    /// The contestants, in the order in which they were named.
    pub rows: Vec<Row>,
}

/// A contestant.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// Events a second that its clients were offered; absent where that is not known.
    pub offered_per_second: Option<f64>,
    /// Where it gave in; absent where that was not looked for, or where it did not.
    pub limit: Option<Limit>,
    /// Its rounds, in their order. In each round the contestants took turns.
    pub rounds: Vec<Outcome>,
}

/// The lowest rate that was more than a contestant sustains.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// Updates a second of each symbol.
    pub rate: u32,
    /// Events a second that its clients were offered; absent where that is not known.
    pub offered_per_second: Option<f64>,
    /// What was seen at it.
    pub seen: Outcome,
}

impl Limit {
    /// What was wrong, in a sentence.
    fn to_text(&self) -> String {
        let Limit { rate, offered_per_second, seen } = self;
        let mut text = format!("{rate} a second are too much");
        if let Some(offered) = offered_per_second {
            let _ = write!(text, ": {:.1} % came", 100.0 * seen.events_per_second / offered);
        }
        let _ = write!(text, ", 99 % of it within {:.1} ms", seen.age_us.p99 as f64 / 1e3);
        if seen.faults() > 0 {
            let _ = write!(text, ", with {} faults", seen.faults());
        }
        let _ = write!(text, "; the clients took {:.0} % of their core", 100.0 * seen.own_share);
        text
    }
}

/// Above this share of its core the instrument is what is measured.
const OWN_SHARE_MAX: f64 = 0.9;

impl Row {
    /// The median of what its rounds say; absent where none says it.
    pub fn median(&self, of: impl Fn(&Outcome) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().filter_map(of).collect())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[count / 2]),
        count => Some((values[count / 2 - 1] + values[count / 2]) / 2.0),
    }
}

impl Report {
    /// Processor time per event beside the first contestant's: the median of the rounds' ratios.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let first = self.rows.first()?;
        let ratio = |(own, other): (&Outcome, &Outcome)| Some(own.cpu_us_per_event? / other.cpu_us_per_event?);
        median(row.rounds.iter().zip(&first.rounds).filter_map(ratio).collect())
    }

    /// Whether every contestant delivered everything, as far as anybody can see.
    pub fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.rounds.iter().all(Outcome::is_whole))
    }

    /// The table, then all that was wrong.
    pub fn to_text(&self) -> String {
        let head = [
            "",
            "events/s",
            "of offered",
            "CPU µs/event",
            "ratio",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "max µs",
            "spread p99",
            "MiB",
            "bytes/client",
            "own core",
        ];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        for row in &self.rows {
            let number = |of: &dyn Fn(&Outcome) -> Option<f64>, places: usize| {
                row.median(of).map_or_else(|| "–".to_owned(), |value| format!("{value:.places$}"))
            };
            let rate = row.median(|outcome| Some(outcome.events_per_second));
            let share = rate.zip(row.offered_per_second).map(|(rate, offered)| 100.0 * rate / offered);
            table.push(vec![
                row.name.clone(),
                number(&|outcome| Some(outcome.events_per_second), 0),
                share.map_or_else(|| "–".to_owned(), |share| format!("{share:.1} %")),
                number(&|outcome| outcome.cpu_us_per_event, 3),
                self.ratio(row).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
                number(&|outcome| Some(outcome.age_us.p50 as f64), 0),
                number(&|outcome| Some(outcome.age_us.p99 as f64), 0),
                number(&|outcome| Some(outcome.age_us.p99_9 as f64), 0),
                number(&|outcome| Some(outcome.age_us.max as f64), 0),
                number(&|outcome| Some(outcome.spread_us.p99 as f64), 0),
                number(&|outcome| outcome.resident_bytes.map(|bytes| bytes as f64 / 1_048_576.0), 1),
                number(&|outcome| outcome.bytes_per_connection.map(|bytes| bytes as f64), 0),
                row.median(|outcome| Some(100.0 * outcome.own_share))
                    .map_or_else(|| "–".to_owned(), |share| format!("{share:.0} %")),
            ]);
        }
        let mut text = format!("{}\n{}\n\n", self.scenario, self.machine);
        let widths: Vec<usize> = (0..head.len())
            .map(|column| table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0))
            .collect();
        for cells in &table {
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let _ = if column == 0 { write!(text, "{cell:<width$}") } else { write!(text, "  {cell:>width$}") };
            }
            text.push('\n');
        }
        text.push('\n');
        self.rows.iter().for_each(|row| row.write_faults(&mut text));
        text
    }
}

impl Row {
    /// What was wrong, a sentence each; or that nothing was.
    fn write_faults(&self, text: &mut String) {
        let sum = |of: &dyn Fn(&Outcome) -> u64| self.rounds.iter().map(of).sum::<u64>();
        if let Some(limit) = &self.limit {
            let _ = writeln!(text, "{}: {}", self.name, limit.to_text());
        }
        let faults = [
            (sum(&|outcome| outcome.missing), "events are missing"),
            (sum(&|outcome| outcome.repeated), "events came twice"),
            (sum(&|outcome| outcome.disordered), "events came behind a later one"),
            (sum(&|outcome| outcome.from_future), "events are stamped later than they came: its stamps are false"),
            (
                sum(&|outcome| outcome.restamped),
                "events have another stamp on another connection: its stamps are false",
            ),
        ];
        for (count, sentence) in faults.iter().filter(|(count, _)| *count > 0) {
            let _ = writeln!(text, "{}: {count} {sentence}", self.name);
        }
        for outcome in &self.rounds {
            for (reason, count) in &outcome.failures {
                let _ = writeln!(text, "{}: {count} connections ended: {reason}", self.name);
            }
        }
        if self.rounds.iter().any(|outcome| outcome.events == 0) {
            let _ = writeln!(text, "{}: nothing came that has the members of an event", self.name);
        }
        if self.rounds.iter().any(|outcome| outcome.own_share > OWN_SHARE_MAX) {
            let _ = writeln!(
                text,
                "{}: the clients took all of their core; their times are theirs, not the server's",
                self.name
            );
        }
        if !self.rounds.is_empty() && self.rounds.iter().all(Outcome::is_whole) {
            let events = sum(&|outcome| outcome.events);
            let _ = writeln!(text, "{}: {events} events, each once and in order on every connection", self.name);
        }
    }
}
