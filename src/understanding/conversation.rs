//! Conversations without a chat: what `understand --jsonl` and `eval` do with several turns.

use jiff::Timestamp;

use super::{Context, Draft, OutcomeKind, Understander, Understanding};
use crate::domain::{Effect, clean};
use crate::embedding::EmbeddingError;

/// Understands the turns one after the other, as if each proposal were put before the speaker and each read ran at once.
pub async fn replay(
    understander: &Understander,
    turns: &[&str],
    now: Timestamp,
) -> Result<Vec<Understanding>, EmbeddingError> {
    let mut context = Context::default();
    let mut understood = Vec::with_capacity(turns.len());
    for turn in turns {
        let understanding = understander.understand(&clean(turn), &context, now).await?;
        follow(&mut context, &understanding, understander);
        understood.push(understanding);
    }
    Ok(understood)
}

/// What the conversation knows after a turn.
fn follow(context: &mut Context, understanding: &Understanding, understander: &Understander) {
    let draft = understanding
        .intent
        .as_ref()
        .map(|intent| Draft { intent: intent.clone(), arguments: understanding.arguments.clone() });
    match (understanding.outcome, draft) {
        (OutcomeKind::Command | OutcomeKind::Answer, Some(draft)) => {
            let effect = understander.intents().get(draft.intent.as_str()).map(|intent| intent.effect);
            context.asked = None;
            context.last = Some(draft.clone());
            if effect.is_some_and(|effect| effect > Effect::Read) {
                context.proposal = Some(draft);
                context.waiting = 1;
            }
        }
        (OutcomeKind::Ask, Some(draft)) => context.asked = Some((draft, understanding.missing.clone())),
        (OutcomeKind::Confirm, _) => {
            context.proposal = None;
            context.waiting = 0;
        }
        // The question first: it is what was said last.
        (OutcomeKind::Cancel, _) if context.asked.is_some() => context.asked = None,
        (OutcomeKind::Cancel, _) => {
            context.proposal = None;
            context.waiting = 0;
        }
        _ => {}
    }
}
