//! Rocket.Chat's verdict on a license, from the response of `licenses.validate`.

use serde_json::Value;

/// How many reasons of an invalid license are shown, and how many modules of each; there are few in reality.
const MAX_REASONS: usize = 20;
const MAX_MODULES: usize = 30;

/// Whether Rocket.Chat would accept a license.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenseVerdict {
    /// It would.
    Valid,
    /// It would not; without reasons when it cannot read the text.
    Invalid(Vec<VerdictReason>),
}

/// A rule of a license that is violated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictReason {
    /// What violates it: `url`, `period`, `limit` or what else Rocket.Chat says.
    pub reason: String,
    /// The consequence, such as `invalidate_license`.
    pub behavior: String,
    /// The limit that is exceeded, such as `activeUsers`.
    pub limit: Option<String>,
    /// The modules that the consequence concerns.
    pub modules: Vec<String>,
}

/// The reasons of an invalid license; `None` where the response has no list of them. `shown` is applied to each text.
pub fn reasons(response: &Value, shown: impl Fn(&str) -> String) -> Option<Vec<VerdictReason>> {
    let reasons = response["reasons"].as_array()?;
    let text = |reason: &Value, key: &str| reason[key].as_str().map(&shown);
    let reason = |reason: &Value| {
        let modules = reason["modules"].as_array();
        let modules = modules.into_iter().flatten().filter_map(Value::as_str);
        VerdictReason {
            reason: text(reason, "reason").unwrap_or_default(),
            behavior: text(reason, "behavior").unwrap_or_default(),
            limit: text(reason, "limit"),
            modules: modules.map(&shown).take(MAX_MODULES).collect(),
        }
    };
    Some(reasons.iter().map(reason).take(MAX_REASONS).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reasons_are_those_of_the_response() {
        let response = json!({ "success": false, "error": "license-invalid", "reasons": [
            { "behavior": "invalidate_license", "reason": "url" },
            { "behavior": "disable_modules", "reason": "limit", "limit": "activeUsers", "modules": ["auditing", 7] },
            "odd",
        ] });
        let text = |text: &str| text.to_owned();
        let found = reasons(&response, text).expect("there is a list");
        assert_eq!(
            found,
            [
                VerdictReason {
                    reason: text("url"),
                    behavior: text("invalidate_license"),
                    limit: None,
                    modules: vec![],
                },
                VerdictReason {
                    reason: text("limit"),
                    behavior: text("disable_modules"),
                    limit: Some(text("activeUsers")),
                    modules: vec![text("auditing")],
                },
                VerdictReason {
                    reason: String::new(),
                    behavior: String::new(),
                    limit: None,
                    modules: vec![],
                },
            ]
        );
    }

    #[test]
    fn long_lists_are_cut_and_other_responses_have_no_reasons() {
        let reason = json!({ "reason": "url", "modules": vec!["x"; 1000] });
        let response = json!({ "reasons": vec![reason; 1000] });
        let found = reasons(&response, str::to_owned).expect("there is a list");
        assert_eq!((found.len(), found[0].modules.len()), (20, 30));
        for other in [json!({ "error": "x" }), json!({ "reasons": {} }), json!([])] {
            assert_eq!(reasons(&other, str::to_owned), None, "{other}");
        }
    }
}
