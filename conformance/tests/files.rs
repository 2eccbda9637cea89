//! What people get wrong in the suite's files, and what they are told.
#![cfg(feature = "suite")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use larkwire_conformance::suite::parse;

/// What is said about a scenario with this text.
fn told(text: &str) -> String {
    let problems = parse("ack/x", "ack/x.toml", text.to_owned()).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn with_steps(steps: &str) -> String {
    told(&format!("title = \"t\"\nproves = [\"a.b\"]\n{steps}"))
}

#[test]
fn a_misspelt_member_is_shown_with_its_place_and_with_what_there_is() {
    let told = with_steps("[[steps]]\nexpect.acked = { pusch = \"m\" }\nwithin_ms = 1");
    assert!(told.starts_with("ack/x.toml:4:18: unknown field `pusch`, expected one of `push`, `code`"), "{told}");
    let told = with_steps("[[steps]]\npeer.pusch = { as = \"m\" }");
    assert!(told.starts_with("ack/x.toml:4:6: unknown variant `pusch`, expected one of `advance`"), "{told}");
    let told = with_steps("[given]\nsettings = { mention_onyl = true }\n[[steps]]\nnever.event = {}\nfor_ms = 1");
    assert!(told.starts_with("ack/x.toml:4:14: unknown field `mention_onyl`"), "{told}");
}

#[test]
fn a_value_of_the_wrong_kind_is_shown_with_its_place() {
    let told = with_steps("[[steps]]\nexpect.acked = { code = \"200\" }\nwithin_ms = 1");
    assert!(told.starts_with("ack/x.toml:4:25: invalid type: string \"200\", expected i64"), "{told}");
}

#[test]
fn broken_toml_is_shown_with_its_place() {
    let told = with_steps("[[steps]\nexpect.acked = {}");
    assert!(told.starts_with("ack/x.toml:3:"), "{told}");
}

#[test]
fn a_name_is_used_only_after_it_was_given() {
    let told = with_steps(
        "[[steps]]\nexpect.acked = { push = \"m\" }\nwithin_ms = 1\n[[steps]]\npeer.push = { as = \"m\", text = \"hi\" }",
    );
    assert_eq!(told, "ack/x.toml:3:1: nothing is called \"m\" before this step");
    let told = with_steps(
        "[[steps]]\npeer.push = { as = \"m\", text = \"hi\" }\n[[steps]]\nexpect.acked = {}\nwithin_ms = 1\nafter = \"n\"",
    );
    assert_eq!(told, "ack/x.toml:5:1: nothing is called \"n\" before this step; there are m");
    let told = with_steps(
        "[[steps]]\npeer.push = { as = \"m\", text = \"hi\" }\n[[steps]]\napp.call = { call = \"reply\", message_id = \"$n.message_id\", text = \"x\" }\n[[steps]]\nnever.event = {}\nfor_ms = 1",
    );
    assert!(told.contains("nothing is called \"n\""), "{told}");
}

#[test]
fn a_step_without_a_time_or_with_two_verbs_is_refused() {
    let told = with_steps("[[steps]]\nexpect.event = {}");
    assert_eq!(told, "ack/x.toml:3:1: expect needs within_ms");
    let told = with_steps("[[steps]]\nnever.event = {}\nwithin_ms = 5\nfor_ms = 1");
    assert_eq!(told, "ack/x.toml:3:1: within_ms does not go with never");
    let told = with_steps("[[steps]]\nexpect.event = {}\napp.stop = {}\nwithin_ms = 5");
    assert_eq!(
        told,
        "ack/x.toml:3:1: a step has exactly one of peer, app, expect and never; this one has app and expect"
    );
}

#[test]
fn a_story_in_which_nothing_is_expected_is_refused() {
    let told = with_steps("[[steps]]\npeer.push = { as = \"m\", text = \"hi\" }");
    assert_eq!(told, "ack/x.toml: nothing is expected: it needs a step with expect or never, or finally");
}

#[test]
fn a_call_says_what_it_lacks() {
    let told = with_steps(
        "[[steps]]\napp.call = { call = \"react\", message_id = \"om_1\" }\n[[steps]]\nnever.event = {}\nfor_ms = 1",
    );
    assert_eq!(told, "ack/x.toml:3:1: the call react needs emoji_type");
    let told = with_steps("[[steps]]\napp.call = { call = \"raect\" }\n[[steps]]\nnever.event = {}\nfor_ms = 1");
    assert!(told.contains("there is no call \"raect\"; there are bot_info, chat_info, edit"), "{told}");
}

#[test]
fn long_silences_are_for_virtual_time() {
    let told = with_steps("[[steps]]\nnever.event = {}\nfor_ms = 3600000");
    assert!(told.contains("given.clock = \"virtual\""), "{told}");
}

/// What is said about a scenario with events by webhook and these steps.
fn with_webhook(given: &str, steps: &str) -> String {
    told(&format!("title = \"t\"\nproves = [\"a.b\"]\n[given]\n{given}\n{steps}"))
}

#[test]
fn a_misspelt_member_of_a_webhook_is_shown_with_its_place() {
    let steps = "[[steps]]\npeer.challenge = {}\n[[steps]]\nexpect.challenge_answered = {}\nwithin_ms = 1";
    let told = with_webhook("webhook = { encrypt_kee = \"k\" }", steps);
    assert!(told.starts_with("ack/x.toml:4:13: unknown field `encrypt_kee`, expected one of `encrypt_key`"), "{told}");
    let told = with_webhook("webhook = { options = { max_age = 60 } }", steps);
    assert!(told.starts_with("ack/x.toml:4:25: unknown field `max_age`"), "{told}");
    let told =
        with_webhook("settings = { webhook = { encrypt_key = \"k\" } }", "[[steps]]\nnever.event = {}\nfor_ms = 1");
    assert_eq!(told, "ack/x.toml: settings.webhook is made of given.webhook: say it there");
    let told = with_webhook("webhook = {}", "[[steps]]\nnever.webhook_answered = { stauts = 200 }\nfor_ms = 1");
    assert!(told.starts_with("ack/x.toml:6:28: unknown field `stauts`, expected one of `push`"), "{told}");
}

#[test]
fn a_misspelt_hostile_request_is_shown_with_those_that_are_like_it() {
    let told = with_webhook("webhook = {}", "[[steps]]\npeer.hostile = \"wrong-sginature\"");
    assert!(told.starts_with("ack/x.toml:5:1: there is no hostile request \"wrong-sginature\"; there are "), "{told}");
    assert!(told.contains("wrong-signature") && told.contains("wrong-token") && !told.contains("pad-0"), "{told}");
    let told = with_webhook("webhook = {}", "[[steps]]\npeer.hostile = [\"valid\", \"nonsense\"]");
    assert!(told.contains("there is no hostile request \"nonsense\"; there are valid, wrong-signature"), "{told}");
    let total =
        "[[steps]]\nnever.event = {}\nfor_ms = 1\n[[finally]]\nof.hostile_answered = { name = \"stael\" }\nexactly = 0";
    let told = with_webhook("webhook = {}", total);
    assert!(told.starts_with("ack/x.toml:8:1: there is no hostile request \"stael\""), "{told}");
    let told = with_webhook("webhook = {}", "[[steps]]\npeer.hostile = []\n[[steps]]\nnever.event = {}\nfor_ms = 1");
    assert_eq!(told, "ack/x.toml:5:1: peer.hostile needs a name");
}

#[test]
fn what_is_about_webhooks_needs_one() {
    let told = with_steps("[[steps]]\npeer.challenge = {}\n[[steps]]\nnever.event = {}\nfor_ms = 1");
    assert_eq!(told, "ack/x.toml:3:1: peer.challenge needs given.webhook");
    let told = with_steps("[[steps]]\nexpect.webhook_answered = { status = 200 }\nwithin_ms = 1");
    assert_eq!(told, "ack/x.toml:3:1: webhook_answered needs given.webhook");
    let told = with_webhook("webhook = { encrypt_key = \"\" }", "[[steps]]\npeer.hostile = \"valid\"");
    assert!(told.starts_with("ack/x.toml:5:1: peer.hostile needs an encrypt_key"), "{told}");
}
