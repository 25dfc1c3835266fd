//! The pages that apply a license: paste it, review it and enter a login, let Rocket.Chat validate it, and see the result.
//! They have no script, and never show the login that was entered.

use maud::{Markup, html};

use super::card::{PageData, row, rows};
use super::license_parts::{expiry, name, name_of_limit, tags, used};
use super::{Page, PageRefresh, document};
use crate::collectors::license::{
    HeldLicense, LicenseContent, LicenseFlaw, LicenseFormat, LicenseVoucher,
};
use crate::rocketchat_client::{LicenseRequest, LicenseVerdict, VerdictReason};

/// The text for versions of Rocket.Chat without the endpoint.
pub const TOO_OLD: &str =
    "Rocket.Chat has an API to apply a license from version 3.10 on, and this workspace is older.";

/// The error for versions of Rocket.Chat that can apply a license and not validate it.
pub const TOO_OLD_TO_VALIDATE: &str = "Rocket.Chat validates a license before it is applied from version 8.7 on, and this workspace is older.";

/// The longest text that may be pasted, in characters.
const MAX_LICENSE_CHARS: usize = 20_000;

/// A well-formed license that was pasted.
pub struct PastedLicense {
    /// Its text on one line.
    pub license: String,
    held: HeldLicense,
}

/// A step of applying a license.
pub enum ApplyStep<'a> {
    /// Paste it; with the error of the last attempt.
    Paste(Option<&'a str>),
    /// Review, validate and apply it; with the result of the last attempt.
    Review(&'a PastedLicense, ReviewResult<'a>),
    /// Rocket.Chat accepted it.
    Accepted,
}

/// What became of a license under review.
#[derive(Clone, Copy)]
pub enum ReviewResult<'a> {
    /// It was not sent to Rocket.Chat yet.
    Unsent,
    /// Rocket.Chat validated it.
    Verdict(&'a LicenseVerdict),
    /// Rocket.Chat neither validated nor applied it; with the error.
    Failed(&'a str),
}

impl PastedLicense {
    /// A license text and its evaluation.
    ///
    /// # Errors
    /// When no Rocket.Chat would accept it; the text says why.
    pub fn new(license: String, held: HeldLicense) -> Result<Self, &'static str> {
        match held.flaw {
            Some(LicenseFlaw::TooLong) => {
                Err("This is longer than any license, or names more addresses.")
            }
            Some(LicenseFlaw::NotALicense) => Err(
                "This is not a license: one is a long word that begins with RCV3_, or before 6.5 a block of base64. Was all of it copied?",
            ),
            Some(LicenseFlaw::Algorithm) => {
                Err("This is signed in a way that Rocket.Chat does not accept.")
            }
            Some(LicenseFlaw::Malformed) => {
                Err("This has the form of a license, but its content cannot be read.")
            }
            _ => Ok(Self { license, held }),
        }
    }
}

/// Whether the workspace's version has the endpoint.
pub fn is_possible(data: &PageData<'_>) -> bool {
    LicenseRequest::Apply.exists_in(data.version)
}

/// The button's label, as in Rocket.Chat.
pub fn label(data: &PageData<'_>) -> &'static str {
    let license = data.page.snapshot.license.as_ref();
    if license.is_some_and(|license| license.held.is_some()) {
        "Change Offline License"
    } else {
        "Apply Offline License"
    }
}

/// The page of a step.
pub fn page(page: &Page<'_>, step: &ApplyStep<'_>) -> String {
    let data = PageData::new(page);
    let label = label(&data);
    let main = html! {
        header #top {
            div {
                p.crumb { a href=(page.path) { (data.title()) } }
                h1 { (label) }
            }
        }
        div.narrow {
            @if !is_possible(&data) {
                p.card { (TOO_OLD) }
            } @else {
                @match step {
                    ApplyStep::Paste(complaint) => (paste(page, *complaint)),
                    ApplyStep::Review(pasted, result) => (review(&data, pasted, *result)),
                    ApplyStep::Accepted => (accepted(page)),
                }
            }
        }
    };
    document(label, PageRefresh::Never, &main)
}

fn paste(page: &Page<'_>, complaint: Option<&str>) -> Markup {
    html! {
        (complaint_box(complaint))
        form.card.form method="post" action={ (page.path) "/license" } {
            (token(page))
            label for="license" { "License" }
            textarea #license name="license" rows="10" maxlength=(MAX_LICENSE_CHARS) required autocomplete="off" spellcheck="false"
                autocapitalize="off" aria-describedby="license-help" aria-invalid[complaint.is_some()] {}
            p.note #license-help { "Paste the whole text. The next page shows its content; nothing is sent to Rocket.Chat before that." }
            div.buttons {
                button type="submit" { "Check license" }
                a.button href=(page.path) { "Cancel" }
            }
        }
    }
}

