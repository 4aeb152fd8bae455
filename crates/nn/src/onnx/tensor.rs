//! Initialisers: from the file's encodings to constants.

use std::collections::BTreeMap;
use std::rc::Rc;

use half::{bf16, f16};

use super::constant::{Constant, Data, Int};
use super::error::{OnnxError, Refusal, Step, refuse};
use super::proto::{self, element};

/// Longest tensor of whole numbers that is taken for arithmetic on shapes.
const MAX_INTS: usize = 1 << 20;

/// Fetches a file that lies beside the model.
pub(super) type Fetch<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// Reads tensors, and keeps the files beside the model that were fetched for them.
pub(super) struct Store<'a> {
    fetch: Fetch<'a>,
    files: BTreeMap<String, Rc<Vec<u8>>>,
}

/// Why a tensor could not be read: the file is wrong, or it asks for something unsupported.
pub(super) enum Failure {
    Wrong(OnnxError),
    Refused(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Failure::Refused(refusal)
    }
}

impl<'a> Store<'a> {
    pub fn new(fetch: Fetch<'a>) -> Self {
        Self { fetch, files: BTreeMap::new() }
    }

    /// Bytes fetched so far.
    pub fn fetched(&self) -> usize {
        self.files.values().map(|f| f.len()).sum()
    }

    /// The constant that a tensor holds.
    pub fn read(&mut self, tensor: &proto::Tensor) -> Result<Constant, Failure> {
        let wrong = |what: String| {
            Failure::Wrong(OnnxError::Malformed { place: format!("initialiser \"{}\"", tensor.name), what })
        };
        let (shape, count) = dimensions(&tensor.dims).map_err(wrong)?;
        let external = if tensor.data_location == 1 { Some(self.external(tensor)?) } else { None };
        let raw = external.as_ref().map(Slice::bytes).or(tensor.raw_data.as_deref());
        let data = match raw {
            Some(bytes) => from_raw(tensor.data_type, bytes, count)?,
            None => from_fields(tensor, count)?,
        };
        data.map(|data| Constant::new(shape.clone(), data)).map_err(|held| {
            wrong(format!(
                "shape {shape:?} of {} needs {count} values, but the data holds {held}",
                element::name(tensor.data_type)
            ))
        })
    }

    fn external(&mut self, tensor: &proto::Tensor) -> Result<Slice, Failure> {
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
        let location = entry("location").unwrap_or_default();
        let error = |what: String| {
            Failure::Wrong(OnnxError::External {
                tensor: tensor.name.clone(),
                location: location.to_string(),
                what,
            })
        };
        if !stays_inside(location) {
            return Err(error("must be the relative path of a file beside the model, without \"..\"".into()));
        }
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<usize>() {
                Ok(n) => Ok(Some(n)),
                Err(_) => Err(error(format!("{key} must be a whole number, got \"{text}\""))),
            },
        };
        let (start, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let file = match self.files.get(location) {
            Some(file) => Rc::clone(file),
            None => {
                let file = Rc::new((self.fetch)(location).map_err(error)?);
                self.files.insert(location.to_string(), Rc::clone(&file));
                file
            }
        };
        let end = match length {
            Some(length) => start.checked_add(length),
            None => Some(file.len()),
        };
        match end {
            Some(end) if start <= end && end <= file.len() => Ok(Slice { file, start, end }),
            _ => Err(error(format!(
                "{} bytes from {start} on lie outside the file's {} bytes",
                length.unwrap_or(0),
                file.len()
            ))),
        }
    }
}

/// A part of a file beside the model.
struct Slice {
    file: Rc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Slice {
    fn bytes(&self) -> &[u8] {
        &self.file[self.start..self.end]
    }
}

/// Whether a location names a file in the model's own folder or below.
fn stays_inside(location: &str) -> bool {
    !location.is_empty()
        && !location.contains(['\\', ':', '\0'])
        && location.split('/').all(|part| !part.is_empty() && part != "..")
}

/// Checked shape and number of elements.
fn dimensions(dims: &[i64]) -> Result<(Vec<usize>, usize), String> {
    let shape: Option<Vec<usize>> = dims.iter().map(|&d| usize::try_from(d).ok()).collect();
    let shape = shape.ok_or_else(|| format!("shape {dims:?} has a negative length"))?;
    // Empty tensors too must have a countable shape, so that no later product overflows.
    let bound = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d.max(1)));
    match bound.filter(|&n| n <= isize::MAX as usize / 8) {
        Some(_) => Ok((shape.clone(), shape.iter().product())),
        None => Err(format!("shape {dims:?} is larger than any memory")),
    }
}

