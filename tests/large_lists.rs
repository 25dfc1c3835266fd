//! Long lists of stored statistics: they are streamed in little memory, and a failure truncates them recognizably.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use mongodb::bson::doc;

use crate::support::{Filled, TIMEOUT, Workspace, eventually};

const PATH: &str = "/api/v1/statistics.list";

/// The end of a chunked body.
const END: &[u8] = b"\r\n0\r\n\r\n";

/// A workspace with stored documents of about 100 kB each.
async fn with_documents(count: i32) -> Workspace {
    let filled = Filled::new().await;
    let history = filled.collection("rocketchat_statistics");
    let emptied = history.delete_many(doc! {}).await;
    emptied.expect("the history can be emptied");
    let padding = "x".repeat(100_000);
    let numbers: Vec<i32> = (0..count).collect();
    for numbers in numbers.chunks(200) {
        let documents = numbers.iter().map(|number| {
            doc! { "_id": format!("{number:05}"), "version": "3.4.0", "filler": &padding }
        });
        let inserted = history.insert_many(documents).await;
        inserted.expect("documents can be inserted");
    }
    filled.start(&["--rocketchat.version=3.4.0"]).await
}

/// A response that the test reads at its own pace.
struct Streamed(BufReader<TcpStream>);

impl Streamed {
    fn of(workspace: &Workspace, path: &str) -> Self {
        let address = workspace.exporter.address();
        let mut stream = TcpStream::connect(address).expect("the exporter accepts connections");
        let admin = &workspace.credentials.admin;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-User-Id: {}\r\nX-Auth-Token: {}\r\n\r\n",
            admin.user_id, admin.token
        )
        .expect("the request can be sent");
        Self(BufReader::new(stream))
    }

    fn status(&mut self) -> String {
        let mut status = [0; 12];
        self.0
            .read_exact(&mut status)
            .expect("the exporter responds");
        String::from_utf8_lossy(&status[9..]).into_owned()
    }

    /// Reads the rest and returns its length and its last bytes.
    fn rest(&mut self) -> (usize, Vec<u8>) {
        let (mut length, mut last) = (0, Vec::new());
        let mut bytes = vec![0; 1 << 20];
        while let Ok(read @ 1..) = self.0.read(&mut bytes) {
            length += read;
            last.extend(&bytes[..read]);
            last.drain(..last.len().saturating_sub(200));
        }
        (length, last)
    }
}

/// A value of `/proc/PID/status` in megabytes.
fn megabytes(workspace: &Workspace, figure: &str) -> usize {
    let path = format!("/proc/{}/status", workspace.exporter.pid());
    let status = std::fs::read_to_string(path).expect("the exporter runs");
    let line = status.lines().find_map(|line| line.strip_prefix(figure));
    let kilobytes =
        line.and_then(|value| value.trim_matches([':', '\t', ' ', 'k', 'B']).parse().ok());
    kilobytes.map_or(0, |kilobytes: usize| kilobytes / 1000)
}

