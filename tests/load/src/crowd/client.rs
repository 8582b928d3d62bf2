//! One connected client: it connects, however often it takes, hears, and replies as its protocol asks.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use samband_core::Stopwatch;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep};

use super::board::{MARK, Place};
use super::connect::{NoStream, Protocol, Way};
use super::frames::{self, Frames};
use super::{Hall, backoff};
use crate::http::Stream;

/// How often the SDKs ping.
const PING: Duration = Duration::from_secs(40);
/// How long they wait to be connected.
const PATIENCE: Duration = Duration::from_secs(20);

const PUSH: &[u8] = br#"3:::{"id":"#;
const REPLY: &[u8] = br#","status":200,"headers":{"trouter-client":"{\"cd\":1}"},"body":""}"#;

pub struct Client {
    hall: Rc<Hall>,
    number: usize,
    token: String,
    /// None until it is connected.
    place: Option<Place>,
    /// Since when it tries to connect.
    trying: Stopwatch,
    out: Vec<u8>,
    events: u64,
    unanswered: bool,
}

impl Client {
    pub fn new(hall: Rc<Hall>, number: usize, token: String) -> Self {
        Self {
            hall,
            number,
            token,
            place: None,
            trying: Stopwatch::start(),
            out: Vec::new(),
            events: 0,
            unanswered: false,
        }
    }

    /// Until it is aborted; or, if clients do not come again, until it is lost.
    pub async fn run(mut self) {
        let hall = self.hall.clone();
        let mut attempt = 0;
        loop {
            let Err(error) = self.connected(attempt).await;
            attempt = match self.place.take() {
                Some(_) => {
                    hall.board.leave();
                    self.trying = Stopwatch::start();
                    0
                }
                None => attempt + 1,
            };
            if !hall.comes_again {
                let number = self.number;
                return hall.board.fail(error.context(format!("client {number} was lost")));
            }
            if attempt > 0 {
                hall.board.try_failed(&error);
                sleep(backoff(self.number, attempt, None)).await;
            }
        }
    }

    async fn connected(&mut self, attempt: u32) -> Result<Infallible> {
        let (mut stream, first) = self.enter(attempt).await?;
        let mut frames = Frames::new(self.hall.protocol.cut());
        self.out.clear();
        (self.events, self.unanswered) = (0, false);
        if !self.hall.protocol.greets() {
            self.join();
        }
        frames.feed(&first, |kind, payload| self.hear(kind, payload))?;
        self.listen(&mut stream, &mut frames).await
    }

    /// A stream; as soon as the server has room for one.
    async fn enter(&mut self, attempt: u32) -> Result<(Stream, Vec<u8>)> {
        let mut refused = 0;
        loop {
            let turn = self.hall.turns.acquire().await?;
            if refused == 0 && attempt == 0 && !self.hall.comes_again {
                // Waiting for a turn is no part of connecting.
                self.trying = Stopwatch::start();
            }
            let way = Way {
                target: &self.hall.target,
                protocol: self.hall.protocol,
                token: &self.token,
                number: self.number,
                attempt: attempt + 1,
            };
            let opened = tokio::time::timeout(PATIENCE, way.open()).await;
            drop(turn);
            match opened.context("not connected in time")? {
                Ok(opened) => return Ok(opened),
                Err(NoStream::Failed(error)) => return Err(error),
                Err(NoStream::Busy(after)) => {
                    refused += 1;
                    let board = &self.hall.board;
                    board.busy.set(board.busy.get() + 1);
                    sleep(backoff(self.number, refused, after)).await;
                }
            }
        }
    }

    fn join(&mut self) {
        if self.place.is_none() {
            self.place = Some(self.hall.board.join(self.trying.elapsed()));
        }
    }

    async fn listen(&mut self, stream: &mut Stream, frames: &mut Frames) -> Result<Infallible> {
        let hall = self.hall.clone();
        let mut due = pin!(sleep(PATIENCE));
        loop {
            if !self.out.is_empty() {
                stream.write_all(&self.out).await?;
                stream.flush().await?;
                self.out.clear();
            }
            poll_fn(|cx| {
                // One buffer for all clients: what is read is used up before anybody else reads.
                let mut buffer = hall.buffer.borrow_mut();
                let mut read = ReadBuf::new(&mut buffer);
                if let Poll::Ready(outcome) = Pin::new(&mut *stream).poll_read(cx, &mut read) {
                    return Poll::Ready(outcome.map_err(Into::into).and_then(|()| {
                        ensure!(!read.filled().is_empty(), "the server closed the connection");
                        frames.feed(read.filled(), |kind, payload| self.hear(kind, payload))
                    }));
                }
                due.as_mut().poll(cx).map(|()| {
                    due.as_mut().reset(Instant::now() + PING);
                    self.due()
                })
            })
            .await?;
        }
    }

