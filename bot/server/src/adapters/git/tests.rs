//! The real git against `git http-backend`, which a small server asks a token for.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use slipway_core::ids::{CommitSha, InstallationId, PrNumber};
use slipway_core::ports::{MOST_POLICY_FILES, PortError, PortErrorKind, Shelf as _};
use tokio::io::AsyncWriteExt;

use super::*;

const TOKEN: &str = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";

/// Serves bare repositories below a directory to those with the token.
struct Served {
    root: tempfile::TempDir,
    /// Requests that came with the token.
    let_in: AtomicUsize,
}

/// A place on this machine that plays GitHub, and a source that clones from it.
struct World {
    served: Arc<Served>,
    origin: String,
    work: tempfile::TempDir,
    data: tempfile::TempDir,
    source: GitSource,
    repo: RepoRef,
}

async fn backend(State(served): State<Arc<Served>>, request: Request) -> Response<Body> {
    let plain = |status: StatusCode| {
        let response = Response::builder().status(status);
        response
            .header(header::WWW_AUTHENTICATE, "Basic realm=\"test\"")
            .body(Body::empty())
            .unwrap()
    };
    let (request, body) = request.into_parts();
    let given = request.headers.get(header::AUTHORIZATION).cloned();
    let expected = format!(
        "Basic {}",
        STANDARD.encode(format!("x-access-token:{TOKEN}"))
    );
    match given {
        Some(value) if value == expected.as_str() => {}
        Some(value)
            if value == format!("Basic {}", STANDARD.encode("x-access-token:no-rights")) =>
        {
            return plain(StatusCode::FORBIDDEN);
        }
        _ => return plain(StatusCode::UNAUTHORIZED),
    }
    served.let_in.fetch_add(1, Ordering::SeqCst);
    let header = |name: &str| {
        request
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", served.root.path())
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REQUEST_METHOD", request.method.as_str())
        .env("PATH_INFO", request.uri.path())
        .env("QUERY_STRING", request.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&body).await.unwrap();
    drop(stdin);
    cgi_response(&child.wait_with_output().await.unwrap().stdout)
}

fn cgi_response(output: &[u8]) -> Response<Body> {
    let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..end]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = if name == "Status" {
            response.status(value[..3].parse::<u16>().unwrap())
        } else {
            response.header(name, value)
        };
    }
    response
        .body(Body::from(output[end + 4..].to_vec()))
        .unwrap()
}

