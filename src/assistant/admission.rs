//! Who is heard, and when: each person so often, each conversation one turn after the other, and nobody behind a flood.
//!
//! A chat may hand over everything at once. What is too much is refused before anything is read, written or remembered of
//! it, and said once in a while, so that a flood of messages is not answered by a flood of refusals.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{Instant, timeout};

use crate::domain::{Actor, ChatEvent, ConversationId};

/// How many events of one conversation may be under way or wait.
const WAITING: usize = 8;
/// In how many conversations something may be under way or wait.
const CONVERSATIONS: usize = 1_024;
/// In how many conversations something may be under way. Fewer than messages may wait for the model.
const AT_ONCE: usize = 32;
/// How long an event may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// A turn that takes longer than this waits for something else than us: it makes room for the next one.
const HOLD: Duration = Duration::from_secs(2);
/// How often the same conversation, or person, is told that it is too much.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// The time in which the messages of a person are counted.
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

/// Why an event is not handled. Each is said once in a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The person has said too much within a minute.
    Person,
    /// Too much waits in the conversation, or in too many.
    Conversation,
}

/// Whom nobody hears at the moment, and whether that has to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) refused: Refused,
    pub(super) tell: bool,
}

/// The door. One for the whole process.
pub(super) struct Admission {
    people: Mutex<BTreeMap<(Actor, bool), Rate>>,
    lines: Mutex<HashMap<ConversationId, Line>>,
    /// Served in the order of asking. Each conversation asks for one at a time, so that they take turns.
    turns: Semaphore,
}

/// What a person said in the minute that began then.
struct Rate {
    since: Timestamp,
    count: u32,
    told: Told,
}

/// What waits in a conversation.
struct Line {
    inside: usize,
    /// Whoever came last, for whoever comes next to wait for.
    last: oneshot::Receiver<()>,
    turn: Arc<Semaphore>,
    told: Told,
}

/// When somebody was told last.
#[derive(Default)]
struct Told(Option<Instant>);

impl Told {
    /// Whether it has to be said now.
    fn again(&mut self) -> bool {
        let again = self.0.is_none_or(|last| last.elapsed() >= TOLD_EVERY);
        if again {
            self.0 = Some(Instant::now());
        }
        again
    }
}

/// A place in the line of a conversation, behind all that were taken before; left when it goes.
pub(super) struct Place {
    admission: Arc<Admission>,
    conversation: ConversationId,
    /// Ends when the place before has been left.
    before: oneshot::Receiver<()>,
    /// Goes with this place.
    _left: oneshot::Sender<()>,
    turn: Arc<Semaphore>,
}

impl Default for Admission {
    fn default() -> Self {
        Self { people: Mutex::default(), lines: Mutex::default(), turns: Semaphore::new(AT_ONCE) }
    }
}

impl Admission {
    /// A place for an event, of a person who may send so many within a minute. Presses are counted apart: whoever has said
    /// too much may still say no.
    pub(super) fn enter(self: &Arc<Self>, event: &ChatEvent, per_minute: u32) -> Result<Place, Refusal> {
        let presses = !matches!(event, ChatEvent::Said { .. });
        self.count((event.cause().actor, presses), event.at(), per_minute)?;
        self.line_up(event.conversation())
    }

    fn count(&self, person: (Actor, bool), at: Timestamp, per_minute: u32) -> Result<(), Refusal> {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back makes no minute longer.
        people.retain(|_, rate| at.duration_since(rate.since).abs() < MINUTE);
        let rate = people.entry(person).or_insert(Rate { since: at, count: 0, told: Told::default() });
        rate.count = rate.count.saturating_add(1);
        if rate.count <= per_minute {
            return Ok(());
        }
        Err(Refusal { refused: Refused::Person, tell: rate.told.again() })
    }

