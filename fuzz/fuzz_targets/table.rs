//! Any bytes as a table of measurements: an error, or columns of one length whose quantities can be asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_data::table::{Quantity, Reading, parse};

fuzz_target!(|bytes: &[u8]| {
    let named = Reading::default().with_columns("voltage,current").unwrap_or_default();
    for reading in [Reading::default(), named] {
        if let Ok(table) = parse(bytes, &reading) {
            assert!(table.columns().iter().all(|c| c.raw.len() == table.rows()));
            for quantity in Quantity::ALL {
                let _ = table.values(quantity);
            }
        }
    }
});
