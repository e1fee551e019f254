use time::macros::date;

use super::*;
use crate::detect::Severity;

const FINGERPRINT: &str = "ksf1:0123abcd:00112233445566778899aabbccddeeff";

fn leak(severity: Severity) -> Leak {
    Leak {
        fingerprint: FINGERPRINT.to_owned(),
        detector: "messagebird-access-key".to_owned(),
        name: "MessageBird access key".to_owned(),
        service: "MessageBird".to_owned(),
        severity,
        confidence: Confidence::High,
        place: "layer 3 (sha256:0123abcd4567, COPY . /app), /app/.env:1".to_owned(),
    }
}

fn facts(severity: Severity) -> Facts {
    Facts { leaks: vec![leak(severity)], ..Facts::default() }
}

fn question() -> Question<'static> {
    Question {
        image: "registry.example:5000/shop/api:1",
        repository: Some("registry.example:5000/shop/api"),
        namespace: Some("dev-a"),
        today: date!(2026 - 11 - 30),
    }
}

fn policy(text: &str) -> Policy {
    Policy::parse(text).expect("a policy")
}

fn decided(text: &str, facts: &Facts) -> (Verdict, bool) {
    let decision = policy(text).image(&question(), facts);
    assert_eq!(
        decision.line.is_none(),
        decision.admitted && decision.verdict <= Verdict::Unseen,
        "{decision:?}"
    );
    (decision.verdict, decision.admitted)
}

#[test]
fn a_leak_is_refused_in_one_line_that_says_what_to_do() {
    let decision = policy("").image(&question(), &facts(Severity::Critical));
    assert_eq!((decision.verdict, decision.admitted), (Verdict::Leaks, false));
    assert_eq!(
        decision.line.expect("a line"),
        "registry.example:5000/shop/api:1 holds a leaked key: MessageBird access key (critical) in layer 3 \
         (sha256:0123abcd4567, COPY . /app), /app/.env:1; revoke it at MessageBird, then rebuild without it \
         (keyseam explain messagebird-access-key)"
    );
    let mut long = facts(Severity::High);
    long.leaks[0].place = "layer 3, /app/\n".to_owned() + &"x".repeat(1_000);
    let line = policy("").image(&question(), &long).line.expect("a line");
    assert!(line.chars().count() <= 400 && !line.contains('\n'), "{line}");
    assert!(line.ends_with("(keyseam explain messagebird-access-key)"), "the next step stays whole: {line}");
}

#[test]
fn what_counts_is_the_policys_matter() {
    assert_eq!(decided("", &facts(Severity::Low)), (Verdict::Clean, true));
    assert_eq!(decided("fail-on = 'low'", &facts(Severity::Low)), (Verdict::Leaks, false));
    assert_eq!(decided("fail-on = 'never'", &facts(Severity::Critical)), (Verdict::Clean, true));
    assert_eq!(decided("mode = 'warn'", &facts(Severity::Critical)), (Verdict::Leaks, true));
    let mut guess = facts(Severity::High);
    guess.leaks[0].confidence = Confidence::Low;
    assert_eq!(decided("", &guess), (Verdict::Clean, true));
    assert_eq!(decided("min-confidence = 'low'", &guess), (Verdict::Leaks, false));
}

#[test]
fn a_repository_goes_before_a_namespace_before_the_rest() {
    let namespace = "[[namespaces.rules]]\nmatch = ['dev-*']\nmode = 'warn'\n";
    assert_eq!(decided(namespace, &facts(Severity::High)), (Verdict::Leaks, true));
    let other = "[[namespaces.rules]]\nmatch = ['prod']\nmode = 'warn'\n";
    assert_eq!(decided(other, &facts(Severity::High)), (Verdict::Leaks, false));
    let both =
        format!("{namespace}[[repositories]]\nmatch = ['registry.example:5000/shop/**']\nmode = 'enforce'\n");
    assert_eq!(decided(&both, &facts(Severity::High)), (Verdict::Leaks, false));
    let sibling = "[[repositories]]\nmatch = ['registry.example:5000/*']\nmode = 'warn'\n";
    assert_eq!(
        decided(sibling, &facts(Severity::High)),
        (Verdict::Leaks, false),
        "a star stays in its folder"
    );
}

