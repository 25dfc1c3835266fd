//! The models of operators' custom resources, from npm.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testbed::tools;

/// A kind, and the module that has its model.
const MODELS: [(&str, &str); 4] = [
    (
        "ServiceMonitor",
        "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    ),
    (
        "PrometheusRule",
        "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    ),
    (
        "ScrapeConfig",
        "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1alpha1",
    ),
    (
        "GrafanaDashboard",
        "@kubernetes-models/grafana-operator/grafana.integreatly.org/v1beta1",
    ),
];

/// What is wrong with custom resources. TypeScript's compiler refuses unknown and missing keys and wrong types, the models' own
/// validation what a type cannot say.
pub fn custom_resource_error(resources: &[Value]) -> Option<String> {
    let node = tools::KUBERNETES_MODELS
        .find()
        .expect("kubernetes-models is installed");
    let modules = node.path().ancestors().nth(3);
    let modules = modules
        .expect("Node.js is in a directory")
        .join("node_modules");
    let folder = tempfile::tempdir().expect("a directory can be created");
    symlink(&modules, folder.path().join("node_modules")).expect("a link can be created");
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).expect("the file can be written");
    };
    let (mut types, mut validation) = (String::new(), String::new());
    for (number, resource) in resources.iter().enumerate() {
        let model = MODELS.iter().find(|(kind, _)| resource["kind"] == *kind);
        let (kind, module) = model.unwrap_or_else(|| panic!("no model for {resource}"));
        let name = format!("{kind}{number}");
        writeln!(
            types,
            "import type {{ I{kind} as I{name} }} from \"{module}/{kind}\";\n\
             export const of{name}: I{name} = {resource};\n\
             // @ts-expect-error The compiler refuses a key that the model lacks.\n\
             export const wrong{name}: I{name} = {{...of{name}, unknownKey: 1}};"
        )
        .expect("a String can be written");
        writeln!(
            validation,
            "import {{ {kind} as {name} }} from \"{module}/{kind}\";\nnew {name}({resource}).validate();"
        )
        .expect("a String can be written");
    }
    write("package.json", "{\"type\": \"module\"}");
    write("types.ts", &types);
    write("validation.js", &validation);
    let error_of = |arguments: &[&Path]| {
        let mut command = Command::new(node.path());
        let output = command.args(arguments).current_dir(folder.path()).output();
        let output = output.expect("Node.js runs");
        let report = [output.stdout, output.stderr].concat();
        let report = String::from_utf8_lossy(&report).into_owned();
        (!output.status.success()).then_some(report)
    };
    let compiler = modules.join("typescript/bin/tsc");
    let options = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--module",
        "nodenext",
        "types.ts",
    ];
    let mut arguments = vec![compiler.as_path()];
    arguments.extend(options.map(Path::new));
    error_of(&arguments).or_else(|| error_of(&[Path::new("validation.js")]))
}
