//! A process group that does not outlive its owner.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

use super::inside;

/// The group that a child leads; killed when dropped.
///
/// The number of a group stays taken for as long as any process is in it, the leader being a
/// zombie included. After the leader has been reaped and the group is empty the number is free
/// again, so [`Group::end`] belongs right after the wait; the kernel hands numbers out in turn,
/// which makes a stranger under the same number a matter of a full round in microseconds.
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    /// The child is bubblewrap: whoever is to be told something is inside, in a group of their own.
    is_confined: bool,
    /// The leader was reaped and what was left of the group was killed: the number is no more ours.
    over: AtomicBool,
}

impl Group {
    /// The group of a child that was started with `process_group(0)`.
    pub(super) fn led_by(child: &Child, is_confined: bool) -> io::Result<Self> {
        child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(|id| Self {
                id: Pid::from_raw(id),
                is_confined,
                over: AtomicBool::new(false),
            })
            .ok_or_else(|| io::Error::other("the process has no id"))
    }

    /// Waits until the program is there: at once, unless bubblewrap starts it.
    pub(super) async fn begun(&self) {
        if self.is_confined {
            inside::begun(self.id).await;
        }
    }

    /// Sends a signal to everybody in the group, and inside to that of the program.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.is_confined {
            return Self::send(self.id, signal);
        }
        match inside::first(self.id) {
            // Killed, the first process inside takes all others along; bubblewrap then tells the end.
            Some(first) => Self::send(first, signal),
            None if signal == Signal::SIGKILL => Self::send(self.id, signal),
            // It is over, and bubblewrap is about to tell how.
            None => {}
        }
    }

    fn send(group: Pid, signal: Signal) {
        match killpg(group, signal) {
            // ESRCH: nobody is left.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(group = group.as_raw(), %signal, %error, "a process group could not be signalled");
            }
        }
    }

    /// Kills whoever is left, after the leader was waited for.
    pub(super) fn end(&self) {
        if !self.over.swap(true, Ordering::Relaxed) {
            // With bubblewrap, everything inside is killed (`--die-with-parent`).
            Self::send(self.id, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}
