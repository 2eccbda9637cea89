#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larkwire_fuzz::http_response::run(data));
