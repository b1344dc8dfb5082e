//! Outcomes to Markdown and check-run output, within the limits of GitHub.
