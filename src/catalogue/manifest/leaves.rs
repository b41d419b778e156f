//! The computed leaves of a request: everything that a value can fill.

use super::{Argument, Body, Call, Computed, Template, Tree};

impl Call {
    /// Its computed leaves.
    pub fn leaves(&self) -> Vec<&dyn Computed> {
        match self {
            Self::Http(http) => {
                let query = http.query.iter().flat_map(|(_, values)| values);
                let headers = http.headers.iter().map(|(_, value)| value);
                let mut leaves: Vec<_> = http.path.iter().chain(query).chain(headers).map(computed).collect();
                match &http.body {
                    Body::Empty => {}
                    Body::Json(tree) => tree.gather(&mut leaves),
                    Body::Form(fields) => leaves.extend(fields.iter().map(|(_, value)| computed(value))),
                }
                leaves
            }
            Self::Process(process) => {
                let env = process.env.iter().map(|(_, value)| value);
                let mut leaves: Vec<_> = env.chain(&process.cwd).map(computed).collect();
                for argument in &process.argv {
                    match argument {
                        Argument::Element(element) => leaves.push(element),
                        Argument::Group(condition, elements) => {
                            leaves.push(condition);
                            leaves.extend(elements.iter().map(computed));
                        }
                    }
                }
                leaves
            }
            Self::Builtin(_) => Vec::new(),
        }
    }
}

impl Tree {
    /// Adds its computed leaves to a list.
    pub fn gather<'t>(&'t self, leaves: &mut Vec<&'t dyn Computed>) {
        match self {
            Self::Leaf(template) => leaves.push(template),
            Self::Constant(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.gather(leaves)),
            Self::Map(members) => members.iter().for_each(|(_, value)| value.gather(leaves)),
            Self::When(condition, then) => {
                leaves.push(condition);
                then.gather(leaves);
            }
        }
    }
}

fn computed(template: &Template) -> &dyn Computed {
    template
}
