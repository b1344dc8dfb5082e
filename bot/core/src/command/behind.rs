//! What stands behind `--`: flags for `terraform plan`, split as a shell would split them as far as
//! that matters for addresses, and by no shell.

use super::error::Problem;
use crate::plan_flags::PlanFlags;

/// The words of the command, and what stands behind the first `--` that is a word of its own.
/// Phones make one long dash of two.
pub(super) fn cut(rest: &str) -> (&str, Option<&str>) {
    let mut at = 0;
    for word in rest.split_inclusive(char::is_whitespace) {
        if matches!(word.trim_end(), "--" | "—" | "–") {
            return (&rest[..at], Some(&rest[at + word.len()..]));
        }
        at += word.len();
    }
    (rest, None)
}

/// Reads them.
pub(super) fn flags(text: &str) -> Result<PlanFlags, Problem> {
    let words = split(text)?;
    PlanFlags::parse(words.iter().map(String::as_str)).map_err(Problem::Flags)
}

/// Splits at white space outside of quotes. Double quotes belong to the address, where a backslash
/// keeps the next character; single ones are there for a shell and are taken away.
fn split(text: &str) -> Result<Vec<String>, Problem> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.char_indices();
    let open = |at: usize| Problem::Unterminated {
        from: text[at..].to_owned(),
    };
    while let Some((at, c)) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or_else(|| open(at))?.1 {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                word.push(c);
                loop {
                    let (_, c) = chars.next().ok_or_else(|| open(at))?;
                    word.push(c);
                    match c {
                        '"' => break,
                        '\\' => word.push(chars.next().ok_or_else(|| open(at))?.1),
                        _ => {}
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}
