//! Connection strings as Rocket.Chat takes them: what this exporter cannot do is left out with a warning where a
//! connection works without it, and is refused in words where it does not.

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

/// The driver's own limits of `maxStalenessSeconds`, and its time between two looks at a server.
const LEAST_STALENESS: Duration = Duration::from_secs(90);
const STALENESS_BEYOND_HEARTBEAT: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The least time between two looks at a server that the driver takes.
const LEAST_HEARTBEAT_MS: u64 = 500;

/// A connection string that the driver takes.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionString {
    text: Secret,
    warnings: Vec<String>,
    /// Why it can never work.
    impossible: Option<String>,
}

/// An option and its value, as they stand in the connection string.
struct Pair<'a> {
    name: &'static str,
    value: &'a str,
}

impl ConnectionString {
    /// Reads a connection string.
    ///
    /// # Errors
    /// When it is none, or has an option that cannot be done; the message has no secrets.
    pub fn parse(text: &Secret) -> Result<Self, String> {
        Self::read(text.reveal()).map_err(|message| text.redact(&message))
    }

    fn read(text: &str) -> Result<Self, String> {
        // As in every URL: what surrounds it and breaks of lines in it are no part of it.
        let text: String = text.trim().split(['\r', '\n', '\t']).collect();
        let start = text.find("://").map_or(0, |it| it + "://".len());
        let (address, options) = match text[start..].split_once('?') {
            Some((address, options)) => (&text[..start + address.len()], options),
            None => (text.as_str(), ""),
        };
        let mut warnings = Vec::new();
        let options = taken(&pairs(options)?, &mut warnings)?;
        let text = if options.is_empty() {
            address.to_owned()
        } else {
            format!("{address}?{}", options.join("&"))
        };
        let parsed = Parsed::parse(&text).map_err(|error| of_driver(&error))?;
        Ok(Self {
            text: Secret::new(text),
            warnings,
            impossible: impossible(&parsed),
        })
    }

    /// What the driver is given.
    pub fn secret(&self) -> &Secret {
        &self.text
    }

    /// What it says that is not done, each with what that means.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why it can never work, as long as it and the files that it names stay as they are. Reads these files.
    pub fn problem(&self) -> Option<String> {
        let of_files = || tls_files::problem(&self.tls()?);
        let problem = self.impossible.clone().or_else(of_files);
        problem.map(|it| self.text.redact(&it))
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

    /// What the driver reads in it; always something, since it was read before.
    pub fn parsed(&self) -> Option<Parsed> {
        Parsed::parse(self.text.reveal()).ok()
    }
}

/// The options of a connection string.
fn pairs(options: &str) -> Result<Vec<Pair<'_>>, String> {
    let mut pairs: Vec<Pair> = Vec::new();
    for pair in options.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("the option `{pair}` has no value"))?;
        let Some((name, _)) = options::find(name) else {
            let similar = options::similar(name);
            let advice = similar.map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
            return Err(format!("there is no option `{name}`{advice}"));
        };
        if name != "readPreferenceTags" && pairs.iter().any(|it| it.name == name) {
            return Err(format!(
                "the option `{name}` is given twice; keep one of them"
            ));
        }
        pairs.push(Pair { name, value });
    }
    Ok(pairs)
}

/// The options that the driver is given, and a warning for each that is left out and missed.
fn taken(pairs: &[Pair], warnings: &mut Vec<String>) -> Result<Vec<String>, String> {
    let truth = |name: &str| {
        let pair = pairs.iter().find(|it| it.name == name);
        pair.map(|it| truth_value(name, it.value)).transpose()
    };
    let (tls, ssl) = (truth("tls")?, truth("ssl")?);
    if tls.is_some() && ssl.is_some() && tls != ssl {
        return Err("`tls` and `ssl` contradict each other; keep one of them".to_owned());
    }
    let is_plain = tls.or(ssl) == Some(false);
    let trusts_all = truth("tlsAllowInvalidCertificates")? == Some(true)
        || truth("tlsInsecure")? == Some(true)
        || truth("sslValidate")? == Some(false)
        || truth("rejectUnauthorized")? == Some(false);
    let mut taken = Vec::new();
    if let Some(encrypts) = tls.or(ssl) {
        taken.push(format!("tls={encrypts}"));
    }
    if trusts_all && !is_plain {
        taken.push("tlsAllowInvalidCertificates=true".to_owned());
    }
    for Pair { name, value } in pairs {
        let (name, value) = (*name, *value);
        if is_plain && (name.starts_with("tlsC") || name.starts_with("sslC")) {
            warnings.push(format!("`{name}`: nothing is encrypted with tls=false"));
            continue;
        }
        let treatment = options::find(name).map(|(_, it)| it);
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
                if truth(name)? == Some(true) && !trusts_all && !is_plain {
                    return Err("`tlsAllowInvalidHostnames` cannot be done: a certificate and its name are checked together; address the server by a name that its certificate has, or make one with the right name in subjectAltName, or give tlsAllowInvalidCertificates=true, which checks neither".to_owned());
                }
            }
            ("compressors", _) if value.eq_ignore_ascii_case("none") => {}
            ("authMechanism", _) => taken.extend(mechanism(value)?),
            ("heartbeatFrequencyMS", _)
                if value.parse().is_ok_and(|it: u64| it < LEAST_HEARTBEAT_MS) =>
            {
                warnings.push(format!("`{name}`: {LEAST_HEARTBEAT_MS} is the least"));
                taken.push(format!("{name}={LEAST_HEARTBEAT_MS}"));
            }
            (_, Some(Treatment::Taken)) => taken.push(format!("{name}={value}")),
            (_, Some(Treatment::Boolean)) => {
                taken.push(format!("{name}={}", truth_value(name, value)?));
            }
            (_, Some(Treatment::Renamed(known))) => taken.push(format!("{known}={value}")),
            (_, Some(Treatment::LeftOut(meaning))) => warnings.push(format!("`{name}`: {meaning}")),
            (_, Some(Treatment::Refused(reason))) => {
                return Err(format!("`{name}` cannot be done: {reason}"));
            }
            (_, Some(Treatment::Needless) | None) => {}
        }
    }
    Ok(taken)
}

