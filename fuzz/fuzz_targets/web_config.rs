//! Fuzzes the file of `--web.config.file`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketchat_exporter::fuzzing::TARGETS;

fuzz_target!(|bytes: &[u8]| TARGETS[1].1(bytes));
