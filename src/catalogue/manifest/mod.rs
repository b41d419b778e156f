//! A manifest: a system, how to reach it, and its actions. `integrations/<name>.toml`, one file a system.
//!
//! A manifest is data about requests. Whatever is computed stands at the leaves of a structure that the file fixes: an
//! argv element, a path segment, a query value, a header, a JSON value. See `docs/integration-manifest.md`.

mod calls;
mod check;
mod defaults;
mod leaves;
mod list;
mod oncall;
mod read;
mod schema;
mod settings;
mod shell;
pub mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{Diagnostic, Document, Severity};
use crate::domain::{Digest, IntentName, Secret};
pub use check::{secret_in_argv, used_parameters};
pub use defaults::Judgement;
pub use list::List;
pub use oncall::OnCallRead;
pub use schema::schema;
pub use settings::{Kubeconfig, Tls, setting_from_toml};
pub use template::{Computed, Expression, FILTERS, Place, Template, TemplateFault};

/// A system and what it can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The file's name without `.toml`: `docker`.
    pub name: String,
    /// The file, as diagnostics show it.
    pub file: String,
    /// What the system is, for people.
    pub summary: String,
    /// Whether it acts upon the machine that Sayso runs on, as long as it is not reached over a network.
    pub local: bool,
    /// When it is enabled without being asked for: any of these suffices. None: only by configuration.
    pub requires: Vec<Requirement>,
    /// How to reach it over HTTP.
    pub connection: Option<Connection>,
    /// Values that the configuration can change: `{{ settings.… }}`.
    pub settings: BTreeMap<String, Setting>,
    /// Environment variables of every program it starts; one that is undefined is not set.
    pub env: Vec<(String, Template)>,
    /// Files of its own that one command leaves for a later one, each with its name: `{{ files.… }}`.
    pub files: BTreeMap<String, Template>,
    /// How it is asked who is on call, if it knows.
    pub on_call: Option<OnCallRead>,
    /// What it can do, by name.
    pub actions: Vec<Action>,
    /// Names of what it holds.
    pub lists: Vec<List>,
    /// A call of no consequence that tells whether it can be reached.
    pub health: Option<Step>,
}

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement(pub Vec<Condition>);

/// Something about the machine that tells whether a system is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Every machine has it.
    Always,
    /// No other system that is enabled carries out one of its intents.
    Alone,
    /// A file or folder exists.
    Path(PathBuf),
    /// A Unix socket exists.
    Socket(PathBuf),
    /// An environment variable is set and not empty.
    Env(String),
    /// A program is found in `PATH`.
    Program(String),
}

/// How to reach a system over HTTP.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// `http://…`, `https://…` or `unix:///path/to/socket`; may end in a path that all requests share.
    pub url: Setting,
    /// Whom to trust and who we are, where it speaks TLS.
    pub tls: Tls,
    /// Where address and credentials come from while the address's variable is not set.
    pub kubeconfig: Option<Kubeconfig>,
    /// Headers of every request: `authorization = "Bearer {{ connection.token }}"`. One that is undefined is not sent.
    pub headers: Vec<(String, Template)>,
    /// Whether redirects within the same scheme, host and port are followed. Others never are.
    pub redirects: bool,
    /// More values, mostly credentials: `{{ connection.token }}`.
    pub values: BTreeMap<String, Setting>,
    /// How answers are judged where a call does not say.
    pub judgement: Judgement,
    /// A call that hands out what other calls need.
    pub login: Option<Box<Login>>,
    /// How every request is signed.
    pub sign: Option<Sign>,
}

/// A signature that requests carry: HMAC with SHA-256, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    /// The secret: `{{ connection.secret }}`; undefined, nothing is signed.
    pub key: Template,
    /// What is signed: it sees the request's `method`, its `path` with the query, and what is sent as `content`; none: that
    /// alone.
    pub over: Option<Template>,
    /// The header that it is sent in.
    pub header: String,
    /// What the header holds around the `signature`.
    pub value: Template,
}

/// A call made once for many others, which need something of its answer: a session, a token, a cookie.
#[derive(Debug, Clone, PartialEq)]
pub struct Login {
    /// Whether it is needed at all.
    pub when: Option<Expression>,
    /// The call.
    pub step: Step,
    /// What is kept of its answer, like a secret; the others see each as `login.<name>`.
    pub keep: Vec<(String, Template)>,
    /// Whether the answer to another call says that what was kept is no longer good; 401 and 403 always say so.
    pub expired: Option<Expression>,
}

