//! The samples of all documents that were read, in memory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rule::{Extracted, SampleSource};
use super::rules::BACKFILL_RULES;
use crate::catalogue::Timestamp;

/// Samples that are held in memory at most: 320 MB. Ten years of daily documents are 0.4 million, of hourly documents
/// 9 million.
pub const MAX_SAMPLES: usize = 20_000_000;

/// Bytes of a sample in memory.
pub const TIMED_VALUE_SIZE: usize = size_of::<TimedValue>();

/// Different unreadable versions that are listed; of further ones only the total is known.
const MAX_UNREADABLE_VERSIONS: usize = 10;

/// Different label values that are read from documents, such as versions of MongoDB. Further ones are left out.
const MAX_LABELLED_SERIES: usize = 1000;

/// What a document contains, before it is decided whether it is kept.
#[derive(Debug)]
pub enum DocumentContent {
    /// Its version cannot be read, so the meaning of its numbers is unknown; what the field contains instead, if
    /// anything.
    WithoutVersion(Option<String>),
    /// Places of rules in [`BACKFILL_RULES`], and what they extract.
    Values(Vec<(usize, Extracted)>),
}

/// The documents read so far: how many were kept or left out, and their samples.
#[derive(Debug)]
pub struct CollectedDocuments {
    /// Documents that were read.
    pub read: u64,
    /// Documents that were kept.
    pub kept: u64,
    /// Dates of the first and the last document that was kept.
    pub kept_range: Option<(Timestamp, Timestamp)>,
    /// Documents that `--step` left out.
    pub left_out_by_step: u64,
    /// Documents with the date of the one before.
    pub same_date: u64,
    /// Documents without a version that can be read.
    pub without_version: u64,
    /// What some of them have instead, and how many.
    pub unreadable_versions: BTreeMap<String, u64>,
    /// Documents with an invalid value, by path.
    pub invalid_values: BTreeMap<&'static str, u64>,
    /// The samples of the documents that were kept.
    pub samples: SampleStore,
    step: Option<Duration>,
}

impl CollectedDocuments {
    /// No document. `step` is `--step`.
    pub fn new(step: Option<Duration>) -> Self {
        Self {
            read: 0,
            kept: 0,
            kept_range: None,
            left_out_by_step: 0,
            same_date: 0,
            without_version: 0,
            unreadable_versions: BTreeMap::new(),
            invalid_values: BTreeMap::new(),
            samples: SampleStore::default(),
            step,
        }
    }

    /// Adds the next document; dates must not decrease.
    pub fn add(&mut self, at: Timestamp, content: DocumentContent) {
        self.read += 1;
        let values = match content {
            DocumentContent::Values(values) => values,
            DocumentContent::WithoutVersion(found) => {
                self.add_unreadable_version(found);
                return;
            }
        };
        if let Some((_, last)) = self.kept_range {
            if last == at {
                self.same_date += 1;
                return;
            }
            if self.step.is_some_and(|step| is_same_step(last, at, step)) {
                self.left_out_by_step += 1;
                return;
            }
        }
        self.kept += 1;
        let first = self.kept_range.map_or(at, |(first, _)| first);
        self.kept_range = Some((first, at));
        let invalid: BTreeSet<_> = values
            .into_iter()
            .filter_map(|(rule, value)| self.samples.add(rule, value, at))
            .collect();
        for path in invalid {
            *self.invalid_values.entry(path).or_default() += 1;
        }
    }

    fn add_unreadable_version(&mut self, found: Option<String>) {
        self.without_version += 1;
        let has_room = self.unreadable_versions.len() < MAX_UNREADABLE_VERSIONS;
        if let Some(found) = found
            && (has_room || self.unreadable_versions.contains_key(&found))
        {
            *self.unreadable_versions.entry(found).or_default() += 1;
        }
    }
}

fn is_same_step(one: Timestamp, other: Timestamp, step: Duration) -> bool {
    let number = |at: Timestamp| i128::from(at.0).div_euclid(step.as_millis().cast_signed());
    number(one) == number(other)
}

/// One value of a series.
pub type TimedValue = (Timestamp, f64);

/// The samples of one series, oldest first.
#[derive(Debug)]
pub struct SeriesSamples {
    metric: &'static str,
    /// Values of the metric's labels.
    pub labels: Vec<Cow<'static, str>>,
    /// Its samples.
    pub samples: Vec<TimedValue>,
}

/// The samples of all series.
#[derive(Debug, Default)]
pub struct SampleStore {
    series: Vec<SeriesSamples>,
    /// The series of each rule whose labels are known.
    series_of_rule: Vec<Option<usize>>,
    labelled_series: usize,
    samples: usize,
}

