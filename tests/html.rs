//! The report as a page, in a real browser: what it shows, what it does when it is used, and what hostile
//! images cannot make it do. `KEYSEAM_HTML_PICTURES=FOLDER` keeps pictures of it.

mod browser;
mod image;

use std::collections::HashSet;

use browser::{Browser, ENTER, ESCAPE, TAB};
use image::{Page, base, clean, flood, forty_layers, hostile, small};
use serde_json::{Value, json};

use crate::support::cli::Keyseam;
use crate::support::http::Server;
use crate::support::image::{Compression, ImageBuilder, oci};
use crate::support::tarball::{Header, Tarball};

/// The worst contrast of a text to what lies behind it, and the text.
const CONTRAST: &str = r#"
    const parse = (color) => {
        const parts = color.match(/[\d.]+/g).map(Number);
        return parts.length > 3 ? parts : [...parts, 1];
    };
    const light = (rgb) => {
        const [r, g, b] = rgb.map((c) => c / 255).map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const style = getComputedStyle(e);
            const stripes = style.backgroundImage.match(/rgba?\([^)]*\)/g);
            if (stripes) return stripes.map(parse);
            const color = parse(style.backgroundColor);
            if (color[3] === 1) return [color];
        }
        return [[255, 255, 255, 1]];
    };
    let worst = [21, ""];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        const text = walker.currentNode.data.trim();
        if (!text || element.closest("script, style, .defs, .unseen") || !element.checkVisibility({ visibilityProperty: true })) continue;
        const front = light(parse(getComputedStyle(element).color).slice(0, 3));
        for (const color of behind(element)) {
            const back = light(color.slice(0, 3));
            const ratio = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
            if (ratio < worst[0]) worst = [ratio, element.className + ": " + text];
        }
    }
    return worst;
"#;

#[track_caller]
fn assert_contrast(browser: &Browser, what: &str) {
    let worst = browser.run(CONTRAST);
    assert!(worst[0].as_f64() >= Some(4.5), "{what}: {worst}");
}

#[test]
fn forty_layers_and_a_hundred_findings_in_any_width_and_scheme() {
    let page = Page::of(&forty_layers(), Some(&base()), &[]);
    let findings = page.findings();
    assert!(findings.len() > 100, "{} findings", findings.len());
    let browser = Browser::start();
    browser.open(&page.path());
    let counted = findings
        .iter()
        .filter(|finding| {
            let is = |name: &str, words: &[&str]| words.iter().any(|word| finding[name] == *word);
            is("severity", &["critical", "high", "medium"]) && is("confidence", &["high", "medium"])
        })
        .count() as u64;
    assert_eq!(browser.visible(".finding"), counted);
    assert_eq!(browser.visible(".stratum:not(.config)"), 40);
    assert!(browser.text("h1").contains(" keys leaked"), "{}", browser.text("h1"));
    assert!(browser.text(".seam").contains("Base image"), "{}", browser.text(".seam"));
    // Every finding is pinned, and a larger layer is not drawn lower than a smaller one that says as much.
    let pinned = browser.run(
        "return [...document.querySelectorAll('.finding')].every((f) => document.querySelector(`.pin.in[data-of='${f.dataset.of}']`))",
    );
    assert_eq!(pinned, true);
    assert!(browser.visible(".lanes .ends") >= 3, "lines to where keys were removed");
    for scheme in ["light", "dark"] {
        browser.medium("screen", scheme);
        for (width, height) in [(360, 800), (768, 1000), (1280, 900), (1920, 1080)] {
            browser.window(width, height).run("scrollTo(0, 0)");
            let wide = browser.run("return document.documentElement.scrollWidth").as_u64();
            assert!(wide <= Some(u64::from(width)), "{wide:?} columns at {width}");
            browser.picture(&format!("forty-{scheme}-{width}"));
        }
        assert_contrast(&browser, scheme);
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
        assert_contrast(&browser, &format!("{scheme}, all open"));
        browser.window(360, 800);
        assert!(browser.run("return document.documentElement.scrollWidth").as_u64() <= Some(360), "all open");
        browser.picture(&format!("forty-{scheme}-open-360"));
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = false; })");
    }
    let dark = browser.run("return getComputedStyle(document.body).backgroundColor");
    browser.medium("screen", "light");
    assert_ne!(browser.run("return getComputedStyle(document.body).backgroundColor"), dark);
    browser.assert_quiet();
}