/// The data, or how many values there were in place of `count`.
type Counted = Result<Data, usize>;

fn from_raw(kind: i32, bytes: &[u8], count: usize) -> Step<Counted> {
    fn read<const W: usize, T>(
        bytes: &[u8],
        count: usize,
        f: impl Fn([u8; W]) -> T,
    ) -> Result<Vec<T>, usize> {
        let (words, rest) = bytes.as_chunks::<W>();
        if words.len() != count || !rest.is_empty() {
            return Err(words.len());
        }
        Ok(words.iter().map(|&w| f(w)).collect())
    }
    if !element::is_float(kind) {
        few(count)?;
    }
    Ok(match kind {
        element::FLOAT => read(bytes, count, f32::from_le_bytes).map(Data::Float),
        element::FLOAT16 => read(bytes, count, |b| f16::from_le_bytes(b).to_f32()).map(Data::Float),
        element::BFLOAT16 => read(bytes, count, |b| bf16::from_le_bytes(b).to_f32()).map(Data::Float),
        element::DOUBLE => read(bytes, count, |b| f64::from_le_bytes(b) as f32).map(Data::Float),
        element::INT64 => read(bytes, count, |b| Int::new(i64::from_le_bytes(b))).map(Data::Int),
        element::INT32 => read(bytes, count, |b| Int::new(i32::from_le_bytes(b).into())).map(Data::Int),
        element::INT16 => read(bytes, count, |b| Int::new(i16::from_le_bytes(b).into())).map(Data::Int),
        element::INT8 => read(bytes, count, |b| Int::new(i8::from_le_bytes(b).into())).map(Data::Int),
        element::UINT32 => read(bytes, count, |b| Int::new(u32::from_le_bytes(b).into())).map(Data::Int),
        element::UINT16 => read(bytes, count, |b| Int::new(u16::from_le_bytes(b).into())).map(Data::Int),
        element::UINT8 => read(bytes, count, |b: [u8; 1]| Int::new(b[0].into())).map(Data::Int),
        element::UINT64 => read(bytes, count, |b| Int::new(saturated(u64::from_le_bytes(b)))).map(Data::Int),
        element::BOOL => read(bytes, count, |b: [u8; 1]| b[0] != 0).map(Data::Bool),
        _ => refuse!("holds {} values, which are not supported", element::name(kind)),
    })
}

fn from_fields(t: &proto::Tensor, count: usize) -> Step<Counted> {
    fn read<S: Copy, T>(values: &[S], count: usize, f: impl Fn(S) -> T) -> Result<Vec<T>, usize> {
        if values.len() == count { Ok(values.iter().map(|&v| f(v)).collect()) } else { Err(values.len()) }
    }
    if !element::is_float(t.data_type) {
        few(count)?;
    }
    // Half precision travels as bits in the low half of an int32.
    Ok(match t.data_type {
        element::FLOAT => read(&t.float_data, count, |v| v).map(Data::Float),
        element::DOUBLE => read(&t.double_data, count, |v| v as f32).map(Data::Float),
        element::FLOAT16 => {
            read(&t.int32_data, count, |v| f16::from_bits(v as u16).to_f32()).map(Data::Float)
        }
        element::BFLOAT16 => {
            read(&t.int32_data, count, |v| bf16::from_bits(v as u16).to_f32()).map(Data::Float)
        }
        element::INT64 => read(&t.int64_data, count, Int::new).map(Data::Int),
        element::INT32 | element::INT16 | element::INT8 | element::UINT16 | element::UINT8 => {
            read(&t.int32_data, count, |v| Int::new(v.into())).map(Data::Int)
        }
        element::UINT32 | element::UINT64 => {
            read(&t.uint64_data, count, |v| Int::new(saturated(v))).map(Data::Int)
        }
        element::BOOL => read(&t.int32_data, count, |v| v != 0).map(Data::Bool),
        kind => refuse!("holds {} values, which are not supported", element::name(kind)),
    })
}

