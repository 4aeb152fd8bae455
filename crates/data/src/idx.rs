//! The IDX format of the MNIST files, gzipped or not.
//!
//! Two zero bytes, a type byte, the number of dimensions, then each size as a big-endian `u32` and
//! the values, big-endian, last index fastest (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of
//! handwritten digits", 1998).

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::unpack::{self, Bytes};
use crate::{Array, FormatError, Values};

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads an IDX file, unpacking it if it is gzipped. `bytes` must hold nothing else.
pub fn read(bytes: &[u8]) -> Result<Array, FormatError> {
    read_first(bytes, None)
}

/// Reads the first `items` along the first dimension only, or all of them; what follows is not looked at.
pub fn read_first(bytes: &[u8], items: Option<usize>) -> Result<Array, FormatError> {
    if bytes.starts_with(&GZIP) {
        let limit = unpack::limit(bytes.len() as u64);
        read_from(&mut Bytes::unpacked(MultiGzDecoder::new(bytes), limit), items)
    } else {
        read_from(&mut Bytes::plain(bytes), items)
    }
}

fn read_from<R: Read>(bytes: &mut Bytes<R>, items: Option<usize>) -> Result<Array, FormatError> {
    let [zero0, zero1, kind, dims] = bytes.take("the IDX magic number")?;
    if (zero0, zero1) != (0, 0) {
        return Err(FormatError::new(
            0,
            format!(
                "this is not an IDX file: it starts with {zero0:#04x} {zero1:#04x}, not with two zero bytes"
            ),
        ));
    }
    let mut shape = Vec::with_capacity(dims.into());
    for _ in 0..dims {
        shape.push(u32::from_be_bytes(bytes.take("the IDX sizes")?) as usize);
    }
    let size = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        0x0e => 8,
        other => {
            return Err(FormatError::new(
                2,
                format!(
                    "IDX type {other:#04x} does not exist: 0x08 u8, 0x09 i8, 0x0b i16, 0x0c i32, 0x0d f32 and 0x0e f64 do"
                ),
            ));
        }
    };
    let declared = count(&shape).and_then(|n| n.checked_mul(size)).unwrap_or(usize::MAX);
    bytes.expect(declared as u64, "values")?;
    let whole = match (items, shape.first_mut()) {
        (Some(items), Some(first)) if items < *first => {
            *first = items;
            false
        }
        _ => true,
    };
    let n = count(&shape).unwrap_or(usize::MAX);
    let values: Values = match kind {
        0x08 => bytes.values(n, "values", u8::from_be_bytes)?.into(),
        0x09 => bytes.values(n, "values", i8::from_be_bytes)?.into(),
        0x0b => bytes.values(n, "values", i16::from_be_bytes)?.into(),
        0x0c => bytes.values(n, "values", i32::from_be_bytes)?.into(),
        0x0d => bytes.values(n, "values", f32::from_be_bytes)?.into(),
        _ => bytes.values(n, "values", f64::from_be_bytes)?.into(),
    };
    if whole {
        bytes.end("the values")?;
    }
    Ok(Array { shape, values })
}

/// The shape's product; `None` where the sizes overflow even with the empty dimensions left out, so
/// that no later product of some of them can.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    let solid = shape.iter().filter(|&&d| d != 0).try_fold(1usize, |n, &d| n.checked_mul(d));
    solid.filter(|&n| n <= isize::MAX as usize).map(|n| if shape.contains(&0) { 0 } else { n })
}
