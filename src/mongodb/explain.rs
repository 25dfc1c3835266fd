//! Query plans: the command `explain` and its reply, in the formats of all versions and topologies.

use mongodb::bson::{Bson, Document, doc};
use serde::Serialize;

use super::command_log::SentCommand;
use super::{bson, indexes};

/// Fields that the driver adds, and those that belong beside the explained command.
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

/// A query plan with its execution statistics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QueryPlan {
    /// The stages in the order of execution; an index scan with its index.
    pub stages: Vec<String>,
    /// Index entries that were examined.
    pub keys_examined: u64,
    /// Documents that were examined.
    pub documents_examined: u64,
    /// Documents in the result.
    pub documents_returned: u64,
    /// Whether a collection that is not small was scanned.
    pub scans_large_collection: bool,
}

/// The command that explains another one; `None` if the server answers that one from metadata.
pub fn command(sent: &SentCommand) -> Option<Document> {
    let is_explained = match sent.kind() {
        "aggregate" | "find" => true,
        // Without a query it returns the counter in the metadata.
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

/// Parses the reply.
pub fn parse(answer: &Document) -> QueryPlan {
    let mut plan = QueryPlan::default();
    match answer.get_document("shards") {
        Ok(shards) => {
            for shard in shards.values().filter_map(Bson::as_document) {
                add(&mut plan, shard);
            }
        }
        Err(_) => add(&mut plan, answer),
    }
    plan.scans_large_collection = plan.documents_examined > indexes::MAX_SCANNED_DOCUMENTS
        && plan
            .stages
            .iter()
            .any(|stage| stage.starts_with("COLLSCAN"));
    plan
}

/// Adds the plan of one server.
fn add(plan: &mut QueryPlan, answer: &Document) {
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
        // Stages that read other collections have their own statistics.
        plan.keys_examined += bson::counted(stage, "totalKeysExamined");
        plan.documents_examined += bson::counted(stage, "totalDocsExamined");
        returned = bson::count(stage.get("nReturned")).or(returned);
    }
    if let Some(returned) = returned {
        plan.documents_returned = returned;
    }
}

/// Adds the plan of a find.
fn add_query(plan: &mut QueryPlan, answer: &Document) {
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

/// Adds a tree of stages, innermost first.
fn add_stages(plan: &mut QueryPlan, stage: &Document) {
    // The slot-based engine wraps the plan once more.
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

/// Adds a stage, once.
fn push(plan: &mut QueryPlan, stage: String) {
    if !plan.stages.contains(&stage) {
        plan.stages.push(stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipeline_plan_begins_with_the_cursor() {
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
        let expected = QueryPlan {
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
        assert_eq!(parse(&answer), expected);
    }

    #[test]
    fn slot_based_and_sharded_plans_are_parsed() {
        let shard = doc! {
            "queryPlanner": { "winningPlan": {
                "queryPlan": { "stage": "GROUP", "inputStage": { "stage": "COLLSCAN" } },
                "slotBasedPlan": {},
            } },
            "executionStats": { "nReturned": 1, "totalKeysExamined": 0, "totalDocsExamined": 6000 },
        };
        let found = parse(&doc! { "shards": { "a": shard.clone(), "b": shard } });
        assert_eq!(found.stages, ["COLLSCAN", "GROUP"]);
        assert_eq!(found.documents_examined, 12_000);
        assert!(found.scans_large_collection);
        let found = parse(&doc! {
            "queryPlanner": { "winningPlan": { "stage": "SINGLE_SHARD", "shards": [
                { "winningPlan": { "stage": "COUNT", "inputStage": { "stage": "COUNT_SCAN", "indexName": "t_1" } } },
            ] } },
            "executionStats": { "nReturned": 0, "totalKeysExamined": 5, "totalDocsExamined": 0 },
        });
        assert_eq!(found.stages, ["COUNT_SCAN t_1", "COUNT", "SINGLE_SHARD"]);
    }

    #[test]
    fn express_plans_of_8_0_are_parsed() {
        let answer = doc! {
            "explainVersion": "1",
            "queryPlanner": { "winningPlan": {
                "isCached": false,
                "stage": "EXPRESS_IXSCAN",
                "keyPattern": "{ _id: 1 }",
                "indexName": "_id_",
            } },
            "executionStats": {
                "nReturned": 1,
                "totalKeysExamined": 1,
                "totalDocsExamined": 1,
                "executionStages": { "isCached": false, "stage": "EXPRESS_IXSCAN" },
            },
        };
        let expected = QueryPlan {
            stages: vec!["EXPRESS_IXSCAN _id_".to_owned()],
            keys_examined: 1,
            documents_examined: 1,
            documents_returned: 1,
            scans_large_collection: false,
        };
        assert_eq!(parse(&answer), expected);
        let in_pipeline = doc! { "stages": [{ "$cursor": answer, "nReturned": 1_i64 }] };
        assert_eq!(parse(&in_pipeline), expected);
        // A clustered collection is its own index, and the plan names none.
        let clustered = doc! { "queryPlanner": { "winningPlan": {
            "isCached": false,
            "stage": "EXPRESS_CLUSTERED_IXSCAN",
        } } };
        assert_eq!(parse(&clustered).stages, ["EXPRESS_CLUSTERED_IXSCAN"]);
    }

    #[test]
    fn slot_based_pipelines_of_8_0_are_parsed() {
        let slot_based = doc! { "slots": "$$RESULT=s7 env: {  }", "stages": "[2] project [s7]" };
        let pushed_down = doc! {
            "explainVersion": "2",
            "queryPlanner": { "winningPlan": {
                "isCached": false,
                "queryPlan": {
                    "stage": "GROUP",
                    "planNodeId": 3,
                    "inputStage": { "stage": "IXSCAN", "planNodeId": 1, "indexName": "t_1" },
                },
                "slotBasedPlan": &slot_based,
            } },
            "executionStats": { "nReturned": 2, "totalKeysExamined": 9, "totalDocsExamined": 0 },
        };
        let plan = parse(&pushed_down);
        assert_eq!(plan.stages, ["IXSCAN t_1", "GROUP"]);
        assert_eq!((plan.keys_examined, plan.documents_returned), (9, 2));
        let in_part = doc! { "explainVersion": "2", "stages": [
            { "$cursor": pushed_down, "nReturned": 2_i64 },
            { "$sort": {}, "nReturned": 2_i64 },
        ] };
        assert_eq!(parse(&in_part).stages, ["IXSCAN t_1", "GROUP", "$sort"]);
        let of_shard = doc! { "shardName": "a", "winningPlan": {
            "isCached": false,
            "queryPlan": { "stage": "FETCH", "inputStage": { "stage": "IXSCAN", "indexName": "b_1" } },
            "slotBasedPlan": slot_based,
        } };
        let sharded = doc! { "queryPlanner": { "winningPlan": {
            "stage": "SINGLE_SHARD",
            "shards": [of_shard],
        } } };
        assert_eq!(
            parse(&sharded).stages,
            ["IXSCAN b_1", "FETCH", "SINGLE_SHARD"]
        );
    }
}
