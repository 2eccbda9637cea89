//! The reaction that says "seen".

use larkwire_conformance::platform::{Kind, Platform};
use larkwire_tokio::core::Locale;

use crate::child::{Larkwire, Running};
use crate::directory::Directory;
use crate::support::*;

/// Enough that a choice from another language's table shows.
const MANY: usize = 24;

/// What the bot reacts with to each of many messages with these words.
async fn reactions(platform: &Platform, bot: &Running, words: &str) -> Vec<String> {
    let mut chosen = Vec::new();
    let before = platform.records().len();
    for n in 0..MANY {
        let id = format!("om_{before}_{n}");
        platform.push(&text(words).message_id(&id)).unwrap();
        let reacted =
            wait(platform, |kind| matches!(kind, Kind::Reacted { message_id, .. } if *message_id == id)).await;
        let Kind::Reacted { emoji_type, .. } = reacted.kind else { unreachable!() };
        chosen.push(emoji_type);
    }
    assert!(bot.out.all().len() > MANY, "each is an event, too");
    assert_faultless(platform);
    chosen
}

fn assert_all_of(locale: Locale, chosen: &[String]) {
    for name in chosen {
        assert!(locale.reactions().contains(&name.as_str()), "{name} is not one of {}", locale.as_str());
    }
    assert!(chosen.iter().any(|name| *name != chosen[0]), "always {}", chosen[0]);
}

#[tokio::test]
async fn a_message_is_acknowledged_in_its_own_language() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).start();
    assert_all_of(Locale::ZhCn, &reactions(&platform, &bot, "请帮我查一下这个问题").await);
    assert_all_of(Locale::ZhTw, &reactions(&platform, &bot, "請幫我查一下這個問題").await);
    assert_all_of(Locale::En, &reactions(&platform, &bot, "could you look this up please").await);
    assert_all_of(Locale::Ja, &reactions(&platform, &bot, "これを調べてください").await);
}

#[tokio::test]
async fn a_language_can_be_fixed() {
    let platform = platform().await;
    let bot = Larkwire::run(&platform).args(["--reactions", "ja"]).start();
    assert_all_of(Locale::Ja, &reactions(&platform, &bot, "请帮我查一下这个问题").await);
    let other = crate::support::platform().await;
    let bot = Larkwire::run(&other).args(["--reactions", "zh-tw"]).start();
    assert_all_of(Locale::ZhTw, &reactions(&other, &bot, "could you look this up please").await);
}

/// Handles three messages and ends in order: how many reactions the platform saw.
async fn reactions_of(platform: &Platform, bot: Larkwire) -> usize {
    let bot = bot.start();
    for words in ["one", "two", "three"] {
        platform.push(&text(words)).unwrap();
        bot.event(words).await;
    }
    bot.signal("INT");
    let (code, _, err) = bot.end().await;
    assert_eq!(code, 0, "{err}");
    count(platform, |kind| matches!(kind, Kind::Reacted { .. }))
}

#[tokio::test]
async fn reactions_can_be_switched_off() {
    let silent = platform().await;
    assert_eq!(reactions_of(&silent, Larkwire::run(&silent).args(["--reactions", "off"])).await, 0);

    let directory = Directory::new();
    let lines = format!("app_id = \"{APP}\"\napp_secret = \"{SECRET}\"\nallowed_users = [\"*\"]\n");
    let by_file = platform().await;
    let file = directory.file("off.toml", &format!("{lines}ack_reactions = false\n"));
    let run =
        |platform: &Platform, file| Larkwire::new(["run", "--domain", &platform.base_url(), "--config"]).arg(file);
    assert_eq!(reactions_of(&by_file, run(&by_file, &file)).await, 0);
    // A flag wins over the file.
    let by_flag = platform().await;
    let bot = run(&by_flag, &file).args(["--reactions", "en"]).start();
    assert_all_of(Locale::En, &reactions(&by_flag, &bot, "hello").await);
}

#[tokio::test]
async fn who_may_not_speak_gets_no_reaction() {
    let platform = platform().await;
    let bot = Larkwire::named("run", platform.base_url()).args(["--allow", "ou_bo"]).start();
    platform.push(&text("hello").message_id("om_1")).unwrap();
    wait(&platform, settled).await;
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 0);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Reacted { .. })), 0);
}

#[tokio::test]
async fn a_reaction_nobody_knows_is_refused_at_the_door() {
    let (code, out, err) = Larkwire::run_at("http://127.0.0.1:1").args(["--reactions", "klingon"]).end().await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("auto, off, en, ja, zh-CN or zh-TW"), "{err}");
}
