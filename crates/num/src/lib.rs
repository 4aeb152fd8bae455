//! What memristor physics needs of numerics, and no physics: counter-based random streams,
//! statistics, quantities with units, borrowed matrices, cancellation.

mod rows;
mod watch;

pub use rows::{Rows, RowsMut, ShapeError};
pub use watch::{Cancelled, Unwatched, Watch};
