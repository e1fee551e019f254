//! Names of odd services, and that every piece renders to what fits a page.

use clap::ValueEnum;

use super::{Language, Names, Snippet, Store, containers, setup, snippet};

fn names(variable: &str, service: &str) -> [String; 3] {
    let Names { variable, path, field } = Names::new(variable, service);
    [variable, path, field]
}

#[test]
fn a_field_is_the_variable_without_the_brand() {
    assert_eq!(
        names("MESSAGEBIRD_API_KEY", "MessageBird"),
        ["MESSAGEBIRD_API_KEY", "messagebird", "api_key"]
    );
    assert_eq!(names("MESSAGE_BIRD_API_KEY", "MessageBird")[2], "api_key");
    assert_eq!(
        names("CLOCKWORK_API_KEY", "Clockwork SMS"),
        ["CLOCKWORK_API_KEY", "clockwork-sms", "api_key"]
    );
    assert_eq!(names("CLOCKWORK_SMS_KEY", "Clockwork SMS")[2], "key");
    assert_eq!(names("API_KEY", "MessageBird")[2], "api_key");
    assert_eq!(names("MESSAGEBIRD", "MessageBird")[2], "messagebird", "the brand alone is no brand");
    assert_eq!(
        names("ONEPASSWORD_TOKEN", "1Password"),
        ["ONEPASSWORD_TOKEN", "1password", "onepassword_token"]
    );
    assert_eq!(names("360DIALOG_API_KEY", "360dialog"), ["KEY_360DIALOG_API_KEY", "360dialog", "api_key"]);
}

#[test]
fn names_are_safe_whatever_they_are_made_from() {
    assert_eq!(names("", ""), ["API_KEY", "service", "api_key"]);
    assert_eq!(names("UENI_KEY", "Ünï & Co"), ["UENI_KEY", "n-co", "ueni_key"]);
    assert_eq!(names("ключ", "日本"), ["API_KEY", "service", "api_key"]);
    assert_eq!(names("A_1E3", "a")[2], "key_1e3", "YAML would read a number");
    assert_eq!(names("TOKEN", "Null")[1], "service-null");
    assert_eq!(names("TOKEN", "360")[1], "service-360");
    let hostile =
        ["$(id)`x`\"; rm -rf / #", "{{ 7 * 7 }}\n{% raw %}", "a'b\\c\0d", "-e", "__", "1", "../../etc"];
    for one in hostile {
        let Names { variable, path, field } = Names::new(one, one);
        let only = |text: &str, allowed: &str| text.chars().all(|letter| allowed.contains(letter));
        let digits = "0123456789";
        let small = "abcdefghijklmnopqrstuvwxyz";
        assert!(only(&variable, &format!("{}{digits}_", small.to_uppercase())), "{variable}");
        assert!(only(&path, &format!("{small}{digits}-")), "{path}");
        assert!(only(&field, &format!("{small}{digits}_")), "{field}");
        for name in [&variable, &path, &field] {
            assert!(
                !name.is_empty() && !name.starts_with(['-', '_']) && !name.ends_with(['-', '_']),
                "{name}"
            );
        }
        assert!(!variable.starts_with(|first: char| first.is_ascii_digit()), "{variable}");
    }
    let long = Names::new("KEY", &"ab ".repeat(100));
    assert!(long.path.len() <= 40 && !long.path.ends_with('-'), "{}", long.path);
}

#[test]
fn functions_are_named_as_the_languages_do() {
    let name = |language, variable| snippet(Store::Env, language, &Names::new(variable, "MessageBird"));
    let defined = |language, variable, definition: &str, file: &str| {
        let snippet = name(language, variable);
        assert!(snippet.text.contains(definition), "{definition}: {}", snippet.text);
        assert_eq!(snippet.file_name, file);
    };
    let variable = "MESSAGEBIRD_API_KEY";
    defined(Language::Python, variable, "def messagebird_api_key() -> str:", "messagebird_api_key.py");
    defined(Language::JavaScript, variable, "function messagebirdApiKey() {", "messagebird-api-key.mjs");
    defined(Language::Go, variable, "func messagebirdAPIKey() (", "messagebird_api_key.go");
    defined(Language::Java, variable, "String messagebirdApiKey() {", "MessagebirdApiKey.java");
    defined(Language::Ruby, variable, "def messagebird_api_key\n", "messagebird_api_key.rb");
    defined(Language::Shell, variable, "messagebird_api_key() (", "messagebird-api-key.sh");
    // A word alone could be one of the language's.
    defined(Language::Python, "PASS", "def read_pass() -> str:", "read_pass.py");
    defined(Language::Java, "CLASS", "public final class ReadClass {", "ReadClass.java");
}

/// All that there is for a key.
fn all(names: &Names) -> Vec<Snippet> {
    let code =
        Store::ALL.iter().flat_map(|&store| Language::ALL.map(|language| snippet(store, language, names)));
    code.chain(Store::ALL.map(|store| setup(store, names))).chain(containers(names)).collect()
}

#[test]
fn every_piece_is_a_whole_file_that_fits_a_page() {
    let odd =
        [("MESSAGEBIRD_API_KEY", "MessageBird"), ("", ""), ("1", "1Password"), ("A_$(id)", "{{ 7 * 7 }}")];
    for (variable, service) in odd {
        let names = Names::new(variable, service);
        let pieces = all(&names);
        assert_eq!(pieces.len(), 4 * 6 + 4 + 4);
        for Snippet { title, file_name, fence, text, .. } in pieces {
            assert!(text.contains(&names.variable) || file_name == "external-secret.yaml", "{title}: {text}");
            for left in ["{{", "{%", "$(id)", "undefined value", "syntax error", "\t ", " \n", "\n\n\n\n"] {
                assert!(!text.contains(left), "{title}: {left:?} in {text}");
            }
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{title}");
            assert!(text.lines().count() <= 84, "{title} has {} lines", text.lines().count());
            let tabs = |line: &str| line.chars().map(|one| if one == '\t' { 4 } else { 1 }).sum::<usize>();
            let long = text.lines().find(|line| tabs(line) > 100);
            assert_eq!(long, None, "{title}");
            assert!(!title.is_empty() && !fence.is_empty() && !file_name.contains('/'), "{title}");
        }
    }
}

#[test]
fn the_command_line_has_the_words_of_the_readers() {
    let words = |values: Vec<Option<clap::builder::PossibleValue>>| {
        values.into_iter().flatten().map(|value| value.get_name().to_owned()).collect::<Vec<_>>()
    };
    let stores = words(Store::ALL.iter().map(Store::to_possible_value).collect());
    assert_eq!(stores, ["env", "aws", "vault", "conjur"]);
    assert_eq!(Store::value_variants(), Store::ALL);
    let languages = words(Language::ALL.iter().map(Language::to_possible_value).collect());
    assert_eq!(languages, ["python", "javascript", "go", "java", "ruby", "shell"]);
    assert_eq!(Language::value_variants(), Language::ALL);
}
