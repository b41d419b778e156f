//! The gateway's WebSocket: carries what is due, and hands on what is heard.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::gateway::Due;
use super::state::Shared;

/// How long the other side may take to say farewell.
const FAREWELL: Duration = Duration::from_secs(2);

/// Takes connections as long as the runtime lives.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&shared)));
    }
}

// The error's size is the library's.
#[allow(clippy::result_large_err)]
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let down = shared.look(|state| state.faults.down);
    let admit = |_: &Request, response: Response| match down {
        false => Ok(response),
        true => {
            let mut refusal = ErrorResponse::new(Some("upstream connect error".to_owned()));
            *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            Err(refusal)
        }
    };
    let Ok(mut socket) = accept_hdr_async(stream, admit).await else { return };
    let id = shared.change(|state| state.gateway.open());
    let code = talk(&mut socket, id, &shared).await;
    shared.change(|state| state.gateway.closed(id, code));
}

/// Until one side ends it: the code with which the client did, where it said one.
async fn talk(socket: &mut WebSocketStream<TcpStream>, id: u64, shared: &Shared) -> Option<u16> {
    let mut changes = shared.subscribe();
    loop {
        for due in shared.look(|state| state.gateway.due(id)) {
            match due {
                Due::Send(message) => socket.send(message).await.ok()?,
                Due::Close(code, reason) => {
                    shared.change(|state| state.gateway.log.push(format!("connection {id} is closed with {code}")));
                    let _ = socket.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await;
                    farewell(socket).await;
                    return None;
                }
                Due::Cut => return None,
            }
        }
        tokio::select! {
            changed = changes.changed() => changed.ok()?,
            frame = socket.next() => match frame?.ok()? {
                Message::Text(text) => shared.change(|state| state.heard(id, &text)),
                Message::Close(frame) => {
                    farewell(socket).await;
                    return frame.map(|frame| frame.code.into());
                }
                _ => {}
            },
        }
    }
}

/// Reads until the other side has closed too, so that it surely gets our frame.
async fn farewell(socket: &mut WebSocketStream<TcpStream>) {
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = tokio::time::timeout(FAREWELL, rest).await;
}
