//! Canaries: secrets planted wherever one can come in, and every byte that comes out is looked through for them.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::harness::{Chat, HOST, Home, SAYSO};
use crate::traces::Collector;

/// Nobody else says these.
const VARIABLE: &str = "canary-of-variable-6f1e";
const FILE: &str = "canary-of-file-70aa";
const PROGRAM: &str = "canary-of-program-b3c9";
const ROLE: &str = "canary-of-role-2d44";
const ADDRESS: &str = "canary-of-address-91ed";
const STDERR: &str = "canary-of-stderr-0b5d";
const MESSAGE: &str = "canary-of-message-5ac2";
const ARGUMENT: &str = "canary-of-argument-e7d1";
const CANARIES: [&str; 8] = [VARIABLE, FILE, PROGRAM, ROLE, ADDRESS, STDERR, MESSAGE, ARGUMENT];

/// A system that says back all that it was told, as a fault when it is asked to roll back.
fn parrot(requests: Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { break };
            let requests = Arc::clone(&requests);
            std::thread::spawn(move || repeat(stream, &requests));
        }
    });
    port
}

fn repeat(mut stream: TcpStream, requests: &Mutex<Vec<String>>) {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        read.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&read).into_owned();
    requests.lock().unwrap().push(request.clone());
    let status = if request.contains("rollback") { "500 Internal Server Error" } else { "200 OK" };
    let body = serde_json::json!({ "heard": request, "message": format!("wrong credentials: {request}") }).to_string();
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\nx-heard: {FILE}\r\ncontent-length: {length}\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes());
}

const MANIFEST: &str = r#"
summary = "A system that repeats everything"

[connection]
url = { env = "PARROT_URL" }
token = { secret = "PARROT_TOKEN" }
file = { secret_file = "/dev/null/nothing", optional = true }
told = { secret = "NOT_SET", optional = true }
own = { secret = "NOT_SET", optional = true }
headers = { Authorization = "Bearer {{ connection.token }}", X-File = "{{ connection.file }}", X-Told = "{{ connection.told }}", X-Own = "{{ connection.own }}" }

[actions.restart]
implements = "service.restart"
parameters.environment = { ignored = true }
http = { method = "POST", path = "/restart/{{ service }}", query = { told = "{{ connection.told }}" } }
reply = "{{ body.heard }}"
summary = "{{ body.heard }}"

[actions.rollback]
implements = "deploy.rollback"
parameters.environment = { ignored = true }
http = { method = "POST", path = "/rollback/{{ service }}", json = { password = "{{ connection.own }}" } }

[actions.look]
implements = "service.status"
process = { argv = ["sh-of-tests", "{{ service }}"], env = { TOLD = "{{ connection.told }}", OWN = "{{ connection.own }}" } }

[actions.search]
implements = "log.search"
http = { path = "/logs", query = { service = "{{ service }}", q = "{{ text }}" } }
reply = "{{ body.heard }}"
"#;

