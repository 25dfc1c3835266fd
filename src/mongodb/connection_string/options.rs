//! The options of connection strings and how each is treated: those of the Node driver, which Rocket.Chat uses, of its older
//! versions, and of the Rust driver.
//!
//! <https://www.mongodb.com/docs/drivers/node/current/connect/connection-options/>

use Treatment::{Boolean, Ignored, Rejected, Renamed, Supported, Warned};

/// How an option is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Passed to the driver.
    Supported,
    /// Passed to the driver as a boolean.
    Boolean,
    /// Passed to the driver under another name.
    Renamed(&'static str),
    /// Dropped: it is about writes, or about the Node driver itself.
    Ignored,
    /// Dropped with a warning, which has the consequence.
    Warned(&'static str),
    /// Rejected with this reason, because the connection would not be as intended.
    Rejected(&'static str),
}

const QUERY_TIMEOUT: &str = "--mongodb.query-timeout applies";
const CONNECT_TIMEOUT: &str = "--mongodb.connect-timeout applies";
const MAX_CONNECTIONS: &str = "--mongodb.max-connections applies";
const COMPRESSION: &str = "replies are not compressed";
const REVOCATION: &str = "revocation is not checked";
const TWO_FILES: &str =
    "put the certificate and its key into one file, and set tlsCertificateKeyFile to it";
const PROXY: &str =
    "SOCKS5 proxies are not supported; use an address that is reachable without one";
const ENCRYPTION: &str = "encrypted fields are not decrypted";

/// Every option, in alphabetical order.
pub const OPTIONS: &[(&str, Treatment)] = &[
    ("appName", Ignored),
    ("authMechanism", Supported),
    ("authMechanismProperties", Supported),
    ("authSource", Supported),
    ("autoEncryption", Warned(ENCRYPTION)),
    ("autoReconnect", Ignored),
    ("autoSelectFamily", Ignored),
    ("autoSelectFamilyAttemptTimeout", Ignored),
    ("bsonRegExp", Ignored),
    ("bufferMaxEntries", Ignored),
    ("checkKeys", Ignored),
    ("compressors", Warned(COMPRESSION)),
    ("connectTimeoutMS", Warned(CONNECT_TIMEOUT)),
    ("dbName", Warned("--mongodb.database applies")),
    ("directConnection", Boolean),
    ("domainsEnabled", Ignored),
    ("enableUtf8Validation", Ignored),
    ("family", Warned("addresses of both families are tried")),
    ("fieldsAsRaw", Ignored),
    ("forceServerObjectId", Ignored),
    ("fsync", Ignored),
    ("ha", Ignored),
    ("haInterval", Ignored),
    ("heartbeatFrequencyMS", Supported),
    ("ignoreUndefined", Ignored),
    ("j", Ignored),
    ("journal", Ignored),
    ("keepAlive", Ignored),
    ("keepAliveInitialDelay", Ignored),
    ("loadBalanced", Boolean),
    ("localThresholdMS", Supported),
    ("logger", Ignored),
    ("loggerLevel", Ignored),
    ("maxConnecting", Ignored),
    ("maxIdleTimeMS", Supported),
    ("maxPoolSize", Warned(MAX_CONNECTIONS)),
    ("maxStalenessSeconds", Supported),
    ("minHeartbeatFrequencyMS", Ignored),
    ("minInternalBufferSize", Ignored),
    ("minPoolSize", Warned(MAX_CONNECTIONS)),
    ("minSize", Warned(MAX_CONNECTIONS)),
    ("mongodbLogMaxDocumentLength", Ignored),
    ("mongodbLogPath", Ignored),
    ("monitorCommands", Ignored),
    ("monitoring", Ignored),
    ("noDelay", Ignored),
    ("numberOfRetries", Ignored),
    ("pkFactory", Ignored),
    ("poolSize", Warned(MAX_CONNECTIONS)),
    ("promiseLibrary", Ignored),
    ("promoteBuffers", Ignored),
    ("promoteLongs", Ignored),
    ("promoteValues", Ignored),
    ("proxyHost", Rejected(PROXY)),
    ("proxyPassword", Rejected(PROXY)),
    ("proxyPort", Rejected(PROXY)),
    ("proxyUsername", Rejected(PROXY)),
    ("raw", Ignored),
    ("readConcernLevel", Supported),
    ("readPreference", Supported),
    ("readPreferenceTags", Supported),
    ("reconnectInterval", Ignored),
    ("reconnectTries", Ignored),
    ("rejectUnauthorized", Boolean),
    ("replicaSet", Supported),
    ("retryReads", Boolean),
    ("retryWrites", Ignored),
    ("safe", Ignored),
    ("serializeFunctions", Ignored),
    ("serverMonitoringMode", Ignored),
    ("serverSelectionTimeoutMS", Warned(CONNECT_TIMEOUT)),
    ("slaveOk", Warned("readPreference applies")),
    ("socketTimeoutMS", Warned(QUERY_TIMEOUT)),
    ("srvMaxHosts", Supported),
    ("srvServiceName", Supported),
    ("ssl", Boolean),
    ("sslCA", Renamed("tlsCAFile")),
    ("sslCert", Rejected(TWO_FILES)),
    ("sslCRL", Warned(REVOCATION)),
    ("sslKey", Rejected(TWO_FILES)),
    ("sslPass", Renamed("tlsCertificateKeyFilePassword")),
    ("sslValidate", Boolean),
    ("timeoutMS", Warned(QUERY_TIMEOUT)),
    ("tls", Boolean),
    ("tlsAllowInvalidCertificates", Boolean),
    ("tlsAllowInvalidHostnames", Boolean),
    ("tlsCAFile", Supported),
    ("tlsCertificateFile", Rejected(TWO_FILES)),
    ("tlsCertificateKeyFile", Supported),
    ("tlsCertificateKeyFilePassword", Supported),
    ("tlsCRLFile", Warned(REVOCATION)),
    ("tlsDisableCertificateRevocationCheck", Ignored),
    ("tlsDisableOCSPEndpointCheck", Ignored),
    ("tlsInsecure", Boolean),
    ("useBigInt64", Ignored),
    ("useNewUrlParser", Ignored),
    ("useUnifiedTopology", Ignored),
    ("uuidRepresentation", Ignored),
    ("w", Ignored),
    ("waitQueueTimeoutMS", Warned(QUERY_TIMEOUT)),
    ("wtimeout", Ignored),
    ("wtimeoutMS", Ignored),
    ("zlibCompressionLevel", Ignored),
];

/// Finds an option by its name in any case.
pub fn find(name: &str) -> Option<(&'static str, Treatment)> {
    let mut options = OPTIONS.iter().copied();
    options.find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// A supported option that differs from a misspelt name by at most two letters.
pub fn similar(name: &str) -> Option<&'static str> {
    let options = OPTIONS.iter().copied();
    let useful = options.filter(|(_, treatment)| matches!(treatment, Supported | Boolean));
    useful
        .map(|(known, _)| {
            (
                strsim::levenshtein(&known.to_lowercase(), &name.to_lowercase()),
                known,
            )
        })
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_sorted_and_unique() {
        for pair in OPTIONS.windows(2) {
            let [one, next] = [pair[0].0, pair[1].0].map(str::to_lowercase);
            assert!(one < next, "{one} before {next}");
        }
        for (name, treatment) in OPTIONS {
            if let Renamed(known) = *treatment {
                assert_eq!(find(known), Some((known, Supported)), "{name}");
            }
        }
    }

    #[test]
    fn misspelt_option_is_recognized() {
        assert_eq!(similar("authsourc"), Some("authSource"));
        assert_eq!(similar("replicaSets"), Some("replicaSet"));
        assert_eq!(similar("foo"), None);
        assert_eq!(similar("compressor"), None);
    }
}
