//! Chromium without a window, driven over WebDriver: started for one test, and ended with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// One browser at a time: two at once are slower than one after the other.
static ONE: Mutex<()> = Mutex::new(());

/// What identifies an element in the protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(super) const ESCAPE: &str = "\u{e00c}";
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const TAB: &str = "\u{e004}";

/// A browser with one page.
pub(super) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Its profile; gone when it has ended.
    _profile: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Browser {
    pub(super) fn start() -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs: Debian's package is chromium-driver");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(lines.read_line(&mut line).expect("it speaks") > 0, "chromedriver ended");
            let said =
                line.split_once("successfully on port ").map(|(_, port)| port.trim().trim_end_matches('.'));
            if let Some(port) = said.and_then(|port| port.parse().ok()) {
                break port;
            }
        };
        // What it says later must find a reader.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let mut browser = Self { driver, port, session: String::new(), _profile: profile, _one: one };
        let folder = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", &folder];
        let answer = browser.ask(
            "POST",
            "/session",
            &json!({ "capabilities": { "alwaysMatch": {
                "goog:chromeOptions": { "args": arguments },
                "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            } } }),
        );
        browser.session = format!("/session/{}", answer["sessionId"].as_str().expect("a session"));
        browser.window(1280, 900).medium("screen", "light");
        browser
    }

    /// Opens a file.
    pub(super) fn open(&self, page: &Path) -> &Self {
        self.open_at(page, "")
    }

    /// Opens a file at a fragment.
    pub(super) fn open_at(&self, page: &Path, fragment: &str) -> &Self {
        self.command("POST", "/url", &json!({ "url": format!("file://{}{fragment}", page.display()) }));
        self
    }

    /// What a function's body returns in the page.
    #[track_caller]
    pub(super) fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a function's body returns true in the page.
    #[track_caller]
    pub(super) fn wait_for(&self, script: &str) {
        for _ in 0..200 {
            if self.run(script) == true {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it never came true: {script}");
    }

    /// How many elements can be seen.
    #[track_caller]
    pub(super) fn visible(&self, selector: &str) -> u64 {
        let script = format!(
            "return [...document.querySelectorAll({})].filter((e) => e.checkVisibility({{visibilityProperty: true}})).length",
            json!(selector)
        );
        self.run(&script).as_u64().expect("a number")
    }

    /// The text of the first element, as a reader sees it.
    #[track_caller]
    pub(super) fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({}).innerText", json!(selector));
        self.run(&script).as_str().expect("a text").to_owned()
    }

    /// Clicks with the mouse on the first element.
    #[track_caller]
    pub(super) fn click(&self, selector: &str) -> &Self {
        let found = self.command("POST", "/element", &json!({ "using": "css selector", "value": selector }));
        let element = found[ELEMENT].as_str().expect("an element");
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
        self
    }

    /// Types keys at what has the focus.
    pub(super) fn type_keys(&self, keys: &str) -> &Self {
        let presses = |key: char| {
            let key = key.to_string();
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        };
        let actions: Vec<Value> = keys.chars().flat_map(presses).collect();
        self.command(
            "POST",
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }),
        );
        self
    }

    /// A command of the browser's own protocol.
    #[track_caller]
    pub(super) fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    pub(super) fn window(&self, width: u32, height: u32) -> &Self {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
        self
    }

    /// `light` or `dark`, on a `screen` or in `print`.
    pub(super) fn medium(&self, medium: &str, scheme: &str) -> &Self {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            // What moves cannot be clicked on.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": medium, "features": features }));
        self
    }

    /// The page as a PDF.
    pub(super) fn pdf(&self) -> Vec<u8> {
        let encoded = self.command("POST", "/print", &json!({ "background": true }));
        STANDARD.decode(encoded.as_str().expect("a text")).expect("base64")
    }

    /// Writes the page as a picture, of this height, where `KEYSEAM_HTML_PICTURES` names a folder.
    pub(super) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("KEYSEAM_HTML_PICTURES") else { return };
        let picture = self.command("GET", "/screenshot", &Value::Null);
        let bytes = STANDARD.decode(picture.as_str().expect("a text")).expect("base64");
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).expect("written");
    }

    /// What the page and the browser said of it: errors, and what the policy forbade.
    #[track_caller]
    pub(super) fn assert_quiet(&self) {
        let said = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        assert_eq!(said, json!([]), "the console");
    }

    /// Every address that was asked for since the last call, but for the page's own pictures.
    pub(super) fn requests(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({ "type": "performance" }));
        let mut addresses = Vec::new();
        for entry in log.as_array().expect("a log") {
            let message: Value =
                serde_json::from_str(entry["message"].as_str().expect("a message")).expect("JSON");
            let message = &message["message"];
            if message["method"] == "Network.requestWillBeSent" {
                addresses.push(message["params"]["request"]["url"].as_str().expect("an address").to_owned());
            }
        }
        addresses.retain(|address| !address.starts_with("data:"));
        addresses
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("{}{path}", self.session), body)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.exchange(method, path, body).expect("chromedriver answers");
        assert_eq!(status, 200, "{method} {path}: {}", answer["value"]["message"]);
        answer["value"].clone()
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> std::io::Result<(u16, Value)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        let body = if method == "POST" { body.to_string() } else { String::new() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut length = 0;
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes)?;
        Ok((status, serde_json::from_slice(&bytes)?))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser, and then itself is ended; a test that failed comes here too.
        if !self.session.is_empty() {
            let _ = self.exchange("DELETE", &self.session, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
