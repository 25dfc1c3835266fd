//! The landing page.

/// The exporter's name, version and links. Nothing about the workspace: the page may be public.
pub fn landing(telemetry_path: &str) -> String {
    include_str!("page.html")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{telemetry_path}", telemetry_path)
}
