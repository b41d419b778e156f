//! Who is on call, asked of servers that answer like PagerDuty and Opsgenie, and what becomes of a decision when they do not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sayso::domain::{Actor, Clock as _, ConversationId, People, Rota, SystemClock};
use sayso::integrations::OnCallDesk;
use sayso::proposal::{Decision, Permissions as _, Policy, PolicyAction, Query, Roles, Target, Watched};
use serde_json::json;

use crate::common::{Parts, Rig, command};

/// What it answers now, and what it was asked.
#[derive(Clone, Default)]
struct Vendor {
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// A server, and its address.
    async fn start() -> (Self, String) {
        let vendor = Self::default();
        let app = Router::new().fallback({
            let vendor = vendor.clone();
            move |request: Request| async move { vendor.serve(request.uri().to_string()).await }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (vendor, url)
    }

    async fn serve(&self, asked: String) -> Response {
        self.asked.lock().unwrap().push(asked);
        let (status, body) = self.answer.lock().unwrap().clone();
        if status == 0 {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        let status = StatusCode::from_u16(status).unwrap_or_default();
        (status, [("content-type", "application/json")], body).into_response()
    }

    fn says(&self, status: u16, body: impl ToString) {
        *self.answer.lock().unwrap() = (status, body.to_string());
    }

    /// As PagerDuty says it: who is on call by which schedule.
    fn on_call(&self, entries: &[(&str, &str)]) {
        let oncalls = entries.iter().map(|(schedule, user)| {
            json!({"schedule": {"id": schedule, "type": "schedule_reference", "summary": "primary"}, "escalation_level": 1,
                "user": {"id": user, "type": "user_reference", "summary": "Mira"}, "start": null, "end": null})
        });
        let body =
            json!({"oncalls": oncalls.collect::<Vec<_>>(), "limit": 100, "offset": 0, "more": false, "total": null});
        self.says(200, body);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn env(url: &str) -> Vec<(&'static str, String)> {
    vec![
        ("PAGERDUTY_URL", url.to_owned()),
        ("PAGERDUTY_TOKEN", "s3cret-t0ken".to_owned()),
        ("PAGERDUTY_FROM", "bot@example.com".to_owned()),
        ("OPSGENIE_URL", url.to_owned()),
        ("OPSGENIE_KEY", "s3cret-k3y".to_owned()),
    ]
}

fn rig(system: &str, url: &str) -> Rig {
    Parts { shipped: &[system], env: env(url), ..Parts::default() }.rig()
}

async fn who(rig: &Rig, schedule: &str) -> Result<String, String> {
    let who: Result<BTreeSet<Actor>, _> = rig.planner.who_is_on_call(schedule).await;
    let named = |who: BTreeSet<Actor>| who.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    who.map(named).map_err(|unknown| unknown.to_string())
}

#[tokio::test]
async fn whoever_is_on_call_is_named_by_their_ids() {
    let (vendor, url) = Vendor::start().await;
    let pagerduty = rig("pagerduty", &url);
    vendor.on_call(&[("PS", "PM"), ("PS", "PA"), ("PS", "PM"), ("POTHER", "PX")]);
    assert_eq!(who(&pagerduty, "PS").await, Ok("pagerduty:PA pagerduty:PM".to_owned()));
    assert_eq!(vendor.asked.lock().unwrap()[0], "/oncalls?schedule_ids%5B%5D=PS&limit=100");
    vendor.on_call(&[]);
    assert_eq!(who(&pagerduty, "PS").await, Ok(String::new()));
    let opsgenie = rig("opsgenie", &url);
    vendor.says(200, json!({"data": {"onCallRecipients": ["mira@example.com"]}, "took": 0.1, "requestId": "x"}));
    assert_eq!(who(&opsgenie, "5b07 a/b").await, Ok("opsgenie:mira@example.com".to_owned()));
    let asked = vendor.asked.lock().unwrap().last().cloned().unwrap();
    assert_eq!(asked, "/v2/schedules/5b07%20a%2Fb/on-calls?scheduleIdentifierType=id&flat=true");
}

#[tokio::test]
async fn what_cannot_be_read_is_not_nobody() {
    let (vendor, url) = Vendor::start().await;
    let rig = rig("pagerduty", &url);
    let unknown = |said: &str| Err(format!("who is on call cannot be found out: `pagerduty` {said}"));
    let odd = "answered in an unexpected form: ";
    let entry = |user| json!({"oncalls": [{"schedule": {"id": "PS"}, "user": user}], "more": false}).to_string();
    for (status, body, said) in [
        (500, "{}".to_owned(), "answered 500 Internal Server Error"),
        (401, json!({"error": {"message": "s3cret-t0ken is wrong"}}).to_string(), "answered 401 Unauthorized"),
        (200, "{}".to_owned(), odd),
        (200, "<html>Log in</html>".to_owned(), odd),
        (200, json!({"oncalls": {"user": {"id": "PM"}}, "more": false}).to_string(), odd),
        (200, entry(json!({"summary": "Mira"})), odd),
        (200, entry(json!({"id": "P M"})), odd),
        (200, entry(json!({"id": 7})), odd),
        (200, json!({"oncalls": [], "offset": 0, "limit": 100, "more": true}).to_string(), odd),
    ] {
        vendor.says(status, &body);
        let found = who(&rig, "PS").await;
        let begin = unknown(said).unwrap_err();
        let error = found.clone().unwrap_err();
        assert!(error.starts_with(&begin) && !error.contains("t0ken"), "{body}: {error}");
    }
    vendor.says(0, "");
    assert_eq!(who(&rig, "PS").await, unknown("gave no answer within 4 s"));
}

#[tokio::test]
async fn one_system_is_asked_and_it_has_to_be_clear_which() {
    let (vendor, url) = Vendor::start().await;
    vendor.on_call(&[("PS", "PM")]);
    let unknown = |said: &str| Err(format!("who is on call cannot be found out: {said}"));
    assert_eq!(who(&Parts::default().rig(), "PS").await, unknown("no system that knows is enabled and ready"));
    let both = |config| Parts { shipped: &["pagerduty", "opsgenie"], env: env(&url), config, ..Parts::default() }.rig();
    let said = "`opsgenie` and `pagerduty` know; bind `oncall.show` to one of them";
    assert_eq!(who(&both(""), "PS").await, unknown(said));
    let bound = both("[bindings]\n\"oncall.show\" = \"pagerduty\"");
    assert_eq!(who(&bound, "PS").await, Ok("pagerduty:PM".to_owned()));
}

/// Only whoever is on call flushes caches; Mira (`discord:1`) and Ada (`discord:2`) are known to PagerDuty.
fn policy(rota: &Arc<Rota>) -> Policy {
    let rules = r#"@id("reads") permit (principal, action in [Action::"run", Action::"execute"], resource)
            when { resource.effect == Effect::"read" };
        @id("on-call-acts") permit (principal in Role::"on-call", action, resource);"#;
    let roles: Roles = [("on-call", Vec::new())].into_iter().collect();
    let mut people = People::default();
    for (name, account, id) in [("mira", "discord:1", "pagerduty:PM"), ("ada", "discord:2", "pagerduty:PA")] {
        people.add(name, vec![account.parse().unwrap()]);
        people.add_on_call(name, id.parse().unwrap());
    }
    let policy = Policy::load(&[("team.cedar".to_owned(), rules.to_owned())], &roles).unwrap();
    policy.with_people(people).with_duty([("on-call".to_owned(), "PS".to_owned())].into(), Arc::clone(rota))
}

/// What the policy says, asking who is on call if it takes that; whether it took it.
async fn decide(policy: &Policy, desk: &OnCallDesk, who: &str, line: &str, action: PolicyAction) -> (Decision, bool) {
    let (actor, command) = (who.parse().unwrap(), command(line));
    let query = Query {
        action,
        actor: &actor,
        requester: &actor,
        subject: (&command).into(),
        target: &Target { name: "a cache".to_owned(), local: false, production: true },
        conversation: &ConversationId { platform: "discord".to_owned(), channel: "ops".to_owned() },
        now: SystemClock.now(),
        yeses: &[],
        reason: None,
        broken_glass: false,
    };
    let watched = Watched::new(policy);
    let decision = watched.decide(&query);
    if !watched.lacked() {
        return (decision, false);
    }
    desk.look_up().await;
    (policy.decide(&Query { now: SystemClock.now(), ..query }), true)
}

#[tokio::test]
async fn a_role_of_the_moment_is_decided_by_what_the_vendor_says() {
    const FLUSH: &str = "cache.flush service=checkout";
    let (vendor, url) = Vendor::start().await;
    let rota = Arc::<Rota>::default();
    let planner = Arc::clone(&rig("pagerduty", &url).planner);
    let desk = OnCallDesk::new(planner, ["PS".to_owned()].into(), Arc::clone(&rota));
    let policy = policy(&rota);
    let ask = async |who, line, action| {
        let (decision, asked) = decide(&policy, &desk, who, line, action).await;
        (decision.allowed, decision.reason(), asked)
    };
    let propose = PolicyAction::Propose;

    // Nothing is asked for what does not depend on it.
    let (allowed, rule, asked) = ask("discord:9", "host.disk", PolicyAction::Run).await;
    assert_eq!((allowed, rule.as_str(), asked, vendor.asked()), (true, "reads", false, 0));

    vendor.says(502, "");
    let (allowed, reason, asked) = ask("discord:1", FLUSH, propose).await;
    assert!(!allowed && asked, "{reason}");
    assert!(reason.starts_with("who is on call cannot be found out: `pagerduty` "), "{reason}");
    // A system that is down is not asked for every word.
    let before = vendor.asked();
    assert!(!ask("discord:1", FLUSH, propose).await.0);
    assert_eq!(vendor.asked(), before);

    // It answers again; who comes meanwhile gets the same answer, and it counts for a while.
    rota.tell("PS", Ok(BTreeSet::new()), SystemClock.now() - jiff::SignedDuration::from_secs(31));
    vendor.on_call(&[("PS", "PM")]);
    let before = vendor.asked();
    tokio::join!(desk.look_up(), desk.look_up(), desk.look_up());
    let (allowed, reason, asked) = ask("discord:1", FLUSH, propose).await;
    assert!(allowed && !asked && reason.starts_with("on-call-acts (on call by `PS`: mira, asked at "), "{reason}");
    let (allowed, reason, _) = ask("discord:2", FLUSH, propose).await;
    assert!(!allowed && reason.starts_with("deny by default (on call by `PS`: mira, asked at "), "{reason}");
    assert_eq!(vendor.asked(), before + 1);

    // The guard changes: until the answer is too old it is not seen, and then it is.
    vendor.on_call(&[("PS", "PA")]);
    assert!(ask("discord:1", FLUSH, propose).await.0);
    let seen = rota.on_call("PS", SystemClock.now()).unwrap();
    rota.tell("PS", Ok((*seen.who).clone()), seen.asked - jiff::SignedDuration::from_secs(31));
    assert!(!ask("discord:1", FLUSH, propose).await.0);
    assert!(ask("discord:2", FLUSH, propose).await.0);
}
