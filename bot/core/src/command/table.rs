//! The one table of commands.

use super::Command;
use super::parse::Values;

/// One command: how it is written, what it does, who may say it.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The word after the slash.
    pub name: &'static str,
    /// What follows it, in order.
    pub arguments: &'static [Argument],
    /// What may stand anywhere behind it.
    pub flags: &'static [Flag],
    /// The right that it takes.
    pub right: Right,
    /// What it does, on one line.
    pub summary: &'static str,
    /// What else there is to know, in Markdown.
    pub help: &'static str,
    /// A whole line that works.
    pub example: &'static str,
    /// Makes the command of values that fit `arguments` and `flags`.
    pub(super) build: fn(&mut Values) -> Option<Command>,
}

/// One argument of a command.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its name in the usage, in capitals.
    pub name: &'static str,
    /// What it has to be.
    pub kind: Kind,
    /// How often it comes.
    pub arity: Arity,
}

/// How often an argument comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Once.
    One,
    /// Once or not at all.
    Optional,
    /// Any number of times. Only the last argument, but for flags behind two dashes.
    Many,
    /// Any number of times, but once at least. Only the last argument.
    Some,
}

/// A named option with a value.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// How it is written, with its dashes.
    pub name: &'static str,
    /// The name of its value in the usage, in capitals.
    pub value: &'static str,
    /// What its value has to be.
    pub kind: Kind,
}

/// What a word of a command has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name of an environment.
    Environment,
    /// The name of a stack.
    Stack,
    /// The name of a service.
    Service,
    /// The start of a commit's name.
    Sha,
    /// A length of time.
    Duration,
    /// The code of a second step.
    Code,
    /// The start of a run's id.
    Run,
    /// The id of a state lock.
    LockId,
    /// Words for people.
    Text,
    /// A flag for `terraform plan`, behind two dashes.
    PlanFlag,
}

/// The right that a command takes; `allow` in deploy.toml says who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// None: whoever may comment may say it. It changes nothing.
    Anyone,
    /// To plan in the environment.
    Plan,
    /// To apply in the environment.
    Apply,
    /// To deploy in the environment.
    Deploy,
    /// To force the state locks of the environment open.
    ForceUnlock,
    /// To override policies in the environment.
    Override,
    /// The one that the run took which it is about.
    OfTheRun,
}

const ENV: Argument = Argument {
    name: "ENV",
    kind: Kind::Environment,
    arity: Arity::One,
};
const OPTIONAL_ENV: Argument = Argument {
    arity: Arity::Optional,
    ..ENV
};
const STACKS: Argument = Argument {
    name: "STACK",
    kind: Kind::Stack,
    arity: Arity::Many,
};
const PLAN_FLAGS: Argument = Argument {
    name: "-- FLAG",
    kind: Kind::PlanFlag,
    arity: Arity::Many,
};
const SERVICE: Argument = Argument {
    name: "SERVICE",
    kind: Kind::Service,
    arity: Arity::Optional,
};