/// A value of the connection or the settings, and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// Written in the file.
    Value(serde_json::Value),
    /// From the environment.
    Env {
        /// The variable.
        variable: String,
        /// When it is not set.
        default: Option<String>,
        /// Whether the system works without it.
        optional: bool,
    },
    /// A secret.
    Secret {
        /// Where it comes from.
        source: SecretSource,
        /// Whether the system works without it.
        optional: bool,
    },
    /// A text that is filled in with the command's arguments.
    Template(Template),
    /// Several under one name.
    Table(BTreeMap<String, Setting>),
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretSource {
    /// The environment variable, or the file that `<variable>_FILE` names.
    Variable(String),
    /// A file, for its owner alone.
    File(PathBuf),
    /// What a program prints.
    Command {
        /// The program and its arguments; no shell reads them.
        argv: Vec<String>,
        /// The variables of our environment that it may see, beside the few that every program gets.
        inherit: Vec<String>,
    },
    /// Known already.
    Known(Secret),
    /// The token of what a program prints as a credential of Kubernetes.
    Credential {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Variables of its own.
        env: Vec<(String, String)>,
        /// The variables of our environment that it may see.
        inherit: Vec<String>,
    },
    /// An access token of OAuth 2, as its endpoint hands it out for a while.
    Token {
        /// The endpoint's address; one that begins with `/` is at the connection's host.
        url: Box<Setting>,
        /// What is sent there: the grant, and the client's credentials.
        form: BTreeMap<String, Setting>,
    },
}

/// Something a system can do.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Its name within the manifest: `restart`.
    pub name: String,
    /// The intent it carries out.
    pub implements: IntentName,
    /// Where `implements` stands.
    pub place: Place,
    /// What it accepts, by parameter.
    pub parameters: BTreeMap<String, Constraint>,
    /// Files that must be there; what they hold is part of what is approved. With what to say when there is none.
    pub uses: Vec<(String, Template)>,
    /// Reads made before all others, in this order; each finds one thing that the request needs to know.
    pub find: Vec<Find>,
    /// A read made first, that finds what the request is about.
    pub lookup: Option<Lookup>,
    /// A call made once, before the request and its repetitions.
    pub before: Option<Step>,
    /// What is read and shown before a person is asked.
    pub preview: Option<Preview>,
    /// How it is taken back, if it can be.
    pub undo: Option<Undo>,
    /// What is done.
    pub step: Step,
    /// Which part of the answer is meant.
    pub select: Option<Select>,
    /// Whether it is done for each thing that `lookup` finds; otherwise there must be exactly one.
    pub each: bool,
    /// How to wait until it is done.
    pub poll: Option<Poll>,
    /// How long all of it may take.
    pub timeout: Duration,
    /// How long what is read before a person is asked may take; none: as long as is usual.
    pub read_timeout: Option<Duration>,
    /// How far it is, by the last `line` that its program has said.
    pub progress: Option<Template>,
    /// What must not be acted upon twice at once; by default the first argument and the environment, for changes.
    pub lock: Option<Template>,
    /// How often it is tried again when it fails on the way.
    pub retry: u32,
    /// Whether doing it twice is the same as doing it once.
    pub idempotent: bool,
    /// Whether it stands back when another enabled system implements the intent.
    pub fallback: bool,
    /// One line about what happened.
    pub summary: Option<Template>,
    /// The answer, for people.
    pub reply: Option<Template>,
    /// Of all the above, as written.
    pub definition: Digest,
}

/// What a parameter's value must be for an action to accept it.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    /// One of these texts; upper and lower case do not matter, undefined ones are left out.
    OneOf(Vec<Template>),
    /// The whole value matches a regular expression.
    Pattern(String),
    /// Accepted, and of no consequence.
    Ignored,
}

/// A request and how its answer is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The request.
    pub call: Call,
    /// How the answer is read.
    pub decode: Decode,
    /// Whether it went well; by default a status of 200 to 299, or exit code 0.
    pub success: Option<Expression>,
    /// What to say when it did not.
    pub failure: Option<Template>,
}

/// The three ways to act.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// A request to the connection's address.
    Http(HttpCall),
    /// A program with its arguments; never a shell.
    Process(ProcessCall),
    /// Something of our own, by name.
    Builtin(String),
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    /// `GET`, `POST`, …
    pub method: String,
    /// Segments between the slashes, each encoded by itself.
    pub path: Vec<Template>,
    /// Values of the query; a list repeats the name.
    pub query: Vec<(String, Vec<Template>)>,
    /// Headers beside the connection's.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Body,
}

/// What an HTTP request sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A JSON value.
    Json(Tree),
    /// `name=value` pairs, URL-encoded.
    Form(Vec<(String, Template)>),
}

/// A JSON value with computed leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// Computed: exactly one `{{ expression }}` keeps its type, everything else is a text. Undefined: left out.
    Leaf(Template),
    /// Fixed.
    Constant(serde_json::Value),
    /// A list.
    List(Vec<Tree>),
    /// An object, in order.
    Map(Vec<(String, Tree)>),
    /// `{ when = "…", then = … }`: there only if the expression is true.
    When(Expression, Box<Tree>),
}

