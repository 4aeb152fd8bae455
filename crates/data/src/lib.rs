//! Readers for the datasets and [measurements](table) people have, and generators for those they lack.
//!
//! [`Source`] names a dataset (`mnist:PATH`, `cifar10:PATH`, `folder:PATH`, `npz:FILE`, `strokes`),
//! [`load`] brings it into memory. Every reader takes hostile bytes: a size that a file declares is
//! checked against the bytes that are there before memory is asked for, and every error says which
//! file, which byte, what was expected and what to do.
//!
//! ```
//! use neurohm_data::{Limits, Source, load};
//! use neurohm_num::Unwatched;
//!
//! let source: Source = "strokes:train=100,test=20,seed=7".parse()?;
//! let digits = load(&source, Limits::default(), &Unwatched)?;
//! assert_eq!(digits.test.shape, [28, 28, 1]);
//! assert_eq!(digits.test.len(), 20);
//! # Ok::<(), neurohm_data::DataError>(())
//! ```

mod array;
pub mod cifar;
mod dataset;
mod error;
pub mod folder;
pub mod idx;
mod load;
pub mod mnist;
pub mod npy;
pub mod npz;
mod source;
pub mod strokes;
pub mod table;
mod unpack;

pub use array::{Array, Element, Values};
pub use dataset::{Dataset, Samples};
pub use error::{DataError, FormatError};
pub use load::{Limits, load};
pub use source::Source;
