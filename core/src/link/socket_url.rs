//! The one-time URL of the socket, kept from discovery to the upgrade (protocol section 2.6).

use core::fmt;

use crate::fault::UrlFault;
use crate::storage::Region;
use crate::wire::json::Str;
use crate::wire::url::{Scheme, Url, decimal_i32};

pub(crate) struct SocketUrl<'s> {
    region: Region<'s>,
    len: usize,
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
        Self { region, len: 0, service_id: 0 }
    }

    pub(crate) fn get(&self) -> Option<Url<'_>> {
        Url::parse(core::str::from_utf8(self.region.slice(0, self.len)).ok()?).ok()
    }

    pub(crate) fn service_id(&self) -> i32 {
        self.service_id
    }

    pub(crate) fn clear(&mut self) {
        if let Some(secret) = self.region.bytes_mut().get_mut(..self.len) {
            secret.fill(0);
        }
        self.len = 0;
    }

    /// Keeps the URL if it may be used.
    pub(crate) fn store(&mut self, text: Str<'_>, allow_plaintext: bool) -> Result<(), UrlFault> {
        self.clear();
        let len = text.unescaped_len();
        if !self.region.ensure(len) {
            return Err(UrlFault::Long);
        }
        let url = text.unescape(self.region.bytes_mut()).map_err(|_| UrlFault::Long)?;
        let url = Url::parse(url).map_err(UrlFault::Malformed)?;
        let allowed = match url.scheme {
            Scheme::Wss => true,
            Scheme::Ws => allow_plaintext || url.is_loopback(),
            Scheme::Http | Scheme::Https => false,
        };
        if !allowed {
            return Err(UrlFault::Scheme);
        }
        self.service_id = url.query_value("service_id").and_then(decimal_i32).ok_or(UrlFault::ServiceId)?;
        self.len = len;
        Ok(())
    }
}
