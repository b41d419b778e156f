//! Chat events: whoever says or presses whatever while the clock jumps, nobody acts who may not, no proposal acts twice,
//! and none after its time.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sayso::assistant::{Assistant, Knowledge, Manner, Parts, Timers};
use sayso::catalogue::Manifest;
use sayso::domain::{
    Actor, Card, ChatEvent, ChoiceKind, Clock, Command, ConversationId, Effect, MessageId, Outgoing, ProposalId, Reply,
};
use sayso::integrations::{
    self, Builtin, BuiltinError, Builtins, Executor, Planner, Redactor, Registry, RunContext, Surroundings,
};
use sayso::proposal::{Policy, Roles};
use sayso::store::Sqlite;
use tokio::sync::mpsc;

use super::{RUNTIME, SHIPPED, UNDERSTANDER, text};

/// The last of them is nobody, to our policy.
const PEOPLE: [&str; 3] = ["alice", "bob", "eve"];
const CHOICES: [ChoiceKind; 4] = [ChoiceKind::Confirm, ChoiceKind::Approve, ChoiceKind::Reject, ChoiceKind::Cancel];
/// After so many conversations, a new store: an old one is large, and slow.
const CONVERSATIONS: usize = 500;

const MANIFEST: &str = "summary = \"x\"\nrequires = { always = true }\n\
    [actions.status]\nimplements = \"service.status\"\nbuiltin = \"fuzz.act\"\n\
    [actions.restart]\nimplements = \"service.restart\"\nbuiltin = \"fuzz.act\"\n\
    [actions.rollback]\nimplements = \"deploy.rollback\"\nbuiltin = \"fuzz.act\"\n";

/// Acts, which is to say remembers for whom.
#[derive(Default)]
struct Acts(Mutex<Vec<(ProposalId, Actor)>>);

#[async_trait]
impl Builtin for Acts {
    async fn run(&self, command: &Command, cx: &RunContext) -> Result<serde_json::Value, BuiltinError> {
        if command.effect() != Effect::Read {
            self.0.lock().unwrap().push((cx.proposal, cx.requester.clone()));
        }
        Ok("done".into())
    }
}

/// A clock that somebody sets.
struct Set(Mutex<Timestamp>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// An assistant with all its parts.
struct Rig {
    assistant: Assistant,
    replies: mpsc::Receiver<Outgoing>,
    acts: Arc<Acts>,
    clock: Arc<Set>,
    conversations: usize,
    _timers: Timers,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = RUNTIME.block_on(Sqlite::open(&folder.path().join("sayso.db"), Sqlite::PATIENCE));
        let store = Arc::new(store.expect("a store"));
        let knowledge =
            Knowledge { understander: Arc::clone(&UNDERSTANDER), runbooks: SHIPPED.runbooks.clone().into() };
        let set = Arc::new(Set(Mutex::new(Timestamp::UNIX_EPOCH)));
        let clock: Arc<dyn Clock> = set.clone();
        let (acts, mut builtins) = (Arc::new(Acts::default()), Builtins::default());
        builtins.register("fuzz.act", Arc::clone(&acts) as Arc<dyn Builtin>);
        let surroundings = Surroundings { env: Arc::new(|_| None), machine: "here".to_owned() };
        let redactor = Arc::new(Redactor::default());
        let manifest = Manifest::parse("integrations/fuzz.toml", MANIFEST, &mut Vec::new()).expect("a manifest");
        let config = integrations::Config::default();
        let (registry, _) = Registry::new(vec![manifest], &config, builtins, &surroundings, &redactor);
        let planner = Arc::new(Planner::new(registry, surroundings, Arc::clone(&redactor), Arc::clone(&clock)));
        let files: Vec<_> = SHIPPED.policies.iter().map(|file| (file.path.clone(), file.text.clone())).collect();
        let operators = ["chat:alice", "chat:bob"].map(|name| name.parse().expect("a pattern"));
        let roles: Roles = [("operator".to_owned(), operators.to_vec())].into_iter().collect();
        let (outbox, replies) = mpsc::channel(256);
        let (alarms, timers) = Timers::new();
        let parts = Parts {
            newest: Arc::new(ArcSwap::from_pointee(knowledge)),
            permissions: Arc::new(Policy::load(&files, &roles).expect("the shipped policy")),
            executor: Executor::new(Arc::clone(&planner), store.clone(), Arc::new(())),
            planner,
            redactor,
            proposals: store.clone(),
            ledger: store.clone(),
            conversations: store.clone(),
            messages: store,
            tally: Arc::new(()),
            keeping: None,
            directory: None,
            desk: None,
            clock,
            outbox,
            alarms,
        };
        let manner = Manner {
            name: "sayso".to_owned(),
            expires_after: SignedDuration::from_mins(15),
            people: sayso::domain::People::default(),
            announce: Vec::new(),
            max_message: 4_000,
            per_minute: u32::MAX,
        };
        let assistant = Assistant::new(parts, manner);
        Self { assistant, replies, acts, clock: set, conversations: 0, _timers: timers, _folder: folder }
    }

    /// Handles an event; the cards that are shown.
    fn handle(&mut self, event: ChatEvent) -> Vec<Card> {
        let mut cards = Vec::new();
        RUNTIME.block_on(async {
            let handled = self.assistant.handle(event);
            tokio::pin!(handled);
            loop {
                tokio::select! {
                    biased;
                    Some(outgoing) = self.replies.recv() => if let Reply::Card(card) = outgoing.reply {
                        cards.push(*card);
                    },
                    () = &mut handled => break,
                }
            }
        });
        while let Ok(outgoing) = self.replies.try_recv() {
            if let Reply::Card(card) = outgoing.reply {
                cards.push(*card);
            }
        }
        cards
    }
}

