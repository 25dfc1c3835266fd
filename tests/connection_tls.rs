//! TLS to MongoDB: accepted certificates, and the error message for each kind of rejected certificate.

use std::fs;
use std::process::Command;

use mongodb::Database;
use mongodb::bson::doc;
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use tempfile::TempDir;
use testbed::mongod::{Mongod, Options};

use crate::support::tls::{Authority, Identity, self_signed, self_signed_leaf};
use crate::support::{Exporter, Filled, assert_no_debug_output, client, mongod, shared_mongod};

/// A MongoDB with TLS whose certificate can be replaced.
struct Server {
    mongod: Mongod,
    admin: Database,
    authority: Authority,
    folder: TempDir,
}

/// Whether a read succeeded, and its standard error.
struct ReadResult(bool, String);

impl ReadResult {
    fn assert_succeeds(self) {
        assert!(self.0, "{}", self.1);
    }

    fn assert_fails_with(self, words: &str) {
        assert!(!self.0 && self.1.contains(words), "{words}: {}", self.1);
        assert_no_debug_output(&self.1);
    }
}

/// Reads the users.
fn read(uri: &str) -> ReadResult {
    let output = Exporter::command()
        .args(["statistics", "--collector.disable-defaults"])
        .args(["--collector.users", "--mongodb.connect-timeout=2s"])
        .args(["--mongodb.uri", uri])
        .output()
        .expect("the exporter runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ReadResult(output.status.success(), stderr)
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory can be created");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let authority = Authority::new();
        fs::write(path("ca.pem"), authority.pem()).expect("the file can be written");
        let server = authority.server();
        fs::write(path("server.pem"), server.certificate + &server.key)
            .expect("the file can be written");
        let arguments = [
            "--tlsMode",
            "preferTLS",
            "--tlsCertificateKeyFile",
            &path("server.pem"),
            "--tlsCAFile",
            &path("ca.pem"),
            "--tlsAllowConnectionsWithoutCertificates",
        ];
        let options = Options {
            arguments: arguments.map(str::to_owned).into(),
            ..Options::default()
        };
        let mongod = mongod(options).await;
        Filled::at(&mongod.uri()).await;
        Self {
            admin: client(&mongod.uri()).await.database("admin"),
            mongod,
            authority,
            folder,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the file can be written");
    }

    /// Replaces the server's certificate, and writes it to `server.crt` too.
    async fn replace_certificate(&self, identity: &Identity) {
        self.write(
            "server.pem",
            &format!("{}{}", identity.certificate, identity.key),
        );
        self.write("server.crt", &identity.certificate);
        let rotate = self.admin.run_command(doc! { "rotateCertificates": 1 });
        rotate.await.expect("the certificate can be replaced");
    }

    fn read(&self, options: &str) -> ReadResult {
        let port = self.mongod.port();
        read(&format!(
            "mongodb://localhost:{port}/rocketchat?tls=true&{options}"
        ))
    }

    fn read_trusting(&self, name: &str) -> ReadResult {
        self.read(&format!("tlsCAFile={}", self.path(name)))
    }

    fn read_as(&self, name: &str, options: &str) -> ReadResult {
        self.read(&format!(
            "tlsCAFile={}&tlsCertificateKeyFile={}{options}",
            self.path("ca.pem"),
            self.path(name)
        ))
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command
            .current_dir(self.folder.path())
            .args(arguments.split(' '));
        let output = command.output().expect("openssl runs");
        assert!(output.status.success(), "{output:?}");
    }

    /// A certificate of X.509 version 1 for the certificate `old.pem`, whose key is `old.key`. OpenSSL before 3.4 issues such
    /// certificates by default, later ones never, so this takes the version from another one and has the rest signed.
    fn certificate_of_version_1(&self) -> Identity {
        let authority = "-CA old.pem -CAkey old.key -CAcreateserial";
        self.write(
            "none.cnf",
            "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n",
        );
        self.openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout v1.key -out v1.csr");
        self.openssl(&format!(
            "x509 -req -in v1.csr {authority} -extfile none.cnf -outform der -out v3.der"
        ));
        let certificate = fs::read(self.path("v3.der")).expect("there is a certificate");
        // A sequence of what is signed, which is a sequence that begins with the version, the algorithm, and the signature. The
        // length of each sequence takes two bytes.
        let length = u16::from_be_bytes([certificate[6], certificate[7]]);
        let (signed, algorithm) = certificate[8..].split_at(usize::from(length));
        let signed = signed.strip_prefix(&[0xa0, 3, 2, 1, 2]);
        let signed = sequence(signed.expect("it begins with version 3"));
        fs::write(self.path("signed"), &signed).expect("the file can be written");
        self.openssl("dgst -sha256 -sign old.key -out signature signed");
        let signature = fs::read(self.path("signature")).expect("there is a signature");
        let algorithm = &algorithm[..algorithm.len() - signature.len()];
        let certificate = sequence(&[&signed, algorithm, &signature].concat());
        fs::write(self.path("v1.der"), certificate).expect("the file can be written");
        self.openssl("x509 -inform der -in v1.der -out v1.crt");
        Identity {
            certificate: self.file("v1.crt"),
            key: self.file("v1.key"),
        }
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("the file can be read")
    }
}

/// A sequence in DER whose length takes two bytes.
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short");
    [&[0x30, 0x82][..], &length.to_be_bytes(), content].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_is_trusted_by_its_authority_or_directly() {
    let server = Server::start().await;
    server.read_trusting("ca.pem").assert_succeeds();
    server
        .read("")
        .assert_fails_with("signed by an authority that is not trusted");
    server.write("other.pem", &Authority::new().pem());
    server
        .read_trusting("other.pem")
        .assert_fails_with("not signed by the authority that it names");
    server.write("empty.pem", "nothing");
    server
        .read_trusting("empty.pem")
        .assert_fails_with("has no valid certificate");

    server.replace_certificate(&self_signed("localhost")).await;
    server
        .read_trusting("server.crt")
        .assert_fails_with("is a certificate authority (CA:TRUE)");
    server
        .read("tlsAllowInvalidCertificates=true")
        .assert_succeeds();
    server
        .replace_certificate(&self_signed_leaf("localhost"))
        .await;
    server.read_trusting("server.crt").assert_succeeds();

    let plain = format!("mongodb://127.0.0.1:{}/?tls=true", shared_mongod().port());
    read(&plain).assert_fails_with("closes the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_needs_a_matching_name_and_purpose() {
    let server = Server::start().await;
    let with = |change: fn(&mut rcgen::CertificateParams)| server.authority.server_with(change);
    let cases: [(Identity, &str); 3] = [
        (
            with(|params| params.subject_alt_names.clear()),
            "is not for `localhost`, only for no name at all",
        ),
        (
            with(|params| {
                let name = "db.example".try_into().expect("the name is valid");
                params.subject_alt_names = vec![SanType::DnsName(name)];
            }),
            "is not for `localhost`, only for `db.example`",
        ),
        (
            with(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "is not for servers",
        ),
    ];
    for (identity, words) in &cases {
        server.replace_certificate(identity).await;
        server.read_trusting("ca.pem").assert_fails_with(words);
    }
    server.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=Old -keyout old.key -out old.pem");
    let old = server.certificate_of_version_1();
    server.replace_certificate(&old).await;
    server
        .read_trusting("old.pem")
        .assert_fails_with("of X.509 version 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate_needs_a_readable_key() {
    let server = Server::start().await;
    let client = server.authority.client(&[]);
    client.write(server.folder.path(), "me");
    server.write("me.pem", &format!("{}{}", client.certificate, client.key));
    server.read_as("me.pem", "").assert_succeeds();
    let other = server.authority.client(&[]).key;
    server.write("mixed.pem", &format!("{}{other}", client.certificate));
    server
        .read_as("mixed.pem", "")
        .assert_fails_with("does not belong to its first certificate");
    server.read_as("me.crt", "").assert_fails_with("has no key");

    server.openssl("pkcs8 -topk8 -in me.key -passout pass:s3cret -out encrypted.key");
    let encrypted = server.file("encrypted.key");
    server.write(
        "encrypted.pem",
        &format!("{}{encrypted}", client.certificate),
    );
    server
        .read_as("encrypted.pem", "")
        .assert_fails_with("set tlsCertificateKeyFilePassword");
    server
        .read_as("encrypted.pem", "&tlsCertificateKeyFilePassword=s3cret")
        .assert_succeeds();
    let ReadResult(ok, stderr) =
        server.read_as("encrypted.pem", "&tlsCertificateKeyFilePassword=wr0ng");
    assert!(!ok && !stderr.contains("wr0ng"), "{stderr}");
    ReadResult(ok, stderr).assert_fails_with("Failed to decrypt");
}
