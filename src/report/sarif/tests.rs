use serde_json::Value;

use super::*;
use crate::report::model::{DockerfileLine, Finding, Suppressed};
use crate::report::{Threshold, fixture};

fn style() -> Style {
    Style::plain(Threshold::default())
}

fn written(report: &Report) -> Value {
    limited(report, RESULTS, COMPRESSED)
}

fn limited(report: &Report, results: usize, compressed: usize) -> Value {
    let text = document(report, &style(), results, compressed).expect("a vector takes all");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn a_result_stands_at_the_line_of_the_dockerfile() {
    let log = written(&fixture::rich());
    let result = &log["runs"][0]["results"][0];
    assert_eq!(
        result["locations"][0]["physicalLocation"],
        json!({
            "artifactLocation": { "uri": "Dockerfile", "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": 12 },
        })
    );
    assert_eq!(result["locations"][0]["logicalLocations"][0]["name"], "layer 3");
    assert_eq!(
        result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "app/config/production.env"
    );
    assert_eq!(result["partialFingerprints"]["keyseam/v1"], "ksp1:00000000000000000000000000000001");
    assert_eq!(
        result["message"]["text"],
        "MessageBird access key (live) in /app/config/production.env:3 of registry.example/team/shop:1.4 \
         (linux/amd64). Brought by layer 3 (COPY . /app). Readable by everyone who can pull the image, and \
         whatever runs in its containers. Revoke the key in the MessageBird dashboard, then make a new one. \
         Add *.env to .dockerignore, and give the key at run time."
    );
}

#[test]
fn without_a_dockerfile_it_stands_at_the_path_in_the_image() {
    let mut report = fixture::rich();
    report.results[0].findings.iter_mut().for_each(|finding| finding.introduced_by.dockerfile = None);
    let log = written(&report);
    let run = &log["runs"][0];
    let place = |number: usize| run["results"][number]["locations"][0].clone();
    assert_eq!(
        place(0)["physicalLocation"]["artifactLocation"],
        json!({ "uri": "app/config/production.env", "uriBaseId": "IMAGE" })
    );
    assert_eq!(place(2)["physicalLocation"]["artifactLocation"]["uri"], "image-config");
    assert_eq!(
        place(2)["logicalLocations"],
        json!([{ "name": "DATABASE_URL", "kind": "environment variable" }])
    );
    let base = &run["originalUriBaseIds"]["IMAGE"]["description"]["text"];
    assert!(base.as_str().is_some_and(|text| text.contains("registry.example/team/shop:1.4")), "{base}");
}

#[test]
fn an_incomplete_scan_is_no_success() {
    let invocation = |report: &Report| written(report)["runs"][0]["invocations"][0].clone();
    let rich = invocation(&fixture::rich());
    assert_eq!(rich["executionSuccessful"], false);
    let notices = rich["toolExecutionNotifications"].as_array().expect("a list");
    let errors: Vec<&str> = notices
        .iter()
        .filter(|notice| notice["level"] == "error")
        .filter_map(|notice| notice["message"]["text"].as_str())
        .collect();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].contains("gone.tar") && errors[1].contains("layer 2, /var/lib/data.db"), "{errors:?}");
    assert_eq!(invocation(&fixture::clean())["executionSuccessful"], true);
}

#[test]
fn suppressed_findings_are_results_that_say_so() {
    let log = written(&fixture::rich());
    let results = log["runs"][0]["results"].as_array().expect("a list");
    let last = results.last().expect("a result");
    assert_eq!(last["suppressions"][0]["justification"], ".keyseamignore line 3: test data of the vendor");
    assert_eq!(results.iter().filter(|result| result.get("suppressions").is_some()).count(), 1);
}

