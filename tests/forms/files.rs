//! Files of accounts, clients and command lines.

use super::{Detectors, folder, made, read, run, token};

#[test]
fn hashes_are_found_in_their_files_and_nowhere_else() {
    let (folder, detectors) = (folder(), Detectors::new());
    for (scheme, arguments) in [("-6", ["-6"]), ("-5", ["-5"]), ("-1", ["-1"])] {
        let hash = run(
            folder.path(),
            "openssl",
            &[["passwd", "-salt", "h7Kq2pLm"].as_slice(), &arguments, &["sesame"]].concat(),
        );
        let line = format!("root:*:1:0:99999:7:::\nadmin:{}:19700:0:99999:7:::\nx:!!:1::::::\n", hash.trim());
        for path in ["etc/shadow", "./etc/shadow-", "srv/rootfs/etc/shadow"] {
            assert_eq!(
                detectors.found(path, line.as_bytes()),
                ["password-hash-shadow medium"],
                "{scheme} {path}"
            );
        }
        assert!(detectors.found("app/shadow", line.as_bytes()).is_empty());
        let group = format!("root:*::\nwheel:{}::admin\n", hash.trim());
        assert_eq!(detectors.found("etc/gshadow", group.as_bytes()), ["password-hash-shadow medium"]);
    }
    let perl = ["-e", "print crypt('sesame', '$y$j9T$h7Kq2pLmh7Kq2pLmh7Kq2/')"];
    let hash = run(folder.path(), "perl", &perl);
    assert!(hash.starts_with("$y$"), "libcrypt knows yescrypt");
    let line = format!("root:{hash}:19700:0:99999:7:::\n");
    assert_eq!(detectors.found("etc/shadow", line.as_bytes()), ["password-hash-shadow medium"]);
    let locked = "root:*:19700:0:99999:7:::\ndaemon:!:1::::::\nbin:!*:1::::::\nuucp::1::::::\n";
    assert!(detectors.found("etc/shadow", locked.as_bytes()).is_empty());
}

#[test]
fn users_of_a_web_server_are_found_line_by_line() {
    let (folder, detectors) = (folder(), Detectors::new());
    for (at, option) in ["-m", "-B", "-d", "-s", "-2", "-5"].into_iter().enumerate() {
        let create = if at == 0 { "-c" } else { "-D" };
        if at == 0 {
            run(folder.path(), "htpasswd", &["-b", create, option, ".htpasswd", "u0", "sesame0"]);
        } else {
            run(folder.path(), "htpasswd", &["-b", option, ".htpasswd", &format!("u{at}"), "sesame1"]);
        }
    }
    let bytes = read(folder.path(), ".htpasswd");
    assert_eq!(detectors.count("htpasswd-hash", "etc/nginx/.htpasswd", &bytes), 6);
    assert_eq!(detectors.count("htpasswd-hash", "etc/nginx/users", &bytes), 0);
}

#[test]
fn what_git_stores_is_found() {
    let (folder, detectors) = (folder(), Detectors::new());
    let git = |arguments: &[&str]| run(folder.path(), "git", arguments);
    git(&["init", "-q", "."]);
    let url = format!("https://bot:{}@git.team.io/acme/app.git", made("{{base62:24}}", 1));
    git(&["remote", "add", "origin", &url]);
    let config = read(folder.path(), ".git/config");
    assert_eq!(detectors.found("app/.git/config", &config), ["git-credentials-store high"]);
    git(&["remote", "set-url", "origin", "git@git.team.io:acme/app.git"]);
    assert!(detectors.found("app/.git/config", &read(folder.path(), ".git/config")).is_empty());
}

#[test]
fn a_cloud_command_lines_database_is_read_as_it_lies() {
    let (folder, detectors) = (folder(), Detectors::new());
    let refresh = made("1//0{{base64url:97}}", 1);
    let value = format!("{{\"type\": \"authorized_user\", \"refresh_token\": \"{refresh}\"}}");
    let sql = format!(
        "create table credentials (account_id text primary key, value blob); insert into credentials values ('dev@team.io', '{value}');"
    );
    run(folder.path(), "sqlite3", &["credentials.db", &sql]);
    let bytes = read(folder.path(), "credentials.db");
    let found = detectors.found("root/.config/gcloud/credentials.db", &bytes);
    assert_eq!(found, ["gcp-refresh-token critical"]);
}

#[test]
fn a_helpers_config_holds_nothing_and_an_inline_one_does() {
    let detectors = Detectors::new();
    let helper = br#"{"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "desktop"}"#;
    assert!(detectors.found("root/.docker/config.json", helper).is_empty());
    let inline = format!(
        r#"{{"auths": {{"r.team.io": {{"auth": "{}"}}}}}}"#,
        made("{{base64of:bot:{{base62:20}}}}", 1)
    );
    assert_eq!(detectors.found("root/.docker/config.json", inline.as_bytes()), ["docker-config-auth high"]);
}

#[test]
fn tests_of_netrc_readers_hold_no_password() {
    let detectors = Detectors::new();
    for text in [
        "machine host.domain.com login log password pass account acct\n",
        "machine foo.domain.com\nlogin bar\npassword pa#ss1\n",
        "default login anonymous password user@domain.com\n",
        "machine 10:20 login x password y\n",
        "the machine login and its password are asked for\n",
        "machine localhost login bot password 8sdf87sdf8\n",
        "machine ftp.freebsd.org login anonymous password bot@freebsd.org\n",
    ] {
        assert!(detectors.found("usr/lib/python3/test/test_netrc.py", text.as_bytes()).is_empty(), "{text}");
    }
    let real = format!("machine {}.team.io login bot password {}\n", "git", token(1));
    assert!(detectors.count("netrc-password", "root/.netrc", real.as_bytes()) == 1);
}

#[test]
fn an_escaped_json_string_holds_a_credential_as_well() {
    let detectors = Detectors::new();
    let auth = made("{{base64of:bot:{{base62:20}}}}", 1);
    let text = format!(r#"DOCKER_AUTH={{\"auths\":{{\"r.team.io\":{{\"auth\":\"{auth}\"}}}}}}"#);
    assert_eq!(detectors.found("app/.env", text.as_bytes()), ["docker-config-auth high"]);
}
