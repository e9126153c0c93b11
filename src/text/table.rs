//! Tables of text, drawn for a width.
//!
//! Columns keep their natural width as long as the line has room. Then the widest columns that may shrink
//! give way, and then columns drop by their rank. Widths are those of a terminal: a wide character takes two
//! cells, a combining one none. A table draws its cells as they are, so text from a log must be made inert
//! before (see [`inert`]).

use std::borrow::Cow;

use super::is_unprintable;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// One column: how it stands and gives way.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The heading.
    pub title: &'static str,
    /// Whether cells stand at the right edge, as numbers do.
    pub right: bool,
    /// The width below which the column does not shrink; `None`: it never shrinks.
    pub least: Option<usize>,
    /// Columns of a higher rank drop first; those of rank 0 never.
    pub rank: u8,
}

impl Column {
    /// Returns a column of text that never shrinks or drops.
    pub const fn text(title: &'static str) -> Self {
        Self { title, right: false, least: None, rank: 0 }
    }

    /// Returns a column of numbers.
    pub const fn number(title: &'static str) -> Self {
        Self { title, right: true, least: None, rank: 0 }
    }

    /// Lets the column shrink down to a width.
    pub const fn shrinks_to(self, least: usize) -> Self {
        Self { least: Some(least), ..self }
    }

    /// Lets the column drop where there is no room.
    pub const fn drops(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// One cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// The text, inert.
    pub text: String,
    /// The SGR parameters of its colour, such as `1;31`; used only where the table is drawn in colour.
    pub colour: Option<&'static str>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), colour: None }
    }
}

/// Rows under headings.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// Blanks between two columns.
const GAP: usize = 2;

impl Table {
    /// Returns a table without rows.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. Cells that are missing are empty; cells beyond the last column are left out.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut cells: Vec<Cell> = cells.into_iter().take(self.columns.len()).collect();
        cells.resize(self.columns.len(), Cell::default());
        self.rows.push(cells);
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the headings.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the rows, in order.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Draws the table, each line with `indent` before it, no line wider than `width` cells.
    pub fn draw(&self, width: usize, indent: &str, colour: bool, out: &mut String) {
        let widths = self.fit(width.saturating_sub(indent.width()));
        let titles: Vec<Cell> =
            self.columns.iter().map(|column| column.title.to_uppercase().into()).collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::from(indent);
            let mut pending = 0;
            let mut first = true;
            for ((cell, column), width) in row.iter().zip(&self.columns).zip(&widths) {
                let Some(width) = *width else { continue };
                if !std::mem::take(&mut first) {
                    pending += GAP;
                }
                let text = cut(&cell.text, width);
                let room = width.saturating_sub(text.width());
                if column.right {
                    pending += room;
                }
                line.extend(std::iter::repeat_n(' ', std::mem::take(&mut pending)));
                match cell.colour.filter(|_| colour) {
                    Some(code) => line.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
                    None => line.push_str(&text),
                }
                if !column.right {
                    pending = room;
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }

    /// Returns the width of each column; `None` for a column that drops.
    fn fit(&self, room: usize) -> Vec<Option<usize>> {
        let natural = |at: usize| {
            let cells = self.rows.iter().map(|row| row[at].text.width()).max().unwrap_or(0);
            cells.max(self.columns[at].title.width())
        };
        let mut widths: Vec<Option<usize>> = (0..self.columns.len()).map(|at| Some(natural(at))).collect();
        let least = |at: usize, width: usize| self.columns[at].least.map_or(width, |least| least.min(width));
        let sum = |widths: &[Option<usize>], of: &dyn Fn(usize, usize) -> usize| {
            let shown: Vec<usize> = widths
                .iter()
                .enumerate()
                .filter_map(|(at, width)| width.map(|width| of(at, width)))
                .collect();
            shown.iter().sum::<usize>() + GAP * shown.len().saturating_sub(1)
        };
        while sum(&widths, &least) > room {
            let droppable = (0..widths.len()).filter(|&at| widths[at].is_some() && self.columns[at].rank > 0);
            let Some(at) = droppable.max_by_key(|&at| (self.columns[at].rank, at)) else { break };
            widths[at] = None;
        }
        let mut over = sum(&widths, &|_, width| width).saturating_sub(room);
        while over > 0 {
            let spare = |at: usize| widths[at].map_or(0, |width| width - least(at, width));
            let Some(at) = (0..widths.len()).filter(|&at| spare(at) > 0).max_by_key(|&at| (widths[at], at))
            else {
                break;
            };
            if let Some(width) = &mut widths[at] {
                *width -= 1;
            }
            over -= 1;
        }
        widths
    }
}

/// Returns the text, or as much of it as fits a width, with `…` at its end.
pub fn cut(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    let mut short = String::new();
    for char in text.chars() {
        let next = used + char.width().unwrap_or(0);
        if next + 1 > width {
            break;
        }
        used = next;
        short.push(char);
    }
    if width > 0 {
        short.push('…');
    }
    Cow::Owned(short)
}

/// Returns whether a character only shows itself: it acts on no terminal, turns no direction of writing, ends
/// no line and is not invisible.
pub fn is_inert(char: char) -> bool {
    !is_unprintable(char)
}

/// Returns the text with every character that is not [inert](is_inert) escaped, cut behind `most` characters.
pub fn inert(text: &str, most: usize) -> Cow<'_, str> {
    // This pass takes the short and plain texts whole, which most texts of a log are.
    if text.len() <= most && text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len().min(most.saturating_mul(4)));
    for (at, char) in text.chars().enumerate() {
        if at == most {
            safe.push('…');
            break;
        }
        if is_inert(char) {
            safe.push(char);
        } else {
            safe.extend(char.escape_unicode());
        }
    }
    Cow::Owned(safe)
}

