//! Values of every type, however hostile, on their way through the planner: what is sent keeps the manifest's structure.

use std::sync::LazyLock;

use futures_util::FutureExt as _;
use proptest::prelude::*;
use reqwest::Url;
use serde_json::json;

use super::*;
use crate::catalogue::Manifest;
use crate::domain::{EnumValue, FixedClock, Intent, Parameter, Value, ValueType};
use crate::integrations::builtin::{Builtins, RunContext};
use crate::integrations::limits::Limits;
use crate::integrations::registry::Config;
use crate::integrations::testing::hostile;

/// One intent for each kind of call, each with the value at every kind of leaf.
const MANIFEST: &str = r#"
summary = "A system"
requires = { always = true }
[connection]
url = "https://host:8443/base"
[actions.http]
implements = "value.http"
[actions.http.http]
method = "POST"
path = "/a/{{ v }}/b/x-{{ v }}/c"
query = { q = "{{ v }}", list = ["{{ v }}", "fixed"] }
headers = { x-value = "{{ v }}" }
json = { v = "{{ v }}", mixed = "<{{ v }}>", list = ["{{ v }}", { deep = "{{ v }}" }], fixed = true, when = { when = "v is defined", then = "{{ v }}" } }
[actions.form]
implements = "value.form"
http = { method = "POST", path = "/", form = { a = "{{ v }}", b = "fixed" } }
[actions.process]
implements = "value.process"
process = { argv = ["program", "--name={{ v }}", { when = "v is defined", args = ["--value", "x{{ v }}"] }, "--", "{{ v }}", "last"], env = { V = "{{ v }}", W = "fixed" } }
[actions.bare]
implements = "value.bare"
process.argv = ["program", "{{ v }}", "last"]
[actions.own]
implements = "value.own"
builtin = "test.never"
preview.reply = "{{ body }}"
"#;

/// Never finds out what it would act upon.
struct Never;

#[async_trait::async_trait]
impl Builtin for Never {
    async fn identify(&self, _: &Command) -> Result<Json, BuiltinError> {
        std::future::pending().await
    }

    async fn run(&self, _: &Command, _: &RunContext) -> Result<Json, BuiltinError> {
        Ok(Json::Null)
    }
}

static PLANNER: LazyLock<Planner> = LazyLock::new(|| {
    let mut faults = Vec::new();
    let manifest = Manifest::parse("integrations/x.toml", MANIFEST, &mut faults);
    assert_eq!(faults, []);
    let surroundings = Surroundings { env: Arc::new(|_| None), machine: "here".to_owned() };
    let redactor = Arc::new(Redactor::default());
    let mut builtins = Builtins::default();
    builtins.register("test.never", Arc::new(Never));
    let limits = Limits { timeout: Duration::from_millis(50), ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let (registry, faults) = Registry::new(manifest.into_iter().collect(), &config, builtins, &surroundings, &redactor);
    assert_eq!(faults, []);
    Planner::new(registry, surroundings, redactor, Arc::new(FixedClock(jiff::Timestamp::UNIX_EPOCH)))
});

/// A command with a value of that type; none if the text is no such value.
fn command(kind: &str, value_type: ValueType, text: &str) -> Option<Command> {
    let values = match value_type {
        ValueType::Enum => vec![EnumValue { canonical: text.to_owned(), words: Vec::new() }],
        _ => Vec::new(),
    };
    let parameter = Parameter {
        name: "v".parse().unwrap(),
        value_type,
        required: true,
        ask: None,
        values,
        implies: Vec::new(),
        whole_message: false,
    };
    let value: Value = parameter.parse(text).ok()?;
    let intent = Intent {
        name: format!("value.{kind}").parse().unwrap(),
        summary: kind.to_owned(),
        effect: Effect::Change,
        parameters: vec![parameter],
        one_of: Vec::new(),
    };
    Command::new(&intent, &[("v".parse().unwrap(), value)].into_iter().collect()).ok()
}

/// What would be sent. The planner itself says the same.
fn request(command: &Command) -> Result<Request, RequestError> {
    let chosen = PLANNER.registry().choose(command, None, &PLANNER.templates, &PLANNER.surroundings).unwrap();
    let scope = PLANNER.planned(&chosen, command, &Json::Null, &[]).unwrap();
    let filled = fill(&chosen.integration, &PLANNER.templates, &chosen.action().step.call, &scope);
    let planned = PLANNER.plan(command, &alice()).now_or_never().unwrap();
    match (&filled, planned) {
        (Ok(Some(filled)), Ok(plan)) => assert_eq!(plan.digest, digest(&chosen, std::slice::from_ref(filled))),
        (Err(refused), Err(PlanError::Request { source, .. })) => assert_eq!(*refused, source),
        (filled, planned) => panic!("expected the same, found {filled:?} and {planned:?}"),
    }
    filled.map(|request| request.unwrap())
}

/// Texts that are values of some type, and texts that have broken out of something.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => hostile(),
        1 => "-{0,2}[a-z0-9=/.]{1,12}",
        1 => "-?[0-9]{1,12}%?",
        1 => "(true|false)",
        1 => "P(T[0-9]{1,4}[HMS]|[0-9]{1,3}D)",
        1 => "20[0-9]{2}-1[0-2]-[0-2][1-9]T[0-2][0-3]:[0-5][0-9]:[0-5][0-9](Z|[+-][01][0-9]:00)",
        1 => "[a-z0-9-]{1,10}(\\.[a-z0-9-]{1,10}){0,3}",
        1 => "/[ -~]{0,20}",
        1 => "([A-Z]{2,5}-|#)[0-9]{1,4}",
        1 => "v?[0-9]{1,3}(\\.[0-9]{1,3}){1,2}(-[a-z0-9.-]{1,8})?",
    ]
}

