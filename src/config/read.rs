//! Reads `sayso.toml`. All of its faults come at once, each with its place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use tracing::level_filters::LevelFilter;

use super::audit::{HeadTo, address, read_audit};
use super::discord::read_discord;
use super::server::{read_conversation, read_secret, read_server};
use super::store::{Store, read_store};
use super::tables::{read_bindings, read_entities, read_halters, read_integrations, read_people, read_roles};
use super::{Config, LogFormat};
use crate::catalogue::{Diagnostic, Document, Item, Table};
use crate::domain::ValueType;
use crate::embedding::Precision;

/// The name of the file that is looked for in the working directory.
const FILE: &str = "sayso.toml";

impl Config {
    /// The file to read: the one that is named, else `sayso.toml` in the working directory, if it is there.
    pub fn find(named: Option<&Path>) -> Option<PathBuf> {
        let path = named.unwrap_or(Path::new(FILE));
        (named.is_some() || path.is_file()).then(|| path.to_owned())
    }

    /// Reads a file. Relative paths in it begin at its folder, and `~/` at the home folder.
    pub fn load(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let file = path.display().to_string();
        let text = std::fs::read(path)
            .map_err(|error| format!("cannot be read: {error}"))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "expected UTF-8, found other bytes".to_owned()))
            .map_err(|message| vec![Diagnostic::error(&file, message)])?;
        let mut config = Self::parse(&file, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let heads = match &mut config.audit.head_to {
            Some(HeadTo::File(path)) => Some(path),
            Some(HeadTo::Stdout | HeadTo::Url(_)) | None => None,
        };
        let store = match &mut config.store {
            Store::File(path) => path.as_mut(),
            Store::Postgres(_) => None,
        };
        for path in store.into_iter().chain(&mut config.model.path).chain(heads) {
            *path = match (path.strip_prefix("~"), std::env::home_dir()) {
                (Ok(rest), Some(home)) => home.join(rest),
                _ => folder.join(&*path),
            };
        }
        Ok(config)
    }

    /// Reads the text of a file; `file` is its name in diagnostics.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let document = Document::parse(file, text.strip_prefix('\u{feff}').unwrap_or(text))?;
        let config = read(&document);
        let faults = document.into_faults();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }
}

