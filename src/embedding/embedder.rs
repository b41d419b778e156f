//! A thread of its own for the encoder, with a bounded queue in front of it.
//!
//! Reading a message takes milliseconds of pure computation. It never happens on a thread that serves a chat; when more
//! messages wait than fit the queue, the next one is told so at once.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{EmbeddingError, Encoded, Encoder};
use crate::domain::Digest;

/// How long an answer may take. A full queue of messages is a second's work.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many texts a blocking caller queues at a time: messages that arrive meanwhile wait for these, not for all.
const SLICE: usize = 32;

/// The handle to the encoder's thread. Cheap to clone; the thread ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Embedder {
    queue: SyncSender<Job>,
    dimension: usize,
    digest: Digest,
}

/// Texts that wait for the encoder, and who waits for them.
#[derive(Debug)]
struct Job {
    texts: Vec<String>,
    answer: oneshot::Sender<Result<Vec<Encoded>, EmbeddingError>>,
}

impl Embedder {
    /// Starts the thread. At most `capacity` calls wait for it; the next is [`EmbeddingError::Overloaded`].
    pub fn start(encoder: Box<dyn Encoder>, capacity: NonZeroUsize) -> Result<Self, EmbeddingError> {
        let (queue, jobs) = sync_channel(capacity.get());
        let (dimension, digest) = (encoder.dimension(), encoder.digest());
        thread::Builder::new()
            .name("embedder".to_owned())
            .spawn(move || work(encoder.as_ref(), &jobs))
            .map_err(EmbeddingError::Thread)?;
        Ok(Self { queue, dimension, digest })
    }

    /// How many numbers a vector has.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The digest of the weights, the tokenizer and the configuration.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Encodes texts, in order. Never waits for room in the queue.
    pub async fn encode(&self, texts: Vec<String>) -> Result<Vec<Encoded>, EmbeddingError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Job { texts, answer }).map_err(|error| match error {
            TrySendError::Full(_) => EmbeddingError::Overloaded,
            TrySendError::Disconnected(_) => EmbeddingError::Ended,
        })?;
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(answer) => answer.map_err(|_| EmbeddingError::Ended)?,
            Err(_) => Err(EmbeddingError::TimedOut(PATIENCE)),
        }
    }

    /// Encodes any number of texts, in order, for loading: waits its turn, a slice at a time, so that messages are read
    /// in between. Takes as long as the computation takes.
    ///
    /// # Panics
    /// On a thread that drives asynchronous tasks; use `spawn_blocking` there.
    pub fn encode_blocking(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
        let mut encoded = Vec::with_capacity(texts.len());
        for slice in texts.chunks(SLICE) {
            let (answer, answered) = oneshot::channel();
            let texts = slice.iter().map(|text| (*text).to_owned()).collect();
            self.queue.send(Job { texts, answer }).map_err(|_| EmbeddingError::Ended)?;
            encoded.extend(answered.blocking_recv().map_err(|_| EmbeddingError::Ended)??);
        }
        Ok(encoded)
    }
}

