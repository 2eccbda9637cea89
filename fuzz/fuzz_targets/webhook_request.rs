#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larkwire_fuzz::webhook_request::run(data));
