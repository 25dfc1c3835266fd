//! Connection strings as Rocket.Chat's driver accepts them. Options that are not supported here are dropped, with a warning
//! where that matters; those that a connection cannot do without are rejected.

mod options;
#[cfg(test)]
mod tests;
mod tls_files;

use std::path::PathBuf;
use std::time::Duration;

use mongodb::options::{
    AuthMechanism, ConnectionString as Parsed, HostInfo, ReadConcernLevel, ReadPreference, Tls,
    TlsOptions,
};

use options::Treatment;

use crate::secret::Secret;

/// The driver's limits of `maxStalenessSeconds`, and its default interval of heartbeats.
const MIN_STALENESS: Duration = Duration::from_secs(90);
const STALENESS_BEYOND_HEARTBEAT: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The driver's shortest interval of heartbeats.
const MIN_HEARTBEAT_MS: u64 = 500;

/// A connection string that the driver accepts.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionString {
    text: Secret,
    warnings: Vec<String>,
    /// Why it can never work.
    impossible: Option<String>,
}

/// An option and its value in the connection string.
struct UriOption<'a> {
    name: &'static str,
    value: &'a str,
}

impl ConnectionString {
    /// Parses a connection string.
    ///
    /// # Errors
    /// When it is malformed, or has an unsupported option. The message has no secrets.
    pub fn parse(text: &Secret) -> Result<Self, String> {
        Self::read(text.reveal()).map_err(|message| text.redact(&message))
    }

    fn read(text: &str) -> Result<Self, String> {
        // As in every URL, surrounding whitespace and line breaks are removed.
        let text: String = text.trim().split(['\r', '\n', '\t']).collect();
        let start = text.find("://").map_or(0, |start| start + "://".len());
        let (address, options) = match text[start..].split_once('?') {
            Some((address, options)) => (&text[..start + address.len()], options),
            None => (text.as_str(), ""),
        };
        let mut warnings = Vec::new();
        let options = driver_options(&pairs(options)?, &mut warnings)?;
        let text = if options.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", options.join("&"))
        };
        let parsed = Parsed::parse(&text).map_err(|error| driver_message(&error))?;
        Ok(Self {
            text: Secret::new(text),
            warnings,
            impossible: impossible(&parsed),
        })
    }

    /// The text for the driver.
    pub fn secret(&self) -> &Secret {
        &self.text
    }

    /// The options that have no effect, each with the consequence.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why it can never work with its files as they are. Reads the files.
    pub fn problem(&self) -> Option<String> {
        let of_files = || tls_files::problem(&self.tls()?);
        let problem = self.impossible.clone().or_else(of_files);
        problem.map(|problem| self.text.redact(&problem))
    }

    /// The files that it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let Some(tls) = self.tls() else {
            return Vec::new();
        };
        let files = [tls.ca_file_path, tls.cert_key_file_path];
        files.into_iter().flatten().collect()
    }

    fn tls(&self) -> Option<TlsOptions> {
        match self.parsed()?.tls {
            Some(Tls::Enabled(options)) => Some(options),
            _ => None,
        }
    }

    /// As the driver parses it; never `None`, since it was parsed before.
    pub fn parsed(&self) -> Option<Parsed> {
        Parsed::parse(self.text.reveal()).ok()
    }
}

/// The options of a connection string.
fn pairs(options: &str) -> Result<Vec<UriOption<'_>>, String> {
    let mut pairs: Vec<UriOption> = Vec::new();
    for pair in options.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("the option `{pair}` has no value"))?;
        let Some((name, _)) = options::find(name) else {
            let similar = options::similar(name);
            let advice = similar.map_or_else(String::new, |similar| {
                format!("; did you mean `{similar}`?")
            });
            return Err(format!("there is no option `{name}`{advice}"));
        };
        if name != "readPreferenceTags" && pairs.iter().any(|pair| pair.name == name) {
            return Err(format!(
                "the option `{name}` is set twice; keep one of them"
            ));
        }
        pairs.push(UriOption { name, value });
    }
    Ok(pairs)
}

