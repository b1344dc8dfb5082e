//! Git over HTTP with the real git.

use std::path::Path;

use tokio::process::Command;

use super::super::git::isolate;
use super::{REPO, World};

/// Runs git with credentials handed over by header, and gives its output or its complaint.
async fn git(dir: &Path, token: &str, args: &[&str]) -> Result<String, String> {
    use base64::Engine as _;
    let mut command = std::process::Command::new("git");
    isolate(&mut command, dir);
    if !token.is_empty() {
        let pair =
            base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{token}"));
        command.args([
            "-c",
            &format!("http.extraHeader=Authorization: Basic {pair}"),
        ]);
    }
    command
        .args(["-c", "user.name=ana", "-c", "user.email=ana@example.com"])
        .env("no_proxy", "127.0.0.1")
        .current_dir(dir)
        .args(args);
    let output = Command::from(command).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_clones_fetches_and_pushes() {
    let world = World::new().await;
    let hook = world.hook().await;
    let dir = tempfile::tempdir().unwrap();
    let url = world.github.clone_url(REPO);
    let (number, sha) = world.pull().await;
    git(dir.path(), &world.token, &["clone", "-q", &url, "shop"])
        .await
        .unwrap();
    let shop = dir.path().join("shop");
    let read = std::fs::read_to_string(shop.join("infra/a b/main.tf")).unwrap();
    assert_eq!(read, "# tf\n");
    let merge = format!("refs/pull/{number}/merge");
    git(&shop, &world.token, &["fetch", "-q", "origin", &merge])
        .await
        .unwrap();
    let fetched = git(&shop, "", &["rev-parse", "FETCH_HEAD"]).await.unwrap();
    let pull = world.github.pull_request(REPO, number).unwrap();
    assert_eq!(Some(fetched), pull.merge_commit_sha);
    git(
        &shop,
        &world.token,
        &["fetch", "-q", "--depth=1", "origin", &sha],
    )
    .await
    .unwrap();

    let ana = world.github.person_token("ana");
    git(
        &shop,
        &ana,
        &["checkout", "-q", "-b", "mine", "origin/topic"],
    )
    .await
    .unwrap();
    std::fs::write(shop.join("mine.txt"), "mine\n").unwrap();
    git(&shop, "", &["add", "."]).await.unwrap();
    git(&shop, "", &["commit", "-q", "-m", "Mine"])
        .await
        .unwrap();
    git(&shop, &ana, &["push", "-q", "origin", "mine:topic", "mine"])
        .await
        .unwrap();
    let pushed = git(&shop, "", &["rev-parse", "HEAD"]).await.unwrap();
    assert_eq!(world.github.branch(REPO, "mine").as_ref(), Some(&pushed));
    assert_eq!(
        world.github.pull_request(REPO, number).unwrap().head.sha,
        pushed
    );
    world.idle().await;
    let push = hook.last("push");
    assert_eq!(push["pusher"]["name"], "ana");
    let synchronize = hook.last("pull_request.synchronize");
    assert_eq!(synchronize["before"], sha.as_str());
    assert_eq!(synchronize["after"], pushed.as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn git_keeps_strangers_out() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let url = world.github.clone_url(REPO);
    for token in ["", "ghs_wrong", &world.github.person_token("eve")] {
        assert!(git(dir.path(), token, &["ls-remote", &url]).await.is_err());
    }
    world
        .github
        .set_permission(REPO, "ron", "read")
        .await
        .unwrap();
    let ron = world.github.person_token("ron");
    git(dir.path(), &ron, &["clone", "-q", &url, "shop"])
        .await
        .unwrap();
    let shop = dir.path().join("shop");
    let error = git(&shop, &ron, &["push", "-q", "origin", "HEAD:ron"])
        .await
        .unwrap_err();
    assert!(error.contains("403"), "{error}");
    world.github.set_private(REPO, false).await.unwrap();
    git(dir.path(), "", &["ls-remote", &url]).await.unwrap();
    let error = git(
        &shop,
        &world.github.person_token("ana"),
        &["push", "-q", "origin", "HEAD:refs/pull/9/head"],
    )
    .await
    .unwrap_err();
    assert!(error.contains("refs/pull/9/head"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_push_arrives() {
    let world = World::new().await;
    let dir = tempfile::tempdir().unwrap();
    let ana = world.github.person_token("ana");
    let url = world.github.clone_url(REPO);
    git(dir.path(), &ana, &["clone", "-q", &url, "shop"])
        .await
        .unwrap();
    let shop = dir.path().join("shop");
    let noise: Vec<u8> = (0..4_000_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    std::fs::write(shop.join("noise"), &noise).unwrap();
    git(&shop, "", &["add", "."]).await.unwrap();
    git(&shop, "", &["commit", "-q", "-m", "Noise"])
        .await
        .unwrap();
    git(&shop, &ana, &["push", "-q", "origin", "HEAD:noise"])
        .await
        .unwrap();
    let head = git(&shop, "", &["rev-parse", "HEAD"]).await.unwrap();
    assert_eq!(world.github.branch(REPO, "noise"), Some(head));
}

#[tokio::test]
async fn names_that_git_would_not_take_are_refused() {
    let world = World::new().await;
    for (branch, path) in [
        ("a b", "x"),
        ("a\ncommit refs/heads/main", "x"),
        ("-f", "x"),
        ("a..b", "x"),
        ("x.lock", "x"),
        ("ok", "../x"),
        ("ok", "/x"),
        ("ok", ".git/config"),
        ("ok", ""),
    ] {
        let files = [(path, Some("x"))];
        let result = world.github.commit(REPO, branch, "ana", "x", &files).await;
        assert!(result.is_err(), "{branch:?} {path:?}");
    }
    let files = [("dir/\"odd\" \\ näme", Some("x"))];
    world
        .github
        .commit(REPO, "feat/ok-1", "ana", "x", &files)
        .await
        .unwrap();
    for name in ["main~1", "main@%7B0%7D", "HEAD^"] {
        let got = world.get(&format!("/repos/acme/shop/commits/{name}")).await;
        assert_eq!(got.status, 422, "{name}");
    }
}
