//! Which tables are bots.

use larkwire_tokio::config::ReceiveMode;
use larkwire_tokio::core::AckReactions;

use super::*;

fn lark(path: &str, id: u8) -> String {
    format!(
        "[{path}]\napp_id = \"cli_00000000000000{id:02x}\"\napp_secret = \"open sesame {id}\"\nallowed_users = [\"*\"]\n"
    )
}

#[test]
fn the_table_that_prx_documents_works_unchanged() {
    let text = r#"
default_provider = "openrouter"
api_key = "sk-another-programs"

[gateway]
port = 3000
allow_public_bind = false

[channels_config]
cli = true

[channels_config.telegram]
bot_token = "t"

[channels_config.lark]
app_id = "cli_0123456789abcdef"
app_secret = "open sesame 1"
verification_token = "v-token"
encrypt_key = "e-key"
allowed_users = ["ou_1", "on_2"]
mention_only = false
use_feishu = false
receive_mode = "websocket"
port = 8080

[[model_routes]]
hint = "fast"
"#;
    let bot = bot(text);
    assert_eq!((bot.name.as_deref(), bot.table.as_str()), (None, "channels_config.lark"));
    assert_eq!((bot.app_id.as_str(), bot.app_secret.expose()), ("cli_0123456789abcdef", "open sesame 1"));
    assert_eq!(bot.verification_token.unwrap().expose(), "v-token");
    assert_eq!(bot.encrypt_key.unwrap().expose(), "e-key");
    assert_eq!(bot.allowed_users, ["ou_1", "on_2"]);
    assert_eq!((bot.receive_mode, bot.port), (ReceiveMode::Websocket, Some(8080)));
    assert_eq!(bot.warnings.len(), 1);
    has(&bot.warnings[0], &["line 24: [channels_config.lark] port", "no effect", "websocket"]);
}

#[test]
fn everything_has_the_documented_default() {
    let bot = bot("[channels.lark]\napp_id = \"cli_0123456789abcdef\"\napp_secret = \"s\"\n");
    assert_eq!(bot.table, "channels.lark");
    assert!(bot.verification_token.is_none() && bot.encrypt_key.is_none());
    assert!(bot.allowed_users.is_empty());
    assert!(bot.enabled && !bot.mention_only && !bot.use_feishu && !bot.respond_to_mention_all && !bot.allow_bots);
    assert_eq!((bot.receive_mode, bot.port, bot.webhook_path.as_str()), (ReceiveMode::Websocket, None, "/lark"));
    assert_eq!((bot.domain.as_deref(), bot.effective_domain()), (None, "lark"));
    assert_eq!((bot.max_attempts, bot.stale_after_secs, bot.dedup_window_secs), (None, None, 43_200));
    assert_eq!((bot.dedup_file, bot.ack_reactions, bot.split_text_at), (None, AckReactions::Auto, 3500));
    assert!(bot.chat_locales.is_empty());
    assert_eq!(bot.warnings.len(), 1, "nobody may speak to it: {:?}", bot.warnings);
}

#[test]
fn empty_texts_of_a_template_count_as_absent() {
    let bot = good_with("verification_token = \"\"\nencrypt_key = \"\"\napp_secret_file = \"\"");
    assert!(bot.verification_token.is_none() && bot.encrypt_key.is_none() && bot.warnings.is_empty());
}

#[test]
fn keys_without_a_table_work_as_before() {
    let bot = bot("app_id = \"cli_0123456789abcdef\"\napp_secret = \"s\"\ndomain = \"feishu\"\nmax_attempts = 7\n\
                   allowed_users = [\"*\"]\n[logging]\nlevel = \"info\"\n");
    assert_eq!((bot.table.as_str(), bot.effective_domain(), bot.max_attempts), ("", "feishu", Some(7)));
    assert!(bot.warnings.is_empty(), "{:?}", bot.warnings);
    refused("app_id = \"cli_0123456789abcdef\"\napp_secret = 5\n", &["line 2: app_secret must not be a number"]);
}

#[test]
fn keys_above_the_table_are_told_about() {
    let loaded = loaded(&format!("app_id = \"cli_1\"\n{GOOD}"));
    assert_eq!(loaded.bots[0].app_id, "cli_0123456789abcdef");
    has(&loaded.warnings[0], &["line 1: app_id", "outside", "no effect"]);
}

#[test]
fn several_bots_stand_in_the_order_of_the_file() {
    let text = [lark("lark.support", 1), lark("lark.sales-cn", 2), lark("lark", 3), lark("lark.dev", 4)].concat();
    let loaded = loaded(&text);
    let names: Vec<_> = loaded.bots.iter().map(|bot| (bot.name.as_deref(), bot.table.as_str())).collect();
    let expected = [
        (Some("support"), "lark.support"),
        (Some("sales-cn"), "lark.sales-cn"),
        (None, "lark"),
        (Some("dev"), "lark.dev"),
    ];
    assert_eq!(names, expected);
    assert!(loaded.bots.iter().all(|bot| bot.warnings.is_empty()));
}

