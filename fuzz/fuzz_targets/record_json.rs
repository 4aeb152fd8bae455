//! Any text as a `run.json` (`neurohm report RUN`): an error that can be shown, or records that are written and read
//! back, and drawn unless their parts disagree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_study::{json, read_records};

fuzz_target!(|text: &str| {
    match read_records(text) {
        Ok((records, list)) => {
            // JSON has no word for an infinity, so not every record can be read back; every one can be written.
            let all: Vec<_> = records.iter().collect();
            json(&all, list).expect("a record can be written");
            match neurohm_report::html(&records, "fuzz") {
                Ok(page) => assert!(page.contains("</html>")),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
        Err(error) => assert!(!error.is_empty()),
    }
});
