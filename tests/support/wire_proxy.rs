//! A proxy that reads MongoDB's wire protocol: it records commands, can declare a version of the Stable API in them, and can
//! change replies.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;

use mongodb::bson::raw::cstr;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Length, request, request that is replied to, and kind of a message: four numbers of four bytes.
const HEADER: usize = 16;

/// The kind of all messages since MongoDB 3.6, `OP_MSG`.
const MESSAGE: i32 = 2013;

/// The flag for a checksum at the end, which the driver does not send.
const HAS_CHECKSUM: u32 = 1;

/// What a message says besides its documents begins at [`HEADER`]: flags, then sections.
const SECTIONS: usize = HEADER + 4;

/// The section with the command or the reply; the other kind has documents to insert.
const BODY: u8 = 0;

/// What a proxy does to messages.
#[derive(Clone, Copy, Default)]
struct Changes {
    /// Whether commands are recorded.
    records: bool,
    /// Whether commands declare version 1 of the Stable API.
    declares_api: bool,
    /// Changes the reply to a command.
    reply: Option<fn(&Document, &mut Document)>,
}

/// A proxy before one MongoDB server on this machine.
pub struct WireProxy {
    port: u16,
    commands: Arc<Mutex<Vec<Document>>>,
}

impl WireProxy {
    /// Every command declares version 1 of the Stable API, and that the server shall refuse what is deprecated in it.
    pub async fn with_stable_api(server: u16) -> Self {
        let changes = Changes {
            records: true,
            declares_api: true,
            ..Changes::default()
        };
        Self::before(server, changes).await
    }

    /// The port of a proxy that does the same until the process ends, and records nothing.
    pub fn with_stable_api_for_ever(server: u16) -> u16 {
        let (announce, announced) = mpsc::channel();
        // In a runtime of its own: that of a test ends with the test.
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

    /// Replies are changed by a function of the command and its reply.
    pub async fn with_replies(server: u16, change: fn(&Document, &mut Document)) -> Self {
        let changes = Changes {
            reply: Some(change),
            ..Changes::default()
        };
        Self::before(server, changes).await
    }

    async fn before(server: u16, changes: Changes) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let commands = Arc::<Mutex<Vec<Document>>>::default();
        let recorded = Arc::clone(&commands);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let connection = Connection {
                    changes,
                    commands: Arc::clone(&recorded),
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
        Self { port, commands }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The connection string of a database behind it. The driver stays on this connection, also when the server is a member
    /// of a replica set and names itself otherwise.
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
    /// Commands by the number of their request.
    unanswered: Mutex<HashMap<i32, Document>>,
}

impl Connection {
    fn command(&self, message: Vec<u8>) -> Vec<u8> {
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

/// The number at a place of a message.
fn number(message: &[u8], place: usize) -> i32 {
    let bytes = message[place..].first_chunk();
    i32::from_le_bytes(*bytes.expect("a message is complete"))
}

fn length(message: &[u8], place: usize) -> usize {
    usize::try_from(number(message, place)).expect("a length is positive")
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
    let mut place = SECTIONS;
    while message[place] != BODY {
        place += 1 + length(&message, place + 1);
    }
    let body = place + 1..place + 1 + length(&message, place + 1);
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
