use std::time::Duration;

use proptest::prelude::*;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::report::markdown::*;

#[test]
fn prose_is_made_inert() {
    let cases = [
        ("hello", "hello"),
        ("@ana and @org/team", "@&#8203;ana and @&#8203;org/team"),
        (
            "see #12, GH-3, a/b#4",
            "see #&#8203;12, GH-&#8203;3, a/b#&#8203;4",
        ),
        ("a|b", "a&#124;b"),
        ("<img src=x>&", "&lt;img src=x&gt;&amp;"),
        (
            "**bold** _it_ `code` [l](u)",
            "\\*\\*bold\\*\\* \\_it\\_ \\`code\\` \\[l\\](u)",
        ),
        ("# title", "\\# title"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("two\nlines\r\nthree", "two lines three"),
        ("\u{1b}[31mred\u{1b}[0m", "red"),
        ("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7}", "link"),
        ("abc\u{202e}def", "abc\\\\u{202e}def"),
        ("nul\0", "nul\\\\u{0}"),
    ];
    for (raw, inert) in cases {
        assert_eq!(text(raw), inert);
    }
}

#[test]
fn code_meets_backticks_with_more() {
    assert_eq!(code("a"), "`a`");
    assert_eq!(code("a`b"), "``a`b``");
    assert_eq!(code("`"), "`` ` ``");
    assert_eq!(code("a|b"), "<code>a&#124;b</code>");
    assert_eq!(code(" \n"), "(empty)");
    assert_eq!(code("two\nlines"), "`two lines`");
}

#[test]
fn fences_are_longer_than_any_inside() {
    assert_eq!(fenced("diff", "+ a"), "```diff\n+ a\n```\n");
    assert_eq!(fenced("", "```\nx\n````\n"), "`````\n```\nx\n````\n`````\n");
    assert_eq!(fenced("", ""), "```\n```\n");
}

#[test]
fn links_lead_to_the_web_only() {
    assert_eq!(
        link("run", "https://a.example/b?c=d"),
        "[run](https://a.example/b?c=d)"
    );
    assert_eq!(
        link("x", "https://a.example/)|<b>"),
        "[x](https://a.example/%29%7C%3Cb%3E)"
    );
    assert_eq!(link("x", "javascript:alert(1)"), "x `javascript:alert(1)`");
}

#[test]
fn durations_are_said_as_people_say_them() {
    let said = |seconds: u64| duration(Duration::from_secs(seconds));
    for (seconds, words) in [
        (0, "0 s"),
        (74, "74 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (86_400, "1 d"),
        (100_000, "1 d 3 h"),
    ] {
        assert_eq!(said(seconds), words);
    }
    assert_eq!(
        time("2026-11-24T07:45:59Z".parse().unwrap()),
        "2026-11-24 07:45 UTC"
    );
    let places: Vec<String> = [1, 2, 3, 4, 11, 12, 21, 112]
        .into_iter()
        .map(ordinal)
        .collect();
    assert_eq!(places.join(" "), "1st 2nd 3rd 4th 11th 12th 21st 112th");
}

#[test]
fn a_marker_is_found_again_and_only_in_the_first_line() {
    let body = format!("{}### Plan", marker("plan:acme/shop#42"));
    assert_eq!(find_marker(&body), Some("plan:acme/shop#42"));
    assert_eq!(find_marker("### Plan\n<!-- slipway:plan -->"), None);
    assert_eq!(find_marker("<!-- other -->"), None);
    assert_eq!(find_marker(""), None);
    assert_eq!(marker("a-->b\n"), "<!-- slipway:a--b -->\n");
}

/// Text full of what hurts.
pub(super) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("`".to_owned()),
        Just("```\n".to_owned()),
        Just("|".to_owned()),
        Just("\\".to_owned()),
        Just("\\|".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("@ana".to_owned()),
        Just("#12".to_owned()),
        Just("GH-1".to_owned()),
        Just("<!--".to_owned()),
        Just("</details>".to_owned()),
        Just("<details>".to_owned()),
        Just("\u{1b}[2J".to_owned()),
        Just("\u{1b}".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\u{2028}".to_owned()),
        "[ a-z0-9*_~\\[\\]()!-]{0,6}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// What a parser that nobody here wrote makes of it: the text that a reader sees, or the first thing
/// that is no text.
fn read(markdown: &str) -> Result<String, String> {
    let mut seen = String::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(text) | Event::Code(text) => seen.push_str(&text),
            Event::InlineHtml(html) if matches!(&*html, "<code>" | "</code>") => {}
            Event::Start(Tag::Paragraph) | Event::End(_) => {}
            other => return Err(format!("{other:?} in {markdown:?}")),
        }
    }
    Ok(seen)
}

/// What a reader should see of a text from outside.
fn plain(raw: &str) -> String {
    let seen = visible(raw);
    seen.split(['\n', '\t'])
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// True when an unescaped character of the kind occurs.
fn bare(markdown: &str, wanted: char) -> bool {
    let mut escaped = false;
    for c in markdown.chars() {
        if c == wanted && !escaped {
            return true;
        }
        escaped = c == '\\' && !escaped;
    }
    false
}

fn mentions(markdown: &str) -> bool {
    let without_entities = markdown.replace("&#8203;", "\u{1}").replace("&#124;", "");
    let after = |sign: char| {
        let mut rest = without_entities.split(sign).skip(1);
        rest.any(|rest| rest.starts_with(char::is_alphanumeric))
    };
    after('@') || after('#')
}

fn controls(markdown: &str) -> bool {
    markdown
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}'))
}

proptest! {
    #[test]
    fn a_markdown_parser_reads_back_what_was_written(raw in hostile()) {
        let seen = |markdown: &str| read(markdown).map(|text| text.replace('\u{200b}', ""));
        let plain = plain(&raw).replace('\u{200b}', "");
        prop_assert_eq!(seen(&text(&raw)), Ok(plain.clone()));
        if !plain.is_empty() {
            prop_assert_eq!(seen(&code(&raw)), Ok(plain));
        }
    }

    #[test]
    fn no_prose_breaks_out(raw in hostile()) {
        let inert = text(&raw);
        for c in ['`', '*', '_', '[', ']', '<', '>', '|', '~'] {
            prop_assert!(!bare(&inert, c), "{c} in {inert:?}");
        }
        prop_assert!(!mentions(&inert), "{inert:?}");
        prop_assert!(!controls(&inert), "{inert:?}");
    }

    #[test]
    fn no_code_breaks_out(raw in hostile()) {
        let span = code(&raw);
        prop_assert!(!span.contains('|') && !controls(&span), "{span:?}");
        if let Some(inner) = span.strip_prefix("<code>").and_then(|s| s.strip_suffix("</code>")) {
            prop_assert!(!bare(inner, '`') && !inner.contains('<'));
        } else if span != "(empty)" {
            let ticks = span.chars().take_while(|c| *c == '`').count();
            let inner = &span[ticks..span.len() - ticks];
            prop_assert!(!inner.contains(&"`".repeat(ticks)), "{span:?}");
            prop_assert!(!inner.starts_with('`') && !inner.ends_with('`'), "{span:?}");
        }
    }

    #[test]
    fn no_cell_breaks_its_row(cells in prop::collection::vec(hostile(), 1..4)) {
        let row: Vec<String> = cells.iter().flat_map(|raw| [text(raw), code(raw), raw.clone()]).collect();
        let head: Vec<&str> = row.iter().map(|_| "x").collect();
        let made = table(&head, std::slice::from_ref(&row));
        let lines: Vec<&str> = made.split('\n').collect();
        prop_assert_eq!(lines.len(), 4);
        prop_assert_eq!(lines[2].matches('|').count(), row.len() + 1, "{}", made);
    }

    #[test]
    fn no_text_ends_its_fence_or_fold(raw in hostile()) {
        let markdown = details(&raw, &fenced("", &raw));
        prop_assert_eq!(super::faults(&markdown), None, "{}", markdown);
        let escapes = fenced("", &raw).contains('\u{1b}');
        prop_assert!(!escapes);
    }

    #[test]
    fn no_label_or_target_breaks_a_link(label in hostile(), target in hostile()) {
        let made = link(&label, &format!("https://example.com/{target}"));
        let (_, target) = made.rsplit_once("](").unwrap();
        let target = target.strip_suffix(')').unwrap();
        prop_assert!(!target.contains(['(', ')', '<', '>', '|', '`', ' ', '\n', '\\']), "{made:?}");
    }

    #[test]
    fn any_key_makes_a_marker_of_one_line(key in hostile()) {
        let made = marker(&key);
        prop_assert_eq!(made.matches('\n').count(), 1);
        prop_assert_eq!(made.matches("-->").count(), 1, "{}", made);
    }
}