#[tokio::test(flavor = "multi_thread")]
async fn four_lists_of_100_megabytes_take_little_memory() {
    let workspace = with_documents(1000).await;
    let path = format!("{PATH}?count=0");
    // The first request initializes what is loaded once.
    assert_eq!(workspace.get(PATH).status, 200);
    let before = megabytes(&workspace, "VmRSS");
    let lists = std::thread::scope(|scope| {
        let list = || {
            let mut response = Streamed::of(&workspace, &path);
            (response.status(), response.rest())
        };
        let lists: Vec<_> = (0..4).map(|_| scope.spawn(list)).collect();
        let lists = lists.into_iter().map(std::thread::ScopedJoinHandle::join);
        lists
            .map(|response| response.expect("no thread panicked"))
            .collect::<Vec<_>>()
    });
    let (peak, after) = (
        megabytes(&workspace, "VmHWM"),
        megabytes(&workspace, "VmRSS"),
    );
    let mut complete = 0;
    for (status, (length, last)) in lists {
        // Requests that wait too long are refused.
        assert!(["200", "503"].contains(&&*status), "{status}");
        if status == "200" {
            complete += 1;
            assert!(length > 100_000_000, "{length}");
            let end = [
                br#"],"count":1000,"offset":0,"total":1000,"success":true}"#,
                END,
            ]
            .concat();
            assert!(last.ends_with(&end), "{}", String::from_utf8_lossy(&last));
        }
    }
    assert!(complete >= 1);
    assert!(
        before > 0 && peak < before + 100,
        "{before} MB, then {peak} MB"
    );
    assert!(after < before + 60, "{before} MB, then {after} MB");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_list_equals_short_one_plain_and_compressed() {
    let workspace = with_documents(40).await;
    let path = format!("{PATH}?count=0&fields=%7B%22filler%22:0%7D");
    let short = workspace.get(&path);
    assert_ne!(short.header("content-length"), "");
    let long = workspace.get(&format!("{PATH}?count=0"));
    assert_eq!(long.header("content-length"), "");
    assert_eq!(long.header("content-type"), short.header("content-type"));
    let admin = &workspace.credentials.admin;
    let headers = [
        ("X-User-Id", admin.user_id.as_str()),
        ("X-Auth-Token", admin.token.as_str()),
        ("Accept-Encoding", "gzip"),
    ];
    let compressed = workspace
        .exporter
        .request("GET", &format!("{PATH}?count=0"), &headers);
    assert_eq!(compressed.header("content-encoding"), "gzip");
    let mut decoded = String::new();
    GzDecoder::new(compressed.body.as_slice())
        .read_to_string(&mut decoded)
        .expect("the body is gzip");
    assert_eq!(decoded, long.text());
    let filler = format!(r#","filler":"{}""#, "x".repeat(100_000));
    assert_eq!(decoded.replace(&filler, ""), short.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_list_is_truncated() {
    let workspace = with_documents(400).await;
    let mut response = Streamed::of(&workspace, &format!("{PATH}?count=0"));
    assert_eq!(response.status(), "200");
    let dropped = workspace.collection("rocketchat_statistics").drop().await;
    dropped.expect("the collection can be dropped");
    let (length, last) = response.rest();
    assert!((1_000_000..40_000_000).contains(&length), "{length}");
    assert!(!last.ends_with(END));
    eventually("the failure is logged", || {
        let log = workspace.exporter.log();
        log.contains("a list of stored statistics was truncated")
            .then_some(())
    })
    .await;
    assert_eq!(
        workspace.get(PATH).status,
        200,
        "the next list is not served"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_beyond_the_queue_are_refused() {
    let workspace = with_documents(400).await;
    let path = format!("{PATH}?count=0");
    let mut slow = Streamed::of(&workspace, &path);
    assert_eq!(slow.status(), "200");
    let statuses = std::thread::scope(|scope| {
        let others: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| workspace.get(PATH)))
            .collect();
        // While the slow list continues, only refused requests end.
        let begun = Instant::now();
        while !others
            .iter()
            .any(std::thread::ScopedJoinHandle::is_finished)
        {
            assert!(begun.elapsed() < TIMEOUT, "no request is refused");
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(slow);
        let others = others.into_iter().map(std::thread::ScopedJoinHandle::join);
        others
            .map(|response| response.expect("no thread panicked"))
            .map(|response| (response.status, response.header("retry-after").to_owned()))
            .collect::<Vec<_>>()
    });
    let served = statuses.iter().filter(|(status, _)| *status == 200).count();
    let refused = statuses
        .iter()
        .filter(|response| **response == (503, "10".to_owned()))
        .count();
    assert!(served >= 4, "{statuses:?}");
    assert!(refused >= 1, "{statuses:?}");
    assert_eq!(served + refused, 8, "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_of_500_megabytes_is_refused_but_its_pages_are_not() {
    let workspace = with_documents(0).await;
    let one = doc! { "_id": "one", "filler": "x".repeat(15_000_000) };
    let inserted = workspace.collection("one").insert_one(one).await;
    inserted.expect("the document can be inserted");
    let history = workspace.collection("rocketchat_statistics");
    history.drop().await.expect("the history can be dropped");
    // A view repeats the document without using disk space.
    let many = [
        doc! { "$set": { "_id": { "$range": [0, 36] } } },
        doc! { "$unwind": "$_id" },
    ];
    let created = workspace
        .database
        .create_collection("rocketchat_statistics")
        .view_on("one".to_owned())
        .pipeline(many)
        .await;
    created.expect("the view can be created");
    let response = workspace.get(&format!("{PATH}?count=0"));
    assert_eq!(response.status, 400);
    let error = response.json()["error"].to_string();
    assert!(error.contains("request parts of it with count"), "{error}");
    let mut part = Streamed::of(&workspace, &format!("{PATH}?count=2&offset=3"));
    assert_eq!(part.status(), "200");
    let (length, last) = part.rest();
    assert!(length > 30_000_000 && last.ends_with(END), "{length}");
}
