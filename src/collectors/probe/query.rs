//! Probes Rocket.Chat.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;

use super::Probe;
use crate::catalogue::{FailureKind, TokenStatus};
use crate::collectors::snapshot::Snapshot;
use crate::mongodb::{QueryContext, SourceError};
use crate::rocketchat_client::probe::{CHECK_TIMEOUT, ProbeReport, probe};
use crate::rocketchat_client::{AdminLogin, RocketChatUrl, token_file};

/// Always fails: [`RocketChatSource`] probes Rocket.Chat, which is not MongoDB.
#[expect(
    clippy::unused_async,
    reason = "the signature of every collector's query"
)]
pub async fn read(_: &mut QueryContext<'_>, _: &Snapshot) -> Result<Probe, SourceError> {
    Err(SourceError::new(
        FailureKind::Other,
        "Rocket.Chat is not read from MongoDB",
    ))
}

/// Where Rocket.Chat is, and the login of the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RocketChatSource {
    /// The URL.
    pub url: RocketChatUrl,
    /// The file with the user ID and the token.
    pub token_file: Option<PathBuf>,
}

impl RocketChatSource {
    /// Maximum time of a probe: that of its checks, which run at once, and of reading files.
    pub const LIMIT: Duration = CHECK_TIMEOUT.saturating_mul(2);

    /// Probes Rocket.Chat. The file with the token is read each time, so that a new one is effective at once.
    pub async fn read(&self) -> Probe {
        let login = match self.token_file.clone() {
            None => None,
            Some(path) => {
                let read = spawn_blocking(move || token_file::read(&path)).await;
                let read = read.map_err(|error| error.to_string());
                Some(read.and_then(|login| login.map_err(|error| error.to_string())))
            }
        };
        let report = probe(
            &self.url,
            login.as_ref().and_then(|login| login.as_ref().ok()),
        )
        .await;
        self.section(login, report)
    }

    fn section(&self, login: Option<Result<AdminLogin, String>>, report: ProbeReport) -> Probe {
        let (version, build) = report
            .server
            .map(|server| (server.version, server.build))
            .unzip();
        let build = build.flatten();
        let token = match login {
            None => None,
            Some(Err(reason)) => Some(TokenStatus::Unreadable(Arc::from(reason))),
            Some(Ok(_)) if build.is_some() => Some(TokenStatus::Accepted),
            Some(Ok(_)) if version.is_some() => Some(TokenStatus::Refused),
            Some(Ok(_)) => Some(TokenStatus::Untried),
        };
        Probe {
            url: self.url.to_string(),
            info: report.info,
            websocket: report.websocket,
            certificate_expiry: report.certificate_expiry,
            version_differs: None,
            version,
            build,
            token,
        }
    }
}
