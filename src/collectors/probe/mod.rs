//! Rocket.Chat itself, as people reach it: `GET /api/info` and the websocket at `--rocketchat.url`.

pub mod comparison;
pub mod query;

use std::borrow::Cow;

use crate::catalogue::{
    CheckOutcome, CollectorDefinition, Metric, Quantity, Read, Sample, SectionDefinition,
    ServerBuild, Tier, Timestamp, TokenStatus, instant, state,
};

/// The newest probe. A probe that fails is a successful reading.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// The URL.
    pub url: String,
    /// `GET /api/info`.
    pub info: CheckOutcome,
    /// The websocket, with the handshake of DDP.
    pub websocket: CheckOutcome,
    /// When the first of the certificates expires that the server sent.
    pub certificate_expiry: Option<Timestamp>,
    /// The version that Rocket.Chat reports.
    pub version: Option<String>,
    /// Whether that version differs from the database's; `None` where they cannot be compared.
    pub version_differs: Option<bool>,
    /// The build that Rocket.Chat reports, with a token that may see it.
    pub build: Option<ServerBuild>,
    /// Whether the token may see the build; `None` without a token.
    pub token: Option<TokenStatus>,
}

impl Probe {
    /// The checks by the values of the label `check`.
    pub fn checks(&self) -> [(&'static str, &CheckOutcome); 2] {
        [("info", &self.info), ("websocket", &self.websocket)]
    }

    fn of_each(&self, read: impl Fn(&CheckOutcome) -> Option<f64>) -> Vec<Sample> {
        let checks = self.checks().into_iter();
        checks
            .filter_map(|(name, check)| Some(Sample::of(name, read(check)?)))
            .collect()
    }
}

pub const COLLECTOR: CollectorDefinition = CollectorDefinition {
    name: "probe",
    tier: Tier::Normal,
    rank: 255,
    privileges: &[],
    minimal_metrics: &["rocketchat_probe_success"],
    ..CollectorDefinition::DEFAULT
};

pub const SECTION: SectionDefinition<Probe> = SectionDefinition {
    title: "Probe",
    metrics: &[
        Metric {
            name: "rocketchat_probe_success",
            help: "Whether Rocket.Chat answers at --rocketchat.url: the request for /api/info, and connect on the websocket.",
            source: "GET /api/info; the websocket",
            quantity: Quantity::State,
            read: Read::By(&["check"], |probe| {
                probe.of_each(|check| Some(state(check.failure.is_none())))
            }),
        },
        Metric {
            name: "rocketchat_probe_failing",
            help: "Why a check of the probe fails; absent while it succeeds.",
            source: "GET /api/info; the websocket",
            quantity: Quantity::State,
            read: Read::By(&["check", "reason"], |probe| {
                let failures = probe.checks().into_iter().filter_map(|(name, check)| {
                    let failure = check.failure.as_ref()?;
                    Some(Sample {
                        labels: vec![name.into(), failure.kind.name().into()],
                        value: 1.0,
                    })
                });
                failures.collect()
            }),
        },
        Metric {
            name: "rocketchat_probe_duration_seconds",
            help: "How long a check of the probe took, from name resolution to the end, successful or not.",
            source: "GET /api/info; the websocket",
            quantity: Quantity::Seconds,
            read: Read::By(&["check"], |probe| {
                probe.of_each(|check| Some(check.duration.as_secs_f64()))
            }),
        },
        Metric {
            name: "rocketchat_probe_http_status_code",
            help: "Status of the HTTP response to a check of the probe: 200 for info and 101 for the websocket are expected. Absent without a response.",
            source: "GET /api/info; the websocket",
            quantity: Quantity::Number,
            read: Read::By(&["check"], |probe| {
                probe.of_each(|check| check.status.map(f64::from))
            }),
        },
        Metric {
            name: "rocketchat_probe_certificate_expiry_timestamp_seconds",
            help: "When the first of the certificates expires that the server at --rocketchat.url sends, also where they are refused. Absent without TLS.",
            source: "the certificates of the TLS handshake: earliest notAfter",
            quantity: Quantity::Instant,
            read: Read::One(|probe| instant(probe.certificate_expiry)),
        },
        Metric {
            name: "rocketchat_probe_version_differs",
            help: "Whether the version that Rocket.Chat reports is of an earlier release line than the database's migrations, or of another one than a statistics document that was stored since all running instances started.",
            source: "GET /api/info; migrations control, version; rocketchat_statistics, newest version and createdAt; instances _createdAt",
            quantity: Quantity::State,
            read: Read::One(|probe| probe.version_differs.map(state)),
        },
        Metric {
            name: "rocketchat_probe_token_accepted",
            help: "Whether Rocket.Chat shows its build to the user of --rocketchat.token-file. Absent without a token, and while /api/info fails.",
            source: "GET /api/info",
            quantity: Quantity::State,
            read: Read::One(|probe| match probe.token.as_ref()? {
                TokenStatus::Accepted => Some(state(true)),
                TokenStatus::Refused | TokenStatus::Unreadable(_) => Some(state(false)),
                TokenStatus::Untried => None,
            }),
        },
        Metric {
            name: "rocketchat_build_info",
            help: "The build of Rocket.Chat as it reports it itself. Absent without a token.",
            source: "GET /api/info with the token: version, info.commit, info.build",
            quantity: Quantity::Info,
            read: Read::By(
                &[
                    "version",
                    "commit",
                    "commit_date",
                    "tag",
                    "branch",
                    "build_date",
                ],
                |probe| {
                    let Some(build) = &probe.build else {
                        return Vec::new();
                    };
                    let labels = [
                        &probe.version,
                        &build.hash,
                        &build.date,
                        &build.tag,
                        &build.branch,
                        &build.built_at,
                    ];
                    let labels = labels.map(|text| Cow::from(text.clone().unwrap_or_default()));
                    vec![Sample {
                        labels: labels.into(),
                        value: 1.0,
                    }]
                },
            ),
        },
    ],
    fields: &[],
};
