//! `[audit]`: where the head of the record is kept beside it, and how long the record is.

use std::path::PathBuf;
use std::time::Duration;

use super::read::{duration, put};
use super::server::read_secret;
use crate::catalogue::{Item, Table};

/// What becomes of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Where its head is told; none: nowhere.
    pub head_to: Option<HeadTo>,
    /// How often, if it is another one.
    pub head_every: Duration,
    /// The variable that holds the token for the address; none: it wants none.
    pub head_token: Option<String>,
    /// How long what happened stays; none: for ever.
    pub keep_for: Option<Duration>,
}

/// A place for heads: the further away, the better.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadTo {
    /// Standard output, for whoever collects that.
    Stdout,
    /// Lines at the end of a file.
    File(PathBuf),
    /// A POST to an address.
    Url(String),
}

impl Default for Audit {
    fn default() -> Self {
        Self { head_to: None, head_every: Duration::from_hours(1), head_token: None, keep_for: None }
    }
}

/// All of `[audit]`.
pub(super) fn read_audit(audit: &mut Audit, table: &mut Table<'_>) {
    let head_to = table.get("head_to");
    let place = head_to.as_ref().map(|item| item.span.start);
    put(&mut audit.head_to, head_to, |item| place_for_heads(item).map(Some));
    put(&mut audit.head_every, table.get("head_every"), |item| duration(item, 60..=7 * 86_400));
    let token = table.get("head_token");
    if let (Some(token), Some(_), Some(HeadTo::Stdout | HeadTo::File(_))) = (&token, place, &audit.head_to) {
        token.document().error(token.key_span.start, "`audit.head_token` is for a `head_to` that is an address", None);
    }
    put(&mut audit.head_token, token, |item| read_secret(item, "SAYSO_HEAD_TOKEN").map(Some));
    // Whatever was done today must be there tomorrow.
    put(&mut audit.keep_for, table.get("keep_for"), |item| duration(item, 86_400..=100 * 366 * 86_400).map(Some));
}

fn place_for_heads(item: &Item<'_>) -> Option<HeadTo> {
    item.parse(|text| match text.split_once("://") {
        _ if text.trim().is_empty() => Err("expected a path, `stdout` or an address, found nothing".to_owned()),
        _ if text == "stdout" => Ok(HeadTo::Stdout),
        None => Ok(HeadTo::File(PathBuf::from(text))),
        Some(_) => address("head_token")(text).map(HeadTo::Url),
    })
}

/// Reads an address of HTTP. What it wants to know us by has a key of its own.
pub(super) fn address(token: &str) -> impl Fn(&str) -> Result<String, String> {
    move |text| match text.split_once("://") {
        Some(("http" | "https", rest)) if rest.split('/').next().is_some_and(|host| host.contains('@')) => {
            Err(format!("expected an address without credentials; name a token in `{token}`"))
        }
        Some(("http" | "https", _)) => Ok(text.to_owned()),
        Some((scheme, _)) => Err(format!("expected `https://`, found `{scheme}://`")),
        None => Err(format!("expected an address, found `{text}`")),
    }
}
