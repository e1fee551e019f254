use super::{SCRIPT, SKELETON, STYLE, write};
use crate::detect::Severity;
use crate::report::sanitize::is_hidden_or_active;
use crate::report::{FailOn, Report, Style, Threshold, fixture};

fn style() -> Style {
    Style::plain(Threshold::default())
}

fn page(report: &Report) -> String {
    styled(report, &style())
}

fn styled(report: &Report, style: &Style) -> String {
    let mut out = Vec::new();
    write(report, style, &mut out).expect("a vector takes all");
    String::from_utf8(out).expect("the page is UTF-8")
}

/// What a reader sees: the texts outside of tags, style and script.
fn words(page: &str) -> String {
    let body = page.split_once("</defs>").map_or("", |(_, body)| body);
    let body = body.split("<script>").next().unwrap_or_default();
    let mut out = String::new();
    for part in body.split('<') {
        out.push(' ');
        out.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every tag opened in the page, by a reader of its own.
fn tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let without = |page: &str, from: &str, to: &str| {
        let (before, rest) = page.split_once(from).expect("it opens");
        let (_, after) = rest.split_once(to).expect("it closes");
        format!("{before}{after}")
    };
    let page = without(&without(page, "<style>", "</style>"), "<script>", "</script>");
    let mut rest = page.as_str();
    while let Some((_, from)) = rest.split_once('<') {
        let name: String = from.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
        let mut attributes = Vec::new();
        let mut inside = &from[name.len()..];
        loop {
            inside = inside.trim_start();
            if let Some(after) = inside.strip_prefix("/>").or_else(|| inside.strip_prefix('>')) {
                rest = after;
                break;
            }
            let name: String = inside.chars().take_while(|c| !"= >".contains(*c)).collect();
            inside = &inside[name.len()..];
            let value = match inside.strip_prefix("=\"") {
                Some(after) => {
                    let (value, after) = after.split_once('"').expect("a value ends");
                    inside = after;
                    value
                }
                None => "",
            };
            attributes.push((name, value.to_owned()));
        }
        tags.push((name, attributes));
    }
    tags
}

fn values<'a>(tags: &'a [(String, Vec<(String, String)>)], name: &'a str) -> Vec<&'a str> {
    let all = tags.iter().flat_map(|(_, attributes)| attributes);
    all.filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn every_element_is_closed_and_every_link_leads_somewhere() {
    for report in fixture::all() {
        let page = page(&report);
        let tags = tags(&page);
        let mut open: Vec<&str> = Vec::new();
        for (name, _) in &tags {
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if ["meta", "link", "input", "br", "!doctype", "path", "rect"]
                    .contains(&name.as_str()) => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
        let ids = values(&tags, "id");
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "an id stands twice");
        let links = values(&tags, "href").into_iter().chain(values(&tags, "aria-labelledby"));
        for link in links.filter(|link| !link.starts_with("https://") && !link.starts_with("data:")) {
            assert!(ids.contains(&link.trim_start_matches('#')), "{link} leads nowhere");
        }
    }
}

#[test]
fn no_text_of_an_image_becomes_markup() {
    let known: std::collections::HashSet<String> =
        tags(&page(&fixture::rich())).into_iter().map(|(name, _)| name).collect();
    let mut report = fixture::hostile();
    for result in &mut report.results {
        for finding in &mut result.findings {
            let breaking =
                "\"' onmouseover=\"alert(1)\" x='</script></style></title><img src=x onerror=alert(1)>";
            finding.service = breaking.into();
            finding.name = breaking.into();
            finding.detector = breaking.into();
            finding.remediation.console = Some("javascript:alert(1)".into());
            finding.remediation.image = "https://evil.example/\"onclick=alert(1)".into();
        }
    }
    let page = page(&report);
    let tags = tags(&page);
    for (name, attributes) in &tags {
        assert!(known.contains(name) || name.trim_start_matches('/') == "span", "<{name}> is new");
        for (name, _) in attributes {
            assert!(!name.starts_with("on") && name != "style" && name != "src", "{name}");
        }
    }
    let links = values(&tags, "href");
    assert!(
        links
            .iter()
            .all(|link| ["#", "https:", "data:image/svg"].iter().any(|start| link.starts_with(start)))
    );
    assert!(!page.chars().any(|c| c != '\n' && is_hidden_or_active(c)));
    assert!(page.contains("<span class=\"written-out\">\\u{202e}</span>"));
}

#[test]
fn the_page_may_run_its_own_script_and_nothing_else() {
    let page = page(&fixture::rich());
    let policy = values(&tags(&page), "content").concat();
    for said in ["default-src 'none';", "base-uri 'none'", "form-action 'none'", "img-src data:;"] {
        assert!(policy.contains(said), "{said}");
    }
    assert!(!policy.contains("unsafe"));
    // Between the tags stands what was hashed, and no end of the element before its end.
    assert!(page.contains(&format!("<style>{STYLE}</style>")) && !STYLE.contains("</"));
    assert!(
        page.contains(&format!("<script>{SCRIPT}</script>"))
            && !SCRIPT.contains("</")
            && !SCRIPT.contains("<!--")
    );
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"), "the style loads something");
    assert!(!SKELETON.contains("style=") && !SCRIPT.contains("innerHTML"));
}

#[test]
fn it_says_what_the_table_says() {
    let text = words(&page(&fixture::rich()));
    for said in [
        "4 keys leaked in 1 of 2 images",
        "Incomplete: not everything was read",
        "gone.tar: no such file; check the path",
        "1 error; at least 1.2 MB were not read",
        "layer 2, /var/lib/data.db: the layer ends in the middle of a file",
        "4 keys – everyone who can pull this image can read all of them.",
        "No keys found.",
        "/app/config/production.env:3",
        "environment variable DATABASE_URL",
        "layer 5 deletes the file, which hides it from containers only",
        "Revoke the key in the MessageBird dashboard, then make a new one.",
        "In the build: Add *.env to .dockerignore",
        "none: the step wrote to the image&#39;s config only",
        "Dockerfile:12",
        "Base image debian:12",
        "Suppressed generic-password by .keyseamignore line 3: test data of the vendor",
        "Scanned as they are, not opened: 3 files (2 encrypted-zip, 1 unknown-compression).",
        "/opt/vault.zip",
        "history has 7 steps with layers, the manifest has 6 layers",
        "2 below medium severity or medium confidence",
        "npm_…Zq9x",
    ] {
        assert!(text.contains(said), "'{said}' is not in:\n{text}");
    }
    let clean = words(&page(&fixture::clean()));
    assert!(
        clean.contains("No keys found") && !clean.contains("Incomplete") && !clean.contains("Search"),
        "{clean}"
    );
    assert!(words(&page(&fixture::nothing())).contains("Nothing was scanned"));
    let compared = words(&page(&fixture::compared()));
    assert!(
        compared.contains("1 key added") && compared.contains("3 keys are in both, and left out"),
        "{compared}"
    );
    assert!(compared.contains("The old image was not read whole"), "{compared}");
    assert!(words(&page(&fixture::public())).contains("Anyone on the internet can pull"));
}

#[test]
fn keys_are_pinned_where_they_came_in_and_where_they_were_removed() {
    let page = page(&fixture::rich());
    let of_layer = |layer: usize| {
        let (_, from) = page.split_once(&format!("id=\"image-1-layer-{layer}\"")).expect("the layer");
        from.split("</li>").next().expect("a layer").to_owned()
    };
    assert!(of_layer(3).contains("Finding 2, high: npm access token came in with layer 3"));
    assert!(
        of_layer(4).contains("Finding 1, critical: MessageBird access key (live) stands again in layer 4")
    );
    assert!(of_layer(5).contains("Finding 2, high: npm access token is taken from containers"));
    assert!(!of_layer(1).contains("Finding ") && of_layer(2).contains("not read whole"));
    // The line between the two.
    for (layer, stretch) in [(3, "begins high"), (4, "passes high"), (5, "ends high")] {
        assert!(of_layer(layer).contains(&format!("<i class=\"{stretch}\"")), "{layer}");
    }
    assert!(!of_layer(1).contains("high"));
    let config = page.split("stratum config").nth(1).expect("what no layer brought");
    assert!(config.split("</li>").next().expect("its pins").contains("Finding 3, high"));
}

#[test]
fn what_is_left_out_is_told() {
    let mut result = fixture::image("docker-archive:flood.tar");
    result.findings = (0..10_000).map(fixture::finding).collect();
    let flood = page(&fixture::report(vec![result], Vec::new()));
    assert!(flood.len() < 12_000_000, "{} bytes", flood.len());
    let text = words(&flood);
    assert!(text.contains("10,000 keys leaked"), "the verdict counts all");
    assert!(text.contains("Left out of this page: 8,000 more findings of this image; -o json has all."));
    assert_eq!(flood.matches("class=\"story\"").count(), super::FINDINGS_SHOWN);
    let mut report = fixture::rich();
    report.results[0].suppressed = vec![report.results[0].suppressed[0].clone(); 1_000];
    let many = &mut report.results[0].findings[0].locations;
    *many = vec![many[0].clone(); 1_000];
    report.results[0].warnings = vec!["odd".to_owned(); 1_000];
    let text = words(&page(&report));
    for said in
        ["and 800 more; -o json lists them", "and 980 more places; -o json lists them", "992 more odd"]
    {
        assert!(text.contains(said), "'{said}' is not told");
    }
}

#[test]
fn the_same_place_in_two_images_has_two_names() {
    let mut images = ["a", "b"].map(|name| fixture::image(&format!("oci:{name}")));
    images.iter_mut().for_each(|image| image.findings = vec![fixture::finding(1)]);
    let page = page(&fixture::report(images.to_vec(), Vec::new()));
    let place = fixture::finding(1).place;
    for id in [place.clone(), format!("{place}.2")] {
        assert_eq!(page.matches(&format!("class=\"story\" id=\"{id}\"")).count(), 1, "{id}");
    }
    assert!(page.contains("1 key leaked in 2 of 2 images"));
}

#[test]
fn the_thresholds_decide_what_counts() {
    let never = Threshold { fail_on: FailOn::Never, ..Threshold::default() };
    let all = styled(&fixture::rich(), &Style::plain(never));
    assert!(all.contains("1 below medium confidence") || words(&all).contains("1 below medium confidence"));
    let mut report = fixture::rich();
    report.results[0].findings.iter_mut().for_each(|finding| finding.severity = Severity::Info);
    let text = words(&page(&report));
    assert!(
        text.contains("No keys found so far") && text.contains("Nothing found that counts so far"),
        "{text}"
    );
}

#[test]
fn a_page_without_findings_is_small() {
    assert!(page(&fixture::clean()).len() < 60_000);
}
