//! A role of the moment, from the configuration to the record: only whoever is on call may have something restarted.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use crate::harness::{Home, Platform};

const POLICY: &str = r#"@id("only-on-call-restarts") @hint("only whoever is on call restarts something")
forbid (principal, action == Action::"propose", resource == Command::"service.restart")
unless { principal in Role::"on-call" };
"#;

/// A system that says who is on call: the id that it holds, or nothing that could be read.
struct Vendor {
    port: u16,
    says: Arc<Mutex<Option<&'static str>>>,
}

impl Vendor {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let says = Arc::new(Mutex::new(None));
        let answer = Arc::clone(&says);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let says: Option<&str> = *answer.lock().unwrap();
                let body = match says {
                    Some(id) => format!("{{\"oncalls\": [{{\"user\": {{\"id\": \"{id}\"}}}}]}}"),
                    None => "{}".to_owned(),
                };
                serve(stream.unwrap(), &body);
            }
        });
        Self { port, says }
    }

    fn on_call(&self, id: &'static str) {
        *self.says.lock().unwrap() = Some(id);
    }

    fn manifest(&self) -> String {
        let port = self.port;
        format!(
            r#"summary = "Who is on call, in the stories"

[connection]
url = "http://127.0.0.1:{port}"

[oncall]
http = {{ path = "/schedules/{{{{ schedule }}}}" }}
items = "body.oncalls"
id = "{{{{ item.user.id }}}}"

[actions.show]
implements = "oncall.show"
parameters.team = {{ ignored = true }}
parameters.when = {{ ignored = true }}
http = {{ path = "/schedules/PS" }}
"#
        )
    }
}

fn serve(mut stream: TcpStream, body: &str) {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or_default() == 1 {
        read.push(byte[0]);
    }
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all((head + body).as_bytes());
}

/// Who sits at the console here.
fn me() -> String {
    let home = Home::new();
    let mut chat = home.chat();
    chat.ask("host.disk", "% full");
    chat.leave();
    home.audit(&["list"])[0]["actor"].as_str().unwrap().to_owned()
}

#[test]
fn only_whoever_is_on_call_restarts_something() {
    let (vendor, platform, me) = (Vendor::start(), Platform::start(), me());
    let home = platform.home(&format!(
        "[people.mira]\nids = [\"{me}\"]\noncall = [\"vendor:PM\"]\n[roles]\noperator = [\"console:*\"]\n[roles.on-call]\noncall \
         = \"PS\"\n"
    ));
    let configuration = std::fs::read_to_string(home.path("sayso.toml")).unwrap();
    home.write("sayso.toml", &configuration.replace("\"platform\"]", "\"platform\", \"vendor\"]"));
    home.write("integrations/vendor.toml", &vendor.manifest());
    home.write("policies/default.cedar", include_str!("../../policies/default.cedar"));
    home.write("policies/team.cedar", POLICY);

    // Nobody can say: denied, and said why; what does not depend on it goes on.
    let mut chat = home.chat();
    chat.ask("service.restart service=web", "who is on call cannot be found out: `vendor`");
    chat.ask("host.disk", "% full");
    chat.leave();
    // Somebody else is.
    vendor.on_call("PA");
    let mut chat = home.chat();
    chat.ask("service.restart service=web", "only whoever is on call restarts something");
    let help = chat.answer("help.show topic=restart");
    assert!(!help.contains("service.restart"), "{help}");
    chat.leave();
    assert!(!platform.is_asked());
    // They are.
    vendor.on_call("PM");
    let mut chat = home.chat();
    chat.ask("service.restart service=web", "└");
    chat.say("1");
    let (line, stream) = platform.request();
    assert_eq!(line, "POST /services/web/restart HTTP/1.1");
    Platform::done(stream);
    chat.hear("web was restarted");
    chat.leave();

    let trail = home.audit(&["search", "--intent", "service.restart"]);
    let verdicts: Vec<&str> = trail.iter().filter_map(|event| event["verdict"].as_str()).collect();
    assert!(verdicts[0].contains("who is on call cannot be found out"), "{verdicts:?}");
    assert!(verdicts[1].contains("on call by `PS`: vendor:PA, asked at "), "{verdicts:?}");
    assert!(verdicts[2].contains("on call by `PS`: mira, asked at "), "{verdicts:?}");
}
