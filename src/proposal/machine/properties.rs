//! Whatever happens, in whatever order, under whatever policy, with the clock going back and forth: nothing runs that was
//! not let through.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::super::testing::{command, conversation, draft, noon, plan, target};
use super::*;
use crate::domain::{ChoiceKind, Digest, Effect};

const COMMANDS: [&str; 4] = ["host.disk", "service.restart service=web", "service.restart service=api", "process.kill"];
const REASONS: [&str; 2] = ["it is slow", "it is down"];
const ACTORS: [&str; 4] = ["discord:1", "discord:2", "discord:3", "console:mira"];

/// A policy made of chance: each combination of question, person, effect and number of yeses has an answer of its own,
/// and every five minutes, as every generation of the policy, has other answers.
#[derive(Debug, Clone, Copy)]
struct Chance {
    seed: u64,
    generation: u64,
    /// In 16: how many questions are answered with yes.
    leniency: u8,
}

impl Permissions for Chance {
    fn decide(&self, query: &Query<'_>) -> Decision {
        let question = format!(
            "{} {} {} {} {} {} {}",
            query.now.as_second() / 300,
            self.seed,
            self.generation,
            query.action.as_str(),
            query.actor,
            query.subject.effect,
            query.yeses.len().min(2),
        );
        let draw = u8::from_str_radix(&Digest::of([question.as_bytes()]).to_string()[..1], 16).unwrap();
        Decision { allowed: draw < self.leniency, rule: "chance".to_owned(), errors: Vec::new(), on_call: None }
    }

    fn may_halt(&self, _: &Actor) -> bool {
        true
    }

    /// The first and the last of [`ACTORS`] are one person.
    fn same_person(&self, one: &Actor, other: &Actor) -> bool {
        let twins = [ACTORS[0], ACTORS[3]];
        one == other || twins.contains(&&*one.to_string()) && twins.contains(&&*other.to_string())
    }

    fn version(&self) -> Digest {
        Digest::of([self.seed.to_le_bytes().as_slice(), &self.generation.to_le_bytes()])
    }
}

/// What can happen; numbers choose among the constants above.
#[derive(Debug, Clone)]
enum Happening {
    /// The card is the current one, or an earlier one by its number.
    Press {
        actor: usize,
        choice: usize,
        card: Option<usize>,
        reason: Option<usize>,
    },
    Reason {
        actor: usize,
        reason: usize,
    },
    Edit {
        actor: usize,
        command: usize,
    },
    Tick,
    Plan {
        same: bool,
    },
    OtherFacts,
    PlanFails,
    End {
        status: usize,
    },
    Restart {
        trace: usize,
    },
    /// Minutes, forwards and back.
    Wait(i64),
    NewPolicy,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => (0..4usize, 0..5usize, prop::option::weighted(0.2, 0..4usize), prop::option::weighted(0.3, 0..2usize))
            .prop_map(|(actor, choice, card, reason)| Happening::Press { actor, choice, card, reason }),
        1 => (0..4usize, 0..2usize).prop_map(|(actor, reason)| Happening::Reason { actor, reason }),
        1 => Just(Happening::OtherFacts),
        2 => (0..4usize, 0..4usize).prop_map(|(actor, command)| Happening::Edit { actor, command }),
        1 => Just(Happening::Tick),
        5 => prop::bool::weighted(0.8).prop_map(|same| Happening::Plan { same }),
        1 => Just(Happening::PlanFails),
        2 => (0..4usize).prop_map(|status| Happening::End { status }),
        2 => (0..3usize).prop_map(|trace| Happening::Restart { trace }),
        2 => (-4..8i64).prop_map(Happening::Wait),
        1 => Just(Happening::NewPolicy),
    ]
}

fn outcome(status: usize) -> Outcome {
    let all = [OutcomeStatus::Succeeded, OutcomeStatus::Failed, OutcomeStatus::Unknown, OutcomeStatus::Cancelled];
    Outcome { status: all[status], summary: String::new(), output: None }
}

/// The machine's environment, and what an observer remembers of its history.
struct World {
    policy: Chance,
    now: Timestamp,
    /// Every digest that a card has shown.
    cards: Vec<Digest>,
    /// Every yes that anybody pressed: who, and on which card.
    yeses: BTreeSet<(Actor, Digest)>,
    executions: usize,
}

