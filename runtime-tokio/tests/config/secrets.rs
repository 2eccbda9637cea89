//! Where secrets come from, and that nobody reads them.

use larkwire_tokio::config::load;

use super::*;

/// What must not be seen anywhere.
const CANARY: &str = "Canary0Secret9WithCapitals7Xq";

const BARE: &str = "app_id = \"cli_0123456789abcdef\"\nallowed_users = [\"*\"]\n";

#[test]
fn a_single_bot_takes_its_secrets_from_the_environment() {
    let vars = [
        ("LARKWIRE_APP_SECRET", " from env\n"),
        ("LARKWIRE_VERIFICATION_TOKEN", "token"),
        ("LARKWIRE_ENCRYPT_KEY", "key"),
    ];
    for table in ["[lark]\n", "[channels_config.lark]\n", "[lark.support]\n", ""] {
        let bot = &read_with(&format!("{table}{BARE}"), &vars).unwrap().bots[0];
        assert_eq!(bot.app_secret.expose(), "from env", "{table}");
        assert_eq!(bot.verification_token.as_ref().unwrap().expose(), "token");
        assert_eq!(bot.encrypt_key.as_ref().unwrap().expose(), "key");
    }
    let bot = &read_with(GOOD, &vars).unwrap().bots[0];
    assert_eq!(bot.app_secret.expose(), "from env", "the environment wins");
    assert_eq!(read_with(GOOD, &[("LARKWIRE_APP_SECRET", " ")]).unwrap().bots[0].app_secret.expose(), "open sesame 1");
}

#[test]
fn each_of_several_bots_has_variables_of_its_own() {
    let text = "[lark.sales-cn]\napp_id = \"cli_1\"\n[lark.dev]\napp_id = \"cli_2\"\n";
    let own = [("LARKWIRE_SALES_CN_APP_SECRET", "first secret"), ("LARKWIRE_DEV_APP_SECRET", "second secret")];
    let loaded = read_with(text, &own).unwrap();
    assert_eq!(loaded.bots[0].app_secret.expose(), "first secret");
    assert_eq!(loaded.bots[1].app_secret.expose(), "second secret");
    let error = read_with(text, &[("LARKWIRE_APP_SECRET", "whose?")]).unwrap_err();
    assert_eq!(error.errors.len(), 2, "a variable without a name is nobody's: {error}");
}

#[test]
fn a_variable_of_the_bot_wins_over_the_general_one() {
    let vars = [("LARKWIRE_APP_SECRET", "general"), ("LARKWIRE_DEV_APP_SECRET", "own")];
    let bot = &read_with(&format!("[lark.dev]\n{BARE}"), &vars).unwrap().bots[0];
    assert_eq!(bot.app_secret.expose(), "own");
}

#[test]
fn the_id_comes_from_the_environment_too() {
    let vars = [("LARKWIRE_APP_ID", "cli_00000000000000e1"), ("LARKWIRE_APP_SECRET", "s")];
    assert_eq!(read_with("[lark]\n", &vars).unwrap().bots[0].app_id, "cli_00000000000000e1");
    assert_eq!(read_with(GOOD, &vars).unwrap().bots[0].app_id, "cli_00000000000000e1");
}

#[test]
fn a_variable_can_name_a_file() {
    let directory = Directory::new("variable");
    let path = directory.file("secret", b"\xEF\xBB\xBFfrom file\r\n");
    let vars = [("LARKWIRE_APP_SECRET_FILE", path.to_str().unwrap())];
    assert_eq!(read_with(GOOD, &vars).unwrap().bots[0].app_secret.expose(), "from file");
    let error = read_with(GOOD, &[("LARKWIRE_APP_SECRET_FILE", "/no/such")]).unwrap_err();
    has(&error.errors[0], &["line 1: [lark] app_secret_file from LARKWIRE_APP_SECRET_FILE"]);
}

