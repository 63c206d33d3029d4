//! A report as a page that stands by itself: pictures first, then the numbers.

use std::fmt::Write as _;

use crate::bench::chart::{Axis, Series, classes, escape, linear_ticks, log_ticks, write_bars, write_lines};
use crate::bench::outcome::{Moment, Outcome};
use crate::bench::report::{Report, Row};

const STYLE: &str = include_str!("page.css");

/// Where the curve of ages is labelled: shares of all events, by how many nines they have.
const SHARES: [(f64, &str); 7] =
    [(0.0, "0"), (0.301, "50 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %"), (4.0, "99.99 %"), (5.0, "99.999 %")];

impl Report {
    /// The page. It fetches nothing and runs nothing.
    pub fn to_html(&self) -> String {
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>tapecast bench</title>\n<style>{STYLE}</style></head><body>\n<h1>What pushing costs</h1>\n<p>{}<br>{}</p>\n",
            escape(&self.scenario),
            escape(&self.machine)
        );
        self.write_legend(&mut out);
        type Write = fn(&Report, &mut String);
        let sections: [(&str, &str, Write); 5] = [
            (
                "Processor time of the server for each event",
                "The figure that holds on a busy machine.",
                Report::write_cpu,
            ),
            (
                "How old events are when a client reads them",
                "So many of them are at most so old. Both axes are logarithmic.",
                Report::write_ages,
            ),
            ("Events a second", "All clients together, second by second.", Report::write_rate),
            ("The server's share of a core", "Second by second.", Report::write_share),
            (
                "The server's memory",
                "At the end, and what it grew by for each client since before the first. The kernel's is not in it.",
                Report::write_memory,
            ),
        ];
        for (title, words, write) in sections {
            let _ = write!(out, "<section><h2>{title}</h2><p>{words}</p>");
            write(self, &mut out);
            out.push_str("</section>\n");
        }
        let _ =
            write!(out, "<section><h2>Numbers</h2><pre>{}</pre></section>\n</body></html>\n", escape(&self.to_text()));
        out
    }

    fn write_legend(&self, out: &mut String) {
        out.push_str("<ul class=\"legend\">");
        for (number, row) in self.rows.iter().enumerate() {
            let _ = write!(out, "<li class=\"{}\">{}</li>", classes(number), escape(&row.name));
        }
        out.push_str("</ul>\n");
    }

    fn write_cpu(&self, out: &mut String) {
        let bars: Vec<(&str, Option<f64>, String)> = self
            .rows
            .iter()
            .map(|row| {
                let cpu = row.median(|outcome| outcome.cpu_us_per_event);
                let label = cpu.zip(self.ratio(row)).map(|(cpu, ratio)| format!("{cpu:.3} µs, × {ratio:.2}"));
                (row.name.as_str(), cpu, label.unwrap_or_else(|| row.without()))
            })
            .collect();
        write_bars(&bars, "processor time", out);
    }

    fn write_memory(&self, out: &mut String) {
        let bars: Vec<(&str, Option<f64>, String)> = self
            .rows
            .iter()
            .map(|row| {
                let bytes = row.median(|outcome| outcome.resident_bytes.map(|bytes| bytes as f64));
                let each = row.median(|outcome| outcome.bytes_per_connection.map(|bytes| bytes as f64));
                let label = bytes
                    .zip(each)
                    .map(|(bytes, each)| format!("{:.1} MiB, {:.1} KiB a client", bytes / 1_048_576.0, each / 1_024.0));
                (row.name.as_str(), bytes, label.unwrap_or_else(|| row.without()))
            })
            .collect();
        write_bars(&bars, "memory", out);
    }

    fn write_ages(&self, out: &mut String) {
        let points = |outcome: &Outcome| {
            let nines = |share: f64| -(1.0 - share).max(1e-5).log10();
            outcome.age_us.curve.iter().map(|(share, age)| (nines(*share), (*age).max(1) as f64)).collect::<Vec<_>>()
        };
        let log = |(x, y): (f64, f64)| (x, y.log10());
        let series = self.series(|outcome| points(outcome).into_iter().map(log).collect());
        let all = || series.iter().flat_map(|series| series.points.iter().map(|point| point.1));
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        let label = |us: f64| {
            if us >= 1e6 {
                format!("{} s", us / 1e6)
            } else if us >= 1e3 {
                format!("{} ms", us / 1e3)
            } else {
                format!("{us} µs")
            }
        };
        let x = Axis {
            ticks: SHARES.map(|(at, text)| (at, text.to_owned())).to_vec(),
            end: 5.0,
            title: "share of all events",
        };
        let ticks = log_ticks(least.min(most), most, label);
        let y = Axis { end: ticks.last().map_or(1.0, |tick| tick.0), ticks, title: "age" };
        write_lines(&series, &x, &y, out);
    }

    fn write_rate(&self, out: &mut String) {
        let series = self.series(|outcome| {
            let pairs = outcome.moments.windows(2);
            let rate = |pair: &[Moment]| {
                let seconds = (pair[1].at - pair[0].at).as_secs_f64();
                step(pair, (pair[1].events - pair[0].events) as f64 / seconds.max(1e-9))
            };
            pairs.flat_map(rate).collect()
        });
        write_over_time(&series, "events a second", "", out);
    }

    fn write_share(&self, out: &mut String) {
        let series = self.series(|outcome| {
            let pairs = outcome.moments.windows(2);
            let share = |pair: &[Moment]| {
                let seconds = (pair[1].at - pair[0].at).as_secs_f64();
                Some(step(pair, 100.0 * pair[1].cpu?.as_secs_f64() / seconds.max(1e-9)))
            };
            pairs.filter_map(share).flatten().collect()
        });
        write_over_time(&series, "share of a core", " %", out);
    }

    /// A line for each contestant, of its round in the middle.
    fn series(&self, points: impl Fn(&Outcome) -> Vec<(f64, f64)>) -> Vec<Series<'_>> {
        self.rows
            .iter()
            .map(|row| Series { name: &row.name, points: row.middle().map_or_else(Vec::new, &points) })
            .collect()
    }
}

impl Row {
    /// What stands where a figure is absent.
    fn without(&self) -> String {
        if self.rounds.is_empty() { "not measured" } else { "not known" }.to_owned()
    }

    /// The round whose events were neither the oldest nor the youngest.
    fn middle(&self) -> Option<&Outcome> {
        let mut rounds: Vec<&Outcome> = self.rounds.iter().collect();
        rounds.sort_by_key(|outcome| outcome.age_us.p50);
        rounds.get(rounds.len() / 2).copied()
    }
}

/// What holds from one moment to the next.
fn step(pair: &[Moment], value: f64) -> [(f64, f64); 2] {
    [(pair[0].at.as_secs_f64(), value), (pair[1].at.as_secs_f64(), value)]
}

fn write_over_time(series: &[Series], title: &str, unit: &str, out: &mut String) {
    let all = || series.iter().flat_map(|series| series.points.iter());
    let end = all().map(|point| point.0).fold(0.0, f64::max);
    let most = all().map(|point| point.1).fold(0.0, f64::max);
    let mut seconds = linear_ticks(end, " s");
    seconds.retain(|tick| tick.0 <= end + 0.05);
    let x = Axis { ticks: seconds, end, title: "time" };
    let ticks = linear_ticks(most, unit);
    let y = Axis { end: ticks.last().map_or(1.0, |tick| tick.0), ticks, title };
    write_lines(series, &x, &y, out);
}
