//! Reports as those read them that they are made for: schemas of the formats by `check-jsonschema` and lxml,
//! sarif-tools, junitparser, the Markdown renderers cmark-gfm and markdown-it, and the grammar of GitHub's
//! runner. The images hold names that try what each syntax offers.

mod annotations;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::scan::{key, line};
use crate::support::cli::{FORMATS, Keyseam, Run, list};
use crate::support::image::{Compression, Image, ImageBuilder, Layer, docker_classic, oci};

/// Formats that are sent on.
const SENT_ON: [&str; 8] =
    ["html", "sarif", "gitlab", "gitlab-secret", "junit", "markdown", "github", "intoto"];

/// What the maker of an image may put into a name.
const TRICKS: [&str; 14] = [
    "<img src=x onerror=alert(1)>",
    "](javascript:alert(1)) [x](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "@acme/everyone @root",
    "#12 and GH-12 and acme/app#12",
    "a|b|c",
    "``x` **bold** _it_ ~~no~~",
    "www.evil.example bob@evil.example",
    "</details></summary><!-- x --> &lt;b&gt;",
    "\n::error file=x::y\r::stop-commands::z",
    "##[error]x %0A::warning::y %25",
    "]]> <![CDATA[ \u{1b}[2J\u{b}\u{fffe}",
    "\u{202e}gpj.exe\u{200b}",
    "{{ 7 * 7 }} {0} ${X} \\[x\\]",
];

/// An image with a key under each of these names, and in its config.
fn hostile() -> Image {
    let mut builder = ImageBuilder::new("team/shop:1.4");
    for (number, trick) in TRICKS.iter().enumerate() {
        let number = number as u64;
        let name = trick.replace('/', "%");
        let step = format!("RUN echo {trick} # buildkit");
        builder = builder.layer_by(&step, Layer::new().file(&format!("srv/{name}/.env"), &line(number)));
        builder = builder.env(&format!("T{number}{}", trick.replace('=', "")), &key(100 + number));
        builder = builder.label(trick, &key(200 + number));
    }
    builder.layer(Layer::new().whiteout("srv/.env")).build()
}

/// One key in an ordinary place; the line of the key is the second.
fn plain() -> Image {
    let file = [b"# settings\n".to_vec(), line(1)].concat();
    ImageBuilder::new("team/shop:1.4")
        .layer_by("COPY . /app # buildkit", Layer::new().file("app/.env", &file))
        .build()
}

fn clean() -> Image {
    ImageBuilder::new("team/clean:1").layer(Layer::new().file("etc/hosts", b"127.0.0.1 localhost\n")).build()
}

fn archive(images: &[&Image]) -> Vec<u8> {
    docker_classic(images).tar()
}

/// An image whose layer breaks off.
fn cut() -> Vec<u8> {
    let mut image = plain();
    let stored = Compression::Gzip.apply(&image.layers[0]);
    image.layers[0] = stored[..stored.len() - 12].to_vec();
    docker_classic(&[&image]).tar()
}

/// A report in one format.
fn report(format: &str, archive: Vec<u8>) -> Run {
    Keyseam::new(&["scan", "-o", format, "-"]).stdin(archive).run()
}

/// A file with a report, and the folder that it is gone with.
fn report_file(format: &str, archive: Vec<u8>) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report");
    let text = report(format, archive).stdout;
    assert!(!text.is_empty(), "{format} gave nothing");
    std::fs::write(&path, text).expect("written");
    (folder, path.to_str().expect("a plain path").to_owned())
}

/// Runs one of the readers that `tests/run` installs; what it printed.
#[track_caller]
fn read(program: &str, arguments: &[&str]) -> String {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/report-tools/bin");
    let output = Command::new(tools.join(program)).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs it"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}\n{errors}");
    said
}

