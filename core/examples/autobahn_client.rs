//! The client that the Autobahn test suite judges: it echoes text and binary messages with the WebSocket codec of
//! `larkwire_core::wire`, and has no rule of RFC 6455 of its own. `.ci/autobahn` runs it.
//!
//! ```text
//! autobahn_client HOST:PORT AGENT [--buffer BYTES] [--read BYTES] [--cases PREFIX,…]
//! ```
//! `--buffer` is the longest message that is echoed, 64 KiB unless said. A longer one is counted off and not answered,
//! as the engine does (protocol section 7.4). `--read` is the most bytes of one read. `--cases` names the cases that are
//! run, by the start of their ids, such as `1.` or `6.4.1`: all of them unless said. Exit status 1: the server is gone.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it prints how far it is")]

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::BuildHasher as _;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use larkwire_core::wire::http::{Authority, Head, HeadScan, Method, write_request};
use larkwire_core::wire::json::{Reader, Value};
use larkwire_core::wire::websocket::{
    Opcode, Part, Sequence, Utf8, WsError, WsHeader, apply_mask, check_upgrade, key_text, parse_close, write_frame,
};
use larkwire_core::wire::writer::Writer;

const USAGE: &str = "usage: autobahn_client HOST:PORT AGENT [--buffer BYTES] [--read BYTES] [--cases PREFIX,...]";
/// How long the server may take to hang up after both goodbyes.
const GOODBYE: Duration = Duration::from_secs(2);
/// A server that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(120);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Clone, Debug)]
struct Options {
    host: String,
    port: u16,
    agent: String,
    buffer: usize,
    read: usize,
    cases: Vec<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let server = args.next()?;
        let (host, port) = server.rsplit_once(':')?;
        let mut options = Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
            agent: args.next()?,
            buffer: 64 * 1024,
            read: 16 * 1024,
            cases: vec![String::new()],
        };
        while let Some(name) = args.next() {
            let value = args.next()?;
            match name.as_str() {
                "--buffer" => options.buffer = value.parse().ok()?,
                "--read" => options.read = value.parse().ok().filter(|&bytes| bytes > 0)?,
                "--cases" => options.cases = value.split(',').map(str::to_owned).collect(),
                _ => return None,
            }
        }
        Some(options)
    }
}

/// How a connection came to its end, seen from here.
enum Ended {
    /// The stream ended.
    Cut,
    /// The peer said goodbye, or we did because of a fault; nothing more is read.
    Closing,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Cut
    }
}

/// A blocking connection and the bytes of it that were not looked at.
struct Connection {
    stream: TcpStream,
    random: RandomState,
    frames: u64,
    input: Vec<u8>,
    read: usize,
}

