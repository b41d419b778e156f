//! Filters of manifests that get at a part of an answer, or give a value the form that a system wants: lists out of tables,
//! a piece of a page, a time in the system's own zone.

use std::collections::BTreeMap;

use jiff::Zoned;
use jiff::fmt::strtime;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, Value};
use regex::Regex;

use super::filters::as_time;

/// Adds the filters to an environment.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("flatten", flatten);
    environment.add_filter("match", matched);
    environment.add_filter("strftime", strftime);
    environment.add_filter("values", values);
}

/// One list of what is in the lists of a list; what is no list is left out.
fn flatten(lists: Value) -> Result<Vec<Value>, Error> {
    let inner = lists.try_iter()?.filter_map(|list| list.try_iter().ok());
    Ok(inner.flatten().collect())
}

/// The values of an object, in the order of its keys; of anything else, none.
fn values(object: Value) -> Vec<Value> {
    let object = object.as_object().filter(|_| object.kind() == ValueKind::Map);
    let members: Option<BTreeMap<String, Value>> = object.and_then(|object| {
        object.try_iter_pairs().map(|pairs| pairs.map(|(key, value)| (key.to_string(), value)).collect())
    });
    members.into_iter().flat_map(BTreeMap::into_values).collect()
}

/// The first group of a regular expression, or all that matches if it has none; undefined where nothing does.
fn matched(text: &str, pattern: &str) -> Result<Value, Error> {
    let pattern =
        Regex::new(pattern).map_err(|error| Error::new(ErrorKind::InvalidOperation, format!("no pattern: {error}")))?;
    let found = pattern.captures(text).and_then(|found| found.get(1).or(found.get(0)));
    Ok(found.map_or(Value::UNDEFINED, |found| found.as_str().into()))
}

/// A time as a system in that zone writes it. Before the run, `now` is only a word, and stays one.
fn strftime(value: Value, format: &str, zone: &str) -> Result<Value, Error> {
    let Some(time) = as_time(&value) else { return Ok(value) };
    let invalid = |error: jiff::Error| Error::new(ErrorKind::InvalidOperation, error.to_string());
    let zoned: Zoned = time.in_tz(zone).map_err(invalid)?;
    strtime::format(format, &zoned).map(Value::from).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::template::{Scope, Templates};
    use crate::catalogue::manifest::Template;

    fn value(template: &str) -> Result<Option<Json>, String> {
        let scope = Scope::default()
            .with("hosts", &json!({"db1": {"http": {"state": 2}, "disk": {"state": 0}}, "web": {}}))
            .with("page", &json!("<input name='id' value='a&b'>\n<input name='id' value='c'>"));
        Templates::default().value(&Template::parse(template).unwrap(), &scope).map_err(|error| error.to_string())
    }

    #[test]
    fn tables_become_lists() {
        for (template, found) in [
            ("{{ hosts | values | map('values') | flatten }}", json!([{"state": 0}, {"state": 2}])),
            ("{{ [[1], [], [2, [3]], 4] | flatten }}", json!([1, 2, [3]])),
            ("{{ [1, 2] | values }}", json!([])),
            ("{{ 'text' | values }}", json!([])),
        ] {
            assert_eq!(value(template), Ok(Some(found)), "{template}");
        }
        assert!(value("{{ 7 | flatten }}").unwrap_err().contains("not iterable"));
    }

    #[test]
    fn a_page_has_a_piece_or_it_has_none() {
        for (template, found) in [
            (r#"{{ page | match("name='id' value='([^']*)'") }}"#, Some(json!("a&b"))),
            ("{{ page | match('(?s)<.*>') | length }}", Some(json!(57))),
            ("{{ page | match('nothing like it') }}", None),
            ("{{ page | match('nothing') | default('else') }}", Some(json!("else"))),
        ] {
            assert_eq!(value(template), Ok(found), "{template}");
        }
        assert!(value("{{ page | match('(') }}").unwrap_err().contains("no pattern: "));
    }

    #[test]
    fn a_time_is_written_as_the_system_writes_it() {
        let berlin = "{{ '2026-07-01T23:30:00Z' | strftime('%m-%d-%Y %H:%M:%S', 'Europe/Berlin') }}";
        assert_eq!(value(berlin), Ok(Some(json!("07-02-2026 01:30:00"))));
        assert_eq!(value("{{ '<now>' | strftime('%H', 'UTC') }}"), Ok(Some(json!("<now>"))));
        for (template, said) in [
            ("{{ 0 | strftime('%H', 'Nowhere/At_All') }}", "Nowhere/At_All"),
            ("{{ 0 | strftime('%!', 'UTC') }}", "%!"),
        ] {
            assert!(value(template).unwrap_err().contains(said), "{template}: {:?}", value(template));
        }
    }
}
