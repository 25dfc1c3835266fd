//! A real Prometheus scrapes the exporter.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use testbed::tools;

use crate::support::{Prometheus, eventually, shared_exporter};

#[tokio::test(flavor = "multi_thread")]
async fn both_release_lines_of_prometheus_store_every_metric() {
    let workspace = shared_exporter(&[]).await;
    for version in [tools::PROMETHEUS_2, tools::PROMETHEUS_3] {
        // JSON is YAML.
        let configuration = json!({
            "global": { "scrape_interval": "1s" },
            "scrape_configs": [{
                "job_name": "rocketchat-exporter",
                "static_configs": [{ "targets": [workspace.exporter.address()] }],
            }],
        });
        let prometheus = Prometheus::start(version, &configuration.to_string()).await;
        let up = eventually("the exporter is scraped", || {
            let series = prometheus.query("rocketchat_up").expect("it is a query");
            series.into_iter().next()
        })
        .await;
        assert_eq!(
            (&*up.labels["job"], up.points[0].1),
            ("rocketchat-exporter", 1.0)
        );
        let targets = prometheus.ask("targets", &[]).expect("targets are listed");
        let target = &targets["activeTargets"][0];
        assert_eq!(
            (&target["health"], &target["lastError"]),
            (&json!("up"), &json!(""))
        );
        // A scrape brings series that tell of the one before, so the first may lack some.
        eventually("Prometheus takes as many series as there are", || {
            let lines = workspace.exporter.metrics();
            let lines = lines.lines().filter(|line| !line.starts_with('#')).count();
            let taken = prometheus.query("scrape_samples_post_metric_relabeling");
            let taken = taken.expect("it is a query").first()?.points[0].1;
            (taken.to_string() == lines.to_string()).then_some(())
        })
        .await;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO).as_secs_f64();
        let rooms = prometheus
            .query_range("sum by (kind) (rocketchat_rooms)", (now - 5.0, now), 1.0)
            .expect("it is a query");
        assert!(
            rooms
                .iter()
                .any(|series| series.labels["kind"] == "channel"),
            "{rooms:?}"
        );
        let complaint = prometheus.query("rate(rocketchat_rooms)");
        assert!(complaint.is_err_and(|error| error.contains("range vector")));
    }
}