#[test]
fn filters_hide_rows_and_pins() {
    let page = Page::of(&forty_layers(), Some(&base()), &["--min-confidence=low", "--fail-on=never"]);
    let browser = Browser::start();
    browser.open(&page.path());
    let (all, critical) = (page.findings().len() as u64, page.count("critical"));
    assert!(critical > 0 && critical < all);
    assert_eq!(browser.visible(".finding"), all);
    browser.click("#filters input[value=critical]");
    assert_eq!(browser.visible(".finding"), all - critical);
    assert_eq!(browser.visible(".finding[data-severity=critical], .pin.critical"), 0);
    assert_eq!(browser.text("#told"), format!("{} of {all} findings shown", all - critical));
    browser.click("#filters [type=reset]");
    assert_eq!(browser.visible(".finding"), all);
    // What a reader types stands somewhere in the story.
    let first = page.findings()[0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    browser.click("#filters [type=search]").type_keys(&first);
    assert_eq!(browser.visible(".finding"), 1);
    browser.click("#filters [type=reset]").click("#filters [type=search]").type_keys("stands nowhere");
    assert_eq!((browser.visible(".finding"), browser.visible(".none-passes")), (0, 1));
    browser.click("#filters [type=reset]");
    // Each list leaves as many as it says.
    let lists = "return [...document.querySelectorAll('#filters select')].flatMap((list) => [...list.options].slice(1).map((option) => [list.name, option.value, option.text]))";
    for choice in browser.run(lists).as_array().expect("lists") {
        let text = |at: usize| choice[at].as_str().expect("a text");
        let count =
            text(2).rsplit('(').next().and_then(|count| count.trim_end_matches(')').parse::<u64>().ok());
        let chosen = format!(
            "const list = document.querySelector('#filters [name={}]'); list.value = {}; list.dispatchEvent(new Event('input', {{ bubbles: true }}))",
            text(0),
            choice[1]
        );
        browser.run(&chosen);
        assert_eq!(Some(browser.visible(".finding")), count, "{choice}");
        browser.click("#filters [type=reset]");
    }
    browser.assert_quiet();
}

#[test]
fn what_does_not_count_and_what_was_suppressed_is_shown_when_asked_for() {
    let image = small();
    let page = Page::of(&image, Some(&base()), &["--fail-on=critical"]);
    let one = page.findings()[0]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".keyseamignore"), format!("{one} # a test key\n")).expect("written");
    let html = folder.path().join("page.html");
    let output = format!("-o=html={}", html.display());
    let archive = page.folder().join("shop.tar").display().to_string();
    let run =
        Keyseam::scan(&[&output, "--only=vcs", "--fail-on=never", &archive]).directory(folder.path()).run();
    assert_eq!(run.json()["summary"]["suppressed"], 1, "{}", run.stderr);
    let browser = Browser::start();
    browser.open(&html);
    assert_eq!((browser.visible(".suppressed li"), browser.visible(".finding")), (0, 2));
    browser.click("#filters [name=suppressed]");
    assert_eq!(browser.visible(".suppressed li"), 1);
    assert!(browser.text(".suppressed").contains("a test key"));
}