#[test]
fn an_exemption_is_for_one_key_until_one_day() {
    let exempt =
        |rest: &str| format!("[[exempt]]\nfingerprint = '{FINGERPRINT}'\nreason = 'ticket 1'\n{rest}\n");
    assert_eq!(decided(&exempt("until = 2026-11-30"), &facts(Severity::High)), (Verdict::Exempted, true));
    assert_eq!(decided(&exempt("until = 2026-11-29"), &facts(Severity::High)), (Verdict::Leaks, false));
    let here = "until = 2027-01-31\nimages = ['registry.example:5000/shop/*']";
    assert_eq!(decided(&exempt(here), &facts(Severity::High)), (Verdict::Exempted, true));
    let elsewhere = "until = 2027-01-31\nimages = ['registry.example:5000/other/*']";
    assert_eq!(decided(&exempt(elsewhere), &facts(Severity::High)), (Verdict::Leaks, false));
    let mut more = facts(Severity::High);
    more.more_leaks = 1;
    assert_eq!(
        decided(&exempt("until = 2027-01-31"), &more),
        (Verdict::Leaks, false),
        "others are not named"
    );
    for (wrong, why) in [
        ("until = 2026-13-01", "invalid"),
        ("until = 2026-11-30T00:00:00Z", "until is a day"),
        ("until = '2026-11-30'", "datetime"),
        ("", "until"),
    ] {
        let error = Policy::parse(&exempt(wrong)).expect_err(wrong).to_string();
        assert!(error.contains(why), "{error}");
    }
    let notes = policy(&exempt("until = 2026-11-29")).notes(date!(2026 - 11 - 30), "0123abcd");
    assert!(notes.len() == 1 && notes[0].contains("has ended"), "{notes:?}");
    let notes = policy(&exempt("until = 2026-12-29")).notes(date!(2026 - 11 - 30), "ffffffff");
    assert!(notes.len() == 1 && notes[0].contains("another hashing key"), "{notes:?}");
    assert!(policy(&exempt("until = 2026-12-29")).notes(date!(2026 - 11 - 30), "0123abcd").is_empty());
}

#[test]
fn what_is_not_kept_by_name_counts_where_it_may() {
    let more = |severity| Facts { more_leaks: 1, ..facts(severity) };
    assert_eq!(decided("", &more(Severity::Low)), (Verdict::Clean, true), "they are no worse than the last");
    assert_eq!(decided("", &more(Severity::Medium)), (Verdict::Leaks, false));
    assert_eq!(decided("fail-on = 'never'", &more(Severity::Critical)), (Verdict::Clean, true));
}

#[test]
fn a_manifest_that_could_not_be_searched_is_not_clean() {
    let unread = Facts { incomplete: Some("an error".to_owned()), ..Facts::default() };
    let decided = |text: &str| {
        let decision = policy(text).literals(&question(), &unread);
        (decision.verdict, decision.admitted)
    };
    assert_eq!(decided(""), (Verdict::Incomplete, true));
    assert_eq!(decided("incomplete = 'deny'"), (Verdict::Incomplete, false));
}

#[test]
fn parts_are_put_together_with_the_worst_in_front() {
    let mut all = facts(Severity::Medium);
    let other = Leak { fingerprint: FINGERPRINT.replace("0011", "ffff"), ..leak(Severity::Critical) };
    all.add(Facts {
        leaks: vec![leak(Severity::Medium), other],
        incomplete: Some("why".to_owned()),
        more_leaks: 2,
    });
    let severities: Vec<Severity> = all.leaks.iter().map(|leak| leak.severity).collect();
    assert_eq!(severities, [Severity::Critical, Severity::Medium], "each once");
    assert_eq!((all.more_leaks, all.incomplete.is_some()), (2, true));
}

