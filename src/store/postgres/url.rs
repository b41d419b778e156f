//! Where a PostgreSQL store is: a url that never shows its password.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::domain::Secret;

/// What may stand behind the `?` of a url; other words are slips of the pen that would be passed over in silence.
const PARAMETERS: [&str; 10] =
    ["application_name", "dbname", "host", "options", "port", "sslcert", "sslkey", "sslmode", "sslrootcert", "user"];

/// A url such as `postgres://sayso@db.internal/sayso`. What it leaves out comes from the variables that PostgreSQL's own
/// programs read (`PGPASSWORD`, `PGSSLMODE`, `~/.pgpass`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    text: Secret,
    password: Option<Secret>,
}

/// A text that is no url of a PostgreSQL store. It is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// Not of that form.
    #[error("expected a url such as `postgres://user@host:5432/database`, found something else")]
    Form,
    /// A parameter that nobody knows.
    #[error("unknown parameter `{0}` of the url, expected one of {list}", list = PARAMETERS.map(|name| format!("`{name}`")).join(", "))]
    Parameter(String),
    /// A value that cannot be read.
    #[error(
        "a part of the url cannot be read; characters such as `@`, `/` and `%` in names and passwords are written as `%40`, `%2F` and `%25`"
    )]
    Part,
}

impl PostgresUrl {
    /// The password that stands in it.
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// How to connect.
    pub(super) fn options(&self) -> Result<PgConnectOptions, PostgresUrlError> {
        self.text.expose().parse().map_err(|_| PostgresUrlError::Part)
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, PostgresUrlError> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let rest = rest.filter(|_| text.chars().all(|c| !c.is_whitespace() && !c.is_control()));
        let (place, query) =
            rest.map(|rest| rest.split_once('?').unwrap_or((rest, ""))).ok_or(PostgresUrlError::Form)?;
        let authority = place.split('/').next().unwrap_or_default();
        let mut password = authority.rsplit_once('@').and_then(|(user, _)| Some(user.split_once(':')?.1));
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(PostgresUrlError::Form)?;
            if name == "password" {
                password = Some(value);
            } else if !PARAMETERS.contains(&name) && !name.starts_with("options[") {
                return Err(PostgresUrlError::Parameter(name.to_owned()));
            }
        }
        let password = password.filter(|password| !password.is_empty()).map(decoded).map(Secret::new);
        let url = Self { text: Secret::new(text.to_owned()), password };
        url.options().map(|_| url)
    }
}

/// What `%41` and the like stand for; a text that is no such thing stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let code = rest.strip_prefix('%').and_then(|code| u8::from_str_radix(code.get(..2)?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                let (character, behind) = rest.split_at(character.len_utf8());
                bytes.extend_from_slice(character.as_bytes());
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// Who connects to what: for people, without the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the user.
    pub(super) user: String,
    host: String,
    port: u16,
    /// The name of the database.
    pub(super) database: String,
}

impl Place {
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        let user = options.get_username().to_owned();
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let database = options.get_database().unwrap_or(&user).to_owned();
        Self { user, host, port: options.get_port(), database }
    }

    /// Where the server is.
    pub(super) fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_never_shown() {
        for (text, place, password) in [
            ("postgres://ops@db.internal/sayso", "postgres://ops@db.internal:5432/sayso", None),
            ("postgresql://ops:p%40ss:w%C3%B6rd@db:6432/a", "postgres://ops@db:6432/a", Some("p@ss:w\u{f6}rd")),
            ("postgres://ops:@db/a?sslmode=require", "postgres://ops@db:5432/a", None),
            (
                "postgres://ops@db/a?password=hunter2&options[search_path]=b",
                "postgres://ops@db:5432/a",
                Some("hunter2"),
            ),
            ("postgres:///a?host=/run/pg&user=ops", "postgres://ops@/run/pg:5432/a", None),
        ] {
            let url: PostgresUrl = text.parse().unwrap();
            assert_eq!(Place::of(&url.options().unwrap()).to_string(), place, "{text}");
            assert_eq!(url.password().map(Secret::expose), password, "{text}");
            assert!(!format!("{url:?}").contains("db"), "{url:?}");
        }
    }

    #[test]
    fn what_is_no_url_is_told_without_repeating_it() {
        let form = "expected a url such as `postgres://user@host:5432/database`, found something else";
        for text in ["", "sayso.db", "mysql://a:secret@b/c", "postgres:a:secret", "postgres://a:secret@b/c d"] {
            assert_eq!(text.parse::<PostgresUrl>().unwrap_err().to_string(), form, "{text}");
        }
        let error = "postgres://a:secret@b/c?passwrod=secret".parse::<PostgresUrl>().unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown parameter `passwrod` of the url, expected one of `application_name`, `dbname`, `host`, `options`, \
             `port`, `sslcert`, `sslkey`, `sslmode`, `sslrootcert`, `user`"
        );
        for text in ["postgres://a:secret@b:port/c", "postgres://a:secret/d@b/c", "postgres://b/c?sslmode=secret"] {
            let error = text.parse::<PostgresUrl>().unwrap_err().to_string();
            assert!(error.starts_with("a part of the url cannot be read"), "{text}: {error}");
        }
    }
}