impl Connection {
    fn open(options: &Options, path: &[&str]) -> Result<Self> {
        let stream = TcpStream::connect((options.host.as_str(), options.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let (random, read) = (RandomState::new(), options.read);
        let mut connection = Self { stream, random, frames: 0, input: Vec::new(), read };
        connection.upgrade(options, path)?;
        Ok(connection)
    }

    fn upgrade(&mut self, options: &Options, path: &[&str]) -> Result<()> {
        let mut nonce = [0; 16];
        for (at, byte) in nonce.iter_mut().enumerate() {
            *byte = self.random.hash_one(("key", at)).to_ne_bytes()[0];
        }
        let key = key_text(nonce);
        let headers = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", std::str::from_utf8(&key)?),
        ];
        let authority = Authority { host: &options.host, port: options.port, tls: false };
        let mut request = [0; 1024];
        let mut w = Writer::new(&mut request);
        write_request(&mut w, Method::Get, path, authority, &headers, None)?;
        let len = w.finish()?;
        self.stream.write_all(request.get(..len).unwrap_or_default())?;
        let mut scan = HeadScan::default();
        let head_len = loop {
            match scan.find(&self.input)? {
                Some(len) => break len,
                None => self.fill()?,
            }
        };
        check_upgrade(&Head::parse(self.input.get(..head_len).unwrap_or_default())?, nonce)?;
        self.input.drain(..head_len);
        Ok(())
    }

    /// Waits for more bytes.
    fn fill(&mut self) -> io::Result<()> {
        let len = self.input.len();
        self.input.resize(len.saturating_add(self.read), 0);
        let read = self.stream.read(self.input.get_mut(len..).unwrap_or_default());
        self.input.truncate(len.saturating_add(*read.as_ref().unwrap_or(&0)));
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn mask(&mut self) -> [u8; 4] {
        self.frames = self.frames.wrapping_add(1);
        let [a, b, c, d, ..] = self.random.hash_one(self.frames).to_ne_bytes();
        [a, b, c, d]
    }

    /// Sends a whole message, which is lost by that: it is masked where it lies.
    fn send(&mut self, opcode: Opcode, payload: &mut [u8]) -> io::Result<()> {
        let mask = self.mask();
        let mut head = [0; WsHeader::MAX_LEN];
        let mut w = Writer::new(&mut head);
        WsHeader::write(&mut w, true, opcode, payload.len() as u64, mask);
        let len = w.finish().map_err(io::Error::other)?;
        apply_mask(payload, mask, 0);
        self.stream.write_all(head.get(..len).unwrap_or_default())?;
        self.stream.write_all(payload)
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mask = self.mask();
        let mut out = [0; WsHeader::MAX_LEN + 125];
        let mut w = Writer::new(&mut out);
        write_frame(&mut w, opcode, payload, mask);
        let len = w.finish().map_err(io::Error::other)?;
        self.stream.write_all(out.get(..len).unwrap_or_default())
    }

    /// Says why, and reads no further.
    fn fail(&mut self, error: WsError) -> Ended {
        match self.send_control(Opcode::Close, &error.close_code().to_be_bytes()) {
            Ok(()) => Ended::Closing,
            Err(_) => Ended::Cut,
        }
    }

    /// Answers a control frame whose payload is the start of the input.
    fn control(&mut self, header: &WsHeader) -> std::result::Result<(), Ended> {
        let len = usize::try_from(header.len).unwrap_or(usize::MAX);
        while self.input.len() < len {
            self.fill()?;
        }
        let payload: Vec<u8> = self.input.drain(..len).collect();
        match header.opcode {
            Opcode::Ping => self.send_control(Opcode::Pong, &payload)?,
            Opcode::Close => {
                let reply = match parse_close(&payload) {
                    Ok(None) => self.send_control(Opcode::Close, &[]),
                    Ok(Some((code, _))) => self.send_control(Opcode::Close, &code.to_be_bytes()),
                    Err(error) => return Err(self.fail(error)),
                };
                reply?;
                return Err(Ended::Closing);
            }
            _ => {}
        }
        Ok(())
    }

    /// Hands every whole message of at most `buffer` bytes over, until the connection ends.
    fn run(
        &mut self,
        buffer: usize,
        mut each: impl FnMut(&mut Self, Opcode, &mut Vec<u8>) -> io::Result<()>,
    ) -> std::result::Result<(), Ended> {
        let (mut sequence, mut utf8) = (Sequence::default(), Utf8::default());
        let (mut message, mut discarded) = (Vec::new(), 0_u64);
        loop {
            let (header, header_len) = loop {
                match WsHeader::parse(&self.input) {
                    Ok(Some(header)) => break header,
                    Ok(None) => self.fill()?,
                    Err(error) => return Err(self.fail(error)),
                }
            };
            self.input.drain(..header_len);
            let (first, text, last) = match sequence.accept(&header) {
                Ok(Part::Control) => {
                    self.control(&header)?;
                    continue;
                }
                Ok(Part::First { text, last }) => (true, text, last),
                Ok(Part::Middle { text, last }) => (false, text, last),
                Err(error) => return Err(self.fail(error)),
            };
            if first {
                (utf8, discarded) = (Utf8::default(), 0);
                message.clear();
            }
            let mut remaining = header.len;
            while remaining > 0 {
                if self.input.is_empty() {
                    self.fill()?;
                }
                let here = usize::try_from(remaining).unwrap_or(usize::MAX).min(self.input.len());
                let piece = self.input.get(..here).unwrap_or_default();
                if text && utf8.push(piece).is_err() {
                    return Err(self.fail(WsError::Utf8));
                }
                let kept = here.min(buffer.saturating_sub(message.len()));
                message.extend_from_slice(piece.get(..kept).unwrap_or_default());
                discarded = discarded.saturating_add(here.saturating_sub(kept) as u64);
                self.input.drain(..here);
                remaining = remaining.saturating_sub(here as u64);
            }
            if last && text && !utf8.finish() {
                return Err(self.fail(WsError::Utf8));
            }
            if last && discarded == 0 {
                each(self, if text { Opcode::Text } else { Opcode::Binary }, &mut message)?;
            }
        }
    }

    /// Waits until the server hangs up, as the client has to (RFC 6455 section 7.1.1).
    fn hang_up(mut self) {
        let by = Instant::now().checked_add(GOODBYE);
        let mut rest = [0; 4096];
        while let Some(left) =
            by.and_then(|by| by.checked_duration_since(Instant::now())).filter(|left| !left.is_zero())
        {
            if self.stream.set_read_timeout(Some(left)).is_err() || !matches!(self.stream.read(&mut rest), Ok(1..)) {
                break;
            }
        }
    }
}

/// Asks the server something that it answers with one text.
fn ask(options: &Options, path: &[&str]) -> Result<Option<String>> {
    let mut connection = Connection::open(options, path)?;
    let mut answer = None;
    let ended = connection.run(64 * 1024, |_, _, message| {
        answer = Some(String::from_utf8_lossy(message).into_owned());
        Ok(())
    });
    if let Err(Ended::Closing) = ended {
        connection.hang_up();
    }
    Ok(answer)
}

/// `id` of the server's words about a case.
fn case_id(json: &str) -> Result<Option<String>> {
    let mut reader = Reader::new(json);
    let mut id = None;
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            match reader.value()? {
                Value::String(text) if key.plain() == Some("id") => id = text.plain().map(str::to_owned),
                _ => {}
            }
        }
    }
    Ok(id)
}

