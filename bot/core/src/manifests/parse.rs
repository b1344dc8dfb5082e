//! From the text of YAML files to manifests.
//!
//! The dialect is the one of `kubectl`: YAML 1.1 scalars (`defaultMode: 0644` is octal), duplicate
//! keys refused, any number of documents, `List` flattened.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_saphyr::{Options, Spanned};

use super::kustomization::FILE_NAMES;
use super::{Manifest, ManifestError};

/// Reads the manifests of all `.yaml`, `.yml` and `.json` files, in the order of their paths; other
/// files are none of a deploy's business.
///
/// # Errors
/// On the first file that is no YAML, the first document that is no Kubernetes object, an object
/// that is written twice, a kustomization, or when there is no manifest at all.
pub fn parse(files: &[(String, String)]) -> Result<Vec<Manifest>, ManifestError> {
    let mut files: Vec<&(String, String)> = files.iter().collect();
    files.sort();
    let mut manifests = Vec::new();
    for (path, text) in files {
        if FILE_NAMES.contains(&file_name(path)) {
            return Err(kustomization(path, None, None));
        }
        if has_manifests(path) {
            read_file(path, text, &mut manifests)?;
        }
    }
    let help = "put YAML files into the directory that `manifests` of the service names";
    some("manifests", manifests, help)
}

/// Reads what a kustomization in a directory was rendered to. Its objects have no file of their own:
/// their place is the directory, and the line of what `kubectl kustomize` prints for it.
///
/// # Errors
/// Like [`parse`].
pub fn parse_rendered(dir: &str, text: &str) -> Result<Vec<Manifest>, ManifestError> {
    let place = format!("{dir} (rendered)");
    let mut manifests = Vec::new();
    read_file(&place, text, &mut manifests)?;
    some(
        &place,
        manifests,
        "name some in `resources` of the kustomization",
    )
}

