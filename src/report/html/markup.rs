//! HTML that is made of this program's own literals and of escaped texts, and of nothing else: no way
//! leads into a [`Markup`] past them.

use crate::report::sanitize;

/// Names and values of attributes.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// No attributes.
pub(super) const PLAIN: Attributes<'static> = &[];

/// HTML in the making.
#[derive(Default)]
pub(super) struct Markup(String);

impl Markup {
    /// An element with what `inside` writes in it.
    pub(super) fn tag(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.void(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    /// An element that holds a text.
    pub(super) fn put(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.tag(name, attributes, |inside| inside.text(text));
    }

    /// An element that holds nothing.
    pub(super) fn void(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            self.attribute(name, value);
        }
        self.0.push('>');
    }

    /// A link leads to a part of the page, or over https; elsewhere it leads nowhere.
    fn attribute(&mut self, name: &'static str, value: &str) {
        let leads_astray = name == "href" && !value.starts_with('#') && !value.starts_with("https://");
        let value = if leads_astray { "#" } else { value };
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        sanitize::inline(value).chars().for_each(|c| self.character(c));
        self.0.push('"');
    }

    /// A text. What would be invisible in it, or would turn the text around it, is written out and marked.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            if sanitize::is_hidden_or_active(c) {
                self.0.push_str("<span class=\"written-out\">");
                self.0.push_str(&sanitize::inline(c.encode_utf8(&mut [0; 4])));
                self.0.push_str("</span>");
            } else {
                self.character(c);
            }
        }
    }

    fn character(&mut self, c: char) {
        match c {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&quot;"),
            '\'' => self.0.push_str("&#39;"),
            c => self.0.push(c),
        }
    }

    /// Markup of this program.
    pub(super) fn literal(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// The HTML.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(make: impl FnOnce(&mut Markup)) -> String {
        let mut markup = Markup::default();
        make(&mut markup);
        markup.0
    }

    #[test]
    fn texts_stay_texts() {
        let text = made(|markup| markup.put("p", PLAIN, "</p><script>alert('1')</script> & \"x\""));
        assert_eq!(
            text,
            "<p>&lt;/p&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;</p>"
        );
    }

    #[test]
    fn values_stay_in_their_attributes() {
        let text =
            made(|markup| markup.void("i", &[("class", "a"), ("data-of", "\" onclick='x' <\n\u{202e}")]));
        assert_eq!(text, "<i class=\"a\" data-of=\"&quot; onclick=&#39;x&#39; &lt;\\n\\u{202e}\">");
    }

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        let text = made(|markup| markup.text("a\u{202e}b"));
        assert_eq!(text, "a<span class=\"written-out\">\\u{202e}</span>b");
    }

    #[test]
    fn links_lead_into_the_page_or_over_https() {
        for (link, leads) in [
            ("javascript:alert(1)", "#"),
            (" https://a.example", "#"),
            ("data:text/html,x", "#"),
            ("http://a.example", "#"),
            ("#ksp1:0", "#ksp1:0"),
            ("https://a.example/?b&c", "https://a.example/?b&amp;c"),
        ] {
            assert_eq!(made(|markup| markup.void("a", &[("href", link)])), format!("<a href=\"{leads}\">"));
        }
    }
}
