//! Requests to the webhook's server that another server may read otherwise. The names say which case of
//! `conformance/cases.toml` it is.

use larkwire_tokio::core::webhook::Refusal;

use crate::hook::*;
use crate::support::*;

#[tokio::test]
async fn h36_a_target_that_names_a_host_is_refused_even_if_the_event_is_rightly_signed() {
    let platform = platform().await;
    let (client, _events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    for (n, target) in ["http://bot.example/lark", "https://evil.example/lark", "//evil.example/lark", "//lark", "//"]
        .into_iter()
        .enumerate()
    {
        let answer = exchange(at, &sealed(n as u64, &message(n as u64, "hi")).to_bytes("bot.example", target)).await;
        assert_eq!((answer.status, answer.closes()), (400, true), "{target}: {answer:?}");
    }
    for text in ["OPTIONS * HTTP/1.1\r\nHost: bot\r\n\r\n", "CONNECT bot:443 HTTP/1.1\r\nHost: bot:443\r\n\r\n"] {
        let answer = exchange(at, text.as_bytes()).await;
        assert_eq!((answer.status, answer.closes()), (400, true), "{text:?}: {answer:?}");
    }
    assert_eq!((client.stats().accepted, client.stats().posts), (0, 0));
    assert_eq!(post(at, &sealed(9, &message(9, "and yet"))).await.status, 200);
    assert_eq!(client.stats().accepted, 1);
}

#[tokio::test]
async fn h36_what_is_pipelined_behind_a_failed_signature_is_not_looked_at() {
    let platform = platform().await;
    let (client, _events, serving) = hooked(&platform).await;
    let at = serving.local_addr();
    let both = |first: &[u8]| [first, &sealed(2, &message(2, "second")).to_bytes("bot.example", "/lark")].concat();
    let wrong = forged(1, &message(1, "first")).to_bytes("bot.example", "/lark");
    let answer = exchange(at, &both(&wrong)).await;
    assert_eq!((answer.status, answer.closes(), answer.body.matches("HTTP/1.1").count()), (401, true, 0), "{answer:?}");
    assert_eq!((client.stats().accepted, client.stats().refused(Refusal::SignatureWrong)), (0, 1));
    // Behind one that is right it is a request like any other.
    assert_eq!(post(at, &sealed(2, &message(2, "second"))).await.status, 200);
    assert_eq!(client.stats().accepted, 1);
}
