//! Every key: what it takes, and what is said about what it does not take.

use larkwire_tokio::config::ReceiveMode;
use larkwire_tokio::core::{AckReactions, Locale};

use super::*;

const WEBHOOK: &str = "receive_mode = \"webhook\"\nport = 8080\nencrypt_key = \"e\"\nverification_token = \"v\"\n";

#[test]
fn values_of_another_type_are_refused_with_what_to_write() {
    for (line, words) in [
        ("port = \"8080\"", &["port must not be a text in quotes", "without quotes: 8080"][..]),
        ("port = 8080.0", &["port must not be a number with a fraction"]),
        ("mention_only = \"true\"", &["mention_only must not be a text", "true or false, without quotes"]),
        ("mention_only = 1", &["mention_only must not be a number"]),
        ("use_feishu = \"yes\"", &["use_feishu"]),
        ("enabled = \"false\"", &["enabled"]),
        ("allow_bots = 0", &["allow_bots"]),
        ("respond_to_mention_all = []", &["respond_to_mention_all must not be a list"]),
        ("receive_mode = true", &["receive_mode must not be true or false", "\"websocket\" or \"webhook\""]),
        ("domain = 5", &["domain must not be a number", "\"feishu\""]),
        ("max_attempts = \"3\"", &["max_attempts"]),
        ("stale_after_secs = 1979-05-27", &["stale_after_secs must not be a date"]),
        ("dedup_window_secs = \"12h\"", &["dedup_window_secs", "43200"]),
        ("dedup_file = 7", &["dedup_file", "path in quotes"]),
        ("ack_reactions = 1", &["ack_reactions", "\"auto\""]),
        ("chat_locales = \"ja\"", &["chat_locales", "a table"]),
        ("webhook_allow_missing_token = \"no\"", &["webhook_allow_missing_token must not be a text", "true or false"]),
        ("webhook_host = 0", &["webhook_host must not be a number", "\"0.0.0.0\""]),
        ("webhook_max_age_secs = \"1h\"", &["webhook_max_age_secs must not be a text", "3600"]),
        ("webhook_max_body = \"1M\"", &["webhook_max_body must not be a text", "524288"]),
        ("webhook_old_cards = 1", &["webhook_old_cards must not be a number"]),
        ("webhook_path = 1", &["webhook_path"]),
        ("webhook_tls_cert_file = true", &["webhook_tls_cert_file must not be true or false", "path in quotes"]),
        ("webhook_tls_key_file = 1", &["webhook_tls_key_file"]),
        ("split_text_at = -0.5", &["split_text_at"]),
        ("verification_token = 7", &["verification_token must not be a number", "text in quotes"]),
        ("encrypt_key = { a = 1 }", &["encrypt_key must not be a table"]),
        ("encrypt_key_file = 7", &["encrypt_key_file"]),
    ] {
        refused_with(line, words);
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (line, words) in [
        ("port = 0", &["port must be from 1 to 65535"][..]),
        ("port = 65536", &["port must be from 1 to 65535"]),
        ("port = -1", &["port must be from 1 to 65535"]),
        ("port = 99999999999999999999999999", &["port must be from 1 to 65535"]),
        ("max_attempts = 0", &["max_attempts must be from 1", "endless"]),
        ("max_attempts = 4294967296", &["max_attempts must be from 1"]),
        ("stale_after_secs = 0", &["stale_after_secs must be from 1", "drop nothing"]),
        ("dedup_window_secs = 1799", &["dedup_window_secs must be from 1800", "30 min", "7.1 h"]),
        ("dedup_window_secs = 9223372036854775807", &["dedup_window_secs must be from 1800"]),
        ("webhook_max_age_secs = 59", &["webhook_max_age_secs must be from 60 to 86400"]),
        ("webhook_max_age_secs = 86401", &["webhook_max_age_secs must be from 60 to 86400"]),
        ("webhook_max_body = 65535", &["webhook_max_body must be from 65536 to 2097152"]),
        ("webhook_max_body = 2097153", &["webhook_max_body must be from 65536 to 2097152"]),
        ("split_text_at = 40000", &["split_text_at must be from 0 to 20000"]),
        ("split_text_at = 99", &["split_text_at must be 0 or at least 100"]),
    ] {
        refused_with(line, words);
    }
    assert_eq!(good_with("max_attempts = 0x10").max_attempts, Some(16));
    assert_eq!(good_with("dedup_window_secs = 86_400").dedup_window_secs, 86_400);
    assert_eq!(good_with("stale_after_secs = 1800").stale_after_secs, Some(1800));
    assert_eq!(good_with("split_text_at = 0").split_text_at, 0);
}

#[test]
fn a_window_shorter_than_redelivery_is_told_about() {
    warned_with("dedup_window_secs = 1800", &["dedup_window_secs", "7.1 h"]);
}

#[test]
fn a_mistyped_key_is_told_with_the_right_one() {
    for (line, right) in [
        ("allow_users = []", "allowed_users"),
        ("mentionOnly = true", "mention_only"),
        ("prot = 1", "port"),
        ("webhook-path = \"/x\"", "webhook_path"),
        ("recieve_mode = \"webhook\"", "receive_mode"),
    ] {
        let key = line.split(' ').next().unwrap();
        warned_with(line, &[key, &format!("did you mean {right}?")]);
    }
    warned_with("colour = \"red\"", &["colour is not known here", "remove it"]);
}

#[test]
fn a_missing_key_is_looked_for_in_the_mistyped_one() {
    refused(
        "[lark]\nappid = \"cli_0123456789abcdef\"\napp_secret = \"s\"\n",
        &["line 2: [lark] app_id is missing", "mistyped"],
    );
    let error = read_with("[lark]\nappid = \"x\"\napp_secret = \"s\"\n", &[]).unwrap_err();
    assert!(error.warnings.iter().any(|warning| warning.contains("did you mean app_id?")), "{error:?}");
}

#[test]
fn keys_of_other_programs_are_told_to_have_no_effect() {
    warned_with("proxy_url = \"http://user:password@proxy:1\"", &["proxy_url has no effect", "HTTPS_PROXY"]);
    for line in [
        "stream_mode = \"partial\"",
        "draft_update_interval_ms = 1000",
        "approval_timeout_secs = 300",
        "per_user_session = true",
    ] {
        warned_with(line, &["has no effect in larkwire"]);
    }
}

#[test]
fn an_app_needs_an_id_and_a_secret() {
    for text in ["[lark]\napp_secret = \"s\"\n", "[lark]\napp_id = \" \"\napp_secret = \"s\"\n"] {
        refused(text, &["[lark] app_id is missing or empty", "cli_", "LARKWIRE_APP_ID"]);
    }
    for text in ["app_secret = \"\"\n", "", "app_secret = \"  \"\n"] {
        let text = format!("[lark.sales-cn]\napp_id = \"cli_0123456789abcdef\"\n{text}");
        refused(&text, &["[lark.sales-cn] app_secret is missing", "app_secret_file", "LARKWIRE_SALES_CN_APP_SECRET"]);
    }
    refused("[lark]\napp_id = 7\napp_secret = \"s\"\n", &["line 2: [lark] app_id must not be a number"]);
}

#[test]
fn an_id_of_another_shape_is_told_about() {
    for id in ["cli_123", "0123456789abcdef", "cli_0123456789abcdeg"] {
        let bot = bot(&GOOD.replace("cli_0123456789abcdef", id));
        has(&bot.warnings[0], &["line 2: [lark] app_id", "16 hexadecimal"]);
    }
    let bot = bot(&GOOD.replace("cli_0123456789abcdef", " cli_0123456789abcdef"));
    assert_eq!(bot.app_id, "cli_0123456789abcdef");
    has(&bot.warnings[0], &["app_id", "white space"]);
}

#[test]
fn exchanged_credentials_are_recognised() {
    let text = "[lark]\napp_id = \"open sesame 1\"\napp_secret = \"cli_0123456789abcdef\"\n";
    refused(text, &["line 2: [lark] app_id", "exchanged"]);
    refused("[lark]\napp_id = \"cli_1\"\napp_secret = \"cli_1\"\n", &["app_id is the same text as app_secret"]);
}

#[test]
fn an_unknown_mode_is_refused_with_the_nearest() {
    refused_with("receive_mode = \"webhok\"", &["receive_mode", "did you mean \"webhook\"?"]);
    refused_with("receive_mode = \"WebSocket\"", &["did you mean \"websocket\"?"]);
    refused_with("receive_mode = \"polling\"", &["unknown value", "\"websocket\" or \"webhook\""]);
}

#[test]
fn a_webhook_needs_a_port_and_both_keys() {
    let bot = good_with(&format!("{WEBHOOK}webhook_path = \"/hooks/lark\""));
    assert_eq!(
        (bot.receive_mode, bot.port, bot.webhook_path.as_str()),
        (ReceiveMode::Webhook, Some(8080), "/hooks/lark")
    );
    assert!(bot.warnings.is_empty(), "{:?}", bot.warnings);
    let without = |line: &str| format!("{GOOD}{}", WEBHOOK.replace(line, ""));
    refused(&without("port = 8080\n"), &["[lark] port is missing", "webhook", "8080"]);
    refused(&without("encrypt_key = \"e\"\n"), &["[lark] encrypt_key is missing", "trust"]);
    refused(&without("verification_token = \"v\"\n"), &["[lark] verification_token is missing", "trust"]);
    refused(
        &without("\"e\"").replace("encrypt_key = ", "encrypt_key = \" \""),
        &["line 7: [lark] encrypt_key is missing or empty"],
    );
    refused(
        &without("\"e\"").replace("encrypt_key = ", "encrypt_key = 7"),
        &["line 7: [lark] encrypt_key must not be"],
    );
}

#[test]
fn a_webhook_says_where_it_listens_and_what_it_takes() {
    let with = |lines: &str| good_with(&format!("{WEBHOOK}{lines}"));
    let bot = with("");
    assert_eq!(bot.webhook_host.to_string(), "0.0.0.0");
    assert_eq!((bot.webhook_max_age_secs, bot.webhook_max_body), (3600, 524_288));
    assert!(!bot.webhook_old_cards && !bot.webhook_allow_missing_token);
    assert_eq!((bot.webhook_tls_cert_file, bot.webhook_tls_key_file), (None, None));
    for (written, host) in [("127.0.0.1", "127.0.0.1"), ("[::]", "::"), ("::1", "::1"), ("[fd00::7]", "fd00::7")] {
        let bot = with(&format!("webhook_host = \"{written}\""));
        assert_eq!((bot.webhook_host.to_string().as_str(), bot.warnings.len()), (host, 0));
    }
    for host in ["localhost", "0.0.0.0:8080", "[127.0.0.1", "bot.example.com", "256.0.0.1"] {
        let text = format!("{GOOD}{WEBHOOK}webhook_host = \"{host}\"\n");
        refused(&text, &["line 9: [lark] webhook_host", "no address", "\"0.0.0.0\"", "[::]"]);
    }
    let bot = with(
        "webhook_max_age_secs = 60\nwebhook_max_body = 0x10_0000\nwebhook_old_cards = true\n\
                    webhook_allow_missing_token = true",
    );
    assert_eq!((bot.webhook_max_age_secs, bot.webhook_max_body), (60, 1_048_576));
    assert!(bot.webhook_old_cards && bot.webhook_allow_missing_token);
    // What opens a webhook to everybody has no key.
    warned_with("webhook_allow_missing_keys = true", &["webhook_allow_missing_keys is not known here"]);
}

#[test]
fn a_certificate_comes_with_its_key() {
    let text =
        format!("{GOOD}{WEBHOOK}webhook_tls_cert_file = \"tls/cert.pem\"\nwebhook_tls_key_file = \"/key.pem\"\n");
    let bot = parse(text.as_bytes(), Path::new("/etc/larkwire"), |_| None).unwrap().bots.remove(0);
    assert_eq!(bot.webhook_tls_cert_file.unwrap(), Path::new("/etc/larkwire/tls/cert.pem"));
    assert_eq!(bot.webhook_tls_key_file.unwrap(), Path::new("/key.pem"));
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        let line = format!("webhook_tls_{one}_file = \"x.pem\"\n");
        let words =
            [&format!("line 9: [lark] webhook_tls_{one}_file is given without webhook_tls_{other}_file"), "proxy"];
        refused(&format!("{GOOD}{WEBHOOK}{line}"), &words);
    }
}

