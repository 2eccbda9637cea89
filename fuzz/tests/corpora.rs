//! The committed corpora, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[test]
fn every_input_of_every_corpus_still_holds() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut failed = Vec::new();
    for (name, target) in larkwire_fuzz::TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(corpora.join(name)).expect("every target has a corpus") {
            let path = entry.expect("the corpus can be listed").path();
            let input = fs::read(&path).expect("the corpus can be read");
            if std::panic::catch_unwind(|| target(&input)).is_err() {
                failed.push(path.strip_prefix(&corpora).unwrap_or(&path).display().to_string());
            }
            count += 1;
        }
        assert!(count > 0, "the corpus of {name} is empty");
        println!("{name}: {count} inputs");
    }
    assert!(failed.is_empty(), "these do not hold any more: {failed:#?}");
}

#[test]
fn every_kind_of_request_is_judged_as_it_should_be() {
    let passed = larkwire_fuzz::webhook_request::play_every_kind();
    println!("{passed} requests passed");
    assert!(passed > 300, "hardly anything passes: {passed}");
}

#[test]
fn every_target_has_its_wrapper() {
    let wrappers = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
    let mut found: Vec<_> = fs::read_dir(wrappers)
        .expect("the wrappers can be listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().trim_end_matches(".rs").to_owned())
        .collect();
    found.sort();
    assert_eq!(found, larkwire_fuzz::TARGETS.map(|(name, _)| name));
}
