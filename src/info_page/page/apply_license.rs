//! The pages on which a license is applied: paste it, look at what it says and give a login, and see what became of it.
//! They have no script, and the login that was typed in never comes back.

use maud::{Markup, html};

use super::card::{Shown, row, rows};
use super::license_parts::{expiry, name as limit, tags, used, why};
use super::{Behavior, Page, document};
use crate::collectors::license::{
    HeldLicense, LicenseContent, LicenseFlaw, LicenseFormat, LicenseVoucher,
};

/// What is said where Rocket.Chat has no such endpoint yet.
pub const TOO_OLD: &str =
    "Before version 3.10 Rocket.Chat takes no license from elsewhere, and this workspace is older.";

/// The longest text that the browser lets somebody paste.
const LONGEST: usize = 20_000;

/// A license that somebody pasted, in the form of one.
pub struct Pasted {
    /// Its text, in one line.
    pub license: String,
    held: HeldLicense,
}

/// Where somebody is.
pub enum Step<'a> {
    /// To paste it, and what was wrong with what was pasted before.
    Paste(Option<&'a str>),
    /// To look at it and hand it over, and why Rocket.Chat did not take it a moment ago.
    Review(&'a Pasted, Option<&'a str>),
    /// Rocket.Chat took it.
    Taken,
}

impl Pasted {
    /// A text and how it was judged.
    ///
    /// # Errors
    /// What is wrong with it when no Rocket.Chat would take it.
    pub fn of(license: String, held: HeldLicense) -> Result<Self, &'static str> {
        match held.flaw {
            Some(LicenseFlaw::TooLong) => {
                Err("This is longer than any license, or names more addresses.")
            }
            Some(LicenseFlaw::NotALicense) => Err(
                "This is no license: it is one long word that begins with RCV3_, or from before 6.5 a block of base64. Was the whole of it copied?",
            ),
            Some(LicenseFlaw::Algorithm) => {
                Err("This is signed in a way that Rocket.Chat does not accept.")
            }
            Some(LicenseFlaw::Malformed) => {
                Err("This has the form of a license, but what it says cannot be read.")
            }
            _ => Ok(Self { license, held }),
        }
    }
}

/// Whether the workspace's version has the endpoint.
pub fn is_possible(shown: &Shown<'_>) -> bool {
    shown.since(3, 10)
}

/// What the button is called, as in Rocket.Chat.
pub fn name(shown: &Shown<'_>) -> &'static str {
    let license = shown.page.snapshot.license.as_ref();
    if license.is_some_and(|it| it.held.is_some()) {
        "Change Offline License"
    } else {
        "Apply Offline License"
    }
}

/// The page of a step.
pub fn page(page: &Page<'_>, step: &Step<'_>) -> String {
    let shown = Shown::of(page);
    let name = name(&shown);
    let main = html! {
        header #top {
            div {
                p.crumb { a href=(page.path) { (shown.title()) } }
                h1 { (name) }
            }
        }
        div.narrow {
            @if !is_possible(&shown) {
                p.card { (TOO_OLD) }
            } @else {
                @match step {
                    Step::Paste(complaint) => (paste(page, *complaint)),
                    Step::Review(pasted, complaint) => (review(&shown, pasted, *complaint)),
                    Step::Taken => (taken(page)),
                }
            }
        }
    };
    document(name, Behavior::Still, &main)
}

fn paste(page: &Page<'_>, complaint: Option<&str>) -> Markup {
    html! {
        (complained(complaint))
        form.card.form method="post" action={ (page.path) "/license" } {
            (token(page))
            label for="license" { "License" }
            textarea #license name="license" rows="10" maxlength=(LONGEST) required autocomplete="off" spellcheck="false"
                autocapitalize="off" aria-describedby="license-help" aria-invalid[complaint.is_some()] {}
            p.note #license-help { "Paste the whole text. The next page shows what it says; nothing is sent to Rocket.Chat before that." }
            div.buttons {
                button type="submit" { "Check license" }
                a.button href=(page.path) { "Cancel" }
            }
        }
    }
}

