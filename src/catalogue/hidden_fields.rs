//! Fields of the statistics document that are never shown, and those that Rocket.Chat's API never looks at.

/// Fields that are never shown, as paths: the token for Rocket.Chat's cloud, mail settings, and the contact person that
/// old versions store. They are removed from every document, and a query that touches one of them is rejected.
pub const HIDDEN_FIELDS: [&str; 5] = [
    "statsToken",
    "settings.email.smtp",
    "settings.email.fromEmail",
    "wizard.contactName",
    "wizard.contactEmail",
];

/// Fields that Rocket.Chat's API removes from every query and projection.
pub const IGNORED_FIELDS: [&str; 4] = ["joinCode", "members", "importIds", "e2e"];

/// Whether a path leads to a hidden field, into one, or to an object that has one. Numbers in a path are indices of arrays.
pub fn touches_hidden_field(path: &str) -> bool {
    let is_index = |key: &&str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    HIDDEN_FIELDS.iter().any(|hidden| {
        let keys = path.split('.').filter(|key| !is_index(key));
        keys.zip(hidden.split('.'))
            .all(|(key, hidden)| key == hidden)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_to_into_or_around_a_hidden_field_touches_it() {
        for path in [
            "statsToken",
            "statsToken.0",
            "settings",
            "settings.email",
            "settings.email.smtp.smtpHost",
            "settings.0.email.fromEmail",
            "wizard.contactEmail",
        ] {
            assert!(touches_hidden_field(path), "{path}");
        }
        for path in [
            "settings.email.other",
            "wizard.size",
            "statsTokens",
            "version",
        ] {
            assert!(!touches_hidden_field(path), "{path}");
        }
    }
}
