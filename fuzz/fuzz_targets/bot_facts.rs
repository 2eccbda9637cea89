#![no_main]
// Typed, so that `cargo fuzz fmt` shows the facts; it reads the bytes as `larkwire_fuzz::bot_facts::run` does.
libfuzzer_sys::fuzz_target!(|scenario: larkwire_fuzz::bot_facts::Scenario<'_>| scenario.play());