/// The options for the driver. Adds a warning for each that is dropped but matters.
fn driver_options(pairs: &[UriOption], warnings: &mut Vec<String>) -> Result<Vec<String>, String> {
    let boolean = |name: &str| {
        let pair = pairs.iter().find(|pair| pair.name == name);
        pair.map(|pair| parse_boolean(name, pair.value)).transpose()
    };
    let (tls, ssl) = (boolean("tls")?, boolean("ssl")?);
    if tls.is_some() && ssl.is_some() && tls != ssl {
        return Err("`tls` and `ssl` contradict each other; keep one of them".to_owned());
    }
    let is_plain = tls.or(ssl) == Some(false);
    let trusts_all = boolean("tlsAllowInvalidCertificates")? == Some(true)
        || boolean("tlsInsecure")? == Some(true)
        || boolean("sslValidate")? == Some(false)
        || boolean("rejectUnauthorized")? == Some(false);
    let mut accepted = Vec::new();
    if let Some(encrypts) = tls.or(ssl) {
        accepted.push(format!("tls={encrypts}"));
    }
    if trusts_all && !is_plain {
        accepted.push("tlsAllowInvalidCertificates=true".to_owned());
    }
    for UriOption { name, value } in pairs {
        let (name, value) = (*name, *value);
        if is_plain && (name.starts_with("tlsC") || name.starts_with("sslC")) {
            warnings.push(format!("`{name}` has no effect with tls=false"));
            continue;
        }
        let treatment = options::find(name).map(|(_, treatment)| treatment);
        match (name, treatment) {
            // Above.
            (
                "tls"
                | "ssl"
                | "tlsAllowInvalidCertificates"
                | "tlsInsecure"
                | "sslValidate"
                | "rejectUnauthorized",
                _,
            ) => {}
            ("tlsAllowInvalidHostnames", _) => {
                if boolean(name)? == Some(true) && !trusts_all && !is_plain {
                    return Err("`tlsAllowInvalidHostnames` is not supported: a certificate and its name are checked together; use a name that the server's certificate has, or issue one with the right name in subjectAltName, or set tlsAllowInvalidCertificates=true, which checks neither".to_owned());
                }
            }
            ("compressors", _) if value.eq_ignore_ascii_case("none") => {}
            ("authMechanism", _) => accepted.extend(mechanism(value)?),
            ("heartbeatFrequencyMS", _)
                if value
                    .parse()
                    .is_ok_and(|milliseconds: u64| milliseconds < MIN_HEARTBEAT_MS) =>
            {
                warnings.push(format!(
                    "`{name}`: raised to the minimum, {MIN_HEARTBEAT_MS}"
                ));
                accepted.push(format!("{name}={MIN_HEARTBEAT_MS}"));
            }
            (_, Some(Treatment::Supported)) => accepted.push(format!("{name}={value}")),
            (_, Some(Treatment::Boolean)) => {
                accepted.push(format!("{name}={}", parse_boolean(name, value)?));
            }
            (_, Some(Treatment::Renamed(known))) => accepted.push(format!("{known}={value}")),
            (_, Some(Treatment::Warned(meaning))) => warnings.push(format!("`{name}`: {meaning}")),
            (_, Some(Treatment::Rejected(reason))) => {
                return Err(format!("`{name}` is not supported: {reason}"));
            }
            (_, Some(Treatment::Ignored) | None) => {}
        }
    }
    Ok(accepted)
}

/// The boolean values of the Node driver's newer and older versions.
fn parse_boolean(name: &str, value: &str) -> Result<bool, String> {
    match value.to_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "0" | "-1" => Ok(false),
        _ => Err(format!("`{name}={value}`: expected `true` or `false`")),
    }
}

fn mechanism(value: &str) -> Result<Option<String>, String> {
    match value.to_uppercase().as_str() {
        "DEFAULT" => Ok(None),
        known @ ("SCRAM-SHA-1" | "SCRAM-SHA-256" | "MONGODB-X509" | "PLAIN" | "MONGODB-OIDC") => {
            Ok(Some(format!("authMechanism={known}")))
        }
        _ => Err(format!(
            "`authMechanism={value}` is not supported; expected SCRAM-SHA-1, SCRAM-SHA-256, MONGODB-X509, PLAIN or MONGODB-OIDC"
        )),
    }
}

/// The driver's message about a connection string, without its prefix.
fn driver_message(error: &mongodb::error::Error) -> String {
    use mongodb::error::ErrorKind;
    match &*error.kind {
        ErrorKind::InvalidArgument { message, .. } => message.clone(),
        kind => kind.to_string(),
    }
}

/// Why a connection string that the driver accepts can never work.
fn impossible(parsed: &Parsed) -> Option<String> {
    let hosts = match &parsed.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.len(),
        _ => 1,
    };
    let is_direct = parsed.direct_connection == Some(true);
    if is_direct && hosts > 1 {
        return Some(format!(
            "directConnection=true needs a single host, but the connection string has {hosts}; keep one, or remove directConnection"
        ));
    }
    if parsed.load_balanced == Some(true) {
        let other = if hosts > 1 {
            Some("several hosts")
        } else if parsed.replica_set.is_some() {
            Some("replicaSet")
        } else {
            is_direct.then_some("directConnection=true")
        };
        if let Some(other) = other {
            return Some(format!(
                "loadBalanced=true and {other} are mutually exclusive; remove loadBalanced unless there is a load balancer for MongoDB"
            ));
        }
    }
    let staleness = match &parsed.read_preference {
        Some(
            ReadPreference::Secondary { options }
            | ReadPreference::PrimaryPreferred { options }
            | ReadPreference::SecondaryPreferred { options }
            | ReadPreference::Nearest { options },
        ) => options.as_ref().and_then(|options| options.max_staleness),
        _ => None,
    };
    let heartbeat = parsed.heartbeat_frequency.unwrap_or(HEARTBEAT);
    let min = MIN_STALENESS.max(heartbeat + STALENESS_BEYOND_HEARTBEAT);
    if let Some(given) = staleness.filter(|given| *given < min) {
        return Some(format!(
            "maxStalenessSeconds={} is too small; the minimum is {}, or -1 for no limit",
            given.as_secs(),
            min.as_secs()
        ));
    }
    if let Some(concern) = &parsed.read_concern
        && let ReadConcernLevel::Custom(level) = &concern.level
    {
        return Some(format!(
            "readConcernLevel=`{level}` is not valid; expected local, available, majority, linearizable or snapshot"
        ));
    }
    let credential = parsed.credential.as_ref()?;
    let needs_password = !matches!(
        credential.mechanism,
        Some(AuthMechanism::MongoDbX509 | AuthMechanism::MongoDbOidc)
    );
    if needs_password && credential.username.is_some() && credential.password.is_none() {
        return Some(
            "the connection string names a user without a password; set it with --mongodb.password-file, or after the user name".to_owned(),
        );
    }
    let has_certificate = matches!(
        &parsed.tls,
        Some(Tls::Enabled(options)) if options.cert_key_file_path.is_some()
    );
    if credential.mechanism == Some(AuthMechanism::MongoDbX509) && !has_certificate {
        return Some(
            "authMechanism=MONGODB-X509 needs a client certificate; set tlsCertificateKeyFile"
                .to_owned(),
        );
    }
    None
}