/// What the Node driver takes for true and for false, in its newer and older versions.
fn truth_value(name: &str, value: &str) -> Result<bool, String> {
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
            "`authMechanism={value}` cannot be done; expected SCRAM-SHA-1, SCRAM-SHA-256, MONGODB-X509, PLAIN or MONGODB-OIDC"
        )),
    }
}

/// What the driver says of a connection string, without its preface.
fn of_driver(error: &mongodb::error::Error) -> String {
    use mongodb::error::ErrorKind;
    match &*error.kind {
        ErrorKind::InvalidArgument { message, .. } => message.clone(),
        kind => kind.to_string(),
    }
}

/// Why a connection string that the driver takes can never work.
fn impossible(parsed: &Parsed) -> Option<String> {
    let hosts = match &parsed.host_info {
        HostInfo::HostIdentifiers(hosts) => hosts.len(),
        _ => 1,
    };
    let is_direct = parsed.direct_connection == Some(true);
    if is_direct && hosts > 1 {
        return Some(format!(
            "directConnection=true asks a single server, and {hosts} are named; name one, or leave directConnection out"
        ));
    }
    if parsed.load_balanced == Some(true) {
        let other = if hosts > 1 {
            Some("several servers")
        } else if parsed.replica_set.is_some() {
            Some("replicaSet")
        } else {
            is_direct.then_some("directConnection=true")
        };
        if let Some(other) = other {
            return Some(format!(
                "loadBalanced=true and {other} exclude each other; leave loadBalanced out, unless there is a load balancer for MongoDB"
            ));
        }
    }
    let staleness = match &parsed.read_preference {
        Some(
            ReadPreference::Secondary { options }
            | ReadPreference::PrimaryPreferred { options }
            | ReadPreference::SecondaryPreferred { options }
            | ReadPreference::Nearest { options },
        ) => options.as_ref().and_then(|it| it.max_staleness),
        _ => None,
    };
    let heartbeat = parsed.heartbeat_frequency.unwrap_or(HEARTBEAT);
    let least = LEAST_STALENESS.max(heartbeat + STALENESS_BEYOND_HEARTBEAT);
    if let Some(given) = staleness.filter(|it| *it < least) {
        return Some(format!(
            "maxStalenessSeconds={} is too small; the least is {}, or -1 for any",
            given.as_secs(),
            least.as_secs()
        ));
    }
    if let Some(concern) = &parsed.read_concern
        && let ReadConcernLevel::Custom(level) = &concern.level
    {
        return Some(format!(
            "readConcernLevel=`{level}` is none; expected local, available, majority, linearizable or snapshot"
        ));
    }
    let credential = parsed.credential.as_ref()?;
    let needs_password = !matches!(
        credential.mechanism,
        Some(AuthMechanism::MongoDbX509 | AuthMechanism::MongoDbOidc)
    );
    if needs_password && credential.username.is_some() && credential.password.is_none() {
        return Some(
            "the connection string names a user without a password; give it with --mongodb.password-file, or behind the user's name".to_owned(),
        );
    }
    let has_certificate = matches!(
        &parsed.tls,
        Some(Tls::Enabled(options)) if options.cert_key_file_path.is_some()
    );
    if credential.mechanism == Some(AuthMechanism::MongoDbX509) && !has_certificate {
        return Some(
            "authMechanism=MONGODB-X509 logs in with a certificate, and none is named; name it with tlsCertificateKeyFile".to_owned(),
        );
    }
    None
}
