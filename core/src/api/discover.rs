//! Discovery: who we are out, where to connect in (protocol sections 2.2 to 2.6).

use super::exchange::{Answer, Fault};
use crate::fault::LinkFault;
use crate::link::verdict::{CodeClass, Failure, Outcome, code_class, refused_discovery};
use crate::link::{ClientConfig, SocketUrl};
use crate::shared::{Account, Rules};
use crate::text::Short;
use crate::wire::http::{self, HttpError, Method};
use crate::wire::json::{self, Reader, Value, write_str};
use crate::wire::writer::Writer;

pub(super) fn write_request(w: &mut Writer<'_>, account: &Account<'_>) -> Result<(), HttpError> {
    let body = |w: &mut Writer<'_>| {
        w.bytes(br#"{"AppID":"#);
        write_str(w, account.texts.get(&account.app_id));
        w.bytes(br#","AppSecret":"#);
        write_str(w, account.texts.get(&account.app_secret));
        w.bytes(b"}");
    };
    let mut counting = Writer::counting();
    body(&mut counting);
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        // All official SDKs send this one.
        ("locale", "zh"),
        ("User-Agent", account.texts.get(&account.user_agent)),
    ];
    let target = [account.texts.get(&account.prefix), "/callback/ws/endpoint"];
    http::write_request(w, Method::Post, &target, account.authority(), &headers, Some(counting.len()))?;
    body(w);
    Ok(())
}

/// Reads the end of a discovery exchange; the URL and the pace are kept where they belong.
pub(crate) fn read_discovery(
    answer: Option<Answer<'_>>,
    fault: Option<Fault>,
    rules: &Rules,
    url: &mut SocketUrl<'_>,
    config: &mut ClientConfig,
) -> Result<(), Outcome> {
    match (fault, answer) {
        (Some(Fault::Http(error)), _) => Err(LinkFault::DiscoveryHttp(error).into()),
        (Some(Fault::Lost(why)), _) => Err(LinkFault::DiscoveryLost(why).into()),
        (Some(Fault::TimedOut), _) => Err(LinkFault::TimedOut(crate::time::Why::Exchange).into()),
        (Some(Fault::Overrun | Fault::Request), _) | (None, None) => Err(LinkFault::DiscoveryAnswer.into()),
        (None, Some(answer)) => read_answer(&answer, rules, url, config),
    }
}

fn read_answer(
    answer: &Answer<'_>,
    rules: &Rules,
    url: &mut SocketUrl<'_>,
    config: &mut ClientConfig,
) -> Result<(), Outcome> {
    let floor_ms = answer.floor_ms();
    let by_status = || Outcome::Retry(Failure { floor_ms, ..LinkFault::DiscoveryStatus(answer.status).into() });
    let success = (200..300).contains(&answer.status);
    if !success && (answer.status == 429 || !(400..500).contains(&answer.status)) {
        return Err(by_status());
    }
    let body = read_body(answer.body, rules, url, *config).unwrap_or_default();
    let class = body.code.and_then(code_class);
    match (success, body.code, class) {
        // A client error counts only with a code that is known; `code` 0 in it means nothing.
        (false, Some(code), Some(class)) if class != CodeClass::Ok => {
            Err(refused_discovery(code, body.message, class, floor_ms))
        }
        (false, ..) => Err(by_status()),
        (true, None, _) => Err(LinkFault::DiscoveryAnswer.into()),
        (true, Some(_), Some(CodeClass::Ok)) => match body.url {
            None => Err(LinkFault::DiscoveryAnswer.into()),
            Some(Err(fault)) => Err(LinkFault::DiscoveryUrl(fault).into()),
            Some(Ok(())) => {
                *config = body.config.unwrap_or(*config);
                Ok(())
            }
        },
        (true, Some(code), Some(class)) => Err(refused_discovery(code, body.message, class, floor_ms)),
        (true, Some(code), None) => {
            let class = if rules.unknown_code_is_fatal {
                CodeClass::Fatal(crate::fault::FatalReason::Refused)
            } else {
                CodeClass::Retry
            };
            Err(refused_discovery(code, body.message, class, floor_ms))
        }
    }
}

#[derive(Default)]
struct Body {
    code: Option<i64>,
    message: Short<80>,
    url: Option<Result<(), crate::fault::UrlFault>>,
    config: Option<ClientConfig>,
}

fn read_body(text: &[u8], rules: &Rules, url: &mut SocketUrl<'_>, config: ClientConfig) -> Result<Body, json::Error> {
    let mut body = Body::default();
    let mut reader = Reader::from_bytes(text)?;
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            if key == "data" {
                (body.url, body.config) = read_data(&mut reader, rules, url, config)?;
                continue;
            }
            let value = reader.value()?;
            if key == "code" {
                body.code = match value {
                    Value::Number(number) => number.as_i64(),
                    _ => None,
                };
            } else if key == "msg" {
                body.message = value.as_str().map(|text| Short::from_chars(text.chars())).unwrap_or_default();
            }
        }
    }
    reader.finish()?;
    Ok(body)
}

type Data = (Option<Result<(), crate::fault::UrlFault>>, Option<ClientConfig>);

fn read_data(
    reader: &mut Reader<'_>,
    rules: &Rules,
    url: &mut SocketUrl<'_>,
    config: ClientConfig,
) -> Result<Data, json::Error> {
    let (mut found, mut merged) = (None, None);
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            if key == "ClientConfig" {
                let mut next = config;
                next.merge(reader)?;
                merged = Some(next);
            } else if let (true, Value::String(text)) = (key == "URL", reader.value()?) {
                found = (!text.is_empty()).then(|| url.store(text, rules.allow_plaintext));
            }
        }
    }
    Ok((found, merged))
}
