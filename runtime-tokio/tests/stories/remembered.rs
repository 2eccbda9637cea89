//! The file that keeps what was heard over restarts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use larkwire_conformance::platform::{AppSpec, Kind, Platform, PlatformConfig};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Client, Settings};
use tokio::process::Command;

use crate::clock::hours;
use crate::directory::Directory;
use crate::log::Log;
use crate::support::*;

const TWENTY_MINUTES: Duration = Duration::from_secs(20 * 60);

async fn unhurried() -> Platform {
    platform_with(PlatformConfig { clock_scale: 1.0, ..config() }).await
}

/// One life of a bot, at whose end these have been acknowledged; what it heard.
async fn live(platform: &Platform, settings: &Settings, acked: usize) -> Vec<String> {
    let (client, mut events) = bot_with(settings).await;
    wait_for_many(platform, acked, settled).await;
    rest(&client, &mut events).await.iter().map(|event| event.text().unwrap()).collect()
}

/// Makes everything in a memory older: behind 32 bytes, each id takes 16, the later 8 of them its time in milliseconds.
fn age(file: &Path, by: Duration) {
    let mut bytes = std::fs::read(file).unwrap();
    assert!(bytes.len() >= 48 && (bytes.len() - 32).is_multiple_of(16), "{} bytes", bytes.len());
    for record in bytes[32..].chunks_exact_mut(16) {
        let at = u64::from_le_bytes(record[8..].try_into().unwrap());
        record[8..].copy_from_slice(&(at - by.as_millis() as u64).to_le_bytes());
    }
    std::fs::write(file, bytes).unwrap();
}

fn refusal(settings: &Settings) -> String {
    Client::start(settings).map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn a_restart_hears_nothing_twice_where_there_is_a_file_and_everything_where_there_is_none() {
    let directory = Directory::new("restart");
    for with_file in [true, false] {
        let platform = unhurried().await;
        let settings = match with_file {
            true => settings(&platform).dedup_file(directory.file("seen")),
            false => settings(&platform),
        };
        platform.push(&text("once").again_after(TWENTY_MINUTES).again_after(hours(7))).unwrap();
        assert_eq!(live(&platform, &settings, 1).await, ["once"]);
        let again: &[&str] = if with_file { &[] } else { &["once"] };
        platform.advance(TWENTY_MINUTES);
        wait(&platform, |kind| matches!(kind, Kind::Queued { .. })).await;
        assert_eq!(live(&platform, &settings, 2).await, again, "with_file {with_file}");
        platform.advance(hours(7));
        wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Queued { .. })).await;
        assert_eq!(live(&platform, &settings, 3).await, again, "with_file {with_file}");
        assert_faultless(&platform);
    }
}

#[tokio::test]
async fn hours_without_the_bot_count_too() {
    let directory = Directory::new("hours");
    let file = directory.file("seen");
    let platform = platform().await;
    let settings = settings(&platform).dedup_file(&file);
    let push = text("once").event_id("e").message_id("om_1");
    platform.push(&push).unwrap();
    assert_eq!(live(&platform, &settings, 1).await, ["once"]);
    age(&file, hours(7));
    platform.push(&push).unwrap();
    assert_eq!(live(&platform, &settings, 2).await, [""; 0]);
    age(&file, hours(6));
    platform.push(&push).unwrap();
    assert_eq!(live(&platform, &settings, 3).await, ["once"], "twelve hours are over");
}

/// Its runtime goes while it works, and with it all that was in memory.
#[test]
fn a_bot_that_is_killed_forgets_nothing_it_acknowledged() {
    let directory = Directory::new("killed");
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (here, there) = (runtime(), runtime());
    let platform = here.block_on(platform());
    let settings = settings(&platform).dedup_file(directory.file("seen"));
    let push = |id: &str| text(id).event_id(id);
    let (_client, _events) = there.block_on(bot_with(&settings));
    for n in 0..200 {
        platform.push(&push(&format!("event {n}"))).unwrap();
    }
    here.block_on(wait_for_many(&platform, 50, settled));
    there.shutdown_timeout(LONG);
    platform.cut(APP);
    let acked = picked(&platform, |kind| match kind {
        Kind::Acked { event_id, settled: true, .. } => Some(event_id),
        _ => None,
    });
    here.block_on(async {
        let (client, mut events) = bot_with(&settings).await;
        for id in &acked {
            tell(&platform, &push(id)).await;
        }
        let heard = rest(&client, &mut events).await;
        let twice: Vec<_> = heard.iter().map(|event| event.event_id()).filter(|id| acked.contains(id)).collect();
        assert!(twice.is_empty(), "of {} acknowledged: {twice:?}", acked.len());
    });
}

