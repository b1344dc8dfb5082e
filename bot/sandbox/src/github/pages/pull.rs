//! The page of a pull request.

use super::super::model::{Comment, PullRequest, Repository, stamp};
use super::super::refusal::Outcome;
use super::super::server::Reply;
use super::Visit;
use super::layout::{actor, button, check_card, commit_link, deployments_table, page, pill};
use super::markdown::{escape, markdown};
use super::repo::{push_form, trail};

pub(super) fn show(visit: &Visit<'_>, repo: &Repository, number: u64) -> Outcome<Reply> {
    let pull = visit.model.pull(repo.id, number)?;
    let mut live = heading(visit, repo, pull)?;
    live.push_str(&description(pull));
    for comment in repo.comments(number) {
        live.push_str(&comment_card(visit, comment));
    }
    live.push_str(&reviews(pull));
    live.push_str("<h2>Checks</h2>");
    live.push_str(&checks(visit, repo, pull));
    live.push_str("<h2>Deployments</h2>");
    live.push_str(&deployments_table(repo));
    let title = format!("#{number} {}", pull.title);
    Ok(page(
        visit,
        &title,
        &trail(repo),
        &live,
        &forms(visit, repo, pull),
    ))
}

fn heading(visit: &Visit<'_>, repo: &Repository, pull: &PullRequest) -> Outcome<String> {
    let state = match (&pull.merged, pull.is_open()) {
        (Some(_), _) => "merged",
        (None, true) => "open",
        (None, false) => "closed",
    };
    let draft = if pull.draft { " draft" } else { "" };
    let end = match &pull.merged {
        Some(merged) => format!(
            "merged by {} as {}",
            escape(&merged.by),
            commit_link(repo, &merged.sha)
        ),
        None if pull.is_open() => visit.model.mergeable_state(repo, pull)?.to_owned(),
        None => String::new(),
    };
    Ok(format!(
        "<h1>{} <span class=\"dim\">#{}</span></h1><p>{}{draft} <strong>{}</strong> wants \
         <span class=\"sha\">{}</span> at {} in <span class=\"sha\">{}</span> \
         <span class=\"dim\">{end}</span></p>",
        escape(&pull.title),
        pull.number,
        pill(state),
        escape(&pull.author),
        escape(&pull.head.branch),
        commit_link(repo, &pull.head.sha),
        escape(&pull.base.branch)
    ))
}

fn description(pull: &PullRequest) -> String {
    if pull.body.is_empty() {
        return String::new();
    }
    format!(
        "<div class=\"card\"><div class=\"head\"><strong>{}</strong></div>\
         <div class=\"body\">{}</div></div>",
        escape(&pull.author),
        markdown(&pull.body)
    )
}

fn emoji(content: &str) -> &str {
    match content {
        "+1" => "👍",
        "-1" => "👎",
        "laugh" => "😄",
        "confused" => "😕",
        "heart" => "❤️",
        "hooray" => "🎉",
        "rocket" => "🚀",
        "eyes" => "👀",
        _ => "?",
    }
}

pub(super) fn comment_card(visit: &Visit<'_>, comment: &Comment) -> String {
    let bot = if comment.author == visit.model.bot_login() {
        " bot"
    } else {
        ""
    };
    let edited = match comment.edits {
        0 => String::new(),
        times => format!(" · edited {times}×"),
    };
    let reactions: String = comment
        .reactions
        .iter()
        .map(|reaction| {
            format!(
                "<span class=\"reaction\" title=\"{}\">{}</span>",
                escape(&reaction.user),
                emoji(&reaction.content)
            )
        })
        .collect();
    let mut body = markdown(&comment.body);
    if let Some(reason) = &comment.minimized {
        body = format!(
            "<details><summary>folded away: {}</summary>{body}</details>",
            escape(&reason.to_ascii_lowercase())
        );
    }
    format!(
        "<div class=\"card{bot}\" id=\"issuecomment-{}\"><div class=\"head\"><strong>{}</strong> \
         <span class=\"dim\">{}{edited}</span></div><div class=\"body\">{body}</div>\
         <div class=\"foot\">{reactions}</div></div>",
        comment.id,
        escape(&comment.author),
        stamp(comment.created_at)
    )
}

fn reviews(pull: &PullRequest) -> String {
    pull.reviews
        .iter()
        .map(|review| {
            format!(
                "<p><strong>{}</strong> {} <span class=\"sha dim\">{}</span></p>",
                escape(&review.author),
                pill(&review.state.as_str().to_ascii_lowercase()),
                escape(super::layout::short(&review.commit))
            )
        })
        .collect()
}

/// The checks of the head, and after a merge those of the merge commit.
fn checks(visit: &Visit<'_>, repo: &Repository, pull: &PullRequest) -> String {
    let merge = pull.merged.as_ref().map(|merged| merged.sha.as_str());
    let cards: String = merge
        .into_iter()
        .chain([pull.head.sha.as_str()])
        .flat_map(|sha| repo.check_runs(sha))
        .map(|run| check_card(visit, repo, run))
        .collect();
    if cards.is_empty() {
        return "<p class=\"dim\">No checks yet.</p>".to_owned();
    }
    cards
}

fn forms(visit: &Visit<'_>, repo: &Repository, pull: &PullRequest) -> String {
    let base = format!("/{}/pull/{}", repo.full_name(), pull.number);
    let mut forms = format!(
        "<h2>Say or do</h2><form method=\"post\" action=\"{}/comment\">\
         <textarea name=\"body\" rows=\"3\" placeholder=\"/help\"></textarea>\
         <button class=\"go\">Comment</button>{}</form>",
        escape(&base),
        actor(visit)
    );
    let mut add = |action: &str, fields: &[(&str, &str)], label: &str, class: &str| {
        let action = format!("{base}/{action}");
        forms.push_str(&button(visit, &action, fields, label, class));
    };
    if pull.is_open() {
        add("review", &[("verdict", "approve")], "Approve", "");
        add(
            "review",
            &[("verdict", "request_changes")],
            "Request changes",
            "",
        );
        if pull.draft {
            add("ready", &[], "Ready for review", "");
        }
        add("merge", &[], "Merge", "go");
        add("close", &[], "Close", "");
        forms.push_str("<h2>Push another commit</h2>");
        forms.push_str(&push_form(visit, repo, &pull.head.branch));
    } else if pull.merged.is_none() {
        add("reopen", &[], "Reopen", "");
    }
    forms
}
