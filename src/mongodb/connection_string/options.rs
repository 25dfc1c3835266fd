//! What becomes of each option of a connection string: those of the Node driver, which Rocket.Chat uses, of its older
//! versions, and of the driver used here.
//!
//! <https://www.mongodb.com/docs/drivers/node/current/connect/connection-options/>

use Treatment::{Boolean, LeftOut, Needless, Refused, Renamed, Taken};

/// What becomes of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// The driver does it.
    Taken,
    /// The driver does it; its value is a truth value.
    Boolean,
    /// The driver does it under another name.
    Renamed(&'static str),
    /// It is left out, and nobody misses it: nothing is written here, or it is about the Node driver's own work.
    Needless,
    /// It is left out, and the warning says what that means.
    LeftOut(&'static str),
    /// It cannot be done, and a connection without it is not what was meant.
    Refused(&'static str),
}

const QUERY_TIMEOUT: &str = "--mongodb.query-timeout limits each query";
const CONNECT_TIMEOUT: &str = "--mongodb.connect-timeout counts";
const MAX_CONNECTIONS: &str = "--mongodb.max-connections counts";
const COMPRESSION: &str = "answers travel uncompressed";
const REVOCATION: &str = "revoked certificates are not looked for";
const TWO_FILES: &str =
    "put the certificate and its key into one file, and name it with tlsCertificateKeyFile";
const PROXY: &str = "connections through a SOCKS5 proxy cannot be made; give an address that is reached without one";
const ENCRYPTION: &str = "encrypted fields are not decrypted";

/// Each option by its name, in the order of the alphabet.
pub const OPTIONS: &[(&str, Treatment)] = &[
    ("appName", Needless),
    ("authMechanism", Taken),
    ("authMechanismProperties", Taken),
    ("authSource", Taken),
    ("autoEncryption", LeftOut(ENCRYPTION)),
    ("autoReconnect", Needless),
    ("autoSelectFamily", Needless),
    ("autoSelectFamilyAttemptTimeout", Needless),
    ("bsonRegExp", Needless),
    ("bufferMaxEntries", Needless),
    ("checkKeys", Needless),
    ("compressors", LeftOut(COMPRESSION)),
    ("connectTimeoutMS", LeftOut(CONNECT_TIMEOUT)),
    ("dbName", LeftOut("--mongodb.database names the database")),
    ("directConnection", Boolean),
    ("domainsEnabled", Needless),
    ("enableUtf8Validation", Needless),
    ("family", LeftOut("addresses of both families are tried")),
    ("fieldsAsRaw", Needless),
    ("forceServerObjectId", Needless),
    ("fsync", Needless),
    ("ha", Needless),
    ("haInterval", Needless),
    ("heartbeatFrequencyMS", Taken),
    ("ignoreUndefined", Needless),
    ("j", Needless),
    ("journal", Needless),
    ("keepAlive", Needless),
    ("keepAliveInitialDelay", Needless),
    ("loadBalanced", Boolean),
    ("localThresholdMS", Taken),
    ("logger", Needless),
    ("loggerLevel", Needless),
    ("maxConnecting", Needless),
    ("maxIdleTimeMS", Taken),
    ("maxPoolSize", LeftOut(MAX_CONNECTIONS)),
    ("maxStalenessSeconds", Taken),
    ("minHeartbeatFrequencyMS", Needless),
    ("minInternalBufferSize", Needless),
    ("minPoolSize", LeftOut(MAX_CONNECTIONS)),
    ("minSize", LeftOut(MAX_CONNECTIONS)),
    ("mongodbLogMaxDocumentLength", Needless),
    ("mongodbLogPath", Needless),
    ("monitorCommands", Needless),
    ("monitoring", Needless),
    ("noDelay", Needless),
    ("numberOfRetries", Needless),
    ("pkFactory", Needless),
    ("poolSize", LeftOut(MAX_CONNECTIONS)),
    ("promiseLibrary", Needless),
    ("promoteBuffers", Needless),
    ("promoteLongs", Needless),
    ("promoteValues", Needless),
    ("proxyHost", Refused(PROXY)),
    ("proxyPassword", Refused(PROXY)),
    ("proxyPort", Refused(PROXY)),
    ("proxyUsername", Refused(PROXY)),
    ("raw", Needless),
    ("readConcernLevel", Taken),
    ("readPreference", Taken),
    ("readPreferenceTags", Taken),
    ("reconnectInterval", Needless),
    ("reconnectTries", Needless),
    ("rejectUnauthorized", Boolean),
    ("replicaSet", Taken),
    ("retryReads", Boolean),
    ("retryWrites", Needless),
    ("safe", Needless),
    ("serializeFunctions", Needless),
    ("serverMonitoringMode", Needless),
    ("serverSelectionTimeoutMS", LeftOut(CONNECT_TIMEOUT)),
    (
        "slaveOk",
        LeftOut("readPreference says which members are asked"),
    ),
    ("socketTimeoutMS", LeftOut(QUERY_TIMEOUT)),
    ("srvMaxHosts", Taken),
    ("srvServiceName", Taken),
    ("ssl", Boolean),
    ("sslCA", Renamed("tlsCAFile")),
    ("sslCert", Refused(TWO_FILES)),
    ("sslCRL", LeftOut(REVOCATION)),
    ("sslKey", Refused(TWO_FILES)),
    ("sslPass", Renamed("tlsCertificateKeyFilePassword")),
    ("sslValidate", Boolean),
    ("timeoutMS", LeftOut(QUERY_TIMEOUT)),
    ("tls", Boolean),
    ("tlsAllowInvalidCertificates", Boolean),
    ("tlsAllowInvalidHostnames", Boolean),
    ("tlsCAFile", Taken),
    ("tlsCertificateFile", Refused(TWO_FILES)),
    ("tlsCertificateKeyFile", Taken),
    ("tlsCertificateKeyFilePassword", Taken),
    ("tlsCRLFile", LeftOut(REVOCATION)),
    ("tlsDisableCertificateRevocationCheck", Needless),
    ("tlsDisableOCSPEndpointCheck", Needless),
    ("tlsInsecure", Boolean),
    ("useBigInt64", Needless),
    ("useNewUrlParser", Needless),
    ("useUnifiedTopology", Needless),
    ("uuidRepresentation", Needless),
    ("w", Needless),
    ("waitQueueTimeoutMS", LeftOut(QUERY_TIMEOUT)),
    ("wtimeout", Needless),
    ("wtimeoutMS", Needless),
    ("zlibCompressionLevel", Needless),
];

/// The option of a name in whatever case; `None` when there is none.
pub fn find(name: &str) -> Option<(&'static str, Treatment)> {
    let mut options = OPTIONS.iter().copied();
    options.find(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// The option that a misspelt name was probably meant to be: one that is a letter or two away, and of use.
pub fn similar(name: &str) -> Option<&'static str> {
    let options = OPTIONS.iter().copied();
    let useful = options.filter(|(_, it)| matches!(it, Taken | Boolean));
    useful
        .map(|(known, _)| (distance(&known.to_lowercase(), &name.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= 2)
        .min()
        .map(|(_, known)| known)
}

/// How many letters must be put in, left out or replaced to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = place + 1;
        for (column, known) in other.iter().enumerate() {
            let replaced = before + usize::from(letter != *known);
            before = row[column + 1];
            row[column + 1] = replaced.min(before + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_once_and_in_its_place() {
        for pair in OPTIONS.windows(2) {
            let [one, next] = [pair[0].0, pair[1].0].map(str::to_lowercase);
            assert!(one < next, "{one} before {next}");
        }
        for (name, treatment) in OPTIONS {
            if let Renamed(known) = *treatment {
                assert_eq!(find(known), Some((known, Taken)), "{name}");
            }
        }
    }

    #[test]
    fn a_misspelt_option_is_recognized() {
        assert_eq!(similar("authsourc"), Some("authSource"));
        assert_eq!(similar("replicaSets"), Some("replicaSet"));
        assert_eq!(similar("foo"), None);
        assert_eq!(similar("compressor"), None);
    }
}
