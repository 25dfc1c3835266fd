//! Fuzzes the parameter `query` of `statistics.list`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketchat_exporter::fuzzing::TARGETS;

fuzz_target!(|bytes: &[u8]| TARGETS[3].1(bytes));