#[test]
fn webhook_paths_that_no_request_has_are_refused() {
    refused(
        &format!("{GOOD}{WEBHOOK}webhook_path = \"/health\"\n"),
        &["line 9: [lark] webhook_path", "load balancers"],
    );
    for path in ["lark", "/a b", "/a?b", "/a#b", "/ä"] {
        refused(
            &format!("{GOOD}{WEBHOOK}webhook_path = \"{path}\"\n"),
            &["line 9: [lark] webhook_path must begin with /"],
        );
    }
    refused(&format!("{GOOD}{WEBHOOK}webhook_path = \" \"\n"), &["webhook_path is empty", "\"/lark\""]);
}

#[test]
fn webhook_keys_without_a_webhook_are_told_to_have_no_effect() {
    warned_with("port = 8080", &["port has no effect"]);
    for line in [
        "webhook_allow_missing_token = true",
        "webhook_host = \"127.0.0.1\"",
        "webhook_max_age_secs = 60",
        "webhook_max_body = 65536",
        "webhook_old_cards = true",
        "webhook_path = \"/lark\"",
        "webhook_tls_cert_file = \"cert.pem\"",
        "webhook_tls_key_file = \"key.pem\"",
    ] {
        let key = line.split(' ').next().unwrap();
        warned_with(line, &[&format!("{key} has no effect with receive_mode = \"websocket\"")]);
    }
    warned_with("respond_to_mention_all = true", &["without mention_only"]);
    assert!(good_with("respond_to_mention_all = true\nmention_only = true").warnings.is_empty());
}

