//! Values of `/proc` that sysinfo does not read: processor times by mode, and pids in other namespaces.

use std::path::Path;

use super::CpuTimes;
use crate::catalogue::Timestamp;
use crate::small_file::read_to_string;

/// Seconds since boot.
pub fn uptime() -> Option<f64> {
    let text = read_to_string(Path::new("/proc/uptime")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// Times of every processor, in order.
pub fn cpu_times() -> Option<Vec<CpuTimes>> {
    let text = read_to_string(Path::new("/proc/stat")).ok()?;
    let ticks = rustix::param::clock_ticks_per_second();
    Some(parse_cpu_times(&text, ticks as f64))
}

fn parse_cpu_times(stat: &str, ticks_per_second: f64) -> Vec<CpuTimes> {
    stat.lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .map(|line| {
            let mut seconds = line
                .split_whitespace()
                .skip(1)
                .map(|ticks| ticks.parse::<f64>().unwrap_or_default() / ticks_per_second);
            let mut next = || seconds.next().unwrap_or_default();
            CpuTimes {
                user: next(),
                nice: next(),
                system: next(),
                idle: next(),
                iowait: next(),
                irq: next(),
                softirq: next(),
                steal: next(),
            }
        })
        .collect()
}

/// Boot time in seconds since 1970.
pub fn booted_at() -> Option<f64> {
    let stat = read_to_string(Path::new("/proc/stat")).ok()?;
    field(&stat, "btime ")?.trim().parse().ok()
}

/// Start time of a process, from `/proc/PID/stat`.
pub fn started_at(stat: &str, booted_at: f64) -> Option<Timestamp> {
    // The name in parentheses can contain anything; the numbers follow the last parenthesis.
    let (_, numbers) = stat.rsplit_once(')')?;
    let ticks: f64 = numbers.split_whitespace().nth(19)?.parse().ok()?;
    let seconds = booted_at + ticks / rustix::param::clock_ticks_per_second() as f64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an instant of this century in milliseconds"
    )]
    Some(Timestamp((seconds * 1000.0) as i64))
}

/// The number of threads of this process.
pub fn threads() -> Option<u64> {
    let status = read_to_string(Path::new("/proc/self/status")).ok()?;
    field(&status, "Threads:")?.trim().parse().ok()
}

/// The rest of the line that begins with `name`.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_name_may_contain_anything() {
        let ticks = 100 * rustix::param::clock_ticks_per_second();
        let stat = format!("7 (a) b (c) S 1{} {ticks} 0", " 0".repeat(17));
        assert_eq!(started_at(&stat, 1.0), Some(Timestamp(101_000)));
    }

    #[test]
    fn cpu_times_leave_out_the_total() {
        let stat =
            "cpu  30 0 0 0\ncpu0 100 2 30 400 5 6 7 8 0 0\ncpu1 200 0 0 0 0 0 0 0 0 0\nintr 1\n";
        let times = parse_cpu_times(stat, 100.0);
        assert_eq!(times.len(), 2);
        assert_eq!(
            times[0],
            CpuTimes {
                user: 1.0,
                nice: 0.02,
                system: 0.3,
                idle: 4.0,
                iowait: 0.05,
                irq: 0.06,
                softirq: 0.07,
                steal: 0.08,
            }
        );
    }
}