fn schema(name: &str) -> String {
    format!("{}/testdata/schemas/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn script() -> String {
    format!("{}/tests/formats/read.py", env!("CARGO_MANIFEST_DIR"))
}

/// The same with everything suppressed.
fn suppressed_file(format: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Keyseam::new(&["scan", "-o", format, "-"])
        .file(".keyseamignore", "detector:github-pat-classic # <b>known</b> [x](y) since May\n")
        .stdin(archive(&[&plain()]))
        .run();
    run.assert_status(0);
    let path = folder.path().join("report");
    std::fs::write(&path, run.stdout).expect("written");
    (folder, path.to_str().expect("a plain path").to_owned())
}

/// Archives of every kind of result: keys, hostile names, several images, nothing, not all.
fn every_kind() -> Vec<Vec<u8>> {
    vec![
        archive(&[&plain()]),
        archive(&[&hostile()]),
        archive(&[&plain(), &clean()]),
        archive(&[&clean()]),
        cut(),
        b"no archive".to_vec(),
    ]
}

#[test]
fn sarif_and_gitlab_reports_fit_their_schemas() {
    for (format, name) in [
        ("sarif", "sarif-2.1.0.json"),
        ("gitlab", "gitlab-container-scanning-15.2.1.json"),
        ("gitlab-secret", "gitlab-secret-detection-15.2.1.json"),
    ] {
        let mut reports: Vec<_> =
            every_kind().into_iter().map(|archive| report_file(format, archive)).collect();
        reports.push(suppressed_file(format));
        let schema = schema(name);
        let mut arguments = vec!["--schemafile", schema.as_str(), "--default-filetype", "json"];
        // The schema of SARIF has an expression that only the older syntax of JavaScript allows.
        arguments.extend(["--regex-variant", "nonunicode"]);
        arguments.extend(reports.iter().map(|(_, path)| path.as_str()));
        read("check-jsonschema", &arguments);
    }
}

#[test]
fn sarif_tools_count_the_keys() {
    let (folder, path) = report_file("sarif", archive(&[&plain()]));
    let named = folder.path().join("report.sarif");
    std::fs::rename(path, &named).expect("renamed");
    let summary = read("sarif", &["summary", named.to_str().expect("a plain path")]);
    assert!(summary.contains("error: 1") && summary.contains("github-pat-classic"), "{summary}");
}

#[test]
fn sarif_tells_the_file_its_line_and_the_layer() {
    let log = report("sarif", archive(&[&plain()])).json();
    let result = &log["runs"][0]["results"][0];
    let place = &result["locations"][0];
    assert_eq!(place["physicalLocation"]["artifactLocation"]["uri"], "app/.env");
    assert_eq!(place["physicalLocation"]["region"]["startLine"], 2);
    assert_eq!(place["logicalLocations"][0]["name"], "layer 0");
    let json = report("json", archive(&[&plain()])).json();
    assert_eq!(result["partialFingerprints"]["keyseam/v1"], json["results"][0]["findings"][0]["place"]);
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], true);
    let incomplete = report("sarif", cut()).json();
    let invocation = &incomplete["runs"][0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    assert_eq!(invocation["toolExecutionNotifications"][0]["level"], "error");
}

#[test]
fn gitlab_is_told_whether_all_was_read() {
    for format in ["gitlab", "gitlab-secret"] {
        let status = |archive| report(format, archive).json()["scan"]["status"].clone();
        assert_eq!(status(archive(&[&plain()])), "success", "keys are no failure of the scan");
        assert_eq!(status(cut()), "failure");
        assert_eq!(status(b"no archive".to_vec()), "failure");
    }
    let report = report("gitlab", archive(&[&plain()])).json();
    let found = &report["vulnerabilities"][0];
    assert_eq!(found["location"]["dependency"]["package"]["name"], "app/.env");
    assert_eq!(found["location"]["image"], "docker.io/team/shop:1.4");
}

#[test]
fn junit_fits_the_schema_and_counts_right() {
    let schema = schema("junit-10.xsd");
    let read = |archive| {
        let (_folder, path) = report_file("junit", archive);
        read("python", &[&script(), "junit", &path, &schema])
    };
    let platform = crate::support::image::this_architecture();
    assert_eq!(read(archive(&[&plain()])), format!("docker.io/team/shop:1.4 (linux/{platform}) 1 1 0 0\n"));
    let two = read(archive(&[&plain(), &clean()]));
    assert_eq!(two.lines().count(), 2, "{two}");
    assert!(two.contains(&format!("docker.io/team/clean:1 (linux/{platform}) 1 0 0 0\n")), "{two}");
    assert!(read(cut()).trim_end().ends_with(" 1 0"), "an error");
    assert_eq!(read(b"no archive".to_vec()), "- 1 0 1 0\n");
    let (_folder, path) = suppressed_file("junit");
    let suppressed = self::read("python", &[&script(), "junit", &path, &schema]);
    assert!(suppressed.ends_with(" 1 0 0 1\n"), "{suppressed}");
    let hostile = read(archive(&[&hostile()]));
    assert!(hostile.split(' ').count() >= 6, "{hostile}");
}

#[test]
fn nothing_in_markdown_is_the_images() {
    for archive in every_kind() {
        let (_folder, path) = report_file("markdown", archive);
        read("python", &[&script(), "markdown", &path]);
    }
    let (_folder, path) = suppressed_file("markdown");
    let text = read("python", &[&script(), "markdown", &path]);
    assert!(text.contains("<b>known</b>[x](y)since"), "{text}");
    let (_folder, path) = report_file("markdown", archive(&[&hostile()]));
    let text = read("python", &[&script(), "markdown", &path]);
    for trick in ["<imgsrc=xonerror=alert(1)>", "@acme%everyone@root", "a|b|c", "\\u{202e}gpj.exe"] {
        assert!(text.contains(trick), "the renderers lost {trick}: {text}");
    }
}

#[test]
fn markdown_and_annotations_keep_to_githubs_limits() {
    let mut layer = Layer::new();
    for number in 0..900 {
        layer = layer.file(&format!("srv/{}/{number}.env", "x".repeat(80)), &line(number));
    }
    let image = ImageBuilder::new("team/shop:1.4").layer(layer).build();
    let text = report("markdown", archive(&[&image])).text();
    assert!(text.chars().count() <= 65_536 && text.contains("**Cut:**"), "{}", text.len());
    let lines = report("github", archive(&[&image])).text();
    assert_eq!(lines.lines().count(), 11);
    assert!(lines.lines().last().is_some_and(|last| last.contains("890 annotations more")), "{lines}");
}

