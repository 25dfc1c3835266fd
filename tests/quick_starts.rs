//! The quick starts of the README: what can run here runs, and everything that the others name exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testbed::tools;

use crate::support::{Exporter, printed_connection_string, shared_workspace};

/// The last command of every quick start, and what it prints.
const PROOF: [&str; 2] = [
    "curl -s --retry 5 --retry-connrefused http://127.0.0.1:9459/-/ready http://127.0.0.1:9459/metrics | grep '^rocketchat_up '",
    "# rocketchat_up 1",
];
const MAX_LINES: usize = 8;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The commands of a quick start, without the line that shows the output.
fn quick_start(name: &str) -> Vec<String> {
    let readme = read("README.md");
    let (_, rest) = readme
        .split_once(&format!("\n**{name}**"))
        .unwrap_or_else(|| panic!("the README has no quick start for {name}"));
    let (_, rest) = rest.split_once("```sh\n").expect("there is a block");
    let (block, _) = rest.split_once("```").expect("the block ends");
    let lines: Vec<&str> = block.lines().collect();
    let (commands, proof) = lines.split_at(lines.len() - PROOF.len());
    assert_eq!(proof, PROOF, "{name}");
    assert!(
        commands.len() < MAX_LINES,
        "{name} has {} commands",
        commands.len() + 1
    );
    let commands = commands.iter().chain(&PROOF[..1]);
    commands.map(|line| (*line).to_owned()).collect()
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stderr}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn install_pages_have_the_same_commands() {
    for (name, page) in [
        ("Docker compose", "docs/install-compose.md"),
        ("Kubernetes", "docs/install-kubernetes.md"),
        ("Debian", "docs/install-debian.md"),
    ] {
        let block = quick_start(name).join("\n");
        assert!(
            read(page).contains(&block),
            "{page} differs from the README:\n{block}"
        );
    }
}

#[test]
fn connection_strings_have_the_user_that_role_creates() {
    for page in [
        "README.md",
        "docs/install-debian.md",
        "docs/install-kubernetes.md",
        "docs/mongodb-user.md",
    ] {
        let text = read(page);
        let with_a_password: Vec<&str> = text
            .split(['\'', '`', ' ', '\n'])
            .filter(|word| word.starts_with("mongodb://") && word.contains("PASSWORD"))
            .collect();
        assert!(!with_a_password.is_empty(), "{page}");
        for uri in with_a_password {
            let (user, rest) = uri.split_once('@').expect("it has a user");
            let (_, rest) = rest.split_once(':').expect("it has a port");
            let without_host = format!("{user}@HOST:{rest}");
            assert_eq!(without_host, printed_connection_string(), "{page}");
        }
    }
}

/// The program of the tests takes the place of the release build, and a test MongoDB that of the workspace.
#[tokio::test(flavor = "multi_thread")]
async fn plain_binary_serves_what_the_readme_promises() {
    let mut commands = quick_start("A plain binary");
    assert_eq!(commands.remove(0), "cargo build --release");
    // An address that only this process uses: no other program can have the port.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let address = format!("127.77.{high}.{low}:9459");
    let workspace = shared_workspace().await;
    workspace.keep_alive().await;
    let uri = workspace.uri_at(crate::support::shared_mongod().port());
    let program = Exporter::command().get_program().to_owned();
    let script = commands
        .join("\n")
        .replace("mongodb://localhost:27017/rocketchat", &uri)
        .replace(
            "target/release/rocketchat-exporter",
            &program.to_string_lossy(),
        )
        .replace("127.0.0.1:9459", &address);
    assert!(script.contains(&uri), "{script}");
    let script = format!("{script}\nstatus=$?\nkill $!\nexit $status\n");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &script])
        .env("ROCKETCHAT_EXPORTER_WEB_LISTEN_ADDRESS", &address);
    let printed = tokio::task::spawn_blocking(move || run(&mut shell));
    let printed = printed.await.expect("the task ends");
    assert_eq!(format!("# {printed}").trim_end(), PROOF[1]);
}

