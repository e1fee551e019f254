//! What a key is called: in the environment, in a store, and in each language. Whatever the names are made
//! from, they hold letters, digits and separators only, and go into code, YAML and addresses unquoted.

/// What a key is called where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The environment variable, as `MESSAGEBIRD_API_KEY`: capital letters, digits and `_`.
    pub variable: String,
    /// The folder of the service in a store, as `messagebird`: small letters, digits and `-`.
    pub path: String,
    /// The field in this folder, as `api_key`: small letters, digits and `_`.
    pub field: String,
}

/// Longer paths are cut: names of Kubernetes end at 63 bytes.
const LONGEST_PATH: usize = 40;
/// Words that YAML does not read as text.
const NO_TEXT: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];
/// Words that Go writes in capital letters.
const INITIALISMS: [&str; 10] = ["api", "aws", "dsn", "http", "id", "jwt", "sql", "ssh", "uri", "url"];

impl Names {
    /// The names of a key, from its variable (`MESSAGEBIRD_API_KEY`) and its service (`MessageBird`).
    pub fn new(variable: &str, service: &str) -> Self {
        let mut words = words(variable);
        if words.is_empty() {
            words.push("api".to_owned());
            words.push("key".to_owned());
        }
        let brand = self::words(service);
        let own = words.split_off(of_the_brand(&words, &brand));
        let field = plain(own.join("_"), "key_");
        let all: Vec<&str> = words.iter().chain(&own).map(String::as_str).collect();
        let mut variable = all.join("_").to_ascii_uppercase();
        if variable.starts_with(|first: char| first.is_ascii_digit()) {
            variable.insert_str(0, "KEY_");
        }
        let mut path = if brand.is_empty() { "service".to_owned() } else { brand.join("-") };
        path.truncate(LONGEST_PATH);
        let path = plain(path.trim_matches('-').to_owned(), "service-");
        Self { variable, path, field }
    }

    /// The function's name, as `messagebird_api_key`. One word could be a word of the language.
    pub(super) fn snake(&self) -> String {
        let lower = self.variable.to_ascii_lowercase();
        if lower.contains('_') { lower } else { format!("read_{lower}") }
    }

    /// The function's name, as `messagebirdApiKey`.
    pub(super) fn camel(&self) -> String {
        self.cased(capitalized)
    }

    /// The function's name, as `messagebirdAPIKey`.
    pub(super) fn go(&self) -> String {
        self.cased(
            |word| {
                if INITIALISMS.contains(&word) { word.to_ascii_uppercase() } else { capitalized(word) }
            },
        )
    }

    /// The class that holds the function, as `MessagebirdApiKey`.
    pub(super) fn class(&self) -> String {
        self.snake().split('_').map(capitalized).collect()
    }

    /// The field with dashes, as stores and Kubernetes write it: `api-key`.
    pub(super) fn last(&self) -> String {
        self.field.replace('_', "-")
    }

    /// The key in one word, as `messagebird-api-key`.
    pub(super) fn slug(&self) -> String {
        format!("{}-{}", self.path, self.last())
    }

    fn cased(&self, later: impl Fn(&str) -> String) -> String {
        let snake = self.snake();
        let (first, rest) = snake.split_once('_').unwrap_or((&snake, ""));
        let rest: String = rest.split('_').map(later).collect();
        format!("{first}{rest}")
    }
}

/// The words of a name, in small letters. Other letters than those of ASCII are left out.
fn words(name: &str) -> Vec<String> {
    let ours: String = name.chars().filter(|letter| letter.is_ascii() || !letter.is_alphanumeric()).collect();
    ours.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// How many of a variable's first words are the brand, or its beginning; never all.
fn of_the_brand(words: &[String], brand: &[String]) -> usize {
    let beginnings: Vec<String> = (1..=brand.len()).map(|count| brand[..count].concat()).collect();
    (1..words.len()).rev().find(|&count| beginnings.contains(&words[..count].concat())).unwrap_or(0)
}

/// A word that YAML reads as text: neither a number in some notation nor a word with a meaning of its own.
fn plain(word: String, before: &str) -> String {
    let number = word.starts_with(|first: char| first.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_hexdigit() || "ox_-".contains(letter));
    if number || NO_TEXT.contains(&word.as_str()) { format!("{before}{word}") } else { word }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}