    fn line_up(self: &Arc<Self>, conversation: &ConversationId) -> Result<Place, Refusal> {
        let mut lines = self.lines();
        if lines.len() >= CONVERSATIONS {
            lines.retain(|_, line| line.inside > 0);
        }
        let full = lines.len() >= CONVERSATIONS;
        let refused = Refused::Conversation;
        let line = match lines.get_mut(conversation) {
            Some(line) if line.inside >= WAITING => return Err(Refusal { refused, tell: line.told.again() }),
            Some(line) => line,
            // There is nowhere to remember that it was said.
            None if full => return Err(Refusal { refused, tell: true }),
            None => lines.entry(conversation.clone()).or_insert_with(|| Line {
                inside: 0,
                // Nobody was there before.
                last: oneshot::channel().1,
                turn: Arc::new(Semaphore::new(1)),
                told: Told::default(),
            }),
        };
        line.inside += 1;
        let (left, last) = oneshot::channel();
        let before = std::mem::replace(&mut line.last, last);
        let turn = Arc::clone(&line.turn);
        Ok(Place { admission: Arc::clone(self), conversation: conversation.clone(), before, _left: left, turn })
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<ConversationId, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Does the work when it is this place's turn; none if that did not come in time.
    pub(super) async fn in_turn<T>(mut self, work: impl Future<Output = T>) -> Option<T> {
        let (own, all) = (Arc::clone(&self.turn), Arc::clone(&self.admission));
        let turns = async {
            // Left without a word.
            let _ = (&mut self.before).await;
            // The conversation's own first: what waits there must not hold up others. Neither is ever closed.
            let own = own.acquire().await.ok()?;
            Some((own, all.turns.acquire().await.ok()?))
        };
        let held = timeout(PATIENCE, turns).await.ok().flatten()?;
        tokio::pin!(work);
        let done = timeout(HOLD, &mut work).await;
        drop(held);
        drop(self);
        Some(match done {
            Ok(done) => done,
            Err(_) => work.await,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.admission.lines();
        if let Some(line) = lines.get_mut(&self.conversation) {
            line.inside -= 1;
            // One that was told something is remembered as long as there is room.
            if line.inside == 0 && line.told.0.is_none() {
                lines.remove(&self.conversation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::MessageId;

    fn said(who: &str, channel: &str, second: i64) -> ChatEvent {
        let conversation = ConversationId { platform: "chat".to_owned(), channel: channel.to_owned() };
        ChatEvent::Said {
            id: MessageId { conversation, message: "1".to_owned() },
            actor: Actor::new("chat", who).unwrap(),
            text: "hello".to_owned(),
            at: Timestamp::from_second(1_000_000 + second).unwrap(),
        }
    }

    fn pressed(who: &str) -> ChatEvent {
        let ChatEvent::Said { id, actor, at, .. } = said(who, "main", 0) else { unreachable!() };
        let (proposal, choice) = (crate::domain::ProposalId::random(), crate::domain::ChoiceKind::Reject);
        ChatEvent::Pressed { id, actor, proposal, choice, shown: crate::domain::Digest::of([]), reason: None, at }
    }

    fn refused(result: Result<Place, Refusal>) -> Option<Refusal> {
        result.err()
    }

    #[test]
    fn a_person_may_say_so_much_in_a_minute_and_still_say_no() {
        let admission = Arc::<Admission>::default();
        let person = |tell| Some(Refusal { refused: Refused::Person, tell });
        for _ in 0..2 {
            assert_eq!(refused(admission.enter(&said("a", "main", 0), 2)), None);
        }
        assert_eq!(refused(admission.enter(&said("a", "main", 1), 2)), person(true));
        assert_eq!(refused(admission.enter(&said("a", "main", 2), 2)), person(false), "said once");
        assert_eq!(refused(admission.enter(&pressed("a"), 2)), None);
        assert_eq!(refused(admission.enter(&said("b", "main", 2), 2)), None, "somebody else");
        assert_eq!(refused(admission.enter(&said("a", "main", 60), 2)), None, "a minute later");
    }

    #[test]
    fn a_clock_that_jumps_silences_nobody() {
        let admission = Arc::<Admission>::default();
        for second in [0, 1, -86_400, -86_399, 86_400, 86_401, 0, 1] {
            assert_eq!(refused(admission.enter(&said("a", "main", second), 2)), None, "{second}");
        }
    }

    #[test]
    fn a_conversation_has_so_much_room_and_others_have_theirs() {
        let admission = Arc::<Admission>::default();
        let places: Vec<_> = (0..WAITING).map(|_| admission.enter(&said("a", "main", 0), 100).ok().unwrap()).collect();
        let full = |tell| Some(Refusal { refused: Refused::Conversation, tell });
        assert_eq!(refused(admission.enter(&said("b", "main", 0), 100)), full(true));
        assert_eq!(refused(admission.enter(&said("b", "main", 0), 100)), full(false));
        assert_eq!(refused(admission.enter(&said("b", "other", 0), 100)), None);
        drop(places);
        assert_eq!(refused(admission.enter(&said("b", "main", 0), 100)), None);
        // No number of conversations fills the memory.
        let names: Vec<_> = (0..CONVERSATIONS).map(|number| said("a", &number.to_string(), 0)).collect();
        let places: Vec<_> = names.iter().map(|event| admission.enter(event, 10_000).ok().unwrap()).collect();
        assert_eq!(refused(admission.enter(&said("a", "one more", 0), 10_000)), full(true));
        drop(places);
        assert_eq!(refused(admission.enter(&said("a", "one more", 0), 10_000)), None);
    }

    #[tokio::test]
    async fn what_takes_long_holds_up_nobody_and_what_is_short_comes_in_order() {
        let admission = Arc::<Admission>::default();
        let (order, at_once) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        let turn = async |number: usize, work: Duration| {
            let place = admission.enter(&said("a", "main", 0), 100).ok().unwrap();
            let work = async {
                assert!(work > HOLD || at_once.fetch_add(1, Ordering::SeqCst) == 0, "one after the other");
                tokio::time::sleep(work).await;
                at_once.fetch_sub(usize::from(work <= HOLD), Ordering::SeqCst);
                order.lock().unwrap().push(number);
            };
            place.in_turn(work).await.unwrap();
        };
        let short = Duration::from_millis(100);
        tokio::join!(turn(0, HOLD + 5 * short), turn(1, short), turn(2, short));
        assert_eq!(*order.lock().unwrap(), [1, 2, 0]);
        assert!(admission.lines().is_empty());
    }

    #[tokio::test]
    async fn places_are_served_in_the_order_in_which_they_were_taken() {
        let admission = Arc::<Admission>::default();
        let order = Mutex::new(Vec::new());
        let [first, second, third] = [(); 3].map(|()| admission.enter(&said("a", "main", 0), 100).ok().unwrap());
        let turn = |place: Place, number: usize| place.in_turn(async move { number });
        let turn = async |place, number| {
            let number = turn(place, number).await;
            order.lock().unwrap().extend(number);
        };
        // Whoever took the last place is the first to be there.
        tokio::join!(turn(third, 3), turn(second, 2), turn(first, 1));
        assert_eq!(*order.lock().unwrap(), [1, 2, 3]);
    }
}
