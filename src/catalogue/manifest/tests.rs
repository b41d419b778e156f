//! Manifests that are right, and what is said of those that are not.

use super::*;

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let manifest = Manifest::parse("integrations/x.toml", text, &mut faults);
    assert_eq!(manifest.is_none(), faults.iter().any(|fault| fault.severity == Severity::Error));
    faults.iter().map(ToString::to_string).collect()
}

/// One that is right, with everything a manifest can say.
const WHOLE: &str = r#"
summary = "A system"
requires = [{ env = "X_URL", program = "x" }, { socket = "/run/x.sock" }]

[connection]
url = { env = "X_URL", default = "http://127.0.0.1:1" }
token = { secret = "X_TOKEN", optional = true }
headers.authorization = "Bearer {{ connection.token }}"

[settings]
window = "PT1H"
queries.latency.template = "latency{service={{ service | quoted }}}"

[actions.restart]
implements = "service.restart"
parameters.environment = { one_of = ["{{ settings.window }}"] }
parameters.host = { ignored = true }
http = { method = "POST", path = "/services/{{ service }}/restart", query = { a = ["1", "{{ service }}"] }, json = { force = true, who = "{{ requester }}", list = [{ when = "host", then = "{{ host }}" }] } }
success = "{{ status == 204 }}"
timeout = "2m"
retry = 2
idempotent = true
lock = "{{ service }}"
summary = "restarted"
reply = "{{ body.x }}"

[actions.restart.poll]
process.argv = ["x", { when = "host", args = ["--host", "{{ host }}"] }, "--", "{{ service }}"]
until = "exit_code == 0"
every = "500ms"
"#;

#[test]
fn a_whole_manifest_is_read() {
    let mut faults = Vec::new();
    let manifest = Manifest::parse("integrations/x.toml", WHOLE, &mut faults).unwrap();
    assert_eq!(faults, []);
    assert_eq!(manifest.name, "x");
    let action = &manifest.actions[0];
    assert_eq!((action.name.as_str(), action.timeout, action.retry), ("restart", Duration::from_secs(120), 2));
    let Call::Http(http) = &action.step.call else { panic!("expected HTTP") };
    assert_eq!(http.path.iter().map(Template::source).collect::<Vec<_>>(), ["services", "{{ service }}", "restart"]);
    assert_eq!(action.place, Place { line: 15, column: 14 });
}

#[test]
fn the_definition_is_what_is_said_not_how_it_is_written() {
    let definition = |text: &str| Manifest::parse("x.toml", text, &mut Vec::new()).unwrap().actions[0].definition;
    let same = WHOLE.replace("retry = 2\nidempotent = true", "idempotent = true # twice is once\nretry   =   2");
    assert_eq!(definition(WHOLE), definition(&same));
    for other in [WHOLE.replace("retry = 2", "retry = 3"), WHOLE.replace("/restart\"", "/stop\"")] {
        assert_ne!(definition(WHOLE), definition(&other));
    }
}

