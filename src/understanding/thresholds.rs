//! When a reading is sure enough to act upon: more is asked of a change than of a look, and most of what destroys.

use crate::domain::Effect;

/// A passage below this similarity is no answer and no evidence.
pub const PASSAGE: f32 = 0.45;

/// What to make of the ranked intents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first intent is meant.
    Intent,
    /// One of the first two is meant; a person must say which.
    Ambiguous,
    /// No command.
    None,
}

/// The probability and the lead over the runner-up that an effect needs. A look that is `bare`, without a value and without
/// pointing at anything, is oftener chatter than a look at something. Between 0.5 and 0.7, on four of the organisations of
/// `tests/utterances`, as many changes were meant as were not (three each, of 600).
fn needs(effect: Effect, bare: bool) -> (f32, f32) {
    match effect {
        Effect::Read if bare => (0.60, 0.10),
        Effect::Read => (0.34, 0.04),
        Effect::Change => (0.70, 0.15),
        Effect::Destructive => (0.75, 0.20),
    }
}

/// A request that begins with a word no example of the intent uses ("approve" for a merge, "delete" for a look) is
/// hardly that intent: below the first number it is none, below the second a person must say.
pub const FOREIGN: (f32, f32) = (0.85, 0.97);

/// What is stated for a message that a cue stops. Chosen, not fitted: of the lines of `tests/cues` that must stop, 396 of 403
/// do.
pub const STOPPED: f64 = 0.97;

/// What is stated for a turn that only makes sense in its conversation. Chosen, not fitted.
pub const IN_CONVERSATION: f64 = 0.97;

/// A change to a thing with a name that nobody lists: below the first number it is none, below the second a person must
/// say.
pub const UNKNOWN: (f32, f32) = (0.80, 0.92);

/// Decides over calibrated probabilities of the best intents (descending, with their effects) and of "no command".
pub fn choose(probabilities: &[f32], effects: &[Effect], none: f32, bare: bool) -> Choice {
    let (Some(&first), Some(&effect)) = (probabilities.first(), effects.first()) else { return Choice::None };
    let second = probabilities.get(1).copied().unwrap_or(0.0);
    let (floor, lead) = needs(effect, bare);
    if none >= first {
        return Choice::None;
    }
    if first >= floor && first - second >= lead {
        Choice::Intent
    } else if first + second >= 0.5 && none < 0.35 || first >= none + 0.2 && none < 0.2 || none < 0.08 && first >= 0.15
    {
        // It is a request; which, a person must say.
        Choice::Ambiguous
    } else {
        Choice::None
    }
}
