//! The names of a command against the names that the repository has.

use crate::config::{Config, Environment};
use crate::ids::{EnvName, ServiceName, StackName};

use super::error::{CommandError, Problem, What};
use super::{Command, Request};

impl Request {
    /// The command that is meant in this repository.
    ///
    /// The first word of `/plan` and `/apply` may be a stack: where no environment has that name
    /// and a stack has, the command is about that stack, everywhere.
    ///
    /// # Errors
    /// When a name does not exist, or exists where the command does not look; the error lists those
    /// that do.
    pub fn resolve(self, config: &Config) -> Result<Command, CommandError> {
        let command = match self.0 {
            Command::Plan { env, stacks, flags } => {
                let (env, stacks) = stack_or_environment(env, stacks, config);
                Command::Plan { env, stacks, flags }
            }
            Command::Apply { env, stacks } => {
                let (env, stacks) = stack_or_environment(env, stacks, config);
                Command::Apply { env, stacks }
            }
            other => other,
        };
        check_names(&command, config)?;
        Ok(command)
    }
}

fn stack_or_environment(
    env: Option<EnvName>,
    mut stacks: Vec<StackName>,
    config: &Config,
) -> (Option<EnvName>, Vec<StackName>) {
    let stack = env
        .as_ref()
        .filter(|env| config.environment(env).is_none())
        .and_then(|env| {
            config
                .stacks
                .iter()
                .find(|stack| stack.name.as_str() == env.as_str())
        });
    let env = match stack {
        Some(stack) => {
            stacks.insert(0, stack.name.clone());
            None
        }
        None => env,
    };
    let mut seen = Vec::new();
    stacks.retain(|stack| {
        let new = !seen.contains(stack);
        seen.push(stack.clone());
        new
    });
    (env, stacks)
}

/// Checks that every name in a command exists, and exists where the command would act.
///
/// # Errors
/// The first name that does not, with those that do.
pub fn check_names(command: &Command, config: &Config) -> Result<(), CommandError> {
    check(command, config).map_err(|problem| CommandError::about(command.spec(), problem))
}

fn check(command: &Command, config: &Config) -> Result<(), Problem> {
    match command {
        Command::Plan { env, stacks, .. } | Command::Apply { env, stacks } => {
            if let Command::Plan { flags, .. } = command
                && !flags.is_none()
                && (env.is_none() || stacks.len() != 1)
            {
                return Err(Problem::FlagsOfMany);
            }
            if let Some(env) = env {
                // Only here may a stack stand in its place, so only here are both offered.
                environment_among(env, config, !config.stacks.is_empty())?;
            }
            stacks
                .iter()
                .try_for_each(|name| stack(name, env.as_ref(), config))
        }
        Command::Deploy {
            env, service: name, ..
        }
        | Command::Rollback {
            env, service: name, ..
        } => {
            takes_services(environment(env, config)?, config)?;
            service(name.as_ref(), config)
        }
        Command::Promote {
            from,
            to,
            service: name,
        } => {
            takes_services(environment(from, config)?, config)?;
            takes_services(environment(to, config)?, config)?;
            if from == to {
                return Err(Problem::SameEnvironment { env: to.clone() });
            }
            service(name.as_ref(), config)
        }
        Command::ForceUnlock {
            env, stack: name, ..
        } => {
            environment(env, config)?;
            stack(name, Some(env), config)
        }
        Command::Resume { env }
        | Command::Lock { env, .. }
        | Command::Unlock { env }
        | Command::Override { env, .. }
        | Command::Explain { env } => environment(env, config).map(|_| ()),
        Command::Where
        | Command::Confirm { .. }
        | Command::Cancel { .. }
        | Command::Retry
        | Command::Help => Ok(()),
    }
}

fn environment<'c>(name: &EnvName, config: &'c Config) -> Result<&'c Environment, Problem> {
    environment_among(name, config, false)
}

fn environment_among<'c>(
    name: &EnvName,
    config: &'c Config,
    or_stack: bool,
) -> Result<&'c Environment, Problem> {
    config.environment(name).ok_or_else(|| {
        let mut known = vec![(What::Environment, environment_names(config))];
        if or_stack {
            known.push((What::Stack, stack_names(config)));
        }
        Problem::UnknownName {
            written: name.to_string(),
            known,
        }
    })
}

fn environment_names(config: &Config) -> Vec<String> {
    config
        .environments
        .iter()
        .map(|environment| environment.name.to_string())
        .collect()
}

fn stack_names(config: &Config) -> Vec<String> {
    config
        .stacks
        .iter()
        .map(|stack| stack.name.to_string())
        .collect()
}

fn stack(name: &StackName, env: Option<&EnvName>, config: &Config) -> Result<(), Problem> {
    let known = config.stack(name).ok_or_else(|| Problem::UnknownName {
        written: name.to_string(),
        known: vec![(What::Stack, stack_names(config))],
    })?;
    match env {
        Some(env) if !known.environments.contains(env) => Err(Problem::StackElsewhere {
            stack: name.clone(),
            env: env.clone(),
            environments: known.environments.iter().map(ToString::to_string).collect(),
        }),
        _ => Ok(()),
    }
}

fn service(name: Option<&ServiceName>, config: &Config) -> Result<(), Problem> {
    match name {
        Some(name) if config.service(name).is_none() => Err(Problem::UnknownName {
            written: name.to_string(),
            known: vec![(
                What::Service,
                config
                    .services
                    .iter()
                    .map(|service| service.name.to_string())
                    .collect(),
            )],
        }),
        _ => Ok(()),
    }
}

fn takes_services(environment: &Environment, config: &Config) -> Result<(), Problem> {
    if config.services.is_empty() {
        return Err(Problem::NoServices);
    }
    if config.services_in(&environment.name).next().is_none() {
        return Err(Problem::NotDeployedTo {
            env: environment.name.clone(),
        });
    }
    Ok(())
}
