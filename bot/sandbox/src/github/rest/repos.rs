//! Repositories, their branches and rules, and who may do what.

use serde_json::{Value, json};

use super::super::model::{Model, Permission, stamp};
use super::super::refusal::{Outcome, Refusal};
use super::super::server::Reply;
use super::super::view::merge_into;
use super::call::{Call, ok};

pub(super) fn show(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let mut value = model.repository_json(call.repo)?;
    (value["network_count"], value["subscribers_count"]) = (json!(0), json!(0));
    ok(&value)
}

pub(super) fn user(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let login = call.param("login");
    let account = model.account(login).ok_or_else(Refusal::not_found)?;
    let mut value = model.user_json(&account.login);
    let more = json!({
        "name": account.login, "company": null, "blog": "", "location": null, "email": null,
        "hireable": null, "bio": null, "public_repos": 0, "public_gists": 0, "followers": 0,
        "following": 0, "created_at": stamp(model.now()), "updated_at": stamp(model.now()),
    });
    merge_into(&mut value, more);
    ok(&value)
}

pub(super) fn membership(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let (org, team, login) = (call.param("org"), call.param("team"), call.param("login"));
    let member = model
        .account(org)
        .and_then(|account| account.teams.get(&team.to_ascii_lowercase()))
        .is_some_and(|members| members.iter().any(|m| m.eq_ignore_ascii_case(login)));
    if !member {
        return Err(Refusal::not_found());
    }
    ok(&json!({
        "url": model.api(&format!("/orgs/{org}/teams/{team}/memberships/{login}")),
        "role": "member",
        "state": "active",
    }))
}

pub(super) fn branch(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let repo = model.repo(call.repo)?;
    let name = call.param("branch");
    let sha = repo
        .branches
        .get(name)
        .ok_or_else(|| Refusal::new(http::StatusCode::NOT_FOUND, "Branch not found"))?;
    let rules = repo.protections.get(name);
    let contexts = rules
        .map(|rules| rules.required_checks.clone())
        .unwrap_or_default();
    let checks: Vec<Value> = contexts
        .iter()
        .map(|context| json!({ "context": context, "app_id": null }))
        .collect();
    let level = if contexts.is_empty() {
        "off"
    } else {
        "everyone"
    };
    let full_name = repo.full_name();
    let url = model.api(&format!("/repos/{full_name}/branches/{name}"));
    ok(&json!({
        "name": name,
        "commit": model.commit_json(call.repo, sha)?,
        "_links": { "self": url, "html": model.html(&format!("/{full_name}/tree/{name}")) },
        "protected": rules.is_some(),
        "protection": {
            "enabled": rules.is_some(),
            "required_status_checks": {
                "enforcement_level": level, "contexts": contexts, "checks": checks,
            },
        },
        "protection_url": format!("{url}/protection"),
    }))
}

pub(super) fn rules(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let repo = model.repo(call.repo)?;
    let mut list = Vec::new();
    if let Some(rules) = repo.protections.get(call.param("branch")) {
        let source = repo.full_name();
        if !rules.required_checks.is_empty() {
            let checks: Vec<Value> = rules
                .required_checks
                .iter()
                .map(|context| json!({ "context": context }))
                .collect();
            list.push(json!({
                "type": "required_status_checks",
                "ruleset_source_type": "Repository",
                "ruleset_source": source,
                "ruleset_id": 1,
                "parameters": {
                    "required_status_checks": checks,
                    "strict_required_status_checks_policy": rules.strict,
                },
            }));
        }
        if rules.approvals > 0 {
            list.push(json!({
                "type": "pull_request",
                "ruleset_source_type": "Repository",
                "ruleset_source": source,
                "ruleset_id": 1,
                "parameters": {
                    "required_approving_review_count": rules.approvals,
                    "dismiss_stale_reviews_on_push": false,
                    "require_code_owner_review": false,
                    "require_last_push_approval": false,
                    "required_review_thread_resolution": false,
                },
            }));
        }
    }
    ok(&Value::Array(list))
}

pub(super) fn permission(model: &mut Model, call: &Call<'_>) -> Outcome<Reply> {
    let login = call.param("login");
    let account = model.account(login).ok_or_else(|| {
        Refusal::new(
            http::StatusCode::NOT_FOUND,
            format!("{login} is not a user"),
        )
    })?;
    let has = model.permission(call.repo, login);
    let role = if has == Permission::None {
        ""
    } else {
        has.role()
    };
    let mut user = model.user_json(&account.login);
    user["permissions"] = json!({
        "admin": has >= Permission::Admin,
        "maintain": has >= Permission::Maintain,
        "push": has >= Permission::Write,
        "triage": has >= Permission::Triage,
        "pull": has >= Permission::Read,
    });
    user["role_name"] = json!(role);
    ok(&json!({ "permission": has.legacy(), "role_name": role, "user": user }))
}