/// Returns the text in ASCII: dashes and the sign of a cut as signs that look alike, all else escaped. Colours
/// and the ends of lines stay.
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '…' => safe.push('~'),
            '–' | '—' => safe.push('-'),
            '\u{a0}' => safe.push(' '),
            char if char.is_ascii() => safe.push(char),
            char => safe.extend(char.escape_unicode()),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: usize) -> String {
        let mut table = Table::new([
            Column::text("time"),
            Column::text("event").shrinks_to(6),
            Column::number("n"),
            Column::text("note").drops(1),
        ]);
        table.row(["03:02".into(), "ConsoleLogin".into(), "7".into(), "no MFA".into()]);
        table.row(["03:11".into(), "日本語のイベント".into(), "12".into(), "x".into()]);
        let mut out = String::new();
        table.draw(width, "  ", false, &mut out);
        out
    }

    #[test]
    fn a_wide_table_keeps_everything() {
        let expected = "  TIME   EVENT              N  NOTE\n  03:02  ConsoleLogin       7  no MFA\n  03:11  \
                        日本語のイベント  12  x\n";
        assert_eq!(drawn(80), expected);
    }

    #[test]
    fn a_narrow_table_drops_then_shrinks_and_no_line_is_wider() {
        for width in 20..80 {
            for line in drawn(width).lines() {
                assert!(line.width() <= width, "{width}: {line:?}");
            }
        }
        assert!(!drawn(24).contains("NOTE") && drawn(24).contains("Conso") && drawn(24).contains('…'));
    }

    #[test]
    fn colour_takes_no_room() {
        let mut table = Table::new([Column::text("a"), Column::text("b")]);
        table.row([Cell { text: "x".into(), colour: Some("1;31") }, "y".into()]);
        let (mut plain, mut painted) = (String::new(), String::new());
        table.draw(40, "", false, &mut plain);
        table.draw(40, "", true, &mut painted);
        assert_eq!(painted.replace("\x1b[1;31m", "").replace("\x1b[0m", ""), plain);
        assert_ne!(painted, plain);
    }

    #[test]
    fn nothing_acts_and_nothing_hides() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\x1b[31mred\r\n", "\\u{1b}[31mred\\u{d}\\u{a}"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("a\u{200b}b\u{2028}c\u{9b}1m", "a\\u{200b}b\\u{2028}c\\u{9b}1m"),
            ("zwölf Zeichen", "zwölf Zeic…"),
        ] {
            let most = if text.starts_with("zw") { 10 } else { 64 };
            assert_eq!(inert(text, most), expected);
        }
        assert_eq!(cut("ab", 2), "ab");
        assert_eq!(cut("日本", 3), "日…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(ascii("plain\n"), "plain\n");
        assert_eq!(ascii("2025 – 26, Zür…"), "2025 - 26, Z\\u{fc}r~");
    }
}
