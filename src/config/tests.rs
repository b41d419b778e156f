//! The example file against the defaults, and what is said about bad configurations.

use super::*;
use crate::domain::{Actor, EntityType, Intents};
use crate::server::WebhookKind;

const EXAMPLE: &str = include_str!("../../sayso.example.toml");

fn faults(text: &str) -> String {
    let faults = Config::parse("sayso.toml", text).unwrap_err();
    faults.iter().map(|fault| format!("{fault}\n")).collect()
}

/// The example with its optional lines switched on: those that begin with `#` and no space.
fn full_example() -> String {
    let switch = |line: &str| match line.strip_prefix('#') {
        Some(optional) if !optional.starts_with(' ') => optional.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(|line| switch(line) + "\n").collect()
}

#[test]
fn the_example_is_the_defaults() {
    assert_eq!(Config::parse("sayso.toml", EXAMPLE), Ok(Config::default()));
    assert_eq!(Config::parse("sayso.toml", ""), Ok(Config::default()));
    assert_eq!(Config::default().roles["operator"][0].to_string(), "console:*");
}

#[test]
fn the_example_shows_every_key() {
    let config = Config::parse("sayso.toml", &full_example()).unwrap();
    // Taken apart without `..`: a new field does not compile until it is listed here, and then it must be in the file.
    let Config {
        chat: Chat { name: _, announce, discord },
        entities,
        people,
        roles,
        on_call,
        halters: _,
        bindings,
        integrations: Integrations { enabled, settings },
        store,
        audit: Audit { head_to, head_every: _, head_token, keep_for },
        model: Model { path: model, precision: _ },
        time: Time { zone: _ },
        proposal: Proposal { expires_after: _ },
        limits: Limits { message_bytes: _, messages_per_minute: _, output_bytes: _, timeout: _ },
        learning: Learning { keep_messages: _, keep_for: _ },
        log: Log { level: _, format: _, traces, traces_token },
        server,
        mentions: _,
    } = &config;
    assert_eq!(entities.canonical(EntityType::Service, "The Shop"), Some("checkout"));
    assert_eq!(entities.canonical(EntityType::Person, "@Mira"), Some("mira"));
    assert_eq!((people.accounts("mira").unwrap().len(), roles["operator"].len(), bindings.len()), (2, 1, 1));
    assert_eq!((on_call["on-call"].as_str(), roles["on-call"].len()), ("PI7DH85", 0));
    assert_eq!(people.called(&"pagerduty:PT23IWX".parse().unwrap()), Some("mira"));
    assert_eq!(announce.len(), 1);
    let Discord { token, guilds, listen, proxy } = discord.as_ref().unwrap();
    assert_eq!((token.as_str(), guilds.len(), listen.len(), proxy.is_some()), ("DISCORD_TOKEN", 1, 1, true));
    assert_eq!(enabled.as_deref(), Some(&["host".to_owned(), "docker".to_owned()][..]));
    assert_eq!(settings["prometheus"]["token"]["secret"].as_str(), Some("PROMETHEUS_TOKEN"));
    assert!(matches!(store, Store::File(Some(_))) && model.is_some());
    assert_eq!(head_to, &Some(HeadTo::Url("https://heads.example.net/sayso".to_owned())));
    assert_eq!((head_token.as_deref(), keep_for.is_some()), (Some("SAYSO_HEAD_TOKEN"), true));
    assert_eq!((traces.is_some(), traces_token.as_deref()), (true, Some("SAYSO_TRACES_TOKEN")));
    let Server { listen, webhooks } = server.as_ref().unwrap();
    let Webhook { kind: WebhookKind::Alertmanager, token, conversation } = &webhooks["main"];
    assert_eq!(
        (listen.to_string(), token.as_str(), conversation.to_string()),
        ("127.0.0.1:8770".to_owned(), "SAYSO_WEBHOOK_TOKEN", "console:main".to_owned())
    );

    let table: toml::Table = full_example().parse().unwrap();
    for key in [
        "chat.name",
        "chat.discord.token.secret",
        "chat.discord.guilds",
        "chat.discord.listen",
        "chat.discord.proxy",
        "entities",
        "people.mira.ids",
        "people.mira.oncall",
        "roles.operator",
        "roles.on-call.oncall",
        "bindings",
        "integrations.enabled",
        "store.path",
        "audit.head_to",
        "audit.head_every",
        "audit.head_token.secret",
        "audit.keep_for",
        "model.path",
        "model.precision",
        "time.zone",
        "proposal.expires_after",
        "limits.message_bytes",
        "limits.messages_per_minute",
        "limits.output_bytes",
        "limits.timeout",
        "learning.keep_messages",
        "learning.keep_for",
        "log.level",
        "log.format",
        "log.traces",
        "log.traces_token.secret",
        "server.listen",
        "server.webhooks.main.kind",
        "server.webhooks.main.token.secret",
        "server.webhooks.main.conversation",
    ] {
        let mut steps = key.split('.');
        let first = table.get(steps.next().unwrap());
        assert!(steps.try_fold(first.unwrap(), |value, step| value.get(step)).is_some(), "{key}");
    }
}

#[test]
fn people_have_accounts_and_roles_can_name_them() {
    let config = Config::parse(
        "sayso.toml",
        "[people.mira]\nids = [\"console:mira\", \"discord:1\"]\n[roles]\nadmin = [\"mira\", \"discord:2\"]\n",
    )
    .unwrap();
    let actor = |text: &str| text.parse::<Actor>().unwrap();
    assert_eq!(config.people.name(&actor("discord:1")), Some("mira"));
    assert_eq!(config.people.name(&actor("discord:2")), None);
    let admins: Vec<_> = config.roles["admin"].iter().map(ToString::to_string).collect();
    assert_eq!(admins, ["console:mira", "discord:1", "discord:2"]);
    assert!(config.roles.contains_key("operator"), "the default stays until it is replaced");
}

#[test]
fn every_fault_has_its_message() {
    for (text, expected) in [
        (
            "[caht]\n[chat]\nname = \"two words\"\nnmae = \"x\"\n",
            "error: sayso.toml:1:2: unknown key `caht`\n  hint: did you mean `chat`?\n\
             error: sayso.toml:3:8: `chat.name`: expected one word, found `two words`\n\
             error: sayso.toml:4:1: unknown key `nmae` in `[chat]`\n  hint: did you mean `name`?\n",
        ),
        ("chat = 3\n", "error: sayso.toml:1:8: `chat`: expected a table, found `3`\n"),
        (
            "[entities.servce]\na = []\n[entities.service]\n-x = []\na = [\"b\", \"\"]\nB = [3]\n",
            "error: sayso.toml:1:11: unknown type `servce` of entities\n  hint: did you mean `service`?\n\
             error: sayso.toml:4:1: `entities.service`: expected a name of letters, digits and `._/@:+-`, not starting \
             with `-`, found `-x`\n\
             error: sayso.toml:5:11: `entities.service`: an alias is empty\n\
             error: sayso.toml:6:1: `B` already names the service `a`\n  hint: a name can lead to one thing only\n\
             error: sayso.toml:6:6: `entities.service.B`: expected a string, found `3`\n",
        ),
        (
            "[people.a]\nids = [\"mira\", \"discord:*\", \"discord:1\"]\n[people.b]\nids = [\"discord:1\"]\n\
             [people.c]\nid = \"discord:2\"\n",
            "error: sayso.toml:2:8: `people.a.ids`: invalid actor `mira`, expected `platform:id`\n\
             error: sayso.toml:2:16: `people.a.ids`: expected one account, found all of them: `discord:*`\n\
             error: sayso.toml:4:8: `discord:1` is already the account of `a`\n\
             error: sayso.toml:5:9: `people.c` has no account\n  hint: write `ids = [\"discord:80351110224678912\"]`\n\
             error: sayso.toml:6:1: unknown key `id` in `[people.c]`\n  hint: did you mean `ids`?\n",
        ),
        (
            "[people.mira]\nids = [\"console:mira\"]\n[roles]\nOps = [\"mra\", \"else\", \"console:*\"]\noperator = \"mira\"\n",
            "error: sayso.toml:4:1: invalid name of a role `Ops`, expected a lower-case word\n\
             error: sayso.toml:4:8: `mra` is neither `platform:id` nor in `[people]`\n  hint: did you mean `mira`?\n\
             error: sayso.toml:4:15: `else` is neither `platform:id` nor in `[people]`\n  hint: expected one of `mira`\n\
             error: sayso.toml:5:12: `roles.operator`: expected a list, found a string\n",
        ),
        (
            "[bindings]\nrestart = \"docker\"\n\"service.stop\" = 1\n\"service.start\" = \"dockr\"\n\
             [integrations]\nenabled = [\"docker\"]\ndocker = \"unix:///run/docker.sock\"\n",
            "error: sayso.toml:2:1: invalid intent name `restart`, expected `noun.verb` in lower-case letters, digits \
             and `_`\n\
             error: sayso.toml:3:18: `bindings.service.stop`: expected a string, found `1`\n\
             error: sayso.toml:4:19: `dockr` is bound to `service.start`, and not enabled\n  \
             hint: add it to `enabled` in `[integrations]`\n\
             error: sayso.toml:7:10: `integrations.docker`: expected a table, found a string\n",
        ),
        (
            "[store]\npath = \"\"\n[time]\nzone = \"Mars/Olympus\"\n[proposal]\nexpires_after = \"15m\"\n\
             [limits]\nmessage_bytes = 0\nmessages_per_minute = 1.5\noutput_bytes = -1\ntimeout = \"P2D\"\n\
             [log]\nlevel = \"wran\"\nformat = \"xml\"\n[learning]\nkeep_messages = \"yes\"\nkeep_for = \"PT1H\"\n",
            "error: sayso.toml:2:8: `store.path`: expected a path, found nothing\n\
             error: sayso.toml:4:8: `time.zone`: unknown time zone `Mars/Olympus`\n  \
             hint: write a name such as `Europe/Berlin`; the machine needs its time zone database (`tzdata`)\n\
             error: sayso.toml:6:17: `proposal.expires_after`: expected an ISO 8601 duration such as `PT2H`, found `15m`\n\
             error: sayso.toml:8:17: `limits.message_bytes`: expected a whole number from 1 to 65536, found `0`\n\
             error: sayso.toml:9:23: `limits.messages_per_minute`: expected a whole number from 1 to 10000, found `1.5`\n\
             error: sayso.toml:10:16: `limits.output_bytes`: expected a whole number from 1024 to 16777216, found `-1`\n\
             error: sayso.toml:11:11: `limits.timeout`: expected between 1 and 86400 seconds, found `P2D`\n\
             error: sayso.toml:13:9: `log.level`: unknown value `wran`\n  hint: did you mean `warn`?\n\
             error: sayso.toml:14:10: `log.format`: unknown value `xml`\n  hint: expected one of `text`, `json`\n\
             error: sayso.toml:16:17: `learning.keep_messages`: expected `true` or `false`, found a string\n\
             error: sayso.toml:17:12: `learning.keep_for`: expected between 86400 and 31622400 seconds, found `PT1H`\n",
        ),
        (
            "[people.mira]\nids = [\"discord:1\"]\noncall = [\"pagerduty:P1\"]\n\
             [people.ada]\nids = [\"discord:2\"]\noncall = [\"pagerduty:P1\", \"ada\"]\n\
             [roles.primary]\noncall = \"\"\n[roles.secondary]\nschedule = \"P2\"\n[roles.on-call]\noncall = \"P3\"\n\
             [halt]\nroles = [\"on-call\"]\n",
            "error: sayso.toml:6:11: `pagerduty:P1` is already what `mira` is called\n\
             error: sayso.toml:6:27: `people.ada.oncall`: invalid actor `ada`, expected `platform:id`\n\
             error: sayso.toml:8:10: `roles.primary.oncall`: expected the id of a schedule, found nothing\n\
             error: sayso.toml:9:8: `roles.secondary` needs `oncall`\n  \
             hint: write `oncall = \"PI7DH85\"`, the id of a schedule, or a list of people\n\
             error: sayso.toml:10:1: unknown key `schedule` in `[roles.secondary]`\n  hint: expected one of `oncall`\n\
             error: sayso.toml:14:10: `on-call` is a role of the moment; the brake cannot wait for a system to say who \
             has it\n",
        ),
        (
            "[store]\npath = \"a.db\"\nurl = \"postgres://a:hunter2@b/c\"\n",
            "error: sayso.toml:3:1: `store.path` and `store.url`: expected one of the two, found both\n\
             error: sayso.toml:3:7: `store.url`: expected a url without a password; write `{ secret = \"SAYSO_STORE_URL\" }` \
             and put the whole url into that variable, or leave the password to `PGPASSWORD` or `~/.pgpass`\n",
        ),
        (
            "[store]\nurl = \"mysql://hunter2@b\"\n",
            "error: sayso.toml:2:7: `store.url`: expected a url such as `postgres://user@host:5432/database`, found \
             something else\n",
        ),
        (
            "[store]\nurl = { secret = \"postgres://a:hunter2@b/c\" }\n",
            "error: sayso.toml:2:18: `store.url.secret`: expected the name of an environment variable, such as `TOKEN`\n",
        ),
        (
            "[server]\nlisen = 1\n[server.webhooks.a]\n[server.webhooks.A]\nkind = \"pagerduty\"\ntoken = \"s3cret\"\n\
             conversation = \"console:mian\"\n[server.webhooks.b]\nkind = \"alertmanager\"\ntoken = { secret = \"s3cret\" }\n\
             conversation = \"console\"\n[server.webhooks.c]\nkind = 1\ntoken = { env = \"T\" }\nconversation = \"slack:C1\"\n",
            "error: sayso.toml:1:2: `server` has no `listen`\n  hint: write `listen = \"127.0.0.1:8770\"`\n\
             error: sayso.toml:2:1: unknown key `lisen` in `[server]`\n  hint: did you mean `listen`?\n\
             error: sayso.toml:3:18: `server.webhooks.a` has no `kind`\n  hint: write `kind = \"alertmanager\"`\n\
             error: sayso.toml:3:18: `server.webhooks.a` has no `token`\n  \
             hint: write `token = { secret = \"SAYSO_WEBHOOK_TOKEN\" }`\n\
             error: sayso.toml:3:18: `server.webhooks.a` has no `conversation`\n  \
             hint: write `conversation = \"console:main\"`\n\
             error: sayso.toml:4:18: invalid name of a webhook `A`, expected a lower-case word: it is a path\n\
             error: sayso.toml:5:8: `server.webhooks.A.kind`: unknown value `pagerduty`\n  \
             hint: expected one of `alertmanager`\n\
             error: sayso.toml:6:9: `server.webhooks.A.token`: expected a table, found a string\n\
             error: sayso.toml:7:16: `server.webhooks.A.conversation`: nobody hears what is said in `console:mian`\n  \
             hint: did you mean `console:main`?\n\
             error: sayso.toml:10:20: `server.webhooks.b.token.secret`: expected the name of an environment variable, such \
             as `TOKEN`\n\
             error: sayso.toml:11:16: `server.webhooks.b.conversation`: invalid conversation `console`, expected \
             `platform:channel`\n\
             error: sayso.toml:13:8: `server.webhooks.c.kind`: expected a string, found `1`\n\
             error: sayso.toml:14:1: `server.webhooks.c.token` has no `secret`\n  \
             hint: write `secret = \"SAYSO_WEBHOOK_TOKEN\"`\n\
             error: sayso.toml:14:11: unknown key `env` in `[server.webhooks.c.token]`\n  hint: expected one of `secret`\n\
             error: sayso.toml:15:16: `server.webhooks.c.conversation`: nobody hears what is said in `slack:C1`\n  \
             hint: expected one of `console:main`\n",
        ),
        (
            "[chat.discord]\nguilds = [\"a\", \"0\"]\nlisten = [1]\nproxy = \"discord.com\"\n",
            "error: sayso.toml:1:7: `chat.discord` has no `token`\n  hint: write `token = { secret = \"DISCORD_TOKEN\" }`\n\
             error: sayso.toml:2:11: `chat.discord.guilds`: expected an id of Discord such as `\"80351110224678912\"`, found `a`\n\
             error: sayso.toml:2:16: `chat.discord.guilds`: expected an id of Discord such as `\"80351110224678912\"`, found `0`\n\
             error: sayso.toml:3:11: `chat.discord.listen`: expected a string, found `1`\n\
             error: sayso.toml:4:9: `chat.discord.proxy`: expected `http://` or `https://` and a host, found `discord.com`\n",
        ),
        (
            "[audit]\nhead_to = \"ftp://x\"\nhead_every = \"PT1S\"\nkeep_for = \"PT1H\"\nhead_token = \"s3cret\"\n",
            "error: sayso.toml:2:11: `audit.head_to`: expected `https://`, found `ftp://`\n\
             error: sayso.toml:3:14: `audit.head_every`: expected between 60 and 604800 seconds, found `PT1S`\n\
             error: sayso.toml:4:12: `audit.keep_for`: expected between 86400 and 3162240000 seconds, found `PT1H`\n\
             error: sayso.toml:5:14: `audit.head_token`: expected a table, found a string\n",
        ),
        (
            "[audit]\nhead_to = \"https://a:s3cret@x\"\n",
            "error: sayso.toml:2:11: `audit.head_to`: expected an address without credentials; name a token in `head_token`\n",
        ),
        (
            "[audit]\nhead_to = \"heads\"\nhead_token = { secret = \"T\" }\n",
            "error: sayso.toml:3:1: `audit.head_token` is for a `head_to` that is an address\n",
        ),
        ("server = 1\n", "error: sayso.toml:1:10: `server`: expected a table, found `1`\n"),
        (
            "[server]\nlisten = \"8770\"\nwebhooks = 1\n",
            "error: sayso.toml:2:10: `server.listen`: expected an address and a port such as `127.0.0.1:8770`, found `8770`\n\
             error: sayso.toml:3:12: `server.webhooks`: expected a table, found `1`\n",
        ),
        ("[chat\nname = \"sayso\"\n", "error: sayso.toml:1:6: broken TOML: unclosed table, expected `]`\n"),
    ] {
        assert_eq!(faults(text), expected, "{text}");
    }
}

#[test]
fn names_are_held_against_the_data() {
    let text = "[integrations]\nenabled = [\"dcker\"]\n[integrations.prometeus]\nurl = \"http://x\"\n\
                [bindings]\nservice.restrat = \"dcker\"\n";
    let config = Config::parse("sayso.toml", text).unwrap();
    assert_eq!(config.bindings.keys().next().unwrap().as_str(), "service.restrat");
    let faults = config.check_names(&Intents::default(), &["docker", "prometheus"]);
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "error: sayso.toml:2:12: unknown integration `dcker`\n  hint: did you mean `docker`?",
            "error: sayso.toml:3:15: unknown integration `prometeus`\n  hint: did you mean `prometheus`?",
            "error: sayso.toml:6:9: unknown intent `service.restrat`",
            "error: sayso.toml:6:19: unknown integration `dcker`\n  hint: did you mean `docker`?",
        ]
    );
}

