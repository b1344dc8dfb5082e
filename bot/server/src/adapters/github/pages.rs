//! Lists that come in pages: GitHub names the next page in the `Link` header (RFC 8288).

use serde::de::DeserializeOwned;
use url::Url;

use super::GitHub;
use super::auth::Scope;
use super::client::Request;
use super::errors::{Failure, Outcome};

/// The most that GitHub puts on a page.
pub(super) const PAGE_SIZE: &str = "100";

/// A page as it comes: a bare list, or a list with a name.
pub(super) trait Page: DeserializeOwned {
    /// What is on it.
    type Item;
    /// What is on it.
    fn items(self) -> Vec<Self::Item>;
}

impl<T: DeserializeOwned> Page for Vec<T> {
    type Item = T;
    fn items(self) -> Vec<T> {
        self
    }
}

/// A list that is being read.
pub(super) struct Pages<'a> {
    github: &'a GitHub,
    scope: Scope,
    next: Option<Url>,
    left: u32,
}

impl<'a> Pages<'a> {
    /// Begins a list. More than `most` pages are an error, not a shorter list: a decision that
    /// sees half of the reviews is wrong.
    pub(super) fn new(github: &'a GitHub, scope: Scope, first: Url, most: u32) -> Self {
        Self {
            github,
            scope,
            next: Some(first),
            left: most,
        }
    }

    /// The items of the next page; `None` after the last.
    pub(super) async fn next<P: Page>(&mut self) -> Outcome<Option<Vec<P::Item>>> {
        let Some(url) = self.next.take() else {
            return Ok(None);
        };
        if self.left == 0 {
            return Err(Failure::unexpected("the list has more pages than are read"));
        }
        self.left -= 1;
        let origin = url.origin();
        let answer = self.github.call(&self.scope, &Request::get(url)).await?;
        if let Some(link) = answer.link.as_deref() {
            self.next = next_of(link);
        }
        // The token goes wherever this points.
        if self
            .next
            .as_ref()
            .is_some_and(|next| next.origin() != origin)
        {
            return Err(Failure::unexpected("the next page is on another host"));
        }
        answer.json::<P>().map(|page| Some(page.items()))
    }

    /// All items.
    pub(super) async fn all<P: Page>(mut self) -> Outcome<Vec<P::Item>> {
        let mut all = Vec::new();
        while let Some(items) = self.next::<P>().await? {
            all.extend(items);
        }
        Ok(all)
    }
}

/// The URL with `rel="next"`. GitHub writes no commas or semicolons inside of its URLs.
fn next_of(link: &str) -> Option<Url> {
    link.split(',').find_map(|part| {
        let (target, parameters) = part.split_once(';')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"));
        if !is_next {
            return None;
        }
        let target = target.trim().strip_prefix('<')?.strip_suffix('>')?;
        Url::parse(target).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::next_of;

    #[test]
    fn the_next_page_is_found_among_the_others() {
        let link = r#"<https://a.test/x?page=1>; rel="prev", <https://a.test/x?page=3>; rel="next", <https://a.test/x?page=9>; rel="last""#;
        assert_eq!(next_of(link).unwrap().as_str(), "https://a.test/x?page=3");
        assert!(next_of(r#"<https://a.test/x?page=1>; rel="prev""#).is_none());
        assert!(next_of("nonsense").is_none());
    }
}
