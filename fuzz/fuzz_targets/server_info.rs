//! Fuzzes what Rocket.Chat answers to the probe.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rocketchat_exporter::fuzzing::TARGETS;

fuzz_target!(|bytes: &[u8]| TARGETS[5].1(bytes));
