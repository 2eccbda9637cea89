#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| larkwire_fuzz::ws_handshake::run(data));
