//! Any bytes as an npz archive: every member an error or an array as large as its shape.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use neurohm_data::npz::Npz;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut npz) = Npz::open(Cursor::new(bytes)) else { return };
    for name in npz.names().to_vec() {
        if let Ok(Some(array)) = npz.get(&name) {
            assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        }
    }
});
