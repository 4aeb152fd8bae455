//! Standard output and standard error: what may be printed, in what colours, and what happens when nobody reads.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

use neurohm::study::Earlier;

use crate::failure::Failure;

/// The terminal, as the options and the environment want it.
pub struct Terminal {
    json: bool,
    quiet: bool,
    colour_out: bool,
    colour_err: bool,
    earlier: OnceLock<Earlier>,
}

/// How a piece of text stands out where colours are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Strong,
    Faint,
    Good,
    Open,
    Bad,
}

impl Terminal {
    pub fn new(json: bool, quiet: bool) -> Self {
        // https://no-color.org: any value but the empty one.
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = !set("NO_COLOR") && !dumb;
        let colour_out = wanted && std::io::stdout().is_terminal();
        let colour_err = wanted && std::io::stderr().is_terminal();
        Terminal { json, quiet, colour_out, colour_err, earlier: OnceLock::new() }
    }

    /// Whether standard output must hold one JSON value and nothing else.
    pub fn json(&self) -> bool {
        self.json
    }

    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// Prints to standard output.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
    }

    /// Prints one JSON value to standard output.
    pub fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value);
        let text = text.map_err(|e| Failure::failed(format!("the result has no JSON form: {e}")))?;
        self.print(&format!("{text}\n"))
    }

    /// Tells a person something that is no result: on standard error, so that pipes stay clean.
    pub fn tell(&self, text: &str) {
        if !self.quiet {
            self.err(&format!("{text}\n"));
        }
    }

    /// Remembers that results of an earlier run stand where those of this one go: a failure says that they are not its own.
    pub fn remember(&self, earlier: Earlier) {
        let _ = self.earlier.set(earlier);
    }

    /// Shows why a command failed; not even `--quiet` hides that.
    pub fn fail(&self, failure: Failure) {
        let failure = match self.earlier.get().filter(|earlier| earlier.stands()) {
            Some(earlier) => {
                failure.help(format!("{} and what it lists are of an earlier run", earlier.file().display()))
            }
            None => failure,
        };
        if let Some(text) = failure.shown(self.colour_err, 100) {
            self.err(text.trim_start_matches('\n'));
        }
    }

    fn err(&self, text: &str) {
        // Where this fails, nobody is left to tell.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Text in a style, where standard output shows colours.
    pub fn styled(&self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.colour_out => return text.into(),
            Style::Plain => return text.into(),
            Style::Strong => "1",
            Style::Faint => "2",
            Style::Good => "32",
            Style::Open => "33",
            Style::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Rows of cells under one another: all but the numbers to the left.
#[derive(Default)]
pub struct Columns {
    rows: Vec<Vec<(Style, String)>>,
    right: Vec<usize>,
}

impl Columns {
    /// Columns of which those listed are numbers, aligned to the right.
    pub fn new(right: &[usize]) -> Self {
        Columns { rows: Vec::new(), right: right.to_vec() }
    }

    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = (Style, S)>) {
        self.rows.push(cells.into_iter().map(|(style, text)| (style, text.into())).collect());
    }

    /// The rows as lines, indented by two.
    pub fn show(&self, terminal: &Terminal) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let wide = |text: &str| text.chars().count();
        let widths: Vec<usize> = (0..columns)
            .map(|i| {
                self.rows.iter().filter_map(|row| row.get(i)).map(|(_, text)| wide(text)).max().unwrap_or(0)
            })
            .collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::from("  ");
            for (i, (style, text)) in row.iter().enumerate() {
                let pad = " ".repeat(widths[i] - wide(text));
                let text = terminal.styled(*style, text);
                line += &if self.right.contains(&i) {
                    format!("{pad}{text}   ")
                } else {
                    format!("{text}{pad}   ")
                };
            }
            out += line.trim_end();
            out.push('\n');
        }
        out
    }
}
