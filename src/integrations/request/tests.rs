//! Whatever a value says, it stays where the manifest put it.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalogue::Manifest;
use crate::catalogue::manifest::Call;
use crate::integrations::testing::hostile;

/// A call of each kind, with a value at every kind of leaf.
const MANIFEST: &str = r#"
summary = "A system"
[connection]
url = "https://host:8443/base"
[actions.http]
implements = "ticket.create"
[actions.http.http]
method = "POST"
path = "/a/{{ v }}/b/x-{{ v }}"
query = { q = "{{ v }}", mixed = "a={{ v }}&b=c", list = ["{{ v }}", "fixed"] }
headers = { x-value = "{{ v }}" }
json = { v = "{{ v }}", mixed = "<{{ v }}>", list = ["{{ v }}"], fixed = true }
[actions.form]
implements = "ticket.create"
http = { method = "POST", path = "/", form = { a = "{{ v }}", b = "fixed" } }
[actions.process]
implements = "ticket.create"
process.argv = ["program", "--name={{ v }}", { when = "v", args = ["--value", "x{{ v }}"] }, "--", "{{ v }}"]
[actions.bare]
implements = "ticket.create"
process.argv = ["program", "{{ v }}"]
"#;

fn filled(action: &str, value: &Json) -> Result<Request, RequestError> {
    let manifest = Manifest::parse("x.toml", MANIFEST, &mut Vec::new()).unwrap();
    let action = manifest.actions.iter().find(|known| known.name == action).unwrap();
    let endpoint = Endpoint::parse("https://host:8443/base").unwrap();
    let scope = Scope::default().with("v", value);
    let templates = Templates::default();
    let filler = Filler { templates: &templates, scope: &scope, endpoint: Some(&endpoint), headers: &[], env: &[] };
    assert!(!matches!(action.step.call, Call::Builtin(_)));
    Ok(filler.fill(&action.step.call)?.unwrap())
}

proptest! {
    #[test]
    fn an_address_keeps_its_structure(text in hostile()) {
        let Ok(Request::Http(request)) = filled("http", &json!(text.clone())) else { return Ok(()) };
        let url = Url::parse(request.url.as_str()).unwrap();
        prop_assert_eq!(&url, &request.url, "reading it again changes nothing");
        prop_assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("host"), Some(8443)));
        prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
        let segments: Vec<_> = url.path().split('/').collect();
        prop_assert_eq!(segments.len(), 6, "{}", url);
        prop_assert_eq!((segments[1], segments[2], segments[4]), ("base", "a", "b"));
        let mixed = format!("a={text}&b=c");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expected = [("q", text.as_str()), ("mixed", &mixed), ("list", &text), ("list", "fixed")];
        prop_assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        prop_assert_eq!(request.headers, vec![("x-value".to_owned(), text)]);
    }

    #[test]
    fn a_body_keeps_its_shape(text in "(?s)[^\\p{Cc}]{1,40}") {
        prop_assume!(!text.trim_matches('.').is_empty() && !text.to_lowercase().contains("%2e"));
        let Request::Http(request) = filled("http", &json!(text.clone())).unwrap() else { panic!("expected HTTP") };
        let body: Json = serde_json::from_str(&request.body.unwrap().1).unwrap();
        let expected = json!({"v": text.clone(), "mixed": format!("<{text}>"), "list": [text.clone()], "fixed": true});
        prop_assert_eq!(body, expected);
        let Request::Http(request) = filled("form", &json!(text.clone())).unwrap() else { panic!("expected HTTP") };
        let body = format!("form:?{}", request.body.unwrap().1);
        let pairs: Vec<(String, String)> = Url::parse(&body).unwrap().query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, [("a".to_owned(), text), ("b".to_owned(), "fixed".to_owned())]);
    }

    #[test]
    fn an_argument_stays_one_argument(text in hostile()) {
        let Request::Process(request) = filled("process", &json!(text.clone())).unwrap() else { panic!("expected a process") };
        let mut expected = vec!["program".to_owned(), format!("--name={text}")];
        if !text.is_empty() {
            expected.extend(["--value".to_owned(), format!("x{text}")]);
        }
        expected.extend(["--".to_owned(), text.clone()]);
        prop_assert_eq!(request.argv, expected);
        match filled("bare", &json!(text.clone())) {
            Ok(Request::Process(request)) => {
                prop_assert!(!text.starts_with('-'));
                prop_assert_eq!(request.argv, ["program".to_owned(), text]);
            }
            other => prop_assert_eq!(other, Err(RequestError::LooksLikeOption(text))),
        }
    }
}

#[test]
fn what_encoding_cannot_protect_is_refused() {
    for (value, said) in [
        ("..", "`..` cannot be part of a path"),
        ("%2E%2e", "`%2E%2e` cannot be part of a path"),
        ("", "`` cannot be part of a path"),
        ("a\nb", "`a\nb` cannot be part of a path"),
    ] {
        assert_eq!(filled("http", &json!(value)).unwrap_err().to_string(), said);
    }
    assert_eq!(filled("http", &Json::Null).unwrap_err().to_string(), "`{{ v }}` has no value, and the path needs one");
}

#[test]
fn addresses_are_of_three_kinds() {
    for (url, said) in [
        ("tcp://127.0.0.1:2375", "the scheme is another one"),
        ("unix://relative.sock", "the socket's path is not absolute"),
        ("http://host/?a=b", "it has a query or a fragment"),
        ("nothing", "relative URL without a base"),
    ] {
        let expected = format!("`{url}` is no address: {said}; expected `http://`, `https://` or `unix://`");
        assert_eq!(Endpoint::parse(url).unwrap_err().to_string(), expected);
    }
    assert_eq!(Endpoint::parse("unix:///run/x.sock").unwrap().socket.as_deref(), Some("/run/x.sock"));
}

#[test]
fn a_line_can_be_tried_by_hand() {
    let request = |argv: &[&str]| {
        Request::Process(ProcessRequest {
            argv: argv.iter().map(ToString::to_string).collect(),
            env: Vec::new(),
            cwd: None,
        })
    };
    assert_eq!(request(&["systemctl", "restart", "--", "nginx"]).to_string(), "systemctl restart -- nginx");
    assert_eq!(request(&["a", "b c", "it's", "", "$x"]).to_string(), r#"a 'b c' 'it'\''s' '' '$x'"#);
}
