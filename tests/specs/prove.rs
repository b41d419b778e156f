//! Runs every action of a manifest through the planner and the executor, against a server that knows the description.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use sayso::catalogue::Manifest;
use sayso::domain::{Command, ExecutionId, Intent, Outcome, OutcomeStatus, ProposalId, parse_typed};
use sayso::integrations::{Limits, Lists, PlanError, Trial};
use serde_json::{Map, Value as Json};

use crate::commands::{Samples, hostile, ordinary};
use crate::common::{CATALOGUE, Parts, Rig, alice, approve};
use crate::description::{Asked, Description};
use crate::instance::Fullness;
use crate::server::{Now, Sense, Server};

/// A system: its manifest, and what it is proved against.
pub(crate) struct System {
    pub(crate) manifest: &'static str,
    /// Variables that enable and connect it; `{url}` is the server's address.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// What the configuration adds.
    pub(crate) config: &'static str,
    pub(crate) samples: Samples,
    pub(crate) sense: Sense,
}

impl System {
    pub(crate) async fn prove(&self, description: Option<Description>) {
        let Some(description) = description else { return };
        let server = Server::start(description, self.sense).await;
        let env = self.env.iter().map(|(name, value)| (*name, value.replace("{url}", &server.url))).collect();
        // What does not come to an end at once never does here.
        let limits = Limits { timeout: Duration::from_secs(1), ..Limits::default() };
        // From the folder and not from the program, so that trying out an edit takes no build.
        let file = format!("integrations/{}.toml", self.manifest);
        let text = std::fs::read_to_string(&file).unwrap();
        let manifest = Manifest::parse(&file, &text, &mut Vec::new());
        let rig =
            Parts { manifests: vec![(self.manifest, text)], env, limits, config: self.config, ..Parts::default() }
                .rig();
        let manifest = manifest.unwrap();
        let mut proof = Proof { rig, server, faults: BTreeSet::new(), proved: BTreeSet::new() };
        let intents: BTreeSet<_> = manifest.actions.iter().map(|action| action.implements.as_str()).collect();
        for intent in intents.into_iter().map(|name| CATALOGUE.intents.get(name).unwrap()) {
            for command in ordinary(intent, self.samples) {
                proof.full(&command, Fullness::Full).await;
            }
            for command in ordinary(intent, self.samples).iter().take(3) {
                for fullness in [Fullness::Bare, Fullness::Empty, Fullness::Example] {
                    _ = proof.run(command, fullness).await;
                }
            }
            proof.default_is_open(intent).await;
            for command in hostile(intent, self.samples) {
                _ = proof.run(&command, Fullness::Full).await;
            }
        }
        for fullness in [Fullness::Full, Fullness::Bare, Fullness::Empty, Fullness::Example] {
            proof.unasked(&manifest, fullness).await;
        }
        if manifest.on_call.is_some() {
            proof.on_call().await;
        }
        proof.reject();
        for action in manifest.actions.iter().filter(|action| !proof.proved.contains(&action.name)) {
            proof.faults.insert(format!("no command was carried out by `{}`", action.name));
        }
        let all: Vec<_> = proof.faults.iter().chain(&proof.server.seen.lock().unwrap().faults).cloned().collect();
        assert!(all.is_empty(), "{}: {} faults\n{}", self.manifest, all.len(), all.join("\n"));
    }
}

struct Proof {
    rig: Rig,
    server: Server,
    faults: BTreeSet<String>,
    /// Actions that were carried out.
    proved: BTreeSet<String>,
}

impl Proof {
    /// A command as people give it: carried out, or refused for a reason that the manifest gives.
    async fn full(&mut self, command: &Command, fullness: Fullness) {
        match self.run(command, fullness).await {
            Ok((action, outcome)) if outcome.status == OutcomeStatus::Succeeded => {
                self.proved.insert(action);
                let whole = format!("{}\n{}", outcome.summary, outcome.output.unwrap_or_default());
                if let Some(hole) = hole(&whole).or(hole_in_sentence(&outcome.summary)) {
                    self.faults.insert(format!("{command}: `{hole}` in: {whole}"));
                }
            }
            Ok((_, outcome)) => {
                self.faults.insert(format!("{command}: {}: {}", outcome.status.as_str(), outcome.summary));
            }
            Err(PlanError::Unsuitable { .. }) => {}
            Err(error) => {
                self.faults.insert(format!("{command}: {error}"));
            }
        }
    }

    /// What is asked with nobody's command behind it: the lists, and the health.
    async fn unasked(&mut self, manifest: &Manifest, fullness: Fullness) {
        {
            let mut now = self.server.now.lock().unwrap();
            now.fullness = fullness;
            now.arguments = Json::Object(Map::new());
        }
        let before = self.server.seen.lock().unwrap().faults.len();
        let lists = Lists::new(Arc::clone(&self.rig.planner), None, Arc::new(()));
        lists.read_all().await;
        for state in lists.states() {
            if let Some(fault) = &state.fault {
                self.faults.insert(format!("list {} ({fullness:?}): {fault}", state.list));
            } else if fullness == Fullness::Full && state.names == 0 {
                self.faults.insert(format!("list {}: no names, {} refused", state.list, state.refused));
            }
        }
        let trial = self.rig.planner.try_out(&manifest.name, &CATALOGUE.intents).await;
        if manifest.health.is_some() && fullness == Fullness::Full && trial != Trial::Answers("health".to_owned()) {
            self.faults.insert(format!("health: {trial:?}"));
        }
        if self.server.seen.lock().unwrap().faults.len() > before {
            self.faults.insert(format!("lists or health ({fullness:?}): sent or got what is not described"));
        }
    }

