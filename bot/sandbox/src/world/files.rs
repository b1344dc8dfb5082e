//! The files of `acme/shop` as it is before anybody opens a pull request.

use url::Url;

/// All files; Terraform's backend is told where this world's S3 is.
pub(super) fn all(aws: &Url) -> Vec<(String, String)> {
    let mut files = vec![
        file("deploy.toml", include_str!("shop/deploy.toml")),
        file("README.md", "# shop\n\nSells things.\n"),
        file(
            "infra/01-network/main.tf",
            include_str!("shop/network/main.tf"),
        ),
        file(
            "infra/02-database/main.tf",
            include_str!("shop/database/main.tf"),
        ),
        file("app/greeting.txt", "Welcome to the shop.\n"),
    ];
    for (env, replicas, cidr, size) in [
        ("dev", "2", "10.1.0.0/16", "small"),
        ("prod", "3", "10.2.0.0/16", "large"),
    ] {
        for stack in ["01-network", "02-database"] {
            files.push((
                format!("infra/{stack}/{env}.s3.tfbackend"),
                backend(env, aws),
            ));
        }
        files.push((
            format!("infra/01-network/{env}.tfvars"),
            format!("environment = \"{env}\"\ncidr        = \"{cidr}\"\n"),
        ));
        files.push((
            format!("infra/02-database/{env}.tfvars"),
            format!("environment = \"{env}\"\nsize        = \"{size}\"\n"),
        ));
        files.push((
            format!("app/k8s/{env}/shop.yaml"),
            include_str!("shop/k8s/shop.yaml")
                .replace("{{replicas}}", replicas)
                .replace("{{environment}}", env),
        ));
    }
    files
}

fn file(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

fn backend(env: &str, aws: &Url) -> String {
    format!(
        "bucket                      = \"acme-shop-{env}-state\"\n\
         region                      = \"eu-central-1\"\n\
         endpoints                   = {{ s3 = \"{aws}\" }}\n\
         use_path_style              = true\n\
         use_lockfile                = true\n\
         skip_credentials_validation = true\n\
         skip_region_validation      = true\n\
         skip_requesting_account_id  = true\n\
         skip_metadata_api_check     = true\n"
    )
}
