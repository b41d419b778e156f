//! Redis: whose keys are gone, and whose are not. Read back with `redis-cli`, and with nothing between.

use std::process::Command as Process;

use crate::common::{Parts, Rig};
use crate::{Server, succeeds};

/// A database of its own; a part of another one; one that there is not; and one by a wrong name.
const CACHES: &str = r#"
[integrations.redis.caches]
checkout = { database = 3 }
search = { database = 4, prefix = "search:" }
odd = { database = 4, prefix = "*[\\" }
missing = { database = 99 }
wrong = { database = "three" }
"#;

/// What `redis-cli` says.
fn cli(port: &str, arguments: &[&str]) -> String {
    let output = Process::new("redis-cli").args(["-p", port]).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn rig(port: &str, more: &[(&'static str, &str)]) -> Rig {
    let mut env = vec![("REDIS_HOST", "127.0.0.1".to_owned()), ("REDIS_PORT", port.to_owned())];
    env.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    env.push(("PATH", std::env::var("PATH").unwrap()));
    Parts { shipped: &["redis"], env, config: CACHES, ..Parts::default() }.rig()
}

#[tokio::test]
async fn redis() {
    let port = "19579";
    let Some(_server) = Server::up("redis", &[("REDIS_PORT", port)]) else { return };
    let fill = || {
        for key in ["a", "b"] {
            cli(port, &["-n", "3", "set", key, "1"]);
        }
        for key in ["search:1", "search:2", "*[\\x", "other"] {
            cli(port, &["-n", "4", "set", key, "1"]);
        }
        cli(port, &["set", "kept", "1"]);
    };
    let keys = |database: &str| {
        let mut keys: Vec<_> = cli(port, &["-n", database, "keys", "*"]).lines().map(ToOwned::to_owned).collect();
        keys.sort();
        keys.join(" ")
    };
    fill();
    let ours = rig(port, &[("REDIS_ENVIRONMENT", "staging")]);
    assert_eq!(crate::tried(&ours, "redis").await, "answers health");
    assert!(crate::tried(&rig("1", &[]), "redis").await.contains("refuses it: Could not connect"));
    let preview = ours.preview("cache.flush service=checkout").await.unwrap();
    assert_eq!(preview, "2 keys in database 3 of 127.0.0.1:19579 would be gone for good");
    let preview = ours.preview("cache.flush service=search").await.unwrap();
    assert_eq!(preview, "2 keys that begin with `search:` in database 4 of 127.0.0.1:19579 would be gone for good");
    assert_eq!(keys("3"), "a b", "looking changes nothing");

    let line = "cache.flush service=checkout environment=staging";
    assert_eq!(succeeds(&ours, line).await.0, "the cache of checkout had 2 keys and has 0 now");
    assert_eq!(
        (keys("3"), keys("4"), keys("0")),
        (String::new(), "*[\\x other search:1 search:2".into(), "kept".into())
    );
    let said = succeeds(&ours, "cache.flush service=search").await.0;
    assert_eq!(said, "the cache of search had 2 keys and has 0 now");
    assert_eq!(keys("4"), "*[\\x other");
    // What would be a pattern elsewhere is a prefix here.
    let said = succeeds(&ours, "cache.flush service=odd").await.0;
    assert_eq!((said.as_str(), keys("4").as_str()), ("the cache of odd had 1 key and has 0 now", "other"));
    let said = succeeds(&ours, "cache.flush service=checkout").await.0;
    assert_eq!(said, "the cache of checkout had 0 keys and has 0 now");

    // `redis-cli -n 99` would have gone on in database 0.
    let said = ours.refusal("cache.flush service=missing").await;
    assert!(said.starts_with("`redis` refuses it: ERR DB index is out of range"), "{said}");
    let said = ours.refusal("cache.flush service=wrong").await;
    assert!(said.starts_with("`redis` refuses it: ERR"), "{said}");
    assert_eq!(keys("0"), "kept");
    let said =
        "`redis` serves only `checkout` or `missing` or `odd` or `search` or `wrong` as `service`, not `billing`";
    assert_eq!(ours.refusal("cache.flush service=billing").await, said);
    let said = "`redis` serves only `staging` as `environment`, not `production`";
    assert_eq!(ours.refusal("cache.flush service=checkout environment=production").await, said);

    credentials(port, &fill, &keys).await;
    let gone = rig("1", &[]);
    let said = gone.refusal("cache.flush service=checkout").await;
    assert_eq!(said, "`redis` refuses it: Could not connect to Redis at 127.0.0.1:1: Connection refused");
}

async fn credentials(port: &str, fill: &impl Fn(), keys: &impl Fn(&str) -> String) {
    let reads = ["+select", "+eval", "+dbsize", "+scan", "~*"];
    cli(port, &[&["acl", "setuser", "viewer", "on", ">viewer-pw"], &reads[..]].concat());
    cli(port, &[&["acl", "setuser", "flusher", "on", ">flusher-pw", "+flushdb", "+unlink"], &reads[..]].concat());
    fill();
    let viewer = rig(port, &[("REDIS_USER", "viewer"), ("REDIS_PASSWORD", "viewer-pw")]);
    let approved = viewer.approved("cache.flush service=checkout").await;
    let outcome = viewer.execute(approved).await;
    assert_eq!(outcome.status.as_str(), "failed");
    assert!(outcome.summary.starts_with("`redis` refuses it: "), "{}", outcome.summary);
    assert!(outcome.summary.contains("can't run this command"), "{}", outcome.summary);
    assert_eq!(keys("3"), "a b");

    // A wrong password does not make one somebody else, who may more.
    let wrong = rig(port, &[("REDIS_USER", "flusher"), ("REDIS_PASSWORD", "hunter-two")]);
    let said = wrong.refusal("cache.flush service=checkout").await;
    assert!(said.starts_with("`redis` refuses it: AUTH failed: WRONGPASS"), "{said}");
    assert!(!said.contains("hunter-two"), "{said}");
    let flusher = rig(port, &[("REDIS_USER", "flusher"), ("REDIS_PASSWORD", "flusher-pw")]);
    let plan = flusher.plan("cache.flush service=checkout").await.unwrap();
    assert!(!plan.runs.contains("flusher-pw") && plan.runs.contains("'FLUSHDB'"), "{}", plan.runs);
    assert_eq!(
        succeeds(&flusher, "cache.flush service=checkout").await.0,
        "the cache of checkout had 2 keys and has 0 now"
    );
    assert_eq!(keys("3"), "");
}

#[tokio::test]
async fn a_redis_that_nobody_was_given_empties_nothing() {
    let env = vec![("REDIS_HOST", "127.0.0.1".to_owned()), ("PATH", std::env::var("PATH").unwrap())];
    let bare = Parts { shipped: &["redis"], env, ..Parts::default() };
    let (planner, _) = bare.planner();
    let refused = planner.plan(&crate::common::command("cache.flush service=checkout"), &crate::common::alice()).await;
    let said = refused.unwrap_err().to_string();
    // Without the program it is not even there.
    assert!(
        said == "`redis` has no setting that says which `service` it serves"
            || said.contains("the program `redis-cli`"),
        "{said}"
    );
}
