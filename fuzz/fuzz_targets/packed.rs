#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fourhundred::fuzzing::packed(bytes));
