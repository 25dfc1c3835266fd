//! Prometheus text 0.0.4, translated from OpenMetrics so that the two cannot differ.

/// The families of an exposition: the lines of metadata of each, and those of its samples.
pub fn families(exposition: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = exposition;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let lines = rest.split_inclusive('\n');
        let metadata = lines.take_while(|line| line.starts_with("# "));
        let (metadata, after) = rest.split_at(metadata.map(str::len).sum());
        // Label values have no line breaks.
        let end = after.find("\n# ").map_or(after.len(), |index| index + 1);
        let (samples, next) = after.split_at(end);
        rest = next;
        Some((metadata, samples))
    })
}

/// Translates an exposition: without the end mark, and with the metadata of [`metadata`].
pub fn from_openmetrics(exposition: &str) -> String {
    families(exposition)
        .map(|(lines, samples)| metadata(lines) + samples)
        .collect()
}

/// Translates the metadata of a family: without the unit, with full names of counters and infos, and with the types of the
/// classic format.
pub fn metadata(lines: &str) -> String {
    let mut classic = String::with_capacity(lines.len());
    // TYPE comes first, and decides the name in the lines that follow.
    let mut suffix = "";
    for line in lines.lines() {
        let mut words = line.splitn(4, ' ').skip(1);
        match (words.next(), words.next(), words.next()) {
            (Some("TYPE"), Some(name), Some(kind)) => {
                let translated = translate(kind);
                suffix = translated.0;
                push(&mut classic, &["# TYPE ", name, suffix, " ", translated.1]);
            }
            (Some("HELP"), Some(name), Some(text)) => {
                push(&mut classic, &["# HELP ", name, suffix, " ", text]);
            }
            _ => {}
        }
    }
    classic
}

/// The suffix of a family's name and its type, in the classic format.
fn translate(kind: &str) -> (&'static str, &str) {
    match kind {
        "counter" => ("_total", "counter"),
        "info" => ("_info", "gauge"),
        "stateset" => ("", "gauge"),
        "unknown" => ("", "untyped"),
        other => ("", other),
    }
}

fn push(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_translated() {
        let openmetrics = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Help a.\n\
                           a_seconds_total{x=\"# TYPE\"} 1.5\n# TYPE c info\n# HELP c Help c.\nc_info{v=\"x\"} 1\n\
                           # TYPE u unknown\n# HELP u Help u.\nu 1\n# EOF\n";
        assert_eq!(
            from_openmetrics(openmetrics),
            "# TYPE a_seconds_total counter\n# HELP a_seconds_total Help a.\na_seconds_total{x=\"# TYPE\"} 1.5\n\
             # TYPE c_info gauge\n# HELP c_info Help c.\nc_info{v=\"x\"} 1\n\
             # TYPE u untyped\n# HELP u Help u.\nu 1\n"
        );
    }
}
