//! Fuzzes the headers `Accept` and `Accept-Encoding`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketchat_exporter::fuzzing::TARGETS;

fuzz_target!(|bytes: &[u8]| TARGETS[2].1(bytes));