#[test]
fn a_rule_is_as_severe_as_its_worst_finding() {
    let log = written(&fixture::rich());
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("a list");
    let rule = rules.iter().find(|rule| rule["id"] == "messagebird-access-key").expect("the rule");
    assert_eq!(rule["properties"]["security-severity"], "9.5");
    assert!(
        rule["help"]["text"].as_str().is_some_and(|text| text.ends_with("\nSeverity: CRITICAL")),
        "{rule}"
    );
    for result in log["runs"][0]["results"].as_array().expect("a list") {
        let index =
            result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
}

#[test]
fn the_next_build_is_the_same_alert() {
    let hashes = |report: &Report| -> Vec<Value> {
        let log = written(report);
        let results = log["runs"][0]["results"].as_array().expect("a list").clone();
        results
            .iter()
            .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].clone())
            .collect()
    };
    let mut report = fixture::rich();
    let before = hashes(&report);
    report.results[0].reference = Some("registry.example/team/shop:1.5".into());
    report.results[0].target = "registry.example/team/shop:1.5".into();
    assert_eq!(hashes(&report), before);
    report.results[0].reference = Some("registry.example/team/other:1.5".into());
    assert_ne!(hashes(&report), before);
}

/// A report of `count` findings, every third of them medium.
fn many(count: usize) -> Report {
    let mut result = fixture::image("app.tar");
    result.findings = (0..count).map(fixture::finding).collect();
    for finding in result.findings.iter_mut().step_by(3) {
        finding.severity = crate::detect::Severity::Medium;
    }
    let one = Suppressed { fingerprint: "x".into(), detector: "y".into(), by: "z".into() };
    result.suppressed = vec![one];
    fixture::report(vec![result], Vec::new())
}

#[test]
fn what_is_cut_is_the_least_severe_and_is_told() {
    let log = limited(&many(30), 20, COMPRESSED);
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("a list");
    assert_eq!(results.len(), 20);
    assert!(results.iter().all(|result| result["level"] == "error"));
    assert_eq!(run["properties"]["resultsCut"], 11);
    let told = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(told["descriptor"]["id"], "results-cut");
    assert!(
        told["message"]["text"].as_str().is_some_and(|text| text.starts_with("11 of 31 results")),
        "{told}"
    );
    assert_eq!(run["invocations"][0]["executionSuccessful"], true, "what is cut was scanned");
}

#[test]
fn a_log_that_compresses_badly_is_cut_to_its_size() {
    let report = many(400);
    let whole = document(&report, &style(), RESULTS, COMPRESSED).expect("written");
    let most = gzip_size(&whole).expect("a size") / 2;
    let text = document(&report, &style(), RESULTS, most).expect("written");
    assert!(gzip_size(&text).expect("a size") <= most);
    let log: Value = serde_json::from_slice(&text).expect("JSON");
    let left = log["runs"][0]["results"].as_array().expect("a list").len();
    assert!(left > 20, "only {left} are left");
    assert_eq!(log["runs"][0]["properties"]["resultsCut"], 401 - left);
}

#[test]
fn a_result_has_no_more_places_than_are_taken() {
    let mut report = fixture::clean();
    let mut finding = fixture::finding(1);
    finding.introduced_by.dockerfile = Some(DockerfileLine { path: "/srv/Docker file".into(), line: 4 });
    finding.locations = (1..2_500).map(|line| fixture::file(3, "/a", line)).collect();
    report.results[0].findings = vec![Finding { ..finding }];
    let log = written(&report);
    let result = &log["runs"][0]["results"][0];
    assert_eq!(result["relatedLocations"].as_array().map(Vec::len), Some(999));
    assert_eq!(result["properties"]["placesCut"], 1_500);
    assert_eq!(
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        "file:///srv/Docker%20file"
    );
}

#[test]
fn texts_have_no_links_and_no_placeholders() {
    assert_eq!(finding::message("[x](javascript:a) {0}\u{1b}"), "\\[x\\](javascript:a) {{0}}\\\\u{{1b}}");
}

#[test]
fn every_fixture_fits_the_schema() {
    let schema = include_str!("../../../testdata/schemas/sarif-2.1.0.json");
    let mut schema: Value = serde_json::from_str(schema).expect("the schema is JSON");
    // An expression that only the older syntax of JavaScript allows.
    schema["definitions"]["run"]["properties"]["language"] = json!({});
    let validator = jsonschema::validator_for(&schema).expect("the schema compiles");
    for report in fixture::all() {
        let log = written(&report);
        let problems: Vec<String> =
            validator.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(problems, Vec::<String>::new());
    }
}
