//! libFuzzer's way into the body of the same name.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| samband_fuzz_bodies::open_position::check(data));
