//! With the real bubblewrap. `tools/test` leaves these out where it does not work.

use std::sync::Mutex;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use slipway_core::ports::Stop;
use tokio_util::sync::CancellationToken;

use super::super::{CutShort, Ended, How, inside};
use super::*;

/// A stop that the test presses.
#[derive(Default)]
struct Button(CancellationToken);

#[async_trait::async_trait]
impl Stop for Button {
    fn is_asked(&self) -> bool {
        self.0.is_cancelled()
    }

    async fn asked(&self) {
        self.0.cancelled().await;
    }
}

/// The bubblewrap of `tools/bubblewrap`, else the one in `PATH`.
fn bubblewrap(readable: &[&Path]) -> Arc<Bubblewrap> {
    #[expect(clippy::disallowed_methods, reason = "tests are told by their runner")]
    let told = std::env::var_os("BUBBLEWRAP").unwrap_or_else(|| "bwrap".into());
    let readable = readable.iter().map(|path| path.to_path_buf()).collect();
    Arc::new(Bubblewrap::new(Path::new(&told), readable).unwrap())
}

/// A directory that the program may write to, and the program.
fn shell(dir: &Path, script: &str) -> Invocation {
    Invocation {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        dir: dir.to_owned(),
        env: vec![("PATH".into(), SEARCH_PATH.into())],
        limits: Limits {
            timeout: Duration::from_secs(100),
            grace: Duration::from_secs(60),
            line: LINE_LIMIT,
        },
        stdout: Stdout::Lines,
        redactor: Redactor::default(),
        view: Some(View::of(&bubblewrap(&[])).write(dir)),
    }
}

async fn run(invocation: &Invocation) -> (Ended, String) {
    let mut lines = Vec::new();
    let ended = invocation
        .run(&Unstoppable, &mut |_, line| lines.push(line.to_owned()))
        .await
        .unwrap();
    (ended, lines.join("\n"))
}

/// Runs it, and presses the button once it has said "ready".
async fn stopped(invocation: &Invocation) -> (Ended, String) {
    let (button, lines) = (Button::default(), Mutex::new(Vec::new()));
    let ended = invocation
        .run(&button, &mut |_, line| {
            if line == "ready" {
                button.0.cancel();
            }
            lines.lock().unwrap().push(line.to_owned());
        })
        .await
        .unwrap();
    let lines = lines.into_inner().unwrap();
    (ended, lines.join("\n"))
}

#[tokio::test]
async fn only_what_is_named_is_seen() {
    let (own, others) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&own, &others] {
        std::fs::write(dir.path().join("file"), "words\n").unwrap();
    }
    let secret = others.path().join("file");
    let script = format!(
        "cat file; echo more >>file; for it in {} /root /home /var/lib /etc/shadow /proc/{}; do \
         [ -e $it ] && echo seen $it; done; for it in /usr/it /etc/it /it; do (echo x >$it) \
         2>/dev/null && echo written $it; done; echo x >/tmp/it && cat /tmp/it",
        secret.display(),
        std::process::id()
    );
    let mut invocation = shell(own.path(), &script);
    let (ended, said) = run(&invocation).await;
    assert!(ended.how.is_exit(0), "{said}");
    assert_eq!(said, "words\nx");
    assert!(!Path::new("/tmp/it").exists());
    let kept = std::fs::read_to_string(own.path().join("file")).unwrap();
    assert_eq!(kept, "words\nmore\n");

    // What is readable is not writable; a link to it is followed, and so is one to what is written.
    let link = own.path().join("link");
    std::os::unix::fs::symlink(others.path(), &link).unwrap();
    let script = "cat link/file; echo x >link/file";
    invocation.args = vec!["-c".into(), script.into()];
    invocation.view = Some(View::of(&bubblewrap(&[&link])).write(own.path()));
    let (ended, said) = run(&invocation).await;
    assert!(
        said.contains("words") && said.contains("Read-only"),
        "{said}"
    );
    assert!(!ended.how.is_exit(0));
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "words\n");
}

