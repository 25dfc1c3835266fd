//! How the server runs a query: its answer to `explain`, as differently as versions and topologies write it.

use mongodb::bson::{Bson, Document, doc};
use serde::Serialize;

use super::command_log::Sent;
use super::{bson, indexes};

/// What the driver adds to each command, and what stands beside the explained command instead of in it.
const NOT_EXPLAINED: [&str; 8] = [
    "$clusterTime",
    "$db",
    "$readPreference",
    "comment",
    "lsid",
    "maxTimeMS",
    "readConcern",
    "txnNumber",
];

/// A query's plan, and what following it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The stages, in the order in which documents pass them; an index scan with its index.
    pub stages: Vec<String>,
    /// Entries of indexes that were looked at.
    pub keys_examined: u64,
    /// Documents that were looked at.
    pub documents_examined: u64,
    /// Documents that came out in the end.
    pub documents_returned: u64,
    /// Whether a collection that is not small was read from one end to the other.
    pub scans_large_collection: bool,
}

/// The command that asks how another one is run; `None` for one that the server answers from metadata.
pub fn question(sent: &Sent) -> Option<Document> {
    let is_explained = match sent.kind() {
        "aggregate" | "find" => true,
        // Without a query it is the collection's own counter.
        "count" => sent.command.contains_key("query"),
        _ => false,
    };
    if !is_explained {
        return None;
    }
    let command: Document = sent
        .command
        .iter()
        .filter(|(key, _)| !NOT_EXPLAINED.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Some(doc! { "explain": command, "verbosity": "executionStats" })
}

/// What the answer says.
pub fn plan(answer: &Document) -> Plan {
    let mut plan = Plan::default();
    match answer.get_document("shards") {
        Ok(shards) => {
            for shard in shards.values().filter_map(Bson::as_document) {
                add(&mut plan, shard);
            }
        }
        Err(_) => add(&mut plan, answer),
    }
    plan.scans_large_collection = plan.documents_examined > indexes::SMALL
        && plan
            .stages
            .iter()
            .any(|stage| stage.starts_with("COLLSCAN"));
    plan
}

/// Adds what one server did.
fn add(plan: &mut Plan, answer: &Document) {
    let pipeline = answer.get_array("stages").ok();
    let Some(pipeline) = pipeline else {
        add_query(plan, answer);
        return;
    };
    let mut returned = None;
    for stage in pipeline.iter().filter_map(Bson::as_document) {
        let Some((name, inner)) = stage.iter().next() else {
            continue;
        };
        match (name.as_str(), inner) {
            ("$cursor", Bson::Document(cursor)) => add_query(plan, cursor),
            (name, _) => push(plan, name.to_owned()),
        }
        // Stages that look into other collections tell what that took.
        plan.keys_examined += bson::counted(stage, "totalKeysExamined");
        plan.documents_examined += bson::counted(stage, "totalDocsExamined");
        returned = bson::count(stage.get("nReturned")).or(returned);
    }
    if let Some(returned) = returned {
        plan.documents_returned = returned;
    }
}

/// Adds what finding documents took.
fn add_query(plan: &mut Plan, answer: &Document) {
    if let Ok(winning) = answer
        .get_document("queryPlanner")
        .and_then(|planner| planner.get_document("winningPlan"))
    {
        add_stages(plan, winning);
    }
    if let Ok(execution) = answer.get_document("executionStats") {
        plan.keys_examined += bson::counted(execution, "totalKeysExamined");
        plan.documents_examined += bson::counted(execution, "totalDocsExamined");
        plan.documents_returned += bson::counted(execution, "nReturned");
    }
}

/// Adds a tree of stages, the innermost first.
fn add_stages(plan: &mut Plan, stage: &Document) {
    // The newer of the server's two engines wraps its plan once more.
    if let Ok(inner) = stage.get_document("queryPlan") {
        add_stages(plan, inner);
        return;
    }
    for key in ["inputStage", "outerStage", "innerStage"] {
        if let Ok(inner) = stage.get_document(key) {
            add_stages(plan, inner);
        }
    }
    for key in ["inputStages", "shards"] {
        let inner = stage.get_array(key).map_or(&[][..], Vec::as_slice);
        for inner in inner.iter().filter_map(Bson::as_document) {
            add_stages(plan, inner.get_document("winningPlan").unwrap_or(inner));
        }
    }
    if let Ok(name) = stage.get_str("stage") {
        push(
            plan,
            match stage.get_str("indexName") {
                Ok(index) => format!("{name} {index}"),
                Err(_) => name.to_owned(),
            },
        );
    }
}

/// Notes a stage once, however many alternatives pass it.
fn push(plan: &mut Plan, stage: String) {
    if !plan.stages.contains(&stage) {
        plan.stages.push(stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_of_a_pipeline_begins_where_its_documents_come_from() {
        let answer = doc! { "stages": [
            { "$cursor": {
                "queryPlanner": { "winningPlan": {
                    "stage": "PROJECTION_SIMPLE",
                    "inputStage": { "stage": "FETCH", "inputStage": { "stage": "IXSCAN", "indexName": "a_1" } },
                } },
                "executionStats": { "nReturned": 7, "totalKeysExamined": 9, "totalDocsExamined": 8 },
            }, "nReturned": 7_i64 },
            { "$lookup": {}, "totalDocsExamined": 3_i64, "totalKeysExamined": 4_i64, "nReturned": 7_i64 },
            { "$group": {}, "nReturned": 2_i64 },
        ] };
        let expected = Plan {
            stages: [
                "IXSCAN a_1",
                "FETCH",
                "PROJECTION_SIMPLE",
                "$lookup",
                "$group",
            ]
            .map(str::to_owned)
            .to_vec(),
            keys_examined: 13,
            documents_examined: 11,
            documents_returned: 2,
            scans_large_collection: false,
        };
        assert_eq!(plan(&answer), expected);
    }

    #[test]
    fn the_newer_engines_plan_and_those_of_shards_are_understood() {
        let shard = doc! {
            "queryPlanner": { "winningPlan": {
                "queryPlan": { "stage": "GROUP", "inputStage": { "stage": "COLLSCAN" } },
                "slotBasedPlan": {},
            } },
            "executionStats": { "nReturned": 1, "totalKeysExamined": 0, "totalDocsExamined": 6000 },
        };
        let found = plan(&doc! { "shards": { "a": shard.clone(), "b": shard } });
        assert_eq!(found.stages, ["COLLSCAN", "GROUP"]);
        assert_eq!(found.documents_examined, 12_000);
        assert!(found.scans_large_collection);
        let found = plan(&doc! {
            "queryPlanner": { "winningPlan": { "stage": "SINGLE_SHARD", "shards": [
                { "winningPlan": { "stage": "COUNT", "inputStage": { "stage": "COUNT_SCAN", "indexName": "t_1" } } },
            ] } },
            "executionStats": { "nReturned": 0, "totalKeysExamined": 5, "totalDocsExamined": 0 },
        });
        assert_eq!(found.stages, ["COUNT_SCAN t_1", "COUNT", "SINGLE_SHARD"]);
    }
}