#[test]
fn an_inline_table_is_a_table() {
    let bot = bot("lark = { app_id = \"cli_0123456789abcdef\", app_secret = \"s\", allowed_users = [\"*\"] }");
    assert_eq!((bot.table.as_str(), bot.warnings.len()), ("lark", 0));
}

#[test]
fn named_bots_inherit_nothing_and_the_file_says_so() {
    let text = format!("[lark]\nmention_only = true\n{}", lark("lark.support", 1));
    refused(&text, &["line 2: [lark] mention_only", "inherit nothing", "[lark.NAME]"]);
}

#[test]
fn a_table_with_a_map_of_its_own_is_not_taken_for_a_bot() {
    let text = format!("{GOOD}[lark.chat_locales]\noc_1 = \"ja\"\n");
    assert_eq!(bot(&text).chat_locales.len(), 1);
}

#[test]
fn two_bots_with_one_app_are_refused() {
    refused(&[lark("lark.a", 1), lark("lark.b", 1)].concat(), &["line 5: [lark.b]", "same app_id", "line 1, [lark.a]"]);
}

#[test]
fn two_bots_with_one_name_are_refused() {
    refused(
        &[lark("lark.my-bot", 1), lark("lark.My_Bot", 2)].concat(),
        &["line 5: [lark.My_Bot]", "same name", "line 1"],
    );
    let text = [lark("channels_config.lark", 1), lark("lark", 2)].concat();
    refused(&text, &["line 5: [lark]", "without a name", "[channels_config.lark]", "[lark.NAME]"]);
}

#[test]
fn two_bots_with_one_file_or_one_door_are_refused() {
    let with = |line: &str| format!("{}{line}\n{}{line}\n", lark("lark.a", 1), lark("lark.b", 2));
    refused(&with("dedup_file = \"seen\""), &["line 6: [lark.b]", "same dedup_file", "line 1"]);
    let webhook = "receive_mode = \"webhook\"\nport = 8080\nencrypt_key = \"e\"\nverification_token = \"v\"\n";
    refused(&with(webhook), &["same port and webhook_path"]);
    let apart = with(webhook).replacen("port = 8080", "port = 8080\nwebhook_path = \"/other\"", 1);
    assert_eq!(loaded(&apart).bots.len(), 2);
    for (key, line) in [
        ("webhook_host", "webhook_host = \"127.0.0.1\""),
        ("webhook_tls_cert_file", "webhook_tls_cert_file = \"a.pem\"\nwebhook_tls_key_file = \"b.pem\""),
    ] {
        let one_more = apart.replacen("/other\"", &format!("/other\"\n{line}"), 1);
        refused(&one_more, &["[lark.b]", "same port, but", key, "each its own port"]);
        assert_eq!(loaded(&one_more.replacen("8080", "8081", 1)).bots.len(), 2);
    }
}

#[test]
fn a_name_that_no_variable_can_have_is_refused() {
    for name in ["\"客服\"", "\"a b\"", "\"\"", "\"a.b\""] {
        refused(&lark(&format!("lark.{name}"), 1), &["line 1: [lark.NAME]", "a-z"]);
    }
}

#[test]
fn a_bot_inside_of_a_bot_is_refused() {
    let text = [lark("channels_config.lark", 1), lark("channels_config.lark.sales", 2)].concat();
    refused(&text, &["line 5: [channels_config.lark] sales", "[lark.NAME]"]);
}

#[test]
fn a_bot_that_is_no_table_is_refused() {
    for text in ["lark = true\n", "[[lark]]\napp_id = \"x\"\n"] {
        refused(text, &["line 1: lark must be a table", "[lark.NAME]"]);
    }
    refused("[channels_config]\nlark = \"cli_1\"\n", &["line 2: channels_config.lark must be a table"]);
}

#[test]
fn a_file_without_a_bot_says_what_to_write() {
    for text in ["", "# nothing\n", "[gateway]\nport = 1\n[channels_config.telegram]\nbot_token = \"t\"\n"] {
        refused(text, &["no bot", "[channels_config.lark]"]);
    }
    refused("\n[channels_config.larc]\napp_id = \"x\"\n", &["line 2", "meant to be [channels_config.lark]"]);
    refused("\n[channel_config.lark]\napp_id = \"x\"\n", &["line 2", "[channels_config.lark]"]);
    refused("[channels_config.feishu]\napp_id = \"x\"\n", &["line 1", "use_feishu = true"]);
    refused("[larc]\napp_id = \"x\"\n", &["line 1", "[lark]"]);
}

#[test]
fn a_bot_that_is_switched_off_needs_nothing_and_keeps_nobody_from_starting() {
    let off = "[lark.later]\nenabled = false\napp_id = \"cli_0123456789abcdef\"\n";
    let loaded = loaded(&format!("{GOOD}{off}"));
    assert_eq!(loaded.bots.len(), 1, "one that could not start is not handed out");
    has(&loaded.warnings[0], &["[lark.later] app_secret is missing", "switched off"]);

    let parked = bot(&format!("{GOOD}enabled = false\n"));
    assert!(!parked.enabled);
}
