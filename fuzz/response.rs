//! What a system answers over HTTP, letter by letter, to what ships: it is told, or said to be wrong.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use sayso::domain::OutcomeStatus;
use sayso::integrations::Limits;

use super::RUNTIME;

#[path = "../tests/common/mod.rs"]
mod common;

/// What is asked; the first letter of an input says which.
const ASKED: [(&str, &str); 6] = [
    ("prometheus", "metric.query expression=up"),
    ("prometheus", "alert.list"),
    ("alertmanager", "alert.silence alert=HighErrorRate duration=PT1H"),
    ("docker", "container.list"),
    ("docker", "container.logs container=web"),
    ("docker", "service.restart service=web"),
];

/// The answer of the moment.
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// A server that reads a request's head and answers that.
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.set_read_timeout(Some(Duration::from_millis(100)));
            let mut buffer = [0; 4096];
            // One piece is the whole of so small a request.
            let _ = stream.read(&mut buffer);
            let answer = ANSWER.lock().unwrap().clone();
            let _ = stream.write_all(&answer);
        }
    });
    address
});

/// The rigs, by the order of `ASKED`.
static RIGS: LazyLock<Vec<common::Rig>> = LazyLock::new(|| {
    ASKED
        .iter()
        .map(|(name, _)| {
            let config =
                format!("integrations = {{ enabled = [\"{name}\"], {name} = {{ url = \"http://{}\" }} }}", *SERVER);
            // No time for a second attempt.
            let limits = Limits { output_bytes: 16 * 1024, timeout: Duration::from_millis(140) };
            common::Parts { shipped: &[name], config: &config, limits, ..common::Parts::default() }.rig()
        })
        .collect()
});

/// An answer: as it is if it begins like one, else the body of one.
pub fn response(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else { return };
    *ANSWER.lock().unwrap() = if bytes.starts_with(b"HTTP/") {
        bytes.to_vec()
    } else {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
        [head.as_bytes(), bytes].concat()
    };
    let which = usize::from(*which) % ASKED.len();
    let (rig, line) = (&RIGS[which], ASKED[which].1);
    RUNTIME.block_on(async {
        let plan = match rig.plan(line).await {
            Ok(plan) => plan,
            Err(error) => return assert!(!error.to_string().is_empty()),
        };
        if let Err(error) = rig.planner.preview(&plan).await {
            assert!(!error.to_string().is_empty());
        }
        let ids = (sayso::domain::ProposalId::random(), sayso::domain::ExecutionId::random());
        let outcome = rig.execute(common::approve(&common::command(line), plan.digest, ids)).await;
        assert!(!outcome.summary.is_empty() && !outcome.summary.contains('\n'));
        assert!(outcome.status != OutcomeStatus::Cancelled);
    });
    rigs_forget();
}

/// What a rig's ledger remembers is of no use here, and would fill the memory.
fn rigs_forget() {
    for rig in RIGS.iter() {
        rig.ledger.forget();
    }
}
