use super::*;

const KEY: &str = "s3cr3t-0123456789abcdef";

fn file(text: &str) -> Dockerfile {
    Dockerfile::parse(text.replace("KEY", KEY).as_bytes())
}

/// What becomes of a Dockerfile in which `KEY` stands for the key, and the lines for `.dockerignore`.
fn rewritten(text: &str, places: &[Leak<'_>]) -> (String, Vec<String>) {
    let file = file(text);
    let leaks = Leaks { places: places.to_vec(), forms: vec![KEY], variable: "API_TOKEN" };
    let rewrite = Rewriter::new(&file).rewrite(&leaks).unwrap_or_default();
    (diff::edited(&file.text, &rewrite.edits), rewrite.ignored)
}

#[track_caller]
fn assert_rewritten(text: &str, places: &[Leak<'_>], expected: &str) {
    let (found, ignored) = rewritten(text, places);
    assert_eq!(found, expected, "\n{found}");
    assert!(ignored.is_empty() && !found.contains(KEY), "{found}");
}

#[test]
fn a_variable_comes_at_run_time_and_to_the_steps_that_name_it() {
    assert_rewritten(
        "FROM a\nENV MODE=on \\\n    TOKEN=KEY \\\n    LEVEL=2\nRUN echo $TOKEN\nRUN echo $TOKENS\nRUN <<EOF\necho ${TOKEN}\nEOF\n",
        &[(1, Place::Variable("TOKEN"))],
        "FROM a\n# TOKEN comes at run time: docker run --env TOKEN (or --env-file)\nENV MODE=on \\\n    LEVEL=2\nRUN --mount=type=secret,id=token,env=TOKEN echo $TOKEN\nRUN echo $TOKENS\nRUN --mount=type=secret,id=token,env=TOKEN <<EOF\necho ${TOKEN}\nEOF\n",
    );
    // The only one, the last one, the first one, the old form.
    let says = "# T comes at run time: docker run --env T (or --env-file)\n";
    for (text, expected) in [
        ("FROM a\nENV T=KEY\n", format!("FROM a\n{says}")),
        ("FROM a\nENV T KEY\n", format!("FROM a\n{says}")),
        ("FROM a\nENV A=b \\\n  T=KEY\nUSER x\n", format!("FROM a\n{says}ENV A=b\nUSER x\n")),
        ("FROM a\nENV T=KEY \\\n  A=b\n", format!("FROM a\n{says}ENV A=b\n")),
        ("FROM a\nENV T=\"KEY\" A='b c'", format!("FROM a\n{says}ENV A='b c'")),
    ] {
        assert_rewritten(text, &[(1, Place::Variable("T"))], &expected);
        assert_rewritten(text, &[(1, Place::Text)], &expected);
    }
}

#[test]
fn an_argument_becomes_a_secret_of_the_steps_that_name_it() {
    assert_rewritten(
        "# syntax=docker/dockerfile:1.4\nARG NPM_TOKEN\nFROM a AS b\nARG NPM_TOKEN=KEY\nRUN npm ci --token=${NPM_TOKEN}\nRUN make\nFROM b\nRUN [\"x\", \"$NPM_TOKEN\"]\n",
        &[(2, Place::Variable("NPM_TOKEN"))],
        "# syntax=docker/dockerfile:1.10\nFROM a AS b\nRUN --mount=type=secret,id=npm_token,env=NPM_TOKEN npm ci --token=${NPM_TOKEN}\nRUN make\nFROM b\nRUN --mount=type=secret,id=npm_token,env=NPM_TOKEN [\"x\", \"$NPM_TOKEN\"]\n",
    );
    assert_rewritten(
        "FROM a\nARG A=1 T\nRUN make\n",
        &[(2, Place::Variable("T"))],
        "FROM a\n# T for the step that needs it: RUN --mount=type=secret,id=t,env=T\nARG A=1\nRUN make\n",
    );
}

#[test]
fn what_a_variable_is_made_of_goes_with_it() {
    assert_rewritten(
        "FROM a\nARG TOKEN\nENV API_TOKEN=$TOKEN\nENV AUTH=\"Bearer ${API_TOKEN}\"\nLABEL a=b t=$TOKEN\nRUN curl -H \"$AUTH\" && x $API_TOKEN\n",
        &[(2, Place::Variable("API_TOKEN"))],
        "FROM a\n# API_TOKEN comes at run time: docker run --env API_TOKEN (or --env-file)\n# AUTH comes at run time: docker run --env AUTH (or --env-file)\nLABEL a=b\nRUN --mount=type=secret,id=api_token,env=API_TOKEN --mount=type=secret,id=auth,env=AUTH curl -H \"$AUTH\" && x $API_TOKEN\n",
    );
}

#[test]
fn other_stages_keep_what_is_theirs() {
    assert_rewritten(
        "FROM a AS one\nENV T=x\nRUN echo $T\nFROM a\nENV T=KEY\nRUN echo $T\n",
        &[(4, Place::Variable("T"))],
        "FROM a AS one\nENV T=x\nRUN echo $T\nFROM a\n# T comes at run time: docker run --env T (or --env-file)\nRUN --mount=type=secret,id=t,env=T echo $T\n",
    );
}

#[test]
fn a_key_in_a_command_is_a_variable_there() {
    let mount = "--mount=type=secret,id=api_token,env=API_TOKEN";
    for (text, expected) in [
        ("curl -u me:KEY x", format!("{mount} curl -u me:\"$API_TOKEN\" x")),
        ("curl -H \"X: KEY\"", format!("{mount} curl -H \"X: $API_TOKEN\"")),
        ("curl -H 'X: KEY' x", format!("{mount} curl -H 'X: '\"$API_TOKEN\"'' x")),
        (
            "export GH_TOKEN=KEY && make",
            "--mount=type=secret,id=gh_token,env=GH_TOKEN export GH_TOKEN=\"$GH_TOKEN\" && make".to_owned(),
        ),
        ("--network=none x KEY", format!("{mount} --network=none x \"$API_TOKEN\"")),
        ("x && \\\n  y s3cr3t-0123456\\\n789abcdef z", format!("{mount} x && \\\n  y \"$API_TOKEN\" z")),
        ("[\"curl\", \"-H\", \"X: KEY\", \"it's\"]", format!("{mount} curl -H \"X: $API_TOKEN\" 'it'\\''s'")),
        ("<<EOF\ncurl 'KEY'\nEOF", format!("{mount} <<EOF\ncurl ''\"$API_TOKEN\"''\nEOF")),
        ("cat <<EOF >/x\nkey: KEY\nEOF", format!("{mount} cat <<EOF >/x\nkey: $API_TOKEN\nEOF")),
    ] {
        assert_rewritten(
            &format!("FROM a\nRUN {text}\n"),
            &[(1, Place::Text)],
            &format!("FROM a\nRUN {expected}\n"),
        );
    }
}

#[test]
fn a_file_that_programs_look_for_is_mounted_not_written() {
    let npmrc = "--mount=type=secret,id=npmrc,target=/root/.npmrc";
    for (text, expected) in [
        (
            "ARG NPM_TOKEN\nRUN echo //registry.npmjs.org/:_authToken=$NPM_TOKEN > .npmrc && npm ci && rm .npmrc\n",
            format!("RUN {npmrc} npm ci\n"),
        ),
        (
            "ARG NPM_TOKEN\nWORKDIR /app\nRUN echo \"t=${NPM_TOKEN}\" >> .npmrc \\\n && npm ci \\\n && rm -f .npmrc\n",
            "WORKDIR /app\nRUN --mount=type=secret,id=npmrc,target=/app/.npmrc npm ci\n".to_owned(),
        ),
        (
            "ARG NPM_TOKEN\nRUN npm config set //registry.npmjs.org/:_authToken=$NPM_TOKEN\nRUN npm ci\nRUN make\n",
            format!("RUN {npmrc} npm ci\nRUN make\n"),
        ),
        (
            "ARG NPM_TOKEN\nUSER node\nRUN echo t=$NPM_TOKEN > ~/.npmrc && npm ci\n",
            "USER node\nRUN --mount=type=secret,id=npmrc,target=/home/node/.npmrc,mode=0444 npm ci\n"
                .to_owned(),
        ),
        (
            "ARG NPM_TOKEN\nRUN cat <<EOF > /root/.npmrc && npm ci\nt=$NPM_TOKEN\nEOF\n",
            format!("RUN {npmrc} npm ci\n"),
        ),
        (
            "ARG NPM_TOKEN\nRUN mkdir -p /root/.ssh && echo \"$NPM_TOKEN\" > /root/.ssh/id_rsa && chmod 600 /root/.ssh/id_rsa && git clone x\n",
            "RUN --mount=type=secret,id=id_rsa,target=/root/.ssh/id_rsa mkdir -p /root/.ssh && git clone x\n"
                .to_owned(),
        ),
        (
            "ARG NPM_TOKEN\nRUN git clone https://x:$NPM_TOKEN@host/a.git && make\n",
            "RUN --mount=type=secret,id=netrc,target=/root/.netrc git clone https://host/a.git && make\n"
                .to_owned(),
        ),
        (
            "ARG NPM_TOKEN\nRUN if x; then echo $NPM_TOKEN > .npmrc; fi\n",
            "RUN --mount=type=secret,id=npm_token,env=NPM_TOKEN if x; then echo $NPM_TOKEN > .npmrc; fi\n"
                .to_owned(),
        ),
    ] {
        assert_rewritten(
            &format!("FROM a\n{text}"),
            &[(1, Place::Variable("NPM_TOKEN"))],
            &format!("FROM a\n{expected}"),
        );
    }
    assert_rewritten(
        "FROM a\nRUN echo t=KEY > /root/.npmrc && npm ci\n",
        &[(1, Place::File("root/.npmrc"))],
        &format!("FROM a\nRUN {npmrc} npm ci\n"),
    );
}

#[test]
fn a_file_of_another_kind_is_told_to_go_in_the_same_step() {
    assert_rewritten(
        "FROM a\nARG T\nRUN ./configure $T > /etc/app.conf\n",
        &[(2, Place::File("etc/app.conf")), (1, Place::Variable("T"))],
        "FROM a\n# /etc/app.conf holds the key: delete it in this same RUN, or mount it instead: RUN --mount=type=secret,id=app.conf,target=/etc/app.conf\nRUN --mount=type=secret,id=t,env=T ./configure $T > /etc/app.conf\n",
    );
}

#[test]
fn a_file_that_copy_names_is_no_longer_copied() {
    let leak = |path: &'static str| [(1, Place::File(path))];
    assert_rewritten(
        "FROM a\nCOPY package.json .npmrc ./\nRUN npm ci && rm -f .npmrc\nRUN rm .npmrc\n",
        &leak("app/.npmrc"),
        "FROM a\nCOPY package.json ./\nRUN --mount=type=secret,id=npmrc,target=/app/.npmrc npm ci\n",
    );
    assert_rewritten(
        "FROM a\nCOPY [\".npmrc\", \"package.json\", \"/app/\"]\nRUN make\n",
        &leak("app/.npmrc"),
        "FROM a\nCOPY [\"package.json\", \"/app/\"]\nRUN make\n",
    );
    assert_rewritten(
        "FROM a\nCOPY --chown=1:1 deploy_key /root/.ssh/id_rsa\nRUN chmod 600 /root/.ssh/id_rsa && git clone x\n",
        &leak("root/.ssh/id_rsa"),
        "FROM a\nRUN --mount=type=secret,id=id_rsa,target=/root/.ssh/id_rsa git clone x\n",
    );
    assert_rewritten(
        "FROM a\nCOPY .env /app/.env\nCMD [\"/app\"]\n",
        &leak("app/.env"),
        "FROM a\n# /app/.env comes at run time: docker run --env-file .env\nCMD [\"/app\"]\n",
    );
    assert_rewritten(
        "FROM a\nCOPY <<EOF /app/conf\nkey=KEY\nEOF\nRUN cat /app/conf\n",
        &leak("app/conf"),
        "FROM a\nRUN --mount=type=secret,id=conf,target=/app/conf cat /app/conf\n",
    );
}

#[test]
fn a_folder_that_is_copied_leaves_the_file_out() {
    for (copy, path, pattern) in [
        ("COPY . /app", "app/config/prod.env", "config/prod.env"),
        ("COPY . .", "app/config/prod.env", "**/prod.env"),
        ("WORKDIR /app\nCOPY . .", "app/config/prod.env", "config/prod.env"),
        ("COPY config/ /etc/app/", "etc/app/x/prod.env", "config/x/prod.env"),
        ("COPY a b /etc/app/", "etc/app/x/prod.env", "**/prod.env"),
        ("ADD *.env /etc/", "etc/prod.env", "**/prod.env"),
        ("COPY ./ /", "prod.env", "prod.env"),
    ] {
        let text = format!("FROM a\n{copy}\nRUN make\n");
        let at = file(&text).instructions.len() - 2;
        let (found, ignored) = rewritten(&text, &[(at, Place::File(path))]);
        assert_eq!((found, ignored), (text, vec![pattern.to_owned()]), "{copy}");
    }
    let (found, ignored) =
        rewritten("FROM a\nCOPY . /app/\nRUN cd /app && npm ci\n", &[(1, Place::File("app/.npmrc"))]);
    assert_eq!(ignored, [".npmrc"]);
    assert!(
        found.ends_with("RUN --mount=type=secret,id=npmrc,target=/app/.npmrc cd /app && npm ci\n"),
        "{found}"
    );
    // What an archive or another stage held, no pattern keeps out.
    for text in
        ["FROM a\nADD x.tar.gz /app\n", "FROM a\nCOPY --from=b /x /app\n", "FROM a\nADD file:0f0f in / \n"]
    {
        assert_eq!(rewritten(text, &[(1, Place::File("app/y"))]).1, Vec::<String>::new());
    }
}

#[test]
fn an_address_with_a_key_is_fetched_with_a_secret() {
    for (text, expected) in [
        (
            "ADD https://me:KEY@host/a.tgz /opt/",
            "RUN --mount=type=secret,id=netrc,target=/root/.netrc curl -fsSL --netrc -o /opt/a.tgz \"https://host/a.tgz\"",
        ),
        (
            "ADD https://KEY@host/a.git#v1:sub /src",
            "RUN --mount=type=secret,id=netrc,target=/root/.netrc git clone --branch v1 https://host/a.git /src",
        ),
        (
            "ADD https://host/a?t=KEY /opt/a",
            "RUN --mount=type=secret,id=api_token,env=API_TOKEN curl -fsSL -o /opt/a \"https://host/a?t=$API_TOKEN\"",
        ),
    ] {
        assert_rewritten(&format!("FROM a\n{text}\n"), &[(1, Place::Text)], &format!("FROM a\n{expected}\n"));
    }
}

#[test]
fn what_a_container_is_told_comes_when_it_starts() {
    let says = "# API_TOKEN comes at run time: docker run --env API_TOKEN (or --env-file)";
    for (text, expected) in [
        ("LABEL a=b c=KEY", "LABEL a=b".to_owned()),
        ("CMD app --token KEY", format!("{says}\nCMD app --token \"$API_TOKEN\"")),
        ("CMD [\"app\", \"--token=KEY\"]", format!("{says}\nCMD exec app \"--token=$API_TOKEN\"")),
        (
            "CMD [\"sh\", \"-c\", \"app 'KEY'\"]",
            format!("{says}\nCMD [\"sh\", \"-c\", \"app ''\\\"$API_TOKEN\\\"''\"]"),
        ),
        (
            "ENTRYPOINT [\"app\", \"KEY\"]",
            format!(
                "{says}\nENTRYPOINT [\"/bin/sh\", \"-c\", \"exec app \\\"$API_TOKEN\\\" \\\"$@\\\"\", \"app\"]"
            ),
        ),
        (
            "HEALTHCHECK --interval=1s CMD curl -u KEY x",
            format!("{says}\nHEALTHCHECK --interval=1s CMD curl -u \"$API_TOKEN\" x"),
        ),
        (
            "ONBUILD RUN curl KEY",
            "ONBUILD RUN --mount=type=secret,id=api_token,env=API_TOKEN curl \"$API_TOKEN\"".to_owned(),
        ),
        ("ONBUILD ENV A=b T=KEY", "ONBUILD ENV A=b".to_owned()),
        ("USER KEY", "# the user comes at run time: docker run --user".to_owned()),
    ] {
        assert_rewritten(
            &format!("FROM a\n{text}\nEXPOSE 1\n"),
            &[(1, Place::Text)],
            &format!("FROM a\n{expected}\nEXPOSE 1\n"),
        );
    }
}
