//! The API with the Python client `rocketchat_API`, which works as with Rocket.Chat.

use std::process::Command;

use testbed::tools;

use crate::support::shared_workspace;

const SCRIPT: &str = r#"
import sys
from rocketchat_API.APIExceptions.RocketExceptions import RocketApiException
from rocketchat_API.rocketchat import RocketChat

url, admin_id, admin_token, plain_id, plain_token = sys.argv[1:]
rocket = RocketChat(user_id=admin_id, auth_token=admin_token, server_url=url)
assert rocket.info()["version"] == "9.0.0", rocket.info()

response = rocket.statistics()
assert response["success"] and response["statistics"]["totalUsers"] > 0, response
assert rocket.statistics(refresh="true")["statistics"]["totalUsers"] > 0

whole = [document["_id"] for document in rocket.statistics_list()]
assert len(whole) == 5, whole
assert [document["_id"] for document in rocket.statistics_list(count=2)] == whole
assert len(list(rocket.statistics_list(max_count=3))) == 3
newest = next(rocket.statistics_list(sort='{"createdAt":-1}', count=1))
assert newest["createdAt"] == max(document["createdAt"] for document in rocket.statistics_list())

plain = RocketChat(user_id=plain_id, auth_token=plain_token, server_url=url)
for refused in (plain.statistics, plain.statistics_list):
    try:
        refused()
    except RocketApiException as exception:
        assert (exception.status_code, exception.error) == (403, "error-not-allowed"), exception
    else:
        raise AssertionError("nothing was refused")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn python_client_works_with_the_exporter() {
    let workspace = shared_workspace()
        .await
        .start(&["--rocketchat.version=9.0.0"])
        .await;
    let modules = tools::ROCKETCHAT_API
        .find()
        .expect("rocketchat_API is installed");
    let (admin, plain) = (&workspace.credentials.admin, &workspace.credentials.plain);
    let url = format!("http://{}", workspace.exporter.address());
    let output = Command::new("python3")
        .args(["-c", SCRIPT, &url, &admin.user_id, &admin.token])
        .args([&plain.user_id, &plain.token])
        .env("PYTHONPATH", modules.path())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .expect("Python runs");
    let printed = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&printed)
    );
}
