//! Schemas of the description languages as JSON Schema of today: references carried along, `nullable` said in its words, and
//! requests closed, so that a property which the description does not know is a fault.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// What we send: nothing may be in it that is not described.
    Sent,
    /// What comes back.
    Answered,
}

/// Translates one schema with everything it refers to.
pub(crate) fn standalone(root: &Json, schema: &Json, way: Way) -> Json {
    let mut translator = Translator { root, way, numbers: BTreeMap::new(), definitions: BTreeMap::new() };
    let mut translated = translator.value(schema);
    if let Some(object) = translated.as_object_mut() {
        let definitions = translator.definitions.into_iter().map(|(number, schema)| (number.to_string(), schema));
        object.insert("$defs".to_owned(), Json::Object(definitions.collect()));
    }
    translated
}

/// What a reference leads to.
pub(crate) fn resolve<'r>(root: &'r Json, value: &'r Json) -> &'r Json {
    match value["$ref"].as_str() {
        Some(reference) => {
            resolve(root, root.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}")))
        }
        None => value,
    }
}

struct Translator<'r> {
    root: &'r Json,
    way: Way,
    /// The references that were met.
    numbers: BTreeMap<String, usize>,
    definitions: BTreeMap<usize, Json>,
}

impl Translator<'_> {
    /// A schema that a whole value must meet.
    fn value(&mut self, schema: &Json) -> Json {
        let kinds = self.kinds(schema);
        if self.way == Way::Sent && !kinds.is_empty() {
            return json!({"anyOf": kinds.iter().map(|kind| self.value(kind)).collect::<Vec<_>>()});
        }
        let closed = self.way == Way::Sent && is_closed(self.root, schema, 0);
        let mut translated = self.schema(schema, closed);
        if schema["nullable"] == true || schema["x-nullable"] == true {
            translated = json!({"anyOf": [translated, {"type": "null"}]});
        }
        translated
    }

    /// The kinds of a thing that has several, told apart by one of its properties: in Swagger 2 each of them names the thing.
    fn kinds(&self, schema: &Json) -> Vec<Json> {
        let Some(reference) = schema["$ref"].as_str() else { return Vec::new() };
        if !resolve(self.root, schema)["discriminator"].is_string() {
            return Vec::new();
        }
        let names = |definition: &Json| {
            definition["allOf"].as_array().is_some_and(|parts| parts.iter().any(|part| part["$ref"] == reference))
        };
        let definitions = self.root["definitions"].as_object().into_iter().flatten();
        definitions
            .filter(|(_, definition)| names(definition))
            .map(|(name, _)| json!({ "$ref": format!("#/definitions/{name}") }))
            .collect()
    }

    /// A schema, or a part of one that others complete.
    fn schema(&mut self, schema: &Json, closed: bool) -> Json {
        let Some(members) = schema.as_object() else { return schema.clone() };
        let mut object = Map::new();
        if let Some(reference) = members.get("$ref").and_then(Json::as_str) {
            object.insert("$ref".to_owned(), format!("#/$defs/{}", self.definition(reference)).into());
        } else {
            for (key, value) in members {
                object.extend(self.keyword(members, key, value).map(|value| (key.clone(), value)));
            }
        }
        if closed {
            object.insert("unevaluatedProperties".to_owned(), false.into());
        }
        Json::Object(object)
    }

    fn keyword(&mut self, members: &Map<String, Json>, key: &str, value: &Json) -> Option<Json> {
        Some(match key {
            "type" if !is_known_type(value) => return None,
            "type" | "enum" | "const" | "minLength" | "maxLength" | "minItems" | "maxItems" | "format" => value.clone(),
            "pattern" => value.as_str().filter(|pattern| regex::Regex::new(pattern).is_ok())?.into(),
            "example" if !value.is_object() && !value.is_array() => value.clone(),
            "minimum" if members.get("exclusiveMinimum") == Some(&true.into()) => return None,
            "maximum" if members.get("exclusiveMaximum") == Some(&true.into()) => return None,
            "exclusiveMinimum" if value == true => members.get("minimum")?.clone(),
            "exclusiveMaximum" if value == true => members.get("maximum")?.clone(),
            "minimum" | "maximum" => value.clone(),
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_number() => value.clone(),
            "properties" => {
                let properties = value.as_object()?.iter();
                Json::Object(properties.map(|(name, schema)| (name.clone(), self.value(schema))).collect())
            }
            "required" => {
                // What only the other side writes, this one need not.
                let other = if self.way == Way::Sent { "readOnly" } else { "writeOnly" };
                let properties = members.get("properties");
                let theirs =
                    |name: &Json| properties.is_some_and(|all| all[name.as_str().unwrap_or_default()][other] == true);
                value.as_array()?.iter().filter(|name| !theirs(name)).cloned().collect()
            }
            "additionalProperties" | "items" => self.value(value),
            "not" => self.schema(value, false),
            "allOf" => value.as_array()?.iter().map(|part| self.schema(part, false)).collect(),
            "anyOf" | "oneOf" => {
                let parts = value.as_array()?.iter();
                parts
                    .map(|part| if part["nullable"] == true { self.value(part) } else { self.schema(part, false) })
                    .collect()
            }
            _ => return None,
        })
    }

    fn definition(&mut self, reference: &str) -> usize {
        if let Some(number) = self.numbers.get(reference) {
            return *number;
        }
        let number = self.numbers.len();
        self.numbers.insert(reference.to_owned(), number);
        let target = self.root.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("{reference}"));
        let mut translated = self.schema(target, false);
        if target["nullable"] == true {
            translated = json!({"anyOf": [translated, {"type": "null"}]});
        }
        self.definitions.insert(number, translated);
        number
    }
}

/// Descriptions know more types than there are: `file`, `any`, `Object`.
fn is_known_type(value: &Json) -> bool {
    let known = ["string", "integer", "number", "boolean", "object", "array", "null"];
    value.is_array() || value.as_str().is_some_and(|kind| known.contains(&kind))
}

/// Whether a schema lists all properties that there are. One that says nothing of them allows any.
fn is_closed(root: &Json, schema: &Json, depth: usize) -> bool {
    let schema = resolve(root, schema);
    if schema["type"] == "array" || schema.get("additionalProperties").is_some() || depth > 8 {
        return false;
    }
    let parts: Vec<_> = ["allOf", "anyOf", "oneOf"]
        .iter()
        .filter_map(|kind| schema[*kind].as_array())
        .flatten()
        .map(|part| is_closed(root, part, depth + 1))
        .collect();
    let listed = schema["properties"].as_object().is_some_and(|properties| !properties.is_empty());
    (listed && parts.is_empty()) || (!parts.is_empty() && parts.iter().all(|closed| *closed))
}
