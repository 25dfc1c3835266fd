//! Connection strings, and what becomes of them.

use super::*;

/// What becomes of a connection string.
enum Outcome {
    /// The driver is given this, and nothing is missed.
    Taken(&'static str),
    /// The driver is given this, and a warning has the other text.
    Warned(&'static str, &'static str),
    /// It is refused, in these words.
    Refused(&'static str),
    /// It is taken and can never work, for this reason.
    Never(&'static str),
}

use Outcome::{Never, Refused, Taken, Warned};

const STRINGS: &[(&str, Outcome)] = &[
    // Whitespace.
    ("mongodb://db/rc\n", Taken("mongodb://db/rc")),
    ("  mongodb://db/rc\r\n ", Taken("mongodb://db/rc")),
    (
        "mongodb://db/rc?\n replicaSet=rs0",
        Refused("` replicaSet`"),
    ),
    ("mongodb://a,\nb/rc", Taken("mongodb://a,b/rc")),
    (
        "mongodb://db/rc?replicaSet=rs0 ",
        Taken("mongodb://db/rc?replicaSet=rs0"),
    ),
    // Separators.
    ("mongodb://db/rc?", Taken("mongodb://db/rc")),
    (
        "mongodb://db/rc?replicaSet=rs0&",
        Taken("mongodb://db/rc?replicaSet=rs0"),
    ),
    (
        "mongodb://db/rc?&replicaSet=rs0&&directConnection=false",
        Taken("mongodb://db/rc?replicaSet=rs0&directConnection=false"),
    ),
    (
        "mongodb://db?replicaSet=rs0",
        Taken("mongodb://db?replicaSet=rs0"),
    ),
    (
        "mongodb://db/rc?replicaSet",
        Refused("`replicaSet` has no value"),
    ),
    (
        "mongodb://db/rc?REPLICASET=rs0",
        Taken("mongodb://db/rc?replicaSet=rs0"),
    ),
    (
        "mongodb://db/rc?replicaSet=a&replicaset=b",
        Refused("`replicaSet` is given twice"),
    ),
    // What is not done, and what that means.
    (
        "mongodb://db/rc?compressors=zlib",
        Warned(
            "mongodb://db/rc",
            "`compressors`: answers travel uncompressed",
        ),
    ),
    (
        "mongodb://db/rc?compressors=zstd,snappy&zlibCompressionLevel=6",
        Warned("mongodb://db/rc", "uncompressed"),
    ),
    ("mongodb://db/rc?compressors=none", Taken("mongodb://db/rc")),
    (
        "mongodb://db/rc?zlibCompressionLevel=6",
        Taken("mongodb://db/rc"),
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
            "500 is the least",
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
        Warned("mongodb://db/rc?tls=true", "revoked certificates"),
    ),
    (
        "mongodb://db/rc?tls=false&tlsCAFile=/x",
        Warned("mongodb://db/rc?tls=false", "nothing is encrypted"),
    ),
    (
        "mongodb://db/rc?tlsCAFile=/x&tls=false",
        Warned("mongodb://db/rc?tls=false", "nothing is encrypted"),
    ),
    (
        "mongodb://db/rc?slaveOk=true",
        Warned("mongodb://db/rc", "readPreference"),
    ),
    // What nobody misses.
    (
        "mongodb://db/rc?retryWrites=true&w=majority&journal=true&wtimeoutMS=1&appName=x",
        Taken("mongodb://db/rc"),
    ),
    ("mongodb://db/rc?w=0&journal=true", Taken("mongodb://db/rc")),
    (
        "mongodb://db/rc?useNewUrlParser=true&useUnifiedTopology=true&autoReconnect=true",
        Taken("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?promoteValues=false&monitorCommands=true&noDelay=true",
        Taken("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?uuidRepresentation=standard",
        Taken("mongodb://db/rc"),
    ),
    (
        "mongodb://db/rc?maxConnecting=0&serverMonitoringMode=auto",
        Taken("mongodb://db/rc"),
    ),
    // Truth values.
    (
        "mongodb://db/rc?directConnection=True",
        Taken("mongodb://db/rc?directConnection=true"),
    ),
    (
        "mongodb://db/rc?directConnection=yes",
        Taken("mongodb://db/rc?directConnection=true"),
    ),
    (
        "mongodb://db/rc?retryReads=0",
        Taken("mongodb://db/rc?retryReads=false"),
    ),
    (
        "mongodb://db/rc?tls=maybe",
        Refused("`tls=maybe`: expected `true` or `false`"),
    ),
    // Encryption.
    (
        "mongodb://db/rc?ssl=true",
        Taken("mongodb://db/rc?tls=true"),
    ),
    (
        "mongodb://db/rc?tls=true&ssl=true",
        Taken("mongodb://db/rc?tls=true"),
    ),
    (
        "mongodb://db/rc?tls=true&ssl=false",
        Refused("`tls` and `ssl` contradict each other"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsAllowInvalidHostnames=true",
        Refused("tlsAllowInvalidCertificates=true, which checks neither"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsAllowInvalidHostnames=false",
        Taken("mongodb://db/rc?tls=true"),
    ),
    (
        "mongodb://db/rc?tlsAllowInvalidHostnames=true&tlsAllowInvalidCertificates=true",
        Taken("mongodb://db/rc?tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?tls=true&tlsInsecure=true",
        Taken("mongodb://db/rc?tls=true&tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?ssl=true&sslValidate=false",
        Taken("mongodb://db/rc?tls=true&tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?tls=true&rejectUnauthorized=false",
        Taken("mongodb://db/rc?tls=true&tlsAllowInvalidCertificates=true"),
    ),
    (
        "mongodb://db/rc?sslCert=/a&sslKey=/b",
        Refused("into one file"),
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
        Never("directConnection=true asks a single server, and 2 are named"),
    ),
    (
        "mongodb://a,b/rc?loadBalanced=true",
        Never("loadBalanced=true and several servers"),
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
        Taken("mongodb://a/rc?loadBalanced=true"),
    ),
    (
        "mongodb+srv://a.example/rc?directConnection=true",
        Refused("SRV"),
    ),
    (
        "mongodb+srv://a.example/rc",
        Taken("mongodb+srv://a.example/rc"),
    ),
    ("mongodb://a/rc?srvMaxHosts=1", Refused("srvMaxHosts")),
    (
        "mongodb://[::1]:27017/rc",
        Taken("mongodb://[::1]:27017/rc"),
    ),
    (
        "mongodb://%2Ftmp%2Fmongodb-27017.sock/rc",
        Taken("mongodb://%2Ftmp%2Fmongodb-27017.sock/rc"),
    ),
    ("mongodb://a/rc?proxyHost=p", Refused("SOCKS5")),
    // What is read.
    (
        "mongodb://a/rc?readPreference=secondaryPreferred&maxStalenessSeconds=30",
        Never("maxStalenessSeconds=30 is too small; the least is 90"),
    ),
    (
        "mongodb://a/rc?readPreference=secondary&maxStalenessSeconds=100&heartbeatFrequencyMS=95000",
        Never("the least is 105"),
    ),
    (
        "mongodb://a/rc?readPreference=secondary&maxStalenessSeconds=-1",
        Taken("mongodb://a/rc?readPreference=secondary&maxStalenessSeconds=-1"),
    ),
    (
        "mongodb://a/rc?readPreference=nearest&maxStalenessSeconds=90&readPreferenceTags=dc:a&readPreferenceTags=",
        Taken(
            "mongodb://a/rc?readPreference=nearest&maxStalenessSeconds=90&readPreferenceTags=dc:a&readPreferenceTags=",
        ),
    ),
    (
        "mongodb://a/rc?readPreference=fastest",
        Refused("'fastest' is not a valid read preference"),
    ),
    (
        "mongodb://a/rc?readConcernLevel=majorty",
        Never("readConcernLevel=`majorty` is none; expected local"),
    ),
    (
        "mongodb://a/rc?readConcernLevel=majority",
        Taken("mongodb://a/rc?readConcernLevel=majority"),
    ),
    // Logins.
    (
        "mongodb://me@db/rc",
        Never("names a user without a password"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=DEFAULT&authSource=admin",
        Taken("mongodb://me:pw@db/rc?authSource=admin"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=scram-sha-256",
        Taken("mongodb://me:pw@db/rc?authMechanism=SCRAM-SHA-256"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=GSSAPI",
        Refused("expected SCRAM-SHA-1"),
    ),
    (
        "mongodb://me:pw@db/rc?authMechanism=MONGODB-AWS",
        Refused("expected SCRAM-SHA-1"),
    ),
    (
        "mongodb://db/rc?authMechanism=MONGODB-X509&tls=true",
        Never("name it with tlsCertificateKeyFile"),
    ),
    (
        "mongodb://me:p/w@db/rc",
        Refused("password must be URL encoded"),
    ),
    // No such option.
    (
        "mongodb://db/rc?authsourc=admin",
        Refused("there is no option `authsourc`; did you mean `authSource`?"),
    ),
    (
        "mongodb://db/rc?foo=bar",
        Refused("there is no option `foo`"),
    ),
    ("db.example:27017", Refused("no scheme")),
    ("postgres://db/rc", Refused("scheme")),
];

#[test]
fn every_connection_string_is_taken_or_told_why_not() {
    for (text, outcome) in STRINGS {
        let read = ConnectionString::parse(&Secret::new(*text));
        let problem = read.as_ref().ok().and_then(ConnectionString::problem);
        let warnings = read
            .as_ref()
            .map_or(String::new(), |it| it.warnings().join("; "));
        match (outcome, &read) {
            (Taken(given), Ok(read)) => {
                assert_eq!(read.secret().reveal(), *given, "{text}");
                assert_eq!((warnings.as_str(), &problem), ("", &None), "{text}");
            }
            (Warned(given, warning), Ok(read)) => {
                assert_eq!(read.secret().reveal(), *given, "{text}");
                assert!(warnings.contains(warning), "{text}: {warnings}");
                assert_eq!(problem, None, "{text}");
            }
            (Refused(words), Err(message)) => {
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
