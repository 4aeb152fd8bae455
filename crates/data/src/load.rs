//! From a source to samples in memory.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use neurohm_num::Watch;

use crate::mnist::Part;
use crate::npz::Npz;
use crate::{Array, DataError, Dataset, Samples, Source, cifar, folder, mnist, strokes};

/// How much of a dataset to read. The first samples are the same whatever the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// At most so many training samples, all if `None`; with `Some(0)` their files are not even looked for.
    pub train: Option<usize>,
    /// At most so many test samples, all if `None`.
    pub test: Option<usize>,
}

impl Limits {
    /// Only test samples, at most `count` of them.
    pub fn test_only(count: Option<usize>) -> Self {
        Self { train: Some(0), test: count }
    }
}

/// No classifier has so many outputs; a larger label is damage, and whoever counts classes would run out
/// of memory.
const MAX_CLASSES: f64 = 1e6;

/// Loads a dataset.
///
/// Errors if a file is missing, damaged or holds something else; if a value of `x` is not finite; if
/// there is no test sample; or if `watch` asks to stop.
pub fn load(source: &Source, limits: Limits, watch: &dyn Watch) -> Result<Dataset, DataError> {
    if limits.test == Some(0) {
        return Err(DataError::Source(format!(
            "{source}: a limit of 0 test samples leaves nothing to judge"
        )));
    }
    let dataset = match source {
        Source::Mnist(path) => {
            let part = |part: Part, limit| {
                watch.begin("reading MNIST files", None);
                watch.step(1)?;
                mnist::read(path, part, limit)
            };
            let train = wanted(limits.train).map(|limit| part(Part::Train, limit)).transpose()?;
            let test = part(Part::Test, limits.test)?;
            Dataset { name: name(path), train, test, classes: None }
        }
        Source::Cifar10(path) if cifar::is_here(path) || !folder::is_here(path) => {
            let part = |part: Part, limit| {
                watch.begin("reading CIFAR-10 batches", None);
                watch.step(1)?;
                cifar::read(path, part, limit)
            };
            let train = wanted(limits.train).map(|limit| part(Part::Train, limit)).transpose()?;
            let test = part(Part::Test, limits.test)?;
            let classes = Some(cifar::CLASSES.map(String::from).to_vec());
            Dataset { name: "cifar10".into(), train, test, classes }
        }
        Source::Cifar10(path) | Source::Folder(path) => images(path, limits, watch)?,
        Source::Npz(path) => npz(path, limits, watch)?,
        Source::Strokes { train, test, seed } => {
            let count = |all: usize, limit: Option<usize>| all.min(limit.unwrap_or(usize::MAX));
            let draw = |part, n: usize| strokes::generate(*seed, part, 0..n as u64, watch);
            let train = match count(*train, limits.train) {
                0 => None,
                n => Some(draw(Part::Train, n)?),
            };
            let test = draw(Part::Test, count(*test, limits.test))?;
            let classes = Some((0..10).map(|d| d.to_string()).collect());
            Dataset { name: "strokes".into(), train, test, classes }
        }
    };
    let same = dataset.train.as_ref().is_none_or(|train| train.shape == dataset.test.shape);
    if !same {
        let train = &dataset.train.as_ref().map_or(&dataset.test, |t| t).shape;
        let test = &dataset.test.shape;
        return Err(DataError::Source(format!(
            "{source}: training samples have the shape {train:?}, test samples {test:?}"
        )));
    }
    Ok(dataset)
}

/// The limit, unless it asks for nothing.
fn wanted(limit: Option<usize>) -> Option<Option<usize>> {
    (limit != Some(0)).then_some(limit)
}

/// What to call a folder or file in a report.
fn name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = full.file_name().map_or_else(|| "data".into(), |n| n.to_string_lossy());
    name.strip_suffix(".npz").unwrap_or(&name).to_owned()
}

fn images(path: &Path, limits: Limits, watch: &dyn Watch) -> Result<Dataset, DataError> {
    let (test, classes) = folder::read(path, Part::Test, limits.test, watch)?;
    let train = match wanted(limits.train) {
        None => None,
        Some(limit) => {
            let (train, others) = folder::read(path, Part::Train, limit, watch)?;
            if others != classes {
                let problem = format!(
                    "the classes differ: train has {}, test has {}",
                    others.join(", "),
                    classes.join(", ")
                );
                return Err(DataError::content(path, problem));
            }
            Some(train)
        }
    };
    Ok(Dataset { name: name(path), train, test, classes: Some(classes) })
}

