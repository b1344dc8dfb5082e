//! Cuts a stream of bytes into lines of bounded length.

use std::borrow::Cow;

use super::Redactor;

/// One line, perhaps cut.
#[derive(Debug)]
pub(super) struct Line {
    bytes: Vec<u8>,
    limit: usize,
    dropped: usize,
}

impl Line {
    /// The line for people. It is redacted before it is cut, so that the cut can't leave half a
    /// secret.
    pub(super) fn text(&self, redactor: &Redactor) -> String {
        let text: Cow<'_, str> = String::from_utf8_lossy(&self.bytes);
        let mut text = redactor.clean(&text);
        let overhang = self.bytes.len().saturating_sub(self.limit);
        if overhang > 0 {
            // Masks are shorter than secrets: what began past the limit may have moved up to it.
            let end = text.len().saturating_sub(overhang).min(self.limit);
            text.truncate(text.floor_char_boundary(end));
            let over = overhang + self.dropped;
            text.push_str(&format!(
                " … [{over} more bytes of this line are not shown]"
            ));
        }
        text
    }
}

/// Collects bytes until a newline; what is over the limit is counted and forgotten.
#[derive(Debug)]
pub(super) struct Lines {
    limit: usize,
    /// Kept past the limit, for a secret that lies across it.
    overhang: usize,
    bytes: Vec<u8>,
    dropped: usize,
}

impl Lines {
    pub(super) fn new(limit: usize, overhang: usize) -> Self {
        Self {
            limit,
            overhang: overhang.max(1),
            bytes: Vec::new(),
            dropped: 0,
        }
    }

    /// Takes bytes and gives the lines that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut done = Vec::new();
        let mut parts = bytes.split(|b| *b == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = (self.limit + self.overhang).saturating_sub(self.bytes.len());
            let kept = part.len().min(room);
            self.bytes.extend_from_slice(&part[..kept]);
            self.dropped += part.len() - kept;
            if parts.peek().is_some() {
                done.push(self.take());
            }
        }
        done
    }

    /// The last line, if it had no newline.
    pub(super) fn rest(&mut self) -> Option<Line> {
        (!self.bytes.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Line {
        Line {
            bytes: std::mem::take(&mut self.bytes),
            limit: self.limit,
            dropped: std::mem::take(&mut self.dropped),
        }
    }
}
