//! The median of measurements, which is robust against a single disturbance.

/// The median; 0 for no values.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

/// The median of the ratios within each round.
pub(crate) fn median_ratio(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<f64> {
    let ratios: Vec<f64> = pairs
        .into_iter()
        .filter(|(_, reference)| *reference > 0.0)
        .map(|(value, reference)| value / reference)
        .collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_value() {
        assert!((median([5.0, 1.0, 100.0]) - 5.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 100.0, 6.0]) - 5.0).abs() < 1e-9);
        assert_eq!(median_ratio([(1.0, 0.0)]), None);
    }
}