#[test]
fn a_pin_opens_the_story_and_escape_closes_it() {
    let page = Page::of(&small(), Some(&base()), &[]);
    let browser = Browser::start();
    browser.open(&page.path());
    let removed =
        page.findings().into_iter().find(|finding| finding["in_final_image"] == false).expect("one");
    let place = removed["place"].as_str().expect("a place");
    let pin = format!(".pin.in[data-of='{place}']");
    assert_eq!(browser.visible(".story"), 0);
    browser.click(&pin);
    assert_eq!(browser.visible(".story"), 1);
    let story = browser.text(".finding details[open] .story");
    for said in [
        "COPY . /app",
        "app/.npmrc:1",
        "layer 6 deletes the file, which hides it from containers only",
        "Revoke it now",
        removed["fingerprint"].as_str().expect("a fingerprint"),
        place,
    ] {
        assert!(story.contains(said), "'{said}' is not in:\n{story}");
    }
    // The pins and the line of this finding are marked, and no others.
    let marked = browser.run("return [...document.querySelectorAll('.on')].every((mark) => mark.dataset.of.split(' ').includes(document.querySelector('.finding details[open]').closest('.finding').dataset.of))");
    assert_eq!((marked, browser.visible(".pin.on"), browser.visible(".lanes .on")), (json!(true), 2, 3));
    browser.picture("story-light-1280");
    browser.type_keys(ESCAPE);
    assert_eq!(browser.visible(".story, .on"), 0);
    assert_eq!(
        browser.run("return document.activeElement.dataset.of"),
        place,
        "the focus is back on the pin"
    );
    // The same without a mouse.
    browser.type_keys(ENTER);
    assert_eq!(browser.visible(".story"), 1);
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(outline, "none", "the focus is visible");
    browser.type_keys(TAB);
    assert_eq!(browser.run("return Boolean(document.activeElement.closest('.story'))"), true);
    browser.type_keys(ESCAPE);
    assert_eq!(browser.visible(".story"), 0);
    browser.click(".gone");
    assert_eq!(browser.text(".finding details[open] .what code"), "app/.npmrc:1");
    browser.click(".finding details[open] .close");
    assert_eq!(browser.visible(".story"), 0);
    browser.click(".finding summary");
    browser.click(".story .copy");
    browser.wait_for(
        "return ['Copied', 'Selected'].includes(document.querySelector('.story .copy').textContent)",
    );
    browser.assert_quiet();
}

#[test]
fn a_link_leads_to_its_finding() {
    let page = Page::of(&forty_layers(), Some(&base()), &[]);
    let place = page.findings()[60]["place"].as_str().expect("a place").to_owned();
    let browser = Browser::start();
    browser.open_at(&page.path(), &format!("#{place}"));
    assert_eq!(browser.visible(".story"), 1);
    assert_eq!(browser.run("return document.querySelector('.finding details[open] .story').id"), place);
    // Where it opens, it is seen, and so is its pin; scrolling may take a moment.
    for selector in [".finding details[open] summary", ".pin.on"] {
        browser.wait_for(&format!(
            "const box = document.querySelector('{selector}').getBoundingClientRect(); return box.top >= 0 && box.top < innerHeight"
        ));
    }
    browser.picture("link-light-1280");
    browser.medium("screen", "dark").picture("link-dark-1280");
    browser.open_at(&page.path(), "#%ff%");
    browser.open_at(&page.path(), "#<img src=x onerror=alert(1)>");
    browser.assert_quiet();
}

#[test]
fn no_image_makes_the_page_do_anything() {
    let server = Server::witness();
    let page = Page::of(&hostile(&server.url("/")), None, &["--min-confidence=low", "--fail-on=low"]);
    let harmless = Page::of(&small(), None, &[]);
    assert!(page.findings().len() >= 5, "{:#}", page.report);
    let browser = Browser::start();
    let elements = "return [...new Set([...document.querySelectorAll('*')].map((e) => e.localName))]";
    let names = || -> HashSet<String> {
        let names: Vec<String> = serde_json::from_value(browser.run(elements)).expect("names");
        names.into_iter().collect()
    };
    browser.open(&harmless.path());
    let mut known = names();
    // Other texts, other parts of the page; none of these can load, run or lead anywhere.
    known.extend(["strong", "small", "fieldset", "legend", "select", "option"].map(str::to_owned));
    browser.requests();
    browser.open(&page.path());
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
    browser.picture("hostile-light-1280");
    let more: Vec<String> = names().difference(&known).cloned().collect();
    assert!(more.is_empty(), "{more:?}");
    let active = browser.run(
        "return [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes].filter((a) => /^on|^style$|^src$/.test(a.name) && e !== document.documentElement).map((a) => `${e.localName} ${a.name}`))",
    );
    assert_eq!(active, json!([]));
    let title = browser.run("return document.title");
    assert!(title.as_str().is_some_and(|title| title.contains("leaked")), "{title}");
    let requests = browser.requests();
    assert_eq!(requests, [format!("file://{}", page.path().display())]);
    assert!(server.requests().is_empty(), "{:?}", server.requests());
    assert!(browser.text("body").contains("onerror=\"document.title='owned'\""), "the texts are shown");
    browser.assert_quiet();
    // The policy holds even where something got in.
    browser.run(&format!(
        "const script = document.createElement('script'); script.textContent = 'document.title = \"owned\"'; document.body.append(script);
         const picture = document.createElement('img'); picture.src = '{}'; document.body.append(picture);",
        server.url("/")
    ));
    assert_eq!(browser.run("return document.title"), title);
    assert!(server.requests().is_empty());
}

