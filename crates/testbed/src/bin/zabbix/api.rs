//! Zabbix' API: JSON-RPC over HTTP.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testbed::http;

/// A login to the API.
pub(crate) struct Api {
    address: SocketAddr,
    token: Option<String>,
}

impl Api {
    /// Logs in as the administrator of a new installation.
    pub(crate) async fn log_in(address: SocketAddr) -> Result<Self> {
        let mut api = Self {
            address,
            token: None,
        };
        let credentials = json!({ "username": "Admin", "password": "zabbix" });
        let token = api.call("user.login", &credentials).await?;
        api.token = Some(token.as_str().context("user.login: no token")?.to_owned());
        Ok(api)
    }

    /// Calls a method and returns its result.
    pub(crate) async fn call(&self, method: &str, parameters: &Value) -> Result<Value> {
        let request = json!({ "jsonrpc": "2.0", "method": method, "params": parameters, "id": 1 });
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("Content-Type", "application/json-rpc")];
        headers.extend(
            authorization
                .iter()
                .map(|value| ("Authorization", &**value)),
        );
        let body = request.to_string();
        let response =
            http::post(self.address, "/api_jsonrpc.php", &headers, body.as_bytes()).await?;
        ensure!(
            response.status == 200,
            "{method}: status {}",
            response.status
        );
        let mut response: Value = serde_json::from_slice(&response.body)
            .with_context(|| format!("{method}: the response is no JSON"))?;
        if let Some(error) = response.get("error") {
            bail!("{method}: {error}");
        }
        Ok(response["result"].take())
    }

    /// Calls a method that returns a list of objects, and returns the objects.
    pub(crate) async fn list(&self, method: &str, parameters: &Value) -> Result<Vec<Value>> {
        match self.call(method, parameters).await? {
            Value::Array(list) => Ok(list),
            other => bail!("{method}: no list but {other}"),
        }
    }
}

/// A text of an object, or nothing.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}
