use super::*;
use crate::report::{Threshold, fixture};

fn written(report: &Report) -> String {
    rendered(report, &Style::plain(Threshold::default()))
}

#[test]
fn the_verdict_comes_first() {
    let first = |report: &Report| written(report).lines().next().map(str::to_owned).unwrap_or_default();
    assert_eq!(
        first(&fixture::rich()),
        "### ❌ keyseam: 4 leaked keys found in 2 images, but not everything could be scanned"
    );
    assert_eq!(first(&fixture::clean()), "### ✅ keyseam: no keys found in 1 image");
    assert_eq!(
        first(&fixture::nothing()),
        "### ⚠️ keyseam: no keys found in 0 images, but not everything could be scanned"
    );
    assert_eq!(first(&fixture::compared()), "### ❌ keyseam: 1 leaked key added in 1 image");
}

#[test]
fn a_row_tells_what_where_whence_and_what_to_do() {
    let text = written(&fixture::rich());
    let row = "| **critical** | MessageBird access key (live) `messagebird-access-key` | \
        `/app/config/production.env:3` | layer 3 `COPY . /app` | Revoke the key in the MessageBird dashboard, \
        then make a new one. | `registry.example/team/shop:1.4 (linux/amd64)` |";
    assert!(text.lines().any(|line| line == row), "{text}");
    assert!(
        text.contains("- `docker-archive:gone.tar`: `gone.tar`: no such file; check the path\n"),
        "{text}"
    );
    assert!(text.contains("<summary>Suppressed: 1 finding</summary>"), "{text}");
    assert!(text.contains("Not shown: 2 findings below medium severity or medium confidence"), "{text}");
}

#[test]
fn what_does_not_fit_is_counted() {
    let mut report = fixture::rich();
    report.results[0].findings = (0..2_000).map(fixture::finding).collect();
    let text = written(&report);
    assert!(text.len() <= ROOM && text.len() > ROOM / 2, "{}", text.len());
    let rows = text.lines().filter(|line| line.starts_with("| **")).count();
    let told = format!("{} keys are left out of the table", text::grouped(2_000 - rows as u64));
    assert!(text.contains(&told), "{}", &text[text.len() - 400..]);
    let folds = (text.matches("<details>").count(), text.matches("</details>").count());
    assert_eq!(folds.0, folds.1);
    assert!(!written(&fixture::rich()).contains("**Cut:**"));
}

#[test]
fn nothing_of_a_maker_is_longer_than_the_page() {
    let mut report = fixture::hostile();
    let long = "<x>".repeat(100_000);
    for result in &mut report.results {
        result.target.push_str(&long);
        result.suppressed.iter_mut().for_each(|one| one.by.push_str(&long));
        for finding in &mut result.findings {
            finding.name.push_str(&long);
            finding.remediation.next.push_str(&long);
            finding.remediation.revoke = Some(long.clone());
        }
    }
    assert!(written(&report).len() <= ROOM);
}