fn review(data: &PageData<'_>, pasted: &PastedLicense, result: ReviewResult<'_>) -> Markup {
    let page = data.page;
    let validates = LicenseRequest::Validate.exists_in(data.version);
    let complaint = match result {
        ReviewResult::Failed(complaint) => Some(complaint),
        ReviewResult::Unsent | ReviewResult::Verdict(_) => None,
    };
    html! {
        (complaint_box(complaint))
        section.card aria-labelledby="content-title" {
            h2 #content-title { "Content" }
            @if let Some(content) = &pasted.held.content { (tags(&content.tags)) }
            (rows(&html! {
                (row("Format", &format(&pasted.held)))
                (row("License", &validity(&pasted.held)))
                @if validates { (row("Rocket.Chat", &verdict(result))) }
                @if let Some(content) = &pasted.held.content { (expiry(data, content)) }
            }))
            @match &pasted.held.content {
                Some(content) => (details(content)),
                None => p.note { "It is encrypted, and data where --rocketchat.license-public-key-file is given. Rocket.Chat can read it." },
            }
        }
        form.card.form method="post" action={ (page.path) "/license/apply" } autocomplete="off" {
            (token(page))
            input type="hidden" name="license" value=(pasted.license);
            h2 { "Send it to Rocket.Chat" }
            p {
                "It is sent to " span.address { (page.rocketchat.as_deref().unwrap_or_default()) }
                ", with the login of an administrator who has the permission edit-privileged-setting. Rocket.Chat validates and stores it; the exporter writes nothing."
                @if validates { " Validate it first: Rocket.Chat then says whether it would accept the license, and stores nothing." }
            }
            label for="user_id" { "User ID" }
            input #user_id name="user_id" type="text" required autocomplete="off" spellcheck="false" autocapitalize="off" aria-describedby="login-help";
            label for="auth_token" { "Personal access token" }
            input #auth_token name="auth_token" type="password" required autocomplete="off" aria-describedby="login-help";
            p.note #login-help { "Rocket.Chat shows both when you create a token: My Account, Personal Access Tokens. They are used for one request only, and never stored." }
            div.buttons {
                // The first button is that of the Enter key.
                @if validates { button type="submit" formaction={ (page.path) "/license/validate" } { "Validate in Rocket.Chat" } }
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
        (rows(&html! { @for limit in &content.limits { (row(name(limit.kind), &used(limit))) } }))
        h3 { "Modules" }
        @if content.modules.is_empty() { p.note { "None." } }
        @else { ul.tags { @for module in &content.modules { li { (module) } } } }
    }
}

fn accepted(page: &Page<'_>) -> Markup {
    html! {
        div.card.form role="status" {
            p { span.yes { "Rocket.Chat accepted the license." } " The card License shows it after the next reading." }
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
        (Some(flaw), _) => html! { span.no { "not valid here and now: " (flaw.explanation()) } },
    }
}

/// Rocket.Chat's own verdict.
fn verdict(result: ReviewResult<'_>) -> Markup {
    match result {
        ReviewResult::Unsent => html! { "not validated yet" },
        ReviewResult::Failed(_) => html! { "gave no verdict" },
        ReviewResult::Verdict(LicenseVerdict::Valid) => {
            html! { span.yes role="status" { "would accept it" } }
        }
        ReviewResult::Verdict(LicenseVerdict::Invalid(reasons)) => html! {
            span.no role="status" {
                "would not accept it: "
                @if reasons.is_empty() { "it cannot read it" }
                @for (index, reason) in reasons.iter().enumerate() {
                    @if index > 0 { "; " }
                    (violation(reason))
                }
            }
        },
    }
}

/// A violated rule in words; in Rocket.Chat's own where they are unknown.
fn violation(reason: &VerdictReason) -> Markup {
    let limit = reason.limit.as_deref();
    html! {
        @match reason.reason.as_str() {
            "url" => (LicenseFlaw::Address.explanation()),
            "period" => "a period of it has not begun, or is over",
            "limit" => {
                (LicenseFlaw::Limit.explanation())
                @if let Some(limit) = limit { " of " (name_of_limit(limit)) }
            }
            other => (other),
        }
        " (" (reason.behavior)
        @for module in &reason.modules { " " (module) }
        ")"
    }
}

fn complaint_box(complaint: Option<&str>) -> Markup {
    html! { @if let Some(complaint) = complaint { p.complaint role="alert" { (complaint) } } }
}

fn token(page: &Page<'_>) -> Markup {
    html! { input type="hidden" name="token" value=(page.token); }
}
