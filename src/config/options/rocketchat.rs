//! `rocketchat.*`: what cannot be read from a workspace's database.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Deserialize;

use super::deserialize;
use crate::catalogue::NamedVersion;
use crate::secret::Secret;

/// `rocketchat.*`
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RocketchatOptions {
    /// Version of Rocket.Chat whose statistics document is served.
    ///
    /// [default: the one that Rocket.Chat reports at `--rocketchat.url`, else that of the newest stored document, or the first
    /// version with the database's migration if that is later or no document is stored]
    #[arg(
        long = "rocketchat.version",
        value_name = "VERSION",
        id = "rocketchat_version"
    )]
    #[serde(deserialize_with = "deserialize::version")]
    pub version: Option<NamedVersion>,

    /// Accept `query` and `fields` in the list of stored statistics for 7.0 to 8.x, as Rocket.Chat does with
    /// ALLOW_UNSAFE_QUERY_AND_FIELDS_API_PARAMS; for earlier versions they are always accepted.
    ///
    /// Rocket.Chat 9.0 removed both parameters, so the flag has no effect from 9.0 on.
    ///
    /// [default: false]
    #[arg(
        long = "rocketchat.allow-unsafe-query-and-fields-api-params",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub allow_unsafe_query_and_fields_api_params: Option<bool>,

    /// Time zone of the Rocket.Chat server, such as `America/Sao_Paulo`; session statistics count its days.
    ///
    /// [default: the zone of this machine]
    #[arg(long = "rocketchat.timezone", value_name = "ZONE")]
    pub timezone: Option<String>,

    /// License modules of the workspace, such as `livechat-enterprise,auditing`; `*` means all.
    ///
    /// A setting that needs a missing module counts with its value for workspaces without it, as in Rocket.Chat.
    /// [default: the modules of the license in the workspace's settings, while it is valid]
    #[arg(
        long = "rocketchat.license-modules",
        value_name = "MODULES",
        value_delimiter = ','
    )]
    pub license_modules: Option<Vec<String>>,

    /// File with the public key of licenses, with which the exporter verifies the license's signature.
    ///
    /// It is the key in Rocket.Chat's source, as PEM or as base64 of the PEM. Licenses from before 6.5 can only be read
    /// with it.
    /// [default: none; the setting Enterprise_License_Status of Rocket.Chat decides]
    #[arg(long = "rocketchat.license-public-key-file", value_name = "FILE")]
    pub license_public_key_file: Option<PathBuf>,

    /// URL of Rocket.Chat, such as `https://chat.example.com`: the collector `probe` tries whether people can connect there,
    /// and `--web.enable-admin-api` sends licenses there.
    ///
    /// It should be the URL that people open. It is not needed to read the workspace.
    /// [default: none; no request is sent to Rocket.Chat]
    #[arg(long = "rocketchat.url", value_name = "URL", hide_env_values = true)]
    pub url: Option<Secret>,

    /// File with a user ID and a personal access token, separated by a space or a line break, with which the collector `probe`
    /// reads commit and build of Rocket.Chat.
    ///
    /// The user needs the permission view-statistics; before 6.5, the role admin. The file is read for each probe, and the
    /// token is sent to `--rocketchat.url` only.
    /// [default: none; the probe sends no login]
    #[arg(long = "rocketchat.token-file", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl RocketchatOptions {
    pub fn or(self, fallback: Self) -> Self {
        Self {
            version: self.version.or(fallback.version),
            allow_unsafe_query_and_fields_api_params: self
                .allow_unsafe_query_and_fields_api_params
                .or(fallback.allow_unsafe_query_and_fields_api_params),
            timezone: self.timezone.or(fallback.timezone),
            license_modules: self.license_modules.or(fallback.license_modules),
            license_public_key_file: self
                .license_public_key_file
                .or(fallback.license_public_key_file),
            url: self.url.or(fallback.url),
            token_file: self.token_file.or(fallback.token_file),
        }
    }
}