static RIG: LazyLock<Mutex<Option<Rig>>> = LazyLock::new(Mutex::default);

/// One event a line. The first letter says who, and in capitals that it is another channel; behind `!` a letter says what
/// is chosen, and another on which card; behind `?` which card's form is asked for, and behind `=` which is filled in, with
/// what; behind `@` a letter sets the clock, so many minutes from where it stood at first;
/// anything else is said.
pub fn chat(bytes: &[u8]) {
    let mut kept = RIG.lock().unwrap();
    let rig = kept.take().filter(|rig| rig.conversations < CONVERSATIONS);
    let rig = kept.insert(rig.unwrap_or_else(Rig::new));
    rig.conversations += 1;
    let noon = Timestamp::from_second(1_700_000_000).expect("a time");
    *rig.clock.0.lock().unwrap() = noon;
    let mut cards: Vec<Card> = Vec::new();
    let mut acted = BTreeSet::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').take(12).enumerate() {
        let Some((who, line)) = line.split_first() else { continue };
        let who_said = PEOPLE[usize::from((*who | 0x20).wrapping_sub(b'a')) % PEOPLE.len()];
        let actor = Actor::new("chat", who_said).expect("a name");
        let other = if who & 0x20 == 0 { "-other" } else { "" };
        let channel = format!("{}{other}", rig.conversations);
        let conversation = ConversationId { platform: "chat".to_owned(), channel };
        let (id, at) = (MessageId { conversation, message: number.to_string() }, rig.clock.now());
        let event = match line {
            [b'!', choice, card, ..] if !cards.is_empty() => {
                let choice = CHOICES[usize::from(*choice) % CHOICES.len()];
                let Card { proposal, digest, .. } = cards[usize::from(*card) % cards.len()];
                ChatEvent::Pressed { id, actor, proposal, choice, shown: digest, reason: None, at }
            }
            [b'?', card] if !cards.is_empty() => {
                let proposal = cards[usize::from(*card) % cards.len()].proposal;
                ChatEvent::Opened { id, actor, proposal, at }
            }
            [b'=', card, value @ ..] if !cards.is_empty() => {
                let proposal = cards[usize::from(*card) % cards.len()].proposal;
                let fields = vec![("service".parse().expect("a name"), text(value))];
                ChatEvent::Filled { id, actor, proposal, fields, at }
            }
            [b'@', minutes, ..] => {
                let minutes = i64::from(*minutes) - i64::from(b'm');
                *rig.clock.0.lock().unwrap() = noon + SignedDuration::from_mins(minutes);
                continue;
            }
            _ => ChatEvent::Said { id, actor, text: text(line), at },
        };
        cards.extend(rig.handle(event));
        for (proposal, requester) in rig.acts.0.lock().unwrap().drain(..) {
            assert_ne!(who_said, "eve", "somebody acted who may not");
            assert_ne!(requester.to_string(), "chat:eve");
            assert!(acted.insert(proposal), "`{proposal}` acted twice");
            // An edited one has a new card, and more time.
            let card = cards.iter().rev().find(|card| card.proposal == proposal);
            assert!(card.is_some_and(|card| at <= card.expires), "`{proposal}` acted after its time");
        }
    }
}
