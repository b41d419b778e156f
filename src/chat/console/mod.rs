//! The console: lines in, replies out; the same chat as on any platform, without an account.

mod input;
mod render;

pub use input::{Lines, actor};
pub use render::{Style, render};

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::domain::{
    Actor, ChatEvent, ChoiceKind, Clock, ConversationId, Digest, MessageId, Outgoing, ProposalId, Reply, Tone,
};

/// How long a turn takes before the console listens for somebody who wants to stop it.
const LONG: Duration = Duration::from_secs(1);

/// What a number stands for at this moment.
enum Numbered {
    Choice(ProposalId, ChoiceKind, Digest),
    Answer(String),
}

/// The console's side of a chat.
pub struct Console {
    actor: Actor,
    style: Style,
    clock: Arc<dyn Clock>,
    replies: mpsc::Receiver<Outgoing>,
    session: Uuid,
    said: u64,
    numbered: Vec<Numbered>,
    standing: Standing,
}

/// Where the conversation stands after the last that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Answered, or done.
    Settled,
    /// Refused, failed, or not known.
    Unsettled,
    /// A question waits for an answer.
    Asked,
    /// A card waits for a decision.
    Undecided,
}

impl Console {
    /// A console for one person.
    pub fn new(actor: Actor, style: Style, clock: Arc<dyn Clock>, replies: mpsc::Receiver<Outgoing>) -> Self {
        Self {
            actor,
            style,
            clock,
            replies,
            session: Uuid::now_v7(),
            said: 0,
            numbered: Vec::new(),
            standing: Standing::Settled,
        }
    }

    /// The one conversation there is.
    pub fn conversation() -> ConversationId {
        ConversationId { platform: "console".to_owned(), channel: "main".to_owned() }
    }

    /// Reads lines until they end, one turn after the other. While one takes long, a line that is a brake does not wait
    /// its turn.
    pub async fn run(&mut self, lines: &mut Lines, handle: impl AsyncFn(ChatEvent), is_brake: impl Fn(&str) -> bool) {
        loop {
            let line = tokio::select! {
                line = lines.next() => line,
                Some(outgoing) = self.replies.recv() => {
                    self.show_unasked(&outgoing.reply);
                    continue;
                }
            };
            let Some(line) = line else { break };
            if matches!(line.trim(), "exit" | "quit" | ":q") {
                break;
            }
            let event = self.event(line);
            self.attended(event, lines, &handle, &is_brake).await;
        }
    }

    /// A turn that can be interrupted: once it takes long, lines are listened to. What brakes is handled beside it; what
    /// does not is put back, and waits.
    async fn attended(
        &mut self,
        event: ChatEvent,
        lines: &mut Lines,
        handle: &impl AsyncFn(ChatEvent),
        is_brake: &impl Fn(&str) -> bool,
    ) {
        self.standing = Standing::Settled;
        let handling = handle(event);
        let long = tokio::time::sleep(LONG);
        tokio::pin!(handling, long);
        let mut brakes = FuturesUnordered::new();
        let (mut done, mut listening) = (false, false);
        while !done || !brakes.is_empty() {
            tokio::select! {
                biased;
                Some(outgoing) = self.replies.recv() => self.show(&outgoing.reply),
                Some(()) = brakes.next() => {}
                () = &mut handling, if !done => done = true,
                () = &mut long, if !listening && !done => listening = true,
                line = lines.listen(), if listening && !done => match line {
                    Some(line) if is_brake(&line) => {
                        let event = self.event(line);
                        brakes.push(handle(event));
                    }
                    Some(line) => listening = lines.put_back(line),
                    None => listening = false,
                },
            }
        }
        self.drain();
    }

    /// One event, with everything that is said to it.
    pub async fn turn(&mut self, event: ChatEvent, handle: &impl AsyncFn(ChatEvent)) {
        self.standing = Standing::Settled;
        let handling = handle(event);
        tokio::pin!(handling);
        loop {
            tokio::select! {
                biased;
                Some(outgoing) = self.replies.recv() => self.show(&outgoing.reply),
                () = &mut handling => break,
            }
        }
        self.drain();
    }

    /// Shows what has been said and not been shown.
    pub fn drain(&mut self) {
        while let Ok(outgoing) = self.replies.try_recv() {
            self.show(&outgoing.reply);
        }
    }

    /// What a line means: a number of what was just shown, or something said.
    pub fn event(&mut self, line: String) -> ChatEvent {
        self.said += 1;
        let message = format!("{}-{}", self.session, self.said);
        let id = MessageId { conversation: Self::conversation(), message };
        let actor = self.actor.clone();
        let at = self.clock.now();
        let number = line.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match number.and_then(|index| self.numbered.get(index)) {
            Some(Numbered::Choice(proposal, choice, shown)) => {
                ChatEvent::Pressed { id, actor, proposal: *proposal, choice: *choice, shown: *shown, reason: None, at }
            }
            Some(Numbered::Answer(text)) => ChatEvent::Said { id, actor, text: text.clone(), at },
            None => ChatEvent::Said { id, actor, text: line, at },
        }
    }

    /// What the last that was said leaves open.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// What comes by itself, an alert for one: its numbers go on where those of an open card end, so that a "1" that is being
    /// typed stays what it was.
    fn show_unasked(&mut self, reply: &Reply) {
        let card = self.numbered.iter().any(|number| matches!(number, Numbered::Choice(..)));
        let open = match reply {
            Reply::Question { .. } if card => std::mem::take(&mut self.numbered),
            _ => Vec::new(),
        };
        self.show_after(open, reply);
    }

    fn show(&mut self, reply: &Reply) {
        self.show_after(Vec::new(), reply);
    }

    /// Shows a reply whose numbers follow those that are `open`. What was shown stays as it was, and forms are words.
    fn show_after(&mut self, open: Vec<Numbered>, reply: &Reply) {
        if matches!(reply, Reply::Standing(_)) {
            return;
        }
        let first = open.len() + 1;
        self.standing = match reply {
            Reply::Card(_) => Standing::Undecided,
            Reply::Question { .. } => Standing::Asked,
            Reply::Text { tone: Tone::Plain | Tone::Good, .. } => Standing::Settled,
            Reply::Text { tone: Tone::Warning | Tone::Bad, .. } | Reply::Form(_) => Standing::Unsettled,
            Reply::Progress(_) | Reply::Standing(_) => self.standing,
        };
        self.numbered = match reply {
            Reply::Card(card) => {
                card.choices.iter().map(|c| Numbered::Choice(card.proposal, c.kind, card.digest)).collect()
            }
            Reply::Question { options, .. } => {
                // What stands behind two spaces explains, and is no part of the answer.
                let answer = |option: &String| option.split("  ").next().unwrap_or_default().to_owned();
                open.into_iter().chain(options.iter().map(|option| Numbered::Answer(answer(option)))).collect()
            }
            Reply::Progress(_) | Reply::Standing(_) => std::mem::take(&mut self.numbered),
            Reply::Text { .. } | Reply::Form(_) => Vec::new(),
        };
        let text = render(reply, first, self.style);
        let mut out = std::io::stdout().lock();
        // A reader that has gone away is no reason to fail: what was decided is on record.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
