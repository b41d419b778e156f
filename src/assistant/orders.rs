//! What is said in a fixed form, and needs no understanding: decisions about one proposal by its code, reasons, taking
//! something back, and the kill switch. It works however busy the model is.

use crate::domain::{ChoiceKind, ProposalCode};

/// One order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// `confirm k7qm because the disk is full`
    Decide { choice: ChoiceKind, code: ProposalCode, reason: Option<String> },
    /// `reason k7qm the disk is full`
    Reason { code: ProposalCode, reason: String },
    /// `undo k7qm`; `undo` alone is about the last thing that was done.
    Undo(Option<ProposalCode>),
    /// `halt because …`: stops everything, until it is lifted.
    Halt { reason: Option<String> },
    /// `lift because …`
    Lift { reason: Option<String> },
}

impl Order {
    /// The order that a message is, as a whole.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (said, reason) = split_reason(text.trim());
        let said = said.trim().trim_end_matches(['.', '!']).to_lowercase();
        let words: Vec<&str> = said.split_whitespace().collect();
        let decide = |choice, code: &str| {
            Some(Self::Decide { choice, code: ProposalCode::from_typed(code)?, reason: reason.clone() })
        };
        match words.as_slice() {
            ["halt"] | ["halt" | "stop", "everything"] | ["stop", "all"] => Some(Self::Halt { reason }),
            ["lift" | "resume"] | ["lift", "halt"] | ["lift", "the", "halt"] => Some(Self::Lift { reason }),
            ["undo"] | ["undo", "that" | "it"] if reason.is_none() => Some(Self::Undo(None)),
            ["undo", code] if reason.is_none() => Some(Self::Undo(Some(ProposalCode::from_typed(code)?))),
            ["reason", code, ..] => {
                let code = ProposalCode::from_typed(code.trim_end_matches([':', ',']))?;
                let rest = text.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
                let reason = rest.trim_start_matches("because ").trim().to_owned();
                (!reason.is_empty()).then_some(Self::Reason { code, reason })
            }
            ["confirm" | "yes", code] => decide(ChoiceKind::Confirm, code),
            ["approve", code] => decide(ChoiceKind::Approve, code),
            ["reject", code] => decide(ChoiceKind::Reject, code),
            ["cancel" | "stop", code] => decide(ChoiceKind::Cancel, code),
            ["break-glass" | "breakglass", code] | ["break", "glass", code] => decide(ChoiceKind::BreakGlass, code),
            _ => None,
        }
    }
}

/// Whether a message wants something to be stopped, and must not wait until that is done.
pub fn is_brake(text: &str) -> bool {
    matches!(Order::read(text), Some(Order::Halt { .. } | Order::Decide { choice: ChoiceKind::Cancel, .. }))
}

/// What was said, and why: `confirm k7qm because the disk is full`, `halt: we are under attack`.
fn split_reason(text: &str) -> (&str, Option<String>) {
    let because = " because ";
    let at = text.to_ascii_lowercase().find(because).map(|at| (at, at + because.len()));
    let colon = || text.find(": ").map(|at| (at, at + 2));
    match at.or_else(colon) {
        Some((end, begin)) => {
            let reason = text[begin..].trim();
            (text[..end].trim_end_matches([',', ';']), (!reason.is_empty()).then(|| reason.to_owned()))
        }
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> ProposalCode {
        ProposalCode::from_typed(text).unwrap()
    }

    #[test]
    fn orders_have_a_fixed_form() {
        let reason = |text: &str| Some(text.to_owned());
        let decide = |choice, word: &str, reason| Some(Order::Decide { choice, code: code(word), reason });
        for (text, expected) in [
            ("confirm k7qm", decide(ChoiceKind::Confirm, "k7qm", None)),
            ("Yes #a7cd.", decide(ChoiceKind::Confirm, "a7cd", None)),
            ("approve a7cd, because I looked", decide(ChoiceKind::Approve, "a7cd", reason("I looked"))),
            ("stop k7qm", decide(ChoiceKind::Cancel, "k7qm", None)),
            ("stop data", None),
            (
                "break-glass k7qm because Checkout is down",
                decide(ChoiceKind::BreakGlass, "k7qm", reason("Checkout is down")),
            ),
            ("break glass k7qm", decide(ChoiceKind::BreakGlass, "k7qm", None)),
            (
                "reason k7qm: the Disk is full",
                Some(Order::Reason { code: code("k7qm"), reason: "the Disk is full".to_owned() }),
            ),
            ("undo", Some(Order::Undo(None))),
            ("undo that!", Some(Order::Undo(None))),
            ("undo k7qm", Some(Order::Undo(Some(code("k7qm"))))),
            ("halt", Some(Order::Halt { reason: None })),
            ("HALT!", Some(Order::Halt { reason: None })),
            ("stop everything: we are under attack", Some(Order::Halt { reason: reason("we are under attack") })),
            ("lift the halt because it was a drill", Some(Order::Lift { reason: reason("it was a drill") })),
            ("halt checkout", None),
            ("stop checkout", None),
            ("please halt", None),
            ("reason k7qm", None),
            ("undo the deployment of checkout", None),
            ("confirm", None),
            ("stop everything on web-1", None),
            ("", None),
        ] {
            assert_eq!(Order::read(text), expected, "{text}");
        }
    }
}
