//! The document of a user, whose fields depend on the kind of user.

use mongodb::bson::{Document, doc};

use super::{Kind, Person};
use crate::workspace::builder::{Builder, int};
use crate::workspace::presence::Presence;
use crate::workspace::time::{DAY, HOUR};
use crate::workspace::{names, tokens};

pub(super) fn document(
    builder: &mut Builder<'_>,
    person: &Person,
    presence: &Presence,
    position: usize,
) -> Document {
    let created = builder.clock.ago(person.age * DAY);
    let mut user = doc! {
        "_id": &person.id,
        "createdAt": created,
        "username": &person.username,
        "name": &person.name,
        "roles": person.kind.roles(),
        "_updatedAt": builder.within(30 * DAY),
    };
    match person.kind {
        Kind::Bare => return user,
        Kind::Bot | Kind::App => {
            let kind = if person.kind == Kind::Bot {
                "bot"
            } else {
                "app"
            };
            user.extend(doc! {
                "type": kind, "active": true, "status": "online", "statusDefault": "online", "utcOffset": 0,
                "avatarOrigin": "local",
            });
            if person.kind == Kind::App {
                user.insert("appId", builder.random.uuid());
            }
            return user;
        }
        _ => {}
    }
    user.extend(doc! {
        "type": "user",
        "active": person.kind != Kind::Deactivated,
        "status": presence.status,
        "statusConnection": presence.connection,
        "statusDefault": presence.default,
        "statusSource": if presence.default == "online" { "internal" } else { "manual" },
        "statusText": "",
        "utcOffset": *builder.random.pick(&[-3, 0, 1, 2, 9]),
        "requirePasswordChange": false,
        "inviteToken": "",
        "settings": {},
        "__rooms": ["GENERAL"],
    });
    match person.kind {
        Kind::Federated => {
            let server = person.username.rsplit(':').next().unwrap_or_default();
            user.insert("federated", true);
            user.insert(
                "federation",
                doc! { "version": 1, "mui": &person.username, "origin": server },
            );
        }
        Kind::Remote => {
            user.insert("isRemote", true);
            user.insert(
                "federation",
                doc! { "origin": "old.example.org", "peer": "old.example.org" },
            );
        }
        _ => user.extend(local_fields(builder, person, position)),
    }
    user
}

/// Fields of local people only: email addresses, login services, languages.
fn local_fields(builder: &mut Builder<'_>, person: &Person, position: usize) -> Document {
    let verified = builder.random.percent(80);
    let address = format!("{}@example.com", person.username);
    let mut fields = doc! {
        "emails": [{ "address": address, "verified": verified }],
        "services": services(builder, person, position),
    };
    if builder.random.percent(70) {
        fields.insert("language", *builder.random.pick(names::LANGUAGES));
    } else if builder.random.percent(20) {
        fields.insert("language", "");
    }
    if builder.random.percent(92) || position < 3 {
        let span = if person.connections.is_empty() {
            person.age * DAY
        } else {
            9 * HOUR
        };
        fields.insert("lastLogin", builder.within(span.min(person.age * DAY)));
    }
    if person.is_agent() {
        let status = if person.connections.is_empty() {
            "not-available"
        } else {
            "available"
        };
        fields.extend(doc! {
            "operator": true, "statusLivechat": status, "livechat": { "maxNumberSimultaneousChat": 4 },
        });
    }
    if position % 40 == 5 {
        fields.insert("sipExtension", format!("{}", 2000 + position));
    }
    if builder.random.percent(12) {
        fields.insert("ldap", true);
    }
    fields
}

fn services(builder: &mut Builder<'_>, person: &Person, position: usize) -> Document {
    let mut tokens = Vec::new();
    if let Some(token) = &person.token {
        tokens.push(tokens::personal_access_token(
            token,
            builder.within(20 * DAY),
        ));
    }
    if person.kind != Kind::Deactivated {
        for _ in 0..builder.random.below(3).max(person.connections.len()) {
            let token = builder.random.text(43);
            tokens.push(tokens::login_token(&token, builder.within(60 * DAY)));
        }
    }
    let hash = builder.random.text(53);
    let mut services = doc! {
        "password": { "bcrypt": format!("$2b$10${hash}") },
        "resume": { "loginTokens": tokens },
        "email": { "verificationTokens": [] },
    };
    let changed = builder.within(300 * DAY);
    if builder.random.percent(14) {
        services.insert(
            "totp",
            doc! { "enabled": builder.random.percent(85), "secret": builder.random.text(32) },
        );
    }
    if builder.random.percent(45) {
        services.insert(
            "email2fa",
            doc! { "enabled": builder.random.percent(70), "changedAt": changed },
        );
    }
    match builder.random.below(40) {
        0..5 => services.insert("google", doc! { "id": format!("google-{position}") }),
        5..7 => services.insert("github", doc! { "id": int(100_000 + position) }),
        7..10 => services.insert(
            "saml",
            doc! { "provider": "default", "nameID": &person.username },
        ),
        10..15 => services.insert(
            "ldap",
            doc! { "id": format!("cn-{position}"), "idAttribute": "objectGUID" },
        ),
        _ => None,
    };
    services
}
