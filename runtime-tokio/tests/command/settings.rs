//! Flags, environment and file.

use larkwire_conformance::platform::{AppSpec, Kind, Platform};

use crate::child::Larkwire;
use crate::directory::Directory;
use crate::support::*;

/// Which app the bot comes as.
async fn comes_as(platform: &Platform, bot: Larkwire) -> String {
    let before = platform.records().len() as u64;
    let bot = bot.start();
    let found = platform.wait_for_after(before, |record| matches!(record.kind, Kind::Upgraded { .. }), LONG).await;
    let Some(found) = found else { panic!("it does not come: {:?}", bot.err.all()) };
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 0);
    found.app_id.unwrap()
}

#[tokio::test]
async fn a_flag_beats_the_environment_which_beats_the_file() {
    let platform = platform().await;
    let ids = ["cli_00000000000000f1", "cli_00000000000000e1", "cli_00000000000000d1"];
    for id in ids {
        platform.add_app(AppSpec::new(id, SECRET));
    }
    let [file, env, flag] = ids;
    let directory = Directory::new();
    directory.file("secret", &format!("{SECRET}\n"));
    let settings = format!("app_id = \"{file}\"\napp_secret_file = \"secret\"\ndomain = \"{}\"\n", platform.base_url());
    let config = directory.file("larkwire.toml", &settings);
    let run = || Larkwire::new(["run"]);

    assert_eq!(comes_as(&platform, run().arg("--config").arg(&config)).await, file);
    let with_file = || run().env("LARKWIRE_CONFIG", &config);
    assert_eq!(comes_as(&platform, with_file()).await, file);
    assert_eq!(comes_as(&platform, with_file().env("LARKWIRE_APP_ID", env)).await, env);
    let with_env = || with_file().env("LARKWIRE_APP_ID", env);
    assert_eq!(comes_as(&platform, with_env().arg("--app-id").arg(flag)).await, flag);

    // Domain and secret likewise: whoever has the last word here is right, the others are wrong.
    let wrong =
        directory.file("wrong.toml", "app_id = \"x\"\napp_secret = \"wrong\"\ndomain = \"http://127.0.0.1:1\"\n");
    let right = directory.path("secret");
    let by_env = run()
        .env("LARKWIRE_CONFIG", &wrong)
        .env("LARKWIRE_APP_ID", env)
        .env("LARKWIRE_APP_SECRET_FILE", &right)
        .env("LARKWIRE_DOMAIN", platform.base_url());
    assert_eq!(comes_as(&platform, by_env).await, env);
    let by_flag = run()
        .env("LARKWIRE_APP_ID", "cli_wrong")
        .env("LARKWIRE_APP_SECRET", "wrong")
        .env("LARKWIRE_DOMAIN", "http://127.0.0.1:1")
        .arg("--app-id")
        .arg(flag)
        .arg("--app-secret-file")
        .arg(&right)
        .arg("--domain")
        .arg(platform.base_url());
    assert_eq!(comes_as(&platform, by_flag).await, flag);
}

/// It does not start, and says what is wrong where.
async fn refused(bot: Larkwire, words: &[&str]) {
    let (code, out, err) = bot.end().await;
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    assert_eq!(err.lines().count(), 1, "one sentence: {err}");
    for word in words {
        assert!(err.contains(word), "{word} in {err}");
    }
    assert!(!err.contains(SECRET), "{err}");
}

#[tokio::test]
async fn wrong_settings_are_refused_at_the_door() {
    let directory = Directory::new();
    let run = || Larkwire::new(["run"]).env("LARKWIRE_APP_SECRET", SECRET);
    let nameless = || Larkwire::new(["run", "--app-id", APP]);
    refused(run(), &["app_id", "--app-id", "LARKWIRE_APP_ID"]).await;
    refused(nameless(), &["app secret", "--app-secret-file", "LARKWIRE_APP_SECRET"]).await;
    let missing = directory.path("no-such-file");
    refused(nameless().arg("--app-secret-file").arg(&missing), &["no-such-file", "No such file"]).await;
    refused(nameless().env("LARKWIRE_APP_SECRET_FILE", &missing), &["no-such-file"]).await;
    refused(nameless().arg("--app-secret-file").arg(directory.file("empty", " \n")), &["empty"]).await;
    refused(nameless().arg("--config").arg(&missing), &["no-such-file"]).await;
    let named = || run().arg("--app-id").arg(APP);
    refused(named().arg("--domain").arg("http://open.feishu.cn"), &["domain", "https"]).await;
    refused(named().arg("--domain").arg("http://10.0.2.2:80"), &["domain", "https"]).await;
    refused(named().arg("--domain").arg("fieshu"), &["domain", "feishu, lark or https"]).await;
    refused(named().env("LARKWIRE_MAX_ATTEMPTS", "many"), &["LARKWIRE_MAX_ATTEMPTS"]).await;
    refused(named().env("HTTPS_PROXY", "socks5://127.0.0.1:1"), &["HTTPS_PROXY", "socks5"]).await;
}

