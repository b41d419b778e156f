//! Lists of names: what is taken of them, what is not, and what stays known when a system fails.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::get;
use jiff::Timestamp;
use sayso::domain::{EntityType, Listed};
use sayso::integrations::{Limits, ListState, Lists};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;

use crate::common::Parts;
use crate::server::always;

/// Lists from `/names`, in parts.
const LISTS: &str = r#"
summary = "a system"
requires.always = true
[connection]
url = "{url}"
token = { secret = "TOKEN", optional = true }
headers = { authorization = "{{ connection.token }}" }
[actions.look]
implements = "service.list"
http.path = "/names"
[lists.services]
entity = "service"
http = { path = "{path}", query = { page = "{{ page }}" } }
items = "body.items"
next = "body.next"
where = "not item.hidden"
name = "{{ item.name }}"
aliases = ["{{ item.title }}", "{{ item.others }}"]
"#;

fn parts_of<'a>(address: SocketAddr, path: &str) -> Parts<'a> {
    let manifest = LISTS.replace("{url}", &format!("http://{address}")).replace("{path}", path);
    let env = vec![("TOKEN", "t0k3n-of-a-test".to_owned())];
    Parts { manifests: vec![("x", manifest)], limits: SHORT, env, ..Parts::default() }
}

/// Short of patience.
const SHORT: Limits = Limits { output_bytes: 1024 * 1024, timeout: Duration::from_secs(1) };

fn open(address: SocketAddr, path: &str, folder: Option<&std::path::Path>) -> Lists {
    Lists::new(parts_of(address, path).rig().planner, folder.map(ToOwned::to_owned), Arc::new(()))
}

/// A server with these parts of a list, the first of them first.
async fn serve(parts: Vec<Json>) -> SocketAddr {
    let parts = Arc::new(parts);
    let answer = move |uri: Uri| {
        let page = uri.query().and_then(|query| query.strip_prefix("page=")?.parse::<usize>().ok()).unwrap_or(0);
        std::future::ready(axum::Json(parts[page % parts.len()].clone()))
    };
    listen(Router::new().route("/names", get(answer))).await
}

async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn state(lists: &Lists) -> ListState {
    lists.states().pop().unwrap()
}

fn names(listed: &Listed) -> Vec<String> {
    let names = listed.names().get(&EntityType::Service).into_iter().flatten();
    names.map(|(name, aliases)| format!("{name} {aliases:?}")).collect()
}

