//! The newest stored statistics document, without secrets and personal data.

use mongodb::bson::{Document, doc};

use super::indexes::Access;
use super::{Question, convert};
use crate::sources::SourceError;
use crate::statistics::{FailureKind, Stored};

/// What is never shown: the token for Rocket.Chat's cloud, mail settings, and the contact person of old versions.
const SECRETS: [&[&str]; 5] = [
    &["statsToken"],
    &["settings", "email", "smtp"],
    &["settings", "email", "fromEmail"],
    &["wizard", "contactName"],
    &["wizard", "contactEmail"],
];

pub async fn read(question: &mut Question<'_>) -> Result<Stored, SourceError> {
    const COLLECTION: &str = "rocketchat_statistics";
    let hint = match question.access(COLLECTION, "createdAt").await? {
        Access::Index(hint) => Some(hint),
        Access::SmallScan => None,
        Access::Refused => {
            return Err(SourceError::new(
                FailureKind::MissingIndex,
                "finding the newest statistics document would read all of them because the index is missing; create it with db.rocketchat_statistics.createIndex({createdAt: -1})",
            ));
        }
    };
    let pipeline = vec![doc! { "$sort": { "createdAt": -1 } }, doc! { "$limit": 1 }];
    let mut newest = question.aggregate(COLLECTION, pipeline, hint).await?;
    let Some(mut document) = newest.pop() else {
        return Ok(Stored::default());
    };
    for path in SECRETS {
        remove(&mut document, path);
    }
    Ok(Stored {
        created_at: convert::timestamp(document.get("createdAt")),
        document: Some(convert::object(&document)),
    })
}

fn remove(document: &mut Document, path: &[&str]) {
    match path {
        [] => {}
        [key] => {
            document.remove(key);
        }
        [key, rest @ ..] => {
            if let Ok(inner) = document.get_document_mut(key) {
                remove(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_removed_and_nothing_else() {
        let mut document = doc! {
            "statsToken": "secret",
            "settings": { "email": { "smtp": { "smtpHost": "secret" }, "fromEmail": "secret", "other": 1 } },
            "wizard": { "contactName": "secret", "contactEmail": "secret", "size": "small" },
            "totalUsers": 3,
        };
        for path in SECRETS {
            remove(&mut document, path);
        }
        let left = doc! {
            "settings": { "email": { "other": 1 } },
            "wizard": { "size": "small" },
            "totalUsers": 3,
        };
        assert_eq!(document, left);
    }
}
