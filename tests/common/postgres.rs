//! A real PostgreSQL server for tests, started by the script in `SAYSO_SERVERS`, and databases on it.
#![allow(clippy::unwrap_used)] // A test that fails may panic.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// The server of this test process, which ends soon after it.
pub struct Server {
    pub port: u16,
    /// Waits for the end of its standard input, which is ours, and then stops the server.
    _keeper: Child,
}

/// The one server; none, having said so, where the scripts are not.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(start).as_ref()
}

fn start() -> Option<Server> {
    let Some(scripts) = std::env::var_os("SAYSO_SERVERS") else {
        eprintln!("skipped: SAYSO_SERVERS does not name the folder with the scripts that start servers");
        return None;
    };
    let script = Path::new(&scripts).join("postgres.sh");
    let folder = tempfile::Builder::new().prefix("p").tempdir_in("/tmp").unwrap().keep();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let keeper = Command::new("bash")
        .args(["-c", r#"cat >/dev/null; bash "$1" down "$2"; rm -rf "$2""#, "keeper"])
        .args([script.as_os_str(), folder.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output =
        Command::new("bash").arg(&script).arg("up").arg(&folder).env("POSTGRES_PORT", free.to_string()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "postgres: {}", String::from_utf8_lossy(&output.stderr));
    Some(Server { port: free, _keeper: keeper })
}

impl Server {
    /// The url of a database there.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// A new database, by name.
    pub async fn database(&self) -> String {
        let name = format!("t{}", uuid::Uuid::new_v4().simple());
        let mut raw = self.raw("postgres").await;
        raw.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        name
    }

    /// A connection that knows nothing of Sayso.
    pub async fn raw(&self, database: &str) -> PgConnection {
        PgConnection::connect(&self.url("postgres", database)).await.unwrap()
    }
}
