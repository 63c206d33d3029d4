//! Line and bar charts as SVG text: nothing is fetched, nothing runs.

use std::fmt::Write as _;

/// Size of a chart, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;

/// Room for the axes' texts.
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 36.0;
const TOP: f64 = 10.0;
const RIGHT: f64 = 34.0;

/// Room for what stands behind a bar.
const LABEL: f64 = 200.0;

/// How many colours there are.
const COLOURS: usize = 8;

/// The classes of a contestant: its colour, and beyond the last colour that it is one seen before.
pub(super) fn classes(number: usize) -> String {
    format!("c{}{}", number % COLOURS, if number < COLOURS { "" } else { " again" })
}

/// A line of a chart.
pub(super) struct Series<'a> {
    /// What it is called.
    pub(super) name: &'a str,
    /// Its points, from left to right.
    pub(super) points: Vec<(f64, f64)>,
}

/// An axis.
pub(super) struct Axis<'a> {
    /// Where values lie on it, as logarithms where it is one. It begins at the first.
    pub(super) ticks: Vec<(f64, String)>,
    /// Where it ends.
    pub(super) end: f64,
    /// What it is of.
    pub(super) title: &'a str,
}

/// Appends lines over two axes; what lies beyond their ends is put on them.
pub(super) fn write_lines(series: &[Series], x: &Axis, y: &Axis, out: &mut String) {
    let ends = |axis: &Axis| {
        let first = axis.ticks.first().map_or(0.0, |tick| tick.0);
        (first, if axis.end > first { axis.end } else { first + 1.0 })
    };
    let ((x_min, x_max), (y_min, y_max)) = (ends(x), ends(y));
    let across = |value: f64| LEFT + (value - x_min) / (x_max - x_min) * (WIDTH - LEFT - RIGHT);
    let up = |value: f64| HEIGHT - BOTTOM - (value - y_min) / (y_max - y_min) * (HEIGHT - BOTTOM - TOP);
    let _ = write!(out, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, escape(y.title));
    for (value, label) in &y.ticks {
        let at = up(*value);
        let _ = write!(
            out,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{}"/><text x="{}" y="{:.1}" class="end">{}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            escape(label)
        );
    }
    for (value, label) in &x.ticks {
        let at = across(*value);
        let _ = write!(
            out,
            r#"<path class="grid" d="M{at:.1} {TOP}V{}"/><text x="{at:.1}" y="{}" class="mid">{}</text>"#,
            HEIGHT - BOTTOM,
            HEIGHT - 20.0,
            escape(label)
        );
    }
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    let _ = write!(out, r#"<text x="{middle}" y="{}" class="mid">{}</text>"#, HEIGHT - 3.0, escape(x.title));
    for (number, series) in series.iter().enumerate() {
        let _ = write!(out, r#"<path class="line {}" d=""#, classes(number));
        for (place, (x, y)) in series.points.iter().enumerate() {
            let letter = if place == 0 { 'M' } else { 'L' };
            let _ = write!(out, "{letter}{:.1} {:.1}", across(x.clamp(x_min, x_max)), up(y.clamp(y_min, y_max)));
        }
        let _ = write!(out, r#""><title>{}</title></path>"#, escape(series.name));
    }
    out.push_str("</svg>");
}

/// Appends horizontal bars, each with its name and value; absent values have none.
pub(super) fn write_bars(bars: &[(&str, Option<f64>, String)], title: &str, out: &mut String) {
    let height = 28.0 * bars.len() as f64 + 4.0;
    let longest = bars.iter().filter_map(|bar| bar.1).fold(f64::MIN_POSITIVE, f64::max);
    let _ = write!(out, r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{}">"#, escape(title));
    for (number, (name, value, label)) in bars.iter().enumerate() {
        let top = 28.0 * number as f64 + 4.0;
        let width = value.unwrap_or(0.0) / longest * (WIDTH - 178.0 - LABEL);
        let _ = write!(
            out,
            r#"<text x="170" y="{:.0}" class="end">{}</text><rect class="bar {}" x="178" y="{top:.0}" width="{width:.1}" height="20" rx="3"/><text x="{:.1}" y="{:.0}">{}</text>"#,
            top + 15.0,
            escape(name),
            classes(number),
            184.0 + width,
            top + 15.0,
            escape(label)
        );
    }
    out.push_str("</svg>");
}

/// Ticks of a linear axis from 0 to at least `most`: round numbers, at most six.
pub(super) fn linear_ticks(most: f64, unit: &str) -> Vec<(f64, String)> {
    let most = if most > 0.0 { most } else { 1.0 };
    let magnitude = 10_f64.powf((most / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * magnitude).find(|step| most / step <= 5.0);
    let step = step.unwrap_or(10.0 * magnitude);
    let count = (most / step).ceil() as usize;
    (0..=count).map(|n| (n as f64 * step, short(n as f64 * step) + unit)).collect()
}

/// Ticks of a logarithmic axis, at powers of ten around all values, which are given as logarithms.
pub(super) fn log_ticks(least: f64, most: f64, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let (first, last) = (least.floor() as i32, most.ceil().max(least.floor() + 1.0) as i32);
    (first..=last).map(|power| (f64::from(power), label(10_f64.powi(power)))).collect()
}

/// A number as people write it on an axis.
fn short(value: f64) -> String {
    match value {
        1e9.. => format!("{} G", value / 1e9),
        1e6.. => format!("{} M", value / 1e6),
        1e3.. => format!("{} k", value / 1e3),
        _ => format!("{}", (value * 1e6).round() / 1e6),
    }
}

/// Text as HTML has it.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[(f64, String)]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    #[test]
    fn axes_have_round_numbers_and_reach_over_all_values() {
        assert_eq!(labels(&linear_ticks(100_000.0, "")), ["0", "20 k", "40 k", "60 k", "80 k", "100 k"]);
        assert_eq!(labels(&linear_ticks(0.31, "")), ["0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(linear_ticks(0.0, "").last().unwrap().0, 1.0);
        let ticks = log_ticks(1.3, 3.1, |value| format!("{value}"));
        assert_eq!(labels(&ticks), ["10", "100", "1000", "10000"]);
    }

    #[test]
    fn names_cannot_end_what_they_stand_in() {
        let mut out = String::new();
        write_bars(&[("<script>", Some(1.0), "\"".into())], "a", &mut out);
        assert!(out.contains("&lt;script&gt;") && !out.contains("<script"), "{out}");
    }
}
