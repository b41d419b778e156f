//! From a chat event to what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{Instrument as _, field};

use super::admission::{Place, Refusal, Refused};
use super::context::Memory;
use super::misses::LooseEnds;
use super::orders::Order;
use super::{Assistant, Knowledge, Manner, Parts, TurnError, wording};
use crate::domain::{
    Actor, Arguments, Cause, ChatEvent, ChoiceKind, Command, CommandError, ConversationId, Counted, Intent, MessageId,
    Outgoing, ParameterName, ProposalId, Reply, Tone, clean, looks_typed, parse_typed,
};
use crate::embedding::EmbeddingError;
use crate::proposal::{Proposal, Provenance};
use crate::understanding::{Context, Draft, OutcomeKind, Understanding, declines};

/// How long a reply may wait for somebody to take it.
const LISTENING: Duration = Duration::from_secs(30);

/// Where something was said, by whom, and under which id.
pub(super) struct Said<'a> {
    pub(super) conversation: &'a ConversationId,
    pub(super) actor: &'a Actor,
    pub(super) message: Option<&'a MessageId>,
    pub(super) text: &'a str,
    pub(super) at: Timestamp,
}

/// One turn: the assistant with the same knowledge from beginning to end, whatever is loaded meanwhile.
pub(super) struct Turn<'a> {
    pub(super) parts: &'a Parts,
    pub(super) manner: &'a Manner,
    pub(super) remembering: &'a tokio::sync::Mutex<()>,
    pub(super) loose_ends: &'a LooseEnds,
    /// What is answered.
    pub(super) cause: Option<Cause>,
    pub(super) knowledge: Arc<Knowledge>,
}

/// An event, and its place in its conversation; none if it is to be handled before everything else.
pub(super) struct Heard {
    event: ChatEvent,
    place: Option<Result<Place, Refusal>>,
}

impl Assistant {
    /// Hears an event, which takes its place in its conversation now.
    pub(super) fn hear(&self, event: ChatEvent) -> Heard {
        // Nobody is too fast, or too late, to stop everything.
        let place = self.turn().brake(&event).is_none().then(|| self.enter(&event));
        Heard { event, place }
    }

    fn enter(&self, event: &ChatEvent) -> Result<Place, Refusal> {
        self.admission.enter(event, self.manner.per_minute)
    }

    /// Handles what was heard to its end, executions included. What goes wrong is told to the conversation.
    pub(super) async fn attend(&self, heard: Heard) {
        let (platform, event) = (heard.event.conversation().platform.as_str(), heard.event.kind());
        let span = tracing::info_span!("turn", platform, event);
        self.attend_to(heard).instrument(span).await;
    }

    async fn attend_to(&self, Heard { event, place }: Heard) {
        let turn = self.turn_of(Some(event.cause()));
        let conversation = event.conversation();
        // Asked once more: who somebody is may have become known since.
        if let Some((said, order)) = turn.brake(&event) {
            let obeyed = Self::unharmed(turn.throw(&said, order)).await;
            return turn.tell_fault(conversation, obeyed).await;
        }
        let place = match place.unwrap_or_else(|| self.enter(&event)) {
            Ok(place) => place,
            Err(refusal) => return turn.refuse(conversation.clone(), refusal),
        };
        let handled = place.in_turn(Self::unharmed(turn.handle(&event))).await;
        turn.tell_fault(conversation, handled.unwrap_or(Err(EmbeddingError::Overloaded.into()))).await;
    }

    /// Both at once, for those who hand over one event after the other.
    pub async fn handle(&self, event: ChatEvent) {
        self.attend(self.hear(event)).await;
    }
}

