//! What a request has to know and is not in the command: found by name, in lists that come in parts, and the call before all
//! others.

use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::{Json, Router, routing};
use serde_json::json;

use crate::common::Rig;

/// What was asked, in order.
type Asked = Arc<Mutex<Vec<String>>>;

/// Services by number, two to a part; a list without end; and everything else, which is noted.
async fn rig(actions: &str) -> (Rig, Asked) {
    let asked = Asked::default();
    let services = |request: Request| async move {
        let offset = request.uri().query().and_then(|query| query.strip_prefix("offset="));
        let first: u32 = offset.map_or(0, |offset| offset.parse().unwrap());
        let all = ["web", "checkout", "search", "mail", "web"];
        let some = (first..first + 2).filter_map(|id| Some(json!({"id": id, "name": all.get(id as usize)?})));
        Json(json!({"services": some.collect::<Vec<_>>(), "next": (first + 2 < 5).then_some(first + 2)}))
    };
    let noted = {
        let asked = Arc::clone(&asked);
        move |request: Request| async move {
            let kind = request.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
            let line = format!("{} {} {}", request.method(), request.uri(), kind.unwrap_or_default());
            asked.lock().unwrap().push(line.trim_end().to_owned());
            Json(json!({"done": true}))
        }
    };
    let app = Router::new()
        .route("/services", routing::get(services))
        .route("/endless", routing::get(|| async { Json(json!({"services": [{"id": 1, "name": "web"}], "next": 1})) }))
        .fallback(noted);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let head = format!("summary = \"x\"\nrequires = {{ always = true }}\n[connection]\nurl = \"{url}\"\n");
    (Rig::with(&(head + actions)), asked)
}

const LIST: &str = r#"
http = { path = "/services", query = { offset = "{{ page }}" } }
items = "body.services"
next = "body.next"
"#;

#[tokio::test]
async fn a_list_is_read_to_its_end() {
    let (rig, _) = rig(&format!(
        "[actions.list]\nimplements = \"service.list\"\n{LIST}\nreply = \"{{{{ items | map(attribute='name') | join(' ') }}}}\""
    ))
    .await;
    assert_eq!(rig.run("service.list").await.output.unwrap(), "web checkout search mail web");
}

#[tokio::test]
async fn a_list_without_end_is_told_to_have_none_and_is_searched_for_nothing() {
    let (rig, _) = rig(r#"
[actions.list]
implements = "service.list"
http = { path = "/endless", query = { offset = "{{ page }}" } }
items = "body.services"
next = "body.next"
reply = "{{ items | length }}"
[actions.restart]
implements = "service.restart"
http = { method = "POST", path = "/restart/{{ item.id }}" }
[actions.restart.lookup]
http = { path = "/endless", query = { offset = "{{ page }}" } }
items = "body.services"
next = "body.next"
where = "item.name == service"
keep = { id = "{{ item.id }}" }
"#)
    .await;
    assert_eq!(rig.run("service.list").await.output.unwrap(), "10\n… (there are more than the 10 that were read)");
    let refusal = rig.refusal("service.restart service=web").await;
    assert_eq!(refusal, "`x` lists more than the 10 that are searched; say more exactly what is meant");
}

#[tokio::test]
async fn what_is_found_is_one_thing_and_part_of_the_plan() {
    let action = format!(
        r#"
[actions.scale]
implements = "service.scale"
parameters.environment = {{ ignored = true }}
http = {{ method = "POST", path = "/scale/{{{{ found.service.id }}}}/{{{{ (found.zone or {{}}).id | default('anywhere') }}}}", query = {{ n = "{{{{ [replicas, 'x'] }}}}" }}, headers = {{ content-type = "application/patch+json" }}, json = {{ n = "{{{{ replicas }}}}" }} }}
[actions.scale.find.service]
{LIST}
where = "item.name == service"
keep = {{ id = "{{{{ item.id }}}}", name = "{{{{ item.name }}}}" }}
none = "no service `{{{{ service }}}}`"
[actions.scale.find.zone]
when = "environment"
{LIST}
where = "item.id == found.service.id + 1"
keep = {{ id = "{{{{ item.name }}}}" }}
"#
    );
    let (rig, asked) = rig(&action).await;
    assert_eq!(rig.told("service.scale service=checkout replicas=3").await, "succeeded: done by `x`");
    assert_eq!(
        rig.told("service.scale service=checkout replicas=3 environment=staging").await,
        "succeeded: done by `x`"
    );
    let sent = asked.lock().unwrap().clone();
    assert_eq!(
        sent,
        [
            "POST /scale/1/anywhere?n=3&n=x application/patch+json",
            "POST /scale/1/search?n=3&n=x application/patch+json"
        ]
    );
    assert_eq!(rig.refusal("service.scale service=shop replicas=3").await, "no service `shop`");
    let several = rig.refusal("service.scale service=web replicas=3").await;
    assert_eq!(several, "`x` has several that match: `web`, `web`; say which");
    let plan = rig.plan("service.scale service=mail replicas=3").await.unwrap();
    assert!(plan.runs.contains("/scale/3/anywhere"), "{}", plan.runs);
}

#[tokio::test]
async fn what_comes_before_is_done_once_even_if_nothing_follows() {
    let action = format!(
        r#"
[actions.drain]
implements = "node.drain"
http = {{ method = "DELETE", path = "/{{{{ item.name }}}}" }}
each = true
summary = "{{{{ items | length }}}} left {{{{ host }}}}"
before.http = {{ method = "POST", path = "/close/{{{{ host }}}}" }}
[actions.drain.lookup]
{LIST}
where = "host == 'full' and item.name == 'web'"
keep = {{ name = "{{{{ item.name }}}}" }}
optional = true
[actions.drain.preview]
reply = "{{{{ items | length }}}} to go"
"#
    );
    let (rig, asked) = rig(&action).await;
    assert_eq!(rig.preview("node.drain host=full").await.unwrap(), "2 to go");
    assert_eq!(rig.told("node.drain host=full").await, "succeeded: 2 left full");
    assert_eq!(rig.told("node.drain host=bare").await, "succeeded: 0 left bare");
    let sent = asked.lock().unwrap().clone();
    assert_eq!(sent, ["POST /close/full", "DELETE /web", "DELETE /web", "POST /close/bare"]);
    let plan = rig.plan("node.drain host=bare").await.unwrap();
    assert!(plan.runs.starts_with("POST ") && plan.runs.lines().count() == 1, "{}", plan.runs);
}
