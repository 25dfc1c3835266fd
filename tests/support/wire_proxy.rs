//! A proxy for MongoDB's wire protocol: it can record commands, declare a version of the Stable API in them, and change
//! replies.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;

use mongodb::bson::raw::cstr;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Runtime;

use super::listen;

/// The size of a message header: `messageLength`, `requestID`, `responseTo` and `opCode`, four bytes each.
const HEADER: usize = 16;

/// The opcode `OP_MSG`, which all messages since MongoDB 3.6 have.
const MESSAGE: i32 = 2013;

/// The flag for a checksum at the end, which the driver does not send.
const HAS_CHECKSUM: u32 = 1;

/// The offset of the first section, after the header and the flags.
const SECTIONS: usize = HEADER + 4;

/// The kind of the section with the command or the reply; the other kind has documents to insert.
const BODY: u8 = 0;

/// How a proxy changes messages.
#[derive(Clone, Copy, Default)]
struct Changes {
    /// Whether commands are recorded.
    records: bool,
    /// Whether commands declare version 1 of the Stable API.
    declares_api: bool,
    /// Changes the reply to a command.
    reply: Option<fn(&Document, &mut Document)>,
}

/// A proxy in front of a MongoDB server on this machine.
pub struct WireProxy {
    port: u16,
    commands: Arc<Mutex<Vec<Document>>>,
    silence: Arc<Silence>,
}

/// The database whose commands get no reply, and the connections so far.
#[derive(Default)]
struct Silence {
    database: Mutex<Option<String>>,
    connections: AtomicUsize,
}

impl WireProxy {
    /// A proxy that passes everything on until [`Self::silence`].
    pub async fn transparent(server: u16) -> Self {
        Self::before(server, Changes::default()).await
    }

    /// A proxy that makes every command declare version 1 of the Stable API, with errors for deprecated features.
    pub async fn with_stable_api(server: u16) -> Self {
        let changes = Changes {
            records: true,
            declares_api: true,
            ..Changes::default()
        };
        Self::before(server, changes).await
    }

    /// The port of a proxy that does the same until the process ends, without recording.
    pub fn spawn_with_stable_api(server: u16) -> u16 {
        let (announce, announced) = mpsc::channel();
        // In its own runtime, because the runtime of a test ends with the test.
        thread::spawn(move || {
            let runtime = Runtime::new().expect("a runtime can be started");
            runtime.block_on(async {
                let changes = Changes {
                    declares_api: true,
                    ..Changes::default()
                };
                let proxy = Self::before(server, changes).await;
                announce.send(proxy.port()).ok();
                pending::<()>().await;
            });
        });
        announced.recv().expect("the proxy listens")
    }

    /// A proxy that changes replies by a function of the command and its reply.
    pub async fn with_replies(server: u16, change: fn(&Document, &mut Document)) -> Self {
        let changes = Changes {
            reply: Some(change),
            ..Changes::default()
        };
        Self::before(server, changes).await
    }

    async fn before(server: u16, changes: Changes) -> Self {
        let (listener, address) = listen().await;
        let commands = Arc::<Mutex<Vec<Document>>>::default();
        let recorded = Arc::clone(&commands);
        let silence = Arc::<Silence>::default();
        let silenced = Arc::clone(&silence);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                silenced.connections.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let connection = Connection {
                    changes,
                    commands: Arc::clone(&recorded),
                    silence: Arc::clone(&silenced),
                    unanswered: Mutex::default(),
                };
                let connection = Arc::new(connection);
                let sent = Arc::clone(&connection);
                tokio::spawn(forward(from_client, to_server, move |message| {
                    sent.command(message)
                }));
                tokio::spawn(forward(from_server, to_client, move |message| {
                    connection.reply(message)
                }));
            }
        });
        Self {
            port: address.port(),
            commands,
            silence,
        }
    }

    /// From now on commands to this database get no reply.
    pub fn silence(&self, database: &str) {
        *lock(&self.silence.database) = Some(database.to_owned());
    }

    /// The number of connections that clients have opened.
    pub fn connections(&self) -> usize {
        self.silence.connections.load(Ordering::Relaxed)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The connection string of a database behind the proxy. The driver connects directly, even if the server is a member of
    /// a replica set with another address.
    pub fn uri(&self, database: &str) -> String {
        format!(
            "mongodb://127.0.0.1:{}/{database}?directConnection=true",
            self.port
        )
    }

    /// All commands so far, as the client sent them.
    pub fn commands(&self) -> Vec<Document> {
        lock(&self.commands).clone()
    }
}

