//! Illnesses of the way to the platform.

use larkwire_conformance::platform::{Answer, DiscoveryFault, Endpoint, HttpFault, RestFault, Switch};
use tokio::net::TcpListener;

use super::*;

const BEYOND: [&str; 4] = ["identity", "discovery", "scopes", "clock"];

#[tokio::test]
async fn a_discovery_that_hangs_is_given_up_in_time() {
    let platform = platform().await;
    let hang = DiscoveryFault::Http(HttpFault::Hang);
    platform.faults(|faults| faults.discovery = Some(Switch::always(hang)));
    let report = examine(doctor(&platform).arg("--connect")).await;
    report.failed(&["discovery"]).finds("discovery", "failed", &["127.0.0.1:", "no answer within 10 s"]);
    report.finds("connection", "skipped", &["discovery"]);
}

#[tokio::test]
async fn a_platform_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let report = examine(doctor_at(&format!("http://{place}"))).await;
    report.failed(&["credentials"]).finds("credentials", "failed", &[&place, "no answer within 10 s"]).skips(&BEYOND);
}

#[tokio::test]
async fn a_bot_info_that_hangs_is_no_fault_of_the_credentials() {
    let platform = platform().await;
    let hang = RestFault { endpoint: Some(Endpoint::BotInfo), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    let report = examine(doctor(&platform)).await;
    report.failed(&["identity"]).finds("identity", "failed", &["no answer within 10 s"]);
    report.finds("credentials", "ok", &[]).finds("discovery", "ok", &[]);
}

#[tokio::test]
async fn a_captive_portal_is_known_by_its_pages() {
    for status in [200, 302, 403] {
        let platform = platform().await;
        platform.faults(|faults| {
            let page = RestFault { endpoint: None, fault: HttpFault::Answer(Answer::html(status)) };
            faults.rest = vec![Switch::always(page)];
            faults.discovery = Some(Switch::always(Answer::html(status).into()));
        });
        let report = examine(doctor(&platform)).await;
        report.failed(&["credentials"]).skips(&BEYOND);
        let status = format!("HTTP status {status}");
        report.finds("credentials", "failed", &["not the platform", "captive portal", &status]);
    }
    let platform = platform().await;
    platform.faults(|faults| faults.discovery = Some(Switch::always(Answer::html(200).into())));
    let report = examine(doctor(&platform)).await;
    report.failed(&["discovery"]).finds("discovery", "failed", &["unexpected answer", "captive portal"]);
}

#[tokio::test]
async fn a_platform_that_hangs_up_or_is_busy_is_named() {
    for (fault, words) in [
        (HttpFault::Drop, ["was reached", "hung up"]),
        (HttpFault::Bytes("SSH-2.0-OpenSSH_9.9\r\n".into()), ["was reached", "no HTTP"]),
        (HttpFault::Answer(Answer::status(503)), ["HTTP status 503", "later"]),
    ] {
        let platform = platform().await;
        platform.faults(|faults| faults.rest = vec![Switch::always(RestFault { endpoint: None, fault })]);
        examine(doctor(&platform)).await.failed(&["credentials"]).finds("credentials", "failed", &words).skips(&BEYOND);
    }
}

#[tokio::test]
async fn where_nothing_listens_it_says_so() {
    let report = examine(doctor_at("http://127.0.0.1:1").arg("--connect")).await;
    report.failed(&["credentials"]).skips(&BEYOND).skips(&["connection"]);
    report.finds(
        "credentials",
        "failed",
        &["127.0.0.1:1: the connection was refused: Connection refused", "check domain"],
    );
}

#[tokio::test]
async fn tls_that_fails_and_a_name_that_does_not_resolve_are_told_apart() {
    let platform = platform().await;
    let report = examine(doctor_at(&platform.base_url().replace("http:", "https:"))).await;
    report.failed(&["credentials"]).finds("credentials", "failed", &["TLS failed", "clock"]).skips(&BEYOND);

    // A resolver may take its time to find out that the name leads nowhere.
    let report = examine(doctor_at("https://something.invalid")).await;
    report.failed(&["credentials"]).finds("credentials", "failed", &["something.invalid:443"]).skips(&BEYOND);
}

#[tokio::test]
async fn the_proxy_in_use_is_named_without_its_password() {
    let used = |url: &str| doctor_at("https://something.invalid").env("HTTPS_PROXY", url);
    let report = examine(used("http://user:p4ssw0rd-of-proxy@127.0.0.1:1")).await;
    report.failed(&["credentials"]).finds("proxy", "ok", &["through the proxy 127.0.0.1:1"]);
    report.finds("credentials", "failed", &["proxy", "HTTPS_PROXY"]);
    assert!(!format!("{report:?}").contains("p4ssw0rd"));

    let report = examine(used("socks5://127.0.0.1:1")).await;
    report.failed(&["proxy"]).finds("proxy", "failed", &["HTTPS_PROXY", "socks5"]).skips(&BEYOND);

    let platform = platform().await;
    let report = examine(doctor(&platform).env("HTTP_PROXY", "http://127.0.0.1:1")).await;
    report.failed(&[]).finds("proxy", "ok", &["directly"]);
}

#[tokio::test]
async fn a_long_connection_that_does_not_open_or_stays_dumb_is_named() {
    let platform = platform().await;
    platform.faults(|faults| faults.upgrade = Some(Switch::always(Answer::status(502).into())));
    let report = examine(doctor(&platform).arg("--connect")).await;
    report.failed(&["connection"]).finds("connection", "failed", &["upgrade was refused", "502", "WebSocket"]);

    let platform = crate::support::platform().await;
    platform.faults(|faults| faults.pong = larkwire_conformance::platform::Pong::Silent);
    let report = examine(doctor(&platform).arg("--connect")).await;
    report.failed(&["connection"]).finds("connection", "failed", &["open, but no pong", "20 s", "WebSocket"]);
}
