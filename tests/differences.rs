//! Where the exporter answers otherwise than Rocket.Chat on purpose: one table, from which the page of the docs is generated.
//! Each row is proven by a request or by a test.

use std::fs;
use std::path::Path;

use crate::support::{assert_golden, shared_workspace};

/// A difference on purpose.
struct Difference {
    /// What it is about, as a heading of the page.
    about: About,
    /// What Rocket.Chat does.
    rocket_chat: &'static str,
    /// What the exporter does.
    exporter: &'static str,
    /// Why.
    reason: &'static str,
    /// What shows that the exporter does so.
    proof: Proof,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Document,
    List,
    Requests,
}

enum Proof {
    /// A test, as `file::function`.
    Test(&'static str),
    /// A GET request by an administrator of a workspace of 3.4.0: target, status, and a part of the response.
    Request(&'static str, u16, &'static str),
}

use About::{Document, List, Requests};
use Proof::{Request, Test};

const fn difference(
    about: About,
    rocket_chat: &'static str,
    exporter: &'static str,
    reason: &'static str,
    proof: Proof,
) -> Difference {
    Difference {
        about,
        rocket_chat,
        exporter,
        reason,
        proof,
    }
}

/// A query with a regular expression of 210 characters.
const LONG_REGEX: &str = concat!(
    "/api/v1/statistics.list?query=%7B%22version%22:%7B%22$regex%22:%22",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "%22%7D%7D"
);

const DIFFERENCES: [Difference; 29] = [
    difference(
        Document,
        "From 6.0 on totals come from the collection's metadata, which are wrong after an unclean stop of mongod; offline users can be negative.",
        "Totals are counted where the metadata are wrong, in every version.",
        "A wrong total without any sign helps nobody.",
        Test("document_counts::document_after_a_crash_has_the_counted_totals"),
    ),
    difference(
        Document,
        "One room without a usable `msgs` makes the sum of its kind and `totalMessages` null.",
        "What is not a number, or beyond what a double can hold, adds nothing.",
        "One odd document must not hide a sum.",
        Test("unusual_documents::nonnumeric_counters_add_nothing_and_are_counted"),
    ),
    difference(
        Document,
        "A `language` that is no text has an entry of its own in `userLanguages`, named as JavaScript converts it.",
        "It counts as `none`.",
        "It is no language.",
        Test("list_values::languages_that_are_no_texts_count_as_none"),
    ),
    difference(
        Document,
        "A message whose `tcount` is a list of nothing but lists counts as a thread.",
        "It does not; any other value does.",
        "To find it every message that started a thread would be read.",
        Test("unusual_documents::threads_are_messages_with_a_reply_count_of_any_type"),
    ),
    difference(
        Document,
        "`instanceCount` counts records that were updated since the asking process started.",
        "Instances with a heartbeat within the last minute of the database's clock.",
        "The exporter has no start of Rocket.Chat's process, and crashed instances are not running.",
        Test("conformance::days_follow_the_time_zone"),
    ),
    difference(
        Document,
        "`lastLogin` and `lastSeenSubscription` end in the long name of the time zone.",
        "They end in its name in the time zone database; UTC has the long name.",
        "The long names come from the library of Rocket.Chat's runtime.",
        Test("conformance::days_follow_the_time_zone"),
    ),
    difference(
        Document,
        "Tokens, mail settings and, in old documents, the contact person are shown.",
        "They are removed.",
        "They are secrets, or personal.",
        Test("statistics_api::secrets_of_the_stored_document_are_not_shown"),
    ),
    difference(
        Document,
        "A refresh stores a document and resets the count of seat requests and the peak of connections.",
        "It writes nothing.",
        "The exporter only reads.",
        Test("database::two_full_refreshes_write_nothing_and_scan_no_messages"),
    ),
    difference(
        Document,
        "Lists of devices, systems, roles and sources have every entry.",
        "The first 1,000, and one entry `other`.",
        "The database decides their length.",
        Test("bounds::overfilled_database_keeps_memory_bounded_and_sums_correct"),
    ),
    difference(
        Document,
        "With a license for everything `enterprise.tags` has the tags of the license.",
        "With `--rocketchat.license-modules=*` and no readable license it is left out.",
        "The flag names modules, and no plan.",
        Test("conformance::document_equals_rocket_chat_5_3_to_8_3"),
    ),
    difference(
        List,
        "A negative `count` counts as its absolute value.",
        "400.",
        "It is a mistake of the client.",
        Request(
            "/api/v1/statistics.list?count=-1",
            400,
            "must not be negative",
        ),
    ),
    difference(
        List,
        "`query` may run code or anything else that MongoDB offers: `$where`, `$expr`, `$jsonSchema`, `$text`, `$geoWithin`.",
        "400: only comparing operators are allowed.",
        "They have no bound in cost.",
        Request(
            "/api/v1/statistics.list?query=%7B%22$where%22:%221%22%7D",
            400,
            "not allowed",
        ),
    ),
    difference(
        List,
        "`query`, `sort` and `$elemMatch` may look at tokens, mail settings and the contact person.",
        "400.",
        "A filter on what is hidden tells what it is.",
        Request(
            "/api/v1/statistics.list?query=%7B%22statsToken%22:%7B%22$gt%22:%22a%22%7D%7D",
            400,
            "it is hidden",
        ),
    ),
    difference(
        List,
        "A regular expression of any length, and any number of values.",
        "400 beyond 200 characters, and beyond 500 values.",
        "They have no bound in cost.",
        Request(LONG_REGEX, 400, "may have 200 characters"),
    ),
    difference(
        List,
        "A `$date` that is none is taken as one.",
        "400.",
        "A typing error must not look like an answer.",
        Request(
            "/api/v1/statistics.list?query=%7B%22createdAt%22:%7B%22$date%22:%22soon%22%7D%7D",
            400,
            "is not a date",
        ),
    ),
    difference(
        List,
        "`query=true`, a number other than 0, a text or a list is 400 with MongoDB's words.",
        "400 with the exporter's words.",
        "MongoDB's name its commands, which differ from version to version.",
        Request(
            "/api/v1/statistics.list?query=7",
            400,
            "The query must be an object.",
        ),
    ),
    difference(
        List,
        "`$meta` and other operators in `fields` are for MongoDB to judge.",
        "`$slice` and `$elemMatch` are allowed, others 400.",
        "The others need a text index, or are unknown.",
        Request(
            "/api/v1/statistics.list?fields=%7B%22a%22:%7B%22$meta%22:%22x%22%7D%7D",
            400,
            "Unsupported projection option",
        ),
    ),
    difference(
        List,
        "A list has any length and any number of readers.",
        "At most 10,000 documents and 512 MiB; one list is made at a time, four wait, others get 503.",
        "The exporter needs little memory.",
        Test("large_lists::lists_beyond_the_queue_are_refused"),
    ),
    difference(
        Requests,
        "HEAD is answered with 200 and the HTML of the web app, without a login.",
        "As GET, with its status and header, without a body.",
        "That is what HEAD means.",
        Test("rest_paths::head_is_authenticated_like_get"),
    ),
    difference(
        Requests,
        "Unknown paths are answered with 200 and the HTML of the web app.",
        "404 as JSON.",
        "The exporter has no web app.",
        Request("/api/v1/users.list", 404, "error-not-found"),
    ),
    difference(
        Requests,
        "A path with malformed percent-encoding is never answered.",
        "400.",
        "A client would wait for ever.",
        Test("rest_paths::wrong_path_is_404_and_malformed_path_is_400"),
    ),
    difference(
        Requests,
        "A target with an unescaped quotation mark is answered.",
        "400 without a body. Braces, brackets and colons need no escapes.",
        "HTTP forbids it, and the HTTP library enforces that.",
        Test("rest_paths::unescaped_quotation_mark_is_400_and_braces_are_taken"),
    ),
    difference(
        Requests,
        "A token of 20,000 characters closes the connection.",
        "431.",
        "The client sees what is wrong.",
        Test("rest_paths::token_of_twenty_thousand_characters_is_431"),
    ),
    difference(
        Requests,
        "`?access_token[$exists]=true` logs in as some user.",
        "401: tokens are compared as texts.",
        "It is a hole.",
        Test("rest_login::operators_instead_of_tokens_are_rejected"),
    ),
    difference(
        Requests,
        "A deactivated user whose token is left over is logged in.",
        "401.",
        "It is a hole.",
        Test("statistics_api::deactivated_admin_is_rejected"),
    ),
    difference(
        Requests,
        "`/api/info` always knows the version.",
        "503 `error-version-unknown` where the database has neither stored statistics nor migrations, and no flag tells it.",
        "Nothing tells it.",
        Test("rest_info::version_that_nothing_tells_is_an_error_of_its_own"),
    ),
    difference(
        Requests,
        "`/api/info` has `minimumClientVersions` and `supportedVersions`.",
        "They are left out.",
        "They come from Rocket.Chat's build and cloud.",
        Test("rest_of_9_0::workspace_url_is_public_from_8_4_on"),
    ),
    difference(
        Requests,
        "`/api/v1/info` has details of the build for users with `view-statistics`.",
        "It has the tag, the branch and the version of the Apps-Engine.",
        "The others are not in the database.",
        Test("rest_info::version_is_public_and_build_details_need_the_permission"),
    ),
    difference(
        Requests,
        "CORS can be enabled.",
        "It is always off.",
        "The exporter's data are for scripts, not for pages of other sites.",
        Test("rest_paths::options_is_an_empty_404_and_preflight_is_405"),
    ),
];

/// The tables of the page.
fn page() -> String {
    let mut lines = vec![String::new()];
    for (about, title) in [
        (Document, "The statistics document"),
        (List, "`statistics.list`"),
        (Requests, "Requests and logins"),
    ] {
        lines.push(format!("## {title}\n"));
        lines.push("| Rocket.Chat | The exporter | Why |\n|---|---|---|".to_owned());
        let rows = DIFFERENCES.iter().filter(|row| row.about == about);
        lines.extend(rows.map(|row| {
            format!(
                "| {} | {} | {} |",
                row.rocket_chat, row.exporter, row.reason
            )
        }));
        lines.push(String::new());
    }
    lines.join("\n")
}

#[test]
fn page_has_every_row_of_the_table() {
    let markers = ("<!-- differences: begin -->", "<!-- differences: end -->");
    assert_golden("docs/differences.md", Some(markers), &page());
}

#[test]
fn every_test_in_the_table_exists() {
    for row in &DIFFERENCES {
        let Test(path) = row.proof else { continue };
        let (file, function) = path.split_once("::").expect("a test is file::function");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/{file}.rs"));
        let text = fs::read_to_string(&file).unwrap_or_default();
        assert!(text.contains(&format!("fn {function}()")), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_in_the_table_is_answered_as_it_says() {
    let arguments = ["--rocketchat.version=3.4.0"];
    let workspace = shared_workspace().await.start(&arguments).await;
    for row in &DIFFERENCES {
        let Request(target, status, text) = row.proof else {
            continue;
        };
        let response = workspace.get(target);
        assert_eq!(response.status, status, "{target}: {}", response.text());
        let found = response.text();
        assert!(found.contains(text), "{target}: {found}");
    }
}
