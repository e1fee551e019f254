//! Fills the names into a template, in the language of Jinja and strict about undefined names.

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::Names;

/// A template with a key's names. No input of a user's gets into a template other than as names, which
/// [`Names`] makes safe, so that a template that fails is one that no test has seen; its error is the text.
pub(super) fn render(template: &str, names: &Names, file_name: &str) -> String {
    let filled = |template: &str, read_key: &str| {
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build()?);
        let values = context! {
            variable => &names.variable,
            path => &names.path,
            field => &names.field,
            last => names.last(),
            id => format!("{}/{}", names.path, names.last()),
            slug => names.slug(),
            snake => names.snake(),
            camel => names.camel(),
            go => names.go(),
            class => names.class(),
            file => file_name,
            read_key,
        };
        environment.render_str(template, values)
    };
    let read_key = filled(include_str!("read_key.sh"), "");
    read_key
        .and_then(|read_key| filled(template, read_key.trim_end()))
        .unwrap_or_else(|error| format!("{file_name}: {error:#}\n"))
}