/// The manifests, of which there must be some, each once.
fn some(place: &str, manifests: Vec<Manifest>, help: &str) -> Result<Vec<Manifest>, ManifestError> {
    if manifests.is_empty() {
        return Err(ManifestError {
            path: place.to_owned(),
            document: None,
            line: None,
            message: "there is no manifest".to_owned(),
            help: Some(help.to_owned()),
        });
    }
    refuse_twins(&manifests)?;
    Ok(manifests)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn has_manifests(path: &str) -> bool {
    let extension = file_name(path)
        .rsplit_once('.')
        .map(|(_, extension)| extension);
    matches!(extension, Some("yaml" | "yml" | "json"))
}

fn kustomization(path: &str, document: Option<usize>, line: Option<u32>) -> ManifestError {
    ManifestError {
        path: path.to_owned(),
        document,
        line,
        message: "this is a kustomization, not an object for a cluster".to_owned(),
        help: Some(
            "name the file kustomization.yaml, and its directory in `manifests` of the service"
                .to_owned(),
        ),
    }
}

/// The scalars of `kubectl`, which reads YAML 1.1.
pub(super) fn dialect() -> Options {
    serde_saphyr::options! {
        legacy_octal_numbers: true,
        strict_booleans: false,
        with_snippet: false,
    }
}

fn read_file(path: &str, text: &str, into: &mut Vec<Manifest>) -> Result<(), ManifestError> {
    let mut bytes = text.as_bytes();
    let documents = serde_saphyr::read_with_options::<_, Spanned<Value>>(&mut bytes, dialect());
    for (index, read) in documents.enumerate() {
        let document = index + 1;
        let read = read.map_err(|error| not_yaml(path, document, &error))?;
        let line = u32::try_from(read.referenced.line())
            .unwrap_or(u32::MAX)
            .max(1);
        let at = Manifest {
            path: path.to_owned(),
            document,
            line,
            json: Value::Null,
        };
        flatten(at, read.value, into)?;
    }
    Ok(())
}

pub(super) fn not_yaml(path: &str, document: usize, error: &serde_saphyr::Error) -> ManifestError {
    // Its place is told apart from it.
    let said = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let said = said.lines().next().unwrap_or_default();
    let said = said.rsplit_once(" at line ").map_or(said, |(said, _)| said);
    ManifestError {
        path: path.to_owned(),
        document: Some(document),
        line: error
            .location()
            .and_then(|location| u32::try_from(location.line()).ok())
            .filter(|line| *line > 0),
        message: format!("this is not YAML: {said}"),
        help: None,
    }
}

/// Adds an object, or the items of a `List`.
fn flatten(at: Manifest, json: Value, into: &mut Vec<Manifest>) -> Result<(), ManifestError> {
    let manifest = Manifest { json, ..at };
    if manifest.json.is_null() {
        return Ok(());
    }
    if !manifest.json.is_object() {
        return Err(manifest.error(
            "this is not a Kubernetes object",
            "a manifest is a mapping with `apiVersion`, `kind` and `metadata`",
        ));
    }
    if manifest
        .api_version()
        .starts_with("kustomize.config.k8s.io/")
    {
        return Err(kustomization(
            &manifest.path,
            Some(manifest.document),
            Some(manifest.line),
        ));
    }
    if manifest.kind().ends_with("List") && manifest.json.get("items").is_some_and(Value::is_array)
    {
        return flatten_list(manifest, into);
    }
    check(&manifest)?;
    into.push(manifest);
    Ok(())
}

fn flatten_list(mut list: Manifest, into: &mut Vec<Manifest>) -> Result<(), ManifestError> {
    let Some(Value::Array(items)) = list.json.get_mut("items").map(Value::take) else {
        return Ok(());
    };
    list.json = Value::Null;
    items.into_iter().try_for_each(|item| {
        // A list in a list is not taken apart: Kubernetes has none.
        let manifest = Manifest {
            json: item,
            ..list.clone()
        };
        check(&manifest)?;
        into.push(manifest);
        Ok(())
    })
}

fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    for (key, value) in [
        ("apiVersion", manifest.api_version()),
        ("kind", manifest.kind()),
    ] {
        if value.is_empty() {
            return Err(manifest.error(
                format!("`{key}` is missing"),
                "a manifest is a mapping with `apiVersion`, `kind` and `metadata`",
            ));
        }
    }
    if manifest.name().is_empty() {
        return Err(manifest.error(
            format!("{} has no `metadata.name`", manifest.kind()),
            "a server-side apply needs the name; `generateName` makes a new object each time",
        ));
    }
    Ok(())
}