#[test]
fn on_paper_all_stories_are_told() {
    let page = Page::of(&small(), Some(&base()), &[]);
    let browser = Browser::start();
    browser.open(&page.path());
    let findings = page.findings().len() as u64;
    browser.medium("print", "light");
    assert_eq!(browser.visible(".story"), findings, "by the style alone");
    assert_eq!(browser.visible("#filters, .copy, .close"), 0);
    browser.window(800, 1100).picture("paper");
    browser.medium("screen", "light");
    let pdf = browser.pdf();
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 20_000, "{} bytes", pdf.len());
    assert_eq!(browser.visible(".story"), 0, "it is as it was");
    browser.assert_quiet();
}

#[test]
fn without_a_script_everything_is_there() {
    let page = Page::of(&small(), Some(&base()), &[]);
    let browser = Browser::start();
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    let place = page.findings()[1]["place"].as_str().expect("a place").to_owned();
    browser.open(&page.path());
    assert_eq!(browser.run("return document.documentElement.className"), "", "the script ran");
    assert_eq!(browser.visible(".finding"), page.findings().len() as u64);
    assert_eq!(browser.visible("#filters, .copy, .close"), 0);
    browser.click(".finding summary");
    assert_eq!(browser.visible(".story"), 1);
    // The browser itself opens what a link leads to.
    browser.click(&format!(".pin.in[data-of='{place}']"));
    assert_eq!(browser.run("return document.querySelector('.story:target').checkVisibility()"), true);
    browser.assert_quiet();
}

#[test]
fn nothing_found_is_a_short_page() {
    let page = Page::of(&clean(), None, &[]);
    assert!(std::fs::metadata(page.path()).expect("there").len() < 60_000);
    let browser = Browser::start();
    browser.open(&page.path());
    assert_eq!(browser.text("h1"), "No keys found");
    assert_eq!(browser.visible("#filters, .alarm, .finding"), 0);
    assert_eq!(browser.visible(".stratum"), 1);
    for scheme in ["light", "dark"] {
        browser.medium("screen", scheme);
        assert_contrast(&browser, scheme);
        browser.picture(&format!("clean-{scheme}-1280"));
    }
    browser.assert_quiet();
}

#[test]
fn more_keys_than_anybody_reads_still_open() {
    const SHOWN: u64 = 2_000;
    let page = Page::of(&flood(SHOWN + 60), None, &[]);
    assert_eq!(page.findings().len() as u64, SHOWN + 60);
    let browser = Browser::start();
    let last = page.findings()[1_999]["place"].as_str().expect("a place").to_owned();
    browser.open_at(&page.path(), &format!("#{last}"));
    browser.wait_for(&format!("return document.getElementById('{last}').checkVisibility()"));
    assert_eq!(browser.text("h1"), "2,060 keys leaked");
    assert_eq!(browser.visible(".finding"), SHOWN);
    assert!(browser.text(".left-out").contains("60 more findings"), "{}", browser.text(".left-out"));
    assert_eq!(browser.visible(".pin"), 24, "the others are folded");
    browser.assert_quiet();
}