/// A program with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessCall {
    /// The program, fixed, and its arguments.
    pub argv: Vec<Argument>,
    /// Environment variables beside the few that every process gets.
    pub env: Vec<(String, Template)>,
    /// The folder it works in, an absolute path; without one, the root.
    pub cwd: Option<Template>,
}

/// An element of argv, or a few that stand or fall together.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// One element, whatever it renders to. Undefined: left out.
    Element(Template),
    /// `{ when = "host", args = ["--host", "{{ host }}"] }`.
    Group(Expression, Vec<Template>),
}

/// How an answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decode {
    /// As JSON where it is JSON, as text elsewhere.
    Auto,
    /// As text.
    Text,
    /// As a list of what its lines are as JSON; lines that are none are left out.
    JsonLines,
    /// As the frames in which Docker mixes standard output and standard error.
    DockerStream,
}

/// The elements of an answer that are meant; templates see them as `items`.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The list within the answer.
    pub items: Expression,
    /// What the request sees as `page` when it asks for the next part of the list; undefined: there is none.
    pub next: Option<Expression>,
    /// Which of its elements, each seen as `item`, are meant; all of them without this.
    pub filter: Option<Expression>,
    /// What is kept of an element; all of it without this.
    pub keep: Option<Tree>,
}

/// A read that finds what a request is about. What it keeps is part of what is approved.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The read.
    pub step: Step,
    /// What is meant; the request sees each as `item`.
    pub select: Select,
    /// What to say when there is none.
    pub none: Option<Template>,
    /// Whether there may be none, so that nothing remains to be done but what is done `before`.
    pub optional: bool,
}

/// A read that finds one thing; what comes after it sees what was kept as `found.<name>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Find {
    /// What it is called: `user`.
    pub name: String,
    /// Whether it is needed at all.
    pub when: Option<Expression>,
    /// The read.
    pub lookup: Lookup,
}

/// What is read and shown before a person is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The read; without one the reply speaks of what was looked up.
    pub step: Option<Step>,
    /// What is shown.
    pub reply: Template,
    /// What of it must still be so when it runs, by name. None: the whole text.
    pub facts: Option<Vec<(String, Template)>>,
}

/// The command that takes an action back.
#[derive(Debug, Clone, PartialEq)]
pub struct Undo {
    /// Its intent.
    pub intent: IntentName,
    /// Where that stands.
    pub place: Place,
    /// Whether it takes it back at all, by the facts: what ran before is not stopped because somebody started it again.
    pub when: Option<Expression>,
    /// Its arguments; they see the facts of the preview as `facts`. One that is undefined is left out.
    pub arguments: Vec<(String, Template)>,
}

/// How to wait until something is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// The read.
    pub step: Step,
    /// How often.
    pub every: Duration,
    /// Whether it is done.
    pub until: Expression,
    /// Whether it has failed.
    pub fail: Option<Expression>,
    /// How far it is.
    pub progress: Option<Template>,
}

impl Manifest {
    /// Reads a manifest. All faults are noted at once; none is returned if one of them is an error.
    pub fn parse(file: &str, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Self> {
        let document = match Document::parse(file, text) {
            Ok(document) => document,
            Err(faults) => {
                diagnostics.extend(faults);
                return None;
            }
        };
        let manifest = read::manifest(file, &document);
        let mut faults = document.into_faults();
        faults.extend(manifest.iter().flat_map(check::names));
        faults.sort_by_key(|fault| (fault.line, fault.column));
        let sound = faults.iter().all(|fault| fault.severity < Severity::Error);
        diagnostics.extend(faults);
        manifest.filter(|_| sound)
    }
}

impl Action {
    /// Whether it is carried out by our own code.
    pub fn builtin(&self) -> Option<&str> {
        match &self.step.call {
            Call::Builtin(name) => Some(name),
            Call::Http(_) | Call::Process(_) => None,
        }
    }

    /// All reads that find something, in the order in which they are made.
    pub fn lookups(&self) -> impl Iterator<Item = &Lookup> {
        self.find.iter().map(|find| &find.lookup).chain(&self.lookup)
    }

    /// What decides what is done: the leaves of the request and of the lookup, and what is selected. What only the reply or the preview
    /// mentions does not count.
    pub fn effective_leaves(&self) -> Vec<&dyn Computed> {
        let mut leaves = self.step.call.leaves();
        leaves.extend(self.before.iter().flat_map(|before| before.call.leaves()));
        leaves.extend(self.lookups().flat_map(|lookup| lookup.step.call.leaves()));
        leaves.extend(self.find.iter().filter_map(|find| find.when.as_ref()).map(|when| when as &dyn Computed));
        let selects = self.select.iter().chain(self.lookups().map(|lookup| &lookup.select));
        leaves.extend(selects.filter_map(|select| select.filter.as_ref()).map(|filter| filter as &dyn Computed));
        leaves
    }
}
