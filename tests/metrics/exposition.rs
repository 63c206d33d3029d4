//! The text format of OpenMetrics 1.0, read strictly: whatever its grammar does not have is a failure.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Server;

pub type Labels = BTreeMap<String, String>;

/// All that an answer says.
#[derive(Debug)]
pub struct Exposition {
    /// Of each family: type, sentence and unit.
    pub families: BTreeMap<String, Family>,
    samples: BTreeMap<(String, Labels), f64>,
}

#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    pub help: String,
    pub unit: String,
}

impl Exposition {
    /// Asks a server.
    pub fn of(server: &Server) -> Exposition {
        let (status, _, body) = server.get("/metrics");
        assert_eq!(status, 200, "{body}");
        Exposition::parse(&body)
    }

    pub fn parse(text: &str) -> Exposition {
        let body = text.strip_suffix("# EOF\n").expect("the last line says that it is the last");
        let mut found = Exposition { families: BTreeMap::new(), samples: BTreeMap::new() };
        let mut current = String::new();
        let mut has_samples = false;
        for line in body.split_terminator('\n') {
            if let Some(words) = line.strip_prefix("# ") {
                let mut words = words.splitn(3, ' ');
                let (word, name) = (words.next().unwrap(), words.next().expect("a name"));
                let rest = words.next().unwrap_or_else(|| panic!("nothing said: {line}"));
                if name != current || has_samples {
                    assert!(is_name(name), "{line}");
                    assert!(found.families.insert(name.to_owned(), Family::default()).is_none(), "again: {line}");
                    (current, has_samples) = (name.to_owned(), false);
                }
                let family = found.families.get_mut(name).unwrap();
                let place = match word {
                    "HELP" => &mut family.help,
                    "TYPE" => &mut family.kind,
                    "UNIT" => &mut family.unit,
                    _ => panic!("{line}"),
                };
                assert!(place.is_empty(), "said twice: {line}");
                assert!(!rest.trim().is_empty() && rest.trim() == rest && !rest.contains('\\'), "{line}");
                place.push_str(rest);
                continue;
            }
            has_samples = true;
            let family = found.families.get(&current).unwrap_or_else(|| panic!("of no family: {line}"));
            let (name, labels, value) = sample(line);
            let suffixes: &[&str] = match family.kind.as_str() {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_sum", "_count"],
                "info" => &["_info"],
                other => panic!("no type: {other}"),
            };
            let suffix = name.strip_prefix(current.as_str());
            assert!(suffix.is_some_and(|suffix| suffixes.contains(&suffix)), "not of {current}: {line}");
            assert!(family.kind == "gauge" || value >= 0.0, "{line}");
            assert_eq!(labels.contains_key("le"), name.ends_with("_bucket"), "{line}");
            assert!(found.samples.insert((name, labels), value).is_none(), "again: {line}");
        }
        for (name, family) in &found.families {
            assert!(!family.kind.is_empty() && family.help.ends_with('.'), "{name}: {family:?}");
            assert!(family.unit.is_empty() || name.ends_with(&format!("_{}", family.unit)), "{name}: {family:?}");
            if family.kind == "histogram" {
                found.check_histogram(name);
            }
        }
        found
    }

    /// Steps include those before them, and the last one all.
    fn check_histogram(&self, name: &str) {
        let without_le = |labels: &Labels| {
            let mut labels = labels.clone();
            labels.remove("le").map(|le| (labels, if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() }))
        };
        let mut all: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
        for ((sample, labels), value) in &self.samples {
            if *sample == format!("{name}_bucket") {
                let (labels, bound) = without_le(labels).expect("`le`");
                all.entry(labels).or_default().push((bound, *value));
            }
        }
        assert!(!all.is_empty(), "{name}");
        for (labels, mut steps) in all {
            steps.sort_by(|one, two| one.0.total_cmp(&two.0));
            assert!(steps.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{name}: {steps:?}");
            let (bound, last) = *steps.last().unwrap();
            assert_eq!((bound, last), (f64::INFINITY, self.samples[&(format!("{name}_count"), labels.clone())]));
            assert!(self.samples.contains_key(&(format!("{name}_sum"), labels)));
        }
    }

    /// The sum of the samples of this name that have these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let found: Vec<f64> = self.all(name, labels).map(|(_, value)| value).collect();
        assert!(!found.is_empty(), "no sample of {name} with {labels:?}");
        found.into_iter().sum()
    }

    /// The values that a label has in samples of this name that are not zero.
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in self.all(name, &[]).filter(|(_, value)| *value != 0.0) {
            *sums.entry(labels[label].clone()).or_insert(0.0) += value;
        }
        sums
    }

    pub fn has(&self, name: &str) -> bool {
        self.all(name, &[]).next().is_some()
    }

    fn all<'a>(
        &'a self,
        name: &'a str,
        wanted: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'a Labels, f64)> + 'a {
        let has = move |labels: &Labels| wanted.iter().all(|(k, v)| labels.get(*k).is_some_and(|value| value == v));
        let samples = self.samples.iter().filter(move |((sample, labels), _)| sample == name && has(labels));
        samples.map(|((_, labels), value)| (labels, *value))
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(name), "{line}");
    let (mut labels, mut seen) = (Labels::new(), BTreeSet::new());
    if let Some(inside) = rest.strip_prefix('{') {
        let (inside, behind) = inside.split_once('}').unwrap_or_else(|| panic!("not closed: {line}"));
        for pair in inside.split(',') {
            let (label, value) = pair.split_once('=').unwrap_or_else(|| panic!("no label: {line}"));
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let value = value.unwrap_or_else(|| panic!("not in quotes: {line}"));
            assert!(is_name(label) && !value.contains(['"', '\\']) && seen.insert(label), "{line}");
            labels.insert(label.to_owned(), value.to_owned());
        }
        rest = behind;
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    assert!(value.is_finite(), "{line}");
    (name.to_owned(), labels, value)
}

#[test]
#[should_panic(expected = "of no family")]
fn what_has_no_type_is_refused() {
    Exposition::parse("a_total 1\n# EOF\n");
}

#[test]
#[should_panic(expected = "again")]
fn what_stands_twice_is_refused() {
    Exposition::parse("# HELP a A.\n# TYPE a counter\na_total{b=\"1\"} 1\na_total{b=\"1\"} 2\n# EOF\n");
}

#[test]
#[should_panic(expected = "not of a")]
fn a_counter_without_its_suffix_is_refused() {
    Exposition::parse("# HELP a A.\n# TYPE a counter\na 1\n# EOF\n");
}
