//! What `--help` tells.

use crate::child::Larkwire;

#[tokio::test]
async fn every_subcommand_shows_how_it_is_used() {
    let helps = [
        ("demo", vec!["larkwire demo --webhook", "--messages"]),
        ("doctor", vec!["larkwire doctor --config", "--connect"]),
        ("react", vec!["larkwire react om_", "THUMBSUP", "--remove"]),
        (
            "run",
            vec![
                "larkwire run --domain feishu",
                "--allow '*'",
                "app_secret_file",
                "allowed_users",
                "mention_only",
                "use_feishu",
                "channels_config.lark",
                "docs/configuration.md",
                "LARKWIRE_APP_SECRET",
                "\"cmd\":\"reply\"",
                "patch_card",
                "respond",
                "chat_info",
                "receive_mode = \"webhook\"",
                "Request URL",
                "GET /health",
            ],
        ),
        ("send", vec!["larkwire send oc_", "--reply-to", "--card card.json", "docs/configuration.md"]),
    ];
    for (subcommand, words) in helps {
        let (code, out, err) = Larkwire::new([subcommand, "--help"]).end().await;
        assert_eq!((code, err.as_str()), (0, ""));
        for word in words {
            assert!(out.contains(word), "{word} in {out}");
        }
        let widest = out.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(widest.chars().count() <= 100, "{widest}");
    }
}

#[tokio::test]
async fn the_command_says_where_to_begin_and_what_its_exit_codes_mean() {
    let (code, out, _) = Larkwire::new(["--help"]).end().await;
    assert_eq!(code, 0);
    for word in ["larkwire demo", "larkwire doctor", "4 credentials", "7 gave up or no network", "130 interrupted"] {
        assert!(out.replace('\n', " ").contains(word), "{word} in {out}");
    }
}
