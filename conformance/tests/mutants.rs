//! The suite bites: a second client passes what its defects fail.
#![cfg(feature = "suite")]
#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::collections::BTreeSet;
use std::path::Path;

use larkwire_conformance::suite::subject::Defect;
use larkwire_conformance::suite::{Scenario, bite_all, load_all};

fn scenarios() -> Vec<Scenario> {
    load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap().0
}

#[test]
fn defects_have_names_of_their_own_and_scenarios_that_exist() {
    let scenarios = scenarios();
    let names: BTreeSet<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    assert_eq!(names.len(), Defect::ALL.len(), "two defects have the same name");
    for defect in Defect::ALL {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(defect.name().chars().all(kebab), "{}", defect.name());
        assert!(defect.about().ends_with('.'), "{}", defect.name());
        for id in defect.caught_by() {
            assert!(
                scenarios.iter().any(|scenario| scenario.id == **id),
                "{}: there is no scenario {id}",
                defect.name()
            );
        }
    }
}

#[test]
fn the_second_client_passes_what_each_of_its_defects_fails() {
    for seed in [1, 2] {
        let bites = bite_all(&scenarios(), seed);
        let wrong: Vec<_> = bites.iter().filter(|bite| !bite.is_right()).collect();
        assert!(wrong.is_empty(), "{} of {} with seed {seed}:\n{wrong:#?}", wrong.len(), bites.len());
    }
}
