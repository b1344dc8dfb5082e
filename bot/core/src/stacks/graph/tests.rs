//! Which places stacks use.

use proptest::prelude::*;

use super::*;
use crate::facts::ChangedFiles;
use crate::stacks::touched;
use crate::testing::config;

const STACKS: &str = r#"
    [stacks.net]
    dir = "infra/net"
    [stacks.db]
    dir = "infra/db"
    var_files = ["{environment}.tfvars"]
    [stacks.root]
    dir = "."
    environments = ["dev"]
    when_modified = ["*.tf"]
"#;

fn rules() -> Config {
    let environment = |name: &str| {
        format!(
            "[environments.{name}.aws]\nregion = \"eu-central-1\"\naccount = \"111111111111\"\n\
             plan_role = \"arn:aws:iam::111111111111:role/p\"\n"
        )
    };
    config(&format!(
        "version = 1\n{}{}{STACKS}",
        environment("dev"),
        environment("prod")
    ))
}

/// A tree of these files; a text `-> x` is a link to `x`.
fn tree(files: &[(&str, &str)]) -> Sources {
    let mut tree = Sources::default();
    for (path, text) in files {
        if let Some(target) = text.strip_prefix("-> ") {
            tree.links.insert((*path).to_owned(), target.to_owned());
        } else {
            assert!(Sources::wants(path), "{path}");
            tree.texts
                .insert((*path).to_owned(), Some((*text).to_owned()));
        }
    }
    tree
}

