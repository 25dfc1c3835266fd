//! The queries of the dashboards as Prometheus parses them.

use serde_json::Value;
use testbed::tools;
use tokio::sync::OnceCell;

use super::{Query, list, queries, text};
use crate::support::Prometheus;

/// A query and its syntax tree.
#[derive(Debug)]
pub struct ParsedQuery {
    pub query: Query,
    /// What Prometheus' `/api/v1/parse_query` returns.
    tree: Value,
}

/// A selector of an instant or a range.
#[derive(Debug)]
pub struct Selector<'a> {
    /// The name of the metric; empty if the selector has none.
    pub metric: &'a str,
    /// The matchers of labels, without that of the name.
    pub matchers: Vec<Matcher<'a>>,
}

#[derive(Debug)]
pub struct Matcher<'a> {
    pub label: &'a str,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: &'a str,
    pub value: &'a str,
}

/// The queries of all panels and annotations. Panics with Prometheus' error if it cannot parse one.
pub async fn parsed_queries() -> &'static [ParsedQuery] {
    static PARSED: OnceCell<Vec<ParsedQuery>> = OnceCell::const_new();
    PARSED.get_or_init(parse).await
}

async fn parse() -> Vec<ParsedQuery> {
    // Prometheus 2 cannot return the syntax tree.
    let prometheus = Prometheus::start(tools::PROMETHEUS_3, "global: {}").await;
    let parse = |query: Query| {
        let filled = query.filled("host:9459", ".*");
        let tree = prometheus
            .api("parse_query", &[("query", &filled)])
            .unwrap_or_else(|error| panic!("{query:?}: {error}"));
        ParsedQuery { query, tree }
    };
    queries().into_iter().map(parse).collect()
}

impl ParsedQuery {
    /// All selectors.
    pub fn selectors(&self) -> Vec<Selector<'_>> {
        selectors(&self.tree)
    }

    /// The selectors in the arguments of functions.
    pub fn selectors_in(&self, functions: &[&str]) -> Vec<Selector<'_>> {
        nodes(&self.tree)
            .into_iter()
            .filter(|node| {
                node["type"] == "call" && functions.contains(&text(&node["func"]["name"]))
            })
            .flat_map(selectors)
            .collect()
    }

    /// The names of the metrics.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        let names = self.selectors().into_iter().map(|selector| selector.metric);
        names.filter(|name| !name.is_empty())
    }
}

fn selectors(tree: &Value) -> Vec<Selector<'_>> {
    let kinds = ["vectorSelector", "matrixSelector"];
    let nodes = nodes(tree).into_iter();
    nodes
        .filter(|node| kinds.contains(&text(&node["type"])))
        .map(|node| Selector {
            metric: text(&node["name"]),
            matchers: list(&node["matchers"])
                .iter()
                .map(|matcher| Matcher {
                    label: text(&matcher["name"]),
                    operator: text(&matcher["type"]),
                    value: text(&matcher["value"]),
                })
                .filter(|matcher| matcher.label != "__name__")
                .collect(),
        })
        .collect()
}

/// The objects in a syntax tree, from the outside to the inside.
fn nodes(tree: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match tree {
        Value::Array(values) => values.iter().flat_map(nodes).collect(),
        Value::Object(fields) => fields.values().flat_map(nodes).collect(),
        _ => return Vec::new(),
    };
    let own = tree.is_object().then_some(tree);
    own.into_iter().chain(inner).collect()
}