fn types() -> impl Strategy<Value = ValueType> {
    prop::sample::select(ValueType::all().collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_value_changes_the_number_of_arguments_or_becomes_an_option(value_type in types(), text in text()) {
        let Some(wanted) = command("process", value_type, &text) else { return Ok(()) };
        let v = wanted.argument("v").unwrap().as_str().to_owned();
        let Request::Process(sent) = request(&wanted).unwrap() else { panic!("expected a process") };
        let (name, value) = (format!("--name={v}"), format!("x{v}"));
        prop_assert_eq!(sent.argv, ["program", &name, "--value", &value, "--", &v, "last"]);
        prop_assert_eq!(sent.env, [("V", v.as_str()), ("W", "fixed")].map(|(name, v)| (name.to_owned(), v.to_owned())));
        // Where options can stand, it is refused when it looks like one.
        match request(&command("bare", value_type, &text).unwrap()) {
            Ok(Request::Process(sent)) => {
                prop_assert!(!v.starts_with('-'));
                prop_assert_eq!(sent.argv, ["program", &v, "last"]);
            }
            other => prop_assert!(v.starts_with('-') && other == Err(RequestError::LooksLikeOption(v)), "{other:?}"),
        }
    }

    #[test]
    fn no_value_changes_an_address_or_the_shape_of_a_body(value_type in types(), text in text()) {
        let Some(wanted) = command("http", value_type, &text) else { return Ok(()) };
        let value = wanted.argument("v").unwrap();
        let (v, leaf) = (value.as_str(), value.to_json());
        prop_assert!(leaf.is_string() || leaf.is_number() || leaf.is_boolean(), "{leaf}");
        let form = || match request(&command("form", value_type, &text).unwrap()) {
            Ok(Request::Http(sent)) => sent.body.unwrap().1,
            other => panic!("expected a form, found {other:?}"),
        };
        let pairs = |query: &str| -> Vec<(String, String)> {
            Url::parse(&format!("form:?{query}")).unwrap().query_pairs().into_owned().collect()
        };
        let expected = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        prop_assert_eq!(pairs(&form()), expected(&[("a", v), ("b", "fixed")]));
        let Ok(Request::Http(sent)) = request(&wanted) else {
            // What encoding cannot protect is refused, and nothing else.
            let dots = v.to_lowercase().replace("%2e", ".");
            prop_assert!(["", ".", ".."].contains(&dots.as_str()) || v.chars().any(char::is_control), "{v:?}");
            return Ok(());
        };
        let url = Url::parse(sent.url.as_str()).unwrap();
        prop_assert_eq!(&url, &sent.url, "reading it again changes nothing");
        prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("host"), Some(8443)));
        prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
        let segments: Vec<_> = url.path().split('/').collect();
        prop_assert_eq!(segments.len(), 7, "{}", url);
        prop_assert_eq!([segments[1], segments[2], segments[4], segments[6]], ["base", "a", "b", "c"]);
        prop_assert_eq!(pairs(url.query().unwrap()), expected(&[("q", v), ("list", v), ("list", "fixed")]));
        prop_assert_eq!(sent.headers, expected(&[("x-value", v)]));
        let body: Json = serde_json::from_str(&sent.body.unwrap().1).unwrap();
        let mixed = format!("<{v}>");
        prop_assert_eq!(body, json!({"v": leaf, "mixed": mixed, "list": [leaf, {"deep": leaf}], "fixed": true, "when": leaf}));
    }
}

/// The property tests above say nothing where no text is a value of the type.
#[test]
fn every_type_has_values_and_most_of_them_hostile_ones() {
    let texts =
        ["--all", "a/../b", "7", "true", "PT2H", "2026-11-18T12:00:00Z", "v1.2.3", "a-b", "a.example", "/-x", "OPS-42"];
    let texts = [&texts[..], &["INC-7", "service.restart", "#a-b", "@a-b"]].concat();
    for value_type in ValueType::all() {
        let some = texts.iter().any(|text| command("process", value_type, text).is_some());
        assert!(some, "no text is a value of `{}`", value_type.as_str());
    }
    assert!(command("process", ValueType::Text, "--all").is_some());
}

#[tokio::test]
async fn our_own_actions_find_out_in_time_what_they_would_act_upon() {
    let error = PLANNER.plan(&command("own", ValueType::Text, "x").unwrap(), &alice()).await.unwrap_err();
    assert_eq!(error.to_string(), "`x` gave no answer within 0.05 s");
}

fn alice() -> crate::domain::Actor {
    "console:alice".parse().unwrap()
}