#[test]
fn a_store_can_be_in_postgresql() {
    let both = EXAMPLE.replace("#path = \"sayso.db\"", "").replace("# url = ", "url = ");
    let Store::Postgres(StoreUrl::Plain(url)) = Config::parse("sayso.toml", &both).unwrap().store else {
        panic!("{both}")
    };
    assert_eq!(url, "postgres://sayso@db.internal/sayso".parse().unwrap());
    let secret = Config::parse("sayso.toml", "[store]\nurl = { secret = \"SAYSO_STORE_URL\" }\n").unwrap();
    assert_eq!(secret.store, Store::Postgres(StoreUrl::Secret("SAYSO_STORE_URL".to_owned())));
    assert_eq!(secret.store_path().unwrap(), None);
}

#[test]
fn paths_begin_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sayso.toml");
    std::fs::write(&file, "[store]\npath = \"state/a.db\"\n[model]\npath = \"~/m\"\n").unwrap();
    let config = Config::load(&file).unwrap();
    assert_eq!(config.store_path().unwrap().unwrap(), folder.path().join("state/a.db"));
    assert_eq!(config.model.path, std::env::home_dir().map(|home| home.join("m")));

    std::fs::write(&file, b"[chat]\nname = \"\xff\"\n").unwrap();
    let faults = Config::load(&file).unwrap_err();
    assert!(faults[0].to_string().ends_with("sayso.toml: expected UTF-8, found other bytes"), "{}", faults[0]);
    let faults = Config::load(&folder.path().join("none.toml")).unwrap_err();
    assert!(faults[0].to_string().ends_with("cannot be read: No such file or directory (os error 2)"), "{}", faults[0]);
}
