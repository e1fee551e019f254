//! What differs between the languages: names of files and functions, and what has to be installed.

use super::{Language, Names, Store};

impl Language {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::Python, Self::JavaScript, Self::Go, Self::Java, Self::Ruby, Self::Shell];

    /// Its name for a reader.
    pub fn title(self) -> &'static str {
        match self {
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::Ruby => "Ruby",
            Self::Shell => "Shell",
        }
    }

    /// As Markdown's code blocks name it.
    pub(super) fn fence(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::JavaScript => "js",
            Self::Go => "go",
            Self::Java => "java",
            Self::Ruby => "ruby",
            Self::Shell => "sh",
        }
    }

    /// The name of the file with a key's function, in the language's manner.
    pub(super) fn file_name(self, names: &Names) -> String {
        let snake = names.snake();
        match self {
            Self::Python => format!("{snake}.py"),
            Self::JavaScript => format!("{}.mjs", snake.replace('_', "-")),
            Self::Go => format!("{snake}.go"),
            Self::Java => format!("{}.java", names.class()),
            Self::Ruby => format!("{snake}.rb"),
            Self::Shell => format!("{}.sh", snake.replace('_', "-")),
        }
    }

    /// The file's template.
    pub(super) fn template(self, store: Store) -> &'static str {
        match (store, self) {
            (Store::Env, Self::Python) => include_str!("env/python.py"),
            (Store::Env, Self::JavaScript) => include_str!("env/javascript.mjs"),
            (Store::Env, Self::Go) => include_str!("env/go.go"),
            (Store::Env, Self::Java) => include_str!("env/java.java"),
            (Store::Env, Self::Ruby) => include_str!("env/ruby.rb"),
            (Store::Env, Self::Shell) => include_str!("env/shell.sh"),
            (Store::Aws, Self::Python) => include_str!("aws/python.py"),
            (Store::Aws, Self::JavaScript) => include_str!("aws/javascript.mjs"),
            (Store::Aws, Self::Go) => include_str!("aws/go.go"),
            (Store::Aws, Self::Java) => include_str!("aws/java.java"),
            (Store::Aws, Self::Ruby) => include_str!("aws/ruby.rb"),
            (Store::Aws, Self::Shell) => include_str!("aws/shell.sh"),
            (Store::Vault, Self::Python) => include_str!("vault/python.py"),
            (Store::Vault, Self::JavaScript) => include_str!("vault/javascript.mjs"),
            (Store::Vault, Self::Go) => include_str!("vault/go.go"),
            (Store::Vault, Self::Java) => include_str!("vault/java.java"),
            (Store::Vault, Self::Ruby) => include_str!("vault/ruby.rb"),
            (Store::Vault, Self::Shell) => include_str!("vault/shell.sh"),
            (Store::Conjur, Self::Python) => include_str!("conjur/python.py"),
            (Store::Conjur, Self::JavaScript) => include_str!("conjur/javascript.mjs"),
            (Store::Conjur, Self::Go) => include_str!("conjur/go.go"),
            (Store::Conjur, Self::Java) => include_str!("conjur/java.java"),
            (Store::Conjur, Self::Ruby) => include_str!("conjur/ruby.rb"),
            (Store::Conjur, Self::Shell) => include_str!("conjur/shell.sh"),
        }
    }

    /// What has to be installed besides the language itself. Where a plain HTTP call is as short as a package's,
    /// there is none.
    pub(super) fn needs(self, store: Store) -> &'static [&'static str] {
        match (store, self) {
            (Store::Aws, Self::Python) => &["pip install boto3"],
            (Store::Aws, Self::JavaScript) => &["npm install @aws-sdk/client-secrets-manager"],
            (Store::Aws, Self::Go) => &[
                "go get github.com/aws/aws-sdk-go-v2/config",
                "go get github.com/aws/aws-sdk-go-v2/service/secretsmanager",
            ],
            (Store::Aws, Self::Java) => &["Maven or Gradle: software.amazon.awssdk:secretsmanager"],
            (Store::Aws, Self::Ruby) => &["gem install aws-sdk-secretsmanager"],
            (Store::Aws, Self::Shell) => &["the AWS CLI (aws)"],
            (Store::Vault, Self::Python) => &["pip install hvac"],
            // Java reads no JSON by itself, and a reader of one's own is where such code goes wrong.
            (Store::Vault, Self::Java) => &["Maven or Gradle: com.google.code.gson:gson"],
            (Store::Vault | Store::Conjur, Self::Shell) => &["curl and jq"],
            _ => &[],
        }
    }
}