fn program(path: &Path, script: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// A home with all of them planted, and what is known to hold them.
fn planted(port: u16, collector: &Collector) -> (Home, Vec<(&'static str, String)>) {
    let home = Home::bare("");
    std::fs::create_dir(home.path("planted")).unwrap();
    let place = |name: &str| home.path("planted").join(name).display().to_string();
    std::fs::write(place("file"), FILE).unwrap();
    std::fs::set_permissions(place("file"), std::fs::Permissions::from_mode(0o600)).unwrap();
    program(place("teller").as_ref(), &format!("echo {PROGRAM}; echo {STDERR} >&2"));
    program(place("sh-of-tests").as_ref(), "env; env >&2; [ \"$1\" = web ]");
    home.write(
        "sayso.toml",
        &format!(
            r#"{}level = "trace"
[limits]
messages_per_minute = 1000
[entities.service]
web = []
broken = []
[learning]
keep_messages = true
[integrations]
enabled = ["host", "sayso", "parrot"]
[integrations.parrot]
file = {{ secret_file = "{}" }}
told = {{ secret_command = ["{}"] }}
[integrations.parrot.as.operator]
own = {{ secret = "PARROT_OWN" }}
"#,
            collector.log(),
            place("file"),
            place("teller")
        ),
    );
    home.write("integrations/host.toml", HOST);
    home.write("integrations/sayso.toml", SAYSO);
    let manifest = MANIFEST.replace("sh-of-tests", &place("sh-of-tests"));
    home.write("integrations/parrot.toml", &manifest);
    let variables = vec![
        ("PARROT_URL", format!("http://bot:{ADDRESS}@127.0.0.1:{port}")),
        ("PARROT_TOKEN", VARIABLE.to_owned()),
        ("PARROT_OWN", ROLE.to_owned()),
        ("RUST_BACKTRACE", "full".to_owned()),
    ];
    (home, variables)
}

/// Every way in which a canary could be written.
fn looks_for(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for canary in CANARIES {
        let at = text.find(canary);
        let shown = at.map(|at| &text[text.floor_char_boundary(at.saturating_sub(300))..at + canary.len()]);
        assert_eq!(shown, None, "{canary} came out in {place}");
    }
}

fn looks_through(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            looks_through(&path);
        } else {
            looks_for(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn no_secret_comes_out_anywhere() {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let collector = Collector::start();
    let (home, variables) = planted(parrot(Arc::clone(&requests)), &collector);
    let log = home.path("log");
    let mut start = home.program(&[]);
    start.envs(variables.iter().cloned());
    let mut chat = Chat::logging(start, std::fs::File::create(&log).unwrap());
    let mut heard = String::new();
    for line in [
        "service.status service=web".to_owned(),
        "service.status service=broken".to_owned(),
        "service.restart service=web".to_owned(),
        "1".to_owned(),
        "deploy.rollback service=web".to_owned(),
        "1".to_owned(),
        // What people say.
        format!("password={MESSAGE}"),
        format!("log.search service=web text=\"password={MESSAGE}\""),
        format!("log.search service=web text=\"{VARIABLE}\""),
        format!("service.restart service=\"token={ARGUMENT}\""),
        format!("service.restart service=web password={ARGUMENT}"),
        format!("log.search service=web text=\"postgres://app:{ARGUMENT}@db/x\""),
        format!("log.search service=web text=\"api_key: {ARGUMENT}\""),
        "log.search service=web text=harmless".to_owned(),
        "audit.search".to_owned(),
        "proposal.list".to_owned(),
        "service.restart service=web".to_owned(),
    ] {
        heard.push_str(&chat.answer(&line));
    }
    heard.push_str(&chat.leave());

    // They were really there.
    let requests = requests.lock().unwrap().join("\n");
    for canary in [VARIABLE, FILE, PROGRAM, ROLE] {
        assert!(requests.contains(canary), "{canary} was never sent: {requests}");
    }
    assert!(!requests.contains(MESSAGE) && !requests.contains(ARGUMENT), "{requests}");
    assert!(heard.contains("[redacted]"), "{heard}");
    assert_eq!(heard.matches("an argument looks like a password or a token").count(), 4, "{heard}");
    assert!(heard.contains("parrot as operator: POST"), "{heard}");

    looks_for("the chat", heard.as_bytes());
    looks_for("the log", &std::fs::read(&log).unwrap());
    assert!(std::fs::metadata(&log).unwrap().len() > 1_000, "a log that says nothing proves nothing");
    looks_through(&home.path("state"));
    let found = home.run(&["audit", "search", "--intent", "service.restart", "--json"], "").out;
    let found: serde_json::Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    let proposal = found["proposal"].as_str().unwrap().to_owned();
    for arguments in [
        &["audit", "list"][..],
        &["audit", "export"],
        &["audit", "show", &proposal],
        &["check"],
        &["suggest", "--json"],
    ] {
        let mut told = home.program(arguments);
        told.envs(variables.iter().cloned());
        let told = told.output().unwrap();
        looks_for(&arguments.join(" "), &[told.stdout, told.stderr].concat());
    }
    // On a line of the command, too.
    for line in
        [format!("log.search service=web text=\"password={ARGUMENT}\""), format!("service.restart password={ARGUMENT}")]
    {
        let mut told = home.program(&["exec", &line]);
        told.envs(variables.iter().cloned());
        let told = told.output().unwrap();
        looks_for("exec", &[told.stdout, told.stderr].concat());
    }
    looks_through(&home.path("state"));
    let posts = collector.posts();
    assert!(posts.iter().any(|(_, body)| body.contains("\"execute\"")), "spans without an execution prove nothing");
    posts.iter().for_each(|(head, body)| looks_for("the spans", format!("{head}{body}").as_bytes()));
}

#[test]
fn what_is_wrong_with_credentials_is_told_without_them() {
    let (home, mut variables) = planted(9, &Collector::start());
    std::fs::set_permissions(home.path("planted/file"), std::fs::Permissions::from_mode(0o644)).unwrap();
    variables[0].1 = format!("http://bot:{ADDRESS}@127.0.0.1:9");
    for (broken, told) in [("can be read by others (mode 644)", 0), ("cannot be reached", 0o600)] {
        if told != 0 {
            std::fs::set_permissions(home.path("planted/file"), std::fs::Permissions::from_mode(told)).unwrap();
        }
        let mut program = home.program(&["exec", "log.search service=web text=x"]);
        program.envs(variables.iter().cloned());
        let ended = program.output().unwrap();
        let said = [ended.stdout, ended.stderr].concat();
        looks_for("exec", &said);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(broken), "{said}");
    }
    looks_through(&home.path("state"));
}
