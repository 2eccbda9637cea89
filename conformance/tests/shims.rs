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
    let subject = ProcessSubject { command, folder: PathBuf::from(".") };
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
    let subject = ProcessSubject { command: vec!["no-such-shim".to_owned()], folder: PathBuf::from(".") };
    let outcome = run_one(&scenario.unwrap(), &subject, PATIENT);
    let Verdict::Fail { what, .. } = outcome.verdict else { panic!("{outcome:?}") };
    assert!(what.starts_with("no-such-shim does not start"), "{what}");
}