/// What a change of these files touches.
fn touches(trees: &[Sources], paths: &[&str]) -> String {
    let rules = rules();
    let files = ChangedFiles {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        truncated: false,
    };
    touched(&rules, &files, &Modules::of(&rules, trees))
        .into_iter()
        .map(|(stack, envs)| match envs.len() {
            1 if stack.as_str() != "root" => format!("{stack}: {}", envs.first().unwrap()),
            _ => stack.to_string(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

fn module(name: &str, source: &str) -> String {
    format!("module \"{name}\" {{\n  source = \"{source}\"\n  for_each = toset([])\n}}\n")
}

#[test]
fn modules_are_followed_through_one_another() {
    let nested = module("c", "../c") + &module("back", "../../infra/../mods/b/");
    let trees = [tree(&[
        ("infra/db/main.tf", &module("b", "./../../mods/b")),
        (
            "infra/net/main.tf.json",
            r#"{"module": [{"x": {"source": "../../mods/b/deep"}}]}"#,
        ),
        ("mods/b/main.tf", &nested),
        ("mods/c/main.tofu", "resource \"a\" \"b\" {}\n"),
        ("mods/d/main.tf", ""),
    ])];
    for (path, expected) in [
        ("mods/b/main.tf", "db"),
        ("mods/b/new.tf", "db"),
        ("mods/b/.terraform.lock.hcl", "db"),
        ("mods/b/README.md", ""),
        ("mods/c/main.tf", "db"),
        ("mods/b/deep/x.tf.json", "db net"),
        ("mods/d/main.tf", ""),
        ("mods/bb/main.tf", ""),
        ("mods/main.tf", ""),
        ("infra/db/main.tf", "db"),
        ("infra/db/prod.tfvars", "db: prod"),
        ("main.tf", "root"),
    ] {
        assert_eq!(touches(&trees, &[path]), expected, "{path}");
    }
}

#[test]
fn only_sources_that_are_directories_of_the_repository_are_followed() {
    for source in [
        "terraform-aws-modules/vpc/aws",
        "git::https://example.com/x.git//mods/a",
        "mods/a",
        "/mods/a",
        "../../../mods/a",
        "s3::https://s3.example.com/mods/a",
    ] {
        let trees = [tree(&[("infra/db/main.tf", &module("a", source))])];
        assert_eq!(touches(&trees, &["mods/a/main.tf"]), "", "{source}");
        assert_eq!(Modules::of(&rules(), &trees).unclear().count(), 0);
    }
}

#[test]
fn a_module_in_a_directory_of_the_stack_counts_as_one() {
    let trees = [tree(&[("main.tf", &module("a", "./mods/a"))])];
    assert_eq!(touches(&trees, &["mods/a/main.tf"]), "root");
    assert_eq!(touches(&trees, &["mods/b/main.tf"]), "");
}

#[test]
fn literal_paths_of_files_count() {
    let text = r#"
        locals {
          a = file("../shared/a.txt")
          b = "x ${upper(templatefile("${path.module}/../../shared/b.tftpl", { x = file("./own") }))}"
          c = [for x in [1] : filebase64("${path.root}/../shared/c")]
          d = core::filesha256(("../shared/d"))
          e = <<-EOT
            %{ if true }${file("${path.cwd}/../shared/e")}%{ endif }
          EOT
          dynamic  = file("../shared/${var.name}")
          computed = file(var.path)
          set      = fileset("../shared", "*.set")
          far      = file("../../../../etc/passwd")
          home     = file("/etc/shadow")
          comment  = 1 # file("../shared/comment")
        }
    "#;
    let trees = [tree(&[("infra/db/main.tf", text)])];
    for (path, expected) in [
        ("infra/shared/a.txt", "db"),
        ("shared/b.tftpl", "db"),
        ("infra/shared/c", "db"),
        ("infra/shared/d", "db"),
        ("infra/shared/e", "db"),
        ("infra/shared/comment", ""),
        ("infra/shared/x.set", ""),
        // Below its directory, `when_modified` says what counts.
        ("infra/db/own", ""),
        ("etc/passwd", ""),
        ("etc/shadow", ""),
    ] {
        assert_eq!(touches(&trees, &[path]), expected, "{path}");
    }
    assert_eq!(Modules::of(&rules(), &trees).unclear().count(), 0);
}

#[test]
fn paths_in_a_module_are_seen_from_where_terraform_sees_them() {
    let text = r#"locals {
        a = file("${path.module}/a")
        b = file("../b")
        c = file("${path.root}/../c")
    }"#;
    let json = r#"{"locals": {"d": "<${file(\"${path.module}/d\")}>", "plain": "file(\"e\")"}}"#;
    let trees = [tree(&[
        ("infra/db/main.tf", &module("a", "../../mods/a")),
        ("mods/a/main.tf", text),
        ("mods/a/more.tf.json", json),
    ])];
    for (path, expected) in [
        ("mods/a/a", "db"),
        ("infra/b", "db"),
        ("infra/c", "db"),
        ("mods/a/d", "db"),
        ("mods/a/e", ""),
        ("mods/b", ""),
    ] {
        assert_eq!(touches(&trees, &[path]), expected, "{path}");
    }
}

#[test]
fn what_either_side_says_counts() {
    let head = tree(&[("infra/db/main.tf", &module("a", "../../mods/a"))]);
    let base = tree(&[
        ("infra/db/main.tf", &module("old", "../../mods/old")),
        ("mods/a/main.tf", &module("b", "../b")),
    ]);
    let trees = [head, base];
    for gone in ["mods/old/main.tf", "mods/a/main.tf", "mods/b/main.tf"] {
        assert_eq!(touches(&trees, &[gone]), "db", "{gone}");
    }
}

#[test]
fn a_stack_that_cannot_be_read_is_touched_by_any_terraform() {
    let broken = "resource \"a\" {";
    for files in [
        [("infra/db/main.tf", broken)].as_slice(),
        &[("infra/db/x.tf.json", "{")],
        &[("infra/db/x.tf.json", r#"{"locals": {"a": "${"}}"#)],
        &[(
            "infra/db/main.tf",
            "module \"a\" {\n  source = var.where\n}\n",
        )],
        &[(
            "infra/db/x.tf.json",
            r#"{"module": {"a": {"source": "${var.x}"}}}"#,
        )],
        &[("infra/db/main.tf", "-> ../gone.tf")],
        &[
            (
                "infra/db/main.tf",
                "module \"a\" {\n  source = \"../../mods/a\"\n}\n",
            ),
            ("mods/a/main.tf", broken),
        ],
    ] {
        let trees = [tree(&[]), tree(files)];
        assert_eq!(touches(&trees, &["else/where.tf"]), "db", "{files:?}");
        assert_eq!(touches(&trees, &["else/where.md"]), "", "{files:?}");
        let modules = Modules::of(&rules(), &trees);
        let unclear: Vec<_> = modules.unclear().collect();
        assert_eq!(unclear.len(), 1, "{unclear:?}");
    }
    let mut large = tree(&[]);
    large.texts.insert("infra/net/main.tf".to_owned(), None);
    assert_eq!(touches(&[large], &["else/where.tf"]), "net");
    let more = Sources {
        truncated: true,
        ..Sources::default()
    };
    assert_eq!(touches(&[more], &["else/where.tf.json"]), "db net root");
}

#[test]
fn what_terraform_does_not_read_is_not_asked() {
    for path in [
        "a/.#main.tf",
        "a/.hidden.tf",
        "a/x.tfvars",
        "a/main.tf.bak",
        "tf",
        "a/x.tftest.hcl",
    ] {
        assert!(!Sources::wants(path), "{path}");
    }
}

#[test]
fn links_give_files_other_names() {
    let trees = [tree(&[
        ("infra/db/common.tf", "-> ../../shared/common.tf"),
        ("infra/db/prod.tfvars", "-> ../../shared/prod.tfvars"),
        ("infra/net/mods", "-> ../../mods"),
        ("infra/net/main.tf", &module("a", "./mods/a")),
        ("shared/common.tf", &module("c", "../../mods/c")),
        ("mods/a/main.tf", &module("b", "../b")),
    ])];
    for (path, expected) in [
        ("shared/common.tf", "db"),
        ("shared/prod.tfvars", "db: prod"),
        // Seen from where the link is.
        ("mods/c/main.tf", "db net"),
        ("mods/a/main.tf", "net"),
        ("infra/net/mods", "net"),
    ] {
        assert_eq!(touches(&trees, &[path]), expected, "{path}");
    }
}

#[test]
fn links_in_circles_end() {
    let trees = [tree(&[
        ("infra/db/here", "-> ."),
        ("infra/db/a", "-> b"),
        ("infra/db/b", "-> a"),
        (
            "infra/db/main.tf",
            &(module("x", "./here") + &module("y", "./a/b")),
        ),
        ("infra/net/loop", "-> ../net"),
        ("infra/net/main.tf", &module("x", "./loop/loop")),
    ])];
    assert_eq!(touches(&trees, &["infra/net/x.txt"]), "");
    assert_eq!(touches(&trees, &["infra/net/x.tf"]), "net");
    assert_eq!(Modules::of(&rules(), &trees).unclear().count(), 0);
    // Two links to itself: a directory has as many names as there are ways of taking them.
    let ways = module("x", "./l") + &module("y", "./r");
    let trees = [tree(&[
        ("infra/db/l", "-> ."),
        ("infra/db/r", "-> ."),
        ("infra/db/main.tf", &ways),
    ])];
    let modules = Modules::of(&rules(), &trees);
    let why: Vec<&str> = modules.unclear().map(|(_, why)| why).collect();
    assert_eq!(why, ["it uses more modules than are followed"]);
    // Ever more names of the same file: all may be touched.
    let many: Vec<String> = (0..100).map(|n| format!("l{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|link| (link.as_str(), "-> .")).collect();
    assert_eq!(touches(&[tree(&many)], &["x.md"]), "db net root");
}

#[test]
fn deep_nesting_is_refused_quickly() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{ a = ", "}"),
        ("\"${", "}\""),
        ("!", ""),
        ("f(", ")"),
        ("true ? 1 : ", ""),
    ] {
        for depth in [40, 60, 10_000] {
            let text = format!("a = {}1{}\n", open.repeat(depth), close.repeat(depth));
            let begun = std::time::Instant::now();
            let read = Uses::of("a.tf", &text);
            assert!(begun.elapsed().as_secs() < 5, "{open} × {depth}");
            assert!(depth < 100 || read.is_none(), "{open} × {depth}");
        }
    }
}

/// Pieces that modules are made of; few names, so that they meet.
fn piece() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["..", ".", "a", "b", "c", "infra", "db", "net"]);
    let path = prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"));
    prop_oneof![
        path.clone()
            .prop_map(|path| format!("module \"m\" {{\n source = \"./{path}\"\n}}\n")),
        path.prop_map(|path| format!("locals {{\n f = file(\"${{path.module}}/{path}\")\n}}\n")),
        Just("}".to_owned()),
    ]
}

fn any_tree() -> impl Strategy<Value = Sources> {
    let part = || prop::sample::select(vec!["a", "b", "c", "infra", "db", "net"]);
    let dir = || prop::collection::vec(part(), 0..4).prop_map(|parts| parts.join("/"));
    let text = prop::collection::vec(piece(), 0..4).prop_map(|pieces| pieces.concat());
    let up = prop::collection::vec(
        prop::sample::select(vec!["..", ".", "a", "db", "net"]),
        1..4,
    );
    let files = prop::collection::vec((dir(), text), 0..12);
    let links = prop::collection::vec((dir(), part(), up), 0..8);
    (files, links, any::<bool>()).prop_map(|(files, links, truncated)| Sources {
        texts: files
            .into_iter()
            .map(|(dir, text)| (child(&dir, "main.tf"), Some(text)))
            .collect(),
        links: links
            .into_iter()
            .map(|(dir, name, up)| (child(&dir, name), up.join("/")))
            .collect(),
        truncated,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever circles and links there are, the walk ends, and a change of what a stack uses
    /// touches it.
    #[test]
    fn every_walk_ends(trees in prop::collection::vec(any_tree(), 1..3)) {
        let rules = rules();
        let modules = Modules::of(&rules, &trees);
        for stack in &rules.stacks {
            let used = &modules.of[&stack.name];
            prop_assert!(used.dirs.len() <= MOST_DIRECTORIES + 100);
            let files = used.dirs.iter().map(|dir| child(dir, "main.tf"));
            for path in files.chain(used.files.iter().cloned()) {
                let files = ChangedFiles { paths: [path.clone()].into(), truncated: false };
                let touched = touched(&rules, &files, &modules);
                prop_assert!(touched.contains_key(&stack.name), "{} by {path}", stack.name);
            }
        }
    }

    /// No text brings the reader down.
    #[test]
    fn any_text_is_read_or_not(text in r#"[{}()\[\]"$%a-f=\n .<!?:*-]{0,200}"#) {
        let _ = Uses::of("a.tf", &text);
        let _ = Uses::of("a.tf.json", &text);
    }
}
