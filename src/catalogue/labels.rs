//! Bounds on label values: a scrape stays small and valid with any text in a workspace.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::metric::{Quantity, Sample};

/// Maximum length of a label value in bytes. A longer one is cut and ends in an ellipsis and a hash of the whole text.
pub const MAX_LABEL_BYTES: usize = 200;

/// The label value of a sum over entries that are too many to be shown.
pub const OTHER: &str = "other";

/// Replaces NUL, which ends Prometheus' input.
const UNREADABLE: &str = "\u{fffd}";

/// Shortens label values to [`MAX_LABEL_BYTES`], and merges series with equal labels, such as the numeric id 1 and the
/// text "1": Prometheus rejects a whole scrape with duplicate series.
pub fn bound_labels(quantity: Quantity, samples: &mut Vec<Sample>) {
    for label in samples.iter_mut().flat_map(|sample| &mut sample.labels) {
        if let Some(mended) = mended(label) {
            *label = mended.into();
        }
    }
    if has_equal_labels(samples) {
        merge(quantity, samples);
    }
}

/// Whether two series have equal labels. A few are compared with each other, without allocating.
fn has_equal_labels(samples: &[Sample]) -> bool {
    const FEW: usize = 8;
    if samples.len() <= FEW {
        let mut rest = samples;
        while let Some((sample, others)) = rest.split_first() {
            if others.iter().any(|other| other.labels == sample.labels) {
                return true;
            }
            rest = others;
        }
        return false;
    }
    let mut seen = HashSet::with_capacity(samples.len());
    !samples.iter().all(|sample| seen.insert(&*sample.labels))
}

/// A valid label value of bounded length; `None` when the value already is one.
pub fn mended(label: &str) -> Option<String> {
    if label.len() <= MAX_LABEL_BYTES && !label.contains('\0') {
        return None;
    }
    let readable = label.replace('\0', UNREADABLE);
    if readable.len() <= MAX_LABEL_BYTES {
        return Some(readable);
    }
    let mark = format!("…{:016x}", hash(label));
    let end = readable.floor_char_boundary(MAX_LABEL_BYTES - mark.len());
    Some(format!("{}{mark}", &readable[..end]))
}

/// FNV-1a: stable over releases, so that a series continues.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Merges series with equal labels: their sum where values can be added up, else the greatest.
fn merge(quantity: Quantity, samples: &mut Vec<Sample>) {
    let mut places: HashMap<Vec<Cow<'static, str>>, usize> = HashMap::new();
    let mut merged: Vec<Sample> = Vec::with_capacity(samples.len());
    for sample in samples.drain(..) {
        if let Some(place) = places.get(&sample.labels) {
            let value = &mut merged[*place].value;
            *value = if is_additive(quantity) {
                *value + sample.value
            } else {
                value.max(sample.value)
            };
        } else {
            places.insert(sample.labels.clone(), merged.len());
            merged.push(sample);
        }
    }
    *samples = merged;
}

fn is_additive(quantity: Quantity) -> bool {
    match quantity {
        Quantity::Count
        | Quantity::CountTotal
        | Quantity::Bytes
        | Quantity::BytesTotal
        | Quantity::SecondsTotal => true,
        Quantity::Seconds
        | Quantity::Instant
        | Quantity::Number
        | Quantity::State
        | Quantity::Info
        | Quantity::Untyped => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded(quantity: Quantity, samples: &[(&str, f64)]) -> Vec<(String, f64)> {
        let of = |(label, value): &(&str, f64)| Sample::of((*label).to_owned(), *value);
        let mut samples = samples.iter().map(of).collect();
        bound_labels(quantity, &mut samples);
        let shown = |sample: Sample| (sample.labels.concat(), sample.value);
        samples.into_iter().map(shown).collect()
    }

    #[test]
    fn long_labels_stay_distinct_and_valid_utf8() {
        for character in ["x", "ä", "€", "😀"] {
            let long = character.repeat(1_000_000 / character.len());
            let longer = format!("{long}!");
            let series = bounded(Quantity::Count, &[(&long, 1.0), (&longer, 2.0)]);
            assert_eq!(series.len(), 2, "{series:?}");
            for (label, _) in &series {
                assert!(label.len() <= MAX_LABEL_BYTES, "{label}");
                assert!(label.len() > MAX_LABEL_BYTES - 4, "{label}");
            }
        }
    }

    #[test]
    fn label_of_maximum_length_is_unchanged() {
        let longest = "x".repeat(MAX_LABEL_BYTES);
        let series = bounded(Quantity::Count, &[(&longest, 1.0)]);
        assert_eq!(series, [(longest, 1.0)]);
    }

    #[test]
    fn series_with_equal_labels_are_merged() {
        let twice = [("1", 3.0), ("2", 5.0), ("1", 4.0)];
        let as_sum = bounded(Quantity::Count, &twice);
        assert_eq!(as_sum, [("1".to_owned(), 7.0), ("2".to_owned(), 5.0)]);
        let as_newest = bounded(Quantity::Instant, &twice);
        assert_eq!(as_newest, [("1".to_owned(), 4.0), ("2".to_owned(), 5.0)]);
    }

    #[test]
    fn nul_is_replaced_in_labels() {
        let series = bounded(Quantity::Count, &[("a\0b", 1.0), ("a\u{fffd}b", 2.0)]);
        assert_eq!(series, [("a\u{fffd}b".to_owned(), 3.0)]);
    }
}
