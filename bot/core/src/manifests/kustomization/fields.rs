//! The fields of a kustomization, as far as they name files.
//!
//! The list of fields is that of `kustomize` 5 (`kustomization.md` of its reference). It is closed:
//! `kustomize` reads field names without regard to case and may learn new ones, so a field that is not
//! in the list could name files that nobody has looked at.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::super::ManifestError;
use super::super::parse::{dialect, not_yaml};
use super::error;

/// What a reference may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A file.
    File,
    /// A file, or a directory with a kustomization.
    FileOrDir,
    /// A file with configurations of generators, transformers or validators.
    Plugins,
}

/// One name of something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) field: &'static str,
    pub(super) line: u32,
    pub(super) path: String,
    pub(super) kind: Kind,
}

type Texts = Option<Vec<Spanned<String>>>;

/// Some value, of no interest here.
type Any = Option<IgnoredAny>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "fields are listed so that others are refused")]
struct Fields {
    // Those that name files.
    resources: Texts,
    bases: Texts,
    components: Texts,
    crds: Texts,
    configurations: Texts,
    generators: Texts,
    transformers: Texts,
    validators: Texts,
    patches_strategic_merge: Texts,
    #[serde(rename = "patchesJson6902")]
    patches_json: Option<Vec<Patch>>,
    patches: Option<Vec<Patch>>,
    replacements: Option<Vec<Replacement>>,
    config_map_generator: Option<Vec<Generator>>,
    secret_generator: Option<Vec<Generator>>,
    openapi: Option<OpenApi>,
    // Those that run Helm.
    helm_charts: Any,
    helm_globals: Any,
    helm_chart_inflation_generator: Any,
    // The others.
    api_version: Any,
    kind: Any,
    metadata: Any,
    name_prefix: Any,
    name_suffix: Any,
    namespace: Any,
    common_labels: Any,
    common_annotations: Any,
    labels: Any,
    images: Any,
    replicas: Any,
    vars: Any,
    generator_options: Any,
    sort_options: Any,
    build_metadata: Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are listed so that others are refused")]
struct Patch {
    path: Option<Spanned<String>>,
    patch: Any,
    target: Any,
    options: Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are listed so that others are refused")]
struct Replacement {
    path: Option<Spanned<String>>,
    source: Any,
    targets: Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "fields are listed so that others are refused")]
struct Generator {
    files: Texts,
    envs: Texts,
    env: Option<Spanned<String>>,
    name: Any,
    namespace: Any,
    behavior: Any,
    literals: Any,
    options: Any,
    #[serde(rename = "type")]
    kind: Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenApi {
    path: Option<Spanned<String>>,
    #[expect(
        dead_code,
        reason = "a schema that kustomize has built in: it names no file"
    )]
    version: Any,
}

/// A kustomization as it was understood, and all that it refers to.
///
/// It is written anew, as JSON, for `kustomize` to read: where two readers of YAML differ (tags,
/// merge keys, odd scalars), what was looked at here is what counts.
pub(super) fn understand(
    file: &str,
    text: &str,
) -> Result<(String, Vec<Reference>), ManifestError> {
    let found = references(file, text)?;
    let mut whole: Value = read(file, text)?;
    for field in ["generators", "transformers", "validators"] {
        let texts = whole.get_mut(field).and_then(Value::as_array_mut);
        for text in texts.into_iter().flatten() {
            if let Some(inline) = text.as_str().filter(|text| is_inline(text)) {
                *text = check_plugins(file, inline)?.into();
            }
        }
    }
    let written = whole.to_string();
    let paths = |all: &[Reference]| -> Vec<String> {
        all.iter().map(|reference| reference.path.clone()).collect()
    };
    if paths(&references(file, &written)?) != paths(&found) {
        let message = "some of the names in this kustomization can be read in two ways";
        let help = "write them as plain or quoted text, without tags";
        return Err(error(file, None, message, Some(help)));
    }
    Ok((written, found))
}

fn references(file: &str, text: &str) -> Result<Vec<Reference>, ManifestError> {
    let fields: Fields = read(file, text)?;
    for (name, field) in [
        ("helmCharts", &fields.helm_charts),
        ("helmGlobals", &fields.helm_globals),
        (
            "helmChartInflationGenerator",
            &fields.helm_chart_inflation_generator,
        ),
    ] {
        if field.is_some() {
            let message = format!("`{name}` runs Helm, which a deploy does not");
            let help = "commit the output of `helm template` and name it in `resources`";
            return Err(error(file, None, message, Some(help)));
        }
    }
    let mut all = All(Vec::new());
    all.lists(&fields);
    all.plugins(file, &fields)?;
    all.patches(&fields);
    all.generators("configMapGenerator", fields.config_map_generator);
    all.generators("secretGenerator", fields.secret_generator);
    Ok(all.0)
}

/// Reads the one document of a kustomization.
fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ManifestError> {
    let mut bytes = text.as_bytes();
    let mut documents = serde_saphyr::read_with_options::<_, T>(&mut bytes, dialect());
    let first = match documents.next() {
        Some(Ok(first)) => first,
        Some(Err(broken)) => {
            let refused = not_yaml(file, 1, &broken);
            let said = refused.message.replacen("this is not YAML: ", "", 1);
            // The list of all fields that there are helps nobody.
            let said = said.split(", expected one of").next().unwrap_or_default();
            return Err(error(
                file,
                refused.line,
                format!("this is no kustomization: {said}"),
                Some("the fields are those of kustomize 5, as its reference writes them"),
            ));
        }
        None => {
            let help = "name what it is made of in `resources`";
            return Err(error(file, None, "this kustomization is empty", Some(help)));
        }
    };
    if documents.next().is_some() {
        let message = "there is more than one document in this kustomization";
        return Err(error(file, None, message, Some("remove the others")));
    }
    Ok(first)
}

