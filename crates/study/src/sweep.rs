//! Sweeps: one study at many points, planned once, carried out by whatever machines there are, brought together again.
//!
//! A sweep's file is a study's request with axes beside it:
//!
//! ```toml
//! study = "mvm"
//! chips = 3
//!
//! [config]
//! size = 128
//!
//! [sweep]                          # all of it may be left out
//! design = "grid"                  # or random = {points = 200, seed = 1}, latin_hypercube = {points = 200}
//! objectives = ["error"]           # what is made better; the study's figure of merit where nothing is said
//!
//! [[axis]]
//! path = "chip.adc.uniform.resolution.bits"
//! values = [4, 6, 8]
//!
//! [[axis]]
//! path = "chip.read.voltage"
//! from = "0.1 V"
//! to = "0.4 V"
//! points = 4
//!
//! [[axis]]                         # moved together
//! name = "crossbar"
//! together = [
//!   { path = "chip.tile.rows", values = [128, 256] },
//!   { path = "chip.tile.columns", values = [128, 256] },
//! ]
//!
//! [[axis]]                         # Monte Carlo: every other setting meets every seed
//! path = "seed"
//! from = 1
//! to = 20
//! ```
//!
//! A point is that request with the axes' settings laid over it last, as `--set` does: it gives what `neurohm run` gives for
//! the same settings, to the bit.
//!
//! # What lies on the disk
//!
//! `plan.json` is the plan: the file's text, the device and chip files that it names, version and instruction set, and the
//! hash of every chunk. It never changes. Points follow from it, and are held against the hashes.
//!
//! `results/HASH.jsonl` is what a chunk gave, one file a chunk: a line that says what it is, then a line a point. A chunk's hash
//! is that of its points' ids, which are those of their resolved descriptions, with version and instruction set. So a result
//! belongs to what was computed, not to who did it: a file is written under a name of its own, flushed and renamed, and
//! whoever comes second replaces it by the same points, equal to the bit. Nothing else is truth: no lock, no queue, no index.
//! What there is is found out by looking.
//!
//! A search that looks at results before it asks for more writes a plan a generation: results do not name the plan that asked
//! for them.
//!
//! An [`Engine`] spreads chunks over machines. It may run a chunk twice, lose it or leave it half done; what it must do in the
//! end is call [`Job::chunk`] or the command `neurohm sweep work DIR --chunk N`, which is the same.

mod axis;
mod chunk;
mod collect;
mod description;
mod design;
mod engine;
mod figures;
mod front;
mod gathered;
mod plan;
mod preparations;
mod resolve;
mod results;
mod status;
mod work;

pub use collect::{Collection, collect};
pub use description::schema;
pub use engine::{Engine, Local, run};
pub use plan::{IdleSetting, Plan, Saved, plan};
pub use status::{Failed, State, Status};
pub use work::{Done, Job};