#[tokio::test]
async fn names_come_in_parts_and_what_is_none_is_left_out() {
    let address = serve(vec![
        json!({"next": 1, "items": [
            {"name": "checkout", "title": "The Shop", "others": ["shop", "@here", "", 7, "a\u{202e}b"]},
            {"name": "hidden", "hidden": true},
            {"name": "@everyone"}, {"name": "-rf"}, {"name": "a\nb"}, {"name": "<script>"}, {"name": ""}, {"name": "x".repeat(200)},
            {"name": ["a", "list"]}, {"name": 7}, {}, {"name": "is-t0k3n-of-a-test"},
        ]}),
        json!({"items": [{"name": "search-api"}, {"name": "checkout", "title": "Checkout 2"}]}),
    ])
    .await;
    let lists = open(address, "/names", None);
    assert_eq!(state(&lists).read, None);
    lists.read_all().await;
    let known = state(&lists);
    assert_eq!((known.names, known.refused, known.more, known.fault.as_deref()), (2, 10, false, None));
    assert_eq!(names(&lists.listed()), [r#"checkout ["The Shop", "shop", "Checkout 2"]"#, "search-api []"]);
}

#[tokio::test]
async fn there_is_an_end_to_names_and_to_parts() {
    let many: Vec<Json> = (0..2_500).map(|number| json!({"name": format!("service-{number}")})).collect();
    let lists = open(serve(vec![json!({"items": many})]).await, "/names", None);
    lists.read_all().await;
    assert_eq!((state(&lists).names, state(&lists).more), (2_000, true));
    let lists = open(serve(vec![json!({"items": [{"name": "again"}], "next": 0})]).await, "/names", None);
    lists.read_all().await;
    assert_eq!((state(&lists).names, state(&lists).more, state(&lists).fault), (1, true, None));
}

#[tokio::test]
async fn what_cannot_be_read_leaves_the_names_as_they_were() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("lists");
    let good = serve(vec![json!({"items": [{"name": "checkout"}]})]).await;
    let first = open(good, "/names", Some(&folder));
    first.read_all().await;
    assert_eq!((state(&first).names, state(&first).fault), (1, None));
    let form = "answered in an unexpected form: expected JSON, found";
    for (path, said) in [
        ("/garbage", format!("{form} other text")),
        ("/empty", format!("{form} nothing")),
        ("/html", format!("{form} an HTML page")),
        ("/endless", format!("{form} more than is kept")),
        ("/refused", "answered in an unexpected form: `body.items`: expected a list, found nothing".to_owned()),
        ("/500", "answered 500 Internal Server Error: password=[redacted] is wrong".to_owned()),
        ("/404", "answered 404 Not Found: no such thing".to_owned()),
        ("/slow", "gave no answer within 1 s".to_owned()),
        ("/drip", "gave no answer within 1 s".to_owned()),
    ] {
        let lists = open(always(path).await, path, Some(&folder));
        lists.read_all().await;
        let known = state(&lists);
        assert_eq!(known.fault, Some(format!("`x` {said}")), "{path}");
        assert_eq!((known.names, known.read), (1, state(&first).read), "{path}");
    }
    assert_eq!(names(&first.listed()), ["checkout []"]);
}

#[tokio::test]
async fn what_is_remembered_is_as_foreign_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let address = always("/500").await;
    let remembered = |read: Timestamp| {
        let names = json!({"web": ["The Web", "@here"], "@everyone": [], "a\u{202e}b": []});
        let memory = json!({"read": read, "more": false, "names": names});
        std::fs::write(folder.path().join("x.services.json"), memory.to_string()).unwrap();
        open(address, "/500", Some(folder.path()))
    };
    let now = Timestamp::now();
    let hours = |hours| jiff::SignedDuration::from_hours(hours);
    assert_eq!(names(&remembered(now - hours(23)).listed()), [r#"web ["The Web"]"#]);
    for forgotten in [now - hours(25), now + hours(1)] {
        assert_eq!(names(&remembered(forgotten).listed()), [""; 0]);
    }
    for text in ["", "{", "[1]", "{\"names\": 7}"] {
        std::fs::write(folder.path().join("x.services.json"), text).unwrap();
        assert_eq!(state(&open(address, "/500", Some(folder.path()))).read, None);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn names_are_kept_where_nobody_else_looks() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("lists");
    open(serve(vec![json!({"items": [{"name": "checkout"}]})]).await, "/names", Some(&folder)).read_all().await;
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["x.services.json"]);
}

#[tokio::test]
async fn names_are_read_in_the_background() {
    let address = serve(vec![json!({"items": [{"name": "checkout"}]})]).await;
    let lists = open(address, "/names", None);
    let told = Mutex::new(Vec::new());
    let (seen, mut heard) = tokio::sync::mpsc::channel(1);
    let tell = |listed: Listed| {
        told.lock().unwrap().extend(names(&listed));
        let _ = seen.try_send(());
    };
    tokio::select! {
        () = lists.keep(tell) => panic!("it goes on"),
        heard = tokio::time::timeout(Duration::from_secs(20), heard.recv()) => assert!(heard.is_ok()),
    }
    assert_eq!(*told.lock().unwrap(), ["checkout []"]);
}

#[tokio::test]
async fn the_first_role_that_has_credentials_reads() {
    let answer = |headers: HeaderMap| async move {
        match headers.get("authorization").and_then(|value| value.to_str().ok()) {
            Some("of-the-team") => Ok(axum::Json(json!({"items": [{"name": "checkout"}]}))),
            _ => Err(StatusCode::UNAUTHORIZED),
        }
    };
    let address = listen(Router::new().route("/names", get(answer))).await;
    let config = r#"
        roles = { sre = [], team = [] }
        [integrations.x.as]
        sre = { token = { secret = "NOBODY_HAS_IT" } }
        team = { token = { secret = "TEAM_TOKEN" } }"#;
    let env = vec![("TEAM_TOKEN", "of-the-team".to_owned())];
    let lists = Lists::new(Parts { config, env, ..parts_of(address, "/names") }.rig().planner, None, Arc::new(()));
    lists.read_all().await;
    assert_eq!((state(&lists).names, state(&lists).fault), (1, None));
}

#[tokio::test]
async fn the_configuration_says_which_lists_are_read() {
    let address = always("/500").await;
    for (config, found, said) in [
        ("", 1, None),
        ("[integrations.x]\nlists = []", 0, None),
        ("[integrations.x]\nlists = [\"services\"]", 1, None),
        (
            "[integrations.x]\nlists = [\"service\"]",
            0,
            Some(
                "error: sayso.toml: `integrations.x.lists`: the manifest has no list `service`\n  hint: did you mean `services`?",
            ),
        ),
        (
            "[integrations.x]\nlists = true",
            1,
            Some("error: sayso.toml: `integrations.x.lists`: expected a list of names, which may be empty"),
        ),
    ] {
        let (planner, faults) = Parts { config, ..parts_of(address, "/names") }.planner();
        assert_eq!(faults.iter().map(String::as_str).collect::<Vec<_>>(), said.into_iter().collect::<Vec<_>>());
        assert_eq!(Lists::new(Arc::new(planner), None, Arc::new(())).states().len(), found, "{config}");
    }
}
