use super::*;

/// The last digits of a layer's digests, and its position.
type Layer = (String, Option<usize>);

/// A digest of which the last digit is `number`.
fn digest(number: u8) -> String {
    format!("sha256:{}{number}", "0".repeat(63))
}

fn read(text: &str) -> Statement {
    Statement::read(text.as_bytes()).expect("JSON")
}

/// The texts called `name`: how often each was decoded, and the last digits of its layer and its position.
fn named<'s>(statement: &'s Statement, name: &str) -> Vec<(&'s str, usize, Option<Layer>)> {
    let of_name = statement.texts.iter().filter(|text| text.name.as_deref() == Some(name));
    of_name
        .map(|text| {
            let layer = text.layer.as_ref().map(|layer| {
                let digits = layer.digests.iter().map(|digest| &digest.hex()[63..]).collect();
                (digits, layer.position.map(|(index, _)| index))
            });
            (std::str::from_utf8(&text.text).expect("text"), text.decoded, layer)
        })
        .collect()
}

/// A layer of which the digests end in these digits.
fn layer(digits: &str, index: usize) -> Option<Layer> {
    Some((digits.to_owned(), Some(index)))
}

fn every_text(statement: &Statement) -> String {
    statement.texts.iter().map(|text| String::from_utf8_lossy(&text.text).into_owned()).collect()
}

/// As BuildKit writes it; `step2` runs, `step1` and `step3` copy, `step0` is fetched.
fn build_config() -> String {
    let exec = |env: &str| {
        format!(r#"{{"Op":{{"exec":{{"meta":{{"args":["/bin/sh","-c","make"],"env":[{env}]}}}}}}}}"#)
    };
    format!(
        r#"{{"llbDefinition":[
            {{"id":"step0","op":{{"Op":{{"source":{{"identifier":"docker-image://base"}}}}}}}},
            {{"id":"step1","op":{{"Op":{{"file":{{"actions":[{{"Action":{{"mkfile":{{"path":"/a","data":"aGVyZWRvYw=="}}}}}}]}}}}}}}},
            {{"id":"step2","op":{}}},
            {{"id":"step3","op":{}}}]}}"#,
        exec(r#""PATH=/bin","TOKEN=x\u0041y","odd""#),
        exec(r#""PATH=/bin","TOKEN=xAy""#),
    )
}

fn layers() -> String {
    let of = |numbers: &[u8]| {
        let list: Vec<String> =
            numbers.iter().map(|number| format!(r#"{{"digest":"{}"}}"#, digest(*number))).collect();
        format!("[{}]", list.join(","))
    };
    format!(
        r#"{{"step0:0":[{}],"step1:0":[{}],"step2:0":[{},{}],"step3:0":[{}]}}"#,
        of(&[1]),
        of(&[1, 2]),
        of(&[1, 2, 3]),
        of(&[5, 6, 7]),
        of(&[1, 2, 3, 4]),
    )
}

fn slsa_02() -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2",
        "predicate":{{"invocation":{{"parameters":{{"args":{{"build-arg:TOKEN":"x\u0041y","label:l":"v","target":"app"}}}}}},
        "buildConfig":{},"metadata":{{"https://mobyproject.org/buildkit@v1#metadata":{{
          "vcs":{{"source":"https://example.com/r.git"}},
          "source":{{"infos":[{{"filename":"Dockerfile","data":"RlJPTSBzY3JhdGNoCg==",
             "llbDefinition":[{{"id":"step2","op":{{"Op":{{"x":"elsewhere"}}}}}}]}}]}},
          "layers":{}}}}}}}}}"#,
        build_config(),
        layers()
    )
}

fn slsa_1() -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1",
        "predicate":{{"buildDefinition":{{
          "externalParameters":{{"request":{{"frontend":"dockerfile.v0","args":{{"build-arg:TOKEN":"x\u0041y","label:l":"v","target":"app","vcs:source":"https://example.com/r.git"}}}}}},
          "internalParameters":{{"buildConfig":{}}}}},
        "runDetails":{{"metadata":{{"buildkit_metadata":{{"source":{{"infos":[{{"filename":"Dockerfile","data":"RlJPTSBzY3JhdGNoCg"}}]}},"layers":{}}}}}}}}}}}"#,
        build_config(),
        layers()
    )
}

