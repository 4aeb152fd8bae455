//! What can be wrong with an ONNX file.

use std::fmt::Write as _;

/// Whose fault a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The model's: shapes that disagree, numbers that are none.
    Model,
    /// This reader's: it cannot do what the model asks for.
    Reader,
}

/// One thing in a model that is wrong, or that this reader cannot do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Whose fault it is.
    pub fault: Fault,
    /// The node, input or initialiser, by its name in the file.
    pub node: String,
    /// Its operator, `input` or `initialiser`.
    pub op: String,
    /// What is wrong, or why it cannot be done.
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
    /// Everything in the model that is wrong or that this reader cannot do, sorted, what is wrong first.
    #[error("{}", list(.0))]
    Refused(Vec<Problem>),
}

fn list(problems: &[Problem]) -> String {
    let mut text = String::new();
    for (fault, one, many) in [
        (
            Fault::Model,
            "this ONNX model is wrong in one place; mend it or export it again:",
            "this ONNX model is wrong in # places; mend it or export it again:",
        ),
        (
            Fault::Reader,
            "neurohm cannot take this ONNX model, for one reason:",
            "neurohm cannot take this ONNX model, for # reasons:",
        ),
    ] {
        let count = problems.iter().filter(|p| p.fault == fault).count();
        if count == 0 {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text += &if count == 1 { one.to_string() } else { many.replace('#', &count.to_string()) };
        for Problem { node, op, reason, .. } in problems.iter().filter(|p| p.fault == fault) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {op} \"{node}\": {reason}");
        }
    }
    text
}

/// Why one step could not be done; whoever knows its name makes a [`Problem`] of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub fault: Fault,
    pub reason: String,
}

/// Something that this reader cannot do.
pub(super) fn unsupported(reason: impl Into<String>) -> Refusal {
    Refusal { fault: Fault::Reader, reason: reason.into() }
}

/// Something that is wrong with the model.
pub(super) fn wrong(reason: impl Into<String>) -> Refusal {
    Refusal { fault: Fault::Model, reason: reason.into() }
}

/// What the layer graph says of its shapes: the model is wrong.
impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        wrong(reason)
    }
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        wrong(reason)
    }
}

/// The result of a step.
pub(super) type Step<T> = Result<T, Refusal>;

/// Leaves a step that this reader cannot do, with a formatted reason.
macro_rules! refuse {
    ($($part:tt)*) => { return Err($crate::onnx::error::unsupported(format!($($part)*))) };
}
pub(super) use refuse;

/// Leaves a step in which the model is wrong, with a formatted reason.
macro_rules! mistake {
    ($($part:tt)*) => { return Err($crate::onnx::error::wrong(format!($($part)*))) };
}
pub(super) use mistake;