/// A connection of a client.
struct Connection {
    changes: Changes,
    commands: Arc<Mutex<Vec<Document>>>,
    silence: Arc<Silence>,
    /// Commands without a reply, by `requestID`.
    unanswered: Mutex<HashMap<i32, Document>>,
}

impl Connection {
    /// The message for the server; empty where it gets none.
    fn command(&self, message: Vec<u8>) -> Vec<u8> {
        let silent = lock(&self.silence.database).clone();
        if let Some(silent) = silent {
            let mut is_silent = false;
            rewritten(message.clone(), |_, body| {
                is_silent = body.get_str("$db").is_ok_and(|database| database == silent);
                body
            });
            if is_silent {
                return Vec::new();
            }
        }
        rewritten(message, |header, mut body| {
            let command = || Document::try_from(&body).expect("a command is BSON");
            if self.changes.records {
                lock(&self.commands).push(command());
            }
            if self.changes.reply.is_some() {
                lock(&self.unanswered).insert(header.request, command());
            }
            let declares = || body.get("apiVersion").is_ok_and(|found| found.is_some());
            if self.changes.declares_api && !declares() {
                body.append(cstr!("apiVersion"), "1");
                body.append(cstr!("apiDeprecationErrors"), true);
            }
            body
        })
    }

    fn reply(&self, message: Vec<u8>) -> Vec<u8> {
        let Some(change) = self.changes.reply else {
            return message;
        };
        rewritten(message, |header, body| {
            let command = lock(&self.unanswered).remove(&header.replies_to);
            let command = command.unwrap_or_else(|| doc! {});
            let mut reply = Document::try_from(&body).expect("a reply is BSON");
            change(&command, &mut reply);
            RawDocumentBuf::try_from(&reply).expect("a reply is BSON")
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panicked with it")
}

struct Header {
    request: i32,
    replies_to: i32,
}

/// The integer at an offset of a message.
fn number(message: &[u8], offset: usize) -> i32 {
    let bytes = message[offset..].first_chunk();
    i32::from_le_bytes(*bytes.expect("a message is complete"))
}

fn length(message: &[u8], offset: usize) -> usize {
    usize::try_from(number(message, offset)).expect("a length is positive")
}

/// The message with another body.
fn rewritten(
    message: Vec<u8>,
    rewrite: impl FnOnce(Header, RawDocumentBuf) -> RawDocumentBuf,
) -> Vec<u8> {
    assert_eq!(number(&message, 12), MESSAGE, "the kind of a message");
    let flags = number(&message, HEADER).cast_unsigned();
    assert_eq!(flags & HAS_CHECKSUM, 0, "the checksum of a message");
    let header = Header {
        request: number(&message, 4),
        replies_to: number(&message, 8),
    };
    let mut offset = SECTIONS;
    while message[offset] != BODY {
        offset += 1 + length(&message, offset + 1);
    }
    let body = offset + 1..offset + 1 + length(&message, offset + 1);
    let document = RawDocumentBuf::from_bytes(message[body.clone()].to_vec());
    let document = rewrite(header, document.expect("the body of a message is BSON"));
    let mut changed = message;
    changed.splice(body, document.into_bytes());
    let length = i32::try_from(changed.len()).expect("a message is short");
    changed[..4].copy_from_slice(&length.to_le_bytes());
    changed
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    change: impl Fn(Vec<u8>) -> Vec<u8>,
) {
    while let Some(message) = next_message(&mut from).await {
        if to.write_all(&change(message)).await.is_err() {
            return;
        }
    }
}

/// The next message; `None` at the end of the connection.
async fn next_message(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut message = vec![0; HEADER];
    from.read_exact(&mut message).await.ok()?;
    message.resize(length(&message, 0), 0);
    from.read_exact(&mut message[HEADER..]).await.ok()?;
    Some(message)
}