impl World {
    fn event(&mut self, proposal: &Proposal, happening: Happening) -> Option<Event> {
        Some(match happening {
            Happening::Press { actor, choice, card, reason } => {
                const CHOICES: [ChoiceKind; 5] = [
                    ChoiceKind::Confirm,
                    ChoiceKind::Approve,
                    ChoiceKind::Reject,
                    ChoiceKind::Cancel,
                    ChoiceKind::BreakGlass,
                ];
                let shown = card.and_then(|card| self.cards.get(card).copied()).unwrap_or(proposal.digest());
                let actor: Actor = ACTORS[actor].parse().unwrap();
                let choice = CHOICES[choice];
                let reason = reason.map(|number| REASONS[number].to_owned());
                if !matches!(choice, ChoiceKind::Reject | ChoiceKind::Cancel) {
                    self.yeses.insert((actor.clone(), shown));
                }
                if choice == ChoiceKind::Confirm && shown == proposal.digest() {
                    // Who says why with their yes says yes to the proposal with that reason.
                    let mut with_reason = proposal.clone();
                    with_reason.draft.reason = reason.clone();
                    self.yeses.insert((actor.clone(), with_reason.compute_digest()));
                }
                Event::Pressed { actor, choice, shown, conversation: conversation("discord:ops"), reason }
            }
            Happening::Edit { actor, command: line } => {
                let command = command(COMMANDS[line]);
                let edit = Edit {
                    shown: command.to_string(),
                    target: target(&command),
                    plan: plan(&command),
                    expires: proposal.expires(),
                    command,
                };
                Event::Edited { actor: ACTORS[actor].parse().unwrap(), edit: Box::new(edit) }
            }
            Happening::Reason { actor, reason } => Event::Reasoned {
                actor: ACTORS[actor].parse().unwrap(),
                reason: REASONS[reason].to_owned(),
                conversation: conversation("discord:ops"),
            },
            Happening::OtherFacts => {
                let facts = [("replicas".to_owned(), self.now.to_string())].into();
                Event::Planned(Plan { facts, ..proposal.draft().plan.clone() })
            }
            Happening::Tick => Event::Ticked,
            Happening::Plan { same: true } => Event::Planned(proposal.draft().plan.clone()),
            Happening::Plan { same: false } => {
                let digest = Digest::of([self.now.to_string().as_bytes()]);
                Event::Planned(Plan { runs: "otherwise".to_owned(), digest, ..proposal.draft().plan.clone() })
            }
            Happening::PlanFails => Event::PlanFailed { reason: "gone".to_owned() },
            Happening::End { status } => Event::Ended(outcome(status)),
            Happening::Restart { trace } => {
                Event::Restarted([Trace::NotOpened, Trace::Open, Trace::Closed(outcome(0))][trace].clone())
            }
            Happening::Wait(minutes) => {
                self.now += SignedDuration::from_mins(minutes);
                return None;
            }
            Happening::NewPolicy => {
                self.policy.generation += 1;
                return None;
            }
        })
    }

    fn may(&self, proposal: &Proposal, action: PolicyAction, actor: &Actor, yeses: &[Actor]) -> bool {
        let Draft { requester, command, target, conversation, .. } = proposal.draft();
        let now = self.now;
        let (reason, broken_glass) = (None, false);
        let query = Query {
            action,
            actor,
            requester,
            subject: command.into(),
            target,
            conversation,
            now,
            yeses,
            reason,
            broken_glass,
        };
        self.policy.decide(&query).allowed
    }

