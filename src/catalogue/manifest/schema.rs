//! The shape of a manifest as a JSON schema, for editors: what may stand where, and what it means. `sayso check` knows more:
//! names, expressions, what belongs together.

use serde_json::{Map, Value as Json, json};

use crate::domain::{EntityType, Listed};

/// The schema, in draft 7, which editors of TOML understand.
pub fn schema() -> Json {
    let mut schema = table(
        vec![
            ("summary", said(json!({ "type": "string" }), "what the system is, for people")),
            ("local", said(json!({ "type": "boolean" }), "whether it acts upon the machine that Sayso runs on")),
            (
                "requires",
                said(
                    json!({ "anyOf": [refer("condition"), { "type": "array", "items": refer("condition") }] }),
                    "when it is enabled without being asked for; of several tables one suffices",
                ),
            ),
            ("connection", refer("connection")),
            ("settings", said(every("setting"), "values that the configuration can change")),
            ("env", said(every("text"), "environment variables of every program that it starts")),
            ("files", said(every("text"), "files of its own that one command leaves for a later one")),
            ("oncall", on_call()),
            (
                "actions",
                said(
                    json!({ "type": "object", "minProperties": 1, "additionalProperties": refer("action") }),
                    "what it can do",
                ),
            ),
            (
                "lists",
                said(json!({ "type": "object", "additionalProperties": refer("list") }), "names of what it holds"),
            ),
            (
                "health",
                said(one_call(table(step(READING), &[]), READING, 1), "a call that tells whether it can be reached"),
            ),
        ],
        &["summary", "actions"],
    );
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "an integration of Sayso".into();
    schema["definitions"] = json!({
        "text": said(json!({ "type": "string" }), "a text with `{{ expressions }}`"),
        "expression": said(json!({ "type": "string" }), "an expression"),
        "duration": said(json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" }), "such as `30s`; at most `24h`"),
        "intent": said(json!({ "type": "string", "pattern": "^[a-z0-9_]+\\.[a-z0-9_]+$" }), "such as `service.restart`"),
        "tree": said(json!({}), "any value; its strings may hold `{{ expressions }}`"),
        "condition": condition(),
        "setting": setting(),
        "connection": connection(),
        "action": action(),
        "list": list(),
        "http": http(),
        "process": process(),
    });
    schema
}

type Properties = Vec<(&'static str, Json)>;

/// The same schema, with what an editor shows of it.
fn said(mut schema: Json, description: &str) -> Json {
    schema["description"] = description.into();
    schema
}

fn refer(name: &str) -> Json {
    json!({ "$ref": format!("#/definitions/{name}") })
}

/// A reference with a description of its own, which draft 7 would not see beside it.
fn referred(name: &str, description: &str) -> Json {
    said(json!({ "allOf": [refer(name)] }), description)
}

fn flag(description: &str) -> Json {
    said(json!({ "type": "boolean" }), description)
}

/// A table with these keys and no others.
fn table(properties: Properties, required: &[&str]) -> Json {
    let properties: Map<String, Json> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// A table of any keys, each with such a value.
fn every(name: &str) -> Json {
    json!({ "type": "object", "additionalProperties": refer(name) })
}

fn condition() -> Json {
    let string = || json!({ "type": "string" });
    let mut condition = table(
        vec![
            ("always", said(json!({ "type": "boolean" }), "in any case")),
            ("alone", said(json!({ "type": "boolean" }), "no other enabled system carries out one of its intents")),
            ("path", said(string(), "this file or folder is there")),
            ("socket", said(string(), "this socket is there")),
            ("env", said(string(), "this variable is set")),
            ("program", said(string(), "this program is found in `PATH`")),
        ],
        &[],
    );
    condition["minProperties"] = 1.into();
    said(condition, "conditions that must all hold")
}

/// A value and where it comes from.
fn setting() -> Json {
    let string = || json!({ "type": "string" });
    let strings = || json!({ "type": "array", "items": { "type": "string" } });
    let optional = || flag("whether the system is ready without it");
    let sources = [
        table(vec![("env", string()), ("default", string()), ("optional", optional())], &["env"]),
        table(vec![("secret", string()), ("optional", optional())], &["secret"]),
        table(vec![("secret_file", string()), ("optional", optional())], &["secret_file"]),
        table(vec![("secret_command", strings()), ("inherit", strings())], &["secret_command"]),
        table(vec![("oauth", refer("setting")), ("form", every("setting")), ("optional", optional())], &["oauth"]),
        table(vec![("template", refer("text"))], &["template"]),
    ];
    let marked = ["env", "secret", "secret_file", "secret_command", "oauth", "template"];
    let several = json!({
        "type": "object",
        "not": { "anyOf": marked.map(|key| json!({ "required": [key] })) },
        "additionalProperties": refer("setting"),
    });
    let plain = json!({ "type": ["string", "number", "boolean", "array"] });
    let forms: Vec<Json> = std::iter::once(plain).chain(sources).chain([several]).collect();
    said(
        json!({ "anyOf": forms }),
        "a value: itself, `env`, `secret`, `secret_file`, `secret_command`, `oauth`, `template`",
    )
}

fn connection() -> Json {
    let mut login = step(READING);
    login.extend([
        ("when", referred("expression", "whether one has to log in at all")),
        ("keep", said(every("text"), "what is kept of the answer: `{{ login.<name> }}`")),
        ("expired", referred("expression", "whether an answer says that what was kept is no longer good")),
    ]);
    let sign = vec![
        ("key", referred("text", "the secret; undefined, nothing is signed")),
        ("over", referred("text", "what is signed: it sees `method`, `path` and `content`; left out, what is sent")),
        ("header", said(json!({ "type": "string" }), "the header that it is sent in")),
        ("value", referred("text", "what that holds: `sha256={{ signature }}`")),
    ];
    let kubeconfig = vec![
        ("context", said(json!({ "type": "string" }), "the variable that names the context")),
        ("inherit", json!({ "type": "array", "items": { "type": "string" } })),
    ];
    let mut connection = table(
        vec![
            ("url", referred("setting", "`http://…`, `https://…` or `unix:///path/to/socket`")),
            ("ca", referred("setting", "a file with certificates (PEM) to trust beside the machine's own")),
            (
                "client_certificate",
                referred("setting", "a file with our certificate (PEM), for systems that ask for one"),
            ),
            ("client_key", referred("setting", "a file with its key (PEM), for the account of Sayso alone")),
            (
                "kubeconfig",
                said(
                    table(kubeconfig, &["context"]),
                    "address and credentials while the address's variable is not set",
                ),
            ),
            ("headers", said(every("text"), "of every request; one whose value is undefined is not sent")),
            ("redirects", flag("whether redirects to the same host are followed")),
            ("success", referred("expression", "how every answer is judged, where a call says nothing of its own")),
            ("failure", referred("text", "what to say when it did not go well")),
            ("sign", said(table(sign, &["key", "header", "value"]), "how every request is signed: HMAC with SHA-256")),
            ("login", said(one_call(table(login, &["keep"]), READING, 1), "a call that hands out what others need")),
        ],
        &["url"],
    );
    let both = ["client_certificate", "client_key"];
    connection["dependencies"] = json!({ both[0]: [both[1]], both[1]: [both[0]] });
    connection["additionalProperties"] = refer("setting");
    said(connection, "how to reach it")
}

/// The kinds of calls an action may make, and those that read something for one.
const ANY: &[&str] = &["http", "process", "builtin"];
const READING: &[&str] = &["http", "process"];

/// A call and how its answer is read.
fn step(kinds: &[&str]) -> Properties {
    let mut step = vec![
        ("http", refer("http")),
        ("process", refer("process")),
        ("decode", said(json!({ "enum": ["auto", "text", "json-lines", "docker-stream"] }), "how the answer is read")),
        ("success", referred("expression", "whether it went well")),
        ("failure", referred("text", "what to say when it did not; it follows the system's name")),
    ];
    if kinds.contains(&"builtin") {
        step.push(("builtin", said(json!({ "type": "string" }), "an action of Sayso's own code")));
    }
    step
}

/// The table with one of the calls, and no second one; with `least` 0, perhaps with none.
fn one_call(mut table: Json, kinds: &[&str], least: usize) -> Json {
    let mut allowed: Vec<Json> = kinds.iter().map(|kind| json!({ "required": [kind] })).collect();
    if least == 0 {
        allowed.push(json!({ "not": { "anyOf": allowed } }));
    }
    table["oneOf"] = allowed.into();
    table
}

/// What is looked for in an answer.
fn select() -> Properties {
    vec![
        ("items", referred("expression", "the list within the answer")),
        ("next", referred("expression", "what the request sees as `page` when it asks for the next part of the list")),
        ("where", referred("expression", "which of the elements, `item`, are meant")),
        ("keep", referred("tree", "what is kept of an element")),
    ]
}

fn looked_up(more: Properties) -> Json {
    let mut lookup = step(READING);
    lookup.extend(select());
    lookup.push(("none", referred("text", "what to say when there is none")));
    lookup.extend(more);
    one_call(table(lookup, &["items", "keep"]), READING, 1)
}

fn on_call() -> Json {
    let mut read = step(READING);
    read.extend(select().into_iter().filter(|(name, _)| *name != "keep"));
    read.push(("id", referred("text", "the id of whom an `item` means; never a name that people can change")));
    said(one_call(table(read, &["items", "id"]), READING, 1), "how it is asked who is on call by a `schedule`")
}

fn action() -> Json {
    let mut preview = step(READING);
    preview.extend([
        ("reply", referred("text", "what is shown")),
        ("facts", said(every("text"), "what of it must still be so when the command runs")),
    ]);
    let mut poll = step(READING);
    poll.extend([
        ("every", referred("duration", "how often it asks")),
        ("until", referred("expression", "whether it is done")),
        ("fail", referred("expression", "whether it has failed")),
        ("progress", referred("text", "how far it is")),
    ]);
    let undo = vec![
        ("intent", refer("intent")),
        ("when", referred("expression", "whether it takes anything back at all")),
        ("arguments", said(every("text"), "they see the command's arguments and the preview's `facts`")),
    ];
    let constraint = json!({ "oneOf": [
        table(vec![("one_of", json!({ "type": "array", "items": refer("text") }))], &["one_of"]),
        table(vec![("pattern", json!({ "type": "string" }))], &["pattern"]),
        table(vec![("ignored", json!({ "const": true }))], &["ignored"]),
    ] });
    let find = looked_up(vec![("when", referred("expression", "whether it is needed at all"))]);
    let lookup = looked_up(vec![("optional", flag("with `each`: there may be none"))]);
    let mut action = step(ANY);
    action.extend(select());
    action.extend([
        ("implements", referred("intent", "the intent it carries out")),
        ("parameters", said(json!({ "type": "object", "additionalProperties": constraint }), "what it accepts")),
        ("uses", said(every("text"), "files that must be there, with what to say when they are not")),
        ("find", said(json!({ "type": "object", "additionalProperties": find }), "reads that each find one thing")),
        ("lookup", said(lookup, "a read made first, that finds what the request is about")),
        ("before", said(one_call(table(step(READING), &[]), READING, 1), "a call made once, before the request")),
        ("each", flag("with `lookup`: do it for everything that was found")),
        ("preview", said(one_call(table(preview, &["reply"]), READING, 0), "what is shown before a person is asked")),
        ("undo", said(table(undo, &["intent"]), "the command that takes it back")),
        ("poll", said(one_call(table(poll, &["until"]), READING, 1), "how to wait until it is done")),
        ("timeout", referred("duration", "how long all of it may take")),
        ("read_timeout", referred("duration", "how long what is read before a person is asked may take")),
        ("progress", referred("text", "how far a program is, from `line`, the last that it has said")),
        ("lock", referred("text", "what must not be acted upon twice at once")),
        ("retry", said(json!({ "type": "integer", "minimum": 0, "maximum": 5 }), "how often it is tried again")),
        ("idempotent", flag("whether doing it twice is the same as doing it once")),
        ("fallback", flag("whether it stands back when another enabled system carries out the intent")),
        ("summary", referred("text", "one line about what happened")),
        ("reply", referred("text", "the answer, for people")),
    ]);
    one_call(table(action, &["implements"]), ANY, 1)
}

fn list() -> Json {
    let entities: Vec<_> =
        EntityType::ALL.into_iter().filter(|entity| Listed::takes(*entity)).map(EntityType::as_str).collect();
    let mut list = step(READING);
    list.extend(select().into_iter().filter(|(key, _)| *key != "keep"));
    list.extend([
        ("entity", said(json!({ "enum": entities }), "what they are")),
        ("name", referred("text", "what an element, `item`, is called")),
        ("aliases", said(json!({ "type": "array", "items": refer("text") }), "what it is called as well")),
        ("every", referred("duration", "how old the names may become")),
    ]);
    one_call(table(list, &["entity", "items", "name"]), READING, 1)
}

fn http() -> Json {
    let text_or_list = json!({ "anyOf": [refer("text"), { "type": "array", "items": refer("text") }] });
    let mut http = table(
        vec![
            ("method", json!({ "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] })),
            ("path", said(json!({ "type": "string", "pattern": "^/" }), "each segment is encoded by itself")),
            ("query", json!({ "type": "object", "additionalProperties": text_or_list })),
            ("headers", said(every("text"), "beside the connection's")),
            ("json", referred("tree", "what is sent, as JSON")),
            ("form", said(every("text"), "what is sent, as a form")),
        ],
        &["path"],
    );
    http["not"] = json!({ "required": ["json", "form"] });
    said(http, "a request to the connection's address")
}

fn process() -> Json {
    let args = json!({ "anyOf": [refer("text"), { "type": "array", "items": refer("text") }] });
    let group = table(vec![("when", refer("expression")), ("args", args)], &["when", "args"]);
    let element = json!({ "anyOf": [refer("text"), group] });
    said(
        table(
            vec![
                (
                    "argv",
                    said(
                        json!({ "type": "array", "minItems": 1, "items": element }),
                        "the program, which is not computed, and its arguments; no shell",
                    ),
                ),
                ("env", said(every("text"), "variables beside the few that every process gets")),
                ("cwd", referred("text", "the folder it works in")),
            ],
            &["argv"],
        ),
        "a program with its arguments",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Diagnostic, Manifest, Severity};

    /// The manifests that ship.
    fn shipped() -> Vec<(String, toml::Table)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/integrations");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let manifests = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        manifests
            .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap().parse().unwrap()))
            .collect()
    }

    /// What the program has against it.
    fn faults(manifest: &toml::Table) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        Manifest::parse("integrations/x.toml", &manifest.to_string(), &mut faults);
        faults.retain(|fault| fault.severity == Severity::Error);
        faults
    }

    /// Every table within a value, changed by itself.
    fn each_table(value: &toml::Value, change: &dyn Fn(&mut toml::Table) -> Vec<toml::Table>) -> Vec<toml::Value> {
        let mut changed = Vec::new();
        match value {
            toml::Value::Table(table) => {
                changed.extend(change(&mut table.clone()).into_iter().map(toml::Value::Table));
                for (key, member) in table {
                    for other in each_table(member, change) {
                        let mut table = table.clone();
                        table.insert(key.clone(), other);
                        changed.push(toml::Value::Table(table));
                    }
                }
            }
            toml::Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    for other in each_table(item, change) {
                        let mut items = items.clone();
                        items[index] = other;
                        changed.push(toml::Value::Array(items));
                    }
                }
            }
            _ => {}
        }
        changed
    }

    #[test]
    fn the_schema_takes_what_the_program_takes_and_knows_the_keys() {
        let validator = jsonschema::draft7::new(&schema()).unwrap();
        let valid = |manifest: &toml::Table| validator.is_valid(&serde_json::to_value(manifest).unwrap());
        let add = |table: &mut toml::Table| {
            table.insert("nonsense".to_owned(), "a text".into());
            vec![table.clone()]
        };
        let remove = |table: &mut toml::Table| {
            let keys: Vec<String> = table.keys().cloned().collect();
            let without = |key: &String| {
                let mut table = table.clone();
                table.remove(key);
                table
            };
            keys.iter().map(without).collect()
        };
        let mut refused = 0;
        for (path, manifest) in shipped() {
            let errors: Vec<String> = validator
                .iter_errors(&serde_json::to_value(&manifest).unwrap())
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{path}: {errors:#?}");
            let whole = toml::Value::Table(manifest);
            for changed in each_table(&whole, &add).into_iter().filter_map(|value| value.as_table().cloned()) {
                let (valid, faults) = (valid(&changed), faults(&changed));
                assert!(valid || !faults.is_empty(), "{path}: too strict: {changed}");
                let unknown = faults.iter().any(|fault| fault.message.starts_with("unknown key"));
                assert!(!unknown || !valid, "{path}: too loose: {changed}");
                refused += usize::from(!valid);
            }
            for changed in each_table(&whole, &remove).into_iter().filter_map(|value| value.as_table().cloned()) {
                assert!(valid(&changed) || !faults(&changed).is_empty(), "{path}: too strict: {changed}");
            }
        }
        assert!(refused > 500, "{refused}");
    }
}
