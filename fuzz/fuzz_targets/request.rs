//! From a request's bytes to what the hub takes of it, and back to what its
//! subscribers read.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hub::fuzzing::request(input));
