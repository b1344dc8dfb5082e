//! This repository is Slipway's first customer: `deploy.toml`, `infra/`, `app/k8s`, `bot/k8s`,
//! `publish.yml` and the documentation speak of the same accounts, roles, clusters, images and files.
//! Nothing here names them: each is read from one place and looked for in another, so that the
//! tests hold as well for those who put their own names in (`tools/adopt`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hcl::{Body, Expression};
use regex::Regex;
use slipway_core::config::{Config, Environment, Stack};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rules() -> Config {
    let text = read("deploy.toml");
    Config::parse(&text).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors
            .iter()
            .map(|error| error.render("deploy.toml", &text))
            .collect();
        panic!("{}", errors.join("\n"))
    })
}

/// The values of a `.tfvars` or `.tfbackend` file.
fn values(path: &str) -> serde_json::Map<String, serde_json::Value> {
    hcl::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All `.tf` files of a directory as one body.
fn terraform(dir: &str) -> Body {
    let mut blocks = Body::builder();
    let entries = std::fs::read_dir(root().join(dir)).unwrap();
    for entry in entries.map(Result::unwrap) {
        if entry.path().extension().is_some_and(|ext| ext == "tf") {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            let body = hcl::parse(&text)
                .unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
            blocks = blocks.add_structures(body);
        }
    }
    blocks.build()
}

/// The names of blocks such as `variable "x"` or `output "x"`.
fn named(body: &Body, kind: &str) -> BTreeSet<String> {
    body.blocks()
        .filter(|block| block.identifier() == kind)
        .filter_map(|block| Some(block.labels().first()?.as_str().to_owned()))
        .collect()
}

/// A literal attribute of each resource of a type.
fn literals(body: &Body, kind: &str, attribute: &str) -> BTreeSet<String> {
    body.blocks()
        .filter(|block| block.identifier() == "resource")
        .filter(|block| block.labels().first().is_some_and(|l| l.as_str() == kind))
        .flat_map(|block| block.body().attributes())
        .filter(|found| found.key() == attribute)
        .filter_map(|found| match found.expr() {
            Expression::String(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// What a stack is told in an environment: the value in its var files, else the variable's default.
fn told(stack: &Stack, env: &Environment, variable: &str) -> serde_json::Value {
    for file in &stack.var_files {
        let path = format!("{}/{}", stack.dir, file.render(&env.name));
        if let Some(value) = values(&path).get(variable) {
            return value.clone();
        }
    }
    let body = terraform(stack.dir.as_str());
    let default = body
        .blocks()
        .filter(|block| block.identifier() == "variable")
        .find(|block| block.labels()[0].as_str() == variable)
        .and_then(|block| block.body().attributes().find(|a| a.key() == "default"))
        .unwrap_or_else(|| panic!("{}: nothing says what {variable} is", stack.dir));
    hcl::from_str::<serde_json::Map<_, _>>(&format!("it = {}", default.expr()))
        .unwrap()
        .remove("it")
        .unwrap()
}

/// The stack in a directory whose name ends so.
fn stack<'c>(rules: &'c Config, end: &str) -> &'c Stack {
    let mut stacks = rules.stacks.iter();
    stacks
        .find(|stack| stack.dir.as_str().ends_with(end))
        .unwrap_or_else(|| panic!("no stack in a directory …{end}"))
}

#[test]
fn the_rules_are_good() {
    let text = read("deploy.toml");
    let found = Config::check(&text).diagnostics;
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(rules().environments.len(), 2);
}

#[test]
fn each_stack_has_the_files_the_account_and_the_state_that_the_rules_name() {
    let rules = rules();
    let mut states = BTreeSet::new();
    for stack in &rules.stacks {
        for name in &stack.environments {
            let env = rules.environment(name).unwrap();
            let at = format!("{} in {name}", stack.name);
            assert_eq!(told(stack, env, "environment"), name.as_str(), "{at}");
            assert_eq!(
                told(stack, env, "account_id"),
                env.aws.account.as_str(),
                "{at}"
            );
            assert_eq!(told(stack, env, "region"), env.aws.region.as_str(), "{at}");
            let backend = stack.backend_config[0].render(name);
            let backend = values(&format!("{}/{backend}", stack.dir));
            let bucket = backend["bucket"].as_str().unwrap().to_owned();
            assert!(bucket.ends_with(env.aws.account.as_str()), "{at}: {bucket}");
            assert_eq!(backend["region"], env.aws.region.as_str(), "{at}");
            assert_eq!(backend["use_lockfile"], true, "{at}");
            let key = backend["key"].as_str().unwrap().to_owned();
            assert!(states.insert((bucket, key)), "{at}: a state for two stacks");
        }
    }
}

#[test]
fn terraform_makes_the_bucket_that_the_backends_name() {
    let rules = rules();
    let state = stack(&rules, "terraform-state");
    for env in &rules.environments {
        let prefix = told(state, env, "bucket_prefix");
        let made = format!("{}-{}", prefix.as_str().unwrap(), env.aws.account);
        for stack in &rules.stacks {
            let backend = stack.backend_config[0].render(&env.name);
            let backend = values(&format!("{}/{backend}", stack.dir));
            assert_eq!(backend["bucket"], made, "{} in {}", stack.name, env.name);
        }
    }
}

#[test]
fn terraform_makes_the_roles_and_they_ask_for_the_external_id() {
    let rules = rules();
    let slipway = stack(&rules, "slipway");
    let roles = literals(&terraform(slipway.dir.as_str()), "aws_iam_role", "name");
    for env in &rules.environments {
        let aws = &env.aws;
        for role in [&aws.plan_role, &aws.apply_role, &aws.deploy_role] {
            let role = role.as_ref().unwrap();
            assert!(
                roles.contains(role.name()),
                "{role:?} is not among {roles:?}"
            );
        }
        let external_id = told(slipway, env, "external_id");
        assert_eq!(external_id, aws.external_id.as_deref().unwrap());
        // All environments trust one Slipway, and it lives in one of their accounts.
        let principal = told(slipway, env, "slipway_principal_arn");
        let home = principal.as_str().unwrap();
        assert!(
            rules
                .environments
                .iter()
                .any(|env| home.contains(env.aws.account.as_str())),
            "{home}"
        );
        assert!(roles.contains(home.rsplit('/').next().unwrap()), "{home}");
    }
}

#[test]
fn terraform_makes_the_cluster_and_opens_the_namespaces() {
    let rules = rules();
    let (eks, slipway) = (stack(&rules, "eks"), stack(&rules, "slipway"));
    let namespaces = read("infra/02-eks/cluster/base/namespaces.yaml");
    for env in &rules.environments {
        let opened = told(slipway, env, "deploy_namespaces");
        let opened: Vec<&str> = opened
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        for service in rules.services_in(&env.name) {
            let cluster = service.cluster.render(&env.name);
            assert_eq!(told(eks, env, "cluster_name"), cluster.as_str());
            assert_eq!(told(slipway, env, "cluster_name"), cluster.as_str());
            let namespace = service.namespace.render(&env.name);
            assert!(
                opened.contains(&namespace.as_str()),
                "{namespace}: {opened:?}"
            );
            assert!(
                namespaces.contains(&format!("name: {namespace}\n")),
                "{namespace}"
            );
        }
    }
}

#[test]
fn the_manifests_run_the_services_images_in_their_namespaces() {
    let rules = rules();
    let image = Regex::new(r"(?m)^\s*(?:- )?image: *(\S+)\s*$").unwrap();
    for env in &rules.environments {
        for service in rules.services_in(&env.name) {
            let dir = service.manifests.render(&env.name);
            let overlay = read(format!("{dir}/kustomization.yaml"));
            let namespace = service.namespace.render(&env.name);
            assert!(
                overlay.contains(&format!("\nnamespace: {namespace}\n")),
                "{dir}"
            );
            let base = Path::new(&dir).parent().unwrap().join("base");
            let mut images = BTreeSet::new();
            for entry in std::fs::read_dir(root().join(base)).unwrap() {
                let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
                images.extend(image.captures_iter(&text).map(|found| found[1].to_owned()));
            }
            // Without a tag or a digest: a release brings its own.
            assert_eq!(images, BTreeSet::from([service.image.to_string()]), "{dir}");
        }
    }
}

#[test]
fn ci_publishes_the_images_under_the_tags_and_with_the_label_that_the_rules_look_for() {
    let taken = Regex::new(r"(?m)^ARG ([A-Z_]+)").unwrap();
    let rules = rules();
    let publish = read(".github/workflows/publish.yml");
    let workflow: serde_json::Value = serde_yaml_ng::from_str(&publish).unwrap();
    let job = &workflow["jobs"]["image"];
    let matrix = job["strategy"]["matrix"]["include"].as_array().unwrap();
    let build = job["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["id"] == "build")
        .unwrap();
    // The commit itself: of a pull request, `github.sha` would be the merge that GitHub tries out.
    assert_eq!(
        job["env"]["COMMIT"],
        "${{ github.event.pull_request.head.sha || github.sha }}"
    );
    for service in &rules.services {
        let published = matrix
            .iter()
            .find(|one| one["image"] == service.image.to_string().as_str())
            .unwrap_or_else(|| panic!("publish.yml does not build {}", service.image));
        let dockerfile = published["dockerfile"].as_str().unwrap();
        assert!(
            service.is_touched_by(dockerfile),
            "{dockerfile} does not touch {}",
            service.name
        );
        let tag = service
            .tag
            .to_string()
            .replace("{sha}", "${{ env.COMMIT }}");
        let tags = build["with"]["tags"].as_str().unwrap();
        assert!(
            tags.lines()
                .any(|line| line == format!("${{{{ matrix.image }}}}:{tag}")),
            "{tag}: {tags}"
        );
        let labels = build["with"]["labels"].as_str().unwrap();
        assert!(
            labels
                .lines()
                .any(|line| line == "org.opencontainers.image.revision=${{ env.COMMIT }}"),
            "{labels}"
        );
        let arguments: BTreeSet<&str> = build["with"]["build-args"]
            .as_str()
            .unwrap()
            .lines()
            .filter_map(|line| Some(line.split_once('=')?.0))
            .collect();
        let text = read(dockerfile);
        for argument in arguments {
            assert!(
                taken
                    .captures_iter(&text)
                    .any(|found| &found[1] == argument),
                "{dockerfile} takes no {argument}"
            );
        }
    }
}

#[test]
fn the_documentation_names_outputs_and_files_that_there_are() {
    let docs = read("docs/getting-started.md");
    let mut dir = String::new();
    let cd = Regex::new(r"cd (infra/[\w-]+)").unwrap();
    let output = Regex::new(r"terraform (?:-chdir=(\S+) )?output -raw (\w+)").unwrap();
    let mut outputs = 0;
    for line in docs.lines() {
        if let Some(found) = cd.captures(line) {
            found[1].clone_into(&mut dir);
        }
        for found in output.captures_iter(line) {
            let dir = found.get(1).map_or(dir.as_str(), |dir| dir.as_str());
            let names = named(&terraform(dir), "output");
            assert!(
                names.contains(&found[2]),
                "{dir} has no output {}",
                &found[2]
            );
            outputs += 1;
        }
    }
    assert!(outputs > 2, "the documentation shows {outputs} outputs");
    let path = Regex::new(r"\b((?:infra|app|bot|tools|docs|\.github)/[\w$/.-]*[\w/])").unwrap();
    for env in &rules().environments {
        for found in path.captures_iter(&docs) {
            let named = found[1].replace("$ENV", env.name.as_str());
            if !named.contains('$') {
                assert!(root().join(&named).exists(), "{named} is not there");
            }
        }
    }
}
