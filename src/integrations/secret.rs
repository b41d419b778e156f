//! Where a secret comes from, and that it may be another one tomorrow: a file is read again when it changed, a program or
//! a token endpoint is asked again after a while, and all of them when a system no longer takes what they said.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::answer::Ending;
use super::kubeconfig::token_of;
use super::limits::Limits;
use super::process;
use super::redact::Redactor;
use super::request::ProcessRequest;
use super::settings::Surroundings;
use super::stop::Stop;
use super::token::{Host, TokenEndpoint};
use crate::catalogue::manifest::{Decode, SecretSource};
use crate::domain::Secret;

/// The largest secret, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// How long a program may take to tell one.
const ASKING: Duration = Duration::from_secs(10);
/// How long what a program told is good for.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// A program that was asked within this time is not asked again, also if what it said is not taken.
const AT_LEAST: Duration = Duration::from_secs(1);

/// What is wanted of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The one of now.
    Current,
    /// Another one, if there is one: that one was not taken.
    Another,
}

/// A secret with its source. Told apart from [`Secret`] by being allowed to change.
pub(super) struct LiveSecret {
    source: SecretSource,
    optional: bool,
    surroundings: Surroundings,
    /// The endpoint that hands it out, if one does, and all that it asks for is there.
    token: Option<TokenEndpoint>,
    kept: RwLock<Kept>,
    /// One at a time asks the source.
    asking: Mutex<()>,
}

/// What was found last.
#[derive(Default)]
struct Kept {
    secret: Option<Secret>,
    stamp: Option<Stamp>,
    asked: Option<Instant>,
    /// Until when it is not asked for again of its own accord.
    good_until: Option<Instant>,
}

impl fmt::Debug for LiveSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveSecret(…)")
    }
}

impl LiveSecret {
    /// Finds it, as far as that takes no waiting: programs are asked when the secret is needed. The error is for people.
    pub(super) fn find(
        source: &SecretSource,
        optional: bool,
        surroundings: &Surroundings,
        redactor: &Redactor,
    ) -> Result<Self, String> {
        let token = match source {
            SecretSource::Token { url, form } => match TokenEndpoint::find(url, form, surroundings, redactor) {
                Err(_) if optional => None,
                endpoint => Some(endpoint?),
            },
            SecretSource::Variable(_)
            | SecretSource::File(_)
            | SecretSource::Command { .. }
            | SecretSource::Known(_)
            | SecretSource::Credential { .. } => None,
        };
        let live = Self {
            source: source.clone(),
            optional,
            surroundings: surroundings.clone(),
            token,
            kept: RwLock::default(),
            asking: Mutex::new(()),
        };
        match (live.file(), source) {
            (Some(path), _) => live.keep(read_or_absent(&path, optional)?, None, redactor),
            (None, SecretSource::Variable(variable)) => match surroundings.variable(variable) {
                Some(value) => live.keep(Some((Secret::new(value.trim().to_owned()), None)), None, redactor),
                None if optional => false,
                None => return Err(format!("`{variable}` is not set")),
            },
            (None, SecretSource::Known(secret)) => live.keep(Some((secret.clone(), None)), None, redactor),
            (
                None,
                SecretSource::File(_)
                | SecretSource::Command { .. }
                | SecretSource::Credential { .. }
                | SecretSource::Token { .. },
            ) => false,
        };
        Ok(live)
    }

