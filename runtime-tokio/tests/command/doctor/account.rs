//! Illnesses of the app.

use larkwire_conformance::platform::{Answer, AppSpec, AppState, Endpoint, RestFault, Switch};

use super::*;

#[tokio::test]
async fn a_wrong_secret_is_told_from_an_unknown_app() {
    let wrong = sick(AppSpec { app_secret: "another".into(), ..app() }).await;
    wrong.failed(&["credentials", "discovery"]).skips(&["identity", "scopes"]);
    wrong.finds("credentials", "failed", &["does not accept", "10014", "app secret invalid", "developer console"]);
    wrong.finds("clock", "ok", &[]);

    let platform = platform().await;
    let unknown = Larkwire::new(["doctor", "--app-id", "cli_ffffffffffffffff", "--domain", &platform.base_url()]);
    let unknown = examine(unknown.env("LARKWIRE_APP_SECRET", SECRET)).await;
    unknown.failed(&["credentials", "discovery"]).finds("credentials", "failed", &["10003", "app_id", "other region"]);
}

#[tokio::test]
async fn the_other_region_is_named() {
    let report = sick(AppSpec { other_region: true, ..app() }).await;
    report.failed(&["discovery"]).finds("credentials", "ok", &[]);
    report.finds("discovery", "failed", &["other region", "1000040351", "open.feishu.cn", "use_feishu"]);
}

#[tokio::test]
async fn a_disabled_app_is_told_from_one_that_is_not_installed() {
    for (state, words) in [
        (AppState::Disabled, ["is disabled", "99991662", "enable the app"]),
        (AppState::NotInstalled, ["is not installed", "99991673", "install the app"]),
    ] {
        let report = sick(AppSpec { state, ..app() }).await;
        report.failed(&["credentials"]).finds("credentials", "failed", &words);
        report.skips(&["identity", "discovery", "scopes", "connection"]);
    }
}

#[tokio::test]
async fn a_long_connection_that_is_not_enabled_is_named() {
    let report = sick(AppSpec { long_connection: false, ..app() }).await;
    report.failed(&["discovery"]).finds("identity", "ok", &["ou_bot", "enabled"]);
    report.finds("discovery", "failed", &["forbids", "403", "long-connection mode is saved"]);
}

#[tokio::test]
async fn too_many_connections_and_a_busy_platform_are_told_apart() {
    for (code, words) in [
        (1_000_040_350, ["too many connections", "limit 50", "other programs"]),
        (1_000_040_345, ["1000040345", "busy", "later"]),
        (1_234_567, ["1234567", "the moon is full", "documentation"]),
    ] {
        let platform = platform().await;
        let answer = Answer::code(code, "the moon is full");
        platform.faults(|faults| faults.discovery = Some(Switch::always(answer.into())));
        examine(doctor(&platform)).await.failed(&["discovery"]).finds("discovery", "failed", &words);
        // One attempt, and no second one.
        assert_eq!(kinds(&platform), ["token_issued", "read", "refused"]);
    }
}

#[tokio::test]
async fn an_app_without_a_bot_and_a_bot_that_is_not_enabled_are_found() {
    let report = sick(AppSpec { bot: false, ..app() }).await;
    report.failed(&["identity"]).finds("identity", "failed", &["bot ability is off", "11205", "publish"]);

    let report = sick(AppSpec { activate_status: 1, ..app() }).await;
    report.failed(&[]).finds("identity", "warning", &["activate_status is 1", "organisation"]);
}

#[tokio::test]
async fn a_missing_scope_is_named_where_the_platform_names_it() {
    let platform = platform().await;
    let missing = RestFault::new(Endpoint::BotInfo, Answer::missing_scope(&["im:message"]));
    platform.faults(|faults| faults.rest = vec![Switch::always(missing)]);
    let report = examine(doctor(&platform)).await;
    report.failed(&["scopes"]).skips(&["identity"]);
    report.finds("scopes", "failed", &["99991672", "[im:message]", "publish a version"]);
}

#[tokio::test]
async fn the_platforms_own_words_are_shown_where_its_code_is_unknown() {
    let platform = platform().await;
    let refusal = RestFault::new(Endpoint::TenantToken, Answer::code(7_654_321, "come back on Monday"));
    platform.faults(|faults| faults.rest = vec![Switch::always(refusal)]);
    let report = examine(doctor(&platform)).await;
    report.failed(&["credentials"]).finds("credentials", "failed", &["7654321", "come back on Monday"]);
    // It was asked once, and not again and again.
    assert_eq!(kinds(&platform), ["refused", "discovered"]);
}

#[tokio::test]
async fn a_clock_that_is_20_minutes_off_is_a_warning() {
    for (offset, direction) in [(1200, "behind"), (-1200, "ahead of")] {
        let platform = platform().await;
        platform.options(|options| options.date_offset_s = offset);
        let report = examine(doctor(&platform)).await;
        report.failed(&[]).finds("clock", "warning", &["20 min", direction, "NTP"]);
    }
}