fn refuse_twins(manifests: &[Manifest]) -> Result<(), ManifestError> {
    let mut seen = BTreeMap::new();
    for manifest in manifests {
        let group = manifest
            .api_version()
            .rsplit_once('/')
            .map(|(group, _)| group);
        let key = (
            group,
            manifest.kind(),
            manifest.namespace(),
            manifest.name(),
        );
        if let Some(first) = seen.insert(key, manifest) {
            return Err(manifest.error(
                format!(
                    "{} is already in {}:{}",
                    manifest.title(),
                    first.path,
                    first.line
                ),
                "an object is applied once; remove one of the two",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
        texts
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect()
    }

    fn titles(texts: &[(&str, &str)]) -> Vec<String> {
        parse(&files(texts))
            .unwrap()
            .iter()
            .map(Manifest::title)
            .collect()
    }

    fn refused(path: &str, text: &str) -> String {
        let error = parse(&files(&[(path, text)])).unwrap_err();
        match &error.help {
            Some(help) => format!("{error}\n  help: {help}"),
            None => error.to_string(),
        }
    }

    #[test]
    fn documents_come_one_by_one() {
        let text = "# the shop\n---\napiVersion: v1\nkind: Service\nmetadata: {name: shop}\n---\n\n---\n\
            # nothing here\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: shop\n";
        assert_eq!(
            titles(&[("b.yaml", text)]),
            ["Service/shop", "Deployment/shop"]
        );
        let manifests = parse(&files(&[("b.yaml", text)])).unwrap();
        assert_eq!(
            manifests.iter().map(Manifest::line).collect::<Vec<_>>(),
            [3, 11]
        );
    }

    #[test]
    fn files_come_in_order_and_others_are_left_alone() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n";
        let json = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}"#;
        assert_eq!(
            titles(&[
                ("b.yml", text),
                ("README.md", "# [:"),
                ("a.json", json),
                (".gitkeep", "")
            ]),
            ["ConfigMap/a", "ConfigMap/b"]
        );
    }

    #[test]
    fn lists_are_flattened() {
        let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n\
            - {apiVersion: v1, kind: Secret, metadata: {name: b}}\n";
        assert_eq!(titles(&[("a.yaml", text)]), ["Secret/a", "Secret/b"]);
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nmode: 0644\nplain: 644\nyes: on\n\
            text: \"0644\"\nversion: 1.10\n";
        let manifests = parse(&files(&[("a.yaml", text)])).unwrap();
        insta::assert_snapshot!(manifests[0].json(), @r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"mode":420,"plain":644,"text":"0644","version":1.1,"yes":true}"#);
    }

    #[test]
    fn anchors_and_block_texts_work() {
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: &l {app: a}}\n\
            data:\n  x: |\n    one\n    two\nselector: *l\n";
        let manifests = parse(&files(&[("a.yaml", text)])).unwrap();
        assert_eq!(manifests[0].json()["data"]["x"], "one\ntwo\n");
        assert_eq!(manifests[0].json()["selector"]["app"], "a");
    }

    #[test]
    fn errors_name_the_place_and_the_way_out() {
        insta::assert_snapshot!(refused("a.yaml", "apiVersion: v1\nkind: [\n"), @"a.yaml:2: this is not YAML: unclosed bracket '['");
        insta::assert_snapshot!(refused("a.yaml", "a: 1\nb: 2\na: 3\n"), @"a.yaml:3: this is not YAML: duplicate mapping key `a` is not allowed here");
        insta::assert_snapshot!(refused("a.yaml", "apiVersion: v1\n---\nkind: Secret\n"), @r#"
        a.yaml:1: `kind` is missing
          help: a manifest is a mapping with `apiVersion`, `kind` and `metadata`
        "#);
        insta::assert_snapshot!(
            refused("a.yaml", "\n\n- a\n- b\n"), @r#"
            a.yaml:3: this is not a Kubernetes object
              help: a manifest is a mapping with `apiVersion`, `kind` and `metadata`
            "#);
        insta::assert_snapshot!(
            refused("a.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-}\n"), @r#"
            a.yaml:1: Job has no `metadata.name`
              help: a server-side apply needs the name; `generateName` makes a new object each time
            "#);
        insta::assert_snapshot!(refused("k8s/kustomization.yaml", "resources: []"), @"
        k8s/kustomization.yaml: this is a kustomization, not an object for a cluster
          help: name the file kustomization.yaml, and its directory in `manifests` of the service
        ");
        insta::assert_snapshot!(refused("a.txt", "a: 1"), @r#"
        manifests: there is no manifest
          help: put YAML files into the directory that `manifests` of the service names
        "#);
        let twice = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";
        insta::assert_snapshot!(refused("a.yaml", &format!("{twice}---\n{twice}")), @r#"
        a.yaml:5: Secret/a is already in a.yaml:1
          help: an object is applied once; remove one of the two
        "#);
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let before = n - 1;
            text.push_str(&format!(
                "a{n}: &a{n} [{}]\n",
                vec![format!("*a{before}"); 10].join(", ")
            ));
        }
        assert!(parse(&files(&[("a.yaml", &text)])).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ -~\\n]{0,200}") {
            let _ = parse(&files(&[("a.yaml", &text)]));
        }

        #[test]
        fn never_panics_on_yaml_like_text(
            text in "((apiVersion|kind|metadata|items|name|- |  |---|\\[|\\{|\\}|\\]|&a|\\*a|: |!!str |\\||>|\n|\t|é|'|\"){0,30})"
        ) {
            let _ = parse(&files(&[("a.yaml", &text)]));
        }
    }
}
