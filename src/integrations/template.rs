//! Fills in the leaves of a manifest. A value can fill a leaf; it cannot change what stands around it.

use std::collections::BTreeMap;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::Value as Json;

use super::filters;
use crate::catalogue::manifest::{Expression, Template, Tree};

/// How many steps one template may take: enough for a table of all that fits an answer, and an end for everything else.
const MAX_STEPS: u64 = 5_000_000;

/// Why a leaf could not be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The template stumbled over a value.
    #[error("`{template}`: {reason}")]
    Failed {
        /// The template, as written.
        template: String,
        /// Why, in one line.
        reason: String,
    },
    /// A list or an object where one text is needed.
    #[error("`{template}`: expected one value, found {found}")]
    NotOneValue {
        /// The template, as written.
        template: String,
        /// What it gave.
        found: &'static str,
    },
}

/// What templates see: names and their values. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Scope(BTreeMap<String, Value>);

/// Names alone: secrets may be among the values.
impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Scope {
    /// The scope with one more name; a later value hides an earlier one.
    pub(super) fn with(mut self, name: &str, value: &Json) -> Self {
        self.0.insert(name.to_owned(), to_value(value));
        self
    }

    fn root(&self) -> Value {
        Value::from_pairs(self.0.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

/// The ways to fill in. They differ in what undefined means: a leaf is left out, a condition is not met, a sentence
/// cannot be said.
#[derive(Debug)]
pub(super) struct Templates {
    leaves: Environment<'static>,
    conditions: Environment<'static>,
    prose: Environment<'static>,
}

impl Default for Templates {
    fn default() -> Self {
        let mut leaves = environment(UndefinedBehavior::SemiStrict);
        leaves.set_formatter(|out, state, value| {
            if value.is_none() {
                return Err(Error::new(ErrorKind::UndefinedError, "null"));
            }
            if value.kind() == ValueKind::Bool {
                // As it is where it stands alone; the engine would write `True`.
                return Ok(write!(out, "{}", value.is_true())?);
            }
            minijinja::escape_formatter(out, state, value)
        });
        let mut prose = environment(UndefinedBehavior::SemiStrict);
        prose.set_formatter(
            |out, state, value| {
                if value.is_none() { Ok(()) } else { minijinja::escape_formatter(out, state, value) }
            },
        );
        Self { leaves, conditions: environment(UndefinedBehavior::Chainable), prose }
    }
}

/// Without templates that include others, and without markup.
fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // So that an error can name what was undefined; values are not part of what is said.
    environment.set_debug(true);
    environment.set_recursion_limit(100);
    environment.set_fuel(Some(MAX_STEPS));
    filters::register(&mut environment);
    environment
}

impl Templates {
    /// A JSON leaf: exactly one expression keeps its type, everything else is a text; none if it is undefined.
    pub(super) fn value(&self, template: &Template, scope: &Scope) -> Result<Option<Json>, TemplateError> {
        let Some(expression) = template.expression() else {
            return Ok(self.rendered(template, scope)?.map(Json::String));
        };
        match evaluated(&self.leaves, expression, scope) {
            Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(None),
            evaluated => evaluated.map_err(|error| failed(template.source(), &error)),
        }
    }

    /// A leaf that is one text: an argv element, a path segment, a query value, a header; none if it is undefined.
    pub(super) fn text(&self, template: &Template, scope: &Scope) -> Result<Option<String>, TemplateError> {
        let found = match self.value(template, scope)? {
            None => return Ok(None),
            Some(Json::String(text)) => return Ok(Some(text)),
            Some(Json::Bool(value)) => return Ok(Some(value.to_string())),
            Some(Json::Number(number)) => return Ok(Some(number.to_string())),
            Some(Json::Array(_)) => "a list",
            Some(Json::Object(_)) => "an object",
            Some(Json::Null) => return Ok(None),
        };
        Err(TemplateError::NotOneValue { template: template.source().to_owned(), found })
    }

    /// A JSON value with its leaves filled in; undefined leaves, and what is not there by its condition, are left out.
    pub(super) fn tree(&self, tree: &Tree, scope: &Scope) -> Result<Option<Json>, TemplateError> {
        Ok(Some(match tree {
            Tree::Leaf(template) => return self.value(template, scope),
            Tree::Constant(value) => value.clone(),
            Tree::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.tree(item, scope)).collect();
                Json::Array(items?.into_iter().flatten().collect())
            }
            Tree::Map(members) => {
                let mut object = serde_json::Map::new();
                for (name, member) in members {
                    if let Some(value) = self.tree(member, scope)? {
                        object.insert(name.clone(), value);
                    }
                }
                Json::Object(object)
            }
            Tree::When(condition, then) => {
                return if self.truth(condition, scope)? { self.tree(then, scope) } else { Ok(None) };
            }
        }))
    }

    /// Whether an expression is true; undefined is not.
    pub(super) fn truth(&self, expression: &Expression, scope: &Scope) -> Result<bool, TemplateError> {
        Ok(match self.evaluate(expression, scope)? {
            None | Some(Json::Null | Json::Bool(false)) => false,
            Some(Json::Bool(true)) => true,
            Some(Json::Number(number)) => number.as_f64() != Some(0.0),
            Some(Json::String(text)) => !text.is_empty(),
            Some(Json::Array(items)) => !items.is_empty(),
            Some(Json::Object(members)) => !members.is_empty(),
        })
    }

    /// An expression's value; none if it is undefined or null.
    pub(super) fn evaluate(&self, expression: &Expression, scope: &Scope) -> Result<Option<Json>, TemplateError> {
        evaluated(&self.conditions, expression.source(), scope).map_err(|error| failed(expression.source(), &error))
    }

    /// Text for people. What is undefined is an error: a sentence with a hole says something else.
    pub(super) fn prose(&self, template: &Template, scope: &Scope) -> Result<String, TemplateError> {
        self.prose
            .render_str(template.source(), scope.root())
            .map(|text| text.trim_end().to_owned())
            .map_err(|error| failed(template.source(), &error))
    }

    fn rendered(&self, template: &Template, scope: &Scope) -> Result<Option<String>, TemplateError> {
        match self.leaves.render_str(template.source(), scope.root()) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::UndefinedError => Ok(None),
            Err(error) => Err(failed(template.source(), &error)),
        }
    }
}

