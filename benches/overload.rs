//! More messages than anybody could read: from 64 conversations at once, and then from one that drowns the others. Ends with
//! an error if anything is proposed for the wrong person, somebody is starved or not told, or the memory grows.
//!
//!     cargo bench --profile dev --bench overload -- 60 1000      seconds, and messages in each of them

#![expect(clippy::expect_used, reason = "a bench may fail")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sayso::assistant::Assistant;
use sayso::audit::{AuditEvent, AuditLog as _, Fact, verify_log};
use sayso::catalogue::Manifest;
use sayso::domain::{Actor, ChatEvent, Clock, ConversationId, Counted, MessageId, Outgoing, Reply, SystemClock, Tally};
use sayso::store::{MessageLog, Sqlite, StoreError};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

const CONVERSATIONS: usize = 64;
/// How many people talk in each.
const PEOPLE: usize = 4;
/// What the memory may grow by, in MiB.
const GROWTH: u64 = 512;

const WORKER: &str = "summary = \"A worker\"\nlocal = true\nrequires = { always = true }\n[actions.restart]\n\
    implements = \"service.restart\"\nparameters.environment = { ignored = true }\n\
    process.argv = [\"/bin/true\", \"--\", \"{{ service }}\"]\n";

/// Remembers which messages were heard.
struct Hearing {
    store: Arc<Sqlite>,
    heard: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl MessageLog for Hearing {
    async fn first_time(&self, message: &MessageId) -> Result<bool, StoreError> {
        self.heard.lock().expect("a lock").insert(message.message.clone());
        self.store.first_time(message).await
    }
}

/// Counts what was refused, and by whom.
#[derive(Default)]
struct Counts {
    not_heard: AtomicU64,
    overloaded: AtomicU64,
    understood: AtomicU64,
}

impl Tally for Counts {
    fn count(&self, counted: Counted<'_>) {
        match counted {
            Counted::NotHeard(_) => self.not_heard.fetch_add(1, Ordering::Relaxed),
            Counted::Overloaded => self.overloaded.fetch_add(1, Ordering::Relaxed),
            Counted::Understood { .. } => self.understood.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
    }
}

/// Everybody's name holds their conversation's.
fn event(conversation: usize, person: usize, number: u64, at: jiff::Timestamp) -> ChatEvent {
    let name = format!("c{conversation}-p{person}");
    let text = match number % 7 {
        0 | 3 => format!("service.restart service={name}"),
        1 => "yes".to_owned(),
        2 => "how full is the disk?".to_owned(),
        4 => "thanks, that was quick".to_owned(),
        5 => format!("please restart {name}"),
        _ => "host.uptime".to_owned(),
    };
    let conversation = ConversationId { platform: "chat".to_owned(), channel: format!("c{conversation}") };
    let id = MessageId { conversation, message: number.to_string() };
    ChatEvent::Said { id, actor: Actor::new("chat", &name).expect("a name"), text, at }
}

/// What became of the messages of a phase: for each conversation how many were sent, and how long those took that were heard.
struct Phase {
    sent: BTreeMap<usize, u64>,
    took: BTreeMap<usize, Vec<Duration>>,
    told: BTreeSet<String>,
}

impl Phase {
    fn of(&self, conversations: impl Fn(usize) -> bool) -> String {
        let chosen = |(conversation, _): &(&usize, &Vec<Duration>)| conversations(**conversation);
        let mut all: Vec<Duration> =
            self.took.iter().filter(chosen).flat_map(|(_, took)| took.iter().copied()).collect();
        all.sort();
        let sent: u64 = self.sent.iter().filter(|(one, _)| conversations(**one)).map(|(_, sent)| sent).sum();
        let at = |part: usize| all.get(all.len().saturating_sub(1) * part / 100).copied().unwrap_or_default();
        format!("{sent} sent, {} heard, p50 {:.0?}, p99 {:.0?}, longest {:.0?}", all.len(), at(50), at(99), at(100))
    }

