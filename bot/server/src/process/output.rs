//! Takes what a program prints: line by line to the caller, or as bytes to be kept.

use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::lines::{Line, Lines};
use super::{Invocation, OnLine, Redactor, RunError, Stdout, Stream};

/// How many of the last lines are kept for telling what happened.
const TAIL_LINES: usize = 50;
/// How much of each of them.
const TAIL_LINE_BYTES: usize = 2048;

/// What a program prints, on its way to the caller.
pub(super) struct Output<'a> {
    redactor: &'a Redactor,
    on_line: OnLine<'a>,
    out: Lines,
    err: Lines,
    capture: Option<usize>,
    stdout: Vec<u8>,
    tail: VecDeque<String>,
}

impl<'a> Output<'a> {
    pub(super) fn new(invocation: &'a Invocation, on_line: OnLine<'a>) -> Self {
        let redactor = &invocation.redactor;
        let lines = || Lines::new(invocation.limits.line, redactor.longest());
        Self {
            redactor,
            on_line,
            out: lines(),
            err: lines(),
            capture: match invocation.stdout {
                Stdout::Lines => None,
                Stdout::Bytes { limit } => Some(limit),
            },
            stdout: Vec::new(),
            tail: VecDeque::new(),
        }
    }

    /// Reads both streams to their ends.
    pub(super) async fn read(
        &mut self,
        mut out: Option<impl AsyncRead + Unpin>,
        mut err: Option<impl AsyncRead + Unpin>,
    ) -> Result<(), RunError> {
        let mut out_buffer = vec![0; 32 * 1024];
        let mut err_buffer = vec![0; 32 * 1024];
        while out.is_some() || err.is_some() {
            let (stream, bytes) = tokio::select! {
                read = read_some(&mut out, &mut out_buffer), if out.is_some() =>
                    (Stream::Out, &out_buffer[..read?]),
                read = read_some(&mut err, &mut err_buffer), if err.is_some() =>
                    (Stream::Err, &err_buffer[..read?]),
            };
            self.take(stream, bytes)?;
            match stream {
                Stream::Out if bytes.is_empty() => out = None,
                Stream::Err if bytes.is_empty() => err = None,
                Stream::Out | Stream::Err => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), RunError> {
        if let (Stream::Out, Some(limit)) = (stream, self.capture) {
            if self.stdout.len() + bytes.len() > limit {
                return Err(RunError::TooMuch { limit });
            }
            self.stdout.extend_from_slice(bytes);
            return Ok(());
        }
        let lines = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        for line in lines.push(bytes) {
            tell(self.redactor, &line, &mut self.tail, stream, self.on_line);
        }
        Ok(())
    }

    /// Tells the last lines, which had no newline.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<String>) {
        for (stream, lines) in [(Stream::Out, &mut self.out), (Stream::Err, &mut self.err)] {
            if let Some(line) = lines.rest() {
                tell(self.redactor, &line, &mut self.tail, stream, self.on_line);
            }
        }
        (self.stdout, self.tail.into())
    }
}

/// Reads from a stream that is known to be open.
async fn read_some(
    from: &mut Option<impl AsyncRead + Unpin>,
    into: &mut [u8],
) -> io::Result<usize> {
    match from {
        Some(stream) => stream.read(into).await,
        None => Ok(0),
    }
}

fn tell(
    redactor: &Redactor,
    line: &Line,
    tail: &mut VecDeque<String>,
    stream: Stream,
    on_line: OnLine<'_>,
) {
    let text = line.text(redactor);
    if tail.len() == TAIL_LINES {
        tail.pop_front();
    }
    tail.push_back(text[..text.floor_char_boundary(TAIL_LINE_BYTES)].to_owned());
    on_line(stream, &text);
}