/// The value of an expression; none if it is undefined or null.
fn evaluated(environment: &Environment<'static>, expression: &str, scope: &Scope) -> Result<Option<Json>, Error> {
    let value = environment.compile_expression(expression)?.eval(scope.root())?;
    if value.is_undefined() || value.is_none() {
        return Ok(None);
    }
    let json = serde_json::to_value(&value);
    json.map(Some).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// A JSON value as templates see it.
pub(super) fn to_value(value: &Json) -> Value {
    Value::from(Serde(value))
}

fn failed(template: &str, error: &Error) -> TemplateError {
    // The first line of a long template is enough to find it by.
    let template = template.trim().lines().next().unwrap_or_default().chars().take(80).collect();
    let reason = match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, Some(detail)) => detail.to_owned(),
        (ErrorKind::OutOfFuel, _) => format!("it takes more than {MAX_STEPS} steps"),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    TemplateError::Failed { template, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn scope(values: Json) -> Scope {
        let Json::Object(members) = values else { panic!("expected an object") };
        members.iter().fold(Scope::default(), |scope, (name, value)| scope.with(name, value))
    }

    fn value(template: &str, values: Json) -> Option<Json> {
        Templates::default().value(&Template::parse(template).unwrap(), &scope(values)).unwrap()
    }

    #[test]
    fn a_leaf_keeps_its_type_or_is_left_out() {
        assert_eq!(value("{{ n }}", json!({"n": 3})), Some(json!(3)));
        assert_eq!(value("n={{ n }}", json!({"n": 3})), Some(json!("n=3")));
        assert_eq!(value("{{ n }}", json!({})), None);
        assert_eq!(value("{{ n }}", json!({"n": null})), None);
        assert_eq!(value("Bearer {{ c.token }}", json!({"c": {}})), None);
        assert_eq!(value("Bearer {{ c.token }}", json!({"c": {"token": null}})), None);
        assert_eq!(value("{{ n | default(20) }}", json!({})), Some(json!(20)));
        assert_eq!(value("{{ b }}", json!({"b": true})), Some(json!(true)));
        assert_eq!(value("--b={{ b }}", json!({"b": true})), Some(json!("--b=true")));
    }

    #[test]
    fn one_text_is_one_text() {
        let templates = Templates::default();
        let list = Template::parse("{{ l }}").unwrap();
        let error = templates.text(&list, &scope(json!({"l": [1]}))).unwrap_err();
        assert_eq!(error.to_string(), "`{{ l }}`: expected one value, found a list");
    }

    #[test]
    fn prose_has_no_holes() {
        let templates = Templates::default();
        let prose = |text: &str, values| templates.prose(&Template::parse(text).unwrap(), &scope(values));
        assert_eq!(prose("up {{ a.b }}\n", json!({"a": {"b": null}})).unwrap(), "up");
        assert_eq!(
            prose("{{ body.data.x }}", json!({"body": {}})).unwrap_err().to_string(),
            "`{{ body.data.x }}`: `body.data` is undefined"
        );
    }

    #[test]
    fn no_template_goes_on_for_ever() {
        let round = |inner: &str| format!("{{% for a in range(9000) %}}{inner}{{% endfor %}}");
        let templates = Templates::default();
        let told = |text: &str| templates.prose(&Template::parse(text).unwrap(), &Scope::default());
        assert_eq!(told(&round("x")).unwrap().len(), 9_000);
        let error = told(&round(&round("x"))).unwrap_err().to_string();
        assert!(error.ends_with("`: it takes more than 5000000 steps"), "{error}");
    }

    proptest! {
        /// Whatever a value says, it is never read as a template, and a JSON leaf stays one leaf.
        #[test]
        fn a_value_fills_its_leaf_and_nothing_else(text in ".*|\\{\\{.*\\}\\}|\\{%.*%\\}|\",\"x\":\".*|\\}\\]") {
            let tree = Tree::Map(vec![
                ("a".to_owned(), Tree::Leaf(Template::parse("{{ v }}").unwrap())),
                ("b".to_owned(), Tree::List(vec![Tree::Leaf(Template::parse("x{{ v }}y").unwrap())])),
            ]);
            let filled = Templates::default().tree(&tree, &scope(json!({"v": text.clone()}))).unwrap().unwrap();
            prop_assert_eq!(filled, json!({"a": text.clone(), "b": [format!("x{text}y")]}));
        }
    }
}
