//! How a command fails: with an exit code, a message, and what to do about it.

use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use neurohm::array::SettingError;
use neurohm::cost::CostError;
use neurohm::data::DataError;
use neurohm::device::DeviceError;
use neurohm::nn::NnError;
use neurohm::report::ReportError;
use neurohm::study::StudyError;

/// Why a command gave no result.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    help: Vec<String>,
    place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// What was asked for cannot be done as asked.
    Request,
    /// It was tried and failed, or was cancelled.
    Run,
    /// The reader of our output has gone: no failure of anybody's.
    BrokenPipe,
}

/// Where in a text the mistake stands.
#[derive(Debug)]
struct Place {
    name: String,
    text: String,
    offset: usize,
    length: usize,
}

impl Failure {
    /// The request was wrong.
    pub fn request(message: impl Into<String>) -> Self {
        Failure { kind: Kind::Request, message: message.into(), help: Vec::new(), place: None }
    }

    /// The run failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure { kind: Kind::Run, ..Failure::request(message) }
    }

    /// Standard output could not be written.
    pub fn output(error: &std::io::Error) -> Self {
        let failure = Failure::failed(format!("cannot write to standard output: {error}"));
        let kind = if error.kind() == std::io::ErrorKind::BrokenPipe { Kind::BrokenPipe } else { Kind::Run };
        Failure { kind, ..failure }
    }

    /// Adds what to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// 0 where nobody is left to tell, 1 for a run that failed, 2 for a wrong request.
    pub fn code(&self) -> u8 {
        match self.kind {
            Kind::BrokenPipe => 0,
            Kind::Run => 1,
            Kind::Request => 2,
        }
    }

    /// The message as it is shown; `None` where nobody is left to read it.
    pub fn shown(&self, colour: bool, width: usize) -> Option<String> {
        if self.kind == Kind::BrokenPipe {
            return None;
        }
        let mut diagnostic = MietteDiagnostic::new(&self.message);
        if !self.help.is_empty() {
            diagnostic = diagnostic.with_help(self.help.join("\n"));
        }
        let report = match &self.place {
            Some(place) => {
                let span = place.offset..place.offset + place.length;
                let source = NamedSource::new(&place.name, place.text.clone());
                Report::new(diagnostic.with_label(LabeledSpan::new_primary_with_span(None, span)))
                    .with_source_code(source)
            }
            None => Report::new(diagnostic),
        };
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut out = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false);
        handler.render_report(&mut out, report.as_ref()).ok()?;
        Some(out)
    }

    /// A setting that cannot be used, with the line it stands in where it came from a file.
    fn setting(error: &SettingError) -> Self {
        let place = error.origin.as_deref().zip(error.place).and_then(|(origin, at)| place(origin, at));
        let mut message = String::new();
        if place.is_none()
            && let Some(origin) = &error.origin
        {
            message += origin;
            if let Some((line, column)) = error.place {
                message += &format!(":{line}:{column}");
            }
            message += ": ";
        }
        if !error.path.is_empty() {
            message += &format!("{}: ", error.path);
        }
        message += &error.message;
        let mut failure = Failure { place, ..Failure::request(message) };
        if let Some(nearest) = &error.nearest {
            failure = failure.help(format!("did you mean `{nearest}`?"));
        }
        if !error.allowed.is_empty() {
            failure = failure.help(format!("allowed: {}", error.allowed.join(", ")));
        }
        failure
    }
}

/// Reads the text again to show the line; a file that has gone meanwhile is only named.
fn place(origin: &str, (line, column): (usize, usize)) -> Option<Place> {
    let text = std::fs::read_to_string(Path::new(origin)).ok()?;
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(start..)?.lines().next().unwrap_or("");
    let offset: usize = rest.chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
    let word =
        rest.get(offset..)?.split(|c: char| c.is_whitespace() || "=,]}".contains(c)).next().unwrap_or("");
    // The excerpt shows whole lines; one that no terminal can show is told by its place alone.
    let length = word.len().max(1);
    let shown = text.lines().skip(line.saturating_sub(2)).take(3).all(|line| line.len() <= LONGEST_LINE);
    shown.then(|| Place { name: origin.to_string(), offset: start + offset, length, text })
}

/// Longest line of a file that is shown with a message about it, bytes.
const LONGEST_LINE: usize = 500;

impl From<StudyError> for Failure {
    fn from(error: StudyError) -> Self {
        match &error {
            StudyError::Setting(setting) => Failure::setting(setting),
            StudyError::Data(_) => Failure::request(error.to_string()),
            StudyError::Cancelled => Failure::failed("cancelled; nothing was written"),
            StudyError::UnknownStudy { name, nearest, known } => {
                let failure = Failure::request(format!("no study is called {name:?}"));
                let failure = match nearest {
                    Some(nearest) => failure.help(format!("did you mean `{nearest}`?")),
                    None => failure,
                };
                failure.help(format!(
                    "the studies are {}; a path to a request needs a / or ends in .toml",
                    known.join(", ")
                ))
            }
            StudyError::Device(device) => Failure::from(device.as_ref()),
            _ if error.is_request() => Failure::request(chain(&error)),
            _ => Failure::failed(chain(&error)),
        }
    }
}

impl From<&DeviceError> for Failure {
    fn from(error: &DeviceError) -> Self {
        let (name, nearest, known) = match error {
            DeviceError::UnknownPreset { name, nearest, known } => (name, nearest, known),
            DeviceError::Setting(setting) => return Failure::setting(setting),
            DeviceError::Cancelled(_) => return Failure::failed("cancelled; nothing was written"),
            _ => return Failure::request(chain(error)),
        };
        let failure = Failure::request(format!("no device preset is called {name:?}"));
        let failure = match nearest {
            Some(nearest) => failure.help(format!("did you mean `{nearest}`?")),
            None => failure,
        };
        failure.help(format!(
            "the presets are {}; a path to a description needs a / or ends in .toml",
            known.join(", ")
        ))
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Failure::from(&error)
    }
}

impl From<SettingError> for Failure {
    fn from(error: SettingError) -> Self {
        Failure::setting(&error)
    }
}

impl From<CostError> for Failure {
    fn from(error: CostError) -> Self {
        match error {
            CostError::Setting(setting) => Failure::setting(&setting),
            error => Failure::request(chain(&error)),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Cancelled(_) => Failure::failed("cancelled; nothing was written"),
            error => Failure::request(chain(&error)),
        }
    }
}

impl From<NnError> for Failure {
    fn from(error: NnError) -> Self {
        Failure::failed(chain(&error))
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        Failure::failed(chain(&error))
    }
}

/// An error with the errors below it that it does not already repeat.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        below = cause.source();
    }
    text
}
