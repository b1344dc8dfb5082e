//! Markdown as GitHub shows it, and nothing else: HTML in it is cut down to a few harmless tags.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};

/// The tags that pass, without their attributes.
const HARMLESS: [&str; 22] = [
    "details", "summary", "b", "i", "em", "strong", "code", "pre", "kbd", "sub", "sup", "br", "hr",
    "p", "table", "thead", "tbody", "tr", "th", "td", "del", "ins",
];

/// Makes any text safe inside HTML.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Renders Markdown.
pub(super) fn markdown(text: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM;
    let mut diff: Option<String> = None;
    let mut in_comment = false;
    let events = Parser::new_ext(text, options).filter_map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => {
            Some(Event::Html(clean(&html, &mut in_comment).into()))
        }
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) if &*language == "diff" => {
            diff = Some(String::new());
            None
        }
        Event::Text(code) if diff.is_some() => {
            if let Some(so_far) = &mut diff {
                so_far.push_str(&code);
            }
            None
        }
        Event::End(TagEnd::CodeBlock) if diff.is_some() => {
            diff.take().map(|code| Event::Html(diff_html(&code).into()))
        }
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Some(Event::Start(Tag::Link {
            link_type,
            dest_url: harmless_url(dest_url),
            title,
            id,
        })),
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) => Some(Event::Start(Tag::Image {
            link_type,
            dest_url: harmless_url(dest_url),
            title,
            id,
        })),
        other => Some(other),
    });
    let mut html = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut html, events);
    html
}

fn harmless_url(url: CowStr<'_>) -> CowStr<'_> {
    let relative = !url.contains(':') || url.starts_with(['/', '#']);
    let known = ["http://", "https://", "mailto:"];
    if relative || known.iter().any(|scheme| url.starts_with(scheme)) {
        url
    } else {
        "#".into()
    }
}

/// A diff with its lines coloured.
fn diff_html(code: &str) -> String {
    let mut html = String::from("<pre><code>");
    for line in code.lines() {
        let class = match line.trim_start().chars().next() {
            Some('+') => "add",
            Some('-') => "del",
            Some('@') => "hunk",
            _ => "same",
        };
        let line = if line.is_empty() { " " } else { line };
        html.push_str(&format!("<span class=\"{class}\">{}</span>", escape(line)));
    }
    html.push_str("</code></pre>");
    html
}

/// Lets harmless tags through, drops comments, and shows everything else as the text it is. HTML
/// comes line by line, so a comment may begin in one piece and end in another.
fn clean(html: &str, in_comment: &mut bool) -> String {
    let mut safe = String::new();
    let mut rest = html;
    loop {
        if *in_comment {
            let Some((_, after)) = rest.split_once("-->") else {
                return safe;
            };
            (*in_comment, rest) = (false, after);
        }
        let Some(at) = rest.find('<') else { break };
        safe.push_str(&escape(rest.get(..at).unwrap_or_default()));
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with("<!--") {
            *in_comment = true;
            continue;
        }
        let Some(end) = rest.find('>') else { break };
        let tag = rest.get(..=end).unwrap_or_default();
        safe.push_str(&harmless_tag(tag).unwrap_or_else(|| escape(tag)));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    safe.push_str(&escape(rest));
    safe
}

fn harmless_tag(tag: &str) -> Option<String> {
    let inner = tag
        .strip_prefix('<')?
        .strip_suffix('>')?
        .trim_end_matches('/');
    let (slash, inner) = match inner.strip_prefix('/') {
        Some(inner) => ("/", inner),
        None => ("", inner),
    };
    let name = inner.split_whitespace().next()?.to_ascii_lowercase();
    if !HARMLESS.contains(&name.as_str()) {
        return None;
    }
    let open = name == "details"
        && slash.is_empty()
        && inner.split_whitespace().any(|word| word == "open");
    Some(format!(
        "<{slash}{name}{}>",
        if open { " open" } else { "" }
    ))
}
