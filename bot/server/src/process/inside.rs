//! The processes inside bubblewrap, as they are seen from outside.
//!
//! bubblewrap passes no signal on, and one that ends it ends everything inside, too. So signals go past
//! it. It has one child, the first process of the namespace; that one leads a session and a group, in
//! which the program starts, and is immune to every signal from outside but SIGKILL and SIGSTOP, since it has
//! no handlers (pid_namespaces(7)).

use std::fs;
use std::time::Duration;

use nix::unistd::{Pid, getpgid};

/// How often is looked whether the program has been started.
const PAUSE: Duration = Duration::from_millis(2);

/// The first process inside, once it leads its group.
pub(super) fn first(bubblewrap: Pid) -> Option<Pid> {
    let first = children(bubblewrap).into_iter().next()?;
    (getpgid(Some(first)) == Ok(first)).then_some(first)
}

/// Waits until the program has been started.
pub(super) async fn begun(bubblewrap: Pid) {
    while first(bubblewrap).is_none_or(|first| children(first).is_empty()) {
        tokio::time::sleep(PAUSE).await;
    }
}

fn children(of: Pid) -> Vec<Pid> {
    // bubblewrap and the first process inside have one thread each. Not every kernel has this file
    // (CONFIG_PROC_CHILDREN).
    match fs::read_to_string(format!("/proc/{of}/task/{of}/children")) {
        Ok(list) => list.split_whitespace().filter_map(pid).collect(),
        Err(_) => processes()
            .filter(|process| parent(*process) == Some(of))
            .collect(),
    }
}

fn processes() -> impl Iterator<Item = Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten();
    all.filter_map(|entry| pid(entry.ok()?.file_name().to_str()?))
}

/// The parent of a process: the second field after its name, which is in parentheses and may hold
/// anything (proc(5)).
fn parent(of: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{of}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    pid(rest.split_whitespace().nth(1)?)
}

fn pid(text: &str) -> Option<Pid> {
    text.parse().ok().map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_either_way() {
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .unwrap();
        let (me, it) = (
            Pid::this(),
            Pid::from_raw(i32::try_from(child.id()).unwrap()),
        );
        let is_found = processes().any(|process| process == it);
        let (is_mine, is_nobodys) = (parent(it), parent(Pid::from_raw(i32::MAX)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_found);
        assert_eq!((is_mine, is_nobodys), (Some(me), None));
    }
}
