use super::*;

/// What a text gives; the values that were hashed are shown.
fn read(text: &str) -> Result<Vec<Imported>, ImportError> {
    let mut hasher = |name: &str, value: &str| vec![format!("{name}:{value}")];
    workloads(text.as_bytes(), "prod", &mut hasher)
}

fn values(imported: &Imported) -> Vec<&str> {
    imported.values.iter().flat_map(|(_, prints)| prints).map(String::as_str).collect()
}

#[test]
fn containers_of_all_three_kinds_have_their_own_digest() {
    let digest = |digit: char| format!("sha256:{}", String::from(digit).repeat(64));
    let text = format!(
        r#"{{"kind":"Pod","metadata":{{"name":"p","namespace":"n"}},
            "spec":{{"containers":[{{"name":"a","image":"x:1"}}],"initContainers":[{{"name":"a2","image":"x:2"}}],
                     "ephemeralContainers":[{{"name":"a3","image":"x@{}"}}]}},
            "status":{{"containerStatuses":[{{"name":"a","imageID":"docker-pullable://x@{}"}}],
                       "initContainerStatuses":[{{"name":"a2","imageID":"{}"}}]}}}}"#,
        digest('c'),
        digest('a'),
        digest('b'),
    );
    let all = read(&text).expect("pods");
    let digests: Vec<_> = all.iter().map(|one| one.digest.clone().unwrap_or_default()).collect();
    assert_eq!(digests, ['a', 'b', 'c'].map(digest));
    assert_eq!(all[0].workload.label(), "n/p");
}

#[test]
fn short_values_are_not_hashed_and_dollars_are_undone() {
    let text = "services:\n  a:\n    image: x\n    environment:\n      A: seven77\n      B: eight888\n      C: pa$$word1\n      \
                D: 0123456789\n      E: ${F}\n      G: $H\n      I: ${J:-default88}\n";
    let all = read(text).expect("services");
    assert_eq!(values(&all[0]), ["B:eight888", "C:pa$word1", "D:0123456789", "I:default88"]);
    let named: Vec<_> =
        all[0].references.iter().map(|one| (one.variable.as_str(), one.entry.as_str())).collect();
    assert_eq!(named, [("E", "F"), ("G", "H"), ("I", "J")]);
}

#[test]
fn a_job_and_a_stateful_set_are_told_by_their_own_names() {
    let pod = r#"{"containers":[{"name":"c","image":"x"}]}"#;
    let job = format!(
        r#"{{"kind":"CronJob","metadata":{{"name":"j"}},"spec":{{"jobTemplate":{{"spec":{{"template":{{"spec":{pod}}}}}}}}}}}"#
    );
    let set = format!(
        r#"{{"kind":"Pod","metadata":{{"name":"db-0","ownerReferences":[{{"kind":"StatefulSet","name":"db"}}]}},"spec":{pod}}}"#
    );
    let all = read(&format!("{job}\n{set}")).expect("two documents");
    let names: Vec<_> =
        all.iter().map(|one| format!("{}/{}", one.workload.kind, one.workload.name)).collect();
    assert_eq!(names, ["CronJob/j", "StatefulSet/db"]);
}

#[test]
fn kubernetes_objects_may_be_yaml_too() {
    let text = "kind: Deployment\nmetadata:\n  name: d\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        \
                image: x:1\n        env:\n        - name: A\n          value: eight888\n---\nkind: Service\n";
    let all = read(text).expect("a deployment");
    assert_eq!((all.len(), values(&all[0])), (1, vec!["A:eight888"]));
}

#[test]
fn errors_repeat_nothing_of_the_file() {
    for text in ["services: [hidden-value", "{\"hidden-value\": ", "hidden-value", "- hidden-value\n"] {
        let error = read(text).expect_err("refused").to_string();
        assert!(!error.contains("hidden"), "{error}");
    }
}
