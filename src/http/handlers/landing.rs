//! The landing page.

/// Name, version and links; nothing about the workspace, since it is shown to anyone.
pub fn landing(telemetry_path: &str) -> String {
    include_str!("page.html")
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{telemetry_path}", telemetry_path)
}
