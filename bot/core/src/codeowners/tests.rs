//! The examples of GitHub's own page, and what must not be taken for a rule.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> CodeOwners {
    CodeOwners::parse(PLACES[0], text).unwrap()
}

fn owners(file: &CodeOwners, path: &str) -> String {
    let owners: Vec<String> = file.of(path).iter().map(Owner::to_string).collect();
    owners.join(" ")
}

/// The faults of a file, a line each.
fn faults(text: &str) -> String {
    let faults = CodeOwners::parse(PLACES[0], text).unwrap_err();
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}

fn is_owned(pattern: &str, path: &str) -> bool {
    !read(&format!("{pattern} @ana")).of(path).is_empty()
}

/// From <https://docs.github.com/…/about-code-owners#example-of-a-codeowners-file>.
const EXAMPLE: &str = "\
# This is a comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/* docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
";

#[test]
fn the_example_of_github_means_what_github_says() {
    let file = read(EXAMPLE);
    for (path, expected) in [
        ("README.md", "@global-owner1 @global-owner2"),
        ("src/deep/app.js", "@js-owner"),
        ("cmd/main.go", "docs@example.com"),
        ("notes.txt", "@octo-org/octocats"),
        ("build/logs/2026/a.log", "@octocat"),
        ("docs/getting-started.md", "@doctocat"),
        ("docs/build-app/troubleshooting.md", "@doctocat"),
        ("web/apps/a.rb", "@octocat"),
        ("scripts/run.sh", "@doctocat @octocat"),
        ("scripts/logs/run.sh", "@octocat"),
        ("deeply/nested/logs/x", "@octocat"),
        ("apps/web/x.js", "@octocat"),
        ("apps/github/x.js", ""),
        ("apps/github", ""),
    ] {
        assert_eq!(owners(&file, path), expected, "{path}");
    }
}

#[test]
fn patterns_match_as_documented() {
    for (pattern, yes, no) in [
        ("*", "a b".split(' ').collect::<Vec<_>>(), vec![]),
        ("*", vec!["deep/er/a", ".github/x"], vec![]),
        ("/*", vec!["a", ".env"], vec!["a/b"]),
        (
            "docs/*",
            vec!["docs/a.md"],
            vec!["docs/b/a.md", "x/docs/a.md"],
        ),
        ("/docs/*", vec!["docs/a.md"], vec!["docs/b/a.md"]),
        (
            "docs/**",
            vec!["docs/a.md", "docs/b/a.md"],
            vec!["docs", "x/docs/a"],
        ),
        (
            "docs",
            vec!["docs", "x/docs", "docs/a/b", "x/docs/a"],
            vec!["docsx", "xdocs/a"],
        ),
        (
            "docs/",
            vec!["docs/a/b", "x/docs/a"],
            vec!["docs", "x/docs"],
        ),
        ("/docs", vec!["docs", "docs/a/b"], vec!["x/docs", "docs2/a"]),
        ("/docs/", vec!["docs/a/b"], vec!["docs", "x/docs/a"]),
        ("a/b", vec!["a/b", "a/b/c/d"], vec!["x/a/b", "a/bc"]),
        (
            "**/logs",
            vec!["logs", "logs/a", "x/logs/a", "x/y/logs"],
            vec!["logs2"],
        ),
        (
            "a/**/b",
            vec!["a/b", "a/x/y/b", "a/x/b/c"],
            vec!["b", "x/a/b"],
        ),
        ("*.tf", vec!["a.tf", "x/y/.tf"], vec!["a.tfvars"]),
        ("infra/*.tf", vec!["infra/a.tf"], vec!["infra/x/a.tf"]),
        (
            "infra/*/main.tf",
            vec!["infra/x/main.tf"],
            vec!["infra/x/y/main.tf"],
        ),
        ("?.md", vec!["a.md", "x/b.md"], vec!["ab.md"]),
        ("a?b", vec!["axb"], vec!["a/b"]),
        ("a**b", vec!["ab", "axxb"], vec!["a/b"]),
        ("README", vec!["README"], vec!["readme"]),
        (
            "infra/01.\\ state/",
            vec!["infra/01. state/a.tf"],
            vec!["infra/01."],
        ),
        ("\\*.md", vec!["*.md"], vec!["a.md"]),
        ("{a,b}.md", vec!["{a,b}.md"], vec!["a.md", "b.md"]),
        ("a\\{b", vec!["a{b"], vec!["a\\{b"]),
        ("a#b", vec!["a#b"], vec!["a"]),
        ("**", vec!["a", "a/b"], vec![]),
        ("/**/**/x/**/", vec!["x/a", "y/x/a/b"], vec!["x"]),
    ] {
        for path in yes {
            assert!(is_owned(pattern, path), "{pattern} should match {path}");
        }
        for path in no {
            assert!(
                !is_owned(pattern, path),
                "{pattern} should not match {path}"
            );
        }
    }
}

