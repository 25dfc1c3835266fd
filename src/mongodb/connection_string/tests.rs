//! Connection strings and how they are treated.

use super::*;

/// How a connection string is treated.
enum Parsed {
    /// Passed to the driver as this.
    Accepted(&'static str),
    /// Passed to the driver as the first text, with a warning that contains the second.
    Warned(&'static str, &'static str),
    /// Rejected with this in the message.
    Rejected(&'static str),
    /// Passed to the driver, but it can never work, for this reason.
    Never(&'static str),
}

use Parsed::{Accepted, Never, Rejected, Warned};

const STRINGS: &[(&str, Parsed)] = &[
    // Whitespace.
    ("mongodb://db/rc\n", Accepted("mongodb://db/rc")),
    ("  mongodb://db/rc\r\n ", Accepted("mongodb://db/rc")),
    (
        "mongodb://db/rc?\n replicaSet=rs0",
        Rejected("` replicaSet`"),
    ),
    ("mongodb://a,\nb/rc", Accepted("mongodb://a,b/rc")),
    (
        "mongodb://db/rc?replicaSet=rs0 ",
        Accepted("mongodb://db/rc?replicaSet=rs0"),
    ),
    // Separators.
    ("mongodb://db/rc?", Accepted("mongodb://db/rc")),
    (
        "mongodb://db/rc?replicaSet=rs0&",
        Accepted("mongodb://db/rc?replicaSet=rs0"),
    ),
    (
        "mongodb://db/rc?&replicaSet=rs0&&directConnection=false",
        Accepted("mongodb://db/rc?replicaSet=rs0&directConnection=false"),
    ),
    (
        "mongodb://db?replicaSet=rs0",
        Accepted("mongodb://db?replicaSet=rs0"),
    ),
    (
        "mongodb://db/rc?replicaSet",
        Rejected("`replicaSet` has no value"),
    ),
    (
        "mongodb://db/rc?REPLICASET=rs0",
        Accepted("mongodb://db/rc?replicaSet=rs0"),
    ),
    (
        "mongodb://db/rc?replicaSet=a&replicaset=b",
        Rejected("`replicaSet` is set twice"),
    ),
    // What is not done, and what that means.
    (
        "mongodb://db/rc?compressors=zlib",
        Warned(
            "mongodb://db/rc",
            "`compressors`: replies are not compressed",
        ),
    ),
    (
        "mongodb://db/rc?compressors=zstd,snappy&zlibCompressionLevel=6",
        Warned("mongodb://db/rc", "not compressed"),
    ),
    (
        "mongodb://db/rc?compressors=none",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?zlibCompressionLevel=6",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?socketTimeoutMS=30000",
        Warned(
            "mongodb://db/rc",
            "`socketTimeoutMS`: --mongodb.query-timeout",
        ),
    ),
    (
        "mongodb://db/rc?timeoutMS=10000",
        Warned("mongodb://db/rc", "`timeoutMS`: --mongodb.query-timeout"),
    ),
    (
        "mongodb://db/rc?waitQueueTimeoutMS=1",
        Warned("mongodb://db/rc", "`waitQueueTimeoutMS`"),
    ),
    (
        "mongodb://db/rc?connectTimeoutMS=1",
        Warned("mongodb://db/rc", "--mongodb.connect-timeout"),
    ),
    (
        "mongodb://db/rc?serverSelectionTimeoutMS=1",
        Warned("mongodb://db/rc", "--mongodb.connect-timeout"),
    ),
    (
        "mongodb://db/rc?maxPoolSize=0&minPoolSize=9",
        Warned(
            "mongodb://db/rc",
            "`minPoolSize`: --mongodb.max-connections",
        ),
    ),
    (
        "mongodb://db/rc?heartbeatFrequencyMS=100",
        Warned(
            "mongodb://db/rc?heartbeatFrequencyMS=500",
            "raised to the minimum, 500",
        ),
    ),
    (
        "mongodb://db/rc?family=4",
        Warned("mongodb://db/rc", "`family`"),
    ),
    (
        "mongodb://db/?dbName=rc",
        Warned("mongodb://db/", "--mongodb.database"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsCRLFile=/x",
        Warned("mongodb://db/rc?tls=true", "revocation is not checked"),
    ),
    (
        "mongodb://db/rc?tls=false&tlsCAFile=/x",
        Warned("mongodb://db/rc?tls=false", "has no effect with tls=false"),
    ),
    (
        "mongodb://db/rc?tlsCAFile=/x&tls=false",
        Warned("mongodb://db/rc?tls=false", "has no effect with tls=false"),
    ),
    (
        "mongodb://db/rc?slaveOk=true",
        Warned("mongodb://db/rc", "readPreference"),
    ),
    // Options that are dropped without a warning.
    (
        "mongodb://db/rc?retryWrites=true&w=majority&journal=true&wtimeoutMS=1&appName=x",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?w=0&journal=true",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?useNewUrlParser=true&useUnifiedTopology=true&autoReconnect=true",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?promoteValues=false&monitorCommands=true&noDelay=true",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?uuidRepresentation=standard",
        Accepted("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?maxConnecting=0&serverMonitoringMode=auto",
        Accepted("mongodb://db/rc"),
    ),
    // Truth values.
    (
        "mongodb://db/rc?directConnection=True",
        Accepted("mongodb://db/rc?directConnection=true"),
    ),
    (
        "mongodb://db/rc?directConnection=yes",
        Accepted("mongodb://db/rc?directConnection=true"),
    ),
    (
        "mongodb://db/rc?retryReads=0",
        Accepted("mongodb://db/rc?retryReads=false"),
    ),
    (
        "mongodb://db/rc?tls=maybe",
        Rejected("`tls=maybe`: expected `true` or `false`"),
    ),
    // Encryption.
    (
        "mongodb://db/rc?ssl=true",
        Accepted("mongodb://db/rc?tls=true"),
    ),
    (
        "mongodb://db/rc?tls=true&ssl=true",
        Accepted("mongodb://db/rc?tls=true"),
    ),
    (
        "mongodb://db/rc?tls=true&ssl=false",
        Rejected("`tls` and `ssl` contradict each other"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsAllowInvalidHostnames=true",
        Rejected("tlsAllowInvalidCertificates=true, which checks neither"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsAllowInvalidHostnames=false",
        Accepted("mongodb://db/rc?tls=true"),
    ),
    (
        "mongodb://db/rc?tlsAllowInvalidHostnames=true&tlsAllowInvalidCertificates=true",
        Accepted("mongodb://db/rc?tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsInsecure=true",
        Accepted("mongodb://db/rc?tls=true&tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?ssl=true&sslValidate=false",
        Accepted("mongodb://db/rc?tls=true&tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?tls=true&rejectUnauthorized=false",
        Accepted("mongodb://db/rc?tls=true&tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?sslCert=/a&sslKey=/b",
        Rejected("into one file"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsCAFile=/nowhere/ca.pem",
        Never("tlsCAFile: cannot read `/nowhere/ca.pem`"),
    ),
    (
        "mongodb://db/rc?ssl=true&sslCA=/nowhere/ca.pem",
        Never("tlsCAFile: cannot read `/nowhere/ca.pem`"),
    ),
    (
        "mongodb://db/rc?tlsCertificateKeyFile=/nowhere/me.pem",
        Never("tlsCertificateKeyFile: cannot read"),
    ),
    // Servers.
    (
        "mongodb://a,b/rc?directConnection=true",
        Never("directConnection=true needs a single host, but the connection string has 2"),
    ),
    (
        "mongodb://a,b/rc?loadBalanced=true",
        Never("loadBalanced=true and several hosts"),
    ),
    (
        "mongodb://a/rc?loadBalanced=true&replicaSet=rs0",
        Never("loadBalanced=true and replicaSet"),
    ),
    (
        "mongodb://a/rc?loadBalanced=true&directConnection=true",
        Never("loadBalanced=true and directConnection"),
    ),
    (
        "mongodb://a/rc?loadBalanced=true",
        Accepted("mongodb://a/rc?loadBalanced=true"),
    ),
    (
        "mongodb+srv://a.example/rc?directConnection=true",
        Rejected("SRV"),
    ),
    (
        "mongodb+srv://a.example/rc",
        Accepted("mongodb+srv://a.example/rc"),
    ),
    ("mongodb://a/rc?srvMaxHosts=1", Rejected("srvMaxHosts")),
    (
        "mongodb://[::1]:27017/rc",
        Accepted("mongodb://[::1]:27017/rc"),
    ),
    (
        "mongodb://%2Ftmp%2Fmongodb-27017.sock/rc",
        Accepted("mongodb://%2Ftmp%2Fmongodb-27017.sock/rc"),
    ),
    ("mongodb://a/rc?proxyHost=p", Rejected("SOCKS5")),
    // What is read.
    (
        "mongodb://a/rc?readPreference=secondaryPreferred&maxStalenessSeconds=30",
        Never("maxStalenessSeconds=30 is too small; the minimum is 90"),
    ),
    (
        "mongodb://a/rc?readPreference=secondary&maxStalenessSeconds=100&heartbeatFrequencyMS=95000",
        Never("the minimum is 105"),
    ),
    (
        "mongodb://a/rc?readPreference=secondary&maxStalenessSeconds=-1",
        Accepted("mongodb://a/rc?readPreference=secondary&maxStalenessSeconds=-1"),
    ),
    (
        "mongodb://a/rc?readPreference=nearest&maxStalenessSeconds=90&readPreferenceTags=dc:a&readPreferenceTags=",
        Accepted(
            "mongodb://a/rc?readPreference=nearest&maxStalenessSeconds=90&readPreferenceTags=dc:a&readPreferenceTags=",
        ),
    ),
    (
        "mongodb://a/rc?readPreference=fastest",
        Rejected("'fastest' is not a valid read preference"),
    ),
    (
        "mongodb://a/rc?readConcernLevel=majorty",
        Never("readConcernLevel=`majorty` is not valid; expected local"),
    ),
    (
        "mongodb://a/rc?readConcernLevel=majority",
        Accepted("mongodb://a/rc?readConcernLevel=majority"),
    ),
    // Logins.
    (
        "mongodb://me@db/rc",
        Never("names a user without a password"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=DEFAULT&authSource=admin",
        Accepted("mongodb://me:pw@db/rc?authSource=admin"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=scram-sha-256",
        Accepted("mongodb://me:pw@db/rc?authMechanism=SCRAM-SHA-256"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=GSSAPI",
        Rejected("expected SCRAM-SHA-1"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=MONGODB-AWS",
        Rejected("expected SCRAM-SHA-1"),
    ),
    (
        "mongodb://db/rc?authMechanism=MONGODB-X509&tls=true",
        Never("set tlsCertificateKeyFile"),
    ),
    (
        "mongodb://me:p/w@db/rc",
        Rejected("password must be URL encoded"),
    ),
    // No such option.
    (
        "mongodb://db/rc?authsourc=admin",
        Rejected("there is no option `authsourc`; did you mean `authSource`?"),
    ),
    (
        "mongodb://db/rc?foo=bar",
        Rejected("there is no option `foo`"),
    ),
    ("db.example:27017", Rejected("no scheme")),
    ("postgres://db/rc", Rejected("scheme")),
];

#[test]
fn connection_strings_are_accepted_warned_about_or_rejected() {
    for (text, outcome) in STRINGS {
        let read = ConnectionString::parse(&Secret::new(*text));
        let problem = read.as_ref().ok().and_then(ConnectionString::problem);
        let warnings = read
            .as_ref()
            .map_or(String::new(), |uri| uri.warnings().join("; "));
        match (outcome, &read) {
            (Accepted(given), Ok(read)) => {
                assert_eq!(read.secret().reveal(), *given, "{text}");
                assert_eq!((warnings.as_str(), &problem), ("", &None), "{text}");
            }
            (Warned(given, warning), Ok(read)) => {
                assert_eq!(read.secret().reveal(), *given, "{text}");
                assert!(warnings.contains(warning), "{text}: {warnings}");
                assert_eq!(problem, None, "{text}");
            }
            (Rejected(words), Err(message)) => {
                assert!(message.contains(words), "{text}: {message}");
            }
            (Never(words), Ok(_)) => {
                let problem = problem.unwrap_or_default();
                assert!(problem.contains(words), "{text}: {problem}");
            }
            _ => panic!("{text}: {read:?}"),
        }
    }
}

#[test]
fn no_message_about_a_connection_string_has_its_secrets() {
    for text in [
        "mongodb://me:s3cret@db/rc?tls=maybe",
        "mongodb://me:s3/cret@db/rc",
        "mongodb://me:s3cret@db/rc?authMechanism=s3cret",
        "mongodb://me:s3cret@db/rc?tlsCertificateKeyFilePassword=s3cret&s3cret=1",
    ] {
        let message = ConnectionString::parse(&Secret::new(text)).expect_err(text);
        assert!(!message.contains("cret"), "{message}");
    }
}