    /// The secret as it was found last.
    pub(super) fn current(&self) -> Option<Secret> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).secret.clone()
    }

    /// Whether there is one: what a program or an endpoint will tell counts, so that a plan is the same before and after it
    /// was asked.
    pub(super) fn is_there(&self) -> bool {
        matches!(self.source, SecretSource::Command { .. } | SecretSource::Credential { .. })
            || self.token.is_some()
            || self.current().is_some()
    }

    /// Looks whether it is another one by now. Whether it is; the error is for people, and holds nothing of what was read.
    pub(super) async fn refresh(&self, wanted: Wanted, host: Host<'_>, redactor: &Redactor) -> Result<bool, String> {
        let _turn = self.asking.lock().await;
        match (self.file(), &self.source) {
            (Some(path), _) => {
                let (before, optional) = (self.stamp(), self.optional);
                let read = move || match stamp_of(&path) {
                    Some(stamp) if wanted == Wanted::Current && Some(&stamp) == before.as_ref() => Ok(None),
                    _ => read_or_absent(&path, optional).map(Some),
                };
                let read = tokio::task::spawn_blocking(read).await;
                let read = read.map_err(|_| "reading it broke off".to_owned())??;
                Ok(read.is_some_and(|found| self.keep(found, None, redactor)))
            }
            (None, SecretSource::Command { argv, inherit }) => {
                if self.is_fresh(wanted) {
                    return Ok(false);
                }
                let secret = self.ask(argv, &[], inherit, redactor).await?;
                Ok(self.keep(Some((secret, None)), Some(GOOD_FOR), redactor))
            }
            (None, SecretSource::Credential { argv, env, inherit }) => {
                if self.is_fresh(wanted) {
                    return Ok(false);
                }
                let said = self.ask(argv, env, inherit, redactor).await?;
                let program = argv.first().map_or("", String::as_str);
                let secret = token_of(&said).map_err(|reason| format!("`{program}`: {reason}"))?;
                Ok(self.keep(Some((secret, None)), Some(GOOD_FOR), redactor))
            }
            (None, SecretSource::Token { .. }) => {
                let Some(endpoint) = self.token.as_ref().filter(|_| !self.is_fresh(wanted)) else { return Ok(false) };
                let (secret, good_for) = endpoint.ask(wanted, host, redactor).await?;
                Ok(self.keep(Some((secret, None)), Some(good_for), redactor))
            }
            (None, SecretSource::Variable(_) | SecretSource::File(_) | SecretSource::Known(_)) => Ok(false),
        }
    }

    /// The file it stands in, if it stands in one.
    fn file(&self) -> Option<PathBuf> {
        match &self.source {
            SecretSource::File(path) => Some(path.clone()),
            SecretSource::Variable(variable) if self.surroundings.variable(variable).is_none() => {
                self.surroundings.variable(&format!("{variable}_FILE")).map(PathBuf::from)
            }
            SecretSource::Variable(_)
            | SecretSource::Command { .. }
            | SecretSource::Known(_)
            | SecretSource::Credential { .. }
            | SecretSource::Token { .. } => None,
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).stamp.clone()
    }

    /// Whether what is kept need not be asked for again.
    fn is_fresh(&self, wanted: Wanted) -> bool {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        match wanted {
            Wanted::Current => kept.good_until.is_some_and(|until| Instant::now() < until),
            Wanted::Another => kept.asked.is_some_and(|asked| asked.elapsed() < AT_LEAST),
        }
    }

    /// Keeps what was found; whether it is another one. The redactor knows every one that there ever was.
    fn keep(&self, found: Found, good_for: Option<Duration>, redactor: &Redactor) -> bool {
        let (secret, stamp) = found.unzip();
        secret.iter().for_each(|secret| redactor.learn(secret));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let changed = kept.secret != secret;
        let now = Instant::now();
        let good_until = good_for.and_then(|good_for| now.checked_add(good_for));
        *kept = Kept { secret, stamp: stamp.flatten(), asked: Some(now), good_until };
        changed
    }

    /// Asks the program. What it says on standard error may hold the secret as well, and is not told.
    async fn ask(
        &self,
        argv: &[String],
        env: &[(String, String)],
        inherit: &[String],
        redactor: &Redactor,
    ) -> Result<Secret, String> {
        let variables = inherit.iter().filter_map(|name| Some((name.clone(), (self.surroundings.env)(name)?)));
        let request =
            ProcessRequest { argv: argv.to_vec(), env: variables.chain(env.iter().cloned()).collect(), cwd: None };
        let limits = Limits { output_bytes: MAX_BYTES, timeout: ASKING };
        let program = argv.first().map_or("", String::as_str);
        let answer = process::run(program, &request, Decode::Text, limits, &Stop::never(), redactor, None).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match (&answer.ending, answer.text.trim()) {
            _ if answer.truncated => Err(format!("`{program}` said more than {MAX_BYTES} bytes")),
            (Ending::Exit(Some(0)), "") => Err(format!("`{program}` said nothing")),
            (Ending::Exit(Some(0)), text) => Ok(Secret::new(text.to_owned())),
            (Ending::Exit(Some(code)), _) => Err(format!("`{program}` ended with exit code {code}")),
            (Ending::Exit(None) | Ending::Status(..) | Ending::Done, _) => {
                Err(format!("`{program}` was ended by a signal"))
            }
        }
    }
}

/// By what it is seen that a file is another one, also when a link leads elsewhere now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    length: u64,
    #[cfg(unix)]
    place: (u64, u64),
    /// Of the last change of content and of the file's attributes, in seconds and nanoseconds.
    #[cfg(unix)]
    changed: (i64, i64, i64, i64),
    #[cfg(not(unix))]
    changed: Option<std::time::SystemTime>,
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            Self {
                length: metadata.len(),
                place: (metadata.dev(), metadata.ino()),
                changed: (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()),
            }
        }
        #[cfg(not(unix))]
        {
            Self { length: metadata.len(), changed: metadata.modified().ok() }
        }
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

type Found = Option<(Secret, Option<Stamp>)>;

/// The secret in a file; none if it need not be there, and is not.
fn read_or_absent(path: &Path, optional: bool) -> Result<Found, String> {
    if optional && matches!(path.try_exists(), Ok(false)) {
        return Ok(None);
    }
    read(path)
        .map(|(secret, stamp)| Some((secret, Some(stamp))))
        .map_err(|reason| format!("`{}` {reason}", path.display()))
}

/// Reads a file that must be for us alone. Links are followed, as mounted secrets want it: what they lead to counts.
pub(super) fn read_file(path: &Path) -> Result<Secret, String> {
    read(path).map(|(secret, _)| secret)
}

fn read(path: &Path) -> Result<(Secret, Stamp), String> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    // Before it is opened: opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is no small regular file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Of what was opened, not of what stands there by now.
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES as u64 {
        return Err("is no small regular file".to_owned());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!("can be read by others (mode {mode:o}); run `chmod 600` on it"));
        }
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err("belongs to somebody else; it must belong to the account that runs Sayso".to_owned());
        }
    }
    let mut text = String::new();
    file.take(MAX_BYTES as u64).read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => "holds other bytes than UTF-8".to_owned(),
        _ => unreadable(error),
    })?;
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text => Ok((Secret::new(text.to_owned()), Stamp::of(&metadata))),
    }
}