#[test]
fn what_is_not_known_or_not_whole_is_decided_too() {
    let incomplete = Facts { incomplete: Some("layer 1 is missing".to_owned()), ..Facts::default() };
    assert_eq!(decided("", &incomplete), (Verdict::Incomplete, true));
    assert_eq!(decided("incomplete = 'deny'", &incomplete), (Verdict::Incomplete, false));
    assert_eq!(decided("mode = 'warn'\nincomplete = 'deny'", &incomplete), (Verdict::Incomplete, true));
    let unknown = |text: &str, waited| policy(text).unknown(&question(), "it is queued", waited).admitted;
    assert!(unknown("", false) && !unknown("unknown = 'deny'", false));
    assert!(unknown("unknown = 'wait'", true));
    assert!(!unknown("unknown = 'deny'", true), "its registry does not answer: refused all the same");
    assert!(!unknown("unknown = 'wait'\nunknown-after-wait = 'deny'", true));
    let literals = |text: &str| policy(text).literals(&question(), &facts(Severity::High)).admitted;
    assert!(!literals("") && literals("literals = 'warn'") && literals("mode = 'warn'"));
}

#[test]
fn registries_are_asked_as_the_policy_wants() {
    let ask = |text: &str, host| policy(text).may_ask(host);
    assert_eq!(ask("", "docker.io"), Ask::IfPublic);
    let own = "[registries]\nallow = ['registry.example:5000', '*.corp.example']\nothers = 'refuse'";
    assert_eq!(ask(own, "registry.example:5000"), Ask::Anywhere);
    assert_eq!(ask(own, "a.corp.example"), Ask::Anywhere);
    for other in ["registry.example", "registry.example:5001", "corp.example", "a.corp.example.evil"] {
        assert_eq!(ask(own, other), Ask::Refuse, "{other}");
    }
    assert_eq!(ask("[registries]\nothers = 'admit'", "docker.io"), Ask::AdmitUnseen);
}

#[test]
fn what_is_mistyped_is_an_error_that_names_its_line() {
    for (text, words) in [
        ("mode = 'enforce'\nfailon = 'low'", vec!["line 2", "failon"]),
        ("mode = 'off'", vec!["line 1", "off"]),
        ("[registries]\nrequests-per-second = 0", vec!["requests-per-second", "1 to 1000"]),
        ("[[namespaces.rules]]\nmatch = []", vec!["namespaces.rules", "empty"]),
        ("[[namespaces.rules]]\nmatch = ['a[']", vec!["namespaces.rules"]),
        ("[[image-paths]]\ngroup='g'\nkind='K'", vec!["image-paths", "either"]),
        ("[[image-paths]]\ngroup='g'\nkind='K'\nimage='spec.image'", vec!["a path is"]),
        ("platforms = ['linux']", vec!["platforms"]),
        ("unknown-after-wait = 'wait'", vec!["line 1"]),
    ] {
        let error = Policy::parse(text).expect_err(text).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
    }
}

#[test]
fn a_broken_file_leaves_the_old_policy_in_force() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("policy.toml");
    assert!(PolicyFile::open(Some(&path)).is_err(), "there is no such file");
    let write = |text: &str| std::fs::write(&path, text).expect("written");
    write("mode = 'warn'");
    let file = PolicyFile::open(Some(&path)).expect("a policy");
    let warns = || file.current().rules(None, None).warn_only;
    assert!(warns() && !file.reload_if_changed().expect("the same"));
    write("mode = ");
    assert!(file.reload_if_changed().is_err());
    assert!(warns() && !file.reload_if_changed().expect("told once"));
    std::fs::remove_file(&path).expect("removed");
    assert!(file.reload_if_changed().is_err());
    assert!(warns() && !file.reload_if_changed().expect("told once"));
    write("mode = 'enforce'");
    assert!(file.reload_if_changed().expect("new") && !warns());
}

#[test]
fn the_documented_policies_are_policies() {
    let page = include_str!("../../../docs/policy.md");
    let blocks: Vec<&str> =
        page.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("toml\n")).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let text = block.replace("ksf1:…", FINGERPRINT);
        Policy::parse(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    }
    let first = page.split("```").nth(1).and_then(|block| block.strip_prefix("toml\n")).expect("a policy");
    let top = first.split("\n[registries]").next().expect("its beginning");
    assert_eq!(policy(top).rules(None, None), Rules::default(), "what stands there is the default");
    let manifest = include_str!("../../../deploy/kubernetes/keyseam.yaml");
    let (_, policy_in) = manifest.split_once("policy.toml: |\n").expect("a policy");
    let lines = policy_in.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let text: String = lines.map(|line| format!("{}\n", line.trim())).collect();
    Policy::parse(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
}