#[test]
fn arguments_variables_and_files_are_told_apart_in_both_versions() {
    for text in [slsa_02(), slsa_1()] {
        let statement = read(&text);
        assert_eq!(statement.fault, None);
        assert_eq!(named(&statement, "build-arg:TOKEN"), [("TOKEN=xAy", 0, None)]);
        assert_eq!(named(&statement, "label:l"), [("l=v", 0, None)]);
        assert_eq!(named(&statement, "target"), [("target=app", 0, None)]);
        assert_eq!(named(&statement, "vcs:source"), [("source=https://example.com/r.git", 0, None)]);
        assert_eq!(named(&statement, "env TOKEN"), [("TOKEN=xAy", 0, layer("37", 2))], "once");
        assert_eq!(named(&statement, "Dockerfile"), [("FROM scratch\n", 1, None)]);
        assert_eq!(named(&statement, "/a"), [("heredoc", 1, layer("2", 1))]);
        assert!(statement.assignments.contains(&("TOKEN".to_owned(), "xAy".to_owned())));
        let offset = "TOKEN=".len();
        assert!(statement.texts.iter().any(|text| text.text == b"TOKEN=xAy" && text.value_offset == offset));
    }
}

#[test]
fn a_step_tells_its_layer_where_it_made_one() {
    let statement = read(&slsa_02());
    let meta = |step: usize| named(&statement, &format!("llbDefinition[{step}].op.Op.exec.meta"));
    assert_eq!(meta(2), [("args\nargs=/bin/sh\nargs=-c\nargs=make\nenv\nenv=odd\n", 0, layer("37", 2))]);
    assert_eq!(meta(3)[0].2, layer("4", 3));
    assert_eq!(named(&statement, "llbDefinition[0].op.Op.source")[0].2, None, "it was fetched");
    let elsewhere = statement.texts.iter().find(|text| text.text == b"x=elsewhere\n").expect("a text");
    assert_eq!(elsewhere.layer, None, "the steps that read the Dockerfile have the same ids");
}

