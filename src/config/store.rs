//! `[store]`: a file of SQLite, or a database of PostgreSQL that several replicas share.

use std::path::PathBuf;

use super::read::path;
use super::server::read_secret;
use crate::catalogue::{Item, Table};
use crate::store::PostgresUrl;

/// Where proposals and the audit trail are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// In this file of SQLite; none: `sayso.db` in the state folder. See [`super::Config::store_path`].
    File(Option<PathBuf>),
    /// In PostgreSQL.
    Postgres(StoreUrl),
}

/// Where the database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Written out, without a password.
    Plain(PostgresUrl),
    /// In the variable of this name, whole.
    Secret(String),
}

impl Default for Store {
    fn default() -> Self {
        Self::File(None)
    }
}

/// All of `[store]`.
pub(super) fn read_store(store: &mut Store, table: &mut Table<'_>) {
    let (file, url) = (table.get("path"), table.get("url"));
    if let (Some(file), Some(url)) = (&file, &url) {
        let message = format!("`{}` and `{}`: expected one of the two, found both", file.path(), url.path());
        url.document().error(url.key_span.start, message, None);
    }
    if let Some(file) = file.and_then(|item| path(&item)) {
        *store = Store::File(Some(file));
    }
    if let Some(url) = url.and_then(|item| read_url(&item)) {
        *store = Store::Postgres(url);
    }
}

/// `"postgres://sayso@db.internal/sayso"`, or `{ secret = "SAYSO_STORE_URL" }`. What is written may hold a password by
/// mistake, and is not repeated.
fn read_url(item: &Item<'_>) -> Option<StoreUrl> {
    if item.is_table() {
        return read_secret(item, "SAYSO_STORE_URL").map(StoreUrl::Secret);
    }
    item.parse(|text| {
        let url: PostgresUrl = text.parse().map_err(|error: crate::store::PostgresUrlError| error.to_string())?;
        match url.password() {
            None => Ok(StoreUrl::Plain(url)),
            Some(_) => Err("expected a url without a password; write `{ secret = \"SAYSO_STORE_URL\" }` and put the \
                            whole url into that variable, or leave the password to `PGPASSWORD` or `~/.pgpass`"
                .to_owned()),
        }
    })
}