#[tokio::test]
async fn half_a_record_at_the_end_is_what_a_crash_leaves() {
    let directory = Directory::new("half");
    let file = directory.file("seen");
    let platform = platform().await;
    let settings = settings(&platform).dedup_file(&file);
    let push = text("once").event_id("e");
    platform.push(&push).unwrap();
    assert_eq!(live(&platform, &settings, 1).await, ["once"]);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.extend([7; 9]);
    std::fs::write(&file, &bytes).unwrap();
    platform.push(&push).unwrap();
    platform.push(&text("more")).unwrap();
    assert_eq!(live(&platform, &settings, 3).await, ["more"]);
    assert!((std::fs::read(&file).unwrap().len() - 32).is_multiple_of(16));
    platform.push(&push).unwrap();
    assert_eq!(live(&platform, &settings, 4).await, [""; 0]);
}

#[tokio::test]
async fn two_bots_on_one_file_are_one_too_many() {
    let directory = Directory::new("two");
    let file = directory.file("seen");
    let platform = platform().await;
    let settings = settings(&platform).dedup_file(&file);
    let (first, _events) = bot_with(&settings).await;
    let error = refusal(&settings);
    for words in ["dedup_file", file.to_str().unwrap(), "another process uses it", "run twice"] {
        assert!(error.contains(words), "{words} in {error}");
    }
    soon(first.shut_down()).await;
    let (second, _events) = bot_with(&settings).await;
    soon(second.shut_down()).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_says_what_to_do_and_stays_as_it_was() {
    let directory = Directory::new("wrong");
    let file = directory.file("seen");
    let platform = platform().await;
    let settings = settings(&platform).dedup_file(&file);
    tell_and_stop(&platform, &settings).await;
    let good = std::fs::read(&file).unwrap();

    let other = AppSpec::random();
    platform.add_app(other.clone());
    let others = Settings::new(&other.app_id, &other.app_secret).domain(platform.base_url()).dedup_file(&file);
    let error = refusal(&others);
    assert!(error.contains(file.to_str().unwrap()) && error.contains("give each app its own"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), good);

    for damage in [&b"hello"[..], &[0; 4096], &good[1..], &good[..31]] {
        std::fs::write(&file, damage).unwrap();
        let error = refusal(&settings);
        assert!(error.contains(file.to_str().unwrap()) && error.contains("delete it"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), damage, "nothing of it was lost");
    }
    std::fs::remove_file(&file).unwrap();
    tell_and_stop(&platform, &settings).await;

    let nowhere = directory.file("no such directory/seen");
    let error = refusal(&settings.clone().dedup_file(&nowhere));
    assert!(error.contains("dedup_file") && error.contains(nowhere.to_str().unwrap()), "{error}");
    let error = refusal(&settings.dedup_file(directory.path()));
    assert!(error.contains("dedup_file") && error.contains(directory.path().to_str().unwrap()), "{error}");
}

async fn tell_and_stop(platform: &Platform, settings: &Settings) {
    let (client, _events) = bot_with(settings).await;
    tell(platform, &text("hi")).await;
    soon(client.shut_down()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_nobody_elses_business_and_names_nobody() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new("private");
    let file = directory.file("seen");
    let platform = platform().await;
    platform.push(&text("a secret").event_id("event-of-ann").message_id("om_ann")).unwrap();
    assert_eq!(live(&platform, &settings(&platform).dedup_file(&file), 1).await, ["a secret"]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let bytes = std::fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!["ann", "secret", "cli_"].iter().any(|word| text.contains(word)), "{text:?}");
}

#[tokio::test]
async fn a_directory_that_is_removed_stops_nobody() {
    let directory = Directory::new("removed");
    let platform = platform().await;
    let settings = settings(&platform).dedup_file(directory.file("seen"));
    let (client, mut events) = bot_with(&settings).await;
    tell(&platform, &text("before")).await;
    std::fs::remove_dir_all(directory.path()).unwrap();
    for n in 0..20 {
        tell(&platform, &text(&format!("after {n}")).times(2)).await;
    }
    wait_for_many(&platform, 41, settled).await;
    assert_eq!(rest(&client, &mut events).await.len(), 21);
    assert_eq!(client.stats().dropped(DropReason::Duplicate), 20);
    assert!(refusal(&settings).contains("dedup_file"), "the next start finds out");
    assert_faultless(&platform);
}

/// Limits are those of a process: this one is run again with room for two kilobytes in any file.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_stops_nobody() {
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$@\"", "sh"]).arg(std::env::current_exe().unwrap());
    child.args(["--exact", "remembered::a_bot_on_a_full_disk", "--ignored", "--nocapture"]);
    child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = soon(child.output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

#[tokio::test]
#[ignore = "run by a_full_disk_stops_nobody"]
async fn a_bot_on_a_full_disk() {
    const MANY: usize = 300;
    let directory = Directory::new("full");
    let file = directory.file("seen");
    let log = Log::start();
    let platform = platform().await;
    let settings = settings(&platform).dedup_file(&file);
    let (client, mut events) = bot_with(&settings).await;
    for n in 0..MANY {
        platform.push(&text(&format!("{n}")).event_id(format!("e{n}")).times(2)).unwrap();
    }
    wait_for_many(&platform, 2 * MANY, settled).await;
    let warned = log.wait("after a restart events of the last hours may come twice").await;
    assert!(warned.starts_with("WARN") && warned.contains(file.to_str().unwrap()), "{warned}");
    assert_eq!(log.lines().iter().filter(|line| line.contains("after a restart")).count(), 1, "once is enough");
    assert_eq!(rest(&client, &mut events).await.len(), MANY);
    assert_eq!(client.stats().dropped(DropReason::Duplicate), MANY as u64);
    assert!(std::fs::metadata(&file).unwrap().len() <= 2048);
    // What there was room for is good.
    let (client, mut events) = bot_with(&settings).await;
    tell(&platform, &text("0").event_id("e0")).await;
    assert_eq!(rest(&client, &mut events).await.len(), 0);
    assert_eq!(client.stats().dropped(DropReason::Duplicate), 1);
    assert_faultless(&platform);
}

#[cfg(feature = "webhook")]
#[tokio::test]
async fn what_was_posted_is_remembered_for_as_long_as_it_could_be_posted_again() {
    use larkwire_conformance::platform::WebhookSpec;
    use larkwire_tokio::webhook::{Server, WebhookSettings};

    let (directory, platform) = (Directory::new("posted"), unhurried().await);
    // A recorded request passes for 2 h; what is heard would be forgotten at once.
    let settings = settings(&platform).own_open_id(BOT).dedup_window_ms(1).dedup_file(directory.file("seen"));
    let settings = settings.webhook(WebhookSettings::new("key", "token").max_age_secs(2 * 3600));
    platform.subscribe_webhook(WebhookSpec::new(APP, "http://127.0.0.1:1/", "token").encrypt_key("key")).unwrap();
    let request = platform.hostile_request(APP, "valid").unwrap();
    for (run, heard) in [1, 0, 0].into_iter().enumerate() {
        let (client, mut events) = Client::start(&settings).unwrap();
        let server = Server::new().route("/", client.webhook().unwrap()).bind("127.0.0.1:0").await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(server.local_addr()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, &request.to_bytes("x", "/")).await.unwrap();
        let mut answer = String::new();
        soon(tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(rest(&client, &mut events).await.len(), heard, "run {run}");
        server.shut_down().await;
        age(&directory.file("seen"), TWENTY_MINUTES);
    }
}
