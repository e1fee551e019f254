"""Reads reports with the libraries that people read them with, and fails on what it must not find.

read.py junit FILE XSD         junitparser, and the schema by lxml; prints suite, tests, failures, errors
read.py markdown FILE          cmarkgfm (GitHub's renderer) and markdown-it; prints the text
"""

import html.parser
import re
import sys


def junit(path, schema):
    import junitparser
    from lxml import etree

    etree.XMLSchema(etree.parse(schema)).assertValid(etree.parse(path))
    for suite in junitparser.JUnitXml.fromfile(path):
        cases = list(suite)
        failures = sum(any(isinstance(r, junitparser.Failure) for r in case.result) for case in cases)
        errors = sum(any(isinstance(r, junitparser.Error) for r in case.result) for case in cases)
        skipped = sum(any(isinstance(r, junitparser.Skipped) for r in case.result) for case in cases)
        assert (len(cases), failures, errors, skipped) == (
            suite.tests,
            suite.failures,
            suite.errors,
            suite.skipped,
        ), "the counts of the suite are not those of its cases"
        names = [(case.classname, case.name) for case in cases]
        assert len(set(names)) == len(names), "two cases have one name"
        print(suite.name, len(cases), failures, errors, skipped)


# What the report itself is made of.
TAGS = {
    "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "details", "summary",
    "ol", "pre",
}  # fmt: skip
# What GitHub makes something of in text that is not code.
ACTIVE = re.compile(r"@\w|#\d|\bGH-\d|www\.|://|\b[0-9a-f]{7,40}\b|:\w+:|\w@\w")


class Page(html.parser.HTMLParser):
    """The tags of a page, and its text outside of code."""

    def __init__(self):
        super().__init__()
        self.code = 0
        self.prose = []
        self.text = []
        self.rows = []

    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, f"a tag that is not ours: <{tag} {attributes}>"
        known = [("lang", "diff"), ("class", "language-diff")]
        foreign = [one for one in attributes if one[0] not in ("align", "style") and one not in known]
        assert not foreign, f"{tag} {attributes}"
        if tag == "tr":
            self.rows.append(0)
        if tag in ("td", "th"):
            self.rows[-1] += 1
        self.code += tag == "code"

    def handle_endtag(self, tag):
        self.code -= tag == "code"

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_data(self, data):
        self.text.append(data)
        if not self.code:
            self.prose.append(data)


def markdown(path):
    import cmarkgfm
    from cmarkgfm.cmark import Options
    from markdown_it import MarkdownIt

    source = open(path, encoding="utf-8").read()
    github = cmarkgfm.github_flavored_markdown_to_html(source, Options.CMARK_OPT_UNSAFE)
    other = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source)
    texts = []
    for rendered in (github, other):
        page = Page()
        page.feed(rendered)
        found = ACTIVE.search(" ".join(page.prose))
        assert not found, f"active outside of code: {found.group()!r} in {page.prose}"
        assert set(page.rows) <= {6}, f"rows of {page.rows} cells"
        texts.append("".join("".join(page.text).split()))
    assert texts[0] == texts[1], "the renderers do not agree"
    print(texts[0])


if __name__ == "__main__":
    {"junit": junit, "markdown": markdown}[sys.argv[1]](*sys.argv[2:])
