//! What was delivered is remembered over a restart.

use larkwire_conformance::platform::Platform;

use crate::child::Larkwire;
use crate::directory::Directory;
use crate::support::*;

/// Runs a bot while `repeated` and then `new` come in: what it delivers.
async fn delivered(platform: &Platform, bot: Larkwire, repeated: &str, new: &str) -> Vec<String> {
    let bot = bot.start();
    platform.push(&text(repeated).event_id(format!("e-{repeated}")).message_id(format!("om_{repeated}"))).unwrap();
    platform.push(&text(new)).unwrap();
    bot.event(new).await;
    bot.signal("INT");
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 0, "{err}");
    let lines = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut texts: Vec<_> = lines.filter_map(|line| line["text"].as_str().map(str::to_owned)).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn a_restart_delivers_nothing_twice() {
    let platform = platform().await;
    let directory = Directory::new();
    let remembering = || Larkwire::run(&platform).arg("--dedup-file").arg(directory.path("seen"));
    assert_eq!(delivered(&platform, remembering(), "again", "first").await, ["again", "first"]);
    assert_eq!(delivered(&platform, remembering(), "again", "second").await, ["second"]);
    assert_eq!(delivered(&platform, Larkwire::run(&platform), "again", "third").await, ["again", "third"]);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_file_names_its_memory_beside_itself() {
    let platform = platform().await;
    let directory = Directory::new();
    let file = directory.file(
        "bot.toml",
        &format!(
            "app_id = \"{APP}\"\napp_secret = \"{SECRET}\"\nallowed_users = [\"*\"]\ndedup_file = \"seen.bin\"\n\
             domain = \"{}\"\n",
            platform.base_url()
        ),
    );
    let run = || Larkwire::new(["run", "--config"]).arg(&file);
    assert_eq!(delivered(&platform, run(), "again", "first").await, ["again", "first"]);
    assert_eq!(delivered(&platform, run(), "again", "second").await, ["second"]);
    assert!(directory.path("seen.bin").is_file());
}

#[tokio::test]
async fn a_memory_that_cannot_be_used_is_told_at_the_door() {
    let platform = platform().await;
    let directory = Directory::new();
    let with = |path| Larkwire::run(&platform).arg("--dedup-file").arg(path);
    let first = with(directory.path("seen")).start();
    first.notice("INFO connected").await;
    let others = [
        (directory.path("seen"), "another process uses it"),
        (directory.path("no/such/folder/seen"), "No such file"),
        (directory.file("letter", "Dear diary, this is no memory of a bot.\n"), "letter"),
    ];
    for (path, words) in others {
        let (code, out, err) = with(path).end().await;
        assert_eq!((code, out.as_str()), (3, ""), "{err}");
        assert!(err.contains("dedup_file") && err.contains(words), "{words}: {err}");
    }
    assert_eq!(std::fs::read_to_string(directory.path("letter")).unwrap().len(), 40, "not ours, not touched");
}