impl Turn<'_> {
    pub(super) async fn say(&self, conversation: &ConversationId, reply: Reply) -> Result<(), TurnError> {
        self.utter(conversation, false, reply).await
    }

    /// To the one who is answered, and nobody else where the platform can do that.
    pub(super) async fn say_privately(&self, conversation: &ConversationId, reply: Reply) -> Result<(), TurnError> {
        self.utter(conversation, true, reply).await
    }

    async fn utter(&self, conversation: &ConversationId, private: bool, reply: Reply) -> Result<(), TurnError> {
        let clean = |text: String| self.parts.redactor.clean(&text);
        // Sentences repeat what was said. Cards and outputs are made of what is clean.
        let reply = match reply {
            Reply::Text { tone, text, output } => Reply::Text { tone, text: clean(text), output },
            Reply::Question { text, options } => {
                Reply::Question { text: clean(text), options: options.into_iter().map(clean).collect() }
            }
            Reply::Card(_) | Reply::Standing(_) | Reply::Form(_) | Reply::Progress(_) => reply,
        };
        let outgoing = self.outgoing(conversation.clone(), private, reply);
        self.parts.outbox.send_timeout(outgoing, LISTENING).await.map_err(|_| {
            self.parts.tally.count(Counted::ReplyLost);
            TurnError::Ended
        })
    }

    /// What is said in another conversation than the one of the event answers nothing there.
    pub(super) fn outgoing(&self, conversation: ConversationId, private: bool, reply: Reply) -> Outgoing {
        let answers = self.cause.clone().filter(|cause| cause.event.conversation == conversation);
        Outgoing { conversation, private: private && answers.is_some(), answers, reply }
    }

    /// Tells what went wrong.
    async fn tell_fault(&self, conversation: &ConversationId, handled: Result<(), TurnError>) {
        let Err(error) = handled else { return };
        if matches!(error, TurnError::Embedding(EmbeddingError::Overloaded)) {
            self.parts.tally.count(Counted::Overloaded);
        }
        tracing::error!(%conversation, error = &error as &dyn std::error::Error, "a turn could not be finished");
        // If this cannot be said either, nobody listens.
        let _ = self.say(conversation, wording::turn_error(&error)).await;
    }

    /// The kill switch, from somebody who may throw it. Of others it is a message like any, and waits its turn.
    fn brake<'e>(&self, event: &'e ChatEvent) -> Option<(Said<'e>, Order)> {
        let ChatEvent::Said { id, actor, text, at } = event else { return None };
        if text.len() > self.manner.max_message {
            return None;
        }
        let text = wording::unaddressed(text, &self.manner.name);
        let order = Order::read(text).filter(|order| matches!(order, Order::Halt { .. } | Order::Lift { .. }))?;
        let said = Said { conversation: &id.conversation, actor, message: Some(id), text, at: *at };
        self.parts.permissions.may_halt(actor).then_some((said, order))
    }

    /// Throws the switch, once for a message: one that comes again lifts no later halt. A store that cannot tell keeps
    /// nobody from stopping.
    async fn throw(&self, said: &Said<'_>, order: Order) -> Result<(), TurnError> {
        let Some(id) = said.message else { return self.obey(said, order).await };
        match self.parts.messages.first_time(id).await {
            Ok(false) => Ok(()),
            Err(error) if matches!(order, Order::Lift { .. }) => Err(error.into()),
            Ok(true) | Err(_) => self.obey(said, order).await,
        }
    }

    /// Lets an event go. Who must be told is told if there is room: whoever is refused holds up nobody.
    fn refuse(&self, conversation: ConversationId, Refusal { refused, tell }: Refusal) {
        let (of, reply) = match refused {
            Refused::Person => ("person", wording::too_many(self.manner.per_minute)),
            Refused::Conversation => ("conversation", wording::too_much()),
        };
        self.parts.tally.count(Counted::NotHeard(of));
        if tell {
            tracing::info!(%conversation, of, "events are not heard");
            if self.parts.outbox.try_send(self.outgoing(conversation, true, reply)).is_err() {
                self.parts.tally.count(Counted::ReplyLost);
            }
        }
    }

    async fn handle(&self, event: &ChatEvent) -> Result<(), TurnError> {
        match event {
            ChatEvent::Said { id, actor, text, at } => {
                if !self.parts.messages.first_time(id).await? {
                    return Ok(());
                }
                if text.len() > self.manner.max_message {
                    return self.say(&id.conversation, wording::too_long(text.len(), self.manner.max_message)).await;
                }
                let cleaned = clean(text);
                let text = without_slash(wording::unaddressed(&cleaned, &self.manner.name));
                if text.chars().all(|c| !c.is_alphanumeric()) {
                    return Ok(());
                }
                let said = Said { conversation: &id.conversation, actor, message: Some(id), text, at: *at };
                self.said(&said).await
            }
            ChatEvent::Pressed { id, actor, proposal, choice, shown, reason, .. } => {
                let Some(proposal) = self.meant(id, *proposal).await? else { return Ok(()) };
                let reason = reason.as_deref().map(clean).filter(|reason| !reason.trim().is_empty());
                if let Some(long) = reason.as_ref().map(String::len).filter(|len| *len > self.manner.max_message) {
                    return self.say(&id.conversation, wording::too_long(long, self.manner.max_message)).await;
                }
                self.press(&id.conversation, actor, proposal, (*choice, *shown), reason).await
            }
            ChatEvent::Opened { id, proposal, .. } => {
                let Some(proposal) = self.meant(id, *proposal).await? else { return Ok(()) };
                match wording::form(&proposal, self.knowledge.understander.intents()) {
                    Some(form) => self.say_privately(&id.conversation, Reply::Form(Box::new(form))).await,
                    None => Ok(()),
                }
            }
            ChatEvent::Filled { id, actor, proposal, fields, at } => {
                let Some(proposal) = self.meant(id, *proposal).await? else { return Ok(()) };
                let said = Said { conversation: &id.conversation, actor, message: Some(id), text: "", at: *at };
                self.fill_in(&said, proposal, fields).await
            }
        }
    }

    /// The proposal of a card, the first time that an event comes; where there is none any more, that is said.
    async fn meant(&self, id: &MessageId, proposal: ProposalId) -> Result<Option<Proposal>, TurnError> {
        if !self.parts.messages.first_time(id).await? {
            return Ok(None);
        }
        let found = self.parts.proposals.load(proposal, self.knowledge.understander.intents()).await?;
        if found.is_none() {
            self.say_privately(&id.conversation, wording::no_such_proposal()).await?;
        }
        Ok(found)
    }

    /// The command with the arguments of a form in the place of a waiting one.
    async fn fill_in(
        &self,
        said: &Said<'_>,
        proposal: Proposal,
        fields: &[(ParameterName, String)],
    ) -> Result<(), TurnError> {
        let intents = self.knowledge.understander.intents();
        let Some(intent) = intents.get(proposal.command().intent().as_str()) else { return Ok(()) };
        let mut arguments = proposal.command().to_arguments();
        match changed(intent, &mut arguments, fields).and_then(|()| Command::new(intent, &arguments)) {
            Ok(command) if command == *proposal.command() => Ok(()),
            Ok(command) => self.edit(said, proposal, command).await,
            Err(error) => self.say_privately(said.conversation, Reply::text(Tone::Warning, error.to_string())).await,
        }
    }

    async fn said(&self, said: &Said<'_>) -> Result<(), TurnError> {
        if let Some(order) = Order::read(said.text) {
            return self.obey(said, order).await;
        }
        if looks_typed(said.text) {
            let intents = self.knowledge.understander.intents();
            if let Some(intent) = said.text.split_whitespace().next().and_then(|name| intents.get(name)) {
                self.picked(said, &intent.name).await;
            }
            return match parse_typed(said.text, intents) {
                Ok(command) => {
                    let runbook = self.offered(said.conversation, &command).await?;
                    self.propose(said, command, Provenance { runbook, ..Provenance::default() }, Vec::new()).await
                }
                Err(error) => self.say(said.conversation, wording::mistyped(&error)).await,
            };
        }
        let (memory, context, mine) = self.recall(said.conversation, said.actor).await?;
        let intents = self.knowledge.understander.intents();
        if let Some((command, system)) = memory.which.as_ref().and_then(|which| which.answered(said.text, intents)) {
            let provenance = Provenance { said: Some(self.parts.redactor.clean(said.text)), ..Provenance::default() };
            return self.propose_with(said, command, Some(system), provenance, Vec::new()).await;
        }
        if memory.which.is_some() && declines(said.text) {
            self.remember(said.conversation, said.actor, &Memory { which: None, ..memory }).await?;
            return self.say(said.conversation, wording::question_dropped()).await;
        }
        let understanding = self.understand(said, &context).await?;
        let (outcome, time) = (understanding.outcome.as_str(), Duration::from_micros(understanding.micros));
        self.parts.tally.count(Counted::Understood { outcome, time });
        tracing::info!(
            conversation = %said.conversation,
            outcome = ?understanding.outcome,
            intent = understanding.intent.as_ref().map(field::display),
            confidence = understanding.confidence,
            micros = understanding.micros,
            "understood"
        );
        self.note(said, &context, &understanding).await;
        match understanding.outcome {
            OutcomeKind::Command => self.command(said, memory, &understanding, mine.into_iter().next_back()).await,
            OutcomeKind::Answer => self.answer(said, memory, &understanding).await,
            OutcomeKind::Ask => self.ask(said, memory, &understanding).await,
            OutcomeKind::None if mine.is_empty() && wording::is_bare_decision(said.text) => {
                self.say(said.conversation, wording::nothing_waits()).await
            }
            OutcomeKind::None => {
                let intents = self.knowledge.understander.intents();
                self.say(said.conversation, wording::nothing(&understanding, &mine, intents)).await
            }
            // The question came last: what sounds like a yes may be an answer to it.
            OutcomeKind::Confirm if memory.asked.is_some() || memory.which.is_some() => {
                self.say(said.conversation, wording::yes_to_what(&mine)).await
            }
            OutcomeKind::Confirm => match mine.len() {
                1 => self.press_all(said, mine, ChoiceKind::Confirm).await,
                _ => self.say(said.conversation, wording::which_proposal(&mine)).await,
            },
            OutcomeKind::Cancel if memory.asked.is_some() => {
                self.remember(said.conversation, said.actor, &Memory { asked: None, ..memory }).await?;
                self.say(said.conversation, wording::question_dropped()).await
            }
            OutcomeKind::Cancel => match mine.len() {
                1 => self.press_all(said, mine, ChoiceKind::Cancel).await,
                _ => self.say(said.conversation, wording::which_proposal(&mine)).await,
            },
        }
    }

    async fn command(
        &self,
        said: &Said<'_>,
        memory: Memory,
        understanding: &Understanding,
        latest: Option<Proposal>,
    ) -> Result<(), TurnError> {
        let intents = self.knowledge.understander.intents();
        let Some(intent) = understanding.intent.as_ref().and_then(|name| intents.get(name.as_str())) else {
            return Ok(());
        };
        // What is understood is only a candidate: it is checked again like anything typed.
        let command = match Command::new(intent, &understanding.arguments) {
            Ok(command) => command,
            Err(error) => return self.say(said.conversation, Reply::text(Tone::Warning, error.to_string())).await,
        };
        if memory.asked.is_some() {
            self.remember(said.conversation, said.actor, &Memory { asked: None, ..memory }).await?;
        }
        match latest {
            Some(proposal) if understanding.corrects => self.edit(said, proposal, command).await,
            _ => {
                let provenance = self.provenance(said, understanding);
                let notes = wording::notes(understanding, self.knowledge.understander.entities());
                self.propose(said, command, provenance, notes).await
            }
        }
    }

    async fn understand(&self, said: &Said<'_>, context: &Context) -> Result<Understanding, EmbeddingError> {
        let span = tracing::info_span!("understand", outcome = field::Empty, intent = field::Empty);
        let understander = &self.knowledge.understander;
        let understanding = understander.understand(said.text, context, said.at).instrument(span.clone()).await?;
        span.record("outcome", understanding.outcome.as_str());
        span.record("intent", understanding.intent.as_ref().map(field::display));
        Ok(understanding)
    }

    /// How the command came about, for the record.
    pub(super) fn provenance(&self, said: &Said<'_>, understanding: &Understanding) -> Provenance {
        let runner_up = understanding
            .alternatives
            .iter()
            .find(|other| Some(&other.intent) != understanding.intent.as_ref())
            .map(|other| (other.intent.clone(), other.confidence));
        Provenance {
            said: Some(self.parts.redactor.clean(said.text)),
            model: Some(self.knowledge.understander.digest()),
            confidence: Some(understanding.confidence),
            runner_up,
            runbook: None,
        }
    }

    async fn ask(&self, said: &Said<'_>, memory: Memory, understanding: &Understanding) -> Result<(), TurnError> {
        let intents = self.knowledge.understander.intents();
        let intent = understanding.intent.as_ref().and_then(|name| intents.get(name.as_str()));
        let reply = match intent {
            Some(intent) => {
                let draft = Draft { intent: intent.name.clone(), arguments: understanding.arguments.clone() };
                let asked = Some((&draft, understanding.missing.as_slice()).into());
                self.remember(said.conversation, said.actor, &Memory { asked, ..memory }).await?;
                self.question(intent, &understanding.missing, &understanding.stages.unsure)
            }
            None => wording::which(understanding, &self.readings(said, understanding).await?),
        };
        self.say(said.conversation, reply).await
    }

    /// What the two likeliest intents would make of a message: a whole command, or the intent's name.
    async fn readings(
        &self,
        said: &Said<'_>,
        understanding: &Understanding,
    ) -> Result<Vec<(&Intent, String)>, TurnError> {
        let understander = &self.knowledge.understander;
        let mut readings = Vec::new();
        for other in understanding.alternatives.iter().take(2) {
            let Some(intent) = understander.intents().get(other.intent.as_str()).map(AsRef::as_ref) else { continue };
            let arguments = understander.filled_for(intent, said.text).await?.values();
            let command = Command::new(intent, &arguments);
            readings.push((intent, command.map_or_else(|_| intent.name.to_string(), |command| command.to_string())));
        }
        Ok(readings)
    }
}

