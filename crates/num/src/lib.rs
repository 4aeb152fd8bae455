//! What memristor physics needs of numerics, and no physics: counter-based random [streams](Stream), vectorised
//! [elementary functions](simd::math), [quantities with units](quantity), [statistics](stats), [least
//! squares](fit), borrowed matrices, cancellation.
//!
//! ```
//! use neurohm_num::{Key, Purpose};
//!
//! let stream = Key::root(42).child("chip", 0).stream(Purpose::Programming, 1);
//! let mut z = [0.0; 100];
//! stream.fill_normal(1000, &mut z);
//! assert_eq!(z[7], stream.normal(1007));
//! ```

pub mod fit;
mod key;
pub mod quantity;
mod rows;
pub mod simd;
pub mod stats;
mod stream;
mod watch;

pub use key::{Key, Purpose};
pub use rows::{Rows, RowsMut, ShapeError};
pub use stream::{Stream, StreamRng, philox4x32_10};
pub use watch::{Cancelled, Silent, Unwatched, Watch};
