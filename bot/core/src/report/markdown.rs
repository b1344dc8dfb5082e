//! Markdown from data: escaping, fences, folds, tables, durations, times.
//!
//! What [`text`], [`code`] and [`link`] return is one line that holds no unescaped pipe, so it may
//! go into a table cell, a heading or a sentence alike.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

/// A zero-width space behind `@`, `#` and `GH-`, so that GitHub links nobody and nothing; as an
/// entity, so that the source of a comment shows it.
const ZERO_WIDTH_SPACE: &str = "&#8203;";

/// Prose from outside, made inert: one line, no Markdown, no HTML, no mention, no autolink.
#[must_use]
pub fn text(raw: &str) -> String {
    let line = one_line(raw);
    let mut out = String::with_capacity(line.len() + 16);
    let mut chars = line.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(c) = chars.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // An entity, not a backslash: a table splits its cells before it looks at backslashes.
            '|' => out.push_str("&#124;"),
            '@' | '#' => {
                if c == '#' && before.is_none() {
                    out.push('\\');
                }
                out.push(c);
                if chars.peek().is_some_and(|next| next.is_alphanumeric()) {
                    out.push_str(ZERO_WIDTH_SPACE);
                }
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '!' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '-' => {
                let begins = before.is_none();
                out.push_str(if begins { "\\-" } else { "-" });
                let tail = out.strip_suffix('-').unwrap_or_default();
                let gh = tail
                    .get(tail.len().saturating_sub(2)..)
                    .is_some_and(|t| t.eq_ignore_ascii_case("gh"));
                if gh && chars.peek().is_some_and(char::is_ascii_digit) {
                    out.push_str(ZERO_WIDTH_SPACE);
                }
            }
            '+' | '=' if before.is_none() => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if before.is_some_and(|b| b.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Code from outside, inline. Backticks inside are met by a longer fence of them.
#[must_use]
pub fn code(raw: &str) -> String {
    let line = one_line(raw);
    if line.is_empty() {
        return "(empty)".to_owned();
    }
    if line.contains('|') {
        // A pipe can't be escaped in a code span for table and prose alike; HTML can.
        return format!("<code>{}</code>", text(&line));
    }
    let fence = "`".repeat(longest_run(&line, '`') + 1);
    let pad = if line.starts_with(['`', ' ']) || line.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{line}{pad}{fence}")
}

/// A sentence of the bot's own in which backticks mark code, with parts from outside in it: as
/// [`text`], except that what stands between two backticks is [`code`].
#[must_use]
pub fn prose(raw: &str) -> String {
    let parts: Vec<&str> = raw.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text(raw);
    }
    let mut out = String::with_capacity(raw.len() + 16);
    for (place, part) in parts.iter().enumerate() {
        if place % 2 == 1 {
            out.push_str(&code(part));
            continue;
        }
        // What `text` trims belongs between words here.
        let inner = text(part);
        let starts = place > 0 && part.starts_with(char::is_whitespace);
        let ends = place + 1 < parts.len() && part.ends_with(char::is_whitespace);
        if starts {
            out.push(' ');
        }
        out.push_str(&inner);
        if ends && !(inner.is_empty() && starts) {
            out.push(' ');
        }
    }
    out
}

/// Texts as sentences, one after the other: each begins like one and ends like one. Empty ones are
/// left out. The result is for [`prose`].
#[must_use]
pub fn sentences(parts: &[&str]) -> String {
    let all = parts.iter().map(|part| part.trim());
    let closed: Vec<String> = all
        .filter(|part| !part.is_empty())
        .map(|part| {
            let word = part.split_whitespace().next().unwrap_or_default();
            // A name stays as it is written.
            let is_word = word.chars().all(|c| c.is_ascii_lowercase());
            let mut sentence = String::with_capacity(part.len() + 1);
            let mut chars = part.chars();
            match chars.next().filter(|_| is_word) {
                Some(first) => sentence.extend(first.to_uppercase().chain(chars)),
                None => sentence.push_str(part),
            }
            if !sentence.ends_with(['.', '!', '?', ':', '…']) {
                sentence.push('.');
            }
            sentence
        })
        .collect();
    closed.join(" ")
}

/// The first sentence of a text without its backticks, short enough for a title.
#[must_use]
pub fn title(raw: &str) -> String {
    const LONGEST: usize = 120;
    let line = one_line(&raw.replace('`', ""));
    let first = line
        .split_once(". ")
        .map_or(line.as_str(), |(first, _)| first);
    let first = first.trim_end_matches('.');
    match first.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", first.get(..end).unwrap_or_default().trim_end()),
        None => first.to_owned(),
    }
}

/// A link; a target that is not http or https is told as code instead.
#[must_use]
pub fn link(label: &str, url: &str) -> String {
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return format!("{} {}", text(label), code(url));
    }
    let mut target = String::with_capacity(url.len());
    for c in url.chars() {
        if c.is_control() || c.is_whitespace() || is_bidi_control(c) || "()<>|\\`\"[]".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(target, "%{byte:02X}");
            }
        } else {
            target.push(c);
        }
    }
    format!("[{}]({target})", text(label))
}

