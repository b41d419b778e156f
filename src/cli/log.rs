//! The log, and what is said of a crash: on standard error, through the one redactor.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::sync::Arc;

use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::Failure;
use super::traces::Traces;
use crate::config::{Log, LogFormat};
use crate::integrations::Redactor;

/// Standard error, cleaned. What is written at once is cleaned as a whole, and an event is written at once.
#[derive(Clone)]
struct Cleaned(Arc<Redactor>);

impl Write for Cleaned {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = self.0.clean(&String::from_utf8_lossy(bytes));
        std::io::stderr().lock().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

/// Begins to log, and to make spans where they are wanted. A log that is there already stays.
pub(super) fn start(configured: &Log, redactor: &Arc<Redactor>) -> Result<Traces, Failure> {
    let traces = Traces::new(configured, redactor)?;
    let cleaned = Cleaned(Arc::clone(redactor));
    let crash = cleaned.clone();
    let writer = move || cleaned.clone();
    // Colours are control characters, which the redactor takes out.
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    let lines = match configured.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let all = tracing_subscriber::registry().with(lines.with_filter(configured.level)).with(traces.layer());
    let _ = all.try_init();
    std::panic::set_hook(Box::new(move |panic| {
        let trace = Backtrace::capture();
        let trace = if trace.status() == BacktraceStatus::Captured { format!("{trace}\n") } else { String::new() };
        // If standard error is gone, there is nobody to tell.
        let mut crash = crash.clone();
        let _ = crash.write_all(format!("{panic}\n{trace}").as_bytes());
    }));
    Ok(traces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    #[test]
    fn what_is_written_is_counted_whole() {
        let redactor = Arc::new(Redactor::default());
        redactor.learn(&Secret::new("s3cret-of-the-log".to_owned()));
        let line = b"token s3cret-of-the-log\n";
        assert_eq!(Cleaned(redactor).write(line).unwrap(), line.len());
    }
}