#[test]
fn secrets_that_cannot_be_right_are_refused() {
    let directory = Directory::new("wrong");
    directory.file("empty", "\n");
    directory.file("lines", "one\ntwo\n");
    directory.file("wide", b"\xFF\xFEx\0");
    directory.file("long", vec![b'x'; 100_000]);
    let by_file = |name: &str| format!("[lark]\n{BARE}app_secret_file = \"{name}\"\n");
    let file_words = [
        ("empty", "empty"),
        ("lines", "one line"),
        ("wide", "UTF-16"),
        ("long", "longer than 16 KiB"),
        ("none", "folder of"),
        (".", "folder"),
    ];
    for (name, word) in file_words {
        let word = word.replace("folder of", "No such file");
        let path = directory.file("bot.toml", by_file(name));
        let error = load(&path, |_| None).unwrap_err();
        assert_eq!(error.errors.len(), 1, "{error}");
        has(&error.errors[0], &["line 4: [lark] app_secret_file", &word]);
    }
    refused_with("app_secret_file = \"x\"", &["app_secret_file and app_secret are both given"]);
    refused(&GOOD.replace("sesame", "\\n"), &["line 3: [lark] app_secret holds line breaks"]);
    let error = read_with(GOOD, &[("LARKWIRE_APP_SECRET", "a\nb")]).unwrap_err();
    has(&error.errors[0], &["[lark] app_secret from LARKWIRE_APP_SECRET holds line breaks"]);
    let bot = bot(&GOOD.replace("sesame 1", "sesame 1 "));
    assert_eq!(bot.app_secret.expose(), "open sesame 1");
    has(&bot.warnings[0], &["app_secret", "white space"]);
}

/// Everything anybody could print.
fn shown(result: &Result<Loaded, ConfigError>) -> String {
    match result {
        Ok(loaded) => format!("{loaded:?} {loaded:#?}"),
        Err(error) => format!("{error} {error:?} {error:#?}"),
    }
}

#[track_caller]
fn hidden(result: &Result<Loaded, ConfigError>, text: &str) {
    let shown = shown(result);
    assert!(!shown.contains(CANARY), "{shown}\n--- of ---\n{text}");
}

#[test]
fn a_good_file_shows_no_secret() {
    let text = format!(
        "[lark]\n{BARE}app_secret = \"{CANARY}\"\nencrypt_key = \"{CANARY}e\"\nverification_token = \"{CANARY}v\"\n"
    );
    hidden(&read_with(&text, &[]), &text);
    let vars = [("LARKWIRE_APP_SECRET", CANARY), ("LARKWIRE_ENCRYPT_KEY", CANARY)];
    hidden(&read_with(&format!("[lark]\n{BARE}"), &vars), "");
}

#[test]
fn no_slip_around_a_secret_shows_it() {
    let secret_keys = ["app_secret", "verification_token", "encrypt_key"];
    let values = [
        CANARY.to_owned(),
        format!("\"{CANARY}"),
        format!("{CANARY}\""),
        format!("'{CANARY}"),
        format!("\"\"\"{CANARY}"),
        format!("\"{CANARY}\" \"{CANARY}\""),
        format!("\"\\q{CANARY}\""),
        format!("\"{CANARY}\\u0007\""),
        format!("\"${{{CANARY}}}\""),
        format!("[\"{CANARY}\"]"),
        format!("{{ \"{CANARY}\" = 1 }}"),
        format!("{{ {CANARY} = \"{CANARY}\" }}"),
        format!("1979-05-27{CANARY}"),
        format!("1979-99-99 # {CANARY}"),
        format!("0x{CANARY}"),
        format!("\"{CANARY}\"\napp_secret = \"{CANARY}\""),
        format!("\"{CANARY}\"\napp_secret_file = \"{CANARY}\""),
        format!("\n{CANARY} = 5"),
        format!("\n\"{CANARY}\""),
    ];
    for key in secret_keys {
        for value in &values {
            for table in ["[lark]\n", "[lark.a]\n", ""] {
                let text = format!("{table}{BARE}{key} = {value}\n");
                hidden(&read_with(&text, &[]), &text);
            }
        }
        for (name, vars) in
            [(format!("{key}_file"), vec![]), (format!("{key}x"), vec![]), (key.replace('_', "-"), vec![])]
        {
            let text = format!("[lark]\n{BARE}{name} = \"{CANARY}\"\n");
            hidden(&read_with(&text, &vars), &text);
        }
    }
    for name in ["APP_SECRET", "APP_SECRET_FILE", "ENCRYPT_KEY_FILE"] {
        for value in [CANARY.to_owned(), format!("{CANARY}\n{CANARY}"), format!("/{CANARY}/{CANARY}")] {
            let name = format!("LARKWIRE_{name}");
            hidden(&read_with(GOOD, &[(&name, &value)]), &name);
        }
    }
    let exchanged = format!("[lark]\napp_id = \"{CANARY}\"\napp_secret = \"cli_0123456789abcdef\"\n");
    hidden(&read_with(&exchanged, &[]), &exchanged);
}

