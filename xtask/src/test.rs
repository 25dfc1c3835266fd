//! `cargo xtask test`: fetches the real tools, then runs every check in the order in which they fail fastest.

use anyhow::{Context, Result, bail};
use tools::cargo::cargo;
use tools::{GrafanaSdk, MongodVersion, PrometheusVersion, workspace_root};

struct Step {
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const STEPS: &[Step] = &[
    Step {
        arguments: &["fmt", "--all", "--check"],
        environment: &[],
    },
    Step {
        arguments: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        environment: &[],
    },
    Step {
        arguments: &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ],
        environment: &[("RUSTDOCFLAGS", "-Dwarnings")],
    },
    Step {
        arguments: &["test", "--workspace", "--locked", "--doc"],
        environment: &[],
    },
    Step {
        arguments: &[
            "test",
            "--workspace",
            "--locked",
            "--lib",
            "--bins",
            "--tests",
            "--no-fail-fast",
        ],
        environment: &[],
    },
];

/// Cargo's commands that are installed apart, and what brings them.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Runs everything, and stops at the first step that fails.
#[expect(clippy::print_stdout, reason = "this is the output of a command")]
pub(crate) fn run() -> Result<()> {
    for (command, component) in COMPONENTS {
        let available = cargo().args([command, "--version"]).output();
        if !available.context("cannot run cargo")?.status.success() {
            bail!("`cargo {command}` is missing; run `rustup component add {component}`");
        }
    }
    for &version in MongodVersion::ALL {
        let mongod = tools::mongod::fetch(version)?;
        println!("mongod {}: {}", mongod.version()?, mongod.path.display());
    }
    for &version in PrometheusVersion::ALL {
        let prometheus = tools::prometheus::fetch(version)?;
        println!("{version}: {}", prometheus.display());
    }
    println!(
        "alertmanager: {}",
        tools::alertmanager::fetch()?.amtool().display()
    );
    println!("promtool: {}", tools::promtool::fetch()?.display());
    println!(
        "prometheus-client: {}",
        tools::prometheus_client::fetch()?.display()
    );
    for &sdk in GrafanaSdk::ALL {
        let folder = tools::grafana_sdk::fetch(sdk)?;
        println!("grafana-foundation-sdk: {}", folder.display());
    }
    println!(
        "rocketchat_API: {}",
        tools::rocketchat_api::fetch()?.display()
    );
    println!(
        "systemd-analyze: {}",
        tools::systemd_analyze::fetch()?.display()
    );
    println!("chromium: {}", tools::chromium::fetch()?.browser.display());
    println!("axe-core: {}", tools::axe::fetch()?.display());
    println!("hadolint: {}", tools::hadolint::fetch()?.display());
    println!("docker compose: {}", tools::compose::fetch()?.display());
    println!("kubectl: {}", tools::kubectl::fetch()?.display());
    println!(
        "kubernetes-validate: {}",
        tools::kubernetes_validate::fetch()?.display()
    );
    println!("nginx: {}", tools::nginx::fetch()?.path().display());
    println!("caddy: {}", tools::caddy::fetch()?.display());
    for step in STEPS {
        let text = step.text();
        println!("\n$ {text}");
        let mut command = cargo();
        command
            .args(step.arguments)
            .envs(step.environment.iter().copied())
            .current_dir(workspace_root());
        let status = command
            .status()
            .with_context(|| format!("cannot run `{text}`"))?;
        if !status.success() {
            bail!("`{text}` failed with {status}");
        }
    }
    Ok(())
}

impl Step {
    /// The step as one would type it.
    fn text(&self) -> String {
        let settings = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value} "));
        format!(
            "{}cargo {}",
            settings.collect::<String>(),
            self.arguments.join(" ")
        )
    }
}
