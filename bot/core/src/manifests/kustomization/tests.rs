use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A tree in memory. A text that begins with `-> ` is a symbolic link.
struct Files(BTreeMap<String, String>);

impl Files {
    fn of(files: &[(&str, &str)]) -> Self {
        let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self(files.iter().map(owned).collect())
    }
}

impl Tree for Files {
    fn entry(&self, path: &str) -> Result<Option<Entry>, String> {
        if let Some(text) = self.0.get(path) {
            if text.starts_with("-> ") {
                return Err(format!("{path} is a symbolic link"));
            }
            return Ok(Some(Entry::File(text.clone().into_bytes())));
        }
        let below = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let is_dir = self.0.keys().any(|file| file.starts_with(&below));
        Ok(is_dir.then_some(Entry::Dir))
    }
}

fn gathered(files: &[(&str, &str)]) -> Vec<String> {
    let gathered = Kustomization::gather(&Files::of(files), "k8s/dev");
    let kustomization = gathered.unwrap().unwrap();
    assert_eq!(kustomization.dir(), "k8s/dev");
    kustomization.files().keys().cloned().collect()
}

fn refused(files: &[(&str, &str)]) -> String {
    let error = Kustomization::gather(&Files::of(files), "k8s/dev").unwrap_err();
    match &error.help {
        Some(help) => format!("{error}\n  help: {help}"),
        None => error.to_string(),
    }
}

/// What is said about a kustomization with this text.
fn refused_text(text: &str) -> String {
    refused(&[
        ("k8s/dev/kustomization.yaml", text),
        ("k8s/dev/a.yaml", "a: 1"),
    ])
}

/// Counts how often each path is read.
struct Counted(Files, std::cell::RefCell<BTreeMap<String, usize>>);

impl Tree for Counted {
    fn entry(&self, path: &str) -> Result<Option<Entry>, String> {
        *self.1.borrow_mut().entry(path.to_owned()).or_default() += 1;
        self.0.entry(path)
    }
}

#[test]
fn what_is_named_again_and_again_is_read_once() {
    let many = |count: usize| format!("resources:\n{}", "- a.yaml\n".repeat(count));
    let text = many(1_000);
    let files = [
        ("k8s/dev/kustomization.yaml", text.as_str()),
        ("k8s/dev/a.yaml", "a: 1"),
    ];
    let tree = Counted(Files::of(&files), Default::default());
    Kustomization::gather(&tree, "k8s/dev").unwrap();
    assert_eq!(tree.1.borrow()["k8s/dev/a.yaml"], 1);
    let text = many(10_001);
    insta::assert_snapshot!(refused_text(&text), @"k8s/dev/kustomization.yaml:10002: the kustomization names more than 10000 files");
}

#[test]
fn it_is_no_larger_than_what_is_held_in_memory() {
    let large = "#".repeat(4 * 1024 * 1024);
    let names: Vec<String> = (0..5).map(|n| format!("k8s/dev/{n}.yaml")).collect();
    let text = "resources: [0.yaml, 1.yaml, 2.yaml, 3.yaml, 4.yaml]";
    let mut files = vec![("k8s/dev/kustomization.yaml", text)];
    files.extend(names.iter().map(|name| (name.as_str(), large.as_str())));
    insta::assert_snapshot!(refused(&files), @"k8s/dev/3.yaml: the kustomization is made of more than 16 MiB");
}

