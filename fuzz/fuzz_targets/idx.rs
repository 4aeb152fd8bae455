//! Any bytes as an IDX file: an error or an array as large as its shape, whole or the first few items.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_data::idx;

fuzz_target!(|bytes: &[u8]| {
    let whole = idx::read(bytes);
    if let Ok(array) = &whole {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
    }
    if let (Ok(whole), Ok(few)) = (whole, idx::read_first(bytes, Some(2))) {
        assert!(few.values.len() <= whole.values.len());
    }
});
