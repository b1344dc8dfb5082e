use proptest::prelude::*;

use super::*;

#[test]
fn addresses_of_modules_and_resources_are_addresses() {
    for text in [
        "aws_vpc.main",
        "aws_subnet.private[0]",
        "aws_subnet.private[12]",
        "aws_subnet.by_zone[\"eu-central-1a\"]",
        "data.aws_ami.base",
        "module.net",
        "module.net[0]",
        "module.net[\"a b\"]",
        "module.x[\"k\"].aws_y.z[0]",
        "module.a.module.b[\"c.d\"].data.aws_ami.x[\"]\"]",
        "terraform_data.a-b_c",
        r#"aws_y.z["a \"quoted\" \\ key"]"#,
        r#"aws_y.z["\u00e4\n"]"#,
        "aws_y.z[\"ä; rm -rf / && $HOME | $(id)\"]",
        "aws_y.z[\"$${literal} %%{too} $5 100%\"]",
        "_.a",
    ] {
        let address = Address::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(address.as_str(), text);
    }
}

#[test]
fn nothing_else_is_an_address() {
    let longest = format!("aws_y.{}", "z".repeat(250));
    assert!(Address::parse(&longest).is_ok());
    let too_long = format!("{longest}z");
    for text in [
        "",
        "aws_vpc",
        "aws_vpc.",
        ".main",
        "aws_vpc..main",
        "aws_vpc.main.id",
        "aws_vpc.main ",
        " aws_vpc.main",
        "aws_vpc.main\n",
        "aws_vpc.main;rm -rf /",
        "aws_vpc.main`id`",
        "`id`",
        "$(id)",
        "a;rm",
        "-destroy",
        "-var=x.y",
        "aws_vpc.-main",
        "aws_vpc.0",
        "aws_vpc.main[]",
        "aws_vpc.main[01]",
        "aws_vpc.main[-1]",
        "aws_vpc.main[+1]",
        "aws_vpc.main[ 0 ]",
        "aws_vpc.main[*]",
        "aws_vpc.main[key]",
        "aws_vpc.main['key']",
        "aws_vpc.main[1234567890]",
        "aws_vpc.main[0][1]",
        "aws_vpc.main[0]x",
        "aws_vpc.main[\"open",
        "aws_vpc.main[\"open\"",
        "aws_vpc.main[\"`id`\"]",
        "aws_vpc.main[\"${var.x}\"]",
        "aws_vpc.main[\"%{if true}\"]",
        "aws_vpc.main[\"$$${var.x}\"]",
        "aws_vpc.main[\"a\nb\"]",
        "aws_vpc.main[\"a\0b\"]",
        "aws_vpc.main[\"\u{202e}\"]",
        "aws_vpc.main[\"\\x\"]",
        "aws_vpc.main[\"\\u12\"]",
        "aws_vpc.main[\"\\ud800\"]",
        "aws_vpc.main[“key”]",
        "äws_vpc.main",
        "module",
        "module.",
        "module.net.",
        "module.net[\"a\"]b",
        "module.net.aws_vpc",
        "data.aws_ami",
        "data.",
        "var.x",
        "local.x",
        "resource.aws_vpc.main",
        &too_long,
    ] {
        assert!(Address::parse(text).is_err(), "{text:?}");
    }
}

fn refused(words: &[&str]) -> FlagError {
    PlanFlags::parse(words.iter().copied()).unwrap_err()
}

#[test]
fn only_four_flags_are_handed_on() {
    let good = ["-target=a.b", "-target=module.c", "-replace=d.e[\"f g\"]"];
    let flags = PlanFlags::parse(good).unwrap();
    assert_eq!(flags.arguments(), good);
    assert!(flags.is_targeted() && !flags.cover_all() && !flags.is_none());
    assert_eq!(
        PlanFlags::parse(["-target=a.b", "-destroy"])
            .unwrap()
            .to_string(),
        "-destroy -target=a.b"
    );
    assert!(PlanFlags::parse(["-replace=a.b"]).unwrap().cover_all());
    for word in [
        "-var=x=y",
        "-var-file=x",
        "-out=x",
        "-state=x",
        "-lock=false",
        "-parallelism=1",
        "-chdir=/",
        "--target=a.b",
        "-TARGET=a.b",
        "target=a.b",
        "-generate-config-out=x",
        "a.b",
        "",
        "-",
        "--",
    ] {
        assert_eq!(refused(&[word]), FlagError::Unknown(word.to_owned()));
    }
    assert_eq!(refused(&[]), FlagError::Nothing);
    assert_eq!(
        refused(&["-target", "a.b"]),
        FlagError::WithoutAddress("-target")
    );
    assert_eq!(
        refused(&["-replace="]),
        FlagError::WithoutAddress("-replace")
    );
    assert_eq!(
        refused(&["-destroy=true"]),
        FlagError::WithValue("-destroy")
    );
    assert_eq!(
        refused(&["-refresh-only="]),
        FlagError::WithValue("-refresh-only")
    );
}

