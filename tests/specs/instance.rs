//! An instance of a schema: with everything in it, with as little as allowed, with lists empty.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

/// How much an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fullness {
    /// All that is described; lists of two.
    Full,
    /// Only what must be there, and null where that is allowed.
    Bare,
    /// All that is described; lists of none.
    Empty,
    /// The description's own example, or else like `Full`.
    Example,
}

/// The deepest that anything optional is filled in.
const MAX_DEPTH: usize = 7;

/// An instance of a translated schema.
pub(crate) fn instance(schema: &Json, fullness: Fullness) -> Json {
    Maker { definitions: &schema["$defs"], fullness }.make(schema, 0, &[]).unwrap_or(Json::Null)
}

struct Maker<'s> {
    definitions: &'s Json,
    fullness: Fullness,
}

impl Maker<'_> {
    /// None: without end. `needed` are the properties that other parts of the schema ask for.
    fn make(&self, schema: &Json, depth: usize, needed: &[&str]) -> Option<Json> {
        if depth > 3 * MAX_DEPTH {
            return None;
        }
        if let Some(number) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
            return self.make(&self.definitions[number], depth + 1, needed);
        }
        if let Some(constant) = schema.get("const") {
            return Some(constant.clone());
        }
        if let Some(listed) = schema["enum"].as_array() {
            return listed.iter().find(|value| !value.is_null()).or(listed.first()).cloned();
        }
        for kind in ["oneOf", "anyOf"] {
            if let Some(parts) = schema[kind].as_array().filter(|parts| !parts.is_empty()) {
                if self.fullness == Fullness::Bare && parts.iter().any(|part| part["type"] == "null") {
                    return Some(Json::Null);
                }
                let made = parts
                    .iter()
                    .filter(|part| part["type"] != "null")
                    .find_map(|part| self.make(part, depth + 1, needed));
                let mut rest = schema.clone();
                rest.as_object_mut()?.remove(kind);
                return merged(made, self.make_plain(&rest, depth, needed));
            }
        }
        let mut whole = Whole::default();
        if schema.get("allOf").is_some() && self.flatten(schema, &mut whole) {
            return self.object(&whole.schema(), depth, needed);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            if let Some(listed) = parts.iter().map(|part| self.resolve(part)).find(|part| part.get("enum").is_some()) {
                return self.make(listed, depth + 1, needed);
            }
            let mut rest = schema.clone();
            rest.as_object_mut()?.remove("allOf");
            let all = parts
                .iter()
                .chain([&rest])
                .map(|part| self.resolve(part))
                .filter_map(|part| part["required"].as_array());
            let needed: Vec<&str> = all.flatten().filter_map(Json::as_str).chain(needed.iter().copied()).collect();
            let own = if rest.get("properties").is_some() { self.make_plain(&rest, depth, &needed) } else { None };
            let mut made = None;
            for part in parts {
                made = merged(made, self.make(part, depth + 1, &needed));
            }
            return merged(made, own);
        }
        self.make_plain(schema, depth, needed)
    }

    /// Gathers the properties of an object that is described in parts; false if it is something else.
    fn flatten(&self, schema: &Json, whole: &mut Whole) -> bool {
        let schema = self.resolve(schema);
        if ["oneOf", "anyOf", "enum"].iter().any(|kind| schema.get(*kind).is_some()) {
            return false;
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            whole.properties.entry(name.clone()).or_default().push(property.clone());
        }
        whole.required.extend(schema["required"].as_array().into_iter().flatten().cloned());
        let is_object = schema["type"].is_null() || schema["type"] == "object";
        is_object && schema["allOf"].as_array().into_iter().flatten().all(|part| self.flatten(part, whole))
    }

    fn resolve<'s>(&'s self, schema: &'s Json) -> &'s Json {
        let number = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        number.map_or(schema, |number| self.resolve(&self.definitions[number]))
    }

    fn make_plain(&self, schema: &Json, depth: usize, needed: &[&str]) -> Option<Json> {
        let kinds: Vec<&str> = match &schema["type"] {
            Json::String(kind) => vec![kind],
            Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).collect(),
            _ if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() => vec!["object"],
            _ if schema.get("items").is_some() => vec!["array"],
            _ => Vec::new(),
        };
        if self.fullness == Fullness::Bare && kinds.contains(&"null") {
            return Some(Json::Null);
        }
        let example = || schema.get("example").filter(|_| self.fullness == Fullness::Example);
        match kinds.iter().find(|kind| **kind != "null").copied().unwrap_or("null") {
            "object" => self.object(schema, depth, needed),
            "array" => {
                let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).ok()?;
                let most = usize::try_from(schema["maxItems"].as_u64().unwrap_or(2)).ok()?;
                let count = match self.fullness {
                    Fullness::Full | Fullness::Example => least.max(2).min(most),
                    Fullness::Bare | Fullness::Empty => least,
                };
                let item =
                    if depth > MAX_DEPTH && least == 0 { None } else { self.make(&schema["items"], depth + 1, &[]) };
                Some(item.map_or_else(Vec::new, |item| vec![item; count]).into())
            }
            "string" => {
                Some(example().filter(|value| value.is_string()).cloned().unwrap_or_else(|| text(schema).into()))
            }
            "integer" => Some(whole(schema).into()),
            "number" => Some(serde_json::json!(7.5_f64.min(schema["maximum"].as_f64().unwrap_or(7.5)))),
            "boolean" => Some(true.into()),
            _ => Some(Json::Null),
        }
    }

    fn object(&self, schema: &Json, depth: usize, needed: &[&str]) -> Option<Json> {
        let required = |name: &str| {
            needed.contains(&name) || schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        };
        let full = self.fullness != Fullness::Bare && depth <= MAX_DEPTH;
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            match self.make(property, depth + 1, &[]) {
                Some(value) if full || required(name) => _ = object.insert(name.clone(), value),
                None if required(name) => return None,
                Some(_) | None => {}
            }
        }
        // What has to be there, and is not described.
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            object.entry(name.to_owned()).or_insert_with(|| "text".into());
        }
        let more = schema.get("additionalProperties").filter(|more| more.is_object() && full);
        if let Some(value) = more.and_then(|more| self.make(more, depth + 1, &[])) {
            object.insert("name".to_owned(), value);
        }
        Some(Json::Object(object))
    }
}