fn review(shown: &Shown<'_>, pasted: &Pasted, complaint: Option<&str>) -> Markup {
    let page = shown.page;
    html! {
        (complained(complaint))
        section.card aria-labelledby="content-title" {
            h2 #content-title { "What it says" }
            @if let Some(content) = &pasted.held.content { (tags(&content.tags)) }
            (rows(&html! {
                (row("Format", &format(&pasted.held)))
                (row("License", &validity(&pasted.held)))
                @if let Some(content) = &pasted.held.content { (expiry(shown, content)) }
            }))
            @match &pasted.held.content {
                Some(content) => (details(content)),
                None => p.note { "It is encrypted, and shown where --rocketchat.license-public-key-file is given. Rocket.Chat can read it." },
            }
        }
        form.card.form method="post" action={ (page.path) "/license/apply" } autocomplete="off" {
            (token(page))
            input type="hidden" name="license" value=(pasted.license);
            h2 { "Hand it to Rocket.Chat" }
            p {
                "It goes to " span.address { (page.rocketchat.as_deref().unwrap_or_default()) }
                ", in the name of an administrator with the permission edit-privileged-setting. Rocket.Chat checks it again and stores it; the exporter writes nothing."
            }
            label for="user_id" { "User ID" }
            input #user_id name="user_id" type="text" required autocomplete="off" spellcheck="false" autocapitalize="off" aria-describedby="login-help";
            label for="auth_token" { "Personal access token" }
            input #auth_token name="auth_token" type="password" required autocomplete="off" aria-describedby="login-help";
            p.note #login-help { "Rocket.Chat shows both when you make a token: My Account, Personal Access Tokens. They are used for this one request, and kept nowhere." }
            div.buttons {
                button type="submit" { "Apply license" }
                a.button href={ (page.path) "/license" } { "Another license" }
                a.button href=(page.path) { "Cancel" }
            }
        }
    }
}

fn details(content: &LicenseContent) -> Markup {
    html! {
        h3 { "Limits" }
        (rows(&html! { @for it in &content.limits { (row(limit(it.kind), &used(it))) } }))
        h3 { "Modules" }
        @if content.modules.is_empty() { p.note { "None." } }
        @else { ul.tags { @for module in &content.modules { li { (module) } } } }
    }
}

fn taken(page: &Page<'_>) -> Markup {
    html! {
        div.card.form role="status" {
            p { span.yes { "Rocket.Chat took the license." } " It needs a moment to use it; the card License shows it after the next reading." }
            div.buttons {
                form method="post" action={ (page.path) "/refresh" } {
                    (token(page))
                    button type="submit" { "Read it now" }
                }
                a.button href=(page.path) { "Back" }
            }
        }
    }
}

fn format(held: &HeldLicense) -> &'static str {
    match held.format {
        Some(LicenseFormat::V2) => "2, from before 6.5",
        Some(LicenseFormat::V3) => "3",
        None => "unknown",
    }
}

fn validity(held: &HeldLicense) -> Markup {
    match (held.flaw, held.voucher) {
        (None, LicenseVoucher::Signature) => {
            html! { span.yes { "valid here and now, by its signature" } }
        }
        (None | Some(LicenseFlaw::Unconfirmed), _) => {
            html! { "valid here and now if it is genuine, which Rocket.Chat checks" }
        }
        (Some(flaw), _) => html! { span.no { "not valid here and now: " (why(flaw)) } },
    }
}

fn complained(complaint: Option<&str>) -> Markup {
    html! { @if let Some(complaint) = complaint { p.complaint role="alert" { (complaint) } } }
}

fn token(page: &Page<'_>) -> Markup {
    html! { input type="hidden" name="token" value=(page.token); }
}
