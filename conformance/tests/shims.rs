//! Shims that misbehave: each is named, killed, and the run goes on.
#![cfg(all(feature = "suite", unix))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use larkwire_conformance::suite::subject::ProcessSubject;
use larkwire_conformance::suite::{Outcome, RunSettings, Verdict, parse, run_one};

const PATIENT: RunSettings = RunSettings { seed: 1, own: false, patience: Duration::from_secs(2) };
const READY: &str = r#"{"is":"ready","conform":1,"client":"x","version":"0"}"#;

/// What comes of a shim that is this shell script, in a scenario that wants a connection.
fn outcome(script: &str) -> Outcome {
    let text = "title = \"t\"\nproves = [\"a.b\"]\n[[steps]]\nexpect.pinged = {}\nwithin_ms = 1000";
    let scenario = parse("ping/x", "ping/x.toml", text.to_owned()).unwrap();
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    let subject = ProcessSubject { command, folder: PathBuf::from("."), webhook: true };
    run_one(&scenario, &subject, PATIENT)
}

fn failure(script: &str) -> String {
    match outcome(script).verdict {
        Verdict::Fail { what, .. } => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_shim_that_writes_garbage_is_named_with_what_it_wrote() {
    let what = failure("echo hello; sleep 60");
    assert!(what.starts_with("the shim wrote \"hello\", which is no line of the protocol"), "{what}");
    let what = failure(r#"echo '{"is":"happy"}'; sleep 60"#);
    assert!(what.contains("unknown variant `happy`"), "{what}");
}

#[test]
fn a_shim_that_leaves_early_is_named_with_its_exit_code() {
    assert_eq!(failure("exit 3"), "the shim left with exit code 3");
    assert_eq!(failure(&format!("echo '{READY}'; exit 4")), "the shim left with exit code 4");
    assert_eq!(failure(&format!("echo '{READY}'; kill -9 $$")), "the shim left with a signal");
}

#[test]
fn a_shim_that_speaks_another_version_is_named_with_it() {
    let what = failure(r#"echo '{"is":"ready","conform":2,"client":"x","version":"0"}'; sleep 60"#);
    assert_eq!(what, "the shim speaks version 2 of the protocol, this suite version 1");
}

#[test]
fn a_shim_that_floods_is_stopped() {
    let started = Instant::now();
    let what = failure(&format!("echo '{READY}'; yes '{{\"is\":\"note\",\"text\":\"x\"}}'"));
    assert!(what.starts_with("the shim floods: 100001 lines"), "{what}");
    let what = failure("head -c 20000000 /dev/zero; sleep 60");
    assert_eq!(what, "the shim floods: a line of more than 8 MiB");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

#[test]
fn a_shim_that_does_nothing_is_given_up() {
    let what = failure("cat > /dev/null");
    assert_eq!(what, "the shim did not say ready within 2 s");
}

#[test]
fn a_client_that_never_connects_is_given_up() {
    let what = failure(&format!("echo '{READY}'; cat > /dev/null"));
    assert_eq!(what, "the client did not open the long connection within 2 s");
}

#[test]
fn what_a_client_cannot_do_is_no_failure() {
    let said = outcome(r#"echo '{"is":"unimplemented","what":"settings.inbox"}'; exit 89"#);
    assert_eq!(said.verdict, Verdict::Unimplemented { what: "settings.inbox".to_owned() });
    assert_eq!(outcome("exit 89").verdict, Verdict::Unimplemented { what: "exit code 89".to_owned() });
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let scenario = parse(
        "ping/x",
        "ping/x.toml",
        "title = \"t\"\nproves = [\"a.b\"]\n[[steps]]\nexpect.pinged = {}\nwithin_ms = 1000".to_owned(),
    );
    let subject =
        ProcessSubject { command: vec!["no-such-shim".to_owned()], folder: PathBuf::from("."), webhook: true };
    let outcome = run_one(&scenario.unwrap(), &subject, PATIENT);
    let Verdict::Fail { what, .. } = outcome.verdict else { panic!("{outcome:?}") };
    assert!(what.starts_with("no-such-shim does not start"), "{what}");
}

/// What comes of a shim in these steps, which need no connection.
fn story(script: &str, steps: &str) -> Verdict {
    let text = format!("title = \"t\"\nproves = [\"a.b\"]\n[given]\nopen = false\n{steps}");
    let scenario = parse("ping/x", "ping/x.toml", text).unwrap();
    let command = ["sh".to_owned(), "-c".to_owned(), format!("echo '{READY}'; {script}")].to_vec();
    run_one(&scenario, &ProcessSubject { command, folder: PathBuf::from("."), webhook: true }, PATIENT).verdict
}

#[test]
fn what_a_client_cannot_do_is_heard_also_while_nothing_is_to_come() {
    let steps = "[[steps]]\nnever.event = {}\nfor_ms = 500";
    let script = r#"echo '{"is":"unimplemented","what":"call react"}'; exit 89"#;
    assert_eq!(story(script, steps), Verdict::Unimplemented { what: "call react".to_owned() });
}

#[test]
fn a_client_that_is_gone_does_not_pass_by_its_silence() {
    let steps = "[[steps]]\nnever.event = {}\nfor_ms = 500";
    let Verdict::Fail { what, .. } = story("exit 0", steps) else { panic!("it passed") };
    assert_eq!(what, "the shim left with exit code 0");
    assert_eq!(story("cat > /dev/null", steps), Verdict::Pass);
}

#[test]
fn an_event_that_comes_once_more_a_moment_later_is_counted() {
    let event = r#"echo '{"is":"event","event_type":"x","event_id":"e"}'"#;
    let steps = "[[steps]]\nexpect.event = {}\nwithin_ms = 1000\n[[finally]]\nof.event = {}\nexactly = 1";
    assert_eq!(story(&format!("{event}; cat > /dev/null"), steps), Verdict::Pass);
    let Verdict::Fail { what, .. } = story(&format!("{event}; sleep 0.1; {event}; cat > /dev/null"), steps) else {
        panic!("it passed")
    };
    assert_eq!(what, "finally: event was seen 2 times, not exactly 1");
}

#[test]
fn what_is_done_to_a_connection_that_is_not_there_proves_nothing() {
    let steps = "[[steps]]\npeer.cut = { how = \"fin\" }\n[[steps]]\nnever.event = {}\nfor_ms = 100";
    let Verdict::Fail { what, .. } = story("cat > /dev/null", steps) else { panic!("it passed") };
    assert_eq!(what, "the client has no connection at this moment to do this to");
}

#[test]
fn a_secret_is_not_told_again_by_a_report() {
    let steps = "[given.app]\nwrong_secret = \"wr0ng-Secret\"\n[[steps]]\nnever.event = {}\nfor_ms = 500";
    let Verdict::Fail { what, .. } = story("echo 'the secret is wr0ng-Secret'; cat > /dev/null", steps) else {
        panic!("it passed")
    };
    assert!(what.starts_with("the shim wrote \"the secret is [secret]\""), "{what}");
}

#[test]
fn a_process_is_killed_with_all_that_it_started() {
    let mark = format!("larkwire-orphan-{}", std::process::id());
    let steps = "[[steps]]\nnever.event = {}\nfor_ms = 100";
    story(&format!("bash -c 'exec -a {mark} sleep 300' & wait"), steps);
    let listed = std::process::Command::new("ps").args(["-eo", "args"]).output();
    // Without ps nothing can be said.
    if let Ok(listed) = listed {
        assert!(!String::from_utf8_lossy(&listed.stdout).contains(&mark));
    }
}

/// What comes of a shim in a scenario with events by webhook.
fn posted(script: &str, webhook: bool) -> Verdict {
    let text = "title = \"t\"\nproves = [\"a.b\"]\n[given]\nwebhook = {}\n[[steps]]\npeer.challenge = {}\n[[steps]]\n\
                expect.challenge_answered = { passed = true }\nwithin_ms = 1000";
    let scenario = parse("webhook/x", "webhook/x.toml", text.to_owned()).unwrap();
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    run_one(&scenario, &ProcessSubject { command, folder: PathBuf::from("."), webhook }, PATIENT).verdict
}

#[test]
fn a_client_without_a_webhook_lacks_it_and_does_not_fail() {
    let lacks = Verdict::Unimplemented { what: "settings.webhook".to_owned() };
    // As the protocol says, or by overlooking the setting.
    let says = r#"read line; echo '{"is":"unimplemented","what":"settings.webhook"}'; exit 89"#;
    assert_eq!(posted(says, true), lacks);
    assert_eq!(posted(&format!("echo '{READY}'; cat > /dev/null"), true), lacks);
    // What is known beforehand needs no shim.
    assert_eq!(posted("exit 3", false), lacks);
}

#[test]
fn the_setting_names_the_keys_and_the_answer_the_url() {
    let ready = r#"{"is":"ready","conform":1,"client":"x","version":"0","webhook_url":"http://127.0.0.1:9/lark"}"#;
    let sees = "read line; case $line in *'\"webhook\":{'*encrypt_key*verification_token*) ;; *) exit 3 ;; esac";
    let Verdict::Fail { what, .. } = posted(&format!("{sees}; echo '{ready}'; cat > /dev/null"), true) else {
        panic!("nobody listens at that port");
    };
    assert!(what.contains("expected challenge_answered { passed = true }"), "{what}");
    let ready = ready.replace("http://", "ftp://");
    let Verdict::Fail { what, .. } = posted(&format!("echo '{ready}'; cat > /dev/null"), true) else {
        panic!("that is no URL of a webhook");
    };
    assert!(what.starts_with("the client's webhook: "), "{what}");
}
