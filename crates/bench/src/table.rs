//! Tables and progress messages for a terminal.

/// A table of text; all columns except the first are right-aligned.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&str]) -> Self {
        Self {
            rows: vec![heading.iter().map(ToString::to_string).collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    #[expect(clippy::print_stdout, reason = "this is the output of a command")]
    pub(crate) fn print(&self, title: &str) {
        println!("\n{title}");
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate();
            let line: Vec<String> = cells
                .map(|(column, (cell, &width))| {
                    if column == 0 {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            println!("  {}", line.join("  ").trim_end());
        }
    }
}

/// A duration in a suitable unit.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        _ if value >= 1.0 => format!("{value:.2} s"),
        _ if value >= 0.001 => format!("{:.1} ms", value * 1e3),
        _ => format!("{:.0} us", value * 1e6),
    }
}

/// A ratio; `-` if the reference is 0.
pub(crate) fn ratio(value: f64, reference: f64) -> String {
    if reference > 0.0 {
        format!("{:.2}", value / reference)
    } else {
        "-".to_owned()
    }
}

/// A number of bytes in a suitable unit.
pub(crate) fn bytes(value: f64) -> String {
    match value {
        _ if value >= 1_048_576.0 => format!("{:.1} MiB", value / 1_048_576.0),
        _ if value >= 1024.0 => format!("{:.1} KiB", value / 1024.0),
        _ => format!("{value:.0} B"),
    }
}

/// Prints progress to standard error, so that standard output has the results only.
#[expect(clippy::print_stderr, reason = "progress of a command")]
pub(crate) fn say(text: &str) {
    eprintln!("bench: {text}");
}
