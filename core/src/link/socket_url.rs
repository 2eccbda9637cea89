//! The one-time URL of the socket, kept from discovery to the upgrade (protocol section 2.6).

use core::fmt;
use core::ops::Range;

use crate::fault::UrlFault;
use crate::storage::{Region, SecretRegion};
use crate::wire::json::{Str, range_in};
use crate::wire::url::{Scheme, Url, UrlError, decimal_i32};

use zeroize::Zeroize as _;

pub(crate) struct SocketUrl<'s> {
    region: SecretRegion<'s>,
    len: usize,
    /// Where the host lies, so that asking for it costs nothing.
    host: Range<usize>,
    port: u16,
    tls: bool,
    service_id: i32,
}

impl fmt::Debug for SocketUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Path and query hold the access key and the ticket.
        self.get().fmt(f)
    }
}

impl<'s> SocketUrl<'s> {
    pub(crate) fn new(region: Region<'s>) -> Self {
        Self { region: SecretRegion::new(region), len: 0, host: 0..0, port: 0, tls: false, service_id: 0 }
    }

    pub(crate) fn get(&self) -> Option<Url<'_>> {
        Url::parse(core::str::from_utf8(self.region.slice(0, self.len)).ok()?).ok()
    }

    /// Host, port, and whether TLS is wanted.
    pub(crate) fn target(&self) -> Option<(&str, u16, bool)> {
        let host = core::str::from_utf8(self.region.slice(self.host.start, self.host.end)).ok()?;
        (self.len > 0).then_some((host, self.port, self.tls))
    }

    pub(crate) fn service_id(&self) -> i32 {
        self.service_id
    }

    pub(crate) fn clear(&mut self) {
        self.region.wipe();
        self.len = 0;
    }

    /// The ticket was used: only the host is left, for the stream's address.
    pub(crate) fn spend(&mut self) {
        let spent = self.host.end..self.len;
        if let Some(secret) = self.region.bytes_mut().get_mut(spent) {
            secret.zeroize();
        }
        self.len = self.host.end;
    }

    /// Keeps the URL if it may be used.
    pub(crate) fn store(&mut self, text: Str<'_>, allow_plaintext: bool) -> Result<(), UrlFault> {
        self.clear();
        let len = text.unescaped_len();
        if !self.region.ensure(len) {
            return Err(UrlFault::Long);
        }
        text.unescape(self.region.bytes_mut()).map_err(|_| UrlFault::Long)?;
        self.len = len;
        let checked = self.check(allow_plaintext);
        if checked.is_err() {
            self.clear();
        }
        checked
    }

    fn check(&mut self, allow_plaintext: bool) -> Result<(), UrlFault> {
        let text = core::str::from_utf8(self.region.slice(0, self.len)).unwrap_or_default();
        let url = Url::parse(text).map_err(UrlFault::Malformed)?;
        let allowed = match url.scheme {
            Scheme::Wss => true,
            Scheme::Ws => allow_plaintext || url.is_loopback(),
            Scheme::Http | Scheme::Https => false,
        };
        if !allowed {
            return Err(UrlFault::Scheme);
        }
        let service_id = url.query_value("service_id").and_then(decimal_i32).ok_or(UrlFault::ServiceId)?;
        let host = range_in(text, url.host).ok_or(UrlFault::Malformed(UrlError::Host))?;
        (self.port, self.tls) = (url.port, url.scheme.tls());
        self.host = host;
        self.service_id = service_id;
        Ok(())
    }
}