fn read(document: &Document<'_>) -> Config {
    let mut config = Config::default();
    let mut root = document.root();
    let mut section = |name: &'static str, read: &mut dyn FnMut(&mut Table<'_>)| {
        if let Some(mut table) = root.get(name).and_then(|item| item.table()) {
            read(&mut table);
            table.finish();
        }
    };
    section("chat", &mut |table| {
        put(&mut config.chat.name, table.get("name"), chat_name);
        put(&mut config.chat.announce, table.get("announce"), |item| {
            Some(item.list()?.iter().filter_map(read_conversation).collect())
        });
        config.chat.discord = table.get("discord").and_then(|item| read_discord(&item));
    });
    section("entities", &mut |table| read_entities(&mut config, table));
    section("people", &mut |table| read_people(&mut config, table));
    section("roles", &mut |table| read_roles(&mut config, table));
    section("halt", &mut |table| {
        put(&mut config.halters, table.get("roles"), |item| Some(read_halters(item, &config.roles, &config.on_call)))
    });
    section("integrations", &mut |table| read_integrations(&mut config, table));
    section("bindings", &mut |table| read_bindings(&mut config, table));
    section("store", &mut |table| read_store(&mut config.store, table));
    section("audit", &mut |table| read_audit(&mut config.audit, table));
    section("model", &mut |table| {
        put(&mut config.model.path, table.get("path"), |item| path(item).map(Some));
        put(&mut config.model.precision, table.get("precision"), |item| {
            item.word(&[("int8", Precision::Int8), ("f32", Precision::F32)])
        });
    });
    section("time", &mut |table| put(&mut config.time.zone, table.get("zone"), zone));
    section("proposal", &mut |table| {
        put(&mut config.proposal.expires_after, table.get("expires_after"), |item| duration(item, 10..=7 * 86_400));
    });
    section("limits", &mut |table| {
        let limits = &mut config.limits;
        put(&mut limits.message_bytes, table.get("message_bytes"), |item| whole(item, 1..=65_536));
        put(&mut limits.messages_per_minute, table.get("messages_per_minute"), |item| whole(item, 1..=10_000));
        put(&mut limits.output_bytes, table.get("output_bytes"), |item| whole(item, 1_024..=16 * 1024 * 1024));
        put(&mut limits.timeout, table.get("timeout"), |item| duration(item, 1..=86_400));
    });
    section("learning", &mut |table| {
        put(&mut config.learning.keep_messages, table.get("keep_messages"), |item| item.boolean());
        put(&mut config.learning.keep_for, table.get("keep_for"), |item| duration(item, 86_400..=366 * 86_400));
    });
    section("log", &mut |table| {
        put(&mut config.log.level, table.get("level"), |item| {
            item.word(&[
                ("off", LevelFilter::OFF),
                ("error", LevelFilter::ERROR),
                ("warn", LevelFilter::WARN),
                ("info", LevelFilter::INFO),
                ("debug", LevelFilter::DEBUG),
                ("trace", LevelFilter::TRACE),
            ])
        });
        put(&mut config.log.format, table.get("format"), |item| {
            item.word(&[("text", LogFormat::Text), ("json", LogFormat::Json)])
        });
        put(&mut config.log.traces, table.get("traces"), |item| item.parse(address("traces_token")).map(Some));
        let token = table.get("traces_token");
        if let (Some(token), None) = (&token, &config.log.traces) {
            token.document().error(token.key_span.start, "`log.traces_token` is for `log.traces`, an address", None);
        }
        put(&mut config.log.traces_token, token, |item| read_secret(item, "SAYSO_TRACES_TOKEN").map(Some));
    });
    config.server = root.get("server").and_then(|item| read_server(&item));
    root.finish();
    config
}

/// Replaces a default by what is written, if that can be read.
pub(super) fn put<T>(target: &mut T, item: Option<Item<'_>>, read: impl FnOnce(&Item<'_>) -> Option<T>) {
    if let Some(value) = item.and_then(|item| read(&item)) {
        *target = value;
    }
}

fn chat_name(item: &Item<'_>) -> Option<String> {
    item.parse(|name| {
        let fits =
            !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_alphanumeric() || "_-".contains(c));
        if fits { Ok(name.to_owned()) } else { Err(format!("expected one word, found `{name}`")) }
    })
}

fn zone(item: &Item<'_>) -> Option<TimeZone> {
    let name = item.string()?;
    // The one zone that needs no database on the machine.
    if name.text == "UTC" {
        return Some(TimeZone::UTC);
    }
    let zone = TimeZone::get(name.text).ok();
    if zone.is_none() {
        let hint =
            "write a name such as `Europe/Berlin`; the machine needs its time zone database (`tzdata`)".to_owned();
        let message = format!("`{}`: unknown time zone `{}`", item.path(), name.text);
        item.document().error(item.span.start, message, Some(hint));
    }
    zone
}

pub(super) fn path(item: &Item<'_>) -> Option<PathBuf> {
    item.parse(
        |path| if path.trim().is_empty() { Err("expected a path, found nothing") } else { Ok(PathBuf::from(path)) },
    )
}

fn whole<N: TryFrom<u64>>(item: &Item<'_>, bounds: std::ops::RangeInclusive<u64>) -> Option<N> {
    item.integer(bounds).and_then(|number| N::try_from(number).ok())
}

/// A duration within bounds, which are in seconds.
pub(super) fn duration(item: &Item<'_>, bounds: std::ops::RangeInclusive<u64>) -> Option<Duration> {
    item.parse(|text| {
        let value = ValueType::Duration.parse(text).map_err(|error| error.to_string())?;
        let duration = value.as_duration().map(|duration| duration.unsigned_abs()).unwrap_or_default();
        if bounds.contains(&duration.as_secs()) {
            Ok(duration)
        } else {
            Err(format!("expected between {} and {} seconds, found `{text}`", bounds.start(), bounds.end()))
        }
    })
}