/// Every command, in the order in which people meet them.
pub const COMMANDS: &[Spec] = &[
    Spec {
        name: "plan",
        arguments: &[OPTIONAL_ENV, STACKS, PLAN_FLAGS],
        flags: &[],
        right: Right::Plan,
        summary: "plan the stacks that this pull request touches, or those named",
        help: "Without an environment it plans everywhere. On a draft, on a pull request from a fork, or on one by \
               somebody without the right to plan, nothing is planned until this is said; it covers the head commit \
               it was said about. For one stack in one environment, `--` and flags may follow: `-target=ADDR`, \
               `-replace=ADDR`, `-refresh-only`, `-destroy` (which takes a right of its own) and no others. Such a plan \
               is applied only by `/apply ENV STACK`, and never counts as all of the stack.",
        example: "/plan dev eks",
        build: |values| {
            Some(Command::Plan {
                env: values.environment(),
                stacks: values.stacks(),
                flags: values.plan_flags(),
            })
        },
    },
    Spec {
        name: "apply",
        arguments: &[OPTIONAL_ENV, STACKS],
        flags: &[],
        right: Right::Apply,
        summary: "apply exactly the plans shown",
        help: "Where the head, the base or a plan has changed since, it plans again and says so instead. The stacks that one depends on are applied before it, or along with it.",
        example: "/apply dev",
        build: |values| {
            Some(Command::Apply {
                env: values.environment(),
                stacks: values.stacks(),
            })
        },
    },
    Spec {
        name: "deploy",
        arguments: &[ENV, SERVICE],
        flags: &[Flag {
            name: "--sha",
            value: "SHA",
            kind: Kind::Sha,
        }],
        right: Right::Deploy,
        summary: "roll out this pull request's image",
        help: "The image of the head commit; once merged, of the merge commit; or of the commit that `--sha` names. \
               Without a service it rolls out all that the pull request touches.",
        example: "/deploy dev",
        build: |values| {
            Some(Command::Deploy {
                env: values.environment()?,
                service: values.service(),
                sha: values.sha(),
            })
        },
    },
    Spec {
        name: "promote",
        arguments: &[
            Argument {
                name: "FROM",
                ..ENV
            },
            Argument { name: "TO", ..ENV },
            SERVICE,
        ],
        flags: &[],
        right: Right::Deploy,
        summary: "roll out in TO the very digest that is live in FROM",
        help: "The gates of TO apply.",
        example: "/promote dev prod",
        build: |values| {
            Some(Command::Promote {
                from: values.environment()?,
                to: values.environment()?,
                service: values.service(),
            })
        },
    },
    Spec {
        name: "rollback",
        arguments: &[ENV, SERVICE],
        flags: &[Flag {
            name: "--to",
            value: "SHA",
            kind: Kind::Sha,
        }],
        right: Right::Deploy,
        summary: "roll out the previous good release, and set a hold",
        help: "Nothing is deployed there automatically until `/resume`. `--to` names the commit of an older release.",
        example: "/rollback prod",
        build: |values| {
            Some(Command::Rollback {
                env: values.environment()?,
                service: values.service(),
                to: values.sha(),
            })
        },
    },
    Spec {
        name: "resume",
        arguments: &[ENV],
        flags: &[],
        right: Right::Deploy,
        summary: "lift the hold, so that merges deploy again",
        help: "It deploys nothing by itself.",
        example: "/resume prod",
        build: |values| {
            Some(Command::Resume {
                env: values.environment()?,
            })
        },
    },
    Spec {
        name: "lock",
        arguments: &[
            ENV,
            Argument {
                name: "REASON",
                kind: Kind::Text,
                arity: Arity::Many,
            },
        ],
        flags: &[Flag {
            name: "--for",
            value: "TIME",
            kind: Kind::Duration,
        }],
        right: Right::Deploy,
        summary: "claim an environment",
        help: "Nobody else deploys or applies there until `/unlock`, or until the time given with `--for` is over \
               (`90s`, `30m`, `2h`, `1d`).",
        example: "/lock prod --for 2h DB migration",
        build: |values| {
            Some(Command::Lock {
                env: values.environment()?,
                ttl: values.duration(),
                reason: values.text(),
            })
        },
    },
    Spec {
        name: "unlock",
        arguments: &[ENV],
        flags: &[],
        right: Right::Deploy,
        summary: "free an environment",
        help: "A lock is freed by its holder or by an administrator of the repository.",
        example: "/unlock prod",
        build: |values| {
            Some(Command::Unlock {
                env: values.environment()?,
            })
        },
    },
    Spec {
        name: "force-unlock",
        arguments: &[
            ENV,
            Argument {
                name: "STACK",
                kind: Kind::Stack,
                arity: Arity::One,
            },
            Argument {
                name: "ID",
                kind: Kind::LockId,
                arity: Arity::One,
            },
        ],
        flags: &[],
        right: Right::ForceUnlock,
        summary: "force the state lock of a stack open",
        help: "For a lock that a dead Terraform left behind; its id is shown where a plan or an apply ended at it. \
               Make sure that nobody is at work under it: two at once can spoil the state. The backend is read \
               from the default branch, and the role is the one of applies.",
        example: "/force-unlock dev eks 4d4d2c61-9a3f-7b10-5f3e-0c5d1f0a7b52",
        build: |values| {
            Some(Command::ForceUnlock {
                env: values.environment()?,
                stack: values.stacks().pop()?,
                id: values.lock()?,
            })
        },
    },
    Spec {
        name: "override",
        arguments: &[
            ENV,
            Argument {
                name: "REASON",
                kind: Kind::Text,
                arity: Arity::Some,
            },
        ],
        flags: &[],
        right: Right::Override,
        summary: "let the plans of this pull request be applied although policies deny them",
        help: "It covers what is denied in that environment at the head commit it was said about, and nothing else: \
               another commit, or another denial, needs another word. The reason is kept and shown.",
        example: "/override prod the bucket was emptied in #41",
        build: |values| {
            Some(Command::Override {
                env: values.environment()?,
                reason: values.text()?,
            })
        },
    },
    Spec {
        name: "where",
        arguments: &[],
        flags: &[],
        right: Right::Anyone,
        summary: "show what runs where",
        help: "For each environment and service: digest, commit, pull request, who, when, hold, commits behind; and each lock with those who wait for it.",
        example: "/where",
        build: |_| Some(Command::Where),
    },
    Spec {
        name: "explain",
        arguments: &[ENV],
        flags: &[],
        right: Right::Anyone,
        summary: "show every gate with its state and what would open it",
        help: "It changes nothing.",
        example: "/explain prod",
        build: |values| {
            Some(Command::Explain {
                env: values.environment()?,
            })
        },
    },
    Spec {
        name: "confirm",
        arguments: &[Argument {
            name: "CODE",
            kind: Kind::Code,
            arity: Arity::One,
        }],
        flags: &[],
        right: Right::OfTheRun,
        summary: "take the second step of a run that asks for one",
        help: "The code is shown with the request, is good for that run alone, and runs out.",
        example: "/confirm K7QX",
        build: |values| {
            Some(Command::Confirm {
                code: values.code()?,
            })
        },
    },
    Spec {
        name: "cancel",
        arguments: &[Argument {
            name: "RUN",
            kind: Kind::Run,
            arity: Arity::Optional,
        }],
        flags: &[],
        right: Right::OfTheRun,
        summary: "stop a queued or running run",
        help: "Without an id it stops all runs of this pull request.",
        example: "/cancel 9f3c2b1a",
        build: |values| Some(Command::Cancel { run: values.run() }),
    },
    Spec {
        name: "retry",
        arguments: &[],
        flags: &[],
        right: Right::OfTheRun,
        summary: "run the last run again",
        help: "The gates are asked again.",
        example: "/retry",
        build: |_| Some(Command::Retry),
    },
    Spec {
        name: "help",
        arguments: &[],
        flags: &[],
        right: Right::Anyone,
        summary: "show the commands, environments, stacks and rules of this repository",
        help: "",
        example: "/help",
        build: |_| Some(Command::Help),
    },
];