#[tokio::test]
async fn wrong_files_are_refused_with_the_line_and_never_with_the_secret() {
    let directory = Directory::new();
    let good = format!("app_id = \"{APP}\"\napp_secret = \"{SECRET}\"\n");
    let files = [
        (format!("{good}domain = 5\n"), vec!["line 3"]),
        (format!("{good}max_attempts = 0\n"), vec!["max_attempts"]),
        (format!("{good}max_attempts = -1\n"), vec!["line 3"]),
        (format!("{good}app_secret = \"{SECRET}\"\n"), vec!["line 3", "duplicate"]),
        (format!("app_id = \"{APP}\"\napp_secret = \"{SECRET}\n"), vec!["line 2"]),
        (format!("app_id = \"{APP}\"\napp_secret = {SECRET}\n"), vec!["line 2"]),
        (format!("app_id = \"{APP}\"\n{SECRET}\n"), vec!["line 2"]),
    ];
    for (text, words) in files {
        refused(Larkwire::new(["run", "--config"]).arg(directory.file("larkwire.toml", &text)), &words).await;
    }
    for value in ["4815162342", "[\"4815162342\"]", "4815162342.5", "true", "1979-05-27"] {
        let text = format!("app_id = \"{APP}\"\napp_secret = {value}\n");
        let (code, _, err) = Larkwire::new(["run", "--config"]).arg(directory.file("number.toml", &text)).end().await;
        assert_eq!(code, 3, "{err}");
        assert!(err.contains("line 2") && !err.contains("4815162342"), "{err}");
    }
}

#[tokio::test]
async fn a_key_that_nobody_knows_is_told_and_the_bot_runs() {
    let platform = platform().await;
    let directory = Directory::new();
    let file = format!(
        "app_id = \"{APP}\"\napp_secret = \"{SECRET}\"\nallow_users = [\"ou_ann\"]\nallowed_users = [\"*\"]\n\
         colour = \"{SECRET}\"\ndomain = \"{}\"\n",
        platform.base_url()
    );
    let bot = Larkwire::new(["run", "-q", "--config"]).arg(directory.file("bot.toml", &file)).start();
    platform.push(&text("hello")).unwrap();
    bot.event("hello").await;
    bot.signal("INT");
    let (code, _, err) = bot.end().await;
    assert_eq!(code, 0);
    for words in [["line 3", "allow_users", "did you mean allowed_users?"], ["line 5", "colour", "no effect"]] {
        let told = err.lines().any(|line| line.contains("WARN") && words.iter().all(|word| line.contains(word)));
        assert!(told, "{words:?} in {err}");
    }
    assert!(err.lines().count() == 2 && !err.contains(SECRET), "{err}");
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_file_is_told_at_once() {
    let directory = Directory::new();
    let text = "[lark.a]\napp_id = \"cli_0123456789abcdef\"\nuse_feishu = \"yes\"\n\
                [lark.b]\napp_id = \"cli_0123456789abcdef\"\nport = 0\n";
    let (code, out, err) = Larkwire::new(["run", "--config"]).arg(directory.file("bots.toml", text)).end().await;
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    for words in ["LARKWIRE_A_APP_SECRET", "line 3", "line 6", "same app_id"] {
        assert!(err.contains(words), "{words} in {err}");
    }
}

#[tokio::test]
async fn usage_that_nobody_knows_is_code_2() {
    for args in
        [&["run", "--app-secret", SECRET][..], &["dance"], &[], &["run", "--max-attempts", "0"], &["demo", "-x"]]
    {
        let (code, out, err) = Larkwire::new(args).end().await;
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains("--help") || err.contains("Usage"), "{err}");
        assert!(!err.contains(SECRET), "{err}");
    }
    let (code, out, _) = Larkwire::new(["--version"]).end().await;
    assert_eq!((code, out.starts_with("larkwire ")), (0, true));
    let (code, out, _) = Larkwire::new(["run", "--help"]).end().await;
    assert_eq!(code, 0);
    assert!(out.contains("LARKWIRE_APP_SECRET"));
}
