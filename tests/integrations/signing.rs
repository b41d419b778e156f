//! Requests that are signed: as the other side computes it from the same secret, which is not sent and not shown.

use crate::common::{Log, Parts};
use crate::server::Server;

fn manifest(address: std::net::SocketAddr, over: &str) -> String {
    format!(
        r#"
summary = "A system"
requires = {{ always = true }}
[connection]
url = "http://{address}"
secret = {{ secret = "X_SECRET", optional = true }}
[connection.sign]
key = "{{{{ connection.secret }}}}"
header = "X-Signature"
value = "sha256={{{{ signature }}}}"
{over}
[actions.change]
implements = "cache.flush"
http = {{ method = "POST", path = "/echo", query = {{ x = "1" }}, json = {{ service = "{{{{ service }}}}" }} }}
reply = "{{{{ body.signature }}}}"
"#
    )
}

/// The header that the server has seen.
async fn signature(over: &str, secret: Option<&str>) -> String {
    let server = Server::start(Log::default()).await;
    let env = secret.map(|secret| ("X_SECRET", secret.to_owned())).into_iter().collect();
    let rig = Parts { manifests: vec![("x", manifest(server.address, over))], env, ..Parts::default() }.rig();
    let plan = rig.plan("cache.flush service=web").await.unwrap();
    assert!(!plan.runs.contains("sha256") && !plan.runs.contains("Jefe"), "{}", plan.runs);
    rig.run("cache.flush service=web").await.output.unwrap_or_default()
}

/// The second test case of RFC 4231, and what `openssl dgst -sha256 -hmac Jefe` says of the others.
#[tokio::test]
async fn the_other_side_computes_the_same() {
    let of_the_body = signature("", Some("Jefe")).await;
    assert_eq!(of_the_body, "sha256=298df492291d567d55972d93042864fe9cc682fcd8402948ded41cd434c0ce34");
    let fixed = signature("over = \"what do ya want for nothing?\"", Some("Jefe")).await;
    assert_eq!(fixed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    let whole = signature("over = \"{{ method }} {{ path }} {{ content }}\"", Some("Jefe")).await;
    assert_eq!(whole, "sha256=1980f99c053f3ee045d4fe41fa6d4be38fdd35389fc1e5129dddbb5f1ee4c20e");
    // Without a secret there is nothing to vouch with.
    assert_eq!(signature("", None).await, "");
}
