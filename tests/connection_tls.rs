//! Certificates of servers and clients: those that work, and the words for those that do not.

use std::fs;
use std::process::Command;

use mongodb::Database;
use mongodb::bson::doc;
use rcgen::{ExtendedKeyUsagePurpose, SanType};
use tempfile::TempDir;
use testbed::mongod::{Mongod, Options};

use crate::support::tls::{Authority, Identity, self_signed, self_signed_leaf};
use crate::support::{Exporter, Filled, assert_no_structures, client, mongod, shared_mongod};

/// A MongoDB whose certificate can be changed.
struct Server {
    mongod: Mongod,
    admin: Database,
    authority: Authority,
    folder: TempDir,
}

/// Whether reading succeeded, and what was said.
struct Tried(bool, String);

impl Tried {
    fn works(self) {
        assert!(self.0, "{}", self.1);
    }

    fn says(self, words: &str) {
        assert!(!self.0 && self.1.contains(words), "{words}: {}", self.1);
        assert_no_structures(&self.1);
    }
}

/// Reads the users.
fn read(uri: &str) -> Tried {
    let output = Exporter::command()
        .args(["statistics", "--collector.disable-defaults"])
        .args(["--collector.users", "--mongodb.connect-timeout=1s"])
        .args(["--mongodb.uri", uri])
        .output()
        .expect("the exporter runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Tried(output.status.success(), said)
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let authority = Authority::new();
        fs::write(path("ca.pem"), authority.pem()).expect("it can be written");
        let server = authority.server();
        fs::write(path("server.pem"), server.certificate + &server.key).expect("it can be written");
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

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("it can be written");
    }

    /// Gives the server another certificate, which is in `server.crt`, too.
    async fn has(&self, identity: &Identity) {
        self.put(
            "server.pem",
            &format!("{}{}", identity.certificate, identity.key),
        );
        self.put("server.crt", &identity.certificate);
        let rotate = self.admin.run_command(doc! { "rotateCertificates": 1 });
        rotate.await.expect("the certificate can be changed");
    }

    fn read(&self, options: &str) -> Tried {
        let port = self.mongod.port();
        read(&format!(
            "mongodb://localhost:{port}/rocketchat?tls=true&{options}"
        ))
    }

    fn read_trusting(&self, name: &str) -> Tried {
        self.read(&format!("tlsCAFile={}", self.path(name)))
    }

    fn read_as(&self, name: &str, options: &str) -> Tried {
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

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("it can be read")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_counts_by_its_authority_or_by_itself() {
    let server = Server::start().await;
    server.read_trusting("ca.pem").works();
    server
        .read("")
        .says("signed by an authority that is not trusted");
    server.put("other.pem", &Authority::new().pem());
    server
        .read_trusting("other.pem")
        .says("not signed by the authority that it names");
    server.put("empty.pem", "nothing");
    server
        .read_trusting("empty.pem")
        .says("has no valid certificate");

    server.has(&self_signed("localhost")).await;
    server
        .read_trusting("server.crt")
        .says("is a certificate authority (CA:TRUE)");
    server.read("tlsAllowInvalidCertificates=true").works();
    server.has(&self_signed_leaf("localhost")).await;
    server.read_trusting("server.crt").works();

    let plain = format!("mongodb://127.0.0.1:{}/?tls=true", shared_mongod().port());
    read(&plain).says("closes the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_has_the_name_and_the_form_that_it_needs() {
    let server = Server::start().await;
    let with = |change: fn(&mut rcgen::CertificateParams)| server.authority.server_with(change);
    let cases: [(Identity, &str); 3] = [
        (
            with(|params| params.subject_alt_names.clear()),
            "is not for `localhost`, only for no name at all",
        ),
        (
            with(|params| {
                let name = "db.example".try_into().expect("it is a name");
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
        server.has(identity).await;
        server.read_trusting("ca.pem").says(words);
    }
    server.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=Old -keyout old.key -out old.pem");
    server.openssl("req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout v1.key -out v1.csr");
    server.openssl("x509 -req -in v1.csr -CA old.pem -CAkey old.key -CAcreateserial -out v1.crt");
    let old = Identity {
        certificate: server.file("v1.crt"),
        key: server.file("v1.key"),
    };
    server.has(&old).await;
    server.read_trusting("old.pem").says("of X.509 version 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_s_certificate_needs_a_key_that_can_be_read() {
    let server = Server::start().await;
    let me = server.authority.client(&[]);
    me.write(server.folder.path(), "me");
    server.put("me.pem", &format!("{}{}", me.certificate, me.key));
    server.read_as("me.pem", "").works();
    let other = server.authority.client(&[]).key;
    server.put("mixed.pem", &format!("{}{other}", me.certificate));
    server
        .read_as("mixed.pem", "")
        .says("does not belong to its first certificate");
    server.read_as("me.crt", "").says("has no key");

    server.openssl("pkcs8 -topk8 -in me.key -passout pass:s3cret -out encrypted.key");
    let encrypted = server.file("encrypted.key");
    server.put("encrypted.pem", &format!("{}{encrypted}", me.certificate));
    server
        .read_as("encrypted.pem", "")
        .says("set tlsCertificateKeyFilePassword");
    server
        .read_as("encrypted.pem", "&tlsCertificateKeyFilePassword=s3cret")
        .works();
    let Tried(ok, said) = server.read_as("encrypted.pem", "&tlsCertificateKeyFilePassword=wr0ng");
    assert!(!ok && !said.contains("wr0ng"), "{said}");
    Tried(ok, said).says("Failed to decrypt");
}