/// A block of text in a fence that is longer than any inside. `lang` is ours, never from outside.
#[must_use]
pub fn fenced(lang: &str, body: &str) -> String {
    let body = visible(body);
    let fence = "`".repeat((longest_run(&body, '`') + 1).max(3));
    let end = if body.is_empty() || body.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{fence}{lang}\n{body}{end}{fence}\n")
}

/// A fold. The summary is plain text from anywhere; the body is Markdown.
#[must_use]
pub fn details(summary: &str, body: &str) -> String {
    let body = body.trim_end_matches('\n');
    format!(
        "<details><summary>{}</summary>\n\n{body}\n\n</details>\n",
        html(summary)
    )
}

/// A table. Cells are Markdown from the functions of this module.
#[must_use]
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from("|");
        for cell in cells {
            let _ = write!(line, " {} |", cell_text(cell));
        }
        line.push('\n');
        line
    };
    out.push_str(&line(&mut head.iter().copied()));
    out.push_str(&line(&mut head.iter().map(|_| "---")));
    for row in rows {
        out.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    out
}

/// The last guard: a cell never breaks its row, whatever it was made of.
fn cell_text(cell: &str) -> String {
    cell.replace('|', "&#124;").replace(['\n', '\r'], " ")
}

/// A duration as people say it: `74 s`, `12 min`, `2 h 10 min`, `3 d 4 h`.
#[must_use]
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    let pair = |big: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {unit}"),
        _ => format!("{big} {unit} {small} {small_unit}"),
    };
    match seconds {
        0 if length.as_millis() > 0 => format!("{} ms", length.as_millis()),
        0..120 => format!("{seconds} s"),
        120..3600 => format!("{minutes} min"),
        3600..86_400 => pair(hours, "h", minutes % 60, "min"),
        _ => pair(hours / 24, "d", hours % 24, "h"),
    }
}

/// A time to the minute, in UTC: `2026-11-24 07:45 UTC`.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `1 resource`, `3 resources`.
#[must_use]
pub fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {many}")
    }
}

/// Commands as code: `` `/apply dev` or `/explain dev` ``.
#[must_use]
pub fn commands(commands: &[String]) -> String {
    commands
        .iter()
        .map(|command| code(command))
        .collect::<Vec<_>>()
        .join(" or ")
}

/// `1st`, `2nd`, `3rd`, `11th`.
#[must_use]
pub fn ordinal(n: usize) -> String {
    let suffix = match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{n}{suffix}")
}

/// The hidden line by which a comment is found again. Goes first.
///
/// The key is ours; anything in it that could end the HTML comment is dropped.
#[must_use]
pub fn marker(key: &str) -> String {
    let key: String = key.chars().filter(|c| is_marker_char(*c)).collect();
    format!("<!-- slipway:{key} -->\n")
}

/// The key of a body's marker, if its first line is one.
#[must_use]
pub fn find_marker(body: &str) -> Option<&str> {
    let line = body.lines().next()?.trim();
    let key = line.strip_prefix("<!-- slipway:")?.strip_suffix(" -->")?;
    (!key.is_empty() && key.chars().all(is_marker_char)).then_some(key)
}

fn is_marker_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '#')
}

/// Text for inside an HTML element: one line, no element, no mention.
fn html(raw: &str) -> String {
    let mut out = String::new();
    let line = one_line(raw);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' | '#' => {
                out.push(c);
                if chars.peek().is_some_and(|next| next.is_alphanumeric()) {
                    out.push_str(ZERO_WIDTH_SPACE);
                }
            }
            _ => out.push(c),
        }
    }
    out
}

fn one_line(raw: &str) -> String {
    let visible = visible(raw);
    let words: Vec<&str> = visible
        .split(['\n', '\t'])
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .collect();
    words.join(" ")
}

/// Drops terminal escape sequences and carriage returns and spells out characters that can't be
/// seen or that change the direction of reading; newlines and tabs stay.
#[must_use]
pub fn visible(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\u{1b}' => skip_escape(&mut chars),
            c if c.is_control() || is_bidi_control(c) || is_separator(c) => {
                let _ = write!(out, "{}", c.escape_unicode());
            }
            _ => out.push(c),
        }
    }
    out
}

/// Skips the rest of an escape sequence (ECMA-48): CSI up to its final byte, OSC up to its end.
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            while let Some(c) = chars.peek().copied() {
                if c == '\n' {
                    return;
                }
                chars.next();
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    return;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.peek().copied() {
                if c == '\n' {
                    return;
                }
                chars.next();
                if c == '\u{7}' {
                    return;
                }
                if c == '\u{1b}' {
                    if chars.peek() == Some(&'\\') {
                        chars.next();
                    }
                    return;
                }
            }
        }
        Some(c) if !c.is_control() => {
            chars.next();
        }
        _ => {}
    }
}

/// Unicode's bidirectional controls ("Trojan Source", CVE-2021-42574).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that some readers take for a line's end, and the byte order mark.
fn is_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

pub(super) fn longest_run(text: &str, of: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
