//! Prometheus text 0.0.4, translated from the OpenMetrics bytes so that the two cannot disagree.

/// The same metrics in the classic format: no units, no end mark, counters and infos under their whole names, and the
/// types that this format knows.
pub fn from_openmetrics(exposition: &str) -> String {
    let mut classic = String::with_capacity(exposition.len());
    // A family's HELP comes before its TYPE, but how it is named depends on the type.
    let mut help: Option<(&str, &str)> = None;
    for line in exposition.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            push(&mut classic, &[line]);
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("HELP"), Some(name), text) => help = Some((name, text.unwrap_or_default())),
            (Some("TYPE"), Some(name), Some(kind)) => {
                let (ending, kind) = translate(kind);
                if let Some((_, text)) = help.take().filter(|(of, _)| *of == name) {
                    push(&mut classic, &["# HELP ", name, ending, " ", text]);
                }
                push(&mut classic, &["# TYPE ", name, ending, " ", kind]);
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
        let openmetrics = "# HELP a_seconds Help a.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n\
                           a_seconds_total{x=\"# TYPE\"} 1.5\n# HELP c Help c.\n# TYPE c info\nc_info{v=\"x\"} 1\n\
                           # HELP u Help u.\n# TYPE u unknown\nu 1\n# EOF\n";
        assert_eq!(
            from_openmetrics(openmetrics),
            "# HELP a_seconds_total Help a.\n# TYPE a_seconds_total counter\na_seconds_total{x=\"# TYPE\"} 1.5\n\
             # HELP c_info Help c.\n# TYPE c_info gauge\nc_info{v=\"x\"} 1\n\
             # HELP u Help u.\n# TYPE u untyped\nu 1\n"
        );
    }
}