#[test]
fn a_layer_has_a_place_where_it_leads_to_the_only_last_one() {
    let layers = |text: &str| {
        let chain = |numbers: &str| {
            let list: Vec<String> = numbers
                .bytes()
                .map(|number| format!(r#"{{"digest":"{}"}}"#, digest(number - b'0')))
                .collect();
            format!("[{}]", list.join(","))
        };
        let steps: Vec<String> = text
            .split(' ')
            .map(|step| step.split_once('=').expect("a step"))
            .map(|(step, chains)| {
                format!(r#""{step}:0":[{}]"#, chains.split(',').map(chain).collect::<Vec<_>>().join(","))
            })
            .collect();
        let document = format!(r#"{{"a":[{{"layers":{{{}}}}}]}}"#, steps.join(","));
        let layers = layers_of_steps(&Document::read(document.as_bytes()).value);
        let mut places: Vec<_> = layers.iter().map(|(step, layer)| (step.clone(), layer.position)).collect();
        places.sort();
        places.into_iter().map(|(_, position)| position).collect::<Vec<_>>()
    };
    assert_eq!(layers("a=1 b=12 c=123"), [Some((0, 3)), Some((1, 3)), Some((2, 3))]);
    assert_eq!(layers("a=1,5 b=12,56 c=123,567"), [Some((0, 3)), Some((1, 3)), Some((2, 3))]);
    assert_eq!(layers("a=1 b=92 c=123"), [Some((0, 3)), None, Some((2, 3))], "another stage");
    assert_eq!(layers("a=1 b=124 c=123"), [None, None, None], "two that may be the last");
    assert_eq!(layers("a=1,12 c=123"), [None, Some((2, 3))], "lists of several lengths");
}

#[test]
fn every_string_is_in_some_text() {
    for text in [slsa_02(), slsa_1()] {
        let all = every_text(&read(&text));
        let mut waiting = vec![serde_json::from_str::<serde_json::Value>(&text).expect("JSON")];
        while let Some(value) = waiting.pop() {
            match value {
                serde_json::Value::Object(members) => {
                    for (name, value) in members {
                        let name =
                            name.strip_prefix("build-arg:").or(name.strip_prefix("label:")).unwrap_or(&name);
                        assert!(all.contains(name.strip_prefix("vcs:").unwrap_or(name)), "{name}");
                        waiting.push(value);
                    }
                }
                serde_json::Value::Array(items) => waiting.extend(items),
                serde_json::Value::String(text) => assert!(all.contains(&text), "{text}"),
                _ => {}
            }
        }
    }
}

#[test]
fn envelopes_are_opened_as_deep_as_the_limit() {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let seal = |inner: &str, url_safe: bool| {
        let payload = if url_safe { URL_SAFE_NO_PAD.encode(inner) } else { STANDARD.encode(inner) };
        format!(
            r#"{{"dsseEnvelope":{{"payloadType":"application/vnd.in-toto+json","payload":"{payload}"}}}}"#
        )
    };
    for url_safe in [false, true] {
        let statement = read(&seal(&slsa_02(), url_safe));
        assert_eq!(named(&statement, "build-arg:TOKEN"), [("TOKEN=xAy", 1, None)]);
        assert_eq!(named(&statement, "env TOKEN"), [("TOKEN=xAy", 1, layer("37", 2))]);
        assert_eq!(named(&statement, "Dockerfile"), [("FROM scratch\n", 2, None)]);
    }
    let mut sealed = r#"{"args":{"deep":"value"}}"#.to_owned();
    for _ in 0..limits::STATEMENT_ENVELOPES {
        sealed = seal(&sealed, false);
    }
    assert_eq!(named(&read(&sealed), "deep"), [("deep=value", limits::STATEMENT_ENVELOPES, None)]);
    let deeper = read(&seal(&sealed, false));
    assert!(named(&deeper, "deep").is_empty());
    assert_eq!(named(&deeper, "payload").len(), 1, "what is not opened is a text still");
    let odd = read(r#"{"payloadType":"x","payload":"***","data":["YQ=="]}"#);
    assert!(every_text(&odd).contains("***"));
}

#[test]
fn what_is_no_valid_json_keeps_its_text() {
    assert_eq!(Statement::read(b"\x1f\x8bgzip"), None);
    assert_eq!(Statement::read(b""), None);
    let broken = read(r#"{"args":{"build-arg:TOKEN":"x\u0041y"}"#);
    assert!(broken.fault.is_some() && broken.escaped.is_empty());
    assert!(every_text(&broken).contains("xAy"));
    let tail = read(r#"{"args":{"build-arg:TOKEN":"x"}} tail"#);
    assert!(every_text(&tail).contains("tail") && tail.fault.is_some());
    assert_eq!(named(&tail, "build-arg:TOKEN").len(), 1);
    for odd in
        ["[]", "{}", "[[{\"args\":[]}]]", r#"{"buildConfig":{"llbDefinition":{}},"layers":{"a":[[]]}}"#]
    {
        read(odd);
    }
}

#[test]
fn strings_with_escapes_are_known_by_their_place() {
    let text = r#"{"a":"plain","b\"":"x\\","c":["\u0041","d"]}"#;
    let found: Vec<&str> =
        read(text).escaped.iter().map(|range| &text[range.start as usize..range.end as usize]).collect();
    assert_eq!(found, [r#""b\"""#, r#""x\\""#, r#""\u0041""#]);
}

#[test]
fn hostile_names_and_numbers_do_not_multiply() {
    let name = "n".repeat(100_000);
    let many = vec![r#"{"id":"s","op":{"Op":{"exec":{"meta":{"env":["A=b"]}}}}}"#; 2_000].join(",");
    let text =
        format!(r#"{{"buildConfig":{{"{name}":1,"args":{{"{name}":"v"}},"llbDefinition":[{many}]}}}}"#);
    let statement = read(&text);
    let total: usize =
        statement.texts.iter().map(|text| text.text.len() + text.name.as_ref().map_or(0, String::len)).sum();
    assert!(total < 4 * text.len(), "{total}");
    assert_eq!(named(&statement, "env A").len(), 1);
}
