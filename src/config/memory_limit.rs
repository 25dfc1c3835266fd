//! The memory limit of this process's control group, which a container or a service manager sets.

use std::path::{Path, PathBuf};

use crate::small_file;

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// Version 1 writes a number near the greatest one for no limit.
const NO_LIMIT: u64 = 1 << 60;

/// The limit in bytes; `None` if there is none.
pub fn memory_limit() -> Option<u64> {
    let groups = small_file::read_to_string(Path::new("/proc/self/cgroup")).ok()?;
    files(&groups)
        .iter()
        .find_map(|file| small_file::read_to_string(file).ok())
        .and_then(|text| parse(&text))
}

/// The files that may contain the limit, by the content of `/proc/self/cgroup`. In a container the group is usually mounted at
/// the root.
fn files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, name) = if controllers.is_empty() {
            (PathBuf::from(MOUNT), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (Path::new(MOUNT).join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        files.push(root.join(path.trim_start_matches('/')).join(name));
        files.push(root.join(name));
    }
    files
}

/// Version 2 writes `max` for no limit.
fn parse(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_found_by_both_versions_of_control_groups() {
        let text = |files: Vec<PathBuf>| {
            let paths = files.iter().map(|path| path.display().to_string());
            paths.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            text(files("0::/system.slice/exporter.service\n")),
            "/sys/fs/cgroup/system.slice/exporter.service/memory.max /sys/fs/cgroup/memory.max"
        );
        assert_eq!(
            text(files("5:cpu,cpuacct:/x\n4:memory:/docker/a\n")),
            "/sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.limit_in_bytes"
        );
    }

    #[test]
    fn no_limit_is_none() {
        assert_eq!(parse("67108864\n"), Some(64 << 20));
        assert_eq!(parse("max\n"), None);
        assert_eq!(parse("9223372036854771712\n"), None);
    }
}
