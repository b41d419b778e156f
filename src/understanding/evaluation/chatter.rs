//! What people say to each other, read as if each message had been for the bot: how much of it becomes something.

use std::fmt;

use super::super::{OutcomeKind, Understanding};
use crate::domain::{Effect, Intents};

/// Messages by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chatter {
    /// All of them.
    pub messages: usize,
    /// Commands that would change something.
    pub changes: usize,
    /// Commands that would look something up.
    pub looks: usize,
    /// Answered from the runbooks.
    pub answers: usize,
    /// Asked about: which of two, or what is missing.
    pub asked: usize,
}

impl Chatter {
    /// Adds a message. Whether it became a command.
    pub fn add(&mut self, understood: &Understanding, intents: &Intents) -> bool {
        let intent = understood.intent.as_ref().and_then(|name| intents.get(name.as_str()));
        self.messages += 1;
        match understood.outcome {
            OutcomeKind::Command if intent.is_some_and(|intent| intent.effect > Effect::Read) => self.changes += 1,
            OutcomeKind::Command => self.looks += 1,
            OutcomeKind::Answer => self.answers += 1,
            OutcomeKind::Ask => self.asked += 1,
            OutcomeKind::None | OutcomeKind::Confirm | OutcomeKind::Cancel => {}
        }
        understood.outcome == OutcomeKind::Command
    }
}

impl fmt::Display for Chatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |count: usize| format!("{:6.2} % ({count}/{})", percent(count, self.messages), self.messages);
        writeln!(f, "became a change       {}", share(self.changes))?;
        writeln!(f, "became any command    {}", share(self.changes + self.looks))?;
        writeln!(f, "answered by runbooks  {}", share(self.answers))?;
        write!(f, "asked about           {}", share(self.asked))
    }
}

fn percent(count: usize, of: usize) -> f64 {
    100.0 * count as f64 / of.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Intent;

    #[test]
    fn only_commands_count_as_commands() {
        let intent = |name: &str, effect| Intent {
            name: name.parse().unwrap(),
            summary: String::new(),
            effect,
            parameters: Vec::new(),
            one_of: Vec::new(),
        };
        let intents: Intents =
            [intent("web.stop", Effect::Change), intent("web.show", Effect::Read)].into_iter().collect();
        let mut chatter = Chatter::default();
        let mut became = |outcome, name: Option<&str>| {
            let intent = name.map(|name| name.parse().unwrap());
            chatter.add(&Understanding { outcome, intent, ..Understanding::nothing("x") }, &intents)
        };
        assert!(became(OutcomeKind::Command, Some("web.stop")));
        assert!(became(OutcomeKind::Command, Some("web.show")));
        assert!(!became(OutcomeKind::Ask, Some("web.stop")));
        assert!(!became(OutcomeKind::None, None) && !became(OutcomeKind::Cancel, None));
        assert_eq!(
            chatter.to_string(),
            "became a change        20.00 % (1/5)\n\
             became any command     40.00 % (2/5)\n\
             answered by runbooks    0.00 % (0/5)\n\
             asked about            20.00 % (1/5)"
        );
    }
}
