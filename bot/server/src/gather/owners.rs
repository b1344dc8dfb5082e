//! CODEOWNERS of the base branch, and which approving reviewers are in the teams that it names.

use std::collections::{BTreeMap, BTreeSet};

use slipway_core::codeowners::{CodeOwners, PLACES, TeamName};
use slipway_core::config::Config;
use slipway_core::event::RepoRef;
use slipway_core::facts::{
    ChangedFiles, OwnersFacts, OwnersFile, PullRequest, PullState, Read, Review, Unread, Verdict,
};
use slipway_core::ids::{CommitSha, Login};
use slipway_core::ports::PortResult;

use super::{Gather, unread};

impl Gather {
    /// Who answers for the changed files. Nothing is read where no environment asks for it, and no
    /// team is looked into where its gate is closed anyway.
    pub(super) async fn owners(
        &self,
        repo: &RepoRef,
        (pull, base): (&PullRequest, &CommitSha),
        files: &Read<ChangedFiles>,
        reviews: &Read<Vec<Review>>,
        config: Option<&Config>,
    ) -> Read<OwnersFacts> {
        let is_asked =
            config.is_some_and(|config| config.environments.iter().any(|env| env.codeowners));
        if !is_asked {
            return Err(Unread("not asked".to_owned()));
        }
        let files = files.as_ref().map_err(Clone::clone)?;
        let reviews = reviews.as_ref().map_err(Clone::clone)?;
        let file = self
            .owners_file(repo, as_before(pull, base, files))
            .await
            .map_err(|error| unread(&error))?;
        let mut members = BTreeMap::new();
        if let OwnersFile::Good(file) = &file {
            let approvers = approvers(pull, reviews);
            for team in file.teams(&files.paths) {
                let found = self.members(repo, team, &approvers).await;
                members.insert(team.clone(), found);
            }
        }
        Ok(OwnersFacts { file, members })
    }

    async fn owners_file(&self, repo: &RepoRef, at: &CommitSha) -> PortResult<OwnersFile> {
        for place in PLACES {
            if let Some(text) = self.forge.file(repo, place, at.as_str()).await? {
                return Ok(match CodeOwners::parse(place, &text) {
                    Ok(file) => OwnersFile::Good(file),
                    Err(faults) => OwnersFile::Faulty(place, faults),
                });
            }
        }
        Ok(OwnersFile::Missing)
    }

    async fn members(
        &self,
        repo: &RepoRef,
        team: &TeamName,
        people: &BTreeSet<&Login>,
    ) -> Read<BTreeSet<Login>> {
        let mut members = BTreeSet::new();
        for login in people {
            let is_member = self
                .forge
                .is_team_member(repo, &team.org, &team.slug, login)
                .await
                .map_err(|error| unread(&error))?;
            if is_member {
                members.insert((*login).clone());
            }
        }
        Ok(members)
    }
}

/// The commit whose CODEOWNERS counts. Once a pull request is merged, the tip of its base holds what
/// it made of that file itself: nobody makes themselves an owner of their own change.
fn as_before<'c>(
    pull: &'c PullRequest,
    base: &'c CommitSha,
    files: &ChangedFiles,
) -> &'c CommitSha {
    let changes_it = PLACES.iter().any(|place| files.paths.contains(*place));
    match &pull.state {
        PullState::Merged(_) if changes_it || files.truncated => &pull.compared_with,
        PullState::Merged(_) | PullState::Open | PullState::Closed => base,
    }
}

/// Who approved of the head, as far as a single review tells.
fn approvers<'r>(pull: &PullRequest, reviews: &'r [Review]) -> BTreeSet<&'r Login> {
    reviews
        .iter()
        .filter(|review| {
            review.verdict == Verdict::Approved && review.commit.as_ref() == Some(&pull.head)
        })
        .map(|review| &review.author)
        .collect()
}