/// The entry of this name, in lower case and without the slash.
#[must_use]
pub fn spec(name: &str) -> Option<&'static Spec> {
    COMMANDS.iter().find(|spec| spec.name == name)
}

/// How a command is written: `/deploy ENV [SERVICE] [--sha SHA]`.
#[must_use]
pub fn usage(name: &str) -> Option<String> {
    spec(name).map(|spec| spec.usage(|argument| argument.name.to_owned()))
}

/// The entry of a command. A test sees to it that there is one for each.
pub(super) fn entry(command: &Command) -> &'static Spec {
    spec(command.name()).unwrap_or(&COMMANDS[0])
}

impl Spec {
    /// Whether flags for Terraform may follow two dashes.
    pub(super) fn takes_plan_flags(&self) -> bool {
        self.arguments
            .iter()
            .any(|argument| argument.kind == Kind::PlanFlag)
    }

    /// How the command is written, with each argument's name replaced by `name`.
    pub(super) fn usage(&self, name: impl Fn(&Argument) -> String) -> String {
        let mut usage = format!("/{}", self.name);
        for argument in self.arguments {
            let name = name(argument);
            usage.push_str(&match argument.arity {
                Arity::One => format!(" {name}"),
                Arity::Optional => format!(" [{name}]"),
                Arity::Many => format!(" [{name}…]"),
                Arity::Some => format!(" {name}…"),
            });
        }
        for flag in self.flags {
            usage.push_str(&format!(" [{} {}]", flag.name, flag.value));
        }
        usage
    }
}
