//! How many Terraform runs this machine can take at a time, if the settings don't say: as many as it
//! has cores, and no more than fit into its memory. Nothing else of the machine is looked at.

use std::fmt;
use std::fs;
use std::path::Path;

const GIB: u64 = 1 << 30;

/// What a run is reckoned at: Terraform, and two instances of the AWS provider, each of which takes 200 to
/// 450 MiB before it does anything, for its schema alone (measured by users of versions 4 to 7, see
/// <https://github.com/hashicorp/terraform-provider-aws/issues/31722> and what it links to). `bot/k8s` gives its
/// pods as much.
pub const RUN: u64 = GIB;

/// What the bot itself, git and the system keep.
pub const OWN: u64 = GIB / 2;

/// How many runs at a time, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// At least one.
    pub runs: usize,
    /// What it was that allows no more.
    pub bound: Bound,
}

/// What allows no more runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The settings say so.
    Settings,
    /// There are so many cores.
    Cores(usize),
    /// There is so much memory.
    Memory(Memory),
}

/// Memory that can be used, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// How much.
    pub bytes: u64,
    /// Whether a control group allows no more, as one of a container does.
    pub is_limit: bool,
}

impl Capacity {
    /// The smaller of what cores and memory allow, unless the settings say how many.
    #[must_use]
    pub fn of(setting: Option<usize>, cores: usize, memory: Option<Memory>) -> Self {
        if let Some(runs) = setting {
            return Self {
                runs,
                bound: Bound::Settings,
            };
        }
        let cores = cores.max(1);
        if let Some(memory) = memory {
            let fit = memory.bytes.saturating_sub(OWN) / RUN;
            let fit = usize::try_from(fit).unwrap_or(usize::MAX).max(1);
            if fit < cores {
                return Self {
                    runs: fit,
                    bound: Bound::Memory(memory),
                };
            }
        }
        Self {
            runs: cores,
            bound: Bound::Cores(cores),
        }
    }

    /// Of this machine.
    #[must_use]
    pub fn here(setting: Option<usize>) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self::of(setting, cores, Memory::below(Path::new("/")))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => write!(f, "limits.terraform_runs"),
            Self::Cores(1) => write!(f, "1 core"),
            Self::Cores(cores) => write!(f, "{cores} cores"),
            Self::Memory(memory) => {
                let mib = memory.bytes >> 20;
                let whose = match memory.is_limit {
                    true => "the limit of the control group",
                    false => "the machine's",
                };
                write!(
                    f,
                    "{mib} MiB of memory ({whose}), {} MiB of it for the bot and {} MiB for each run",
                    OWN >> 20,
                    RUN >> 20
                )
            }
        }
    }
}

impl Memory {
    /// The machine's memory or the limit of this process's control groups, whichever is lower, as the
    /// files below `root` say (proc_meminfo(5), cgroups(7)); nothing where there are none.
    #[must_use]
    pub fn below(root: &Path) -> Option<Self> {
        let machine = machine(root).map(|bytes| Self {
            bytes,
            is_limit: false,
        });
        let limit = limit(root).map(|bytes| Self {
            bytes,
            is_limit: true,
        });
        // The machine's goes first where both are the same.
        machine
            .into_iter()
            .chain(limit)
            .min_by_key(|memory| memory.bytes)
    }
}

