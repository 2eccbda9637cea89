#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larkwire_fuzz::json_strings::run(data));