#[test]
fn what_was_not_read_cannot_be_overlooked() {
    let mut layer = Tarball::new();
    let header = Header { size: 1 << 20, ..Header::new(b"a", b'0') };
    layer.entry(&header, b"cut");
    let image = ImageBuilder::new("shop:1").layer_bytes("COPY a /", layer.unfinished()).build();
    let page = Page::of(&image, None, &[]);
    let browser = Browser::start();
    browser.open(&page.path());
    assert_eq!(browser.text("h1"), "No keys found so far");
    assert!(browser.text(".alarm").contains("Incomplete: not everything was read"));
    assert_eq!(browser.visible(".stratum .warn"), 1);
    browser.picture("incomplete-light-1280");
    browser.medium("screen", "dark");
    assert_contrast(&browser, "dark");
}

#[test]
fn several_images_have_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, image) in [("shop.tar", small()), ("clean.tar", clean()), ("again.tar", small())] {
        std::fs::write(folder.path().join(name), oci(&[&image], Compression::Gzip).tar()).expect("written");
    }
    let line = ["-o=html=page.html", "./shop.tar", "./clean.tar", "./gone.tar", "./again.tar"];
    let run = Keyseam::scan(&line).directory(folder.path()).run();
    let summary = run.json()["summary"].clone();
    let browser = Browser::start();
    browser.open(&folder.path().join("page.html"));
    let keys = format!("{} keys leaked in 2 of 3 images", summary["findings"]);
    assert_eq!(browser.text("h1"), keys);
    assert_eq!((browser.visible("nav a"), browser.visible("nav li"), browser.visible(".image")), (3, 4, 3));
    assert!(browser.text(".alarm").contains("gone.tar"), "{}", browser.text(".alarm"));
    browser.picture("several-light-1280");
    // One key in two images has one place, and a name in the page for each.
    let place = run.results()[0]["findings"][0]["place"].as_str().expect("a place").to_owned();
    for fragment in [place.clone(), format!("{place}.3")] {
        browser.open_at(&folder.path().join("page.html"), &format!("#{fragment}"));
        browser.wait_for(&format!("return document.getElementById('{fragment}').checkVisibility()"));
    }
    browser.medium("screen", "dark").window(360, 800).open(&folder.path().join("page.html"));
    assert!(browser.run("return document.documentElement.scrollWidth").as_u64() <= Some(360));
    assert_contrast(&browser, "dark");
    browser.picture("several-dark-360");
    browser.assert_quiet();
}

#[test]
fn those_who_do_not_see_it_can_use_it() {
    let page = Page::of(&small(), Some(&base()), &["--min-confidence=low"]);
    let browser = Browser::start();
    browser.open(&page.path()).run("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
    browser.devtools("Accessibility.enable", json!({}));
    let tree = browser.devtools("Accessibility.getFullAXTree", json!({}));
    let nodes: Vec<&Value> =
        tree["nodes"].as_array().expect("a tree").iter().filter(|node| node["ignored"] == false).collect();
    let named = |node: &Value| node["name"]["value"].as_str().is_some_and(|name| !name.trim().is_empty());
    let mut used = HashSet::new();
    for node in &nodes {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        let acts = ["link", "button", "checkbox", "combobox", "searchbox", "textbox", "DisclosureTriangle"];
        if acts.contains(&role) {
            used.insert(role.to_owned());
            assert!(named(node), "a {role} has no name: {node}");
        }
    }
    for role in ["link", "button", "checkbox", "searchbox", "DisclosureTriangle"] {
        assert!(used.contains(role), "no {role} in {used:?}");
    }
    let roles = |name: &str| nodes.iter().filter(|node| node["role"]["value"] == name).count();
    assert_eq!((roles("main"), roles("banner"), roles("search"), roles("contentinfo")), (1, 1, 1, 1));
    let levels: Vec<i64> =
        serde_json::from_value(browser.run(
            "return [...document.querySelectorAll('h1, h2, h3, h4')].map((h) => Number(h.localName[1]))",
        ))
        .expect("levels");
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    // A severity is a shape and a letter too.
    let shapes = browser.run("return [...document.querySelectorAll('.pin.in')].every((pin) => pin.querySelector('use').getAttribute('href') === `#shape-${pin.classList[2]}`)");
    assert_eq!(shapes, true);
    // Everything that acts is reached by the tab key, in the order of the page.
    let order = browser
        .run("return [...document.querySelectorAll('[tabindex]')].filter((e) => e.tabIndex > 0).length");
    assert_eq!(order, 0);
}
