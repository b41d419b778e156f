//! `sayso`, `sayso ask`, `sayso exec`: talking to the assistant on this console.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use super::audit::Housekeeping;
use super::reload::Reload;
use super::serve::{Serving, stopped};
use super::{Failure, assembly, print};
use crate::assistant::is_brake;
use crate::chat::console::{Console, Lines, Standing, Style, actor};
use crate::config::state_folder;
use crate::domain::{looks_typed, parse_typed, quote};

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::of(&error))
}

/// The chat, until the lines end.
pub(super) fn converse(config: Option<&Path>) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let embedder = assembly::embedder(&data)?;
    let understander = assembly::understander(&data, &embedder)?;
    let reload = Reload::new(&data, embedder.clone());
    let configured = data.config.server.clone();
    let audit = data.config.audit.clone();
    runtime()?.block_on(async {
        let stopped = stopped()?;
        let mut running = assembly::start(data, understander).await?;
        let housekeeping = Housekeeping::start(audit, &running)?;
        let serving = match configured {
            Some(server) => Some(Serving::start(server, &running, embedder).await?),
            None => None,
        };
        if std::io::stdin().is_terminal() {
            print("Ask in plain words; nothing runs without your say-so. `help` tells what I can do, `exit` ends.");
        }
        let history = state_folder().ok().map(|folder| folder.join("history"));
        let mut lines = Lines::open("› ", history);
        let (_, silent) = tokio::sync::mpsc::channel(1);
        let replies = std::mem::replace(&mut running.replies, silent);
        let mut console = Console::new(actor(), Style::detect(), running.clock.clone(), replies);
        let assistant = running.assistant.clone();
        if let Err(error) = assistant.remind(&Console::conversation()).await {
            return Err(Failure::of(&error));
        }
        console.drain();
        let watching = tokio::spawn(reload.watch(Arc::clone(&assistant), Console::conversation()));
        let listing = running.listing();
        tokio::select! {
            () = console.run(&mut lines, async |event| assistant.handle(event).await, is_brake) => {}
            () = stopped => {}
        }
        watching.abort();
        listing.abort();
        let store = match serving {
            Some(serving) => serving.shut_down(running).await,
            None => running.shut_down().await,
        };
        housekeeping.finish().await;
        store.close().await;
        console.drain();
        Ok(())
    })
}

/// One turn, with its questions and the confirmation on the terminal. A fault if it was not answered or done.
pub(super) fn once(config: Option<&Path>, text: &str) -> Result<(), Failure> {
    let data = assembly::load(config)?;
    let understander = assembly::understander(&data, &assembly::embedder(&data)?)?;
    runtime()?.block_on(async {
        let mut running = assembly::start(data, understander).await?;
        let (_, silent) = tokio::sync::mpsc::channel(1);
        let replies = std::mem::replace(&mut running.replies, silent);
        let mut console = Console::new(actor(), Style::detect(), running.clock.clone(), replies);
        console.drain();
        let assistant = running.assistant.clone();
        let handle = async |event| assistant.handle(event).await;
        let event = console.event(text.to_owned());
        console.turn(event, &handle).await;
        let mut lines = None;
        while matches!(console.standing(), Standing::Asked | Standing::Undecided) {
            let Some(line) = lines.get_or_insert_with(|| Lines::open("› ", None)).next().await else { break };
            let event = console.event(line);
            console.turn(event, &handle).await;
        }
        running.shut_down().await.close().await;
        console.drain();
        match console.standing() {
            Standing::Settled => Ok(()),
            Standing::Unsettled => Err(Failure::Told),
            Standing::Asked => Err(Failure::Said("not answered, nothing was done".to_owned())),
            Standing::Undecided => {
                Err(Failure::Said("not decided, it waits; start `sayso` to decide, or let it expire".to_owned()))
            }
        }
    })
}

/// One word is a whole line. Of several, each is one argument whatever it holds: the shell has taken the quotes already.
fn typed_line(words: &[String]) -> String {
    if let [line] = words {
        return line.clone();
    }
    let quoted = words.iter().map(|word| match word.split_once('=') {
        Some((name, value)) => format!("{name}={}", quote(value)),
        None => word.clone(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// A typed command; anything else is a fault before anything starts.
pub(super) fn exec(config: Option<&Path>, words: &[String]) -> Result<(), Failure> {
    let line = &typed_line(words);
    let data = assembly::load(config)?;
    if !looks_typed(line) {
        return Err(Failure::Said(format!(
            "expected a typed command such as `service.status service=web`, found `{line}`"
        )));
    }
    parse_typed(line, &data.catalogue.intents).map_err(|error| Failure::of(&error))?;
    once(config, line)
}