#[test]
fn the_last_rule_that_matches_counts_even_if_it_names_nobody() {
    let file = read("/infra/ @ana\r\n/infra/*.md\r\n\r\n/infra/a.md @ben @Acme/Platform\r\n");
    assert_eq!(owners(&file, "infra/x/main.tf"), "@ana");
    assert_eq!(owners(&file, "infra/b.md"), "");
    assert_eq!(owners(&file, "infra/a.md"), "@ben @acme/platform");
    assert_eq!(owners(&file, "app/main.rs"), "");
    let paths = ["infra/a.md".to_owned(), "infra/x".to_owned()];
    let teams: Vec<_> = file
        .teams(&paths)
        .into_iter()
        .map(|team| team.slug.as_str())
        .collect();
    assert_eq!(teams, ["platform"]);
}

#[test]
fn comments_and_empty_lines_are_no_rules() {
    let file = read("\u{feff}# *  @ana\n\n   # more\n*.md @ben # @cleo\n*.tf# @cleo\n");
    assert_eq!(owners(&file, "a.md"), "@ben");
    assert_eq!(owners(&file, "a.tf#"), "@cleo");
    assert_eq!(owners(&file, "a.tf"), "");
    assert_eq!(owners(&read(""), "a"), "");
}

#[test]
fn what_github_would_skip_spoils_the_file() {
    insta::assert_snapshot!(faults(
        "* @ana\n!a @ana\n\\#a @ana\n[ab].md @ana\n***/a @ana\na\\\n/ @ana\na//b @ana\n../a @ana\n\
         a ana\na @\na @acme/\na @acme/x/y\na @a@b\na @ana,@ben\na a@"
    ), @r#"
    line 2: `!` takes nothing back in CODEOWNERS
    line 3: a pattern can't begin with `#`, not even after a backslash
    line 4: `[` and `]` have no meaning in CODEOWNERS
    line 5: "***/a" has three `*` in a row
    line 6: "a\\" ends with a backslash
    line 7: `/` is no pattern: `*` stands for every file
    line 8: "a//b" has an empty part, `.` or `..`
    line 9: "../a" has an empty part, `.` or `..`
    line 10: "ana" is no @user, no @org/team and no e-mail address
    line 11: "@" is no @user, no @org/team and no e-mail address
    line 12: "@acme/" is no @user, no @org/team and no e-mail address
    line 13: "@acme/x/y" is no @user, no @org/team and no e-mail address
    line 14: "@a@b" is no @user, no @org/team and no e-mail address
    line 15: "@ana,@ben" is no @user, no @org/team and no e-mail address
    line 16: "a@" is no @user, no @org/team and no e-mail address
    "#);
    let large = "a".repeat(MAX_BYTES + 1);
    insta::assert_snapshot!(faults(&large), @"it is larger than 3 MB");
}

#[test]
fn a_file_of_many_rules_is_read() {
    let text: String = (0..2_000)
        .map(|n| format!("/a*{n}/**/b?{n}*c @user{n}\n"))
        .collect();
    assert_eq!(owners(&read(&text), "a1717/x/b-1717c"), "@user1717");
}

proptest! {
    /// Nothing that is written makes it panic, and a path without magic owns itself.
    #[test]
    fn any_text_is_read_or_refused(text in "[ab*?/\\\\\\[\\]{}!#@ \n.,]{0,60}", path in "[ab/.{*]{0,12}") {
        if let Ok(file) = CodeOwners::parse(PLACES[1], &text) {
            let _ = file.of(&path);
        }
    }

    /// A path with each special character escaped is a pattern for itself and all below it, and for
    /// nothing beside it.
    #[test]
    fn an_escaped_path_matches_itself(parts in prop::collection::vec("[a-z{}*?, ]{1,6}", 1..4)) {
        let path = parts.join("/");
        let pattern: String = path
            .chars()
            .flat_map(|c| match c {
                '*' | '?' | '{' | '}' | ' ' | ',' => vec!['\\', c],
                c => vec![c],
            })
            .collect();
        let pattern = format!("/{pattern}");
        prop_assert!(is_owned(&pattern, &path), "{pattern} {path}");
        let below = format!("{path}/below/it");
        let beside = format!("{path}beside");
        let deeper = format!("deeper/{path}");
        prop_assert!(is_owned(&pattern, &below));
        prop_assert!(!is_owned(&pattern, &beside));
        prop_assert!(!is_owned(&pattern, &deeper));
    }

    /// Later rules win over earlier ones, whatever they are.
    #[test]
    fn the_last_of_equal_rules_wins(count in 1usize..20) {
        let text: String = (0..count).map(|n| format!("*.tf @user{n}\n")).collect();
        let last = format!("@user{}", count - 1);
        prop_assert_eq!(owners(&read(&text), "x/a.tf"), last);
    }
}