#[test]
fn a_domain_is_a_name_or_a_url() {
    for (line, effective) in [
        ("", "lark"),
        ("use_feishu = true", "feishu"),
        ("domain = \"Feishu\"", "feishu"),
        ("domain = \"lark\"", "lark"),
        ("domain = \"https://lark.example.com/base/\"", "https://lark.example.com/base"),
        ("domain = \"http://127.0.0.1:8080\"", "http://127.0.0.1:8080"),
        ("domain = \"https://lark.example.com\"\nuse_feishu = true", "https://lark.example.com"),
        ("domain = \"https://open.feishu.cn\"\nuse_feishu = true", "https://open.feishu.cn"),
        ("domain = \"feishu\"\nuse_feishu = true", "feishu"),
    ] {
        let bot = good_with(line);
        assert_eq!((bot.effective_domain(), bot.warnings.len()), (effective, 0), "{line}");
    }
    for (line, words) in [
        ("domain = \"fieshu\"", &["domain", "did you mean \"feishu\"?"][..]),
        ("domain = \"open.feishu.cn\"", &["domain", "https://"]),
        ("domain = \" \"", &["domain is empty"]),
        ("domain = \"http://lark.example.com\"", &["domain", "https"]),
        ("domain = \"ftp://lark.example.com\"", &["domain", "https"]),
        ("domain = \"https://a:b@lark.example.com\"", &["domain", "user name or password"]),
        ("domain = \"https://lark.example.com/?a=b\"", &["domain"]),
    ] {
        refused_with(line, words);
    }
}

