//! What can be wrong with an ONNX file.

use std::fmt::Write as _;

/// One thing in a model that this reader cannot do, or that does not fit together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The node, input or initialiser, by its name in the file.
    pub node: String,
    /// Its operator, `input` or `initialiser`.
    pub op: String,
    /// Why it cannot be done.
    pub reason: String,
}

/// Why an ONNX file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are no ONNX model: another kind of file, or a damaged one.
    #[error("not a readable ONNX file: {0}")]
    Decode(String),
    /// The model contradicts itself.
    #[error("malformed ONNX file: {place}: {what}")]
    Malformed {
        /// Where: the node, initialiser or input by name.
        place: String,
        /// What is wrong there.
        what: String,
    },
    /// Tensors kept outside the file could not be had.
    #[error("external data of initialiser \"{tensor}\" in \"{location}\": {what}")]
    External {
        /// The initialiser.
        tensor: String,
        /// File name given for its data.
        location: String,
        /// What is wrong.
        what: String,
    },
    /// Everything in the model that this reader cannot do, or that does not fit together, sorted.
    #[error("{}", list(.0))]
    Unsupported(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let mut text = match problems.len() {
        1 => "neurohm cannot take this ONNX model, for one reason:".to_string(),
        n => format!("neurohm cannot take this ONNX model, for {n} reasons:"),
    };
    for Problem { node, op, reason } in problems {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {op} \"{node}\": {reason}");
    }
    text
}

/// Why one step could not be done; whoever knows its name makes a [`Problem`] of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub String);

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self(reason.into())
    }
}

/// The result of a step.
pub(super) type Step<T> = Result<T, Refusal>;

/// Leaves a step with a formatted reason.
macro_rules! refuse {
    ($($part:tt)*) => { return Err($crate::onnx::error::Refusal(format!($($part)*))) };
}
pub(super) use refuse;
