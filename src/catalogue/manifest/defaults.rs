//! How every answer over HTTP is judged where the system always says it in the same way: `success` and `failure` of the
//! connection stand in the place of those that a call leaves out.

use super::{Action, Call, Expression, Step, Template};

/// What the connection says of every call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judgement {
    /// Whether it went well.
    pub success: Option<Expression>,
    /// What to say when it did not.
    pub failure: Option<Template>,
}

impl Judgement {
    /// Fills in what the calls of an action leave out.
    pub(super) fn fill(&self, action: &mut Action) {
        let lookups = action.find.iter_mut().map(|find| &mut find.lookup).chain(&mut action.lookup);
        let steps = lookups.map(|lookup| &mut lookup.step).chain(&mut action.before);
        let preview = action.preview.iter_mut().filter_map(|preview| preview.step.as_mut());
        let poll = action.poll.iter_mut().map(|poll| &mut poll.step);
        steps.chain(preview).chain(poll).chain([&mut action.step]).for_each(|step| self.fill_step(step));
    }

    pub(super) fn fill_step(&self, step: &mut Step) {
        if matches!(step.call, Call::Http(_)) {
            step.success = step.success.take().or_else(|| self.success.clone());
            step.failure = step.failure.take().or_else(|| self.failure.clone());
        }
    }
}
