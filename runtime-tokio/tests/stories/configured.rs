//! A bot out of a configuration file does what the file says.

use std::collections::BTreeSet;

use larkwire_conformance::platform::{AppSpec, Kind, Platform};
use larkwire_tokio::config::{BotConfig, load};
use larkwire_tokio::core::Locale;
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Client, End, Settings};

use crate::directory::Directory;
use crate::support::*;

/// The bots of a file in this directory.
fn bots(directory: &Directory, text: &str) -> Vec<BotConfig> {
    let path = directory.file("bot.toml");
    std::fs::write(&path, text).unwrap();
    load(&path, |_| None).unwrap_or_else(|error| panic!("{error}")).bots
}

fn head(platform: &Platform) -> String {
    format!("app_id = \"{APP}\"\napp_secret = \"{SECRET}\"\ndomain = \"{}\"\n", platform.base_url())
}

#[tokio::test]
async fn every_key_that_concerns_the_connection_has_its_effect() {
    let directory = Directory::new("configured");
    let platform = platform().await;
    let file = format!(
        "[channels_config.lark]\n{}allowed_users = [\"ou_ann\", \"on_zoe\"]\nmention_only = true\n\
         respond_to_mention_all = true\nstale_after_secs = 60\ndedup_file = \"seen\"\nack_reactions = \"zh-CN\"\n\
         split_text_at = 100\n[channels_config.lark.chat_locales]\noc_room = \"zh-TW\"\n",
        head(&platform),
    );
    let settings = Settings::from(&bots(&directory, &file)[0]);
    let (client, mut events) = bot_with(&settings).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let pushes = [
        text("mentioned").mention_bot(),
        text("everybody").mention_all(),
        text("by union").mention_bot().sender_ids(None, Some("on_zoe"), None),
        whisper("alone").message_id("om_alone"),
        text("not mentioned"),
        text("a stranger").mention_bot().sender_ids(Some("ou_eve"), None, None),
        text("old").mention_bot().created_ms(now - 120_000),
        text("a robot").mention_bot().sender_type("app"),
    ];
    for push in &pushes {
        tell(&platform, push).await;
    }
    wait_for_many(&platform, 4, |kind| matches!(kind, Kind::Reacted { .. })).await;
    soon(client.reply_text("om_alone", &"word ".repeat(60))).await.unwrap();
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Replied { .. })), 3);
    let heard: Vec<_> = rest(&client, &mut events).await.iter().map(|event| event.text().unwrap()).collect();
    assert_eq!(heard, ["mentioned", "@all everybody", "by union", "alone"]);
    let stats = client.stats();
    for reason in [DropReason::NoMention, DropReason::SenderNotAllowed, DropReason::Stale, DropReason::BotSender] {
        assert_eq!(stats.dropped(reason), 1, "{reason}");
    }
    for (message_id, emoji_type) in picked(&platform, |kind| match kind {
        Kind::Reacted { message_id, emoji_type, .. } => Some((message_id, emoji_type)),
        _ => None,
    }) {
        let locale = if message_id == "om_alone" { Locale::ZhCn } else { Locale::ZhTw };
        assert!(locale.reactions().contains(&emoji_type.as_str()), "{message_id}: {emoji_type}");
    }
    assert!(std::fs::metadata(directory.file("seen")).unwrap().len() > 32);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_file_that_allows_nobody_makes_a_bot_that_hears_nobody() {
    let directory = Directory::new("nobody");
    let platform = platform().await;
    let bot = bots(&directory, &format!("[lark]\n{}", head(&platform))).remove(0);
    assert!(bot.warnings.iter().any(|warning| warning.contains("allowed_users")), "{:?}", bot.warnings);
    let (client, mut events) = bot_with(&Settings::from(&bot)).await;
    tell(&platform, &whisper("hello?")).await;
    assert_eq!(rest(&client, &mut events).await.len(), 0);
    assert_eq!(client.stats().dropped(DropReason::SenderNotAllowed), 1);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Reacted { .. })), 0);
}

#[tokio::test]
async fn several_bots_of_one_file_run_side_by_side() {
    let directory = Directory::new("several");
    let platform = platform().await;
    let apps: Vec<_> = (0..3).map(|_| AppSpec::random()).collect();
    let mut file = String::new();
    for (n, app) in apps.iter().enumerate() {
        platform.add_app(app.clone());
        file += &format!(
            "[lark.bot{n}]\napp_id = \"{}\"\napp_secret = \"{}\"\ndomain = \"{}\"\nallowed_users = [\"*\"]\n\
             dedup_file = \"seen{n}\"\nmax_attempts = 3\n",
            app.app_id,
            app.app_secret,
            platform.base_url()
        );
    }
    let mut running = Vec::new();
    for bot in bots(&directory, &file) {
        running.push((bot.app_id.clone(), Client::start(&Settings::from(&bot)).unwrap()));
    }
    for app in &apps {
        platform.push(&whisper(&app.app_id).app(&app.app_id)).unwrap();
    }
    let mut heard = BTreeSet::new();
    for (app_id, (client, events)) in &mut running {
        assert_eq!(next(events).await.text().as_ref(), Some(&*app_id));
        assert_eq!(soon(client.shut_down()).await, End::Stopped);
        heard.insert(app_id.clone());
    }
    assert_eq!(heard, apps.into_iter().map(|app| app.app_id).collect());
}
