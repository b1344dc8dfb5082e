use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::sync::Notify;

use super::*;

/// A stop that the test presses.
#[derive(Clone, Default)]
struct Button(Arc<(AtomicBool, Notify)>);

impl Button {
    fn press(&self) {
        self.0.0.store(true, Ordering::SeqCst);
        self.0.1.notify_waiters();
    }
}

#[async_trait]
impl Stop for Button {
    fn is_asked(&self) -> bool {
        self.0.0.load(Ordering::SeqCst)
    }

    async fn asked(&self) {
        let pressed = self.0.1.notified();
        if !self.is_asked() {
            pressed.await;
        }
    }
}

fn shell(script: &str) -> Invocation {
    Invocation {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        dir: "/".into(),
        env: vec![("PATH".into(), SEARCH_PATH.into())],
        limits: Limits {
            timeout: Duration::from_secs(120),
            grace: Duration::from_secs(60),
            line: LINE_LIMIT,
        },
        stdout: Stdout::Lines,
        redactor: Redactor::default(),
        view: None,
    }
}

async fn lines_of(invocation: Invocation) -> (Ended, Vec<(Stream, String)>) {
    let mut lines = Vec::new();
    let ended = invocation
        .run(&Unstoppable, &mut |stream, line| {
            lines.push((stream, line.to_owned()));
        })
        .await
        .unwrap();
    (ended, lines)
}