/// The thread: one job after the other until the last handle is gone.
fn work(encoder: &dyn Encoder, jobs: &Receiver<Job>) {
    for Job { texts, answer } in jobs {
        if answer.is_closed() {
            // Whoever asked has gone.
            continue;
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        // The encoder only reads its weights, so a panic leaves nothing half done in it.
        let encoded = catch_unwind(AssertUnwindSafe(|| encoder.encode(&texts)))
            .unwrap_or_else(|panic| Err(EmbeddingError::Panicked(panic_message(panic.as_ref()))));
        // An error here says that nobody waits any more.
        let _ = answer.send(encoded);
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::mpsc::Sender;

    use super::*;

    /// Says what it read: the vector is the text's length. `boom` panics, `wait` waits for the gate.
    struct Lengths {
        gate: Receiver<()>,
        read: Arc<AtomicUsize>,
        ended: Arc<AtomicBool>,
    }

    struct Watch {
        gate: Sender<()>,
        read: Arc<AtomicUsize>,
        ended: Arc<AtomicBool>,
    }

    impl Encoder for Lengths {
        fn dimension(&self) -> usize {
            1
        }

        fn digest(&self) -> Digest {
            Digest::of([b"lengths".as_slice()])
        }

        fn encode(&self, texts: &[&str]) -> Result<Vec<Encoded>, EmbeddingError> {
            let encode = |text: &&str| {
                self.read.fetch_add(1, Ordering::SeqCst);
                match *text {
                    "boom" => panic!("cannot read `boom`"),
                    "wait" => self.gate.recv().unwrap(),
                    _ => {}
                }
                Encoded { sentence: vec![text.len() as f32], tokens: Vec::new() }
            };
            Ok(texts.iter().map(encode).collect())
        }
    }

    impl Drop for Lengths {
        fn drop(&mut self) {
            self.ended.store(true, Ordering::SeqCst);
        }
    }

    fn embedder(capacity: usize) -> (Embedder, Watch) {
        let (gate, waits) = std::sync::mpsc::channel();
        let (read, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let encoder = Lengths { gate: waits, read: Arc::clone(&read), ended: Arc::clone(&ended) };
        (Embedder::start(Box::new(encoder), NonZeroUsize::new(capacity).unwrap()).unwrap(), Watch { gate, read, ended })
    }

    async fn until(condition: impl Fn() -> bool) {
        let waiting = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("did not happen within ten seconds");
    }

    async fn length(embedder: &Embedder, text: &str) -> Result<f32, EmbeddingError> {
        embedder.encode(vec![text.to_owned()]).await.map(|encoded| encoded[0].sentence[0])
    }

    #[tokio::test]
    async fn a_full_queue_is_said_at_once_and_the_waiting_are_served() {
        let (embedder, watch) = embedder(1);
        let ask = |text: &'static str| {
            let embedder = embedder.clone();
            tokio::spawn(async move { length(&embedder, text).await })
        };
        let reading = ask("wait");
        until(|| watch.read.load(Ordering::SeqCst) == 1).await;
        let queued = ask("seven..");
        tokio::task::yield_now().await;
        let refused = length(&embedder, "no room").await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "overloaded: the model has more messages waiting than it can read; try again in a moment"
        );
        watch.gate.send(()).unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 4.0);
        assert_eq!(queued.await.unwrap().unwrap(), 7.0);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_next_text_is_read() {
        let (embedder, _watch) = embedder(4);
        let error = length(&embedder, "boom").await.unwrap_err();
        assert_eq!(error.to_string(), "the model failed on this text: cannot read `boom`");
        assert_eq!(length(&embedder, "well").await.unwrap(), 4.0);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_read() {
        let (embedder, watch) = embedder(4);
        let patient = embedder.clone();
        let reading = tokio::spawn(async move { length(&patient, "wait").await });
        until(|| watch.read.load(Ordering::SeqCst) == 1).await;
        let impatient = tokio::time::timeout(Duration::from_millis(5), length(&embedder, "gone")).await;
        assert!(impatient.is_err());
        watch.gate.send(()).unwrap();
        reading.await.unwrap().unwrap();
        assert_eq!(length(&embedder, "next").await.unwrap(), 4.0);
        assert_eq!(watch.read.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn the_last_handle_ends_the_thread() {
        let (embedder, watch) = embedder(4);
        let other = embedder.clone();
        drop(embedder);
        assert_eq!(length(&other, "alive").await.unwrap(), 5.0);
        drop(other);
        until(|| watch.ended.load(Ordering::SeqCst)).await;
    }

    #[test]
    fn loading_takes_any_number_of_texts_in_order() {
        let (embedder, _watch) = embedder(1);
        let texts: Vec<String> = (0..100).map(|length| "x".repeat(length)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let lengths: Vec<f32> = embedder.encode_blocking(&texts).unwrap().iter().map(|e| e.sentence[0]).collect();
        assert_eq!(lengths, (0..100).map(|length| length as f32).collect::<Vec<_>>());
        assert_eq!(embedder.encode_blocking(&[]).unwrap(), []);
    }
}