    fn heard(&self, conversation: usize) -> usize {
        self.took.get(&conversation).map_or(0, Vec::len)
    }
}

struct Flood {
    assistant: Arc<Assistant>,
    hearing: Arc<Hearing>,
    replies: tokio::sync::mpsc::Receiver<Outgoing>,
    number: u64,
}

impl Flood {
    /// Sends messages for so long; `from` says of which conversation the next one is.
    async fn run(&mut self, seconds: u64, rate: u64, from: impl Fn(u64) -> usize) -> Phase {
        let mut phase = Phase { sent: BTreeMap::new(), took: BTreeMap::new(), told: BTreeSet::new() };
        let mut turns = JoinSet::new();
        let mut ticks = interval(Duration::from_millis(10));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut left = seconds * 100;
        let listen = |told: &mut BTreeSet<String>, outgoing: Outgoing| {
            if matches!(&outgoing.reply, Reply::Text { text, .. } if text.starts_with("More is said here")) {
                told.insert(outgoing.conversation.channel);
            }
        };
        while left > 0 || !turns.is_empty() {
            tokio::select! {
                _ = ticks.tick(), if left > 0 => {
                    left -= 1;
                    for _ in 0..rate / 100 {
                        self.number += 1;
                        let number = self.number;
                        let conversation = from(number);
                        *phase.sent.entry(conversation).or_default() += 1;
                        let event = event(conversation, number as usize % PEOPLE, number, SystemClock.now());
                        let assistant = Arc::clone(&self.assistant);
                        turns.spawn(async move {
                            let begun = Instant::now();
                            assistant.handle(event).await;
                            (conversation, number, begun.elapsed())
                        });
                    }
                }
                Some(done) = turns.join_next() => {
                    let (conversation, number, took) = done.expect("no turn panics");
                    if self.hearing.heard.lock().expect("a lock").remove(&number.to_string()) {
                        phase.took.entry(conversation).or_default().push(took);
                    }
                }
                Some(outgoing) = self.replies.recv() => listen(&mut phase.told, outgoing),
            }
        }
        while let Ok(outgoing) = self.replies.try_recv() {
            listen(&mut phase.told, outgoing);
        }
        phase
    }
}

/// A figure of this process, in MiB: `VmRSS`, `VmHWM`.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Everything on record that was proposed or done: by whoever asked for it, where they asked.
async fn wrong_people(store: &Sqlite) -> (usize, Vec<String>) {
    let (mut proposals, mut wrong) = (0, Vec::new());
    let mut after = 0;
    loop {
        let rows = store.rows(after, 1_000).await.expect("the record");
        let Some(last) = rows.last() else { return (proposals, wrong) };
        after = last.sequence;
        for row in rows {
            let event: AuditEvent = serde_json::from_str(&row.event).expect("an event");
            let Some(name) = event.command.as_deref().and_then(|line| line.strip_prefix("service.restart service="))
            else {
                continue;
            };
            let actor = event.actor.map(|actor| actor.to_string()).unwrap_or_default();
            let place = event.conversation.map(|place| place.channel);
            let is_place = place.is_none_or(|place| name.starts_with(&format!("{place}-")));
            let approvers: Vec<String> = match &event.fact {
                Fact::ExecutionStarted { approvers, .. } => approvers.iter().map(ToString::to_string).collect(),
                Fact::ProposalCreated { .. } => {
                    proposals += 1;
                    Vec::new()
                }
                _ => Vec::new(),
            };
            let everybody = approvers.iter().chain([&actor]).all(|one| *one == format!("chat:{name}"));
            if !is_place || !everybody {
                wrong.push(format!("{name}: by {actor}, {approvers:?}"));
            }
        }
    }
}

fn main() {
    let numbers: Vec<u64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (seconds, rate) = (numbers.first().copied().unwrap_or(60), numbers.get(1).copied().unwrap_or(1_000));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut catalogue = common::catalogue();
        catalogue.manifests.extend(Manifest::parse("integrations/worker.toml", WORKER, &mut Vec::new()));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mut rig = common::Rig::open(catalogue, &["host", "sayso", "worker"], "chat:*", &clock).await;
        let counts = Arc::new(Counts::default());
        let hearing = Arc::new(Hearing { store: Arc::clone(&rig.store), heard: Mutex::default() });
        rig.parts.messages = hearing.clone();
        rig.parts.tally = counts.clone();
        let assistant = Arc::new(Assistant::new(rig.parts, common::manner(u32::MAX)));
        let mut flood = Flood { assistant, hearing, replies: rig.replies, number: 0 };

        let quiet = flood.run(seconds.div_ceil(6), 100, |number| number as usize % 4).await;
        let before = memory("VmRSS:");
        println!("4 conversations, 100 messages/s: {}", quiet.of(|_| true));

        let even = flood.run(seconds, rate, |number| (number / 3) as usize % CONVERSATIONS).await;
        println!("{CONVERSATIONS} conversations, {rate} messages/s: {}", even.of(|_| true));
        let mut each: Vec<usize> = (0..CONVERSATIONS).map(|one| even.heard(one)).collect();
        each.sort_unstable();
        let median = each[CONVERSATIONS / 2];
        println!("heard of a conversation: least {}, median {median}, most {}", each[0], each[CONVERSATIONS - 1]);

        // One in a hundred is of somebody else.
        let flooded =
            flood.run(seconds, rate, |number| if number % 100 == 0 { 1 + (number / 100) as usize % 63 } else { 0 });
        let flooded = flooded.await;
        println!("one conversation floods, itself: {}", flooded.of(|one| one == 0));
        println!("one conversation floods, the others: {}", flooded.of(|one| one > 0));

        let peak = memory("VmHWM:");
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let [not_heard, overloaded, understood] = [&counts.not_heard, &counts.overloaded, &counts.understood].map(load);
        println!("understood {understood}, not heard {not_heard}, refused by the encoder {overloaded}");
        println!("memory: {before} MiB before, at most {peak} MiB");
        let (proposals, wrong) = wrong_people(&rig.store).await;
        println!("{proposals} proposals, {} for the wrong person", wrong.len());
        let head = verify_log(rig.store.as_ref(), None).await.expect("the chain is whole");
        println!("the record is whole: {head}");

        assert_eq!(wrong, Vec::<String>::new());
        assert!(proposals > 0 && understood > 0);
        assert!(each[0] * 2 >= median, "a conversation was starved");
        let others: u64 = flooded.sent.iter().filter(|(one, _)| **one > 0).map(|(_, sent)| sent).sum();
        let heard: usize = (1..CONVERSATIONS).map(|one| flooded.heard(one)).sum();
        assert_eq!(heard as u64, others, "a flood of one conversation cost another a message");
        for phase in [&even, &flooded] {
            for (conversation, sent) in &phase.sent {
                let all_heard = phase.heard(*conversation) as u64 == *sent;
                assert!(all_heard || phase.told.contains(&format!("c{conversation}")), "c{conversation} was not told");
            }
        }
        assert!(peak < before + GROWTH, "the memory grows");
    });
}
