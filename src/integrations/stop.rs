//! The word "stop", from a person or from the end of the process.

use tokio::sync::watch;

/// Says stop.
#[derive(Debug)]
pub(super) struct Stopper(watch::Sender<bool>);

/// Hears it.
#[derive(Debug, Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stopper {
    /// Somebody who can say stop, and somebody who hears it.
    pub(super) fn new() -> (Self, Stop) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Stop(receiver))
    }

    /// Says it. Saying it twice is saying it once.
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Never hears it.
    pub(super) fn never() -> Self {
        Stopper::new().1
    }

    /// Whether it was said.
    pub(super) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is said; for ever, if nobody is left who could.
    pub(super) async fn stopped(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|stopped| *stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