fn is_gone(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

/// A killed process that is nobody's child here stays a zombie until init takes it.
fn is_gone_or_dead(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty()
        || stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
}

/// Waits until a process is gone; the test's own time limit ends it.
async fn until_gone(pid: i32) {
    while !is_gone_or_dead(pid) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn both_streams_come_as_lines_and_the_exit_code_in_words() {
    let (ended, lines) = lines_of(shell("echo out; echo err >&2; printf tail; exit 3")).await;
    assert_eq!(ended.how.to_string(), "it exited with code 3");
    assert_eq!(ended.cut_short, None);
    let of = |stream| {
        lines
            .iter()
            .filter(|l| l.0 == stream)
            .map(|l| l.1.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(Stream::Out), ["out", "tail"]);
    assert_eq!(of(Stream::Err), ["err"]);
    assert_eq!(ended.tail.len(), 3);
}

#[tokio::test]
async fn the_environment_is_only_what_was_given() {
    let mut invocation = shell("");
    invocation.program = "/usr/bin/env".into();
    invocation.args = vec![];
    invocation.env = vec![("ONLY".into(), "this".into())];
    let (_, lines) = lines_of(invocation).await;
    assert_eq!(lines, [(Stream::Out, "ONLY=this".to_owned())]);
}

#[tokio::test]
async fn a_hundred_megabytes_pass_through() {
    let (mut bytes, mut count, mut last) = (0, 0, String::new());
    let ended =
        shell("yes 0123456789012345678901234567890123456789 | head -c 104857600; echo; echo end")
            .run(&Unstoppable, &mut |_, line| {
                bytes += line.len() + 1;
                count += 1;
                line.clone_into(&mut last);
            })
            .await
            .unwrap();
    assert!(ended.how.is_exit(0));
    assert!(bytes > 104_857_600, "{bytes}");
    assert!(count > 2_000_000, "{count}");
    assert_eq!(last, "end");
    assert_eq!(ended.tail.len(), 50);
}

#[tokio::test]
async fn a_long_line_is_cut_with_a_note_and_the_next_one_is_whole() {
    let (_, lines) = lines_of(shell(
        "head -c 1048576 /dev/zero | tr '\\0' x; echo; echo next",
    ))
    .await;
    assert_eq!(lines.len(), 2);
    let cut = &lines[0].1;
    assert!(cut.starts_with(&"x".repeat(LINE_LIMIT)));
    assert_eq!(
        &cut[LINE_LIMIT..],
        " … [983040 more bytes of this line are not shown]"
    );
    assert_eq!(lines[1].1, "next");
}

#[tokio::test]
async fn the_cut_does_not_leave_half_a_secret() {
    for offset in [1, 5, 9, 12] {
        let mut invocation = shell(&format!(
            "printf 'topsecret123topsecret123'; head -c {} /dev/zero | tr '\\0' x; printf 'topsecret123topsecret123topsecret123'",
            200 - offset - 24
        ));
        invocation.limits.line = 200;
        invocation.redactor = Redactor::new(["topsecret123"]);
        let (_, lines) = lines_of(invocation).await;
        let line = &lines[0].1;
        assert!(line.contains("more bytes of this line"), "{line}");
        assert!(!line.contains("top"), "{line}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced() {
    let (ended, lines) = lines_of(shell(
        "printf 'a\\377b\\0c\\n\\303'; printf '\\033[31mred\\033[0m\\n'",
    ))
    .await;
    assert!(ended.how.is_exit(0));
    assert_eq!(lines[0].1, "a\u{fffd}bc");
    assert_eq!(lines[1].1, "\u{fffd}red");
}

#[tokio::test]
async fn captured_output_is_whole_and_bounded() {
    let mut invocation = shell("printf 'a\\nb\\0'; echo log >&2");
    invocation.stdout = Stdout::Bytes { limit: 4 };
    let (ended, lines) = lines_of(invocation).await;
    assert_eq!(ended.stdout, b"a\nb\0");
    assert_eq!(lines, [(Stream::Err, "log".to_owned())]);

    let mut invocation = shell("exec cat /dev/zero");
    invocation.stdout = Stdout::Bytes { limit: 1_000_000 };
    let error = invocation
        .run(&Unstoppable, &mut |_, _| {})
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "it printed more than 1000000 bytes");
}

#[tokio::test]
async fn an_end_by_a_signal_is_told_by_name() {
    let (ended, _) = lines_of(shell("kill -SEGV $$")).await;
    assert_eq!(ended.how.to_string(), "it was ended by SIGSEGV (signal 11)");
}

#[tokio::test]
async fn what_it_leaves_behind_in_its_group_is_killed() {
    let (ended, lines) = lines_of(shell("sleep 1000 & echo $!; exit 0")).await;
    assert!(ended.how.is_exit(0));
    until_gone(lines[0].1.parse().unwrap()).await;
}

#[tokio::test]
async fn a_stop_interrupts_once_and_lets_it_finish() {
    let button = Button::default();
    let script = "n=0; trap 'n=$((n+1))' INT; echo ready; while [ $n = 0 ]; do sleep 0.01; done; \
                  echo got $n; exit 7";
    let mut lines = Vec::new();
    let ended = shell(script)
        .run(&button, &mut |_, line| {
            if line == "ready" {
                button.press();
            }
            lines.push(line.to_owned());
        })
        .await
        .unwrap();
    assert_eq!(ended.cut_short, Some(CutShort::Stopped));
    assert!(ended.how.is_exit(7));
    assert_eq!(lines, ["ready", "got 1"]);
}

#[tokio::test]
async fn who_ignores_an_interrupt_is_terminated() {
    let button = Button::default();
    let mut invocation = shell("trap '' INT; echo ready; while :; do sleep 0.01; done");
    invocation.limits.grace = Duration::from_millis(50);
    let ended = invocation
        .run(&button, &mut |_, _| button.press())
        .await
        .unwrap();
    assert_eq!(ended.how, How::Signal(15));
    assert_eq!(ended.cut_short, Some(CutShort::Stopped));
}

#[tokio::test]
async fn time_runs_out() {
    let mut invocation = shell("exec sleep 1000");
    invocation.limits.timeout = Duration::from_millis(50);
    let ended = invocation.run(&Unstoppable, &mut |_, _| {}).await.unwrap();
    assert_eq!(
        ended.cut_short,
        Some(CutShort::TimedOut(Duration::from_millis(50)))
    );
    assert_eq!(ended.how, How::Signal(2));
}

#[tokio::test]
async fn giving_up_kills_the_group() {
    let (tell_pids, mut pids) = tokio::sync::mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        shell("sleep 1000 & echo $! $$; wait")
            .run(&Unstoppable, &mut |_, line| {
                tell_pids.send(line.to_owned()).unwrap();
            })
            .await
    });
    let line = pids.recv().await.unwrap();
    let (grandchild, child) = line.split_once(' ').unwrap();
    let (grandchild, child): (i32, i32) = (grandchild.parse().unwrap(), child.parse().unwrap());
    assert!(!is_gone(child));
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    until_gone(grandchild).await;
    until_gone(child).await;
}

#[tokio::test]
async fn a_pipe_held_open_from_outside_the_group_does_not_hold_the_run() {
    let (ended, lines) = lines_of(shell("setsid sleep 1000 & echo $!; exit 0")).await;
    assert!(ended.how.is_exit(0));
    // It is out of reach; the test ends it.
    let _ = kill(Pid::from_raw(lines[0].1.parse().unwrap()), Signal::SIGKILL);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let missing = find(Path::new("no-such-program")).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "there is no program `no-such-program` (looked at /usr/local/bin/no-such-program, \
         /usr/bin/no-such-program, /bin/no-such-program)"
    );
    assert!(find(Path::new("/etc/passwd")).is_err());
    assert!(find(Path::new("sh")).unwrap().is_absolute());

    let mut invocation = shell("true");
    invocation.dir = "/no/such/dir".into();
    let error = invocation
        .run(&Unstoppable, &mut |_, _| {})
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the directory /no/such/dir is not there");
}
