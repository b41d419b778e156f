//! Why PostgreSQL cannot be used, and what to do about it. No password is in any of it: a `Place` has none.

use std::error::Error;
use std::time::Duration;

use sqlx::migrate::MigrateError;

use super::url::{Place, PostgresUrlError};

/// The oldest version whose makers still mend it, and that we test with.
pub(super) const OLDEST: i32 = 14;

/// Why a PostgreSQL store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The url is none.
    #[error("the store's url is none: {0}")]
    Url(#[from] PostgresUrlError),
    /// Nobody is there.
    #[error("no PostgreSQL server answers at `{}`; start it, or name another one in `[store] url`", .place.server())]
    Unreachable {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Somebody is there, and does not answer.
    #[error("the store `{place}` has not answered within {} ms; look at the load of the server, and at the network", .waited.as_millis())]
    Silent {
        /// Where.
        place: Box<Place>,
        /// How long we waited.
        waited: Duration,
    },
    /// Wrong user or password.
    #[error("the PostgreSQL server at `{}` refuses the user `{}`; correct the name, the password, or its `pg_hba.conf`", .place.server(), .place.user)]
    Refused {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// It has not been made.
    #[error("the PostgreSQL server at `{}` has no database `{}`; make it with `createdb --owner={} {}`", .place.server(), .place.database, .place.user, .place.database)]
    NoDatabase {
        /// Where.
        place: Box<Place>,
    },
    /// It belongs to somebody else.
    #[error("the user `{}` may not use the store `{place}`; make it the owner of the database", .place.user)]
    Forbidden {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// No encryption as the url wants it.
    #[error("no encrypted connection to `{}` can be made; `sslmode` and `sslrootcert` of the url say what is asked for", .place.server())]
    Unencrypted {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A replica of PostgreSQL, or a database that was made read-only.
    #[error("the store `{place}` is read-only; name the server that takes changes")]
    ReadOnly {
        /// Where.
        place: Box<Place>,
    },
    /// Its version.
    #[error("the PostgreSQL server at `{}` has version {found}, expected {OLDEST} or later", .place.server())]
    TooOld {
        /// Where.
        place: Box<Place>,
        /// The major version.
        found: i32,
    },
    /// Its setting.
    #[error("the store `{place}` has `{setting}` = `{found}`, expected {expected}")]
    Setting {
        /// Where.
        place: Box<Place>,
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// Somebody else's tables.
    #[error("the database `{place}` holds something else than a store of Sayso; make one for it alone")]
    NotAStore {
        /// Where.
        place: Box<Place>,
    },
    /// A later version has written it.
    #[error("the store `{place}` was written by a newer Sayso (schema {found}, this one knows {known}); use that one")]
    Newer {
        /// Where.
        place: Box<Place>,
        /// Its schema.
        found: i64,
        /// The latest schema that this build knows.
        known: i64,
    },
    /// Its schema is neither old nor new, but another.
    #[error("the store `{place}` has another schema {version} than this Sayso; use the one that wrote it")]
    OtherSchema {
        /// Where.
        place: Box<Place>,
        /// The number of the schema.
        version: i64,
    },
    /// Somebody holds what is needed.
    #[error("the store `{place}` has been locked for more than {} ms; look who holds the lock in `pg_stat_activity`", .waited.as_millis())]
    Locked {
        /// Where.
        place: Box<Place>,
        /// How long we waited.
        waited: Duration,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// No more connections.
    #[error("the PostgreSQL server at `{}` has no connection left; raise its `max_connections`, or run fewer replicas", .place.server())]
    Crowded {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// No space is left.
    #[error("the disk that holds the store `{place}` is full; free some space")]
    Full {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// It is starting, or ending.
    #[error("the PostgreSQL server at `{}` is starting or stopping; it will be tried again", .place.server())]
    Unready {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// We were away for too long.
    #[error("this process was not heard of for more than {} ms, and others that share the store `{place}` may have taken over; ask again", .lease.as_millis())]
    Lapsed {
        /// Where.
        place: Box<Place>,
        /// How long others wait for a sign of life.
        lease: Duration,
    },
    /// Its content is broken.
    #[error("the store `{place}` is damaged; keep a copy, and go back to a backup or start with a new one")]
    Damaged {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Anything else.
    #[error("the store `{place}` failed")]
    Failed {
        /// Where.
        place: Box<Place>,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl PostgresError {
    /// What an error of the driver means for people. `waited` is the patience with locks and answers.
    pub(super) fn of(place: &Place, waited: Duration, source: sqlx::Error) -> Self {
        let place = Box::new(place.clone());
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        let code = source.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        match (code.as_deref(), source) {
            (Some("28000" | "28P01"), source) => Self::Refused { place, source },
            (Some("3D000"), _) => Self::NoDatabase { place },
            (Some("42501"), source) => Self::Forbidden { place, source },
            (Some("25006"), _) => Self::ReadOnly { place },
            (Some("55P03" | "57014" | "40P01"), source) => Self::Locked { place, waited, source },
            (Some("53300"), source) => Self::Crowded { place, source },
            (Some("53100"), source) => Self::Full { place, source },
            (Some("57P01" | "57P02" | "57P03"), source) => Self::Unready { place, source },
            (Some("XX001" | "XX002"), source) => Self::Damaged { place, source: source.into() },
            (_, sqlx::Error::PoolTimedOut) => Self::Silent { place, waited },
            (_, sqlx::Error::Io(source)) if source.kind() == std::io::ErrorKind::TimedOut => {
                Self::Silent { place, waited }
            }
            (_, sqlx::Error::Io(source)) => Self::Unreachable { place, source },
            (_, sqlx::Error::Tls(source)) => Self::Unencrypted { place, source },
            (_, source) => Self::Failed { place, source: source.into() },
        }
    }

    /// What an error of the migrations means for people; `known` is the latest schema.
    pub(super) fn of_migration(place: &Place, waited: Duration, known: i64, source: MigrateError) -> Self {
        let at = || Box::new(place.clone());
        match source {
            MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _) => {
                Self::of(place, waited, source)
            }
            MigrateError::VersionMissing(found) if found > known => Self::Newer { place: at(), found, known },
            MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => {
                Self::OtherSchema { place: at(), version }
            }
            source => Self::Failed { place: at(), source: source.into() },
        }
    }
}