/// Puts what stands in fields into arguments.
fn changed(intent: &Intent, arguments: &mut Arguments, fields: &[(ParameterName, String)]) -> Result<(), CommandError> {
    for (name, text) in fields {
        let parameter = intent.parameter(name.as_str()).ok_or_else(|| CommandError::UnknownParameter {
            intent: intent.name.clone(),
            parameter: name.to_string(),
        })?;
        if text.trim().is_empty() {
            arguments.remove(name);
        } else {
            let value = parameter.parse(text.trim());
            let value = value.map_err(|source| CommandError::Invalid { parameter: name.clone(), source })?;
            arguments.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// `/help`, `/host.disk path=/var`: the habit of other chats. `/var is full` is no such thing.
fn without_slash(text: &str) -> &str {
    match text.strip_prefix('/') {
        Some(rest) if looks_typed(rest) || !rest.contains(|c: char| c.is_whitespace() || c == '/') => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::without_slash;

    #[test]
    fn a_slash_in_front_of_a_command_is_dropped() {
        for (text, expected) in [
            ("/help", "help"),
            ("/host.disk", "host.disk"),
            ("/host.disk path=/var", "host.disk path=/var"),
            ("/var is full", "/var is full"),
            ("/var/log", "/var/log"),
            ("host.disk path=/", "host.disk path=/"),
            ("/", ""),
        ] {
            assert_eq!(without_slash(text), expected);
        }
    }
}