/// Runs git in the test's own clone, apart from any configuration of the machine.
fn git(dir: &Path, args: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs([
            ("PATH", crate::process::SEARCH_PATH),
            ("HOME", "/nonexistent"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Ana"),
            ("GIT_AUTHOR_EMAIL", "ana@example.com"),
            ("GIT_COMMITTER_NAME", "Ana"),
            ("GIT_COMMITTER_EMAIL", "ana@example.com"),
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl World {
    /// One repository, `acme/shop`, with one commit on `main`.
    async fn new() -> Self {
        let served = Arc::new(Served {
            root: tempfile::tempdir().unwrap(),
            let_in: AtomicUsize::new(0),
        });
        let bare = served.root.path().join("acme/shop.git");
        std::fs::create_dir_all(&bare).unwrap();
        git(&bare, &["init", "--quiet", "--bare", "-b", "main"]);
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["init", "--quiet", "-b", "main"]);
        git(
            work.path(),
            &["remote", "add", "origin", bare.to_str().unwrap()],
        );

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(backend)
            .with_state(Arc::clone(&served));
        tokio::spawn(async move { axum::serve(listener, router).await });

        let data = tempfile::tempdir().unwrap();
        let world = Self {
            source: GitSource::new(GitSettings::in_dir(data.path().to_owned())),
            served,
            origin,
            work,
            data,
            repo: RepoRef {
                installation: InstallationId(1),
                name: RepoName::parse("acme/shop").unwrap(),
            },
        };
        world.commit("README.md", "# shop\n");
        world.push("main");
        world
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.work.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self, file: &str, text: &str) -> CommitSha {
        self.write(file, text);
        self.commit_all()
    }

    fn commit_all(&self) -> CommitSha {
        git(self.work.path(), &["add", "--all"]);
        git(self.work.path(), &["commit", "--quiet", "-m", "Change"]);
        CommitSha::parse(git(self.work.path(), &["rev-parse", "HEAD"])).unwrap()
    }

    fn on(&self, branch: &str, from: &str) {
        git(
            self.work.path(),
            &["checkout", "--quiet", "-B", branch, from],
        );
    }

    /// Pushes the current commit as a reference.
    fn push(&self, reference: &str) {
        let reference = if reference.starts_with("refs/") {
            reference.to_owned()
        } else {
            format!("refs/heads/{reference}")
        };
        git(
            self.work.path(),
            &[
                "push",
                "--quiet",
                "--force",
                "origin",
                &format!("HEAD:{reference}"),
            ],
        );
    }

    fn access(&self) -> CloneAccess {
        CloneAccess {
            url: format!("{}/acme/shop.git", self.origin),
            token: TOKEN.into(),
        }
    }

    async fn checkout(&self, revision: Revision) -> PortResult<Box<dyn Worktree>> {
        self.source
            .checkout(&self.repo, &self.access(), &revision, &Unstoppable)
            .await
    }

    async fn refused(&self, revision: Revision) -> PortError {
        match self.checkout(revision).await {
            Ok(_) => panic!("it was checked out"),
            Err(error) => error,
        }
    }

    async fn refused_with(&self, access: &CloneAccess) -> PortError {
        let sha = CommitSha::parse("1".repeat(40)).unwrap();
        let revision = Revision::Commit(sha);
        match self
            .source
            .checkout(&self.repo, access, &revision, &Unstoppable)
            .await
        {
            Ok(_) => panic!("it was checked out"),
            Err(error) => error,
        }
    }

    fn requests(&self) -> usize {
        self.served.let_in.load(Ordering::SeqCst)
    }
}

fn text(worktree: &dyn Worktree, file: &str) -> String {
    std::fs::read_to_string(worktree.path().join(file)).unwrap()
}

/// Every file below a directory, however deep.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[tokio::test]
async fn a_commit_is_fetched_once_and_its_worktree_goes_away() {
    let world = World::new().await;
    let first = world.commit("infra/a. b/main.tf", "# one\n");
    let second = world.commit("infra/a. b/main.tf", "# two\n");
    world.push("main");

    let one = world
        .checkout(Revision::Commit(first.clone()))
        .await
        .unwrap();
    assert_eq!(text(&*one, "infra/a. b/main.tf"), "# one\n");
    assert_eq!(text(&*one, "README.md"), "# shop\n");
    assert!(!one.path().join(".git").exists());
    let requests = world.requests();
    assert!(requests > 0);

    let two = world.checkout(Revision::Commit(second)).await.unwrap();
    assert_eq!(text(&*two, "infra/a. b/main.tf"), "# two\n");
    assert_eq!(text(&*one, "infra/a. b/main.tf"), "# one\n");
    assert_eq!(world.requests(), requests, "everything was there already");

    let path = one.path().to_owned();
    drop(one);
    assert!(!path.exists());
    assert!(two.path().exists());

    // The token was used, and is nowhere on disk.
    let kept = files(world.data.path());
    assert!(
        kept.iter()
            .any(|file| file.starts_with(world.data.path().join("mirrors")))
    );
    let basic = STANDARD.encode(format!("x-access-token:{TOKEN}"));
    for file in kept {
        let bytes = std::fs::read(&file).unwrap_or_default();
        for secret in [TOKEN, basic.as_str()] {
            let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
            assert!(!found, "{}", file.display());
        }
    }
}

#[tokio::test]
async fn a_head_in_a_fork_is_merged_into_its_base() {
    let world = World::new().await;
    world.on("fork", "main");
    let head = world.commit("infra/new.tf", "# new\n");
    world.push("refs/pull/7/head");
    world.on("main", "main");
    let base = world.commit("infra/base.tf", "# base\n");
    world.push("main");

    let merged = || Revision::Merged {
        pr: PrNumber(7),
        head: head.clone(),
        base: base.clone(),
    };
    let worktree = world.checkout(merged()).await.unwrap();
    assert_eq!(text(&*worktree, "infra/new.tf"), "# new\n");
    assert_eq!(text(&*worktree, "infra/base.tf"), "# base\n");

    // No more than that was fetched: the head by its pull request's name.
    let mirror = world.data.path().join("mirrors/acme/shop.git");
    let refs = git(&mirror, &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/slipway/pull/7/head");

    let requests = world.requests();
    let again = world.checkout(merged()).await.unwrap();
    assert_eq!(text(&*again, "infra/new.tf"), "# new\n");
    assert_eq!(world.requests(), requests);
}

#[tokio::test]
async fn what_can_not_be_merged_names_the_files() {
    let world = World::new().await;
    world.on("feature", "main");
    let head = world.commit("infra/a b.tf", "# mine\n");
    world.push("refs/pull/8/head");
    world.on("main", "main");
    let base = world.commit("infra/a b.tf", "# theirs\n");
    world.push("main");

    let error = world
        .refused(Revision::Merged {
            pr: PrNumber(8),
            head: head.clone(),
            base: base.clone(),
        })
        .await;
    assert_eq!(error.kind, PortErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        format!(
            "git: merging {} into {} of acme/shop: both change `infra/a b.tf`; merge or rebase \
             onto the base branch and push",
            head.short(),
            base.short()
        )
    );

    git(
        world.work.path(),
        &["checkout", "--quiet", "--orphan", "alone"],
    );
    let alone = world.commit("other.tf", "");
    world.push("refs/pull/9/head");
    let error = world
        .refused(Revision::Merged {
            pr: PrNumber(9),
            head: alone,
            base,
        })
        .await;
    assert_eq!(error.kind, PortErrorKind::Conflict);
    assert_eq!(error.said, "they have no common history");
}

#[tokio::test]
async fn a_head_that_was_pushed_over_is_found_by_its_name_or_reported() {
    let world = World::new().await;
    let base = CommitSha::parse(git(world.work.path(), &["rev-parse", "HEAD"])).unwrap();
    world.on("feature", "main");
    let head = world.commit("x.tf", "# old\n");
    world.push("refs/pull/7/head");
    world.on("feature", "main");
    world.commit("x.tf", "# new\n");
    world.push("refs/pull/7/head");

    let revision = Revision::Merged {
        pr: PrNumber(7),
        head,
        base: base.clone(),
    };
    let worktree = world.checkout(revision).await.unwrap();
    assert_eq!(text(&*worktree, "x.tf"), "# old\n");

    let gone = CommitSha::parse("2".repeat(40)).unwrap();
    let error = world
        .refused(Revision::Merged {
            pr: PrNumber(99),
            head: gone,
            base,
        })
        .await;
    assert_eq!(error.kind, PortErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "git: fetching acme/shop: there is no commit 2222222 any more; push again"
    );
}

#[tokio::test]
async fn branches_that_change_places_do_not_stand_in_the_way() {
    let world = World::new().await;
    world.on("a", "main");
    let first = world.commit("x", "1");
    world.push("a");
    world.checkout(Revision::Commit(first)).await.unwrap();
    git(
        world.work.path(),
        &["push", "--quiet", "origin", ":refs/heads/a"],
    );
    git(world.work.path(), &["checkout", "--quiet", "main"]);
    git(world.work.path(), &["branch", "-D", "a"]);
    world.on("a/b", "main");
    let second = world.commit("x", "2");
    world.push("a/b");
    let worktree = world.checkout(Revision::Commit(second)).await.unwrap();
    assert_eq!(text(&*worktree, "x"), "2");
}

#[tokio::test]
async fn nothing_in_the_repository_or_around_it_is_executed() {
    let world = World::new().await;
    let evidence = tempfile::tempdir().unwrap();
    let touch = |name: &str| format!("touch '{}'", evidence.path().join(name).display());
    world.write(".gitattributes", "*.tf filter=evil merge=evil\n");
    world.write("hooks/post-checkout", "#!/bin/sh\n");
    world.write(
        ".gitmodules",
        "[submodule \"s\"]\n\tpath = s\n\turl = ../other.git\n",
    );
    let sha = world.commit("main.tf", "# plain\n");
    world.push("main");
    world.checkout(Revision::Commit(sha.clone())).await.unwrap();

    // As bad as it can be made from outside: hooks in the mirror, filters in the home directory.
    let mirror = world.data.path().join("mirrors/acme/shop.git");
    std::fs::create_dir_all(mirror.join("hooks")).unwrap();
    for hook in [
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "post-merge",
    ] {
        let path = mirror.join("hooks").join(hook);
        std::fs::write(&path, format!("#!/bin/sh\n{}\n", touch(hook))).unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let config = format!(
        "[filter \"evil\"]\n\tsmudge = {0}\n\trequired = true\n[merge \"evil\"]\n\tdriver = {0}\n\
         [core]\n\tfsmonitor = {0}\n[credential]\n\thelper = \"!{0}\"\n",
        touch("config")
    );
    std::fs::write(world.data.path().join("home/.gitconfig"), config).unwrap();

    world.on("feature", "main");
    let head = world.commit("main.tf", "# plain\n# head\n");
    world.push("refs/pull/7/head");
    world.on("main", "main");
    let base = world.commit("main.tf", "# base\n# plain\n");
    world.push("main");
    let revision = Revision::Merged {
        pr: PrNumber(7),
        head,
        base,
    };
    // Whether it merges is not the question here: the files are next to each other.
    let _ = world.checkout(revision).await;
    let worktree = world.checkout(Revision::Commit(sha)).await.unwrap();
    assert_eq!(text(&*worktree, "main.tf"), "# plain\n");
    assert!(worktree.path().join("hooks/post-checkout").is_file());
    assert_eq!(files(evidence.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn links_that_lead_out_become_plain_files() {
    let world = World::new().await;
    let link = |to: &str, at: &str| {
        std::os::unix::fs::symlink(to, world.work.path().join(at)).unwrap();
    };
    std::fs::create_dir_all(world.work.path().join("infra")).unwrap();
    link("../README.md", "infra/inside.md");
    link("/etc/passwd", "infra/absolute");
    link("../../../outside", "infra/up");
    link("absolute", "infra/chain");
    link("/", "infra/root");
    let sha = world.commit_all();
    world.push("main");

    let worktree = world.checkout(Revision::Commit(sha)).await.unwrap();
    assert_eq!(text(&*worktree, "infra/inside.md"), "# shop\n");
    assert!(worktree.path().join("infra/inside.md").is_symlink());
    for (file, to) in [
        ("absolute", "/etc/passwd"),
        ("up", "../../../outside"),
        ("root", "/"),
    ] {
        let path = worktree.path().join("infra").join(file);
        assert!(!path.is_symlink(), "{file}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), to);
    }
    let chain = worktree.path().join("infra/chain").canonicalize().unwrap();
    assert!(chain.starts_with(worktree.path().canonicalize().unwrap()));
}

#[tokio::test]
async fn errors_tell_what_to_do() {
    let world = World::new().await;
    let access = |path: &str, token: &str| CloneAccess {
        url: format!("{}/{path}", world.origin),
        token: token.into(),
    };
    for token in ["wrong-token", "no-rights"] {
        let error = world.refused_with(&access("acme/shop.git", token)).await;
        assert_eq!(error.kind, PortErrorKind::Denied, "{error}");
        assert!(
            error.said.ends_with(
                "; check that the App is installed on the repository and may read its contents"
            ),
            "{error}"
        );
        assert!(!error.to_string().contains(token), "{error}");
    }
    let error = world.refused_with(&access("acme/none.git", TOKEN)).await;
    assert_eq!(error.kind, PortErrorKind::NotFound, "{error}");

    // A port that was just given back: nobody listens.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/acme/shop.git", listener.local_addr().unwrap());
    drop(listener);
    let error = world
        .refused_with(&CloneAccess {
            url,
            token: TOKEN.into(),
        })
        .await;
    assert!(error.is_passing(), "{error}");
}

#[tokio::test]
async fn the_token_does_not_follow_a_redirect() {
    let world = World::new().await;
    let given = Arc::new(Mutex::new(Vec::new()));
    let serve = |router: Router| async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        origin
    };
    let seen = Arc::clone(&given);
    let elsewhere = serve(Router::new().fallback(move |request: Request| {
        seen.lock()
            .unwrap()
            .push(request.headers().get(header::AUTHORIZATION).cloned());
        let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"elsewhere\"")];
        std::future::ready((StatusCode::UNAUTHORIZED, asks))
    }))
    .await;
    let here = serve(Router::new().fallback(move |request: Request| {
        let to = format!("{elsewhere}{}", request.uri());
        std::future::ready((StatusCode::FOUND, [(header::LOCATION, to)]))
    }))
    .await;

    let access = CloneAccess {
        url: format!("{here}/acme/shop.git"),
        token: TOKEN.into(),
    };
    let error = world.refused_with(&access).await;
    assert_eq!(error.kind, PortErrorKind::Denied, "{error}");
    let given = given.lock().unwrap();
    assert!(
        !given.is_empty() && given.iter().all(Option::is_none),
        "{given:?}"
    );
}

/// A stop that was asked for before anything began.
struct Asked;

#[async_trait]
impl Stop for Asked {
    fn is_asked(&self) -> bool {
        true
    }

    async fn asked(&self) {}
}

#[tokio::test]
async fn a_stop_is_heeded() {
    let world = World::new().await;
    let sha = CommitSha::parse("1".repeat(40)).unwrap();
    let outcome = world
        .source
        .checkout(&world.repo, &world.access(), &Revision::Commit(sha), &Asked)
        .await;
    assert_eq!(outcome.err().unwrap().kind, PortErrorKind::Stopped);
}

#[tokio::test]
async fn many_at_a_time_share_one_fetch() {
    let world = World::new().await;
    let sha = world.commit("x", "1");
    world.push("main");
    let one = Revision::Commit(sha);
    let all = futures::future::join_all((0..4).map(|_| world.checkout(one.clone()))).await;
    let shared = world.requests();
    let worktrees: Vec<_> = all.into_iter().map(Result::unwrap).collect();
    let paths: std::collections::BTreeSet<_> =
        worktrees.iter().map(|w| w.path().to_owned()).collect();
    assert_eq!(paths.len(), 4);

    let alone = World::new().await;
    let sha = alone.commit("x", "1");
    alone.push("main");
    alone.checkout(Revision::Commit(sha)).await.unwrap();
    assert_eq!(shared, alone.requests());
}

#[tokio::test]
async fn leftovers_of_the_dead_go_and_the_living_stay() {
    let world = World::new().await;
    let sha = CommitSha::parse(git(world.work.path(), &["rev-parse", "HEAD"])).unwrap();
    let worktree = world.checkout(Revision::Commit(sha)).await.unwrap();
    let root = world.data.path().join("worktrees");
    // A process that died had a directory and a lock file that nobody holds any more.
    std::fs::create_dir_all(root.join("p-dead/1/files")).unwrap();
    std::fs::write(root.join("p-dead.lock"), "").unwrap();

    let next = GitSource::new(GitSettings::in_dir(world.data.path().to_owned()));
    next.clean().await.unwrap();
    assert!(!root.join("p-dead").exists() && !root.join("p-dead.lock").exists());
    assert_eq!(text(&*worktree, "README.md"), "# shop\n");

    // And a process that ends in order leaves nothing.
    drop(worktree);
    drop(world.source);
    next.clean().await.unwrap();
    let left: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["door"]);
}

#[tokio::test]
async fn the_program_is_probed() {
    let data = tempfile::tempdir().unwrap();
    let settings = GitSettings::in_dir(data.path().to_owned());
    let version = GitSource::new(settings.clone()).version().await.unwrap();
    assert!(version.starts_with("2."), "{version}");
    let other = GitSource::new(GitSettings {
        program: "true".into(),
        ..settings
    });
    assert!(
        other
            .version()
            .await
            .unwrap_err()
            .said
            .starts_with("this is no git")
    );
}

#[tokio::test]
async fn terraform_files_of_both_sides_are_read_without_a_worktree() {
    let world = World::new().await;
    world.commit("infra/one/main.tf", "# one\n");
    world.write("infra/one/skipped.txt", "no\n");
    world.write("infra/one/empty.tf", "");
    world.write("infra/a b/ü.tf.json", "{}\n");
    world.write("large.tf", &"#".repeat(600 * 1024));
    std::os::unix::fs::symlink("../one/main.tf", world.work.path().join("infra/link.tf")).unwrap();
    let base = world.commit_all();
    world.push("main");
    world.on("fork", "main");
    world.write("infra/one/main.tf", "# two\r\n");
    std::fs::remove_file(world.work.path().join("infra/one/empty.tf")).unwrap();
    let head = world.commit_all();
    world.push("refs/pull/7/head");

    let sources = |revision| {
        let (source, repo, access) = (&world.source, &world.repo, world.access());
        async move { source.sources(repo, &access, &revision, &Unstoppable).await }
    };
    let merged = Revision::Merged {
        pr: PrNumber(7),
        head: head.clone(),
        base: base.clone(),
    };
    let both = sources(merged).await.unwrap();
    let [of_head, of_base] = both.as_slice() else {
        panic!("{both:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    let named = |texts: &[(&str, Option<String>)]| {
        let texts = texts
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.clone()));
        texts.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(
        of_base.texts,
        named(&[
            ("infra/a b/ü.tf.json", text("{}\n")),
            ("infra/one/empty.tf", text("")),
            ("infra/one/main.tf", text("# one\n")),
            ("large.tf", None),
        ])
    );
    assert_eq!(
        of_head.texts,
        named(&[
            ("infra/a b/ü.tf.json", text("{}\n")),
            ("infra/one/main.tf", text("# two\r\n")),
            ("large.tf", None),
        ])
    );
    let link = ("infra/link.tf".to_owned(), "../one/main.tf".to_owned());
    assert_eq!(of_head.links, [link].into());
    assert!(!of_head.truncated && !of_base.truncated);

    // All of it is there now, for the checkout as well.
    let requests = world.requests();
    let again = sources(Revision::Commit(base)).await.unwrap();
    assert_eq!(again.as_slice(), std::slice::from_ref(of_base));
    world.checkout(Revision::Commit(head)).await.unwrap();
    assert_eq!(world.requests(), requests);
    let gone = CommitSha::parse("1".repeat(40)).unwrap();
    let error = sources(Revision::Commit(gone)).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_too_much_is_said_to_be() {
    let world = World::new().await;
    for file in 0..20 {
        // Just below what one file may have, and each another.
        let text = format!("# {file}{}\n", "-".repeat(500 * 1024));
        world.write(&format!("many/{file}.tf"), &text);
    }
    let sha = world.commit_all();
    world.push("main");
    let revision = Revision::Commit(sha);
    let sources = world
        .source
        .sources(&world.repo, &world.access(), &revision, &Unstoppable)
        .await
        .unwrap();
    assert!(sources[0].truncated);
    assert_eq!(sources[0].texts.len(), 20);
    assert_eq!(sources[0].texts.values().flatten().count(), 16);
}

#[tokio::test]
async fn policies_are_read_of_a_commit_by_their_patterns() {
    let world = World::new().await;
    world.write("policy/a.rego", "package main\n");
    world.write("policy/ü.rego", "");
    world.write("policy/deeper/c.rego", "package c\n");
    world.write("policy/data.json", "{}\n");
    let sha = world.commit_all();
    world.push("main");
    let read = |commit: CommitSha, pattern: &'static str| {
        let (source, repo, access) = (&world.source, &world.repo, world.access());
        async move {
            let patterns = Globs::parse(&[pattern]).unwrap();
            let read = source.policies(repo, &access, &commit, &patterns, &Unstoppable);
            read.await
        }
    };
    let paths = |files: BTreeMap<String, String>| files.into_keys().collect::<Vec<_>>();
    let flat = read(sha.clone(), "policy/*.rego").await.unwrap();
    assert_eq!(flat["policy/a.rego"], "package main\n");
    assert_eq!(paths(flat), ["policy/a.rego", "policy/ü.rego"]);
    let all = read(sha.clone(), "**/*.rego").await.unwrap();
    assert_eq!(
        paths(all),
        ["policy/a.rego", "policy/deeper/c.rego", "policy/ü.rego"]
    );
    assert_eq!(read(sha, "nothing/*.rego").await.unwrap(), BTreeMap::new());

    std::os::unix::fs::symlink("../README.md", world.work.path().join("policy/l.rego")).unwrap();
    let linked = world.commit_all();
    world.push("main");
    let error = read(linked.clone(), "policy/*.rego").await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Invalid);
    assert_eq!(error.said, "policy/l.rego is a symbolic link");
    assert_eq!(read(linked, "policy/deeper/*.rego").await.unwrap().len(), 1);

    for number in 0..=MOST_POLICY_FILES {
        world.write(&format!("many/{number}.rego"), "package main\n");
    }
    let many = world.commit_all();
    world.push("main");
    let error = read(many, "many/*.rego").await.unwrap_err();
    assert_eq!(
        error.said,
        "the patterns match more than 200 files or 2 MiB"
    );
}

#[tokio::test]
async fn a_mirror_is_removed_when_nobody_reads_it() {
    let world = World::new().await;
    let sha = world.commit("a.txt", "a");
    world.push("main");
    let worktree = world.checkout(Revision::Commit(sha.clone())).await.unwrap();
    let [item] = &*world.source.items().await.unwrap() else {
        panic!("one mirror")
    };
    assert_eq!(item.what, "the git mirror of acme/shop");
    assert!(item.bytes > 0 && item.used_at > jiff::Timestamp::UNIX_EPOCH);

    let reader = world.source.reader(&world.repo.name);
    assert!(!world.source.discard(&item.key).await.unwrap());
    drop(reader);
    assert!(!world.source.discard("../worktrees").await.unwrap());
    assert!(world.source.discard(&item.key).await.unwrap());
    assert!(!world.source.discard(&item.key).await.unwrap());
    assert!(world.source.items().await.unwrap().is_empty());
    // A run that has its files needs the mirror no more, and the next one fetches it again.
    assert_eq!(text(&*worktree, "a.txt"), "a");
    let again = world.checkout(Revision::Commit(sha)).await.unwrap();
    assert_eq!(text(&*again, "a.txt"), "a");

    // What was being removed when the process died goes at the next start.
    let half = world.data.path().join("mirrors/acme/.new-x");
    std::fs::create_dir(&half).unwrap();
    world.source.clean().await.unwrap();
    assert!(!half.exists());
}