    /// Time to ping, if it was not time to be connected.
    fn due(&mut self) -> Result<()> {
        ensure!(self.place.is_some(), "not connected in time");
        if self.hall.protocol == Protocol::Signalling {
            self.ping();
        }
        Ok(())
    }

    fn ping(&mut self) {
        self.emit(r#"{"name":"ping"}"#);
    }

    fn emit(&mut self, event: &str) {
        self.events += 1;
        let packet = format!("5:{}+::{event}", self.events);
        frames::write(&mut self.out, frames::TEXT, packet.as_bytes());
    }

    fn hear(&mut self, kind: u8, payload: &[u8]) -> Result<()> {
        match (kind, self.hall.protocol) {
            (frames::TEXT, Protocol::Signalling | Protocol::Floor | Protocol::FloorReplies) => self.packet(payload),
            (frames::TEXT, Protocol::Open | Protocol::Sse) => self.events(payload),
            (frames::PING, _) => {
                frames::write(&mut self.out, frames::PONG, payload);
                Ok(())
            }
            (frames::CLOSE, _) => {
                let reason = payload.get(2..).map(String::from_utf8_lossy).unwrap_or_default();
                let code = payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
                bail!("the server closed with {code} {reason}")
            }
            _ => Ok(()),
        }
    }

    /// A Socket.IO packet; the floor has the same outside.
    fn packet(&mut self, packet: &[u8]) -> Result<()> {
        match packet.first() {
            Some(b'3') => {
                self.messages(packet)?;
                if self.hall.protocol != Protocol::Floor {
                    self.reply(packet)?;
                }
            }
            Some(b'5') if memmem::find(packet, b"trouter.connected").is_some() => {
                self.join();
                self.emit(r#"{"name":"user.activity","args":[{"state":"active","cv":"q36xhlSxpuWI3V7k9TzONQ.2"}]}"#);
            }
            Some(b'1') if self.hall.protocol != Protocol::Signalling => self.join(),
            Some(b'2') => frames::write(&mut self.out, frames::TEXT, b"2::"),
            Some(b'6') => self.unanswered = false,
            Some(b'0') => bail!("the server ended the session: {}", String::from_utf8_lossy(packet)),
            _ => {}
        }
        Ok(())
    }

    fn reply(&mut self, push: &[u8]) -> Result<()> {
        let digits = push.strip_prefix(PUSH).context("a push without an id")?;
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = digits.get(..length).unwrap_or_default();
        let mut reply = [0; 128];
        let mut end = 0;
        for part in [PUSH, digits, REPLY] {
            let room = reply
                .get_mut(end..end + part.len())
                .context("the id of a push is too long")?;
            room.copy_from_slice(part);
            end += part.len();
        }
        frames::write(&mut self.out, frames::TEXT, reply.get(..end).unwrap_or_default());
        if self.hall.pings && !self.unanswered {
            self.unanswered = true;
            self.ping();
        }
        Ok(())
    }

    /// CloudEvents: one in a frame, or as many as are in a piece of a body.
    fn events(&mut self, events: &[u8]) -> Result<()> {
        if self.messages(events)? == 0 {
            for end in ["Samband.Gap", "Samband.Closing", "Samband.Error"] {
                if memmem::find(events, end.as_bytes()).is_some() {
                    bail!("the server told: {}", String::from_utf8_lossy(events));
                }
            }
        }
        Ok(())
    }

    /// The messages of the run that are in a frame.
    fn messages(&mut self, frame: &[u8]) -> Result<usize> {
        let mut found = 0;
        for at in self.hall.mark.find_iter(frame) {
            let text = frame.get(at + MARK.len()..).unwrap_or_default();
            let place = self.place.as_mut().context("a message before one was connected")?;
            self.hall.board.receive(place, text)?;
            found += 1;
        }
        if let Some(length) = frame.len().checked_div(found) {
            self.hall.board.frame.set(length);
        }
        Ok(found)
    }
}