fn run(options: &Options) -> Result<()> {
    let count = ask(options, &["/getCaseCount"])?.ok_or("no case count")?;
    let count: u32 = count.trim().parse()?;
    let everything = options.cases.iter().any(String::is_empty);
    let (began, mut told, mut ran) = (Instant::now(), Instant::now(), 0_u32);
    for case in 1..=count {
        let number = case.to_string();
        if !everything {
            let id = ask(options, &["/getCaseInfo?case=", &number])?.map(|json| case_id(&json)).transpose()?.flatten();
            let id = id.ok_or("a case without an id")?;
            if !options.cases.iter().any(|prefix| id.starts_with(prefix)) {
                continue;
            }
        }
        ran = ran.saturating_add(1);
        let mut connection = Connection::open(options, &["/runCase?case=", &number, "&agent=", &options.agent])?;
        let ended = connection.run(options.buffer, |connection, opcode, message| connection.send(opcode, message));
        if let Err(Ended::Closing) = ended {
            connection.hang_up();
        }
        if told.elapsed() >= Duration::from_secs(2) {
            eprintln!("     {}: case {case} of {count}, {} s", options.agent, began.elapsed().as_secs());
            told = Instant::now();
        }
    }
    ask(options, &["/updateReports?agent=", &options.agent])?;
    println!("{}: {ran} cases in {:.1} s", options.agent, began.elapsed().as_secs_f64());
    Ok(())
}

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("autobahn_client: {error}");
            ExitCode::FAILURE
        }
    }
}