/// The lines that write files run in a copy of the folder, and `docker compose` reads the result.
#[test]
fn compose_commands_write_the_files_that_compose_reads() {
    let commands = quick_start("Docker compose");
    let copy = tempfile::tempdir().expect("a directory can be created");
    let folder = copy.path().join("deploy/compose");
    fs::create_dir_all(folder.join("secrets")).expect("the folder can be created");
    for file in ["compose.yml", "prometheus.yml"] {
        let target = folder.join(file);
        fs::copy(root().join("deploy/compose").join(file), target).expect("the file can be copied");
    }
    let (shell, others): (Vec<&String>, Vec<&String>) = commands.iter().partition(|line| {
        ["cd ", "umask ", "echo "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let script: Vec<String> = shell.into_iter().cloned().collect();
    run(Command::new("sh")
        .args(["-e", "-c", &script.join("\n")])
        .current_dir(copy.path()));
    let compose = tools::DOCKER_COMPOSE
        .find()
        .expect("docker compose is installed");
    let json = run(compose
        .command()
        .args(["config", "--format=json"])
        .current_dir(&folder));
    let composed: Value = serde_json::from_str(&json).expect("docker compose prints JSON");
    for secret in composed["secrets"]
        .as_object()
        .expect("there are secrets")
        .values()
    {
        let file = PathBuf::from(secret["file"].as_str().expect("a secret is a file"));
        assert!(
            !fs::read_to_string(&file)
                .expect("the secret was written")
                .is_empty()
        );
        // The owner of the file is the user of a container.
        let name = file
            .file_name()
            .expect("the file has a name")
            .to_string_lossy()
            .into_owned();
        let is_owned = |line: &&&String| line.contains("chown ") && line.contains(&name);
        assert!(others.iter().any(|line| is_owned(&line)), "{name}");
    }
    assert!(
        others
            .iter()
            .any(|line| line.starts_with("docker compose up ")),
        "{others:?}"
    );
}

/// Without a cluster the commands cannot run; the names in them are compared with the manifests that `kubectl` builds.
#[test]
fn kubernetes_commands_name_what_the_manifests_have() {
    let commands = quick_start("Kubernetes").join("\n");
    let word_after = |flag: &str| -> String {
        let (_, rest) = commands
            .split_once(flag)
            .unwrap_or_else(|| panic!("no {flag}"));
        rest.split([' ', '\n', '='])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let kubectl = tools::KUBECTL.find().expect("kubectl is installed");
    let folder = word_after("--kustomize ");
    let manifests = run(kubectl
        .command()
        .args(["kustomize", &folder])
        .current_dir(root())
        .env("HOME", "/nonexistent"));
    let manifests: BTreeMap<String, Value> = manifests
        .split("\n---\n")
        .map(|manifest| serde_saphyr::from_str(manifest).expect("the manifest is YAML"))
        .map(|manifest: Value| {
            (
                manifest["kind"].as_str().unwrap_or_default().to_owned(),
                manifest,
            )
        })
        .collect();
    let deployment = &manifests["Deployment"];
    let pod = &deployment["spec"]["template"]["spec"];
    let name = deployment["metadata"]["name"]
        .as_str()
        .expect("it has a name");
    assert_eq!(word_after("set image deployment/"), name);
    assert_eq!(word_after("port-forward deployment/"), name);
    assert_eq!(
        pod["volumes"][0]["secret"]["secretName"],
        word_after("secret generic ")
    );
    let container = &pod["containers"][0];
    assert!(commands.contains(&format!(
        "deployment/{name} {}=$IMAGE",
        container["name"].as_str().unwrap_or_default()
    )));
    assert!(commands.contains(&format!(
        "deployment/{name} {} &",
        container["ports"][0]["containerPort"]
    )));
    let file = word_after("--from-file=");
    let read = container["env"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|variable| {
            variable["value"]
                .as_str()
                .is_some_and(|value| value.ends_with(&format!("/{file}")))
        });
    assert!(read, "{file}");
    let dockerfile = word_after("--file ");
    assert!(root().join(&dockerfile).exists(), "{dockerfile}");
}

#[test]
fn debian_commands_name_the_package_and_its_files() {
    let commands = quick_start("Debian").join("\n");
    let package = format!(
        "./target/debian/rocketchat-exporter_{}-1_",
        env!("CARGO_PKG_VERSION")
    );
    assert!(commands.contains(&package), "{commands}");
    let manifest = read("Cargo.toml");
    for (_, rest) in commands
        .match_indices("> /etc/")
        .map(|(start, _)| commands.split_at(start + 2))
    {
        let file = rest.lines().next().unwrap_or_default();
        assert!(manifest.contains(&format!("\"{file}\"")), "{file}");
    }
    let xtask = read("xtask/src/main.rs");
    assert!(
        commands.starts_with("cargo xtask package --no-try\n"),
        "{commands}"
    );
    assert!(xtask.contains("no_try"), "{commands}");
}
