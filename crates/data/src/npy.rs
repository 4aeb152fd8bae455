//! NumPy's `.npy` format, versions 1 to 3: read in any order and endianness, written as version 1.
//!
//! `\x93NUMPY`, two version bytes, the header's length (`u16` in version 1, `u32` after), the header, a
//! Python dictionary with `descr`, `fortran_order` and `shape`, then the values (R. Kern, "NEP 1: A simple
//! file format for NumPy arrays", 2007).

mod header;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::idx::count;
use crate::unpack::Bytes;
use crate::{Array, DataError, Element, FormatError, Values};
use header::{Header, Kind};

const MAGIC: [u8; 6] = *b"\x93NUMPY";
/// NumPy has no more dimensions than this.
const MAX_DIMS: usize = 64;
/// No header of a plain number type comes near this length.
const MAX_HEADER: usize = 1 << 16;

/// Reads an array; `bytes` must hold nothing else.
pub fn read(bytes: &[u8]) -> Result<Array, FormatError> {
    read_from(&mut Bytes::plain(bytes))
}

/// A file whose header was read, and whose values wait: who asks for its shape first knows what memory they take.
pub struct Npy {
    bytes: Bytes<BufReader<File>>,
    header: Header,
}

impl std::fmt::Debug for Npy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Npy").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Npy {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// A file that cannot be read or is no `.npy` of plain numbers.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path))?;
        let about = file.metadata().map_err(DataError::io(path))?;
        if !about.is_file() {
            let what = if about.is_dir() { "a folder" } else { "no regular file" };
            return Err(DataError::content(path, format!("it is {what}, and an .npy file is needed")));
        }
        let mut bytes = Bytes::exact(BufReader::new(file), about.len());
        let header = read_header(&mut bytes).map_err(|e| e.in_file(path))?;
        Ok(Self { bytes, header })
    }

    /// Sizes of the dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// Reads the values.
    ///
    /// # Errors
    /// Fewer or more bytes than the header declares, and no memory for them.
    pub fn read(mut self) -> Result<Array, FormatError> {
        read_values(&mut self.bytes, self.header)
    }
}

pub(crate) fn read_from<R: Read>(bytes: &mut Bytes<R>) -> Result<Array, FormatError> {
    let header = read_header(bytes)?;
    read_values(bytes, header)
}

fn read_values<R: Read>(bytes: &mut Bytes<R>, header: Header) -> Result<Array, FormatError> {
    let Header { kind, big_endian, fortran, shape } = header;
    let overflow = || FormatError::new(10, format!("the shape {shape:?} does not fit into memory"));
    let n = count(&shape).ok_or_else(overflow)?;
    macro_rules! values {
        ($kind:ty) => {
            match big_endian {
                true => bytes.values(n, "values", <$kind>::from_be_bytes)?.into(),
                false => bytes.values(n, "values", <$kind>::from_le_bytes)?.into(),
            }
        };
    }
    let half = |b: half::f16| b.to_f32();
    let values: Values = match kind {
        Kind::Bool => bytes.values(n, "values", |[b]: [u8; 1]| b != 0)?.into(),
        Kind::I8 => values!(i8),
        Kind::I16 => values!(i16),
        Kind::I32 => values!(i32),
        Kind::I64 => values!(i64),
        Kind::U8 => values!(u8),
        Kind::U16 => values!(u16),
        Kind::U32 => values!(u32),
        Kind::U64 => values!(u64),
        Kind::F16 if big_endian => bytes.values(n, "values", |b| half(half::f16::from_be_bytes(b)))?.into(),
        Kind::F16 => bytes.values(n, "values", |b| half(half::f16::from_le_bytes(b)))?.into(),
        Kind::F32 => values!(f32),
        Kind::F64 => values!(f64),
    };
    bytes.end("the values")?;
    let values = if fortran { values.in_c_order(&shape) } else { values };
    Ok(Array { shape, values })
}

fn read_header<R: Read>(bytes: &mut Bytes<R>) -> Result<Header, FormatError> {
    let magic: [u8; 6] = bytes.take("the npy magic number")?;
    if magic != MAGIC {
        return Err(FormatError::new(
            0,
            format!("this is not an npy array: it starts with {magic:02x?}, not with \\x93NUMPY"),
        ));
    }
    let [major, minor] = bytes.take("the npy version")?;
    let length = match (major, minor) {
        (1, 0) => u16::from_le_bytes(bytes.take("the header's length")?).into(),
        (2 | 3, 0) => u32::from_le_bytes(bytes.take("the header's length")?) as usize,
        _ => {
            return Err(FormatError::new(
                6,
                format!("npy version {major}.{minor} is not known: 1.0, 2.0 and 3.0 are"),
            ));
        }
    };
    bytes.expect(length as u64, "header")?;
    if length > MAX_HEADER {
        return Err(FormatError::new(
            8,
            format!(
                "a header of {length} bytes is longer than an array of plain numbers has: structured arrays are not read"
            ),
        ));
    }
    let start = bytes.offset();
    let mut text = vec![0; length];
    bytes.fill(&mut text, "the header")?;
    // Version 3 is UTF-8 and the others Latin-1; they differ in field names only, which are refused anyway.
    let text: String = match String::from_utf8(text) {
        Ok(text) => text,
        Err(latin1) => latin1.into_bytes().into_iter().map(char::from).collect(),
    };
    header::parse(&text).map_err(|(at, problem)| FormatError::new(start + at as u64, problem))
}

/// Writes an array of `shape` in C order; `values` must be as many as the shape's product.
pub fn write<T: Element>(shape: &[usize], values: &[T]) -> Result<Vec<u8>, FormatError> {
    if count(shape) != Some(values.len()) {
        return Err(FormatError::new(0, format!("{} values do not fill the shape {shape:?}", values.len())));
    }
    let mut out = header_of::<T>(shape)?;
    out.reserve_exact(size_of_val(values));
    for &value in values {
        value.put(&mut out);
    }
    Ok(out)
}

/// What stands in front of the values of an array of `shape` in C order, for those who write them bit by bit.
pub fn header_of<T: Element>(shape: &[usize]) -> Result<Vec<u8>, FormatError> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let header = format!(
        "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        T::CODE,
        sizes.join(", ")
    );
    // The values start at a multiple of 64 bytes, after the line feed that ends the header.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    let padding = unpadded.next_multiple_of(64) - unpadded;
    let length = u16::try_from(header.len() + padding + 1).map_err(|_| {
        FormatError::new(8, format!("a shape of {} dimensions does not fit an npy header", shape.len()))
    })?;
    let mut out = Vec::with_capacity(unpadded + padding);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[1, 0]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.resize(out.len() + padding, b' ');
    out.push(b'\n');
    Ok(out)
}