    /// Everything that must hold after any step.
    fn check(&mut self, before: Option<&Proposal>, after: &Proposal, deeds: &[Deed], restarted: bool) {
        self.cards.push(after.digest());
        for deed in deeds {
            if let Deed::Execute(approved) = deed {
                self.check_execution(after, approved);
                assert!(!restarted, "a restart runs nothing");
            }
        }
        let saves = deeds.iter().filter(|deed| matches!(deed, Deed::Save(_))).count();
        let revision = before.map_or(0, Proposal::revision);
        assert_eq!(after.revision(), revision + saves as u64, "each save is one revision");
        assert!(saves <= 1);
        assert_eq!(saves == 0, before == Some(after), "what changed is saved, and nothing else");
        let first_save = deeds.iter().position(|deed| matches!(deed, Deed::Save(_) | Deed::Record(_)));
        let first_word = deeds.iter().position(|deed| matches!(deed, Deed::Say(_) | Deed::Execute(_)));
        if let Some(word) = first_word {
            assert!(first_save.is_some_and(|save| save < word), "write, then speak and act");
        }
        if let Some(before) = before.filter(|before| before.state().is_final()) {
            assert_eq!(before, after, "the end is the end");
        }
        assert!(after.approvals().iter().all(|approval| approval.digest == after.digest()), "no yes to anything else");
    }

    fn check_execution(&mut self, proposal: &Proposal, approved: &Approved<crate::domain::Command>) {
        self.executions += 1;
        assert_eq!(self.executions, 1, "at most one execution");
        assert_eq!(proposal.state(), State::Executing);
        assert!(self.now < proposal.expires(), "nothing late");
        assert_eq!(approved.subject(), proposal.command());
        assert_eq!(approved.digest(), proposal.compute_digest());
        assert_eq!(approved.plan(), proposal.draft().plan.digest);
        let requester = approved.requester();
        let yeses: Vec<Actor> = approved.approvals().iter().map(|approval| approval.actor.clone()).collect();
        assert!(self.may(proposal, PolicyAction::Execute, requester, &yeses));
        if approved.approvals().is_empty() {
            assert_eq!(proposal.command().effect(), Effect::Read, "without a yes, only reads");
            assert!(self.may(proposal, PolicyAction::Run, requester, &[]));
        }
        for (index, approval) in approved.approvals().iter().enumerate() {
            let before = &approved.approvals()[..index];
            let again = before.iter().any(|other| self.policy.same_person(&other.actor, &approval.actor));
            assert!(!again, "one person, one yes, whichever account they use");
            assert_eq!(approval.digest, approved.digest());
            assert!(
                self.yeses.contains(&(approval.actor.clone(), approved.digest())),
                "they pressed on this very card"
            );
            let action = match self.policy.same_person(&approval.actor, requester) {
                _ if approval.broken_glass.is_some() => PolicyAction::BreakGlass,
                true => PolicyAction::Confirm,
                false => PolicyAction::Approve,
            };
            assert!(self.may(proposal, action, &approval.actor, &[]), "they may, now");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_runs_that_was_not_let_through(
        seed in any::<u64>(),
        leniency in 4..=16u8,
        requester in 0..4usize,
        line in 0..4usize,
        happenings in prop::collection::vec(happening(), 0..40),
    ) {
        let policy = Chance { seed, generation: 0, leniency };
        let mut world = World { policy, now: noon(), cards: Vec::new(), yeses: BTreeSet::new(), executions: 0 };
        let (mut proposal, deeds) = propose(draft(ACTORS[requester], COMMANDS[line]), &policy, noon());
        world.check(None, &proposal, &deeds, false);
        for happening in happenings {
            let Some(event) = world.event(&proposal, happening) else { continue };
            let restarted = matches!(event, Event::Restarted(_));
            let (after, deeds) = step(proposal.clone(), event, &world.policy, world.now);
            world.check(Some(&proposal), &after, &deeds, restarted);
            proposal = after;
        }
    }
}

/// The property above would hold for a machine that never runs anything; this one does.
#[test]
fn chance_lets_some_through() {
    let policy = Chance { seed: 7, generation: 0, leniency: 16 };
    let (proposal, _) = propose(draft("discord:1", "process.kill"), &policy, noon());
    let (actor, shown) = ("discord:1".parse().unwrap(), proposal.digest());
    let press = Event::Pressed {
        actor,
        choice: ChoiceKind::Confirm,
        shown,
        conversation: conversation("discord:ops"),
        reason: None,
    };
    let (proposal, _) = step(proposal, press, &policy, noon());
    let same = proposal.draft().plan.clone();
    let (proposal, deeds) = step(proposal, Event::Planned(same), &policy, noon());
    assert_eq!(proposal.state(), State::Executing);
    assert!(deeds.iter().any(|deed| matches!(deed, Deed::Execute(_))));
}
