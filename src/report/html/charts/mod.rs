//! The charts as geometry: boxes, lines and texts, which the template draws as SVG. Nothing here is markup.

mod coverage;
mod posture;
mod timeline;
mod usage;

use serde::Serialize;

pub(super) use self::coverage::coverage;
pub(super) use self::posture::posture;
pub(super) use self::timeline::sessions;
pub(super) use self::usage::{accounts, hours, weeks};
use crate::finding::Severity;

/// A drawing.
#[derive(Debug, Default, Serialize)]
pub(super) struct Chart {
    id: &'static str,
    title: &'static str,
    width: f64,
    height: f64,
    boxes: Vec<Box_>,
    lines: Vec<Line>,
    texts: Vec<Text>,
    legend: Vec<(&'static str, &'static str)>,
    /// What is not drawn.
    note: String,
}

/// A rectangle, with what it says and the findings that it leads to.
#[derive(Debug, Default, Serialize)]
struct Box_ {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
    class: &'static str,
    says: String,
    /// The findings of a click: an account, a span of time, a day and hour of the week, a row's id.
    account: Option<String>,
    from: Option<String>,
    to: Option<String>,
    day: Option<usize>,
    hour: Option<usize>,
    goto: Option<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    x1: f64,
    y1: f64,
    x2: f64,
    y2: f64,
    class: &'static str,
}

#[derive(Debug, Serialize)]
struct Text {
    x: f64,
    y: f64,
    anchor: &'static str,
    text: String,
}

impl Chart {
    fn text(&mut self, x: f64, y: f64, anchor: &'static str, text: impl Into<String>) {
        self.texts.push(Text { x: round(x), y: round(y), anchor, text: text.into() });
    }

    fn line(&mut self, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.stroke(x1, y1, x2, y2, "");
    }

    fn stroke(&mut self, x1: f64, y1: f64, x2: f64, y2: f64, class: &'static str) {
        self.lines.push(Line { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), class });
    }

    fn put(&mut self, x: f64, y: f64, w: f64, h: f64, rest: Box_) {
        self.boxes.push(Box_ { x: round(x), y: round(y), w: round(w), h: round(h), ..rest });
    }
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

pub(super) fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
    }
}
