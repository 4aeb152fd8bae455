//! A figure's frame and its text: the few SVG elements that the charts need, escaped. Colours are classes,
//! given by the page's style sheet, so that one drawing serves light, dark and paper.

use std::fmt::Write;

/// An SVG drawing under construction, in units of CSS pixels at its natural size.
pub(crate) struct Svg {
    out: String,
}

/// Which end of a text stands at its position.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    /// Opens a drawing that screen readers announce by its `title` and `about`; `id` is unique in the page.
    pub(crate) fn new(id: &str, width: f64, height: f64, title: &str, about: &str) -> Self {
        let mut svg = Svg { out: String::new() };
        let (title, about) = (escape(title), escape(about));
        svg.raw(&format!(
            "<svg class=\"chart\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{title}</title>\
             <desc id=\"{id}-d\">{about}</desc>"
        ));
        svg
    }

    /// Appends markup that is known to be well-formed.
    pub(crate) fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    pub(crate) fn line(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2]) {
        let _ = write!(
            self.out,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A rectangle between two corners, with words for the pointer that rests on it.
    pub(crate) fn rect(&mut self, class: &str, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], tip: &str) {
        let (x, y, w, h) = (x1.min(x2), y1.min(y2), (x2 - x1).abs(), (y2 - y1).abs());
        let _ = write!(
            self.out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\">{}</rect>",
            tip_markup(tip)
        );
    }

    /// A line of a given width, with words for the pointer that rests on it.
    pub(crate) fn road(&mut self, [x1, y1]: [f64; 2], [x2, y2]: [f64; 2], wide: f64, tip: &str) {
        let _ = write!(
            self.out,
            "<line class=\"road\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
             stroke-width=\"{wide:.1}\">{}</line>",
            tip_markup(tip)
        );
    }

    pub(crate) fn circle(&mut self, class: &str, [x, y]: [f64; 2], radius: f64, tip: &str) {
        let _ = write!(
            self.out,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">{}</circle>",
            tip_markup(tip)
        );
    }

    pub(crate) fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ = write!(
            self.out,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// An open path through the points of each run, or a closed one.
    pub(crate) fn path(&mut self, class: &str, runs: &[Vec<[f64; 2]>], closed: bool) {
        let mut d = String::new();
        for run in runs.iter().filter(|run| run.len() > 1) {
            for (i, [x, y]) in run.iter().enumerate() {
                let _ = write!(d, "{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
            }
            d.push_str(if closed { "Z" } else { "" });
        }
        if !d.is_empty() {
            let _ = write!(self.out, "<path class=\"{class}\" d=\"{d}\"/>");
        }
    }

    pub(crate) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }
}

fn tip_markup(tip: &str) -> String {
    if tip.is_empty() { String::new() } else { format!("<title>{}</title>", escape(tip)) }
}

/// Text as markup: the five characters that could end it, and control characters that XML forbids.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && !c.is_whitespace() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// About how wide a text is at `size` pixels, in the widest of the usual system fonts (DejaVu Sans): in a narrower one
/// labels stand further apart, and none is cut.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | '.' | ',' | '\'' | '|' | ':' | ' ' | '\u{a0}' | '\u{202f}' => 0.32,
            '⁰'..='⁹' | '¹' | '²' | '³' => 0.41,
            '⁻' => 0.53,
            '−' | '×' | '±' | '+' => 0.84,
            'm' | 'w' | 'M' | 'W' => 0.97,
            _ => 0.64,
        })
        .sum();
    ems * size
}

/// Breaks a text into lines of at most `room` pixels at `size`, between words.
pub(crate) fn wrap(text: &str, room: f64, size: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        let longer = if last.is_empty() { word.to_string() } else { format!("{last} {word}") };
        if width(&longer, size) <= room || last.is_empty() {
            *last = longer;
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}