#[test]
fn all_faults_come_at_once() {
    let text = r#"sumary = "A system"
requires = {}

[connection]
tokn = { secret = "X" }

[actions.a]
implements = "restart"
htpp = { path = "/" }
timeout = "2 minutes"

[actions.b]
implements = "service.restart"
http = { path = "services", metod = "GET" }
reply = "{{ service"

[actions.c]
implements = "service.restart"
process.argv = ["sh", "-c", "restart {{ service }}"]

[actions.d]
implements = "service.restart"
process.argv = ["{{ service }}"]
success = "exit_code == | 1"
each = true

[actions.e]
implements = "service.restart"
http = { path = "/x?a=1" }
lock = "{{ service | lowr }}"

[actions.f]
implements = "service.restart"
where = "item"
builtin = "x"
[actions.f.lookup]
builtin = "y"
"#;
    insta::assert_snapshot!(faults(text).join("\n"), @r##"
    error: integrations/x.toml: the manifest needs `summary`
    error: integrations/x.toml:1:1: unknown key `sumary`
      hint: did you mean `summary`?
    error: integrations/x.toml:2:12: expected a condition
      hint: name one of `always = true`, `alone = true`, `path`, `socket`, `env`, `program`
    error: integrations/x.toml:4:2: `[connection]` needs `url`
    error: integrations/x.toml:7:10: action `a`: expected exactly one of `http`, `process`, `builtin`
    error: integrations/x.toml:8:14: `actions.a.implements`: invalid intent name `restart`, expected `noun.verb` in lower-case letters, digits and `_`
    error: integrations/x.toml:9:1: unknown key `htpp` in `[actions.a]`
      hint: did you mean `http`?
    error: integrations/x.toml:10:11: `actions.a.timeout`: expected a time from `1ms` to `24h` such as `30s`, found `2 minutes`
    error: integrations/x.toml:14:17: `actions.b.http.path`: expected a path that begins with `/`
    error: integrations/x.toml:14:29: unknown key `metod` in `[actions.b.http]`
      hint: did you mean `method`?
    error: integrations/x.toml:15:13: `actions.b.reply`: broken template: unexpected end of input, expected end of variable block
    error: integrations/x.toml:19:16: `sh -c` is a shell line
      hint: name the program and its arguments as elements of `argv`, without a shell
    error: integrations/x.toml:21:10: action `d`: `each` needs a lookup
      hint: add `[actions.d.lookup]`, or leave `each` out
    error: integrations/x.toml:23:16: `{{ service }}`: the program must not be computed
      hint: name the program; only its arguments may hold `{{ expressions }}`
    error: integrations/x.toml:24:25: `actions.d.success`: broken template: unexpected `|`
    error: integrations/x.toml:29:17: `actions.e.http.path`: expected a path alone
      hint: put what stands behind `?` into `query`
    error: integrations/x.toml:30:22: `actions.e.lock`: unknown filter `lowr`
      hint: did you mean `lower`?
    error: integrations/x.toml:34:1: `actions.f.where` needs `items` beside it
    error: integrations/x.toml:36:12: the lookup: expected exactly one of `http`, `process`
    error: integrations/x.toml:36:12: the lookup needs `items`
    error: integrations/x.toml:37:1: unknown key `builtin` in `[actions.f.lookup]`
      hint: expected one of `optional`, `items`, `next`, `where`, `keep`, `none`, `decode`, `success`, `failure`, `http`, `process`
    "##);
}

#[test]
fn names_must_mean_something() {
    let text = r#"
summary = "A system"
[connection]
url = "http://localhost"
token = { secret = "TOKEN" }
[settings]
window = "PT1H"
[actions.a]
implements = "service.restart"
http = { path = "/{{ settings.windw }}/{{ item.id }}", headers = { x = "{{ connection.tokn }}" } }
[actions.b]
implements = "service.restart"
process.argv = ["x", "--token={{ connection.token }}"]
"#;
    insta::assert_snapshot!(faults(text).join("\n"), @r##"
    error: integrations/x.toml:10:17: `[settings]` has no `windw`
      hint: did you mean `window`?
    error: integrations/x.toml:10:17: `item` is what a lookup finds, and there is none
    error: integrations/x.toml:10:72: `[connection]` has no `tokn`
      hint: did you mean `token`?
    error: integrations/x.toml:12:14: `connection.token` would be seen by everybody in the list of processes
      hint: hand it over in `env`
    "##);
    let without = r#"
summary = "A system"
[actions.a]
implements = "service.restart"
http = { path = "/" }
"#;
    insta::assert_snapshot!(faults(without).join("\n"), @r##"
    error: integrations/x.toml:4:14: action `a` needs a `[connection]`
      hint: add `[connection]` with `url`
    "##);
}

#[test]
fn broken_toml_is_only_that() {
    insta::assert_snapshot!(faults("summary = \"x\n[actions.a]\n").join("\n"), @r##"
    error: integrations/x.toml:1:13: broken TOML: invalid basic string, expected `"`
    "##);
}

#[test]
fn what_is_found_has_its_rules() {
    let text = r#"summary = "x"
[connection]
url = "http://localhost"
[actions.a]
implements = "service.restart"
http = { method = "POST", path = "/{{ found.thing.id }}/{{ found.other.id }}" }
[actions.a.find.thing]
http.path = "/"
next = "body.next"
[actions.b]
implements = "service.restart"
http = { method = "POST", path = "/{{ found.thin.id }}" }
[actions.b.find.thing]
http.path = "/"
items = "body"
keep = { id = "{{ item.id }}" }
[actions.b.lookup]
http.path = "/"
items = "body"
keep = { id = "{{ item.id }}" }
optional = true
"#;
    let said = faults(text).join("\n");
    for fault in [
        "`actions.a.find.thing.next` needs `items` beside it",
        "`find.thing` needs `items`",
        "action `b`: a lookup that is `optional` needs `each = true`",
    ] {
        assert!(said.contains(fault), "{said}");
    }
    let said = faults(&text.replace("next = ", "items = 'body'\nkeep = { id = 1 }\n# ")).join("\n");
    assert!(said.contains("nothing is found under the name `other`"), "{said}");
    assert!(said.contains("nothing is found under the name `thin`\n  hint: did you mean `thing`?"), "{said}");
}

const LOGIN: &str = r#"
summary = "A system"
[connection]
url = "http://127.0.0.1:1"
user = "sayso"
success = "body.ok"
failure = "says {{ body.error }}"
headers.cookie = "seat={{ login.seat }}"
[connection.login]
when = "connection.user"
http = { method = "POST", path = "/login", form = { user = "{{ connection.user }}" } }
success = "cookies.seat"
failure = "lets nobody in: {{ status }}"
keep = { seat = "{{ cookies.seat }}" }
expired = "'log in' in body"
[actions.query]
implements = "metric.query"
http = { path = "/{{ expression }}", query = { seat = "{{ login.seat }}" } }
failure = "stumbled"
[actions.flush]
implements = "cache.flush"
process.argv = ["flush", "--", "{{ service }}"]
"#;

#[test]
fn what_a_login_hands_out_has_its_rules() {
    let mut none = Vec::new();
    let manifest = Manifest::parse("integrations/x.toml", LOGIN, &mut none).unwrap();
    assert_eq!(none, []);
    let [query, flush] = &manifest.actions[..] else { panic!("expected two actions") };
    let judged = |step: &Step| {
        let success = step.success.as_ref().map(|success| success.source().to_owned());
        (success, step.failure.as_ref().map(|failure| failure.source().to_owned()))
    };
    assert_eq!(judged(&query.step), (Some("body.ok".to_owned()), Some("stumbled".to_owned())));
    assert_eq!(judged(&flush.step), (None, None), "what is not asked over HTTP is judged as ever");

    let said = |from: &str, to: &str| faults(&LOGIN.replacen(from, to, 1)).join("\n");
    for (from, to, expected) in [
        (
            "query = { seat = \"{{ login.seat }}\"",
            "query = { seat = \"{{ login.saet }}\"",
            "error: integrations/x.toml:18:55: `[connection.login.keep]` has no `saet`\n  hint: did you mean `seat`?",
        ),
        (
            "user = \"{{ connection.user }}\"",
            "user = \"{{ requester }}\"",
            "error: integrations/x.toml:11:60: `requester` is not known when logging in, which is done for many commands at once",
        ),
        (
            "\"{{ service }}\"]",
            "\"{{ service }}\", \"{{ login.seat }}\"]",
            "error: integrations/x.toml:21:14: `login.seat` would be seen by everybody in the list of processes\n  \
             hint: hand it over in `env`",
        ),
        (
            "success = \"body.ok\"",
            "success = \"settings.fine\"",
            "error: integrations/x.toml:6:11: `[settings]` has no `fine`",
        ),
    ] {
        assert_eq!(said(from, to), expected);
    }
    let nothing = said("keep = { seat = \"{{ cookies.seat }}\" }\n", "");
    assert!(nothing.contains("error: integrations/x.toml:9:13: the login needs `keep`"), "{nothing}");
}

#[test]
fn a_signature_sees_what_is_sent() {
    let text = |key: &str, value: &str| {
        format!(
            "summary = \"A system\"\n[connection]\nurl = \"http://127.0.0.1:1\"\nsecret = {{ secret = \"X\" }}\n[connection.sign]\n\
             key = \"{{{{ {key} }}}}\"\nheader = \"X-Signature\"\nvalue = \"v1={{{{ {value} }}}}\"\n[actions.query]\nimplements = \
             \"metric.query\"\nhttp.path = \"/{{{{ expression }}}}\"\n"
        )
    };
    assert_eq!(faults(&text("connection.secret", "signature")), [""; 0]);
    let none = "error: integrations/x.toml:6:7: `[connection]` has no `secert`\n  hint: did you mean `secret`?";
    assert_eq!(faults(&text("connection.secert", "signature")), [none]);
    let none = "error: integrations/x.toml:8:9: `expression` is not known to a signature\n  hint: expected one of \
                `connection`, `settings`, `machine`, `now`, `method`, `path`, `content`, `signature`";
    assert_eq!(faults(&text("connection.secret", "expression")), [none]);
}

mod against_the_intents {
    use super::*;
    use std::sync::LazyLock;

    use crate::catalogue::{Catalogue, DataFolders};
    use crate::domain::Intents;

    static INTENTS: LazyLock<Intents> = LazyLock::new(|| Catalogue::load(&DataFolders::built_in()).0.intents);

    fn cross_faults(text: &str) -> Vec<String> {
        let manifest = Manifest::parse("integrations/x.toml", text, &mut Vec::new()).unwrap();
        manifest.cross_check(&INTENTS, |_| false).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn actions_fit_their_intents() {
        let text = r#"
summary = "A system"
[connection]
url = "http://localhost"
[actions.a]
implements = "service.restrat"
http = { path = "/" }
[actions.b]
implements = "service.restart"
http = { method = "POST", path = "/{{ environment }}/{{ servce }}" }
retry = 1
[actions.c]
implements = "service.restart"
parameters.hsot = { ignored = true }
http = { path = "/{{ arguments.service }}", query = { a = "{{ arguments.versoin }}" } }
reply = "{{ boddy }}"
"#;
        insta::assert_snapshot!(cross_faults(text).join("\n"), @r##"
        error: integrations/x.toml:6:14: unknown intent `service.restrat`
          hint: did you mean `service.restart`?
        error: integrations/x.toml:9:14: action `b` makes no use of `service`, which is required
          hint: use it, or say `parameters.service = { ignored = true }`
        error: integrations/x.toml:9:14: `retry` on `service.restart`, a change that is not idempotent
          hint: leave `retry` out, or say `idempotent = true` if doing it twice is doing it once
        error: integrations/x.toml:10:34: `service.restart` has no parameter `servce`
          hint: did you mean `service`?
        error: integrations/x.toml:10:34: `environment` is optional, but a path needs all of its segments
          hint: give a default: `{{ environment | default(…) }}`
        error: integrations/x.toml:13:14: `service.restart` has no parameter `hsot`
          hint: did you mean `host`?
        error: integrations/x.toml:15:59: `service.restart` has no parameter `versoin`
          hint: expected one of `service`, `environment`, `host`
        error: integrations/x.toml:16:9: `service.restart` has no parameter `boddy`
          hint: expected one of `service`, `environment`, `host`
        "##);
        assert_eq!(cross_faults(WHOLE), Vec::<String>::new());
    }

    #[test]
    fn settings_count_as_use() {
        let text = r#"
summary = "A system"
[connection]
url = "http://localhost"
[settings]
inner.template = "{{ service }}"
queries.a.template = "{{ settings.inner }}{{ environment }}"
[actions.a]
implements = "service.restart"
http = { path = "/", query = { q = "{{ settings.queries['a'] }}" } }
"#;
        let manifest = Manifest::parse("integrations/x.toml", text, &mut Vec::new()).unwrap();
        let used = used_parameters(&manifest.actions[0], &manifest.settings, &manifest.files).unwrap();
        assert!(used.contains("service") && used.contains("environment") && !used.contains("host"));
    }

    #[test]
    fn what_the_answer_hides_is_refused_in_sentences() {
        let text = r#"summary = "x"
[connection]
url = "http://localhost"
[actions.a]
implements = "statuspage.update"
http = { method = "POST", path = "/{{ component }}/{{ status }}" }
summary = "{{ component }} is {{ status }}"
"#;
        let said = "error: integrations/x.toml:7:11: `status` is the answer's here\n  hint: say `arguments.status` if the \
            command's is meant";
        assert_eq!(cross_faults(text), [said]);
        assert!(cross_faults(&text.replace("is {{ status }}", "is {{ arguments.status }}")).is_empty());
    }

    #[test]
    fn a_file_has_a_name_that_is_known() {
        let manifest = |file: &str, uses: &str, leaf: &str| {
            format!(
                "summary = \"x\"\n[files]\nplan = \"{file}\"\n[actions.a]\nimplements = \"service.restart\"\n\
                 uses.{uses} = \"there is none\"\nprocess.argv = [\"x\", \"--\", \"{{{{ service }}}}\", \"{leaf}\"]\n"
            )
        };
        assert!(cross_faults(&manifest("{{ service }}", "plan", "{{ files.plan.path }}")).is_empty());
        let faults = cross_faults(&manifest("{{ environment }}", "plan", "{{ files.plan.path }}"));
        let said = "error: integrations/x.toml:3:8: `files.plan` needs `environment`, which `service.restart` does not require";
        assert_eq!(faults, [said]);
        for (uses, leaf, place) in [("paln", "x", "5:14"), ("plan", "{{ files.paln.path }}", "7:45")] {
            let faults = super::faults(&manifest("{{ service }}", uses, leaf));
            let said =
                format!("error: integrations/x.toml:{place}: `[files]` has no `paln`\n  hint: did you mean `plan`?");
            assert_eq!(faults, [said]);
        }
    }

    #[test]
    fn the_shipped_manifests_are_sound() {
        let (catalogue, faults) = Catalogue::load(&DataFolders::built_in());
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        let files = std::fs::read_dir("integrations").unwrap().count();
        assert_eq!(catalogue.manifests.len(), files);
    }
}
