//! kubernetes-validate, which compares manifests with the schemas of Kubernetes itself. It comes from PyPI, with the schemas
//! and with all that it needs.

use std::path::PathBuf;

use anyhow::Result;

use super::pip::{Package, Wheel};

const PACKAGE: Package = Package {
    name: "kubernetes-validate",
    folder: "python-kubernetes-validate-1.37.0",
    // Some have compiled parts.
    wheels: &[
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
    ],
    module: "kubernetes_validate.__main__",
    command: "test",
};

/// The folder to name in PYTHONPATH, if it is already here.
pub fn find() -> Result<PathBuf> {
    PACKAGE.find()
}

/// The folder to name in PYTHONPATH, filled if need be.
pub fn fetch() -> Result<PathBuf> {
    PACKAGE.fetch()
}
