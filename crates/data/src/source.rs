//! Where a dataset comes from, as a user writes it after `--data`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::DataError;

/// Names a dataset. Written as `mnist:PATH`, `cifar10:PATH`, `folder:PATH`, `npz:FILE`, `strokes` or
/// `strokes:train=6000,test=1000,seed=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder with the four IDX files of MNIST or Fashion-MNIST, gzipped or not.
    Mnist(PathBuf),
    /// A folder with the binary batches of CIFAR-10, or with its images as `{train,test}/<class>/*`.
    Cifar10(PathBuf),
    /// A folder of images, `{train,test}/<class>/*.png` or `*.jpg`.
    Folder(PathBuf),
    /// A NumPy archive with `x` (and `y`), or `x_test`, `y_test`, `x_train`, `y_train`.
    Npz(PathBuf),
    /// Generated handwritten-like digits; needs no files.
    Strokes {
        /// Number of samples to learn from.
        train: usize,
        /// Number of samples to be judged on.
        test: usize,
        /// Another seed draws other digits.
        seed: u64,
    },
}

const KINDS: [&str; 5] = ["mnist", "cifar10", "folder", "npz", "strokes"];
/// What plain `strokes` means: samples to learn from, to be judged on, seed.
const STROKES: (usize, usize, u64) = (20_000, 5_000, 1);
/// A generated set larger than this does not fit the memory of the machines this is for.
const MAX_STROKES: usize = 10_000_000;

impl Source {
    /// 20 000 generated digits to learn from and 5 000 to be judged on.
    pub const STROKES: Self = Self::Strokes { train: STROKES.0, test: STROKES.1, seed: STROKES.2 };
}

impl FromStr for Source {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, DataError> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        let path = || match rest {
            None | Some("") => Err(DataError::Source(format!("`{text}` lacks a path: write `{kind}:PATH`"))),
            Some(path) => Ok(PathBuf::from(path)),
        };
        match kind {
            "mnist" => Ok(Self::Mnist(path()?)),
            "cifar10" => Ok(Self::Cifar10(path()?)),
            "folder" => Ok(Self::Folder(path()?)),
            "npz" => Ok(Self::Npz(path()?)),
            "strokes" => strokes(rest),
            _ => Err(DataError::Source(unknown(text, kind))),
        }
    }
}

fn strokes(options: Option<&str>) -> Result<Source, DataError> {
    let (mut train, mut test, mut seed) = STROKES;
    for option in options.into_iter().flat_map(|o| o.split(',')) {
        let fail = |why: &str| DataError::Source(format!("`{option}` in strokes: {why}"));
        let (key, value) =
            option.split_once('=').ok_or_else(|| fail("write `train=N`, `test=N` or `seed=N`"))?;
        let number: u64 = value.trim().parse().map_err(|_| fail("the value must be a whole number"))?;
        let size = || usize::try_from(number).ok().filter(|&n| n <= MAX_STROKES);
        let too_many = || fail(&format!("at most {MAX_STROKES} digits fit"));
        match key.trim() {
            "train" => train = size().ok_or_else(too_many)?,
            "test" => test = size().ok_or_else(too_many)?,
            "seed" => seed = number,
            other => {
                let near = nearest(other, &["train", "test", "seed"]);
                return Err(fail(&format!("there is no `{other}`, only train, test and seed{near}")));
            }
        }
    }
    if test == 0 {
        return Err(DataError::Source("strokes needs at least one test digit, `test=1`".into()));
    }
    Ok(Source::Strokes { train, test, seed })
}

fn nearest(word: &str, known: &[&str]) -> String {
    let closeness = |k: &&&str| (strsim::jaro_winkler(word, k) * 1e6) as u32;
    let best = known.iter().max_by_key(closeness).filter(|k| strsim::jaro_winkler(word, k) > 0.7);
    best.map(|k| format!("; did you mean `{k}`?")).unwrap_or_default()
}

fn unknown(text: &str, kind: &str) -> String {
    let all = "known are mnist:PATH, cifar10:PATH, folder:PATH, npz:FILE and strokes";
    let hint = if text.ends_with(".npz") {
        format!("; for a NumPy archive write `npz:{text}`")
    } else {
        nearest(&kind.to_ascii_lowercase().replace('-', ""), &KINDS)
    };
    format!("`{kind}` is no kind of dataset: {all}{hint}")
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mnist(path) => write!(f, "mnist:{}", path.display()),
            Self::Cifar10(path) => write!(f, "cifar10:{}", path.display()),
            Self::Folder(path) => write!(f, "folder:{}", path.display()),
            Self::Npz(path) => write!(f, "npz:{}", path.display()),
            Self::Strokes { train, test, seed } => write!(f, "strokes:train={train},test={test},seed={seed}"),
        }
    }
}
