//! Prometheus text 0.0.4, translated from the OpenMetrics bytes so that the two cannot disagree.

/// The same metrics in the classic format: no units, no end mark, counters and infos under their whole names, and the
/// types that this format knows.
pub fn from_openmetrics(exposition: &str) -> String {
    let mut classic = String::with_capacity(exposition.len());
    // A family's TYPE comes first, and how the family is named depends on it.
    let mut ending = "";
    for line in exposition.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            push(&mut classic, &[line]);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("TYPE"), Some(name), Some(kind)) => {
                let translated = translate(kind);
                ending = translated.0;
                push(&mut classic, &["# TYPE ", name, ending, " ", translated.1]);
            }
            (Some("HELP"), Some(name), Some(text)) => {
                push(&mut classic, &["# HELP ", name, ending, " ", text]);
            }
            _ => {}
        }
    }
    classic
}

/// The ending of a family's name, and its type, in the classic format.
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
    fn every_kind_of_family_is_translated() {
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