fn machine(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The lowest limit of the control group and those that it is in. Inside a container its path may be that
/// on the host, of which only the last part is there: the groups above are looked at, too.
fn limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mut lowest: Option<u64> = None;
    for line in groups.lines() {
        // hierarchy:controllers:path; version 2 is the one without controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else {
            continue;
        };
        let places: &[(&str, &str)] = match controllers {
            "" => &[
                ("sys/fs/cgroup", "memory.max"),
                ("sys/fs/cgroup/unified", "memory.max"),
            ],
            _ if controllers.split(',').any(|it| it == "memory") => {
                &[("sys/fs/cgroup/memory", "memory.limit_in_bytes")]
            }
            _ => continue,
        };
        for (mount, file) in places {
            for group in Path::new(path.trim_start_matches('/')).ancestors() {
                let text = fs::read_to_string(root.join(mount).join(group).join(file));
                // "max", and a number near 2^63 in version 1, say that there is none.
                let bytes = text.ok().and_then(|text| text.trim().parse().ok());
                lowest = lowest.into_iter().chain(bytes).min();
            }
        }
    }
    lowest
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn machine_of(bytes: u64) -> Option<Memory> {
        Some(Memory {
            bytes,
            is_limit: false,
        })
    }

    fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn seen(files: &[(&str, &str)]) -> Option<(u64, bool)> {
        let memory = Memory::below(root(files).path())?;
        Some((memory.bytes, memory.is_limit))
    }

    #[test]
    fn the_smaller_of_cores_and_memory_counts() {
        let runs = |cores, memory| Capacity::of(None, cores, memory).runs;
        assert_eq!(runs(4, None), 4);
        assert_eq!(runs(0, None), 1);
        assert_eq!(runs(4, machine_of(32 * GIB)), 4);
        assert_eq!(runs(64, machine_of(32 * GIB)), 31);
        // As bot/k8s has it: one in 1.5 GiB, three in 4 GiB.
        assert_eq!(runs(8, machine_of(3 * GIB / 2)), 1);
        assert_eq!(runs(8, machine_of(4 * GIB)), 3);
        // One is always possible.
        assert_eq!(runs(8, machine_of(GIB / 4)), 1);
        assert_eq!(runs(8, machine_of(u64::MAX)), 8);
    }

    #[test]
    fn what_allows_no_more_is_said() {
        let bound = |cores, memory| Capacity::of(None, cores, memory).bound.to_string();
        assert_eq!(bound(4, machine_of(32 * GIB)), "4 cores");
        assert_eq!(
            bound(8, machine_of(4 * GIB)),
            "4096 MiB of memory (the machine's), 512 MiB of it for the bot and 1024 MiB for each run"
        );
        let limit = Memory {
            bytes: 2 * GIB,
            is_limit: true,
        };
        let limited = bound(8, Some(limit));
        assert!(
            limited.contains("(the limit of the control group)"),
            "{limited}"
        );
        let said = Capacity::of(Some(9), 1, Some(limit));
        assert_eq!((said.runs, said.bound), (9, Bound::Settings));
    }

    const MEMINFO: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:        8388608 kB\nMemFree:         1 kB\n",
    );

    #[test]
    fn a_machine_without_groups_has_what_it_has() {
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[MEMINFO]), Some((8 * GIB, false)));
        assert_eq!(seen(&[("proc/meminfo", "nothing\n")]), None);
    }

    #[test]
    fn version_2_counts_with_all_groups_above() {
        let own = ("proc/self/cgroup", "0::/system.slice/slipway.service\n");
        let of = |service: &'static str, slice: &'static str| {
            seen(&[
                MEMINFO,
                own,
                (
                    "sys/fs/cgroup/system.slice/slipway.service/memory.max",
                    service,
                ),
                ("sys/fs/cgroup/system.slice/memory.max", slice),
            ])
        };
        assert_eq!(of("max\n", "max\n"), Some((8 * GIB, false)));
        assert_eq!(of("2147483648\n", "max\n"), Some((2 * GIB, true)));
        assert_eq!(of("2147483648\n", "1073741824\n"), Some((GIB, true)));
        assert_eq!(of("99999999999999\n", "max\n"), Some((8 * GIB, false)));
        // A container sees its own group as the root.
        let container = [
            MEMINFO,
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "1073741824\n"),
        ];
        assert_eq!(seen(&container), Some((GIB, true)));
    }

    #[test]
    fn version_1_counts_even_by_a_path_of_the_host() {
        let groups = "9:name=systemd:/\n4:cpu,memory:/kubepods/pod1/abc\n0::/\n";
        let of = |text: &'static str| {
            seen(&[
                MEMINFO,
                ("proc/self/cgroup", groups),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", text),
            ])
        };
        assert_eq!(of("1073741824\n"), Some((GIB, true)));
        assert_eq!(of("9223372036854771712\n"), Some((8 * GIB, false)));
    }
}
