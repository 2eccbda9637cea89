//! HTTP proxies by CONNECT, chosen as curl chooses them.

use base64ct::{Base64, Encoding as _};
use larkwire_core::Closed;
use larkwire_core::wire::http::{Head, HeadScan};
use larkwire_core::wire::url::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{ConnectError, Destination, tcp};
use crate::settings::SettingsError;

/// Longest answer to CONNECT.
const HEAD: usize = 8 * 1024;

#[derive(Debug, Default)]
pub(super) struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    never: Vec<String>,
}

pub(super) struct Proxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

impl Proxies {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY` and their lower-case forms.
    pub(super) fn from_env(get: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let either =
            |name: &str| get(&name.to_ascii_lowercase()).or_else(|| get(name)).filter(|value| !value.trim().is_empty());
        let proxy = |name: &'static str| match either(name).or_else(|| either("ALL_PROXY")) {
            Some(url) => Proxy::parse(url.trim()).map(Some).map_err(|reason| SettingsError::new(name, reason)),
            None => Ok(None),
        };
        let never = either("NO_PROXY").unwrap_or_default();
        Ok(Self {
            https: proxy("HTTPS_PROXY")?,
            http: proxy("HTTP_PROXY")?,
            never: never
                .split(',')
                .map(|host| host.trim().to_ascii_lowercase())
                .filter(|host| !host.is_empty())
                .collect(),
        })
    }

    pub(super) fn for_destination(&self, to: &Destination) -> Option<&Proxy> {
        let host = to.host.to_ascii_lowercase();
        let excluded = |rule: &String| {
            let (name, port) = match rule.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') => (name, port.parse::<u16>().ok()),
                _ => (rule.as_str(), None),
            };
            let name = name.trim_start_matches('*').trim_start_matches('.');
            let below = host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            (rule == "*" || (!name.is_empty() && below)) && port.is_none_or(|port| port == to.port)
        };
        if to.is_loopback() || self.never.iter().any(excluded) {
            return None;
        }
        if to.tls { self.https.as_ref() } else { self.http.as_ref() }
    }
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, String> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let (scheme, rest) = with_scheme.split_once("://").unwrap_or(("http", ""));
        let (user, rest) = match rest.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(format!("{scheme} proxies are not supported, only http://host:port"));
        }
        let plain = format!("http://{rest}");
        let url = Url::parse(&plain).map_err(|error| error.to_string())?;
        let authorization = user.map(|user| {
            let decoded: Vec<u8> = percent_decoded(user).collect();
            format!("Basic {}", Base64::encode_string(&decoded))
        });
        Ok(Self { host: url.host.to_owned(), port: url.port, authorization })
    }

    /// `host:port`, without what it is told of the user.
    pub(super) fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A stream to `to` through this proxy.
    pub(super) async fn open(&self, to: &Destination) -> Result<TcpStream, ConnectError> {
        let refused = |why: &dyn std::fmt::Display| {
            ConnectError::new(Closed::Proxy, format_args!("proxy {}:{}: {why}", self.host, self.port))
        };
        let mut stream = tcp(&self.host, self.port).await.map_err(|error| refused(&error.detail))?;
        let authority = authority(to);
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(authorization) = &self.authorization {
            request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|error| refused(&error))?;
        let mut head = Vec::new();
        let mut scan = HeadScan::default();
        loop {
            // One byte too many would belong to the tunnel: the head is read byte by byte, once a connection.
            let byte = stream.read_u8().await.map_err(|error| refused(&error))?;
            head.push(byte);
            if scan.find(&head).map_err(|error| refused(&error))?.is_some() {
                break;
            }
            if head.len() > HEAD {
                return Err(refused(&"endless answer"));
            }
        }
        let status = Head::parse(&head).map_err(|error| refused(&error))?.status;
        match status {
            200..=299 => Ok(stream),
            407 => Err(refused(&"it asks for a user name and password (407)")),
            _ => Err(refused(&format_args!("it answered {status}"))),
        }
    }
}

/// `host:port` as CONNECT wants it, always with the port.
fn authority(to: &Destination) -> String {
    if to.host.contains(':') { format!("[{}]:{}", to.host, to.port) } else { format!("{}:{}", to.host, to.port) }
}

fn percent_decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut bytes = text.bytes().collect::<Vec<_>>().into_iter().peekable();
    std::iter::from_fn(move || {
        let byte = bytes.next()?;
        if byte != b'%' {
            return Some(byte);
        }
        let mut rest = bytes.clone();
        let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
        match (hex(rest.next()), hex(rest.next())) {
            (Some(high), Some(low)) => {
                bytes = rest;
                u8::try_from(high * 16 + low).ok()
            }
            _ => Some(byte),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(vars: &[(&str, &str)]) -> Proxies {
        let vars: Vec<(String, String)> = vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Proxies::from_env(|name| vars.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())).unwrap()
    }

    fn chosen(proxies: &Proxies, host: &str, port: u16, tls: bool) -> Option<String> {
        proxies.for_destination(&Destination { host: host.into(), port, tls }).map(|proxy| proxy.host.clone())
    }

    #[test]
    fn the_environment_decides_which_hosts_go_through_a_proxy() {
        let some = proxies(&[("HTTPS_PROXY", "http://p:3128"), ("NO_PROXY", "internal.example, .corp,h:8443")]);
        assert_eq!(chosen(&some, "open.feishu.cn", 443, true).as_deref(), Some("p"));
        assert_eq!(chosen(&some, "internal.example", 443, true), None);
        assert_eq!(chosen(&some, "a.internal.example", 443, true), None);
        assert_eq!(chosen(&some, "notinternal.example", 443, true).as_deref(), Some("p"));
        assert_eq!(chosen(&some, "x.corp", 443, true), None);
        assert_eq!(chosen(&some, "h", 443, true).as_deref(), Some("p"));
        assert_eq!(chosen(&some, "h", 8443, true), None);
        assert_eq!(chosen(&some, "plain.example", 80, false), None, "HTTP_PROXY is not set");
        assert_eq!(chosen(&some, "127.0.0.1", 443, true), None, "this machine needs no proxy");
        let all = proxies(&[("all_proxy", "p2:8080"), ("NO_PROXY", "*")]);
        assert_eq!(chosen(&all, "open.feishu.cn", 443, true), None);
    }

    #[test]
    fn a_proxy_password_is_sent_and_never_shown() {
        let proxy = Proxy::parse("http://us%65r:p%40ss@p.example:3128").unwrap();
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dXNlcjpwQHNz"));
        assert!(!format!("{proxy:?}").contains("p@ss"));
        assert_eq!(proxy.port, 3128);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_with_the_name_of_the_variable() {
        let error = Proxies::from_env(|name| (name == "HTTPS_PROXY").then(|| "socks5://p:1".into())).unwrap_err();
        assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
    }
}