#[test]
fn what_terraform_would_refuse_is_refused_at_once() {
    let (destroy, refresh) = ("-destroy", "-refresh-only");
    for words in [[destroy, refresh], [refresh, destroy]] {
        assert_eq!(refused(&words), FlagError::Together(destroy, refresh));
    }
    for mode in [destroy, refresh] {
        let both = FlagError::Together("-replace", mode);
        assert_eq!(refused(&["-replace=a.b", mode]), both);
        assert_eq!(refused(&[mode, mode]), FlagError::Twice(mode.to_owned()));
    }
    let twice = FlagError::Twice("-target=a.b".to_owned());
    assert_eq!(refused(&["-target=a.b", "-target=a.b"]), twice);
    for other in ["module.a", "data.a.b", "module.a.data.a.b[0]"] {
        let word = format!("-replace={other}");
        assert_eq!(
            refused(&[&word]),
            FlagError::NotReplaceable(other.to_owned())
        );
    }
    let many: Vec<String> = (0..=MOST_ADDRESSES)
        .map(|n| format!("-target=a.b{n}"))
        .collect();
    let words = || many.iter().map(String::as_str);
    assert_eq!(PlanFlags::parse(words()), Err(FlagError::TooMany));
    assert!(PlanFlags::parse(words().skip(1)).is_ok());
}

#[test]
fn what_is_kept_is_judged_once_more() {
    let flags = PlanFlags::parse(["-destroy", "-target=a.b"]).unwrap();
    let kept = serde_json::to_string(&flags).unwrap();
    assert_eq!(kept, r#"{"mode":"destroy","targets":["a.b"]}"#);
    assert_eq!(serde_json::from_str::<PlanFlags>(&kept).unwrap(), flags);
    for spoilt in [
        r#"{"mode":"destroy","targets":["a.b -lock=false;"]}"#,
        r#"{"mode":"destroy","replace":["a.b"]}"#,
        r#"{"mode":"normal","var":["a=b"]}"#,
    ] {
        assert!(
            serde_json::from_str::<PlanFlags>(spoilt).is_err(),
            "{spoilt}"
        );
    }
}

/// Addresses by their grammar, written down a second time.
fn address() -> impl Strategy<Value = String> {
    let name = "[a-z_][a-z0-9_-]{0,8}";
    let key = r#"([a-zA-Z0-9 .;:@/'\]\[-]|\\"|\\\\|\\n|\\u00e4|\$\$\{){0,6}"#;
    let index = prop_oneof![
        3 => Just(String::new()),
        1 => (0u32..1000).prop_map(|n| format!("[{n}]")),
        2 => key.prop_map(|key| format!("[\"{key}\"]")),
    ];
    let module = (name, index.clone()).prop_map(|(name, index)| format!("module.{name}{index}."));
    let modules = prop::collection::vec(module, 0..3).prop_map(|all| all.concat());
    let data = prop_oneof![Just(""), Just("data.")];
    (modules, data, name, name, index).prop_map(|(modules, data, kind, name, index)| {
        format!("{modules}{data}x{kind}.{name}{index}")
    })
}

proptest! {
    #[test]
    fn whatever_follows_the_grammar_is_read(text in address()) {
        prop_assert_eq!(Address::parse(&text).map(|a| a.to_string()), Ok(text));
    }

    /// Whatever is let through stays one argument, that of its flag, on one line.
    #[test]
    fn whatever_is_let_through_is_harmless(text in "\\PC{0,40}") {
        if let Ok(address) = Address::parse(&text) {
            let shown = address.to_string();
            prop_assert!(!shown.starts_with('-') && !shown.contains(['\n', '\r', '\0', '`']));
            let outside: String = shown.split('"').step_by(2).collect();
            let outside_is_plain = shown.contains('\\')
                || outside.chars().all(|c| c.is_ascii_alphanumeric() || "._-[]".contains(c));
            prop_assert!(outside_is_plain);
        }
    }

    /// One character more or another one, anywhere outside of a key, is another address or none.
    #[test]
    fn no_character_smuggles_a_flag(text in address(), extra in "[;&|$`<>(){}\\n\\r\\t !*?~#=,]", at in any::<prop::sample::Index>()) {
        let end = text.find('"').unwrap_or(text.len());
        let at = at.index(end + 1);
        let (start, rest) = text.split_at(at);
        let spoilt = format!("{start}{extra}{rest}");
        if at < end || end == text.len() {
            prop_assert!(Address::parse(&spoilt).is_err(), "{}", spoilt);
        }
    }

    #[test]
    fn flags_are_read_back_from_their_arguments(addresses in prop::collection::btree_set(address(), 1..4)) {
        let words: Vec<String> = addresses.iter().map(|a| format!("-target={a}")).collect();
        let flags = PlanFlags::parse(words.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(flags.arguments(), words.clone());
        let line = format!("/plan dev network -- {flags}");
        let crate::command::Parsed::Command(request) = crate::command::parse(&line) else {
            panic!("not understood: {line}");
        };
        prop_assert_eq!(request.to_string(), line);
    }
}
