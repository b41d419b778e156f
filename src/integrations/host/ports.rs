//! Who listens on this machine.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use listeners::{Listener, Protocol, SocketState};
use serde_json::{Value as Json, json};

use super::unseen;
use crate::domain::Command;
use crate::integrations::builtin::BuiltinError;

/// One listening socket. Sorts by port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Socket {
    port: u16,
    protocol: &'static str,
    address: SocketAddr,
    /// None where the process belongs to somebody else and cannot be seen.
    process: Option<(u32, String)>,
}

/// `{port, ports: [{port, protocol, address, pid, name}]}`; with `port`, only that one.
pub(super) fn ports(command: &Command) -> Result<Json, BuiltinError> {
    let wanted = command.argument("port").and_then(|port| port.as_str().parse::<u64>().ok());
    if wanted.is_some_and(|port| port > u64::from(u16::MAX)) {
        return Err(BuiltinError::Refused("knows ports up to 65535 only".to_owned()));
    }
    let all = listeners::get_all().map_err(unseen)?;
    let mut sockets: BTreeSet<Socket> = all.iter().filter_map(listening).collect();
    for socket in unattributed() {
        let is_known = |known: &Socket| (known.protocol, known.address) == (socket.protocol, socket.address);
        if !sockets.iter().any(is_known) {
            sockets.insert(socket);
        }
    }
    let shown: Vec<Json> = sockets
        .iter()
        .filter(|socket| wanted.is_none_or(|port| port == u64::from(socket.port)))
        .map(described)
        .collect();
    Ok(json!({ "port": wanted, "ports": shown }))
}

fn listening(listener: &Listener) -> Option<Socket> {
    let protocol = match (listener.protocol, listener.state) {
        (Protocol::TCP, SocketState::Listen) => "tcp",
        (Protocol::UDP, _) => "udp",
        (Protocol::TCP, _) => return None,
    };
    let process = Some((listener.process.pid, listener.process.name.clone()));
    Some(Socket { port: listener.socket.port(), protocol, address: listener.socket, process })
}

fn described(socket: &Socket) -> Json {
    let (pid, name) = socket.process.clone().unzip();
    json!({
        "port": socket.port,
        "protocol": socket.protocol,
        "address": socket.address.ip().to_string(),
        "pid": pid,
        "name": name.unwrap_or_else(|| "(not visible to this user)".to_owned()),
    })
}

/// Sockets as the kernel lists them, without their processes: those of other users, whom we cannot see, listen too.
/// "Nothing listens there" must not mean "nothing of mine".
#[cfg(target_os = "linux")]
fn unattributed() -> Vec<Socket> {
    let files =
        [("tcp", "/proc/net/tcp"), ("tcp", "/proc/net/tcp6"), ("udp", "/proc/net/udp"), ("udp", "/proc/net/udp6")];
    files
        .iter()
        .flat_map(|(protocol, file)| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().skip(1).filter_map(|line| kernel_line(protocol, line)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn unattributed() -> Vec<Socket> {
    Vec::new()
}

/// `0: 0100007F:1F90 00000000:0000 0A …`: local address, remote address, state (see proc_net_tcp in the kernel's
/// documentation). Addresses are written as 32-bit words in the machine's order.
#[cfg(target_os = "linux")]
fn kernel_line(protocol: &'static str, line: &str) -> Option<Socket> {
    /// `TCP_LISTEN` of the kernel.
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    let is_listening = if protocol == "tcp" { state == LISTEN } else { remote.ends_with(":0000") };
    if !is_listening {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let mut bytes = Vec::new();
    for word in 0..address.len() / 8 {
        let word = u32::from_str_radix(address.get(word * 8..word * 8 + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = match (<[u8; 4]>::try_from(bytes.as_slice()), <[u8; 16]>::try_from(bytes.as_slice())) {
        (Ok(four), _) => SocketAddr::from((four, port)),
        (_, Ok(sixteen)) => SocketAddr::from((sixteen, port)),
        _ => return None,
    };
    Some(Socket { port, protocol, address, process: None })
}

#[cfg(all(test, target_os = "linux", target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000 0 1 1";
        let socket = kernel_line("tcp", line).unwrap();
        assert_eq!(socket.address, "127.0.0.1:8080".parse().unwrap());
        let line = "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0 0";
        assert_eq!(kernel_line("tcp", line).unwrap().address, "[::1]:80".parse().unwrap());
        assert_eq!(kernel_line("tcp", &line.replace(" 0A ", " 01 ")), None);
        assert_eq!(kernel_line("tcp", "garbage"), None);
    }
}
