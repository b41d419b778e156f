//! Reads calls: what is sent over HTTP, which program is started with which arguments.

use toml::de::DeValue;

use super::read::{constant, expression, placed_template, required, table_of, template};
use super::template::Template;
use super::{Argument, Body, HttpCall, ProcessCall, Tree, shell};
use crate::catalogue::Item;

pub(super) fn http_call(item: &Item<'_>) -> Option<HttpCall> {
    let mut table = item.table()?;
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map(|method| (method, method));
    let method = table.get("method").map_or(Some("GET"), |item| item.word(&methods));
    let path = required(item, "`http`", "path", table.get("path")).and_then(|item| path(&item));
    let query = table.get("query").map(|item| table_of(&item, values)).unwrap_or_default();
    let headers = table.get("headers").map(|item| table_of(&item, template)).unwrap_or_default();
    let json = table.get("json").and_then(|item| tree(&item)).map(Body::Json);
    let form = table.get("form").map(|item| Body::Form(table_of(&item, template)));
    table.finish();
    if json.is_some() && form.is_some() {
        item.document().error(item.key_span.start, "expected `json` or `form`, found both", None);
    }
    Some(HttpCall {
        method: method?.to_owned(),
        path: path?,
        query,
        headers,
        body: json.or(form).unwrap_or(Body::Empty),
    })
}

/// One value, or a list of them.
fn values(item: &Item<'_>) -> Option<Vec<Template>> {
    match item.value() {
        DeValue::Array(_) => Some(item.list()?.iter().filter_map(template).collect()),
        _ => Some(vec![template(item)?]),
    }
}

/// Splits a path at the slashes that stand outside of expressions, before anything is filled in.
fn path(item: &Item<'_>) -> Option<Vec<Template>> {
    let whole = item.string()?;
    let Some(rest) = whole.text.strip_prefix('/') else {
        item.document().error(
            whole.span.start,
            format!("`{}`: expected a path that begins with `/`", item.path()),
            None,
        );
        return None;
    };
    if whole.text.split("{{").next().is_some_and(|fixed| fixed.contains(['?', '#'])) {
        let hint = "put what stands behind `?` into `query`".to_owned();
        item.document().error(whole.span.start, format!("`{}`: expected a path alone", item.path()), Some(hint));
        return None;
    }
    let mut segments = vec![String::new()];
    let mut depth = 0_usize;
    for c in rest.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (c, segments.last_mut()) {
            ('/', _) if depth == 0 => segments.push(String::new()),
            (c, Some(segment)) => segment.push(c),
            (_, None) => {}
        }
    }
    segments.iter().map(|segment| placed_template(item, segment)).collect()
}

pub(super) fn process_call(item: &Item<'_>) -> Option<ProcessCall> {
    let mut table = item.table()?;
    let argv = required(item, "`process`", "argv", table.get("argv"))?;
    let env = table.get("env").map(|item| table_of(&item, template)).unwrap_or_default();
    let cwd = table.get("cwd").and_then(|item| template(&item));
    table.finish();
    let arguments: Vec<_> = argv.list()?.iter().filter_map(argument).collect();
    if let Some((message, hint)) = shell::fault(&arguments) {
        argv.document().error(argv.span.start, message, Some(hint.to_owned()));
        return None;
    }
    Some(ProcessCall { argv: arguments, env, cwd })
}

fn argument(item: &Item<'_>) -> Option<Argument> {
    let DeValue::Table(_) = item.value() else { return template(item).map(Argument::Element) };
    let mut table = item.table()?;
    let when = required(item, "the group", "when", table.get("when")).and_then(|item| expression(&item));
    let args = required(item, "the group", "args", table.get("args")).and_then(|item| values(&item));
    table.finish();
    Some(Argument::Group(when?, args?))
}

/// A JSON value whose strings may be templates.
pub(super) fn tree(item: &Item<'_>) -> Option<Tree> {
    match item.value() {
        DeValue::String(_) => {
            let template = template(item)?;
            Some(match template.literal() {
                Some(text) => Tree::Constant(text.into()),
                None => Tree::Leaf(template),
            })
        }
        DeValue::Array(_) => Some(Tree::List(item.list()?.iter().filter_map(tree).collect())),
        DeValue::Table(members)
            if members.len() == 2 && members.get("when").is_some() && members.get("then").is_some() =>
        {
            let mut table = item.table()?;
            let when = table.get("when").and_then(|item| expression(&item))?;
            let then = table.get("then").and_then(|item| tree(&item))?;
            Some(Tree::When(when, Box::new(then)))
        }
        DeValue::Table(_) => Some(Tree::Map(table_of(item, tree))),
        _ => constant(item).map(Tree::Constant),
    }
}
