//! What kustomize says when it fails, for people: where, and why, on one line.

use std::path::Path;

/// How many lines of its standard error are looked at.
pub(super) const LINES: usize = 100;

/// How much of it is told.
const LONGEST: usize = 600;

/// The place and the reason, from the lines of standard error. Paths are those of the repository:
/// `tree` is where its files lie on this machine, `dir` the directory that was to be rendered.
pub(super) fn readable(lines: &[String], tree: &Path, dir: &str) -> Option<String> {
    let said = essence(lines)?;
    let tree = tree.display().to_string();
    let said = said.replace(&format!("{tree}/"), "").replace(&tree, ".");
    let (place, why) = innermost(&said);
    let hint = if why.contains("security; file ") {
        " (kustomize reads no file above the directory that names it: give its directory a \
         kustomization and name the directory)"
    } else {
        ""
    };
    let text = format!("{}: {}{hint}", place.unwrap_or(dir), why.trim());
    let cut = text.floor_char_boundary(LONGEST);
    let ellipsis = if cut < text.len() { "…" } else { "" };
    Some(format!("{}{ellipsis}", &text[..cut]))
}

/// The error among the lines, without what the program puts around it. Warnings come before it.
fn essence(lines: &[String]) -> Option<String> {
    let joined = |lines: &[String]| {
        let words = lines.iter().map(|line| line.trim());
        words
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (index, line) in lines.iter().enumerate() {
        let rest = &lines[index + 1..];
        for mark in ["error: ", "Error: "] {
            if let Some(first) = line.strip_prefix(mark) {
                return Some(format!("{first} {}", joined(rest)));
            }
        }
        // Some builds of kubectl log it instead, in the format of klog.
        if let Some((_, quoted)) = line.split_once("] \"command failed\" err=") {
            return Some(match quoted {
                "<" => joined(rest).trim_end_matches('>').to_owned(),
                _ => serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned()),
            });
        }
    }
    let all = joined(lines);
    (!all.is_empty()).then_some(all)
}

/// The innermost directory that an error speaks of, and what is left to say. kustomize puts each
/// directory on the way around its reason, and tries every name as a file and as a directory.
fn innermost(said: &str) -> (Option<&str>, &str) {
    let (place, why) = match said.rsplit_once("recursed accumulation of path '") {
        Some((_, inner)) => match inner.split_once("': ") {
            Some((place, why)) => (Some(place), why),
            None => (None, said),
        },
        None => (None, said),
    };
    let mut why = why;
    while let Some(rest) = why.strip_prefix("accumulating resources: ") {
        why = rest;
    }
    if let Some(as_file) = why.strip_prefix("accumulation err='")
        && let Some((as_file, _)) = as_file.split_once("': must build at directory: ")
    {
        why = as_file;
    }
    (place, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(stderr: &str) -> Option<String> {
        let lines: Vec<String> = stderr.lines().map(str::to_owned).collect();
        readable(&lines, Path::new("/scratch/x/tree"), "app/k8s/dev")
    }

    #[test]
    fn the_innermost_place_and_reason_are_told() {
        insta::assert_snapshot!(told(
            "# Warning: 'bases' is deprecated. Please use 'resources' instead.\n\
             error: accumulating resources: accumulation err='accumulating resources from '../base': \
             '/scratch/x/tree/app/k8s/base' must resolve to a file': recursed accumulation of path \
             '/scratch/x/tree/app/k8s/base': accumulating resources: accumulating resources from \
             'shop.yaml': MalformedYAMLError: yaml: line 2: could not find expected ':' in File: shop.yaml\n"
        ).unwrap(), @"app/k8s/base: accumulating resources from 'shop.yaml': MalformedYAMLError: yaml: line 2: could not find expected ':' in File: shop.yaml");
        insta::assert_snapshot!(told(
            "Error: accumulating resources: accumulation err='accumulating resources from \
             '../base/shop.yaml': security; file '/scratch/x/tree/app/k8s/base/shop.yaml' is not in or \
             below '/scratch/x/tree/app/k8s/dev'': must build at directory: \
             '/scratch/x/tree/app/k8s/base/shop.yaml': file is not directory"
        ).unwrap(), @"app/k8s/dev: accumulating resources from '../base/shop.yaml': security; file 'app/k8s/base/shop.yaml' is not in or below 'app/k8s/dev' (kustomize reads no file above the directory that names it: give its directory a kustomization and name the directory)");
        insta::assert_snapshot!(told(
            "error: trouble configuring builtin PatchTransformer with config: `\npath: nope.yaml\n`: \
             failed to get the patch file from path(nope.yaml)\n"
        ).unwrap(), @"app/k8s/dev: trouble configuring builtin PatchTransformer with config: ` path: nope.yaml `: failed to get the patch file from path(nope.yaml)");
    }

    #[test]
    fn a_logged_error_is_found_too() {
        insta::assert_snapshot!(told(
            "E1124 10:52:46.248640   13807 run.go:72] \"command failed\" err=\"invalid Kustomization: \
             json: unknown field \\\"resourcess\\\"\""
        ).unwrap(), @r#"app/k8s/dev: invalid Kustomization: json: unknown field "resourcess""#);
        insta::assert_snapshot!(told(
            "E1124 10:52:46.248640   13807 run.go:72] \"command failed\" err=<\n\ttrouble configuring \
             builtin PatchTransformer with config: `\n\tpath: nope.yaml\n\t`: it failed\n >"
        ).unwrap(), @"app/k8s/dev: trouble configuring builtin PatchTransformer with config: ` path: nope.yaml `: it failed");
    }

    #[test]
    fn nothing_said_is_nothing_told() {
        assert_eq!(told("\n  \n"), None);
        insta::assert_snapshot!(told("panic: oh\n\ngoroutine 1").unwrap(), @"app/k8s/dev: panic: oh goroutine 1");
        let long = format!("error: {}", "é".repeat(5000));
        assert!(told(&long).unwrap().len() < 700);
    }
}
