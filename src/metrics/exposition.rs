//! The counters as Prometheus reads them: the text format of OpenMetrics.
//!
//! The text is made when it is asked for, from the same list that `/status` is made from. Nothing of it is kept, and
//! who counts knows nothing of it.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit as SuffixUnit};
use rustc_hash::FxHashMap;

use crate::metrics::Metrics;
use crate::metrics::count::{Reading, Spread};
use crate::metrics::table::{Entry, FAMILIES, Kind, Unit};

/// What the answer is, for the header `Content-Type`.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const NANOSECONDS_A_SECOND: f64 = 1e9;

type Labels = Vec<(&'static str, String)>;

/// All numbers of one name.
struct Family {
    first: Entry,
    samples: Vec<(Labels, Reading)>,
}

/// What is encoded; it looks at the counters when it is.
#[derive(Debug)]
struct Counters(Arc<Metrics>);

impl Metrics {
    /// All counters in the text format of OpenMetrics, names with the prefix `tapecast_`.
    ///
    /// Cost: 9 KiB of text and 3 KiB more for each core, made on the thread that asks.
    pub fn to_openmetrics(self: &Arc<Self>) -> String {
        let mut registry = Registry::with_prefix("tapecast");
        registry.register_collector(Box::new(Counters(Arc::clone(self))));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

impl Collector for Counters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let build = encoder.encode_descriptor("build", "Which tapecast this is.", None, MetricType::Info)?;
        Build.encode(build)?;
        families(&self.0).iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// Version and name of what runs.
struct Build;

impl EncodeMetric for Build {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Info
    }
}

/// Everything by its name, in the order of the table: a name stands once, with all its labels.
fn families(metrics: &Metrics) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut places = FxHashMap::default();
    for group in metrics.groups() {
        for entry in group.entries {
            let labels: Labels = group.label.iter().cloned().chain(entry.shape.label.map(owned)).collect();
            let place = *places.entry(name(&entry)).or_insert_with(|| {
                families.push(Family { first: entry, samples: Vec::new() });
                families.len() - 1
            });
            families[place].samples.push((labels, entry.reading));
        }
    }
    families
}

fn owned((label, value): (&'static str, &'static str)) -> (&'static str, String) {
    (label, value.to_owned())
}

fn name(entry: &Entry) -> &'static str {
    entry.shape.name.unwrap_or(entry.field)
}

impl Family {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = name(&self.first);
        let shared = FAMILIES.iter().find(|(family, _)| self.first.shape.label.is_some() && *family == name);
        let sentence = shared.map_or(self.first.sentence, |(_, sentence)| sentence);
        let kind = match self.first.shape.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let unit = self.first.shape.unit.map(|unit| match unit {
            Unit::Bytes => SuffixUnit::Bytes,
            Unit::Nanoseconds => SuffixUnit::Seconds,
        });
        let mut metric = encoder.encode_descriptor(name, sentence.trim(), unit.as_ref(), kind)?;
        for (labels, reading) in &self.samples {
            if labels.is_empty() {
                self.encode_sample(&mut metric, *reading)?;
            } else {
                self.encode_sample(&mut metric.encode_family(labels)?, *reading)?;
            }
        }
        Ok(())
    }

    fn encode_sample(&self, metric: &mut MetricEncoder<'_>, reading: Reading) -> fmt::Result {
        const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;
        let is_time = self.first.shape.unit == Some(Unit::Nanoseconds);
        match (reading, self.first.shape.kind) {
            (Reading::Spread { steps, sum }, _) => {
                let bound = |step| Spread::bound(step).map_or(f64::INFINITY, |bound| bound as f64);
                let buckets: Vec<(f64, u64)> =
                    steps.into_iter().enumerate().map(|(n, count)| (bound(n), count)).collect();
                metric.encode_histogram::<NoLabelSet>(sum as f64, steps.iter().sum(), &buckets, None)
            }
            (Reading::Number(number), Kind::Counter) if is_time => {
                metric.encode_counter(&(number as f64 / NANOSECONDS_A_SECOND), NO_EXEMPLAR)
            }
            (Reading::Number(number), Kind::Counter) => metric.encode_counter(&number, NO_EXEMPLAR),
            (Reading::Number(number), _) if is_time => metric.encode_gauge(&(number as f64 / NANOSECONDS_A_SECOND)),
            (Reading::Number(number), _) => metric.encode_gauge(&number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_name_has_one_kind_and_one_sentence_and_stands_once() {
        let metrics = Metrics::new(3);
        let families = families(&metrics);
        let names: BTreeSet<_> = families.iter().map(|family| name(&family.first)).collect();
        assert_eq!(names.len(), families.len());
        for (shared, _) in FAMILIES {
            assert!(names.contains(shared), "{shared} is in no line of the table");
        }
        for group in metrics.groups() {
            for entry in group.entries {
                let family = families.iter().find(|family| name(&family.first) == name(&entry)).unwrap();
                assert_eq!(family.first.shape.kind, entry.shape.kind, "{}", entry.field);
                assert_eq!(family.first.shape.unit, entry.shape.unit, "{}", entry.field);
                let is_shared = FAMILIES.iter().any(|(shared, _)| *shared == name(&entry));
                assert_eq!(is_shared, entry.shape.label.is_some(), "{}", entry.field);
                assert!(!entry.sentence.contains(['\n', '\\']), "{}", entry.field);
            }
        }
    }

    #[test]
    fn times_are_seconds_and_histograms_end_with_all() {
        let metrics = Arc::new(Metrics::new(1));
        metrics.ingest.ring_wait_ns.add(1_500_000_000);
        metrics.cores[0].batch_frames.add(3);
        metrics.cores[0].batch_frames.add(5_000);
        metrics.cores[0].tls_timeouts.add(2);
        let text = metrics.to_openmetrics();
        for line in [
            "# UNIT tapecast_ring_wait_seconds seconds",
            "tapecast_ring_wait_seconds_total 1.5",
            "tapecast_batch_frames_bucket{le=\"2.0\",core=\"0\"} 0",
            "tapecast_batch_frames_bucket{le=\"4.0\",core=\"0\"} 1",
            "tapecast_batch_frames_bucket{le=\"+Inf\",core=\"0\"} 2",
            "tapecast_batch_frames_sum{core=\"0\"} 5003.0",
            "tapecast_tls_handshakes_failed_total{core=\"0\",reason=\"timeout\"} 2",
            concat!("tapecast_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        ] {
            assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
