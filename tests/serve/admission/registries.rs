//! Which registries are asked, and what is said of images that cannot be had.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const WAIT: &str = "unknown = 'wait'\n";

/// Something at loopback that nobody is to connect to, at both addresses.
struct Trap {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Trap {
    fn set() -> Self {
        let connections = Arc::<AtomicUsize>::default();
        let count = |listener: TcpListener| {
            let connections = Arc::clone(&connections);
            std::thread::spawn(move || {
                for _ in listener.incoming() {
                    connections.fetch_add(1, Ordering::SeqCst);
                }
            });
        };
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = four.local_addr().expect("an address").port();
        count(four);
        // Where the machine has it.
        if let Ok(six) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
            count(six);
        }
        Self { port, connections }
    }

    fn names(&self) -> Vec<String> {
        let hosts = [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "0x7f000001",
            "2130706433",
            "127.1",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
        ];
        let mut names: Vec<String> = hosts.iter().map(|host| format!("{host}:{}", self.port)).collect();
        names.push("169.254.169.254".to_owned());
        names
    }
}

#[test]
fn what_is_not_public_is_never_connected_to() {
    let (scene, trap) = (Scene::new(), Trap::set());
    let digest = digest(&leaking());
    for (policy, admits) in [
        ("", true),
        ("unknown = 'deny'", false),
        (WAIT, true),
        ("unknown = 'wait'\nunknown-after-wait = 'deny'", false),
    ] {
        let server = scene.server(policy);
        for name in trap.names() {
            for image in [format!("{name}/team/app:1"), format!("{name}/team/app@{digest}")] {
                let response = scene.pod(&server, &image);
                // What is no name of an image is refused whatever is done with unknown ones.
                let is_name = !response.message().contains("no name of an image");
                assert_eq!(response.is_admitted(), admits && is_name, "{policy}: {image}: {response:?}");
            }
        }
        // The queue is through: whatever would have been asked was.
        server.wait_for(|_| metric(&server, "keyseam_queue") == 0);
        scene.pod(&server, &scene.clean());
        scene.pod(&server, &scene.leaking());
        server.wait_for(|logs| logs.iter().any(|line| line["message"] == "examined"));
        drop(server);
    }
    assert_eq!(trap.connections.load(Ordering::SeqCst), 0);
}

#[test]
fn other_registries_are_refused_or_not_looked_at() {
    let (scene, trap) = (Scene::new(), Trap::set());
    let other = format!("127.0.0.1:{}/team/app:1", trap.port);
    let server = scene.server_asking(WAIT, &[scene.registry.host()], "refuse");
    scene.pod(&server, &other).assert_refused("images may not come from this registry");
    scene.pod(&server, "busybox").assert_refused("images may not come from this registry");
    scene.pod(&server, &scene.clean()).assert_admitted();
    scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
    drop(server);
    let server = scene.server_asking(WAIT, &[scene.registry.host()], "admit");
    scene.pod(&server, &other).assert_warned("it was not looked at");
    scene.pod(&server, &scene.leaking()).assert_refused("holds a leaked key");
    assert_eq!(trap.connections.load(Ordering::SeqCst), 0);
}

/// Who may not see an image does not learn from the webhook whether it is there.
#[test]
fn missing_and_forbidden_images_are_told_alike() {
    let (open, closed) = (Scene::new(), Scene::with(&Mode::Htpasswd("reader", "a-password-of-a-test")));
    let hosts = [open.registry.host(), closed.registry.host()];
    for (policy, admits) in
        [("", true), ("unknown = 'deny'", false), ("unknown = 'wait'\nunknown-after-wait = 'deny'", false)]
    {
        let server = open.server_asking(policy, &hosts, "public");
        let say = |image: String| {
            // The second time, what failed is remembered.
            let responses = [(); 2].map(|()| {
                let response = open.pod(&server, &image);
                if policy != "unknown = 'wait'\nunknown-after-wait = 'deny'" {
                    server.wait_for(|_| metric(&server, "keyseam_queue") == 0);
                }
                response
            });
            assert_eq!(responses[0].is_admitted(), admits, "{responses:?}");
            responses.map(|response| format!("{:?}", response.0).replace(&image, "IMAGE"))
        };
        let missing = say(format!("{}/team/nothing:1", hosts[0]));
        assert_eq!(missing, say(format!("{}/team/clean:2", hosts[0])));
        assert_eq!(missing, say(format!("{}/team/leaking:1", hosts[1])), "there, but not ours to see");
        assert_eq!(missing, say(format!("{}/team/nothing:1", hosts[1])));
        let nowhere = format!("sha256:{}", "ab".repeat(32));
        let first = |said: [String; 2]| said[0].clone();
        let missing = first(say(format!("{}/team/clean@{nowhere}", hosts[0])));
        assert_eq!(missing, first(say(format!("{}/team/clean@sha256:{}", hosts[1], "cd".repeat(32)))));
        assert_eq!(missing, first(say(closed.leaking_by_digest())));
    }
}