struct All(Vec<Reference>);

impl All {
    fn add(&mut self, field: &'static str, kind: Kind, text: &Spanned<String>) {
        self.0.push(Reference {
            field,
            line: line(text),
            path: text.value.clone(),
            kind,
        });
    }

    fn lists(&mut self, fields: &Fields) {
        for (field, kind, texts) in [
            ("resources", Kind::FileOrDir, &fields.resources),
            ("bases", Kind::FileOrDir, &fields.bases),
            ("components", Kind::FileOrDir, &fields.components),
            ("crds", Kind::File, &fields.crds),
            ("configurations", Kind::File, &fields.configurations),
        ] {
            for text in texts.iter().flatten() {
                self.add(field, kind, text);
            }
        }
        for replacement in fields.replacements.iter().flatten() {
            if let Some(path) = &replacement.path {
                self.add("replacements.path", Kind::File, path);
            }
        }
        if let Some(path) = fields.openapi.as_ref().and_then(|it| it.path.as_ref()) {
            self.add("openapi.path", Kind::File, path);
        }
    }

    /// Each is the name of a file, or the configuration itself.
    fn plugins(&mut self, file: &str, fields: &Fields) -> Result<(), ManifestError> {
        for (field, texts) in [
            ("generators", &fields.generators),
            ("transformers", &fields.transformers),
            ("validators", &fields.validators),
        ] {
            for text in texts.iter().flatten() {
                if is_inline(&text.value) {
                    check_plugins(file, &text.value).map_err(|refused| ManifestError {
                        line: Some(line(text)),
                        ..refused
                    })?;
                } else {
                    self.add(field, Kind::Plugins, text);
                }
            }
        }
        Ok(())
    }

    fn patches(&mut self, fields: &Fields) {
        for text in fields.patches_strategic_merge.iter().flatten() {
            if !is_inline(&text.value) {
                self.add("patchesStrategicMerge", Kind::File, text);
            }
        }
        for (field, patches) in [
            ("patches.path", &fields.patches),
            ("patchesJson6902.path", &fields.patches_json),
        ] {
            for path in patches
                .iter()
                .flatten()
                .filter_map(|patch| patch.path.as_ref())
            {
                self.add(field, Kind::File, path);
            }
        }
    }

    fn generators(&mut self, field: &'static str, generators: Option<Vec<Generator>>) {
        for generator in generators.into_iter().flatten() {
            for mut text in generator.files.into_iter().flatten() {
                // `[KEY=]PATH`.
                if let Some((_, path)) = text.value.split_once('=') {
                    text.value = path.to_owned();
                }
                self.add(field, Kind::File, &text);
            }
            let envs = generator.envs.into_iter().flatten().chain(generator.env);
            envs.for_each(|text| self.add(field, Kind::File, &text));
        }
    }
}

fn line(text: &Spanned<String>) -> u32 {
    u32::try_from(text.referenced.line())
        .unwrap_or(u32::MAX)
        .max(1)
}

/// Whether a text is YAML in the place of the name of a file. It has to look like it, too:
/// `http://127.0.0.1/: a` is an object for a reader of YAML, and an address for `kustomize`.
fn is_inline(text: &str) -> bool {
    let is_object = |document: Result<Value, _>| document.is_ok_and(|it: Value| it.is_object());
    let mut bytes = text.as_bytes();
    (text.contains('\n') || text.starts_with('{'))
        && serde_saphyr::read_with_options::<_, Value>(&mut bytes, dialect()).all(is_object)
}

/// The generators and transformers of `kustomize` itself that read no file and run no program. Those
/// that do read files have a field of the kustomization, where the files are followed.
const HARMLESS: [&str; 12] = [
    "AnnotationsTransformer",
    "HashTransformer",
    "ImageTagTransformer",
    "LabelTransformer",
    "LegacyOrderTransformer",
    "NamespaceTransformer",
    "PrefixSuffixTransformer",
    "PrefixTransformer",
    "ReplicaCountTransformer",
    "SortOrderTransformer",
    "SuffixTransformer",
    "ValueAddTransformer",
];

/// Checks configurations of generators, transformers and validators; gives them as they were
/// understood.
pub(super) fn check_plugins(file: &str, text: &str) -> Result<String, ManifestError> {
    let mut written = String::new();
    let mut bytes = text.as_bytes();
    let documents = serde_saphyr::read_with_options::<_, Value>(&mut bytes, dialect());
    for (index, document) in documents.enumerate() {
        let document = document.map_err(|broken| not_yaml(file, index + 1, &broken))?;
        let of = |key: &str| {
            document
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (api_version, kind) = (of("apiVersion"), of("kind"));
        if api_version != "builtin" {
            let what = match (api_version, kind) {
                ("", _) | (_, "") => "this".to_owned(),
                (api_version, kind) => format!("{kind} of {api_version}"),
            };
            let message = format!("{what} is a plugin, a program to be run");
            let help = "a deploy runs none: commit what it makes and name that in `resources`";
            return Err(error(file, None, message, Some(help)));
        }
        if !HARMLESS.contains(&kind) {
            let message = format!("{kind} may name files that are not looked at here");
            let help = "use the field of the kustomization that does the same, such as \
                        `configMapGenerator`, `patches` or `replacements`";
            return Err(error(file, None, message, Some(help)));
        }
        written.push_str(&format!("---\n{document}\n"));
    }
    Ok(written)
}
