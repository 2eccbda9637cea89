//! Asking the platform where to connect (protocol sections 2.2 to 2.7).

use larkwire_core::config::ConfigError;
use larkwire_core::fault::{Fatal, FatalReason, LinkFault, UrlFault};
use larkwire_core::{Bot, Closed, Config, Domain, End, Lane, Secret, Seed, State, Storage};

use crate::support::*;

/// What one discovery answer leads to: a fatal reason, or the fault and the wait of a retry.
fn outcome(reply: Reply) -> Result<(LinkFault, u64), Fatal> {
    let mut w = World::new();
    w.script.discoveries.push_back(reply);
    w.start();
    match w.bot.ended() {
        Some(End::Fatal(fatal)) => Err(fatal),
        Some(End::Stopped) => panic!("nobody stopped it"),
        None => {
            assert!(matches!(w.bot.state(), State::Waiting { failures: 1, .. }), "{:?}", w.bot.state());
            let seen = (w.faults()[0], w.waits()[0]);
            // Whatever it was: the next attempt starts at discovery and succeeds.
            w.until_open(700_000);
            assert_eq!(w.discoveries().len(), 2);
            Ok(seen)
        }
    }
}

fn code(code: &str) -> Reply {
    Reply::json(200, &format!(r#"{{"code":{code},"msg":"words of the platform","data":null}}"#))
}

#[test]
fn the_first_dial_starts_at_once_and_asks_as_the_official_clients_do() {
    let w = World::new().open();
    let request = &w.requests[0];
    assert_eq!((request.at, request.method.as_str()), (0, "POST"));
    assert_eq!(request.target, "/callback/ws/endpoint");
    assert_eq!(request.header("Host"), Some("open.feishu.cn"));
    assert_eq!(request.header("Content-Type"), Some("application/json"));
    assert_eq!(request.header("locale"), Some("zh"));
    assert_eq!(request.header("Authorization"), None);
    assert_eq!(request.json(), serde_json::json!({"AppID": APP_ID, "AppSecret": SECRET}));
    let first = &w.dials[0];
    assert_eq!((first.host.as_str(), first.port, first.tls), ("open.feishu.cn", 443, true));
    let second = &w.dials[1];
    assert_eq!(
        (second.lane, second.host.as_str(), second.port, second.tls),
        (Lane::Socket, "msg-frontier.feishu.cn", 443, true)
    );
}

#[test]
fn both_regions_are_dialled_each_at_its_own_host() {
    for (domain, host) in [(Domain::Feishu, "open.feishu.cn"), (Domain::Lark, "open.larksuite.com")] {
        let w = World::with(Config { domain, ..config() }, Storage::growable()).open();
        assert_eq!((w.dials[0].host.as_str(), w.dials[0].port, w.dials[0].tls), (host, 443, true));
    }
    assert_eq!(Config::default().domain, Domain::Lark, "use_feishu is false by default");
}

#[test]
fn a_secret_with_quotes_and_backslashes_arrives_as_it_is() {
    let secret = "a\"b\\c/中\u{7f}<é";
    let secret = secret.replace('\u{7f}', "");
    let w = World::with(Config { app_secret: Secret::new(&secret), ..config() }, Storage::growable()).open();
    assert_eq!(w.requests[0].json()["AppSecret"], secret);
}

#[test]
fn a_code_that_needs_a_person_ends_the_bot_and_says_what_to_do() {
    for (number, reason) in [
        ("403", FatalReason::Forbidden),
        ("9499", FatalReason::Refused),
        ("514", FatalReason::Credentials),
        ("10003", FatalReason::Credentials),
        ("10014", FatalReason::Credentials),
        ("1000040344", FatalReason::Credentials),
        ("1000040351", FatalReason::WrongRegion),
        ("777", FatalReason::Refused),
        ("-5", FatalReason::Refused),
    ] {
        let fatal = outcome(code(number)).unwrap_err();
        assert_eq!((fatal.reason, fatal.code), (reason, number.parse().unwrap()), "{number}");
        assert_eq!(fatal.message.as_str(), "words of the platform");
        let shown = fatal.to_string();
        assert!(shown.contains(number) && shown.contains(reason.next_step()), "{shown}");
    }
}

#[test]
fn a_busy_platform_is_asked_again() {
    for number in ["1", "1000040343", "1000040345"] {
        let (fault, wait) = outcome(code(number)).unwrap();
        assert_eq!(fault, LinkFault::DiscoveryCode(number.parse().unwrap()));
        assert!((1..=30_000).contains(&wait), "first attempt within ReconnectNonce: {wait}");
    }
}

#[test]
fn too_many_connections_of_the_app_slow_the_bot_down() {
    let (fault, wait) = outcome(code("1000040350")).unwrap();
    assert_eq!(fault, LinkFault::DiscoveryCode(1_000_040_350));
    assert!((30_000..=60_000).contains(&wait), "{wait}");
}

#[test]
fn an_unknown_code_may_be_retried_if_the_caller_says_so() {
    let mut w = World::with(Config { unknown_code_is_fatal: false, ..config() }, Storage::growable());
    w.script.discoveries.push_back(code("777"));
    w.start();
    assert_eq!(w.faults(), [LinkFault::DiscoveryCode(777)]);
    w.until_open(30_000);
}

#[test]
fn an_answer_that_is_no_discovery_answer_is_retried() {
    let url = "wss://h/ws?device_id=1&service_id=1";
    for body in [
        String::new(),
        "nope".to_owned(),
        "<html>portal</html>".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "[[[[".repeat(25_000),
        "{}".to_owned(),
        r#"{"code":0"#.to_owned(),
        r#"{"code":0}"#.to_owned(),
        r#"{"code":0,"data":null}"#.to_owned(),
        r#"{"code":0,"data":{"URL":""}}"#.to_owned(),
        r#"{"code":0,"data":{"URL":null}}"#.to_owned(),
        r#"{"code":0,"data":{"URL":7}}"#.to_owned(),
        r#"{"code":0,"data":[1]}"#.to_owned(),
        r#"{"code":null,"data":{}}"#.to_owned(),
        format!(r#"{{"msg":"ok","data":{{"URL":"{url}"}}}}"#),
        format!(r#"{{"code":0,"data":{{"URL":"{url}"}}}} x"#),
        format!(r#"{{"code":0.5,"data":{{"URL":"{url}"}}}}"#),
    ] {
        let (fault, _) = outcome(Reply::json(200, &body)).unwrap();
        assert_eq!(fault, LinkFault::DiscoveryAnswer, "{body:.60}");
    }
}

#[test]
fn the_code_counts_also_where_data_is_missing() {
    let fatal = outcome(Reply::json(200, r#"{"data":null,"msg":"m","code":1000040351}"#)).unwrap_err();
    assert_eq!(fatal.reason, FatalReason::WrongRegion);
}

#[test]
fn an_http_status_speaks_where_no_known_code_does() {
    for (status, body) in [
        (400, r#"{"code":0,"msg":"?"}"#),
        (400, r#"{"code":99991663,"msg":"token"}"#),
        (401, "no"),
        (403, r#"{"msg":"nope"}"#),
        (404, ""),
        (301, ""),
        (302, r#"{"code":10014}"#),
        (429, r#"{"code":10014}"#),
        (500, "<html>oops</html>"),
        (500, r#"{"code":10014}"#),
        (503, ""),
    ] {
        let (fault, wait) = outcome(Reply::with(status, &[("Location", "https://evil.example/")], body)).unwrap();
        assert_eq!(fault, LinkFault::DiscoveryStatus(status), "{status} {body}");
        assert!(wait <= 30_000);
    }
    for (status, number) in [(400, "10014"), (403, "403"), (404, "1000040351"), (400, "9499")] {
        let fatal = outcome(Reply::json(status, &format!(r#"{{"code":{number},"msg":"m"}}"#))).unwrap_err();
        assert_eq!(fatal.code.to_string(), number);
    }
    let (fault, _) = outcome(Reply::json(400, r#"{"code":1,"msg":"busy"}"#)).unwrap();
    assert_eq!(fault, LinkFault::DiscoveryCode(1));
}

#[test]
fn the_platform_may_ask_for_a_pause_of_up_to_ten_minutes() {
    for (headers, least, most) in [
        (&[("Retry-After", "100")][..], 100_000, 100_000),
        (&[("x-ogw-ratelimit-reset", "77")], 77_000, 77_000),
        (&[("Retry-After", "40"), ("X-Ogw-Ratelimit-Reset", "50")], 50_000, 50_000),
        (&[("Retry-After", "99999999999999999999")], 600_000, 600_000),
        (&[("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")], 1, 30_000),
        (&[("Retry-After", "-5")], 1, 30_000),
        (&[("Retry-After", "1.5")], 1, 30_000),
    ] {
        for status in [429, 500, 503] {
            let (_, wait) = outcome(Reply::with(status, headers, "")).unwrap();
            assert!((least..=most).contains(&wait), "{headers:?}: {wait}");
        }
    }
}

#[test]
fn s46_a_socket_url_that_must_not_be_used_is_a_retry() {
    use larkwire_core::wire::url::UrlError;
    let long = format!("wss://h/ws?service_id=1&x={}", "y".repeat(9000));
    for (url, fault) in [
        ("ws://h.example/ws?service_id=1", UrlFault::Scheme),
        ("http://h.example/ws?service_id=1", UrlFault::Scheme),
        ("https://h.example/ws?service_id=1", UrlFault::Scheme),
        ("ftp://h.example/ws?service_id=1", UrlFault::Malformed(UrlError::Scheme)),
        ("nope", UrlFault::Malformed(UrlError::Scheme)),
        ("wss:///ws?service_id=1", UrlFault::Malformed(UrlError::Host)),
        ("wss://u:p@h/ws?service_id=1", UrlFault::Malformed(UrlError::Userinfo)),
        ("wss://h/ws?service_id=1#frag", UrlFault::Malformed(UrlError::Fragment)),
        ("wss://h/ws?device_id=1", UrlFault::ServiceId),
        ("wss://h/ws?service_id=", UrlFault::ServiceId),
        ("wss://h/ws?service_id=abc", UrlFault::ServiceId),
        ("wss://h/ws?service_id=2147483648", UrlFault::ServiceId),
        ("wss://h/ws", UrlFault::ServiceId),
        ("wss://h/ws\\r\\nX: y?service_id=1", UrlFault::Malformed(UrlError::Character)),
        (&long, UrlFault::Long),
    ] {
        let (seen, _) = outcome(Reply::json(200, &format!(r#"{{"code":0,"data":{{"URL":"{url}"}}}}"#))).unwrap();
        assert_eq!(seen, LinkFault::DiscoveryUrl(fault), "{url:.60}");
    }
}

#[test]
fn the_socket_url_is_dialled_byte_for_byte() {
    for (url, host, port, tls, target, service) in [
        (
            "wss://h.example/ws/v2?device_id=a%20b&service_id=%32&x=%zz",
            "h.example",
            443,
            true,
            "/ws/v2?device_id=a%20b&service_id=%32&x=%zz",
            2,
        ),
        ("WSS://h.example:8443?service_id=5", "h.example", 8443, true, "/?service_id=5", 5),
        ("wss:\\/\\/h.example\\/ws?service_id=7\\u0026a=b", "h.example", 443, true, "/ws?service_id=7&a=b", 7),
        ("ws://127.0.0.1:9000/ws?service_id=-1", "127.0.0.1", 9000, false, "/ws?service_id=-1", -1),
        ("ws://[::1]:9000/ws?service_id=0", "::1", 9000, false, "/ws?service_id=0", 0),
        ("wss://h/ws?service_id=&service_id=5", "h", 443, true, "/ws?service_id=&service_id=5", 5),
    ] {
        let mut w = World::new();
        w.script.discoveries.push_back(Reply::json(200, &format!(r#"{{"code":0,"data":{{"URL":"{url}"}}}}"#)));
        w.start();
        assert_eq!(w.bot.state(), State::Open, "{url} {:?}", w.notices);
        let dial = &w.dials[1];
        assert_eq!((dial.host.as_str(), dial.port, dial.tls), (host, port, tls));
        assert_eq!(w.upgrades()[0].target, target);
        assert_eq!(larkwire_ping_service(&w), service);
    }
}

fn larkwire_ping_service(w: &World) -> i32 {
    use prost::Message as _;
    Pb::decode(w.pings[0].1.as_slice()).unwrap().service
}

#[test]
fn v19_plaintext_to_another_machine_needs_a_dangerous_word() {
    let url = r#"{"code":0,"data":{"URL":"ws://10.0.2.2:9000/ws?service_id=1"}}"#;
    let mut w = World::with(
        Config { domain: Domain::Custom("http://10.0.2.2:8000/gw/"), dangerously_allow_plaintext: true, ..config() },
        Storage::growable(),
    );
    w.script.discoveries.push_back(Reply::json(200, url));
    w.start();
    assert_eq!(w.bot.state(), State::Open);
    assert_eq!((w.dials[0].port, w.dials[0].tls), (8000, false));
    assert_eq!(w.requests[0].target, "/gw/callback/ws/endpoint");
    assert_eq!(w.requests[0].header("Host"), Some("10.0.2.2:8000"));
}

#[test]
fn a_discovery_answer_sets_the_pace_field_by_field_and_clamped() {
    for (text, (ping, interval, nonce, count)) in [
        (r#"{"ReconnectCount":-1,"ReconnectInterval":5,"ReconnectNonce":3,"PingInterval":90}"#, (90, 5, 3, -1)),
        (r#"{"ReconnectCount":0,"ReconnectInterval":0,"ReconnectNonce":0,"PingInterval":0}"#, (120, 120, 30, 0)),
        (
            r#"{"ReconnectCount":"3","ReconnectInterval":"2","ReconnectNonce":"1","PingInterval":"4"}"#,
            (120, 120, 30, -1),
        ),
        (r#"{"PingInterval":1,"ReconnectInterval":2147483648,"ReconnectNonce":1e3}"#, (5, 86_400, 30, -1)),
        (r#"{"PingInterval":601.0,"ReconnectNonce":121}"#, (120, 120, 120, -1)),
        (r#"{"PingInterval":100000}"#, (600, 120, 30, -1)),
        ("null", (120, 120, 30, -1)),
        ("[]", (120, 120, 30, -1)),
    ] {
        let mut w = World::new();
        text.clone_into(&mut w.script.client_config);
        w.start();
        let config = w.bot.client_config();
        let seen = (config.ping_interval, config.reconnect_interval, config.reconnect_nonce, config.reconnect_count);
        assert_eq!(seen, (ping, interval, nonce, count), "{text}");
        assert_eq!(w.bot.state(), State::Open);
        w.advance(u64::from(ping) * 1000 - 1);
        assert_eq!(w.pings.len(), 1);
        w.advance(1);
        assert_eq!(w.pings.len(), 2);
    }
}

#[test]
fn a_silent_discovery_is_given_up_after_fifteen_seconds_wherever_it_hangs() {
    let hangs: [fn(&mut Script); 4] = [
        |script| script.http_dials.push_back(Dial::Hang),
        |script| script.discoveries.push_back(Reply::Hang),
        |script| script.discoveries.push_back(Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec())),
        |script| {
            let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"code\":".to_vec();
            script.discoveries.push_back(Reply::Raw(cut));
        },
    ];
    for hang in hangs {
        let mut w = World::new();
        hang(&mut w.script);
        w.start();
        w.advance(14_999);
        assert_eq!(w.bot.state(), State::Discovering);
        w.advance(1);
        assert!(matches!(w.bot.state(), State::Waiting { .. }));
        assert_eq!(w.faults(), [LinkFault::TimedOut(larkwire_core::Why::Exchange)]);
        w.until_open(31_000);
    }
}

#[test]
fn a_network_that_is_down_is_named_and_tried_again() {
    for why in [Closed::Dns, Closed::Refused, Closed::Tls, Closed::Unreachable, Closed::Proxy, Closed::TimedOut] {
        let mut w = World::new();
        w.script.http_dials.push_back(Dial::Fail(why));
        w.start();
        assert_eq!(w.faults(), [LinkFault::DiscoveryLost(why)]);
        w.until_open(30_000);
    }
}

#[test]
fn an_answer_in_any_http_dress_is_understood() {
    let body = |w: &mut World| {
        let Reply::Raw(bytes) = w.found() else { panic!() };
        String::from_utf8(bytes).unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    type Dress = Box<dyn Fn(&str) -> Reply>;
    let mut dresses: Vec<Dress> = Vec::new();
    dresses.push(Box::new(|body| {
        let chunks: String = body
            .as_bytes()
            .chunks(7)
            .map(|c| format!("{:x};e=1\r\n{}\r\n", c.len(), String::from_utf8_lossy(c)))
            .collect();
        Reply::Raw(
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\nTrailer: x\r\n\r\n")
                .into_bytes(),
        )
    }));
    dresses.push(Box::new(|body| {
        Reply::RawThenEof(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}").into_bytes())
    }));
    dresses.push(Box::new(|body| Reply::RawThenEof(format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes())));
    dresses.push(Box::new(|body| {
        let head = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        Reply::Raw(format!("{head}HTTP/1.1 200 OK\r\ncontent-length:{}\r\n\r\n{body}", body.len()).into_bytes())
    }));
    for dress in dresses {
        for chop in CHOPS {
            let mut w = World::new();
            w.chop = chop;
            let body = body(&mut w);
            w.script.discoveries.push_back(dress(&body));
            w.start();
            assert_eq!(w.bot.state(), State::Open, "{:?}", w.notices);
        }
    }
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_door() {
    let refused = |config: Config<'_>| Bot::new(config, Storage::growable(), Seed([0; 32])).unwrap_err();
    assert_eq!(refused(Config { app_id: " ", ..config() }), ConfigError::Empty("app_id"));
    assert_eq!(refused(Config { app_secret: Secret::new(""), ..config() }), ConfigError::Empty("app_secret"));
    assert_eq!(refused(Config { app_secret: Secret::new("x\n"), ..config() }), ConfigError::Control("app_secret"));
    assert_eq!(refused(Config { call_timeout_ms: 0, ..config() }), ConfigError::Empty("call_timeout_ms"));
    assert_eq!(refused(Config { domain: Domain::Custom("http://open.feishu.cn"), ..config() }), ConfigError::Plaintext);
    for bad in [
        "",
        "open.feishu.cn",
        "wss://open.feishu.cn",
        "https://",
        "https://u@h",
        "https://h#x",
        "https://h?x",
        "https://h/ x",
        "https://h/../x",
    ] {
        let error = refused(Config { domain: Domain::Custom(bad), ..config() });
        assert!(matches!(error, ConfigError::Domain(_)), "{bad}: {error:?}");
    }
}

#[test]
fn v18_no_secret_is_ever_printed() {
    let mut w = World::new().open();
    w.reply("om_1", "private words");
    let shown = format!("{:?} {:?} {:?} {:?}", w.bot, config(), w.bot.poll_lane(Lane::Socket), w.notices);
    for secret in [SECRET, "ticket", "ak-secret", "t-1", "private words"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
