//! A process group that does not outlive its owner.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Child;

/// The group that a child leads; killed when dropped.
///
/// The number of a group stays taken for as long as any process is in it, the leader being a
/// zombie included. After the leader has been reaped and the group is empty the number is free
/// again, so [`Group::end`] belongs right after the wait; the kernel hands numbers out in turn,
/// which makes a stranger under the same number a matter of a full round in microseconds.
#[derive(Debug)]
pub(super) struct Group {
    id: Pid,
    /// The leader was reaped and what was left of the group was killed: the number is no more ours.
    over: AtomicBool,
}

impl Group {
    /// The group of a child that was started with `process_group(0)`.
    pub(super) fn led_by(child: &Child) -> io::Result<Self> {
        child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(|id| Self {
                id: Pid::from_raw(id),
                over: AtomicBool::new(false),
            })
            .ok_or_else(|| io::Error::other("the process has no id"))
    }

    /// Sends a signal to everybody in the group.
    pub(super) fn signal(&self, signal: Signal) {
        match killpg(self.id, signal) {
            // ESRCH: nobody is left.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(group = self.id.as_raw(), %signal, %error, "a process group could not be signalled");
            }
        }
    }

    /// Kills whoever is left, after the leader was waited for.
    pub(super) fn end(&self) {
        if !self.over.swap(true, Ordering::Relaxed) {
            self.signal(Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}