#[test]
fn a_secret_pasted_into_another_key_as_well_is_not_shown_by_a_message() {
    for line in [
        format!("allowed_users = [\" {CANARY}\"]"),
        format!("allowed_users = [\"{CANARY}{CANARY}{CANARY} \"]"),
        format!("chat_locales = {{ \"{CANARY} \" = \"x\" }}"),
        format!("chat_locales = {{ oc_1 = \"{CANARY}\" }}"),
        format!("receive_mode = \"{CANARY}\""),
        format!("domain = \"{CANARY}\""),
        format!("domain = \"https://x:{CANARY}@example.com\""),
        format!("ack_reactions = \"{CANARY}\""),
        format!("webhook_path = \"{CANARY}\""),
        format!("{CANARY} = true\nport = 0"),
        format!("[lark.\"{CANARY} \"]"),
    ] {
        let text = format!("[lark]\napp_id = \"cli_1\"\napp_secret = \"{CANARY}\"\n{line}\n");
        let result = read_with(&text, &[]);
        assert!(result.is_err(), "{line}");
        hidden(&result, &text);
    }
}

/// A small generator, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

#[test]
fn no_damage_to_a_file_shows_a_secret() {
    let good = format!(
        "[lark]\napp_id = \"cli_0\"\napp_secret = \"{CANARY}\"\nport = 8080\nencrypt_key = \"{CANARY}\"\nallowed_users = [\"ou_1\", \"*\"]\n\
         verification_token = '{CANARY}'\ndomain = \"feishu\"\n[lark.a]\napp_id = \"cli_1\"\n\
         app_secret = \"\"\"{CANARY}\"\"\"\nchat_locales = {{ oc_1 = \"ja\" }}\n[lark.b]\n\
         app_id = \"cli_2\"\nencrypt_key = \"{CANARY}\"\n"
    );
    let pieces =
        ["\"", "'", "\n", "=", "[", "]", "{", "}", ".", ",", "#", "\\", " ", "\"\"\"", "${", "0", "x", "\u{FEFF}", "ü"];
    let mut random = Random(7);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..6000 {
        let mut text: Vec<char> = good.chars().collect();
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            let piece = pieces[random.below(pieces.len())].chars();
            match random.below(4) {
                0 => drop(text.remove(at)),
                1 => drop(text.splice(at..=at, piece)),
                2 => drop(text.splice(at..at, piece)),
                _ => text.truncate(at.max(16)),
            }
        }
        let text: String = text.into_iter().collect();
        let result = read_with(&text, &[("LARKWIRE_B_APP_SECRET", CANARY)]);
        match &result {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
        hidden(&result, &text);
    }
    assert!(read > 50 && refused > 1000, "both happen: {read} {refused}");
}
