//! Any bytes as an npy file: an error, or an array that is written and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neurohm_data::{Values, npy};

fuzz_target!(|bytes: &[u8]| {
    let Ok(array) = npy::read(bytes) else { return };
    assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
    macro_rules! back {
        ($values:expr) => {
            npy::read(&npy::write(&array.shape, $values).expect("a shape that was read can be written"))
        };
    }
    let again = match &array.values {
        Values::I64(v) => back!(v),
        Values::U8(v) => back!(v),
        Values::Bool(v) => back!(v),
        _ => return,
    };
    assert_eq!(again.expect("what was written can be read"), array);
});
