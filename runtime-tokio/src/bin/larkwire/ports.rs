//! Where webhooks are served: one server for each port, one path for each bot.

use std::io;
use std::net::SocketAddr;

use larkwire_tokio::Client;
use larkwire_tokio::config::{BotConfig, ReceiveMode};
use larkwire_tokio::webhook::{Server, Serving};
use tokio::net::TcpListener;

use crate::exit::Exit;
use crate::files::Bot;

/// Ports that are held, before any bot runs.
pub(crate) struct Ports(Vec<Port>);

struct Port {
    address: SocketAddr,
    listener: TcpListener,
    server: Server,
    routes: Vec<Route>,
}

struct Route {
    /// Which bot, by its place in the list.
    bot: usize,
    path: String,
    /// What a person wants to know about it.
    notice: String,
}

/// The configuration of a bot that is a webhook.
pub(crate) fn webhook_of(bot: &Bot) -> Option<&BotConfig> {
    bot.config.as_ref().filter(|config| config.receive_mode == ReceiveMode::Webhook)
}

/// Where a webhook listens.
pub(crate) fn address(config: &BotConfig) -> SocketAddr {
    // Without a port the file would not have been taken.
    SocketAddr::new(config.webhook_host, config.port.unwrap_or_default())
}

/// A webhook's URL, at this address of the machine.
pub(crate) fn url(config: &BotConfig, authority: impl std::fmt::Display) -> String {
    let scheme = if config.webhook_tls_cert_file.is_some() { "https" } else { "http" };
    format!("{scheme}://{authority}{}", config.webhook_path)
}

/// What a person enters in the developer console.
pub(crate) fn public_url(config: &BotConfig) -> String {
    url(config, format_args!("PUBLIC-ADDRESS:{}", config.port.unwrap_or_default()))
}

/// A server without routes, with the TLS that the bot wants.
pub(crate) fn server(config: &BotConfig) -> Result<Server, String> {
    let (Some(cert), Some(key)) = (&config.webhook_tls_cert_file, &config.webhook_tls_key_file) else {
        return Ok(Server::new());
    };
    let read = |name: &str, path: &std::path::Path| {
        std::fs::read(path).map_err(|error| format!("{name} = {}: {error}", path.display()))
    };
    let (chain, private) = (read("webhook_tls_cert_file", cert)?, read("webhook_tls_key_file", key)?);
    Server::new().tls(&chain, &private).map_err(|error| {
        format!("webhook_tls_cert_file = {}, webhook_tls_key_file = {}: {error}", cert.display(), key.display())
    })
}

/// Why nobody can listen there, and what to do.
pub(crate) fn not_bound(address: SocketAddr, error: &io::Error) -> (String, &'static str) {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => (
            format!("port {port} is in use already ({address})"),
            "end the program that holds it, which may be this bot, or give another port",
        ),
        io::ErrorKind::PermissionDenied if port < 1024 => (
            format!("port {port} needs rights that this user does not have ({address})"),
            "give a port from 1024 and let a proxy pass requests on to it, or grant CAP_NET_BIND_SERVICE",
        ),
        io::ErrorKind::AddrNotAvailable => (
            format!("this machine has no address {}", address.ip()),
            "leave webhook_host out, or write an address that this machine has",
        ),
        _ => (format!("nobody can listen on {address}: {error}"), "check port and webhook_host"),
    }
}

impl Route {
    fn new(index: usize, bot: &Bot, config: &BotConfig) -> Self {
        let name = bot.name.as_ref().map(|name| format!("bot {name}: ")).unwrap_or_default();
        let notice = format!(
            "{name}listening on {}; enter its public address in the developer console (Events & Callbacks → Request \
             URL): {}",
            url(config, address(config)),
            public_url(config)
        );
        Self { bot: index, path: config.webhook_path.clone(), notice }
    }
}

impl Ports {
    /// Takes every port that the bots want.
    pub(crate) async fn take(bots: &[Bot]) -> Result<Self, Exit> {
        let mut ports: Vec<Port> = Vec::new();
        for (index, bot) in bots.iter().enumerate() {
            let Some(config) = webhook_of(bot) else { continue };
            let (address, route) = (address(config), Route::new(index, bot, config));
            // That bots behind one port agree on host and TLS was checked with the file.
            if let Some(port) = ports.iter_mut().find(|port| port.address == address) {
                port.routes.push(route);
                continue;
            }
            let server = server(config).map_err(Exit::configuration)?;
            let listener = TcpListener::bind(address).await.map_err(|error| {
                let (what, next_step) = not_bound(address, &error);
                Exit::configuration(format!("{what}: {next_step}"))
            })?;
            ports.push(Port { address, listener, server, routes: vec![route] });
        }
        Ok(Self(ports))
    }

    /// Serves the bots, which run by now, and says where.
    pub(crate) fn serve<'a>(self, client: impl Fn(usize) -> Option<&'a Client>) -> Result<Vec<Serving>, Exit> {
        let serve = |Port { address, listener, mut server, routes }| {
            for Route { bot, path, notice } in routes {
                if let Some(service) = client(bot).and_then(Client::webhook) {
                    server = server.route(path, service);
                    tracing::info!("{notice}");
                }
            }
            server.serve(listener).map_err(|error| Exit::other(format!("{address}: {error}")))
        };
        self.0.into_iter().map(serve).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_be_had_is_told_with_what_to_do() {
        let told = |port: u16, kind: io::ErrorKind| {
            let (what, next_step) = not_bound(SocketAddr::new([0, 0, 0, 0].into(), port), &kind.into());
            format!("{what}: {next_step}")
        };
        for (port, kind, words) in [
            (443, io::ErrorKind::PermissionDenied, ["port 443 needs rights", "from 1024", "CAP_NET_BIND_SERVICE"]),
            (8080, io::ErrorKind::AddrInUse, ["port 8080 is in use", "this bot", "another port"]),
            (8080, io::ErrorKind::AddrNotAvailable, ["no address 0.0.0.0", "webhook_host", "this machine"]),
            (8080, io::ErrorKind::PermissionDenied, ["0.0.0.0:8080", "permission denied", "webhook_host"]),
        ] {
            let told = told(port, kind);
            for word in words {
                assert!(told.contains(word), "{word} in {told}");
            }
        }
    }
}
