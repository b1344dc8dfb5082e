//! Terraform's real S3 backend against this S3, with the credentials of real roles.
//!
//! The binary runs with an empty environment but for what it needs, as a bot would run it.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use super::super::{Keys, Role, Trust};
use super::{Grant, REGION, World};

const STATE: &str = "env:/dev/stack/terraform.tfstate";
const LOCK: &str = "env:/dev/stack/terraform.tfstate.tflock";

/// One finished run of terraform.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    said: String,
}

impl Outcome {
    #[track_caller]
    fn succeeded(&self) {
        assert_eq!(self.code, Some(0), "{}", self.said);
    }
}

/// A root module with its own home, as one run's worktree would be.
struct Module {
    dir: TempDir,
}

impl Module {
    fn new(world: &World) -> Self {
        let dir = TempDir::new().unwrap();
        let main = format!(
            r#"
terraform {{
  backend "s3" {{
    bucket                      = "state"
    key                         = "stack/terraform.tfstate"
    region                      = "{REGION}"
    endpoints                   = {{ s3 = "{}" }}
    use_path_style              = true
    use_lockfile                = true
    skip_credentials_validation = true
    skip_region_validation      = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
  }}
}}

variable "size" {{
  type    = number
  default = 1
}}

resource "terraform_data" "shop" {{
  input = {{ workspace = terraform.workspace, size = var.size }}
}}

output "shop" {{
  value = terraform_data.shop.output
}}
"#,
            world.aws.url().as_str().trim_end_matches('/')
        );
        std::fs::write(dir.path().join("main.tf"), main).unwrap();
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the PATH that finds the terraform binary"
    )]
    async fn run(&self, keys: &Keys, arguments: &[&str]) -> Outcome {
        let token = keys.session_token.as_deref().unwrap_or_default();
        let output = Command::new("terraform")
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path())
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .env("AWS_ACCESS_KEY_ID", &keys.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key)
            .env("AWS_SESSION_TOKEN", token)
            .output()
            .await
            .expect("terraform on PATH");
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        Outcome {
            code: output.status.code(),
            said: format!("{out}{err}"),
        }
    }

    /// `init`, and the workspace `dev`, made if it isn't there.
    async fn enter(&self, keys: &Keys) {
        self.run(keys, &["init", "-input=false", "-no-color"])
            .await
            .succeeded();
        let select = ["workspace", "select", "-or-create", "-no-color", "dev"];
        self.run(keys, &select).await.succeeded();
    }

    async fn apply(&self, keys: &Keys, size: u32) -> Outcome {
        let size = format!("-var=size={size}");
        let apply = ["apply", "-input=false", "-no-color", "-auto-approve", &size];
        self.run(keys, &apply).await
    }

    async fn plan(&self, keys: &Keys, size: u32) -> Outcome {
        let size = format!("-var=size={size}");
        let plan = [
            "plan",
            "-input=false",
            "-no-color",
            "-detailed-exitcode",
            &size,
        ];
        self.run(keys, &plan).await
    }
}

/// Credentials as a bot gets them: by assuming the role.
async fn assumed(world: &World, name: &str, grants: &[Grant]) -> Keys {
    let arn = world.role(name, grants);
    world.assume(&arn, &[]).await.keys()
}

async fn apply_role(world: &World) -> Keys {
    let grants = [
        Grant::ReadBucket("state".to_owned()),
        Grant::WriteBucket("state".to_owned()),
    ];
    assumed(world, "slipway-apply", &grants).await
}

async fn plan_role(world: &World) -> Keys {
    let grants = [
        Grant::ReadBucket("state".to_owned()),
        Grant::LockBucket("state".to_owned()),
    ];
    assumed(world, "slipway-plan", &grants).await
}

fn state(world: &World) -> serde_json::Value {
    let state = world.aws.object("state", STATE).expect("a state");
    serde_json::from_slice(&state).unwrap()
}

#[tokio::test]
async fn the_apply_role_applies_and_the_plan_role_only_plans() {
    let world = World::new().await;
    let apply = apply_role(&world).await;
    let module = Module::new(&world);
    module.enter(&apply).await;
    module.apply(&apply, 1).await.succeeded();
    let first = state(&world);
    let applied = &first["outputs"]["shop"]["value"];
    assert_eq!(*applied, serde_json::json!({"workspace": "dev", "size": 1}));
    assert_eq!(world.aws.keys_in("state"), [STATE], "the lock is gone");

    let plan = plan_role(&world).await;
    let module = Module::new(&world);
    module.enter(&plan).await;
    let unchanged = module.plan(&plan, 1).await;
    assert_eq!(unchanged.code, Some(0), "{}", unchanged.said);
    let changed = module.plan(&plan, 2).await;
    assert_eq!(changed.code, Some(2), "{}", changed.said);
    let journal = world.aws.journal();
    let locked = journal.iter().filter(|entry| {
        let by_plan = entry
            .who
            .as_deref()
            .is_some_and(|who| who.contains("slipway-plan"));
        by_plan && entry.action == "PutObject" && entry.status == 200
    });
    let locked: Vec<&str> = locked.map(|entry| entry.resource.as_str()).collect();
    let lock = format!("state/{LOCK}");
    assert_eq!(locked, [lock.as_str(); 2]);

    let refused = module.apply(&plan, 2).await;
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(refused.said.contains("s3:PutObject"), "{}", refused.said);
    assert_eq!(state(&world), first);
}

#[tokio::test]
async fn another_accounts_role_cannot_read_the_state() {
    let world = World::new().await;
    let apply = apply_role(&world).await;
    let module = Module::new(&world);
    module.enter(&apply).await;
    module.apply(&apply, 1).await.succeeded();

    let prod = world.aws.add_account("222222222222").unwrap();
    let role = Role {
        grants: vec![Grant::ReadBucket("state".to_owned())],
        ..Role::new(&prod, "slipway-plan", Trust::of(&world.bot_arn))
    };
    let role = world.aws.add_role(role).unwrap();
    let keys = world.assume(&role, &[]).await.keys();
    let init = ["init", "-input=false", "-no-color"];
    let refused = Module::new(&world).run(&keys, &init).await;
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(refused.said.contains("StatusCode: 403"), "{}", refused.said);
}

#[tokio::test]
async fn a_held_lock_keeps_others_out() {
    let world = World::new().await;
    let apply = apply_role(&world).await;
    let module = Module::new(&world);
    module.enter(&apply).await;
    let lock = r#"{"ID":"1d0e1f1c-0000-0000-0000-000000000000","Operation":"OperationTypeApply","Info":"","Who":"ana@laptop","Version":"1.11.4","Created":"2026-01-01T00:00:00Z","Path":"state/stack"}"#;
    let put = world
        .request(
            reqwest::Method::PUT,
            &format!("/state/{}", LOCK.replace(':', "%3A")),
        )
        .body(lock);
    let put = world.signer("s3", &apply).send(put).await;
    assert_eq!(put.status(), 200);
    let refused = module.apply(&apply, 1).await;
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(refused.said.contains("ana@laptop"), "{}", refused.said);
}

#[tokio::test]
async fn terraform_finds_its_way_in_a_world_that_is_hours_ahead() {
    let world = World::new().await;
    world.clock.advance(Duration::from_secs(5 * 3600));
    let apply = apply_role(&world).await;
    let module = Module::new(&world);
    module.enter(&apply).await;
    module.apply(&apply, 1).await.succeeded();
}