#[test]
fn every_reference_is_followed() {
    let dev = "
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: dev-
labels: [{pairs: {env: dev}}]
resources: [../base, ingress.yaml]
components: [../components/debug]
crds: [crd.json]
configurations: [names.yaml]
openapi: {path: schema.json}
generators: [labels.yaml]
transformers:
- |
  apiVersion: builtin
  kind: NamespaceTransformer
  metadata: {name: n, namespace: shop}
patches:
- path: patch.yaml
- {patch: '[]', target: {kind: Service}}
patchesStrategicMerge:
- old.yaml
- |
  {apiVersion: v1, kind: Service, metadata: {name: https://example.com}}
patchesJson6902: [{target: {kind: Service, name: a}, path: json.yaml}]
replacements: [{path: swap.yaml}, {source: {kind: Service}, targets: []}]
configMapGenerator:
- {name: a, files: [page.html, key=other.html], envs: [a.env], literals: [x=https://example.com]}
secretGenerator: [{name: b, env: b.env, type: Opaque}]
";
    let paths = [
        ("k8s/dev/kustomization.yaml", dev),
        ("k8s/dev/ingress.yaml", ""),
        ("k8s/dev/crd.json", ""),
        ("k8s/dev/names.yaml", ""),
        ("k8s/dev/schema.json", ""),
        (
            "k8s/dev/labels.yaml",
            "apiVersion: builtin\nkind: LabelTransformer\n",
        ),
        ("k8s/dev/patch.yaml", ""),
        ("k8s/dev/old.yaml", ""),
        ("k8s/dev/json.yaml", ""),
        ("k8s/dev/swap.yaml", ""),
        ("k8s/dev/page.html", ""),
        ("k8s/dev/other.html", ""),
        ("k8s/dev/a.env", ""),
        ("k8s/dev/b.env", ""),
        (
            "k8s/base/Kustomization",
            "resources:\n- shop.yaml\n- ./more/\n",
        ),
        ("k8s/base/shop.yaml", ""),
        (
            "k8s/base/more/kustomization.yml",
            "namespace: shop\nresources:\n",
        ),
        (
            "k8s/components/debug/kustomization.yaml",
            "kind: Component\n",
        ),
    ];
    let mut all = paths.to_vec();
    all.extend([("k8s/dev/not-named.yaml", ""), ("README.md", "")]);
    let mut expected: Vec<&str> = paths.iter().map(|(path, _)| *path).collect();
    expected.sort_unstable();
    assert_eq!(gathered(&all), expected);
}

#[test]
fn a_directory_without_one_is_none() {
    let tree = Files::of(&[("k8s/dev/shop.yaml", "a: 1")]);
    assert_eq!(Kustomization::gather(&tree, "k8s/dev"), Ok(None));
    assert_eq!(Kustomization::gather(&tree, "k8s/dev/shop.yaml"), Ok(None));
}

#[test]
fn a_circle_ends() {
    let files = [
        ("k8s/dev/kustomization.yaml", "resources: [../base]"),
        ("k8s/base/kustomization.yaml", "resources: [../dev]"),
    ];
    assert_eq!(gathered(&files).len(), 2);
}

#[test]
fn what_is_not_in_the_commit_is_refused() {
    insta::assert_snapshot!(refused_text("namespace: shop\nresources:\n- a.yaml\n- https://example.com/a.yaml\n"), @"
    k8s/dev/kustomization.yaml:4: `resources` names https://example.com/a.yaml, which is not in this repository
      help: a release holds all that it applies: commit a copy of it and name that
    ");
    insta::assert_snapshot!(refused_text("bases: ['example.com/acme/a?ref=main']"), @"
    k8s/dev/kustomization.yaml:1: `bases` names example.com/acme/a?ref=main, which is not in this repository
      help: a release holds all that it applies: commit a copy of it and name that
    ");
    insta::assert_snapshot!(refused_text("configMapGenerator: [{name: a, files: ['x=https://example.com/x']}]"), @"
    k8s/dev/kustomization.yaml:1: `configMapGenerator` names https://example.com/x, which is not in this repository
      help: a release holds all that it applies: commit a copy of it and name that
    ");
    insta::assert_snapshot!(refused_text("secretGenerator: [{name: a, envs: [/proc/self/environ]}]"), @"
    k8s/dev/kustomization.yaml:1: `secretGenerator` names /proc/self/environ, a place on some machine
      help: write the path from the directory of this kustomization
    ");
    insta::assert_snapshot!(refused_text("components: [../../../other]"), @"
    k8s/dev/kustomization.yaml:1: `components` names ../../../other, which leads out of this repository
      help: a release holds all that it applies: move it into this repository
    ");
    insta::assert_snapshot!(refused_text("patches: [{path: b.yaml}]"), @"
    k8s/dev/kustomization.yaml:1: `patches.path` names b.yaml, but there is no k8s/dev/b.yaml in this commit
      help: correct the name, or commit the file
    ");
    insta::assert_snapshot!(refused_text("crds: ['']"), @"
    k8s/dev/kustomization.yaml:1: `crds` names nothing, which is no name of a file
      help: write the path from the directory of this kustomization
    ");
    insta::assert_snapshot!(refused_text("replacements: [{path: .}]"), @"
    k8s/dev/kustomization.yaml:1: `replacements.path` names ., which is a directory
      help: name the file
    ");
    insta::assert_snapshot!(refused_text("resources: [../dev/..]"), @"
    k8s/dev/kustomization.yaml:1: `resources` names ../dev/.., a directory without a kustomization.yaml
      help: name the files in it, or give it a kustomization of its own
    ");
}

#[test]
fn an_error_further_on_names_its_own_file() {
    insta::assert_snapshot!(refused(&[
        ("k8s/dev/kustomization.yaml", "resources: [../base]"),
        ("k8s/base/kustomization.yaml", "resources:\n- ../../../x.yaml\n"),
    ]), @"
    k8s/base/kustomization.yaml:2: `resources` names ../../../x.yaml, which leads out of this repository
      help: a release holds all that it applies: move it into this repository
    ");
    insta::assert_snapshot!(refused(&[
        ("k8s/dev/kustomization.yaml", "resources: [a.yaml]"),
        ("k8s/dev/a.yaml", "-> /etc/passwd"),
    ]), @"k8s/dev/kustomization.yaml:1: `resources` names a.yaml: k8s/dev/a.yaml is a symbolic link");
    insta::assert_snapshot!(refused(&[
        ("k8s/dev/kustomization.yaml", ""),
        ("k8s/dev/Kustomization", ""),
    ]), @"
    k8s/dev/Kustomization: there is more than one kustomization in this directory
      help: remove one of them
    ");
}

#[test]
fn programs_are_refused() {
    insta::assert_snapshot!(refused_text("helmCharts: [{name: a, repo: https://example.com}]"), @"
    k8s/dev/kustomization.yaml: `helmCharts` runs Helm, which a deploy does not
      help: commit the output of `helm template` and name it in `resources`
    ");
    let generator = |text| {
        refused(&[
            ("k8s/dev/kustomization.yaml", "generators: [g.yaml]"),
            ("k8s/dev/g.yaml", text),
        ])
    };
    insta::assert_snapshot!(generator("apiVersion: example.com/v1\nkind: Maker\n"), @"
    k8s/dev/g.yaml: Maker of example.com/v1 is a plugin, a program to be run
      help: a deploy runs none: commit what it makes and name that in `resources`
    ");
    insta::assert_snapshot!(generator("apiVersion: builtin\nkind: HashTransformer\n---\napiVersion: builtin\nkind: ConfigMapGenerator\nfiles: ['https://127.0.0.1/']\n"), @"
    k8s/dev/g.yaml: ConfigMapGenerator may name files that are not looked at here
      help: use the field of the kustomization that does the same, such as `configMapGenerator`, `patches` or `replacements`
    ");
    insta::assert_snapshot!(refused_text("namespace: shop\nvalidators:\n- '{apiVersion: v1, kind: Exec}'\n"), @"
    k8s/dev/kustomization.yaml:3: Exec of v1 is a plugin, a program to be run
      help: a deploy runs none: commit what it makes and name that in `resources`
    ");
}

#[test]
fn what_is_not_understood_is_refused() {
    insta::assert_snapshot!(refused_text("Resources: [https://example.com]"), @"
    k8s/dev/kustomization.yaml:1: this is no kustomization: unknown field `Resources`
      help: the fields are those of kustomize 5, as its reference writes them
    ");
    insta::assert_snapshot!(refused_text("namespace: a\npatches:\n- Path: https://example.com\n"), @"
    k8s/dev/kustomization.yaml:3: this is no kustomization: unknown field `Path`
      help: the fields are those of kustomize 5, as its reference writes them
    ");
    insta::assert_snapshot!(refused_text("resources: a.yaml"), @"
    k8s/dev/kustomization.yaml:1: this is no kustomization: expected sequence start
      help: the fields are those of kustomize 5, as its reference writes them
    ");
    insta::assert_snapshot!(refused_text("resources: [a.yaml"), @"
    k8s/dev/kustomization.yaml:1: this is no kustomization: unclosed bracket '['
      help: the fields are those of kustomize 5, as its reference writes them
    ");
    insta::assert_snapshot!(refused_text("resources: [a.yaml]\nresources: [b.yaml]"), @"
    k8s/dev/kustomization.yaml:2: this is no kustomization: duplicate mapping key `resources` is not allowed here
      help: the fields are those of kustomize 5, as its reference writes them
    ");
    insta::assert_snapshot!(refused_text("resources: [a.yaml]\n---\nresources: [b.yaml]"), @"
    k8s/dev/kustomization.yaml: there is more than one document in this kustomization
      help: remove the others
    ");
    insta::assert_snapshot!(refused_text("# nothing\n"), @"
    k8s/dev/kustomization.yaml: this kustomization is empty
      help: name what it is made of in `resources`
    ");
    insta::assert_snapshot!(refused_text("- a.yaml\n"), @"
    k8s/dev/kustomization.yaml:1: this is no kustomization: expected mapping start
      help: the fields are those of kustomize 5, as its reference writes them
    ");
}

#[test]
fn no_reader_of_yaml_sees_another_name() {
    // `https://127.0.0.1/` for a reader that knows the tag.
    let binary = "resources: [!!binary aHR0cHM6Ly8xMjcuMC4wLjEv]";
    let files = [
        ("k8s/dev/kustomization.yaml", binary),
        ("k8s/dev/aHR0cHM6Ly8xMjcuMC4wLjEv", "a: 1"),
    ];
    insta::assert_snapshot!(refused(&files), @"
    k8s/dev/kustomization.yaml:1: `resources` names https://127.0.0.1/, which is not in this repository
      help: a release holds all that it applies: commit a copy of it and name that
    ");
    insta::assert_snapshot!(refused_text("patchesStrategicMerge: ['http://127.0.0.1/: a']"), @"
    k8s/dev/kustomization.yaml:1: `patchesStrategicMerge` names http://127.0.0.1/: a, which is not in this repository
      help: a release holds all that it applies: commit a copy of it and name that
    ");
    insta::assert_snapshot!(refused_text("x: &a {resources: [https://127.0.0.1]}\n<<: *a"), @"
    k8s/dev/kustomization.yaml:1: this is no kustomization: unknown field `x`
      help: the fields are those of kustomize 5, as its reference writes them
    ");
    insta::assert_snapshot!(refused_text("generators: ['http://127.0.0.1/: a']"), @"
    k8s/dev/kustomization.yaml:1: `generators` names http://127.0.0.1/: a, which is not in this repository
      help: a release holds all that it applies: commit a copy of it and name that
    ");
    insta::assert_snapshot!(refused_text("generators: [a.yaml]\nresources: [a.yaml]"), @"
    k8s/dev/a.yaml: this is a plugin, a program to be run
      help: a deploy runs none: commit what it makes and name that in `resources`
    ");
}

#[test]
fn what_names_others_is_written_anew() {
    let named_twice = "configMapGenerator:\n- {name: a, files: [kustomization.yaml, g.yaml]}\n\
        generators: [g.yaml]\nnamePrefix: 'a-'\n";
    let files = [
        ("k8s/dev/kustomization.yaml", named_twice),
        (
            "k8s/dev/g.yaml",
            "# a comment\napiVersion: builtin\nkind: HashTransformer\n",
        ),
    ];
    let tree = Files::of(&files);
    let kustomization = Kustomization::gather(&tree, "k8s/dev").unwrap().unwrap();
    let text = |path: &str| String::from_utf8_lossy(&kustomization.files()[path]).into_owned();
    insta::assert_snapshot!(text("k8s/dev/kustomization.yaml"), @r#"{"configMapGenerator":[{"files":["kustomization.yaml","g.yaml"],"name":"a"}],"generators":["g.yaml"],"namePrefix":"a-"}"#);
    insta::assert_snapshot!(text("k8s/dev/g.yaml"), @r#"
    ---
    {"apiVersion":"builtin","kind":"HashTransformer"}
    "#);
}

#[test]
fn there_is_an_end_to_it() {
    let names: Vec<String> = (0..MAX_FILES).map(|n| format!("{n}.yaml")).collect();
    let text = format!("resources:\n- {}\n", names.join("\n- "));
    let paths: Vec<String> = names.iter().map(|name| format!("k8s/dev/{name}")).collect();
    let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
    files.push(("k8s/dev/kustomization.yaml", &text));
    insta::assert_snapshot!(refused(&files), @"k8s/dev/499.yaml: the kustomization is made of more than 500 files");
}

proptest! {
    /// Whatever a kustomization says, only files of the tree come with it.
    #[test]
    fn nothing_else_comes_with_it(
        field in "(resources|bases|components|crds|configurations|generators|patchesStrategicMerge)",
        up in 0_usize..5,
        rest in "[a-z./?:@=]{0,12}",
        quoted: bool,
    ) {
        let named = format!("{}{rest}", "../".repeat(up));
        let named = if quoted { format!("'{named}'") } else { named };
        let text = format!("{field}:\n- {named}\n");
        let files = [("k8s/dev/kustomization.yaml", text.as_str()), ("k8s/a/b", ""), ("x", "")];
        let tree = Files::of(&files);
        if let Ok(Some(kustomization)) = Kustomization::gather(&tree, "k8s/dev") {
            for path in kustomization.files().keys() {
                prop_assert!(tree.0.contains_key(path), "{path}");
            }
        }
    }

    #[test]
    fn never_panics(text in "((resources|patches|generators|path|files|- |  |---|\\[|\\{|\\}|\\]|: |&a|\\*a|<<|\\||\n|é|'|\"|x){0,30})") {
        let _ = Kustomization::gather(&Files::of(&[("k8s/dev/Kustomization", &text)]), "k8s/dev");
    }
}