fn saturated(v: u64) -> i64 {
    i64::try_from(v).unwrap_or(i64::MAX)
}

fn few(count: usize) -> Step<()> {
    if count > MAX_INTS {
        refuse!("holds {count} whole numbers; quantised weights are not supported");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(dims: &[i64], data_type: i32) -> proto::Tensor {
        proto::Tensor { name: "w".into(), dims: dims.to_vec(), data_type, ..Default::default() }
    }
    fn read(t: &proto::Tensor) -> Result<Data, String> {
        let beside = |name: &str| {
            if name == "w.bin" { Ok(vec![0, 0, 128, 63, 0, 0, 0, 64]) } else { Err("no such file".into()) }
        };
        match Store::new(&beside).read(t) {
            Ok(c) => Ok(c.data),
            Err(Failure::Wrong(e)) => Err(e.to_string()),
            Err(Failure::Refused(e)) => Err(e.reason),
        }
    }

    #[test]
    fn half_precision_in_both_encodings() {
        // IEEE 754: 0x3c00 is 1, 0xc000 is -2 in binary16; 0x3fc0 is 1.5 in bfloat16.
        let mut t = tensor(&[2], element::FLOAT16);
        t.int32_data = vec![0x3c00, 0xc000];
        assert_eq!(read(&t), Ok(Data::Float(vec![1.0, -2.0])));
        t.raw_data = Some(vec![0x00, 0x3c, 0x00, 0xc0]);
        assert_eq!(read(&t), Ok(Data::Float(vec![1.0, -2.0])));
        let mut t = tensor(&[], element::BFLOAT16);
        t.raw_data = Some(vec![0xc0, 0x3f]);
        assert_eq!(read(&t), Ok(Data::Float(vec![1.5])));
    }

    #[test]
    fn shapes_and_lengths_that_disagree_are_named() {
        let mut t = tensor(&[2, 3], element::FLOAT);
        t.raw_data = Some(vec![0; 20]);
        assert!(read(&t).unwrap_err().contains("\"w\""));
        t.raw_data = Some(vec![0; 25]);
        assert!(read(&t).is_err());
        assert!(read(&tensor(&[-1], element::FLOAT)).unwrap_err().contains("negative"));
        assert!(read(&tensor(&[i64::MAX, 4, 4], element::FLOAT)).unwrap_err().contains("memory"));
        assert!(read(&tensor(&[0, i64::MAX, 4], element::FLOAT)).is_err());
        assert!(read(&tensor(&[1 << 40], element::FLOAT)).unwrap_err().contains("holds 0"));
        assert!(read(&tensor(&[4], 22)).unwrap_err().contains("int4"));
    }

    #[test]
    fn external_data_stays_inside_its_folder_and_file() {
        let mut t = tensor(&[2], element::FLOAT);
        t.data_location = 1;
        let with = |t: &mut proto::Tensor, entries: &[(&str, &str)]| {
            t.external_data =
                entries.iter().map(|(k, v)| proto::Entry { key: (*k).into(), value: (*v).into() }).collect();
        };
        with(&mut t, &[("location", "w.bin")]);
        assert_eq!(read(&t), Ok(Data::Float(vec![1.0, 2.0])));
        with(&mut t, &[("location", "w.bin"), ("offset", "4"), ("length", "8")]);
        assert!(read(&t).unwrap_err().contains("outside"));
        with(&mut t, &[("location", "w.bin"), ("offset", "18446744073709551615"), ("length", "8")]);
        assert!(read(&t).unwrap_err().contains("outside"));
        for path in ["../w.bin", "/w.bin", "a/../../w.bin", "C:w.bin", "..\\w.bin", ""] {
            with(&mut t, &[("location", path)]);
            assert!(read(&t).unwrap_err().contains("beside the model"), "{path}");
        }
        with(&mut t, &[("location", "other.bin")]);
        assert!(read(&t).unwrap_err().contains("no such file"));
    }
}
