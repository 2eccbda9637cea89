//! Illnesses of the configuration.

use super::*;

#[tokio::test]
async fn a_file_that_cannot_be_read_ends_with_code_3_and_every_error() {
    let directory = Directory::new();
    let missing = directory.0.join("no-such-file");
    let broken = directory.config(&format!("[lark]\napp_id = \"{APP}\"\napp_secret = \"{SECRET}\n"));
    for (path, words) in [(&missing, ["no-such-file", "No such file"]), (&broken, ["larkwire.toml", "line 3"])] {
        let report = examine(doctor_of(path)).await;
        assert_eq!((report.code, report.checks.len()), (3, 1), "{report:#?}");
        report.finds("config", "failed", &words);
    }

    let report = examine(doctor_of(&directory.config("[lark]\napp_idd = \"x\"\nmention_only = 7\n"))).await;
    assert_eq!(report.code, 3);
    report.finds("config", "failed", &["mention_only"]).finds("config", "failed", &["app_secret"]);
    report.finds("config", "warning", &["app_idd", "did you mean app_id"]);

    let report = examine(Larkwire::new(["doctor"])).await;
    assert_eq!(report.code, 3);
    report.finds("config", "failed", &["app_id is missing", "LARKWIRE_APP_ID"]);
    let report = examine(doctor_at("fieshu")).await;
    assert_eq!(report.code, 3);
    report.finds("config", "failed", &["domain", "feishu, lark"]).skips(&["proxy", "credentials", "connection"]);
}

#[tokio::test]
async fn what_is_only_doubtful_is_a_warning_each() {
    let platform = platform().await;
    let directory = Directory::new();
    let config = table(&platform).replace("[\"*\"]", "[]") + "mention_onlyy = true\n";
    let report = examine(doctor_of(&directory.config(&config))).await;
    report.failed(&[]).finds("config", "warning", &["mention_onlyy", "line 6", "did you mean mention_only"]);
    report.finds("config", "warning", &["allowed_users", "nobody may speak"]);
    report.finds("config", "ok", &[APP, "127.0.0.1:", "nobody may speak", "other bots are not heard"]);

    let odd = Larkwire::new(["doctor", "--app-id", "x", "--domain", &platform.base_url()]);
    let report = examine(odd.env("LARKWIRE_APP_SECRET", SECRET)).await;
    report.finds("config", "warning", &["does not look like cli_"]);
}

#[tokio::test]
async fn the_memory_of_a_bot_that_runs_is_left_alone() {
    let platform = platform().await;
    let directory = Directory::new();
    let config = directory.config(&(table(&platform) + "dedup_file = \"seen\"\n"));
    let report = examine(doctor_of(&config)).await;
    report.failed(&[]).finds("dedup_file", "ok", &["seen", "not there yet"]);
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 1, "it leaves nothing behind");

    let bot = Larkwire::new(["run", "--config"]).arg(&config).start();
    bot.notice("connected").await;
    let report = examine(doctor_of(&config)).await;
    report.failed(&[]).finds("dedup_file", "warning", &["in use by another process", "is running"]);
    platform.push(&text("still here")).unwrap();
    bot.event("still here").await;
    bot.signal("INT");
    assert_eq!(bot.end().await.0, 0);

    let before = fs::read(directory.0.join("seen")).unwrap();
    let report = examine(doctor_of(&config)).await;
    report.failed(&[]).finds("dedup_file", "ok", &["holds 2 ids"]);
    assert_eq!(fs::read(directory.0.join("seen")).unwrap(), before);
}

#[tokio::test]
async fn a_memory_that_cannot_be_kept_is_found() {
    let platform = platform().await;
    let directory = Directory::new();
    fs::write(directory.0.join("another"), "these are no ids").unwrap();
    for (file, words) in
        [("no-such-folder/seen", ["no-such-folder", "No such file"]), ("another", ["another", "of its own"])]
    {
        let config = directory.config(&format!("{}dedup_file = \"{file}\"\n", table(&platform)));
        examine(doctor_of(&config)).await.failed(&["dedup_file"]).finds("dedup_file", "failed", &words);
    }
}

#[tokio::test]
async fn several_bots_are_examined_each_under_its_name() {
    let platform = platform().await;
    platform.add_app(AppSpec { bot: false, ..AppSpec::new("cli_00000000000000b2", SECRET) });
    let directory = Directory::new();
    let bot = |name: &str, id: &str| table(&platform).replace("[lark]", &format!("[lark.{name}]")).replace(APP, id);
    let config = directory.config(&(bot("support", APP) + &bot("sales", "cli_00000000000000b2")));
    let report = examine(doctor_of(&config)).await;
    report.failed(&["identity"]);
    assert_eq!(report.summary["bots"], 2);
    let failed = report.checks.iter().find(|check| check["status"] == "failed").unwrap();
    assert_eq!(failed["bot"], "sales");
    let half = report.checks.len() / 2;
    assert!(report.checks[..half].iter().all(|check| check["bot"] == "support"), "{report:#?}");

    let (code, out, _) = doctor_of(&config).end().await;
    assert_eq!(code, 1);
    assert!(out.starts_with("support\n✓ config") && out.contains("\n\nsales\n✓ config"), "{out}");
    examine(doctor_of(&config).arg("--bot").arg("support")).await.failed(&[]);
    let report = examine(doctor_of(&config).arg("--bot").arg("nobody")).await;
    assert_eq!(report.code, 3);
    report.finds("config", "failed", &["[lark.nobody]"]);
}