#[tokio::test]
async fn it_has_no_capability_and_gets_no_privileges() {
    let dir = tempfile::tempdir().unwrap();
    let script = "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status; mount -t tmpfs none /tmp \
                  2>/dev/null || echo no mount";
    let (_, said) = run(&shell(dir.path(), script)).await;
    insta::assert_snapshot!(said, @"
    CapEff:	0000000000000000
    CapBnd:	0000000000000000
    NoNewPrivs:	1
    no mount
    ");
}

#[tokio::test]
async fn its_end_comes_through() {
    let dir = tempfile::tempdir().unwrap();
    for code in [0, 1, 2, 7, 127] {
        let (ended, _) = run(&shell(dir.path(), &format!("exit {code}"))).await;
        assert_eq!(ended.how, How::Exit(code));
    }
    for signal in [Signal::SIGSEGV, Signal::SIGKILL, Signal::SIGTERM] {
        let script = format!("kill -{} $$", signal as i32);
        let (ended, _) = run(&shell(dir.path(), &script)).await;
        assert_eq!(ended.how, How::Signal(signal as i32));
    }
}

#[tokio::test]
async fn an_interrupt_reaches_it_and_lets_it_finish() {
    let dir = tempfile::tempdir().unwrap();
    let script = "n=0; trap 'n=$((n+1))' INT; echo ready; while [ $n = 0 ]; do sleep 0.01; done; \
                  echo got $n; exit 7";
    let (ended, said) = stopped(&shell(dir.path(), script)).await;
    assert_eq!(said, "ready\ngot 1");
    assert_eq!(ended.cut_short, Some(CutShort::Stopped));
    assert_eq!(ended.how, How::Exit(7));
}

#[tokio::test]
async fn who_ignores_an_interrupt_is_terminated_and_then_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut invocation = shell(
        dir.path(),
        "trap '' INT; echo ready; while :; do sleep 0.01; done",
    );
    invocation.limits.grace = Duration::from_millis(50);
    let (ended, _) = stopped(&invocation).await;
    assert_eq!(ended.how, How::Signal(Signal::SIGTERM as i32));

    let script = "trap '' INT; trap 'echo termed' TERM; echo ready; while :; do sleep 0.01; done";
    invocation.args = vec!["-c".into(), script.into()];
    let (ended, said) = stopped(&invocation).await;
    assert_eq!(ended.how, How::Signal(Signal::SIGKILL as i32));
    assert!(said.contains("termed"), "{said}");
    assert_eq!(ended.cut_short, Some(CutShort::Stopped));
}

#[tokio::test]
async fn a_stop_before_it_has_begun_ends_it_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let invocation = shell(dir.path(), "exec sleep 1000");
    let button = Button::default();
    button.0.cancel();
    let ended = invocation.run(&button, &mut |_, _| {}).await.unwrap();
    assert_eq!(ended.how, How::Signal(Signal::SIGINT as i32));
}

/// Waits until nobody holds a file open that is locked as long as somebody inside lives.
fn until_free(lock: &Path) {
    let file = std::fs::File::open(lock).unwrap();
    file.lock().unwrap();
}

#[tokio::test]
async fn nothing_inside_outlives_it() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("lock");
    // Out of the group and the session, which without bubblewrap nothing would find again.
    let script = "exec 9>lock; flock -x 9; setsid sleep 1000 & echo left; exit 0";
    let (ended, said) = run(&shell(dir.path(), script)).await;
    assert!(ended.how.is_exit(0), "{said}");
    until_free(&lock);

    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let invocation = shell(
        dir.path(),
        "exec 9>lock; flock -x 9; setsid sleep 1000 & echo on; wait",
    );
    let running = tokio::spawn(async move {
        let mut on_line = |_, line: &str| tell.send(line.to_owned()).unwrap();
        invocation.run(&Unstoppable, &mut on_line).await
    });
    assert_eq!(told.recv().await.as_deref(), Some("on"));
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    until_free(&lock);
}

#[test]
fn it_outlives_the_thread_that_asked_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let invocation = shell(dir.path(), "read line <fifo; echo $line");
    let made = std::process::Command::new("mkfifo")
        .arg(dir.path().join("fifo"))
        .status();
    assert!(made.unwrap().success());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    // The thread ends; what it has started goes on.
    let started = std::thread::spawn(move || {
        let child = handle.block_on(invocation.spawn()).unwrap();
        (invocation, child)
    });
    let (_invocation, child) = started.join().unwrap();
    let bubblewrap = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    runtime.block_on(inside::begun(bubblewrap));
    std::fs::write(dir.path().join("fifo"), "on\n").unwrap();
    let output = runtime.block_on(child.wait_with_output()).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "on\n");
    assert!(output.status.success());
}

#[tokio::test]
async fn a_machine_that_does_not_let_it_is_told_of() {
    bubblewrap(&[]).probe().await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let fake = dir.path().join("bwrap");
    let says = "bwrap: No permissions to create a new namespace";
    std::fs::write(&fake, format!("#!/bin/sh\necho '{says}' >&2\nexit 1\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&fake, mode).unwrap();
    let refused = Arc::new(Bubblewrap::new(&fake, vec![]).unwrap())
        .probe()
        .await;
    let said = refused.unwrap_err().to_string();
    let start = format!(
        "{} can't start a program of its own: {says}; ",
        fake.display()
    );
    assert!(said.starts_with(&start), "{said}");

    let missing = Bubblewrap::new(Path::new("/opt/no/bwrap"), vec![]).unwrap_err();
    insta::assert_snapshot!(missing, @"there is no program `/opt/no/bwrap` (looked at /opt/no/bwrap); install it (Debian, Ubuntu, Fedora: the package `bubblewrap`), or name its path in the bot's settings (`terraform.bubblewrap`)");
}