#[test]
fn two_regions_at_once_are_refused() {
    for (domain, feishu) in
        [("lark", true), ("feishu", false), ("https://open.feishu.cn/", false), ("https://OPEN.larksuite.com", true)]
    {
        refused_with(
            &format!("domain = \"{domain}\"\nuse_feishu = {feishu}"),
            &["domain is", "use_feishu", "remove one"],
        );
    }
}

#[test]
fn reactions_are_a_language_or_a_switch() {
    for (value, reactions) in [
        ("true", AckReactions::Auto),
        ("false", AckReactions::Off),
        ("\"auto\"", AckReactions::Auto),
        ("\"off\"", AckReactions::Off),
        ("\"en\"", AckReactions::Fixed(Locale::En)),
        ("\"ja\"", AckReactions::Fixed(Locale::Ja)),
        ("\"zh-CN\"", AckReactions::Fixed(Locale::ZhCn)),
        ("\"zh_tw\"", AckReactions::Fixed(Locale::ZhTw)),
    ] {
        assert_eq!(good_with(&format!("ack_reactions = {value}")).ack_reactions, reactions);
    }
    refused_with("ack_reactions = \"zh-HK\"", &["ack_reactions has an unknown value", "\"zh-TW\""]);
}

#[test]
fn single_chats_have_a_language() {
    let bot = good_with("chat_locales = { oc_1 = \"ja\", oc_2 = \"zh-TW\" }");
    assert_eq!(bot.chat_locales["oc_1"].as_str(), "ja");
    assert_eq!(bot.chat_locales["oc_2"], Locale::ZhTw);
    warned_with("chat_locales = { ou_1 = \"ja\" }", &["chat_locales \"ou_1\"", "oc_"]);
    refused_with("chat_locales = { oc_1 = \"fr\" }", &["chat_locales \"oc_1\"", "zh-TW"]);
    refused_with("chat_locales = { oc_1 = true }", &["chat_locales", "not true or false"]);
    refused_with("chat_locales = { \"oc_1 \" = \"ja\" }", &["chat_locales \"oc_1 \"", "spaces"]);
}

#[test]
fn variables_inside_of_values_are_refused() {
    for line in ["verification_token = \"${TOKEN}\"", "domain = \"https://${HOST}\"", "dedup_file = \"${HOME}/seen\""] {
        refused_with(line, &["not filled in", "environment variable"]);
    }
    let text = GOOD.replace("open sesame 1", "${LARK_APP_SECRET}");
    refused(&text, &["line 3: [lark] app_secret", "not filled in", "environment variable"]);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = format!("{GOOD}port = \"8080\"\nmention_only = 1\nreceive_mode = \"x\"\ncolour = 1\n");
    let error = read_with(&text, &[]).unwrap_err();
    assert_eq!((error.errors.len(), error.warnings.len()), (3, 1), "{error:?}");
    assert_eq!(error.to_string().lines().count(), 3);
}
