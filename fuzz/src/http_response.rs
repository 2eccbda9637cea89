//! `wire::http` on answers: one reading however they are cut, the same as a slow reader's.

use larkwire_core::wire::http::{Body, Framing, Head, HeadScan, HttpError, MAX_CHUNK_LINE, MAX_INTERIM, MAX_TRAILERS};

/// The first byte says how to cut and whether a HEAD request is answered, the rest is the answer.
pub fn run(data: &[u8]) {
    let Some((&mode, answer)) = data.split_first() else { return };
    let head_request = mode & 0x80 != 0;
    let whole = read(answer, answer.len().max(1), head_request);
    for chop in [1, usize::from(mode & 0x7f) + 2] {
        assert_eq!(read(answer, chop, head_request), whole, "in pieces of {chop}");
    }
    let reading = match whole {
        Reading::Whole(reading) => reading,
        Reading::Cut(_) => return,
        Reading::Fault(_) => {
            // What is wrong stays wrong, whatever follows.
            assert_eq!(read(&[answer, b"\r\n\r\n0\r\n\r\n"].concat(), 1 << 20, head_request), whole);
            return;
        }
    };
    // A cut answer is never complete, and bytes after it are not touched.
    for end in [0, reading.used / 2, reading.used.saturating_sub(1)] {
        let cut = read(&answer[..end], 1 << 20, head_request);
        assert!(end == reading.used || matches!(cut, Reading::Cut(_)), "{cut:?} in the first {end} bytes");
    }
    let longer = read(&[&answer[..reading.used], b"HTTP/1.1 200 OK\r\n"].concat(), 1 << 20, head_request);
    assert_eq!(longer, Reading::Whole(reading.clone()));
    let slow = slow_body(&answer[reading.body_at..], reading.framing).expect("the slow reader takes it too");
    assert_eq!(slow, (reading.body.clone(), reading.used - reading.body_at));
}

#[derive(Clone, Debug, PartialEq)]
struct Whole {
    status: u16,
    framing: Framing,
    body_at: usize,
    body: Vec<u8>,
    used: usize,
}

#[derive(Debug, PartialEq)]
enum Reading {
    /// More is needed; what closing the connection now would mean.
    Cut(Result<Vec<u8>, HttpError>),
    Fault(HttpError),
    Whole(Whole),
}

/// Reads an answer that comes in pieces of `chop` bytes, as a lane does.
fn read(answer: &[u8], chop: usize, head_request: bool) -> Reading {
    let (mut start, mut end, mut interim) = (0, 0, 0);
    let mut scan = HeadScan::default();
    let head = loop {
        match scan.find(&answer[start..end]) {
            Err(error) => return Reading::Fault(error),
            Ok(None) if end == answer.len() => return Reading::Cut(Err(HttpError::Truncated)),
            Ok(None) => end = (end + chop).min(answer.len()),
            Ok(Some(len)) => match Head::parse(&answer[start..start + len]) {
                Err(error) => return Reading::Fault(error),
                Ok(head) => {
                    compare_with_httparse(&head, &answer[start..start + len]);
                    start += len;
                    if !head.is_interim() {
                        break head;
                    }
                    interim += 1;
                    if interim > MAX_INTERIM {
                        return Reading::Fault(HttpError::Interim);
                    }
                    scan = HeadScan::default();
                }
            },
        }
    };
    let _ = (head.keep_alive(), head.retry_after_secs(), head.header_i64("content-length"));
    let framing = match head.framing(head_request) {
        Ok(framing) => framing,
        Err(error) => return Reading::Fault(error),
    };
    let (body_at, mut content) = (start, Vec::new());
    let mut body = Body::new(framing);
    let mut slow = None;
    loop {
        if framing == Framing::Chunked && slow.is_none() {
            slow = Some(slow_body(&answer[body_at..], framing).is_some());
        }
        if body.is_complete() {
            assert_ne!(slow, Some(false), "the slow reader refuses the body");
            return Reading::Whole(Whole { status: head.status, framing, body_at, body: content, used: start });
        }
        let step = match body.step(&answer[start..end]) {
            Ok(step) => step,
            Err(error) => {
                assert_ne!(slow, Some(true), "the slow reader takes the body: {error}");
                assert_eq!(body.at_close(), Err(error));
                return Reading::Fault(error);
            }
        };
        content.extend(&answer[start + step.skip..start + step.skip + step.data]);
        start += step.skip + step.data;
        if (step.skip, step.data) == (0, 0) {
            if end == answer.len() {
                return Reading::Cut(body.at_close().map(|()| content));
            }
            end = (end + chop).min(answer.len());
        }
    }
}

fn compare_with_httparse(head: &Head<'_>, bytes: &[u8]) {
    // Our own reader of lines: the parser underneath must not have found other headers than stand there.
    let text: Vec<&[u8]> =
        bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    let lines = text[1..].iter().take_while(|line| !line.is_empty());
    for line in lines {
        let colon = line.iter().position(|&byte| byte == b':').expect("a header has a colon");
        let (name, value) = (std::str::from_utf8(&line[..colon]).expect("a name is text"), &line[colon + 1..]);
        let value = value.trim_ascii();
        assert!(head.headers_named(name).any(|found| found.trim_ascii() == value), "{name} is lost");
    }
    let status = text[0].get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
    assert_eq!(status.and_then(|digits| digits.parse().ok()), Some(head.status));
}

/// The content of a whole body and its length on the wire; `None` when it is not whole or not right.
fn slow_body(input: &[u8], framing: Framing) -> Option<(Vec<u8>, usize)> {
    match framing {
        Framing::Empty => return Some((Vec::new(), 0)),
        Framing::Length(len) => {
            let len = usize::try_from(len).ok()?;
            return Some((input.get(..len)?.to_vec(), len));
        }
        Framing::UntilClose => return None,
        Framing::Chunked => {}
    }
    let (mut content, mut at) = (Vec::new(), 0);
    let line = |at: &mut usize| {
        let rest = &input[*at..];
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        *at += end + 2;
        let line = &rest[..end];
        line.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control()).then_some(line)
    };
    loop {
        let chunk = line(&mut at)?;
        let digits = chunk.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let rest = &chunk[digits..];
        let extension = rest.trim_ascii_start();
        let blanks = rest.len() - extension.len();
        let sound = extension.first() == Some(&b';') || (extension.is_empty() && blanks == 0);
        if !sound || !(1..=16).contains(&digits) || chunk.len() + 2 > usize::from(MAX_CHUNK_LINE) {
            return None;
        }
        let size = u64::from_str_radix(std::str::from_utf8(&chunk[..digits]).ok()?, 16).ok()?;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).ok()?;
        content.extend(input.get(at..at.checked_add(size)?)?);
        at += size;
        if input.get(at..at + 2)? != b"\r\n" {
            return None;
        }
        at += 2;
    }
    let trailers = at;
    while !line(&mut at)?.is_empty() {}
    (at - trailers <= usize::from(MAX_TRAILERS)).then_some((content, at))
}
