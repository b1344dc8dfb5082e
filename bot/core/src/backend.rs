//! Where the files of a root module say that its state is.

use hcl_edit::structure::Body;

use crate::tool::{is_json, is_override};

/// The kind of backend that a root module's files, by their names, keep its state in: `s3`, or
/// `cloud`; none where they name none, or where they can't be read.
#[must_use]
pub fn backend<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Option<String> {
    let mut files: Vec<(&str, &str)> = files.into_iter().collect();
    // Override files come last and take the place of what the others say.
    files.sort_unstable_by_key(|(name, _)| (is_override(name), *name));
    let read = |(name, text): (&str, &str)| match is_json(name) {
        true => backend_in_json(text),
        false => backend_in_hcl(text),
    };
    files.into_iter().filter_map(read).next_back()
}

fn backend_in_hcl(text: &str) -> Option<String> {
    let body = text.parse::<Body>().ok()?;
    body.get_blocks("terraform").find_map(|block| {
        if block.body.get_blocks("cloud").next().is_some() {
            return Some("cloud".to_owned());
        }
        let backend = block.body.get_blocks("backend").next()?;
        Some(backend.labels.first()?.as_str().to_owned())
    })
}

fn backend_in_json(text: &str) -> Option<String> {
    let file: serde_json::Value = serde_json::from_str(text).ok()?;
    let blocks = match file.get("terraform")? {
        serde_json::Value::Array(blocks) => blocks.clone(),
        block => vec![block.clone()],
    };
    blocks.iter().find_map(|block| {
        if block.get("cloud").is_some() {
            return Some("cloud".to_owned());
        }
        match block.get("backend")? {
            serde_json::Value::Array(all) => all.first()?.as_object()?.keys().next().cloned(),
            backend => backend.as_object()?.keys().next().cloned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_say_where_the_state_is() {
        let s3 = ("main.tf", "terraform {\n  backend \"s3\" {}\n}\n");
        let json = (
            "backend.tf.json",
            r#"{"terraform": [{"backend": {"gcs": {}}}]}"#,
        );
        let cloud = ("cloud.tf", "terraform {\n  cloud {}\n}\n");
        let override_ = ("a_override.tf", "terraform {\n  backend \"local\" {}\n}\n");
        let of = |files: &[(&'static str, &'static str)]| backend(files.to_vec());
        assert_eq!(of(&[s3]).as_deref(), Some("s3"));
        assert_eq!(of(&[json]).as_deref(), Some("gcs"));
        assert_eq!(of(&[cloud]).as_deref(), Some("cloud"));
        assert_eq!(of(&[override_, s3]).as_deref(), Some("local"));
        assert_eq!(of(&[("main.tf", "locals {}"), ("b.tf", "no {{ HCL")]), None);
    }
}