fn npz(path: &Path, limits: Limits, watch: &dyn Watch) -> Result<Dataset, DataError> {
    watch.begin("reading arrays", None);
    if path.is_dir() {
        return Err(DataError::Source(format!(
            "npz:{}: it is a folder, and a file is needed",
            path.display()
        )));
    }
    let file = File::open(path).map_err(DataError::io(path))?;
    let mut npz = Npz::open(BufReader::new(file)).map_err(|e| e.in_file(path))?;
    let mut part = |x: &str, y: &str, limit: Option<usize>| -> Result<Option<Samples>, DataError> {
        watch.step(1)?;
        let Some(values) = npz.get(x).map_err(|e| e.in_file(path))? else { return Ok(None) };
        let labels = npz.get(y).map_err(|e| e.in_file(path))?;
        let mut samples =
            samples(values, x, labels, y).map_err(|problem| DataError::content(path, problem))?;
        samples.truncate(limit.unwrap_or(usize::MAX));
        finite(&samples, x).map_err(|problem| DataError::content(path, problem))?;
        Ok(Some(samples))
    };
    let test = match part("x", "y", limits.test)? {
        Some(test) => Some(test),
        None => part("x_test", "y_test", limits.test)?,
    };
    let train = match wanted(limits.train) {
        None => None,
        Some(limit) => part("x_train", "y_train", limit)?,
    };
    let Some(test) = test else {
        let found = npz.names().iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
        let found = if found.is_empty() { "nothing" } else { &found };
        let problem = format!(
            "it needs an array `x` or `x_test` and holds {found}: write it with numpy.savez(file, x=..., y=...)"
        );
        return Err(DataError::content(path, problem));
    };
    Ok(Dataset { name: name(path), train, test, classes: None })
}

fn samples(x: Array, x_name: &str, y: Option<Array>, y_name: &str) -> Result<Samples, String> {
    let Some((&count, shape)) = x.shape.split_first() else {
        return Err(format!("`{x_name}` is a single value; its first dimension must count the samples"));
    };
    if x.values.is_empty() {
        return Err(format!("`{x_name}` of shape {:?} holds no samples", x.shape));
    }
    let shape = if shape.is_empty() { vec![1] } else { shape.to_vec() };
    let y = y.map(|y| labels(&y, y_name, count)).transpose()?;
    Samples::new(x.values.into_f32(), shape, y).ok_or_else(|| format!("`{x_name}` does not fill its shape"))
}

/// Class numbers, one a sample: whole numbers of shape `[n]` or `[n, 1]`, or rows with a single 1.
fn labels(y: &Array, name: &str, count: usize) -> Result<Vec<u32>, String> {
    let width = match y.shape[..] {
        [n] if n == count => 1,
        [n, width] if n == count && width > 0 => width,
        _ => {
            return Err(format!(
                "`{name}` has shape {:?}, but there are {count} samples and each needs one label",
                y.shape
            ));
        }
    };
    let value = |i: usize| y.values.get(i).unwrap_or(f64::NAN);
    if width == 1 {
        let label = |i: usize| match value(i) {
            v if v.fract() == 0.0 && (0.0..MAX_CLASSES).contains(&v) => Ok(v as u32),
            v => Err(format!(
                "`{name}[{i}]` is {v}; a label must be a whole number from 0 to below {MAX_CLASSES}"
            )),
        };
        return (0..count).map(label).collect();
    }
    let one_hot = |i: usize| {
        let mut ones = (0..width).filter(|&c| value(i * width + c) != 0.0);
        match (ones.next(), ones.next()) {
            (Some(c), None) if value(i * width + c) == 1.0 => Ok(c as u32),
            _ => Err(format!(
                "`{name}` has shape {:?}, so each row must hold a single 1, which row {i} does not",
                y.shape
            )),
        }
    };
    (0..count).map(one_hot).collect()
}

fn finite(samples: &Samples, name: &str) -> Result<(), String> {
    let Some(at) = samples.x.iter().position(|v| !v.is_finite()) else { return Ok(()) };
    let features = samples.features();
    let mut rest = at % features;
    let mut index = vec![0; samples.shape.len()];
    for (i, &d) in index.iter_mut().zip(&samples.shape).rev() {
        *i = rest % d;
        rest /= d;
    }
    index.insert(0, at / features);
    Err(format!("`{name}` is {} at index {index:?}: replace or drop such samples first", samples.x[at]))
}