    /// Nobody says that they mean what is open: left out, it is asked for all the same.
    async fn default_is_open(&mut self, intent: &Intent) {
        let lists =
            intent.parameter("state").is_some_and(|state| state.values.iter().any(|value| value.canonical == "open"));
        if !lists || intent.parameters.iter().any(|parameter| parameter.required) {
            return;
        }
        let mut asked = Vec::new();
        for line in [intent.name.to_string(), format!("{} state=open", intent.name)] {
            let before = self.server.seen.lock().unwrap().requests.len();
            _ = self.run(&parse_typed(&line, &CATALOGUE.intents).unwrap(), Fullness::Full).await;
            let seen = self.server.seen.lock().unwrap();
            let sent = seen.requests[before..]
                .iter()
                .map(|asked| (asked.path.clone(), asked.query.clone(), asked.body.clone()));
            asked.push(sent.collect::<Vec<_>>());
        }
        if asked[0] != asked[1] {
            self.faults.insert(format!("{}: `state=open` asks for something else: {asked:?}", intent.name));
        }
    }

    /// Whatever comes back, it can be read.
    async fn run(&mut self, command: &Command, fullness: Fullness) -> Result<(String, Outcome), PlanError> {
        let arguments = command.arguments().iter().map(|(name, value)| (name.to_string(), value.to_json()));
        {
            let mut now = self.server.now.lock().unwrap();
            now.fullness = fullness;
            now.arguments = Json::Object(arguments.collect::<Map<_, _>>());
        }
        let before = self.server.seen.lock().unwrap().faults.len();
        let ended = self.carry_out(command, fullness).await;
        let said = match &ended {
            Ok((_, outcome)) => format!("{}\n{}", outcome.summary, outcome.output.clone().unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        if said.contains("unexpected form") || said.contains("undefined") {
            self.faults.insert(format!("{command} ({fullness:?}): {said}"));
        }
        if self.server.seen.lock().unwrap().faults.len() > before {
            self.faults.insert(format!("{command} ({fullness:?}): sent or got what is not described"));
        }
        ended
    }

    async fn carry_out(&mut self, command: &Command, fullness: Fullness) -> Result<(String, Outcome), PlanError> {
        let plan = self.rig.planner.plan(command, &alice()).await?;
        match self.rig.planner.preview(&plan).await {
            Ok(previewed) => {
                let shown = previewed.shown.unwrap_or_default();
                if let Some(hole) = hole(&shown).filter(|_| fullness == Fullness::Full) {
                    self.faults.insert(format!("preview of {command}: `{hole}` in: {shown}"));
                }
                if let Some(undo) = previewed.undo
                    && let Err(error) = parse_typed(&undo, &CATALOGUE.intents)
                {
                    self.faults.insert(format!("undo of {command}: {undo}: {error}"));
                }
            }
            Err(error) if fullness == Fullness::Full || error.to_string().contains("unexpected form") => {
                self.faults.insert(format!("preview of {command} ({fullness:?}): {error}"));
            }
            Err(_) => {}
        }
        let approved = approve(command, plan.digest, (ProposalId::random(), ExecutionId::random()));
        Ok((plan.action.clone(), self.rig.execute(approved).await))
    }

    /// Who is on call, for roles of the moment: by whole answers it is known, and no other is misread.
    async fn on_call(&mut self) {
        for fullness in [Fullness::Bare, Fullness::Empty, Fullness::Example, Fullness::Full] {
            *self.server.now.lock().unwrap() = Now { fullness, arguments: Json::Object(Map::new()) };
            for schedule in ["PI7DH85", "../x?a=b&c", "{{ now }}", "a b"] {
                match self.rig.planner.who_is_on_call(schedule).await {
                    Ok(who) if fullness == Fullness::Full && who.is_empty() => {
                        self.faults.insert(format!("on call by {schedule}: nobody, where somebody is"));
                    }
                    Err(error) if fullness == Fullness::Full => {
                        self.faults.insert(format!("on call by {schedule}: {error}"));
                    }
                    Ok(_) | Err(_) => {}
                }
            }
        }
    }

    /// The check can fail: each request, with something in it that does not belong there.
    fn reject(&mut self) {
        let requests = std::mem::take(&mut self.server.seen.lock().unwrap().requests);
        let wrong: [fn(&Asked) -> Option<Asked>; 3] = [
            |asked| {
                let mut query = asked.query.clone();
                query.push(("no_such_parameter".to_owned(), "1".to_owned()));
                Some(Asked { query, ..asked.clone() })
            },
            |asked| Some(Asked { method: "TRACE".to_owned(), ..asked.clone() }),
            |asked| (!asked.body.is_empty()).then(|| Asked { body: "7".to_owned(), ..asked.clone() }),
        ];
        for asked in &requests {
            for wrong in wrong.iter().filter_map(|wrong| wrong(asked)) {
                if self.server.description.check(&wrong).is_ok() {
                    self.faults.insert(format!("the check lets {} {} through", wrong.method, wrong.path));
                }
            }
        }
    }
}

/// What shows that something is missing, or was cut.
fn hole(text: &str) -> Option<String> {
    let found = Regex::new(r"\bnone\b|\bnull\b|…|\(\s*\)|``|\(,|, ,").unwrap();
    found.find(text).map(|found| found.as_str().to_owned())
}

/// The same of one sentence: tables have their own spaces.
fn hole_in_sentence(text: &str) -> Option<String> {
    let found = Regex::new(r"  | ,| :|[:,] *$|^ |^(answered|done) by `").unwrap();
    found.find(text).map(|found| found.as_str().to_owned())
}