/// An object's parts, put together.
#[derive(Default)]
struct Whole {
    properties: BTreeMap<String, Vec<Json>>,
    required: Vec<Json>,
}

impl Whole {
    fn schema(self) -> Json {
        let one = |mut all: Vec<Json>| if all.len() == 1 { all.remove(0) } else { serde_json::json!({ "allOf": all }) };
        let properties: Map<_, _> = self.properties.into_iter().map(|(name, all)| (name, one(all))).collect();
        serde_json::json!({"properties": properties, "required": self.required})
    }
}

/// Both in one, where they can be.
fn merged(first: Option<Json>, second: Option<Json>) -> Option<Json> {
    match (first, second) {
        (Some(Json::Object(mut all)), Some(Json::Object(more))) => {
            all.extend(more);
            Some(Json::Object(all))
        }
        (Some(Json::Null), other) | (other, Some(Json::Null) | None) | (None, other) => other,
        (first, Some(_)) => first,
    }
}

fn whole(schema: &Json) -> i64 {
    let above = schema["exclusiveMinimum"].as_i64().map(|least| least + 1);
    let least = schema["minimum"].as_i64().or(above).unwrap_or(i64::MIN);
    7_i64.max(least).min(schema["maximum"].as_i64().unwrap_or(i64::MAX))
}

fn text(schema: &Json) -> String {
    if let Some(pattern) = schema["pattern"].as_str() {
        let candidates =
            ["text", "7", "A1B2C3", "2026-11-21", "https://example.com/x", "0123456789abcdef0123456789abcdef01234567"];
        let pattern = regex::Regex::new(pattern).unwrap();
        let example = schema["example"].as_str();
        let mut fitting = example.into_iter().chain(candidates).filter(|candidate| pattern.is_match(candidate));
        return fitting.next().unwrap_or_else(|| panic!("an instance of `{pattern}` is not known")).to_owned();
    }
    let text = match schema["format"].as_str() {
        Some("date-time") => "2026-11-21T04:41:03Z",
        Some("date") => "2026-11-21",
        Some("uri" | "url") => "https://example.com/x",
        Some("email") => "mira@example.com",
        Some("uuid") => "0f5e2b7c-0c5e-4b3a-9a0e-0b1f3f1c2d3e",
        _ => "text",
    };
    let least = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap();
    let most = usize::try_from(schema["maxLength"].as_u64().unwrap_or(10_000)).unwrap();
    format!("{text:x<least$}").chars().take(most).collect()
}
