//! What stands in a component's `custom_id`: a proposal, a choice and a nonce, or whose question it was. Never an argument.

use std::str::FromStr as _;

use crate::domain::{ChoiceKind, Digest, ProposalId};

/// The longest that Discord takes, in characters.
#[cfg(test)]
const MAX_CUSTOM_ID: usize = 100;

/// What a component stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CustomId {
    /// A button of a card. The digest is the nonce: it is another on each card.
    Choose(ChoiceKind, ProposalId, Digest),
    /// The button that asks for the form of a proposal.
    Edit(ProposalId),
    /// The form itself.
    Form(ProposalId),
    /// The form that asks why, for a choice on a card.
    Reason(ChoiceKind, ProposalId, Digest),
    /// The answers to a question: of whom, by Discord's id, none: of anybody; and which, a menu has no number.
    Answer(Option<u64>, Option<usize>),
}

fn letter(choice: ChoiceKind) -> char {
    match choice {
        ChoiceKind::Confirm => 'c',
        ChoiceKind::Approve => 'a',
        ChoiceKind::Reject => 'r',
        ChoiceKind::Cancel => 'x',
        ChoiceKind::BreakGlass => 'g',
    }
}

fn choice(letter: char) -> Option<ChoiceKind> {
    use ChoiceKind::{Approve, BreakGlass, Cancel, Confirm, Reject};
    [Confirm, Approve, Reject, Cancel, BreakGlass].into_iter().find(|kind| self::letter(*kind) == letter)
}

impl CustomId {
    /// Reads what comes back; none of what is not ours.
    pub(super) fn read(text: &str) -> Option<Self> {
        let proposal = |text: &str| ProposalId::from_str(text).ok();
        let mut chars = text.chars();
        let (kind, rest) = (chars.next()?, chars.as_str());
        match kind {
            'c' | 'w' => {
                let mut chars = rest.chars();
                let choice = choice(chars.next()?)?;
                let (id, digest) = chars.as_str().split_at_checked(32)?;
                let (proposal, digest) = (proposal(id)?, digest.parse().ok()?);
                Some(match kind {
                    'c' => Self::Choose(choice, proposal, digest),
                    _ => Self::Reason(choice, proposal, digest),
                })
            }
            'e' => Some(Self::Edit(proposal(rest)?)),
            'f' => Some(Self::Form(proposal(rest)?)),
            'a' => {
                let (asked, number) =
                    rest.split_once('.').map_or((rest, None), |(asked, number)| (asked, Some(number)));
                let asked = (!asked.is_empty()).then(|| asked.parse()).transpose().ok()?;
                Some(Self::Answer(asked, number.map(str::parse).transpose().ok()?))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for CustomId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let simple = |id: &ProposalId| id.to_string().replace('-', "");
        match self {
            Self::Choose(choice, proposal, digest) => write!(f, "c{}{}{digest}", letter(*choice), simple(proposal)),
            Self::Reason(choice, proposal, digest) => write!(f, "w{}{}{digest}", letter(*choice), simple(proposal)),
            Self::Edit(proposal) => write!(f, "e{}", simple(proposal)),
            Self::Form(proposal) => write!(f, "f{}", simple(proposal)),
            Self::Answer(asked, number) => {
                let asked = asked.map_or_else(String::new, |asked| asked.to_string());
                let number = number.map_or_else(String::new, |number| format!(".{number}"));
                write!(f, "a{asked}{number}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let (proposal, digest) = (ProposalId::random(), Digest::of([b"card".as_slice()]));
        for id in [
            CustomId::Choose(ChoiceKind::Confirm, proposal, digest),
            CustomId::Choose(ChoiceKind::BreakGlass, proposal, digest),
            CustomId::Edit(proposal),
            CustomId::Form(proposal),
            CustomId::Reason(ChoiceKind::Approve, proposal, digest),
            CustomId::Answer(Some(u64::MAX), Some(24)),
            CustomId::Answer(Some(80_351_110_224_678_912), None),
            CustomId::Answer(None, Some(0)),
            CustomId::Answer(None, None),
        ] {
            let text = id.to_string();
            assert!(text.chars().count() <= MAX_CUSTOM_ID, "{text}");
            assert_eq!(CustomId::read(&text), Some(id), "{text}");
        }
    }

    #[test]
    fn what_is_not_ours_is_nothing() {
        for text in [
            "",
            "c",
            "cc",
            "cq",
            "cz123",
            "e1",
            "fé",
            "a.",
            "ax",
            "a1.x",
            "hello",
            "cc\u{1f600}00000000000000000000000000000000",
        ] {
            assert_eq!(CustomId::read(text), None, "{text}");
        }
    }
}