impl SampleStore {
    /// Samples of all series.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// Number of series.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// The series of a metric, in the order in which they were first met.
    pub fn of_metric(&self, metric: &str) -> impl Iterator<Item = &SeriesSamples> {
        let series = self.series.iter();
        series.filter(move |series| series.metric == metric)
    }

    /// Adds what a rule extracted. Returns the path of an invalid value.
    pub fn add(
        &mut self,
        rule: usize,
        extracted: Extracted,
        at: Timestamp,
    ) -> Option<&'static str> {
        let (series, value) = match extracted {
            Extracted::Nothing => return None,
            Extracted::Invalid(path) => return Some(path),
            Extracted::Number(value) => (self.series_of_rule(rule), value),
            Extracted::Labels(labels) => {
                let labels = labels.into_iter().map(Cow::Owned).collect();
                match self.labelled_series(rule, labels) {
                    Some(series) => (series, 1.0),
                    None => return BACKFILL_RULES[rule].paths().first().copied(),
                }
            }
        };
        self.series[series].samples.push((at, value));
        self.samples += 1;
        None
    }

    fn series_of_rule(&mut self, rule: usize) -> usize {
        if self.series_of_rule.is_empty() {
            self.series_of_rule = vec![None; BACKFILL_RULES.len()];
        }
        if let Some(series) = self.series_of_rule[rule] {
            return series;
        }
        let labels = BACKFILL_RULES[rule].labels.iter();
        let labels = labels.map(|value| Cow::Borrowed(*value)).collect();
        let series = self.find_or_insert(BACKFILL_RULES[rule].metric, labels);
        self.series_of_rule[rule] = Some(series);
        series
    }

    /// `None` where there are too many already.
    fn labelled_series(&mut self, rule: usize, labels: Vec<Cow<'static, str>>) -> Option<usize> {
        debug_assert!(matches!(BACKFILL_RULES[rule].from, SampleSource::Labels(_)));
        let metric = BACKFILL_RULES[rule].metric;
        if let Some(series) = self.find(metric, &labels) {
            return Some(series);
        }
        if self.labelled_series == MAX_LABELLED_SERIES {
            return None;
        }
        self.labelled_series += 1;
        Some(self.find_or_insert(metric, labels))
    }

    fn find(&self, metric: &str, labels: &[Cow<'static, str>]) -> Option<usize> {
        let mut series = self.series.iter();
        series.position(|series| series.metric == metric && series.labels == labels)
    }

    fn find_or_insert(&mut self, metric: &'static str, labels: Vec<Cow<'static, str>>) -> usize {
        self.find(metric, &labels).unwrap_or_else(|| {
            self.series.push(SeriesSamples {
                metric,
                labels,
                samples: Vec::new(),
            });
            self.series.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(documents: &mut CollectedDocuments, at: i64, content: DocumentContent) {
        documents.add(Timestamp(at), content);
    }

    #[test]
    fn first_document_of_a_step_is_kept() {
        let mut documents = CollectedDocuments::new(Some(Duration::from_secs(10)));
        for at in [0, 0, 9_999, 10_000, 31_000] {
            add(&mut documents, at, DocumentContent::Values(Vec::new()));
        }
        assert_eq!(documents.kept, 3);
        assert_eq!((documents.same_date, documents.left_out_by_step), (1, 1));
        let range = documents.kept_range.map(|(first, last)| (first.0, last.0));
        assert_eq!(range, Some((0, 31_000)));
    }

    #[test]
    fn different_unreadable_versions_are_limited() {
        let mut documents = CollectedDocuments::new(None);
        for at in 0..20 {
            let found = Some(format!("`v{at}`"));
            add(&mut documents, at, DocumentContent::WithoutVersion(found));
        }
        assert_eq!(documents.without_version, 20);
        let listed = documents.unreadable_versions.len();
        assert_eq!(listed, MAX_UNREADABLE_VERSIONS);
    }

    #[test]
    fn series_with_labels_of_documents_are_limited() {
        let rule = BACKFILL_RULES
            .iter()
            .position(|rule| matches!(rule.from, SampleSource::Labels(_)));
        let rule = rule.expect("there is such a rule");
        let mut documents = CollectedDocuments::new(None);
        for at in 0..1_010 {
            let labels = Extracted::Labels(vec![at.to_string(), String::new()]);
            let content = DocumentContent::Values(vec![(rule, labels)]);
            add(&mut documents, at, content);
        }
        assert_eq!(documents.samples.series_count(), MAX_LABELLED_SERIES);
        assert_eq!(documents.samples.len(), MAX_LABELLED_SERIES);
        let path = BACKFILL_RULES[rule].paths()[0];
        assert_eq!(documents.invalid_values.get(path), Some(&10));
    }
}