#[test]
fn the_format_does_not_change_the_status() {
    let rows: [(Vec<u8>, i32); 3] =
        [(archive(&[&plain()]), 1), (archive(&[&clean()]), 0), (cut_without_keys(), 3)];
    for (archive, status) in rows {
        for format in FORMATS {
            let run = report(format, archive.clone());
            assert_eq!(run.status, Some(status), "{format}: {}", run.stderr);
        }
    }
}

fn cut_without_keys() -> Vec<u8> {
    let mut image = clean();
    let stored = Compression::Gzip.apply(&image.layers[0]);
    image.layers[0] = stored[..stored.len() - 12].to_vec();
    docker_classic(&[&image]).tar()
}

#[test]
fn keys_are_not_shown_in_what_is_sent_on() {
    for format in SENT_ON {
        let output = format!("{format}=report");
        for arguments in [["-o", format], ["-o", &output]] {
            let run =
                Keyseam::new(&["scan", "--show-secrets"]).args(&arguments).arg("/no/such/image.tar").run();
            run.assert_status(2);
            assert!(run.stdout.is_empty());
            assert!(
                run.stderr.contains(&format!("--show-secrets has no place in -o {format}")),
                "{}",
                run.stderr
            );
        }
    }
}

#[test]
fn an_attestation_is_about_one_whole_image() {
    let predicate = report("intoto", oci(&[&plain()], Compression::Gzip).tar()).json();
    assert_eq!(predicate["result"]["verdict"], "leak");
    assert_eq!(list(&predicate["result"]["findings"]).len(), 1);
    assert_eq!(predicate["result"]["findings"][0]["location"]["line"], 2);
    let finished = predicate["metadata"]["scanFinishedOn"].as_str().expect("a time");
    let started = predicate["metadata"]["scanStartedOn"].as_str().expect("a time");
    assert!(started <= finished && finished.ends_with('Z'), "{started} {finished}");
    let other = ImageBuilder::new("team/other:1").layer(Layer::new().file("etc/x", b"x")).build();
    let two = report("intoto", archive(&[&clean(), &other]));
    two.assert_status(2);
    assert!(two.stdout.is_empty());
    assert!(two.stderr.contains("intoto tells of one image, and this report is of 2"), "{}", two.stderr);
}

#[test]
fn a_template_writes_what_it_says() {
    let page = "<ul>{% for result in results %}{% for one in result.findings %}\n<li>{{ one.detector }} in \
        {{ one.locations[0].path or one.locations[0].name }}</li>{% endfor %}{% endfor %}\n</ul>\n";
    let run = |image: &Image| {
        Keyseam::new(&["scan", "-o", "template:page.html.j2", "-"])
            .file("page.html.j2", page)
            .stdin(archive(&[image]))
            .run()
    };
    assert_eq!(run(&plain()).text(), "<ul>\n<li>github-pat-classic in app&#x2f;.env</li>\n</ul>\n");
    let hostile = run(&hostile()).text();
    assert!(hostile.contains("&lt;img src=x onerror=alert(1)&gt;") && !hostile.contains("<img"), "{hostile}");
}

#[test]
fn a_wrong_template_is_told_before_the_scan() {
    for (name, text, said) in [
        ("page.j2", "one\ntwo {% if %}\n", "page.j2: line 2"),
        ("page.j2", "{{ x", "page.j2: line 1"),
        ("other", "", "page.j2"),
    ] {
        let run = Keyseam::new(&["scan", "-o", "json=r.json", "-o", "template:page.j2", "/no/such/image"])
            .file(name, text)
            .run();
        run.assert_status(2);
        assert!(run.stderr.contains(said) && run.stdout.is_empty(), "{}", run.stderr);
        assert!(!run.stderr.contains("/no/such/image"), "it looked for the image: {}", run.stderr);
    }
    // A name that is not there is known when it is used: nothing is written.
    let run = Keyseam::new(&["scan", "-o", "template:page.j2", "-"])
        .file("page.j2", "before\n{{ nothing_such }}\n")
        .stdin(archive(&[&clean()]))
        .run();
    run.assert_status(2);
    assert!(
        run.stdout.is_empty() && run.stderr.contains("page.j2: line 2: undefined value"),
        "{}",
        run.stderr
    );
}

#[test]
fn two_scans_give_one_report() {
    let once = |format: &str| report(format, archive(&[&hostile()])).stdout;
    for format in ["markdown", "github"] {
        assert_eq!(once(format), once(format), "{format}");
    }
    let mut logs =
        [report("sarif", archive(&[&plain()])).json(), report("sarif", archive(&[&plain()])).json()];
    for log in &mut logs {
        let invocation = &mut log["runs"][0]["invocations"][0];
        invocation["startTimeUtc"] = Value::Null;
        invocation["endTimeUtc"] = Value::Null;
    }
    assert_eq!(logs[0], logs[1]);
}
