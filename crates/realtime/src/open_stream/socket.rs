//! The stream over a WebSocket (RFC 6455; CloudEvents' WebSocket binding: an event a message).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use samband_chat::store::InThread;
use samband_core::{Millis, Scopes};
use samband_wire_core::ApiError;
use samband_wire_realtime::open::{COMMAND_BYTES, CloudEvent, Command, Control, Reader};
use tokio::time::{Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::feed::{Feed, Out, Trouble};
use super::sse::{closing, gap};
use crate::leash::{Leash, Pull, Right, now};
use crate::service::token_refused;
use crate::shared::{Shared, WRITE_PATIENCE};
use crate::upgrade::{self, Socket};

/// The peer answers pings, so that one that is gone is found out.
const PING: Duration = Duration::from_secs(30);
/// A peer that answered none of so many is gone.
const SILENT_PINGS: u32 = 3;
/// How long before its token expires a reader is warned.
const WARNING: Duration = Duration::from_secs(60);
/// A peer that does not answer a close by then is let go.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// Messages to be sent.
#[derive(Default)]
struct Messages(Vec<Message>);

impl Out for Messages {
    fn put(&mut self, event: &CloudEvent, raw_id: &str, position: Option<&str>) {
        let mut json = String::new();
        let position = position.unwrap_or_default();
        event.write(Reader { raw_id, position }, &mut json);
        self.0.push(Message::text(json));
    }
}

/// When the reader is to be warned that its token expires.
pub struct Warning {
    expires: Millis,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Warning {
    pub fn new(shared: &Shared, right: &Right) -> Self {
        let Right::Token(grant) = right else {
            return Self {
                expires: Millis(0),
                timer: None,
            };
        };
        let left = shared.until(grant.expires);
        Self {
            expires: grant.expires,
            timer: Some(Box::pin(sleep(left.saturating_sub(WARNING)))),
        }
    }

    /// Returns once, with the expiry.
    pub async fn due(&mut self) -> Millis {
        match &mut self.timer {
            Some(timer) => timer.await,
            None => std::future::pending().await,
        }
        self.timer = None;
        self.expires
    }
}

struct Stream {
    shared: Arc<Shared>,
    leash: Leash,
    warning: Warning,
    socket: Socket,
    source: String,
    /// Control events told so far.
    controls: u64,
}

pub async fn run(shared: Arc<Shared>, mut feed: Feed, leash: Leash, upgrade: OnUpgrade) {
    let Some(socket) = upgrade::open(upgrade, COMMAND_BYTES).await else {
        return;
    };
    let mut stream = Stream {
        warning: Warning::new(&shared, leash.right()),
        shared,
        leash,
        socket,
        source: feed.origin.source.clone(),
        controls: 0,
    };
    let code = stream.serve(&mut feed).await;
    drop(feed);
    if let Some(code) = code {
        let frame = CloseFrame {
            code,
            reason: Default::default(),
        };
        // Sent, then the peer's own close is waited for, so that it reads what was sent before.
        let _ = timeout(CLOSE_PATIENCE, async {
            let _ = stream.socket.close(Some(frame)).await;
            while let Some(Ok(_)) = stream.socket.next().await {}
        })
        .await;
    }
}

impl Stream {
    /// The code to close with; none if there is nobody to close.
    async fn serve(&mut self, feed: &mut Feed) -> Option<CloseCode> {
        let mut messages = Messages::default();
        let position = feed.position().encode();
        self.tell(Control::Connected { position: &position }, &mut messages);
        match self.send(&mut messages).await {
            Ok(()) => {}
            Err(Some(pull)) => return self.end(pull).await,
            Err(None) => return None,
        }
        let mut pings = tokio::time::interval_at(now() + PING, PING);
        let mut silent_pings = 0;
        loop {
            tokio::select! {
                biased;
                pull = self.leash.pulled() => return self.end(pull).await,
                received = self.socket.next() => {
                    silent_pings = 0;
                    match received {
                        Some(Ok(Message::Text(text))) => self.obey(&text, &mut messages).await,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Binary(_))) => return Some(CloseCode::Unsupported),
                        Some(Err(Error::Capacity(_))) => return Some(CloseCode::Size),
                        Some(Err(Error::Utf8(_))) => return Some(CloseCode::Invalid),
                        Some(Err(Error::Protocol(_))) => return Some(CloseCode::Protocol),
                        Some(Ok(Message::Close(_))) => return Some(CloseCode::Normal),
                        _ => return None,
                    }
                }
                fed = feed.next(&mut messages) => if let Err(trouble) = fed {
                    let last = feed.position().encode();
                    self.tell(gap(trouble, &last), &mut messages);
                    let sent = self.send(&mut messages).await;
                    return sent.is_ok().then_some(match trouble {
                        Trouble::Slow => CloseCode::Again,
                        Trouble::Unavailable => CloseCode::Error,
                    });
                },
                expires = self.warning.due() => self.tell(Control::TokenExpiring { expires }, &mut messages),
                _ = pings.tick() => {
                    if silent_pings == SILENT_PINGS {
                        return None;
                    }
                    silent_pings += 1;
                    messages.0.push(Message::Ping(Default::default()));
                }
            }
            if messages.0.is_empty() {
                continue;
            }
            match self.send(&mut messages).await {
                Ok(()) => {}
                Err(Some(pull)) => return self.end(pull).await,
                Err(None) => return None,
            }
        }
    }

    /// Sends all and flushes once. The error is what pulls the connection meanwhile, or none if the
    /// peer takes nothing.
    async fn send(&mut self, messages: &mut Messages) -> Result<(), Option<Pull>> {
        let socket = &mut self.socket;
        let sending = async {
            for message in messages.0.drain(..) {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        tokio::select! {
            sent = timeout(WRITE_PATIENCE, sending) => match sent {
                Ok(Ok(())) => Ok(()),
                _ => Err(None),
            },
            pull = self.leash.pulled() => Err(Some(pull)),
        }
    }

    /// The last event, and the code that says the same.
    async fn end(&mut self, pull: Pull) -> Option<CloseCode> {
        let mut messages = Messages::default();
        self.tell(Control::Closing { reason: closing(pull) }, &mut messages);
        // What pulls no longer matters; a peer that takes nothing does.
        let told = async {
            for message in messages.0 {
                self.socket.send(message).await?;
            }
            Ok::<_, Error>(())
        };
        let told = timeout(CLOSE_PATIENCE, told).await;
        matches!(told, Ok(Ok(()))).then_some(match pull {
            Pull::Expired | Pull::Revoked => CloseCode::Policy,
            Pull::Stopping => CloseCode::Away,
        })
    }

    fn tell(&mut self, control: Control<'_>, messages: &mut Messages) {
        self.controls += 1;
        let event = control.event(self.controls, &self.source, self.shared.clock.now());
        messages.0.push(Message::text(event));
    }

    async fn obey(&mut self, text: &str, messages: &mut Messages) {
        let (id, outcome) = match Command::parse(text) {
            Err(fault) => {
                let mut error = ApiError::bad_request(fault.message);
                if let Some(target) = fault.target {
                    error = error.with_target(target);
                }
                (fault.id, Err(error))
            }
            Ok(Command::Typing {
                id,
                thread,
                sender_display_name,
            }) => (id, self.typing(thread, sender_display_name).await),
            Ok(Command::Token { id, token }) => (id, self.renew(&token).await),
        };
        if let Err(error) = outcome {
            let control = Control::Error {
                id: id.as_deref(),
                code: &error.code,
                message: &error.message,
                target: error.target.as_deref(),
            };
            self.tell(control, messages);
        }
    }

    async fn typing(
        &mut self,
        thread: samband_core::ThreadId,
        sender_display_name: Option<String>,
    ) -> Result<(), ApiError> {
        let Right::Token(grant) = self.leash.right() else {
            return Err(ApiError::forbidden("Only a user can type."));
        };
        let at = InThread {
            resource: grant.resource,
            thread,
            caller: grant.user,
        };
        self.shared.chat.notify_typing(at, sender_display_name).await
    }

    async fn renew(&mut self, token: &str) -> Result<(), ApiError> {
        let Right::Token(present) = self.leash.right() else {
            return Err(ApiError::forbidden(
                "This stream was not opened with a user access token.",
            ));
        };
        let grant = self
            .shared
            .tokens
            .verify(token, self.shared.clock.now())
            .await
            .map_err(token_refused)?;
        if (grant.resource, grant.user) != (present.resource, present.user) {
            return Err(ApiError::forbidden("The token is of another user.").with_target("token"));
        }
        if !grant.scopes.any_of(Scopes::CHAT_USE) {
            return Err(ApiError::forbidden("The access token has no chat scope.").with_target("token"));
        }
        self.leash.renew((*grant).clone()).await;
        self.warning = Warning::new(&self.shared, self.leash.right());
        Ok(())
    }
}
