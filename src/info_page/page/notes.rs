//! What the page remarks on without an alert of its own: some need no action now, some depend on the version.

use serde_json::Value as Json;

use super::card::PageData;
use super::format;
use crate::catalogue::Value;
use crate::collectors::instances::Instances;
use crate::collectors::license::{Grants, OAUTH_ENTERPRISE};

/// Where the notes are documented.
pub const DOCUMENTATION: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/blob/main/docs/info-page.md#notes"
);

/// A remark.
pub struct Note {
    /// What is the case.
    pub message: String,
    /// What to do.
    pub advice: &'static str,
}

/// All notes.
pub fn of(data: &PageData<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(instances) = &data.page.snapshot.instances {
        of_instances(data, instances, &mut notes);
    }
    custom_oauth(data, &mut notes);
    offline(data, &mut notes);
    never_stored(data, &mut notes);
    left_out(data, &mut notes);
    notes
}

fn of_instances(data: &PageData<'_>, instances: &Instances, notes: &mut Vec<Note>) {
    let live = instances.live_count();
    let is = |path: &str| data.field(path).and_then(Json::as_bool);
    let micro_services = is("msEnabled") == Some(true);
    let license = data.page.snapshot.license.as_ref();
    let unlicensed = license.is_some_and(|license| license.grants == Grants::None);
    if live > 1 && unlicensed && !micro_services {
        notes.push(Note {
            message: format!(
                "{live} instances run without a license; Rocket.Chat supports several only with one."
            ),
            advice: "Run one instance, or apply a license.",
        });
    }
    if live > 1 && is("oplogEnabled") == Some(false) && !micro_services && !data.since(7, 0) {
        notes.push(Note {
            message: format!(
                "{live} instances run without the oplog, so they see each other's changes late."
            ),
            advice: "Set MONGO_OPLOG_URL for each instance.",
        });
    }
}

/// Accounts that 9.0 and later refuse for lack of a module.
fn custom_oauth(data: &PageData<'_>, notes: &mut Vec<Note>) {
    let snapshot = data.page.snapshot;
    let (Some(license), Some(accounts)) = (&snapshot.license, &snapshot.account_security) else {
        return;
    };
    let number = accounts.custom_oauth_only;
    if number == 0 || license.grants.grants(OAUTH_ENTERPRISE) {
        return;
    }
    let number = format::number(number as f64);
    let consequence = if data.since(9, 0) {
        "cannot log in"
    } else {
        "cannot log in after an upgrade to Rocket.Chat 9.0"
    };
    notes.push(Note {
        message: format!(
            "{number} accounts {consequence}: they have a custom OAuth login only, which 9.0 and later refuses without the license module {OAUTH_ENTERPRISE}."
        ),
        advice: "Get a license with that module, or give these accounts a password or another login.",
    });
}

/// What an offline license turns off although the settings have it on. It has been so since 8.7 in the development branch.
fn offline(data: &PageData<'_>, notes: &mut Vec<Note>) {
    let license = data.page.snapshot.license.as_ref();
    let held = license.and_then(|license| license.held.as_ref());
    let is_offline = held.is_some_and(|held| {
        held.is_valid() && held.content.as_ref().is_some_and(|content| content.offline)
    });
    let is_on = |id: &str| data.setting(id) == Some(&Value::Bool(true));
    if is_offline && data.since(8, 7) && is_on("Push_enable") && is_on("Push_enable_gateway") {
        notes.push(Note {
            message: "The license is offline, so Rocket.Chat 8.7 and later sends no push notifications through Rocket.Chat's gateway, although the settings enable it.".to_owned(),
            advice: "Use a push gateway of your own, or disable Push_enable_gateway.",
        });
    }
}

fn never_stored(data: &PageData<'_>, notes: &mut Vec<Note>) {
    let stored = data.page.snapshot.stored_document.as_ref();
    if stored.is_some_and(|stored| stored.document.is_none()) {
        notes.push(Note {
            message: "Rocket.Chat has never stored its own statistics.".to_owned(),
            advice: "Nothing for a workspace that is a day old; later see whether an instance runs background jobs.",
        });
    }
}

fn left_out(data: &PageData<'_>, notes: &mut Vec<Note>) {
    let outcomes = &data.page.snapshot.outcomes;
    for (collector, outcome) in outcomes {
        for (what, count) in &outcome.left_out {
            notes.push(Note {
                message: format!(
                    "The collector {} does not list {} {} individually: there are too many, or they cannot be read. Their sums count as other.",
                    collector.name(),
                    format::number(*count as f64),
                    what.replace('_', " ")
                ),
                advice: "Nothing: no number is lost.",
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_documented_where_the_link_leads() {
        let (_, heading) = DOCUMENTATION.split_once('#').expect("there is an anchor");
        let page = include_str!("../../../docs/info-page.md").to_lowercase();
        assert!(page.contains(&format!("\n### {heading}\n")));
    }
}
