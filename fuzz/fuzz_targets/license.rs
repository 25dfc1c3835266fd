//! Fuzzes the license in the settings.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketchat_exporter::fuzzing::TARGETS;

fuzz_target!(|bytes: &[u8]| TARGETS[4].1(bytes));
